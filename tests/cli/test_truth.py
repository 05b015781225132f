#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Every combination of what two lists, an allowlist and AbuseIPDB may do, against a naive calculation.

    test_truth.py DIRECTORY-OF-PROGRAMS        (as root)

1296 combinations, each looked up by the installed rep-check over a real network on loopback: the
verdict must be unknown, and not clean, whenever that is the truth, in JSON, in the exit status, and in
the text of a second run that reads the cache alone.
"""
import concurrent.futures
import itertools
import json
import os
import sys

sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib')]

from dns import behaviours as b
import place
from dns.server import Server, Zone

AT_ONCE = 12
TURNS = 4
STATES = ('listed', 'not listed', 'timeout', 'error', 'quarantined', 'not asked')
API_STATES = ('listed', 'not listed', 'timeout', 'error', 'refused', 'not asked')
YES, NO = '45.1.1.1', '45.1.1.2'               # AbuseIPDB: score 100; score 0
BEHAVIOURS = {'listed': b.listed('127.0.0.2'), 'not listed': b.not_listed(), 'timeout': b.silent(),
              'error': b.servfail}
CONF = """[general]
state = {dir}/state/iprep.db
verdict_log = {dir}/state/verdict.log
timeout_ms = {timeout_ms}
[tier known]
threshold = 3
bantime = 1d
[tier notorious]
threshold = 10
bantime = 365d
[worker]
start = none
"""


# ---- the naive calculation: DESIGN of the score, word by word ----

class Truth:
    def __init__(self, a, b_, w, api):
        self.low = self.high = 0
        answered = False
        for state, points in ((a, 3), (b_, 3), (w, -4), (api, 10)):
            if state == 'listed':
                self.low += points
                self.high += points
            elif state in ('timeout', 'error', 'refused'):
                self.low += min(points, 0)
                self.high += max(points, 0)
            if points > 0 and state in ('listed', 'not listed'):
                answered = True
        self.tier = '-'
        if self.low >= 3:
            self.verdict = 'confirmed'
            self.tier = 'notorious' if self.low >= 10 and api in ('listed', 'not listed', 'not asked') else 'known'
        elif self.high < 3 and answered:
            self.verdict = 'clean'
        else:
            self.verdict = 'unknown'
        self.status = {'confirmed': 10, 'clean': 0, 'unknown': 75}[self.verdict]
        self.score = str(self.low) if self.low == self.high else f'{self.low}..{self.high}'


JSON_STATUS = {'listed': 'ok', 'not listed': 'ok', 'timeout': 'timeout', 'error': 'error',
               'quarantined': 'quarantined', 'refused': 'skipped'}


# ---- the same by the programs ----

def add_zones(dns):
    for name in ('a', 'b', 'w'):
        for state, behaviour in BEHAVIOURS.items():
            if name == 'w' and state == 'listed':
                behaviour = b.listed('127.0.5.2')
            dns.zones[f'{name}.{state.replace(" ", "-")}.test'] = Zone(behaviour)
        dns.zones[f'{name}.quarantined.test'] = Zone(b.listed('127.0.0.2'), point=b.listed('127.0.0.2'))


def conf_of(dns, apis, combination, timeout_ms):
    a, b_, w, api = combination
    text = CONF.replace('{timeout_ms}', str(timeout_ms)) + f'[dns]\nresolvers = 127.0.0.1:{dns.port}\n'
    for name, state, points in (('a', a, '127.0.0.[2..9]*3'), ('b', b_, '*3'), ('w', w, '127.0.[0..255].[1..3]*-4')):
        text += (f'[dnsbl {name}]\nzone = {name}.{state.replace(" ", "-")}.test\npoints = {points}\n'
                 f'enabled = {"no" if state == "not asked" else "yes"}\n')
    url = apis.get(api, apis['listed']).url
    return text + f'[abuseipdb]\nurl = {url}\nkey_file = {"" if api == "not asked" else "{dir}/key"}\n'


def compare(what, got, expected):
    return [] if got == expected else [f'{what}: {got!r}, not {expected!r}']


def check_json(line, combination, truth):
    got = json.loads(line)
    faults = compare('verdict', got['verdict'], truth.verdict)
    faults += compare('score', got['score'], {'low': truth.low, 'high': truth.high})
    faults += compare('tier', got['tier'], None if truth.tier == '-' else truth.tier)
    said = {f['source']: f for f in got['findings']}
    for name, state in zip(('a', 'b', 'w', 'abuseipdb'), combination):
        if state == 'not asked':
            faults += compare(name, name in said, False)
            continue
        faults += compare(f'{name} status', said[name]['status'], JSON_STATUS[state])
        listed = {'listed': True, 'not listed': False}.get(state)
        faults += compare(f'{name} listed', said[name]['listed'], listed)
    return faults


def try_one(programs, dns, apis, combination, timeout_ms):
    a, b_, _, api = combination
    truth = Truth(*combination)
    nobody = a == b_ == api == 'not asked'
    p = place.Place(programs, conf_of(dns, apis, combination, timeout_ms), 'cd' * 40 if api == 'refused' else place.KEY)
    address = NO if api == 'not listed' else YES
    try:
        run = p.run('rep-check', '--json', '--', address)
        if nobody:
            return compare('exit', run.returncode, 69)
        faults = compare('exit', run.returncode, truth.status)
        faults += check_json(run.stdout, combination, truth)
        run = p.run('rep-check', '--cached', '--', address)
        faults += compare('cached: exit', run.returncode, truth.status)
        faults += compare('cached: text', run.stdout.split('\n', maxsplit=1)[0].split()[:4],
                          [address, truth.verdict, truth.score, truth.tier])
        return [f'{f}   {run.stdout}' for f in faults]
    finally:
        p.close()


def try_patiently(programs, dns, apis, combination):
    """(faults, repeated): again, with twice the time, if a source that does answer was late: on a busy machine."""
    for turn in range(TURNS):
        faults = try_one(programs, dns, apis, combination, 1000 << turn)
        if not any("status: 'timeout'" in fault for fault in faults):
            break
    return faults, turn > 0


def main():
    programs = sys.argv[1]
    score = {'totalReports': 9, 'numDistinctUsers': 3, 'lastReportedAt': 'now-2h', 'isWhitelisted': False}
    good = place.Emulator({YES: {'abuseConfidenceScore': 100, **score}, NO: {'abuseConfidenceScore': 0}})
    hanging, failing = place.Emulator(), place.Emulator()
    hanging.control('fault', {'endpoint': 'check', 'fault': 'hang'})
    failing.control('fault', {'endpoint': 'check', 'fault': 'http_500'})
    apis = {'listed': good, 'not listed': good, 'refused': good, 'timeout': hanging, 'error': failing}
    every = list(itertools.product(STATES, STATES, STATES, API_STATES))
    counts, bad, repeated = {}, 0, 0
    with Server() as dns, concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        add_zones(dns)
        results = pool.map(lambda c: try_patiently(programs, dns, apis, c), every)
        for combination, (faults, again) in zip(every, results):
            verdict = Truth(*combination).verdict
            counts[verdict] = counts.get(verdict, 0) + 1
            for fault in faults:
                print(f'{combination}: {fault}')
            bad += bool(faults)
            repeated += again
    for emulator in (good, hanging, failing):
        emulator.close()
    print(f'{len(every)} combinations, {bad} wrong, {repeated} asked again since an answer was late; by the '
          'naive calculation:',
          ', '.join(f'{n} {verdict}' for verdict, n in sorted(counts.items())))
    return 1 if bad or len(counts) != 3 else 0


sys.exit(main())
