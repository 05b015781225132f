# SPDX-License-Identifier: MIT
"""Every row of data/list_behaviours.tsv, by hand and through the worker"""
import contextlib
import unittest

import configuration
import rows
import verdicts
from dns.behaviours import parse
from dns.server import TEST6, Server, Zone
from places import Place

ADDRESS = {'4': '45.1.1.1', '6': '2a02:4780::7'}
OTHER = {'4': '45.1.1.2', '6': '2a02:4780::8'}
POINTS = {'list': '127.0.0.[2..9]*3', 'allow': '127.0.[0..255].[1..3]*-4'}
BESIDE = {'yes': 'listed(127.0.0.2)', 'no': 'not_listed()'}


def zone_of(row):
    zone = Zone(*(parse(row[what]) for what in ('address', 'never', 'test', 'random', 'word')))
    if row['test6'] != '=':
        zone.special[TEST6] = parse(row['test6'])
    return zone


class ListBehaviours(unittest.TestCase):
    def test_every_row_has_the_only_right_verdict(self):
        self.dns = self.enterContext(Server())
        rows.check(self, rows.read('list_behaviours.tsv', at_least=250), self.try_row)

    def try_row(self, row):
        name, address = row['name'], ADDRESS[row['family']]
        lists = {'tried': {'zone': f'{name}.test', 'points': POINTS[row['kind']]}}
        if row['beside'] != '-':
            self.dns.zones[f'{name}.sound.test'] = Zone(parse(BESIDE[row['beside']]))
            lists['beside'] = {'zone': f'{name}.sound.test', 'points': '127.0.0.2*3'}
        conf = configuration.build(general={'timeout_ms': 1000}, sections={'tier notorious': None}, lists=lists,
                                   dns=self.dns.port)
        with contextlib.closing(Place(conf)) as place:
            if row['when'] == 'later':
                self.dns.zones[f'{name}.test'] = Zone({})
                place.run('rep-check', '-q', '--', OTHER[row['family']])
                place.sql('UPDATE zone SET probed_at = probed_at - 60, probed6_at = probed6_at - 60')
            self.dns.zones[f'{name}.test'] = zone_of(row)
            yield from verdicts.by_hand(place, address, row, 'tried', row['status'])
            yield from verdicts.by_worker(place, address, row['verdict'] == 'confirmed')
