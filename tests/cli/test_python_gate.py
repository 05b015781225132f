# SPDX-License-Identifier: MIT
"""action.d/iprep.py where threads, memory or disk are short: nothing is raised into fail2ban, and no loss is silent"""
import errno
import os
import tempfile
import unittest
from unittest import mock

import python_gate
from python_gate import ECHO, no_new_threads
from waiting import wait_until


class Short(unittest.TestCase):
    def setUp(self):
        self.module, self.answers = python_gate.load(), []

    def gate(self, argv=ECHO):
        gate = self.module.Gate(argv)
        self.addCleanup(gate.wake)
        self.addCleanup(setattr, gate, 'ends', True)
        return gate

    def ask(self, gate, count=1):
        for number in range(count):
            gate.submit(f'gate 45.1.1.{number}', self.answers.append)

    def until_answered(self, count):
        wait_until(lambda: len(self.answers) == count, f'{count} requests are answered')
        self.assertEqual(set(self.answers), {0})

    def test_a_thread_that_cannot_start_is_started_by_the_next_request(self):
        gate = self.gate()
        with no_new_threads(), self.assertLogs('fail2ban.iprep', 'ERROR') as logged:
            self.ask(gate)
        self.assertIn('1 requests wait', logged.output[0])
        self.ask(gate)
        self.until_answered(2)

    def test_requests_beyond_the_queue_are_named_in_the_log(self):
        gate = self.gate()
        with no_new_threads(), self.assertLogs('fail2ban.iprep', 'ERROR'):
            self.ask(gate, self.module.QUEUE_MAX + 5)
        self.assertEqual(gate.lost, 5)
        with self.assertLogs('fail2ban.iprep', 'ERROR') as logged:
            self.ask(gate)
            wait_until(lambda: any('6 requests were lost' in line for line in logged.output), 'the loss is logged')
        self.until_answered(self.module.QUEUE_MAX)

    def test_without_memory_for_the_process_it_is_started_later(self):
        start, refused = self.module.subprocess.Popen, []

        def popen(*args, **more):
            if len(refused) < 3:
                refused.append(1)
                raise MemoryError
            return start(*args, **more)
        with mock.patch.object(self.module.subprocess, 'Popen', popen), self.assertLogs('fail2ban.iprep', 'ERROR'):
            self.ask(self.gate())
            self.until_answered(1)

    def test_what_cannot_be_handed_over_at_the_end_is_logged(self):
        gate = self.gate(('/bin/sleep', '100'))
        self.ask(gate, 7)
        full = mock.Mock(side_effect=OSError(errno.ENOSPC, 'No space left on device'))
        with mock.patch.object(self.module.os, 'memfd_create', full), \
                self.assertLogs('fail2ban.iprep', 'ERROR') as logged:
            gate.end()
        self.assertIn('7 requests were lost at the end', logged.output[-1])

    def test_what_is_unanswered_at_the_end_is_handed_over(self):
        with tempfile.TemporaryDirectory() as directory:
            path = f'{directory}/handed'
            gate = self.gate(('/bin/sh', '-c', f'cat >{path}.new && mv {path}.new {path}'))
            with no_new_threads(), self.assertLogs('fail2ban.iprep', 'ERROR'):
                self.ask(gate, 3000)
            gate.end()
            wait_until(lambda: os.path.exists(path), 'all are read')
            with open(path, encoding='ascii') as file:
                self.assertEqual(len(file.readlines()), 3000)

    def test_a_process_that_no_thread_can_wait_for_is_started_again(self):
        gate = self.gate()
        self.ask(gate)
        self.until_answered(1)
        with no_new_threads(), self.assertLogs('fail2ban.iprep', 'ERROR'):
            process = gate.process
            process.kill()
            wait_until(lambda: gate.process is not process, 'it is missed')
        self.ask(gate)
        self.until_answered(2)
