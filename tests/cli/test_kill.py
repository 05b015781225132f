#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A worker killed 300 times while it sends, and one on a disk that fills up: nothing lost, nothing twice.

    test_kill.py DIRECTORY-OF-PROGRAMS [KILLS [SEED]]        (as root)

The emulator's log says what arrived in each worker's life, the database what that life concluded. The
only calls made again are those that were on their way at a kill, and those were on disk as such before.
"""
import collections
import concurrent.futures
import errno
import ipaddress
import json
import os
import random
import re
import subprocess
import sys
import time
import unittest

import place

BIN = ''
KILLS = 300
SEED = None
REPORTS = 2000
QUEUED, SENDING, PARKED, DONE, UNKNOWN = range(5)
CONF = """[general]
state = {dir}/state/iprep.db
verdict_log = {dir}/state/verdict.log
timeout_ms = 5000
[abuseipdb]
url = URL
key_file = {dir}/key
check = never
[worker]
start = none
linger = 0
"""


def numbered(first, count):
    return [str(ipaddress.ip_address('45.1.0.0') + i) for i in range(first, first + count)]


class Case(unittest.TestCase):
    def setUp(self):
        self.seed = SEED if SEED is not None else random.SystemRandom().randrange(10 ** 6)
        self.random = random.Random(self.seed)
        self.log_at = 0
        self.api = place.Emulator(None, '--plan', 'premium', '--limit', 'report=100000',
                                  '--log', self.log_path())
        self.addCleanup(self.api.close)
        self.addCleanup(os.unlink, self.log_path())
        self.place = place.Place(BIN, CONF.replace('URL', self.api.url))
        self.addCleanup(self.place.close)
        self.recorded = []

    def log_path(self):
        return f'/var/tmp/iprep-kill.{os.getpid()}.log'

    def enqueue(self, address):
        return self.place.run('rep-report', '--enqueue', '--jail', 'sshd', '--failures', '3', '--', address)

    def enqueue_all(self, addresses):
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            for address, hook in zip(addresses, pool.map(self.enqueue, addresses)):
                self.assertEqual((hook.returncode, hook.stderr), (0, ''), address)
        self.recorded += addresses

    def learn_the_quota(self):
        """The ledger takes an unknown quota as the free plan's: its first answer tells."""
        self.enqueue_all(numbered(0, 1))
        self.place.run('rep-report', '--flush', check=True)
        self.assertEqual(self.api.accepted(), self.recorded)
        self.posted()
        self.api.fault('delay', 'report', delay_s=0.03)

    # ---- what arrived, and what is on disk ----

    def is_connected(self):
        """Whether the emulator still has a connection, even one of a dead process."""
        with open('/proc/net/tcp', encoding='ascii') as f:
            rows = [line.split() for line in f][1:]
        return any(int(r[1].split(':')[1], 16) == self.api.port and r[3] not in ('06', '0A') for r in rows)

    def posted(self):
        """Addresses of the report calls since this was asked before."""
        place.wait_until(lambda: not self.is_connected(), 'the emulator is through with the dead')
        with open(self.log_path(), encoding='utf-8') as f:
            f.seek(self.log_at)
            lines = [json.loads(line) for line in f]
            self.log_at = f.tell()
        self.assertEqual({line['path'] for line in lines} - {'/api/v2/report'}, set())
        return [line['ip'] for line in lines]

    def states(self):
        rows, check = self.place.read_copy('SELECT addr, state FROM report', 'PRAGMA integrity_check')
        self.assertEqual(check, [('ok',)])
        return {str(ipaddress.IPv6Address(addr).ipv4_mapped): state for addr, state in rows}

    def in_state(self, *wanted):
        return {address for address, state in self.states().items() if state in wanted}

    # ---- a life and its end ----

    def live(self, pause):
        """A worker for that long. Returns whether the kill hit it."""
        worker = self.place.worker(stderr=subprocess.DEVNULL)
        time.sleep(pause)
        worker.kill()
        return worker.wait() == -9

    def account(self, before):
        """What the life that just ended sent, concluded, and left on its way."""
        posted, states = self.posted(), self.states()
        connections = self.api.control('stats')['connections'] - self.connections
        self.connections += connections
        done = {address for address, state in states.items() if state == DONE} - before
        lost = set(posted) - done
        self.assertEqual(len(posted), len(set(posted)), 'one worker sent a report twice')
        self.assertEqual(set(posted) & before, set(), 'sent although it was done')
        self.assertEqual(done - set(posted), set(), 'done although it was never sent')
        self.assertEqual({states[a] for a in lost} - {SENDING}, set(), 'sent, and not on disk as such')
        # One call at a time on a connection; the next one may be made before an answer is on disk.
        self.assertLessEqual(len(lost), 2 * connections)
        return len(posted), len(lost), 2 * connections, before | done

    def finish(self):
        """Workers until nothing waits; every report was accepted once."""
        self.api.clear_faults()
        for _ in range(20):
            self.place.due_now()
            self.place.run('rep-report', '--flush', check=True)
            if not self.in_state(QUEUED, SENDING):
                break
        self.assertEqual(self.in_state(QUEUED, SENDING, PARKED, UNKNOWN), set())
        stats = self.api.control('stats')
        self.assertEqual(stats['merged'], [])
        self.assertEqual([r['ip'] for r in stats['reports'] if r['merged'] or r['cleared']], [])
        return stats


