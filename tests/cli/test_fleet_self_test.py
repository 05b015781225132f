# SPDX-License-Identifier: MIT
"""rep-check --self-test of [fleet]: is the server usable, and is the number of this host its own?"""
import json
import os

from dns import behaviours
from dns.server import Zone
from primary import ZONE, Bind
from publishing import PublishingCase


class SelfTest(PublishingCase):
    lists = {'zen': '127.0.0.2*3'}

    def row(self, status):
        done = self.call('rep-check', '--self-test', '--json', status=status)
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        return next(row for row in rows if row.get('source') == 'fleet server')

    def says(self, state, why):
        """Nothing else is wrong here."""
        row = self.row(0 if state == 'ok' else 69)
        self.assertEqual(row['state'], state, row)
        self.assertIn(why, row['why'])
        return row


class AtKnot(SelfTest):
    def test_all_is_well_and_nothing_is_changed(self):
        self.primary.start()
        self.want('45.1.1.1')
        self.call('rep-report', '--flush')
        before, serial = self.primary.records(), self.primary.serial()
        row = self.row(0)
        self.assertEqual((row['state'], row['why']), ('ok', f'takes updates as host 7, serial {serial}'))
        self.assertGreaterEqual(row['latency_ms'], 0)
        self.assertEqual((self.primary.records(), self.primary.serial()), (before, serial))

    def test_a_host_that_has_published_nothing_yet(self):
        self.primary.start()
        self.says('ok', 'takes updates as host 7')

    def test_another_host_has_the_number(self):
        self.primary.start()
        self.want('45.1.1.1')
        self.call('rep-report', '--flush')
        self.primary.update(f'update add 7._host.{ZONE}. 300 TXT "i=00112233445566aa"')
        self.says('mismatch', 'another host publishes as [fleet] host 7 too')
        self.primary.update(f'update delete 7._host.{ZONE}. TXT "i=00112233445566aa"',
                            f'update add 8._host.{ZONE}. 300 TXT "i=00112233445566aa"')
        self.says('ok', 'takes updates')

    def test_this_host_before_it_lost_its_state(self):
        self.primary.start()
        self.want('45.1.1.1')
        self.call('rep-report', '--flush')
        self.place.clear()
        self.says('mismatch', 'run rep-purge --fleet-host 7')
        self.call('rep-purge', '--fleet-host', '7')
        self.says('ok', 'takes updates')

    def test_no_server(self):
        self.says('silent', 'server')

    def test_a_server_of_another_zone(self):
        self.primary.start()
        self.configure(zone='other.test')
        self.assertIn(self.row(69)['state'], ('silent', 'refused'))

    def test_a_server_of_the_zone_above(self):
        self.primary.start()
        self.configure(zone=f'below.{ZONE}')
        self.says('mismatch', f'the server answers for {ZONE}, not for [fleet] zone below.{ZONE}')

    def test_a_key_that_the_server_does_not_know(self):
        self.primary.start()
        self.write_key(self.primary.key(self.primary.form).replace('host7', 'host8'))
        row = self.row(69)
        self.assertIn(row['state'], ('silent', 'refused'))
        self.assertNotIn(self.primary.secret[:6], row['why'])

    def test_a_file_that_is_no_key(self):
        self.write_key('no key at all\n')
        self.says('no key', 'fleet.key')

    def test_a_key_file_that_may_not_be_read(self):
        os.chmod(self.place.path('fleet.key'), 0)
        self.says('no key', 'fleet.key')

    def test_no_client(self):
        self.primary.start()
        for name in os.listdir(self.clients):
            os.unlink(f'{self.clients}/{name}')
        self.says('silent', 'is not installed')

    def test_a_zone_without_its_test_entry(self):
        """The row of the list shows it."""
        self.place.write('iprep.local', f'[dnsbl fleet]\nzone = {ZONE}\npoints = 127.[0..254].[0..255].[2..9]*3\nenabled = yes\n')
        self.dns.zones[ZONE] = Zone({}, test=behaviours.not_listed())
        done = self.call('rep-check', '--self-test', '--json', status=69)
        rows = {row['source']: row for row in map(json.loads, done.stdout.splitlines()) if 'source' in row}
        self.assertEqual(rows['fleet']['state'], 'mismatch', rows['fleet'])


class AtBind(AtKnot):
    server = Bind


class NoRight(SelfTest):
    """A server that gives the zone and takes no update."""

    owners = (f'nothing.{ZONE}',)
    codes = 'BADKEY|NOTAUTH'             # of Knot 3.2 and 3.4

    def test_it_refuses_the_update(self):
        self.primary.start()
        self.assertRegex(self.says('refused', '')['why'], f'^({self.codes}): the server does not ')


class NoRightAtBind(NoRight):
    server = Bind
    codes = 'REFUSED'
