#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""
test_fail2ban_files.py - the shipped filters, jails and actions, as fail2ban reads them

Uses the unpacked fail2ban 1.0.2: fail2ban-regex for the filters, with the log
lines in tests/data/logs (its README.md says how to add some) and the verdict
lines in data/rep-verdict.tsv, and "fail2ban-client -d" for the rest.
"fail2ban-client -t" is not enough: it never compiles an expression. Starts no
server and needs no root.

Set IPREP_PACKAGES to a directory where packages are unpacked, or were.
"""

import os
import shutil
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True      # leave the source tree clean

import process                                      # noqa: E402
import samples                                      # noqa: E402
from packages import Packages                       # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
SHIPPED = os.path.join(HERE, os.pardir, os.pardir, "fail2ban")
ENABLE = """\
[DEFAULT]
backend = polling
default_backend = polling
rep_verdict_log = {log}
syslog_mail = {log}
dovecot_log = {log}
[sshd]
enabled = false
[rep-confirmed]
enabled = true
[rep-notorious]
enabled = true
[rep-sendmail-ambiguous]
enabled = true
[rep-dovecot-ambiguous]
enabled = true
[recidive]
enabled = true
logpath = {log}
"""
REP_JAILS = ("rep-confirmed", "rep-notorious", "rep-sendmail-ambiguous",
             "rep-dovecot-ambiguous")


class Configured(unittest.TestCase):
    """The package's configuration with the shipped files beside it."""

    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory(prefix="iprep-test-")
        cls.addClassCleanup(cls.directory.cleanup)
        top = cls.directory.name
        cls.packages = Packages(os.environ.get("IPREP_PACKAGES",
                                               f"{top}/packages"))
        cls.config = f"{top}/fail2ban"
        shutil.copytree(cls.packages.fail2ban_config, cls.config)
        cls.before = cls.dump()
        for part in ("action.d", "filter.d", "jail.d"):
            shutil.copytree(f"{SHIPPED}/{part}", f"{cls.config}/{part}",
                            dirs_exist_ok=True)

    @classmethod
    def fail2ban(cls, part, *words):
        environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8",
                       "TZ": "UTC", "PYTHONDONTWRITEBYTECODE": "1",
                       "PYTHONPATH": cls.packages.fail2ban_modules}
        argv = [sys.executable, cls.packages.fail2ban(part), "-c", cls.config]
        return process.run([*argv, *words], env=environment).stdout

    @classmethod
    def dump(cls, jail_local="[sshd]\nenabled = false\n"):
        """[[word ...]]: the commands that fail2ban would send to its server."""
        with open(f"{cls.config}/jail.local", "w", encoding="ascii") as file:
            file.write(jail_local)
        return cls.fail2ban("client", "-d").splitlines()


