# SPDX-License-Identifier: MIT
"""Health of lists, keys in zones, and the API's quota, through the installed programs"""
import json
import os

from addresses import key_of
from cases import BAD, Case
from dns import behaviours as b
from dns.server import Zone
from places import OWNER

ADDRESS = '45.1.1.1'
POINTS = '127.0.0.2*3'
YES = b.listed('127.0.0.2')
EVERYBODY = Zone(YES, YES, others=YES)


class ListsCase(Case):
    sections = {'general': {'timeout_ms': 1500}}
    lists = {'a': POINTS}
    key = None

    def zones(self, **zones):
        for name, zone in zones.items():
            self.dns.zones[f'{name}.test'] = zone

    def api_off(self):
        os.unlink(self.place.path('key'))


class SelfTest(ListsCase):
    has_api = True
    key = Case.key

    def test_the_table_says_of_each_source_what_it_is_worth(self):
        code, parked = b.listed('127.255.255.254'), b.listed('93.184.216.34')
        cases = {'good': (Zone({}), 'ok', 'as 127.0.0.2'),
                 'notest': (Zone({}, test=b.not_listed()), 'mismatch', 'does not list its test entry 127.0.0.2'),
                 'without': (Zone({}, test=b.not_listed()), 'ok', 'test_entry = no'),
                 'world': (EVERYBODY, 'quarantined', 'lists 127.0.0.1'),
                 'parked': (Zone(parked, parked), 'quarantined',
                            'gave no answer of a DNS list: answered 93.184.216.34, an error code'),
                 'code': (Zone(code, code), 'quarantined',
                          'refuses this resolver: answered 127.255.255.254, it is a public resolver'),
                 'dead': (Zone(b.silent(), b.silent(), b.silent()), 'silent', 'timeout'),
                 'refusing': (Zone(b.refused, b.refused, b.refused), 'silent', 'REFUSED')}
        self.start(lists={**dict.fromkeys(cases, POINTS), 'without': {'points': POINTS, 'test_entry': 'no'}})
        self.zones(**{name: zone for name, (zone, _, _) in cases.items()})
        rows = self.self_test(status=69)
        self.assertEqual({name: row['state'] for name, row in rows.items()},
                         {**{name: state for name, (_, state, _) in cases.items()}, 'abuseipdb': 'ok'})
        for name, (_, _, says) in cases.items():
            whole = name in ('code', 'parked')
            (self.assertEqual if whole else self.assertIn)(says, rows[name]['why'])
        self.assertIn('999 of 1000 checks left', rows['abuseipdb']['why'])
        self.assertIsNone(rows['dead']['latency_ms'])
        self.assertGreaterEqual(rows['good']['latency_ms'], 0)
        self.assertIn('world            quarantined', self.run_it('rep-check', '--self-test', status=69).stdout)

    def test_all_good_is_0_and_off_is_no_fault(self):
        self.api_off()
        self.assertEqual([row['state'] for row in self.self_test().values()], ['ok', 'off'])

    def test_a_refused_key_and_no_source_that_gives_points_fail(self):
        self.place.write('key', 'cd' * 40, 0o600, OWNER)
        self.assertEqual(self.self_test(status=69)['abuseipdb']['state'], 'refused')
        self.start(lists={'a': '*-4'})
        self.api_off()
        self.self_test(status=69)

    def test_a_list_that_mends_is_believed_again(self):
        self.api_off()
        self.zones(a=Zone(YES, YES))
        self.assertEqual(self.check(ADDRESS, status=75)['findings'][0]['status'], 'quarantined')
        self.listed(ADDRESS, by='a')
        self.assertEqual(self.check('--fresh', ADDRESS, status=75)['findings'][0]['status'], 'quarantined')
        self.self_test()
        self.check('--fresh', ADDRESS, status=10)


