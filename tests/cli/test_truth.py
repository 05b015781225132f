# SPDX-License-Identifier: MIT
"""
Every combination of what two lists, an allowlist and AbuseIPDB may do, against a naive calculation

1296 combinations, each looked up by the installed rep-check over a real network on loopback: the verdict must be
unknown, and not clean, whenever that is the truth, in JSON, in the exit status, and in the text of a second run that
reads the cache alone.
"""
import contextlib
import itertools
import json
import unittest

import configuration
import rows
from api import Emulator
from cases import BAD
from dns import behaviours as b
from dns.server import Server, Zone
from places import KEY, Place
from verdicts import STATUS

TURNS = 4
SOURCES = ('a', 'b', 'w', 'abuseipdb')
POINTS = {'a': '127.0.0.[2..9]*3', 'b': '*3', 'w': '127.0.[0..255].[1..3]*-4'}
WORTH = (3, 3, -4, 10)
STATES = ('listed', 'not listed', 'timeout', 'error', 'quarantined', 'not asked')
API_STATES = ('listed', 'not listed', 'timeout', 'error', 'refused', 'not asked')
YES, NO = '45.1.1.1', '45.1.1.2'               # AbuseIPDB: score 100; score 0
BEHAVIOURS = {'listed': b.listed('127.0.0.2'), 'not listed': b.not_listed(), 'timeout': b.silent(),
              'error': b.servfail}
JSON_STATUS = {'listed': 'ok', 'not listed': 'ok', 'timeout': 'timeout', 'error': 'error',
               'quarantined': 'quarantined', 'refused': 'skipped'}
KNOWN = {'listed': True, 'not listed': False}


class Naive:
    """DESIGN of the score, word by word."""

    def __init__(self, states):
        self.low = self.high = 0
        answered = False
        for state, points in zip(states, WORTH):
            if state == 'listed':
                self.low += points
                self.high += points
            elif state in ('timeout', 'error', 'refused'):
                self.low += min(points, 0)
                self.high += max(points, 0)
            if points > 0 and state in KNOWN:
                answered = True
        open_states = ('timeout', 'error', 'refused')
        accused = [any(s == 'listed' for s in kind) for kind in (states[:2], states[3:])]
        suspect = [any(s == 'listed' or s in open_states for s in kind) for kind in (states[:2], states[3:])]
        if states[2] in ('listed', *open_states) and not all(accused):
            self.low = min(self.low, 0)        # an allowlist outweighs a single kind of accuser
        if states[2] == 'listed' and not all(suspect):
            self.high = min(self.high, 0)
        self.tier = None
        if self.low >= 3:
            self.verdict = 'confirmed'
            sure = states[3] in ('listed', 'not listed', 'not asked') and states[2] not in ('listed', *open_states)
            self.tier = 'notorious' if self.low >= 10 and sure else 'known'
        else:
            self.verdict = 'clean' if self.high < 3 and answered else 'unknown'
        self.status = STATUS[self.verdict]
        self.score = str(self.low) if self.low == self.high else f'{self.low}..{self.high}'


def as_asked(states):
    """AbuseIPDB alone cannot accuse an address of an allowlist, so that it is not asked."""
    if states[2] == 'listed' and states[3] != 'not asked' and not {*states[:2]} & {'listed', 'timeout', 'error'}:
        return (*states[:3], 'refused')
    return states


def zone_of(name, state):
    return f'{name}.{state.replace(" ", "-")}.test'


def compare(what, got, expected):
    return [] if got == expected else [f'{what}: {got!r}, not {expected!r}']


def check_json(line, states, truth):
    got = json.loads(line)
    faults = compare('verdict', got['verdict'], truth.verdict)
    faults += compare('score', got['score'], {'low': truth.low, 'high': truth.high})
    faults += compare('tier', got['tier'], truth.tier)
    said = {f['source']: f for f in got['findings']}
    for name, state in zip(SOURCES, states):
        faults += compare(name, name in said, state != 'not asked')
        if name in said and state != 'not asked':
            faults += compare(f'{name} status', said[name]['status'], JSON_STATUS[state])
            faults += compare(f'{name} listed', said[name]['listed'], KNOWN.get(state))
    return faults


class Truth(unittest.TestCase):
    def setUp(self):
        self.dns = self.enterContext(Server())
        for name, (state, behaviour) in itertools.product(POINTS, BEHAVIOURS.items()):
            if name == 'w' and state == 'listed':
                behaviour = b.listed('127.0.5.2')
            self.dns.zones[zone_of(name, state)] = Zone(behaviour)
        for name in POINTS:
            self.dns.zones[zone_of(name, 'quarantined')] = Zone(b.listed('127.0.0.2'), point=b.listed('127.0.0.2'))
        good, hanging, failing = [self.enterContext(contextlib.closing(Emulator(seed))) for seed in (
            {YES: {**BAD, 'isWhitelisted': False}, NO: {'abuseConfidenceScore': 0}}, None, None)]
        hanging.fault('hang', 'check')
        failing.fault('http_500', 'check')
        self.apis = {**dict.fromkeys(API_STATES, good), 'timeout': hanging, 'error': failing}

    def test_each_combination_has_the_verdict_of_the_naive_calculation(self):
        every = [{'name': ', '.join(states), 'states': states}
                 for states in itertools.product(STATES, STATES, STATES, API_STATES)]
        rows.check(self, every, self.try_patiently, at_once=12)
        self.assertEqual({Naive(row['states']).verdict for row in every}, set(STATUS))

    def try_patiently(self, row):
        """Again, with twice the time, if a source that does answer was late: on a busy machine."""
        for turn in range(TURNS):
            faults = self.try_once(row['states'], timeout_ms=1000 << turn)
            if not any("status: 'timeout'" in fault for fault in faults):
                break
        return faults

    def conf_of(self, states, timeout_ms):
        lists = {name: {'zone': zone_of(name, state), 'points': POINTS[name],
                        'enabled': 'no' if state == 'not asked' else 'yes'} for name, state in zip(POINTS, states)}
        return configuration.build(general={'timeout_ms': timeout_ms}, lists=lists, dns=self.dns.port,
                                   api=None if states[3] == 'not asked' else self.apis[states[3]].url)

    def try_once(self, states, timeout_ms):
        truth = Naive(as_asked(states))
        address = NO if states[3] == 'not listed' else YES
        key = 'cd' * 40 if states[3] == 'refused' else KEY
        with contextlib.closing(Place(self.conf_of(states, timeout_ms), key)) as place:
            run = place.run('rep-check', '--json', '--', address)
            if {*states[:2], states[3]} == {'not asked'}:
                return compare('exit', run.returncode, 69)
            faults = compare('exit', run.returncode, truth.status)
            faults += check_json(run.stdout, as_asked(states), truth)
            run = place.run('rep-check', '--cached', '--', address)
            faults += compare('cached: exit', run.returncode, truth.status)
            faults += compare('cached: text', run.stdout.split('\n', maxsplit=1)[0].split()[:4],
                              [address, truth.verdict, truth.score, truth.tier or '-'])
            return [f'{fault}   {run.stdout}' for fault in faults]
