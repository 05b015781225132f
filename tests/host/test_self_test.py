# SPDX-License-Identifier: MIT
"""
test_self_test.py - rep-check --self-test reports what is wrong with fail2ban's jails

The real fail2ban-client, with Debian's configuration and ours, prints the effective configuration; no server
runs. Each row of tests/data/self_test_*.tsv is a case with the rows that the self-test must print.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys

import rows
from host import TOP, process
from host.jails import jail_local
from host.self_test import SelfTestCase, Space, about_fail2ban, findings
from places import PROGRAMS

sys.path.append(f"{TOP}/cmd/rep-check/libexec")
import jails                # of the self-test itself

HOPELESS = "[Definition]\nprefregex = (?:\\w+\\s*)+=$\nfailregex = ^<HOST>\n"
SASL = "postfix-sasl: | backend = systemd | action = iprep[category=18]"
NO_UFW = "ufw is not active, so this jail cannot ban; run \"ufw enable\", or set another banaction"


@rows.each("self_test_jails.tsv")
class Jails(SelfTestCase):
    def try_row(self, row):
        self.start(row["jails"], row["prefix"])
        self.compare(self.rows(int(row["status"])), findings(row["findings"]))


@rows.each("self_test_logs.tsv")
class Logs(SelfTestCase):
    def try_row(self, row):
        self.server.write("filter.d/hopeless.conf", HOPELESS)
        self.start(row["jails"])
        self.put(row["journal"], row["files"])
        self.compare(self.logs(int(row["status"])), findings(row["findings"]))


@rows.each("self_test_firewalls.tsv")
class Firewalls(SelfTestCase):
    def try_row(self, row):
        self.start("rep-spray: | banaction = " + row["banaction"])
        with self.installed({row["program"]: row["script"]}):
            found = self.rows(69 if row["finding"].startswith("error") else 0)
        found = {"it": [finding for finding in found["jail rep-spray"] if finding[0] != "ok"]}
        self.compare(found, {"it": [], **findings(f"it = {row['finding']}" if row["finding"] != "-" else "-")})


class SelfTest(SelfTestCase):
    def test_a_backend_whose_module_is_missing_is_reported_also_for_jails_of_others(self):
        """One such jail, and fail2ban does not start."""
        needs = "is not installed, so fail2ban does not start; apt install python3-"
        gated = "rep-sshd-ambiguous"
        for module, text, name in (("systemd", SASL, "postfix-sasl"), ("systemd", "sshd: | backend = systemd", "sshd"),
                                   ("systemd", f"{gated}: | backend = systemd[journalflags=1]", gated),
                                   ("pyinotify", "sshd: | backend = pyinotify", "sshd")):
            with self.subTest(name):
                self.start(text)
                os.rename(f"{self.modules}/systemd", f"{self.modules}/elsewhere")
                try:
                    found = self.rows(69)
                finally:
                    os.rename(f"{self.modules}/elsewhere", f"{self.modules}/systemd")
                self.assertTrue(any(state == "error" and needs + module in why for state, why in found[f"jail {name}"]),
                                found)

    def test_a_tier_whose_firewall_does_not_answer_is_unknown(self):
        self.start("rep-confirmed: | banaction = firewallcmd-new | rep-notorious:")
        with self.installed({"firewall-cmd": "exit 1"}):
            self.compare(self.rows(0), findings(
                "tier known = unknown: whether jail rep-confirmed bans was not checked; see its row | "
                "tier notorious = ok | jail rep-confirmed = unknown: exit status 1"))

    def test_the_page_and_the_self_test_have_the_same_shared_banactions(self):
        with open(f"{TOP}/lib/man/iprep.7", encoding="ascii") as file:
            rows = re.findall(r"^\.It (.*) Ta ends early", file.read(), re.M)
        names = [name for row in rows for name in row.split(", ")]
        names = {name if name[0] != "-" else "firewallcmd" + name for name in names}
        self.assertEqual(names, set(jails.SHARED_ACTIONS))

    def test_a_failure_of_journalctl_is_reported_as_unknown(self):
        for script, why in (("exit 3", "journalctl: status 3"), ("echo no rights >&2; exit 1", "journalctl: no rights"),
                            ("exec yes", "journalctl: timed out, or printed too much")):
            with self.subTest(script):
                self.start(SASL)
                self.place.write("journalctl", f"#!/bin/sh\n{script}\n", 0o755)
                before = f"mount --bind {self.place.path('journalctl')} /usr/bin/journalctl"
                ((state, said),), = self.logs(0, before=before).values()
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
        self.start("rep-confirmed, rep-notorious: | banaction = nftables[type=allports]", 64)
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
        self.start("rep-confirmed, rep-notorious:")
        text = self.run_it().stdout
        self.assertRegex(text, r"\nFAIL2BAN +STATE +WHY\nfail2ban +ok +version \S+\nrunning fail2ban +unknown +it is not running, [^\n]+\ntier known +ok +jail rep-confirmed bans for 1 d\n")

    def test_without_fail2ban_the_self_test_passes(self):
        self.start()
        self.assertEqual(self.rows(0, client="/nonexistent/fail2ban-client"),
                         {"fail2ban": [("off", "not installed, so verdicts cause no bans")]})

    def test_a_client_that_fails_or_prints_nonsense_is_an_error(self):
        nonsense = "[[[[[[[[[[[[['x'\n['set', 'a\n['set', 'x', ['y', 'bantime'\n[\n['\\\n]\n"
        for script, why in (("exit 3", "status 3"), ("echo broken >&2; exit 1", "broken"), ("kill -9 $$", "status 137"),
                            (f"printf %s {shlex.quote(nonsense)}; exit 2", "status 2")):
            with self.subTest(script):
                self.start()
                self.place.write("client", f"#!/bin/sh\n{script}\n", 0o755)
                ((state, said),), = self.rows(69, client=self.place.path("client")).values()
                self.assertEqual(state, "error")
                self.assertIn(why, said)


IN_PLACE = (f"[DEFAULT] | rep_check = {PROGRAMS}/rep-check --config={{dir}}/iprep.conf | "
            "banaction_allports = iptables-allports | ")


class Server(SelfTestCase):
    """The self-test sees what the process of fail2ban may do."""

    def start_server(self, is_real=True, script=":", words=(), text="rep-confirmed, rep-notorious:"):
        self.start(IN_PLACE + text)
        self.place.run("rep-check", "--ready")
        space = Space(script, words, self.place.dir)
        if is_real:
            self.server.forget()
            for name in ("iptables", "ip6tables"):
                shutil.copy("/bin/true", f"{self.server.directory}/bin/{name}")
            self.server.space = space
            self.server.start()
            self.addCleanup(self.server.stop)
        else:
            self.start_substitute(space)
        self.before = f"mount -t tmpfs tmpfs /run && mkdir /run/fail2ban && cp {self.server.directory}/pid /run/fail2ban/fail2ban.pid"

    def start_substitute(self, space, name="fail2ban-server"):
        substitute = self.place.path(name)
        shutil.copy("/bin/sleep", substitute)
        # pylint: disable=consider-using-with
        child = subprocess.Popen(space.command([substitute, "1000"]), stdin=subprocess.DEVNULL,
                                 env={"PATH": f"{self.firewalls}:/usr/sbin:/usr/bin:/sbin:/bin"})
        self.addCleanup(child.wait)
        self.addCleanup(child.kill)

        def has_started():
            with open(f"/proc/{child.pid}/comm", encoding="ascii") as file:
                return file.read().strip() == name[:15]
        self.assertTrue(process.wait_for(has_started, 60, every_s=0.02))
        with open(f"{self.server.directory}/pid", "w", encoding="ascii") as file:
            file.write(f"{child.pid}\n")

    def seen(self):
        """[(object, state, text)] and the exit status"""
        p = self.run_it("--json", before=self.before)
        return about_fail2ban(p.stdout), p.returncode


@rows.each("self_test_processes.tsv")
class Processes(Server):
    def try_row(self, row):
        self.start_server(row["server"] == "real", row["before"], () if row["words"] == "-" else row["words"].split())
        found, status = self.seen()
        wanted = findings(row["findings"].replace("DIR", self.place.dir).replace("BIN", PROGRAMS))
        for one, its in wanted.items():
            for state, part in its:
                self.assertTrue(any((one, state) == seen[:2] and part in seen[2] for seen in found),
                                (one, state, part, found))
        is_fine = findings("FINE")["running fail2ban"][0]
        self.assertEqual(("running fail2ban", *is_fine) in found, is_fine in wanted.get("running fail2ban", []), found)
        has_error = any(state == "error" for its in wanted.values() for state, _ in its)
        self.assertEqual(status, 69 if has_error else 0, found)


class Running(Server):
    def test_the_firewall_is_asked_where_the_server_runs(self):
        """The other mount namespace has another ufw."""
        with self.installed({"ufw": "echo Status: active"}):
            self.start_server(False, "printf '#!/bin/sh\\necho Status: inactive\\n' >$0/ufw && chmod 755 $0/ufw && "
                              f"mount --bind $0/ufw {self.firewalls}/ufw", text="rep-spray: | banaction = ufw")
            found, status = self.seen()
        self.assertIn(("jail rep-spray", "error", NO_UFW), found)
        self.assertEqual(status, 69)

    def test_the_process_id_of_another_program_is_not_taken_for_fail2ban(self):
        self.start_server(False)
        self.start_substitute(Space(":", ("setpriv", "--bounding-set", "-setuid"), self.place.dir), "another")
        found, status = self.seen()
        self.assertIn(("running fail2ban", "unknown", "it is not running, so its jails and what its hooks can write were not "
                       "checked"), found)
        self.assertEqual(status, 0)

    def test_a_jail_that_is_enabled_but_does_not_run_is_reported(self):
        self.start_server(text="rep-confirmed:")
        self.assertEqual(self.seen()[1], 0)
        with open(f"{self.server.config}/jail.local", "a", encoding="ascii") as file:
            file.write(jail_local("rep-notorious:"))
        found, status = self.seen()
        self.assertIn(("jail rep-notorious", "error", "it is enabled, but does not run; fail2ban.log says why"), found)
        self.assertEqual(status, 69)

    def test_a_server_whose_jails_cannot_be_asked_is_unknown(self):
        self.start_server(False)
        found, status = self.seen()
        self.assertIn(("running fail2ban", "unknown", "its jails were not checked: fail2ban-client status failed"), found)
        self.assertEqual(status, 0)
