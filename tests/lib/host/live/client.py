# SPDX-License-Identifier: MIT
"""
client.py - one client's address and the machine it talks to; lines over TCP

Certificates are not verified: the machines have the ones their packages made.
What a ban does to a client is an answer, not an error: Refused.
"""

import socket
import ssl

TIMEOUT_S = 75      # sendmail lets guessers wait 34 s


class Refused(Exception):
    """No connection, or it went away."""


class Client:
    """source talks to target; one of each behaviour's arguments."""

    def __init__(self, source, target):
        self.source = source
        self.target = target

    def connect(self, port, tls=False):
        try:
            raw = socket.create_connection((self.target, port), TIMEOUT_S,
                                           source_address=(self.source, 0))
            return Lines(wrap(raw) if tls else raw)
        except OSError as error:
            raise Refused(f"{port}: {error}") from error


def wrap(raw):
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(raw)


class Lines:
    """A connection on which both sides write lines."""

    def __init__(self, sock):
        self.sock = sock
        self.file = sock.makefile("rb")

    def send(self, line):
        self.send_raw(line.encode() + b"\r\n")

    def send_raw(self, data):
        try:
            self.sock.sendall(data)
        except OSError as error:
            raise Refused(str(error)) from error

    def line(self):
        try:
            line = self.file.readline()
        except OSError as error:
            raise Refused(str(error)) from error
        if not line:
            raise Refused("closed")
        return line.decode(errors="replace").rstrip()

    def skip(self, length):
        try:
            self.file.read(length)
        except OSError as error:
            raise Refused(str(error)) from error

    def start_tls(self):
        try:
            self.sock = wrap(self.sock)
        except OSError as error:
            raise Refused(str(error)) from error
        self.file = self.sock.makefile("rb")

    def drain(self):
        """Read until the other side closes."""
        try:
            while self.file.read(4096):
                pass
        except OSError:
            pass

    def close(self):
        self.file.close()
        self.sock.close()
