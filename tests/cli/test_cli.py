#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What the programs promise whatever fails: statuses, one line, nothing recorded is lost.

    test_cli.py DIRECTORY-OF-PROGRAMS        (as root)

test_bad_input.py has the inputs; here are the hooks, the disk, the people, and the spawned worker.
"""
import contextlib
import fcntl
import os
import shutil
import socket
import sqlite3
import struct
import subprocess
import sys
import time
import unittest

import test_bad_input as base
from test_bad_input import BLOCKED, CONF, OWNER

NOBODY_ELSE = {'user': 1000, 'group': 1000, 'extra_groups': []}
THE_OWNER = {'user': OWNER, 'group': OWNER, 'extra_groups': []}


def wait_until(condition, what, seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError('waited in vain until ' + what)
        time.sleep(0.01)


class Case(base.Case):
    def enqueue(self, address, *args, status=0, says=None, **more):
        return self.run_it('rep-report', '--enqueue', '--jail', 'sshd', *args, '--', address,
                           status=status, says=says, **more)

    def conf(self, old, new):
        self.write('iprep.conf', CONF.format(dir=self.dir).replace(old, new))

    def take_back(self):
        """What root's own sqlite made belongs to the state's owner."""
        for name in os.listdir(self.path('state')):
            with contextlib.suppress(FileNotFoundError):    # a worker removes its wake file
                os.chown(self.path('state/' + name), OWNER, OWNER)


class Gate(Case):
    def test_it_is_0_or_10_and_silent_whatever_fails(self):
        self.block()
        good = CONF.format(dir=self.dir)

        def text(new):
            return lambda: self.write('iprep.conf', new)
        for what, spoil, mend, status in (
                ('nothing', lambda: None, lambda: None, 10),
                ('the key is for all to read', lambda: os.chmod(self.path('key'), 0o644),
                 lambda: os.chmod(self.path('key'), 0o600), 10),
                ('the key is gone', lambda: os.rename(self.path('key'), self.path('kay')),
                 lambda: os.rename(self.path('kay'), self.path('key')), 10),
                ('no configuration', lambda: os.unlink(self.path('iprep.conf')), text(good), 0),
                ('an empty one', text(''), text(good), None),
                ('a wrong one', text(good + 'bogus = 1\n'), text(good), 0),
                ('an unsafe one', lambda: os.chmod(self.path('iprep.conf'), 0o666), text(good), 0),
                ('a directory instead', lambda: (os.unlink(self.path('iprep.conf')),
                                                 os.mkdir(self.path('iprep.conf'))),
                 lambda: (os.rmdir(self.path('iprep.conf')), text(good)()), 0),
                ('state of root', lambda: os.chown(self.path('state'), 0, 0),
                 lambda: os.chown(self.path('state'), OWNER, OWNER), 0),
                ('no database', lambda: os.rename(self.path('state/iprep.db'), self.path('d')),
                 lambda: os.rename(self.path('d'), self.path('state/iprep.db')), 0),
                ('nothing again', lambda: None, lambda: None, 10)):
            with self.subTest(what=what):
                spoil()
                try:
                    if status is not None:
                        self.gate(BLOCKED, status)
                    else:                  # the default state, which is not here
                        self.gate('10.0.0.1', 0)
                finally:
                    mend()
                    for name in ('iprep.db-wal', 'iprep.db-shm'):
                        if what == 'no database' and os.path.exists(self.path('state/' + name)):
                            os.unlink(self.path('state/' + name))

    def test_it_is_0_or_10_however_it_is_called(self):
        self.block()
        for args in (['--gate=yes', '--', BLOCKED], ['--gat', '--bogus', '--', BLOCKED],
                     ['--bogus', '--gat', '--', BLOCKED], ['--gate'], ['--gate', '--jail'],
                     ['--gate', '--', '-V'], ['--gate', '--ready', '--', '1', '2']):
            with self.subTest(args=args):
                p = self.run_it('rep-check', *args, status=0)
                self.assertEqual((p.stdout, p.stderr), (b'', b''))
        with open('/dev/full', 'w') as full:
            self.run_it('rep-check', '--gate', '--', BLOCKED, status=10, stdout=full)
        closed = subprocess.run(['sh', '-c', 'exec "$@" 0<&- 1>&- 2>&-', 'sh',
                                 *self.command('rep-check', '--gate', '--', BLOCKED)], timeout=60)
        self.assertEqual(closed.returncode, 10)

    def test_it_counts_a_block_only_while_it_lasts(self):
        self.block()
        self.gate('::ffff:' + BLOCKED, 10)
        self.sql('UPDATE block SET until = ?', int(time.time()) - 1)
        self.gate(BLOCKED, 0)

    def test_it_records_one_look_up_however_many_lines(self):
        for _ in range(3):
            self.gate('45.9.9.9', 0)
        self.assertEqual(self.sql('SELECT count(*) FROM lookup'), [(1,)])
        self.run_it('rep-check', '--gate', '--restored', '1', '--', '45.8.8.8', status=0)
        self.assertEqual(self.sql('SELECT count(*) FROM lookup'), [(1,)])


class Enqueue(Case):
    def test_the_same_event_twice_is_one_report_with_the_failures_once(self):
        when = str(int(time.time()) - 5) + '.0'
        for _ in range(2):
            p = self.enqueue('45.1.1.1', '--failures', '3', '--time', when)
            self.assertEqual((p.stdout, p.stderr), (b'', b''))
        self.assertEqual(self.sql('SELECT failures FROM report'), [(3,)])
        self.assertEqual(self.sql('SELECT count(*) FROM lookup'), [(1,)])
        self.enqueue('45.1.1.1', '--failures', '4')
        self.assertEqual(self.sql('SELECT failures FROM report'), [(7,)])

    def test_dry_run_records_nothing(self):
        self.run_it('rep-check', '--ready', status=0)
        self.enqueue('45.1.1.1', '--dry-run')
        self.assertEqual(self.sql('SELECT count(*) FROM report'), [(0,)])

    def test_bad_values_record_nothing_and_keep_what_was_there(self):
        self.enqueue('45.1.1.1', '--failures', '3')
        for args, says in ((['--categories', ','], 'categor'),
                           (['--categories', '18,99999999999999999999'], 'categor'),
                           (['--categories', ',' * 10000], 'categor'),
                           (['--failures', '99999999999999999999'], 'failures'),
                           (['--failures', '3x'], 'failures'), (['--time', '1e9'], 'time'),
                           (['--time', 'nan'], 'time'), (['--time', '0'], 'time'),
                           (['--time', '-0.5'], 'time'), (['--time', '1.2.3'], 'time')):
            with self.subTest(args=str(args)[:60]):
                self.enqueue('45.1.1.1', *args, status=64, says=says)
        self.assertEqual(self.sql('SELECT failures FROM report'), [(3,)])

    def test_a_locked_database_is_75_within_its_bound_and_the_event_can_be_repeated(self):
        self.enqueue('45.1.1.1', '--failures', '3')
        db = sqlite3.connect(self.path('state/iprep.db'), isolation_level=None)
        db.execute('BEGIN EXCLUSIVE')
        self.take_back()
        when = str(int(time.time()))
        start = time.monotonic()
        self.enqueue('45.2.2.2', '--time', when, status=75, says='locked')
        took = time.monotonic() - start
        self.assertGreater(took, 1.9)      # its end is the bound of run_it()
        self.gate('45.9.9.9', 0)
        self.run_it('rep-check', '--ready', status=75, says='locked')
        db.execute('ROLLBACK')
        db.close()
        self.take_back()
        self.enqueue('45.2.2.2', '--time', when)
        self.assertEqual(self.sql('SELECT count(*) FROM report'), [(2,)])
        self.assertEqual(self.sql('PRAGMA integrity_check'), [('ok',)])


    def test_an_unsafe_key_stops_the_worker_and_loses_no_report(self):
        os.chmod(self.path('key'), 0o644)
        self.enqueue('45.1.1.1')
        self.run_it('rep-report', '--flush', status=77, says='permissions 0644')
        self.assertEqual(self.sql('SELECT state, tries FROM report'), [(0, 0)])

    def test_a_damaged_database_is_left_as_it_is(self):
        self.enqueue('45.1.1.1')
        self.sql('PRAGMA wal_checkpoint(TRUNCATE)')
        with open(self.path('state/iprep.db'), 'r+b') as f:
            f.write(b'garbage' * 100)
        with open(self.path('state/iprep.db'), 'rb') as f:
            before = f.read()
        self.enqueue('45.2.2.2', status=74, says='set it aside with rep-purge --reset')
        self.gate('45.2.2.2', 0)
        self.run_it('rep-purge', '45.1.1.1', status=74, says='set it aside with rep-purge --reset')
        with open(self.path('state/iprep.db'), 'rb') as f:
            self.assertEqual(f.read(), before)
        os.rename(self.path('state/iprep.db'), self.path('state/aside'))
        self.enqueue('45.2.2.2')
        self.assertEqual(self.sql('SELECT count(*) FROM report'), [(1,)])


class Disk(Case):
    """A file system of its own below the state, in a mount namespace; then its contents are looked at."""

    SCRIPT = ('mount -t tmpfs -o size=2m,mode=0700,uid=65534,gid=65534 none "$1/state" && '
              'cp -p "$1/saved/"* "$1/state/" && { %s; }; here=$1; shift; "$@"; status=$?; '
              'mkdir "$here/after" && cp -p "$here/state/iprep.db"* "$here/after/"; exit $status')
    FULL = ('dd if=/dev/zero of="$1/state/fill" bs=4k 2>/dev/null; '
            'dd if=/dev/zero of="$1/state/fill2" bs=1 count=4096 2>/dev/null; true')
    READ_ONLY = 'mount -o remount,ro none "$1/state"'

    def save(self, *suffixes, last="UPDATE block SET jail = 'other'"):
        """One block and one report are there; the last change is in the write-ahead log, if that is kept."""
        self.block()
        self.enqueue('45.7.7.7')
        db = sqlite3.connect(self.path('state/iprep.db'))
        db.execute('PRAGMA wal_checkpoint(TRUNCATE)')
        if suffixes:
            db.execute(last)
            db.commit()                    # the last to close would remove the log
        os.mkdir(self.path('saved'))
        for suffix in ('', *suffixes):
            shutil.copy(self.path('state/iprep.db' + suffix), self.path('saved'))
            os.chown(self.path('saved/iprep.db' + suffix), OWNER, OWNER)
        db.close()
        self.take_back()

    def on_disk(self, before, program, *args):
        """Returns status and stderr; what was recorded is still there."""
        p = subprocess.run(['unshare', '-m', 'sh', '-c', self.SCRIPT % before, 'sh', self.dir,
                            *self.command(program, *args)], capture_output=True, timeout=60)
        db = sqlite3.connect(self.path('after/iprep.db'))
        self.assertEqual(db.execute('PRAGMA integrity_check').fetchall(), [('ok',)])
        counts = [db.execute(f'SELECT count(*) FROM {t}').fetchone()[0] for t in ('block', 'report')]
        db.close()
        shutil.rmtree(self.path('after'))
        self.assertEqual(counts, [1, 1])
        return p.returncode, p.stderr.decode()

    def refused(self, before, program, *args, status=(74,)):
        got, err = self.on_disk(before, program, *args)
        self.assertIn(got, status, f'{program} {args}: {err}')
        self.assertEqual(err.count('\n'), 1, err)
        self.assertTrue(err.startswith(f'{program}: '), err)

    def everything(self, unreadable=()):
        for before in (self.FULL, self.READ_ONLY):
            with self.subTest(before=before):
                self.refused(before, 'rep-report', '--enqueue', '--', '45.2.2.2')
                self.refused(before, 'rep-check', '--ready')
                self.refused(before, 'rep-purge', '45.7.7.7')
                blocked = 0 if before in unreadable else 10
                self.assertEqual(self.on_disk(before, 'rep-check', '--gate', '--', BLOCKED), (blocked, ''))
                self.assertEqual(self.on_disk(before, 'rep-check', '--gate', '--', '45.2.2.2'), (0, ''))

    def test_nothing_is_lost_and_the_gate_answers(self):
        self.save()
        self.everything()

    def test_the_same_with_a_log_and_its_index_left_behind(self):
        self.save('-wal', '-shm')
        self.everything()

    def test_a_block_that_is_only_in_the_log_counts(self):
        self.save('-wal', '-shm', last="UPDATE block SET key = x'00000000000000000000ffff2d030303'")
        for before in (self.FULL, self.READ_ONLY):
            with self.subTest(before=before):
                self.assertEqual(self.on_disk(before, 'rep-check', '--gate', '--', '45.3.3.3'), (10, ''))
                self.assertEqual(self.on_disk(before, 'rep-check', '--gate', '--', BLOCKED), (0, ''))

    def test_the_same_with_a_log_alone(self):
        """SQLite reads no log on a read-only disk without its index. The file alone could hold a block that the log
        lifts, so the gate counts no line."""
        self.save('-wal')
        self.everything(unreadable=(self.READ_ONLY,))


class People(Case):
    def test_the_owner_needs_no_root(self):
        self.run_it('rep-check', '45.1.1.1', status=75, **THE_OWNER)
        self.enqueue('45.1.1.1', **THE_OWNER)
        self.assertEqual(self.sql('SELECT count(*) FROM report'), [(1,)])

    def test_what_root_makes_belongs_to_the_owner(self):
        self.enqueue('45.1.1.1')
        for name in os.listdir(self.path('state')):
            st = os.stat(self.path('state/' + name))
            self.assertEqual((st.st_uid, st.st_mode & 0o077), (OWNER, 0), name)

    def test_a_configuration_that_cannot_be_read_is_77(self):
        os.chmod(self.path('iprep.conf'), 0o600)
        for who in (NOBODY_ELSE, THE_OWNER):
            self.run_it('rep-check', '45.1.1.1', status=77, says='iprep.conf', **who)

    def test_a_configuration_that_the_worker_cannot_read_is_not_ready(self):
        os.chmod(self.path('iprep.conf'), 0o600)
        self.run_it('rep-check', '--ready', status=77, says='iprep.conf')

    def test_a_person_gets_no_gate_and_no_purge(self):
        self.block()
        self.gate(BLOCKED, 0, **NOBODY_ELSE)
        self.run_it('rep-purge', BLOCKED, status=77, says='run as root', **NOBODY_ELSE)
        self.assertEqual(self.sql('SELECT count(*) FROM block'), [(1,)])

    def test_a_log_that_is_made_is_for_the_group_to_read_and_one_that_is_there_stays_as_it_is(self):
        for mask in (0o022, 0o077):
            self.run_it('rep-check', '--ready', status=0, umask=mask)
            self.assertEqual(os.stat(self.path('state/verdict.log')).st_mode & 0o7777, 0o640)
            os.unlink(self.path('state/verdict.log'))
        self.run_it('rep-check', '--ready', status=0)
        os.chmod(self.path('state/verdict.log'), 0o600)
        self.run_it('rep-check', '--ready', status=0)
        self.assertEqual(os.stat(self.path('state/verdict.log')).st_mode & 0o7777, 0o600)

    def test_a_log_that_cannot_be_written_is_not_ready(self):
        self.write('state/verdict.log', '', 0o600)
        self.run_it('rep-check', '--ready', status=77, says='verdict.log')
        os.unlink(self.path('state/verdict.log'))
        self.conf('state/verdict.log', 'nowhere/verdict.log')
        self.run_it('rep-check', '--ready', status=73, says='verdict.log')


class Spawned(Case):
    def worker_pids(self):
        """Our own workers: those that were given our configuration."""
        found = []
        for pid in filter(str.isdigit, os.listdir('/proc')):
            try:
                with open(f'/proc/{pid}/cmdline', 'rb') as f:
                    words = f.read().split(b'\0')
            except OSError:
                continue
            if b'--flush' in words and os.fsencode(self.path('iprep.conf')) in words:
                found.append(int(pid))
        return found

    def locked(self):
        try:
            with open(self.path('state/worker.lock'), 'r+') as f:
                want = struct.pack('hhqqi4x', fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
                kind = struct.unpack_from('h', fcntl.fcntl(f, fcntl.F_OFD_GETLK, want))[0]
                return kind != fcntl.F_UNLCK
        except FileNotFoundError:
            return False

    def test_the_hook_returns_while_the_worker_works_and_the_worker_ends_on_its_own(self):
        silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(silent.close)
        silent.bind(('127.0.0.1', 0))
        text = CONF.format(dir=self.dir).replace('127.0.0.1:9', f'127.0.0.1:{silent.getsockname()[1]}')
        text = text.replace('timeout_ms = 300', 'timeout_ms = 3000')
        self.write('iprep.conf', text.replace('start = none', 'start = spawn\nlinger = 0'))
        os.unlink(self.path('key'))
        # returns only when no process holds our pipes any more, not even the worker
        p = self.enqueue('45.1.1.1')
        self.assertEqual((p.stdout, p.stderr), (b'', b''))
        wait_until(self.locked, 'the worker has its lock')
        silent.settimeout(30)
        self.assertIn(b'zen', silent.recv(512))
        pids = self.worker_pids()
        self.assertEqual(len(pids), 1)
        with open(f'/proc/{pids[0]}/status') as f:
            self.assertIn(f'Uid:\t{OWNER}\t{OWNER}\t{OWNER}\t{OWNER}', f.read())
        self.assertEqual({os.readlink(f'/proc/{pids[0]}/fd/{n}') for n in range(3)}, {'/dev/null'})
        self.enqueue('45.2.2.2')           # one worker at a time
        self.assertLessEqual(len(self.worker_pids()), 1)
        wait_until(lambda: not self.worker_pids(), 'the worker has ended')
        self.assertFalse(self.locked())
        self.assertEqual(self.sql('SELECT count(*) FROM lookup'), [(2,)])

    def test_with_start_none_nothing_is_spawned_and_the_wake_file_is_left(self):
        self.enqueue('45.1.1.1')
        self.assertEqual(self.worker_pids(), [])
        self.assertTrue(os.path.exists(self.path('state/wake')))


if __name__ == '__main__':
    base.BIN = sys.argv.pop(1)
    unittest.main(verbosity=2)
