# SPDX-License-Identifier: MIT
"""
installation.py - iprep as a package would leave it, below a test's directory

The shipped iprep.conf is used unchanged; other settings of a test are in
iprep.local next to it. State, verdict log and key belong to an unprivileged
user, which every program becomes before it does anything of interest.
"""

import json
import os
import shutil

from host import process
from host.emulator import KEY

NOBODY = 65534      # 'nobody' and 'nogroup' of Debian: base-passwd

LOCAL = """\
[general]
state       = {root}/lib/iprep.db
verdict_log = {root}/log/verdict.log
[dns]
resolvers = {resolvers}
[dnsbl zen]
enabled = yes
[abuseipdb]
url      = {url}
key_file = {root}/etc/abuseipdb.key
ca_file  = {root}/etc/ca.pem
[worker]
linger = 1
"""


class Installation:
    """Programs below prefix; configuration and state below root."""

    def __init__(self, prefix, root, space):
        self.bin = f"{prefix}/bin"
        self.root = root
        self.space = space
        self.config = f"{root}/etc/iprep.conf"
        self.verdict_log = f"{root}/log/verdict.log"
        for name, owner in (("etc", 0), ("lib", NOBODY), ("log", NOBODY)):
            os.makedirs(f"{root}/{name}", mode=0o755)
            os.chown(f"{root}/{name}", owner, owner)
        self.new_verdict_log()

    def configure(self, shipped, resolvers, url, ca_file):
        shutil.copy(shipped, self.config)
        shutil.copy(ca_file, f"{self.root}/etc/ca.pem")
        with open(f"{self.root}/etc/iprep.local", "w",
                  encoding="ascii") as file:
            file.write(LOCAL.format(root=self.root, resolvers=resolvers,
                                    url=url))
        self.write_key(KEY)

    def set(self, section, line):
        """One more line of a section of iprep.local."""
        path = f"{self.root}/etc/iprep.local"
        with open(path, encoding="ascii") as file:
            text = file.read()
        with open(path, "w", encoding="ascii") as file:
            file.write(text.replace(f"[{section}]\n", f"[{section}]\n{line}\n", 1))

    def write_key(self, key):
        path = f"{self.root}/etc/abuseipdb.key"
        with open(path, "w", encoding="ascii") as file:
            os.chmod(path, 0o600)
            os.chown(path, NOBODY, NOBODY)
            file.write(key + "\n")

    def new_verdict_log(self):
        """An empty one, as logrotate's "create" makes it."""
        with open(self.verdict_log, "w", encoding="ascii"):
            os.chown(self.verdict_log, NOBODY, NOBODY)

    def lose_verdict_log(self):
        """What logrotate does at the wrong moment; returns the lost text."""
        text = self.verdicts()
        os.rename(self.verdict_log, self.verdict_log + ".1")
        self.new_verdict_log()
        return text

    def verdicts(self):
        with open(self.verdict_log, encoding="ascii") as file:
            return file.read()

    def argv(self, program, *words):
        return [f"{self.bin}/{program}", f"--config={self.config}", *words]

    def run(self, program, *words, check=False):
        """Run a program where fail2ban would; returns CompletedProcess."""
        return self.space.run(self.argv(program, *words), check=check)

    def start_worker(self, log_path):
        """What the timer does every few minutes; does not wait for its end."""
        argv = self.argv("rep-report", "--flush", "--linger", "0")
        return process.Server(self.space.command(argv), log_path)

    def gate_argv(self, address, jail="rep-sendmail-ambiguous"):
        """The gate as the shipped jail calls it."""
        return self.argv("rep-check", "--gate", "--restored=0",
                         f"--jail={jail}", "--", address)

    def known(self, addresses):
        """{address: rep-check's object}: what is on disk, nothing is asked."""
        done = self.run("rep-check", "--cached", "--json", *addresses)
        objects = [json.loads(line) for line in done.stdout.splitlines()]
        if len(objects) != len(addresses):
            raise process.CommandError(
                f"rep-check --cached --json: {len(objects)} lines for "
                f"{len(addresses)} addresses: {done.stderr.strip()}")
        return {one["address"]: one for one in objects}
