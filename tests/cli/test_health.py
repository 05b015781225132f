# SPDX-License-Identifier: MIT
"""test_health.py - rep-report --health: each row of data/health.tsv begins and ends; who may ask, and how it fails"""
import contextlib
import json
import os
import re
import struct
import subprocess
import sys
import time

import places
import rows
from addresses import key_of
from cases import Case
from clocks import MovedPlace
from dns import behaviours as b
from dns.server import Zone
from feeds.server import FeedServer
from places import OWNER

ADDRESS = '45.1.1.1'
BLOCKED = '45.1.1.2'
HOUR, DAY = 3600, places.DAY
YES = b.listed('127.0.0.2')
MEMBER = {'user': 1000, 'group': 1000, 'extra_groups': [OWNER]}
# takes a lock for reading on the whole of each file that it can open
HOLDS = """import fcntl, os, struct, sys
held = 0
for path in sys.argv[1:]:
    try:
        fcntl.fcntl(os.open(path, os.O_RDONLY), fcntl.F_OFD_SETLK, struct.pack('hhqqi4x', fcntl.F_RDLCK, 0, 0, 0, 0))
        held += 1
    except PermissionError:
        pass
print(held, flush=True)
sys.stdin.read()
"""
STRANGER = {'user': 1000, 'group': 1000, 'extra_groups': []}
OK, WARNING, CRITICAL, UNKNOWN = range(4)
HEADS = ('OK', 'WARNING', 'CRITICAL', 'UNKNOWN')
# of the file of hooks (lib/store/hook_counts.c): an id and 32 counts, then times of 8 kinds and of 16 tiers, then its own
TIMES_AT, TIERS_AT, MADE_AT = 8 * (1 + 1 + 32), 8 * (1 + 1 + 32 + 8), 8 * (1 + 1 + 32 + 8 + 16)


def pattern(text, place):
    """{dir} is the place; <time> is any time."""
    return re.escape(text.replace('{dir}', place.dir)).replace('<time>', r'\d{4}-\d\d-\d\d \d\d:\d\d UTC')


class HealthCase(Case):
    sections = {'general': {'timeout_ms': 1500}}
    lists = {'zen': '127.0.0.2*3'}
    has_api = True

    def health(self, *args, status=None, **more):
        """(the first line, its text without performance data, the other lines)"""
        done = self.place.run('rep-report', '--health', *args, **more)
        self.assertEqual(done.stderr, '')
        lines = done.stdout.splitlines()
        head = re.fullmatch(r'IPREP (OK|WARNING|CRITICAL|UNKNOWN) - ([^|]+?)( \| [^|]+)?', lines[0])
        self.assertTrue(head, done.stdout)
        self.assertEqual(HEADS[done.returncode], head[1], done.stdout)
        if status is not None:
            self.assertEqual(done.returncode, status, done.stdout)
        return head[2], lines[1:]

    def troubles(self, **more):
        done = self.place.run('rep-report', '--health', '--json', **more)
        self.assertEqual(done.stderr, '')
        return [json.loads(line) for line in done.stdout.splitlines()]


