# SPDX-License-Identifier: MIT
"""
test_python_action.py - action.d/iprep.py in place of the shell commands, in a real fail2ban

rep-check and rep-report are called through a wrapper, which notes each call, and can hang, crash or lie.
"""

import os
import signal

from host.cases import SOON_S, HookCase

JAILS = """\
[sshd]
action = %(action_)s
         iprep.py[category="18,22", rep_check="%(rep_check)s"]
[rep-sendmail-ambiguous]
action = %(known/action)s
         iprep.py[mode=gate, rep_check="%(rep_check)s"]
[rep-confirmed]
banaction = iprep-nftables.py
action = %(known/action)s
         iprep.py[mode=is-blocked, rep_check="%(rep_check)s"]
[rep-notorious]
banaction = iprep-nftables.py
action = %(known/action)s
         iprep.py[mode=is-blocked, rep_check="%(rep_check)s"]
"""


class Action(HookCase):
    jails = JAILS

    def tearDown(self):
        self.host.mode("rep-check")

    def gates(self):
        """Ids of the processes that serve."""
        return [pid for pid in self.host.space.pids() if "--serve" in cmdline(pid)]

    def until_served(self):
        return self.until(self.gates, "the gate runs", SOON_S)[0]

    def ignored(self, address):
        return self.host.read(self.host.log_path).count(f"Ignore {address} by iprep")

    def no_command_ran(self):
        self.assertEqual(self.host.calls("--gate", " -- "), [])
        self.assertEqual(self.host.calls("--is-blocked"), [])
        self.assertEqual(self.host.calls("--enqueue"), [])

    def confirmed_by(self, jail, address):
        self.host.attack(jail, address)
        self.until_banned(address, "rep-confirmed")
        self.until_idle()

    def test_a_listed_address_is_banned_and_reported_without_a_command(self):
        address, = self.attackers("notorious", jails=("sshd", "rep-confirmed", "rep-notorious"))
        self.until(lambda: self.host.reports(address) == 1, "it is reported")
        self.until_closed(address)
        self.no_command_ran()
        self.assertEqual(len(self.gates()), 1)

    def test_one_ambiguous_line_of_a_listed_address_is_enough_and_an_unlisted_one_is_only_ignored(self):
        listed, unlisted = self.address("known"), self.address("unlisted")
        self.host.ambiguous(unlisted)
        self.confirmed_by("ambiguous", listed)
        self.until(lambda: self.ignored(unlisted), "it is ignored", SOON_S)
        self.assertEqual(self.bans(unlisted), {})
        # no ban is called one that is none
        log = self.host.read(self.host.log_path)
        self.assertNotIn(f"Ban {unlisted}", log)
        self.assertNotIn(f"Found {unlisted}", log)
        self.assertNotIn(f"[rep-sendmail-ambiguous] Ban {listed}", log)
        self.no_command_ran()

    def test_a_blocked_address_that_is_seen_again_is_banned_by_the_gated_jail(self):
        address = self.address("known")
        self.confirmed_by("ambiguous", address)
        self.host.ambiguous(address)
        self.until_banned(address, "rep-sendmail-ambiguous")

    def test_an_old_line_of_a_pardoned_address_does_not_ban_it(self):
        address, other = self.address("known"), self.address("known")
        self.confirmed_by("ambiguous", address)
        line, = [one for one in self.host.read(self.iprep.log_path).splitlines() if f"ip={address} " in one]
        self.iprep.run("rep-purge", "--pardon", "1d", address, check=True)
        self.unban("rep-confirmed", address)
        with open(self.iprep.log_path, "a", encoding="ascii") as file:
            file.write(f"{line}\n")
        self.confirmed_by("ambiguous", other)       # its line is behind
        self.assertNotIn("rep-confirmed", self.bans(address))

    def test_bans_are_restored_and_nothing_is_reported_twice(self):
        address, = self.attackers("known", jails=("sshd", "rep-confirmed"))
        self.until(lambda: self.host.reports(address) == 1, "it is reported")
        self.until_idle()
        self.host.restart()
        self.until_banned(address, "sshd", "rep-confirmed")
        self.reported_once(address)

    def test_a_reload_keeps_it_and_without_it_the_command_runs_again(self):
        unlisted, later, last = (self.address("unlisted") for _ in range(3))
        self.host.client("reload")
        self.host.ambiguous(unlisted)
        self.until(lambda: self.ignored(unlisted), "it is ignored", SOON_S)
        self.no_command_ran()
        self.host.write("jail.d/more.local", "")
        self.addCleanup(self.again)
        self.host.client("reload")
        self.until(lambda: not self.gates(), "no gate is left", SOON_S)
        self.host.ambiguous(later)
        self.until(lambda: self.host.calls("--gate", " -- ", later), "the command runs", SOON_S)
        self.again()
        self.host.ambiguous(last)
        self.until(lambda: self.ignored(last), "it is ignored", SOON_S)
        self.assertEqual(self.host.calls("--gate", " -- ", last), [])

    def again(self):
        """fail2ban drops an action that a reload adds to a running jail."""
        self.host.write("jail.d/more.local", JAILS)
        self.host.restart()
        open(f"{self.host.bin}/calls", "w", encoding="ascii").close()

    def entries(self, jail="rep-confirmed"):
        return self.host.nft("list", "table", "inet", f"f2b-{jail}", check=False)

    def test_after_the_rules_were_flushed_the_next_ban_brings_all_back(self):
        first, = self.attackers("known", jails=("sshd", "rep-confirmed"))
        self.until_closed(first)
        self.host.nft("flush", "ruleset")
        second = self.address("known")
        self.confirmed_by("ambiguous", second)
        for address in (first, second):
            self.until(lambda address=address: address in self.entries(), f"{address} is in the firewall", SOON_S)
            self.until_closed(address)

    def test_an_end_of_a_ban_removes_just_its_entry_also_if_it_is_gone_already(self):
        first, second = self.attackers("known", "known", jails=("sshd", "rep-confirmed"))
        for address in (first, second):
            self.until(lambda address=address: address in self.entries(), f"{address} is in the firewall", SOON_S)
        self.host.nft("delete", "element", "inet", "f2b-rep-confirmed", "addr4", f"{{ {first} }}")
        for address in (first, second):
            self.unban("rep-confirmed", address)
        third = self.address("known")
        self.confirmed_by("ambiguous", third)
        self.until(lambda: third in self.entries(), f"{third} is in the firewall", SOON_S)
        self.assertNotIn(first, self.entries())
        self.assertNotIn(second, self.entries())
        self.assertNotIn("not in the firewall", self.host.read(self.host.log_path))

    def gate_is_hurt(self, hurt):
        """Other jails ban, and nothing that happened in the meantime is lost."""
        self.host.ambiguous(self.address("unlisted"))
        hurt(self.until_served())
        self.others_are_banned()
        address, = self.attackers("known")
        self.until_banned(address, "sshd", "rep-confirmed")
        self.until(lambda: self.host.reports(address) == 1, "it is reported")
        self.no_command_ran()

    def test_one_that_is_killed_is_started_again(self):
        self.gate_is_hurt(lambda pid: os.kill(pid, signal.SIGKILL))

    def test_one_that_is_stopped_is_killed_and_started_again(self):
        self.gate_is_hurt(lambda pid: os.kill(pid, signal.SIGSTOP))

    def failing(self, mode, end=lambda: None):
        """Whatever the program does, other jails ban; afterwards everything is recorded."""
        pid = self.until_served() if self.gates() else None
        self.host.mode("rep-check", mode)
        if pid:
            os.kill(pid, signal.SIGKILL)
        address, = self.attackers("known")
        ambiguous = self.address("known")
        self.host.ambiguous(ambiguous)
        self.others_are_banned()
        self.until(lambda: self.ignored(ambiguous), "it is ignored", SOON_S)
        self.assertEqual(self.host.reports(address), 0)
        self.host.mode("rep-check")
        end()
        self.until_banned(address, "rep-confirmed")
        self.until_banned(ambiguous, "rep-confirmed")
        self.until(lambda: self.host.reports(address) == 1, "it is reported")

    def test_with_one_that_crashes_nothing_is_lost(self):
        self.failing("crash")

    def test_with_one_that_is_missing_nothing_is_lost(self):
        self.failing("missing")

    def test_with_one_that_answers_nothing_nothing_is_lost(self):
        self.failing("hang")

    def test_with_one_that_answers_garbage_nothing_is_lost(self):
        self.failing("babble")

    def test_what_is_unanswered_at_the_end_is_handed_over(self):
        self.host.ambiguous(self.address("unlisted"))
        os.kill(self.until_served(), signal.SIGSTOP)
        address, = self.attackers("known")
        self.host.stop()
        self.until(lambda: self.host.known(address)["report"] or self.host.waiting()[0], "it is recorded", SOON_S)
        self.until(lambda: not self.gates(), "no gate is left", SOON_S)
        self.host.start()


def cmdline(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read().decode(errors="replace")
    except OSError:
        return ""
