# SPDX-License-Identifier: MIT
"""
test_hooks_bans.py - bans outlive what happens to fail2ban, and nothing is reported twice

Restart and reload with a resolver that is down, a database of fail2ban that is gone, two jails for
one address, undo, and a resolver and an API that hang: against a real fail2ban.
"""

import contextlib
import os
import sqlite3

from host import process
from host.cases import MINUTES_10, SOON_S, HookCase
from host.jails import one_line_jail
from places import DAY, YEAR


class Restart(HookCase):
    def gated(self):
        """An address in the gated jail, by its block on disk."""
        address = self.confirmed()
        self.host.ambiguous(address)
        self.until_banned(address, "rep-sendmail-ambiguous")
        return address

    def settle(self):
        self.until_idle()
        self.host.flush()
        self.nothing_waits()
        self.dns.pause()
        self.addCleanup(self.dns.resume)

    def test_a_restart_with_the_resolver_down_restores_every_ban_and_asks_for_nothing(self):
        address, notorious = self.gated(), self.confirmed("notorious")
        wanted = {"sshd": MINUTES_10, "rep-confirmed": DAY, "rep-sendmail-ambiguous": DAY}
        worst = {"sshd": MINUTES_10, "rep-confirmed": DAY, "rep-notorious": YEAR}
        self.settle()
        calls = len(self.host.calls("--enqueue"))
        gates = len(self.host.calls("--gate", address))
        self.host.restart()
        self.until(lambda: (self.bans(address), self.bans(notorious)) == (wanted, worst),
                   "the bans are restored")
        self.until_closed(address, 143)
        self.until_closed(notorious, 143)
        # the gate was asked, and said 10
        self.assertGreater(len(self.host.calls("--gate", address)), gates)
        self.assertEqual(len(self.host.calls("--enqueue")), calls)
        self.nothing_waits()
        self.assertEqual(self.host.workers(), [])
        self.dns.resume()
        self.reported_once(address, notorious)

    def test_a_forgotten_address_is_not_restored_by_the_gate_and_no_look_up_arises(self):
        address = self.gated()
        self.iprep.run("rep-purge", address, check=True)
        self.settle()
        before = self.host.ignored(address)
        self.host.restart()
        self.until(lambda: self.host.ignored(address) > before, "the gate is asked", SOON_S)
        self.until(lambda: "rep-confirmed" in self.bans(address), "the others are restored")
        self.assertNotIn("rep-sendmail-ambiguous", self.bans(address))
        self.nothing_waits()
        self.assertEqual(self.host.workers(), [])

    def test_a_reload_keeps_every_ban_reports_nothing_and_hooks_go_on(self):
        address = self.gated()
        before = self.bans(address)
        calls = len(self.host.calls("--enqueue"))
        for words in (["reload"], ["reload", "sshd"], ["reload", "--restart", "sshd"]):
            self.host.client(*words)
            with self.subTest(process.show(words)):
                self.until(lambda: self.bans(address) == before, "the bans are there", SOON_S)
                self.until_closed(address, 22)
        self.assertEqual(len(self.host.calls("--enqueue")), calls)
        self.reported_once(address, self.confirmed())

    def test_fail2ban_s_database_lost_an_address_seen_again_is_banned_again(self):
        address, again = self.confirmed(), self.confirmed()
        self.reported_once(address, again)
        self.host.stop()
        os.unlink(f"{self.host.directory}/fail2ban.sqlite3")
        self.iprep.lose_verdict_log()          # else the last hour's lines are read again
        for path in (self.host.auth_log, self.host.mail_log):
            os.truncate(path, 0)
        self.minute_later(address)
        self.host.start()
        self.assertEqual([self.bans(one) for one in (address, again)], [{}, {}])
        self.assertTrue(self.host.is_open(address))
        self.host.ambiguous(address)                # by the gate
        self.host.attack("sendmail-auth", again)    # by a sure jail
        self.until_banned(address, "rep-sendmail-ambiguous", "rep-confirmed")
        self.until_banned(again, "sendmail-auth", "rep-confirmed")
        self.until_closed(address, 22)
        self.until_closed(again, 22)
        self.reported_once(address, again)

    def test_fail2ban_s_database_lost_old_lines_are_read_again_and_reported_only_once(self):
        address = self.confirmed()
        calls = len(self.host.calls("--enqueue", address))
        self.host.stop()
        os.unlink(f"{self.host.directory}/fail2ban.sqlite3")
        self.host.start()
        self.until_banned(address, "sshd", "rep-confirmed")
        self.until(lambda: len(self.host.calls("--enqueue", address)) > calls,
                   "the hook is called again", SOON_S)
        self.reported_once(address)

    def test_a_verdict_line_written_while_fail2ban_is_down_bans_at_its_start(self):
        address = self.address("known")
        self.host.stop()
        self.iprep.run("rep-report", "--enqueue", "--jail=sshd", "--", address, check=True)
        self.until(lambda: f"ip={address} " in self.iprep.verdict_log(), "the line is written")
        self.host.start()
        self.until_banned(address, "rep-confirmed")
        self.until_closed(address)


