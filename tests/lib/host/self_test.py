# SPDX-License-Identifier: MIT
"""
self_test.py - rep-check --self-test of a jail.local, with a journal and log files

The real fail2ban-client, with Debian's configuration and ours, prints the effective configuration; no server runs,
if the test does not start one.
"""

import calendar
import contextlib
import json
import os
import re
import shutil
import subprocess

import cases
from host import process
from host.cases import FilesCase
from host.jails import jail_local
from places import OWNER

JOURNALD = "/lib/systemd/systemd-journal-remote"
DEFAULT = """[DEFAULT]
backend = polling
rep_verdict_log = {dir}/state/verdict.log
"""
NO_SSHD = "[sshd]\nenabled = false\n"
# in the tables
FAILED = "postfix@-.service postfix/smtpd: warning: unknown[45.1.1.1]: SASL LOGIN authentication failed: UGFzc3dvcmQ6"
LOGIN = "ssh.service sshd: Failed password for root from 45.1.1.1 port 4242 ssh2"
ENTRIES = {"FAILED": FAILED, "LOGIN": LOGIN}
LINES = {"LINE": "Nov 29 23:10:01 host sshd[77]: Failed password for root from 45.1.1.1 port 4242 ssh2",
         "LONG": "host sshd[7]: " + "a" * 4000}
FINDINGS = {
    "OFF": "tier known, tier notorious = off",
    "OK": "tier known, tier notorious = ok",
    "BROKEN": "tier known = error: rep-confirmed does not ban as it should | "
              "tier notorious = error: rep-notorious does not ban as it should",
    "FILES": "jail rep-spray-files = ok: reports as 18 | jail rep-spray-files = ok: several user names",
    "FINE": "running fail2ban = ok: its hooks can write the state",
}


def pieces(cell, named=None):
    """Of a cell of a table; named: what stands for other texts."""
    return [one for piece in cell.split(" | ") for one in (named or {}).get(piece, piece).split(" | ") if cell != "-"]


def findings(cell):
    """{object: [(state, part of the text)]}"""
    found = {}
    for piece in pieces(cell, FINDINGS):
        objects, _, said = piece.partition(" = ")
        state, _, part = said.partition(": ")
        for one in objects.split(", "):
            found.setdefault(one, []).append((state, part))
    return found


def about_fail2ban(text):
    """[(object, state, text)]; who is logged in is tested by cli/logged_in."""
    rows = [json.loads(line) for line in text.splitlines()]
    return [(row["fail2ban"], row["state"], row["why"]) for row in rows
            if "fail2ban" in row and not re.match("login from|remote logins", row["fail2ban"])]


def make_journal(directory, entries):
    """entries: "UNIT PROGRAM: TEXT", in system.journal as systemd-journald writes it"""
    os.makedirs(directory)
    entries = [re.match(r"(\S+) (\S+): (.*)", entry.format(n=n)).groups() for entry in entries
               for n in range(10 if "{n}" in entry else 1)]
    at = calendar.timegm((2026, 11, 29, 23, 10, 0)) * 10 ** 6
    text = "".join(f"__REALTIME_TIMESTAMP={at + n}\n__MONOTONIC_TIMESTAMP={n + 1}\n_BOOT_ID={'0a' * 16}\n_HOSTNAME=host\n"
                   f"_UID=0\n_SYSTEMD_UNIT={unit}\nSYSLOG_IDENTIFIER={name}\n_COMM={os.path.basename(name)}\n_PID=77\nMESSAGE={line}\n\n"
                   for n, (unit, name, line) in enumerate(entries))
    subprocess.run([JOURNALD, "--split-mode=none", "-o", f"{directory}/system.journal", "-"], input=text.encode(),
                   check=True, capture_output=True)


