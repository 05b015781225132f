# SPDX-License-Identifier: MIT
"""What the programs promise whatever fails: statuses, one line, nothing recorded is lost. Usage: data/refusals.tsv."""
import os
import socket
import subprocess
import time

from addresses import key_of
from places import OWNER
from stores import BLOCKED, StoreCase
from waiting import wait_until

NOBODY_ELSE = {'user': 1000, 'group': 1000, 'extra_groups': []}
THE_OWNER = {'user': OWNER, 'group': OWNER, 'extra_groups': []}
EVERYTHING = (('rep-check', BLOCKED), ('rep-check', '--ready'), ('rep-report', '--enqueue', BLOCKED), ('rep-purge',))


def is_directory(name):
    def spoil(place):
        os.unlink(place.path(name))
        os.mkdir(place.path(name))
    return spoil


def is_link(place):
    os.rename(place.path('state'), place.path('elsewhere'))
    os.symlink(place.path('elsewhere'), place.path('state'))


def is_damaged(place):
    with open(place.db, 'r+b') as file:
        file.write(b'garbage' * 100)


def is_of_root(place):
    for name in place.files():
        os.chown(place.path('state/' + name), 0, 0)
        os.chmod(place.path('state/' + name), 0o600)


# What is spoiled, and how; what each program says of it (None: it works), its status, and that of the gate
SPOILED = (
    ('nothing', lambda place: None, None, 0, 10),
    ('the key is for all to read', lambda place: os.chmod(place.path('key'), 0o644), None, 0, 10),
    ('the key is gone', lambda place: os.unlink(place.path('key')), None, 0, 10),
    ('no database', lambda place: os.unlink(place.db), None, 0, 0),
    ('no configuration', lambda place: os.unlink(place.path('iprep.conf')), 'iprep.conf: No such file', 78, 0),
    ('a wrong one', lambda place: place.change('linger = 0\n', 'linger = 0\nbogus = 1\n'), 'iprep.conf:14: ', 78, 0),
    ('an unfinished one', lambda place: place.change('points =', '#'), 'lacks "points"', 78, 0),
    ('an unsafe one', lambda place: os.chmod(place.path('iprep.conf'), 0o666), 'unsafe', 77, 0),
    ('a directory instead', is_directory('iprep.conf'), 'not a regular file', 77, 0),
    ('a wrong iprep.local', lambda place: place.write('iprep.local', '[dns]\nbogus = 1\n'), 'iprep.local:2: ', 78, 0),
    ('the state belongs to root', lambda place: os.chown(place.path('state'), 0, 0), 'belongs to root', 77, 0),
    ('others may write above it', lambda place: os.chmod(place.dir, 0o777), 'others may write', 77, 0),
    ('no state', lambda place: os.rename(place.path('state'), place.path('elsewhere')), 'state directory', 77, 0),
    ('the state is a link', is_link, 'state directory', 77, 0),
    ('a damaged database', is_damaged, 'set it aside with rep-purge --reset', 74, 0),
    ('a newer database', lambda place: place.sql('PRAGMA user_version = 99'), 'newer iprep', 74, 0),
    ('a database of root', is_of_root, 'ermission denied', 77, 0),
)


class Spoiled(StoreCase):
    def test_each_program_reports_it_in_one_line_and_the_gate_is_0_or_10(self):
        for what, spoil, says, status, gate in SPOILED:
            with self.subTest(what):
                self.start(api='http://127.0.0.1:9/api/v2')
                self.ready()
                self.block(BLOCKED)
                spoil(self.place)
                for program, *args in EVERYTHING if says else ():
                    self.run_it(program, *args, status=status, says=says)
                self.gate(BLOCKED, status=gate)

    def test_the_gate_is_0_in_the_default_state_which_is_not_here(self):
        self.place.configure('')
        self.gate('10.0.0.1')

    def test_a_sticky_directory_above_the_state_is_good(self):
        os.chmod(self.place.dir, 0o1777)
        self.ready()

    def test_a_locked_one_is_75_within_its_bound_the_gate_answers_and_the_event_can_be_repeated(self):
        self.enqueue(BLOCKED)
        self.block(BLOCKED)
        for kind in ('IMMEDIATE', 'EXCLUSIVE'):
            when = str(int(time.time()))
            with self.place.locked(kind):
                start = time.monotonic()
                self.enqueue('45.2.2.2', '--time', when, status=75, says='locked', timeout=60)
                self.assertGreater(time.monotonic() - start, 1.9)   # its end is the bound of run_it()
                self.gate(BLOCKED, status=10)
                self.gate('45.9.9.9')
                self.run_it('rep-check', '--ready', status=75, says='locked', timeout=60)
            self.enqueue('45.2.2.2', '--time', when)
            self.assertEqual(self.count('report'), 2)
            self.assertEqual(self.sql('PRAGMA integrity_check'), [('ok',)])
            self.sql('DELETE FROM report WHERE addr = ?', key_of('45.2.2.2'))

    def test_no_source_that_gives_points_is_69(self):
        os.unlink(self.place.path('key'))
        self.place.change('*3', '*-3')
        self.run_it('rep-check', '-q', BLOCKED, status=69, says='no source')


