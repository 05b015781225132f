# SPDX-License-Identifier: MIT
"""
abuseipdb_http.py - connections: HTTP/1.1 with keep-alive, one thread each

Reads requests, asks the service, and delivers the answer the way it is
marked: see "sent" in tests/data/faults.tsv. TLS handshakes happen in the
connection's own thread, so that a slow client does not delay the others.

Source: RFC 9112 (HTTP/1.1) for framing.
"""

import http.client
import http.server
import os
import select
import socket
import socketserver
import ssl
import struct
import sys
import traceback
import urllib.parse

from abuseipdb_message import Answer, Request, decode_form, page

IDLE_S = 75
HANDSHAKE_S = 10
EXPECTED = (ConnectionError, TimeoutError, ssl.SSLError)


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 512

    def __init__(self, address, service, tls=None):
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        self.service = service
        self.stopping = False
        super().__init__(address, Handler)
        self.tls = tls
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_side=True,
                                          do_handshake_on_connect=False)
        scheme = "https" if tls else "http"
        service.own_url = (f"{scheme}://localhost:{self.server_address[1]}"
                           "/_test/redirected")

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], EXPECTED):
            traceback.print_exc()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = IDLE_S

    def setup(self):
        if self.server.tls:
            self.request.settimeout(HANDSHAKE_S)
            self.request.do_handshake()
        self.is_new = True
        self.flying = False
        super().setup()

    def log_message(self, *_):
        pass

    def do_any(self):
        """One request, from the parsed head to the delivered answer."""
        path, _, query = self.path.partition("?")
        request = Request(self.command, urllib.parse.unquote(path), decode_form(query), self.headers, b"")
        service = self.server.service
        is_control = request.path.startswith("/_test/")
        order = None if is_control else service.take_fault(request.endpoint)
        if not order or order["fault"] != "reset_before":
            length = self.headers.get("Content-Length", "0").strip()
            if "Transfer-Encoding" in self.headers or not length.isdigit():
                self.close_connection = True
                self.deliver(Answer(411, page("Length Required"), "length"))
                return
            request.body = self.rfile.read(int(length))
            if len(request.body) < int(length):
                raise ConnectionError("body cut short")
        if is_control:
            self.deliver(service.control(request))
        else:
            self.serve(request, order)

    def serve(self, request, order):
        service = self.server.service
        service.begin(self.is_new)
        self.is_new = False
        self.flying = True
        try:
            self.deliver(service.answer(request, order))
        finally:
            self.land()

    def land(self):
        """Before an answer is sent, or the client's next comes too early."""
        if self.flying:
            self.flying = False
            self.server.service.end()

    do_GET = do_POST = do_PUT = do_DELETE = do_any

    # -- delivering

    def deliver(self, answer):
        if answer.sent not in ("-", "late", "slow"):
            self.close_connection = True
        if answer.sent == "reset":
            self.reset()
        elif answer.sent == "hang":
            self.wait_for_end(None)
        elif answer.sent == "slow":
            self.write_slowly(answer, answer.given.get("bytes_per_s", 10))
        elif answer.sent == "late" and self.wait_for_end(answer.given.get("delay_s", 1)):
            self.close_connection = True
        elif answer.sent != "close":
            message = self.head(answer) + answer.body
            self.land()
            self.wfile.write(message)

    def head(self, answer):
        framing = {"no_length": "X-Framing: until the connection ends",
                   "wrong_length": f"Content-Length: {len(answer.body) + 100}",
                   "bad_chunk": "Transfer-Encoding: chunked\r\n\r\nzz"}
        phrase = http.client.responses.get(answer.status, "Web Server Is Down")
        lines = [f"HTTP/1.1 {answer.status} {phrase}", "Date: " + self.date_time_string(),
                 "Server: cloudflare", "CF-Cache-Status: DYNAMIC"]
        lines += [f"{name}: {value}" for name, value in answer.headers.items()]
        lines += ["Connection: close"] * self.close_connection
        lines.append(framing.get(answer.sent, f"Content-Length: {len(answer.body)}"))
        # the chunk's size line ends where its body begins
        end = "\r\n" if answer.sent == "bad_chunk" else "\r\n\r\n"
        return ("\r\n".join(lines) + end).encode("latin-1")

    def write_slowly(self, answer, pace):
        self.wfile.write(self.head(answer))
        step = max(1, pace // 10)
        for at in range(0, len(answer.body), step):
            self.wfile.write(answer.body[at:at + step])
            if self.wait_for_end(step / pace):
                self.close_connection = True
                return

    def reset(self):
        """Linger of 0 s makes close() send RST; see socket(7)."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                   struct.pack("ii", 1, 0))
        os.close(self.connection.detach())

    def wait_for_end(self, seconds):
        """True when the client has gone or the server stops; reads nothing. None: until then."""
        poll = select.poll()
        poll.register(self.connection, select.POLLRDHUP)
        while not poll.poll(1000 if seconds is None else seconds * 1000):
            if seconds is not None or self.server.stopping:
                return self.server.stopping
        return True
