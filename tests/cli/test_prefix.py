#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""With ipv6_prefix = 64 a block is for the single address where its prefix holds one that is to be left alone.

    test_prefix.py DIRECTORY-OF-PROGRAMS        (as root)
"""
import ipaddress
import json
import time

import purge_case  # first: it finds the next ones
from dns import behaviours as b
from purge_case import LIST, key_of
from dns.server import Zone

LISTED, NEIGHBOUR, GUARDED = '2a00:1:2:3::66', '2a00:1:2:3::77', '2a00:1:2:3::9'


class Guarded(purge_case.Case):
    """The list names LISTED alone, and [allow] an address of the same /64."""

    more = LIST.format('zen') + f'[allow]\naddresses = {GUARDED}\n'

    def setUp(self):
        super().setUp()
        name = ipaddress.ip_address(LISTED).reverse_pointer.removesuffix('.ip6.arpa')
        self.dns.zones['zen.test'] = Zone({name: b.listed('127.0.0.2')})
        with open(self.place.path('iprep.conf'), encoding='ascii') as f:
            text = f.read()
        self.place.write('iprep.conf', text.replace('timeout_ms', 'ipv6_prefix = 64\ntimeout_ms'))
        self.enqueue()
        self.purge('--flush', program='rep-report')
        self.assertEqual(self.sql('SELECT key FROM block'), [(key_of(LISTED),)])

    def enqueue(self):
        self.purge('--enqueue', '--jail', 'sshd', '--time', str(int(time.time())), '--', LISTED,
                   program='rep-report')

    def gate(self, address, status):
        p = self.place.run('rep-check', '--gate', '--jail', 'x', '--', address)
        self.assertEqual((p.returncode, p.stdout, p.stderr), (status, '', ''))

    def line_was_hours_ago(self):
        self.sql('UPDATE block SET announced_at = announced_at - 7200, tier = ?', 'known')

    def test_the_gate_finds_it_for_that_address_alone(self):
        self.gate(LISTED, 10)
        self.gate(NEIGHBOUR, 0)
        self.gate(GUARDED, 0)
        self.sql('DELETE FROM finding')        # the answer is the block's, not the cache's
        self.gate(LISTED, 10)

    def test_seen_again_by_gate_or_jail_it_is_looked_up_and_announced_again(self):
        for seen in (lambda: self.gate(LISTED, 10), self.enqueue):
            self.line_was_hours_ago()
            before = self.place.verdict_log().count('\n')
            seen()
            self.assertEqual(self.count('lookup'), 1)
            self.purge('--flush', program='rep-report')
            lines = self.place.verdict_log().splitlines()
            self.assertEqual(len(lines), before + 1)
            self.assertIn(f' ip={LISTED} ', lines[-1])

    def test_a_block_of_a_higher_tier_needs_no_look_up_when_it_is_seen_again(self):
        self.sql("UPDATE block SET tier = 'notorious'")
        self.enqueue()
        self.assertEqual(self.count('lookup'), 0)

    def test_a_look_up_by_hand_shows_it(self):
        for forget in ('', 'DELETE FROM finding'):
            self.sql(forget or 'SELECT 1')
            p = self.place.run('rep-check', '--json', '--cached', LISTED)
            self.assertEqual(json.loads(p.stdout)['blocked_tier'], 'known', p.stderr)
            p = self.place.run('rep-check', '--json', '--cached', NEIGHBOUR)
            self.assertIsNone(json.loads(p.stdout)['blocked_until'], p.stderr)

    def test_a_pardon_of_the_prefix_wins(self):
        self.purge('--pardon', '1d', NEIGHBOUR)
        self.assertEqual(self.blocked(), [])
        self.gate(LISTED, 0)


if __name__ == '__main__':
    purge_case.main()
