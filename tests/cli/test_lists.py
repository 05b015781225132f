#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Health of lists, keys in zones, and the API's quota, through the installed programs.

    test_lists.py DIRECTORY-OF-PROGRAMS        (as root)
"""
import contextlib
import json
import os
import sqlite3
import sys
import unittest

sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib')]

from dns import behaviours as b
import place
from dns.server import Server, Zone

BIN = ''
ADDRESS = '45.1.1.1'
ZONE_KEY = 'k3yk3yk3yk3yk3yk3yk3yk3yk3'
CONF = """[general]
state = {dir}/state/iprep.db
verdict_log = {dir}/state/verdict.log
timeout_ms = 1500
[tier known]
threshold = 3
bantime = 1d
[tier notorious]
threshold = 10
bantime = 365d
[worker]
start = none
linger = 0
[dns]
resolvers = 127.0.0.1:PORT
"""
LIST = '[dnsbl {0}]\nzone = {1}\npoints = {2}\n'
HIGH = {'abuseConfidenceScore': 100, 'totalReports': 9, 'numDistinctUsers': 3, 'lastReportedAt': 'now-2h'}


class Case(unittest.TestCase):
    def setUp(self):
        self.dns = Server()
        self.addCleanup(self.dns.close)

    def start(self, *lists, more='', **zones):
        """lists: section names; their zones are NAME.test."""
        for name, zone in zones.items():
            self.dns.zones[name + '.test'] = zone
        text = CONF.replace('PORT', str(self.dns.port)) + more
        for one in lists:
            text += one if one.startswith('[') else LIST.format(one, one + '.test', '127.0.0.2*3')
        self.place = place.Place(BIN, text)
        self.addCleanup(self.place.close)

    def api(self, seed=None, *options):
        emulator = place.Emulator(seed, *options)
        self.addCleanup(emulator.close)
        return emulator, f'[abuseipdb]\nurl = {emulator.url}\nkey_file = {{dir}}/key\n'

    def check(self, *args, status, program='rep-check'):
        p = self.place.run(program, *args)
        self.assertEqual(p.returncode, status, p.stdout + p.stderr)
        return p

    def json(self, *args, status):
        """Rows of sources; those of fail2ban are tested by host/self_test."""
        rows = [json.loads(line) for line in self.check('--json', *args, status=status).stdout.splitlines()]
        return [row for row in rows if 'fail2ban' not in row]

    def sql(self, text, *values):
        db = sqlite3.connect(self.place.path('state/iprep.db'), timeout=10)
        with db:
            rows = db.execute(text, values).fetchall()
        db.close()
        for name in os.listdir(self.place.path('state')):
            with contextlib.suppress(FileNotFoundError):    # a worker removes its wake file
                os.chown(self.place.path('state/' + name), place.OWNER, place.OWNER)
        return rows


class SelfTest(Case):
    def test_the_table_says_of_each_source_what_it_is_worth(self):
        api, more = self.api()
        self.start('good', 'notest', 'world', 'parked', 'code', 'dead', 'refusing',
                   LIST.format('without', 'notest.test', '127.0.0.2*3') + 'test_entry = no\n', more=more,
                   good=Zone({}), notest=Zone({}, test=b.not_listed()), world=Zone(b.listed('127.0.0.2'), b.listed('127.0.0.2')),
                   parked=Zone(b.listed('93.184.216.34'), b.listed('93.184.216.34')),
                   code=Zone(b.listed('127.255.255.254'), b.listed('127.255.255.254')), dead=Zone(b.silent(), b.silent(), b.silent()),
                   refusing=Zone(b.refused, b.refused, b.refused))
        rows = {r['source']: r for r in self.json('--self-test', status=69)}
        self.assertEqual({n: r['state'] for n, r in rows.items()},
                         {'good': 'ok', 'notest': 'mismatch', 'without': 'ok', 'world': 'quarantined', 'parked': 'quarantined',
                          'code': 'quarantined', 'dead': 'silent', 'refusing': 'silent', 'abuseipdb': 'ok'})
        self.assertIn('does not list its test entry 127.0.0.2', rows['notest']['why'])
        self.assertIn('test_entry = no', rows['without']['why'])
        self.assertEqual(rows['code']['why'], 'refuses this resolver: answered 127.255.255.254, it is a public resolver')
        self.assertEqual(rows['parked']['why'], 'gave no answer of a DNS list: answered 93.184.216.34, an error code')
        self.assertIn('as 127.0.0.2', rows['good']['why'])
        self.assertIn('lists 127.0.0.1', rows['world']['why'])
        self.assertIn('timeout', rows['dead']['why'])
        self.assertIn('REFUSED', rows['refusing']['why'])
        self.assertIn('999 of 1000 checks left', rows['abuseipdb']['why'])
        self.assertIsNone(rows['dead']['latency_ms'])
        self.assertGreaterEqual(rows['good']['latency_ms'], 0)
        text = self.check('--self-test', status=69).stdout
        self.assertIn('world            quarantined', text)

    def test_all_good_is_0_and_off_is_no_fault(self):
        self.start('good', good=Zone({}))
        os.unlink(self.place.path('key'))
        self.assertEqual([r['state'] for r in self.json('--self-test', status=0)], ['ok', 'off'])
        self.check('--self-test', ADDRESS, status=64)

    def test_a_refused_key_and_no_source_that_gives_points_fail(self):
        _, more = self.api()
        self.start('good', more=more, good=Zone({}))
        self.place.write('key', 'cd' * 40, 0o600, place.OWNER)
        self.assertEqual(self.json('--self-test', status=69)[-1]['state'], 'refused')
        self.start(LIST.format('w', 'good.test', '*-4'))
        os.unlink(self.place.path('key'))
        self.check('--self-test', status=69)

    def test_a_list_that_mends_is_believed_again(self):
        self.start('a', a=Zone(b.listed('127.0.0.2'), b.listed('127.0.0.2')))
        self.assertEqual(self.json(ADDRESS, status=75)[0]['findings'][0]['status'], 'quarantined')
        self.dns.zones['a.test'] = Zone({'1.1.1.45': b.listed('127.0.0.2')})
        self.assertEqual(self.json('--fresh', ADDRESS, status=75)[0]['findings'][0]['status'], 'quarantined')
        self.check('--self-test', status=0)
        self.check('--fresh', ADDRESS, status=10)


class Quarantine(Case):
    def test_cached_answers_of_a_broken_list_create_no_block(self):
        self.start('a', a=Zone(b.listed('127.0.0.2')))
        self.check(ADDRESS, status=10)
        self.dns.zones['a.test'] = Zone(b.listed('127.0.0.2'), b.listed('127.0.0.2'))
        self.check('--self-test', status=69)
        self.check('--cached', ADDRESS, status=75)
        self.check('--enqueue', '--jail', 'sshd', '--', ADDRESS, status=0, program='rep-report')
        self.check('--flush', status=0, program='rep-report')
        self.assertEqual(self.place.verdict_log(), '')
        self.assertEqual(self.sql('SELECT count(*) FROM block'), [(0,)])

    def test_hooks_and_fresh_health_cost_no_probe(self):
        self.start('a', a=Zone({}))
        self.check(ADDRESS, status=0)
        asked = self.dns.asked['a.test']
        self.check('--gate', '--', '45.1.1.2', status=0)
        self.check('45.1.1.3', status=0)
        self.assertEqual(self.dns.asked['a.test'], asked + 1)
        self.sql('UPDATE zone SET probed_at = probed_at - 3600')
        self.check('45.1.1.4', status=0)
        self.assertEqual(self.dns.asked['a.test'], asked + 14)     # six questions for each family


class Withdrawn(Case):
    """What a list confirmed before it was quarantined. Two blocks go out, two are held back."""

    ADDRESSES = [f'45.1.1.{i}' for i in range(1, 5)]
    WORLD = Zone(b.listed('127.0.0.2'), others=b.listed('127.0.0.2'))
    REFUSING = Zone(b.listed('127.255.255.254'), b.listed('127.255.255.254'), others=b.listed('127.255.255.254'))
    EMPTY = Zone({}, test=b.not_listed())

    def block_all(self, *lists):
        self.start(*lists, more='[abuseipdb]\nkey_file =\n', a=Zone(b.listed('127.0.0.2')), b=Zone(b.listed('127.0.0.2')))
        self.local('[worker]\nmax_new_blocks = 2/1h\n')
        for address in self.ADDRESSES:
            self.check('--enqueue', '--jail', 'sshd', '--', address, status=0, program='rep-report')
        self.flush()
        self.assertEqual(self.blocks(), ([2, 2], [2, 2]))

    def local(self, text):
        self.place.write('iprep.local', text)

    def flush(self):
        return self.check('--flush', status=0, program='rep-report').stderr

    def blocks(self):
        """How many were announced, and are held: blocks, and lines; of the lowest tier, and of all."""
        held = [self.sql(f'SELECT count(*) FROM block WHERE first_at {how}')[0][0] for how in ('> 0', '= 0')]
        lines = self.place.verdict_log()
        return held, [lines.count('verdict=confirmed'), len(self.addresses(lines))]

    @staticmethod
    def addresses(lines):
        return {word for word in lines.split() if word.startswith('ip=')}

    def released(self):
        return len(self.check('--released', status=0, program='rep-purge').stdout.split())

    def room(self):
        """For what is held: as if an hour had passed."""
        self.local('')

    def test_of_a_list_that_lists_everybody_nothing_is_announced_and_all_is_released(self):
        self.block_all('a')
        self.dns.zones['a.test'] = self.WORLD
        self.check('--self-test', status=69)
        self.room()
        self.assertIn('[dnsbl a] quarantined: 2 blocks dropped', self.flush())
        self.assertEqual(self.blocks(), ([0, 0], [2, 2]))
        self.assertEqual(self.released(), 2)
        self.assertEqual(self.flush(), '')

    def test_the_worker_that_finds_out_does_the_same(self):
        self.block_all('a')
        self.dns.zones['a.test'] = self.WORLD
        self.sql('UPDATE zone SET probed_at = probed_at - 60')
        self.check('--enqueue', '--jail', 'sshd', '--', '45.1.1.9', status=0, program='rep-report')
        self.room()
        self.sql('UPDATE block SET due = 0 WHERE first_at = 0')    # or they would be announced before it knows
        self.flush()
        self.assertEqual(self.blocks(), ([0, 0], [2, 2]))
        self.assertEqual(self.released(), 2)

    def test_a_list_that_refuses_or_is_empty_said_the_truth_before(self):
        for zone in (self.REFUSING, self.EMPTY):
            self.block_all('a')
            self.dns.zones['a.test'] = zone
            self.check('--self-test', status=69)
            self.room()
            self.flush()
            self.assertEqual(self.blocks(), ([2, 0], [2, 2]))
            self.assertEqual(self.released(), 0)

    def test_a_list_that_is_disabled_or_removed_confirms_no_block_that_is_held(self):
        for text in ('[dnsbl a]\nenabled = no\n', ''):
            self.block_all(LIST.format('a', 'a.test', '127.0.0.2*3'), LIST.format('b', 'b.test', '127.0.0.9*3'))
            if not text:
                with open(self.place.path('iprep.conf'), encoding='ascii') as f:
                    self.place.write('iprep.conf', f.read().replace(LIST.format('a', 'a.test', '127.0.0.2*3'), ''))
            self.local(text)
            self.flush()
            self.assertEqual(self.blocks(), ([2, 0], [2, 2]))
            self.assertEqual(self.released(), 0)

    def test_what_another_list_also_confirms_stays(self):
        self.block_all('a', 'b')
        self.dns.zones['a.test'] = self.WORLD
        self.check('--self-test', status=69)
        self.room()
        self.flush()
        self.assertEqual(self.blocks(), ([4, 0], [4, 4]))
        self.assertEqual(self.released(), 0)

    def test_what_another_list_confirms_for_a_lower_tier_is_released_or_lowered(self):
        self.block_all(LIST.format('a', 'a.test', '127.0.0.2*7'), 'b')
        self.assertEqual(self.place.verdict_log().count('tier=notorious'), 2)
        self.dns.zones['a.test'] = self.WORLD
        self.check('--self-test', status=69)
        self.room()
        self.flush()
        self.assertEqual(self.blocks(), ([2, 0], [4, 4]))
        self.assertEqual(self.place.verdict_log().count('score=3 tier=known jail=sshd src=b\n'), 2, self.place.verdict_log())
        self.assertEqual(self.released(), 2)


class Keys(Case):
    LIST = LIST.format('secret', '%{key:{dir}/zone.key}.s.test', '127.0.0.2*3')

    def test_a_key_goes_into_the_question_and_nowhere_else(self):
        zone = ZONE_KEY + '.s.test'
        self.start(self.LIST)
        self.dns.zones[zone] = Zone(b.listed('127.0.0.2', txt=f'see https://x.test/?q=1.1.1.45.{ZONE_KEY}.s.test'))
        self.place.write('zone.key', ZONE_KEY + '\n', 0o600, place.OWNER)
        said = ''
        for args in (('-v', ADDRESS), ('-v', '--json', ADDRESS), ('-v', '--cached', ADDRESS)):
            p = self.check(*args, status=10)
            said += p.stdout + p.stderr
        for program, args in (('rep-report', ('-v', '--enqueue', '--jail', 'sshd', '--', ADDRESS)),
                              ('rep-report', ('-v', '--flush')), ('rep-check', ('-v', '--self-test'))):
            p = self.check(*args, status=0, program=program)
            said += p.stdout + p.stderr
        self.assertEqual(self.dns.questions[zone, '1.1.1.45'] > 0, True)
        self.assertIn('src=secret', self.place.verdict_log())
        for name in os.listdir(self.place.path('state')):
            with open(self.place.path('state/' + name), 'rb') as f:
                self.assertNotIn(ZONE_KEY.encode(), f.read().lower(), name)
        self.assertNotIn(ZONE_KEY, said.lower())

    def test_keys_that_are_none_give_one_clear_line(self):
        self.start(self.LIST)
        key = self.place.path('zone.key')
        for text, mode, status, says in (('', 0o600, 78, 'empty'), ('a\nb', 0o600, 78, 'byte 2'), ('x' * 64, 0o600, 78, '1 to 63'),
                                         ('a.b', 0o600, 78, 'letters'), ('z' * 1048576, 0o600, 78, 'too long'),
                                         ('abc', 0o644, 77, 'permissions 0644')):
            self.place.write('zone.key', text, mode, place.OWNER)
            p = self.check(ADDRESS, status=status)
            self.assertEqual(p.stderr.count('\n'), 1)
            self.assertIn(key, p.stderr)
            self.assertIn(says, p.stderr)

    def test_a_list_without_its_key_is_left_out_and_reported(self):
        self.start(self.LIST, 'a', a=Zone({}))
        p = self.check('--json', ADDRESS, status=0)
        self.assertIn('looking up without [dnsbl secret]', p.stderr)
        self.assertEqual(json.loads(p.stdout)['findings'][0]['status'], 'skipped')
        self.assertEqual(self.json('--self-test', status=69)[0]['state'], 'no key')


class Quota(Case):
    def test_never_more_calls_than_remain_and_the_first_one_alone(self):
        api, more = self.api(None, '--limit', 'check=5')
        self.start('a', more=more, a=Zone({}))
        api.control('fault', {'endpoint': 'check', 'fault': 'delay', 'delay_s': 0.1})
        rows = self.json(*[f'45.1.2.{i}' for i in range(20)], status=75)
        self.assertEqual(sorted(r['verdict'] for r in rows), ['clean'] * 5 + ['unknown'] * 15)
        stats = api.control('stats')['endpoints']['check']
        self.assertEqual((stats['accepted'], sum(stats['refused'].values())), (5, 0))
        self.assertIn('quota used up', [r for r in rows if r['verdict'] == 'unknown'][0]['findings'][1]['detail'])

    def test_suspicious_lines_leave_a_reserve_for_those_who_were_banned(self):
        seed = {'45.200.1.1': HIGH}
        api, more = self.api(seed, '--limit', 'check=40')
        self.start('a', more=more, a=Zone(b.listed('127.0.0.2')))
        for i in range(60):
            self.check('--gate', '--jail', 'x', '--', f'45.{i}.1.1', status=0)
        self.check('--flush', status=0, program='rep-report')
        self.assertEqual(self.place.verdict_log().count('tier=known'), 60)
        used = api.control('stats')['endpoints'].get('check', {}).get('accepted', 0)
        self.assertLessEqual(used, 28)
        self.check('--enqueue', '--jail', 'sshd', '--', '45.200.1.1', status=0, program='rep-report')
        self.check('--flush', status=0, program='rep-report')
        self.assertIn('ip=45.200.1.1 score=13 tier=notorious', self.place.verdict_log())

    def test_lines_that_no_list_knows_cost_no_call(self):
        api, more = self.api()
        self.start('a', more=more, a=Zone({}))
        for i in range(50):
            self.check('--gate', '--', f'45.{i}.1.1', status=0)
        self.check('--flush', status=0, program='rep-report')
        self.assertEqual(api.control('stats')['requests'], 0)
        self.assertEqual(self.sql('SELECT count(*) FROM lookup'), [(0,)])


class Unknown(Case):
    def test_it_is_tried_again_at_growing_intervals_for_an_hour(self):
        self.start('a', a=Zone(b.servfail, b.servfail))
        self.check('--gate', '--', ADDRESS, status=0)
        waits = []
        for _ in range(9):
            self.check('--flush', status=0, program='rep-report')
            rows = self.sql("SELECT next_at - CAST(strftime('%s') AS INTEGER) FROM lookup")
            if not rows:
                break
            waits.append(rows[0][0])
            self.sql('UPDATE lookup SET next_at = 0')
        self.assertEqual(len(waits), 6)
        self.assertEqual(waits, sorted(waits))
        self.assertTrue(3600 <= sum(waits) <= 5000, waits)

    def test_one_silent_list_leaves_the_gate_open_for_neighbours(self):
        self.start('a', 'b', a=Zone({'99.1.1.45': b.listed('127.0.0.2')}), b=Zone(b.servfail, b.servfail))
        for start in range(0, 64, 16):         # more than 16 untried ones are a flood
            for i in range(start, start + 20):
                self.check('--gate', '--', f'45.1.1.{i}', status=0)
            self.assertEqual(self.sql('SELECT count(*) FROM lookup'), [(start + 16,)])
            self.check('--flush', status=0, program='rep-report')
        self.check('--gate', '--', '45.1.1.99', status=0)
        self.check('--flush', status=0, program='rep-report')
        self.assertIn('ip=45.1.1.99 ', self.place.verdict_log())

    def test_what_the_cache_does_not_know_is_unknown(self):
        self.start('a', a=Zone({}))
        self.check('--cached', ADDRESS, status=75)
        self.check(ADDRESS, status=0)
        self.check('--cached', ADDRESS, status=0)


if __name__ == '__main__':
    BIN = os.path.abspath(sys.argv.pop(1))
    unittest.main()
