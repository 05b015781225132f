#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Every row of tests/data/list_behaviours.tsv, by hand and through the worker.

    test_list_behaviours.py DIRECTORY-OF-PROGRAMS [NAME...]        (as root)
"""
import concurrent.futures
import json
import os
import sqlite3
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'lib'))

from dns import behaviours
import place
from dns.server import TEST6, Server, Zone

AT_ONCE = 6
ROWS_MIN = 250
ADDRESS = {'4': '45.1.1.1', '6': '2a02:4780::7'}
OTHER = {'4': '45.1.1.2', '6': '2a02:4780::8'}
COLUMNS = ('name', 'kind', 'family', 'when', 'address', 'never', 'test', 'test6', 'random', 'word', 'beside', 'verdict', 'status',
           'says')
STATUS = {'confirmed': 10, 'clean': 0, 'unknown': 75}
POINTS = {'list': '127.0.0.[2..9]*3', 'allow': '127.0.[0..255].[1..3]*-4'}
CONF = """[general]
state = {dir}/state/iprep.db
verdict_log = {dir}/state/verdict.log
timeout_ms = 1000
[tier known]
threshold = 3
bantime = 1d
[worker]
start = none
linger = 0
[abuseipdb]
key_file =
[dns]
resolvers = 127.0.0.1:%d
[dnsbl tried]
zone = %s.test
points = %s
"""
BESIDE = '[dnsbl beside]\nzone = %s.sound.test\npoints = 127.0.0.2*3\n'


def rows():
    with open(os.path.join(HERE, '..', 'data', 'list_behaviours.tsv'), encoding='utf-8') as f:
        for line in f:
            if line.strip() and not line.startswith('#'):
                yield dict(zip(COLUMNS, line.rstrip('\n').split('\t'), strict=True))


def zone_of(row):
    made = {what: behaviours.parse(row[what]) for what in ('address', 'never', 'test', 'random', 'word')}
    zone = Zone(made['address'], made['never'], made['test'], made['random'], made['word'])
    if row['test6'] != '=':
        zone.special[TEST6] = behaviours.parse(row['test6'])
    return zone


def minute_later(p):
    db = sqlite3.connect(p.path('state/iprep.db'), timeout=10)
    with db:
        db.execute('UPDATE zone SET probed_at = probed_at - 60, probed6_at = probed6_at - 60')
    db.close()
    for name in os.listdir(p.path('state')):
        os.chown(p.path('state/' + name), place.OWNER, place.OWNER)


def by_hand(p, row):
    run = p.run('rep-check', '--json', '--', ADDRESS[row['family']])
    got = json.loads(run.stdout) if run.stdout else {'verdict': run.stderr, 'findings': []}
    if (got['verdict'], run.returncode) != (row['verdict'], STATUS[row['verdict']]):
        yield f"{got['verdict']}, exit {run.returncode}, not {row['verdict']}: {run.stdout}"
    finding = next((f for f in got['findings'] if f['source'] == 'tried'), {'status': 'missing', 'detail': ''})
    if finding['status'] != row['status'] or (row['says'] != '-' and row['says'] not in finding['detail']):
        yield f"{finding['status']}, {finding['detail']!r}: not {row['status']}, {row['says']!r}"


def by_worker(p, row):
    p.run('rep-report', '--enqueue', '--jail', 'sshd', '--', ADDRESS[row['family']], check=True)
    run = p.run('rep-report', '--flush')
    blocked = 'verdict=confirmed' in p.verdict_log()
    if blocked != (row['verdict'] == 'confirmed'):
        yield f'the worker {"made a block" if blocked else "made none"}: {run.stdout}{run.stderr}'


def try_row(programs, row, dns):
    name = row['name']
    text = CONF % (dns.port, name, POINTS[row['kind']])
    if row['beside'] != '-':
        dns.zones[name + '.sound.test'] = Zone(behaviours.parse('listed(127.0.0.2)' if row['beside'] == 'yes' else 'not_listed()'))
        text += BESIDE % name
    p = place.Place(programs, text)
    try:
        if row['when'] == 'later':
            dns.zones[name + '.test'] = Zone({})
            p.run('rep-check', '-q', '--', OTHER[row['family']])
            minute_later(p)
        dns.zones[name + '.test'] = zone_of(row)
        return [*by_hand(p, row), *by_worker(p, row)]
    finally:
        p.close()


def main():
    programs, names = sys.argv[1], sys.argv[2:]
    every = [row for row in rows() if not names or row['name'] in names]
    wrong = 0
    with Server() as dns, concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        for row, faults in zip(every, pool.map(lambda row: try_row(programs, row, dns), every)):
            for fault in faults:
                print(f"{row['name']}: {fault}")
            wrong += bool(faults)
    kinds = {k: sum(row['verdict'] == k for row in every) for k in STATUS}
    print(f'{len(every)} rows ran ({", ".join(f"{n} {k}" for k, n in kinds.items())}), {wrong} wrong')
    return 1 if wrong or (not names and len(every) < ROWS_MIN) else 0


sys.exit(main())
