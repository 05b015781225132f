#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What has to be proved before a block is made, prolonged or released: against DNS lists of the tests.

    test_confirm.py DIRECTORY-OF-PROGRAMS        (as root)
"""
import json
import os
import re
import time

import purge_case  # first: it finds the next ones
from dns import behaviours as b
import place
from purge_case import DAY, LIST, YEAR
from dns.server import Zone

ADDRESS, REVERSED = '45.1.1.1', '1.1.1.45'
HOUR = 3600


class Case(purge_case.Case):
    more = LIST.format('zen')

    def setUp(self):
        super().setUp()
        self.listed()

    def listed(self, points='127.0.0.2'):
        self.dns.zones['zen.test'] = Zone({REVERSED: b.listed(points)})

    def says(self, behaviour):
        self.dns.zones['zen.test'] = Zone({REVERSED: behaviour})

    def gate(self, status=10):
        self.purge('--gate', '--jail', 'rep-x', '--', ADDRESS, program='rep-check', status=status)

    def sure(self):
        self.purge('--enqueue', '--jail', 'sshd', '--', ADDRESS, program='rep-report')

    def flush(self):
        return self.purge('--flush', program='rep-report').stderr

    def lines(self):
        return self.place.verdict_log().count(f'ip={ADDRESS} ')

    def until(self):
        return self.sql('SELECT until FROM block')[0][0] - int(time.time())


class Prolonged(Case):
    """A blocked address that is seen again: its line is lost, or its ban."""

    def blocked_since(self, age, tier='known', last=DAY):
        since = int(time.time()) - age
        self.block(ADDRESS, since, since + last, tier=tier)

    def test_a_delisted_address_is_not_prolonged_whatever_it_writes(self):
        self.gate(status=0)
        self.flush()
        self.assertEqual((self.lines(), self.sql('SELECT src, jail FROM block')), (1, [('zen', 'rep-x')]))
        self.sql('UPDATE block SET since = since - ?1, until = until - ?1, announced_at = announced_at - ?1', 12 * HOUR)
        self.sql('DELETE FROM finding')
        self.says(b.not_listed())
        for _ in range(3):
            self.gate()
            self.flush()
        self.assertAlmostEqual(self.until(), 12 * HOUR, delta=120)
        self.assertEqual((self.lines(), self.asked(REVERSED), self.count('lookup')), (1, 3, 0))

    def test_an_address_that_is_still_listed_is_prolonged_by_a_lookup(self):
        for see in (self.gate, self.sure):
            with self.subTest(see=see.__name__):
                self.sql('DELETE FROM block')
                self.sql('DELETE FROM finding')
                self.blocked_since(23 * HOUR)
                before = self.lines()
                see()
                self.assertAlmostEqual(self.until(), HOUR, delta=120)
                self.flush()
                self.assertAlmostEqual(self.until(), DAY, delta=120)
                self.assertEqual(self.lines(), before + 1)
                see()
                self.flush()
                self.assertEqual(self.lines(), before + 1)

    def test_evidence_from_the_cache_asks_no_list(self):
        self.gate(status=0)
        self.flush()
        asked = self.asked(REVERSED)
        self.sql('UPDATE block SET until = until - 600, announced_at = announced_at - 600')
        self.gate()
        self.flush()
        self.assertEqual((self.lines(), self.asked(REVERSED)), (2, asked))
        self.assertAlmostEqual(self.until(), DAY, delta=120)

    def test_without_an_answer_the_line_is_written_once_and_nothing_is_prolonged(self):
        for silence in (b.servfail, b.refused, b.silent(), b.chain_to_nothing()):
            self.sql('DELETE FROM block')
            self.sql('DELETE FROM lookup')
            self.blocked_since(12 * HOUR)
            self.says(silence)
            before = self.lines()
            for _ in range(3):
                self.gate()
                self.flush()
                self.sql('UPDATE lookup SET next_at = 0')
            self.assertAlmostEqual(self.until(), 12 * HOUR, delta=120)
            self.assertEqual(self.lines(), before + 1)

    def test_a_suspicious_line_prolongs_no_higher_tier(self):
        self.blocked_since(100 * DAY, 'notorious', YEAR)
        self.gate()
        self.flush()
        self.assertAlmostEqual(self.until(), YEAR - 100 * DAY, delta=120)
        self.assertEqual(self.lines(), 1)

    def test_a_sure_address_prolongs_a_higher_tier_only_with_evidence_of_it(self):
        for name, zone, left, lines in (('of its tier', b.listed('127.0.0.3'), YEAR, 1),
                                        ('of the lowest', b.listed('127.0.0.2'), YEAR - 100 * DAY, 1),
                                        ('no answer', b.servfail, YEAR - 100 * DAY, 1),
                                        ('delisted', b.not_listed(), YEAR - 100 * DAY, 0)):
            with self.subTest(name):
                self.start(LIST.format('zen').replace('*3', '*3 127.0.0.3*10'))
                self.says(zone)
                self.blocked_since(100 * DAY, 'notorious', YEAR)
                self.sure()
                self.flush()
                self.assertAlmostEqual(self.until(), left, delta=120)
                self.assertEqual(self.lines(), lines)

    def test_where_no_lookup_fits_in_the_queue_only_the_line_is_written(self):
        self.blocked_since(12 * HOUR)
        now = int(time.time())
        for i in range(16):
            self.sql('INSERT INTO lookup VALUES(?1, ?1, 1, 1, 0, ?2, ?2, ?3)', purge_case.key_of(f'45.1.1.{100 + i}'),
                     now, 'x')
        self.gate()
        self.assertEqual(self.count('lookup'), 16)
        self.flush()
        self.assertAlmostEqual(self.until(), 12 * HOUR, delta=120)
        self.assertEqual(self.lines(), 1)


def forged(udp, tcp):
    """Over UDP anybody may answer; over TCP the resolver does."""
    return b.by_transport(udp, tcp)


class ReleaseCase(Case):
    """The re-check of a long block."""
    confirm = 'yes'

    def start(self, more='', key=False):
        super().start(more, key)
        with open(self.place.path('iprep.conf'), encoding='ascii') as f:
            text = f.read().replace('[dns]\n', f'[dns]\nconfirm_tcp = {self.confirm}\n')
        self.place.write('iprep.conf', text)

    def look(self, zone):
        self.sql('DELETE FROM block')
        self.sql('DELETE FROM released')
        self.old_block(ADDRESS)
        self.dns.zones['zen.test'] = zone
        s = self.stats('--recheck')
        self.assertEqual(len(self.released()), s['released'])
        return s['released'], s['listed'], s['undecided']


class Released(ReleaseCase):
    def test_a_forged_no_releases_nothing(self):
        no, yes = b.not_listed(), b.listed('127.0.0.2')
        for name, behaviour, outcome in (('forged', forged(no, yes), (0, 1, 0)), ('true', no, (1, 0, 0)),
                                         ('no TCP', forged(no, b.silent()), (0, 0, 1)),
                                         ('an error over TCP', forged(no, b.servfail), (0, 0, 1)),
                                         ('a strange answer over TCP', forged(no, b.chain_to_nothing()), (0, 0, 1)),
                                         ('forged listing', forged(yes, no), (0, 1, 0))):
            with self.subTest(name):
                self.assertEqual(self.look(Zone({REVERSED: behaviour})), outcome)

    def test_a_forged_test_entry_releases_nothing(self):
        for tcp in (b.not_listed(), b.silent()):
            zone = Zone({}, test=forged(b.listed('127.0.0.2'), tcp))
            self.assertEqual(self.look(zone), (0, 0, 1))

    def test_without_confirmation_and_with_a_resolver_of_this_host_one_answer_is_enough(self):
        for self.confirm in ('no', 'auto'):
            self.start(self.more)
            zone = Zone({REVERSED: forged(b.not_listed(), b.listed('127.0.0.2'))})
            self.assertEqual(self.look(zone), (1, 0, 0))


class PaidReleased(ReleaseCase):
    """The same with AbuseIPDB, which knows nothing of the address."""

    def start(self, more='', key=True):
        if not hasattr(self, 'api'):
            self.api = place.Emulator()
            self.addCleanup(self.api.close)
        super().start(more + f'[abuseipdb]\nurl = {self.api.url}\nkey_file = {{dir}}/key\n', key)

    def test_a_no_that_is_forged_costs_no_call(self):
        self.assertEqual(self.look(Zone({REVERSED: forged(b.not_listed(), b.listed('127.0.0.2'))})), (0, 1, 0))
        self.assertEqual(self.api.control('stats')['requests'], 0)
        self.assertEqual(self.look(Zone({})), (1, 0, 0))
        self.assertEqual(self.api.control('stats')['requests'], 1)


class Messages(ReleaseCase):
    """Who did not answer, over what, and how long it was waited for."""

    def said(self, zone, status=75):
        self.dns.zones['zen.test'] = zone
        self.sql('DELETE FROM finding')
        p = self.purge('--json', ADDRESS, program='rep-check', status=status)
        return json.loads(p.stdout)['findings'][0]['detail']

    def test_a_failure_names_the_resolver(self):
        here = f'127.0.0.1:{self.dns.port}'
        for behaviour, says in ((b.refused, f'REFUSED (resolver {here})'), (b.servfail, f'SERVFAIL (resolver {here})'),
                                (b.empty(), f'broken answer: neither an answer nor a SOA (resolver {here})'),
                                (b.truncated(b.servfail), f'SERVFAIL (resolver {here} over TCP)'),
                                (b.truncated(b.truncated()), f'(resolver {here} over TCP)')):
            self.assertIn(says, self.said(Zone({REVERSED: behaviour})))

    def test_a_timeout_says_how_long_it_really_was(self):
        for behaviour, over in ((b.silent(), ''), (b.truncated(), ' over TCP')):
            match = re.fullmatch(rf'timeout after (\d+) ms \(resolver 127.0.0.1:{self.dns.port}{over}\)',
                                 self.said(Zone({REVERSED: behaviour})))
            self.assertGreater(int(match[1]), 0)

    def test_an_answer_over_tcp_counts_until_the_deadline(self):
        with open(self.place.path('iprep.conf'), encoding='ascii') as f:
            self.place.write('iprep.conf', f.read().replace('timeout_ms = 1500', 'timeout_ms = 30000'))
        self.dns.zones['zen.test'] = Zone({REVERSED: forged(b.listed('127.0.0.2'), b.delayed(11, b.listed('127.0.0.2')))})
        self.sure()
        self.flush()
        self.assertEqual(self.lines(), 1)


class NoTcp(ReleaseCase):
    """A resolver without TCP, where listings must be confirmed over TCP."""

    def setUp(self):
        super().setUp()
        self.here = f'127.0.0.1:{self.dns.port} over TCP'
        self.udp_only(b.silent())

    def udp_only(self, tcp):
        yes = forged(b.listed('127.0.0.2'), tcp)
        self.dns.zones['zen.test'] = Zone({REVERSED: yes}, test=yes)

    def self_test(self):
        p = self.place.run('rep-check', '--self-test', '--json')
        return p, {row['source']: row for row in map(json.loads, p.stdout.splitlines()) if 'source' in row}

    def status(self):
        return json.loads(self.purge('--status', '--json', program='rep-report').stdout)

    def test_the_self_test_fails_and_names_the_resolver_and_what_to_do(self):
        p, rows = self.self_test()
        self.assertEqual((p.returncode, rows['zen']['state'], rows['DNS over TCP']['state']), (69, 'ok', 'silent'))
        for says in (self.here, 'no listing creates a block', 'allow TCP port 53', 'confirm_tcp = no'):
            self.assertIn(says, rows['DNS over TCP']['why'])
        text = self.place.run('rep-check', '--self-test').stdout
        self.assertEqual(sum(line.startswith('DNS over TCP') for line in text.splitlines()), 1)

    def test_the_self_test_is_content_with_tcp_and_silent_where_none_is_needed(self):
        self.udp_only(b.servfail)              # a reply, whatever it says
        self.assertEqual(self.self_test()[1]['DNS over TCP']['state'], 'ok')
        for self.confirm in ('no', 'auto'):
            self.start(self.more)
            self.assertNotIn('DNS over TCP', self.self_test()[1])

    def test_status_says_it_once_a_listing_could_not_be_confirmed_until_one_is(self):
        self.assertIsNone(self.status()['no_tcp'])
        self.gate(status=0)
        self.assertIn(self.here, self.flush())
        self.assertIn(self.here, self.status()['no_tcp'])
        self.assertAlmostEqual(self.status()['no_tcp_at'], time.time(), delta=300)
        text = self.purge('--status', program='rep-report').stdout
        line, = [line for line in text.splitlines() if line.startswith('DNS over TCP: ')]
        for says in (self.here, 'no listing creates a block', 'allow TCP port 53'):
            self.assertIn(says, line)
        self.assertNotIn('dns-tcp', text)
        self.sql('UPDATE lookup SET next_at = 0')
        self.assertNotIn('confirm_tcp', self.flush())      # said once
        self.assertEqual(self.lines(), 0)
        self.listed()
        self.sql('UPDATE lookup SET next_at = 0')
        self.flush()
        self.assertEqual((self.lines(), self.status()['no_tcp'], self.status()['no_tcp_at']), (1, None, None))


if __name__ == '__main__':
    purge_case.main()
