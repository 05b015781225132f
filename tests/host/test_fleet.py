# SPDX-License-Identifier: MIT
"""
test_fleet.py - iprep on five hosts of a fleet with Debian's Knot, BIND, NSD and unbound

Host 1 has a list of its own, lists.test, which names 45.31.0.0/16; the others read only the zone of the fleet.
"""
import json
import shutil

import configuration
from fleet.cases import FleetCase
from fleet.servers import PRIMARY, ZONE
from places import OWNER, Place

FLEET = '127.[0..254].[0..255].[2..9]*3 127.[0..254].[0..255].254*-100'
LISTS = {'lists.test': ['2.0.0.127 A 127.0.0.2', '*.31.45 A 127.0.0.2']}


class Reputation(Place):
    """iprep on a host, by its number."""

    def __init__(self, fleet, number):
        self.host = fleet.hosts[number - 1]
        lists = {'lists': '127.0.0.2*3'} if number == 1 else {}
        super().__init__(configuration.build(
            {'dns': {'resolvers': '127.0.0.1'}, 'dnsbl fleet': {'zone': ZONE, 'points': FLEET},
             'fleet': {'zone': ZONE, 'server': PRIMARY, 'key_file': '{dir}/fleet.key', 'host': number},
             **{f'dnsbl {name}': {'zone': f'{name}.test', 'points': points} for name, points in lists.items()}}))
        shutil.copy(f'{fleet.keys}/{number}-nsupdate.key', self.path('fleet.key'))
        shutil.chown(self.path('fleet.key'), OWNER, OWNER)

    def command(self, program, *args):
        return self.host.command(super().command(program, *args))


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
        self.assertIn(done.returncode, (status,), f'{program} {args} on host {number}: {done.stdout} {done.stderr}')
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
