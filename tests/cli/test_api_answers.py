# SPDX-License-Identifier: MIT
"""Rows of data/api_answers.tsv through the programs; and a score from a report whose check fails."""
import collections
import json
import re
import sys
import time
import urllib.parse

import api_answers
from api import Emulator
from addresses import key_of
from api_server import Api, answer
from cases import BAD, DONE, PARKED, QUEUED, SENDING, Case

ADDRESSES_AT_ONCE = 100


def stops_the_endpoint(row):
    """A refused key or a used up quota is also about all rows after it."""
    return row['code'] == 401 or (row['code'] == 429 and 'Daily rate limit' in row['body'])


def verdict(said):
    return said['tier'] if said['verdict'] == 'confirmed' else said['verdict']


def detail(said):
    return next((f['detail'] or '' for f in said['findings'] if f['source'] == 'abuseipdb'), '')


class AnswersCase(Case):
    sections = {'general': {'timeout_ms': 10000}}

    def setUp(self):
        pass                               # start() is called with a URL

    def look(self, *arguments):
        """{address: what rep-check says of it}"""
        found = {}
        options = [a for a in arguments if a.startswith('-')]
        addresses = [a for a in arguments if not a.startswith('-')]
        for at in range(0, len(addresses), ADDRESSES_AT_ONCE):
            run = self.place.run('rep-check', '--json', *options, '--', *addresses[at:at + ADDRESSES_AT_ONCE])
            for said in map(json.loads, run.stdout.splitlines()):
                found[said['address']] = said
        return found

    def report_all(self, *addresses):
        for address in addresses:
            self.enqueue(address)
        self.place.run('rep-report', '--flush')


class Table(AnswersCase):
    """Each row has an address of its own, which the API knows it by."""

    def answer_as(self, *kinds):
        every = [row for row in api_answers.read() if row['kind'] in kinds and not stops_the_endpoint(row)]
        self.of = {f'45.1.{i // 200}.{i % 200 + 1}': row for i, row in enumerate(every)}
        self.start(api=self.open(Api(self.say)).url)

    def say(self, request):
        form = urllib.parse.parse_qs(request.body.decode())
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(request.path).query)
        address = (form.get('ip') or query['ipAddress'])[0]
        row = self.of[address]
        if request.command == 'POST' and row['kind'] != 'report':
            return answer(200, json.dumps({'data': {'ipAddress': address}}))
        if request.command == 'GET' and row['kind'] == 'report':
            return answer(500)
        return answer(row['code'], api_answers.body_of(row, address, time.time()))

    def compare(self, got):
        """got: {address: (verdict or outcome, detail or reason)}"""
        wrong = [f'{row["name"]}: {got.get(address)}, not {row["right"]} ({row["says"]})'
                 for address, row in self.of.items()
                 if address not in got or got[address][0] != row['right'] or
                 (row['says'] != '-' and row['says'] not in got[address][1])]
        false = [a for a, row in self.of.items()
                 if a in got and got[a][0] in ('known', 'notorious') and got[a][0] != row['right']]
        counts = collections.Counter(row['right'].split('+')[0] for row in self.of.values())
        print(f'{len(self.of)} answers ({", ".join(f"{n} {what}" for what, n in counts.most_common())}), '
              f'{len(wrong)} wrong, {len(false)} false confirms', file=sys.stderr)
        self.assertEqual(wrong, [])

    def test_each_check_has_its_only_right_verdict_and_the_cache_agrees(self):
        self.answer_as('check')
        said = self.look(*self.of)
        self.compare({address: (verdict(s), detail(s)) for address, s in said.items()})
        cached = self.look('--cached', *self.of)
        self.assertEqual({a: verdict(s) for a, s in cached.items()}, {a: verdict(s) for a, s in said.items()})
        self.assertGreater(len(said), 600)

    def test_after_our_own_report_what_only_we_reported_gives_nothing(self):
        self.answer_as('reported')
        self.report_all(*self.of)
        self.assertEqual({state for state, in self.sql('SELECT state FROM report')}, {DONE})
        self.compare({address: (verdict(s), detail(s)) for address, s in self.look(*self.of).items()})

    def test_each_report_has_its_only_right_outcome(self):
        self.answer_as('report')
        self.report_all(*self.of)
        points = dict(self.sql("SELECT hex(key), points FROM finding WHERE source = 'abuseipdb'"))
        reports = {key: rest for key, *rest in self.sql('SELECT hex(addr), state, why FROM report')}
        got = {}
        for address, row in self.of.items():
            key = key_of(address).hex().upper()
            state, why = reports[key]
            outcome = {QUEUED: 'later', SENDING: 'later', DONE: 'done', PARKED: 'parked'}.get(state, f'state {state}')
            if outcome == 'done' and row['right'] == 'duplicate':
                outcome = 'duplicate'          # as if it had been taken
            elif outcome == 'done':
                outcome += f'+{points[key]}' if key in points else '-'
            got[address] = (outcome, why)
        self.compare(got)
        shown = self.place.run('rep-report', '--status').stdout
        self.assertIn('HTTP 422: The ip address is whitelisted and cannot be reported.', shown)


class ScoreOfAReport(AnswersCase):
    """The answer to a report says 100; the check that follows fails."""

    def try_fault(self, fault, **more):
        addresses = ('45.1.1.1', '45.1.1.2')
        api = self.open(Emulator(dict.fromkeys(addresses, BAD)))
        self.start(api=api.url, general={'timeout_ms': 1000})
        api.fault(fault, 'check', **more)
        for address in addresses:
            self.report_all(address)
        addresses = [a for a in addresses if a in api.accepted()]    # a refused key stops reports as well
        blocks = re.findall(r'ip=(\S+) .*tier=(\S+)', self.place.verdict_log())
        self.assertEqual(blocks, [(address, 'known') for address in addresses])
        for options in (('--cached',), ()):
            said = self.look(*options, *addresses)
            self.assertEqual({a: verdict(s) for a, s in said.items()}, dict.fromkeys(addresses, 'known'))
        self.assertIn('confidence 100, in the answer to our report; ', detail(said[addresses[0]]))
        api.clear_faults()
        self.sql('UPDATE endpoint SET stopped_until = 0, auth_mark = NULL, remaining = 100')
        self.place.due_now()
        self.place.run('rep-report', '--flush')
        self.assertEqual(self.sql("SELECT DISTINCT tier FROM block"), [('notorious',)])

    def test_the_first_address_the_next_one_and_the_cache_have_the_lowest_tier(self):
        for fault in ('http_500', 'http_401', 'quota_429', 'html_200', 'wrong_types', 'reset_after', 'hang'):
            with self.subTest(fault):
                self.try_fault(fault)
