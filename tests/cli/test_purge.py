#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""rep-purge: what expires when, in which clock's time, and free space given back.

    test_purge.py DIRECTORY-OF-PROGRAMS        (as root)
"""
import os
import pty
import subprocess
import time

import place
import purge_case
from purge_case import DAY, WEEK, YEAR, key_of

KEEPS = {'finding': 7 * DAY, 'lookup': 7 * DAY, 'report': 60 * DAY, 'failure': DAY, 'sighting': DAY,
         'good': 30 * DAY, 'retraction': 60 * DAY, 'released': 7 * DAY, 'ambiguous': DAY}
HOUR_AGO = 4000                            # before the earlier of two runs, which must agree on some


class Expiry(purge_case.Case):
    def add(self, table, address, at):
        k = key_of(address)
        rows = {
            'finding': ('(key, source, listed, rule, partial, points, answers, detail, answered_at, expires_at)'
                        " VALUES(?, 'zen', 1, 0, 0, 3, '', '', ?, ?)", k, at, at + 60),
            'lookup': ("(key, addr, mark, origin, tries, since, next_at, jail) VALUES(?, ?, 1, 2, 0, ?, ?, '')",
                       k, k, at, at),
            'report': ('(key, addr, state, jail, categories, comment, failures, first_at, seen_at, next_at, tries,'
                       " sent_at, why, ended_at) VALUES(?, ?, 3, '', '', '', 1, ?, ?, 0, 1, 0, '', ?)", k, k, at,
                       at, at),
            'failure': (' VALUES(?, ?, 1, ?)', k, at // 3600, at), 'sighting': (' VALUES(?, 7, ?)', k, at),
            'good': (' VALUES(?, ?)', k, at), 'released': (" VALUES(?, ?, 'notorious')", k, at),
            'retraction': (" VALUES(?, ?, 1, ?, 0, 1, 1, '')", k, k, at), 'ambiguous': (' VALUES(?, ?, 1, 0)', k, at),
        }[table]
        self.sql(f'INSERT INTO {table} {rows[0]}', *rows[1:])

    def test_each_goes_by_its_own_retention_and_not_before(self):
        now = int(time.time())
        for table, keep in KEEPS.items():
            self.add(table, '45.1.1.1', now - keep + 600)
            self.add(table, '45.1.1.2', now - keep - HOUR_AGO)
            if table != 'good':                                # of the future: test_jump.py
                self.add(table, '45.1.1.3', now + WEEK + 600)  # written under a wrong clock
        for name, until in (('45.1.1.1', now + 600), ('45.1.1.2', now - 7200), ('45.1.1.3', now + 11 * YEAR)):
            self.block(name, now - YEAR, until)
            self.sql('INSERT INTO pardon VALUES(?, ?)', key_of(name), until)
        names = {'finding': 'findings', 'lookup': 'lookups', 'report': 'reports', 'failure': 'failures',
                 'sighting': 'sightings', 'good': 'logins', 'retraction': 'retractions', 'released': 'released',
                 'block': 'blocks', 'pardon': 'pardons', 'ambiguous': 'lines'}
        would = self.stats('--dry-run')
        self.assertEqual({t: self.count(t) for t in names}, {**dict.fromkeys(names, 3), 'good': 2})
        did = self.stats()
        self.assertEqual(did, {**dict.fromkeys(names.values(), 2), 'logins': 1, 'lifted': 0, 'dry_run': False})
        self.assertEqual(would, {**did, 'dry_run': True})
        for table in names:
            self.assertEqual(self.sql(f'SELECT key FROM {table}'), [(key_of('45.1.1.1'),)], table)

    def test_a_configured_retention_is_kept(self):
        self.start('[retention]\nfindings = 2h\nreports = 2d\nreleased = 3h\n[login]\nwindow = 4h\n')
        now = int(time.time())
        for table, keep in (('finding', 7200), ('report', 2 * DAY), ('released', 3 * 3600), ('good', 4 * 3600)):
            self.add(table, '45.1.1.1', now - keep + 600)
            self.add(table, '45.1.1.2', now - keep - HOUR_AGO)
        did = self.stats()
        self.assertEqual([did[n] for n in ('findings', 'reports', 'released', 'logins')], [1, 1, 1, 1])

    def test_a_report_is_kept_as_long_as_it_covers_later_ones(self):
        self.start('[retention]\nreports = 2d\n[report]\ninterval = 10d\n')
        now = int(time.time())
        self.add('report', '45.1.1.1', now - 9 * DAY)
        self.add('report', '45.1.1.2', now - 11 * DAY)
        self.assertEqual((self.stats()['reports'], self.sql('SELECT key FROM report')),
                         (1, [(key_of('45.1.1.1'),)]))

    def test_an_overdue_report_is_deleted_and_one_that_is_not_due_is_kept(self):
        now = int(time.time())
        self.add('report', '45.1.1.1', now - 61 * DAY)
        self.add('report', '45.1.1.2', now - 61 * DAY)
        self.sql('UPDATE report SET state = 0, next_at = ?', now - 61 * DAY)
        self.sql('UPDATE report SET next_at = ? WHERE id = 1', now + 60)
        self.assertEqual(self.stats()['reports'], 1)
        self.assertEqual(self.sql('SELECT id FROM report'), [(1,)])

    def test_statistics_go_to_stderr_and_quiet_says_nothing(self):
        self.add('finding', '45.1.1.1', 1)
        p = self.purge('-n')
        self.assertEqual((p.stdout, p.stderr.split(',')[0]), ('', 'would remove 1 findings'))
        p = self.purge()
        self.assertEqual((p.stdout, p.stderr.split(',')[0]), ('', 'removed 1 findings'))
        p = self.purge('--quiet')
        self.assertEqual((p.stdout, p.stderr), ('', ''))

    def fill(self, n):
        self.sql('WITH RECURSIVE i(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM i WHERE x < ?)'
                 ' INSERT INTO finding(key, source, listed, rule, partial, points, answers, detail, answered_at,'
                 " expires_at) SELECT randomblob(16), 'zen', 1, 0, 0, 3, '', hex(zeroblob(60)), 1, 2 FROM i", n)
        self.sql('PRAGMA wal_checkpoint(TRUNCATE)')

    def size(self):
        return sum(os.path.getsize(self.place.path('state/iprep.db' + end)) for end in ('', '-wal')
                   if os.path.exists(self.place.path('state/iprep.db' + end)))

    def test_free_pages_are_given_back(self):
        self.purge('--quiet')
        empty = self.size()
        self.fill(20000)
        self.assertGreater(self.size(), empty + 3000000)
        self.assertEqual(self.stats()['findings'], 20000)
        self.assertEqual((self.size(), self.sql('PRAGMA freelist_count')), (empty, [(0,)]))

    def test_a_store_that_cannot_shrink_is_purged_all_the_same(self):
        self.sql('PRAGMA journal_mode = DELETE')
        db = self.place.path('state/iprep.db')
        subprocess.run(['/usr/bin/python3', '-c', 'import sqlite3, sys; c = sqlite3.connect(sys.argv[1], '
                        'isolation_level=None); c.execute("PRAGMA auto_vacuum = NONE"); c.execute("VACUUM"); '
                        'c.execute("PRAGMA journal_mode = WAL")', db], check=True)
        self.assertEqual(self.sql('PRAGMA auto_vacuum'), [(0,)])
        self.fill(2000)
        self.assertEqual(self.stats()['findings'], 2000)
        self.assertEqual(self.count('finding'), 0)

    def test_hooks_have_their_turn_while_it_purges(self):
        self.fill(40000)
        args = self.place.command('rep-purge', '--quiet')
        with subprocess.Popen(args, stdin=subprocess.DEVNULL) as p:
            place.wait_until(lambda: self.count('finding') < 40000, 'it has begun')
            during = 0
            while p.poll() is None:
                self.assertEqual(self.place.run('rep-report', '--enqueue', '--jail', 'sshd', '--',
                                                f'45.3.{during // 200}.{during % 200 + 1}').returncode, 0)
                during += p.poll() is None
            self.assertEqual(p.wait(), 0)
        self.assertGreater(during, 3)
        self.assertEqual(self.count('finding'), 0)

    def seen_on_terminal(self, *args):
        master, slave = pty.openpty()
        with subprocess.Popen(self.place.command('rep-purge', *args), stdin=subprocess.DEVNULL, stdout=slave,
                              stderr=slave) as p:
            os.close(slave)
            seen = b''
            try:
                while chunk := os.read(master, 65536):
                    seen += chunk
            except OSError:                # the terminal is gone with its last writer
                pass
            os.close(master)
            self.assertEqual(p.wait(), 0)
        return seen

    def test_a_bar_is_for_long_runs_on_terminals(self):
        self.fill(80000)
        seen = self.seen_on_terminal()
        self.assertRegex(seen, rb'\r\[#+\.*\] +\d+%')
        self.assertRegex(seen, rb'\r\x1b\[Kremoved 80000 findings')
        self.fill(80000)
        self.assertEqual(self.seen_on_terminal('--quiet'), b'')
        self.assertNotIn(b'%', self.seen_on_terminal())


class Clock(purge_case.Case):
    """Blocks and pardons go only when two runs, an hour apart by the boot clock, agree. Clocks that jump while the
    programs run: test_jump.py."""

    def setUp(self):
        super().setUp()
        self.now = int(time.time())
        self.block('45.1.1.1', self.now - YEAR, self.now - 7200)       # over
        self.sql('INSERT INTO pardon VALUES(?, ?)', key_of('45.1.1.9'), self.now - 7200)

    def left(self):
        self.purge()
        return self.blocked() + ['pardon'] * self.count('pardon')

    def test_the_first_run_takes_none(self):
        self.sql('DELETE FROM meta')
        self.assertEqual(self.left(), ['45.1.1.1', 'pardon'])

    def test_a_second_run_too_soon_takes_none(self):
        self.run_was(self.now - 4000, 3500)                # by the boot clock, whatever the other one says
        self.assertEqual(self.left(), ['45.1.1.1', 'pardon'])

    def test_an_hour_later_they_go(self):
        self.run_was(self.now - 3700, 3700)
        self.assertEqual(self.left(), [])

    def test_only_what_was_over_for_the_earlier_run_goes(self):
        self.run_was(self.now - 3 * 3600, 3 * 3600)
        self.assertEqual(self.left(), ['45.1.1.1', 'pardon'])

    def test_a_clock_that_was_in_2038_releases_no_block(self):
        self.run_was(2145916800, 3700)
        self.block('45.1.1.2', self.now, self.now + YEAR)
        self.assertEqual(self.left(), ['45.1.1.2'])

    def test_a_clock_that_is_in_2038_releases_no_block(self):
        """Seen from a clock eleven years ahead, all of them are over."""
        self.sql('DELETE FROM block')
        self.sql('DELETE FROM pardon')
        self.run_was(self.now - 11 * YEAR, 3700)
        self.block('45.1.1.2', self.now - 11 * YEAR, self.now - 10 * YEAR)
        self.sql('INSERT INTO pardon VALUES(?, ?)', key_of('45.1.1.9'), self.now - 10 * YEAR)
        self.assertEqual(self.left(), ['45.1.1.2', 'pardon'])

    def test_a_clock_that_fell_back_to_1970_releases_no_block(self):
        """Seen from a clock thirty years behind, all of them end too far away to be true."""
        self.sql('DELETE FROM block')
        self.sql('DELETE FROM pardon')
        self.run_was(self.now + 30 * YEAR, 3700)
        self.block('45.1.1.2', self.now + 29 * YEAR, self.now + 31 * YEAR)
        self.sql('INSERT INTO pardon VALUES(?, ?)', key_of('45.1.1.9'), self.now + 31 * YEAR)
        self.assertEqual(self.left(), ['45.1.1.2', 'pardon'])

    def test_a_line_that_waits_for_a_block_made_in_2038_keeps_no_worker(self):
        for first_at in (0, self.now):
            self.block('45.1.1.2', self.now, self.now + 11 * YEAR)
            self.sql('UPDATE block SET due = 1, first_at = ? WHERE key = ?', first_at, key_of('45.1.1.2'))
            self.purge('--flush', program='rep-report')
            self.assertEqual(self.place.verdict_log(), '')
            self.sql('DELETE FROM block')

    def test_a_dry_run_is_no_run(self):
        self.sql('DELETE FROM meta')
        self.purge('-n')
        self.assertEqual(self.count('meta'), 0)



class Allow(purge_case.Case):
    """A new entry of [allow] lifts standing blocks."""

    BLOCKS = ('45.1.1.1', '45.1.2.255', '45.1.3.0', '45.9.9.9', '2a02:1:2:3::', '2a02:1:2:4::', '2a02:1:2:5::5')

    def setUp(self):
        super().setUp()
        self.start('[dnsbl zen]\nzone = zen.test\npoints = 127.0.0.2*3\n')
        with open(self.place.path('iprep.conf'), encoding='ascii') as f:
            text = f.read()
        self.place.write('iprep.conf', text.replace('[general]\n', '[general]\nipv6_prefix = 64\n', 1))
        for address in self.BLOCKS:
            self.old_block(address, age=DAY)

    def allow(self, text):
        with open(self.place.path('iprep.conf'), 'a', encoding='ascii') as f:
            f.write(f'[allow]\naddresses = {text}\n')

    def lifted(self):
        return sorted(set(self.BLOCKS) - set(self.blocked()))

    def test_the_worker_lifts_and_lists_them(self):
        self.allow('45.1.1.1 2a02:1:2:3::9')
        self.assertEqual(self.purge('--is-blocked', '--', '45.1.1.1', program='rep-check').stdout, '')
        p = self.purge('--flush', program='rep-report')
        self.assertEqual(self.lifted(), ['2a02:1:2:3::', '45.1.1.1'])
        self.assertIn('45.1.1.1: the block is lifted: allowed by [allow] addresses', p.stderr)
        self.assertEqual(sorted(self.released()), ['2a02:1:2:3::/64', '45.1.1.1'])
        self.assertNotIn('45.1.1.1', self.purge('--blocks', program='rep-check').stdout)

    def test_networks_too_and_nothing_else(self):
        self.allow('45.1.0.0/23, 45.1.2.0/24 2a02:1:2:4::/63')
        self.assertEqual(self.stats('--dry-run')['lifted'], 4)
        self.assertEqual(self.lifted(), [])
        self.assertEqual(self.stats()['lifted'], 4)
        self.assertEqual(self.lifted(), ['2a02:1:2:4::', '2a02:1:2:5::5', '45.1.1.1', '45.1.2.255'])

    def test_one_that_is_due_writes_no_line(self):
        self.sql('UPDATE block SET due = 1, first_at = 0, announced_at = 0')
        self.allow('45.0.0.0/8')
        self.purge('--flush', program='rep-report')
        self.assertNotIn('ip=45.', self.place.verdict_log())
        self.assertIn('ip=2a02:1:2:4::/64', self.place.verdict_log())

    def test_nothing_is_lifted_without_an_entry(self):
        self.purge('--flush', program='rep-report')
        self.purge()
        self.assertEqual((self.lifted(), self.released()), ([], []))


if __name__ == '__main__':
    purge_case.main()
