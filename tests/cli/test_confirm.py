# SPDX-License-Identifier: MIT
"""What has to be proved before a block is made, prolonged or released"""
import re
import time

from addresses import key_of, reversed_of
from dns import behaviours as b
from dns.server import Zone
from places import DAY, KEY, YEAR
from purging import LIST, PurgeCase

ADDRESS = '45.1.1.1'
REVERSED = reversed_of(ADDRESS)
HOUR = 3600
YES, NO = b.listed('127.0.0.2'), b.not_listed()
FORGED_NO = b.by_transport(NO, YES)        # over UDP anybody may answer; over TCP the resolver does


class ConfirmCase(PurgeCase):
    lists = {'zen': LIST}

    def setUp(self):
        super().setUp()
        self.listed(ADDRESS)

    def behaves(self, behaviour):
        """Of the list, when it is asked for the address."""
        self.says('zen', {REVERSED: behaviour})

    def seen(self, status=10):
        """A suspicious line."""
        self.gate(ADDRESS, jail='rep-x', status=status)

    def sure(self):
        self.enqueue(ADDRESS)

    def seen_and_looked_up(self, status=10):
        self.seen(status)
        self.flush()


class Prolonged(ConfirmCase):
    """A blocked address that is seen again: its line is lost, or its ban."""

    def blocked_since(self, age, tier='known', last=DAY):
        self.block(ADDRESS, age=age, left=last - age, tier=tier)

    def assert_ends_in(self, seconds, lines):
        self.assertAlmostEqual(self.block_ends_in(), seconds, delta=120)
        self.assertEqual(self.verdicts(ADDRESS), lines)

    def test_a_delisted_address_is_not_prolonged_whatever_it_writes(self):
        self.seen_and_looked_up(status=0)
        self.assertEqual((self.verdicts(ADDRESS), self.sql('SELECT src, jail FROM block')), (1, [('zen', 'rep-x')]))
        self.sql('UPDATE block SET since = since - ?1, until = until - ?1, announced_at = announced_at - ?1', 12 * HOUR)
        self.sql('DELETE FROM finding')
        self.behaves(NO)
        for _ in range(3):
            self.seen_and_looked_up()
        self.assert_ends_in(12 * HOUR, lines=1)
        self.assertEqual((self.asked(ADDRESS), self.count('lookup')), (3, 0))

    def test_an_address_that_is_still_listed_is_prolonged_by_a_lookup(self):
        for see in (self.seen, self.sure):
            with self.subTest(see=see.__name__):
                self.sql('DELETE FROM block')
                self.sql('DELETE FROM finding')
                self.blocked_since(23 * HOUR)
                before = self.verdicts(ADDRESS)
                see()
                self.assert_ends_in(HOUR, before)
                self.flush()
                self.assert_ends_in(DAY, before + 1)
                see()
                self.flush()
                self.assertEqual(self.verdicts(ADDRESS), before + 1)

    def test_evidence_from_the_cache_asks_no_list(self):
        self.seen_and_looked_up(status=0)
        asked = self.asked(ADDRESS)
        self.sql('UPDATE block SET until = until - 600, announced_at = announced_at - 600')
        self.seen_and_looked_up()
        self.assert_ends_in(DAY, lines=2)
        self.assertEqual(self.asked(ADDRESS), asked)

    def test_without_an_answer_the_line_is_written_once_and_nothing_is_prolonged(self):
        for silence in (b.servfail, b.refused, b.silent(), b.chain_to_nothing()):
            self.sql('DELETE FROM lookup')
            self.blocked_since(12 * HOUR)
            self.behaves(silence)
            before = self.verdicts(ADDRESS)
            for _ in range(3):
                self.seen_and_looked_up()
                self.place.due_now()
            self.assert_ends_in(12 * HOUR, before + 1)

    def test_a_suspicious_line_prolongs_no_higher_tier(self):
        self.blocked_since(100 * DAY, 'notorious', YEAR)
        self.seen_and_looked_up()
        self.assert_ends_in(YEAR - 100 * DAY, lines=1)

    def test_a_sure_address_prolongs_a_higher_tier_only_with_evidence_of_it(self):
        for name, behaviour, left, lines in (('of its tier', b.listed('127.0.0.3'), YEAR, 1),
                                             ('of the lowest', YES, YEAR - 100 * DAY, 1),
                                             ('no answer', b.servfail, YEAR - 100 * DAY, 1),
                                             ('delisted', NO, YEAR - 100 * DAY, 0)):
            with self.subTest(name):
                self.start(lists={'zen': LIST + ' 127.0.0.3*10'})
                self.behaves(behaviour)
                self.blocked_since(100 * DAY, 'notorious', YEAR)
                self.sure()
                self.flush()
                self.assert_ends_in(left, lines)

    def test_where_no_lookup_fits_in_the_queue_only_the_line_is_written(self):
        self.blocked_since(12 * HOUR)
        for i in range(16):
            self.sql("INSERT INTO lookup VALUES(?1, ?1, 1, 1, 0, ?2, ?2, 'x')", key_of(f'45.1.1.{100 + i}'),
                     int(time.time()))
        self.seen()
        self.assertEqual(self.count('lookup'), 16)
        self.flush()
        self.assert_ends_in(12 * HOUR, lines=1)


