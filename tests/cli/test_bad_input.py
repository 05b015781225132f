#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Bad input: each gives its exit status and one clear line, and loses nothing recorded before.

    test_bad_input.py DIRECTORY-OF-PROGRAMS        (as root)
"""
import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
import unittest

OWNER = 65534
BIN = ''
CONF = """[general]
state = {dir}/state/iprep.db
verdict_log = {dir}/state/verdict.log
timeout_ms = 300
[tier known]
threshold = 3
bantime = 1d
[dns]
resolvers = 127.0.0.1:9
[dnsbl zen]
zone = zen.example
points = 127.0.0.[2..9]*3
[abuseipdb]
key_file = {dir}/key
[worker]
start = none
"""
BLOCKED = '45.1.1.1'


def key_of(address):
    return b'\0' * 10 + b'\xff\xff' + bytes(int(n) for n in address.split('.'))


class Case(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix='iprep-bad.', dir='/var/tmp')
        self.addCleanup(shutil.rmtree, self.dir)
        os.chmod(self.dir, 0o755)
        self.make_state(self.dir)
        self.write('iprep.conf', CONF.format(dir=self.dir))
        self.write('key', 'ab' * 40 + '\n', 0o600)
        os.chown(self.path('key'), OWNER, OWNER)

    def make_state(self, where):
        os.mkdir(os.path.join(where, 'state'), 0o700)
        os.chown(os.path.join(where, 'state'), OWNER, OWNER)

    def path(self, name):
        return os.path.join(self.dir, name)

    def write(self, name, text, mode=0o644):
        with open(self.path(name), 'w') as f:
            f.write(text)
        os.chmod(self.path(name), mode)

    def command(self, program, *args, conf=None):
        return [os.path.join(BIN, program), '--config', conf or self.path('iprep.conf'), *args]

    def run_it(self, program, *args, status, says=None, **more):
        """One run: its status, and one line on stderr that names the program and `says`."""
        out = more.pop('stdout', subprocess.PIPE)
        p = subprocess.run(self.command(program, *args, conf=more.pop('conf', None)), stdout=out,
                           stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, timeout=60, **more)
        err = p.stderr.decode(errors='replace')
        self.assertEqual(p.returncode, status, f'{program} {args!r:.200}: {err}')
        if says is not None:
            self.assertEqual(err.count('\n'), 1, err)
            self.assertTrue(err.startswith(program + ': '), err)
            self.assertIn(says, err)
        return p

    def sql(self, text, *values):
        db = sqlite3.connect(self.path('state/iprep.db'), timeout=10)
        with db:
            rows = db.execute(text, values).fetchall()
        db.close()
        for name in os.listdir(self.path('state')):
            with contextlib.suppress(FileNotFoundError):    # a worker removes its wake file
                os.chown(self.path('state/' + name), OWNER, OWNER)
        return rows

    def block(self):
        self.run_it('rep-check', '--ready', status=0)
        now = int(time.time())
        self.sql('INSERT INTO block VALUES(?, ?, 3, ?, ?, ?, ?, 0, ?, ?, 0, 0, NULL, \'\')', key_of(BLOCKED), 'known',
                 now, now + 86400, now, now, 'sshd', 'zen')

    def gate(self, address, status, **more):
        p = self.run_it('rep-check', '--gate', '--jail', 'x', '--', address, status=status, **more)
        self.assertEqual((p.stdout, p.stderr), (b'', b''))


class Addresses(Case):
    BAD = ['192.0.2.300', '10.0.0.0/8', 'fe80::1%eth0', '1.2.3.4 --retract 9.9.9.9', '', ' 1.2.3.4',
           '1.2.3', '::ffff:1.2.3.4/128', 'x' * 100000, '1.2.3.4\n5.6.7.8', '$(reboot)', '%s%n']

    def test_what_is_no_address_is_65_by_hand_and_for_reports_and_0_for_the_gate(self):
        for bad in self.BAD:
            with self.subTest(bad=bad[:40]):
                self.run_it('rep-check', '--', bad, status=65, says='not an IP address')
                self.run_it('rep-report', '--enqueue', '--', bad, status=65, says='not an IP address')
                self.run_it('rep-purge', '--', bad, status=65, says='not an IP address')
                self.gate(bad, 0)
        self.assertEqual(self.sql('SELECT count(*) FROM lookup') if
                         os.path.exists(self.path('state/iprep.db')) else [(0,)], [(0,)])

    def test_the_rest_is_done_when_one_is_bad(self):
        p = self.run_it('rep-check', '10.0.0.1', 'nonsense', '10.0.0.2', status=65)
        self.assertEqual(p.stdout.count(b'exempt'), 2)


class Options(Case):
    def test_bad_options_are_64_and_record_nothing(self):
        self.run_it('rep-check', '--ready', status=0)
        for program, args in (
                ('rep-check', ['--bogus']), ('rep-check', []), ('rep-check', ['--timeout', 'x', '1.2.3.4']),
                ('rep-check', ['--cached', '--fresh', '1.2.3.4']), ('rep-report', ['--enqueue']),
                ('rep-report', ['--enqueue', '--categories', 'nonsense', '--', '45.1.1.1']),
                ('rep-report', ['--enqueue', '--categories', '24', '--', '45.1.1.1']),
                ('rep-report', ['--enqueue', '--failures', '-1', '--', '45.1.1.1']),
                ('rep-report', ['--enqueue', '--time', '-5', '--', '45.1.1.1']),
                ('rep-report', ['--enqueue', '--time', '99999999999', '--', '45.1.1.1']),
                ('rep-report', ['--enqueue', '--time', '12x', '--', '45.1.1.1']),
                ('rep-report', ['--enqueue', '--time', str(int(time.time()) + 3600), '--', '45.1.1.1']),
                ('rep-report', ['--enqueue', '--comment', b'caf\xe9', '--', '45.1.1.1']),
                ('rep-report', ['--enqueue', '--comment', 'two\nlines', '--', '45.1.1.1']),
                ('rep-report', ['--enqueue', '--comment', 'from %{ip}', '--', '45.1.1.1']),
                ('rep-report', ['--enqueue', '--categories', ','.join(['18'] * 31), '--', '45.1.1.1']),
                ('rep-report', ['--flush', '45.1.1.1']), ('rep-report', ['--flush', '--linger', '-1']),
                ('rep-purge', ['--pardon', '30d']), ('rep-purge', ['--pardon', '11y', '45.1.1.1']),
                ('rep-purge', ['--pardon', 'soon', '45.1.1.1'])):
            with self.subTest(args=args):
                self.run_it(program, *args, status=64, says='')
        for table in ('report', 'lookup', 'pardon'):
            self.assertEqual(self.sql(f'SELECT count(*) FROM {table}'), [(0,)])

    def test_gate_with_bad_options_still_ignores_the_line(self):
        for args in (['--gate'], ['--gate', '--bogus', '--', '1.2.3.4'], ['--gate', '--', '1', '2']):
            self.run_it('rep-check', *args, status=0)

    def test_help_and_version_go_to_stdout(self):
        for program in ('rep-check', 'rep-report', 'rep-purge'):
            self.assertIn(b'Usage', self.run_it(program, '--help', status=0).stdout)
            self.assertIn(program.encode(), self.run_it(program, '-V', status=0).stdout)

    def test_a_full_stdout_is_74(self):
        with open('/dev/full', 'w') as full:
            self.run_it('rep-check', '10.0.0.1', status=74, says='stdout', stdout=full)
            self.run_it('rep-purge', '45.1.1.1', status=74, says='stdout', stdout=full)
            self.run_it('rep-check', '--help', status=74, says='stdout', stdout=full)


class Configuration(Case):
    def test_each_mistake_is_78_with_file_and_line(self):
        base = CONF.format(dir=self.dir)
        n = base.count('\n')
        for text, line, says in (
                ('[general]\nbogus = 1\n', n + 2, 'unknown key'),
                ('[nonsense]\nx = 1\n', n + 1, 'unknown section'),
                ('linger = 5\nlinger = 6\n', n + 2, 'given twice'),
                ('linger = 301\n', n + 1, '"301"'),
                ('linger = soon\n', n + 1, '"soon"'),
                ('x' * 4100 + ' = 1\n', n + 1, 'longer than 4096 bytes'),
                ('linger = 5 ; five\n', n + 1, 'a comment must be'),
                ('linger\n', n + 1, 'key = value'),
                ('[worker\n', n + 1, 'section'),
                ('lin\0ger = 5\n', n + 1, 'NUL'),
                ('[dnsbl bl]\nzone = x.y\npoints = 127.0.0.[4..1]*3\n', n + 3, '127.0.0.[4..>1<]'),
                ('[dnsbl bl]\nzone = x.y\n', n + 1, 'lacks "points"'),
                ('[tier same]\nthreshold = 3\nbantime = 1d\n', n + 1, 'same threshold')):
            with self.subTest(text=text[:30]):
                self.write('iprep.conf', base + text)
                self.run_it('rep-check', '10.0.0.1', status=78, says=f'iprep.conf:{line}: ')
                self.run_it('rep-check', '10.0.0.1', status=78, says=says)
                self.gate('45.1.1.1', 0)

    def test_a_local_file_overrides_key_by_key(self):
        self.write('iprep.local', '[worker]\nlinger = 999\n')
        self.run_it('rep-check', '10.0.0.1', status=78, says='iprep.local:2: ')

    def test_a_missing_file_is_78_and_an_unsafe_one_77(self):
        self.run_it('rep-check', '10.0.0.1', status=78, says='No such file', conf=self.path('none'))
        os.chmod(self.path('iprep.conf'), 0o666)
        self.run_it('rep-check', '10.0.0.1', status=77, says='unsafe')

    def test_a_key_that_others_can_read_is_77_and_is_not_said(self):
        os.chmod(self.path('key'), 0o644)
        for program, args in (('rep-check', ['45.1.1.1']), ('rep-check', ['--ready']),
                              ('rep-report', ['--flush'])):
            p = self.run_it(program, *args, status=77, says='permissions 0644')
            self.assertNotIn(b'abab', p.stderr)

    def test_no_source_that_gives_points_is_69(self):
        os.unlink(self.path('key'))
        self.write('iprep.conf', CONF.format(dir=self.dir).replace('*3', '*-3'))
        self.run_it('rep-check', '-q', '45.1.1.1', status=69, says='no source')


class State(Case):
    def everything(self, status, says):
        self.run_it('rep-check', '45.1.1.1', status=status, says=says)
        self.run_it('rep-check', '--ready', status=status, says=says)
        self.run_it('rep-report', '--enqueue', '--', '45.1.1.1', status=status, says=says)
        self.run_it('rep-purge', status=status, says=says)
        self.gate('45.9.9.9', 0)

    def test_a_directory_of_root_is_77(self):
        os.chown(self.path('state'), 0, 0)
        self.everything(77, 'belongs to root')

    def test_a_directory_above_that_others_may_write_is_77(self):
        os.chmod(self.dir, 0o777)
        self.everything(77, 'others may write')
        os.chmod(self.dir, 0o1777)
        self.run_it('rep-check', '--ready', status=0)

    def test_a_linked_or_missing_directory_is_77(self):
        os.rename(self.path('state'), self.path('elsewhere'))
        self.everything(77, 'state directory')
        os.symlink(self.path('elsewhere'), self.path('state'))
        self.everything(77, 'state directory')

    def test_a_damaged_database_is_74_and_says_what_to_do(self):
        self.block()
        with open(self.path('state/iprep.db'), 'r+b') as f:
            f.write(b'garbage' * 100)
        self.everything(74, 'set it aside with rep-purge --reset')

    def test_a_newer_database_is_74_and_not_touched(self):
        self.block()
        self.sql('PRAGMA user_version = 99')
        self.everything(74, 'newer iprep')
        self.assertEqual(self.sql('SELECT count(*) FROM block'), [(1,)])

    def test_a_database_of_another_owner_is_77(self):
        self.block()
        for name in os.listdir(self.path('state')):
            os.chown(self.path('state/' + name), 0, 0)
            os.chmod(self.path('state/' + name), 0o600)
        self.run_it('rep-report', '--enqueue', '--', '45.2.2.2', status=77, says='ermission denied')
        self.gate(BLOCKED, 0)

    def test_a_locked_database_is_75_within_the_bound_and_the_gate_still_answers(self):
        self.block()
        db = sqlite3.connect(self.path('state/iprep.db'), isolation_level=None)
        db.execute('BEGIN IMMEDIATE')
        for name in os.listdir(self.path('state')):
            with contextlib.suppress(FileNotFoundError):    # a worker removes its wake file
                os.chown(self.path('state/' + name), OWNER, OWNER)
        self.run_it('rep-report', '--enqueue', '--', '45.2.2.2', status=75, says='locked')
        self.gate(BLOCKED, 10)
        db.execute('ROLLBACK')
        db.close()
        self.run_it('rep-report', '--enqueue', '--', '45.2.2.2', status=0)
        self.assertEqual(self.sql('SELECT count(*) FROM report'), [(1,)])


class Disk(Case):
    """A file system of its own below the state, full or read-only, in a mount namespace."""

    def in_mount(self, before, program, *args):
        script = ('mount -t tmpfs -o size=2m,mode=0700,uid=65534,gid=65534 none "$1/state" && '
                  'cp -p "$1/saved/"* "$1/state/" && ' + before + ' && shift && exec "$@"')
        return subprocess.run(['unshare', '-m', 'sh', '-c', script, 'sh', self.dir,
                               *self.command(program, *args)], capture_output=True, timeout=60)

    def setUp(self):
        super().setUp()
        self.block()
        self.sql('PRAGMA wal_checkpoint(TRUNCATE)')
        shutil.copytree(self.path('state'), self.path('saved'))
        for name in os.listdir(self.path('saved')):
            os.chown(self.path('saved/' + name), OWNER, OWNER)

    FULL = 'dd if=/dev/zero of="$1/state/fill" bs=4k 2>/dev/null; true'
    READ_ONLY = 'mount -o remount,ro none "$1/state"'

    def test_a_full_disk_is_74_and_the_gate_still_answers(self):
        p = self.in_mount(self.FULL, 'rep-report', '--enqueue', '--', '45.2.2.2')
        self.assertEqual((p.returncode, p.stderr.count(b'\n')), (74, 1), p.stderr)
        p = self.in_mount(self.FULL, 'rep-check', '--gate', '--', BLOCKED)
        self.assertEqual((p.returncode, p.stderr), (10, b''))

    def test_a_read_only_disk_is_74_and_the_gate_still_answers(self):
        p = self.in_mount(self.READ_ONLY, 'rep-report', '--enqueue', '--', '45.2.2.2')
        self.assertEqual((p.returncode, p.stderr.count(b'\n')), (74, 1), p.stderr)
        p = self.in_mount(self.READ_ONLY, 'rep-check', '--gate', '--', BLOCKED)
        self.assertEqual((p.returncode, p.stderr), (10, b''))


class People(Case):
    def test_a_person_without_rights_looks_up_without_the_state_and_is_told(self):
        p = self.run_it('rep-check', '45.1.1.1', status=75, user=1000, group=1000, extra_groups=[])
        self.assertIn(b'no access to the state database', p.stderr)
        self.assertIn(b'45.1.1.1  unknown  0..3', p.stdout)
        self.assertFalse(os.path.exists(self.path('state/iprep.db')))
        self.run_it('rep-report', '--enqueue', '--', '45.1.1.1', status=77, user=1000, group=1000,
                    extra_groups=[], says='run as root')


if __name__ == '__main__':
    BIN = sys.argv.pop(1)
    unittest.main(verbosity=2)
