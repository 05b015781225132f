# SPDX-License-Identifier: MIT
"""
unit_case.py - machines booted by systemd, for the tests of one class: with our package, and with fail2ban, rbldnsd as
its resolver and an emulator of AbuseIPDB on its loopback. There is no way out.
"""

import os
import sqlite3

from api import KEY, Emulator
from host import process
from host.cases import Case, stamp
from host.debian import Booted
from host.debs import Debs
from host.jails import jail_local
from host.netns import Namespace
from host.packages import Packages
from host.rbldnsd import ADDRESS as RESOLVER
from host.rbldnsd import Rbldnsd, Zone

WANTED = ("fail2ban", "logrotate", "nftables", "systemd", "systemd-sysv", "cron")
ATTACKER, LISTED_NO_MORE, LATER = "45.12.20.20", "45.12.20.21", "45.12.20.22"
LOCAL = f"""[general]
timeout_ms = 20000
[dns]
resolvers = {RESOLVER}
[dnsbl blocklist.de]
points = 127.0.0.14*10
[abuseipdb]
url = URL
ca_file = /etc/iprep/ca.pem
[worker]
start = none
linger = 0
"""
JAILS = jail_local(
    "[DEFAULT] | backend = polling | banaction = nftables | banaction_allports = nftables[type=allports]",
    "sshd: | backend = polling | maxretry = 3 | port = 22", 'action = %(known/action)s | + iprep[category="18,22"]',
    "rep-confirmed, rep-notorious:")


class PackageCase(Case):
    """debs: our packages, of this source."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.debs = Debs(cls.kept)


class MachineCase(Case):
    """host: it runs. name, wanted: of its root and the packages in it."""

    name, wanted = "package", WANTED
    has_iprep = True

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.space = Namespace(f"iprep-units-{os.getpid()}")
        cls.stack.callback(cls.space.remove)
        cls.host = Booted(cls.kept, cls.name, cls.wanted)
        cls.stack.callback(cls.host.close)
        if cls.has_iprep:
            cls.debs = Debs(cls.kept)
            cls.host.install([cls.debs.paths["libiprep0"], cls.debs.paths["iprep"]])
        cls.prepare()
        cls.host.boot(cls.space)

    @classmethod
    def prepare(cls):
        """Before it is booted."""

    def shown(self):
        return self.host.journal("-n", "40") + super().shown()


class UnitCase(MachineCase):
    """api: the emulator"""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # its unit is up before it listens
        if not process.wait_for(cls.fail2ban_answers, 120, 0.2):
            raise process.CommandError("fail2ban does not come up:\n" + cls.host.journal("-n", "40"))

    @classmethod
    def prepare(cls):
        cls.api = Emulator({ATTACKER: {"abuseConfidenceScore": 10}}, tls=True, host="127.0.0.1", port=8443,
                           space=cls.space, directory=f"{cls.top}/api")
        cls.stack.callback(cls.api.stop)
        cls.serve([ATTACKER, LISTED_NO_MORE, LATER])
        with open(cls.api.ca_file, encoding="ascii") as file:
            cls.host.write("/etc/iprep/ca.pem", file.read())
        cls.host.write("/etc/iprep/iprep.local", LOCAL.replace("URL", cls.api.url))
        cls.host.write("/etc/iprep/abuseipdb.key", KEY + "\n", 0o640)
        cls.host.run("chgrp", "_iprep", "/etc/iprep/abuseipdb.key")
        cls.host.write("jail.local", JAILS)
        cls.host.write("/var/log/auth.log", "", 0o640)

    @classmethod
    def fail2ban_answers(cls):
        return "pong" in cls.host.client("ping", check=False)

    @classmethod
    def serve(cls, listed):
        number = len(os.listdir(cls.top))
        zones = [Zone("bl.blocklist.de", "127.0.0.14", listed), Zone("list.dnswl.org", "127.0.5.2", [])]
        cls.dns = Rbldnsd(Packages(cls.kept).find("rbldnsd"), cls.space, f"{cls.top}/dns{number}", zones)
        cls.stack.callback(cls.dns.stop)

    def attack(self, address):
        for port in range(3):
            self.host.append("/var/log/auth.log", f"{stamp()} mail sshd[77]: Failed password for root from {address} "
                                                  f"port {1024 + port} ssh2\n")

    def sql(self, text, *values):
        with sqlite3.connect(self.host.inside("/var/lib/iprep/iprep.db"), timeout=30) as store:
            rows = store.execute(text, values).fetchall()
        store.close()
        return rows