class Situation:
    """What makes a trouble, and what ends it: a method of each for each name of data/health.tsv."""

    def list_quarantined(self):
        self.dns.zones['zen.test'] = Zone(YES, YES)
        self.self_test(status=None)

    def end_list_quarantined(self):
        self.says('zen', {})
        self.self_test()

    def count(self, days_ago, **counts):
        for name, n in counts.items():
            self.sql('INSERT INTO counter VALUES(?, ?, ?, ?)', int(time.time()) // DAY - days_ago, name, 'zen', n)

    def list_silent(self):
        self.count(0, asked=12, error=12)

    def list_silent_over_midnight(self):
        self.count(6, asked=20, error=19, answered=1, latency_ms=30)
        self.count(5, asked=9, error=9)
        self.count(1, asked=2, error=2)

    def list_silent_but_cached(self):
        self.count(0, asked=17, error=12, answered=5)

    def end_list_silent(self):
        self.count(0, latency_ms=30)

    end_list_silent_over_midnight = end_list_silent_but_cached = end_list_silent

    def key_missing(self):
        self.self_test()                       # it was good
        os.unlink(self.place.path('key'))

    def end_key_missing(self):
        self.place.write('key', places.KEY + '\n', 0o600, OWNER)

    def key_unreadable(self):
        os.chmod(self.place.path('key'), 0o644)

    end_key_unreadable = end_key_missing

    def key_of_root(self):
        self.place.write('key', places.KEY + '\n', 0o600, 0)

    end_key_of_root = end_key_missing

    def key_of_a_zone(self):
        self.start(lists={'zen': {'zone': '%{key:{dir}/zone.key}.zen.test', 'points': '127.0.0.2*3'}})
        self.ready()

    def end_key_of_a_zone(self):
        self.place.write('zone.key', 'abcdef\n', 0o600, OWNER)

    def key_refused(self):
        self.place.write('key', 'cd' * 40 + '\n', 0o600, OWNER)
        self.self_test(status=69)

    def end_key_refused(self):
        self.end_key_missing()
        self.self_test()

    def queue_old(self):
        self.flush()                           # a worker has run
        self.enqueue(ADDRESS)
        for table, at in (('lookup', 'since'), ('report', 'first_at')):
            self.sql(f'UPDATE {table} SET {at} = {at} - 7200, next_at = next_at + 7200')
        self.sql('UPDATE lookup SET next_at = next_at - 11000')

    def end_queue_old(self):
        self.place.due_now()
        self.flush()

    def worker_missing(self):
        self.flush()
        self.enqueue(ADDRESS)
        for table in ('lookup', 'report'):
            self.sql(f'UPDATE {table} SET next_at = next_at - 3700')
        os.utime(self.place.path('state/worker.lock'), (0, time.time() - 3700))

    def end_worker_missing(self):
        self.flush()

    def no_worker_yet(self):
        self.worker_missing()
        os.unlink(self.place.path('state/worker.lock'))

    def worker_in_the_future(self):
        self.worker_missing()
        os.utime(self.place.path('state/worker.lock'), (0, time.time() + DAY))

    end_no_worker_yet = end_worker_in_the_future = end_worker_missing

    def blocks_held(self):
        self.start(worker={'max_new_blocks': '2/1h'})
        self.ready()
        for address in ('45.1.1.1', '45.1.1.2'):
            self.block(address)

    def end_blocks_held(self):
        self.sql('UPDATE block SET first_at = first_at - 3600')

    def with_feed(self, form='plain'):
        self.feeds = self.open(FeedServer())
        feed = {'url': self.feeds.url, 'format': form, 'points': '*3', 'every': '6h', 'enabled': 'yes'}
        self.start(sections={'feed x': feed})

    def feed_stale(self):
        self.with_feed()
        self.place.__class__ = MovedPlace
        self.place.wall = self.place.boot = int(time.time())
        self.flush()
        self.place.wall += 25 * HOUR
        self.place.boot += 25 * HOUR

    def end_feed_stale(self):
        self.flush()

    def feed_refused(self):
        self.with_feed()
        self.feeds.plays('status(500)')
        self.flush()

    def feed_not_renewed(self):
        self.with_feed()
        self.flush()
        self.feeds.plays('status(500)')
        for _ in range(3):
            self.download()

    def download(self):
        self.sql('UPDATE fetch SET next_at = 0')
        self.flush()

    def end_feed_refused(self):
        self.feeds.plays('list_of(100)')
        self.download()

    end_feed_not_renewed = end_feed_refused

    def feed_with_key(self):
        self.with_feed('abuseipdb')
        self.place.change(self.feeds.url, self.api.url + '/blacklist')
        self.api.fault('http_500', 'blacklist')
        self.flush()

    def end_feed_with_key(self):
        self.place.change(self.api.url + '/blacklist', self.feeds.url)
        self.download()

    def hooks_file(self, at, number):
        with open(self.place.path('state/iprep.db-hooks'), 'r+b') as f:
            f.seek(at)
            f.write(struct.pack('=q', int(number)))

    def hooks_silent(self):
        self.gate(ADDRESS)
        self.hooks_file(MADE_AT, time.time() - 9 * DAY)
        self.hooks_file(TIMES_AT, time.time() - 3 * DAY)

    def hooks_silent_in_the_future(self):
        for at in (MADE_AT, TIMES_AT):
            self.hooks_file(at, time.time() + 30 * DAY)

    def end_hooks_silent(self):
        self.gate(ADDRESS)

    end_hooks_silent_in_the_future = end_hooks_silent

    def tier_unread(self):
        self.hooks_file(MADE_AT, time.time() - DAY)
        self.block(ADDRESS, age=HOUR)

    def tier_unread_in_the_future(self):
        self.tier_unread()
        for row in range(16):
            self.hooks_file(TIERS_AT + 8 * row, time.time() + 30 * DAY)

    def end_tier_unread(self):
        self.silent('rep-check', '--is-blocked', '--', ADDRESS, status=10)

    end_tier_unread_in_the_future = end_tier_unread

    def tcp_missing(self):
        self.sql("INSERT INTO endpoint VALUES('dns-tcp', 0, 0, 0, 0, 0, NULL, 0, ?, '192.0.2.53: timeout', 0)",
                 int(time.time()))

    def end_tcp_missing(self):
        self.sql("DELETE FROM endpoint WHERE name = 'dns-tcp'")

    def fleet(self, **state):
        with open(self.place.path('iprep.conf'), 'a', encoding='ascii') as f:
            f.write(f'[fleet]\nzone = bl.test\nserver = 127.0.0.1:9\nkey_file = {self.place.path("fleet.key")}\nhost = 7\n')
        for name, value in state.items():
            self.sql('INSERT INTO meta VALUES(?, ?)', f'fleet-{name.replace("_", "-")}', value)

    def end_fleet(self):
        self.sql("DELETE FROM meta WHERE name LIKE 'fleet-%'")
        self.sql('DELETE FROM publication')

    def fleet_waits(self):
        self.fleet(error='no answer from the server')
        self.sql('INSERT INTO publication(key, addr, octet, until, state, next_at, tries, since) '
                 'VALUES(?, ?, 2, 4000000000, 1, 0, 3, ?)', key_of('45.1.1.1'), key_of('45.1.1.1'),
                 int(time.time()) - 4000)

    def fleet_resolver_behind(self):
        self.fleet(serial_primary=8, serial_resolver=7, behind_since=int(time.time()) - 700)

    def fleet_resolver_without(self):
        self.fleet(serial_primary=8, behind_since=int(time.time()) - 700)

    end_fleet_waits = end_fleet_resolver_behind = end_fleet_resolver_without = end_fleet

    def disk_full(self):
        self.place.mount_state('size=4m')
        self.ready()
        self.place.fill()

    def end_disk_full(self):
        os.unlink(self.place.path('state/fill'))

    def disk_read_only(self):
        self.place.mount_state('size=16m')
        self.ready()
        self.flush()
        subprocess.run(['mount', '-o', 'remount,ro', self.place.path('state')], check=True)

    def end_disk_read_only(self):
        subprocess.run(['mount', '-o', 'remount,rw', self.place.path('state')], check=True)

    def database_damaged(self):
        self.flush()
        with open(self.place.db, 'r+b') as f:
            f.write(b'garbage' * 100)

    def end_database_damaged(self):
        self.purge('--reset')


@rows.each('health.tsv', at_least=15)
class Troubles(Situation, HealthCase):
    def try_row(self, row):
        self.ready()
        self.assertEqual(self.troubles(), [])
        getattr(self, row['situation'])()
        text = pattern(row['text'], self.place)
        [trouble] = [one for one in self.troubles() if one['name'] == row['trouble'] and
                     one['object'] == row['object'].replace('{dir}', self.place.dir)]
        self.assertTrue(re.fullmatch(text, trouble['text']), trouble['text'])
        self.assertEqual(trouble['severity'], row['severity'])
        first, more = self.health(status=HEADS.index(row['severity'].upper()))
        self.assertTrue(re.fullmatch(text, first) or any(re.fullmatch(f'{row["severity"].upper()}: {text}', line)
                                                         for line in more), (first, more))
        getattr(self, 'end_' + row['situation'])()
        self.assertEqual(self.troubles(), [])
        self.health(status=OK)

    def test_what_waits_for_a_quota_is_not_late_and_what_fails_is(self):
        self.queue_old()
        self.sql('UPDATE lookup SET next_at = next_at + 11000')        # tomorrow
        self.assertEqual(self.troubles(), [])
        self.sql('UPDATE lookup SET tries = 1')
        self.assertEqual([trouble['name'] for trouble in self.troubles()], ['queue-old'])


class Plugin(HealthCase):
    def test_all_is_well_in_one_line_with_performance_data(self):
        self.ready()
        self.enqueue(ADDRESS)
        done = self.run_it('rep-report', '--health')
        self.assertRegex(done.stdout, r'\AIPREP OK - no trouble \| troubles=0;0;;0 reports=1;;;0 lookups=1;;;0 '
                                      r'retractions=0;;;0 oldest=\d+s;3600;;0\n\Z')

    def test_several_are_counted_and_the_worst_decides(self):
        self.self_test()
        os.unlink(self.place.path('key'))
        self.dns.zones['zen.test'] = Zone(YES, YES)
        self.self_test(status=None)
        first, more = self.health(status=CRITICAL)
        self.assertEqual(first, '2 troubles: key-missing, list-quarantined')
        self.assertEqual([line.split(':')[0] for line in more], ['CRITICAL', 'WARNING'])

    def test_a_host_that_never_had_a_key_lacks_none(self):
        os.unlink(self.place.path('key'))
        self.ready()
        self.health(status=OK)

    def test_what_it_cannot_know_is_unknown_in_one_line(self):
        cases = ((lambda: None, 'not made yet'),
                 (lambda: (self.ready(), os.chown(self.place.path('state'), 0, 0)), 'belongs to root'),
                 (lambda: os.chmod(self.place.path('iprep.conf'), 0o666), 'unsafe'),
                 (lambda: self.place.write('iprep.conf', '[dns]\nbogus = 1\n'), 'iprep.conf:2: '),
                 (lambda: os.unlink(self.place.path('iprep.conf')), 'No such file'))
        for spoil, says in cases:
            with self.subTest(says):
                spoil()
                text, more = self.health(status=UNKNOWN)
                self.assertIn(says, text)
                self.assertEqual(more, [])
        self.assertEqual([name for name in self.place.files() if name.endswith('.new')], [])

    def test_a_wrong_call_is_unknown(self):
        for args in (('--flush',), (ADDRESS,), ('--nonsense',), ('--linger', 'x')):
            self.health(*args, status=UNKNOWN)
        with open('/dev/full', 'w', encoding='ascii') as full:
            self.ready()
            self.assertEqual(self.place.run('rep-report', '--health', capture_output=False, stdout=full,
                                            stderr=subprocess.DEVNULL).returncode, UNKNOWN)

    def test_nothing_is_made_or_changed(self):
        self.health(status=UNKNOWN)
        self.assertEqual(self.place.files(), [])
        self.ready()
        before = {name: self.place.bytes('state/' + name) for name in self.place.files() if not name.endswith('-shm')}
        self.health(status=OK)
        self.assertEqual({name: self.place.bytes('state/' + name) for name in before}, before)


class Members(HealthCase):
    """Of the group of the state, where its directory lets them in."""

    def setUp(self):
        super().setUp()
        os.chmod(self.place.path('state'), 0o750)
        os.chmod(self.place.path('iprep.conf'), 0o644)

    def test_they_see_what_root_sees_after_a_worker_has_run(self):
        self.self_test()
        self.flush()
        self.enqueue(ADDRESS)                  # the log is not empty, and no process has the database open
        self.sees_the_same()
        os.chmod(self.place.path('key'), 0o644)
        self.sees_the_same()
        self.end_of_log()
        self.sees_the_same()

    def sees_the_same(self):
        mine, roots = (self.place.run('rep-report', '--health', '--json', **who) for who in (MEMBER, {}))
        self.assertEqual((mine.stdout, mine.stderr, mine.returncode), (roots.stdout, roots.stderr, roots.returncode))
        self.assertEqual(json.loads(self.run_it('rep-report', '--status', '--json', status=None,
                                                **MEMBER).stdout)['waiting']['lookup'],
                         self.place.read('SELECT count(*) FROM lookup')[0][0])

    def end_of_log(self):
        """A worker has written the log into the database, and closed both as the last one."""
        os.chmod(self.place.path('key'), 0o600)
        self.flush()
        os.chmod(self.place.path('key'), 0o644)

    def test_they_cannot_keep_the_worker_out(self):
        self.flush()
        os.chmod(self.place.path('state/worker.lock'), 0o640)      # as another version left it
        self.flush()
        self.assertEqual(os.stat(self.place.path('state/worker.lock')).st_mode & 0o777, 0o600)
        status = json.loads(self.run_it('rep-report', '--status', '--json', **MEMBER).stdout)
        self.assertIsNone(status['worker'])

    def test_no_hook_waits_for_locks_of_a_member(self):
        self.flush()
        os.chmod(self.place.db + '-shm', 0o640)            # as another version left it
        self.block(BLOCKED)
        self.flush()
        for names in ([name] for name in self.place.files()):
            with self.subTest(names=names), self.held_by_member(names) as count:
                self.assertEqual(count, 0 if names[0].endswith(('.lock', '-shm')) else 1)
                self.gate(BLOCKED, status=10)
                self.enqueue(ADDRESS)
                self.login(ADDRESS)
                self.silent('rep-check', '--is-blocked', '--', BLOCKED, status=10)
                self.flush()

    @contextlib.contextmanager
    def held_by_member(self, names):
        """Locks of a member on all bytes of these files of the state, as far as it can open them; how many it has."""
        paths = [self.place.path(f'state/{name}') for name in names]
        with subprocess.Popen([sys.executable, '-c', HOLDS, *paths], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              text=True, **MEMBER) as holder:
            try:
                yield int(holder.stdout.readline())
            finally:
                holder.kill()

    def test_they_read_while_a_writer_holds_the_lock(self):
        self.flush()
        with self.place.locked():
            for end in ('', '-wal'):
                os.chmod(self.place.db + end, 0o640)
            self.assertEqual(self.troubles(**MEMBER), [])

    def test_others_learn_what_to_do(self):
        self.flush()
        text, _ = self.health(status=UNKNOWN, **STRANGER)
        self.assertEqual(text, f'the state belongs to user {OWNER} and group {OWNER}; run as root, or as a member of '
                               f'this group')

    def test_a_directory_that_is_closed_to_the_group_stays_closed(self):
        os.chmod(self.place.path('state'), 0o700)
        self.flush()
        text, _ = self.health(status=UNKNOWN, **MEMBER)
        self.assertIn('Permission denied', text)
        self.assertEqual(os.stat(self.place.db).st_mode & 0o777, 0o600)

    def test_a_log_that_another_program_removed_is_made_again_by_the_next_hook(self):
        self.flush()
        self.sql('SELECT 1')                   # the last one to close it
        os.chmod(self.place.db, 0o640)
        text, _ = self.health(status=UNKNOWN, **MEMBER)
        self.assertIn('the next hook or worker makes it again', text)
        self.enqueue(ADDRESS)
        self.health(status=OK, **MEMBER)
