# SPDX-License-Identifier: MIT
"""The worker against the AbuseIPDB emulator: nothing lost, nothing sent twice. Every fault of the API: cli/faults."""
import json
import os
import subprocess

from cases import BAD, DONE, QUEUED, SENDING, Case
from places import KEY, OWNER
from waiting import wait_until

ADDRESSES = [f'45.1.1.{number}' for number in range(1, 6)]


class Worker(Case):
    has_api = True
    sections = {'general': {'timeout_ms': 60000}}       # the service is held until a test releases it
    seed = dict.fromkeys(ADDRESSES, BAD)

    def enqueue(self, address, *args, **more):
        return super().enqueue(address, '--failures', '3', *args, **more)

    def worker(self):
        """One at work in the background."""
        worker = self.place.worker(stderr=subprocess.DEVNULL)
        self.addCleanup(worker.wait)
        self.addCleanup(worker.kill)
        return worker

    def test_a_report_survives_each_fault(self):
        """All faults with all calls: cli/faults, which does not run with the sanitizers."""
        for fault in ('http_500', 'http_502_html', 'http_403_html', 'http_404', 'html_200', 'truncated_json',
                      'empty_200', 'reset_before', 'reset_after', 'close_after', 'http_401', 'huge_body',
                      'deep_json', 'garbage_json', 'wrong_types', 'bad_chunk', 'wrong_length'):
            with self.subTest(fault):
                self.start()
                self.enqueue('45.1.1.9')
                self.api.fault(fault, 'report')
                self.flush()
                self.assertIn(self.states(), ([QUEUED], [SENDING]))
                self.api.clear_faults()
                self.place.write('key', KEY + '\n', 0o600, OWNER)
                self.sql('UPDATE endpoint SET stopped_until = 0, auth_mark = NULL, remaining = 9')
                self.place.due_now()
                self.flush()
                self.assertEqual((self.states(), self.api.accepted()), ([DONE], ['45.1.1.9']))

    def test_no_job_of_a_few_bursts_is_left_without_a_worker(self):
        """A thousand bursts: cli/wakeup."""
        self.start(worker={'start': 'spawn'}, abuseipdb={'check': 'never'})
        addresses = [f'45.{burst}.0.{i}' for burst in range(1, 6) for i in range(1, 9)]
        for at in range(0, 40, 8):
            hooks = [self.place.start('rep-report', '--enqueue', '--', one) for one in addresses[at:at + 8]]
            self.assertEqual([(*hook.communicate(timeout=120), hook.returncode) for hook in hooks], [('', '', 0)] * 8)
        wait_until(lambda: self.count('report WHERE state <> 3') == 0, 'all are done')
        wait_until(lambda: not self.place.workers(), 'the last worker has ended')
        self.assertEqual(sorted(self.api.accepted()), sorted(addresses))

    def test_a_report_goes_out_once_and_not_again_within_the_interval(self):
        self.enqueue('45.1.1.1')
        self.assertEqual(self.flush()['reports'], 1)
        self.enqueue('45.1.1.1')
        self.flush()
        sent, = self.api.statistics()['reports']
        self.assertEqual((sent['ip'], sent['comment'], sent['categories']),
                         ('45.1.1.1', 'Brute force on sshd: 3 failures', [18]))

    def test_the_score_in_the_answer_leads_to_the_check_and_the_block(self):
        self.enqueue('45.1.1.1')
        done = self.flush()
        self.assertEqual((done['blocks'], done['lines']), (1, 1))
        self.assertRegex(self.place.verdict_log(), r'^\S+\+0000 iprep\[\d+\]: verdict=confirmed ip=45\.1\.1\.1 '
                         r'score=10 tier=notorious jail=sshd src=abuseipdb\n$')
        self.gate('45.1.1.1', status=10)

    def test_asking_is_not_accusing(self):
        self.assertIn('notorious', self.run_it('rep-check', '45.1.1.1', status=10).stdout)
        self.assertEqual(self.count('block'), 0)
        self.gate('45.1.1.1')

    def test_sending_is_on_disk_before_the_request(self):
        self.enqueue('45.1.1.9')
        self.api.fault('hang', 'report')
        worker = self.worker()
        wait_until(lambda: self.api.statistics()['in_flight_most'], 'the request is there')
        self.assertEqual(self.states(), [SENDING])
        self.assertEqual(self.sql("SELECT remaining FROM endpoint WHERE name = 'report'"), [(999,)])
        worker.kill()
        worker.wait()
        self.assertEqual(self.sql('PRAGMA integrity_check'), [('ok',)])
        self.assertEqual(self.sql('SELECT frozen FROM report'), [('Brute force on sshd: 3 failures',)])
        self.api.clear_faults()
        self.place.due_now()
        self.flush()
        self.assertEqual((self.api.accepted(), self.states()), (['45.1.1.9'], [DONE]))

    def test_one_worker_at_a_time(self):
        self.enqueue('45.1.1.9')
        self.api.pause()
        worker = self.worker()
        wait_until(lambda: self.states() == [SENDING], 'the first worker sends')
        self.run_it('rep-report', '--flush', status=75)
        self.assertIsNone(worker.poll(), 'the first one ended before the second was tried')
        self.run_it('rep-report', '--jail', 'sshd', '--', '45.2.2.2')
        self.assertEqual(self.count('report'), 2)

    def test_a_log_cut_in_the_middle_of_a_line_gets_its_newline_first(self):
        self.place.write('state/verdict.log', 'half a li', owner=OWNER)
        self.enqueue('45.1.1.1')
        self.flush()
        self.assertRegex(self.place.verdict_log(), r'\Ahalf a li\n[^\n]*ip=45\.1\.1\.1 ')

    def test_a_block_seen_again_is_announced_again_but_not_within_a_minute(self):
        self.enqueue('45.1.1.1')
        self.flush()
        os.unlink(self.place.path('state/verdict.log'))
        self.gate('45.1.1.1', status=10)
        self.flush()
        self.assertNotIn('verdict.log', self.place.files())
        self.sql('UPDATE block SET announced_at = announced_at - 61')
        self.gate('45.1.1.1', '--restored=1', status=10)
        self.flush()
        self.assertNotIn('verdict.log', self.place.files())
        self.gate('45.1.1.1', '--restored=0', status=10)
        self.flush()
        self.assertEqual(self.verdicts('45.1.1.1'), 1)

    def test_a_log_that_cannot_be_written_is_reported_once_and_ends_with_74(self):
        os.mkdir(self.place.path('state/verdict.log'))
        for address in ADDRESSES:
            self.enqueue(address)
        for _ in range(2):                 # the second: seen again, so due again
            done = self.run_it('rep-report', '--flush', status=74, says='/verdict.log: ')
            self.assertIn('; the block remains, ', done.stderr)
            self.assertEqual(self.count('block WHERE due'), 5)
            self.sql('UPDATE block SET first_at = 1, announced_at = 1')
        self.assertEqual(len(self.api.accepted()), 5)
        os.rmdir(self.place.path('state/verdict.log'))
        self.assertEqual(self.flush()['lines'], 5)

    def test_more_new_blocks_than_allowed_wait_unannounced(self):
        self.start(worker={'max_new_blocks': '2/1h'})
        for address in ADDRESSES[:4]:
            self.enqueue(address)
        done = self.run_it('rep-report', '--flush', '--json')
        self.assertEqual(json.loads(done.stdout)['lines'], 2)
        self.assertEqual(done.stderr.count('max_new_blocks: 2 new blocks within 1h'), 1, done.stderr)
        self.assertEqual(self.count('block WHERE first_at = 0'), 2)
        statuses = [self.place.run('rep-check', '--gate', '--', address).returncode for address in ADDRESSES[:4]]
        self.assertEqual(sorted(statuses), [0, 0, 10, 10])
