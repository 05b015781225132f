#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A thousand bursts of hooks against workers that end immediately: no job is left without a worker.

    test_wakeup.py DIRECTORY-OF-PROGRAMS [BURSTS]        (as root)

Also what a worker that a hook has started is: on its own, nobody's pipe in its hands, and not root.
"""
import ipaddress
import os
import re
import socket
import subprocess
import sys
import time
import unittest

import place

BIN = ''
BURSTS = 1000
HOOKS = 8
STRANDED_S = 60
CONF = """[general]
state = {dir}/state/iprep.db
verdict_log = {dir}/state/verdict.log
timeout_ms = 20000
[abuseipdb]
url = URL
key_file = {dir}/key
check = never
[worker]
start = spawn
linger = 0
"""
DUE = ("SELECT 'report', hex(addr), state FROM report WHERE state < 2 AND next_at <= ?1 UNION ALL "
       "SELECT 'lookup', hex(addr), tries FROM lookup WHERE next_at <= ?1")


class Case(unittest.TestCase):
    def setUp(self):
        self.api = place.Emulator(None, '--plan', 'premium', '--limit', 'report=100000')
        self.addCleanup(self.api.close)
        self.conf = CONF.replace('URL', self.api.url)
        self.place = place.Place(BIN, self.conf)
        self.addCleanup(self.place.close)
        self.addCleanup(self.end_workers)

    def hook(self, address, **more):
        command = self.place.command('rep-report', '--enqueue', '--jail', 'sshd', '--', address)
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, **more)

    def workers(self):
        """Those of this place: pids."""
        for pid in filter(str.isdigit, os.listdir('/proc')):
            try:
                with open(f'/proc/{pid}/cmdline', 'rb') as f:
                    words = f.read().split(b'\0')
            except OSError:
                continue
            if b'--flush' in words and self.place.path('iprep.conf').encode() in words:
                yield int(pid)

    def end_workers(self):
        """One that still waits for an answer hears that there will be none."""
        self.api.process.terminate()
        place.wait_until(lambda: not list(self.workers()), 'the last worker has ended')


class Bursts(Case):
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
        conf = self.conf.replace('{dir}', self.place.dir)
        self.place.write('iprep.conf', conf.replace('spawn', 'none'))
        self.place.run('rep-report', '--enqueue', '--', '45.1.0.1', check=True)
        self.place.run('rep-report', '--flush', check=True)         # the ledger learns the quota
        self.place.write('iprep.conf', conf)
        enqueued, first = ['45.1.0.1'], ipaddress.ip_address('45.16.0.0')
        for burst in range(BURSTS):
            addresses = [str(first + burst * HOOKS + i) for i in range(HOOKS)]
            hooks = [self.hook(address) for address in addresses]
            for address, hook in zip(addresses, hooks):
                said = hook.communicate()
                self.assertEqual((hook.returncode, *said), (0, b'', b''), address)
            enqueued += addresses
            self.wait_for_the_queue()
        self.assertEqual(self.place.read('SELECT addr FROM report WHERE state <> 3'), [])
        stats = self.api.control('stats')
        self.assertEqual(sorted(r['ip'] for r in stats['reports']), sorted(enqueued))
        self.assertEqual(stats['endpoints']['report'], {'accepted': len(enqueued), 'refused': {}})
        print(f'{BURSTS} bursts of {HOOKS} hooks, {len(enqueued)} reports, none stranded', file=sys.stderr)


class Detached(Case):
    """A worker that a hook has started while the service hangs."""

    def setUp(self):
        super().setUp()
        self.api.fault('hang', 'report')

    def start(self, **more):
        """The hook is over, both its pipes are at their end; the pid of the worker that it has left."""
        hook = self.hook('45.1.1.1', **more)
        self.assertEqual((hook.communicate(timeout=60), hook.returncode), ((b'', b''), 0))
        place.wait_until(self.asks, 'the worker asks')
        self.assertTrue(self.place.is_working())
        pids = list(self.workers())
        self.assertEqual(len(pids), 1)
        return pids[0]

    def asks(self):
        return self.api.control('stats')['endpoints']['report']['refused'].get('hang')

    def test_a_hooks_pipes_end_with_it_and_not_with_the_worker(self):
        self.start()
        self.assertTrue(self.place.is_working())
        self.assertEqual(self.place.read('SELECT state FROM report'), [(1,)])

    def test_no_descriptor_of_the_caller_goes_to_the_worker(self):
        pipe, pair = os.pipe(), socket.socketpair()
        file = os.open(self.place.path('iprep.conf'), os.O_RDONLY)
        ours = [*pipe, pair[0].fileno(), pair[1].fileno(), file]
        names = {os.readlink(f'/proc/self/fd/{fd}') for fd in ours}
        try:
            pid = self.start(pass_fds=ours)
            opened = {int(fd): os.readlink(f'/proc/{pid}/fd/{fd}') for fd in os.listdir(f'/proc/{pid}/fd')}
        finally:
            for fd in (*pipe, file):
                os.close(fd)
            for end in pair:
                end.close()
        self.assertEqual([opened.pop(fd) for fd in range(3)], ['/dev/null'] * 3)
        self.assertEqual(set(opened.values()) & names, set())
        own = re.escape(self.place.path('state')) + r'/(iprep\.db(-wal|-shm)?|worker\.lock|verdict\.log)'
        known = own + r'|anon_inode:\[(eventpoll|eventfd|timerfd)\]|socket:\[\d+\]'
        self.assertEqual([name for name in opened.values() if not re.fullmatch(known, name)], [])

    def test_it_is_a_session_of_its_own(self):
        pid = self.start()
        with open(f'/proc/{pid}/stat', encoding='ascii') as f:
            parent, group, session, terminal = map(int, f.read().rsplit(')', 1)[1].split()[1:5])
        self.assertEqual((group, session, terminal), (pid, pid, 0))
        self.assertNotEqual(parent, os.getpid())

    def test_it_holds_nobodys_directory(self):
        directory = self.place.path('somewhere')
        os.mkdir(directory, 0o755)
        pid = self.start(cwd=directory)
        self.assertIn(os.readlink(f'/proc/{pid}/cwd'), ('/', self.place.path('state')))

    def test_it_is_the_states_owner_and_cannot_be_root_again(self):
        pid = self.start()
        with open(f'/proc/{pid}/status', encoding='ascii') as f:
            status = dict(line.rstrip('\n').split(':\t', 1) for line in f)
        owner = str(place.OWNER)
        self.assertEqual(status['Uid'].split(), [owner] * 4)
        self.assertEqual(status['Gid'].split(), [owner] * 4)
        self.assertEqual(status['Groups'].split(), [owner])
        for kind in ('CapInh', 'CapPrm', 'CapEff', 'CapAmb'):
            self.assertEqual(int(status[kind], 16), 0, kind)
        # the key is in its memory: only root can read it, and no core is written
        self.assertEqual(os.stat(f'/proc/{pid}/mem').st_uid, 0)

    def test_nothing_of_the_callers_environment_is_in_it(self):
        pid = self.start(env={'http_proxy': 'http://192.0.2.1', 'SSLKEYLOGFILE': '/tmp/keys', 'LANG': 'de'})
        with open(f'/proc/{pid}/environ', 'rb') as f:
            names = {word.split(b'=')[0] for word in f.read().split(b'\0') if word}
        self.assertEqual(names, {b'PATH', b'LC_ALL'})


if __name__ == '__main__':
    BIN = os.path.abspath(sys.argv.pop(1))
    if len(sys.argv) > 1 and sys.argv[1].isdigit():
        BURSTS = int(sys.argv.pop(1))
    unittest.main(verbosity=2)
