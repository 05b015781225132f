# SPDX-License-Identifier: MIT
"""A worker killed 300 times while it sends, and one on a disk that fills up: nothing lost, nothing twice.

The emulator's log says what arrived in each worker's life, the database what that life concluded. The only calls made
again are those that were on their way at a kill, and those were on disk as such before.
"""
import collections
import concurrent.futures
import errno
import ipaddress
import os
import random
import re
import subprocess
import time

from addresses import address_of
from cases import DONE, PARKED, QUEUED, SENDING, UNKNOWN, Case
from waiting import wait_until

KILLS, REPORTS = 300, 2000


def numbered(first, count):
    return [str(ipaddress.ip_address('45.1.0.0') + number) for number in range(first, first + count)]


class KillCase(Case):
    has_api = True
    api_options = ('--plan', 'premium', '--limit', 'report=100000')
    sections = {'general': {'timeout_ms': 5000}, 'abuseipdb': {'check': 'never'}}

    def setUp(self):
        super().setUp()
        self.nposted, self.recorded = 0, []

    def hook(self, address):
        return self.place.run('rep-report', '--enqueue', '--jail', 'sshd', '--failures', '3', '--', address)

    def enqueue_all(self, addresses):
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            for address, hook in zip(addresses, pool.map(self.hook, addresses)):
                self.assertEqual((hook.returncode, hook.stderr), (0, ''), address)
        self.recorded += addresses

    def learn_the_quota(self):
        """The ledger takes an unknown quota as the free plan's: its first answer tells."""
        self.enqueue_all(numbered(0, 1))
        self.flush()
        self.assertEqual(self.posted(), self.recorded)
        self.api.fault('delay', 'report', delay_s=0.03)

    # -- what arrived, and what is on disk

    def is_connected(self):
        """Whether the emulator still has a connection, even one of a dead process."""
        with open('/proc/net/tcp', encoding='ascii') as file:
            rows = [line.split() for line in file][1:]
        return any(int(row[1].split(':')[1], 16) == self.api.port and row[3] not in ('06', '0A') for row in rows)

    def posted(self):
        """Addresses of the report calls since this was asked before."""
        wait_until(lambda: not self.is_connected(), 'the emulator is through with the dead')
        lines = self.api.requests()[self.nposted:]
        self.nposted += len(lines)
        self.assertEqual({line['path'] for line in lines} - {'/api/v2/report'}, set())
        return [line['ip'] for line in lines]

    def found(self):
        """{address: state} of the reports."""
        reports, check = self.place.read_copy('SELECT addr, state FROM report', 'PRAGMA integrity_check')
        self.assertEqual(check, [('ok',)])
        return {address_of(addr): state for addr, state in reports}

    def finish(self):
        """Workers until nothing waits; every report was accepted once."""
        self.api.clear_faults()
        for _ in range(20):
            self.place.due_now()
            self.flush()
            if not {QUEUED, SENDING} & set(self.found().values()):
                break
        self.assertEqual({QUEUED, SENDING, PARKED, UNKNOWN} & set(self.found().values()), set())
        statistics = self.api.statistics()
        self.assertEqual(statistics['merged'], [])
        self.assertEqual([report for report in statistics['reports'] if report['merged'] or report['cleared']], [])
        return statistics


