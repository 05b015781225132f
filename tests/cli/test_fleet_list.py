# SPDX-License-Identifier: MIT
"""[dnsbl fleet]: what other hosts publish is one list, and a pardon of any of them spares"""
import contextlib
import unittest

import configuration
import rows
import verdicts
from addresses import reversed_of
from api import Emulator
from cases import BAD, Case
from dns import behaviours as b
from dns.server import Server, Zone
from fleet_lists import A, B, FleetCase, POINTS, PUBLISHES, parse, record
from places import DAY, Place

KNOWN = {'-': A, '0': B, '100': A}
SAYS = {'yes': b.listed('127.0.0.2'), 'no': b.not_listed()}


class Verdicts(unittest.TestCase):
    def test_every_row_has_the_only_right_verdict(self):
        self.dns = self.enterContext(Server())
        self.api = Emulator({A: BAD}, key=Case.key)
        self.addCleanup(self.api.close)
        rows.check(self, rows.read('fleet_verdicts.tsv', at_least=30), self.try_row)

    def try_row(self, row):
        name, address = row['name'], KNOWN[row['abuseipdb']]
        lists = {'fleet': {'zone': f'{name}.fleet.test', 'points': POINTS}}
        self.dns.zones[f'{name}.fleet.test'] = Zone(parse(row['fleet']))
        for other in ('zen', 'two'):
            if row[other] != '-':
                self.dns.zones[f'{name}.{other}.test'] = Zone(SAYS[row[other]])
                lists[other] = {'zone': f'{name}.{other}.test', 'points': '127.0.0.2*3'}
        feed = {'file': '{dir}/x.list', 'format': 'plain', 'points': '*3', 'enabled': 'yes'}
        conf = configuration.build(general={'timeout_ms': 15000}, lists=lists, dns=self.dns.port,
                                   fleet={**PUBLISHES, 'zone': f'{name}.fleet.test'},
                                   sections={'feed x': feed} if row['feed'] != '-' else {},
                                   api=None if row['abuseipdb'] == '-' else self.api.url)
        with contextlib.closing(Place(conf, Case.key)) as place:
            place.write('x.list', f'{address if row["feed"] == "yes" else "45.9.9.9"}\n')
            place.run('rep-report', '--flush', check=True)
            yield from verdicts.by_hand(place, address, row, 'fleet', row['status'], with_answer=True)
            place.run('rep-report', '--enqueue', '--jail', 'sshd', '--', address, check=True)
            place.run('rep-report', '--flush')
            tiers = [tier for tier, in place.sql('SELECT tier FROM block')]
            if tiers != [row['tier']] * (row['tier'] != '-'):
                yield f'the block has the tier {tiers}'
            octets = [str(octet) for octet, in place.sql('SELECT octet FROM publication')]
            if octets != [row['published']] * (row['published'] != '-'):
                yield f'published: {octets}'


class Counted(FleetCase):
    def test_it_is_counted_as_a_list(self):
        self.published(record(7))
        self.gate(A)
        self.flush()
        shown = self.run_it('rep-check', '--sources', '--json').stdout
        self.assertRegex(shown, r'"source":"fleet"[^}]*"asked":1,"answered":1[^}]*"listed":1')
        self.assertEqual(self.sql('SELECT src FROM block'), [('fleet',)])

    def test_an_answer_is_cached_for_a_minute_whatever_its_ttl(self):
        self.published(record(7), ttl=3600)
        self.check(A, status=10)
        self.assertEqual(self.sql("SELECT expires_at - answered_at FROM finding WHERE source = 'fleet'"), [(60,)])


class Own(FleetCase):
    """This host is number 7 and publishes in the zone that it reads."""
    sections = {**FleetCase.sections, 'fleet': {**PUBLISHES, 'host': 7}}

    def test_what_it_published_itself_is_no_evidence(self):
        for octet in (2, 9, 254):
            self.published(record(7, octet))
            shown = self.finding()
            self.assertEqual((shown['listed'], shown['points'], shown['detail']),
                             (False, 0, 'listed by this host only'), octet)

    def test_what_other_hosts_published_next_to_it_is(self):
        for other, points in ((record(7 + 256), 3), (record(8), 3), (record(8, 254), -100)):
            self.published(record(7), other)
            self.assertEqual(self.finding(status=None)['points'], points, other)

    def test_an_error_code_next_to_it_is_one(self):
        self.published(record(7), '127.255.255.254')
        self.assertEqual(self.finding(status=75)['status'], 'error')

    def test_its_own_record_holds_no_block(self):
        self.block_made_a_week_ago()
        self.published(record(7))
        self.assertEqual((self.recheck(), self.blocked()), ((1, 1, 0, 0), []))

    def block_made_a_week_ago(self):
        self.ready()
        self.block(A, tier='notorious', score=13, age=8 * DAY, left=100 * DAY)

    def test_the_list_is_the_one_with_its_zone_whatever_its_name(self):
        self.start(lists={'ours': {'zone': 'fleet.test', 'points': POINTS}})
        self.published(record(7))
        self.assertEqual(self.check('--fresh', A)['findings'][0]['detail'], 'listed by this host only')


