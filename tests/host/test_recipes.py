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

import process                                      # noqa: E402
import test_self_test                               # noqa: E402

README = os.path.join(HERE, os.pardir, os.pardir, "README.md")
LOGS = ("sshd_log", "syslog_authpriv", "syslog_mail", "postfix_log", "dovecot_log", "exim_main_log",
        "nginx_error_log", "nginx_access_log")
WANTED = ("I run Postfix and Dovecot", "I run sendmail", "I run Exim and Dovecot", "I only have SSH", "I want hosts.deny",
          "I want one-year bans", "I want IPv6 /64 bans", "I want to see it work before it bans")


# What daemons write on a host without a syslog daemon: Debian's units and names, and Exim's own file. Each jail of a
# recipe has something to read here.
JOURNAL = [
    ("ssh.service", "sshd", "Failed password for root from 45.1.1.1 port 4242 ssh2"),
    ("postfix@-.service", "postfix/smtpd",
     "warning: unknown[45.1.1.1]: SASL LOGIN authentication failed: UGFzc3dvcmQ6, sasl_username=bob"),
    ("dovecot.service", "dovecot", "imap-login: Disconnected (auth failed, 1 attempts in 2 secs): user=<bob>, "
     "method=PLAIN, rip=45.1.1.1, lip=192.0.2.1, session=<x>"),
    ("sendmail.service", "sm-mta", "4ATNA1bc012345: AUTH failure (LOGIN): user not found (-20) SASL(-13): user not found: "
     "checkpass failed, user=bob, relay=[45.1.1.1]"),
]
EXIM = ("2026-11-29 23:10:01 login authenticator failed for (x) [45.1.1.1]: 535 Incorrect authentication data "
        "(set_id=bob)\n2026-11-29 23:10:02 1vPOab-000000001Ab-2cde <= bob@example.org H=(x) [45.2.2.2] P=esmtpsa "
        "X=TLS1.3:ECDHE_X25519__RSA_PSS_RSAE_SHA256__AES_256_GCM:256 CV=no A=login_server:bob S=512\n")


def fresh_debian_12():
    """What README.md puts above a recipe there."""
    with open(README, encoding="utf-8") as file:
        text = re.search(r"fresh Debian 12\*\*.*?\n\n((?: {4}[^\n]*\n)+)", file.read(), re.S)[1]
    return re.sub("^ {4}", "", text, flags=re.M)


def recipes():
    """{title: {file: text}}"""
    with open(README, encoding="utf-8") as file:
        part = re.search(r"^## Recipes\n(.*?)^## ", file.read(), re.M | re.S)[1]
    found = {}
    for title, text in re.findall(r"^### ([^\n]*)\n(.*?)(?=^### |\Z)", part, re.M | re.S):
        blocks = re.findall(r"In `(\w+\.local)`[^\n]*:\n\n((?: {4}[^\n]*\n)+)", text)
        found[title] = {name: re.sub("^ {4}", "", block, flags=re.M) for name, block in blocks}
    return found


class Recipes(test_self_test.Case):
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
                self.assertEqual(said["tier known"][0], "ok", said)
                for name in re.findall(r"^\[(rep-\S+-ambiguous|sshd|dovecot|postfix-sasl|sendmail-auth|exim)\]",
                                       files["jail.local"], re.M):
                    self.assertEqual(said["jail " + name][0], "ok", said)

    def start_fresh(self, files):
        """A host without syslog daemon or iptables, with its release's own backends."""
        self.start()
        top = fresh_debian_12() if self.version().startswith("1.0.") else ""
        paths = f"[DEFAULT]\nrep_verdict_log = {self.place.path('state/verdict.log')}\n"
        self.server.write("jail.local", top + paths + files["jail.local"])
        self.place.write("iprep.local", files.get("iprep.local", ""))

    def test_each_reads_what_the_daemons_of_a_fresh_host_write(self):
        for title, files in recipes().items():
            with self.subTest(title):
                if "hosts.deny" not in title:           # not the journal's matter
                    self.start_fresh(files)
                    self.put(JOURNAL, {"exim4/mainlog": EXIM})
                    found = self.logs(0)
                    self.assertTrue(found)
                    self.assertEqual({name: why for name, (state, why) in found.items() if state != "ok"}, {})

    def test_the_one_of_postfix_needs_its_journalmatch_up_to_1_0(self):
        files = dict(recipes()["I run Postfix and Dovecot"])
        files["jail.local"] = re.sub("journalmatch = .*\n", "", files["jail.local"])
        self.start_fresh(files)
        self.put(JOURNAL, {})
        is_deaf = self.version().startswith("1.0.")
        found = self.logs(69 if is_deaf else 0)
        self.assertEqual(found["postfix-sasl"][0], "error" if is_deaf else "ok")

    def test_fail2ban_warns_of_none(self):
        for title, files in recipes().items():
            with self.subTest(title):
                self.prepare(files)
                said = process.run([*self.server.command("client", "-t")], env=self.server.environment())
                self.assertNotRegex(said.stdout + said.stderr, "WARN|ERROR")

    def test_the_one_of_prefixes_is_wrong_without_its_banaction(self):
        files = dict(recipes()["I want IPv6 /64 bans"])
        files["jail.local"] = test_self_test.BOTH + "[DEFAULT]\nbanaction_allports = " + test_self_test.PLAIN_SETS
        self.prepare(files)
        self.assertEqual(self.rows(69)["jail rep-confirmed"][0], "error")


if __name__ == "__main__":
    test_self_test.BIN = os.path.abspath(sys.argv.pop(1))
    unittest.main()