class Quarantine(ListsCase):
    def test_cached_answers_of_a_broken_list_create_no_block(self):
        self.zones(a=Zone(YES))
        self.check(ADDRESS, status=10)
        self.zones(a=Zone(YES, YES))
        self.self_test(status=69)
        self.check('--cached', ADDRESS, status=75)
        self.enqueue(ADDRESS)
        self.flush()
        self.assertEqual((self.verdicts(), self.count('block')), (0, 0))

    def test_hooks_and_fresh_health_cost_no_probe(self):
        self.check(ADDRESS)
        asked = self.dns.asked['a.test']
        self.gate('45.1.1.2')
        self.check('45.1.1.3')
        self.assertEqual(self.dns.asked['a.test'], asked + 1)
        self.sql('UPDATE zone SET probed_at = probed_at - 3600')
        self.check('45.1.1.4')
        self.assertEqual(self.dns.asked['a.test'], asked + 14)     # six questions for each family


class Withdrawn(ListsCase):
    """What a list confirmed before it was quarantined. Two blocks go out, two are held back."""

    REFUSING = Zone(*[b.listed('127.255.255.254')] * 2, others=b.listed('127.255.255.254'))
    EMPTY = Zone({}, test=b.not_listed())

    def block_all(self, **lists):
        self.start(lists=lists)
        self.zones(a=Zone(YES), b=Zone(YES))
        for i in range(1, 5):
            self.enqueue(f'45.1.1.{i}')
        self.flush()
        self.hold_back('45.1.1.3', '45.1.1.4')
        self.assertEqual(self.blocks(), ([2, 2], [2, 2]))

    def hold_back(self, *addresses):
        """As if the limit had been reached before they were announced."""
        for address in addresses:
            self.sql('UPDATE block SET first_at = 0, announced_at = 0, due = 1 WHERE key = ?', key_of(address))
        lines = self.place.verdict_log().splitlines(True)
        kept = ''.join(line for line in lines if not any(f'ip={address} ' in line for address in addresses))
        self.place.write('state/verdict.log', kept, 0o640, OWNER)

    def local(self, text):
        self.place.write('iprep.local', text)

    def flush_with_room(self, local=''):
        """For what is held: as if an hour had passed."""
        self.local(local)
        return self.run_it('rep-report', '--flush').stderr

    def blocks(self):
        """How many were announced, and are held: blocks, and lines; of the lowest tier, and of all."""
        held = [self.sql(f'SELECT count(*) FROM block WHERE first_at {how}')[0][0] for how in ('> 0', '= 0')]
        log = self.place.verdict_log()
        return held, [log.count('verdict=confirmed'), len({word for word in log.split() if word.startswith('ip=')})]

    def assert_left(self, blocks, lines, released):
        self.assertEqual((self.blocks(), len(self.released())), ((blocks, lines), released), self.place.verdict_log())

    def test_what_a_list_confirmed_is_released_if_it_lists_everybody_and_no_other_list_confirms_it(self):
        """A list that refuses or is empty said the truth before."""
        for name, lists, zone, blocks, lines, released in (
                ('lists everybody', {'a': POINTS}, EVERYBODY, [0, 0], [2, 2], 2),
                ('refuses', {'a': POINTS}, self.REFUSING, [2, 0], [2, 2], 0),
                ('empty', {'a': POINTS}, self.EMPTY, [2, 0], [2, 2], 0),
                ('confirmed by another', {'a': POINTS, 'b': POINTS}, EVERYBODY, [4, 0], [4, 4], 0),
                ('by another for a lower tier', {'a': '127.0.0.2*7', 'b': POINTS}, EVERYBODY, [2, 0], [4, 4], 2)):
            with self.subTest(name):
                self.block_all(**lists)
                self.zones(a=zone)
                self.self_test(status=69)
                said = self.flush_with_room()
                self.assert_left(blocks, lines, released)
                if not blocks[0]:
                    self.assertIn('[dnsbl a] quarantined: 2 blocks dropped', said)
                    self.assertEqual(self.flush_with_room(), '')
        log = self.place.verdict_log()                 # of the lower tier
        self.assertEqual((log.count('tier=notorious'), log.count('score=3 tier=known jail=sshd src=b\n')), (2, 2), log)

    def test_the_worker_that_finds_out_does_the_same(self):
        self.block_all(a=POINTS)
        self.zones(a=EVERYBODY)
        self.sql('UPDATE zone SET probed_at = probed_at - 60')
        self.enqueue('45.1.1.9')
        self.sql('UPDATE block SET due = 0 WHERE first_at = 0')    # or they would be announced before it knows
        self.flush_with_room()
        self.assert_left([0, 0], [2, 2], released=2)

    def test_a_list_that_is_disabled_or_removed_confirms_no_block_that_is_held(self):
        for local in ('[dnsbl a]\nenabled = no\n', ''):
            self.block_all(a=POINTS, b='127.0.0.9*3')
            if not local:
                self.place.change(f'[dnsbl a]\nzone = a.test\npoints = {POINTS}\n', '')
            self.flush_with_room(local)
            self.assert_left([2, 0], [2, 2], released=0)


