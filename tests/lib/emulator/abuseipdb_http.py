# SPDX-License-Identifier: MIT
"""
abuseipdb_http.py - connections: HTTP/1.1 with keep-alive, one thread each

Reads requests, asks the service, and delivers the answer the way it is
marked: normal, late, slow, hang, reset (RST), close (FIN), no_length,
wrong_length, bad_chunk. TLS handshakes happen in the connection's own
thread, so that a slow client does not delay the others.

Source: RFC 9112 (HTTP/1.1) for framing.
"""

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

import abuseipdb_control as control
from abuseipdb_message import Request, decode_form, html_answer

MAX_BODY = 16 * 1024 * 1024
HANDSHAKE_S = 10
PHRASES = {521: "Web Server Is Down"}
EXPECTED = (ConnectionError, TimeoutError, ssl.SSLError, BrokenPipeError)


class BadBody(Exception):
    """The request's body cannot be read; its status is the argument."""


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 512

    def __init__(self, address, service, idle_s, tls=None):
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        self.service = service
        self.idle_s = idle_s
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
        error = sys.exc_info()[1]
        if not isinstance(error, EXPECTED):
            traceback.print_exc()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self):
        self.timeout = self.server.idle_s
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
        request = self.read_head()
        service = self.server.service
        internal = request.path.startswith("/_test/")
        order = None if internal else service.take_fault(request.endpoint)
        if not order or order["fault"] != "reset_before":
            try:
                request.body = self.read_body()
            except BadBody as error:
                self.close_connection = True
                self.deliver(html_answer(int(str(error)), "Bad request",
                                         "bad_body"))
                return
        if internal:
            self.deliver(control.handle(service, request))
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

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_any
    do_PATCH = do_OPTIONS = do_any

    # -- reading ------------------------------------------------------------

    def read_head(self):
        path, _, query = self.path.partition("?")
        return Request(self.command, urllib.parse.unquote(path),
                       decode_form(query), self.headers, b"")

    def read_body(self):
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            return self.read_chunks()
        text = self.headers.get("Content-Length", "0").strip()
        if not text.isdigit():
            raise BadBody(400)
        if int(text) > MAX_BODY:
            raise BadBody(413)
        return self.read_exactly(int(text))

    def read_exactly(self, size):
        body = self.rfile.read(size)
        if len(body) < size:
            raise ConnectionError("body cut short")
        return body

    def read_chunks(self):
        body = b""
        while True:
            try:
                size = int(self.rfile.readline(100).split(b";")[0], 16)
            except ValueError:
                raise BadBody(400) from None
            if len(body) + size > MAX_BODY:
                raise BadBody(413)
            if size == 0:
                break
            body += self.read_exactly(size)
            self.rfile.readline(100)
        while self.rfile.readline(1000) not in (b"\r\n", b"\n", b""):
            pass
        return body

    # -- delivering ---------------------------------------------------------

    def deliver(self, answer):
        getattr(self, "deliver_" + answer.delivery)(answer)

    def head(self, answer, framing):
        phrase = PHRASES.get(answer.status) or http.HTTPStatus(
            answer.status).phrase
        lines = [f"HTTP/1.1 {answer.status} {phrase}",
                 "Date: " + self.date_time_string()]
        headers = {"Server": "cloudflare", "CF-Cache-Status": "DYNAMIC"}
        headers.update(answer.headers)
        lines += [f"{name}: {value}" for name, value in headers.items()]
        lines.append(framing)
        if self.close_connection:
            lines.append("Connection: close")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    def deliver_normal(self, answer):
        head = self.head(answer, f"Content-Length: {len(answer.body)}")
        body = b"" if self.command == "HEAD" else answer.body
        self.land()
        self.wfile.write(head + body)

    def deliver_late(self, answer):
        if self.wait_for_end(answer.late_s):
            self.close_connection = True
        else:
            self.deliver_normal(answer)

    def deliver_slow(self, answer):
        self.wfile.write(self.head(answer,
                                   f"Content-Length: {len(answer.body)}"))
        step = max(1, answer.pace // 10)
        for at in range(0, len(answer.body), step):
            self.wfile.write(answer.body[at:at + step])
            if self.wait_for_end(step / answer.pace):
                self.close_connection = True
                return

    def deliver_no_length(self, answer):
        self.close_connection = True
        head = self.head(answer, "X-Framing: until the connection ends")
        self.wfile.write(head + answer.body)

    def deliver_wrong_length(self, answer):
        self.close_connection = True
        length = len(answer.body) + 100
        self.wfile.write(self.head(answer, f"Content-Length: {length}")
                         + answer.body)

    def deliver_bad_chunk(self, answer):
        self.close_connection = True
        self.wfile.write(self.head(answer, "Transfer-Encoding: chunked")
                         + b"zz\r\n" + answer.body + b"\r\n0\r\n\r\n")

    def deliver_close(self, answer):
        self.close_connection = True

    def deliver_hang(self, answer):
        self.close_connection = True
        while not self.wait_for_end(1):
            pass

    def deliver_reset(self, answer):
        """Linger of 0 s makes close() send RST; see socket(7)."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                   struct.pack("ii", 1, 0))
        os.close(self.connection.detach())

    def wait_for_end(self, seconds):
        """True when the client has gone or the server stops; reads nothing."""
        poll = select.poll()
        poll.register(self.connection, select.POLLRDHUP)
        return bool(poll.poll(seconds * 1000)) or self.server.stopping
