# SPDX-License-Identifier: MIT
"""
test_hooks_exits.py - however a hook ends, fail2ban goes on, and no failure becomes a ban

A real fail2ban whose hooks are missing, crash, hang, lie, or must not become another user.
"""

import contextlib
import os
import signal
import sqlite3
import time

from host import process
from host.cases import SOON_S, HookCase, tell
from host.host import VERDICT_JAILS
from host.jails import one_line_jail
from places import OWNER

NO_SETUID = ("setpriv", "--bounding-set", "-setuid,-setgid", "--inh-caps", "-setuid,-setgid")

# An action that prints, and leaves a mark.
CHATTY = """\
[Definition]
actionban = echo spoke of <ip>; touch {dir}/spoke-<ip>
"""


class Gate(HookCase):
    """ignorecommand: only 10 counts a line."""

    def tearDown(self):
        self.host.mode("rep-check")

    def blocked(self, n=1):
        """Addresses with a block on disk."""
        return self.attackers(*["known"] * n, jails=("sshd", "rep-confirmed"))

    def lines_are_ignored(self, *addresses):
        for address in addresses:
            self.host.ambiguous(address)
            self.until(lambda one=address: self.host.ignored(one), f"{address} is ignored", SOON_S)
        banned = self.host.bans_of("rep-sendmail-ambiguous")
        self.assertEqual(set(addresses) & set(banned), set())

    def test_a_blocked_address_is_counted_and_an_unlisted_one_is_ignored(self):
        address, = self.blocked()
        self.host.ambiguous(address)
        self.until_banned(address, "rep-sendmail-ambiguous")
        self.assertEqual(self.host.ignored(address), 0)
        self.lines_are_ignored(self.address("unlisted"))

    def test_with_a_program_that_is_killed_the_line_is_ignored_and_other_jails_ban(self):
        address, = self.blocked()
        self.host.mode("rep-check", "hang")
        self.host.ambiguous(address)
        calls = self.until(lambda: self.host.calls(" hang ", "--gate", address),
                           "the gate hangs", SOON_S)
        self.assertEqual(self.host.ignored(address), 0)
        self.host.mode("rep-check")
        os.kill(int(calls[0].split()[0]), signal.SIGKILL)
        self.until(lambda: self.host.ignored(address), f"{address} is ignored", SOON_S)
        self.assertNotIn("rep-sendmail-ambiguous", self.bans(address))
        self.others_are_banned()

    def test_if_the_program_is_missing_crashes_or_says_anything_else_lines_are_ignored_and_other_jails_ban(self):
        modes = ("missing", "crash", *(f"status-{number}" for number in (1, 2, 64, 70, 75, 78, 126, 127, 255)))
        for mode, address in zip(modes, self.blocked(len(modes))):
            with self.subTest(mode):
                self.host.mode("rep-check", mode)
                self.lines_are_ignored(address)
                self.assertEqual(bool(self.host.calls(f" {mode} ", "--gate", address)), mode != "missing")
                self.others_are_banned()


