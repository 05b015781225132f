# SPDX-License-Identifier: MIT
"""Output that is lost is 74 and loses nothing else; files that may not grow; a disk that takes nothing."""
import contextlib
import json
import os
import resource
import shutil
import sqlite3
import subprocess
import time

from addresses import key_of
from places import OWNER
from stores import BLOCKED, KEPT, StoreCase

# every mode that prints, and what is blocked, released and reported stays what it is
PRINTS = [
    ('rep-check', '--help'), ('rep-check', '--version'), ('rep-check', '10.0.0.1'), ('rep-check', '--json', '10.0.0.1'),
    ('rep-check', '--cached', '45.9.9.9'), ('rep-check', '--file', '{dir}/list'), ('rep-check', '--blocks'),
    ('rep-check', '--blocks', '--json'), ('rep-check', '--blocks', '--new'), ('rep-check', '--blocks', '--new', '-j'),
    ('rep-check', '--blocks', '--format', 'nft'), ('rep-check', '--blocks', '--format', 'rbldnsd'),
    ('rep-check', '--ready', '-v'), ('rep-report', '--help'), ('rep-report', '--status'),
    ('rep-report', '--status', '--json'), ('rep-report', '--flush'), ('rep-report', '--flush', '--json'),
    ('rep-report', '--enqueue', '-v', '--', '45.9.9.8'), ('rep-purge', '--help'), ('rep-purge', '--released'),
    ('rep-purge', '--released', '--json'), ('rep-purge', '--json'), ('rep-purge', '--json', '-n'),
    ('rep-purge', '45.9.9.9'), ('rep-purge', '--pardon', '1d', '45.9.9.9'), ('rep-purge', '--json', '45.9.9.9'),
    ('rep-purge', '--reset', '--force'), ('rep-purge', '--reset', '--force', '--json'),
]


@contextlib.contextmanager
def lost(way):
    """A standard output that takes nothing: arguments for subprocess."""
    if way == 'closed':
        yield {'preexec_fn': lambda: os.close(1)}
    elif way == 'full':
        with open('/dev/full', 'w', encoding='ascii') as full:
            yield {'stdout': full}
    else:
        reader, writer = os.pipe()
        os.close(reader)
        yield {'stdout': writer}
        os.close(writer)


class Case(StoreCase):
    def setUp(self):
        super().setUp()
        self.keep(KEPT[-1])
        self.sql('UPDATE block SET shown_at = 0')

    def ended(self, args, **more):
        argv = self.place.command(args[0], *(a.replace('{dir}', self.place.dir) for a in args[1:]))
        return subprocess.run(argv, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=120, **more)


