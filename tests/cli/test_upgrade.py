# SPDX-License-Identifier: MIT
"""A store that any version wrote opens in this one, with all it says; an interrupted migration never was."""
import json
import re
import sqlite3
import subprocess

from addresses import key_of
from stores import BLOCKED, EACH, GOOD, KEPT, PARDONED, StoreCase, kept_sql

NEWEST = len(KEPT)
# which tables each version brought
TABLES = [{'meta', 'block', 'pardon', 'finding', 'lookup', 'report', 'endpoint'}, {'zone', 'sighting', 'good'},
          {'failure', 'retraction'}, {'released'}, {'ambiguous'}, set(), {'fetch'}, {'counter', 'publication'}]


def shape(db):
    """Tables and columns, whatever the order in which the columns came; indices by their text."""
    tables = {}
    for name, in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"):
        tables[name] = sorted(row[1:] for row in db.execute(f'PRAGMA table_xinfo({name})'))
    indices = {re.sub(r'\s+', ' ', sql) for sql, in
               db.execute("SELECT sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL")}
    strict = {row[1]: row[4:] for row in db.execute('PRAGMA table_list')}
    marks = [db.execute(f'PRAGMA {p}').fetchone() for p in ('user_version', 'application_id', 'auto_vacuum')]
    return {n: [c[0:1] + c[1:] for c in cols] for n, cols in tables.items()}, indices, strict, marks


class Kept(StoreCase):
    """The fixtures themselves."""

    def test_there_is_one_of_every_version_and_this_one_writes_what_the_newest_says(self):
        self.assertEqual([int(re.findall(r'\d+', p)[-1]) for p in KEPT], list(range(1, NEWEST + 1)))
        self.run_it('rep-check', '--ready')
        fresh = shape(sqlite3.connect(self.db))
        kept = sqlite3.connect(':memory:')
        kept.executescript(kept_sql(KEPT[-1]))
        want = shape(kept)
        for what, mine, theirs in zip(('tables', 'indices', 'kinds'), fresh, want):
            self.assertEqual(mine, theirs, what)
        self.assertEqual(fresh[3][:2], want[3][:2])
        self.assertEqual(fresh[3][2], (2,))    # a file's, which memory has not

    def test_each_has_rows_in_every_table_of_its_time(self):
        for version, path in enumerate(KEPT, 1):
            db = sqlite3.connect(':memory:')
            db.executescript(kept_sql(path))
            tables = {n for n, in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'"
                                             " AND name NOT LIKE 'sqlite_%'")}
            self.assertEqual(tables, set().union(*TABLES[:version]), path)
            for t in tables:
                self.assertGreater(db.execute(f'SELECT count(*) FROM {t}').fetchone()[0], 0, f'{path}: {t}')


