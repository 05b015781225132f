# SPDX-License-Identifier: MIT
"""
host.py - a host of the tests: its files, its programs, its fail2ban

Host is what tests see of each one, however it is made:

  private.Private   this release in a network namespace: fail2ban of a given version, unpacked, with iprep or without
  debian.Root       a root directory of a given Debian release
  debian.Machine    the same, running in a network namespace
  debian.Booted     the same, with systemd as its first process

Bans are read with "get JAIL banip --with-time", over the server's socket: to start a client for each question takes
most of a core while a test waits.
"""

import os
import pickle
import re
import socket

from host import process

VERDICT_JAILS = ("rep-confirmed", "rep-notorious")
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
ENVIRONMENT = {"PATH": PATH, "LC_ALL": "C.UTF-8"}
END = b"<F2B_END_COMMAND>"
ANSWER_S = 60
DAY = 86400
BAN_LINE = re.compile(r"^(\S+)\s+(.+?) \+ (-?\d+) = (.+)$")


def whole_days(seconds):
    """A verdict line that is written again moves the end of the ban, and fail2ban counts from the first one: a day is
    86463 s then, until the next start."""
    return seconds - seconds % DAY if seconds > DAY else seconds


class Host:
    """path: its root directory, as we see it; config: that of fail2ban; socket: of its server; log_path: its log."""

    path = ""
    config = "/etc/fail2ban"

    @property
    def socket(self):
        return self.inside("/run/fail2ban/fail2ban.sock")

    @property
    def log_path(self):
        return self.inside("/var/log/fail2ban.log")

    # -- programs

    def command(self, argv):
        """The command line that runs argv in there."""
        raise NotImplementedError

    def environment(self):
        return ENVIRONMENT

    def run(self, *argv, check=True, timeout_s=300, stdin=None):
        return process.run(self.command(argv), env=self.environment(), check=check, timeout_s=timeout_s, stdin=stdin)

    def said(self, *argv, timeout_s=300):
        """The same: what it writes."""
        done = self.run(*argv, timeout_s=timeout_s)
        return done.stdout + done.stderr

    # -- files; a name without "/" at its beginning is one of fail2ban's configuration

    def inside(self, path):
        return self.path + (path if path.startswith("/") else f"{self.config}/{path}")

    def write(self, path, text, mode=0o644):
        with open(self.inside(path), "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(self.inside(path), mode)

    def append(self, path, text):
        with open(self.inside(path), "a", encoding="utf-8") as file:
            file.write(text)

    def read(self, path):
        with open(self.inside(path), encoding="utf-8", errors="replace") as file:
            return file.read()

    def exists(self, path):
        return os.path.lexists(self.inside(path))

    # -- fail2ban

    def client(self, *words, check=True):
        return self.run("fail2ban-client", *words, check=check).stdout

    def ask(self, *words):
        """The server's answer to a command, as its client gets it: csocket.py.
        CommandError if there is none, or the server calls it an error."""
        asked = process.show(words)
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.settimeout(ANSWER_S)
                connection.connect(self.socket)
                connection.sendall(pickle.dumps(list(words)) + END)
                said = b""
                while not said.endswith(END):
                    part = connection.recv(65536)
                    if not part:
                        raise process.CommandError(f"fail2ban: {asked}: no answer")
                    said += part
            status, answer = pickle.loads(said)
        except (OSError, ImportError) as error:     # fail2ban's exceptions are not known here
            raise process.CommandError(f"fail2ban: {asked}: {error}") from error
        if status:
            raise process.CommandError(f"fail2ban: {asked}: {answer}")
        return answer

    def jails(self):
        return dict(self.ask("status"))["Jail list"].replace(",", " ").split()

    def bans_of(self, jail):
        """{address: (seconds, when it ends)} of one jail."""
        found = map(BAN_LINE.match, map(str.strip, self.ask("get", jail, "banip", "--with-time")))
        return {match[1]: (whole_days(int(match[3])), match[4]) for match in found if match}

    def bans(self):
        """{address: {jail: seconds}} of all jails."""
        found = {}
        for jail in self.jails():
            for address, (seconds, _) in self.bans_of(jail).items():
                found.setdefault(address, {})[jail] = seconds
        return found

    def is_banned(self, address, *jails):
        return all(address in self.bans_of(jail) for jail in jails)

    def unban(self, jail, address):
        self.client("set", jail, "unbanip", address)

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def ignored(self, address, jail=""):
        """How often fail2ban's log has that a line of the address was not counted."""
        return self.log().count((f"[{jail}] " if jail else "") + f"Ignore {address} by command")
