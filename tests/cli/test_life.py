# SPDX-License-Identifier: MIT
"""
The life of addresses over 400 days, as hooks and cron live it: seen, reported, confirmed, announced, looked up again,
released, seen again, expired, forgotten

What must be in the store, and what must not, is worked out here by the retention times alone and compared after each
purge.
"""
import time

from clocks import DAY, HOUR, TABLES, MovedCase
from dns import behaviours as b
from places import WEEK, YEAR
from waiting import wait_until

STAYS, MOVED, CLEAN, KNOWN = '45.1.1.1', '45.1.1.2', '45.1.1.3', '45.1.1.4'
UNLISTED, GOOD, SPRAYER, PARDONED = '45.1.1.5', '45.1.1.6', '45.1.1.7', '45.1.1.8'
FORGOTTEN, SILENT, NEW = '45.1.1.9', '45.1.1.10', '45.1.1.11'
V6, NET = '2600:1:2:3::5', '2600:1:2:3::/64'
PURGE, RECHECK, RELEASED, NOON = 3 * HOUR + 23 * 60, 4 * HOUR + 37 * 60, 5 * HOUR + 7 * 60, 12 * HOUR
LAST = 400
# column that tells an age, for how long, and whether the run before must agree
KEPT = {'finding': ('answered_at', WEEK, False), 'lookup': ('since', WEEK, False),
        'sighting': ('at', DAY, False), 'ambiguous': ('at', DAY, False),
        'failure': ('last_at', DAY, False), 'released': ('at', WEEK, True),
        'good': ('at', 30 * DAY, True), 'report': ('ended_at', 60 * DAY, True), 'block': ('until', 0, True),
        'pardon': ('until', 0, True), 'retraction': ('since', 60 * DAY, True)}
# days of a re-check that finds the address still listed; those of a release; those without an answer
LISTED = {**{day: [STAYS] for day in range(8, 369, 30)}, 51: [PARDONED], 108: [MOVED]}
LISTED[8] = [STAYS, MOVED]
LISTED[138] = LISTED.get(138, []) + [MOVED]
FREED = {10: NET, 38: MOVED, 168: MOVED, 232: SILENT}
UNDECIDED = range(208, 232)


