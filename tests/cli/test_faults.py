# SPDX-License-Identifier: MIT
"""Every fault of the API with every call that is made of it: data/faults.tsv.

In each case a worker meets the fault while hooks go on; then the fault is over, time has passed, and everything that
was enqueued must have been accepted exactly once.
"""
import subprocess
import unittest

import rows
from addresses import address_of, key_of
from cases import BAD, DONE, PARKED, QUEUED, SENDING, Case
from places import KEY, OWNER
from waiting import wait_until

MORE = {'delay': {'delay_s': 0.3}, 'slow_body': {'bytes_per_s': 3}}


class Fault(Case):
    """One fault at one endpoint, with an emulator and a state of its own; it is tried by try_row()."""

    has_api = True
    sections = {'general': {'timeout_ms': 4000}, 'abuseipdb': {'check': 'never'}}
    column, endpoint = '', ''

    @classmethod
    def try_row(cls, row):
        case = cls()
        case.fault, case.enqueued = row['fault'], []
        try:
            case.setUp()
            found = case.outcome()
            case.nothing_lost()
        finally:
            case.doCleanups()
        return [] if found == row[cls.column] else [f'{found}, not {row[cls.column]}']

    def enqueue(self, address, *args, **more):
        self.enqueued.append(address)
        return super().enqueue(address, '--failures', '3', *args, **more)

    def break_it(self, **more):
        self.api.fault(self.fault, self.endpoint, **MORE.get(self.fault, {}), **more)

    def met(self):
        return self.api.statistics()['faults'].get(self.fault, 0)

    def hooks_go_on(self, *args):
        """Run it; while it has the fault before it, hooks come, and end before it does if it waits."""
        before = self.met()
        with self.place.start('rep-report', *args, stdout=subprocess.DEVNULL) as worker:
            wait_until(lambda: self.met() > before or worker.poll() is not None, 'it meets the fault')
            self.assertGreater(self.met(), before, 'the fault was never met')
            self.enqueue('45.9.9.9')
            self.gate('45.8.8.8')
            if self.fault == 'hang':
                self.assertIsNone(worker.poll(), 'the hooks waited as long as the worker')
            worker.communicate(timeout=100)
            return worker.returncode

    def worker(self):
        self.assertEqual(self.hooks_go_on('--flush'), 0)

    def is_stopped(self):
        """Is no further call made? The job itself is due."""
        calls = self.api.calls(self.endpoint)
        self.place.due_now()
        self.run_it('rep-report', '--flush', status=None)
        return self.api.calls(self.endpoint) == calls

    def mend(self):
        """The fault and the day are over, and the key has changed for programs that compare it."""
        self.api.clear_faults()
        self.place.write('key', KEY + '\n', 0o600, OWNER)
        for _ in range(6):
            self.sql('UPDATE endpoint SET stopped_until = 0, auth_mark = NULL, remaining = 100, last_ok_at = 0')
            self.place.due_now()
            self.flush()

    def found(self):
        """{address: state} of the reports."""
        return {address_of(addr): state for addr, state in self.sql('SELECT addr, state FROM report')}

    def nothing_lost(self):
        statistics, found = self.api.statistics(), self.found()
        refused = [address for address, state in found.items() if state == PARKED]
        self.assertEqual(sorted(self.api.accepted()), sorted(set(self.enqueued) - set(refused)))
        self.assertEqual((statistics['merged'], [one for one in statistics['reports'] if one['merged']]), ([], []))
        self.assertEqual({QUEUED, SENDING} & set(found.values()), set(), 'left over')


