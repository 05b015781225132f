#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""
test_recipes.py - the recipes of README.md, as fail2ban and the self-test take them

Each "### I ..." below "## Recipes" has blocks for jail.local and iprep.local. "fail2ban-client -t" must
accept them, and rep-check --self-test find nothing wrong.

    test_recipes.py DIRECTORY-OF-PROGRAMS     (as root; IPREP_PACKAGES: where packages are unpacked)
"""

import os
import re
import sys
import unittest

sys.dont_write_bytecode = True      # leave the source tree clean
HERE = os.path.dirname(os.path.abspath(__file__))

import test_self_test                               # noqa: E402

README = os.path.join(HERE, os.pardir, os.pardir, "README.md")
LOGS = ("sshd_log", "syslog_authpriv", "syslog_mail", "postfix_log", "dovecot_log", "exim_main_log",
        "nginx_error_log", "nginx_access_log")
WANTED = ("I run Postfix and Dovecot", "I run sendmail", "I only have SSH", "I want hosts.deny",
          "I want one-year bans", "I want IPv6 /64 bans", "I want to see it work before it bans")


def recipes():
    """{title: {file: text}}"""
    with open(README, encoding="utf-8") as file:
        part = re.search(r"^## Recipes\n(.*?)^## ", file.read(), re.M | re.S)[1]
    found = {}
    for title, text in re.findall(r"^### ([^\n]*)\n(.*?)(?=^### |\Z)", part, re.M | re.S):
        blocks = re.findall(r"In `(\w+\.local)`[^\n]*:\n\n((?: {4}[^\n]*\n)+)", text)
        found[title] = {name: re.sub("^ {4}", "", block, flags=re.M) for name, block in blocks}
    return found


class Recipes(test_self_test.SelfTest):
    test_each_jail_local_gets_its_words = None
    test_people_get_a_table = None
    test_without_fail2ban_it_says_so_and_passes = None
    test_a_fail2ban_without_the_capabilities_that_hooks_need_is_wrong = None
    test_a_client_that_fails_or_talks_nonsense_is_an_error_and_not_an_answer = None

    def prepare(self, files):
        jails = files["jail.local"]
        logs = "[DEFAULT]\n" + "".join(f"{name} = {{dir}}/auth.log\n" for name in LOGS)
        self.start(logs + jails)
        self.place.write("iprep.local", files.get("iprep.local", ""))

    def test_there_is_one_for_each_wish(self):
        self.assertEqual(set(recipes()), set(WANTED))

    def test_fail2ban_takes_each_and_nothing_is_wrong(self):
        for title, files in recipes().items():
            with self.subTest(title):
                self.prepare(files)
                self.assertIn("OK: configuration test is successful", self.server.test_configuration())
                said = self.rows(0)
                self.assertEqual(said["tier known"][0], "good", said)
                for name in re.findall(r"^\[(rep-\S+-ambiguous|sshd|dovecot|postfix-sasl|sendmail-auth)\]",
                                       files["jail.local"], re.M):
                    self.assertEqual(said["jail " + name][0], "good", said)

    def test_the_one_of_prefixes_is_wrong_without_its_banaction(self):
        files = dict(recipes()["I want IPv6 /64 bans"])
        files["jail.local"] = test_self_test.BOTH + "[DEFAULT]\nbanaction_allports = nftables-allports\n"
        self.prepare(files)
        self.assertEqual(self.rows(69)["jail rep-confirmed"][0], "wrong")


if __name__ == "__main__":
    test_self_test.BIN = os.path.abspath(sys.argv.pop(1))
    unittest.main()
