# SPDX-License-Identifier: MIT
"""
Counters say what the verdict log, the findings, the reports and the emulator say: after a week that hooks, people and
cron have lived, and after a worker that was killed at 100 points
"""
import collections
import os
import subprocess

from cases import DONE, Case
from clocks import DAY, HOUR, MovedCase
from dns.behaviours import servfail


class Counted:
    """For a Case: what is in the table, and what must be in it."""

    def counters(self, *names):
        """{name: {label: count}}, over all days."""
        found = collections.defaultdict(dict)
        for name, label, count in self.sql('SELECT name, label, sum(n) FROM counter GROUP BY name, label'):
            found[name][label] = count
        return [found.get(name, {}) for name in names] if names else dict(found)

    def announced(self):
        """{(address, tier)} of the verdict log."""
        rows = [dict(word.split('=', 1) for word in line.split() if '=' in word)
                for line in self.place.verdict_log().splitlines()]
        return {(row['ip'], row['tier']) for row in rows}

    def check_blocks(self):
        tiers = collections.Counter()
        for label, count in self.counters('block')[0].items():
            tiers[label.split('\t')[0]] += count
        self.assertEqual(tiers, collections.Counter(tier for _, tier in self.announced()))


class Week(Counted, MovedCase):
    """Seven days, then the re-check of the eighth."""

    BOTH, ONE, SURE, CLEAN, UNKNOWN = '45.1.1.1', '45.1.1.2', '45.1.1.3', '45.1.1.4', '45.1.1.5'
    SPARED, MOVED, ALLOWED, EXEMPT = '45.1.1.6', '45.1.1.7', '45.1.1.8', '45.1.1.9'
    sections = {'general': {'timeout_ms': 15000}, 'allow': {'addresses': '45.9.9.9'}}

    def at(self, day, second=12 * HOUR):
        self.set_clock(self.begin + day * DAY + second)

    def by_day(self, name, label):
        rows = self.sql('SELECT day, n FROM counter WHERE name = ? AND label = ? ORDER BY day', name, label)
        return [(day - self.begin // DAY, count) for day, count in rows]

    def test_of_a_week_they_say_what_happened_and_when(self):
        self.ready()
        self.at(0)
        self.know(self.BOTH, lists=['zen', 'other'], score=0)
        self.know(self.ONE, lists=['zen'], score=0)
        self.know(self.SURE, self.MOVED, lists=['zen'], score=100)
        self.gate(self.BOTH)               # not counted: nothing is known of it
        self.gate(self.ONE)
        self.flush()
        self.sure(self.SURE)
        self.sure(self.MOVED)
        self.enqueue(self.SURE)            # reported already
        self.enqueue('45.1.1.10', jail='rep-confirmed')
        self.flush()

        self.at(1, 11 * HOUR)
        self.gate(self.ONE, status=10)
        self.gate(self.CLEAN)
        self.flush()
        self.know(self.SPARED, lists=['zen'], score=0)
        self.login(self.SPARED)
        self.sure(self.SPARED)
        self.gate(self.MOVED, status=10)
        self.gate(self.MOVED, '--restored', '1', status=10)

        self.at(2)
        self.know(self.ALLOWED, self.EXEMPT, lists=['zen', 'other'], score=0)
        self.gate(self.ALLOWED)
        self.flush()
        self.gate(self.EXEMPT)
        self.place.change('45.9.9.9', f'{self.ALLOWED} {self.EXEMPT}')
        self.flush()

        self.at(3)
        self.login(self.SURE)              # while it is blocked, twice: one of its sources is wrong once
        self.flush()
        self.at(3, 20 * HOUR)
        self.login(self.SURE)
        self.flush()

        self.at(4)
        self.behaviour = {'zen': servfail, 'other': servfail}
        self.know(self.UNKNOWN, lists=[], score=None)
        self.gate(self.UNKNOWN)
        for _ in range(9):
            self.place.due_now()
            self.flush()
        self.behaviour = {}
        self.know(self.CLEAN, lists=[], score=0)

        self.at(5)
        self.api.fault('http_500', 'report')
        self.sure('45.1.1.11')
        self.api.clear_faults()
        self.place.due_now()
        self.flush()
        self.run_it('rep-report', '--retract', '45.1.1.11')
        self.flush()

        self.at(6)
        self.purge('--pardon', '30d', self.SURE)

        self.at(8)
        self.know(self.MOVED, score=0)
        self.assertEqual(self.recheck()[1], 1)
        self.purge()
        self.compare()

    def compare(self):
        said = self.counters()
        latency = said.pop('latency')
        self.assertGreaterEqual(sum(said.pop('latency_ms').values()), sum(latency.values()))
        self.assertEqual(said, {
            'line': {'counted': 2, 'ignored': 6}, 'ban': {'reported': 4, 'lookup': 1, 'skipped': 1},
            'login': {'recorded': 3}, 'pardon': {'': 1}, 'release': {'recheck': 1, 'allowed': 1},
            'spared': {'login': 1}, 'retraction': {'done': 1}, 'api_error': {'report': 1},
            'report': {'done': 4, 'retracted': 1},
            'lookup': {'confirmed': 8, 'clean': 3, 'exempt': 1, 'unknown': 1},     # seen again: looked up again
            'block': {'known\tx\tzen': 1, 'known\tx\tzen,other': 2, 'notorious\tsshd\tzen,abuseipdb': 2},
            'asked': {'zen': 12, 'other': 12, 'abuseipdb': 12}, 'error': {'zen': 1, 'other': 1},
            'answered': {'zen': 11, 'other': 11, 'abuseipdb': 12}, 'listed': {'zen': 8, 'other': 2, 'abuseipdb': 3},
            'decisive': {'zen': 3, 'abuseipdb': 2}, 'alone': {'zen': 3}, 'wrong': {'zen': 2, 'abuseipdb': 2}})
        self.assertEqual({label.split('\t')[0] for label in latency}, {'zen', 'other', 'abuseipdb'})
        self.check_blocks()
        self.assertEqual(len(self.api.accepted()), 4)
        self.assertEqual(self.by_day('lookup', 'confirmed'), [(0, 4), (1, 2), (2, 2)])
        self.assertEqual(self.by_day('line', 'ignored'), [(0, 2), (1, 1), (2, 2), (4, 1)])
        self.assertEqual(self.by_day('release', 'recheck'), [(8, 1)])


class Killed(Counted, Case):
    """At one of the first 100 writes of a worker each, while hooks come."""

    POINTS = 100
    lists = {'zen': '127.0.0.2*3', 'other': '127.0.0.2*3'}
    has_api = True
    api_options = ('--plan', 'premium', '--limit', 'report=100000')
    sections = {'general': {'timeout_ms': 15000}, 'abuseipdb': {'check': 'never'}}

    def test_killed_at_100_points_sums_are_those_of_what_was_kept(self):
        self.ready()
        lines, bans = [[f'45.{net}.{turn}.1' for turn in range(self.POINTS)] for net in (1, 2)]
        self.listed(*lines, *bans[:50])
        self.listed(*bans, by='other')
        kills = 0
        for turn, (line, ban) in enumerate(zip(lines, bans), 1):
            self.gate(line)
            self.enqueue(ban, '--failures', '3')
            _, trace = self.injected('pwrite64,write,fdatasync,fsync', f'signal=SIGKILL:when={turn}',
                                     'rep-report', '--flush')
            kills += 'SIGKILL' in trace
        self.assertGreater(kills, self.POINTS / 2)
        for _ in range(5):
            self.place.due_now()
            self.flush()
        self.assertEqual((self.count('lookup'), set(self.states())), (0, {DONE}))
        said = self.counters()
        self.check_blocks()
        self.assertEqual(said['report'], {'done': self.POINTS})
        self.assertEqual(len(self.announced()), 2 * self.POINTS)
        self.assertEqual(said['lookup'], {'confirmed': 2 * self.POINTS})
        self.assertEqual(said['listed'], {'zen': 150, 'other': 100})
        self.assertEqual(said['decisive'], {'zen': 100, 'other': 50})
        self.assertEqual(said['decisive'], said['alone'])
        self.assertEqual((said['line'], said['ban']), ({'ignored': self.POINTS}, {'reported': self.POINTS}))


class File(Counted, Case):
    """iprep.db-hooks: whatever is in its place, hooks answer as without it, and say nothing."""

    lists = {'zen': '127.0.0.2*3'}

    def setUp(self):
        super().setUp()
        self.ready()
        self.path = self.place.path('state/iprep.db-hooks')
        self.block('45.1.1.1')

    def hooks(self):
        self.gate('45.1.1.1', status=10)
        self.silent('rep-report', '--enqueue', '--jail', 'sshd', '--', '45.1.1.2')
        self.login('45.1.1.3')
        self.silent('rep-check', '--is-blocked', '--', '45.1.1.1', status=10)

    def test_it_belongs_to_the_owner_of_the_state_and_its_group_may_read_it(self):
        of, state = os.stat(self.path), os.stat(self.place.path('state'))
        self.assertEqual((of.st_uid, of.st_gid), (state.st_uid, state.st_gid))
        self.assertEqual((of.st_mode & 0o7777, of.st_size), (0o640, 4096))

    def test_spoiled_in_any_way_hooks_answer_and_the_next_worker_makes_it_again(self):
        target = self.place.path('target')
        ways = {
            'missing': lambda: None, 'empty': lambda: self.place.write('state/iprep.db-hooks', '', 0o640),
            'text': lambda: self.place.write('state/iprep.db-hooks', 'x' * 4096, 0o640),
            'a link': lambda: os.symlink(target, self.path), 'a FIFO': lambda: os.mkfifo(self.path, 0o640),
            'of root': lambda: self.place.write('state/iprep.db-hooks', saved, 0o640, owner=0),
        }
        counted = 1                        # of what hooks counted before
        self.gate('45.1.1.1', status=10)
        self.flush()
        saved = self.place.bytes('state/iprep.db-hooks')
        self.place.write('target', saved, 0o666)
        for what, spoil in ways.items():
            with self.subTest(what=what):
                os.unlink(self.path)
                spoil()
                self.hooks()
                self.flush()
                self.gate('45.1.1.1', status=10)
                self.flush()
                counted += 1
                self.assertEqual(self.counters('line')[0], {'counted': counted})
        self.assertEqual(self.place.bytes('target'), saved)

    def test_one_that_cannot_be_opened_for_a_moment_is_not_counted_again(self):
        self.hooks()
        self.flush()
        before = self.counters('line', 'ban')
        self.assertEqual(before, [{'counted': 1}, {'lookup': 1}])
        for nth in range(1, 4):
            self.place.traced(['-qq', '-P', self.path, '-e', f'inject=openat:error=ENFILE:when={nth}'],
                              'rep-report', '--flush')
            self.flush()
        self.assertEqual(self.counters('line', 'ban'), before)

    def test_on_a_disk_that_takes_nothing_hooks_that_only_read_answer_and_say_nothing(self):
        self.place.mount_state('size=1m')
        self.ready()
        self.block('45.1.1.1')
        self.gate('45.1.1.1', status=10)
        for how in ('ro', 'rw'):
            subprocess.run(['mount', '-o', f'remount,{how}', self.place.path('state')], check=True)
            self.gate('45.1.1.1', status=10)
        self.flush()
        self.assertEqual(self.counters('line')[0], {'counted': 2})

    def test_many_hooks_and_workers_at_the_same_time_count_each_call_once(self):
        calls = [self.place.start('rep-check', '--gate', '--jail', 'x', '--', '45.1.1.1') for _ in range(40)]
        workers = [self.place.start('rep-report', '--flush') for _ in range(4)]
        purges = [self.place.start('rep-purge', '-q') for _ in range(2)]
        for process in calls + workers + purges:
            process.communicate(timeout=120)
        answered = [call.returncode for call in calls].count(10)
        self.assertGreater(answered, 0)    # on a busy machine some may have waited for a lock in vain
        self.flush()
        self.assertEqual(self.counters('line')[0], {'counted': answered})

    def test_a_reset_begins_at_nothing(self):
        self.hooks()
        self.flush()
        self.hooks()
        self.purge('--reset', '--force')
        self.ready()
        self.assertEqual(self.counters(), {})
        self.login('45.1.1.3')
        self.flush()
        self.assertEqual(self.counters('login')[0], {'recorded': 1})
