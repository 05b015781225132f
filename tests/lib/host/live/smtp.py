# SPDX-License-Identifier: MIT
"""smtp.py - the protocol of mail servers: EHLO, STARTTLS, AUTH PLAIN"""

import base64
import time

from host.live.client import Refused

NAME = "mail-1.client-a.example.org"
# while the server says that it cannot tell (454)
TRIES = 8
PAUSE_S = 5


class Smtp:
    """One connection; a daemon's own class sets port and uses_tls."""

    port = 25
    uses_tls = False

    def __init__(self, client):
        self.lines = client.connect(self.port)
        self.answer("220")

    def answer(self, wanted=""):
        """The code of an answer, which may have several lines."""
        while True:
            line = self.lines.line()
            if line[3:4] != "-":
                break
        if not line.startswith(wanted) or line.startswith("421"):
            raise Refused(line)
        return line[:3]

    def command(self, text, wanted=""):
        self.lines.send(text)
        return self.answer(wanted)

    def hello(self):
        self.command(f"EHLO {NAME}", "250")

    def login(self, user, password):
        return list(self.logins(user, [password]))[0]

    def logins(self, user, passwords):
        self.hello()
        if self.uses_tls:
            self.command("STARTTLS", "220")
            self.lines.start_tls()
            self.hello()
        for password in passwords:
            is_in = self.authenticate(user, password) == "235"
            if is_in:
                self.begin_mail(user)
            yield is_in

    def authenticate(self, user, password):
        text = base64.b64encode(f"\0{user}\0{password}".encode()).decode()
        for _ in range(TRIES):
            code = self.command(f"AUTH PLAIN {text}")
            if code != "454":
                break
            time.sleep(PAUSE_S)
        return code

    def begin_mail(self, user):
        """Who logs in wants to send; a mail that is not finished will do."""
        self.command(f"MAIL FROM:<{user}@mail.example.net>", "250")
        self.command(f"RCPT TO:<{user}@mail.example.net>", "250")
        self.command("RSET", "250")

    def probe(self):
        self.hello()
        self.command("NOOP", "250")

    def quit(self):
        self.command("QUIT")
        self.lines.close()

    @classmethod
    def scan(cls, client):
        client.connect(cls.port).close()

    @classmethod
    def broken_tls(cls, client):
        """STARTTLS, and then no TLS."""
        connection = cls(client)
        connection.hello()
        connection.command("STARTTLS", "220")
        connection.lines.send_raw(b"\x16\x03\x01\x00\x05hello")
        connection.lines.drain()
        connection.lines.close()
