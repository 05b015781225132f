# SPDX-License-Identifier: MIT
"""
test_fleet_servers.py - the files of fail2ban/fleet in Debian's Knot, BIND, NSD, unbound and Postfix

Records are changed with nsupdate and knsupdate, as a worker of iprep does; test_fleet.py has iprep on every host.
"""
from addresses import reversed_of
from dns import message
from fleet import questions
from fleet.cases import FleetCase
from fleet.postscreen import Postscreen
from fleet.servers import PRIMARY
import rows

ZONE = questions.ZONE
IPV6 = '2a02:4780:15::60'
NOTAUTH = 9


def name_of(address):
    return f'{reversed_of(address)}.{ZONE}.'


class Servers:
    """What is the same with each primary."""

    def add(self, number, address, value, **more):
        return self.fleet.update(number, f'update add {name_of(address)} 300 A {value}', **more)

    def remove(self, number, address, value):
        return self.fleet.update(number, f'update delete {name_of(address)} A {value}')

    def test_each_host_adds_and_removes_only_its_own_records_and_all_hosts_see_it(self):
        self.add(1, '45.1.1.1', '127.0.1.2')
        self.add(2, '45.1.1.1', '127.0.2.3', client='knsupdate')
        self.add(2, '45.1.1.1', '127.0.2.3')
        self.until_listed('45.1.1.1', ['127.0.1.2', '127.0.2.3'])
        self.remove(1, '45.1.1.1', '127.0.1.2')
        self.until_listed('45.1.1.1', ['127.0.2.3'])
        self.remove(2, '45.1.1.1', '127.0.2.3')
        self.until_listed('45.1.1.1', [])

    def test_an_ipv6_address_is_listed_and_the_test_entries_are_there(self):
        self.add(3, IPV6, '127.0.3.2')
        self.until_listed(IPV6, ['127.0.3.2'])
        for host in self.hosts:
            self.assertEqual(questions.listed(host, '127.0.0.2'), ['127.0.0.2'])
            self.assertEqual(questions.listed(host, '::ffff:127.0.0.2'), ['127.0.0.2'])
            self.assertEqual(questions.listed(host, '127.0.0.1'), [])

    def test_a_key_changes_only_what_the_acl_allows(self):
        self.until_current()
        before = self.entries()
        for row in rows.read('fleet_acl.tsv', 10):
            with self.subTest(row['name']):
                lines = row['update'].replace('ZONE', f'{ZONE}.').split(' | ')
                done = self.fleet.update(1, *lines, check=False)
                self.assertEqual(done.returncode == 0, row[self.primary] == 'yes', done.stdout + done.stderr)
                if done.returncode:
                    self.assertEqual(self.entries(), before)
                before = self.entries()

    def entries(self):
        """What the primary says of the names that no key may change."""
        host = self.fleet.primary_host
        return [getattr(questions.ask(host, name, kind, PRIMARY), 'values', None)
                for name, kind in ((ZONE, message.A), (f'2.0.0.127.{ZONE}', message.A), (f'1.0.0.127.{ZONE}', message.A),
                                   (f'no.such.name.{ZONE}', message.A), (ZONE, 2))]

    def test_a_host_without_a_key_and_a_stranger_get_nothing(self):
        stranger = self.fleet.add_host('stranger', '192.0.2.99')
        self.refused(questions.ask(stranger, f'2.0.0.127.{ZONE}', server=PRIMARY), 'primary')
        for host in (stranger, self.hosts[0]):
            said = host.run('dig', f'@{PRIMARY}', ZONE, 'AXFR', check=False).stdout
            self.assertIn('Transfer failed', said)
        for server in self.fleet.secondaries:
            if server.name != 'nsd':        # 4.6 cannot refuse: see nsd-secondary.conf
                answer = questions.ask(stranger, f'2.0.0.127.{ZONE}', server=f'192.0.2.1{server.number}')
                self.refused(answer, server.name)
        said = self.hosts[0].run('dig', '-k', f'{self.fleet.keys}/1-nsupdate.key', f'@{PRIMARY}', ZONE, 'AXFR').stdout
        self.assertIn('"test entry"', said)

    def refused(self, answer, name):
        """Knot says NOTAUTH."""
        self.assertEqual((answer.values, answer.rcode in (message.REFUSED, NOTAUTH)), ([], True), name)

    def test_killed_servers_lose_and_double_nothing(self):
        wanted = {}
        for turn in range(6):
            address = f'45.2.0.{turn}'
            self.add(1 + turn % 3, address, '127.0.1.2')
            wanted[address] = ['127.0.1.2']
            self.fleet.primary.kill()       # it has said that the record is there
            victim = self.fleet.secondaries[turn % 3]
            victim.kill()
            self.fleet.primary.start()
            victim.start()
        self.until_current()
        for address, values in wanted.items():
            self.until_listed(address, values)

    def test_hosts_answer_while_the_primary_is_dead(self):
        self.add(1, '45.3.0.1', '127.0.1.2')
        self.until_listed('45.3.0.1', ['127.0.1.2'])
        self.fleet.primary.kill()
        try:
            for server in self.fleet.secondaries:
                if server.name != 'nsd':    # it writes its file once a minute
                    server.kill()
                    server.start()          # from its disk
            for host in self.hosts:
                self.assertEqual(questions.listed(host, '45.3.0.1'), ['127.0.1.2'])
            self.assertNotEqual(self.fleet.update(1, f'update add {name_of("45.3.0.2")} 300 A 127.0.1.2',
                                                  check=False).returncode, 0)
        finally:
            self.fleet.primary.start()


class Knot(Servers, FleetCase):
    primary = 'knot'

    def test_postscreen_scores_a_client_by_the_zone_and_spares_the_pardoned(self):
        postscreen = Postscreen(self.fleet, 1)
        self.add(2, '45.4.0.1', '127.0.2.2')
        self.add(3, '45.4.0.1', '127.0.3.3')
        self.until_listed('45.4.0.1', ['127.0.2.2', '127.0.3.3'])
        self.assertEqual(postscreen.rank('45.4.0.1'), 3)
        self.assertEqual(postscreen.rank('45.4.0.2'), 0)
        self.add(2, '45.4.0.1', '127.0.2.254')
        self.until_listed('45.4.0.1', ['127.0.2.2', '127.0.2.254', '127.0.3.3'])
        self.assertEqual(postscreen.rank('45.4.0.1'), 0)


class Bind(Servers, FleetCase):
    primary = 'bind'

