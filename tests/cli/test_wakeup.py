# SPDX-License-Identifier: MIT
"""A thousand bursts of hooks against workers that end immediately: no job is left without a worker.

Also what a worker that a hook has started is: on its own, nobody's pipe in its hands, and not root.
"""
import contextlib
import ipaddress
import os
import re
import socket
import time

from cases import Case
from places import OWNER
from proc_probe import status_of
from waiting import wait_until

BURSTS, HOOKS = 1000, 8
STRANDED_S = 60
DUE = ("SELECT 'report', hex(addr), state FROM report WHERE state < 2 AND next_at <= ?1 UNION ALL "
       "SELECT 'lookup', hex(addr), tries FROM lookup WHERE next_at <= ?1")


class Spawned(Case):
    has_api = True
    api_options = ('--plan', 'premium', '--limit', 'report=100000')
    sections = {'general': {'timeout_ms': 20000}, 'abuseipdb': {'check': 'never'}, 'worker': {'start': 'spawn'}}

    def setUp(self):
        super().setUp()
        self.addCleanup(self.end_workers)

    def hook(self, address, **more):
        return self.place.start('rep-report', '--enqueue', '--jail', 'sshd', '--', address, **more)

    def ends_well(self, hook):
        self.assertEqual((hook.communicate(timeout=120), hook.returncode), (('', ''), 0))

    def end_workers(self):
        """One that still waits for an answer hears that there will be none."""
        self.api.process.terminate()
        wait_until(lambda: not self.place.workers(), 'the last worker has ended')


class Bursts(Spawned):
    def wait_for_the_queue(self):
        """Nothing is enqueued in the meantime; every due job must have a worker."""
        alone_since = None
        while True:
            if self.place.is_working():
                alone_since = None
            else:
                due = self.place.read(DUE, int(time.time()))
                if not due:
                    return
                if self.place.is_working():
                    alone_since = None
                    continue
                alone_since = alone_since or time.monotonic()
                self.assertLess(time.monotonic() - alone_since, STRANDED_S, f'due, and no worker: {due}')
            time.sleep(0.004)

    def test_no_job_is_left_without_a_worker(self):
        self.place.change('spawn', 'none')
        self.enqueue('45.1.0.1')
        self.flush()                               # the ledger learns the quota
        self.place.change('start = none', 'start = spawn')
        first = ipaddress.ip_address('45.16.0.0')
        addresses = [str(first + number) for number in range(BURSTS * HOOKS)]
        for burst in range(0, len(addresses), HOOKS):
            for hook in [self.hook(address) for address in addresses[burst:burst + HOOKS]]:
                self.ends_well(hook)
            self.wait_for_the_queue()
        self.assertEqual(self.place.read('SELECT addr FROM report WHERE state <> 3'), [])
        enqueued = ['45.1.0.1', *addresses]
        self.assertEqual(sorted(self.api.accepted()), sorted(enqueued))
        self.assertEqual(self.api.statistics()['endpoints']['report'], {'accepted': len(enqueued), 'refused': {}})


class Detached(Spawned):
    """A worker that a hook has started while the service hangs."""

    def setUp(self):
        super().setUp()
        self.api.fault('hang', 'report')

    def spawn(self, **more):
        """The hook is over, both its pipes are at their end; the pid of the worker that it has left."""
        self.ends_well(self.hook('45.1.1.1', **more))
        wait_until(lambda: self.api.calls('report'), 'the worker asks')
        self.assertTrue(self.place.is_working())
        pid, = self.place.workers()
        return pid

    def test_a_hooks_pipes_end_with_it_and_not_with_the_worker(self):
        self.spawn()
        self.assertTrue(self.place.is_working())
        self.assertEqual(self.place.read('SELECT state FROM report'), [(1,)])

    def test_no_descriptor_of_the_caller_goes_to_the_worker(self):
        with contextlib.ExitStack() as stack:
            opened = [*map(os.fdopen, os.pipe()), *socket.socketpair(), open('/dev/zero', encoding='ascii')]
            ours = [stack.enter_context(one) for one in opened]
            names = {os.readlink(f'/proc/self/fd/{one.fileno()}') for one in ours}
            pid = self.spawn(pass_fds=[one.fileno() for one in ours])
            opened = {int(fd): os.readlink(f'/proc/{pid}/fd/{fd}') for fd in os.listdir(f'/proc/{pid}/fd')}
        self.assertEqual([opened.pop(fd) for fd in range(3)], ['/dev/null'] * 3)
        self.assertEqual(set(opened.values()) & names, set())
        own = re.escape(self.place.path('state')) + r'/(iprep\.db(-wal|-shm)?|worker\.lock|verdict\.log)'
        known = own + r'|anon_inode:\[(eventpoll|eventfd|timerfd)\]|socket:\[\d+\]'
        self.assertEqual([name for name in opened.values() if not re.fullmatch(known, name)], [])

    def test_it_is_a_session_of_its_own(self):
        pid = self.spawn()
        with open(f'/proc/{pid}/stat', encoding='ascii') as file:
            parent, group, session, terminal = map(int, file.read().rsplit(')', 1)[1].split()[1:5])
        self.assertEqual((group, session, terminal), (pid, pid, 0))
        self.assertNotEqual(parent, os.getpid())

    def test_it_holds_nobodys_directory(self):
        directory = self.place.path('somewhere')
        os.mkdir(directory, 0o755)
        pid = self.spawn(cwd=directory)
        self.assertIn(os.readlink(f'/proc/{pid}/cwd'), ('/', self.place.path('state')))

    def test_it_is_the_states_owner_and_cannot_be_root_again(self):
        pid = self.spawn()
        status = status_of(pid)
        self.assertEqual([status[ids].split() for ids in ('Uid', 'Gid', 'Groups')],
                         [[str(OWNER)] * 4, [str(OWNER)] * 4, [str(OWNER)]])
        for kind in ('CapInh', 'CapPrm', 'CapEff', 'CapAmb'):
            self.assertEqual(int(status[kind], 16), 0, kind)
        # the key is in its memory: only root can read it, and no core is written
        self.assertEqual(os.stat(f'/proc/{pid}/mem').st_uid, 0)

    def test_nothing_of_the_callers_environment_is_in_it(self):
        pid = self.spawn(env={'http_proxy': 'http://192.0.2.1', 'SSLKEYLOGFILE': '/tmp/keys', 'LANG': 'de'})
        with open(f'/proc/{pid}/environ', 'rb') as file:
            names = {word.split(b'=')[0] for word in file.read().split(b'\0') if word}
        self.assertEqual(names, {b'PATH', b'LC_ALL'})
