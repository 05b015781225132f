# SPDX-License-Identifier: MIT
"""test_fleet.py - iprep on five hosts of a fleet with Debian's Knot, BIND, NSD and unbound"""
import json
import os
import random
import signal

from addresses import reversed_of
from fleet.cases import FleetCase
from fleet import questions
from fleet.reputation import LISTS, Reputation
from fleet.servers import PRIMARY, ZONE
from host.process import below
from waiting import wait_until


class Fleet(FleetCase):
    count = 5
    lists = LISTS

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.iprep = []
        for number in range(1, cls.count + 1):
            cls.iprep.append(Reputation(cls.fleet, number))
            cls.addClassCleanup(cls.iprep[-1].close)

    def run_on(self, number, program, *args, status=0):
        done = self.iprep[number - 1].run(program, *args)
        if status is not None:
            self.assertEqual(done.returncode, status, f'{program} {args} on host {number}: {done.stdout} {done.stderr}')
        return done.stdout

    def verdict(self, number, address, status):
        return json.loads(self.run_on(number, 'rep-check', '--json', '--fresh', address, status=status))

    def block(self, number, address):
        self.run_on(number, 'rep-report', '--enqueue', '--jail', 'sshd', '--', address)
        self.run_on(number, 'rep-report', '--flush')

    def test_a_block_is_confirmed_on_all_hosts_until_one_pardons_it(self):
        self.block(1, '45.31.0.1')
        self.until_listed('45.31.0.1', ['127.0.1.2'])
        for number in range(2, 6):
            line = self.verdict(number, '45.31.0.1', 10)
            self.assertEqual((line['verdict'], line['tier']), ('confirmed', 'known'))
        # what a host knows only from the fleet it does not publish
        self.block(2, '45.31.0.1')
        self.until_current()
        self.until_listed('45.31.0.1', ['127.0.1.2'])
        self.run_on(3, 'rep-purge', '--pardon', '30d', '45.31.0.1')
        self.run_on(3, 'rep-report', '--flush')
        self.until_listed('45.31.0.1', ['127.0.1.2', '127.0.3.254'])
        for number in (1, 2, 4, 5):
            self.assertNotEqual(self.verdict(number, '45.31.0.1', 0)['verdict'], 'confirmed')

    def test_while_the_primary_is_dead_for_an_hour_all_read_on_and_nothing_is_lost(self):
        self.block(1, '45.31.1.1')
        self.until_listed('45.31.1.1', ['127.0.1.2'])
        self.fleet.primary.kill()
        first = self.iprep[0]
        later = [f'45.31.1.{number}' for number in range(2, 22)]
        for address in later:
            self.run_on(1, 'rep-report', '--enqueue', '--jail', 'sshd', '--', address)
        try:
            for hours in (0, 0.5, 1):
                first.hours = hours
                self.run_on(1, 'rep-report', '--flush')
                self.assertEqual(self.fleet_of(1)['to_publish'], len(later))
                self.assertEqual(self.verdict(2, '45.31.1.1', 10)['tier'], 'known')
            first.hours = 1.1
            said = self.run_on(1, 'rep-report', '--health', status=1)
            self.assertRegex(said, r'troubles?: .*fleet-behind.*\nWARNING: server: blocks have waited')
            self.fleet.primary.start()
            first.hours = 1.2
            self.run_on(1, 'rep-report', '--flush')
            self.assertEqual((self.fleet_of(1)['to_publish'], self.fleet_of(1)['last_error_at'] <=
                              self.fleet_of(1)['last_ok_at']), (0, True))
            for address in later:
                self.until_listed(address, ['127.0.1.2'])
        finally:
            first.hours = 0

    def fleet_of(self, number):
        return json.loads(self.run_on(number, 'rep-report', '--status', '--json'))['fleet']

    def test_nothing_is_lost_or_doubled_when_workers_and_servers_are_killed(self):
        generator, kills, first = random.Random(5), 0, self.iprep[0]
        addresses = [f'45.31.{2 + number // 250}.{number % 250 + 1}' for number in range(300)]
        servers = [self.fleet.primary, *self.fleet.secondaries]
        while kills < 100:
            for address in addresses[kills * 3:kills * 3 + 3]:
                self.run_on(1, 'rep-report', '--enqueue', '--jail', 'sshd', '--', address)
            first.sql('UPDATE publication SET next_at = 0')
            first.sql("UPDATE meta SET value = value - 3600 WHERE name = 'fleet-error-at'")
            first.own()
            worker = first.start('rep-report', '--flush', '-q')
            for _ in range(generator.randrange(3000)):      # another moment each time
                if worker.poll() is not None:
                    break
            if kills % 10 == 9:
                server = generator.choice(servers)
                server.kill()
                server.start(wait=server is self.fleet.primary)
            else:
                victims = below(worker.pid) or [worker.pid]
                try:
                    os.kill(generator.choice(victims), signal.SIGKILL)
                except ProcessLookupError:
                    pass
            kills += 1
            worker.communicate(timeout=120)
            wait_until(lambda: not first.workers(), 'no process is left')
        for _ in range(5):
            first.sql('UPDATE publication SET next_at = 0')
            first.sql("UPDATE meta SET value = value - 3600 WHERE name = 'fleet-error-at'")
            first.sql('UPDATE lookup SET next_at = 0')
            first.own()
            self.run_on(1, 'rep-report', '--flush')
        self.assertEqual(self.fleet_of(1)['to_publish'], 0)
        self.until_current()
        self.assertEqual(self.published(addresses), {one: ['127.0.1.2', 'h=1'] for one in addresses})
        for number in range(0, 300, 60):
            self.until_listed(addresses[number], ['127.0.1.2'])
        self.assertEqual(first.read_copy('PRAGMA integrity_check'), [[('ok',)]])

    def published(self, addresses):
        """{address: what the primary has of it}, of a whole transfer"""
        said = self.hosts[0].run('dig', '-k', f'{self.fleet.keys}/1-nsupdate.key', f'@{PRIMARY}', ZONE, 'AXFR').stdout
        names = {f'{reversed_of(one)}.{ZONE}.': one for one in addresses}
        found = {}
        for words in (line.split() for line in said.splitlines() if line and not line.startswith(';')):
            if words[0] in names and words[3] in ('A', 'TXT'):
                found.setdefault(names[words[0]], []).append(words[4].strip('"'))
        return {one: sorted(values) for one, values in found.items()}

    def test_a_stolen_key_that_lists_every_address_bans_none_and_is_cleaned_up(self):
        """Knot 3.2 cannot forbid a name such as *.46."""
        self.fleet.update(3, f'update add *.46.{ZONE}. 300 A 127.0.3.2',
                          f'update add 5.5.31.45.{ZONE}. 300 A 127.0.3.9',
                          f'update add 5.5.31.45.{ZONE}. 300 TXT "\\027[31mh=3\\000\\010 u=1"')
        for host in self.hosts:
            wait_until(lambda host=host: questions.listed(host, '46.1.2.3') == ['127.0.3.2'], 'the zone lists it')
        for number in (2, 4):
            self.assertEqual(self.verdict(number, '46.1.2.3', 75)['verdict'], 'unknown')    # it has no other list
            shown = self.run_on(number, 'rep-check', '45.31.5.5', status=None)
            self.assertNotIn('\033', shown)
        self.run_on(4, 'rep-purge', '--fleet-host', '3')
        self.until_listed('46.1.2.3', [])
        self.until_listed('45.31.5.5', [])
