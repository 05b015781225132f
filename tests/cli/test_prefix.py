# SPDX-License-Identifier: MIT
"""With ipv6_prefix = 64 a block is for the single address where its prefix holds one that is to be left alone."""
from addresses import key_of
from purging import LIST, PurgeCase

LISTED, NEIGHBOUR, GUARDED = '2a00:1:2:3::66', '2a00:1:2:3::77', '2a00:1:2:3::9'


class Guarded(PurgeCase):
    """The list names LISTED alone, and [allow] an address of the same /64."""

    lists = {'zen': LIST}
    sections = {'general': {'timeout_ms': 1500, 'ipv6_prefix': 64}, 'allow': {'addresses': GUARDED}}

    def setUp(self):
        super().setUp()
        self.listed(LISTED)
        self.enqueue(LISTED)
        self.flush()
        self.assertEqual(self.sql('SELECT key FROM block'), [(key_of(LISTED),)])

    def test_the_gate_finds_it_for_that_address_alone(self):
        self.gate(LISTED, status=10)
        self.gate(NEIGHBOUR)
        self.gate(GUARDED)
        self.sql('DELETE FROM finding')        # the answer is the block's, not the cache's
        self.gate(LISTED, status=10)

    def test_seen_again_by_gate_or_jail_it_is_looked_up_and_announced_again(self):
        for seen in (lambda: self.gate(LISTED, status=10), lambda: self.enqueue(LISTED)):
            self.sql("UPDATE block SET announced_at = announced_at - 7200, tier = 'known'")
            before = self.verdicts()
            seen()
            self.assertEqual(self.count('lookup'), 1)
            self.flush()
            self.assertEqual(self.verdicts(), before + 1)
            self.assertIn(f' ip={LISTED} ', self.place.verdict_log().splitlines()[-1])

    def test_a_block_of_a_higher_tier_needs_no_look_up_when_it_is_seen_again(self):
        self.sql("UPDATE block SET tier = 'notorious'")
        self.enqueue(LISTED)
        self.assertEqual(self.count('lookup'), 0)

    def test_a_look_up_by_hand_shows_it(self):
        for status in (10, 75):                # from the cache, and without it
            self.assertEqual(self.check('--cached', LISTED, status=status)['blocked_tier'], 'known')
            self.assertIsNone(self.check('--cached', NEIGHBOUR, status=None)['blocked_until'])
            self.sql('DELETE FROM finding')

    def test_a_pardon_of_the_prefix_wins(self):
        self.purge('--pardon', '1d', NEIGHBOUR)
        self.assertEqual(self.blocked(), [])
        self.gate(LISTED)