class IsBlocked(HookCase):
    """The ignorecommand of the verdict jails: only 10 bans, so an old line never bans an address that was pardoned."""

    def setUp(self):
        self.addCleanup(self.host.mode, "rep-check")

    def pardoned(self, n=1):
        """[(address, the number of lines ignored so far)] of addresses that both verdict jails had banned"""
        addresses = self.attackers(*["notorious"] * n, jails=VERDICT_JAILS)
        self.given_up = self.host.log().count("timed out after")
        self.host.shell(f"fail2ban-client unban $(rep-purge --pardon 30d {' '.join(addresses)})")
        self.until_idle()
        return [(address, self.host.ignored(address)) for address in addresses]

    def read_again(self, address):
        """fail2ban reads the line of the verdict once more, as after a crash."""
        with open(self.iprep.log_path, "r+", encoding="ascii") as file:
            line = [line for line in file if f" ip={address} " in line][-1]
            file.write(time.strftime("%Y-%m-%dT%H:%M:%S+0000", time.gmtime()) + line[line.index(" "):])

    def until_ignored(self, address, before):
        """By both jails, and neither has given up waiting."""
        self.until(lambda: self.host.ignored(address) >= before + len(VERDICT_JAILS), f"{address} is ignored", SOON_S)
        self.assertEqual(self.bans(address), {})
        self.assertEqual(self.host.log().count("timed out after"), self.given_up)

    def test_however_the_check_ends_a_pardoned_address_is_not_banned(self):
        modes = ("crash", "status-0", "status-1", "status-70", "status-75", "status-126", "status-127", "status-255",
                 "limit -v 2000", "limit -n 2", "limit -f 0", "limit -s 8")
        for mode, (address, before) in zip((None, *modes), self.pardoned(1 + len(modes))):
            with self.subTest(mode):
                self.host.mode("rep-check", mode)
                self.read_again(address)
                self.until_ignored(address, before)
        self.host.mode("rep-check")
        self.others_are_banned()

    def test_a_check_that_is_missing_bans_no_address(self):
        (address, before), = self.pardoned()
        self.host.mode("rep-check", "missing")
        self.read_again(address)
        self.until_ignored(address, before)

    def test_a_check_that_is_killed_bans_no_address(self):
        (address, before), = self.pardoned()
        self.host.mode("rep-check", "hang")
        self.read_again(address)
        killed = set()

        def kill_new():
            for call in self.host.calls(" hang ", "--is-blocked", address):
                if call not in killed:
                    self.assertLess(self.host.ignored(address), before + len(VERDICT_JAILS))
                    os.kill(int(call.split()[0]), signal.SIGKILL)
                    killed.add(call)
            return len(killed) == len(VERDICT_JAILS)
        self.until(kill_new, "the checks of both jails were killed", SOON_S)
        self.until_ignored(address, before)
        self.others_are_banned()

    def test_a_check_that_is_stopped_or_finds_the_database_locked_ends(self):
        """Its work is done as the owner of the state, who can stop it. It is not resumed."""
        for is_stopped in (False, True):
            with self.subTest(is_stopped=is_stopped):
                (address, before), = self.pardoned()
                self.until_idle()
                db = sqlite3.connect(f"{self.iprep.path('state')}/iprep.db", isolation_level=None, timeout=SOON_S)
                self.addCleanup(db.close)
                db.execute("PRAGMA locking_mode = EXCLUSIVE")
                db.execute("BEGIN EXCLUSIVE")
                checks = len(self.host.calls("--is-blocked", address))
                began = time.monotonic()
                self.read_again(address)
                if is_stopped:
                    for n in range(checks, checks + len(VERDICT_JAILS)):
                        self.until(lambda n=n: self.stop_child(address, n), "the check works in a child", SOON_S)
                self.until_ignored(address, before)
                db.close()
                tell(f"SEEN: two checks that {'were stopped' if is_stopped else 'found the database locked'} took "
                     f"{time.monotonic() - began:.1f} s")
        self.others_are_banned()

    def stop_child(self, address, n):
        """Stop the child of the nth call, if it already has one."""
        calls = self.host.calls("--is-blocked", address)
        with contextlib.suppress(IndexError, FileNotFoundError, ProcessLookupError):
            pid = int(calls[n].split()[0])
            with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
                os.kill(int(file.read().split()[0]), signal.SIGSTOP)
            return True
        return False