class Upgraded(StoreCase):
    def means_the_same(self, version):
        self.gate(BLOCKED, status=10)
        self.gate('45.1.1.2')
        blocks = json.loads(self.run_it('rep-check', '--blocks', '--json').stdout)
        self.assertEqual((blocks['address'], blocks['tier'], blocks['score']), (BLOCKED, 'known', 3))
        self.assertEqual([f['source'] for f in blocks['findings']], ['zen'])
        cached = json.loads(self.run_it('rep-check', '--cached', '--json', PARDONED, status=None).stdout)
        self.assertEqual((cached['verdict'], cached['exempt']), ('exempt', 'pardoned'))
        status = json.loads(self.run_it('rep-report', '--status', '--json').stdout)
        self.assertEqual(status['waiting'], {'report': 2, 'lookup': 2, 'retraction': int(version >= 3)})
        self.assertEqual((status['sending'], status['parked'], status['unknown']), (1, 0, 0))
        self.assertEqual([e['limit'] for e in status['endpoints'] if e['name'] == 'report'], [1000])
        if version >= 2:
            cached = json.loads(self.run_it('rep-check', '--cached', '--json', GOOD, status=None).stdout)
            self.assertGreater(cached['login_at'], 0)
        released = self.run_it('rep-purge', '--released').stdout.split()
        self.assertEqual(released, ['45.8.8.8'] if version >= 4 else [])
        if version < 8:                    # as listed, as mailed; announced before, so counted then
            self.assertEqual(self.place.read('SELECT count(*) FROM block WHERE mailed_at <> shown_at OR counted <>'
                                             ' (first_at > 0)'), [(0,)])
        new = self.run_it('rep-check', '--blocks', '--new', '-q').stdout
        self.assertEqual(BLOCKED in new, version < 3)          # shown before, where that was kept
        # a report made yesterday is not made again; what waits takes up what comes
        self.run_it('rep-report', '--enqueue', '--jail', 'sshd', '--failures', '2', '--', '45.6.6.6')
        self.run_it('rep-report', '--enqueue', '--jail', 'sshd', '--failures', '2', '--', '45.4.4.4')
        rows = self.place.read('SELECT state, failures FROM report ORDER BY id')
        self.assertEqual(rows, [(0, 5), (1, 5), (3, 3)])

    def test_from_every_version_what_it_holds_means_the_same(self):
        for version, path in enumerate(KEPT, 1):
            for wal in (True, False):
                with self.subTest(version=version, wal=wal):
                    self.keep(path, wal)
                    self.means_the_same(version)
                    self.assertEqual(self.place.read('PRAGMA user_version'), [(NEWEST,)])
                    self.assertEqual(self.place.read('PRAGMA integrity_check'), [('ok',)])

    def test_the_outcome_has_the_shape_of_a_new_one(self):
        self.run_it('rep-check', '--ready')
        want = shape(sqlite3.connect(self.db))
        for path in KEPT:
            self.keep(path)
            self.run_it('rep-check', '--ready')
            got = shape(sqlite3.connect(self.db))
            for mine, theirs in zip(got, want):
                self.assertEqual(mine, theirs, path)

    def test_each_program_may_be_the_first_to_open_it(self):
        for args in EACH:
            with self.subTest(args=args):
                self.keep(KEPT[0])
                self.each(args, status=None)
                self.assertEqual(self.place.read('PRAGMA user_version'), [(NEWEST,)])
                self.assertEqual(self.place.read('SELECT count(*) FROM block'), [(1,)])

    def test_many_concurrent_programs_migrate_it_once_and_none_fails(self):
        for turn in range(8):
            self.keep(KEPT[turn % (NEWEST - 1)], wal=turn % 2 == 0)
            running = [subprocess.Popen(self.place.command(*args), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True) for args in
                       [('rep-check', '--gate', '--', BLOCKED), ('rep-check', '--ready'), ('rep-purge', '-q'),
                        ('rep-report', '--enqueue', '--', '45.50.0.1'), ('rep-report', '--status')] * 3]
            for p in running:
                out, err = p.communicate(timeout=120)
                # on a busy machine all but the purge may have waited for the lock as long as they may
                wants = (0, 10) if '--gate' in p.args else (0,) if '-q' in p.args else (0, 75)
                self.assertIn(p.returncode, wants, f'{p.args}: {out}{err}')
            self.gate(BLOCKED, status=10)
            self.run_it('rep-report', '--enqueue', '--', '45.50.0.1')
            self.assertEqual(self.place.read('PRAGMA user_version'), [(NEWEST,)])
            self.assertEqual(self.place.read('PRAGMA integrity_check'), [('ok',)])
            self.assertEqual(self.place.read('SELECT count(*) FROM report'), [(4,)])

    def test_one_that_cannot_be_migrated_says_what_failed_first_not_what_closing_it_could_not_do(self):
        self.keep(KEPT[0])
        with self.place.locked():
            self.run_it('rep-purge', status=75, says='iprep.db: writing: locked by another process')

    def test_a_newer_one_is_refused_by_all_and_not_touched(self):
        self.filled(10)
        self.sql('PRAGMA user_version = 99')
        self.sql('PRAGMA wal_checkpoint(TRUNCATE)')
        before = self.place.bytes('state/iprep.db')
        for args in EACH:
            self.each(args, status=74, says='written by a newer iprep (version 99; this one knows 8), not touched: '
                      'install that one again, or set it aside with rep-purge --reset')
        self.gate(BLOCKED)
        self.assertEqual(self.place.bytes('state/iprep.db'), before)


