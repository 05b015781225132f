# SPDX-License-Identifier: MIT
"""
reputation.py - iprep on a host of a fleet

Host 1 has a list of its own, lists.test, which names 45.31.0.0/16; the others read only the zone of the fleet.
"""
import shutil
import time

import configuration
import places
from fleet.servers import PRIMARY, ZONE
from places import OWNER, Place

FLEET = '127.[0..254].[0..255].[2..9]*3 127.[0..254].[0..255].254*-100'
LISTS = {'lists.test': ['2.0.0.127 A 127.0.0.2', '*.31.45 A 127.0.0.2']}


class Reputation(Place):
    """iprep on a host, by its number; hours: how far its clock is ahead."""

    hours = 0

    def __init__(self, fleet, number, programs=None):
        self.host = fleet.hosts[number - 1]
        lists = {'lists': '127.0.0.2*3'} if number == 1 else {}
        super().__init__(configuration.build(
            {'dns': {'resolvers': '127.0.0.1'}, 'dnsbl fleet': {'zone': ZONE, 'points': FLEET},
             'fleet': {'zone': ZONE, 'server': PRIMARY, 'key_file': '{dir}/fleet.key', 'host': number},
             **{f'dnsbl {name}': {'zone': f'{name}.test', 'points': points} for name, points in lists.items()}}), programs=programs)
        shutil.copy(f'{fleet.keys}/{number}-nsupdate.key', self.path('fleet.key'))
        shutil.chown(self.path('fleet.key'), OWNER, OWNER)

    def command(self, program, *args):
        moved = []
        if self.hours:
            ahead = self.hours * 3600
            moved = ['env', f'LD_PRELOAD={places.library("moved_clock")}', f'IPREP_WALL_S={int(time.time()) + ahead}',
                     f'IPREP_BOOT_S={int(time.monotonic()) + ahead}']
        return self.host.command(moved + super().command(program, *args))