class Poison(FleetCase):
    """What a stolen key can add to the zone, and what it does to a host that reads it."""

    def test_a_wildcard_that_lists_every_address_is_quarantined(self):
        for octet in (2, 254):
            with self.subTest(octet=octet):
                everybody = b.listed(record(7, octet))
                self.start()
                self.listed()
                self.dns.zones['fleet.test'] = Zone(everybody, others=everybody)
                self.gate(A)
                self.flush()
                self.assertEqual(self.blocked(), [])
                self.assertEqual(self.finding()['status'], 'quarantined')

    def test_a_wildcard_releases_what_only_the_fleet_had_listed_and_no_more(self):
        self.published(record(7))
        self.listed(B)
        for address in (A, B):
            self.gate(address)
        self.flush()
        self.assertEqual(self.blocked(), [A, B])
        self.minute_later()
        everybody = b.listed(record(7))
        self.dns.zones['fleet.test'] = Zone(everybody, others=everybody)
        self.gate('45.1.1.9')
        self.flush()
        self.assertEqual((self.blocked(), self.released()), ([B], [A]))

    def test_a_wildcard_of_a_network_is_not_counted(self):
        for name in ('45', '1.45', '1.1.45'):
            for octet in (2, 254):
                self.start()
                self.listed()
                self.says('fleet', {reversed_of('45.1.2.1'): b.listed(record(8))})
                self.dns.zones['fleet.test'].wildcards[name] = b.listed(record(7, octet))
                shown = self.finding()
                self.assertEqual((shown['status'], shown['points']), ('skipped', 0), (name, octet))
                self.assertIn('listed by a wildcard', shown['detail'])
                self.assertEqual(self.sql("SELECT silent_since FROM zone WHERE name = 'fleet'"), [(0,)])
                self.gate(A)
                self.flush()
                self.assertEqual(self.blocked(), [])

    def test_a_wildcard_does_not_keep_other_lists_from_deciding(self):
        self.listed(A)
        self.says('fleet', {})
        self.dns.zones['fleet.test'].wildcards['45'] = b.listed(record(7, 254))
        self.gate(A)
        self.flush()
        self.assertEqual(self.blocked(), [A])

    def test_127_0_0_1_is_quarantined(self):
        self.published(record(7))
        self.dns.zones['fleet.test'].special['1.0.0.127'] = b.listed(record(7))
        self.gate(A)
        self.flush()
        self.assertEqual((self.blocked(), self.finding()['status']), ([], 'quarantined'))

    def test_a_test_point_that_is_gone_is_quarantined(self):
        self.says('fleet', {reversed_of(A): b.listed(record(7))}, test=b.not_listed())
        self.gate(A)
        self.flush()
        self.assertEqual((self.blocked(), self.finding()['status']), ([], 'quarantined'))

    def test_an_allowed_address_is_not_even_asked_for(self):
        self.start(allow={'addresses': A})
        self.published(record(7))
        self.enqueue(A)
        self.gate(A)
        self.flush()
        self.assertEqual((self.blocked(), self.asked(A, of='fleet')), ([], 0))

    def test_control_characters_of_a_reason_are_masked(self):
        self.published(record(7), txt=b'h=7 u=1\x1b[2J\r\nSubject: x\x00\xff')
        shown = self.run_it('rep-check', A, status=10).stdout
        self.assertNotRegex(shown, r'[\x00-\x09\x0b-\x1f\x7f-\xff]')
        self.assertIn('h=7 u=1', shown)

    def test_the_number_of_another_host_is_worth_as_much_as_any(self):
        self.published(record(7), record(8), record(9))
        self.assertEqual(self.finding(status=10)['points'], 3)

    def test_a_flood_makes_as_many_blocks_as_max_new_blocks_allows(self):
        self.start(worker={'max_new_blocks': '5/1h'})
        self.says('fleet', b.listed(record(7)))
        addresses = [f'45.{i}.1.1' for i in range(1, 41)]
        for address in addresses:
            self.gate(address)
        self.flush()
        self.assertEqual(self.verdicts(), 5)
        self.assertEqual([tier for tier, in self.sql('SELECT DISTINCT tier FROM block')], ['known'])

    def test_what_was_not_seen_here_is_never_asked_for(self):
        self.says('fleet', b.listed(record(7)))
        self.gate(A)
        self.flush()
        self.assertEqual((self.blocked(), self.asked(B, of='fleet')), ([A], 0))


class Silence(FleetCase):
    def test_an_outage_delays_blocks_and_after_half_an_hour_no_more(self):
        self.listed(A)
        self.check('45.1.1.9')                      # both lists pass their probes
        self.dns.zones['fleet.test'] = Zone(b.servfail, b.servfail, b.servfail, b.servfail)
        self.gate(A)
        self.flush()
        self.assertEqual((self.blocked(), self.count('lookup')), ([], 1))
        self.sql("UPDATE zone SET silent_since = silent_since - 1800 WHERE name = 'fleet'")
        self.sql('UPDATE lookup SET next_at = next_at - 60')
        self.flush()
        self.sql('UPDATE lookup SET next_at = next_at - 1800')
        self.flush()
        self.assertEqual(self.blocked(), [A])
        self.assertIn('has not answered for half an hour', self.finding(status=10)['detail'])

    def test_when_it_answers_again_it_counts_within_ten_minutes(self):
        self.test_an_outage_delays_blocks_and_after_half_an_hour_no_more()
        self.published(record(9, 254))
        self.sql("UPDATE zone SET probed_at = probed_at - 600 WHERE name = 'fleet'")
        self.assertEqual(self.finding()['points'], -100)
        self.assertEqual(self.blocked(), [])
