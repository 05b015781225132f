# SPDX-License-Identifier: MIT
"""What the gate does for addresses that feeds on disk name: it counts a line where no answer could change it"""
import os

from addresses import reversed_of
from cases import BAD, Case
from configuration import NOBODY_LISTENS
from dns import behaviours as b

KNOWN = [f'45.10.{i}.1' for i in range(40)]
OTHERS = [f'45.20.{i}.1' for i in range(10)]
ADDRESS, OTHER = KNOWN[0], OTHERS[0]


class FeedGateCase(Case):
    """One feed from a file; the resolver, if there is one, knows nothing."""
    feed = {}                              # of [feed x], over these

    def setUp(self):
        self.settings = {'general': {'timeout_ms': 1000}, 'feed x': {
            'file': '{dir}/x.list', 'format': 'plain', 'points': '*3', 'enabled': 'yes', **self.feed}}
        super().setUp()

    def start(self, **more):
        """A new place, with the feed compiled."""
        sections = {**self.settings, **more.pop('sections', {})}
        super().start(sections=sections, **more)
        self.place.write('x.list', '\n'.join(KNOWN) + '\n')
        self.flush()

    def set_feed(self, **keys):
        """The administrator changes the section, and no worker has run since."""
        text = self.place.text('iprep.conf')
        for key, value in keys.items():
            lines = [f'{key} = {value}' if line.startswith(f'{key} = ') else line for line in text.splitlines()]
            self.assertNotEqual('\n'.join(lines) + '\n', text)
            text = '\n'.join(lines) + '\n'
        self.place.write('iprep.conf', text)

    def counted(self, addresses, **more):
        """Which of them count at their first line."""
        return [a for a in addresses if self.run_it('rep-check', '--gate', '--jail', 'x', '--', a, status=None,
                                                    **more).returncode == 10]

    def finding(self, address, source='x'):
        shown = self.check('--cached', address, status=None)
        return next(one for one in shown['findings'] if one['source'] == source)


class Down(FeedGateCase):
    """No resolver, no network, no AbuseIPDB, from the start."""
    lists = {'zen': '127.0.0.2*3'}
    has_resolver = False

    def setUp(self):
        super().setUp()
        self.start(api=f'http://127.0.0.1:{NOBODY_LISTENS}')

    def test_each_known_address_counts_at_its_first_line_and_no_other(self):
        self.assertEqual(self.counted(KNOWN + OTHERS), KNOWN)
        self.flush()
        self.assertEqual(self.blocked(), sorted(KNOWN))
        self.assertEqual(self.verdicts(), len(KNOWN))
        self.assertEqual(self.counted(KNOWN[:3]), KNOWN[:3])

    def test_the_evidence_names_the_feed_and_its_age(self):
        line = self.check('--cached', ADDRESS, status=10)
        self.assertEqual((line['verdict'], line['tier'], line['score']['low']), ('confirmed', 'known', 3))
        finding = self.finding(ADDRESS)
        self.assertTrue(finding['listed'])
        self.assertIn('downloaded 20', finding['detail'])
        self.assertIn('x', self.run_it('rep-check', '--cached', ADDRESS, status=10).stdout)
        self.gate(ADDRESS, status=10)
        self.flush()
        self.assertEqual(self.sql('SELECT src FROM block'), [('x',)])


class Limits(FeedGateCase):
    def test_where_names_are_counted_a_feed_counts_nothing(self):
        self.gate(ADDRESS, jail='rep-spray', user='root')
        self.gate(ADDRESS, jail='rep-spray', user='')
        self.gate(ADDRESS, status=10)

    def test_after_a_login_the_job_decides(self):
        self.login(ADDRESS)
        self.gate(ADDRESS)
        self.flush()
        self.assertEqual(self.blocked(), [])

    def test_a_pardoned_address_does_not_count(self):
        self.purge('--pardon', '1d', ADDRESS)
        self.gate(ADDRESS)
        self.assertEqual(self.count('lookup'), 0)

    def test_a_restored_ban_counts_with_its_block_only(self):
        self.gate(ADDRESS, '--restored', '1')
        self.gate(ADDRESS, status=10)
        self.flush()
        self.gate(ADDRESS, '--restored', '1', status=10)

    def test_no_more_than_max_new_blocks_whether_a_worker_runs_or_not(self):
        self.start(worker={'max_new_blocks': '5/1h'})
        self.assertEqual(self.counted(KNOWN[:8]), KNOWN[:5])
        self.flush()
        self.assertEqual(self.verdicts(), 5)
        self.assertEqual(self.counted(KNOWN[8:10]), [])

    def test_blocks_that_are_held_back_take_the_room_of_new_ones(self):
        self.start(worker={'max_new_blocks': '5/1h'})
        self.ready()
        for number in range(5):
            self.block(f'45.98.{number}.1', held=True, due=1)
        self.assertEqual(self.counted(KNOWN[:2]), [])

    def test_as_many_lines_as_the_gate_wants(self):
        self.start(gate={'failures': 3})
        self.gate(ADDRESS)
        self.gate(ADDRESS)
        self.gate(ADDRESS, status=10)
        self.gate(ADDRESS, status=10)

    def test_an_allowed_address_does_not_count(self):
        self.start(allow={'addresses': '45.99.0.0/24'})
        self.place.change('45.99.0.0', '45.10.0.0')
        self.assertEqual(self.counted(KNOWN[:2]), KNOWN[1:2])

    def test_points_that_reach_no_tier_do_not_count(self):
        self.start(sections={'feed x': {**self.settings['feed x'], 'points': '*2'}})
        self.assertEqual(self.counted(KNOWN[:2] + OTHERS[:1]), [])


