# SPDX-License-Identifier: MIT
"""rep-purge: what expires when, in which clock's time, and free space given back"""
import sqlite3
import subprocess
import time

from addresses import key_of
from places import DAY, WEEK, YEAR
from purging import LIST, PurgeCase
from waiting import wait_until

FINDING = ('finding(key, source, listed, rule, partial, points, answers, detail, answered_at, expires_at)'
           " SELECT {}, 'zen', 1, 0, 0, 3, '', {}, {}, {}")
# A row of each table, and how long it is kept. ?1: the key, ?2: when it was.
ROWS = {
    'finding': (FINDING.format('?1', "''", '?2', '?2 + 60'), 7 * DAY, 'findings'),
    'lookup': ("lookup(key, addr, mark, origin, tries, since, next_at, jail) VALUES(?1, ?1, 1, 2, 0, ?2, ?2, '')",
               7 * DAY, 'lookups'),
    'report': ('report(key, addr, state, jail, categories, comment, failures, first_at, seen_at, next_at, tries,'
               ' sent_at, why, ended_at)'
               " VALUES(?1, ?1, 3, '', '', '', 1, ?2, ?2, 0, 1, 0, '', ?2)", 60 * DAY, 'reports'),
    'failure': ('failure VALUES(?1, ?2 / 3600, 1, ?2)', DAY, 'failures'),
    'sighting': ('sighting VALUES(?1, 7, ?2)', DAY, 'sightings'),
    'good': ('good VALUES(?1, ?2)', 30 * DAY, 'logins'),
    'retraction': ("retraction VALUES(?1, ?1, 1, ?2, 0, 1, 1, '')", 60 * DAY, 'retractions'),
    'released': ("released VALUES(?1, ?2, 'notorious')", 7 * DAY, 'released'),
    'ambiguous': ('ambiguous VALUES(?1, ?2, 1, 0)', DAY, 'lines'),
}
BEFORE_BOTH = 4000                         # before the earlier of two runs, which must agree on some


