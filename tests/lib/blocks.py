# SPDX-License-Identifier: MIT
"""blocks.py - a store with blocks of both families, as a worker would have put them there"""
from cases import Case


class BlocksCase(Case):
    ipv6_prefix = 128
    lists = {'zen': {'zone': 'zen.example', 'points': '127.0.0.[2..9]*3'}}
    has_resolver = False

    def setUp(self):
        self.start(general={'ipv6_prefix': self.ipv6_prefix}, allow={'addresses': '45.9.9.0/24 2a02:9:9:9::1'})
        self.ready()

    def put(self, *blocks):
        """Each: address, and what differs from a block of zen's, made now for a day."""
        for address, *more in blocks:
            self.block(address, **(more[0] if more else {}))

    def blocks(self, *args, **more):
        return self.run_it('rep-check', '--blocks', *args, **more)