class Called(StoreCase):
    def setUp(self):
        super().setUp()
        self.ready()
        self.block(BLOCKED)

    def test_the_gate_is_0_or_10_however_it_is_called(self):
        for args in (['--gate=yes', '--', BLOCKED], ['--gat', '--bogus', '--', BLOCKED],
                     ['--bogus', '--gat', '--', BLOCKED], ['--gate'], ['--gate', '--jail'], ['--gate', '--', '-V'],
                     ['--gate', '--ready', '--', '1', '2'], ['--gate', '--bogus', '--', BLOCKED],
                     ['--gate', '--', '1', '2'], ['--gate', '--file', 'x', '--', BLOCKED],
                     ['--is-blocked', '--gate', BLOCKED]):
            with self.subTest(args=args):
                self.silent('rep-check', *args)
        with open('/dev/full', 'w', encoding='ascii') as full:
            self.run_it('rep-check', '--gate', '--', BLOCKED, status=10, capture_output=False, stdout=full)
        closed = subprocess.run(['sh', '-c', 'exec "$@" 0<&- 1>&- 2>&-', 'sh',
                                 *self.place.command('rep-check', '--gate', '--', BLOCKED)], timeout=60, check=False)
        self.assertEqual(closed.returncode, 10)

    def test_the_gate_counts_a_block_only_while_it_lasts(self):
        self.gate('::ffff:' + BLOCKED, status=10)
        self.sql('UPDATE block SET until = ?', int(time.time()) - 1)
        self.gate(BLOCKED)

    def test_the_gate_records_one_lookup_however_many_lines(self):
        for _ in range(3):
            self.gate('45.9.9.9')
        self.assertEqual(self.count('lookup'), 1)
        self.gate('45.8.8.8', '--restored', '1')
        self.assertEqual(self.count('lookup'), 1)

    def test_the_same_event_twice_is_one_report_with_the_failures_once(self):
        when = str(int(time.time()) - 5) + '.0'
        for _ in range(2):
            done = self.enqueue(BLOCKED, '--failures', '3', '--time', when)
            self.assertEqual((done.stdout, done.stderr), ('', ''))
        self.assertEqual((self.sql('SELECT failures FROM report'), self.count('lookup')), ([(3,)], 1))
        self.enqueue(BLOCKED, '--failures', '4')
        self.assertEqual(self.sql('SELECT failures FROM report'), [(7,)])

    def test_dry_run_records_nothing(self):
        self.enqueue(BLOCKED, '--dry-run')
        self.assertEqual(self.count('report'), 0)

    def test_the_rest_is_done_when_one_address_is_bad(self):
        done = self.run_it('rep-check', '10.0.0.1', 'nonsense', '10.0.0.2', status=65)
        self.assertEqual(done.stdout.count('exempt'), 2)

    def test_help_and_version_go_to_stdout(self):
        for program in ('rep-check', 'rep-report', 'rep-purge'):
            self.assertIn('Usage', self.run_it(program, '--help').stdout)
            self.assertIn(program, self.run_it(program, '-V').stdout)


