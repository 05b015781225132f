#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A damaged store is reported by every program with what to do, and never replaced automatically.

    test_damage.py DIRECTORY-OF-PROGRAMS        (as root)
"""
import os
import random
import sqlite3
import sys
import unittest

import own_dev
import place
import store_case
from store_case import BLOCKED, EACH

LOG = None
SAYS = 'set it aside with rep-purge --reset'


class Damage(store_case.Case):
    """Each kind of it is a function that spoils self.db."""

    def overwrite(self, at, data, end=''):
        with open(self.db + end, 'r+b') as f:
            f.seek(at)
            f.write(data)

    def cut(self, size):
        os.truncate(self.db, size)

    def no_database_at_all(self):
        text = 'Dear diary, this is no database, and never was one.\n' * 99
        self.place.write('state/iprep.db', text, 0o600, place.OWNER)

    def garbage_in_the_header(self):
        self.overwrite(0, b'garbage' * 14)

    def empty(self):
        self.cut(0)

    def cut_in_half(self):
        self.cut(os.path.getsize(self.db) // 2)

    def cut_to_a_page(self):
        self.cut(4096)

    def cut_within_the_header(self):
        self.cut(50)

    def first_page_lost(self):
        self.overwrite(100, b'\xff' * 3996)

    def its_marks_lost(self):
        self.overwrite(60, b'\0' * 12)         # user_version, application_id (sqlite.org/fileformat2.html, 1.3)

    def only_the_log_is_left(self):
        db = sqlite3.connect(self.db)
        db.execute('UPDATE block SET score = 4')
        db.commit()
        os.unlink(self.db)                     # and its log stays: the connection cannot tidy up any more
        db.close()
        if not os.path.exists(self.db + '-wal'):
            self.place.write('state/iprep.db-wal', b'\x37\x7f\x06\x82' + b'\0' * 28 + b'x' * 4120, 0o600, place.OWNER)
        self.own()

    def a_table_is_not_there(self):
        db = sqlite3.connect(self.db)
        for table in ('block', 'pardon', 'report', 'finding', 'lookup', 'released'):
            db.execute(f'DROP TABLE {table}')
        db.execute('PRAGMA wal_checkpoint(TRUNCATE)')
        db.close()
        self.own()

    KINDS = [no_database_at_all, garbage_in_the_header, empty, cut_in_half, cut_to_a_page, cut_within_the_header,
             first_page_lost, its_marks_lost, only_the_log_is_left]

    def content(self):
        return {name: open(self.place.path('state/' + name), 'rb').read() for name in self.files()
                if name.startswith('iprep.db') and not name.endswith('-shm')}


class Everywhere(Damage):
    def test_every_program_reports_it_with_what_to_do_and_does_not_change_it(self):
        self.filled()
        self.save('kept')
        for spoil in self.KINDS:
            self.restore('kept')
            spoil(self)
            before = self.content()
            for args in EACH:
                with self.subTest(kind=spoil.__name__, args=args):
                    p = self.run_it(args, 74, SAYS)
                    if args[:2] != ('rep-check', '--self-test'):
                        self.assertEqual(p.stderr.count('\n'), 1, p.stderr)
                        self.assertTrue(p.stderr.startswith(args[0] + ': ' + self.place.dir), p.stderr)
                    after = self.content()
                    self.assertEqual({n: d for n, d in after.items() if d or n in before}, before)

    def test_a_store_without_its_tables_is_reported_by_all_that_need_them(self):
        self.filled(10)
        self.a_table_is_not_there()
        for args in EACH:
            if args[-1] in ('--ready', '--self-test'):
                continue                       # they need other tables, and find nothing broken
            self.run_it(args, 74, SAYS)

    def test_hooks_of_ambiguous_lines_ignore_the_line_and_tell_syslog(self):
        self.filled()
        self.save('kept')
        for spoil in self.KINDS:
            self.restore('kept')
            spoil(self)
            for args in (('--gate', '--jail', 'x', '--', BLOCKED),
                         ('--gate', '--jail', 'x', '--user', 'root', '--', BLOCKED),
                         ('--gate', '--jail', 'x', '--restored', '1', '--', BLOCKED),
                         ('--login', '--', BLOCKED)):
                with self.subTest(kind=spoil.__name__, args=args):
                    LOG.clear()
                    p = self.run_it(('rep-check', *args))
                    self.assertEqual((p.returncode, p.stdout, p.stderr), (0, '', ''))
                    self.assertIn(SAYS.encode(), LOG.last())

    def test_a_worker_without_standard_error_reports_it_to_syslog(self):
        self.filled()
        self.garbage_in_the_header()
        LOG.clear()
        with open('/dev/null', 'wb') as null:
            p = self.run_it(('rep-report', '--flush'), 74, capture_output=False, stdout=null, stderr=null)
        self.assertEqual(p.returncode, 74)
        self.assertIn(SAYS.encode(), LOG.last())


class Somewhere(Damage):
    """A damaged page in the middle: only programs that read it report it; the daily purge finds it."""

    def pages_of(self, table):
        db = sqlite3.connect(self.db)
        pages = [p for p, in db.execute("SELECT pageno FROM dbstat WHERE name = ? AND pagetype = 'leaf'", (table,))] \
            if self.has_dbstat(db) else [db.execute('SELECT rootpage FROM sqlite_schema WHERE name = ?',
                                                    (table,)).fetchone()[0]]
        db.close()
        return pages

    @staticmethod
    def has_dbstat(db):
        try:
            db.execute('SELECT 1 FROM dbstat LIMIT 1')
            return True
        except sqlite3.OperationalError:
            return False

    def spoil(self, table):
        page = self.pages_of(table)
        self.overwrite((page[len(page) // 2] - 1) * 4096, b'\xa5' * 4096)

    def test_ready_says_why_enqueue_fails_wherever_the_damage_lies(self):
        for table in ('report', 'lookup', 'block', 'finding', 'sighting', 'failure', 'report_key', 'report_addr'):
            with self.subTest(table=table):
                self.filled()
                self.spoil(table)
                p = self.run_it(('rep-report', '--enqueue', '--user', 'root', '--failures', '3', '--', BLOCKED))
                self.assertIn(p.returncode, (0, 74))
                if p.returncode:
                    self.assertIn(SAYS, p.stderr)
                self.run_it(('rep-check', '--ready'), 74, SAYS)

    def test_the_daily_purge_finds_damage_in_pages_that_no_lookup_reads(self):
        self.filled()
        self.spoil('finding')
        self.gate(BLOCKED, 10)                 # it does not go there
        count = 'SELECT count(*) FROM report'
        before = self.place.read(count)
        self.run_it(('rep-purge',), 74, 'checking: damaged (')
        self.run_it(('rep-purge', '-n'), 74, SAYS)
        self.assertEqual(self.place.read(count), before)

    def test_bits_that_fall_over_are_reported_or_do_no_harm(self):
        """Any byte may be any other: no crash, no status that is not in the table, never an empty store instead."""
        pick = random.Random(1)
        self.filled(300)
        self.save('kept')
        size, reported, died = os.path.getsize(self.db), 0, []
        for turn in range(60):
            self.restore('kept')
            for _ in range(pick.choice((1, 4, 40))):
                self.overwrite(pick.randrange(size), bytes([pick.randrange(256)]))
            for args in (('rep-check', '--cached', BLOCKED), ('rep-check', '--blocks'), ('rep-check', '--ready'),
                         ('rep-report', '--enqueue', '--', '45.9.9.9'), ('rep-report', '--status'), ('rep-purge', '-q')):
                p = self.run_it(args)
                if p.returncode not in (0, 10, 74, 75):
                    died.append((turn, args, p.returncode, p.stderr))
                reported += SAYS in p.stderr
            p = self.run_it(('rep-check', '--gate', '--', BLOCKED))
            if p.returncode not in (0, 10) or p.stderr:
                died.append((turn, 'gate', p.returncode, p.stderr))
            self.assertGreaterEqual(os.path.getsize(self.db), size - 4096 * 4)
        print(f'60 spoilt stores, 360 runs: {reported} reported damage')
        self.assertEqual(died, [])
        self.assertGreater(reported, 30)


class Log(Damage):
    """
    A log that cannot be read to its end is what every power failure leaves: SQLite takes what was committed
    before, and nothing of what comes after. That is not reported, because it cannot be distinguished from damage; it is
    consistent, and the file itself is never replaced.
    """

    def test_with_a_damaged_log_what_was_in_the_file_holds(self):
        for at, what in ((0, b'\xff' * 32), (40, b'\xff' * 200), (32 + 24 + 100, b'\0' * 2000)):
            with self.subTest(at=at):
                self.filled(50)
                db = sqlite3.connect(self.db)
                for i in range(5):
                    db.execute('UPDATE block SET score = score + 1')
                    db.commit()
                self.own()
                self.save('live')
                db.close()
                self.restore('live')
                if os.path.exists(self.db + '-shm'):
                    os.unlink(self.db + '-shm')
                self.overwrite(at, what, '-wal')
                self.gate(BLOCKED, 10)
                p = self.run_it(('rep-check', '--blocks', '-q'), 0)
                self.assertEqual(p.stdout.count('\n45.') + p.stdout.startswith('45.'), 51, p.stdout[:200])
                self.run_it(('rep-check', '--ready'), 0)
                self.assertEqual(self.place.read('PRAGMA integrity_check'), [('ok',)])

    def test_an_index_of_the_log_full_of_garbage_is_made_again(self):
        self.filled(50)
        db = sqlite3.connect(self.db)
        db.execute('UPDATE block SET score = 9')
        db.commit()
        self.own()
        self.save('live')
        db.close()
        self.restore('live')
        with open(self.db + '-shm', 'wb') as f:
            f.write(os.urandom(32768))
        self.gate(BLOCKED, 10)
        self.assertEqual(self.place.read('SELECT DISTINCT score FROM block'), [(9,)])


if __name__ == '__main__':
    if not own_dev.enter():
        print('SKIPPED: no mount namespace can be made here, so syslog would be the machine\'s')
        sys.exit(0)
    LOG = own_dev.Syslog()
    unittest.TestCase.maxDiff = 500
    store_case.main()
