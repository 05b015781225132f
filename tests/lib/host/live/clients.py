# SPDX-License-Identifier: MIT
"""
clients.py - the protocols of the daemons, as a client at one address speaks them

Python's own clients, and OpenSSH's. Certificates are not verified: the machines have the ones their packages made.
What a ban does to a client is an answer, not an error: REFUSED.
"""

import base64
import contextlib
import http.client
import imaplib
import os
import smtplib
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
# No connection, or it went away, or another answer than a server has for a client
REFUSED = (OSError, EOFError, imaplib.IMAP4.error, smtplib.SMTPException, http.client.HTTPException)
TLS = ssl.create_default_context()
TLS.check_hostname = False
TLS.verify_mode = ssl.CERT_NONE


class Client:
    """source talks to target; one of each behaviour's arguments."""

    def __init__(self, source, target):
        self.target = target
        self.source = source

    @property
    def options(self):
        """Of Python's clients."""
        return {"timeout": TIMEOUT_S, "source_address": (self.source, 0)}

    def connect(self, port):
        return socket.create_connection((self.target, port), **self.options)

    def send_raw(self, port, data, wait=True):
        """What the server says to these bytes, to the end if it is waited for."""
        with self.connect(port) as sock:
            sock.sendall(data)
            if wait:
                drain(sock)
        return "open"


def drain(sock):
    """Read until the other side closes."""
    with contextlib.suppress(OSError):
        while sock.recv(4096):
            pass


class Talk:
    """One connection: behaviours.py says what each protocol can do."""

    port = None

    def login(self, user, password):
        return list(self.logins(user, [password]))[0]

    @classmethod
    def scan(cls, client):
        client.connect(cls.port).close()

    @classmethod
    def broken_tls(cls, client):
        client.send_raw(cls.port, NO_TLS)


class ImapAt(imaplib.IMAP4_SSL):
    """imaplib chooses the client's address itself."""

    def __init__(self, client, port):
        self.client = client
        super().__init__(client.target, port, ssl_context=TLS, timeout=TIMEOUT_S)

    def _create_socket(self, timeout):
        return TLS.wrap_socket(self.client.connect(self.port))


class Imap(Talk):
    port = 993

    def __init__(self, client):
        self.imap = ImapAt(client, self.port)

    def logins(self, user, passwords):
        for password in passwords:
            try:
                self.imap.login(user, password)
            except imaplib.IMAP4.abort:         # the connection is gone
                raise
            except imaplib.IMAP4.error:
                yield False
            else:
                yield True

    def probe(self):
        self.imap.noop()

    def quit(self):
        self.imap.logout()


class Smtp(Talk):
    """EHLO and AUTH PLAIN."""

    port = 25
    starts_tls = False
    tries, pause_s = 8, 5       # while the server says that it cannot tell (454)

    def __init__(self, client):
        self.smtp = smtplib.SMTP(client.target, self.port, "mail-1.client-a.example.org", **client.options)

    def command(self, text, wanted=None):
        code, answer = self.smtp.docmd(text)
        if code == 421 or wanted not in (None, code):
            raise smtplib.SMTPResponseException(code, answer)
        return code

    def hello(self):
        code, answer = self.smtp.ehlo()
        if code != 250:
            raise smtplib.SMTPResponseException(code, answer)

    def logins(self, user, passwords):
        self.hello()
        if self.starts_tls:
            self.smtp.starttls(context=TLS)
            self.hello()
        for password in passwords:
            is_in = self.authenticate(user, password) == 235
            if is_in:
                self.send_mail(user)
            yield is_in

    def authenticate(self, user, password):
        text = base64.b64encode(f"\0{user}\0{password}".encode()).decode()
        for _ in range(self.tries):
            code = self.command(f"AUTH PLAIN {text}")
            if code != 454:
                break
            time.sleep(self.pause_s)
        return code

    def send_mail(self, user):
        """Who logs in wants to send; a mail that is not finished will do."""
        self.command(f"MAIL FROM:<{user}@mail.example.net>", 250)
        self.command(f"RCPT TO:<{user}@mail.example.net>", 250)
        self.command("RSET", 250)

    def probe(self):
        self.hello()
        self.command("NOOP", 250)

    def quit(self):
        self.command("QUIT")
        self.smtp.close()

    @classmethod
    def broken_tls(cls, client):
        """STARTTLS, and then no TLS."""
        connection = cls(client)
        connection.hello()
        connection.command("STARTTLS", 220)
        connection.smtp.sock.sendall(NO_TLS)
        connection.wait_for_the_end()
        connection.smtp.close()

    def wait_for_the_end(self):
        drain(self.smtp.sock)


class Submission(Smtp):
    port = 587
    starts_tls = True


class EximSubmission(Submission):
    """Exim logs who has logged in with the mail, and would wait for TLS for a minute."""

    after_sender = ""

    def send_mail(self, user):
        self.command(f"MAIL FROM:<{USER}@mail.example.org>{self.after_sender}", 250)
        self.command(f"RCPT TO:<{USER}@mail.example.org>", 250)
        code, answer = self.smtp.data("Subject: hello\r\n\r\nhello\r\n")
        if code != 250:
            raise smtplib.SMTPResponseException(code, answer)

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
    has_tried = False
    sock = None

    def __init__(self, client):
        self.client = client

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
            raise ConnectionError("no answer")

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
        self.sock = self.client.connect(self.port)
        if not self.sock.makefile("rb").readline().startswith(b"SSH-2.0-"):
            raise ConnectionError("no banner")

    def probe(self):
        """As monitors do: both say who they are, and that is all."""
        self.banner()
        self.sock.sendall(b"SSH-2.0-check_1.0\r\n")

    def quit(self):
        """The client of a login has quit already. Else SSH has no word for it: the banner was looked at."""
        if self.has_tried:
            return
        if self.sock is None:
            self.banner()
        self.sock.close()

    @classmethod
    def broken_tls(cls, client):
        """A client that takes it for a TLS port."""
        connection = cls(client)
        connection.banner()
        connection.sock.sendall(NO_TLS + b"\r\n")
        drain(connection.sock)
        connection.sock.close()


class Web(Talk):
    port = 443

    def __init__(self, client):
        self.http = http.client.HTTPSConnection(client.target, self.port, context=TLS, **client.options)
        self.http.connect()
        self.http.auto_open = False         # when it is closed, it stays closed

    def get(self, path, **headers):
        """The status of the answer."""
        self.http.request("GET", path, headers={"Host": "mail.example.org", **headers})
        answer = self.http.getresponse()
        answer.read()
        return answer.status

    def logins(self, user, passwords):
        for password in passwords:
            given = base64.b64encode(f"{user}:{password}".encode()).decode()
            status = self.get("/private/", Authorization=f"Basic {given}")
            if status not in (200, 401):
                raise http.client.HTTPException(f"status {status}")
            yield status == 200

    def probe(self):
        if self.get("/") != 200:
            raise http.client.HTTPException("no page")

    def quit(self):
        self.http.close()

    @classmethod
    def broken_tls(cls, client):
        client.send_raw(cls.port, HELLO[:20], wait=False)