class Allowlists(FeedGateCase):
    feed = {'points': '*20'}
    lists = {'good': '127.0.0.2*-4'}

    def test_one_that_could_object_is_asked_first(self):
        self.listed(KNOWN[1], by='good')
        self.assertEqual(self.counted(KNOWN[:2]), [])
        self.flush()
        self.assertEqual(self.blocked(), KNOWN[:1])
        self.assertEqual(self.check('--cached', KNOWN[1])['verdict'], 'clean')

    def test_one_whose_answer_is_cached_as_not_listed_cannot_object(self):
        self.says('good', {})
        self.check('--fresh', ADDRESS, status=10)
        self.gate(ADDRESS, status=10)

    def test_one_that_does_not_answer_keeps_the_gate_shut(self):
        self.says('good', {reversed_of(ADDRESS): b.servfail})
        self.gate(ADDRESS)
        self.flush()
        self.gate(ADDRESS)
        self.assertEqual(self.blocked(), [])


class Cached(FeedGateCase):
    """A listing in the cache is not believed without a probe, so that it does not help."""
    feed = {'points': '*2'}
    lists = {'zen': '127.0.0.2*3'}

    def test_a_cached_listing_does_not_count_a_line(self):
        self.listed(ADDRESS)
        self.check(ADDRESS, status=10)
        self.gate(ADDRESS)
        self.flush()
        self.assertEqual(self.blocked(), [ADDRESS])


class Live(FeedGateCase):
    """A feed of AbuseIPDB's own list, and then AbuseIPDB itself."""
    feed = {'format': 'abuseipdb', 'points': '*10'}
    has_api = True
    seed = {KNOWN[1]: BAD}

    def test_what_abuseipdb_itself_answers_replaces_its_list(self):
        self.assertEqual(self.counted(KNOWN[:2]), KNOWN[:2])
        line = self.check('--fresh', ADDRESS)
        self.assertEqual((line['verdict'], line['score']['low'], line['score']['high']), ('clean', 0, 0))
        self.assertIn('AbuseIPDB has answered itself', self.finding(ADDRESS)['detail'])
        line = self.check('--fresh', KNOWN[1], status=10)
        self.assertEqual((line['tier'], line['score']['low']), ('notorious', 10))

    def test_a_cached_answer_keeps_the_gate_shut(self):
        self.check('--fresh', ADDRESS)
        self.gate(ADDRESS)

    def test_alone_it_gives_the_lowest_tier(self):
        self.assertEqual(self.check('--cached', ADDRESS, status=10)['tier'], 'known')


class Stale(FeedGateCase):
    """What is no longer this feed's is no evidence, before any worker has run."""

    def no_evidence(self, why):
        self.assertEqual(self.counted(KNOWN[:3]), [])
        if why:
            self.assertIn(why, self.finding(ADDRESS)['detail'])
            self.assertIsNone(self.finding(ADDRESS)['listed'])

    def test_a_feed_that_is_switched_off(self):
        self.set_feed(enabled='no')
        self.no_evidence(None)

    def test_a_renamed_feed(self):
        self.place.change('[feed x]', '[feed y]')
        self.assertEqual(self.counted(KNOWN[:3]), [])
        self.assertIn('no download yet', self.finding(ADDRESS, 'y')['detail'])

    def test_a_feed_from_another_place(self):
        self.set_feed(file='{}/y.list'.format(self.place.dir))
        self.no_evidence('no download yet')

    def test_a_feed_of_another_format(self):
        self.set_feed(format='ipsum')
        self.no_evidence('no download yet')

    def test_a_cold_start(self):
        os.unlink(self.table())
        self.no_evidence('no download yet')

    def table(self):
        return self.place.path('state/iprep.db-feeds')

    def test_a_damaged_table_is_none_and_fails_no_hook(self):
        with open(self.table(), 'rb') as file:
            whole = file.read()
        for name, damaged in (('cut', whole[:len(whole) // 2]), ('empty', b''), ('text', b'45.10.0.1\n' * 99),
                              ('head', b'\xff' * 64 + whole[64:])):
            with self.subTest(name), open(self.table(), 'wb') as file:
                file.write(damaged)
                file.flush()
                self.assertEqual(self.counted(KNOWN[:2]), [])
                done = self.run_it('rep-check', '--cached', ADDRESS, status=None)
                self.assertEqual(done.stderr.count('feeds are not used'), 1, done.stderr)
        self.enqueue(ADDRESS)
        self.flush()
