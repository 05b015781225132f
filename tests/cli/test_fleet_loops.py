# SPDX-License-Identifier: MIT
"""What hosts of a fleet tell each other ends when the host that saw it has no reason for it any more"""
from addresses import reversed_of
from dns import behaviours as b
from fleet_lists import A, FleetCase, PUBLISHES, record
from places import DAY

PUBLISHED, UNWANTED = 2, 3


class Loops(FleetCase):
    """Of a block of zen; zen and other hosts may change their mind."""
    sections = {**FleetCase.sections, 'fleet': PUBLISHES}

    def start(self, **more):
        super().start(**more)
        self.a_block_of_zen()
        self.assertEqual(self.octets(), [2])
        self.sql('UPDATE publication SET state = ?', PUBLISHED)

    def octets(self):
        """Of what is in the zone, or on its way to it."""
        return [octet for octet, in self.sql('SELECT octet FROM publication WHERE state < ?', UNWANTED)]

    def seen_again(self):
        self.minute_later()
        self.sql('DELETE FROM finding')
        self.gate(A, status=10)
        self.flush()

    def test_seen_again_with_no_more_than_the_word_of_others_it_is_withdrawn_and_stays_here(self):
        self.listed()
        self.published(record(9))
        self.seen_again()
        self.assertEqual((self.blocked(), self.octets()), ([A], []))

    def test_seen_again_and_listed_by_zen_it_stays_published_once(self):
        for _ in range(3):
            self.seen_again()
            self.assertEqual(self.octets(), [2])

    def test_while_zen_is_silent_nothing_is_withdrawn(self):
        self.says('zen', b.servfail)
        self.published(record(9))
        self.seen_again()
        self.assertEqual(self.octets(), [2])

    def test_two_hosts_that_list_what_zen_lists_no_more_do_not_hold_each_other(self):
        self.listed()
        self.published(record(9))
        self.sql('UPDATE block SET since = since - ?1, tier = ?2, until = until + ?3', 8 * DAY, 'notorious', 90 * DAY)
        self.assertEqual(self.recheck(), (1, 0, 1, 0))
        self.assertEqual((self.blocked(), self.octets()), ([A], []))        # the other one can release it now
        self.published()
        self.sql('UPDATE block SET recheck_at = recheck_at - ?', DAY)
        self.assertEqual(self.recheck(), (1, 1, 0, 0))

    def test_a_pardon_of_another_host_withdraws_it_and_is_not_passed_on(self):
        self.published(record(9, 254))
        self.seen_again()
        self.assertEqual((self.blocked(), self.octets()), ([], []))
        self.assertEqual(self.sql('SELECT octet, state FROM publication'), [(2, UNWANTED)])

    def test_nor_by_the_daily_re_check(self):
        self.published(record(9, 254))
        self.assertEqual(self.stats('--recheck')['pardoned'], 1)
        self.assertEqual(self.sql('SELECT octet, state FROM publication'), [(2, UNWANTED)])

    def test_a_list_that_lists_every_address_takes_what_it_published_with_it(self):
        everybody = b.listed('127.0.0.2')
        self.says('zen', everybody, others=everybody)
        self.minute_later()
        self.gate('45.1.1.9')
        self.flush()
        self.assertEqual((self.blocked(), self.octets()), ([], []))

    def test_what_only_others_say_is_never_published_however_often_it_is_seen(self):
        other = '45.1.1.9'
        self.says('fleet', {reversed_of(other): b.listed(record(9), record(10, 9))})
        for _ in range(3):
            self.gate(other, status=None)
            self.enqueue(other)
            self.flush()
            self.minute_later()
            self.sql('DELETE FROM finding')
        self.assertEqual(self.blocked(), [A, other])
        self.assertEqual(self.sql('SELECT count(*) FROM publication'), [(1,)])
