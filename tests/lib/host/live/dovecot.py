# SPDX-License-Identifier: MIT
"""
dovecot.py - Dovecot IMAP and POP3 as Debian configures them, with PAM

The attackers use IMAP over TLS; the login that succeeds and the probe show
POP3 as well. Dovecot delays answers to an address that failed before (up to 15 s
each, "anvil"): switched off, as for a webmail host, so that the test ends.
"""

import dataclasses

from host.live import users
from host.live.client import Refused
from host.live.daemon import MINUTES_10, Daemon, fates, steps

SETUP = users.SETUP + """\
cat > /etc/dovecot/local.conf <<'END'
listen = {address}
service anvil {
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
END
"""


class Imap:
    """One connection to port 993."""

    port = 993

    def __init__(self, client):
        self.lines = client.connect(self.port, tls=True)
        self.expect("* OK")
        self.number = 0

    def expect(self, begin):
        line = self.lines.line()
        if not line.startswith(begin):
            raise Refused(line)

    def command(self, text):
        """The status word of the tagged answer."""
        self.number += 1
        self.lines.send(f"a{self.number} {text}")
        while True:
            words = self.lines.line().split()
            if words[0] == f"a{self.number}":
                return words[1]

    def login(self, user, password):
        return self.command(f'LOGIN {user} "{password}"') == "OK"

    def logins(self, user, passwords):
        return (self.login(user, password) for password in passwords)

    def probe(self):
        self.command("NOOP")

    def quit(self):
        self.command("LOGOUT")
        self.lines.close()

    @classmethod
    def scan(cls, client):
        client.connect(cls.port).close()

    @classmethod
    def broken_tls(cls, client):
        lines = client.connect(cls.port)
        lines.send_raw(b"\x16\x03\x01\x00\x05hello")
        lines.drain()
        lines.close()


FATES = fates("dovecot", each_password=False)
# fail2ban 1.1.0 does not know how Dovecot 2.4 words a failed login: its own
# filter sees only PAM's line, which is not in this log.
UNSEEN = {**FATES, "10 users, 10 connections": dataclasses.replace(
    FATES["10 users, 10 connections"], plain={}, may={"rep-spray": MINUTES_10})}
DOVECOT = Daemon(
    name="dovecot", number=41, machine="mail", must_run=True,
    packages=("dovecot-imapd", "dovecot-pop3d"),
    ports=(143, 993, 110, 995), setup=SETUP, services=("dovecot -F",),
    talk=Imap, tags=r"dovecot|auth", logs={"dovecot_log": "mail.log"},
    unwatched=("auth.log",),    # what PAM says in its process "auth"
    stock={"dovecot": ""},
    rep=("rep-dovecot-ambiguous",), steps=steps(), fates=FATES,
    releases={"trixie": {"fates": UNSEEN}},
)
