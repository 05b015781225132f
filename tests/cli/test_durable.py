# SPDX-License-Identifier: MIT
"""rep-report --enqueue that exited 0 has been synced, and others did not wait for that; seen with strace."""
import re

from cases import Case

WRITE_LOCK = 'l_start=120, l_len=1}'       # of the -shm file: sqlite.org/walformat.html, WAL_WRITE_LOCK


class Durable(Case):
    def setUp(self):
        super().setUp()
        self.ready()

    def traced(self, *args, strace=()):
        """One hook: (process, system calls in their order)"""
        done, trace = self.place.traced(['-y', *strace], 'rep-report', '--enqueue', '--jail', 'sshd', *args, '--',
                                        '45.1.1.1')
        return done, trace.splitlines()

    def synced(self, lines):
        """Whether it wrote; what was written is synced last, and the lock is free by then."""
        def places(pattern):
            return [place for place, line in enumerate(lines) if re.search(pattern, line)]

        wrote = places(r'^\d+ +pwrite64\(.*-wal>')
        synced = places(r'^\d+ +(fsync|fdatasync)\(.*-wal>.* = 0')
        freed = places('F_UNLCK.*' + re.escape(WRITE_LOCK))
        self.assertTrue(synced and freed)
        self.assertLess(max(wrote + freed), synced[-1])
        return bool(wrote)

    def test_what_is_recorded_is_synced_and_the_lock_is_free_by_then(self):
        for _ in range(2):                 # into a new log, and into one that exists
            done, lines = self.traced()
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertTrue(self.synced(lines))
            self.sql('DELETE FROM report')

    def test_a_second_call_for_the_same_event_makes_sure_of_what_the_first_wrote(self):
        self.enqueue('45.1.1.1', '--time', '1700000000')
        done, lines = self.traced('--time', '1700000000')
        self.assertEqual(done.returncode, 0, done.stderr)
        self.synced(lines)

    def test_a_disk_that_cannot_sync_is_no_success(self):
        self.enqueue('45.1.1.2')           # the log exists
        done, _ = self.traced(strace=['-e', 'inject=fdatasync:error=EIO'])
        self.assertEqual(done.returncode, 74, done.stderr)
        self.assertRegex(done.stderr, r'^rep-report: [^\n]*cannot be synced: [^\n]+\n$')