class Jails(HookCase):
    jails = one_line_jail("short", "from <ADDR>", "port = ssh", "bantime = 30", "action = %(action_)s", "         iprep")
    logs = ("short",)

    def test_two_jails_banning_one_address_make_one_report_and_each_has_its_set(self):
        address = self.address("known")
        self.line("short", f"FAILED from {address}")
        self.host.attack("sendmail-auth", address)
        self.until(lambda: self.host.in_set("short", address), "it is in the short set", SOON_S)
        self.until(lambda: len(self.host.calls("--enqueue", address)) == 2,
                   "both jails have reported", SOON_S)
        self.until_banned(address, "sendmail-auth", "rep-confirmed")
        self.until(lambda: all(self.host.in_set(one, address) for one in ("sendmail-auth", "rep-confirmed")), "it is in their sets",
                   SOON_S)

        self.until(lambda: "short" not in self.bans(address), "the short ban ends", SOON_S)
        self.until(lambda: not self.host.in_set("short", address), "it has left that set", SOON_S)
        self.assertTrue(self.host.in_set("sendmail-auth", address))
        self.assertTrue(self.host.in_set("rep-confirmed", address))
        self.assertFalse(self.host.is_open(address, 22))
        self.host.client("set", "sendmail-auth", "unbanip", address)
        self.assertTrue(self.host.in_set("rep-confirmed", address))
        self.assertFalse(self.host.is_open(address, 25))
        self.reported_once(address)
        self.host.client("set", "rep-confirmed", "unbanip", address)
        self.assertTrue(self.host.is_open(address, 25))

    def test_the_end_of_the_day_leaves_the_year(self):
        address = self.confirmed("notorious")
        self.until(lambda: self.host.in_set("rep-notorious", address), "it is in that set", SOON_S)
        self.host.client("set", "rep-confirmed", "unbanip", address)
        self.assertFalse(self.host.in_set("rep-confirmed", address))
        self.assertTrue(self.host.in_set("rep-notorious", address))
        self.assertFalse(self.host.is_open(address, 22))