class Enqueue(HookCase):
    """actionban: when it fails it is run once more, and the ban does not care."""

    jails = one_line_jail("by-id", "id=<F-ID>.+</F-ID>", "action = iprep") + one_line_jail(
        "by-id-gated", "id=<F-ID>.+</F-ID>", "action =", "ignorecommand = %(rep_gate)s", log="by-id")
    logs = ("by-id",)

    def tearDown(self):
        for program in ("rep-report", "rep-check"):
            self.host.mode(program)

    def banned_and_reported_once(self, address):
        self.until_banned(address, "sshd")
        self.until_closed(address, 22)
        self.until(lambda: self.host.reports(address), f"{address} is reported")
        self.reported_once(address)
        self.nothing_waits()

    def test_a_first_call_that_failed_is_repeated_and_gives_one_report_whether_it_had_recorded_or_not(self):
        for mode in ("first-fails", "first-lies"):
            with self.subTest(mode):
                self.host.mode("rep-report", mode)
                address, = self.attackers("unlisted")
                self.banned_and_reported_once(address)
                self.assertEqual(len(self.host.calls("--enqueue", address)), 2)

    def test_after_a_locked_database_the_retry_gives_one_report(self):
        address = self.address("unlisted")
        self.until_idle()
        db = sqlite3.connect(f"{self.iprep.path('state')}/iprep.db", isolation_level=None)
        self.addCleanup(db.close)
        db.execute("BEGIN IMMEDIATE")
        self.host.attack("sshd", address)
        process.wait_for(lambda: "locked by another process" in self.host.log(), SOON_S)
        db.execute("ROLLBACK")
        db.close()
        self.iprep.sql("SELECT 1")
        self.banned_and_reported_once(address)
        self.assertGreater(len(self.host.calls("--enqueue", address)), 1)

    def test_a_hook_that_always_fails_is_run_twice_and_the_ban_remains(self):
        for mode in ("status-75", "crash"):
            with self.subTest(mode):
                self.host.mode("rep-report", mode)
                address, = self.attackers("unlisted")
                self.until_closed(address, 22)
                says = ("Failed to execute ban jail 'sshd' action 'iprep' info "
                        f"'ActionInfo({{'ip': '{address}'")
                self.until(lambda text=says: text in self.host.log(), "fail2ban says so", SOON_S)
                self.assertEqual(len(self.host.calls("--enqueue", address)), 2)
                self.others_are_banned()
        self.nothing_waits()

    def test_without_the_programs_the_ban_remains(self):
        self.host.mode("rep-report", "missing")
        address, = self.attackers("unlisted")
        self.until_closed(address, 22)
        self.until(lambda: "rep-report: not found" in self.host.log(),
                   "fail2ban says what is missing", SOON_S)
        self.others_are_banned()

    def test_a_ban_by_hand_is_looked_up_and_not_reported(self):
        address, other = self.address("known"), self.address("unlisted")
        self.host.client("set", "sshd", "banip", address, other)
        for one in (address, other):
            self.until(lambda one=one: len(self.host.calls("--enqueue", one)) == 1, "the hook has run", SOON_S)
            self.assertIn("--failures=0", self.host.calls("--enqueue", one)[0])
        self.until(lambda: self.host.known(address)["verdict"] == "confirmed", "it was looked up")
        self.assertEqual(self.host.known(address)["tier"], "known")
        self.assertEqual([self.host.reports(one) for one in (address, other)], [0, 0])

    def test_a_subnet_is_refused_with_a_clear_line_and_nothing_is_recorded(self):
        before = self.iprep.verdict_log()
        self.host.client("set", "sshd", "banip", "10.0.0.0/8", check=False)
        self.host.client("set", "sshd", "banip", "45.40.0.0/24", check=False)
        for subnet in ("10.0.0.0/8", "45.40.0.0/24"):
            self.until(lambda one=subnet: self.host.log().count(
                f"rep-report: {one}: not an IP address") == 2, f"{subnet} is refused twice", SOON_S)
        self.nothing_waits()
        self.assertEqual(self.iprep.verdict_log(), before)
        self.assertEqual([self.host.reports(one) for one in ("10.0.0.0", "45.40.0.0")], [0, 0])

    def test_text_in_place_of_an_address_is_one_argument_refused_and_recorded_nowhere(self):
        victim = self.address("unlisted")
        loot = f"touch {self.top}/loot"
        texts = [f"{victim} --retract {victim}", f"{victim}; rep-purge {victim}", f"-- {victim}",
                 f"--comment={victim}", "--flush", "--status", "--help", "--version", "-n",
                 f"{victim}/32x", f"{victim}\t{victim}", f"$({loot})", f"`{loot}`", "0", "-",
                 f" {victim}", f"{victim}\u00a0", "x" * 3000]
        for text in texts:
            self.line("by-id", f"FAILED id={text}")
        last = self.address("unlisted")
        self.line("by-id", f"FAILED id={last}")
        self.until(lambda: self.host.reports(last), "the address at the end is reported")
        self.until(lambda: self.host.ignored(last), "the gate was asked about it", SOON_S)
        self.until_idle()
        self.assertEqual(self.host.reports(victim), 0)
        self.assertEqual([f for f in self.host.known(victim)["findings"] if f["answered_at"]], [])
        self.nothing_waits()
        self.assertFalse(os.path.exists(f"{self.top}/loot"))
        log = self.host.log()
        # each was refused twice, by the text's own line; fail2ban may strip what is around it
        self.assertGreaterEqual(log.count(": not an IP address"), 2 * (len(texts) - 2))
        for line in self.host.calls("--enqueue", "--jail=by-id "):
            self.assertRegex(line, r" --failures=\d+ --time=[\d.]+ -- ")   # the text is behind "--"
        self.assertGreaterEqual(log.count("[by-id-gated] Ignore "), len(texts) - 2)
        self.assertEqual(self.host.bans_of("by-id-gated"), {})


