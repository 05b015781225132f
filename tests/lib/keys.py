# SPDX-License-Identifier: MIT
"""keys.py - tests of who gets the API key: a place, servers, and what working and refusing look like"""
import places
from api import Emulator
from api_server import Api
from cases import BAD, DONE, QUEUED, SENDING, Case
from leaks import Needle

ADDRESS = '45.1.1.1'


class KeyCase(Case):
    sections = {'general': {'timeout_ms': 3000}}

    def setUp(self):
        self.key = places.new_key()
        self.needle = Needle('API key', self.key)

    def start(self, url, **keys):
        """keys: more of [abuseipdb]."""
        super().start(api=url, abuseipdb=keys)

    def emulator(self, tls=None, **more):
        return self.open(Emulator({ADDRESS: BAD}, key=self.key, tls=tls, **more))

    def serve(self, script, tls=None):
        return self.open(Api(script, tls))

    def said(self, program, *args, **more):
        """Both outputs of a call; the key is in neither."""
        done = self.run_it(program, *args, **more)
        self.assertIsNone(self.needle.found((done.stdout + done.stderr).encode()))
        return done.stdout + done.stderr

    def report(self, **more):
        """(state, why) of the report after the worker has run."""
        self.said('rep-report', '--enqueue', '--jail', 'sshd', '--', ADDRESS, **more)
        self.said('rep-report', '--flush', **more)
        return self.sql('SELECT state, why FROM report')[0]

    def works(self, api, **more):
        """It does what it is for: a lookup, a report, a self-test."""
        self.said('rep-check', ADDRESS, status=10, **more)
        self.assertEqual(self.report(**more)[0], DONE)
        self.assertIn('the key is good', self.said('rep-check', '--self-test', **more))
        stats = api.control('stats')
        self.assertEqual([r['ip'] for r in stats['reports']], [ADDRESS])
        self.assertNotIn('auth', stats['endpoints']['check']['refused'])

    def refuses(self, says, **more):
        """Nothing is found out, nothing is lost, and people are told why."""
        self.assertIn(says, self.said('rep-check', ADDRESS, status=75, **more))
        state, why = self.report(**more)
        self.assertIn(state, (QUEUED, SENDING))
        self.assertIn(says, why)
        self.assertIn(says, self.said('rep-check', '--self-test', status=69, **more))

    def nothing_arrived(self, api):
        stats = api.control('stats')
        self.assertEqual((stats['requests'], stats['connections'], stats['reports']), (0, 0, []))