class Interrupted(StoreCase):
    """Schema 1 is what has the longest way."""

    def kept(self, path=KEPT[0]):
        self.keep(path)
        self.save('kept')
        self.tables = re.findall(r'CREATE TABLE (\w+)', kept_sql(path))

    def content(self):
        """What the next program would see, without being it: a copy is opened, and its log recovered."""
        texts = ['PRAGMA user_version', 'PRAGMA integrity_check', *(f'SELECT * FROM {t}' for t in self.tables)]
        return self.place.read_copy(*texts)

    def each_call(self, calls, what):
        """The n-th of these calls is hit, for every n until there are no more; returns how many."""
        old = self.content()
        seen = {'old': 0, 'new': 0}
        for n in range(1, 200):
            p, trace = self.injected(calls, f'{what}:when={n}', 'rep-purge', '--released')
            now = self.content()
            self.assertEqual(now[1], [('ok',)], n)
            if now[0] == old[0]:
                self.assertEqual(now, old, f'{calls} {n}')     # not half of it
                seen['old'] += 1
            else:
                self.assertEqual(now[0], [(NEWEST,)], f'{calls} {n}')
                seen['new'] += 1
            self.run_it('rep-purge', '--released')        # the next one
            self.assertEqual(self.place.read('PRAGMA user_version'), [(NEWEST,)])
            self.gate(BLOCKED, status=10)
            self.assertEqual(len(self.place.read('SELECT 1 FROM report WHERE state < 2')), 2)
            self.restore('kept')
            if 'SIGKILL' not in trace and 'INJECTED' not in trace:
                self.assertEqual(p.returncode, 0, p.stderr)
                return n - 1, seen
        raise AssertionError('does it ever end?')

    def test_killed_at_any_write_or_sync_it_is_the_old_one_or_the_new_one(self):
        for calls in ('pwrite64', 'fdatasync,fsync', 'ftruncate,unlink'):
            with self.subTest(calls=calls):
                self.kept()
                n, seen = self.each_call(calls, 'signal=SIGKILL')
                print(f'killed at each of {n} {calls}: {seen}')
                if calls == 'pwrite64':
                    self.assertGreater(n, 10)
                    self.assertGreater(seen['old'], 5)

    def test_on_a_disk_that_fails_in_the_middle_it_is_the_old_one_or_the_new_one(self):
        for error in ('ENOSPC', 'EIO'):
            with self.subTest(error=error):
                self.kept()
                n, seen = self.each_call('pwrite64', f'error={error}')
                print(f'{error} at each of {n} pwrite64: {seen}')
                self.assertGreater(seen['old'], 5)

    def test_a_disk_that_is_full_from_some_write_on_leaves_the_old_one(self):
        for first in (1, 3, 6, 12):
            with self.subTest(first=first):
                self.kept()
                old = self.content()
                p, trace = self.injected('pwrite64', f'error=ENOSPC:when={first}+',
                                         'rep-report', '--enqueue', '--', '45.50.0.1')
                self.assertIn('INJECTED', trace)
                self.assertEqual((p.returncode, p.stderr.count('\n')), (74, 1), p.stderr)
                self.assertEqual(self.content(), old)
                self.run_it('rep-report', '--enqueue', '--', '45.50.0.1')

    def test_on_a_full_or_read_only_disk_the_gate_answers_from_the_old_one(self):
        """Every version has the data that it reads; the next program migrates when there is room."""
        for version, path in enumerate(KEPT, 1):
            self.kept(path)
            self.place.mount_state('size=1m')
            try:
                for spoil in ('fill', 'remount'):
                    with self.subTest(version=version, spoil=spoil):
                        self.restore('kept')
                        if spoil == 'fill':
                            self.place.fill()
                        else:
                            subprocess.run(['mount', '-o', 'remount,ro', self.place.path('state')], check=True)
                        self.gate(BLOCKED, status=10)
                        self.gate('45.9.9.9')
                        p = self.run_it('rep-report', '--enqueue', '--', '45.50.0.1', status=None)
                        self.assertEqual((p.returncode, p.stderr.count('\n')), (74, 1), p.stderr)
                        self.assertEqual(self.content()[0], [(version,)])
            finally:
                subprocess.run(['umount', '--lazy', self.place.path('state')], check=True)
                self.place.is_mounted = False

    def test_a_statement_that_fails_in_the_middle_takes_all_before_it_back(self):
        # as version 1 would be with a table of version 3 in it, or an index of version 4
        for obstacle, undo in (('CREATE TABLE retraction(x)', 'DROP TABLE retraction'),
                               ('CREATE TABLE released(x)', 'DROP TABLE released')):
            with self.subTest(obstacle=obstacle):
                self.kept()
                self.sql(obstacle)
                self.sql('PRAGMA wal_checkpoint(TRUNCATE)')
                old = self.content()
                for args in EACH:
                    self.each(args, status=74, says='already exists); set it aside with rep-purge --reset')
                self.gate(BLOCKED)
                self.assertEqual(self.content(), old)
                self.sql(undo)
                self.run_it('rep-check', '--ready')
                self.gate(BLOCKED, status=10)
                self.assertEqual(self.place.read('SELECT count(*) FROM block WHERE key = ?', key_of(BLOCKED)), [(1,)])

    def test_killed_while_a_new_store_is_made_the_next_one_makes_it_and_nothing_is_left(self):
        for calls in ('pwrite64', 'fdatasync,fsync', 'rename'):
            for n in range(1, 200):
                p, trace = self.injected(calls, f'signal=SIGKILL:when={n}',
                                         'rep-report', '--enqueue', '--', '45.50.0.1')
                ended = 'SIGKILL' not in trace
                self.assertEqual(p.returncode == 0, ended)
                self.run_it('rep-report', '--enqueue', '--', '45.50.0.1')
                self.assertEqual(self.place.read('SELECT count(*) FROM report'), [(1,)])
                self.assertEqual([f for f in self.files() if 'new' in f], [])
                self.place.clear()
                if ended:
                    break
            self.assertGreater(n, 1, calls)

    def test_many_concurrent_programs_create_one_store(self):
        for turn in range(5):
            running = [subprocess.Popen(
                self.place.command('rep-report', '--enqueue', '--', f'45.51.0.{i}'),
                stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) for i in range(20)]
            for p in running:
                self.assertEqual(p.communicate(timeout=120)[1], '')
                self.assertEqual(p.returncode, 0)
            self.assertEqual(self.place.read('SELECT count(*) FROM report'), [(20,)])
            self.place.clear()
        self.assertGreater(turn, 0)
