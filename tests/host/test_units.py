#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""
test_units.py - the units of the package under a real systemd, in their sandboxes

Installed from the package beside a real fail2ban, and booted: systemd is process 1 of a root directory with
a network of its own, where rbldnsd is the resolver and an emulator of AbuseIPDB listens.

    test_units.py     (as root; IPREP_PACKAGES: where packages are kept)
"""

import os
import re
import sqlite3
import sys
import tempfile
import time
import unittest

sys.dont_write_bytecode = True      # leave the source tree clean

import process                                      # noqa: E402
from booted import Booted                           # noqa: E402
from debroot import DebRoot                         # noqa: E402
from debs import TOP, Debs                          # noqa: E402
from emulator import KEY, Emulator                  # noqa: E402
from netns import Namespace                         # noqa: E402
from packages import Packages                       # noqa: E402
from rbldnsd import ADDRESS as RESOLVER             # noqa: E402
from rbldnsd import Rbldnsd, Zone                   # noqa: E402

HOST = ("fail2ban", "logrotate", "nftables", "systemd", "systemd-sysv", "cron")
UNITS = os.path.join(TOP, "fail2ban", "systemd")
# of 10; these read what others wrote
EXPOSURE_MAX = {"flush": 2.0, "purge": 2.0, "recheck": 2.0, "release": 2.0}
ATTACKER, LISTED_NO_MORE = "45.12.20.20", "45.12.20.21"
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
JAILS = """[DEFAULT]
backend = polling
banaction = nftables
banaction_allports = nftables[type=allports]
[sshd]
enabled = true
maxretry = 3
action = %(known/action)s
         iprep[category="18,22"]
