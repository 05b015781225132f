# SPDX-License-Identifier: MIT
"""What this host's own blocks and pardons bring into the zone, and what takes them out again, at a real primary"""
from addresses import key_of, reversed_of
from dns import behaviours as b
from fleet_lists import POINTS
from places import DAY
from publishing import PublishingCase

A, SIX = '45.1.1.1', '2a02:4780:15::50'


class Published(PublishingCase):
    lists = {'zen': '127.0.0.2*3 127.0.0.9*10', 'fleet': POINTS}
    sections = {'general': {'ipv6_prefix': 64, 'timeout_ms': 1500}}
    key = None

    def setUp(self):
        super().setUp()
        self.primary.start()

    def work(self):
        """All that waits is due. The clients are there, other than for flush()."""
        self.place.due_now()
        self.due()
        self.place.own()
        return self.call('rep-report', '--flush')

    def seen(self, address, **more):
        self.gate(address, **more)
        self.work()

    def seen_again(self, address):
        self.sql('DELETE FROM finding')
        self.sql('UPDATE block SET since = since - 61, announced_at = announced_at - 61, first_at = first_at - 61')
        self.sql('UPDATE zone SET probed_at = probed_at - 61, probed6_at = probed6_at - 61')
        self.place.own()
        self.seen(address, status=10)

    def until(self, table='block'):
        (until,), = self.sql(f'SELECT until FROM {table}')
        return until

    def in_zone(self, address, octet, until):
        """These two records, and no others of any address."""
        self.assertEqual(self.addresses(), [(reversed_of(address), 'A', f'127.0.7.{octet}'),
                                            (reversed_of(address), 'TXT', f'"h=7 u={until}"')])

    def test_a_block_until_its_end(self):
        self.listed(A)
        self.seen(A)
        self.in_zone(A, 2, self.until())

    def test_of_an_ipv6_prefix_the_address_that_was_seen(self):
        self.listed(SIX)
        self.seen(SIX)
        self.assertEqual(self.sql('SELECT key FROM block'), [(key_of('2a02:4780:15::'),)])
        self.in_zone(SIX, 2, self.until())

    def test_a_block_that_is_over(self):
        self.listed(A)
        self.seen(A)
        self.sql('UPDATE block SET until = 1')
        self.sql('UPDATE publication SET until = 1')
        self.work()
        self.assertEqual(self.sql('SELECT state FROM publication'), [])
        self.assertEqual([row for row in self.addresses() if row[1] == 'A'], [])

    def test_a_block_that_a_re_check_releases(self):
        self.listed(A)
        self.seen(A)
        self.sql('UPDATE block SET since = since - ?1, tier = ?2, until = until + ?3', 8 * DAY, 'notorious', 90 * DAY)
        self.says('zen', {})
        self.place.own()
        self.assertEqual(self.recheck()[1], 1)
        self.work()
        self.assertEqual(self.addresses(), [])

    def test_a_block_that_only_other_hosts_confirm_now(self):
        self.listed(A)
        self.seen(A)
        self.says('zen', {})
        self.says('fleet', {reversed_of(A): b.listed('127.0.9.2')})
        self.seen_again(A)
        self.work()
        self.assertEqual((self.blocked(), self.addresses()), ([A], []))

    def test_a_list_gone_bad_takes_its_blocks_along(self):
        self.listed(A)
        self.seen(A)
        everybody = b.listed('127.0.0.2')
        self.says('zen', everybody, others=everybody)
        self.sql('UPDATE block SET since = since - 61, announced_at = announced_at - 61, first_at = first_at - 61')
        self.sql('UPDATE zone SET probed_at = probed_at - 61, probed6_at = probed6_at - 61')
        self.place.own()
        self.seen('45.1.1.9')
        self.work()
        self.assertEqual((self.blocked(), self.addresses()), ([], []))

    def test_a_pardon_instead_of_the_block(self):
        self.listed(A)
        self.seen(A)
        self.purge('--pardon', '30d', A)
        self.work()
        self.in_zone(A, 254, self.until('pardon'))

    def test_a_lookup_by_hand_and_what_only_the_fleet_says_bring_nothing(self):
        self.listed(A)
        self.says('fleet', {reversed_of('45.1.1.2'): b.listed('127.0.9.2')})
        self.check(A, status=10)
        self.gate('45.1.1.2')
        self.work()
        self.assertEqual((self.blocked(), self.addresses()), (['45.1.1.2'], []))

    def test_with_no_zone_in_the_settings_nothing(self):
        self.place.configure(self.place.text('iprep.conf').split('[fleet]')[0])
        self.listed(A)
        self.seen(A)
        self.configure()
        self.work()
        self.assertEqual((self.blocked(), self.addresses()), ([A], []))
