# SPDX-License-Identifier: MIT
"""
test_hostile_fields.py - what a client writes into a log names no other address, and is no login

hostile_fields.py makes the lines: each form of each daemon, with pieces of other lines in every
field that a client fills. Whatever our filters find in them, it is the address that the daemon
saw, and rep-login finds nothing where there was no login.

IPREP_ALL in the environment: every attempt instead of a fixed choice.
"""

import os
import sys

from host import hostile_fields, samples
from host.cases import FilesCase

NEEDS_ROOT = False
ENOUGH = sys.maxsize if os.environ.get("IPREP_ALL") else hostile_fields.ENOUGH

# what an administrator might write: it finds the first address in brackets
CARELESS = "[Definition]\nfailregex = ^.*\\[<ADDR>\\]\n            rip=<ADDR>\n            client: <ADDR>\n            from <ADDR>\n"


def filters_of(daemon):
    return [samples.AMBIGUOUS[daemon.split()[0]], "rep-spray", "rep-login"]


class HostileFields(FilesCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.fail2ban.write("filter.d/careless.conf", CARELESS)

    def found(self, filters, lines):
        """[(filter, line, address)]"""
        answers, = self.match([lines], filters)
        return [(name, match[0], match[2]) for name in filters for match in answers[name]["matches"]]

    def test_an_honest_line_counts_as_its_form_says(self):
        """Otherwise the attempts would show nothing."""
        for daemon, (begin, _, forms) in hostile_fields.FORMS.items():
            lines = [begin + hostile_fields.honest(form) for form in forms]
            words = [set() for _ in lines]
            for name, number, address in self.found(filters_of(daemon), lines):
                self.assertEqual(address, hostile_fields.TRUE)
                words[number].add(name.split("-")[-1])
            for outcome, seen, line in zip(forms.values(), words, lines):
                with self.subTest(line):
                    self.assertEqual(seen or {"none"}, set(outcome.split()))

    def test_no_attempt_names_another_address_or_is_a_login(self):
        total = {"attempts": 0, "matched, with the true address": 0}
        for daemon, (_, _, forms) in hostile_fields.FORMS.items():
            with self.subTest(daemon):
                tries = list(hostile_fields.lines(daemon, ENOUGH))
                found = self.found(filters_of(daemon), [line for _, line in tries])
                wrong = [f"{name} finds {address}: {tries[number][1]}" for name, number, address in found
                         if address != hostile_fields.TRUE
                         or name == "rep-login" and forms[tries[number][0]] != "login"]
                print(f"  {daemon}: {len(tries)} attempts, {len({number for _, number, _ in found})} matched", flush=True)
                total["attempts"] += len(tries)
                total["matched, with the true address"] += len({number for _, number, _ in found})
                self.assertFalse(wrong, f"{len(wrong)} of {len(tries)}:\n" + "\n".join(wrong[:40]))
        print(f"  fail2ban {self.packages.fail2ban_version}: {total}", flush=True)
        self.assertGreater(total["attempts"], 10000)
        self.assertGreater(total["matched, with the true address"], 1000)

    def test_a_careless_expression_is_caught(self):
        for daemon in ("exim", "dovecot", "nginx", "sshd"):
            tries = [line for _, line in hostile_fields.lines(daemon, 50)]
            self.assertIn(hostile_fields.VICTIM, {address for _, _, address in self.found(["careless"], tries)}, daemon)
