#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""
test_hooks_log.py - the verdict log rotated at the worst moment, missing, or not ours to write

A real fail2ban, with its backends polling (as shipped) and pyinotify.

    test_hooks_log.py DIRECTORY-OF-PROGRAMS     (as root; IPREP_PACKAGES: unpacked packages)
"""

import os
import sys

sys.dont_write_bytecode = True      # leave the source tree clean
sys.path.append(f"{os.path.dirname(os.path.abspath(__file__))}/../lib")

from host import hookhost                                     # noqa: E402
from host import process                                      # noqa: E402
from host.hookhost import BansCase, HookCase             # noqa: E402


def tell(text):
    print(f"test_hooks_log: {text}", file=sys.stderr, flush=True)


class Rotation(BansCase):
    """logrotate renames the verdict log when a line is written and not yet read."""

    backend = "polling"

    def test_a_line_lost_by_rotation_is_written_again_when_the_address_is_seen_again(self):
        for again in ("sendmail-auth", "gate"):
            with self.subTest(again):
                self.lost_and_found(again)

    def lost_and_found(self, again):
        address = self.host.address("known")
        self.host.iprep.run("rep-report", "--enqueue", "--jail=sshd", "--", address, check=True)
        server = self.host.fail2ban.server
        server.pause()
        try:
            self.until_line(address)
            self.host.iprep.lose_verdict_log()
        finally:
            server.resume()
        after = self.confirmed()                        # a line in the new file is read
        lost = "rep-confirmed" not in self.host.bans(address)
        tell(f"SEEN: {self.backend}: a line renamed away unread was "
             + ("lost" if lost else "read all the same"))
        self.assertIn("rep-confirmed", self.host.bans(after))
        self.minute_later(address)
        if again == "gate":
            self.host.ambiguous(address)
            self.until_banned(address, "rep-sendmail-ambiguous")
        else:
            self.host.attack(again, address)
        self.until_line(address)
        self.until_banned(address, "rep-confirmed")
        self.until_closed(address, 143)
        self.reported_once(address)

    def until_line(self, address):
        self.until(lambda: f"ip={address} " in self.host.iprep.verdicts(), "its line is written")


class RotationInotify(Rotation):
    backend = "pyinotify"
    jails = "[rep-confirmed]\nbackend = pyinotify\n[rep-notorious]\nbackend = pyinotify\n"
    start = False

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.host.fail2ban.modules = cls.host.packages.modules("python3-pyinotify")
        cls.host.fail2ban.start()

    def test_the_backend_is_that_one(self):
        self.assertIn("Jail 'rep-confirmed' uses pyinotify", self.host.log())
        self.assertIn("Jail 'sshd' uses poller", self.host.log())


class NoVerdictLog(HookCase):
    start = False

    def test_fail2ban_refuses_to_start_and_names_the_jail_and_ready_mends_it(self):
        os.unlink(self.host.iprep.verdict_log)
        self.addCleanup(self.host.iprep.new_verdict_log)
        with self.assertRaises(process.CommandError):
            self.host.fail2ban.start()
        said = process.tail(f"{self.host.fail2ban.directory}/server.out") + self.host.log()
        self.assertRegex(said, "Have not found any log file for '?rep-confirmed'? jail")
        self.assertEqual(self.host.iprep.run("rep-check", "--ready").returncode, 0)
        self.host.fail2ban.start()
        self.addCleanup(self.host.fail2ban.stop)
        address = self.host.address("known")
        self.host.attack("sshd", address)
        self.until_banned(address, "sshd", "rep-confirmed")

    def test_ready_and_self_test_name_a_verdict_log_that_cannot_be_made(self):
        directory = os.path.dirname(self.host.iprep.verdict_log)
        os.rename(directory, directory + ".away")
        self.addCleanup(os.rename, directory + ".away", directory)
        for how in ("--ready", "--self-test"):
            done = self.host.iprep.run("rep-check", how)
            self.assertEqual(done.returncode, 73, how)
            self.assertIn(f"{self.host.iprep.verdict_log}: cannot be opened: No such file",
                          done.stderr)

    def test_ready_and_self_test_name_a_verdict_log_that_cannot_be_written(self):
        os.chown(self.host.iprep.verdict_log, 0, 0)
        self.addCleanup(self.host.iprep.new_verdict_log)
        os.chmod(self.host.iprep.verdict_log, 0o644)
        for how in ("--ready", "--self-test"):
            done = self.host.iprep.run("rep-check", how)
            self.assertEqual(done.returncode, 77, how)
            self.assertIn(f"{self.host.iprep.verdict_log}: cannot be opened: Permission denied",
                          done.stderr)


if __name__ == "__main__":
    hookhost.main()