class SelfTestCase(FilesCase, cases.Case):
    """rep-check --self-test of a jail.local, with a journal and log files."""

    lists = {"one": "127.0.0.2*3"}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server = cls.fail2ban
        cls.client = f"{cls.top}/client"
        cls.server.write_client(cls.client)
        # fail2ban's modules as if it were installed, with a python3-systemd of one line
        cls.modules = f"{cls.top}/modules"
        os.makedirs(f"{cls.modules}/systemd")
        os.symlink(f"{cls.packages.fail2ban_modules}/fail2ban", f"{cls.modules}/fail2ban")
        for name, text in (("__init__", ""), ("journal", "__version__ = '235'\nclass Reader: pass\n")):
            with open(f"{cls.modules}/systemd/{name}.py", "w", encoding="ascii") as file:
                file.write(text)
        cls.server.write("action.d/our-ufw.conf", "[Definition]\nactionban = ufw insert 1 deny from <ip> to any\n"
                         "actionunban = ufw delete deny from <ip> to any\n")
        # the result must not depend on the tools of this host
        cls.firewalls = f"{cls.top}/firewalls"
        os.mkdir(cls.firewalls)
        for name in ("iptables", "ip6tables", "nft"):
            shutil.copy("/bin/true", f"{cls.firewalls}/{name}")

    def setUp(self):
        """start() comes with each row."""

    def start(self, jails="-", prefix=128):
        super().start(general={"timeout_ms": 5000, "ipv6_prefix": prefix})
        self.place.write("auth.log", "")
        self.place.write("state/verdict.log", "", 0o640, OWNER)
        os.mkdir(self.place.path("log"))
        text = "" if jails == "-" else jail_local(jails, log="{dir}/auth.log")
        text = DEFAULT + ("" if "[sshd]" in text else NO_SSHD) + text
        self.server.write("jail.local", text.replace("{dir}", self.place.dir))

    def run_it(self, *args, client=None, before=""):
        command = self.place.command("rep-check", "--self-test", "--fail2ban", client or self.client, *args)
        script = (f'mount --bind {self.modules} /usr/lib/python3/dist-packages && '
                  'mount --bind "$0" /usr/local/sbin && mount -t tmpfs tmpfs /var/log && mkdir -p /run/log && '
                  f'mount -t tmpfs tmpfs /run/log && cp -a "$1/." /var/log && shift || exit 99\n{before}\nexec "$@"')
        return process.run(["unshare", "--mount", "sh", "-c", script, self.firewalls, self.place.path("log"), *command],
                           check=False, timeout_s=120)

    def found(self, status, **more):
        """[(object, state, text)]"""
        p = self.run_it("--json", **more)
        self.assertEqual(p.returncode, status, p.stdout + p.stderr)
        return about_fail2ban(p.stdout)

    def rows(self, status, **more):
        """{object: [(state, text)]} of all rows except the version, the server that does not run, and the logs of jails."""
        found = {}
        for what, state, why in self.found(status, **more):
            if not what.startswith("log of ") and not why.startswith(("version ", "it is not running")):
                found.setdefault(what, []).append((state, why))
        return found

    def compare(self, found, said):
        """said: the same with parts of the texts"""
        self.assertEqual({what: sorted(state for state, _ in rows) for what, rows in found.items()},
                         {what: sorted(state for state, _ in rows) for what, rows in said.items()}, found)
        for what, rows in said.items():
            for state, part in rows:
                self.assertTrue(any(state == one and part in why for one, why in found[what]),
                                (what, state, part, found[what]))

    def logs(self, status, **more):
        """{jail: [(state, text)]} of the rows about logs, one for each."""
        return {what.removeprefix("log of "): [(state, why)] for what, state, why in self.found(status, **more)
                if what.startswith("log of ")}

    def put(self, journal, files):
        """As data/self_test_logs.tsv has them."""
        if entries := pieces(journal, ENTRIES):
            make_journal(self.place.path("log/journal/" + "0b" * 16), entries)
        for piece in pieces(files):
            name, _, text = piece.partition(":")
            path = self.place.path(name if name.startswith("auth.log") else f"log/{name}")
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as file:
                file.write("".join(LINES.get(line, line) + "\n" for line in text[1:].split("\n") if line))

    @contextlib.contextmanager
    def installed(self, programs):
        """Fake firewall programs: {name: shell script}"""
        for name, script in programs.items():
            with open(f"{self.firewalls}/{name}", "w", encoding="ascii") as file:
                file.write(f"#!/bin/sh\n{script}\n")
            os.chmod(f"{self.firewalls}/{name}", 0o755)
        try:
            yield
        finally:
            for name in programs:
                os.unlink(f"{self.firewalls}/{name}")

    def version(self):
        return self.server.client("-V").strip()


class Space:
    """Where a server runs: a mount namespace of its own, and fewer rights."""

    def __init__(self, script, words, directory):
        self.script, self.words, self.directory = script, words, directory

    def command(self, argv):
        return ["unshare", "--mount", "sh", "-c", f'{self.script} || exit 99\nshift 0; exec "$@"', self.directory, *self.words, *argv]
