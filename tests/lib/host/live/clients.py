# SPDX-License-Identifier: MIT
"""
clients.py - the protocols of the daemons, as a client at one address speaks them

Certificates are not verified: the machines have the ones their packages made. What a ban does to a client is an answer,
not an error: Refused.
"""

import base64
import os
import socket
import ssl
import subprocess
import tempfile
import time

TIMEOUT_S = 75      # sendmail lets guessers wait 34 s
USER, PASSWORD = "alice", "correct horse"       # has an account on every machine
OLD_PASSWORD = "battery staple"
NO_TLS = b"\x16\x03\x01\x00\x05hello"
HELLO = (b"\x16\x03\x01\x00\x2f\x01\x00\x00\x2b\x03\x03" + bytes(range(65, 97)) +
         b"\x00\x00\x04\xc0\x2f\xc0\x30\x01\x00")


class Refused(Exception):
    """No connection, or it went away."""


class Client:
    """source talks to target; one of each behaviour's arguments."""

    def __init__(self, source, target):
        self.source = source
        self.target = target

    def connect(self, port, tls=False):
        try:
            raw = socket.create_connection((self.target, port), TIMEOUT_S, source_address=(self.source, 0))
            return Lines(wrap(raw) if tls else raw)
        except OSError as error:
            raise Refused(f"{port}: {error}") from error

    def send_raw(self, port, data, wait=True):
        """What the server says to these bytes, to the end if it is waited for."""
        lines = self.connect(port)
        lines.send_raw(data)
        if wait:
            lines.drain()
        lines.close()
        return "open"


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

    def tried(self, call, *args):
        try:
            return call(*args)
        except OSError as error:
            raise Refused(str(error)) from error

    def send(self, line):
        self.send_raw(line.encode() + b"\r\n")

    def send_raw(self, data):
        self.tried(self.sock.sendall, data)

    def line(self):
        line = self.tried(self.file.readline)
        if not line:
            raise Refused("closed")
        return line.decode(errors="replace").rstrip()

    def skip(self, length):
        self.tried(self.file.read, length)

    def start_tls(self):
        self.sock = self.tried(wrap, self.sock)
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


class Talk:
    """One connection: behaviours.py says what each protocol can do."""

    port = None
    is_tls = False          # from the beginning

    def __init__(self, client):
        self.lines = client.connect(self.port, self.is_tls)
        self.begin()

    def begin(self):
        """What the server says first."""

    def login(self, user, password):
        return list(self.logins(user, [password]))[0]

    def quit(self):
        self.lines.close()

    @classmethod
    def scan(cls, client):
        client.connect(cls.port).close()

    @classmethod
    def broken_tls(cls, client):
        client.send_raw(cls.port, NO_TLS)


class Imap(Talk):
    port = 993
    is_tls = True
    number = 0

    def begin(self):
        line = self.lines.line()
        if not line.startswith("* OK"):
            raise Refused(line)

    def command(self, text):
        """The status word of the tagged answer."""
        self.number += 1
        self.lines.send(f"a{self.number} {text}")
        while True:
            words = self.lines.line().split()
            if words[0] == f"a{self.number}":
                return words[1]

    def logins(self, user, passwords):
        return (self.command(f'LOGIN {user} "{password}"') == "OK" for password in passwords)

    def probe(self):
        self.command("NOOP")

    def quit(self):
        self.command("LOGOUT")
        super().quit()


class Smtp(Talk):
    """EHLO and AUTH PLAIN."""

    port = 25
    starts_tls = False
    tries, pause_s = 8, 5       # while the server says that it cannot tell (454)

    def begin(self):
        self.answer("220")

    def answer(self, wanted=""):
        """The code of an answer, which may have several lines."""
        while (line := self.lines.line())[3:4] == "-":
            pass
        if not line.startswith(wanted) or line.startswith("421"):
            raise Refused(line)
        return line[:3]

    def command(self, text, wanted=""):
        self.lines.send(text)
        return self.answer(wanted)

    def hello(self):
        self.command("EHLO mail-1.client-a.example.org", "250")

    def logins(self, user, passwords):
        self.hello()
        if self.starts_tls:
            self.command("STARTTLS", "220")
            self.lines.start_tls()
            self.hello()
        for password in passwords:
            is_in = self.authenticate(user, password) == "235"
            if is_in:
                self.send_mail(user)
            yield is_in

    def authenticate(self, user, password):
        text = base64.b64encode(f"\0{user}\0{password}".encode()).decode()
        for _ in range(self.tries):
            code = self.command(f"AUTH PLAIN {text}")
            if code != "454":
                break
            time.sleep(self.pause_s)
        return code

    def send_mail(self, user):
        """Who logs in wants to send; a mail that is not finished will do."""
        self.command(f"MAIL FROM:<{user}@mail.example.net>", "250")
        self.command(f"RCPT TO:<{user}@mail.example.net>", "250")
        self.command("RSET", "250")

    def probe(self):
        self.hello()
        self.command("NOOP", "250")

    def quit(self):
        self.command("QUIT")
        super().quit()

    @classmethod
    def broken_tls(cls, client):
        """STARTTLS, and then no TLS."""
        connection = cls(client)
        connection.hello()
        connection.command("STARTTLS", "220")
        connection.lines.send_raw(NO_TLS)
        connection.wait_for_the_end()
        connection.lines.close()

    def wait_for_the_end(self):
        self.lines.drain()


