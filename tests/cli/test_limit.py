# SPDX-License-Identifier: MIT
"""[worker] max_new_blocks: at the limit the lists are probed, and what a sound one has confirmed goes out in steps"""
import json

from cases import BAD, Case
from dns import behaviours as b
from dns.server import Zone

POINTS = '127.0.0.2*3'
YES = b.listed('127.0.0.2')
ADDRESSES = [f'45.1.1.{number}' for number in range(1, 6)]


class AtTheLimit(Case):
    """Two new blocks within an hour; more wait for their announcement."""

    lists = {'zen': POINTS}
    sections = {'worker': {'start': 'none', 'linger': 0, 'max_new_blocks': '2/1h'}}

    def setUp(self):
        super().setUp()
        self.dns.zones['zen.test'] = Zone(YES)

    def held(self, *addresses, **more):
        self.ready()
        for address in addresses:
            self.block(address, held=True, due=1, **more)

    def flushed(self):
        """(lines written, blocks held back, what was logged)"""
        done = self.run_it('rep-report', '--flush', '--json')
        return json.loads(done.stdout)['lines'], self.count('block WHERE first_at = 0'), done.stderr

    def test_a_sound_list_lets_as_many_more_go_out(self):
        for address in ADDRESSES[:4]:
            self.enqueue(address)
        lines, held, said = self.flushed()
        self.assertEqual((lines, held, self.verdicts()), (4, 0, 4))
        self.assertIn('more than 2 new blocks within', said)
        self.assertIn('passed their probe now: zen; 2 further blocks were announced', said)

    def test_each_step_has_a_probe_of_its_own(self):
        self.held(*ADDRESSES)
        lines, held, said = self.flushed()
        self.assertEqual((lines, held), (5, 0))
        steps = [said.count(text) for text in ('; 2 further blocks were', '; 1 further block was')]
        self.assertEqual(steps, [1, 1], said)

    def test_a_list_that_has_gone_bad_takes_its_blocks_with_it(self):
        self.held(*ADDRESSES[:4])
        self.dns.zones['zen.test'] = Zone(YES, YES, others=YES)
        lines, held, said = self.flushed()
        self.assertEqual((lines, held, self.count('block'), len(self.released())), (2, 0, 0, 2))
        self.assertIn('[dnsbl zen] quarantined: 2 blocks dropped before their announcement, 0 lowered, 2 released', said)
        self.assertIn('did not: zen; 0 further blocks were announced', said)

    def test_without_an_answer_they_wait(self):
        self.held(*ADDRESSES[:4])
        self.dns.zones['zen.test'] = Zone(YES, b.silent())
        lines, held, said = self.flushed()
        self.assertEqual((lines, held), (2, 2))
        self.assertIn('passed their probe now: no list; did not: zen; 0 further blocks were announced', said)

    def test_only_what_a_sound_list_has_confirmed_goes_out(self):
        self.start(lists={'zen': POINTS, 'other': POINTS})
        self.held(*ADDRESSES[:4], src='other')         # the older ones take the room
        self.held(ADDRESSES[4], src='other,zen')
        self.dns.zones['other.test'] = Zone(YES, b.silent())
        self.sql("UPDATE block SET since = since - 60 WHERE src = 'other'")
        lines, held, said = self.flushed()
        left = [src for src, in self.sql('SELECT src FROM block WHERE first_at = 0')]
        self.assertEqual((lines, held, left), (3, 2, ['other', 'other']), said)
        self.assertIn('passed their probe now: zen; did not: other; 1 further block was announced', said)


    def test_what_only_the_fleet_has_confirmed_waits(self):
        self.start(lists={'zen': POINTS, 'fleet': POINTS})
        self.held(*ADDRESSES[:4], src='fleet')
        self.dns.zones['fleet.test'] = Zone(YES)
        lines, held, said = self.flushed()
        self.assertEqual((lines, held), (2, 2), said)
        self.assertIn('passed their probe now: zen, fleet; 0 further blocks were announced', said)


class WithoutLists(Case):
    """AbuseIPDB has no test entry."""

    has_api = True
    lists = {}
    seed = {address: BAD for address in ADDRESSES}
    sections = AtTheLimit.sections

    def test_no_list_can_be_probed(self):
        for address in ADDRESSES[:4]:
            self.enqueue(address)
        done = self.run_it('rep-report', '--flush', '--json')
        self.assertEqual(json.loads(done.stdout)['lines'], 2)
        self.assertEqual(done.stderr.count('further blocks are held back'), 1, done.stderr)
        self.assertEqual(self.count('block WHERE first_at = 0'), 2)
