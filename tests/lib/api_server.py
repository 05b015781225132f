# SPDX-License-Identifier: MIT
"""api_server.py - an HTTP server or proxy on loopback that answers any bytes, and keeps what it was sent

    with Api(lambda request: api_server.answer(422, '{"errors": []}')) as api:
        ... api.url, api.requests
"""
import http.client
import http.server
import select
import socket
import threading


def answer(status, body='', *headers, phrase=None):
    body = body if isinstance(body, bytes) else body.encode()
    lines = [f'HTTP/1.1 {status} {phrase or http.client.responses.get(status)}', *headers,
             f'Content-Length: {len(body)}', 'Connection: close', '', '']
    return '\r\n'.join(lines).encode() + body


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def setup(self):
        if self.server.tls:
            self.request.settimeout(10)
            self.request = self.server.tls.wrap_socket(self.request, server_side=True)
        super().setup()

    def finish(self):
        super().finish()
        self.request.close()               # the one that wrap_socket() made

    def log_message(self, *_):
        pass

    def do_any(self):
        self.body = self.rfile.read(int(self.headers.get('Content-Length') or 0))
        self.server.requests.append(self)
        self.close_connection = True
        self.wfile.write(self.server.script(self))

    do_GET = do_POST = do_DELETE = do_CONNECT = do_any

    def sent(self):
        """All bytes of the request, and of what came through a tunnel."""
        return f'{self.requestline}\r\n{self.headers}'.encode() + self.body


class Api(http.server.ThreadingHTTPServer):
    """script: from a request (command, path, headers, body) to the bytes of an answer."""

    daemon_threads, block_on_close = True, False

    def __init__(self, script, tls=None):
        self.script, self.tls, self.requests, self.connections = script, tls, [], 0
        super().__init__(('127.0.0.1', 0), Handler)
        self.port = self.server_address[1]
        self.top = f'{"https" if tls else "http"}://127.0.0.1:{self.port}'
        self.url = self.top + '/api/v2'
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    def get_request(self):
        got = super().get_request()
        self.connections += 1
        return got

    def handle_error(self, *_):
        pass                               # clients that break off are what is tested

    def close(self):
        self.shutdown()
        self.server_close()

    def __exit__(self, *_):
        self.close()


class Proxy(Api):
    """Tunnels to where CONNECT says; to: whatever it says, to this port of 127.0.0.1."""

    def __init__(self, to=None):
        self.to = to
        super().__init__(self.tunnel)

    def tunnel(self, request):
        client, port = request.connection, self.to or int(request.path.rpartition(':')[2])
        with socket.create_connection(('127.0.0.1', port)) as server:
            client.sendall(b'HTTP/1.1 200 Connection established\r\n\r\n')
            while True:
                for one in select.select([client, server], [], [], 10)[0] or [None]:
                    data = one and one.recv(65536)
                    if not data:
                        return b''
                    if one is client:
                        request.body += data
                    (server if one is client else client).sendall(data)
