# SPDX-License-Identifier: MIT
"""
installation.py - iprep as a package would leave it, in the namespace of a host

The shipped iprep.conf is used unchanged; the settings of the tests are in iprep.local next to it. State, verdict log
and key belong to an unprivileged user, which every program becomes before it does anything of interest.
"""

import json
import os
import re
import shutil

from host import SHIPPED, process
from places import OWNER, Place

LOCAL = """\
[general]
state       = {dir}/state/iprep.db
verdict_log = {dir}/log/verdict.log
[dns]
resolvers = RESOLVERS
[dnsbl zen]
enabled = yes
[abuseipdb]
url      = URL
key_file = {dir}/key
ca_file  = {dir}/ca.pem
[worker]
linger = 1
"""


class Installation(Place):
    """A Place whose programs run in a namespace."""

    def __init__(self, programs, space, resolvers, api):
        with open(f"{SHIPPED}/iprep.conf", encoding="utf-8") as file:
            super().__init__(file.read(), programs=programs)
        self.space = space
        self.local = LOCAL.replace("{dir}", self.dir).replace("RESOLVERS", resolvers).replace("URL", api.url)
        self.write("iprep.local", self.local)
        shutil.copy(api.ca_file, self.path("ca.pem"))
        os.mkdir(self.path("log"))
        os.chown(self.path("log"), OWNER, OWNER)
        self.log_path = self.path("log/verdict.log")
        self.new_verdict_log()

    def set(self, section, line):
        """One more line of a section of iprep.local."""
        self.local = self.local.replace(f"[{section}]\n", f"[{section}]\n{line}\n", 1)
        self.write("iprep.local", self.local)

    def new_verdict_log(self):
        """An empty one, as logrotate's "create" makes it."""
        self.write("log/verdict.log", "", owner=OWNER)

    def lose_verdict_log(self):
        """What logrotate does at the wrong moment."""
        os.rename(self.log_path, self.log_path + ".1")
        self.new_verdict_log()

    def verdict_log(self):
        return self.text("log/verdict.log")

    def tier_of(self, address):
        """Of the last verdict line about it, or None."""
        found = re.findall(rf" ip={re.escape(address)} score=\d+ tier=(\S+)", self.verdict_log())
        return found[-1] if found else None

    def argv(self, program, *words):
        """The command line as fail2ban would run it, which is in the namespace already."""
        return super().command(program, *words)

    def command(self, program, *words):
        return self.space.command(self.argv(program, *words))

    def gate_argv(self, address, jail="rep-sendmail-ambiguous"):
        """The gate as the shipped jail calls it."""
        return self.argv("rep-check", "--gate", "--restored=0", f"--jail={jail}", "--", address)

    def known(self, *addresses):
        """{address: rep-check's object}: what is on disk, nothing is asked."""
        done = self.run("rep-check", "--cached", "--json", *addresses)
        objects = [json.loads(line) for line in done.stdout.splitlines()]
        if len(objects) != len(addresses):
            raise process.CommandError(f"rep-check --cached --json: {len(objects)} lines for {len(addresses)} addresses: "
                                       f"{done.stderr.strip()}")
        return {one["address"]: one for one in objects}