class People(StoreCase):
    def test_the_owner_needs_no_root(self):
        self.run_it('rep-check', BLOCKED, status=75, **THE_OWNER)
        self.enqueue(BLOCKED, **THE_OWNER)
        self.assertEqual(self.count('report'), 1)

    def test_a_person_without_rights_looks_up_without_the_state_and_is_told(self):
        done = self.run_it('rep-check', BLOCKED, status=75, **NOBODY_ELSE)
        self.assertIn('no access to the state database', done.stderr)
        self.assertIn('45.1.1.1  unknown  0..3', done.stdout)
        self.assertEqual(self.files(), [])

    def test_a_person_gets_no_gate_no_report_and_no_purge(self):
        self.ready()
        self.block(BLOCKED)
        self.silent('rep-check', '--gate', '--', BLOCKED, **NOBODY_ELSE)
        self.enqueue(BLOCKED, status=77, says='run as root', **NOBODY_ELSE)
        self.purge(BLOCKED, status=77, says='run as root', **NOBODY_ELSE)
        self.assertEqual((self.count('block'), self.count('report')), (1, 0))

    def test_what_root_makes_belongs_to_the_owner(self):
        self.enqueue(BLOCKED)
        for name in self.files():
            found = os.stat(self.place.path('state/' + name))
            self.assertEqual((found.st_uid, found.st_mode & 0o077), (OWNER, 0), name)

    def test_a_configuration_that_cannot_be_read_is_77_and_not_ready_if_the_worker_cannot(self):
        os.chmod(self.place.path('iprep.conf'), 0o600)
        for who in (NOBODY_ELSE, THE_OWNER):
            self.run_it('rep-check', BLOCKED, status=77, says='iprep.conf', **who)
        self.run_it('rep-check', '--ready', status=77, says='iprep.conf')

    def log_mode(self):
        return os.stat(self.place.path('state/verdict.log')).st_mode & 0o7777

    def test_a_log_that_is_made_is_for_the_group_to_read_and_one_that_is_there_stays_as_it_is(self):
        for mask in (0o022, 0o077):
            self.run_it('rep-check', '--ready', umask=mask)
            self.assertEqual(self.log_mode(), 0o640)
            os.unlink(self.place.path('state/verdict.log'))
        self.ready()
        os.chmod(self.place.path('state/verdict.log'), 0o600)
        self.ready()
        self.assertEqual(self.log_mode(), 0o600)

    def test_a_log_that_cannot_be_written_is_not_ready(self):
        self.place.write('state/verdict.log', '', 0o600)
        self.run_it('rep-check', '--ready', status=77, says='verdict.log')
        os.unlink(self.place.path('state/verdict.log'))
        self.place.change('state/verdict.log', 'nowhere/verdict.log')
        self.run_it('rep-check', '--ready', status=73, says='verdict.log')


class Spawned(StoreCase):
    def test_the_hook_returns_while_the_worker_works_and_the_worker_ends_on_its_own(self):
        silent = self.open(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        silent.bind(('127.0.0.1', 0))
        silent.settimeout(60)
        self.start(dns=silent.getsockname()[1], general={'timeout_ms': 3000}, worker={'start': 'spawn'})
        # returns only when no process holds our pipes any more, not even the worker
        done = self.enqueue(BLOCKED)
        self.assertEqual((done.stdout, done.stderr), ('', ''))
        self.assertIn(b'zen', silent.recv(512))
        self.assertTrue(self.place.is_working())
        worker, = self.place.workers()
        with open(f'/proc/{worker}/status', encoding='ascii') as file:
            self.assertIn(f'Uid:\t{OWNER}\t{OWNER}\t{OWNER}\t{OWNER}', file.read())
        self.assertEqual({os.readlink(f'/proc/{worker}/fd/{n}') for n in range(3)}, {'/dev/null'})
        self.enqueue('45.2.2.2')           # one worker at a time
        self.assertLessEqual(len(self.place.workers()), 1)
        wait_until(lambda: not self.place.workers(), 'the worker has ended')
        self.assertFalse(self.place.is_working())
        self.assertEqual(self.count('lookup'), 2)

    def test_with_start_none_nothing_is_spawned_and_the_wake_file_is_left(self):
        self.enqueue(BLOCKED)
        self.assertEqual(self.place.workers(), [])
        self.assertIn('wake', self.files())
