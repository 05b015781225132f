#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""rep-report --enqueue that exited 0 has been synced, and others did not wait for that; seen with strace.

    test_durable.py DIRECTORY-OF-PROGRAMS        (as root)
"""
import os
import re
import subprocess
import sys
import unittest

import place
from purge_case import CONF

WRITE_LOCK = 'l_start=120, l_len=1}'       # of the -shm file: sqlite.org/walformat.html, WAL_WRITE_LOCK


class Durable(unittest.TestCase):
    programs = ''

    def setUp(self):
        self.place = place.Place(self.programs, CONF.replace('PORT', '9'))
        self.addCleanup(self.place.close)
        self.assertEqual(self.place.run('rep-check', '--ready').returncode, 0)

    def enqueue(self, *strace, address='45.1.1.1'):
        """(exit status, what it said, system calls in their order)"""
        out = self.place.path('trace')
        p = subprocess.run(['strace', '-f', '-y', '-o', out, *strace,
                            *self.place.command('rep-report', '--enqueue', '--jail', 'sshd', '--', address)],
                           stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False)
        with open(out, encoding='utf-8', errors='replace') as f:
            return p.returncode, p.stderr, f.read().splitlines()

    def places(self, lines, pattern):
        return [i for i, line in enumerate(lines) if re.search(pattern, line)]

    def check_order(self, lines):
        wrote = self.places(lines, r'^\d+ +pwrite64\(.*-wal>')
        synced = self.places(lines, r'^\d+ +(fsync|fdatasync)\(.*-wal>.* = 0')
        freed = self.places(lines, 'F_UNLCK.*' + re.escape(WRITE_LOCK))
        self.assertTrue(synced and freed)
        self.assertLess(max(wrote + freed), synced[-1])
        return wrote

    def test_what_is_recorded_is_synced_and_the_lock_is_free_by_then(self):
        for _ in range(2):                 # into a new log, and into one that exists
            status, said, lines = self.enqueue()
            self.assertEqual(status, 0, said)
            self.assertTrue(self.check_order(lines))
            self.place.sql('DELETE FROM report')

    def test_a_second_call_for_the_same_event_makes_sure_of_what_the_first_wrote(self):
        event = ['--enqueue', '--jail', 'sshd', '--time', '1700000000', '--', '45.1.1.1']
        self.assertEqual(self.place.run('rep-report', *event).returncode, 0)
        out = self.place.path('trace')
        subprocess.run(['strace', '-f', '-y', '-o', out, *self.place.command('rep-report', *event)],
                       stdin=subprocess.DEVNULL, timeout=120, check=True)
        with open(out, encoding='utf-8', errors='replace') as f:
            self.check_order(f.read().splitlines())

    def test_a_disk_that_cannot_sync_is_no_success(self):
        self.enqueue(address='45.1.1.2')   # the log exists
        status, said, _ = self.enqueue('-e', 'inject=fdatasync:error=EIO')
        self.assertEqual(status, 74, said)
        self.assertRegex(said, r'^rep-report: [^\n]*cannot be synced: [^\n]+\n$')


def main():
    """test_durable.py DIRECTORY-OF-PROGRAMS"""
    if os.geteuid():
        sys.exit(f'{sys.argv[0]}: needs root')
    Durable.programs = os.path.abspath(sys.argv.pop(1))
    unittest.main()


main()