class Fail2banFiles(Configured):
    def enabled(self):
        log = f"{self.directory.name}/some.log"
        open(log, "w", encoding="ascii").close()
        return self.dump(ENABLE.format(log=log))

    def found(self, filter_name, lines):
        """The addresses that fail2ban-regex finds, in order."""
        path = f"{self.directory.name}/lines.log"
        with open(path, "w", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in lines)
        said = self.fail2ban("regex", "-o", "<ip>", path, filter_name)
        return said.split()

    def check_rows(self, name, filter_name=None):
        rows = read_rows(name)
        matching = [row for row in rows if row[0] != "-"]
        filter_name = filter_name or f"{self.config}/filter.d/{name}.conf"
        self.assertEqual(self.found(filter_name, [row[1] for row in matching]),
                         [row[0] for row in matching])
        others = [row[1] for row in rows if row[0] == "-"]
        self.assertEqual(self.found(filter_name, others), [])

    def test_verdict_filter_finds_what_its_rows_say(self):
        self.check_rows("rep-verdict")

    def test_verdict_filter_with_a_tier_finds_only_that_tier(self):
        lines = [row[1] for row in read_rows("rep-verdict")]
        wanted = [row[0] for row in read_rows("rep-verdict")
                  if "tier=notorious" in row[1] and row[0] != "-"]
        self.assertEqual(self.found("rep-verdict[tier=notorious]", lines),
                         wanted)

    def test_shipped_files_alone_change_nothing(self):
        self.assertEqual(self.dump(), self.before)

    def test_each_rep_jail_bans_and_none_reports(self):
        dump = self.enabled()
        for jail in REP_JAILS:
            actions = [line for line in dump
                       if line.startswith(f"['set', '{jail}', 'addaction'")]
            self.assertEqual(len(actions), 1, jail)
            self.assertNotIn("'iprep'", actions[0])

    def test_reporting_action_in_default_does_not_reach_rep_jails(self):
        log = f"{self.directory.name}/some.log"
        text = ENABLE.format(log=log).replace(
            "[sshd]", "action = %(action_)s\n         iprep\n[sshd]", 1)
        open(log, "w", encoding="ascii").close()
        dump = self.dump(text)
        self.assertFalse([line for line in dump
                          if "'rep-" in line and "'iprep'" in line])
        self.assertTrue([line for line in dump if "'recidive'" in line
                         and "'iprep'" in line])

    def test_gate_is_called_with_the_jail_and_a_quoted_address(self):
        dump = self.enabled()
        for jail in REP_JAILS[2:]:
            line = next(one for one in dump if jail in one
                        and "'ignorecommand'" in one)
            self.assertIn('/usr/bin/rep-check --gate --restored="<restored>" '
                          f'--jail={jail} -- "<ip>"; [ $? -ne 10 ]', line)

    def test_recidive_does_not_count_bans_of_rep_jails(self):
        line = next(one for one in self.enabled()
                    if one.startswith("['set', 'recidive', 'addignoreregex'"))
        self.assertIn("rep-", line)

    def test_prefix_action_makes_interval_sets_for_ipv6(self):
        dump = self.dump("[sshd]\nenabled = true\nbackend = polling\n"
                         f"logpath = {__file__}\nbanaction = iprep-nftables\n")
        text = "\n".join(dump)
        self.assertIn("type <addr_type>\\\\; <set_flags>", text)
        self.assertIn("['set_flags?family=inet6', 'flags interval\\\\;']", text)


class LogLines(Configured):
    """tests/data/logs: what each line counts as, in our filters and in fail2ban's own."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        logs = [samples.read(name) for name in samples.names()]
        cls.samples = [sample for log in logs for sample in log]
        cls.used = samples.examine(logs, cls.packages.fail2ban_modules, cls.config)

    def test_there_are_lines_of_every_service(self):
        self.assertEqual({sample.service for sample in self.samples}, set(samples.STOCK))

    def test_each_line_counts_as_its_row_says(self):
        wrong = [f"{sample}\n   is {sorted(sample.counts_as())}, wanted {sorted(sample.outcome)}"
                 for sample in self.samples if sample.counts_as() != sample.outcome]
        self.assertFalse(wrong, "\n" + "\n".join(wrong))

    def test_only_the_address_that_the_server_wrote_is_found(self):
        """By our filters; the stock ones are only asked whether they match."""
        for sample in self.samples:
            with self.subTest(str(sample)):
                found = {address for name, address, _ in sample.found if name in samples.OURS}
                if sample.address:
                    self.assertLessEqual(found, {sample.address})
                self.assertLessEqual(len(found), 1)

    def test_no_line_is_ambiguous_and_also_sure_or_good(self):
        both = [str(sample) for sample in self.samples if "ambiguous" in sample.words()
                and sample.words() & {"sure", "good"}]
        self.assertFalse(both, "\n" + "\n".join(both))

    def test_no_successful_log_in_counts_against_anybody(self):
        both = [str(sample) for sample in self.samples
                if "good" in sample.words() and len(sample.words()) > 1]
        self.assertFalse(both, "\n" + "\n".join(both))

    def test_each_expression_has_a_line(self):
        for name in samples.OURS:
            count, matched = self.used[name]
            self.assertGreater(count, 0, name)
            self.assertEqual(set(range(count)) - matched, set(), f"{name}: expressions without a line")

    def test_a_user_name_is_bounded_and_fits_on_a_command_line(self):
        for sample in self.samples:
            for name, _, user in sample.found:
                if name == "rep-spray":
                    self.assertTrue(0 < len(user) <= 64 and not set(user) & set("\0<>"), sample)


def read_rows(name):
    """[(address or "-", line)] of data/NAME.tsv."""
    with open(f"{HERE}/data/{name}.tsv", encoding="utf-8") as file:
        return [line.rstrip("\n").split("\t", 1) for line in file
                if not line.startswith("#")]


if __name__ == "__main__":
    unittest.main()
