#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""
test_release.py - released and pardoned addresses, as a real fail2ban takes it

The verdict jails ban from the log that the worker writes; the shipped line of cron lifts the bans of addresses
released by rep-purge --recheck, also after fail2ban was down; a pardon holds over restarts. fail2ban runs in
a network namespace of its own.

    test_release.py DIRECTORY-OF-PROGRAMS     (as root; IPREP_PACKAGES: where packages are unpacked)
"""

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

sys.dont_write_bytecode = True      # leave the source tree clean
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[1:1] = [os.path.join(HERE, os.pardir, name) for name in ("lib", "cli")]

from dns import behaviours as b                              # noqa: E402
import place                                        # noqa: E402
from host import SHIPPED                             # noqa: E402
from host.fail2ban import Fail2ban                       # noqa: E402
from host.netns import Namespace                         # noqa: E402
from host.packages import Packages                       # noqa: E402
from dns.server import Server, Zone                     # noqa: E402

BIN = ""
JAILS = ("rep-confirmed", "rep-notorious")
CONF = """[general]
state = {dir}/state/iprep.db
verdict_log = {dir}/state/verdict.log
[tier known]
threshold = 3
bantime = 1d
[tier notorious]
threshold = 10
bantime = 365d
[worker]
start = none
linger = 0
[dns]
resolvers = 127.0.0.1:PORT
[dnsbl one]
zone = one.test
points = 127.0.0.2*10
"""
JAIL_LOCAL = """[DEFAULT]
backend = polling
rep_check = {bin}/rep-check --config={dir}/iprep.conf
rep_verdict_log = {dir}/state/verdict.log
[sshd]
enabled = false
[rep-confirmed]
enabled = true
[rep-notorious]
enabled = true
"""


def jail_local(one):
    return JAIL_LOCAL.replace("{dir}", one.dir).replace("{bin}", BIN)


class Release(unittest.TestCase):
    def setUp(self):
        top = tempfile.mkdtemp(prefix="iprep-release.", dir="/var/tmp")
        self.addCleanup(shutil.rmtree, top)
        self.dns = Server()
        self.addCleanup(self.dns.close)
        self.place = place.Place(BIN, CONF.replace("PORT", str(self.dns.port)))
        self.addCleanup(self.place.close)
        self.place.write("state/verdict.log", "", 0o640, place.OWNER)
        space = Namespace(f"iprep-release-{os.getpid()}")
        self.addCleanup(space.remove)
        self.host = Fail2ban(Packages(os.environ.get("IPREP_PACKAGES", f"{top}/packages")), space, f"{top}/fail2ban")
        self.host.add_files(SHIPPED)
        self.host.write("jail.local", jail_local(self.place))
        self.addCleanup(self.host.stop)
        self.host.start()
        self.commands()

    def commands(self):
        """What cron's line finds in its PATH."""
        words = " ".join(shlex.quote(word) for word in self.host.command("client"))
        setting = " ".join(f"{k}={shlex.quote(v)}" for k, v in self.host.environment().items())
        for name, text in (("fail2ban-client", f'exec env -i {setting} {words} "$@"'),
                           ("rep-purge", f'exec {BIN}/rep-purge -c {self.place.path("iprep.conf")} "$@"')):
            os.makedirs(self.place.path("bin"), exist_ok=True)
            self.place.write("bin/" + name, f"#!/bin/sh\n{text}\n", 0o755)

    def cron(self, words):
        """Run the line of the shipped file that has these words."""
        with open(f"{SHIPPED}/cron.d/iprep", encoding="ascii") as file:
            line, = [job for job in file if words in job and not job.startswith("#")]
        command = line.split(None, 6)[6].split("|| ", 1)[1]
        command = command.replace("$RELEASE", f"{SHIPPED}/iprep-release")
        return subprocess.run(["sh", "-c", command], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              check=False, env={"PATH": self.place.path("bin") + ":/usr/sbin:/usr/bin:/sbin:/bin"})

    def banned(self, address):
        return [jail for jail in JAILS if address in self.host.bans_of(jail)]

    def bans_are_restored(self, address):
        place.wait_until(lambda: self.banned(address) == list(JAILS), "the bans are restored", 60)

    def listed(self, *addresses):
        self.dns.zones["one.test"] = Zone({".".join(reversed(a.split("."))): b.listed("127.0.0.2") for a in addresses})

    def convict(self, *addresses, jails=JAILS):
        self.listed(*addresses)
        for address in addresses:
            self.place.run("rep-report", "--enqueue", "--jail", "sshd", "--", address, check=True)
        self.place.run("rep-report", "--flush", check=True)
        place.wait_until(lambda: all(a in self.host.bans_of(j) for a in addresses for j in jails), "the jails ban", 60)

    def release(self, address, *still):
        """Eight days later the address is no longer listed."""
        self.listed(*still)
        self.place.sql("UPDATE block SET since = since - ?", 8 * 86400)
        said = self.cron("--recheck")
        self.assertEqual((said.returncode, said.stdout), (0, ""), said.stderr)
        self.assertEqual(self.place.run("rep-purge", "--released").stdout, address + "\n")

    def test_only_the_bans_of_released_addresses_are_lifted(self):
        self.convict("45.1.1.1", "45.1.1.2")
        self.release("45.1.1.1", "45.1.1.2")
        for _ in range(2):                 # and once more: nothing changes
            said = self.cron("iprep-release.timer")
            self.assertEqual((said.returncode, said.stdout, said.stderr), (0, "", ""))
            self.assertEqual((self.banned("45.1.1.1"), self.banned("45.1.1.2")), ([], list(JAILS)))
        self.host.restart()
        self.bans_are_restored("45.1.1.2")
        self.assertEqual(self.banned("45.1.1.1"), [])

    def test_if_only_one_jail_is_enabled_its_ban_is_lifted_silently(self):
        for address, jail, other in (("45.1.1.1", *JAILS), ("45.1.1.2", *JAILS[::-1])):
            with self.subTest(jail=jail):
                self.host.stop()
                self.host.write("jail.local", jail_local(self.place).replace(
                    f"[{other}]\nenabled = true", f"[{other}]\nenabled = false"))
                self.host.start()
                self.convict(address, jails=(jail,))
                self.place.sql("DELETE FROM released")
                self.release(address)
                said = self.cron("iprep-release.timer")
                self.assertEqual((said.returncode, said.stdout, said.stderr), (0, "", ""))
                self.assertNotIn(address, self.host.bans_of(jail))

    def test_also_when_fail2ban_was_down_for_a_day(self):
        self.convict("45.1.1.1")
        self.host.stop()
        self.release("45.1.1.1")
        self.cron("iprep-release.timer")               # in vain
        self.place.sql("UPDATE released SET at = at - 86400")
        self.host.start()
        self.bans_are_restored("45.1.1.1")
        self.assertEqual(self.cron("iprep-release.timer").returncode, 0)
        self.assertEqual(self.banned("45.1.1.1"), [])

    def test_a_pardon_holds_over_restarts(self):
        self.convict("45.1.1.1", "45.1.1.2")
        said = self.place.run("rep-purge", "--pardon", "30d", "45.1.1.1", check=True)
        self.assertEqual(said.stdout, "45.1.1.1\n")
        self.host.client("unban", *said.stdout.split())
        for _ in range(2):
            self.host.restart()
            self.place.run("rep-report", "--enqueue", "--jail", "sshd", "--time", str(int(time.time())), "--",
                           "45.1.1.1", check=True)
            self.place.run("rep-report", "--flush", check=True)
            self.bans_are_restored("45.1.1.2")
            self.assertEqual(self.banned("45.1.1.1"), [])
        self.assertEqual(self.place.verdict_log().count("ip=45.1.1.1 "), 1)


if __name__ == "__main__":
    if os.geteuid():
        sys.exit("test_release.py: needs root")
    BIN = os.path.abspath(sys.argv.pop(1))
    unittest.main()