[rep-confirmed]
enabled = true
[rep-notorious]
enabled = true
"""
VERDICT_JAILS = ("rep-confirmed", "rep-notorious")
PACKAGES = None
OURS = None


class Exposure(unittest.TestCase):
    def test_units_are_sandboxed(self):
        print()
        for name in (*EXPOSURE_MAX, "notify"):
            done = process.run(["systemd-analyze", "security", "--offline=true", "--no-pager",
                                f"{UNITS}/iprep-{name}.service"], check=False)
            line = [line for line in done.stdout.splitlines() if "Overall exposure level" in line][-1]
            exposure = float(re.search(r": (\d+\.\d+) ", line)[1])
            print(f"iprep-{name}.service: exposure {exposure}", flush=True)
            # iprep-notify cannot have a sandbox: sendmail is setuid; it says so
            with self.subTest(name):
                self.assertLessEqual(exposure, EXPOSURE_MAX.get(name, 10.0))


class Booting(unittest.TestCase):
    """One machine for all of it: each test leaves it as it was, or uses an address of its own."""

    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.mkdtemp(prefix="iprep-units.", dir="/var/tmp")
        os.chmod(cls.directory, 0o755)
        cls.addClassCleanup(process.run, ["rm", "-rf", cls.directory])
        cls.root = DebRoot(PACKAGES, "package", HOST)
        cls.addClassCleanup(cls.root.close)
        cls.root.install([OURS.paths["libiprep0"], OURS.paths["iprep"]])
        cls.space = Namespace(f"iprep-units-{os.getpid()}")
        cls.addClassCleanup(cls.space.remove)
        cls.api = Emulator(cls.space, "127.0.0.1", f"{cls.directory}/api",
                           {ATTACKER: {"abuseConfidenceScore": 10}})
        cls.addClassCleanup(cls.api.stop)
        cls.serve([ATTACKER, LISTED_NO_MORE])
        cls.configure()
        cls.host = Booted(cls.root, cls.space)
        cls.addClassCleanup(cls.host.stop)

    @classmethod
    def serve(cls, listed):
        number = len(os.listdir(cls.directory))
        zones = [Zone("bl.blocklist.de", "127.0.0.14", listed), Zone("list.dnswl.org", "127.0.5.2", [])]
        cls.dns = Rbldnsd(Packages(PACKAGES).find("rbldnsd"), cls.space, f"{cls.directory}/dns{number}", zones)
        cls.addClassCleanup(cls.dns.stop)

    @classmethod
    def configure(cls):
        with open(cls.api.ca_file, encoding="ascii") as file:
            cls.root.write("/etc/iprep/ca.pem", file.read())
        cls.root.write("/etc/iprep/iprep.local", LOCAL.replace("URL", cls.api.url))
        cls.root.write("/etc/iprep/abuseipdb.key", KEY + "\n", 0o640)
        cls.root.run("chgrp", "_iprep", "/etc/iprep/abuseipdb.key")
        cls.root.write("/etc/fail2ban/jail.local", JAILS)
        cls.root.write("/var/log/auth.log", "", 0o640)

    def wait(self, condition, what, timeout_s=120):
        if not process.wait_for(condition, timeout_s, 0.2):
            self.fail(f"not within {timeout_s} s: {what}\n{self.host.journal('-n', '60')}")

    def banned(self, jail):
        return self.host.run("fail2ban-client", "get", jail, "banip").stdout.split()

    def attack(self, address):
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime())
        with open(self.root.inside("/var/log/auth.log"), "a", encoding="ascii") as file:
            for port in range(3):
                file.write(f"{stamp} mail sshd[77]: Failed password for root from {address} port {1024 + port} ssh2\n")

    def sql(self, text, *values):
        with sqlite3.connect(self.root.inside("/var/lib/iprep/iprep.db"), timeout=30) as store:
            rows = store.execute(text, values).fetchall()
        store.close()
        return rows

    def test_1_timers_and_path_wait_and_nothing_else_runs(self):
        timers = self.host.run("systemctl", "list-timers", "--no-pager", "--all").stdout
        for name in ("flush", "purge", "recheck", "release"):
            self.assertIn(f"iprep-{name}.timer", timers)
            self.assertEqual(self.host.show(f"iprep-{name}.timer", "ActiveState"), "active", name)
        self.assertNotIn("iprep-notify", timers)
        self.assertEqual(self.host.show("iprep-flush.path", "SubState"), "waiting")
        self.assertEqual(self.host.run("systemctl", "list-units", "--failed", "--plain", "--no-legend",
                                       "iprep*").stdout, "")
        verified = self.host.run("sh", "-c", "systemd-analyze verify --man=no /lib/systemd/system/iprep-*", check=False)
        self.assertEqual((verified.returncode, verified.stdout + verified.stderr), (0, ""))

    def test_2_a_jails_ban_starts_the_worker_which_reports_and_has_it_banned_for_a_year(self):
        for address in (ATTACKER, LISTED_NO_MORE):
            self.attack(address)
            self.wait(lambda: address in self.banned("sshd"), "the short ban")
            for jail in VERDICT_JAILS:
                self.wait(lambda: address in self.banned(jail), f"the ban of {jail}")
            self.assertIn(address, [report["ip"] for report in self.api.reports()])
        self.assertFalse(self.root.exists("/var/lib/iprep/wake"))
        self.assertEqual(self.host.ended("iprep-flush.service"), ("success", 0))
        self.assertEqual(self.host.run("stat", "-c", "%U %G %a", "/var/log/iprep/verdict.log").stdout,
                         "_iprep adm 640\n")

    def test_3_recheck_asks_and_release_lifts_the_ban(self):
        for jail in VERDICT_JAILS:
            self.assertIn(LISTED_NO_MORE, self.banned(jail), "by the test before")
        self.dns.stop()
        self.serve([ATTACKER])
        self.sql("UPDATE block SET since = since - 8 * 86400")
        self.assertEqual(self.host.start("iprep-recheck.service"), ("success", 0))
        self.assertEqual(self.host.run("rep-purge", "--released").stdout, LISTED_NO_MORE + "\n")
        self.assertEqual(self.host.start("iprep-release.service"), ("success", 0), self.host.journal("-n", "40"))
        for jail in VERDICT_JAILS:
            banned = self.banned(jail)
            self.assertEqual([one in banned for one in (LISTED_NO_MORE, ATTACKER)], [False, True], jail)

    def test_4_purge_forgets(self):
        self.sql("UPDATE finding SET answered_at = 1, expires_at = 2")
        self.assertGreater(self.sql("SELECT count(*) FROM finding")[0][0], 0, "by the tests before")
        self.assertEqual(self.host.start("iprep-purge.service"), ("success", 0))
        self.assertEqual(self.sql("SELECT count(*) FROM finding"), [(0,)])

    def test_5_a_worker_that_finds_another_one_is_no_failure(self):
        self.host.run("systemd-run", "--unit=other", "rep-report", "--flush", "--linger", "60")
        self.wait(lambda: self.host.run("rep-report", "--flush", check=False).returncode == 75, "the other one works")
        self.assertEqual(self.host.start("iprep-flush.service"), ("success", 75))
        self.assertEqual(self.host.show("iprep-flush.service", "ActiveState"), "inactive")
        self.host.run("systemctl", "stop", "other")

    def test_6_an_error_in_the_configuration_neither_spins_nor_ends_the_path_unit(self):
        good = self.root.read("/etc/iprep/iprep.local")
        self.root.write("/etc/iprep/iprep.local", "[worker]\nlinger = never\n")
        self.root.write("/var/lib/iprep/wake", "")
        self.wait(lambda: self.host.ended("iprep-flush.service") == ("exit-code", 78), "the worker fails")
        self.root.write("/etc/iprep/iprep.local", good)
        self.wait(lambda: self.host.show("iprep-flush.service", "ActiveState") == "failed", "it is over")
        self.assertFalse(self.root.exists("/var/lib/iprep/wake"))
        self.assertEqual(self.host.show("iprep-flush.path", "SubState"), "waiting")
        self.root.write("/var/lib/iprep/wake", "")
        self.wait(lambda: self.host.ended("iprep-flush.service") == ("success", 0), "the next one works")

    def test_7_cron_stands_back_for_the_timers_that_are_enabled(self):
        for name in ("rep-report", "rep-purge"):
            self.root.write(f"/tmp/{name}", '#!/bin/sh\necho "$0 $*" >>/tmp/called\n', 0o755)
        lines = self.root.read("/etc/cron.d/iprep").splitlines()
        places = "\n".join(line for line in lines if line.startswith(("TIMERS=", "SYSTEMD=")))
        for unit, words in (("flush", "--flush"), ("purge", "rep-purge --quiet"), ("recheck", "--recheck")):
            job, = [line.split(None, 6)[6] for line in lines if line.endswith("1") and words in line
                    or line.endswith(words) or f"{words} --quiet" in line and words == "--recheck"]
            for enabled in (True, False):
                self.host.run("systemctl", "enable" if enabled else "disable", f"iprep-{unit}.timer")
                self.root.write("/tmp/called", "")
                self.host.run("sh", "-c", f"PATH=/tmp:$PATH\n{places}\n{job}")
                self.assertEqual(self.root.read("/tmp/called") == "", enabled, job)
            self.host.run("systemctl", "enable", f"iprep-{unit}.timer")

    def test_8_logrotate_makes_a_log_that_fail2ban_follows(self):
        log = "/var/log/iprep/verdict.log"
        before = os.stat(self.root.inside(log)).st_ino
        self.assertTrue(self.root.read(log))
        self.host.run("logrotate", "--force", "/etc/logrotate.d/iprep")
        self.assertNotEqual(os.stat(self.root.inside(log)).st_ino, before)
        self.assertEqual(self.host.run("stat", "-c", "%U %G %a %s", log).stdout, "_iprep adm 640 0\n")
        self.assertEqual(self.host.run("stat", "-c", "%U %G %a", log + ".1").stdout, "_iprep adm 640\n")
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S+0000", time.gmtime())
        with open(self.root.inside(log), "a", encoding="ascii") as file:
            file.write(f"{stamp} iprep[9]: verdict=confirmed ip=45.12.20.99 score=5 tier=known\n")
        self.wait(lambda: "45.12.20.99" in self.banned("rep-confirmed"), "the line after the rotation")


if __name__ == "__main__":
    if os.geteuid():
        sys.exit("test_units.py: needs root")
    with tempfile.TemporaryDirectory(prefix="iprep-units-packages.", dir="/var/tmp") as SPARE:
        PACKAGES = os.environ.get("IPREP_PACKAGES", SPARE)
        OURS = Debs(PACKAGES)
        unittest.main()