class Lost(Case):
    def test_a_mode_whose_output_is_lost_ends_with_74(self):
        for turn, args in enumerate(PRINTS):
            for way in ('closed', ('full', 'pipe')[turn % 2]):
                with self.subTest(way=way, args=args), lost(way) as out:
                    self.keep(KEPT[-1])
                    if '--new' in args:
                        self.sql('UPDATE block SET shown_at = 0')
                    p = self.ended(args, **out)
                    self.assertEqual(p.returncode, 74, p.stderr)
                    self.assertIn('stdout: ', p.stderr)

    def test_a_block_that_could_not_be_written_is_new_for_the_next_run(self):
        for way in ('closed', 'full', 'pipe'):
            for more in ((), ('--json',)):
                with self.subTest(way=way, more=more), lost(way) as out:
                    self.assertEqual(self.ended(('rep-check', '--blocks', '--new', *more), **out).returncode, 74)
                    self.assertEqual(self.place.read('SELECT shown_at FROM block'), [(0,)])
        p = self.run_it('rep-check', '--blocks', '--new', '--json')
        self.assertEqual(json.loads(p.stdout)['address'], BLOCKED)

    def test_the_name_of_a_database_that_was_set_aside_is_not_lost(self):
        with lost('closed') as out:
            p = self.ended(('rep-purge', '--reset', '--force'), **out)
        self.assertIn('nothing was changed', p.stderr)
        self.assertEqual(self.place.read('SELECT count(*) FROM block'), [(1,)])
        for more in ((), ('--quiet',), ('--json',)):
            with lost('full') as out:
                p = self.ended(('rep-purge', '--reset', '--force', *more), **out)
            aside = [n for n in self.files() if n.startswith('iprep.db.2')]
            self.assertTrue(any(n in p.stderr for n in aside), p.stderr)

    def test_hooks_print_nothing_and_do_their_work(self):
        for way in ('closed', 'full', 'pipe'):
            with lost(way) as out:
                self.assertEqual(self.ended(('rep-check', '--gate', '--', BLOCKED), **out).returncode, 10)
                self.assertEqual(self.ended(('rep-check', '--login', '--', '45.9.9.9'), **out).returncode, 0)
                self.assertEqual(self.ended(('rep-check', '--is-blocked', '--', BLOCKED), **out).returncode, 10)
                self.assertEqual(self.ended(('rep-report', '--enqueue', '--', '45.9.9.7'), **out).returncode, 0)

    def test_no_closed_descriptor_becomes_the_database(self):
        for closed in ((0,), (1,), (2,), (0, 1), (1, 2), (0, 1, 2)):
            with self.subTest(closed=closed):
                for args in (('rep-check', '--blocks'), ('rep-report', '--enqueue', '-v', '--', '45.9.9.6')):
                    p = subprocess.run(self.place.command(*args), preexec_fn=lambda: [os.close(fd) for fd in closed],
                                       timeout=120, **{name: subprocess.DEVNULL for fd, name in enumerate(
                                           ('stdin', 'stdout', 'stderr')) if fd not in closed})
                    self.assertEqual(p.returncode, 74 if 1 in closed else 0, args)
                self.assertEqual(self.place.read('PRAGMA integrity_check'), [('ok',)])
        p = subprocess.run(self.place.command('rep-check', '--file', '-'), preexec_fn=lambda: os.close(0), timeout=120,
                           stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.assertEqual(p.returncode, 74, p.stderr)


class SlowReader(StoreCase):
    def test_a_list_is_written_to_its_end_whatever_time_its_reader_takes(self):
        """As with less(1): the pipe is full, and it is not read for longer than a hook may take."""
        self.filled(2000)
        with self.place.start('rep-check', '--blocks', '--json') as listing:
            time.sleep(6)
            out, err = listing.communicate(timeout=120)
        self.assertEqual((listing.returncode, err), (0, ''))
        self.assertEqual(out.count('\n'), 2001)


class FileLimit(Case):
    """RLIMIT_FSIZE, whose signal ended hooks."""

    def limited(self, args, size):
        return self.ended(args, stdout=subprocess.DEVNULL,
                          preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)))

    def test_a_file_that_may_not_grow_ends_no_program_by_a_signal(self):
        for size in (100, 40000):
            for args, wants in ((('rep-report', '--enqueue', '--', '45.9.9.5'), {0, 74}),
                                (('rep-check', '--gate', '--', '45.9.9.5'), {0}),
                                (('rep-check', '--login', '--', '45.9.9.4'), {0}),
                                (('rep-check', '--gate', '--', BLOCKED), {10}),
                                (('rep-check', '--is-blocked', '--', BLOCKED), {10}),
                                (('rep-report', '--flush'), {0, 74, 73}), (('rep-purge',), {0, 74}),
                                (('rep-check', '--ready'), {0, 74})):
                with self.subTest(size=size, args=args):
                    self.keep(KEPT[-1])
                    self.assertIn(self.limited(args, size).returncode, wants)

    def test_a_report_that_was_not_recorded_is_74(self):
        p = self.limited(('rep-report', '--enqueue', '--', '45.9.9.5'), 100)
        self.assertEqual(p.returncode, 74, p.stderr)


