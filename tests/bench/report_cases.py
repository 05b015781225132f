# SPDX-License-Identifier: MIT
"""report_cases.py - how fast the worker reports, one call each and in bulk, against loops that keep nothing"""
import csv
import http.client
import io
import json
import os
import sqlite3
import subprocess
import time

import configuration
from addresses import MAPPED, address_of
from api import KEY, Emulator
from measure import Run, helper, run_of

IN_FLIGHT = 64
LOOP = (('now', 'loop'), ('before', 'loop'), (', in memory', ''))


def reports(bench):
    """The ceiling is the emulator's own. Before each turn one report is sent, so that the worker knows its quota."""
    many = bench.size * 10 // 3
    for what, count, limits, loop in (
            ('one call each', bench.size, ('--plan', 'premium', '--limit', 'report=10000000'), single),
            ('more than single calls are left', many, ('--limit', f'report={max(2, many // 100)}'), bulk)):
        api = Emulator(None, *limits)
        bench.stack.callback(api.close)
        sides = {}
        for how in ('', ', in memory'):
            for name, place in bench.sides(configuration.build(api=api.url, abuseipdb={'check': 'never'})).items():
                sides[name + how] = Worker(place, api, count)
                if how:
                    place.mount_state('size=512m')
        sides['loop'] = lambda _: loop(api, count)
        bench.compare(f'{count} reports, {what}', sides, unit='ms for 1,000', to=LOOP,
                      budget='2 calls' if loop is bulk else '')


def fresh(count, last=[0x2d000000]):       # pylint: disable=dangerous-default-value
    """Addresses, never one twice: the service would refuse it."""
    last[0] += count
    return range(last[0] - count, last[0])


def key_of(number):
    return MAPPED + number.to_bytes(4, 'big')


def for_1000(run, count, **notes):
    return Run([one * 1000 / count for one in run.samples], **{**run.notes, **notes})


class Worker:
    """A turn: rep-report --flush with a number of reports that wait."""

    def __init__(self, place, api, count):
        self.place, self.api, self.count = place, api, count

    def report(self, *words):
        subprocess.run(self.place.command('rep-report', *words), check=True)

    def fill(self):
        """One report is made and sent; then the same row waits many times over, with other addresses."""
        self.api.control('reset', {})
        for name in self.place.files():
            os.unlink(self.place.path('state/' + name))
        first, *others = fresh(1 + self.count)
        self.report('--enqueue', '--jail', 'sshd', '--failures', '3', '--', address_of(key_of(first)))
        kept = [row[1] for row in self.place.read('PRAGMA table_info(report)') if row[1] not in ('id', 'key', 'addr')]
        row, = self.place.read(f'SELECT {",".join(kept)} FROM report')
        self.report('--flush', '--quiet')
        db = sqlite3.connect(self.place.db)
        with db:
            db.execute('DELETE FROM lookup')
            db.executemany(f'INSERT INTO report(key, addr, {",".join(kept)}) VALUES(?, ?{", ?" * len(kept)})',
                           ((key_of(other), key_of(other), *row) for other in others))
        db.execute('PRAGMA wal_checkpoint(TRUNCATE)')
        db.close()
        self.place.own()

    def __call__(self, _):
        self.fill()
        before = self.api.statistics()
        run, _ = run_of(self.place.command('rep-report', '--flush', '--quiet'))
        after = self.api.statistics()
        return for_1000(run, self.count, arrived=len({one['ip'] for one in after['reports']}) - len(before['reports']),
                        **{f'calls of {name}': calls_of(after, name) - calls_of(before, name)
                           for name in ('report', 'bulk-report')})


def calls_of(stats, endpoint):
    counts = stats['endpoints'][endpoint]
    return counts['accepted'] + sum(counts['refused'].values())


def single(api, count):
    """The built http_loop."""
    api.control('reset', {})
    first = fresh(count)[0] - 0x2d000000
    run, out = run_of([helper('http_loop'), str(api.port), KEY, str(first), str(count), str(IN_FLIGHT)])
    answers, good = out.split()[:2]
    return for_1000(run, count, arrived=int(good), failed=int(answers) - int(good))


def bulk(api, count):
    """One upload of rows like the worker's."""
    api.control('reset', {})
    text = io.StringIO()
    when = time.strftime('%Y-%m-%dT%H:%M:%S+00:00', time.gmtime())
    comment = 'Brute force on sshd: 3 failures, 0 user names in 1d'
    csv.writer(text).writerows([('IP', 'Categories', 'ReportDate', 'Comment'), *(
        (address_of(key_of(one)), '18', when, comment) for one in fresh(count - 1))])
    body = ('--x\r\nContent-Disposition: form-data; name="csv"; filename="report.csv"\r\n'
            f'Content-Type: text/csv\r\n\r\n{text.getvalue()}\r\n--x--\r\n').encode()
    began = time.perf_counter()
    connection = http.client.HTTPConnection('127.0.0.1', api.port, timeout=120)
    connection.request('POST', '/api/v2/bulk-report', body, {'Key': KEY, 'Accept': 'application/json',
                                                             'Content-Type': 'multipart/form-data; boundary=x'})
    saved = json.load(connection.getresponse())['data']['savedReports']
    took = 1000 * (time.perf_counter() - began)
    connection.close()
    return for_1000(Run([took]), count - 1, arrived=saved)
