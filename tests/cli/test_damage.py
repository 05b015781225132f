# SPDX-License-Identifier: MIT
"""A damaged store is reported by every program with what to do, and never replaced automatically."""
import os
import random
import sqlite3

import own_dev
from damage import SAYS, Damage
from places import OWNER
from stores import BLOCKED, EACH

LOG = None


def setUpModule():
    global LOG
    LOG = own_dev.syslog()


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
                    p = self.each(args, status=74, says=SAYS)
                    if args[:2] != ('rep-check', '--self-test'):
                        self.assertEqual(p.stderr.count('\n'), 1, p.stderr)
                        self.assertTrue(p.stderr.startswith(args[0] + ': ' + self.place.dir), p.stderr)
                    after = self.content()
                    self.assertEqual({n: d for n, d in after.items() if d or n in before}, before)

    def test_a_store_without_its_tables_is_reported_by_all_that_need_them(self):
        self.filled(10)
        self.a_table_is_not_there()
        for args in EACH:
            if args[-1] in ('--ready', '--self-test', '--sources'):
                continue                       # they need other tables, and find nothing broken
            self.each(args, status=74, says=SAYS)

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
                    p = self.run_it('rep-check', *args, status=None)
                    self.assertEqual((p.returncode, p.stdout, p.stderr), (0, '', ''))
                    self.assertIn(SAYS.encode(), LOG.last())

    def test_a_worker_without_standard_error_reports_it_to_syslog(self):
        self.filled()
        self.garbage_in_the_header()
        LOG.clear()
        with open('/dev/null', 'wb') as null:
            p = self.run_it('rep-report', '--flush', status=74, capture_output=False, stdout=null, stderr=null)
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
                p = self.enqueue(BLOCKED, '--user', 'root', '--failures', '3', status=None)
                self.assertIn(p.returncode, (0, 74))
                if p.returncode:
                    self.assertIn(SAYS, p.stderr)
                self.run_it('rep-check', '--ready', status=74, says=SAYS)

    def test_ready_of_a_database_that_is_too_large_says_what_it_has_not_read(self):
        """SQLite before 3.46 cannot end a check early: none is begun that may take longer than a hook has."""
        self.filled()
        db = sqlite3.connect(self.db)
        with db:
            db.execute('PRAGMA synchronous = OFF')
            db.execute('INSERT INTO good VALUES(zeroblob(180 << 20), 1)')
        db.close()
        self.place.own()
        done = self.run_it('rep-check', '--ready')
        notice = f'rep-check: {self.db}: not checked wholly, because it is too large to be read within 1 s; ' \
                 'no damage was found\n'
        self.assertIn(done.stderr, ('', notice))
        if sqlite3.sqlite_version_info < (3, 46):
            self.assertEqual(done.stderr, notice)
        self.assertNotIn('wholly', self.purge('-n').stderr)     # it has the time

    def test_the_daily_purge_finds_damage_in_pages_that_no_lookup_reads(self):
        self.filled()
        self.spoil('finding')
        self.gate(BLOCKED, status=10)                 # it does not go there
        count = 'SELECT count(*) FROM report'
        before = self.place.read(count)
        self.run_it('rep-purge', status=74, says='checking: damaged (')
        self.run_it('rep-purge', '-n', status=74, says=SAYS)
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
                         ('rep-report', '--enqueue', '--', '45.9.9.9'), ('rep-report', '--status'),
                         ('rep-purge', '-q')):
                p = self.each(args, status=None)
                if p.returncode not in (0, 10, 74, 75):
                    died.append((turn, args, p.returncode, p.stderr))
                reported += SAYS in p.stderr
            p = self.run_it('rep-check', '--gate', '--', BLOCKED, status=None)
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

    def leave_a_log(self, changes, score):
        """As a process leaves it that was killed."""
        self.filled(50)
        db = sqlite3.connect(self.db)
        for _ in range(changes):
            db.execute(f'UPDATE block SET score = {score}')
            db.commit()
        self.place.own()
        self.save('live')
        db.close()
        self.restore('live')

    def test_with_a_damaged_log_what_was_in_the_file_holds(self):
        for at, what in ((0, b'\xff' * 32), (40, b'\xff' * 200), (32 + 24 + 100, b'\0' * 2000)):
            with self.subTest(at=at):
                self.leave_a_log(5, 'score + 1')
                if os.path.exists(self.db + '-shm'):
                    os.unlink(self.db + '-shm')
                self.overwrite(at, what, '-wal')
                self.gate(BLOCKED, status=10)
                p = self.run_it('rep-check', '--blocks', '-q')
                self.assertEqual(p.stdout.count('\n45.') + p.stdout.startswith('45.'), 51, p.stdout[:200])
                self.run_it('rep-check', '--ready')
                self.assertEqual(self.place.read('PRAGMA integrity_check'), [('ok',)])

    def test_an_index_of_the_log_full_of_garbage_is_made_again(self):
        self.leave_a_log(1, 9)
        self.place.write('state/iprep.db-shm', os.urandom(32768), 0o600, OWNER)
        self.gate(BLOCKED, status=10)
        self.assertEqual(self.place.read('SELECT DISTINCT score FROM block'), [(9,)])
