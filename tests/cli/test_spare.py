# SPDX-License-Identifier: MIT
"""Checks of AbuseIPDB for suspicious lines of addresses that no list names: what an even use of the day leaves"""
from cases import BAD
from clocks import HOUR, MovedCase

BAD_ONES = [f'45.1.{i}.1' for i in range(60)]
BANNED = [f'45.9.{i}.1' for i in range(12)]


class Spare(MovedCase):
    """The quota is 40 checks, so 28 for such lines over the whole day."""
    lists = {'zen': '127.0.0.2*3'}
    api_options = ('--limit', 'check=40')

    def setUp(self):
        super().setUp()
        self.known = dict.fromkeys(BAD_ONES + BANNED, BAD)

    def at(self, hours, addresses=()):
        """Lines of these addresses at this time of the first day: how many checks were used so far."""
        self.set_clock(self.begin + int(hours * HOUR))
        for address in addresses:
            self.gate(address)
        self.flush()
        return self.checks()

    def checks(self):
        return self.api.statistics()['endpoints'].get('check', {}).get('accepted', 0)

    def test_an_even_share_is_used_and_the_reserve_stays(self):
        self.assertEqual(self.at(0, BAD_ONES[:5]), 0)
        self.assertEqual(self.at(6, BAD_ONES[5:20]), 7)
        self.assertEqual(self.at(12, BAD_ONES[20:35]), 14)
        self.assertEqual(self.at(23.9999, BAD_ONES[35:]), 28)
        self.assertEqual(len(self.blocked()), 28)
        self.assertEqual({tier for tier, _ in self.blocks().values()}, {'known'})
        for address in BANNED:
            self.sure(address)
        self.assertEqual(self.checks(), 40)

    def test_a_line_that_got_none_is_decided_and_asked_when_there_is_one(self):
        self.at(0, BAD_ONES[:1])
        self.assertEqual((self.count('lookup'), self.blocked()), (0, []))
        self.gate(BAD_ONES[0])               # the lists' answers are cached: a lookup would bring nothing
        self.assertEqual(self.count('lookup'), 0)
        self.sql('UPDATE finding SET expires_at = expires_at + 86400')
        self.assertEqual(self.at(12, BAD_ONES[:1]), 1)
        self.assertEqual(self.blocked(), BAD_ONES[:1])

    def test_never_leaves_such_lines_alone(self):
        self.start(sections={'abuseipdb': {'check': 'never'}})
        self.assertEqual(self.at(12, BAD_ONES[:3]), 0)
