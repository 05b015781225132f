# SPDX-License-Identifier: MIT
"""listener.py - a port that keeps every byte it was sent; as a proxy it lets CONNECT through"""
import select
import socket
import threading


class Listener:
    """reply: what is answered to the first bytes; None: nothing. Closed after that."""

    def __init__(self, reply=None):
        self.reply, self.heard = reply, []         # heard: one bytes object for each connection
        self.socket = socket.create_server(('127.0.0.1', 0))
        self.port = self.socket.getsockname()[1]
        self.url = f'http://127.0.0.1:{self.port}'
        threading.Thread(target=self.run, daemon=True).start()

    def close(self):
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()

    def run(self):
        while True:
            try:
                conn, _ = self.socket.accept()
            except OSError:
                return
            conn.settimeout(10)
            self.heard.append(b'')
            threading.Thread(target=self.serve_one, args=(conn, len(self.heard) - 1), daemon=True).start()

    def hear(self, conn, row):
        data = conn.recv(65536)
        self.heard[row] += data
        return data

    def serve_one(self, conn, row):
        with conn:
            try:
                self.serve(conn, row)
            except OSError:
                pass

    def serve(self, conn, row):
        while b'\r\n\r\n' not in self.heard[row]:
            if not self.hear(conn, row):
                return
        if self.reply:
            conn.sendall(self.reply)


class Proxy(Listener):
    """Tunnels to where CONNECT says; to: whatever it says, to this port of 127.0.0.1."""

    def __init__(self, to=None):
        self.to = to
        super().__init__()

    def serve(self, conn, row):
        super().serve(conn, row)
        target = self.heard[row].split()[1].decode().rsplit(':', 1)
        with socket.create_connection(('127.0.0.1', self.to or int(target[1]))) as server:
            conn.sendall(b'HTTP/1.1 200 Connection established\r\n\r\n')
            while True:
                for one in select.select([conn, server], [], [], 10)[0] or [None]:
                    data = one and (self.hear(conn, row) if one is conn else one.recv(65536))
                    if not data:
                        return
                    (server if one is conn else conn).sendall(data)