class Remaining(ListsCase):
    """What remains of the score after list a lists everybody reaches no higher tier than a verdict would give it."""

    lists = {'a': '127.0.0.2*7', 'b': '127.0.0.2*10', 'white': '127.0.0.2*-4'}
    sections = {**ListsCase.sections, 'feed f': {'file': '{dir}/feed', 'points': '*10', 'enabled': 'yes'}}

    def tier_after(self, src, score, tier, **more):
        """Of a block that is on list white as well, if allowed."""
        allowed, held = more.pop('allowed', False), more.pop('held', False)
        self.start(**more)
        self.ready()
        self.place.write('feed', '45.1.1.9\n')
        self.zones(a=Zone({}), b=Zone({}), white=Zone({}))
        if allowed:
            self.listed(ADDRESS, by='white')
            self.check(ADDRESS, status=None)
        self.block(ADDRESS, src=src, score=score, tier=tier, held=held)
        self.zones(a=EVERYBODY, b=Zone({}))
        self.self_test(status=69)
        self.run_it('rep-report', '--flush')
        return dict(self.sql('SELECT 1, tier FROM block')).get(1), self.released()

    def test_it_keeps_to_the_rules_of_a_verdict(self):
        for name, src, score, more, announced, held in (
                ('a feed alone', 'a,f', 17, {}, 'released', 'known'),
                ('a list', 'a,b', 17, {}, 'notorious', 'notorious'),
                ('a list and a feed', 'a,b,f', 27, {}, 'notorious', 'notorious'),
                ('a list that is not configured', 'a,other', 17, {}, 'notorious', None),
                ('one accuser on an allowlist', 'a,b', 13, {'allowed': True}, 'released', None)):
            for is_held, wanted in ((False, announced), (True, held)):
                with self.subTest(name, held=is_held):
                    tier, released = self.tier_after(src, score, 'notorious', held=is_held, **more)
                    self.assertEqual('released' if released else tier, wanted)


class Keys(ListsCase):
    """That a key goes into the question and nowhere else: test_secrets.py."""

    lists = {'secret': {'zone': '%{key:{dir}/zone.key}.s.test', 'points': POINTS}}

    def test_keys_that_are_none_give_one_clear_line(self):
        for text, says in (('', 'empty'), ('a\nb', 'byte 2'), ('x' * 64, '1 to 63'), ('a.b', 'letters'),
                           ('z' * 1048576, 'too long'), ('abc', 'permissions 0644')):
            mode, status = (0o644, 77) if 'permissions' in says else (0o600, 78)
            self.place.write('zone.key', text, mode, OWNER)
            said = self.run_it('rep-check', ADDRESS, status=status, says=says).stderr
            self.assertIn(self.place.path('zone.key'), said)

    def test_a_list_without_its_key_is_left_out_and_reported(self):
        self.start(lists={**self.lists, 'a': POINTS})
        self.zones(a=Zone({}))
        done = self.run_it('rep-check', '--json', ADDRESS)
        self.assertIn('looking up without [dnsbl secret]', done.stderr)
        self.assertEqual(json.loads(done.stdout)['findings'][0]['status'], 'skipped')
        self.assertEqual(self.self_test(status=69)['secret']['state'], 'no key')


