# SPDX-License-Identifier: MIT
"""
test_journal.py - the self-test finds the lines of real daemons in a real journal

A machine booted by systemd, with Postfix, sshd and our packages as apt installs them, and without a syslog daemon. Its
jails come from the recipes for Postfix and sshd. One test configures a unit that Postfix does not have.
"""

import json
import os

from host.unit_case import MachineCase
from test_recipes import TOP, recipe

HOST = ("fail2ban", "nftables", "systemd", "systemd-sysv", "postfix", "openssh-server")
RECIPES = {f"jail.d/{name}.local": recipe(name) for name in ("postfix", "sshd")}
# a client without a password; Postfix and sshd each log a line
CLIENTS = """
import socket
for port in (25, 22):
    with socket.create_connection(("127.0.0.1", port), 60) as s:
        s.recv(100)
"""


class Journal(MachineCase):
    name, wanted = "journal", HOST

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.version = cls.host.run("fail2ban-client", "-V").stdout.strip()
        cls.space.run(["/usr/bin/python3", "-c", CLIENTS])

    def logs(self, files):
        """{jail: (state, text)} of the rows about logs, after the daemons have logged."""
        if self.version.startswith("1.0."):
            files = {f"jail.d/{TOP}.local": recipe(TOP), **files}
        for name, text in files.items():
            self.host.write(f"/etc/fail2ban/{name}", text)
            self.addCleanup(os.unlink, self.host.inside(f"/etc/fail2ban/{name}"))
        self.host.run("journalctl", "--sync", check=False)
        said = self.host.run("rep-check", "--self-test", "--json", "--timeout", "1000", check=False).stdout
        rows = [json.loads(line) for line in said.splitlines()]
        return {row["fail2ban"].removeprefix("log of "): (row["state"], row["why"]) for row in rows
                if row.get("fail2ban", "").startswith("log of ")}

    def test_each_jail_of_a_recipe_finds_log_lines(self):
        found = self.logs(RECIPES)
        self.assertLessEqual({"postfix-sasl", "rep-postfix-ambiguous", "rep-spray", "rep-login", "sshd",
                              "rep-sshd-ambiguous"}, set(found))
        self.assertEqual({name: why for name, (state, why) in found.items() if state in ("error", "mismatch")}, {})
        self.assertEqual(found["rep-login"][0], "ok", found)
        self.assertEqual(found["rep-postfix-ambiguous"][0], "ok", found)

    def test_a_journalmatch_without_a_unit_of_postfix_is_reported(self):
        unit = next(line for line in self.host.journal("--field=_SYSTEMD_UNIT").splitlines() if line.startswith("postfix"))
        found = self.logs({"jail.local": "[sshd]\nenabled = false\n[postfix-sasl]\nenabled = true\nbackend = systemd\n"
                          "filter = postfix[mode=auth, journalmatch=_SYSTEMD_UNIT=postfix-sasl.service]\n"
                          "action = iprep[category=18]\n"})
        self.assertEqual(found["postfix-sasl"][0], "error", found)
        self.assertIn(f"_SYSTEMD_UNIT={unit}", found["postfix-sasl"][1])
