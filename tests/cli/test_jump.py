# SPDX-License-Identifier: MIT
"""
Clocks that jump, to 2038 and beyond 31 or 32 bits, to 2031, to 1970, and back: no block is released, no pardon is lost,
nothing is reported twice, and no job waits for a time that is years away
"""
import os

from cases import DONE, UNKNOWN
from clocks import DAY, HOUR, MovedCase
from dns import behaviours as b
from places import WEEK, YEAR

STAYS, KNOWN, CLEAN, PARDONED, GOOD = '45.1.1.1', '45.1.1.2', '45.1.1.3', '45.1.1.4', '45.1.1.5'
SEEN_THEN, GATED_THEN, NEW, OTHER = '45.1.1.6', '45.1.2.7', '45.1.3.8', '45.1.4.9'
Y2038 = 2147483640                         # eight seconds before 31 bits are full


class JumpCase(MovedCase):
    def setUp(self):
        super().setUp()
        self.know(STAYS, KNOWN, PARDONED, SEEN_THEN, GATED_THEN, NEW, OTHER, score=100, lists=['zen'])
        self.know(GOOD, lists=['zen'])

    def seconds(self, n):
        """The true clock goes on, and the machine's with it."""
        self.jump(self.now + n, n)

    def back(self):
        self.jump(self.true)

    def hook(self, address):
        """Whether the line counts, in a time that makes no sense, is not said here."""
        p = self.place.run('rep-check', '--gate', '--jail', 'x', '--', address)
        self.assertIn((p.returncode, p.stdout + p.stderr), ((0, ''), (10, '')))

    def nothing_waits(self):
        said, ledger = self.endpoints()
        self.assertEqual(said['waiting'], {'report': 0, 'lookup': 0, 'retraction': 0})
        self.assertEqual({n: e['stopped_until'] for n, e in ledger.items() if e['stopped_until']}, {})


class Whole(JumpCase):
    """All programs under a wrong clock, and after it is right again."""

    def test_to_2038(self):
        self.all_is_as_before(Y2038)

    def test_beyond_31_bits(self):
        self.all_is_as_before((1 << 31) + DAY)

    def test_beyond_32_bits(self):
        self.all_is_as_before((1 << 32) + DAY)

    def test_to_2031_within_the_ten_years_in_which_a_block_is_believed(self):
        self.all_is_as_before(self.begin + 4 * YEAR)

    def test_to_1970_for_the_clock_was_lost_with_the_power_until_the_network_tells_the_time(self):
        self.all_is_as_before(600)

    def settle(self):
        self.sure(STAYS)
        self.sure(CLEAN)
        self.gate(KNOWN)
        self.flush()
        self.login(GOOD)
        self.purge('--pardon', '30d', PARDONED)
        for _ in range(2):
            self.purge()
            self.seconds(2 * HOUR)
        self.before = self.blocks()
        self.assertEqual({a: t for a, (t, _) in self.before.items()}, {STAYS: 'notorious', KNOWN: 'known'})

    def work(self):
        """What hooks and cron do in an hour."""
        self.purge()
        self.login(GOOD)
        for address in (STAYS, PARDONED, GOOD, GATED_THEN):
            self.hook(address)
        for address in (STAYS, CLEAN, SEEN_THEN, PARDONED):
            self.enqueue(address)
        self.flush()
        self.recheck()
        self.assertEqual(self.released(), [])
        self.blocks()
        self.endpoints()
        self.purge()

    def assert_as_before(self):
        now = self.blocks()
        for address in (STAYS, KNOWN):
            self.assertGreaterEqual(now[address][1], self.before[address][1], address)
            self.assertLessEqual(now[address][1], self.now + 10 * YEAR + WEEK if self.mended else 1 << 40)
            self.gate(address, status=10)
        self.assertEqual(self.released(), [])
        self.gate(GOOD)
        self.gate(PARDONED)
        self.sure(PARDONED)
        self.assertNotIn(GOOD, now | self.blocks())    # who logged in is spared, as ever
        self.assertEqual(self.verdict(PARDONED, 0), ('exempt', None))
        self.assertNotIn(PARDONED, self.api.accepted())

    def all_is_as_before(self, wall):
        self.settle()
        self.jump(wall, HOUR)
        self.work()
        for _ in range(3):                 # the runs agree with each other, and not with the earlier one
            self.seconds(2 * HOUR)
            self.work()
        self.back()
        self.mended = False
        self.assert_as_before()
        self.sure(CLEAN)
        self.assertEqual(self.api.accepted().count(CLEAN), 1)
        self.assertEqual(self.sure(NEW)['blocks'], 1)
        self.assertEqual((self.api.accepted().count(NEW), self.blocks()[NEW]), (1, ('notorious', self.now + YEAR)))
        self.flush()
        self.nothing_waits()
        for hours in (2, 2, 2):
            self.seconds(hours * HOUR)
            self.purge()
        self.mended = True
        self.assert_as_before()
        self.flush()
        self.nothing_waits()
        self.seconds(DAY)
        self.sure(CLEAN)
        self.assertEqual(self.api.accepted().count(CLEAN), 2)
        self.nothing_is_of_the_future()

    def nothing_is_of_the_future(self):
        for table, column, most in (('report', 'seen_at', 0), ('report', 'ended_at', 0), ('lookup', 'next_at', 0),
                                    ('block', 'since', 0), ('block', 'first_at', 0), ('block', 'announced_at', 0),
                                    ('block', 'recheck_at', 31 * DAY), ('finding', 'answered_at', 0),
                                    ('finding', 'expires_at', WEEK), ('good', 'at', 0), ('sighting', 'at', 0),
                                    ('zone', 'probed_at', 0)):
            newest = self.sql(f'SELECT coalesce(max({column}), 0) FROM {table}')[0][0]
            self.assertLessEqual(newest, self.now + most, (table, column))


