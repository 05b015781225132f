# SPDX-License-Identifier: MIT
"""api_case.py - tests of who gets the API key: a place, servers, and what working and refusing look like"""
import unittest

import place
from api_server import Api
from leaks import Needle

ADDRESS = '45.1.1.1'
QUEUED, SENDING, PARKED, DONE = range(4)
CONF = """[general]
state = {dir}/state/iprep.db
verdict_log = {dir}/state/verdict.log
timeout_ms = 3000
[tier known]
threshold = 3
bantime = 1d
[tier notorious]
threshold = 10
bantime = 365d
[worker]
start = none
linger = 0
[abuseipdb]
key_file = {dir}/key
"""
HIGH = {'abuseConfidenceScore': 100, 'totalReports': 9, 'numDistinctUsers': 3, 'lastReportedAt': 'now-2h'}


class Case(unittest.TestCase):
    programs = ''

    def setUp(self):
        self.key = place.new_key()
        self.needle = Needle('API key', self.key)

    def start(self, url, more='', key=True):
        self.place = place.Place(self.programs, CONF + f'url = {url}\n' + more, key=self.key if key else None)
        self.addCleanup(self.place.close)

    def emulator(self, tls=None, **more):
        api = place.Emulator({ADDRESS: HIGH}, key=self.key, tls=tls, **more)
        self.addCleanup(api.close)
        return api

    def listen(self, made):
        self.addCleanup(made.close)
        return made

    def serve(self, script, tls=None):
        api = Api(script, tls)
        self.addCleanup(api.__exit__)
        return api

    def run_it(self, program, *args, status, **more):
        p = self.place.run(program, *args, **more)
        self.assertEqual(p.returncode, status, p.stdout + p.stderr)
        self.assertIsNone(self.needle.found((p.stdout + p.stderr).encode()))
        return p.stdout + p.stderr

    def report(self, **more):
        """(state, why) of the report after the worker has run."""
        self.run_it('rep-report', '--enqueue', '--jail', 'sshd', '--', ADDRESS, status=0, **more)
        self.run_it('rep-report', '--flush', status=0, **more)
        return self.place.sql('SELECT state, why FROM report')[0]

    def works(self, api, **more):
        """It does what it is for: a lookup, a report, a self-test."""
        self.run_it('rep-check', ADDRESS, status=10, **more)
        self.assertEqual(self.report(**more)[0], DONE)
        self.assertIn('the key is good', self.run_it('rep-check', '--self-test', status=0, **more))
        stats = api.control('stats')
        self.assertEqual([r['ip'] for r in stats['reports']], [ADDRESS])
        self.assertNotIn('auth', stats['endpoints']['check']['refused'])

    def refuses(self, says, **more):
        """Nothing is found out, nothing is lost, and people are told why."""
        self.assertIn(says, self.run_it('rep-check', ADDRESS, status=75, **more))
        state, why = self.report(**more)
        self.assertIn(state, (QUEUED, SENDING))
        self.assertIn(says, why)
        self.assertIn(says, self.run_it('rep-check', '--self-test', status=69, **more))

    def nothing_arrived(self, api):
        stats = api.control('stats')
        self.assertEqual((stats['requests'], stats['connections'], stats['reports']), (0, 0, []))
