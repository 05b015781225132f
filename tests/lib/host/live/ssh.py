# SPDX-License-Identifier: MIT
"""
ssh.py - OpenSSH as Debian configures it, with passwords

The client is OpenSSH's own. It takes passwords from a program of ours
(SSH_ASKPASS), which also shows how often it was asked.
"""

import os
import subprocess
import tempfile

from host.live import users
from host.live.client import TIMEOUT_S, Refused
from host.live.daemon import Daemon, fates, steps

# MaxStartups: all attackers connect at the same time.
SETUP = users.SETUP + """\
mkdir -p /run/sshd
cat > /etc/ssh/sshd_config.d/live.conf <<'END'
ListenAddress {address}
PasswordAuthentication yes
MaxStartups 200:30:300
END
"""
OPTIONS = ("StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null",
           "GlobalKnownHostsFile=/dev/null", "PubkeyAuthentication=no",
           "PreferredAuthentications=password", "LogLevel=ERROR",
           f"ConnectTimeout={TIMEOUT_S}")
# Each password is asked for once: the next line of $PASSWORDS.
ASKPASS = """\
#!/bin/sh
echo >> "$ASKED"
sed -n "$(wc -l < "$ASKED")p" "$PASSWORDS"
"""


class Ssh:
    """The connection is that of a login, or begins when there is none."""

    port = 22

    def __init__(self, client):
        self.client = client
        self.lines = None
        self.has_tried = False

    def login(self, user, password):
        return list(self.logins(user, [password]))[0]

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
        paths = {name: f"{directory}/{name}"
                 for name in ("askpass", "passwords", "asked")}
        texts = (ASKPASS, "".join(f"{one}\n" for one in passwords), "")
        for path, text in zip(paths.values(), texts):
            with open(path, "w", encoding="ascii") as file:
                file.write(text)
        os.chmod(paths["askpass"], 0o700)
        options = [word for option in OPTIONS for word in ("-o", option)]
        argv = ["ssh", "-F", "none", *options, "-o",
                f"NumberOfPasswordPrompts={len(passwords)}", "-b",
                self.client.source, f"{user}@{self.client.target}", "true"]
        more = {"SSH_ASKPASS": paths["askpass"], "ASKED": paths["asked"],
                "SSH_ASKPASS_REQUIRE": "force",
                "PASSWORDS": paths["passwords"]}
        return status_of(argv, {**os.environ, **more})

    def banner(self):
        self.lines = self.client.connect(self.port)
        if not self.lines.line().startswith("SSH-2.0-"):
            raise Refused("no banner")

    def probe(self):
        """As monitors do: both say who they are, and that is all."""
        self.banner()
        self.lines.send("SSH-2.0-check_1.0")

    def quit(self):
        """The client of a login has quit already. Else SSH has no word for
        it: the banner was looked at, and that was all."""
        if self.has_tried:
            return
        if self.lines is None:
            self.banner()
        self.lines.close()

    @classmethod
    def scan(cls, client):
        client.connect(cls.port).close()

    @classmethod
    def broken_tls(cls, client):
        """A client that takes it for a TLS port."""
        lines = client.connect(cls.port)
        lines.line()
        lines.send_raw(b"\x16\x03\x01\x00\x05hello\r\n")
        lines.drain()
        lines.close()


def status_of(argv, environment):
    """None if it did not end: a ban leaves it waiting on a dead connection."""
    try:
        return subprocess.run(argv, env=environment, timeout=TIMEOUT_S,
                              stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL,
                              check=False).returncode
    except subprocess.TimeoutExpired:
        return None


SSH = Daemon(
    name="sshd", number=40, machine="mail", must_run=True,
    packages=("openssh-server",), ports=(22,), setup=SETUP,
    services=("/usr/sbin/sshd -D",), talk=Ssh, tags=r"sshd(?:-session|-auth)?",
    logs={"sshd_log": "auth.log"}, stock={"sshd": ""},
    rep=("rep-sshd-ambiguous",), category="18,22",
    steps=steps(**{"10 passwords, 1 connection": ["denied"] * 6}),
    fates=fates("sshd"),
)