class ReleaseCase(ConfirmCase):
    """The re-check of a long block, where what a list says must be confirmed over TCP."""

    def start(self, confirm='yes', **more):
        super().start(sections={'dns': {'confirm_tcp': confirm}}, **more)

    def recheck_of(self, behaviour, **more):
        """(released, listed, undecided)"""
        self.sql('DELETE FROM released')
        self.old_block(ADDRESS)
        self.says('zen', {REVERSED: behaviour}, **more)
        _, *outcome = self.recheck()
        self.assertEqual(len(self.released()), outcome[0])
        return tuple(outcome)


class Released(ReleaseCase):
    def test_a_forged_no_releases_nothing(self):
        for name, behaviour, outcome in (('forged', FORGED_NO, (0, 1, 0)), ('true', NO, (1, 0, 0)),
                                         ('no TCP', b.by_transport(NO, b.silent()), (0, 0, 1)),
                                         ('an error over TCP', b.by_transport(NO, b.servfail), (0, 0, 1)),
                                         ('nonsense over TCP', b.by_transport(NO, b.chain_to_nothing()), (0, 0, 1)),
                                         ('forged listing', b.by_transport(YES, NO), (0, 1, 0))):
            with self.subTest(name):
                self.assertEqual(self.recheck_of(behaviour), outcome)

    def test_a_forged_test_entry_releases_nothing(self):
        for tcp in (NO, b.silent()):
            self.assertEqual(self.recheck_of(NO, test=b.by_transport(YES, tcp)), (0, 0, 1))

    def test_without_confirmation_and_with_a_resolver_of_this_host_one_answer_is_enough(self):
        for confirm in ('no', 'auto'):
            self.start(confirm)
            self.assertEqual(self.recheck_of(FORGED_NO), (1, 0, 0))


class PaidReleased(ReleaseCase):
    """The same with AbuseIPDB, which knows nothing of the address."""
    has_api = True
    key = KEY

    def test_a_no_that_is_forged_costs_no_call(self):
        for behaviour, outcome, calls in ((FORGED_NO, (0, 1, 0), 0), (NO, (1, 0, 0), 1)):
            self.assertEqual((self.recheck_of(behaviour), self.api.statistics()['requests']), (outcome, calls))