class Undo(HookCase):
    def setUp(self):
        self.addCleanup(self.dns.resume)

    def in_flight(self):
        """A listed address, banned for minutes, while its job waits for the resolver."""
        address = self.address("known")
        self.until_idle()
        self.dns.pause()
        self.host.attack("sshd", address)
        self.until_banned(address, "sshd")
        self.until(lambda: self.host.waiting()[1] == 1, "its lookup waits", SOON_S)
        return address

    def test_unban_while_a_job_waits_ends_the_short_ban_and_loses_no_job(self):
        address = self.in_flight()
        self.host.client("unban", address)
        self.assertEqual(self.bans(address), {})
        self.assertTrue(self.host.is_open(address, 22))
        self.dns.resume()
        self.until_done()
        self.until_banned(address, "rep-confirmed")     # unban is not undo: the world knows it
        self.reported_once(address)
        self.assertNotIn("sshd", self.bans(address))

    def test_undo_while_a_job_waits_takes_the_job_too(self):
        address = self.in_flight()
        self.host.shell(f"fail2ban-client unban $(rep-purge --pardon 30d {address})")
        self.dns.resume()
        self.until_done()
        self.assertEqual(self.bans(address), {})
        self.assertLessEqual(self.host.reports(address), 1)     # it may have been on its way
        self.assertNotIn(f"ip={address} ", self.iprep.verdict_log())
        self.assertTrue(self.host.is_open(address, 22))

    def test_undo_stays_undone_over_a_restart_and_when_the_address_is_seen_again(self):
        address = self.confirmed("notorious")
        self.until_closed(address, 143)
        said = self.host.shell(f"fail2ban-client unban $(rep-purge --pardon 30d {address})").stdout
        self.assertEqual(said.strip(), "3")             # bans that it has lifted
        self.undone(address)
        self.host.restart()
        self.undone(address)
        self.host.ambiguous(address)
        self.until(lambda: self.host.ignored(address), "the gate ignores it", SOON_S)
        self.undone(address)
        self.host.attack("sshd", address)               # a person's five mistakes are five mistakes
        self.until_banned(address, "sshd")
        self.until(lambda: len(self.host.calls("--enqueue", address)) == 2,
                   "the hook is called", SOON_S)
        self.until_idle()
        self.host.flush()
        self.assertEqual(self.bans(address), {"sshd": MINUTES_10})
        self.assertTrue(self.host.is_open(address, 25))
        self.assertEqual(self.host.reports(address), 1)
        self.nothing_waits()

    def undone(self, address):
        self.assertEqual(self.bans(address), {})
        self.assertTrue(self.host.is_open(address, 143))
        self.assertEqual(self.host.known(address)["verdict"], "exempt")
        self.nothing_waits()

    def test_undo_stays_undone_though_a_fail2ban_that_died_reads_the_line_again(self):
        address = self.confirmed()
        self.host.shell(f"fail2ban-client unban $(rep-purge --pardon 30d {address})")
        self.undone(address)
        self.host.kill()
        with contextlib.closing(sqlite3.connect(
                f"{self.host.directory}/fail2ban.sqlite3")) as places:
            places.execute("DELETE FROM logs WHERE path = ?", [self.iprep.log_path])
            places.commit()                             # where it had read to
        self.host.start()
        marker = self.confirmed()                       # everything before it has been read
        self.assertIn("rep-confirmed", self.bans(marker))
        self.assertIn(f"[rep-confirmed] Ignore {address} by command", self.host.log())
        bans = self.bans(address)                  # sshd's own ten minutes are fail2ban's, read again
        self.assertNotIn("rep-confirmed", bans)
        self.assertLessEqual(set(bans), {"sshd"})


class Hung(HookCase):
    """A resolver and an API that take every question and never answer."""

    def test_hooks_end_and_bans_are_made_while_resolver_and_api_hang(self):
        sure = [self.address(kind) for kind in ("known", "unlisted", "notorious") * 5]
        lines = [self.address(kind) for kind in ("known", "unlisted") * 5]
        self.dns.pause()
        self.api.pause()
        try:
            for address in sure:
                self.host.attack("sshd", address)
            for address in lines:
                self.host.ambiguous(address)
            self.until(lambda: set(sure) <= set(self.host.bans_of("sshd")),
                       "all are banned")
            self.until(lambda: all(self.host.ignored(one) for one in lines),
                       "all lines are ignored")
            for address in sure:
                self.until_closed(address, 22)
            self.until(lambda: len(self.host.calls("--enqueue")) == len(sure),
                       "all hooks were called", SOON_S)
            self.others_are_banned()
            self.until(lambda: self.host.waiting()[1] == len(sure) + len(lines),
                       "a lookup waits for each", SOON_S)
        finally:
            self.dns.resume()
            self.api.resume()
        self.assertNotIn("Failed to execute ban", self.host.log())
        self.assertNotIn("timed out", self.host.log())
        self.assertEqual(self.iprep.verdict_log(), "")
        self.afterwards(sure, lines)

    def afterwards(self, sure, lines):
        """Nothing of it was lost."""
        listed = {one for one in sure + lines if not one.startswith("45.33.")}

        self.until_done(lambda: listed <= set(self.host.bans_of("rep-confirmed")))
        self.assertEqual(set(self.host.bans_of("rep-confirmed")), listed)
        accepted = self.api.statistics()["reports"]
        self.assertEqual(sorted(one["ip"] for one in accepted), sorted(sure))