class Report(Fault):
    column, endpoint = 'report', 'report'

    def outcome(self):
        self.enqueue('45.1.1.1')
        self.break_it(**({'process': True} if self.fault.startswith('dup_') else {}))   # a try whose answer was lost
        self.worker()
        state, why = self.sql('SELECT state, why FROM report WHERE id = 1')[0]
        if state == DONE:
            outcome = 'bulk' if 'bulk' in why else 'done'
        elif state == PARKED:
            outcome = 'refused'
            self.assertIn('HTTP 4', why)
            self.assertIn(why, self.run_it('rep-report', '--status').stdout)
        else:
            outcome = 'stopped' if self.fault == 'http_401' and self.is_stopped() else 'again'
        parked = [address for address, state in self.found().items() if state == PARKED]
        self.mend()
        self.assertEqual([address for address, state in self.found().items() if state == PARKED], parked)
        return outcome


class Bulk(Fault):
    column, endpoint = 'bulk', 'bulk-report'
    api_options = ('--limit', 'report=1')

    def outcome(self):
        self.enqueue('45.200.1.1')                 # uses the only single call
        self.flush()
        addresses = [f'45.1.1.{number}' for number in range(1, 5)]
        for address in addresses:
            self.enqueue(address)
        self.break_it(**({'count': 1} if self.fault == 'hang' else {}))                 # a minute each
        self.worker()
        found = self.found()
        states = {found[address] for address in addresses}
        self.assertTrue(states == {DONE} or states <= {QUEUED, SENDING}, states)
        outcome = 'done' if states == {DONE} else 'stopped' if self.is_stopped() else 'again'
        self.mend()
        self.assertNotIn(PARKED, self.found().values())
        return outcome

    def is_stopped(self):
        self.sql("UPDATE endpoint SET last_ok_at = 0 WHERE name = 'bulk-report'")
        return super().is_stopped()


class Check(Fault):
    """The check that follows a report whose answer carried a score of 100."""

    column, endpoint = 'check', 'check'
    sections = {'general': {'timeout_ms': 4000}, 'abuseipdb': {'check': 'undecided'}}

    def outcome(self):
        self.api.control('seed', {'addresses': {'45.1.1.1': BAD}})
        self.enqueue('45.1.1.1')
        self.break_it()
        self.worker()
        tier = self.tier()
        waits = self.sql('SELECT count(*) FROM lookup WHERE key = ?', key_of('45.1.1.1'))[0][0]
        self.assertIn((tier, bool(waits)), (('notorious', False), (None, True), ('known', True)))
        outcome = 'done' if not waits else 'stopped' if self.is_stopped() else 'again'
        self.mend()
        self.assertEqual((self.tier(), self.place.verdict_log().count('tier=notorious')), ('notorious', 1))
        self.assertNotIn(PARKED, self.found().values())
        return outcome

    def tier(self):
        found = self.sql('SELECT tier FROM block WHERE key = ?', key_of('45.1.1.1'))
        return found[0][0] if found else None


class Retract(Fault):
    column, endpoint = 'retract', 'clear-address'

    def outcome(self):
        self.enqueue('45.1.1.1')
        self.flush()
        self.break_it()
        status = self.hooks_go_on('--retract', '45.1.1.1')
        (state, why), = self.sql('SELECT state, why FROM retraction')
        outcome = ('again', 'done', 'refused')[state]
        self.assertEqual(status, 69 if outcome == 'refused' else 0)
        self.assertTrue(why or outcome == 'done')
        if outcome == 'again' and self.is_stopped():
            outcome = 'stopped'
        self.mend()
        cleared = [report['cleared'] for report in self.api.statistics()['reports'] if report['ip'] == '45.1.1.1']
        self.assertEqual(cleared, [outcome != 'refused'])
        self.assertNotIn(PARKED, self.found().values())
        return outcome


class Faults(unittest.TestCase):
    def try_rows(self, case):
        rows.check(self, rows.read('faults.tsv'), case.try_row)

    def test_a_report(self):
        self.try_rows(Report)

    def test_each_row_of_a_bulk_report(self):
        self.try_rows(Bulk)

    def test_the_check_that_follows_a_report(self):
        self.try_rows(Check)

    def test_a_retraction(self):
        self.try_rows(Retract)
