# SPDX-License-Identifier: MIT
"""
test_hooks_log.py - the verdict log rotated at the worst moment, missing, or not ours to write

A real fail2ban, with its backends polling (as shipped) and pyinotify.
"""

import os

from host import process
from host.cases import HookCase, tell


class Rotation(HookCase):
    """logrotate renames the verdict log when a line is written and not yet read."""

    backend = "polling"

    def test_a_line_lost_by_rotation_is_written_again_when_the_address_is_seen_again(self):
        for again in ("sendmail-auth", "gate"):
            with self.subTest(again):
                self.lost_and_found(again)

    def lost_and_found(self, again):
        address = self.address("known")
        self.iprep.run("rep-report", "--enqueue", "--jail=sshd", "--", address, check=True)
        server = self.host.server
        server.pause()
        try:
            self.until_line(address)
            self.iprep.lose_verdict_log()
        finally:
            server.resume()
        after = self.confirmed()                        # a line in the new file is read
        lost = "rep-confirmed" not in self.bans(address)
        tell(f"SEEN: {self.backend}: a line renamed away unread was "
             + ("lost" if lost else "read all the same"))
        self.assertIn("rep-confirmed", self.bans(after))
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
        self.until(lambda: f"ip={address} " in self.iprep.verdict_log(), "its line is written")


class RotationInotify(Rotation):
    backend = "pyinotify"
    jails = "[rep-confirmed]\nbackend = pyinotify\n[rep-notorious]\nbackend = pyinotify\n"
    start = False

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.host.modules = cls.host.packages.modules("python3-pyinotify")
        cls.host.start()

    def test_the_backend_is_that_one(self):
        self.assertIn("Jail 'rep-confirmed' uses pyinotify", self.host.log())
        self.assertIn("Jail 'sshd' uses poller", self.host.log())


class NoVerdictLog(HookCase):
    start = False

    def test_fail2ban_refuses_to_start_and_names_the_jail_and_ready_mends_it(self):
        os.unlink(self.iprep.log_path)
        self.addCleanup(self.iprep.new_verdict_log)
        with self.assertRaises(process.CommandError):
            self.host.start()
        said = process.tail(f"{self.host.directory}/server.out") + self.host.log()
        self.assertRegex(said, "Have not found any log file for '?rep-confirmed'? jail")
        self.assertEqual(self.iprep.run("rep-check", "--ready").returncode, 0)
        self.host.start()
        self.addCleanup(self.host.stop)
        address = self.address("known")
        self.host.attack("sshd", address)
        self.until_banned(address, "sshd", "rep-confirmed")

    def test_ready_and_self_test_name_a_verdict_log_that_cannot_be_made(self):
        directory = os.path.dirname(self.iprep.log_path)
        os.rename(directory, directory + ".away")
        self.addCleanup(os.rename, directory + ".away", directory)
        for how in ("--ready", "--self-test"):
            done = self.iprep.run("rep-check", how)
            self.assertEqual(done.returncode, 73, how)
            self.assertIn(f"{self.iprep.log_path}: cannot be opened: No such file",
                          done.stderr)

    def test_ready_and_self_test_name_a_verdict_log_that_cannot_be_written(self):
        os.chown(self.iprep.log_path, 0, 0)
        self.addCleanup(self.iprep.new_verdict_log)
        os.chmod(self.iprep.log_path, 0o644)
        for how in ("--ready", "--self-test"):
            done = self.iprep.run("rep-check", how)
            self.assertEqual(done.returncode, 77, how)
            self.assertIn(f"{self.iprep.log_path}: cannot be opened: Permission denied",
                          done.stderr)
