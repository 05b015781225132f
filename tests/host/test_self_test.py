#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""
test_self_test.py - rep-check --self-test reports what is wrong with fail2ban's jails

The real fail2ban-client, with Debian's configuration and ours, prints the effective configuration; no server
runs. Each row of ROWS is a jail.local and the rows that the self-test must print.

    test_self_test.py DIRECTORY-OF-PROGRAMS     (as root; IPREP_PACKAGES: where packages are unpacked)
"""

import calendar
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True      # leave the source tree clean
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path += [os.path.join(HERE, os.pardir, name) for name in ("cli", "dns")]


import behaviours as b                              # noqa: E402
import place                                        # noqa: E402
import process                                      # noqa: E402
from fail2ban import Fail2ban                       # noqa: E402
from packages import Packages                       # noqa: E402
from server import Server, Zone                     # noqa: E402

SHIPPED = os.path.join(HERE, os.pardir, os.pardir, "fail2ban")
BIN = ""
CONF = """[general]
state = {dir}/state/iprep.db
verdict_log = {dir}/state/verdict.log
timeout_ms = 5000
ipv6_prefix = PREFIX
[tier known]
threshold = 3
bantime = 1d
[tier notorious]
threshold = 10
bantime = 365d
[worker]
start = none
[dns]
resolvers = 127.0.0.1:PORT
[dnsbl one]
zone = one.test
points = 127.0.0.2*3
"""
DEFAULT = """[DEFAULT]
backend = polling
rep_verdict_log = {dir}/state/verdict.log
"""
NO_SSHD = "[sshd]\nenabled = false\n"
BOTH = "[rep-confirmed]\nenabled = true\n[rep-notorious]\nenabled = true\n"
REPORTS = "[sshd]\nenabled = true\nlogpath = {{dir}}/auth.log\naction = %(known/action)s\n         iprep[category=\"{}\"]\n"
GATED = "[rep-sendmail-ambiguous]\nenabled = true\nlogpath = {{dir}}/auth.log\nbantime = {}\n"
# sets for addresses only, as up to 1.1.0; addr_options is new in 1.1.1
PLAIN_SETS = "nftables[type=allports, addr_options=]\n"
KNOWN, WORST = "tier known", "tier notorious"

# case, jail.local, ipv6_prefix, {object: (state, part of the text)} (all rows), exit status
ROWS = (
    ("as the recipes have it", BOTH + REPORTS.format("18,22") + GATED.format("1d"), 128,
     {KNOWN: ("ok", "rep-confirmed bans for 1 d"), WORST: ("ok", "rep-notorious bans for 365 d"),
      "jail sshd": ("ok", "reports as 18,22"),
      "jail rep-sendmail-ambiguous": ("ok", "only for blocked addresses")}, 0),
    ("nothing is enabled", "", 128, {KNOWN: ("off", "no enabled jail reads"), WORST: ("off", "no enabled jail")}, 0),
    ("rep-notorious is not enabled", "[rep-confirmed]\nenabled = true\n", 128,
     {KNOWN: ("ok", ""),
      WORST: ("mismatch", "rep-confirmed bans for 1 d, but the block lasts 365 d; enable a jail for this tier only")}, 0),
    ("no jail reads the lowest tier", "[rep-notorious]\nenabled = true\n", 128,
     {KNOWN: ("off", ""), WORST: ("ok", "")}, 0),
    ("another bantime", BOTH + "bantime = 8h\n", 128,
     {KNOWN: ("ok", ""),
      WORST: ("mismatch", "rep-confirmed bans for 1 d, but the block lasts 365 d; set the same bantime in both")}, 0),
    ("a ban without end", "[rep-confirmed]\nenabled = true\nbantime = -1\n", 128,
     {KNOWN: ("mismatch", "bans forever, but the block lasts 1 d"), WORST: ("mismatch", "forever")}, 0),
    ("a wrong tier", BOTH + "filter = rep-verdict[tier=notorius]\n", 128,
     {KNOWN: ("ok", ""), WORST: ("mismatch", ""),
      "jail rep-notorious": ("error", "tier notorius is not in iprep.conf")}, 69),
    ("two tiers by name", "[rep-confirmed]\nenabled = true\nfilter = rep-verdict[tier=known|notorious]\n", 128,
     {KNOWN: ("ok", ""), WORST: ("mismatch", "")}, 0),
    ("another log", "[rep-confirmed]\nenabled = true\nlogpath = {dir}/auth.log\n", 128,
     {KNOWN: ("off", ""), WORST: ("off", ""), "jail rep-confirmed": ("error", "does not read")}, 69),
    ("no such category", REPORTS.format("18;22"), 128,
     {KNOWN: ("off", ""), WORST: ("off", ""), "jail sshd": ("error", 'categories: "18;22"')}, 69),
    ("a category's name", REPORTS.format("ssh,brute-force"), 128,
     {KNOWN: ("off", ""), WORST: ("off", ""), "jail sshd": ("ok", "reports as ssh,brute-force")}, 0),
    ("prefixes, and sets that refuse them", BOTH.replace("true\n", "true\nbanaction = " + PLAIN_SETS), 64,
     {KNOWN: ("ok", ""), WORST: ("ok", ""), "jail rep-confirmed": ("error", "banaction = iprep-nftables"),
      "jail rep-notorious": ("error", "ipv6_prefix is 64")}, 69),
    ("prefixes, and ipset", "[rep-confirmed]\nenabled = true\nbanaction = iptables-ipset-proto6-allports\n", 64,
     {KNOWN: ("ok", ""), WORST: ("mismatch", ""), "jail rep-confirmed": ("error", "do not accept prefixes")}, 69),
    ("prefixes, and sets for them", BOTH + "[DEFAULT]\nbanaction_allports = iprep-nftables\n", 64,
     {KNOWN: ("ok", ""), WORST: ("ok", "")}, 0),
    ("a gated jail that bans for too long", GATED.format("7d"), 128,
     {KNOWN: ("off", ""), WORST: ("off", ""),
      "jail rep-sendmail-ambiguous": ("mismatch", "bans for 7 d, but the block of a suspicious address lasts 1 d")}, 0),
    ("a log that is missing", "[rep-confirmed]\nenabled = true\nlogpath = {dir}/missing.log\n", 128,
     {KNOWN: ("off", ""), WORST: ("off", ""), "jail rep-confirmed": ("error", "its log file is missing")}, 69),
    ("a firewall that is not installed", BOTH.replace("true\n", "true\nbanaction = iptables-allports[iptables=no-such-tables]\n"),
     128, {KNOWN: ("ok", ""), WORST: ("ok", ""), "jail rep-confirmed": ("error", "no-such-tables is not installed"),
           "jail rep-notorious": ("error", "this jail cannot ban")}, 69),
    ("a firewall with its path", "[rep-confirmed]\nenabled = true\naction = nftables[nftables=/nonexistent/nft]\n",
     128, {KNOWN: ("ok", ""), WORST: ("mismatch", ""), "jail rep-confirmed": ("error", "/nonexistent/nft is not")}, 69),
    ("a jail of others, without a firewall", "[recidive]\nenabled = true\nlogpath = {dir}/auth.log\n"
     "banaction = iptables[iptables=no-such-tables]\n", 128, {KNOWN: ("off", ""), WORST: ("off", "")}, 0),
    ("a filter that is missing", "[rep-confirmed]\nenabled = true\nfilter = rep-nonsense\n", 128,
     {"fail2ban": ("error", "Jail 'rep-confirmed' skipped, because of wrong configuration: Unable to read")}, 69),
    ("a section twice", BOTH + BOTH, 128, {"fail2ban": ("error", "section 'rep-confirmed' already exists")}, 69),
)

JOURNALD = "/lib/systemd/systemd-journal-remote"
SASL = "[postfix-sasl]\nenabled = true\nbackend = systemd\naction = iprep[category=18]\n"
EXIM = ("[exim]\nenabled = true\naction = iprep[category=18]\nbackend = {}\nlogpath = {{dir}}/auth.log\n"
        "journalmatch = _SYSTEMD_UNIT=exim4.service\n")
SSHD = REPORTS.format("18").replace("[sshd]\n", "[sshd]\nbackend = BACKEND\njournalmatch = MATCH\n")


def sasl(match):
    return SASL + f'filter = postfix[mode=auth, journalmatch="{match}"]\n'


def sshd(backend, match="_COMM=sshd"):
    return SSHD.replace("BACKEND", backend).replace("MATCH", match)


FAILED = ("postfix@-.service", "postfix/smtpd",
          "warning: unknown[45.1.1.1]: SASL LOGIN authentication failed: UGFzc3dvcmQ6")
LOGIN = ("ssh.service", "sshd", "Failed password for root from 45.1.1.1 port 4242 ssh2")
LINE = "Nov 29 23:10:01 host {}[77]: {}\n".format(*LOGIN[1:])
HOPELESS = "[Definition]\nprefregex = (?:\\w+\\s*)+=$\nfailregex = ^<HOST>\n"

# case, jail.local, journal, files in /var/log and {dir}/auth.log, {jail: row}, exit status
READS = (
    ("a unit of another name", sasl("_SYSTEMD_UNIT=postfix.service"), [FAILED], {},
     {"postfix-sasl": ("error", "it reads nothing: the journal (_SYSTEMD_UNIT=postfix.service) has no lines, but "
                       "Postfix logs to the journal as postfix@-.service; in [postfix-sasl] set "
                       "journalmatch = _SYSTEMD_UNIT=postfix.service + _SYSTEMD_UNIT=postfix@-.service")}, 69),
    ("both names", sasl("_SYSTEMD_UNIT=postfix.service + _SYSTEMD_UNIT=postfix@-.service"), [FAILED], {},
     {"postfix-sasl": ("ok", "the newest of 2026-11-29 23:10 UTC")}, 0),
    ("both names without a plus", sasl("_SYSTEMD_UNIT=postfix.service _SYSTEMD_UNIT=postfix@-.service"),
     [FAILED], {}, {"postfix-sasl": ("ok", "")}, 0),
    ("a new host", SASL, [], {}, {"postfix-sasl": ("off", "no lines yet in the journal (")}, 0),
    ("only other services have logged", SASL, [LOGIN], {}, {"postfix-sasl": ("off", "normal until Postfix has logged something")}, 0),
    ("lines that are not for the filter", sasl("_SYSTEMD_UNIT=postfix@-.service"),
     [(FAILED[0], FAILED[1], "connect from unknown[45.1.1.1]")], {},
     {"postfix-sasl": ("off", "no line for it yet in the journal (_SYSTEMD_UNIT=postfix@-.service) (1 line checked)")}, 0),
    ("one instance of two", sasl("_SYSTEMD_UNIT=postfix@-.service"),
     [FAILED, ("postfix@second.service", *FAILED[1:])], {},
     {"postfix-sasl": ("mismatch", "it does not read all log lines: Postfix logs to the journal as postfix@second.service")}, 0),
    ("sshd by its unit", sshd("systemd", "_SYSTEMD_UNIT=sshd.service"), [LOGIN], {},
     {"sshd": ("error", "journalmatch = _SYSTEMD_UNIT=sshd.service + _SYSTEMD_UNIT=ssh.service")}, 69),
    ("a unit for each connection", sshd("systemd", "_SYSTEMD_UNIT=sshd.service"),
     [(f"ssh@{n}.service", "other", LOGIN[2]) for n in range(10)], {},
     {"sshd": ("error", "as ssh@0.service ssh@1.service ssh@2.service; in [sshd] set")}, 69),
    ("sshd by its name", sshd("systemd", "_SYSTEMD_UNIT=sshd.service + SYSLOG_IDENTIFIER=sshd"), [LOGIN], {},
     {"sshd": ("ok", "")}, 0),
    ("a file with lines", sshd("polling"), [LOGIN], {"auth.log": LINE},
     {"sshd": ("ok", "/auth.log contains lines for it")}, 0),
    ("a file with the lines of others", sshd("polling"), [], {"auth.log": LINE.replace("sshd", "cron")},
     {"sshd": ("off", "(1 line checked)")}, 0),
    ("a file that was just rotated", sshd("polling"), [], {"auth.log": "", "auth.log.1": LINE},
     {"sshd": ("ok", "")}, 0),
    ("a file without lines", sshd("polling"), [], {"auth.log": ""},
     {"sshd": ("off", "normal until OpenSSH has logged something")}, 0),
    ("a file without lines, and the journal has them", sshd("polling"), [LOGIN], {"auth.log": ""},
     {"sshd": ("error", "set backend = systemd and journalmatch = ")}, 69),
    ("no file at all", sshd("polling").replace("auth.log", "missing.log"), [], {},
     {"sshd": ("error", "none of its log files exists, and fail2ban does not start without one")}, 69),
    ("Exim, which writes its own file", EXIM.format("systemd"), [], {"exim4/mainlog": LINE},
     {"exim": ("error", "Exim writes /var/log/exim4/mainlog; in [exim] set backend = auto and "
               "logpath = /var/log/exim4/mainlog")}, 69),
    ("an expression that does not end", sshd("polling") + "filter = hopeless\n", [],
     {"auth.log": "host sshd[7]: " + "a" * 4000 + "\n"}, {"sshd": ("ok", "")}, 0),
    ("a jail without iprep", "[sshd]\nenabled = true\nbackend = systemd\n", [], {}, {}, 0),
    ("verdicts", BOTH, [], {}, {name: ("ok", "is empty until an address is confirmed")
                                for name in ("rep-confirmed", "rep-notorious")}, 0),
    ("verdicts in the journal", "[rep-confirmed]\nenabled = true\nbackend = systemd\n", [], {}, {}, 69),
)


def make_journal(directory, entries):
    """entries: [(unit, identifier, text)], in system.journal as systemd-journald writes it"""
    os.makedirs(directory)
    at = calendar.timegm((2026, 11, 29, 23, 10, 0)) * 10 ** 6
    text = "".join(f"__REALTIME_TIMESTAMP={at + n}\n__MONOTONIC_TIMESTAMP={n + 1}\n_BOOT_ID={'0a' * 16}\n_HOSTNAME=host\n"
                   f"_UID=0\n_SYSTEMD_UNIT={unit}\nSYSLOG_IDENTIFIER={name}\n_COMM={os.path.basename(name)}\n_PID=77\nMESSAGE={line}\n\n"
                   for n, (unit, name, line) in enumerate(entries))
    subprocess.run([JOURNALD, "--split-mode=none", "-o", f"{directory}/system.journal", "-"], input=text.encode(),
                   check=True, capture_output=True)


class Case(unittest.TestCase):
    """rep-check --self-test of a jail.local, with a journal and log files."""

    @classmethod
    def setUpClass(cls):
        cls.top = tempfile.mkdtemp(prefix="iprep-selftest.", dir="/var/tmp")
        cls.addClassCleanup(shutil.rmtree, cls.top)
        cls.packages = Packages(os.environ.get("IPREP_PACKAGES", f"{cls.top}/packages"))
        cls.dns = Server()
        cls.addClassCleanup(cls.dns.close)
        cls.dns.zones["one.test"] = Zone(b.not_listed())
        cls.server = Fail2ban(cls.packages, None, f"{cls.top}/fail2ban")
        cls.server.add_files(SHIPPED)
        words = " ".join(shlex.quote(word) for word in cls.server.command("client"))
        setting = " ".join(f"{name}={shlex.quote(value)}" for name, value in cls.server.environment().items())
        cls.client = f"{cls.top}/client"
        with open(cls.client, "w", encoding="utf-8") as file:
            file.write(f'#!/bin/sh\nexec env -i {setting} {words} "$@"\n')
        os.chmod(cls.client, 0o755)
        # the result must not depend on the tools of this host
        cls.firewalls = f"{cls.top}/firewalls"
        os.mkdir(cls.firewalls)
        for name in ("iptables", "ip6tables", "nft"):
            shutil.copy("/bin/true", f"{cls.firewalls}/{name}")

    def start(self, jails="", prefix=128):
        conf = CONF.replace("PORT", str(self.dns.port)).replace("PREFIX", str(prefix))
        self.place = place.Place(BIN, conf)
        self.addCleanup(self.place.close)
        self.place.write("auth.log", "")
        self.place.write("state/verdict.log", "", 0o640, place.OWNER)
        os.mkdir(self.place.path("log"))
        self.server.write("jail.local", (DEFAULT + ("" if "[sshd]" in jails else NO_SSHD) + jails).replace("{dir}", self.place.dir))

    def run_it(self, *args, client=None, before=""):
        command = self.place.command("rep-check", "--self-test", "--fail2ban", client or self.client, *args)
        script = ('mount --bind "$0" /usr/local/sbin && mount -t tmpfs tmpfs /var/log && mkdir -p /run/log && '
                  f'mount -t tmpfs tmpfs /run/log && cp -a "$1/." /var/log && shift || exit 99\n{before}\nexec "$@"')
        return process.run(["unshare", "--mount", "sh", "-c", script, self.firewalls, self.place.path("log"), *command],
                           check=False, timeout_s=120)

    def found(self, status, **more):
        """[(object, state, text)]"""
        p = self.run_it("--json", **more)
        self.assertEqual(p.returncode, status, p.stdout + p.stderr)
        rows = [json.loads(line) for line in p.stdout.splitlines()]
        return [(row["fail2ban"], row["state"], row["why"]) for row in rows if "fail2ban" in row]

    def rows(self, status, **more):
        """{object: (state, text)} of all rows except the version and the logs of jails."""
        return {what: (state, why) for what, state, why in self.found(status, **more)
                if not what.startswith("log of ") and not why.startswith("version ")}

    def logs(self, status, **more):
        """{jail: (state, text)} of the rows about logs."""
        return {what.removeprefix("log of "): (state, why) for what, state, why in self.found(status, **more)
                if what.startswith("log of ")}

    def put(self, journal, files):
        if journal:
            make_journal(self.place.path("log/journal/" + "0b" * 16), journal)
        for name, text in files.items():
            path = self.place.path(name if name.startswith("auth.log") else f"log/{name}")
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)

    def version(self):
        return self.server.client("-V").strip()


class SelfTest(Case):
    def test_the_rows_for_each_jail_local(self):
        for what, jails, prefix, said, status in ROWS:
            with self.subTest(what):
                self.start(jails, prefix)
                found = self.rows(status)
                self.assertEqual({name: state for name, (state, _) in found.items()},
                                 {name: state for name, (state, _) in said.items()}, found)
                for name, (_, why) in said.items():
                    self.assertIn(why, found[name][1])

    def test_the_rows_for_the_log_of_each_jail(self):
        self.server.write("filter.d/hopeless.conf", HOPELESS)
        for what, jails, journal, files, said, status in READS:
            with self.subTest(what):
                self.start(jails)
                self.put(journal, files)
                found = self.logs(status)
                self.assertEqual({name: state for name, (state, _) in found.items()},
                                 {name: state for name, (state, _) in said.items()}, found)
                for name, (_, why) in said.items():
                    self.assertIn(why, found[name][1])

    def test_a_failure_of_journalctl_is_reported_as_unknown(self):
        for script, why in (("exit 3", "journalctl: status 3"), ("echo no rights >&2; exit 1", "journalctl: no rights"),
                            ("exec yes", "journalctl: timed out, or printed too much")):
            with self.subTest(script):
                self.start(SASL)
                self.place.write("journalctl", f"#!/bin/sh\n{script}\n", 0o755)
                (state, said), = self.logs(0, before=f"mount --bind {self.place.path('journalctl')} /usr/bin/journalctl").values()
                self.assertEqual(state, "mismatch")
                self.assertIn("cannot check whether it reads anything: " + why, said)

    def test_a_fail2ban_that_is_too_old_is_reported_with_the_required_version(self):
        for text in ("0.11.2", "Fail2Ban v0.11.2\n\nCopyright (c) 2004-2008 Cyril Jaquier"):
            self.start()
            self.place.write("client", f"#!/bin/sh\necho '{text}'\n", 0o755)
            (what, state, why), = self.found(69, client=self.place.path("client"))
            self.assertEqual((what, state), ("fail2ban", "error"))
            self.assertIn("0.11.2 is too old; install 1.0 or newer", why)

    def test_stock_sets_of_nftables_accept_prefixes_since_1_1_1(self):
        self.start(BOTH.replace("true\n", "true\nbanaction = nftables[type=allports]\n"), 64)
        has_intervals = tuple(map(int, self.version().split("."))) >= (1, 1, 1)
        self.assertEqual("jail rep-confirmed" in self.rows(0 if has_intervals else 69), not has_intervals)

    def test_a_version_that_is_not_printed_is_a_mismatch(self):
        self.start()
        self.place.write("client", f'#!/bin/sh\n[ "$1" = -V ] || exec {self.client} "$@"\n', 0o755)
        self.assertEqual(self.found(0, client=self.place.path("client"))[0][:2], ("fail2ban", "mismatch"))

    def test_the_version_is_printed(self):
        self.start()
        self.assertEqual(self.found(0)[0], ("fail2ban", "ok", f"version {self.version()}"))

    def test_text_output_is_a_table(self):
        self.start(BOTH)
        text = self.run_it().stdout
        self.assertRegex(text, r"\nFAIL2BAN +STATE +WHY\nfail2ban +ok +version \S+\ntier known +ok +jail rep-confirmed bans for 1 d\n")

    def test_without_fail2ban_the_self_test_passes(self):
        self.start()
        self.assertEqual(self.rows(0, client="/nonexistent/fail2ban-client"),
                         {"fail2ban": ("off", "not installed, so verdicts cause no bans")})

    def test_a_fail2ban_without_the_capabilities_that_hooks_need_is_an_error(self):
        for capabilities, name, states in (("-setuid", "fail2ban-server", ["off", "off", "error"]),
                                           ("-setgid", "fail2ban-server", ["off", "off", "error"]),
                                           ("-chown", "fail2ban-server", ["off", "off"]),
                                           ("-setuid", "another", ["off", "off"])):     # an old pid file
            with self.subTest(capabilities, name=name):
                self.start()
                shutil.copy("/bin/sleep", self.place.path(name))
                command = self.place.command("rep-check", "--self-test", "--json", "--fail2ban", self.client)
                # a separate /run, with the process ID of a substitute for fail2ban
                script = ("mount -t tmpfs tmpfs /run && mkdir /run/fail2ban || exit 1\n"
                          f"setpriv --bounding-set {capabilities} {self.place.path(name)} 100 &\n"
                          "echo $! >/run/fail2ban/fail2ban.pid\n"
                          f"until grep -qx {name} /proc/$!/comm; do :; done\n"
                          '"$@"; status=$?; kill $!; exit $status')
                p = process.run(["unshare", "--mount", "sh", "-c", script, "sh", *command], check=False)
                rows = [json.loads(line) for line in p.stdout.splitlines() if "fail2ban" in json.loads(line)]
                rows = [row for row in rows if not row["why"].startswith("version ")]
                self.assertEqual([row["state"] for row in rows], states, p.stdout + p.stderr)
                self.assertEqual(p.returncode, 69 if "error" in states else 0)
                self.assertEqual("CAP_SETUID" in rows[-1]["why"], "error" in states)

    def test_a_client_that_fails_or_prints_nonsense_is_an_error(self):
        nonsense = "[[[[[[[[[[[[['x'\n['set', 'a\n['set', 'x', ['y', 'bantime'\n[\n['\\\n]\n"
        for script, why in (("exit 3", "status 3"), ("echo broken >&2; exit 1", "broken"), ("kill -9 $$", "status 137"),
                            (f"printf %s {shlex.quote(nonsense)}; exit 2", "status 2")):
            with self.subTest(script):
                self.start()
                self.place.write("client", f"#!/bin/sh\n{script}\n", 0o755)
                (state, said), = self.rows(69, client=self.place.path("client")).values()
                self.assertEqual(state, "error")
                self.assertIn(why, said)


if __name__ == "__main__":
    BIN = os.path.abspath(sys.argv.pop(1))
    unittest.main()