class Expiry(PurgeCase):
    def add(self, table, address, age):
        self.sql(f'INSERT INTO {ROWS[table][0]}', key_of(address), int(time.time()) - age)

    def add_both(self, table, keep):
        """45.1.1.1 is kept, 45.1.1.2 is not."""
        self.add(table, '45.1.1.1', keep - 600)
        self.add(table, '45.1.1.2', keep + BEFORE_BOTH)

    def test_each_goes_by_its_own_retention_and_not_before(self):
        for table, (_, keep, _) in ROWS.items():
            self.add_both(table, keep)
            if table != 'good':                                # of the future: test_jump.py
                self.add(table, '45.1.1.3', -WEEK - 600)       # written under a wrong clock
        for address, left in (('45.1.1.1', 600), ('45.1.1.2', -7200), ('45.1.1.3', 11 * YEAR)):
            self.old_block(address, age=YEAR, left=left)
            self.pardon(address, left)
        names = {**{table: name for table, (_, _, name) in ROWS.items()}, 'block': 'blocks', 'pardon': 'pardons'}
        would = self.stats('--dry-run')
        self.assertEqual({t: self.count(t) for t in names}, {**dict.fromkeys(names, 3), 'good': 2})
        did = self.stats()
        self.assertEqual(did, {**dict.fromkeys(names.values(), 2), 'logins': 1, 'lifted': 0, 'dry_run': False})
        self.assertEqual(would, {**did, 'dry_run': True})
        for table in names:
            self.assertEqual(self.sql(f'SELECT key FROM {table}'), [(key_of('45.1.1.1'),)], table)

    def test_a_configured_retention_is_kept(self):
        self.start(retention={'findings': '2h', 'reports': '2d', 'released': '3h'}, login={'window': '4h'})
        for table, keep in (('finding', 7200), ('report', 2 * DAY), ('released', 3 * 3600), ('good', 4 * 3600)):
            self.add_both(table, keep)
        did = self.stats()
        self.assertEqual([did[n] for n in ('findings', 'reports', 'released', 'logins')], [1, 1, 1, 1])

    def test_a_report_is_kept_as_long_as_it_covers_later_ones(self):
        self.start(retention={'reports': '2d'}, report={'interval': '10d'})
        self.add('report', '45.1.1.1', 9 * DAY)
        self.add('report', '45.1.1.2', 11 * DAY)
        self.assertEqual((self.stats()['reports'], self.sql('SELECT key FROM report')), (1, [(key_of('45.1.1.1'),)]))

    def test_an_overdue_report_is_deleted_and_one_that_is_not_due_is_kept(self):
        self.add('report', '45.1.1.1', 61 * DAY)
        self.add('report', '45.1.1.2', 61 * DAY)
        self.sql('UPDATE report SET state = 0, next_at = seen_at')
        self.sql('UPDATE report SET next_at = ? WHERE id = 1', int(time.time()) + 60)
        self.assertEqual(self.stats()['reports'], 1)
        self.assertEqual(self.sql('SELECT id FROM report'), [(1,)])

    def test_statistics_go_to_stderr_and_quiet_says_nothing(self):
        self.add('finding', '45.1.1.1', YEAR)
        for args, says in ((['-n'], 'would remove 1 finding'), ([], 'removed 1 finding')):
            done = self.purge(*args)
            self.assertEqual((done.stdout, done.stderr.split(',')[0]), ('', says))
        self.silent('rep-purge', '--quiet')

    def fill(self, n):
        self.sql('WITH RECURSIVE i(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM i WHERE x < ?) INSERT INTO '
                 + FINDING.format('randomblob(16)', 'hex(zeroblob(60))', 1, 2) + ' FROM i', n)
        self.sql('PRAGMA wal_checkpoint(TRUNCATE)')

    def test_free_pages_are_given_back(self):
        self.purge('--quiet')
        empty = self.place.size()
        self.fill(20000)
        self.assertGreater(self.place.size(), empty + 3000000)
        self.assertEqual(self.stats()['findings'], 20000)
        self.assertEqual((self.place.size(), self.sql('PRAGMA freelist_count')), (empty, [(0,)]))

    def test_a_store_that_cannot_shrink_is_purged_all_the_same(self):
        db = sqlite3.connect(self.place.db, isolation_level=None)
        db.executescript('PRAGMA journal_mode = DELETE; PRAGMA auto_vacuum = NONE; VACUUM; PRAGMA journal_mode = WAL')
        db.close()
        self.assertEqual(self.sql('PRAGMA auto_vacuum'), [(0,)])
        self.fill(2000)
        self.assertEqual(self.stats()['findings'], 2000)
        self.assertEqual(self.count('finding'), 0)

    def test_hooks_have_their_turn_while_it_purges(self):
        self.fill(40000)
        with self.place.start('rep-purge', '--quiet', stdout=subprocess.DEVNULL, stderr=None) as purge:
            wait_until(lambda: self.count('finding') < 40000, 'it has begun')
            during = 0
            while purge.poll() is None:
                self.enqueue(f'45.3.{during // 200}.{during % 200 + 1}')
                during += purge.poll() is None
        self.assertEqual(purge.returncode, 0)
        self.assertGreater(during, 3)
        self.assertEqual(self.count('finding'), 0)

    def test_a_bar_is_for_long_runs_on_terminals(self):
        self.fill(80000)
        seen = self.place.on_terminal('rep-purge')
        self.assertRegex(seen, rb'\r\[#+\.*\] +\d+%')
        self.assertRegex(seen, rb'\r\x1b\[Kremoved 80000 findings')
        self.fill(80000)
        self.assertEqual(self.place.on_terminal('rep-purge', '--quiet'), b'')
        self.assertNotIn(b'%', self.place.on_terminal('rep-purge'))


