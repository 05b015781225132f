# SPDX-License-Identifier: MIT
"""api_server.py - an HTTP server on loopback that answers any bytes, and keeps what it was sent

    with Api(lambda request: api_server.answer(422, '{"errors": []}')) as api:
        ... api.url, api.requests
"""
import http.server
import threading

PHRASES = {200: 'OK', 302: 'Found', 401: 'Unauthorized', 403: 'Forbidden', 422: 'Unprocessable Content',
           429: 'Too Many Requests', 500: 'Internal Server Error'}


def answer(status, body='', *headers, phrase=None):
    body = body if isinstance(body, bytes) else body.encode()
    lines = [f'HTTP/1.1 {status} {phrase or PHRASES.get(status, "Status")}', *headers,
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


class Api(http.server.ThreadingHTTPServer):
    """script: from a request (command, path, headers, body) to the bytes of an answer."""

    daemon_threads, block_on_close = True, False

    def __init__(self, script, tls=None):
        self.script, self.tls, self.requests, self.connections = script, tls, [], 0
        super().__init__(('127.0.0.1', 0), Handler)
        self.url = f'{"https" if tls else "http"}://127.0.0.1:{self.server_address[1]}/api/v2'
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