class Debug(HookCase):
    """At log level DEBUG fail2ban reads what a hook prints, up to the end of the pipe."""

    jails = one_line_jail("quiet", "from <ADDR>", "action = iprep", "         chatty")
    logs = ("quiet",)
    start = False

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.iprep.set("general", "timeout_ms = 60000")     # the worker waits for this time
        cls.host.write("action.d/chatty.conf", CHATTY.format(dir=cls.top))
        cls.host.start()

    def setUp(self):
        self.addCleanup(self.dns.resume)

    def ban_s(self, level):
        """How long until the action behind the hook has run, the client's start included."""
        self.dns.resume()
        self.until_idle()
        self.dns.pause()
        self.host.client("set", "loglevel", level)
        address = self.address("known")
        began = time.monotonic()
        self.host.client("set", "quiet", "banip", address)
        spoke = f"{self.top}/spoke-{address}"
        self.until(lambda: os.path.exists(spoke), "the action behind the hook has run", SOON_S)
        self.assertEqual(len(self.host.calls("--enqueue", address)), 1)
        return address, time.monotonic() - began

    def test_a_hook_does_not_hold_the_pipe_while_its_worker_lives(self):
        took = {}
        for level in ("INFO", "DEBUG"):
            address, took[level] = self.ban_s(level)
            workers = self.until(self.host.workers, "the hook has started a worker", SOON_S)
            # the second action ran behind the hook: fail2ban did not wait for the worker
            self.attackers("unlisted", jails=("dovecot",))
            self.assertEqual(self.host.workers(), workers, "the same worker lives on")
            self.assertEqual(self.host.known(address)["verdict"], "unknown")
        tell(f"SEEN: a ban with its hook took {took['INFO']:.2f} s at INFO, "
             f"{took['DEBUG']:.2f} s at DEBUG")

    def test_hooks_print_nothing(self):
        self.host.client("set", "loglevel", "DEBUG")
        addresses = [self.address(kind) for kind in ("known", "unlisted")]
        for address in addresses:
            self.host.client("set", "quiet", "banip", address)
            self.host.ambiguous(address)
        for address in addresses:
            self.until(lambda one=address: self.host.ignored(one) or "rep-sendmail-ambiguous"
                       in self.bans(one), "the gate has answered", SOON_S)
            self.until(lambda one=address: f"-- stdout: 'spoke of {one}'" in self.host.log(),
                       "fail2ban shows what an action prints", SOON_S)
        said = [line for line in self.host.log().splitlines()
                if "-- stdout:" in line or "-- stderr:" in line]
        self.assertEqual([line for line in said if "spoke of" not in line], [])


class NotAllowed(HookCase):
    """A fail2ban unit that was hardened too much: root that cannot become another user."""

    start = False

    def setUp(self):
        if self.host.server is None:
            self.host.wrap = NO_SETUID
            self.host.start()

    def run_there(self, *words):
        return process.run(self.host.space.command([*NO_SETUID, *words]), check=False)

    def test_the_ban_remains_and_the_log_names_the_missing_capabilities(self):
        address, = self.attackers("known")
        self.until_closed(address, 22)
        needs = (f"rep-report: cannot become user {OWNER}, the owner of the state: Operation not "
                 "permitted (a service needs CAP_SETUID and CAP_SETGID)")
        self.until(lambda: needs in self.host.log(), "fail2ban's log says so", SOON_S)
        self.until(lambda: needs.replace("rep-report", "rep-check") in self.host.log(),
                   "so does actioncheck", SOON_S)
        self.others_are_banned()

    def test_the_gate_ignores(self):
        address = self.address("known")
        self.host.ambiguous(address)
        self.until(lambda: self.host.ignored(address), f"{address} is ignored", SOON_S)
        self.assertEqual(self.bans(address), {})

    def test_ready_and_self_test_say_what_is_wrong(self):
        for how in ("--ready", "--self-test"):
            done = self.run_there(*self.iprep.argv("rep-check", how))
            self.assertEqual(done.returncode, 71, how)
            self.assertIn("a service needs CAP_SETUID and CAP_SETGID", done.stderr)
        self.assertEqual(self.iprep.run("rep-check", "--ready").returncode, 0)

    def test_nothing_is_left_behind_that_the_owner_cannot_use(self):
        """root without CAP_SETUID made no file in the state."""
        state = f"{self.iprep.path('state')}"
        owners = {os.stat(f"{state}/{name}").st_uid for name in os.listdir(state)}
        self.assertEqual(owners, {OWNER})
