# SPDX-License-Identifier: MIT
"""
test_recipes.py - the recipes of fail2ban/recipes, as fail2ban and the self-test take them

Each is copied into jail.d as it is. "fail2ban-client -t" must accept it, and rep-check --self-test find nothing wrong.
"""

import glob
import os
import re

from host import SHIPPED, process
from host.jails import jail_local
from host.self_test import FAILED, SelfTestCase

FOLDER = f"{SHIPPED}/recipes"
LOGS = ("sshd_log", "syslog_authpriv", "syslog_mail", "postfix_log", "dovecot_log", "exim_main_log",
        "nginx_error_log", "nginx_access_log")
# The files that are copied together, as their headers say.
DAEMONS = ("sshd", "postfix", "dovecot", "exim", "sendmail")
WANTED = (*((name,) for name in DAEMONS), ("sshd", "one-year-bans"), ("sshd", "hosts-deny"), ("sshd", "ipv6-64"),
          ("sshd", "watch-only"), DAEMONS, (*DAEMONS, "one-year-bans", "ipv6-64"), (*DAEMONS, "watch-only"))
TOP = "debian-12"
OF_IPREP = {"ipv6-64": "iprep-ipv6-64"}     # what goes into iprep.local
# What daemons write on a host without a syslog daemon: Debian's units and names, and Exim's own file. Each jail of a
# recipe has something to read here.
JOURNAL = " | ".join((
    "LOGIN",
    f"{FAILED}, sasl_username=bob",
    "dovecot.service dovecot: imap-login: Disconnected (auth failed, 1 attempts in 2 secs): user=<bob>, method=PLAIN, "
    "rip=45.1.1.1, lip=192.0.2.1, session=<x>",
    "sendmail.service sm-mta: 4ATNA1bc012345: AUTH failure (LOGIN): user not found (-20) SASL(-13): user not found: "
    "checkpass failed, user=bob, relay=[45.1.1.1]"))
EXIM = ("2026-11-29 23:10:01 login authenticator failed for (x) [45.1.1.1]: 535 Incorrect authentication data "
        "(set_id=bob)\n2026-11-29 23:10:02 1vPOab-000000001Ab-2cde <= bob@example.org H=(x) [45.2.2.2] P=esmtpsa "
        "X=TLS1.3:ECDHE_X25519__RSA_PSS_RSAE_SHA256__AES_256_GCM:256 CV=no A=login_server:bob S=512\n")


def recipe(name):
    with open(f"{FOLDER}/{name}.local", encoding="utf-8") as file:
        return file.read()


class Recipes(SelfTestCase):
    def put_recipes(self, names):
        """As an administrator copies them."""
        for path in glob.glob(f"{self.server.config}/jail.d/*.local"):
            os.unlink(path)
        for name in names:
            self.server.write(f"jail.d/{name}.local", recipe(name))
        self.place.write("iprep.local", "".join(recipe(OF_IPREP[name]) for name in names if name in OF_IPREP))

    def prepare(self, names):
        self.start(" | ".join(("[DEFAULT]", *(f"{name} = {{dir}}/auth.log" for name in LOGS))))
        self.put_recipes(names)

    def test_each_file_is_tried(self):
        tried = {name for names in WANTED for name in names} | set(OF_IPREP.values()) | {TOP}
        self.assertEqual({os.path.basename(path) for path in glob.glob(f"{FOLDER}/*")}, {f"{name}.local" for name in tried})

    def test_each_says_where_it_goes(self):
        for path in glob.glob(f"{FOLDER}/*"):
            with self.subTest(path):
                name = os.path.basename(path)
                text = recipe(name.removesuffix(".local"))
                head = text[:text.index("\n[")]
                self.assertIn(f"# {name} - ", head)
                where = "/etc/iprep/iprep.local" if name.startswith("iprep-") else "/etc/fail2ban/jail.d/"
                self.assertIn(f" to {where}", head)

    def test_fail2ban_takes_each_and_nothing_is_wrong(self):
        for names in WANTED:
            with self.subTest(names):
                self.prepare(names)
                self.assertIn("OK: configuration test is successful", self.server.test_configuration())
                said = self.rows(0)
                expected = "off" if "watch-only" in names else "ok"
                self.assertEqual(said["tier known"][0][0], expected, said)
                text = "".join(map(recipe, names))
                for name in re.findall(r"^\[(rep-\S+-ambiguous|sshd|dovecot|postfix-sasl|sendmail-auth|exim)\]\nenabled",
                                       text, re.M):
                    states = {state for state, _ in said["jail " + name]}
                    self.assertEqual(states - {"off"} if expected == "off" else states, {"ok"}, said)

    def test_no_jail_reports_twice(self):
        self.prepare(DAEMONS)
        commands = self.server.client("-d")
        for jail in ("sshd", "postfix-sasl", "dovecot", "exim", "sendmail-auth", "rep-spray"):
            self.assertEqual(commands.count(f"['set', '{jail}', 'addaction', 'iprep'"), 1, jail)

    def test_watch_only_bans_no_address(self):
        self.prepare((*DAEMONS, "one-year-bans", "watch-only"))
        found = re.findall(r"^\['set', '(rep-[\w-]+)', 'addaction', '([\w-]+)'", self.server.client("-d"), re.M)
        self.assertGreater(len(found), 8)
        self.assertEqual({action for _, action in found}, {"iprep-noban"})

    def start_fresh(self, names):
        """A host without syslog daemon or iptables, with its release's own backends."""
        self.start()
        self.server.write("jail.local", f"[DEFAULT]\nrep_verdict_log = {self.place.path('state/verdict.log')}\n")
        self.put_recipes((TOP, *names) if self.version().startswith("1.0.") else names)

    def test_each_reads_what_the_daemons_of_a_fresh_host_write(self):
        for names in WANTED:
            with self.subTest(names):
                self.start_fresh(names)
                self.put(JOURNAL, f"exim4/mainlog: {EXIM}")
                found = self.logs(0)
                self.assertTrue(found)
                self.assertEqual({name: why for name, ((state, why),) in found.items() if state != "ok"}, {})

    def test_the_one_of_postfix_needs_its_journalmatch_up_to_1_0(self):
        self.start_fresh(("postfix",))
        self.server.write("jail.d/postfix.local", re.sub("journalmatch = .*\n", "", recipe("postfix")))
        self.put(JOURNAL, "-")
        is_deaf = self.version().startswith("1.0.")
        found = self.logs(69 if is_deaf else 0)
        self.assertEqual(found["postfix-sasl"][0][0], "error" if is_deaf else "ok")

    def test_fail2ban_warns_of_none(self):
        for names in WANTED:
            with self.subTest(names):
                self.prepare(names)
                said = process.run(self.server.part("client", "-t"), env=self.server.environment())
                self.assertNotRegex(said.stdout + said.stderr, "WARN|ERROR")

    def test_the_one_of_prefixes_is_wrong_with_a_banaction_that_refuses_them(self):
        self.prepare(("sshd", "ipv6-64"))
        self.server.write("jail.d/ipv6-64.local", jail_local(
            "rep-confirmed, rep-notorious: | banaction = nftables[type=allports, addr_options=]"))
        self.assertEqual({state for state, _ in self.rows(69)["jail rep-confirmed"]}, {"error"})