class Waiting(JumpCase):
    """A job that failed under a wrong clock is retried when the clock is right, not at the wrong time."""

    def test_a_report_that_was_made_and_failed_in_2038_goes_once_and_gets_the_right_time(self):
        self.jump(Y2038)
        self.api.fault('http_500', 'report')
        self.sure(SEEN_THEN)
        self.assertEqual(self.api.accepted(), [])
        self.api.clear_faults()
        self.back()
        self.seconds(HOUR)
        self.flush()
        self.assertEqual(self.api.accepted(), [SEEN_THEN])
        self.nothing_waits()
        self.assertEqual(self.endpoints()[0]['parked'], 0)
        self.seconds(HOUR)
        self.sure(SEEN_THEN)               # within its day
        self.assertEqual(self.api.accepted(), [SEEN_THEN])
        self.seconds(DAY)
        self.sure(SEEN_THEN)
        self.assertEqual(self.api.accepted(), [SEEN_THEN] * 2)

    def test_a_report_that_waits_is_merged_with_what_is_seen_after_the_jump(self):
        self.jump(Y2038)
        self.enqueue(SEEN_THEN)
        self.back()
        self.sure(SEEN_THEN)
        self.assertEqual(self.api.accepted(), [SEEN_THEN])

    def test_a_report_that_failed_in_1970_goes_after_it(self):
        self.enqueue(STAYS)
        self.api.fault('http_500', 'report')
        self.jump(600)
        self.flush()
        self.api.clear_faults()
        self.back()
        self.flush()
        self.assertIn(self.states()[0], (DONE, UNKNOWN))

    def test_a_bulk_report_of_2038_goes_after_it(self):
        self.jump(Y2038)
        names = [f'45.8.1.{i}' for i in range(1, 6)]
        for name in names:
            self.enqueue(name)
        self.back()
        self.sql("INSERT INTO endpoint(name, day, quota, remaining, known, stopped_until, last_ok_at, last_error_at,"
                 " last_error) VALUES('report', ?, 1000, 0, 1, 0, 0, 0, '')", self.now // DAY)
        self.flush()
        self.assertEqual(sorted(self.api.accepted()), names)
        self.nothing_waits()

    def test_a_look_up_without_an_answer_in_2038(self):
        self.behaviour = {'zen': b.servfail, 'other': b.servfail}
        self.set_lists()
        self.api.fault('http_500')
        self.jump(Y2038)
        self.gate(GATED_THEN)
        self.flush()
        self.assertEqual(self.count('lookup'), 1)
        self.behaviour = {}
        self.set_lists()
        self.api.clear_faults()
        self.back()
        self.seconds(HOUR)
        self.gate(GATED_THEN)
        self.flush()
        self.assertEqual(self.blocks(), {GATED_THEN: ('known', self.now + DAY)})
        self.nothing_waits()

    def test_a_quota_that_was_used_up_in_2038(self):
        self.seconds(5 * HOUR)
        self.jump(Y2038)
        self.api.fault('quota_429')
        self.sure(SEEN_THEN)
        self.assertGreater(self.endpoints()[1]['report']['stopped_until'], Y2038 + HOUR)
        self.api.clear_faults()
        self.back()
        self.sure(NEW)
        self.assertEqual(sorted(self.api.accepted()), sorted([SEEN_THEN, NEW]))
        self.assertEqual({a: t for a, (t, _) in self.blocks().items()}, {SEEN_THEN: 'notorious', NEW: 'notorious'})
        self.flush()
        self.nothing_waits()
        for _ in range(3):
            self.purge()
            self.seconds(2 * HOUR)
        self.assertEqual(self.blocks()[SEEN_THEN][1] // DAY, (self.now + YEAR) // DAY)

    def test_a_retraction_that_failed_in_2038(self):
        self.sure(CLEAN)
        self.jump(Y2038)
        self.api.fault('http_500', 'clear-address')
        self.run_it('rep-report', '--retract', CLEAN)
        self.api.clear_faults()
        self.back()
        self.seconds(HOUR)
        self.flush()
        self.assertEqual([r['cleared'] for r in self.api.statistics()['reports']], [True])
        self.nothing_waits()

    def test_names_tried_in_2038_are_not_tried_now_and_leave_room_for_those_that_are(self):
        self.jump(Y2038)
        for i in range(64):
            self.gate(CLEAN, user=f'then{i}', status=10 if i > 1 else 0)
        self.back()
        for i in range(3):
            self.gate(CLEAN, user=f'now{i}', status=10 if i > 1 else 0)


class Lines(JumpCase):
    """The worker comes to an end, and each block to its line."""

    def without_log(self, act):
        """Run act while the verdict log cannot be opened."""
        os.mkdir(self.place.path('state/verdict.log'))
        p = self.place.run('rep-report', '--flush') if act is None else act()
        os.rmdir(self.place.path('state/verdict.log'))
        return p

    def test_a_block_made_in_2038_whose_line_was_not_written(self):
        self.jump(Y2038)
        self.enqueue(SEEN_THEN)
        self.assertNotEqual(self.without_log(None).returncode, 0)
        self.assertEqual(self.count('block'), 1)
        self.back()
        self.assertEqual(self.flush()['lines'], 1)
        self.gate(SEEN_THEN, status=10)
        self.assertEqual(self.flush()['lines'], 0)

    def test_a_block_seen_again_just_before_the_clock_was_lost(self):
        self.sure(STAYS)
        self.seconds(120)
        self.gate(STAYS, status=10)
        end = self.blocks()[STAYS][1]
        self.jump(600)
        self.flush()
        self.back()
        self.assertGreaterEqual(self.blocks()[STAYS][1], end)
        self.assertGreaterEqual(len(self.lines()), 2)
        self.gate(STAYS, status=10)

    def test_a_block_announced_in_2038_is_announced_when_it_is_seen_again_after_it(self):
        self.jump(Y2038)
        self.sure(SEEN_THEN)
        self.back()
        self.gate(SEEN_THEN, status=10)
        self.assertEqual(self.flush()['lines'], 1)
        self.gate(SEEN_THEN, status=10)
        self.assertEqual(self.flush()['lines'], 0)

    def test_blocks_announced_in_2038_leave_room_for_those_of_today(self):
        self.place.change('linger = 0\n', 'linger = 0\nmax_new_blocks = 2/1h\n')
        self.jump(Y2038)
        self.sure(SEEN_THEN)
        self.sure(STAYS)
        self.back()
        self.assertEqual(self.sure(NEW)['lines'], 1)


class Published(JumpCase):
    """What a host of a fleet has in the zone."""
    sections = {**JumpCase.sections, 'fleet': {'zone': 'fleet.test', 'server': '127.0.0.1:9', 'host': 7,
                                               'key_file': '{dir}/fleet.key'}}

    def published(self):
        return [state for state, in self.sql('SELECT state FROM publication')]

    def setUp(self):
        super().setUp()
        self.gate(STAYS)
        self.flush()
        self.sql('UPDATE publication SET state = 2')
        self.purge()

    def test_nothing_is_withdrawn_under_a_clock_that_has_jumped(self):
        for wall in (Y2038, 600):
            self.jump(wall)
            self.purge()
            self.flush()
            self.seconds(2 * HOUR)
            self.purge()
            self.back()
            self.purge()
            self.assertEqual((self.published(), self.count('block')), ([2], 1), wall)

    def test_a_host_that_was_off_for_weeks_withdraws_what_is_over(self):
        self.sql("UPDATE meta SET value = substr(value, 1, 40) || 'another-boot' WHERE name = 'purge-run'")
        self.set_clock(self.now + 40 * DAY, 600)
        self.purge()
        self.assertEqual(self.published(), [3])


class Reboot(JumpCase):
    """Another boot, of which nothing is known but how long ago it was."""

    def other_boot(self):
        value = self.sql("SELECT value FROM meta WHERE name = 'purge-run'")[0][0]
        self.sql("UPDATE meta SET value = ? WHERE name = 'purge-run'", value[:40] + 'another-boot')

    def test_a_clock_that_starts_in_1970_releases_no_block_for_a_week(self):
        self.sure(STAYS)
        self.purge('--pardon', '30d', PARDONED)
        self.purge()
        self.other_boot()
        self.jump(600)
        self.place.boot = 600
        for _ in range(5):
            self.seconds(12 * HOUR)
            self.purge()
        self.back()
        self.purge()
        self.gate(STAYS, status=10)
        self.assertEqual(self.verdict(PARDONED, 0), ('exempt', None))

    def test_a_machine_that_was_off_for_months_purges_as_it_did(self):
        self.gate(KNOWN)
        self.flush()
        self.purge()
        self.other_boot()
        self.set_clock(self.now + 90 * DAY, 600)
        for left in (1, 1, 0):
            self.assertEqual(self.count('block'), left)
            self.seconds(HOUR)
            self.purge()

    def test_after_a_week_under_it_a_clock_is_believed(self):
        self.sure(STAYS)
        self.purge()
        self.jump(self.now + 2 * YEAR, HOUR)
        for day in range(6):
            self.purge()
            self.assertEqual(self.count('block'), 1, day)
            self.seconds(DAY)
        for _ in range(4):
            self.seconds(DAY)
            self.purge()
        self.assertEqual(self.count('block'), 0)