class Messages(ReleaseCase):
    """Who did not answer, over what, and how long it was waited for."""

    def detail(self, behaviour):
        self.behaves(behaviour)
        self.sql('DELETE FROM finding')
        return self.check(ADDRESS, status=75)['findings'][0]['detail']

    def test_a_failure_names_the_resolver(self):
        here = f'127.0.0.1:{self.dns.port}'
        for behaviour, says in ((b.refused, f'REFUSED (resolver {here})'), (b.servfail, f'SERVFAIL (resolver {here})'),
                                (b.empty(), f'broken answer: neither an answer nor a SOA (resolver {here})'),
                                (b.truncated(b.servfail), f'SERVFAIL (resolver {here} over TCP)'),
                                (b.truncated(b.truncated()), f'(resolver {here} over TCP)')):
            self.assertIn(says, self.detail(behaviour))

    def test_a_timeout_says_how_long_it_really_was(self):
        for behaviour, over in ((b.silent(), ''), (b.truncated(), ' over TCP')):
            match = re.fullmatch(rf'timeout after (\d+) ms \(resolver 127.0.0.1:{self.dns.port}{over}\)',
                                 self.detail(behaviour))
            self.assertGreater(int(match[1]), 0)

    def test_an_answer_over_tcp_counts_until_the_deadline(self):
        self.place.change('timeout_ms = 1500', 'timeout_ms = 30000')
        self.behaves(b.by_transport(YES, b.delayed(11, YES)))
        self.sure()
        self.flush()
        self.assertEqual(self.verdicts(ADDRESS), 1)


class NoTcp(ReleaseCase):
    """A resolver without TCP, where listings must be confirmed over TCP."""

    def setUp(self):
        super().setUp()
        self.here = f'127.0.0.1:{self.dns.port} over TCP'
        self.over_tcp(b.silent())

    def over_tcp(self, tcp):
        yes = b.by_transport(YES, tcp)
        self.dns.zones['zen.test'] = Zone({REVERSED: yes}, test=yes)

    def flush_says(self):
        self.place.due_now()
        return self.run_it('rep-report', '--flush').stderr

    def test_the_self_test_fails_and_names_the_resolver_and_what_to_do(self):
        rows = self.self_test(status=69)
        self.assertEqual((rows['zen']['state'], rows['DNS over TCP']['state']), ('ok', 'silent'))
        for says in (self.here, 'listings create no blocks', 'allow TCP port 53', 'confirm_tcp = no'):
            self.assertIn(says, rows['DNS over TCP']['why'])
        text = self.run_it('rep-check', '--self-test', status=69).stdout
        self.assertEqual(sum(line.startswith('DNS over TCP') for line in text.splitlines()), 1)

    def test_the_self_test_is_content_with_tcp_and_silent_where_none_is_needed(self):
        self.over_tcp(b.servfail)              # a reply, whatever it says
        self.assertEqual(self.self_test(status=None)['DNS over TCP']['state'], 'ok')
        for confirm in ('no', 'auto'):
            self.start(confirm)
            self.assertNotIn('DNS over TCP', self.self_test(status=None))

    def test_status_says_it_once_a_listing_could_not_be_confirmed_until_one_is(self):
        self.assertIsNone(self.status()['no_tcp'])
        self.seen(status=0)
        self.assertIn(self.here, self.flush_says())
        self.assertIn(self.here, self.status()['no_tcp'])
        self.assertAlmostEqual(self.status()['no_tcp_at'], time.time(), delta=300)
        text = self.run_it('rep-report', '--status').stdout
        line, = [line for line in text.splitlines() if line.startswith('DNS over TCP: ')]
        for says in (self.here, 'listings create no blocks', 'allow TCP port 53'):
            self.assertIn(says, line)
        self.assertNotIn('dns-tcp', text)
        self.assertNotIn('confirm_tcp', self.flush_says())      # said once
        self.assertEqual(self.verdicts(ADDRESS), 0)
        self.listed(ADDRESS)
        self.flush_says()
        self.assertEqual((self.verdicts(ADDRESS), self.status()['no_tcp'], self.status()['no_tcp_at']), (1, None, None))
