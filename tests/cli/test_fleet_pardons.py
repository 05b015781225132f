# SPDX-License-Identifier: MIT
"""A pardon on another host of the fleet lifts the block here: when the address is seen or looked up, or re-checked"""
from addresses import key_of, reversed_of, some
from dns import behaviours as b
from dns.server import Zone
from fleet_lists import FleetCase, POINTS, record
from places import DAY
from purging import LIST, PurgeCase

A, B, C = (f'45.1.1.{i}' for i in range(1, 4))
PARDON = b.listed(record(9, 254))


class Pardoned(FleetCase):
    def test_a_new_pardon_lifts_a_block_whose_address_is_seen_again(self):
        self.a_block_of_zen()
        self.published(record(9, 254))
        self.minute_later()
        self.gate(A, status=10)
        self.flush()
        self.assertEqual((self.blocked(), self.released()), ([], [A]))
        self.gate(A)
        self.flush()
        self.assertEqual(self.blocked(), [])
        self.silent('rep-check', '--is-blocked', '--', A)

    def test_a_fresh_lookup_by_hand_lifts_it(self):
        self.a_block_of_zen()
        self.published(record(9, 254))
        shown = self.check('--fresh', A)
        self.assertEqual((shown['verdict'], self.blocked(), self.released()), ('clean', [], [A]))

    def test_a_cached_one_changes_nothing_by_hand_and_the_gate_queues_the_lift(self):
        self.published(record(9, 254))
        self.check(A)
        self.block(A, age=120)
        self.check('--cached', A)
        self.assertEqual(self.blocked(), [A])
        self.gate(A, status=10)
        self.flush()
        self.assertEqual(self.blocked(), [])

    def test_a_list_that_is_not_the_fleets_lifts_no_block(self):
        self.start(lists={'zen': '127.0.0.2*3', 'other': POINTS})
        self.listed(A)
        self.says('other', b.listed(record(9, 254)))
        self.ready()
        self.block(A, age=120)
        self.assertEqual(self.check('--fresh', A)['verdict'], 'clean')
        self.assertEqual(self.blocked(), [A])

    def test_over_a_path_that_can_be_forged_it_is_asked_for_again_over_tcp(self):
        self.start(dns=self.dns.port, sections={'dns': {'confirm_tcp': 'yes'}})
        self.listed(A)
        self.ready()
        self.block(A, age=120)
        pardon = b.listed(record(9, 254))
        self.says('fleet', {reversed_of(A): b.by_transport(udp=pardon, tcp=b.not_listed())})
        self.check('--fresh', A, status=10)
        self.assertEqual(self.blocked(), [A])
        self.says('fleet', {reversed_of(A): pardon})
        self.check('--fresh', A)
        self.assertEqual(self.blocked(), [])

    def test_it_is_counted_as_released_and_its_sources_as_wrong(self):
        self.a_block_of_zen()
        self.published(record(9, 254))
        self.check('--fresh', A)
        self.assertEqual(self.sql("SELECT name, label, n FROM counter WHERE name IN ('release', 'wrong')"),
                         [('release', 'fleet', 1), ('wrong', 'zen', 1)])


class FleetRecheck(PurgeCase):
    lists = {'zen': LIST, 'fleet': POINTS}

    def pardoned(self, *addresses):
        self.says('fleet', {reversed_of(address): PARDON for address in addresses})

    def lifted(self):
        return self.stats('--recheck')['pardoned']

    def test_blocks_of_any_age_are_lifted_and_no_other_list_is_asked_for_them(self):
        self.listed(A, B, C)
        self.block(A, age=60)
        self.block(B, age=60, held=True)
        self.block(C, age=60)
        self.pardoned(A, B)
        self.assertEqual(self.lifted(), 2)
        self.assertEqual((self.blocked(), self.released()), ([C], [A, B]))
        self.assertEqual([self.asked(address) for address in (A, B, C)], [0, 0, 0])
        self.assertEqual(self.lifted(), 0)

    def test_many_are_asked_for_once_each(self):
        addresses = some(500)
        for address in addresses:
            self.block(address)
        self.pardoned(*addresses[::2])
        self.assertEqual(self.lifted(), 250)
        self.assertEqual(self.blocked(), sorted(addresses[1::2]))
        self.assertEqual({self.asked(address, of='fleet') for address in addresses[1::2]}, {1})

    def test_an_old_block_that_is_pardoned_is_lifted_although_lists_name_it(self):
        self.listed(A)
        self.old_block(A)
        self.pardoned(A)
        self.assertEqual((self.lifted(), self.blocked()), (1, []))

    def test_of_a_prefix_the_address_that_was_seen_is_asked_for(self):
        self.place.change('[general]\n', '[general]\nipv6_prefix = 64\n')
        self.block('2600:1:2:3::', addr=key_of('2600:1:2:3::5'))
        self.pardoned('2600:1:2:3::5')
        self.assertEqual((self.lifted(), self.released()), (1, ['2600:1:2:3::/64']))

    def test_a_forged_pardon_lifts_none(self):
        self.place.change('[dns]\n', '[dns]\nconfirm_tcp = yes\n')
        self.says('fleet', {reversed_of(A): b.by_transport(udp=PARDON, tcp=b.not_listed())})
        self.block(A)
        self.assertEqual((self.lifted(), self.blocked()), (0, [A]))

    def test_a_zone_that_pardons_every_address_is_quarantined_and_lifts_none(self):
        self.dns.zones['fleet.test'] = Zone(PARDON, others=PARDON)
        self.block(A)
        self.assertEqual((self.lifted(), self.blocked()), (0, [A]))

    def test_a_fleet_that_does_not_answer_lifts_none_and_delays_nothing_else(self):
        self.says('fleet', b.servfail, others=b.servfail)
        for address in some(200, first=46):
            self.block(address)
        self.old_block(A)
        said = self.purge('--recheck').stderr
        self.assertIn('the next run looks for pardons of blocks', said)
        self.assertEqual((self.count('block'), 're-checked 1 block' in said), (201, True))

    def test_without_a_fleet_nothing_is_asked(self):
        self.start(lists={'zen': LIST})
        self.block(A, left=5 * DAY)
        self.assertEqual((self.lifted(), self.asked(A)), (0, 0))