class Killed(Case):
    def test_300_kills_while_it_sends_lose_nothing_and_send_nothing_twice(self):
        self.learn_the_quota()
        self.enqueue_all(numbered(1, REPORTS - 1))
        self.connections = self.api.control('stats')['connections']
        done, pause, kills, in_flight = {self.recorded[0]}, 0.1, 0, 0
        sums = [0, 0, 0]
        while kills < KILLS:
            if len(self.recorded) - len(done) < 100:
                self.enqueue_all(numbered(len(self.recorded), 100))
            hit = self.live(self.random.uniform(0, 2 * pause))
            *numbers, done = self.account(done)
            self.assertLess(len(done), len(self.recorded), 'the work ran out')
            self.assertTrue(hit, 'the worker ended with work left')
            kills += 1
            in_flight += numbers[1] > 0
            sums = [a + b for a, b in zip(sums, numbers)]
            due = kills * (REPORTS - 100) / KILLS
            pause = min(2, max(0.02, pause * (1.1 if len(done) < due else 0.9)))
        stats = self.finish()
        self.assertEqual(sorted(r['ip'] for r in stats['reports']), sorted(self.recorded))
        posts = 1 + sums[0] + len(self.posted())
        counted = stats['endpoints']['report']
        self.assertEqual(posts, counted['accepted'] + sum(counted['refused'].values()))
        extra = posts - len(self.recorded)
        self.assertEqual(extra, sums[1], 'a call was made again that was not on its way at a kill')
        self.assertLessEqual(extra, sums[2])
        self.assertGreater(in_flight, KILLS / 3)
        print(f'{kills} kills (seed {self.seed}), {in_flight} of them with calls on their way; '
              f'{len(self.recorded)} reports, {posts} POSTs, {extra} extra, on their way at the kills '
              f'{sums[1]}, bound {sums[2]}', file=sys.stderr)


class DiskFull(Case):
    def setUp(self):
        super().setUp()
        self.place.mount_state('size=12m')
        self.refused = []

    def fill(self, room):
        """No more than room bytes are left, whatever the last worker's checkpoint has freed."""
        path = self.place.path('state/filler')
        with open(path, 'ab', buffering=0) as f:
            for size in (1 << 16, 1 << 12, 1):
                try:
                    while f.write(bytes(size)) == size:
                        pass
                except OSError as e:
                    self.assertEqual(e.errno, errno.ENOSPC)
        os.truncate(path, os.path.getsize(path) - room)

    def enqueue_somehow(self, address):
        hook = self.enqueue(address)
        if hook.returncode:
            self.assertEqual(hook.returncode, 74, hook.stderr)
            self.assertRegex(hook.stderr, r'^rep-report: \S+/iprep\.db: .*(full|No space)[^\n]*\n$')
        (self.refused if hook.returncode else self.recorded).append(address)

    def a_round(self, addresses, is_killed):
        """A worker at work, the disk fills up, hooks come; the worker ends, or is killed."""
        worker = self.place.worker(stderr=subprocess.PIPE, text=True)
        self.fill(self.random.randrange(200_000))
        for address in addresses:
            self.enqueue_somehow(address)
        if is_killed:
            worker.kill()
        self.ends[worker.wait(120)] += 1
        with worker.stderr as f:
            said = f.read()
        self.assertEqual([line for line in said.splitlines() if not re.search('full|No space', line)], [])

    def test_what_exited_0_on_a_disk_that_filled_up_is_accepted_once(self):
        self.learn_the_quota()
        self.enqueue_all(numbered(1, 199))
        self.ends = collections.Counter()
        for turn in range(30):
            self.a_round(numbered(1000 + 8 * turn, self.random.randrange(1, 9)), turn % 2)
        self.assertGreater(len(self.refused), 20)
        self.assertGreater(len(self.recorded), 200)
        self.assertLessEqual(set(self.ends), {0, 74, -9})
        self.assertTrue(self.ends[74] and self.ends[-9], self.ends)
        os.unlink(self.place.path('state/filler'))
        accepted = [r['ip'] for r in self.finish()['reports']]
        self.assertEqual(len(accepted), len(set(accepted)))
        self.assertEqual(set(self.recorded) - set(accepted), set(), 'recorded, and lost')
        self.assertEqual(set(accepted) - set(self.recorded) - set(self.refused), set())
        posts = self.api.control('stats')['requests']
        print(f'full disk (seed {self.seed}): {len(self.recorded)} recorded, {len(self.refused)} refused, '
              f'workers ended {dict(self.ends)}, {posts} POSTs', file=sys.stderr)


if __name__ == '__main__':
    BIN = os.path.abspath(sys.argv.pop(1))
    if len(sys.argv) > 1 and sys.argv[1].isdigit():
        KILLS = int(sys.argv.pop(1))
        REPORTS = max(200, 2000 * KILLS // 300)
    if len(sys.argv) > 1 and sys.argv[1].isdigit():
        SEED = int(sys.argv.pop(1))
    unittest.main(verbosity=2)