class DiskThatTakesNothing(Case):
    """Full or read-only, in a mount namespace: what only reads still answers; with the log still to be read."""

    FULL = 'dd if=/dev/zero of="$1/state/fill" bs=4k 2>/dev/null; true'
    READ_ONLY = 'mount -o remount,ro none "$1/state"'
    IN_LOG = '45.3.3.3'
    READS = [('--blocks', 'rep-check', 0), ('--cached', 'rep-check', 75), ('--status', 'rep-report', 0),
             ('--released', 'rep-purge', 0)]

    def setUp(self):
        super().setUp()
        self.save_state(in_log=True)

    def save_state(self, in_log):
        """The files as a crash leaves them: a block is in the log alone, and there is no index."""
        db = sqlite3.connect(self.db, isolation_level=None)
        if in_log:
            db.execute('PRAGMA wal_autocheckpoint = 0')
            db.execute('INSERT INTO block SELECT ?, tier, score, since, until, first_at, announced_at, due, jail, src,'
                       ' shown_at, recheck_at, addr, seen FROM block LIMIT 1', (key_of(self.IN_LOG),))
            db.execute('DELETE FROM block WHERE key <> ?', (key_of(self.IN_LOG),))
        shutil.rmtree(self.place.path('saved'), ignore_errors=True)
        os.mkdir(self.place.path('saved'), 0o700)
        for name in ('iprep.db', 'iprep.db-wal') if in_log else ('iprep.db',):
            shutil.copy(self.place.path('state/' + name), self.place.path('saved/' + name))
            os.chown(self.place.path('saved/' + name), OWNER, OWNER)
        db.close()

    def in_mount(self, before, program, *args):
        script = (f'mount -t tmpfs -o size=2m,mode=0700,uid={OWNER},gid={OWNER} none "$1/state" && '
                  'cp -p "$1/saved/"* "$1/state/" && ' + before + ' && shift && exec "$@"')
        return subprocess.run(['unshare', '-m', 'sh', '-c', script, 'sh', self.place.dir,
                               *self.place.command(program, *args)], capture_output=True, timeout=60, text=True)

    def reads(self, disk, blocked, other):
        for mode, program, status in self.READS:
            with self.subTest(mode=mode):
                p = self.in_mount(disk, program, mode, *(['45.9.9.9'] if mode == '--cached' else []))
                self.assertEqual((p.returncode, [line for line in p.stderr.splitlines() if 'zone' not in line]),
                                 (status, []), p.stdout)
                if mode == '--blocks':
                    self.assertEqual((blocked in p.stdout, other in p.stdout), (True, False))
        for address, status in ((blocked, 10), (other, 0)):
            for mode in ('--gate', '--is-blocked'):
                p = self.in_mount(disk, 'rep-check', mode, '--', address)
                self.assertEqual((p.returncode, mode, address), (status, mode, address), p.stderr)

    def test_on_a_full_disk_all_is_read_the_log_too(self):
        self.reads(self.FULL, self.IN_LOG, BLOCKED)

    def test_on_a_read_only_disk_all_of_the_file_is_read(self):
        self.keep(KEPT[-1])
        self.save_state(in_log=False)
        self.reads(self.READ_ONLY, BLOCKED, '45.3.3.4')

    def test_what_cannot_be_read_is_an_error_and_not_old_news(self):
        for mode, program, _ in self.READS:
            p = self.in_mount(self.READ_ONLY, program, mode, *(['45.9.9.9'] if mode == '--cached' else []))
            self.assertEqual((p.returncode, p.stdout), (74, ''), mode)
        self.assertEqual(self.in_mount(self.READ_ONLY, 'rep-check', '--gate', '--', BLOCKED).returncode, 0)

    def test_what_writes_is_an_error(self):
        for args in (('rep-check', '--blocks', '--new'), ('rep-purge', '45.9.9.9'),
                     ('rep-report', '--enqueue', '--', '45.9.9.9')):
            p = self.in_mount(self.FULL, *args)
            self.assertEqual((p.returncode, p.stderr.count('\n')), (74, 1), p.stderr)


class Endless(Case):
    def test_rows_that_are_in_no_order_end_a_list(self):
        """A number that is text compares as larger than any, so that each page would begin with the same row."""
        db = sqlite3.connect(self.db)
        (table,), indices = db.execute("SELECT sql FROM sqlite_schema WHERE name = 'block'").fetchone(), db.execute(
            "SELECT sql FROM sqlite_schema WHERE tbl_name = 'block' AND type = 'index' AND sql NOT NULL").fetchall()
        db.execute('ALTER TABLE block RENAME TO old')
        for name, in db.execute("SELECT name FROM sqlite_schema WHERE tbl_name = 'old' AND type = 'index'"
                                ' AND sql NOT NULL').fetchall():
            db.execute(f'DROP INDEX {name}')
        db.execute(table.replace('STRICT, ', ''))
        db.execute("INSERT INTO block SELECT * FROM old")
        db.execute('DROP TABLE old')
        for sql, in indices:
            db.execute(sql)
        db.execute("UPDATE block SET first_at = 'zzz', shown_at = 0")
        db.commit()
        db.close()
        self.place.own()
        for args in (('--blocks', '--new'), ('--blocks',)):
            p = subprocess.run(['timeout', '60', *self.place.command('rep-check', *args)], stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=100)
            self.assertEqual(p.returncode, 74, p.stderr)
            self.assertIn('damaged', p.stderr)
