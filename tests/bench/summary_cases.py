# SPDX-License-Identifier: MIT
"""summary_cases.py - what is asked of a database with many blocks: summary, worth of sources, health"""
import subprocess

import many_rows
from counters import TODAY, day_of_rows
from measure import run_of, time_of
from places import DAY

CONF = """[general]
state = {dir}/state/iprep.db
verdict_log = {dir}/state/verdict.log
[worker]
start = none
[dnsbl zen]
zone = zen.example
points = 127.0.0.[2..9]*3
"""
BLOCKED = '45.100.100.100'
DAYS = 400
ASKED = (
    *(('rep-report', '--summary', '--since', '199d', '--format', name) for name in ('text', 'json', 'html')),
    ('rep-check', '--sources', '--since', '399d'), ('rep-check', '--sources', '--overlap'))
GATE = ('rep-check', '--gate', '--jail', 'x', '--', BLOCKED)


def summary(bench):
    """Programs for people, then a hook while one of them reads, against the same hook alone."""
    place = bench.place(CONF)
    place.block(BLOCKED)
    place.execute_many('INSERT INTO counter(day, name, label, n) VALUES(?, ?, ?, ?)',
                       [(TODAY - ago, *row) for ago in range(DAYS) for row in day_of_rows(DAYS - ago)])
    many_rows.fill(place, ('block', bench.size, 300 * DAY, 150 * DAY, 200 * DAY), ('finding', bench.size, 6 * DAY, 0))
    for words in ASKED:
        bench.compare(f'{" ".join(words)}, {bench.size} blocks and findings', {
            'now': lambda _, words=words: run_of(place.command(*words), stdout=subprocess.DEVNULL)[0]},
            budget='1000 ms, 20 MB')
    bench.compare('gate, blocked', {
        'alone': lambda _: time_of(place.command(*GATE), 10),
        'during a summary': lambda _: during_a_summary(place)}, to=[('during a summary', 'alone')],
        budget='no lock is waited for')


def during_a_summary(place):
    with subprocess.Popen(place.command(*ASKED[0]), stdout=subprocess.DEVNULL) as reading:
        took = time_of(place.command(*GATE), 10)
    if reading.returncode:
        raise SystemExit(f'{ASKED[0]}: exit {reading.returncode}')
    return took
