# SPDX-License-Identifier: MIT
"""
fail2ban.py - a private fail2ban-server in a network namespace

Real server, stock configuration, nothing of the machine's: its own directory
holds configuration, socket, database and log. Our files are copied next to the
stock ones as by a package; a test adds its own in .local files, as an
administrator's changes do.

Bans are read with "get JAIL banip --with-time", over the server's socket: to
start a client for each question takes most of a core while a test waits.
"""

import contextlib
import os
import pickle
import re
import shlex
import shutil
import socket
import sys

from host import process

LOCAL = """\
[Definition]
logtarget = {directory}/fail2ban.log
socket    = {directory}/socket
pidfile   = {directory}/pid
dbfile    = {directory}/fail2ban.sqlite3
"""
# jails whose backend Debian's files set from fail2ban 1.1 on
SERVICES = ("syslog", "sshd", "dropbear", "proftpd", "pureftpd", "wuftpd",
            "postfix", "dovecot")
END = b"<F2B_END_COMMAND>"
ANSWER_S = READY_S = 60
DAY = 86400
BAN_LINE = re.compile(r"^(\S+)\s+(.+?) \+ (-?\d+) = (.+)$")


def backends(backend):
    """Lines for [DEFAULT] with which all jails but sshd have this backend, also
    those that Debian lets read the journal. [sshd] has one of its own there."""
    names = ("backend", "default_backend",
             *(f"{service}_backend" for service in SERVICES))
    return "".join(f"{name} = {backend}\n" for name in names)


def whole_days(seconds):
    """A verdict line that is written again moves the end of the ban, and fail2ban
    counts from the first one: a day is 86463 s then, until the next start."""
    return seconds - seconds % DAY if seconds > DAY else seconds


class Fail2ban:
    """directory is made here; write() its configuration, then start()."""

    wrap = ()               # words that run the server, e.g. setpriv
    modules = None          # a further directory of Python modules

    def __init__(self, packages, space, directory):
        self.packages = packages
        self.space = space
        self.directory = directory
        self.config = f"{directory}/etc"
        self.log_path = f"{directory}/fail2ban.log"
        self.server = None
        os.makedirs(f"{directory}/bin", mode=0o755)
        packages.write_nft(f"{directory}/bin/nft")
        open(self.log_path, "ab").close()
        shutil.copytree(packages.fail2ban_config, self.config)
        self.write("fail2ban.local", LOCAL.format(directory=directory))

    def add_files(self, source):
        """Copy action.d, fail2ban.d, filter.d and jail.d below source into the configuration."""
        for part in ("action.d", "fail2ban.d", "filter.d", "jail.d"):
            for name in sorted(os.listdir(f"{source}/{part}")):
                shutil.copy(f"{source}/{part}/{name}", f"{self.config}/{part}")

    def write(self, name, text):
        """Write one file of the configuration, e.g. jail.local."""
        with open(f"{self.config}/{name}", "w", encoding="utf-8") as file:
            file.write(text)

    def environment(self):
        paths = [self.packages.fail2ban_modules, *([self.modules] if self.modules else [])]
        return {"PATH": f"{self.directory}/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                "PYTHONPATH": ":".join(paths),
                "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1", "LC_ALL": "C.UTF-8",
                "TZ": "UTC"}

    def command(self, part, *words):
        return [*(self.wrap if part == "server" else ()), sys.executable, self.packages.fail2ban(part),
                "-c", self.config, *words]

    def client(self, *words, check=True):
        return process.run(self.command("client", *words), check=check,
                           env=self.environment()).stdout

    def write_client(self, path):
        """A command that is its client, whatever the environment."""
        settings = [f"{name}={shlex.quote(value)}" for name, value in self.environment().items()]
        words = [shlex.quote(word) for word in self.command("client")]
        with open(path, "w", encoding="utf-8") as file:
            file.write(f'#!/bin/sh\nexec env -i {" ".join(settings + words)} "$@"\n')
        os.chmod(path, 0o755)

    def ask(self, *words):
        """The server's answer to a command, as its client gets it: csocket.py.
        CommandError if there is none, or the server calls it an error."""
        asked = process.show(words)
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.settimeout(ANSWER_S)
                connection.connect(f"{self.directory}/socket")
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

    def test_configuration(self):
        """What "fail2ban-client -t" says; CommandError if it is not OK."""
        return self.client("-t")

    def start(self):
        argv = self.command("server", "-f", "start")
        before = self.times_ready()
        self.server = process.Server(self.space.command(argv),
                                     f"{self.directory}/server.out",
                                     env=self.environment())
        # it answers "ping" before it has its jails
        self.server.await_ready(lambda: self.times_ready() > before,
                                timeout_s=READY_S, log_path=self.log_path)

    def times_ready(self):
        try:
            with open(f"{self.directory}/server.out", encoding="utf-8") as file:
                return file.read().count("Server ready")
        except FileNotFoundError:
            return 0

    def stop(self):
        """Stop it with its client; the process ends on its own."""
        if self.server is None:
            return
        if self.server.is_running():
            self.client("stop", check=False)
            process.wait_for(lambda: not self.server.is_running(), 20)
        self.server.stop()
        self.server = None

    def kill(self):
        """As in a power cut: nothing is written any more."""
        self.server.child.kill()
        self.server.child.wait()
        self.server = None
        self.forget("socket", "pid")

    def forget(self, *names):
        """What an earlier server left: these, or everything."""
        for name in names or ("socket", "pid", "fail2ban.sqlite3"):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(f"{self.directory}/{name}")

    def restart(self):
        self.stop()
        self.start()

    def jails(self):
        return dict(self.ask("status"))["Jail list"].replace(",", " ").split()

    def bans_of(self, jail):
        """{address: (seconds, when it ends)} of one jail."""
        bans = {}
        for line in self.ask("get", jail, "banip", "--with-time"):
            match = BAN_LINE.match(line.strip())
            if match:
                bans[match[1]] = (whole_days(int(match[3])), match[4])
        return bans

    def bans(self):
        """{address: {jail: seconds}} of all jails."""
        found = {}
        for jail in self.jails():
            for address, (seconds, _) in self.bans_of(jail).items():
                found.setdefault(address, {})[jail] = seconds
        return found

    def is_banned(self, address, *jails):
        return all(address in self.bans_of(jail) for jail in jails)

    def nft(self, *words, check=True):
        """What the firewall of its namespace says."""
        return self.space.run([f"{self.directory}/bin/nft", *words], check=check).stdout

    def unban(self, jail, address):
        self.client("set", jail, "unbanip", address)

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            return file.read()
