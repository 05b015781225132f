# SPDX-License-Identifier: MIT
"""A worker that an answer has taken over: what it can still do, seen by trying it from inside.

confine_probe.c is loaded into the program and tries when the program first goes to the network.
"""
import os
import shutil
import tempfile

from keys import ADDRESS, KeyCase
from places import OWNER, library
from proc_probe import status_of
from waiting import wait_until

FILES = {'make a file elsewhere', 'write a file elsewhere', 'truncate a file elsewhere', 'remove a file elsewhere',
         'make a directory elsewhere', 'make a directory in the state', 'make a FIFO in the state',
         'make a link in the state', 'move a file out of the state', 'read below /home'}
CALLS = {'fork', 'clone', 'trace another process', 'signal another process', 'change user', 'make a namespace',
         'packet socket', 'listen', 'memory file', 'write and execute memory', 'key ring', 'run a program'}
NEEDED = {'write the state', 'read /etc', 'write /dev/null', 'connect', 'thread'}


def landlock():
    """The version of the kernel's Landlock, 0 without."""
    import ctypes
    return max(0, ctypes.CDLL(None, use_errno=True).syscall(444, None, 0, 1))


class Confine(KeyCase):
    def setUp(self):
        super().setUp()
        self.api = self.emulator()
        self.start(self.api.url)
        self.home = tempfile.mkdtemp(prefix='iprep-probe.', dir='/home')
        self.addCleanup(shutil.rmtree, self.home)
        os.chmod(self.home, 0o755)
        with open(self.home + '/mail', 'w', encoding='ascii') as f:
            f.write('private\n')
        os.mkdir(self.place.path('outside'))
        os.chmod(self.place.path('outside'), 0o777)
        for name in ('outside/there', 'outside/there2', 'state/mine'):
            self.place.write(name, 'x', 0o666, OWNER)

    def tries(self, program, *args, statuses=(0,)):
        env = {'PATH': '/usr/bin:/bin', 'LD_PRELOAD': library('confine_probe'), 'PROBE_DIR': self.place.dir,
               'PROBE_HOME': self.home + '/mail'}
        p = self.place.run(program, *args, env=env)
        self.assertIn(p.returncode, statuses, p.stderr)
        with open(self.place.path('state/tries'), encoding='ascii') as f:
            found = {name: int(error) for name, _, error in (line.rstrip('\n').rpartition(' ') for line in f)}
        self.assertEqual(set(found), FILES | CALLS | NEEDED, 'a try is missing')
        return found

    def queue(self):
        self.run_it('rep-report', '--enqueue', '--jail=sshd', '--failures=5', '--categories=ssh', '--',
                    ADDRESS)

    def check(self, found):
        for name in NEEDED:
            self.assertEqual(found[name], 0, f'{name}: {os.strerror(found[name])}')
        self.assertEqual({name for name in CALLS if not found[name]}, set(), 'allowed, and should not be')
        if landlock() < 3:
            self.skipTest('this kernel has no Landlock 3: writing elsewhere is not tested')
        self.assertEqual({name for name in FILES if not found[name]}, set(), 'allowed, and should not be')

    def test_the_probe_can_do_all_of_it_in_a_program_that_is_not_confined(self):
        """Or the next tests would show nothing."""
        found = self.tries('rep-check', '--self-test', statuses=(0, 69))   # whether fail2ban is here or not
        could = {name for name, error in found.items() if not error}
        self.assertGreaterEqual(could, FILES | {'fork', 'clone', 'change user', 'listen', 'memory file',
                                                'write and execute memory', 'run a program'} | NEEDED)

    def test_a_worker_that_was_taken_over(self):
        self.queue()
        self.check(self.tries('rep-report', '--flush'))
        self.assertEqual(self.api.accepted(), [ADDRESS])      # and it does its work

    def test_a_lookup_by_hand_that_was_taken_over(self):
        self.check(self.tries('rep-check', '--fresh', ADDRESS, statuses=(10,)))

    def test_a_recheck_that_was_taken_over(self):
        self.queue()
        self.run_it('rep-report', '--flush')
        self.sql("UPDATE block SET since = since - 86400 * 40")
        self.check(self.tries('rep-purge', '--recheck'))

    def test_what_the_kernel_says_of_a_worker(self):
        self.api.fault('hang', 'report')
        self.queue()
        with self.place.worker(extra_groups=[0, 4]) as worker:
            wait_until(lambda: status_of(worker.pid)['Seccomp'] == '2' or worker.poll() is not None, 'it is confined')
            status = status_of(worker.pid)
            self.assertEqual(status['NoNewPrivs'], '1')
            self.assertEqual({name: set(status[name].split()) for name in ('Uid', 'Gid', 'Groups')},
                             {name: {str(OWNER)} for name in ('Uid', 'Gid', 'Groups')})
            with open(f'/proc/{worker.pid}/limits', encoding='ascii') as f:
                limits = {line[:25].strip(): line[26:].split()[1] for line in f}
            worker.kill()
        self.assertEqual(limits['Max core file size'], '0')
        self.assertEqual(limits['Max open files'], '1024')
        self.assertNotEqual(limits['Max data size'], 'unlimited')
        self.assertNotEqual(limits['Max file size'], 'unlimited')