class Life(MovedCase):
    sections = {'general': {'timeout_ms': 15000, 'ipv6_prefix': 64}}

    def setUp(self):
        super().setUp()
        self.expected = {}                 # address: (tier, end), of blocks
        self.told, self.sent = [], []      # lines of the verdict log; addresses reported
        self.freed = []                    # (when, address)
        self.last_purge = 0
        self.calls_before = self.calls()

    # -- what must be true

    def calls(self):
        said = self.api.statistics()['endpoints']
        return {n: said[n]['accepted'] + sum(said[n]['refused'].values()) for n in ('check', 'report')}

    def compare(self):
        """Whatever happened: the blocks, who was told of them, what was reported, what the day's quota is."""
        self.assertEqual(self.blocks(), {a: e for a, e in self.expected.items() if e[1] > self.now})
        self.assertEqual(self.lines(), self.told)
        self.assertEqual(self.api.accepted(), self.sent)
        said, ledger = self.endpoints()
        calls = self.calls()
        for name in ('check', 'report'):
            self.assertEqual(ledger[name]['remaining'], 1000 - calls[name] + self.calls_before[name], name)
        self.assertEqual((said['waiting'], said['parked']), ({'report': 0, 'lookup': 0, 'retraction': 0}, 0))

    def blocked_now(self, address, tier):
        self.expected[address] = (tier, self.now + {'known': DAY, 'notorious': YEAR}[tier])
        when = time.strftime('%Y-%m-%dT%H:%M:%S+0000', time.gmtime(self.now))
        self.told.append((when, address, tier))

    def seen(self, address, tier=None, key=None, reported=True):
        """By a sure jail; the worker has run."""
        self.sure(address)
        self.sent += [address] * reported
        if tier:
            self.blocked_now(key or address, tier)
        self.compare()

    def forget(self, address, *args, traces=0):
        self.assertEqual(self.purge(*args, address).stdout, address + '\n')
        self.expected.pop(address, None)
        self.assertEqual(self.traces(address), traces)
        self.compare()

    # -- a day

    def at(self, day, second):
        self.set_clock(self.begin + day * DAY + second)

    def purge_by_the_book(self):
        """Each row is deleted as soon as its time is over, and no other is."""
        def rows():
            return {t: self.sql(f'SELECT {KEPT[t][0]}, * FROM {t}') for t in KEPT}

        before = rows()
        removed = sum(n for n in self.stats().values() if n is not True)
        stay = {t: [r for r in before[t] if r[0] >= (self.last_purge if both else self.now) - keep]
                for t, (_, keep, both) in KEPT.items()}
        self.assertEqual(rows(), stay)
        self.assertEqual(removed, sum(len(before[t]) - len(stay[t]) for t in KEPT))
        self.assertEqual(self.sql('PRAGMA freelist_count'), [(0,)])
        self.last_purge = self.now

    def recheck_by_the_book(self, day):
        listed, free, open_ = len(LISTED.get(day, [])), day in FREED, day in UNDECIDED
        self.assertEqual(self.recheck(), (listed + free + open_, free, listed, open_))
        if free:
            del self.expected[FREED[day]]
            self.freed.append((self.now, FREED[day]))

    def live_through(self, day):
        self.at(day, 0)
        self.calls_before = self.calls()
        self.flush()
        self.at(day, PURGE)
        self.purge_by_the_book()
        self.at(day, RECHECK)
        self.recheck_by_the_book(day)
        self.at(day, RELEASED)
        self.assertEqual(self.released(), [a for at, a in self.freed
                                           if at > self.now - WEEK and a not in self.expected])
        self.compare()
        for second, act in sorted(self.story().get(day, {}).items()):
            self.at(day, second)
            act()

    # -- what happens when

    def story(self):
        return {
            0: {NOON: self.first_day, NOON + 30: self.within_a_minute, NOON + 120: self.announced_again},
            1: {NOON: self.clean_is_reported, 18 * HOUR: lambda: self.seen(CLEAN, reported=False)},
            2: {NOON - 1: lambda: self.seen(CLEAN, reported=False), NOON: lambda: self.seen(CLEAN),
                13 * HOUR: lambda: self.seen(V6, 'notorious', key=NET)},
            3: {NOON: self.ambiguous, NOON + 30: lambda: self.gate(KNOWN, status=10)},
            4: {NOON - 1: self.compare, NOON: self.known_is_over},
            5: {NOON: self.good_log_in, 13 * HOUR: self.spray},
            6: {NOON: self.spared_for_its_log_in, 14 * HOUR: lambda: self.gate(SPRAYER, user='dora')},
            10: {NOON: lambda: [self.seen(a, 'notorious') for a in (PARDONED, FORGOTTEN)]},
            12: {NOON: lambda: self.forget(PARDONED, '--pardon', '30d', traces=1)},
            15: {NOON: lambda: self.forget(FORGOTTEN)},
            20: {NOON: lambda: self.know(MOVED, score=0)},
            30: {NOON: self.banned_again},
            40: {NOON: self.log_in_was_too_long_ago},
            42: {NOON - 1: self.still_pardoned},
            43: {NOON: lambda: self.seen(PARDONED, 'notorious')},
            60: {NOON: lambda: self.forget(PARDONED)},
            100: {NOON: self.moved_is_seen_again},
            150: {NOON: lambda: self.know(MOVED, score=0)},
            200: {NOON: lambda: self.seen(SILENT, 'notorious')},
            201: {NOON: self.sources_fall_silent},
            215: {NOON: lambda: self.set_other(b.silent())},
            216: {NOON: lambda: self.set_other(b.servfail)},
            231: {NOON: lambda: self.set_other(None)},
            350: {NOON: self.thousands_are_looked_up},
            395: {NOON - 1: lambda: self.assertIn(STAYS, self.blocks()), NOON: self.compare},
        }

    def first_day(self):
        self.know(STAYS, MOVED, V6, PARDONED, FORGOTTEN, SILENT, KNOWN, score=100, lists=['zen'])
        self.know(GOOD, lists=['zen'])
        self.assertEqual(self.verdict(NEW, 0), ('clean', None))
        for address in (STAYS, MOVED):
            self.seen(address, 'notorious')
        self.assertEqual(self.verdict(STAYS, 10), ('confirmed', 'notorious'))

    def within_a_minute(self):
        self.gate(STAYS, status=10)
        self.assertEqual(self.flush()['lines'], 0)
        self.compare()

    def announced_again(self):
        """By a suspicious line, which prolongs no tier above the lowest."""
        self.gate(STAYS, status=10)
        self.assertEqual(self.flush()['lines'], 1)
        end = self.expected[STAYS]
        self.blocked_now(STAYS, 'notorious')
        self.expected[STAYS] = end
        self.compare()

    def clean_is_reported(self):
        self.seen(CLEAN)
        self.assertEqual(self.verdict(CLEAN, 0), ('clean', None))

    def ambiguous(self):
        """One line each: of who is listed, and of who is not. Nothing of it is reported."""
        self.know(V6, score=0)
        for address in (KNOWN, UNLISTED):
            self.gate(address)
            self.gate(address)
        self.assertEqual(self.count('lookup'), 2)
        self.flush()
        self.blocked_now(KNOWN, 'known')
        self.gate(UNLISTED)
        self.compare()

    def known_is_over(self):
        self.know(KNOWN, score=0)
        self.compare()
        self.gate(KNOWN)
        self.flush()
        self.assertEqual(self.verdict(KNOWN, 0), ('clean', None))
        self.compare()

    def good_log_in(self):
        self.login(GOOD)
        self.assertEqual(self.count('good'), 1)

    def spray(self):
        for user, status in (('anna', 0), ('bert', 0), ('bert', 0), ('carl', 10)):
            self.gate(SPRAYER, user=user, status=status)
        self.sure(SPRAYER, '--user', 'carl', jail='rep-spray')
        self.sent.append(SPRAYER)
        self.compare()
        comment = self.api.statistics()['reports'][-1]['comment']
        self.assertEqual(comment, 'Brute force on rep-spray: 3 failures, 3 user names in 1 day')

    def spared_for_its_log_in(self):
        self.gate(GOOD)
        self.flush()
        self.assertEqual(self.verdict(GOOD, 10), ('confirmed', 'known'))
        self.gate(GOOD)
        self.flush()
        self.compare()

    def log_in_was_too_long_ago(self):
        self.gate(GOOD)
        self.flush()
        self.blocked_now(GOOD, 'known')
        self.compare()

    def banned_again(self):
        """A sure address, which the sources still give its tier: the block is prolonged."""
        self.seen(STAYS, 'notorious')

    def still_pardoned(self):
        self.gate(PARDONED)
        self.sure(PARDONED)
        self.assertEqual(self.verdict(PARDONED, 0), ('exempt', None))
        self.compare()

    def moved_is_seen_again(self):
        self.know(MOVED, score=100, lists=['zen', 'other'])
        self.seen(MOVED, 'notorious')

    def sources_fall_silent(self):
        self.know(SILENT, score=0)
        self.set_other(b.servfail)

    def set_other(self, behaviour):
        self.behaviour['other'] = behaviour
        self.set_lists()

    def thousands_are_looked_up(self):
        """So that there is something to give back."""
        self.place.write('many', ''.join(f'45.9.{i // 250}.{i % 250}\n' for i in range(2000)))

        def are_kept():                    # --file keeps what it can write without making others wait
            done = self.run_it('rep-check', '--quiet', '--file', self.place.path('many'), status=None)
            self.assertIn(done.returncode, (0, 75), done.stderr)
            return self.place.size() > self.empty + 100000

        wait_until(are_kept, 'enough answers are kept', 300)

    def test_the_life_of_a_dozen_addresses_over_400_days(self):
        self.purge('--quiet')              # makes the database
        self.sql("DELETE FROM meta WHERE name = 'purge-run'")
        self.empty = self.place.size()
        for day in range(LAST + 1):
            try:
                self.live_through(day)
            except Exception as e:
                e.add_note(f'on day {day}')
                raise
        self.assertEqual((self.rows(), self.blocks()), ({t: [] for t in TABLES}, {}))
        self.assertGreater(self.count('counter'), 100)
        self.sql('DELETE FROM counter')    # they are kept for as long as this life
        self.purge('--quiet')
        self.assertEqual(self.place.size(), self.empty)
        for address in (STAYS, MOVED, CLEAN, KNOWN, UNLISTED, GOOD, SPRAYER, PARDONED, FORGOTTEN, SILENT, NEW):
            self.forget(address)
        self.assertEqual(self.purge(V6).stdout, NET + '\n')
        self.assertEqual((self.traces(V6, 8), self.place.size()), (0, self.empty))
