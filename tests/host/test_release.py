# SPDX-License-Identifier: MIT
"""
test_release.py - released and pardoned addresses, as a real fail2ban takes it

The verdict jails ban from the log that the worker writes; the shipped line of cron lifts the bans of addresses
released by rep-purge --recheck, also after fail2ban was down; a pardon holds over restarts. fail2ban runs in
a network namespace of its own.
"""

import os
import subprocess
import time

import cases
from host import SHIPPED, process
from host.cases import FilesCase
from host.host import VERDICT_JAILS as JAILS
from host.jails import jail_local
from host.netns import Namespace
from places import OWNER

class Release(FilesCase, cases.Case):
    lists = {"one": "127.0.0.2*10"}

    def setUp(self):
        self.start()
        self.place.write("state/verdict.log", "", 0o640, OWNER)
        space = Namespace(f"iprep-release-{os.getpid()}")
        self.addCleanup(space.remove)
        self.host.space = space
        self.host.forget()
        self.jails = jail_local(
            "[DEFAULT] | backend = polling",
            f"rep_check = {self.place.programs}/rep-check --config={self.place.path('iprep.conf')}",
            f"rep_verdict_log = {self.place.path('state/verdict.log')}",
            "[sshd] | enabled = false | rep-confirmed, rep-notorious:")
        self.host.write("jail.local", self.jails)
        self.addCleanup(self.host.stop)
        self.host.start()
        os.mkdir(self.place.path("bin"))        # what cron's line finds in its PATH
        self.host.write_client(self.place.path("bin/fail2ban-client"))
        self.place.write("bin/rep-purge", f'#!/bin/sh\nexec {process.show(self.place.command("rep-purge"))} "$@"\n', 0o755)

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
        self.until(lambda: self.banned(address) == list(JAILS), "the bans are restored")

    def convict(self, *addresses, jails=JAILS):
        self.listed(*addresses, by="one")
        for address in addresses:
            self.enqueue(address)
        self.flush()
        for address in addresses:
            self.until_banned(address, *jails)

    def release(self, address, *still):
        """Eight days later the address is no longer listed."""
        self.listed(*still, by="one")
        self.sql("UPDATE block SET since = since - ?", 8 * 86400)
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
                self.host.write("jail.local", self.jails.replace(
                    f"[{other}]\nenabled = true", f"[{other}]\nenabled = false"))
                self.host.start()
                self.convict(address, jails=(jail,))
                self.sql("DELETE FROM released")
                self.release(address)
                said = self.cron("iprep-release.timer")
                self.assertEqual((said.returncode, said.stdout, said.stderr), (0, "", ""))
                self.assertNotIn(address, self.host.bans_of(jail))

    def test_also_when_fail2ban_was_down_for_a_day(self):
        self.convict("45.1.1.1")
        self.host.stop()
        self.release("45.1.1.1")
        self.cron("iprep-release.timer")               # in vain
        self.sql("UPDATE released SET at = at - 86400")
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
            self.enqueue("45.1.1.1", "--time", str(int(time.time())))
            self.flush()
            self.bans_are_restored("45.1.1.2")
            self.assertEqual(self.banned("45.1.1.1"), [])
        self.assertEqual(self.verdicts("45.1.1.1"), 1)