class Submission(Smtp):
    port = 587
    starts_tls = True


class EximSubmission(Submission):
    """Exim logs who has logged in with the mail, and would wait for TLS for a minute."""

    after_sender = ""

    def send_mail(self, user):
        for text, code in ((f"MAIL FROM:<{USER}@mail.example.org>{self.after_sender}", "250"),
                           (f"RCPT TO:<{USER}@mail.example.org>", "250"), ("DATA", "354"),
                           ("Subject: hello\r\n\r\nhello\r\n.", "250")):
            self.command(text, code)

    def wait_for_the_end(self):
        """It does not wait."""


class SyslogSubmission(EximSubmission):
    port = 5871


class WordySubmission(EximSubmission):
    port = 5872
    after_sender = " SMTPUTF8"


# Each password is asked for once: the next line of $PASSWORDS. $ASKED shows how often.
ASKPASS = """\
#!/bin/sh
echo >> "$ASKED"
sed -n "$(wc -l < "$ASKED")p" "$PASSWORDS"
"""
OPTIONS = ("StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "GlobalKnownHostsFile=/dev/null",
           "PubkeyAuthentication=no", "PreferredAuthentications=password", "LogLevel=ERROR",
           f"ConnectTimeout={TIMEOUT_S}")


class Ssh(Talk):
    """OpenSSH's own client, for a login; for anything else the connection begins when it is needed."""

    port = 22

    def __init__(self, client):
        self.client = client
        self.lines = None
        self.has_tried = False

    def logins(self, user, passwords):
        """Until the server has enough."""
        with tempfile.TemporaryDirectory() as directory:
            passwords = list(passwords)
            self.has_tried = True
            status = self.run(user, passwords, directory)
            with open(f"{directory}/asked", encoding="ascii") as file:
                asked = len(file.read())
        if status is None:      # the last one had no answer
            asked -= 1
        for number in range(asked):
            yield status == 0 and number == asked - 1
        if status is None or not asked:
            raise Refused("no answer")

    def run(self, user, passwords, directory):
        """Its status; None if it did not end: a ban leaves it waiting on a dead connection."""
        for name, text in (("askpass", ASKPASS), ("passwords", "".join(f"{one}\n" for one in passwords)), ("asked", "")):
            with open(f"{directory}/{name}", "w", encoding="ascii") as file:
                file.write(text)
        os.chmod(f"{directory}/askpass", 0o700)
        options = [word for option in (*OPTIONS, f"NumberOfPasswordPrompts={len(passwords)}") for word in ("-o", option)]
        argv = ["ssh", "-F", "none", *options, "-b", self.client.source, f"{user}@{self.client.target}", "true"]
        more = {"SSH_ASKPASS": f"{directory}/askpass", "SSH_ASKPASS_REQUIRE": "force",
                "ASKED": f"{directory}/asked", "PASSWORDS": f"{directory}/passwords"}
        try:
            return subprocess.run(argv, env={**os.environ, **more}, timeout=TIMEOUT_S, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode
        except subprocess.TimeoutExpired:
            return None

    def banner(self):
        self.lines = self.client.connect(self.port)
        if not self.lines.line().startswith("SSH-2.0-"):
            raise Refused("no banner")

    def probe(self):
        """As monitors do: both say who they are, and that is all."""
        self.banner()
        self.lines.send("SSH-2.0-check_1.0")

    def quit(self):
        """The client of a login has quit already. Else SSH has no word for it: the banner was looked at."""
        if self.has_tried:
            return
        if self.lines is None:
            self.banner()
        super().quit()

    @classmethod
    def broken_tls(cls, client):
        """A client that takes it for a TLS port."""
        lines = client.connect(cls.port)
        lines.line()
        lines.send_raw(NO_TLS + b"\r\n")
        lines.drain()
        lines.close()


class Web(Talk):
    port = 443
    is_tls = True

    def get(self, path, authorization=None):
        """The status of the answer."""
        for line in (f"GET {path} HTTP/1.1", "Host: mail.example.org",
                     *([f"Authorization: Basic {authorization}"] if authorization else []), ""):
            self.lines.send(line)
        status, length = int(self.lines.line().split()[1]), 0
        while line := self.lines.line():
            name, _, value = line.partition(": ")
            if name.lower() == "content-length":
                length = int(value)
        self.lines.skip(length)
        return status

    def logins(self, user, passwords):
        for password in passwords:
            status = self.get("/private/", base64.b64encode(f"{user}:{password}".encode()).decode())
            if status not in (200, 401):
                raise Refused(f"status {status}")
            yield status == 200

    def probe(self):
        if self.get("/") != 200:
            raise Refused("no page")

    @classmethod
    def broken_tls(cls, client):
        client.send_raw(cls.port, HELLO[:20], wait=False)
