# SPDX-License-Identifier: MIT
"""
ssh.py - OpenSSH as Debian configures it, with passwords

The client is OpenSSH's own. It takes passwords from a program of ours
(SSH_ASKPASS), which also shows how often it was asked.
"""

import os
import subprocess
import tempfile

from live import users
from live.client import TIMEOUT_S, Refused
from live.daemon import Daemon, fates, steps

# MaxStartups: all attackers come at once here.
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
    """A connection begins with the log-in: talk() itself only reads a banner."""

    port = 22

    def __init__(self, client):
        self.client = client
        self.lines = None

    def login(self, user, password):
        return (list(self.logins(user, [password])) or [False])[0]

    def logins(self, user, passwords):
        """Until the server has enough."""
        with tempfile.TemporaryDirectory() as directory:
            done = self.run(user, list(passwords), directory)
            with open(f"{directory}/asked", encoding="ascii") as file:
                asked = len(file.read())
        if not asked:
            raise Refused(done.stderr)
        for number in range(asked):
            yield done.returncode == 0 and number == asked - 1

    def run(self, user, passwords, directory):
        paths = {name: f"{directory}/{name}"
                 for name in ("askpass", "passwords", "asked")}
        texts = (ASKPASS, "".join(f"{one}\n" for one in passwords), "")
        for path, text in zip(paths.values(), texts):
            with open(path, "w", encoding="ascii") as file:
                file.write(text)
        os.chmod(paths["askpass"], 0o700)
        options = [word for option in OPTIONS for word in ("-o", option)]
        return subprocess.run(
            ["ssh", "-F", "none", *options, "-o",
             f"NumberOfPasswordPrompts={len(passwords)}",
             "-b", self.client.source, f"{user}@{self.client.target}", "true"],
            env={**os.environ, "SSH_ASKPASS": paths["askpass"],
                 "SSH_ASKPASS_REQUIRE": "force", "ASKED": paths["asked"],
                 "PASSWORDS": paths["passwords"]},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, check=False)

    def banner(self):
        self.lines = self.client.connect(self.port)
        if not self.lines.line().startswith("SSH-2.0-"):
            raise Refused("no banner")

    def probe(self):
        """As monitors do: both say who they are, and that is all."""
        self.banner()
        self.lines.send("SSH-2.0-check_1.0")

    def quit(self):
        """Nothing to say in SSH. Without a log-in, a banner was looked at."""
        if self.lines is None:
            return
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


SSH = Daemon(
    name="sshd", number=40, machine="mail", must_run=True,
    packages=("openssh-server",), ports=(22,), setup=SETUP,
    services=("/usr/sbin/sshd -D",), talk=Ssh, tags="sshd",
    logs={"sshd_log": "auth.log"}, stock={"sshd": ""},
    rep=("rep-sshd-ambiguous",), category="18,22",
    steps=steps(**{"10 passwords, 1 connection": ["denied"] * 6}),
    fates=fates("sshd"),
)
