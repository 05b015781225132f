# SPDX-License-Identifier: MIT
"""
test_removal.py - what becomes of fail2ban when the package is removed, installed again, and purged

On a running machine (unit_case.py) whose jail.local names iprep all the while, as people forget to clean up.
The tests are one story, told in order.
"""

import os

from host.cases import stamp
from host.debian import DEBS
from host.host import VERDICT_JAILS
from host.jails import jail_local
from host.unit_case import ATTACKER, UnitCase

TIMERS = ("iprep-flush.timer", "iprep-purge.timer", "iprep-recheck.timer", "iprep-release.timer", "iprep-flush.path")
GATED = "45.12.20.30"


class Removal(UnitCase):
    def active(self):
        return {unit for unit in TIMERS if self.host.show(unit, "ActiveState") == "active"}

    def restart_fail2ban(self):
        self.host.run("systemctl", "restart", "fail2ban", check=False)
        self.until(self.fail2ban_answers, "fail2ban starts")

    def test_1_removed_fail2ban_starts_and_bans_and_iprep_is_missed_aloud(self):
        self.host.write("/etc/fail2ban/jail.local", self.host.read("/etc/fail2ban/jail.local")
                        + jail_local("rep-sshd-ambiguous: | backend = polling"))
        self.host.client("reload")
        self.attack(ATTACKER)
        self.until_banned(ATTACKER, *VERDICT_JAILS)
        self.assertEqual(self.active(), set(TIMERS))
        said = self.host.said("dpkg", "--remove", "iprep")
        self.assertIn("fail2ban's configuration still uses iprep", said)
        self.assertIn("/etc/fail2ban/jail.local:11:         iprep[category", said)
        self.assertEqual(self.active(), set())
        self.assertEqual(self.host.run("fail2ban-client", "-t").returncode, 0)
        self.restart_fail2ban()
        self.until_banned(ATTACKER, *VERDICT_JAILS)
        self.attack("45.12.20.31")
        self.until_banned("45.12.20.31", "sshd")
        self.until(lambda: "rep-report" in self.host.log() and "returned 127" in self.host.log(), "its log says what is missing")

    def test_2_the_gate_of_a_missing_program_ignores(self):
        self.host.append("/var/log/auth.log", f"{stamp()} mail sshd[78]: Connection closed by {GATED} port 4711 [preauth]\n")
        self.until(lambda: self.host.ignored(GATED, "rep-sshd-ambiguous"), "it is ignored")
        self.assertFalse(self.host.is_banned(GATED, "rep-sshd-ambiguous"))

    def test_3_installed_again_all_goes_on(self):
        self.host.said("dpkg", "-i", *[f"/{DEBS}/{os.path.basename(self.debs.paths['iprep'])}"])
        self.assertEqual(self.active(), set(TIMERS))
        self.attack("45.12.20.32")
        self.until(lambda: "45.12.20.32" in [report["ip"] for report in self.api.reports()], "it is reported")
        self.assertIn(ATTACKER, self.host.run("rep-check", "--blocks").stdout)

    def test_4_purged_the_warning_says_what_then_happens(self):
        said = self.host.said("dpkg", "--purge", "iprep")
        self.assertIn("KEEPS FAIL2BAN FROM STARTING", said)
        self.assertIn("/etc/fail2ban/jail.local:12:[rep-confirmed]", said)
        self.assertEqual(self.host.run("fail2ban-client", "-t", check=False).returncode, 255)
        self.host.run("systemctl", "restart", "fail2ban", check=False)
        self.until(lambda: self.host.show("fail2ban", "ActiveState") == "failed", "fail2ban does not start")
        self.host.write("/etc/fail2ban/jail.local", jail_local("sshd: | backend = polling"))
        self.restart_fail2ban()
        self.assertEqual(self.host.run("systemctl", "list-units", "--plain", "--no-legend", "iprep*").stdout, "")
