#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The worker against the AbuseIPDB emulator: nothing lost, nothing sent twice.

Runs the installed programs as root with a state of their own. Time does not pass by sleeping:
a job's next try is brought forward in the database, the emulator's clock is moved.

    test_worker.py DIRECTORY-OF-PROGRAMS
"""
import json
import os
import signal
import subprocess
import sys
import time
import unittest

import place
from place import KEY, OWNER, wait_until

BIN = ''
QUEUED, SENDING, PARKED, DONE, UNKNOWN = range(5)
CONF = """[general]
state = {dir}/state/iprep.db
verdict_log = {dir}/state/verdict.log
timeout_ms = {timeout}
[tier known]
threshold = 3
bantime = 1d
[tier notorious]
threshold = 10
bantime = 365d
[abuseipdb]
url = {url}
key_file = {dir}/key
[worker]
start = {start}
linger = 0
"""


class Place(place.Place):
    """A state directory, a key, a configuration, an emulator."""

    def __init__(self, timeout=20000, start='none'):
        self.api = place.Emulator()
        conf = CONF.replace('{url}', self.api.url).replace('{timeout}', str(timeout)).replace('{start}', start)
        super().__init__(BIN, conf)

    def write_key(self, key):
        self.write('key', key + '\n', 0o600, OWNER)

    def close(self):
        self.api.close()
        super().close()

    def run(self, program, *args, status=0):
        p = super().run(program, *args)
        if status is not None and p.returncode != status:
            raise AssertionError(f'{program} {args}: {p.returncode}, not {status}: {p.stderr}')
        return p

    def enqueue(self, address, *args):
        return self.run('rep-report', '--enqueue', '--jail', 'sshd', '--failures', '3', *args,
                        '--', address)

    def flush(self, status=0):
        p = self.run('rep-report', '--flush', '--json', status=status)
        return json.loads(p.stdout) if status == 0 else None

    def reports(self):
        return self.sql('SELECT state, tries, why FROM report ORDER BY id')

    def control(self, what, body=None):
        return self.api.control(what, body)

    def fault(self, name, endpoint='report', count=None, **more):
        self.api.fault(name, endpoint, count=count, **more)

    def accepted(self):
        return self.api.accepted()


class Worker(unittest.TestCase):
    def setUp(self):
        self.place = Place()
        self.addCleanup(self.place.close)

    def test_a_report_goes_out_once_and_not_again_within_the_interval(self):
        p = self.place
        p.enqueue('45.1.1.1')
        self.assertEqual(p.flush()['reports'], 1)
        p.enqueue('45.1.1.1')
        p.flush()
        self.assertEqual(p.accepted(), ['45.1.1.1'])
        sent = p.control('stats')['reports'][0]
        self.assertEqual(sent['comment'], 'Brute force on sshd: 3 failures')
        self.assertEqual(sent['categories'], [18])

    def test_the_same_event_recorded_twice_counts_once(self):
        p = self.place
        when = str(int(time.time()) - 5) + '.0'
        for _ in range(2):
            p.enqueue('45.1.1.1', '--time', when)
        self.assertEqual(p.sql('SELECT failures FROM report'), [(3,)])
        p.enqueue('45.1.1.1')
        self.assertEqual(p.sql('SELECT failures FROM report'), [(6,)])

    def test_the_score_in_the_answer_leads_to_the_check_and_the_block(self):
        p = self.place
        p.control('seed', {'addresses': {'45.1.1.1': {
            'abuseConfidenceScore': 100, 'totalReports': 9, 'numDistinctUsers': 5,
            'lastReportedAt': 'now-2h'}}})
        p.enqueue('45.1.1.1')
        stats = p.flush()
        self.assertEqual((stats['blocks'], stats['lines']), (1, 1))
        with open(p.path('state/verdict.log')) as f:
            self.assertRegex(f.read(), r'^\S+\+0000 iprep\[\d+\]: verdict=confirmed ip=45\.1\.1\.1 '
                             r'score=10 tier=notorious jail=sshd src=abuseipdb\n$')
        self.assertEqual(p.run('rep-check', '--gate', '--', '45.1.1.1', status=10).stdout, '')

    def test_asking_is_not_accusing(self):
        p = self.place
        p.control('seed', {'addresses': {'45.1.1.1': {
            'abuseConfidenceScore': 100, 'totalReports': 9, 'lastReportedAt': 'now-2h'}}})
        self.assertIn('notorious', p.run('rep-check', '45.1.1.1', status=10).stdout)
        self.assertEqual(p.sql('SELECT count(*) FROM block'), [(0,)])
        p.run('rep-check', '--gate', '--', '45.1.1.1', status=0)

    def test_every_fault_keeps_the_report_until_it_is_accepted_once(self):
        for fault in ('http_500', 'http_502_html', 'http_403_html', 'http_404', 'html_200',
                      'truncated_json', 'empty_200', 'reset_before', 'reset_after',
                      'close_after', 'quota_429', 'http_401', 'huge_body', 'garbage_json'):
            with self.subTest(fault=fault):
                p = Place()
                try:
                    p.enqueue('45.1.1.1')
                    p.fault(fault, '*' if fault == 'quota_429' else 'report')
                    p.flush()
                    self.assertIn(p.reports()[0][0], (QUEUED, SENDING), p.reports())
                    p.control('fault', {'fault': None})
                    p.write_key(KEY)
                    p.sql('UPDATE endpoint SET stopped_until = 0, auth_mark = NULL, remaining = 9')
                    p.due_now()
                    p.flush()
                    self.assertEqual(p.reports()[0][0], DONE, p.reports())
                    self.assertEqual(p.accepted(), ['45.1.1.1'])
                finally:
                    p.close()

    def test_a_refused_report_is_parked_with_its_reason(self):
        p = self.place
        p.enqueue('45.1.1.1')
        p.fault('http_422')
        p.flush()
        state, _, why = p.reports()[0]
        self.assertEqual(state, PARKED)
        self.assertIn('422', why)

    def test_duplicates_in_every_wording_are_done(self):
        for fault in ('dup_403', 'dup_422', 'dup_429', 'dup_unwrapped'):
            with self.subTest(fault=fault):
                p = Place()
                try:
                    p.enqueue('45.1.1.1')
                    p.fault(fault)
                    p.flush()
                    self.assertEqual(p.reports()[0][0], DONE, p.reports())
                finally:
                    p.close()

    def test_a_used_up_quota_stops_that_endpoint(self):
        p = self.place
        p.enqueue('45.1.1.1')
        p.fault('quota_429')
        p.flush()
        calls = p.control('stats')['endpoints']['report']
        self.assertEqual(p.reports(), [(DONE, 2, 'in a bulk report')])
        p.enqueue('45.2.2.2')
        p.due_now()
        p.flush()
        self.assertEqual(p.control('stats')['endpoints']['report'], calls)
        self.assertEqual([r[0] for r in p.reports()], [DONE, QUEUED])   # bulk calls are spread over the day
        self.assertEqual(p.accepted(), ['45.1.1.1'])

    def test_a_refused_key_stops_asking_until_the_file_changes(self):
        p = self.place
        p.write_key('cd' * 40)
        p.enqueue('45.1.1.1')
        p.flush()
        calls = p.control('stats')['requests']
        p.due_now()
        p.flush()
        self.assertEqual(p.control('stats')['requests'], calls)
        p.write_key(KEY)
        p.due_now()
        p.flush()
        self.assertEqual(p.accepted(), ['45.1.1.1'])

    def start_worker(self, place=None):
        place = place or self.place
        worker = subprocess.Popen(place.command('rep-report', '--flush'), stdin=subprocess.DEVNULL,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(worker.wait)
        self.addCleanup(worker.kill)
        return worker

    def test_sending_is_on_disk_before_the_request(self):
        p = self.place
        p.enqueue('45.1.1.1')
        p.fault('hang')
        worker = self.start_worker()
        wait_until(lambda: p.control('stats').get('in_flight_most', 0) > 0, 'the request is there')
        self.assertEqual(p.reports()[0][0], SENDING)
        self.assertEqual(p.sql("SELECT remaining FROM endpoint WHERE name = 'report'"), [(999,)])
        os.kill(worker.pid, signal.SIGKILL)
        worker.wait()
        self.assertEqual(p.sql('PRAGMA integrity_check'), [('ok',)])
        before = p.sql('SELECT frozen FROM report')
        p.control('fault', {'fault': None})
        p.due_now()
        p.flush()
        self.assertEqual((p.accepted(), p.reports()[0][0]), (['45.1.1.1'], DONE))
        self.assertEqual(before, [('Brute force on sshd: 3 failures',)])

    def test_forgetting_wins_over_an_answer_that_arrives_late(self):
        p = self.place
        p.enqueue('45.1.1.1')
        p.fault('delay', delay_s=1)
        worker = self.start_worker()
        wait_until(lambda: p.reports() and p.reports()[0][0] == SENDING, 'it is being sent')
        self.assertEqual(p.run('rep-purge', '--pardon', '1d', '45.1.1.1').stdout, '45.1.1.1\n')
        worker.wait(20)
        for table in ('report', 'lookup', 'finding', 'block'):
            self.assertEqual(p.sql(f'SELECT count(*) FROM {table}'), [(0,)], table)
        self.assertEqual(p.sql('SELECT count(*) FROM pardon'), [(1,)])
        p.enqueue('45.1.1.1')
        self.assertEqual(p.reports(), [])

    def test_one_worker_at_a_time(self):
        p = Place(timeout=8000)            # for a service that hangs
        self.addCleanup(p.close)
        p.enqueue('45.1.1.1')
        p.fault('hang')
        worker = self.start_worker(p)
        wait_until(lambda: p.reports()[0][0] == SENDING, 'the first worker sends')
        p.flush(status=75)
        p.run('rep-report', '--jail', 'sshd', '--', '45.2.2.2', status=0)
        self.assertEqual(len(p.reports()), 2)
        worker.wait(120)

    def test_a_log_cut_in_the_middle_of_a_line_gets_its_newline_first(self):
        p = self.place
        p.control('seed', {'addresses': {'45.1.1.1': {
            'abuseConfidenceScore': 100, 'totalReports': 9, 'lastReportedAt': 'now-2h'}}})
        with open(p.path('state/verdict.log'), 'w') as f:
            f.write('half a li')
        os.chown(p.path('state/verdict.log'), OWNER, OWNER)
        p.enqueue('45.1.1.1')
        p.flush()
        with open(p.path('state/verdict.log')) as f:
            lines = f.read().split('\n')
        self.assertEqual(lines[0], 'half a li')
        self.assertIn('ip=45.1.1.1', lines[1])

    def test_a_block_seen_again_is_announced_again_but_not_within_a_minute(self):
        p = self.place
        p.control('seed', {'addresses': {'45.1.1.1': {
            'abuseConfidenceScore': 100, 'totalReports': 9, 'lastReportedAt': 'now-2h'}}})
        p.enqueue('45.1.1.1')
        p.flush()
        os.unlink(p.path('state/verdict.log'))
        p.run('rep-check', '--gate', '--', '45.1.1.1', status=10)
        p.flush()
        self.assertFalse(os.path.exists(p.path('state/verdict.log')))
        p.sql('UPDATE block SET announced_at = announced_at - 61')
        p.run('rep-check', '--gate', '--restored=1', '--', '45.1.1.1', status=10)
        p.flush()
        self.assertFalse(os.path.exists(p.path('state/verdict.log')))
        p.run('rep-check', '--gate', '--restored=0', '--', '45.1.1.1', status=10)
        p.flush()
        with open(p.path('state/verdict.log')) as f:
            self.assertEqual(f.read().count('ip=45.1.1.1 '), 1)

    def test_a_log_that_cannot_be_written_is_reported_once_and_ends_with_74(self):
        p = self.place
        bad = {'abuseConfidenceScore': 100, 'totalReports': 9, 'lastReportedAt': 'now-2h'}
        p.control('seed', {'addresses': {f'45.1.1.{i}': bad for i in range(1, 6)}})
        os.mkdir(p.path('state/verdict.log'))
        for i in range(1, 6):
            p.enqueue(f'45.1.1.{i}')
        for _ in range(2):                 # the second: seen again, so due again
            said = p.run('rep-report', '--flush', status=74).stderr
            self.assertRegex(said, r'\Arep-report: \S+/verdict\.log: [^\n]*; the block remains, [^\n]*\n\Z')
            self.assertEqual(p.sql('SELECT count(*) FROM block WHERE due'), [(5,)])
            p.sql('UPDATE block SET first_at = 1, announced_at = 1')
        self.assertEqual(len(p.accepted()), 5)
        os.rmdir(p.path('state/verdict.log'))
        self.assertEqual(p.flush()['lines'], 5)

    def test_more_new_blocks_than_allowed_wait_unannounced(self):
        p = self.place
        with open(p.path('iprep.conf'), 'a') as f:
            f.write('max_new_blocks = 2/1h\n')
        for i in range(1, 5):
            p.control('seed', {'addresses': {f'45.1.1.{i}': {
                'abuseConfidenceScore': 100, 'totalReports': 9, 'lastReportedAt': 'now-2h'}}})
            p.enqueue(f'45.1.1.{i}')
        worker = p.run('rep-report', '--flush', '--json')
        self.assertEqual(json.loads(worker.stdout)['lines'], 2)
        self.assertEqual(worker.stderr.count('max_new_blocks: 2 new blocks within 3600 s'), 1, worker.stderr)
        held = p.sql('SELECT count(*) FROM block WHERE first_at = 0')
        self.assertEqual(held, [(2,)])
        counts = [p.run('rep-check', '--gate', '--', f'45.1.1.{i}', status=None).returncode
                  for i in range(1, 5)]
        self.assertEqual(sorted(counts), [0, 0, 10, 10])


class Spawned(unittest.TestCase):
    def test_no_job_is_left_without_a_worker(self):
        p = Place(start='spawn')
        self.addCleanup(p.close)
        for burst in range(5):
            hooks = [subprocess.Popen(p.command('rep-report', '--enqueue', '--',
                                                f'45.{burst + 1}.0.{i + 1}'))
                     for i in range(8)]
            self.assertEqual([h.wait(20) for h in hooks], [0] * 8)
        wait_until(lambda: len(p.accepted()) == 40, 'all 40 reports are accepted')
        wait_until(lambda: p.sql('SELECT count(*) FROM report WHERE state <> 3') == [(0,)],
                   'all 40 are done')
        self.assertEqual(len(set(p.accepted())), 40)


if __name__ == '__main__':
    BIN = sys.argv.pop(1)
    unittest.main(verbosity=2)