class Clock(PurgeCase):
    """Blocks and pardons go only when two runs, an hour apart by the boot clock, agree. Clocks that jump while the
    programs run: test_jump.py."""

    BOTH = ['45.1.1.1', 'pardon']

    def setUp(self):
        super().setUp()
        self.add('45.1.1.1', YEAR, -7200)              # over

    def add(self, address, age, left):
        """A block, and a pardon of another address."""
        self.old_block(address, age=age, left=left)
        self.pardon('45.1.1.9', left)

    def left(self):
        self.purge()
        return self.blocked() + ['pardon'] * self.count('pardon')

    def test_the_first_run_takes_none(self):
        self.sql('DELETE FROM meta')
        self.assertEqual(self.left(), self.BOTH)

    def test_a_second_run_takes_what_was_over_for_one_an_hour_before(self):
        for name, ago, boot_ago, left in (('too soon by the boot clock, which decides', 4000, 3500, self.BOTH),
                                          ('an hour', 3700, 3700, []),
                                          ('they were not over yet', 3 * 3600, 3 * 3600, self.BOTH)):
            with self.subTest(name):
                self.add('45.1.1.1', YEAR, -7200)
                self.run_was(ago, boot_ago)
                self.assertEqual(self.left(), left)

    def test_a_clock_that_was_in_2038_releases_no_block(self):
        self.run_was(int(time.time()) - 2145916800, 3700)
        self.old_block('45.1.1.2', age=0)
        self.assertEqual(self.left(), ['45.1.1.2'])

    def test_a_clock_that_is_wrong_now_releases_no_block(self):
        for ago, age, left in ((11 * YEAR, 11 * YEAR, -10 * YEAR),     # eleven years ahead: all seem to be over
                               (-30 * YEAR, -29 * YEAR, 31 * YEAR)):   # thirty behind: all end too far away to be true
            with self.subTest(ago=ago):
                self.sql('DELETE FROM block')
                self.sql('DELETE FROM pardon')
                self.run_was(ago, 3700)
                self.add('45.1.1.2', age, left)
                self.assertEqual(self.left(), ['45.1.1.2', 'pardon'])

    def test_a_line_that_waits_for_a_block_made_in_2038_keeps_no_worker(self):
        for first_at in (0, int(time.time())):
            self.old_block('45.1.1.2', age=0, left=11 * YEAR, due=1, first_at=first_at)
            self.flush()
            self.assertEqual(self.place.verdict_log(), '')
            self.sql('DELETE FROM block')

    def test_a_dry_run_is_no_run(self):
        self.sql('DELETE FROM meta')
        self.purge('-n')
        self.assertEqual(self.count('meta'), 0)


class Allow(PurgeCase):
    """A new entry of [allow] lifts standing blocks."""

    lists = {'zen': LIST}
    sections = {'general': {'timeout_ms': 1500, 'ipv6_prefix': 64}}
    BLOCKS = ('45.1.1.1', '45.1.2.255', '45.1.3.0', '45.9.9.9', '2a02:1:2:3::', '2a02:1:2:4::', '2a02:1:2:5::5')

    def setUp(self):
        super().setUp()
        for address in self.BLOCKS:
            self.old_block(address, age=DAY)

    def allow(self, text):
        self.place.write('iprep.local', f'[allow]\naddresses = {text}\n')

    def lifted(self):
        return sorted(set(self.BLOCKS) - set(self.blocked()))

    def test_the_worker_lifts_and_lists_them(self):
        self.allow('45.1.1.1 2a02:1:2:3::9')
        self.assertEqual(self.run_it('rep-check', '--is-blocked', '--', '45.1.1.1').stdout, '')
        said = self.run_it('rep-report', '--flush').stderr
        self.assertEqual(self.lifted(), ['2a02:1:2:3::', '45.1.1.1'])
        self.assertIn('45.1.1.1: the block is lifted: allowed by [allow]', said)
        self.assertEqual(sorted(self.released()), ['2a02:1:2:3::/64', '45.1.1.1'])
        self.assertNotIn('45.1.1.1', self.run_it('rep-check', '--blocks').stdout)

    def test_networks_too_and_nothing_else(self):
        self.allow('45.1.0.0/23, 45.1.2.0/24 2a02:1:2:4::/63')
        self.assertEqual(self.stats('--dry-run')['lifted'], 4)
        self.assertEqual(self.lifted(), [])
        self.assertEqual(self.stats()['lifted'], 4)
        self.assertEqual(self.lifted(), ['2a02:1:2:4::', '2a02:1:2:5::5', '45.1.1.1', '45.1.2.255'])

    def test_one_that_is_due_writes_no_line(self):
        self.sql('UPDATE block SET due = 1, first_at = 0, announced_at = 0')
        self.allow('45.0.0.0/8')
        self.flush()
        self.assertNotIn('ip=45.', self.place.verdict_log())
        self.assertIn('ip=2a02:1:2:4::/64', self.place.verdict_log())

    def test_nothing_is_lifted_without_an_entry(self):
        self.flush()
        self.purge()
        self.assertEqual((self.lifted(), self.released()), ([], []))
