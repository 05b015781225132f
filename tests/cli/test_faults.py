#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Every fault of the API with every call that is made of it: tests/data/faults.tsv, row by row.

In each case a worker meets the fault while hooks go on; then the fault is over, time has passed, and
everything that was enqueued must have been accepted exactly once. Nothing is awaited by sleeping.

    test_faults.py DIRECTORY-OF-PROGRAMS [FAULT...]        (as root)
"""
import collections
import concurrent.futures
import os
import subprocess
import sys

import place

HERE = os.path.dirname(os.path.abspath(__file__))
TABLE = os.path.join(HERE, '..', 'data', 'faults.tsv')
ENDPOINTS = {'report': 'report', 'bulk': 'bulk-report', 'check': 'check', 'retract': 'clear-address'}
AT_ONCE = 6
QUEUED, SENDING, PARKED, DONE, UNKNOWN, DROPPED, RETRACTED = range(7)
MORE = {'delay': {'delay_s': 0.3}, 'slow_body': {'bytes_per_s': 3}}
HIGH = {'abuseConfidenceScore': 100, 'totalReports': 9, 'numDistinctUsers': 5, 'lastReportedAt': 'now-2h'}
CONF = """[general]
state = {dir}/state/iprep.db
verdict_log = {dir}/state/verdict.log
timeout_ms = 4000
[tier known]
threshold = 3
bantime = 1d
[tier notorious]
threshold = 10
bantime = 365d
[abuseipdb]
url = URL
key_file = {dir}/key
check = POLICY
[worker]
start = none
linger = 0
"""


class Wrong(Exception):
    """Not what the table, or the promise, says."""


class Case:
    """One fault at one endpoint, with an emulator and a state of its own."""

    policy = 'never'
    options = ()

    def __init__(self, programs, fault):
        self.fault = fault
        self.api = place.Emulator(None, *self.options)
        conf = CONF.replace('URL', self.api.url).replace('POLICY', self.policy)
        self.place = place.Place(programs, conf)
        self.enqueued = []

    def close(self):
        self.api.close()
        self.place.close()

    def run(self, program, *args, status=0):
        p = self.place.run(program, *args)
        if p.returncode != status:
            raise Wrong(f'{program} {args}: {p.returncode}, not {status}: {p.stdout}{p.stderr}')
        return p.stdout

    def enqueue(self, address):
        self.run('rep-report', '--enqueue', '--jail', 'sshd', '--failures', '3', '--', address)
        self.enqueued.append(address)

    def calls(self, endpoint):
        counted = self.api.control('stats')['endpoints'].get(endpoint, {'accepted': 0, 'refused': {}})
        return counted['accepted'] + sum(counted['refused'].values())

    def break_it(self, endpoint):
        self.endpoint = endpoint
        more = MORE.get(self.fault, {})
        if endpoint == 'bulk-report' and self.fault == 'hang':
            more = {'count': 1}                    # a minute each
        if endpoint == 'report' and self.fault.startswith('dup_'):
            more = {'process': True}               # it has it, from a try whose answer was lost
        self.api.fault(self.fault, endpoint, **more)

    def met(self):
        return self.api.control('stats')['faults'].get(self.fault, 0)

    def hooks_go_on(self, command):
        """Run it; while it has the fault before it, hooks come, and end before it does if it waits."""
        before = self.met()
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, text=True) as worker:
            place.wait_until(lambda: self.met() > before or worker.poll() is not None, 'it meets the fault')
            if worker.poll() is not None and self.met() == before:
                raise Wrong(f'the fault was never met: {worker.stderr.read()}')
            self.enqueue('45.9.9.9')
            self.run('rep-check', '--gate', '--', '45.8.8.8')
            if self.fault == 'hang' and worker.poll() is not None:
                raise Wrong('the hooks waited as long as the worker')
            worker.communicate(timeout=100)
            return worker.returncode

    def flush(self):
        if self.hooks_go_on(self.place.command('rep-report', '--flush')):
            raise Wrong('the worker failed')

    def is_stopped(self):
        """Is no further call made? The job itself is due."""
        calls = self.calls(self.endpoint)
        self.place.due_now()
        self.place.sql('UPDATE lookup SET next_at = 0')
        self.place.sql('UPDATE retraction SET next_at = 0 WHERE state = 0')
        self.place.run('rep-report', '--flush')
        return self.calls(self.endpoint) == calls

    def mend(self):
        """The fault and the day are over, and the key has changed for programs that compare it."""
        self.api.clear_faults()
        self.place.write('key', place.KEY + '\n', 0o600, place.OWNER)
        for _ in range(6):
            self.place.sql('UPDATE endpoint SET stopped_until = 0, auth_mark = NULL, remaining = 100, last_ok_at = 0')
            self.place.due_now()
            self.place.sql('UPDATE lookup SET next_at = 0')
            self.place.sql('UPDATE retraction SET next_at = 0 WHERE state = 0')
            self.run('rep-report', '--flush')

    def states(self):
        """{address: state} of the reports."""
        return dict(self.place.sql("SELECT printf('%s', substr(hex(addr), 25)), state FROM report"))

    def state_of(self, address):
        return self.states()[''.join(f'{int(part):02X}' for part in address.split('.'))]

    def nothing_lost(self, refused=()):
        stats = self.api.control('stats')
        accepted = collections.Counter(r['ip'] for r in stats['reports'])
        wanted = collections.Counter(set(self.enqueued) - set(refused))
        if accepted != wanted:
            raise Wrong(f'accepted {dict(accepted)}, enqueued {self.enqueued}, refused {refused}')
        if stats['merged'] or any(r['merged'] for r in stats['reports']):
            raise Wrong(f'sent twice: {stats["merged"]}')
        if {QUEUED, SENDING} & set(self.states().values()):
            raise Wrong(f'left over: {self.states()}')


class Report(Case):
    def outcome(self):
        self.enqueue('45.1.1.1')
        self.break_it('report')
        self.flush()
        state = self.state_of('45.1.1.1')
        why = self.place.sql('SELECT why FROM report WHERE id = 1')[0][0]
        if state == DONE:
            found = 'bulk' if 'bulk' in why else 'done'
        elif state == PARKED:
            found = 'refused'
            if why not in self.run('rep-report', '--status') or 'HTTP 4' not in why:
                raise Wrong(f'--status does not say why: {why!r}')
        else:
            found = 'stopped' if self.fault == 'http_401' and self.is_stopped() else 'again'
        refused = [a for a in self.enqueued if self.state_of(a) == PARKED]
        self.mend()
        self.nothing_lost(refused)
        return found


class Bulk(Case):
    options = ('--limit', 'report=1')

    def outcome(self):
        self.enqueue('45.200.1.1')                 # uses the only single call
        self.run('rep-report', '--flush')
        rows = [f'45.1.1.{i}' for i in range(1, 5)]
        for address in rows:
            self.enqueue(address)
        self.break_it('bulk-report')
        self.flush()
        states = {self.state_of(address) for address in rows}
        if states == {DONE}:
            found = 'done'
        elif states <= {QUEUED, SENDING}:
            found = 'stopped' if self.is_stopped() else 'again'
        else:
            found = f'states {states}'
        self.mend()
        self.nothing_lost()
        return found

    def is_stopped(self):
        self.place.sql("UPDATE endpoint SET last_ok_at = 0 WHERE name = 'bulk-report'")
        return super().is_stopped()


class Check(Case):
    """The check that follows a report whose answer carried a score of 100."""

    policy = 'undecided'

    def outcome(self):
        self.api.control('seed', {'addresses': {'45.1.1.1': HIGH}})
        self.enqueue('45.1.1.1')
        self.break_it('check')
        self.flush()
        tier = self.tier()
        waits = self.place.sql('SELECT count(*) FROM lookup WHERE hex(key) LIKE ?', '%2D010101')[0][0]
        if tier == 'notorious' and not waits:
            found = 'done'
        elif tier in (None, 'known') and waits:
            found = 'stopped' if self.is_stopped() else 'again'
        else:
            found = f'tier {tier}, lookups that wait: {waits}'
        self.mend()
        if self.tier() != 'notorious' or self.place.verdict_log().count('tier=notorious') != 1:
            raise Wrong(f'in the end {self.tier()}: {self.place.verdict_log()}')
        self.nothing_lost()
        return found

    def tier(self):
        rows = self.place.sql('SELECT tier FROM block WHERE hex(key) LIKE ?', '%2D010101')
        return rows[0][0] if rows else None


class Retract(Case):
    def outcome(self):
        self.enqueue('45.1.1.1')
        self.run('rep-report', '--flush')
        self.break_it('clear-address')
        status = self.hooks_go_on(self.place.command('rep-report', '--retract', '45.1.1.1'))
        (state, why), = self.place.sql('SELECT state, why FROM retraction')
        found = ('again', 'done', 'refused')[state]
        if (status, found) not in ((0, 'again'), (0, 'done'), (69, 'refused')) or (found != 'done' and not why):
            raise Wrong(f'status {status}, {found}, {why!r}')
        if found == 'again' and self.is_stopped():
            found = 'stopped'
        self.mend()
        cleared = [r['cleared'] for r in self.api.control('stats')['reports'] if r['ip'] == '45.1.1.1']
        if cleared != [found != 'refused']:
            raise Wrong(f'in the end cleared: {cleared}')
        self.nothing_lost()
        return found


CASES = {'report': Report, 'bulk': Bulk, 'check': Check, 'retract': Retract}


def rows_of(path):
    with open(path, encoding='ascii') as f:
        lines = [line.rstrip('\n').split('\t') for line in f if not line.startswith('#')]
    return [dict(zip(lines[0], line, strict=True)) for line in lines[1:]]


def try_one(programs, fault, column):
    case = CASES[column](programs, fault)
    try:
        return case.outcome()
    except (Wrong, AssertionError, subprocess.TimeoutExpired) as error:
        return f'{type(error).__name__}: {error}'
    finally:
        case.close()


def main():
    programs, only = os.path.abspath(sys.argv[1]), sys.argv[2:]
    todo = [(row['fault'], column, row[column]) for row in rows_of(TABLE) if not only or row['fault'] in only
            for column in CASES]
    bad, counts = [], collections.Counter()
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        for (fault, column, cell), got in zip(todo, pool.map(lambda t: try_one(programs, *t[:2]), todo)):
            counts[got] += 1
            if got != cell:
                bad.append(f'{fault} at {column}: {got}, not {cell}')
    print(*bad, sep='\n')
    print(f'{len(todo)} cases: ' + ', '.join(f'{n} {what}' for what, n in counts.most_common()), f'; {len(bad)} wrong')
    return 1 if bad or not todo else 0


sys.exit(main())