class Killed(KillCase):
    def live(self, pause):
        """A worker for that long. Returns whether the kill hit it."""
        worker = self.place.worker(stderr=subprocess.DEVNULL)
        time.sleep(pause)
        worker.kill()
        return worker.wait() == -9

    def account(self, before):
        """What the life that just ended sent, and left on its way, and how much at most; what is already done."""
        posted, found = self.posted(), self.found()
        connections = self.api.statistics()['connections'] - self.connections
        self.connections += connections
        done = {address for address, state in found.items() if state == DONE} - before
        lost = set(posted) - done
        self.assertEqual(len(posted), len(set(posted)), 'one worker sent a report twice')
        self.assertEqual(set(posted) & before, set(), 'sent although it was done')
        self.assertEqual(done - set(posted), set(), 'done although it was never sent')
        self.assertEqual({found[address] for address in lost} - {SENDING}, set(), 'sent, and not on disk as such')
        # One call at a time on a connection; the next one may be made before an answer is on disk.
        self.assertLessEqual(len(lost), 2 * connections)
        return len(posted), len(lost), 2 * connections, before | done

    def test_300_kills_while_it_sends_lose_nothing_and_send_nothing_twice(self):
        self.learn_the_quota()
        self.enqueue_all(numbered(1, REPORTS - 1))
        self.connections = self.api.statistics()['connections']
        done, pause, in_flight = {self.recorded[0]}, 0.1, 0
        sums = [0, 0, 0]
        for kill in range(1, KILLS + 1):
            if len(self.recorded) - len(done) < 100:
                self.enqueue_all(numbered(len(self.recorded), 100))
            hit = self.live(random.uniform(0, 2 * pause))
            *numbers, done = self.account(done)
            self.assertLess(len(done), len(self.recorded), 'the work ran out')
            self.assertTrue(hit, 'the worker ended with work left')
            in_flight += numbers[1] > 0
            sums = [a + b for a, b in zip(sums, numbers)]
            pause = min(2, max(0.02, pause * (1.1 if len(done) < kill * (REPORTS - 100) / KILLS else 0.9)))
        statistics = self.finish()
        self.assertEqual(sorted(report['ip'] for report in statistics['reports']), sorted(self.recorded))
        posts = 1 + sums[0] + len(self.posted())
        self.assertEqual(posts, self.api.calls('report'))
        extra = posts - len(self.recorded)
        self.assertEqual(extra, sums[1], 'a call was made again that was not on its way at a kill')
        self.assertLessEqual(extra, sums[2])
        self.assertGreater(in_flight, KILLS / 3)


class DiskFull(KillCase):
    def setUp(self):
        super().setUp()
        self.place.mount_state('size=12m')
        self.refused, self.ends = [], collections.Counter()

    def fill(self, room):
        """No more than room bytes are left, whatever the last worker's checkpoint has freed."""
        path = self.place.path('state/filler')
        with open(path, 'ab', buffering=0) as file:
            for size in (1 << 16, 1 << 12, 1):
                try:
                    while file.write(bytes(size)) == size:
                        pass
                except OSError as error:
                    self.assertEqual(error.errno, errno.ENOSPC)
        os.truncate(path, os.path.getsize(path) - room)

    def enqueue_somehow(self, address):
        hook = self.hook(address)
        if hook.returncode:
            self.assertEqual(hook.returncode, 74, hook.stderr)
            self.assertRegex(hook.stderr, r'^rep-report: \S+/iprep\.db: .*(full|No space)[^\n]*\n$')
        (self.refused if hook.returncode else self.recorded).append(address)

    def a_round(self, addresses, is_killed):
        """A worker at work, the disk fills up, hooks come; the worker ends, or is killed."""
        with self.place.worker(stderr=subprocess.PIPE) as worker:
            self.fill(random.randrange(200_000))
            for address in addresses:
                self.enqueue_somehow(address)
            if is_killed:
                worker.kill()
            said = worker.communicate(timeout=120)[1]
        self.ends[worker.returncode] += 1
        self.assertEqual([line for line in said.splitlines() if not re.search('full|No space', line)], [])

    def test_what_exited_0_on_a_disk_that_filled_up_is_accepted_once(self):
        self.learn_the_quota()
        self.enqueue_all(numbered(1, 199))
        for turn in range(30):
            self.a_round(numbered(1000 + 8 * turn, random.randrange(1, 9)), turn % 2)
        self.assertGreater(len(self.refused), 20)
        self.assertGreater(len(self.recorded), 200)
        self.assertLessEqual(set(self.ends), {0, 74, -9})
        self.assertTrue(self.ends[74] and self.ends[-9], self.ends)
        os.unlink(self.place.path('state/filler'))
        accepted = [report['ip'] for report in self.finish()['reports']]
        self.assertEqual(len(accepted), len(set(accepted)))
        self.assertEqual(set(self.recorded) - set(accepted), set(), 'recorded, and lost')
        self.assertEqual(set(accepted) - set(self.recorded) - set(self.refused), set())