class Quota(ListsCase):
    has_api = True
    key = Case.key
    seed = {'45.200.1.1': BAD}

    def limited(self, calls):
        self.api_options = ('--limit', f'check={calls}')
        self.start()

    def test_never_more_calls_than_remain_and_the_first_one_alone(self):
        self.limited(5)
        self.api.fault('delay', 'check', delay_s=0.1)
        done = self.run_it('rep-check', '--json', *[f'45.1.2.{i}' for i in range(20)], status=75)
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual(sorted(r['verdict'] for r in rows), ['clean'] * 5 + ['unknown'] * 15)
        calls = self.api.statistics()['endpoints']['check']
        self.assertEqual((calls['accepted'], sum(calls['refused'].values())), (5, 0))
        self.assertIn('quota used up', [r for r in rows if r['verdict'] == 'unknown'][0]['findings'][1]['detail'])

    def test_suspicious_lines_leave_a_reserve_for_those_who_were_banned(self):
        self.limited(40)
        self.zones(a=Zone(YES))
        for i in range(60):
            self.gate(f'45.{i}.1.1')
        self.flush()
        self.assertEqual(self.place.verdict_log().count('tier=known'), 60)
        self.assertLessEqual(self.api.statistics()['endpoints'].get('check', {}).get('accepted', 0), 28)
        self.enqueue('45.200.1.1')
        self.flush()
        self.assertIn('ip=45.200.1.1 score=13 tier=notorious', self.place.verdict_log())

    def test_lines_that_no_list_knows_cost_no_call_of_the_reserve(self):
        self.ready()
        self.sql("INSERT INTO endpoint(name, day, quota, remaining, known, stopped_until, auth_mark, last_ok_at,"
                 " last_error_at, last_error, first_until)"
                 " VALUES('check', unixepoch() / 86400, 1000, 300, 1, 0, NULL, 0, 0, '', 0)")
        for i in range(50):
            self.gate(f'45.{i}.1.1')
        self.flush()
        self.assertEqual((self.api.statistics()['requests'], self.count('lookup')), (0, 0))


class Unknown(ListsCase):
    def test_it_is_tried_again_at_growing_intervals_for_an_hour(self):
        self.zones(a=Zone(b.servfail, b.servfail))
        self.gate(ADDRESS)
        waits = []
        for _ in range(9):
            self.flush()
            rows = self.sql("SELECT next_at - CAST(strftime('%s') AS INTEGER) FROM lookup")
            if not rows:
                break
            waits.append(rows[0][0])
            self.place.due_now()
        self.assertEqual(len(waits), 6)
        self.assertEqual(waits, sorted(waits))
        self.assertTrue(3600 <= sum(waits) <= 5000, waits)

    def test_one_silent_list_leaves_the_gate_open_for_neighbours(self):
        self.start(lists={'a': POINTS, 'b': POINTS})
        self.listed('45.1.1.99', by='a')
        self.zones(b=Zone(b.servfail, b.servfail))
        for start in range(0, 64, 16):         # more than 16 untried ones are a flood
            for i in range(start, start + 20):
                self.gate(f'45.1.1.{i}')
            self.assertEqual(self.count('lookup'), start + 16)
            self.flush()
        self.gate('45.1.1.99')
        self.flush()
        self.assertEqual(self.verdicts('45.1.1.99'), 1)

    def test_what_the_cache_does_not_know_is_unknown(self):
        self.check('--cached', ADDRESS, status=75)
        self.check(ADDRESS)
        self.check('--cached', ADDRESS)
