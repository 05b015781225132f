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

import rows
from addresses import key_of
from places import OWNER
from stores import BLOCKED, KEPT, StoreCase


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
        self.sql('UPDATE block SET shown_at = 0, mailed_at = 0')

    def ended(self, args, **more):
        argv = self.place.command(args[0], *(a.replace('{dir}', self.place.dir) for a in args[1:]))
        return subprocess.run(argv, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=120, **more)


@rows.each('calls.tsv', prints='yes')
class Printed(Case):
    def try_row(self, row):
        for way in ('closed', 'full', 'pipe'):
            with self.subTest(way=way), lost(way) as out:
                self.keep(KEPT[-1])
                self.sql('UPDATE block SET shown_at = 0, mailed_at = 0')
                p = self.ended(row['call'].split(), **out)
                self.assertEqual(p.returncode, 74, p.stderr)
                self.assertIn('stdout: ', p.stderr)


class Lost(Case):
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


class Disk(StoreCase):
    """Full or read-only, in a mount namespace. One block and one report are there."""

    SCRIPT = ('mount -t tmpfs -o size=2m,mode=0700,uid=65534,gid=65534 none "$1/state" && '
              'cp -p "$1/saved/"* "$1/state/" && { %s; }; here=$1; shift; "$@"; status=$?; '
              'mkdir "$here/after" && cp -p "$here/state/iprep.db"* "$here/after/"; exit $status')
    FULL = ('dd if=/dev/zero of="$1/state/fill" bs=4k 2>/dev/null; '
            'dd if=/dev/zero of="$1/state/fill2" bs=1 count=4096 2>/dev/null; true')
    READ_ONLY = 'mount -o remount,ro none "$1/state"'
    IN_LOG = '45.3.3.3'
    WRITES = [('rep-report', '--enqueue', '--', '45.2.2.2'), ('rep-check', '--ready'), ('rep-purge', '45.7.7.7'),
              ('rep-check', '--blocks', '--new')]
    READS = [('rep-check', '--blocks', 0), ('rep-check', '--cached', '45.9.9.9', 75), ('rep-report', '--status', 0),
             ('rep-purge', '--released', 0)]

    def leave(self, *suffixes):
        """What a crash leaves of the log and its index; with a log, that alone knows which address is blocked."""
        self.place.clear()
        self.ready()
        self.block(BLOCKED)
        self.enqueue('45.7.7.7')
        db = sqlite3.connect(self.db)
        db.execute('PRAGMA wal_checkpoint(TRUNCATE)')
        if suffixes:
            db.execute('UPDATE block SET key = ?', (key_of(self.IN_LOG),))
            db.commit()                    # the last to close would remove the log
        self.place.own()
        shutil.rmtree(self.place.path('saved'), ignore_errors=True)
        os.mkdir(self.place.path('saved'))
        for suffix in ('', *suffixes):
            shutil.copy(self.db + suffix, self.place.path('saved'))
            os.chown(self.place.path('saved/iprep.db' + suffix), OWNER, OWNER)
        db.close()

    def disks(self):
        """Each, with a log and without: (disk, can the database be read, what is blocked, what is not)

        SQLite reads no log on a read-only disk without its index. The file alone could hold a block that the log lifts.
        """
        for suffixes in ((), ('-wal', '-shm'), ('-wal',)):
            self.leave(*suffixes)
            for disk in (self.FULL, self.READ_ONLY):
                addresses = (self.IN_LOG, BLOCKED) if suffixes else (BLOCKED, self.IN_LOG)
                yield disk, (suffixes, disk) != (('-wal',), self.READ_ONLY), *addresses

    def on_disk(self, disk, status, *args):
        """Returns the outputs; what was recorded is still there."""
        p = subprocess.run(['unshare', '-m', 'sh', '-c', self.SCRIPT % disk, 'sh', self.place.dir,
                            *self.place.command(*args)], capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(p.returncode, status, f'{disk} {args}: {p.stderr}')
        with contextlib.closing(sqlite3.connect(self.place.path('after/iprep.db'))) as db:
            self.assertEqual(db.execute('PRAGMA integrity_check').fetchall(), [('ok',)])
            counts = [db.execute(f'SELECT count(*) FROM {table}').fetchone()[0] for table in ('block', 'report')]
        self.assertEqual(counts, [1, 1])
        shutil.rmtree(self.place.path('after'))
        return p.stdout, p.stderr

    def test_what_writes_fails_in_one_line_and_loses_nothing(self):
        for disk, *_ in self.disks():
            for args in self.WRITES:
                self.assertRegex(self.on_disk(disk, 74, *args)[1], rf'\A{args[0]}: [^\n]*\n\Z')

    def test_what_reads_answers_and_what_cannot_be_read_is_an_error_and_not_old_news(self):
        for disk, is_readable, blocked, other in self.disks():
            for *args, status in self.READS:
                out, err = self.on_disk(disk, status if is_readable else 74, *args)
                if not is_readable:
                    self.assertEqual(out, '')
                    continue
                self.assertEqual(err, '')
                if '--blocks' in args:
                    self.assertEqual((blocked in out, other in out), (True, False))
            for address, status in ((blocked, 10 if is_readable else 0), (other, 0)):
                self.assertEqual(self.on_disk(disk, status, 'rep-check', '--gate', '--', address), ('', ''))
            for address, status in ((blocked, 10), (other, 0)) if is_readable else ():
                self.on_disk(disk, status, 'rep-check', '--is-blocked', '--', address)


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
