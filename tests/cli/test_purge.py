#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""rep-purge: what expires when, free space given back, long blocks looked up again and released,
addresses forgotten without a trace. Against DNS lists and the AbuseIPDB emulator; time moves by
changing times in the database.

    test_purge.py DIRECTORY-OF-PROGRAMS        (as root)
"""
import ipaddress
import json
import os
import pty
import random
import re
import sqlite3
import subprocess
import sys
import time
import unittest

sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'dns')]

import behaviours as b
import place
from server import Server, Zone

BIN = ''
DAY, WEEK, YEAR = 86400, 7 * 86400, 365 * 86400
CRON = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'fail2ban', 'cron.d', 'iprep')
CONF = """[general]
state = {dir}/state/iprep.db
verdict_log = {dir}/state/verdict.log
timeout_ms = 1500
[tier known]
score = 3
bantime = 1d
[tier notorious]
score = 10
bantime = 365d
[worker]
start = none
linger = 0
[dns]
resolvers = 127.0.0.1:PORT
"""
LIST = '[dnsbl {0}]\nzone = {0}.test\npoints = 127.0.0.2*3\n'
HIGH = {'abuseConfidenceScore': 100, 'totalReports': 9, 'numDistinctUsers': 3, 'lastReportedAt': 'now-2h'}
KEEPS = {'finding': 7 * DAY, 'lookup': 7 * DAY, 'report': 60 * DAY, 'failure': DAY, 'sighting': DAY,
         'good': 30 * DAY, 'retraction': 60 * DAY, 'released': 7 * DAY}


def key_of(address):
    a = ipaddress.ip_address(address)
    return b'\0' * 10 + b'\xff\xff' + a.packed if a.version == 4 else a.packed


def boot_id():
    with open('/proc/sys/kernel/random/boot_id', encoding='ascii') as f:
        return f.read().strip()


class Case(unittest.TestCase):
    more = ''

    def setUp(self):
        self.dns = Server()
        self.addCleanup(self.dns.close)
        self.start(self.more)

    def start(self, more='', key=False):
        self.place = place.Place(BIN, CONF.replace('PORT', str(self.dns.port)) + more, key=place.KEY if key else None)
        self.addCleanup(self.place.close)
        self.purge('--quiet')                  # makes the database, and is the first of two runs
        self.hour_later()

    def purge(self, *args, status=0, program='rep-purge'):
        p = self.place.run(program, *args)
        self.assertEqual(p.returncode, status, p.stdout + p.stderr)
        return p

    def stats(self, *args, status=0):
        return json.loads(self.purge('--json', *args, status=status).stdout)

    def sql(self, text, *values):
        return self.place.sql(text, *values)

    def count(self, table):
        return self.sql(f'SELECT count(*) FROM {table}')[0][0]

    def run_was(self, wall, boot_ago):
        """The run that the database remembers."""
        boot = int(time.clock_gettime(time.CLOCK_BOOTTIME)) - boot_ago
        self.sql("INSERT OR REPLACE INTO meta VALUES('purge-run', ?)", f'{wall:020}{boot:020}{boot_id()}')

    def hour_later(self):
        self.run_was(int(time.time()) - 3700, 3700)

    def block(self, address, since, until, tier='notorious', src='zen', addr=None):
        self.sql('INSERT INTO block(key, tier, score, since, until, first_at, announced_at, due, jail, src, addr)'
                 " VALUES(?, ?, 13, ?, ?, ?, ?, 0, 'sshd', ?, ?)", key_of(address), tier, since, until, since,
                 since, src, addr and key_of(addr))

    def old_block(self, address, age=8 * DAY, **more):
        since = int(time.time()) - age
        self.block(address, since, since + YEAR, **more)

    def blocked(self):
        return sorted(str(ipaddress.ip_address(k[12:] if k[:12] == key_of('0.0.0.0')[:12] else k))
                      for k, in self.sql('SELECT key FROM block'))

    def asked(self, what):
        return self.dns.questions.get(('zen.test', what), 0)

    def released(self):
        return self.purge('--released').stdout.split()


class Expiry(Case):
    def add(self, table, address, at):
        k = key_of(address)
        rows = {
            'finding': ('(key, source, listed, rule, partial, points, answers, detail, answered_at, expires_at)'
                        " VALUES(?, 'zen', 1, 0, 0, 3, '', '', ?, ?)", k, at, at + 60),
            'lookup': ("(key, addr, mark, origin, tries, since, next_at, jail) VALUES(?, ?, 1, 2, 0, ?, ?, '')",
                       k, k, at, at),
            'report': ('(key, addr, state, jail, categories, comment, failures, first_at, seen_at, next_at, tries,'
                       " sent_at, why, ended_at) VALUES(?, ?, 3, '', '', '', 1, ?, ?, 0, 1, 0, '', ?)", k, k, at,
                       at, at),
            'failure': (' VALUES(?, ?, 1, ?)', k, at // 3600, at), 'sighting': (' VALUES(?, 7, ?)', k, at),
            'good': (' VALUES(?, ?)', k, at), 'released': (" VALUES(?, ?, 'notorious')", k, at),
            'retraction': (" VALUES(?, ?, 1, ?, 0, 1, 1, '')", k, k, at),
        }[table]
        self.sql(f'INSERT INTO {table} {rows[0]}', *rows[1:])

    def test_each_goes_by_its_own_retention_and_not_before(self):
        now = int(time.time())
        for table, keep in KEEPS.items():
            self.add(table, '45.1.1.1', now - keep + 600)
            self.add(table, '45.1.1.2', now - keep - 600)
            self.add(table, '45.1.1.3', now + WEEK + 600)      # written under a clock gone wrong
        for name, until in (('45.1.1.1', now + 600), ('45.1.1.2', now - 7200), ('45.1.1.3', now + 11 * YEAR)):
            self.block(name, now - YEAR, until)
            self.sql('INSERT INTO pardon VALUES(?, ?)', key_of(name), until)
        names = {'finding': 'findings', 'lookup': 'lookups', 'report': 'reports', 'failure': 'failures',
                 'sighting': 'sightings', 'good': 'logins', 'retraction': 'retractions', 'released': 'released',
                 'block': 'blocks', 'pardon': 'pardons'}
        would = self.stats('--dry-run')
        self.assertEqual({t: self.count(t) for t in names}, dict.fromkeys(names, 3))
        did = self.stats()
        self.assertEqual(did, {**dict.fromkeys(names.values(), 2), 'dry_run': False})
        self.assertEqual(would, {**did, 'dry_run': True})
        for table in names:
            self.assertEqual(self.sql(f'SELECT key FROM {table}'), [(key_of('45.1.1.1'),)], table)

    def test_a_configured_retention_is_kept(self):
        self.start('[retention]\nfindings = 2h\nreports = 2d\nreleased = 3h\n[good]\nwindow = 4h\n')
        now = int(time.time())
        for table, keep in (('finding', 7200), ('report', 2 * DAY), ('released', 3 * 3600), ('good', 4 * 3600)):
            self.add(table, '45.1.1.1', now - keep + 600)
            self.add(table, '45.1.1.2', now - keep - 600)
        did = self.stats()
        self.assertEqual([did[n] for n in ('findings', 'reports', 'released', 'logins')], [1, 1, 1, 1])

    def test_a_report_nobody_came_for_goes_and_one_that_waits_its_turn_stays(self):
        now = int(time.time())
        self.add('report', '45.1.1.1', now - 61 * DAY)
        self.add('report', '45.1.1.2', now - 61 * DAY)
        self.sql('UPDATE report SET state = 0, next_at = ?', now - 61 * DAY)
        self.sql('UPDATE report SET next_at = ? WHERE id = 1', now + 60)
        self.assertEqual(self.stats()['reports'], 1)
        self.assertEqual(self.sql('SELECT id FROM report'), [(1,)])

    def test_statistics_go_to_stderr_and_quiet_says_nothing(self):
        self.add('finding', '45.1.1.1', 1)
        p = self.purge('-n')
        self.assertEqual((p.stdout, p.stderr.split(',')[0]), ('', 'would remove 1 findings'))
        p = self.purge()
        self.assertEqual((p.stdout, p.stderr.split(',')[0]), ('', 'removed 1 findings'))
        p = self.purge('--quiet')
        self.assertEqual((p.stdout, p.stderr), ('', ''))

    def fill(self, n):
        self.sql('WITH RECURSIVE i(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM i WHERE x < ?)'
                 ' INSERT INTO finding(key, source, listed, rule, partial, points, answers, detail, answered_at,'
                 " expires_at) SELECT randomblob(16), 'zen', 1, 0, 0, 3, '', hex(zeroblob(60)), 1, 2 FROM i", n)
        self.sql('PRAGMA wal_checkpoint(TRUNCATE)')

    def size(self):
        return sum(os.path.getsize(self.place.path('state/iprep.db' + end)) for end in ('', '-wal')
                   if os.path.exists(self.place.path('state/iprep.db' + end)))

    def test_free_pages_are_given_back(self):
        self.purge('--quiet')
        empty = self.size()
        self.fill(20000)
        self.assertGreater(self.size(), empty + 3000000)
        self.assertEqual(self.stats()['findings'], 20000)
        self.assertEqual((self.size(), self.sql('PRAGMA freelist_count')), (empty, [(0,)]))

    def test_a_store_that_cannot_shrink_is_purged_all_the_same(self):
        self.sql('PRAGMA journal_mode = DELETE')
        db = self.place.path('state/iprep.db')
        subprocess.run(['/usr/bin/python3', '-c', 'import sqlite3, sys; c = sqlite3.connect(sys.argv[1], '
                        'isolation_level=None); c.execute("PRAGMA auto_vacuum = NONE"); c.execute("VACUUM"); '
                        'c.execute("PRAGMA journal_mode = WAL")', db], check=True)
        self.assertEqual(self.sql('PRAGMA auto_vacuum'), [(0,)])
        self.fill(2000)
        self.assertEqual(self.stats()['findings'], 2000)
        self.assertEqual(self.count('finding'), 0)

    def test_hooks_have_their_turn_while_it_purges(self):
        self.fill(40000)
        args = self.place.command('rep-purge', '--quiet')
        with subprocess.Popen(args, stdin=subprocess.DEVNULL) as p:
            place.wait_until(lambda: self.count('finding') < 40000, 'it has begun')
            during = 0
            while p.poll() is None:
                self.assertEqual(self.place.run('rep-report', '--enqueue', '--jail', 'sshd', '--',
                                                f'45.3.{during // 200}.{during % 200 + 1}').returncode, 0)
                during += p.poll() is None
            self.assertEqual(p.wait(), 0)
        self.assertGreater(during, 3)
        self.assertEqual(self.count('finding'), 0)

    def seen_on_terminal(self, *args):
        master, slave = pty.openpty()
        with subprocess.Popen(self.place.command('rep-purge', *args), stdin=subprocess.DEVNULL, stdout=slave,
                              stderr=slave) as p:
            os.close(slave)
            seen = b''
            try:
                while chunk := os.read(master, 65536):
                    seen += chunk
            except OSError:                # the terminal is gone with its last writer
                pass
            os.close(master)
            self.assertEqual(p.wait(), 0)
        return seen

    def test_a_bar_is_for_long_runs_on_terminals(self):
        self.fill(80000)
        seen = self.seen_on_terminal()
        self.assertRegex(seen, rb'\r\[#+\.*\] +\d+%')
        self.assertRegex(seen, rb'\r\x1b\[Kremoved 80000 findings')
        self.fill(80000)
        self.assertEqual(self.seen_on_terminal('--quiet'), b'')
        self.assertNotIn(b'%', self.seen_on_terminal())


class Clock(Case):
    """Blocks and pardons go only when two runs, an hour apart by the boot clock, agree."""

    def setUp(self):
        super().setUp()
        self.now = int(time.time())
        self.block('45.1.1.1', self.now - YEAR, self.now - 7200)       # over
        self.sql('INSERT INTO pardon VALUES(?, ?)', key_of('45.1.1.9'), self.now - 7200)

    def left(self):
        self.purge()
        return self.blocked() + ['pardon'] * self.count('pardon')

    def test_the_first_run_takes_none(self):
        self.sql('DELETE FROM meta')
        self.assertEqual(self.left(), ['45.1.1.1', 'pardon'])

    def test_a_second_run_too_soon_takes_none(self):
        self.run_was(self.now - 4000, 3500)                # by the boot clock, whatever the other one says
        self.assertEqual(self.left(), ['45.1.1.1', 'pardon'])

    def test_an_hour_later_they_go(self):
        self.run_was(self.now - 3700, 3700)
        self.assertEqual(self.left(), [])

    def test_only_what_was_over_for_the_earlier_run_goes(self):
        self.run_was(self.now - 3 * 3600, 3 * 3600)
        self.assertEqual(self.left(), ['45.1.1.1', 'pardon'])

    def test_a_clock_that_was_in_2038_frees_nobody(self):
        self.run_was(2145916800, 3700)
        self.block('45.1.1.2', self.now, self.now + YEAR)
        self.assertEqual(self.left(), ['45.1.1.2'])

    def test_a_clock_that_is_in_2038_frees_nobody(self):
        """Seen from a clock eleven years ahead, all of them are over."""
        self.sql('DELETE FROM block')
        self.sql('DELETE FROM pardon')
        self.run_was(self.now - 11 * YEAR, 3700)
        self.block('45.1.1.2', self.now - 11 * YEAR, self.now - 10 * YEAR)
        self.sql('INSERT INTO pardon VALUES(?, ?)', key_of('45.1.1.9'), self.now - 10 * YEAR)
        self.assertEqual(self.left(), ['45.1.1.2', 'pardon'])

    def test_a_clock_that_fell_back_to_1970_frees_nobody(self):
        """Seen from a clock thirty years behind, all of them end too far away to be true."""
        self.sql('DELETE FROM block')
        self.sql('DELETE FROM pardon')
        self.run_was(self.now + 30 * YEAR, 3700)
        self.block('45.1.1.2', self.now + 29 * YEAR, self.now + 31 * YEAR)
        self.sql('INSERT INTO pardon VALUES(?, ?)', key_of('45.1.1.9'), self.now + 31 * YEAR)
        self.assertEqual(self.left(), ['45.1.1.2', 'pardon'])

    def test_a_dry_run_is_no_run(self):
        self.sql('DELETE FROM meta')
        self.purge('-n')
        self.assertEqual(self.count('meta'), 0)


class RecheckCase(Case):
    more = LIST.format('zen') + LIST.format('other')

    def setUp(self):
        super().setUp()
        self.lists()

    def lists(self, *listed, zen=None, other=None):
        names = {'.'.join(reversed(a.split('.'))): b.listed('127.0.0.2') for a in listed}
        self.dns.zones['zen.test'] = zen or Zone(names)
        self.dns.zones['other.test'] = other or Zone({})

    def look(self, *args, status=0):
        s = self.stats('--recheck', *args, status=status)
        return s['done'], s['released'], s['listed'], s['undecided']

    def recheck_at(self):
        return self.sql('SELECT recheck_at FROM block')[0][0] - int(time.time())


class Recheck(RecheckCase):
    def test_after_a_week_who_is_listed_no_more_is_released(self):
        self.lists('45.1.1.2')
        self.old_block('45.1.1.1')
        self.old_block('45.1.1.2')
        self.old_block('45.1.1.3', age=6 * DAY)                # too young
        self.block('45.1.1.4', int(time.time()) - 8 * DAY, int(time.time()) + DAY - 60)    # ends soon anyway
        self.assertEqual(self.look('-n'), (2, 0, 0, 0))
        self.assertEqual(len(self.blocked()), 4)
        self.assertEqual(self.look(), (2, 1, 1, 0))
        self.assertEqual(self.blocked(), ['45.1.1.2', '45.1.1.3', '45.1.1.4'])
        self.assertEqual(self.released(), ['45.1.1.1'])
        self.assertEqual(self.look(), (0, 0, 0, 0))

    def test_then_monthly(self):
        self.lists('45.1.1.2')
        self.old_block('45.1.1.2')
        self.look()
        self.assertAlmostEqual(self.recheck_at(), 30 * DAY, delta=120)
        self.assertEqual(self.look(), (0, 0, 0, 0))
        self.sql('UPDATE block SET since = since - ?, recheck_at = recheck_at - ?', 30 * DAY + 200, 30 * DAY + 200)
        self.lists()
        self.assertEqual(self.look(), (1, 1, 0, 0))

    def test_without_network_nobody_is_released_and_it_is_tried_the_next_day(self):
        self.dns.close()
        self.old_block('45.1.1.1')
        self.assertEqual(self.look(), (1, 0, 0, 1))
        self.assertEqual((self.blocked(), self.released()), (['45.1.1.1'], []))
        self.assertAlmostEqual(self.recheck_at(), 20 * 3600, delta=120)

    def test_without_network_it_gives_up_before_all_are_asked_for(self):
        self.dns.close()
        for i in range(1, 201):
            self.old_block(f'45.1.1.{i}')
        p = self.purge('--recheck', status=75)
        self.assertIn('nobody is released without an answer', p.stderr)
        self.assertEqual((len(self.blocked()), self.released()), (200, []))
        self.assertGreater(self.sql('SELECT count(*) FROM block WHERE recheck_at = 0')[0][0], 0)

    def test_one_silent_list_is_enough_to_release_nobody(self):
        for bad in (b.silent(), b.servfail, b.refused, b.listed('127.255.255.254')):
            self.sql('DELETE FROM block')
            self.old_block('45.1.1.1')
            self.lists(other=Zone(bad))
            self.assertEqual(self.look()[1], 0, bad)
            self.assertEqual(self.blocked(), ['45.1.1.1'])

    def test_a_list_that_lost_its_entries_acquits_nobody_it_named(self):
        self.old_block('45.1.1.1')
        self.old_block('45.1.1.2', src='other')
        self.lists(zen=Zone({}, test=b.not_listed()))
        self.assertEqual(self.look(), (2, 1, 0, 1))
        self.assertEqual(self.blocked(), ['45.1.1.1'])

    def test_a_list_that_lists_the_world_acquits_nobody(self):
        self.old_block('45.1.1.1')
        self.lists(zen=Zone(b.not_listed(), b.listed('127.0.0.2')))
        self.assertEqual(self.look(), (1, 0, 0, 1))

    def test_released_is_idempotent_and_ends_after_its_week(self):
        self.old_block('45.1.1.1')
        self.look()
        for _ in range(3):
            self.assertEqual(self.released(), ['45.1.1.1'])
        line = json.loads(self.purge('--released', '--json').stdout)
        self.assertEqual((line['address'], line['tier']), ('45.1.1.1', 'notorious'))
        self.sql('UPDATE released SET at = at - ?', WEEK + 60)
        self.assertEqual(self.released(), [])

    def test_blocked_again_it_is_not_released_any_more_even_when_that_is_over(self):
        self.old_block('45.1.1.1')
        self.look()
        self.lists('45.1.1.1')
        self.purge('--enqueue', '--jail', 'sshd', '--', '45.1.1.1', program='rep-report')
        self.sql('DELETE FROM finding')
        self.purge('--flush', program='rep-report')
        self.assertEqual((self.blocked(), self.released()), (['45.1.1.1'], []))
        self.sql('DELETE FROM block')
        self.assertEqual(self.released(), [])

    def test_forgotten_while_it_is_looked_up_nothing_is_kept(self):
        self.old_block('45.1.1.1')
        self.lists(zen=Zone(b.delayed(0.7, b.not_listed())))
        with subprocess.Popen(self.place.command('rep-purge', '--recheck', '--quiet')) as p:
            place.wait_until(lambda: self.asked('1.1.1.45'), 'it is asked for')
            self.assertEqual(self.purge('45.1.1.1').stdout, '45.1.1.1\n')
            self.assertEqual(p.wait(), 0)
        self.assertEqual((self.count('block'), self.count('finding'), self.count('released')), (0, 0, 0))

    def test_of_a_prefix_the_address_that_was_seen_is_asked_for(self):
        conf = self.place.path('iprep.conf')
        with open(conf, encoding='ascii') as f:
            text = f.read()
        self.place.write('iprep.conf', text.replace('timeout_ms', 'ipv6_prefix = 64\ntimeout_ms'))
        self.old_block('2600:1:2:3::', addr='2600:1:2:3::5')
        self.old_block('2600:1:2:4::')                          # nobody knows which it was
        self.assertEqual(self.look(), (2, 1, 0, 1))
        self.assertEqual(self.released(), ['2600:1:2:3::/64'])
        nibbles = '.'.join(reversed(ipaddress.ip_address('2600:1:2:3::5').exploded.replace(':', '')))
        self.assertTrue(self.asked(nibbles))

    def test_bad_usage_is_64(self):
        for args in (('--recheck', '45.1.1.1'), ('--released', '45.1.1.1'), ('--recheck', '--released'),
                     ('--recheck', '--pardon', '1d')):
            self.assertNotEqual(self.purge(*args, status=64).stderr, '', args)

    def test_cron_feeds_released_addresses_to_each_verdict_jail_filtered(self):
        self.old_block('45.1.1.1')
        self.look()
        self.sql("INSERT INTO released VALUES(?, ?, 'x')", key_of('45.1.1.2'), int(time.time()))
        with open(CRON, encoding='ascii') as f:
            jobs = [line for line in f.read().splitlines() if 'unbanip' in line]
        self.assertEqual(len(jobs), 1)
        command = jobs[0].split(None, 6)[6].split('|| ', 1)[1]
        os.mkdir(self.place.path('bin'))
        with open(self.place.path('bin/rep-purge'), 'w', encoding='ascii') as f:
            f.write(f'#!/bin/sh\n{BIN}/rep-purge -c {self.place.path("iprep.conf")} "$@"\n'
                    'echo --all\necho "45.9.9.9 --all"\n')
        with open(self.place.path('bin/fail2ban-client'), 'w', encoding='ascii') as f:
            f.write(f'#!/bin/sh\necho "$*" >>{self.place.path("told")}\n')
        for name in ('rep-purge', 'fail2ban-client'):
            os.chmod(self.place.path('bin/' + name), 0o755)
        subprocess.run(['sh', '-c', command], check=True, stdin=subprocess.DEVNULL,
                       env={'PATH': self.place.path('bin') + ':/usr/bin:/bin'})
        with open(self.place.path('told'), encoding='ascii') as f:
            self.assertEqual(sorted(f.read().splitlines()),
                             [f'set {jail} unbanip 45.1.1.1 45.1.1.2' for jail in ('rep-confirmed', 'rep-notorious')])


class PaidRecheck(RecheckCase):
    """The same with AbuseIPDB, which says nothing of most."""

    def setUp(self):
        Case.setUp(self)
        self.api = place.Emulator({'45.1.1.9': HIGH})
        self.addCleanup(self.api.close)
        self.more = RecheckCase.more + f'[abuseipdb]\nurl = {self.api.url}\nkey_file = {{dir}}/key\n'
        self.start(self.more, key=True)
        self.lists()

    def start(self, more='', key=True):
        super().start(more, key)

    def calls(self):
        e = self.api.control('stats')['endpoints'].get('check', {'accepted': 0, 'refused': {}})
        return e['accepted'] + sum(e['refused'].values())

    def test_who_is_on_a_free_list_costs_no_call(self):
        self.lists('45.1.1.2')
        self.old_block('45.1.1.2')
        self.assertEqual((self.look(), self.calls()), ((1, 0, 1, 0), 0))
        self.old_block('45.1.1.1')
        self.assertEqual((self.look(), self.calls()), ((1, 1, 0, 0), 1))

    def test_whom_only_abuseipdb_names_stays(self):
        self.old_block('45.1.1.9')
        self.assertEqual(self.look(), (1, 0, 1, 0))

    def test_when_abuseipdb_is_silent_nobody_is_released(self):
        self.api.fault('hang')
        self.old_block('45.1.1.1')
        self.assertEqual(self.look(), (1, 0, 0, 1))

    def test_the_last_three_tenths_of_the_day_are_not_touched(self):
        day = int(time.time()) // DAY
        self.sql("INSERT INTO endpoint(name, day, quota, remaining, known, stopped_until, last_ok_at,"
                 " last_error_at, last_error) VALUES('check', ?, 1000, 301, 1, 0, 0, 0, '')", day)
        self.old_block('45.1.1.1')
        self.old_block('45.1.1.2')
        self.assertEqual((self.look(), self.calls()), ((2, 1, 0, 1), 1))
        self.assertEqual(len(self.blocked()), 1)

    def test_never_asked_is_never_acquitted(self):
        self.start(self.more + 'check = never\n', key=True)
        self.lists()
        self.old_block('45.1.1.1', src='abuseipdb')
        self.old_block('45.1.1.2', src='zen')
        self.assertEqual(self.look(), (2, 1, 0, 1))
        self.assertEqual((self.blocked(), self.calls()), (['45.1.1.1'], 0))


class Forget(Case):
    more = LIST.format('zen') + '[report]\nmin_users = 0\n'

    def setUp(self):
        super().setUp()
        self.dns.zones['zen.test'] = Zone(b.listed('127.0.0.2'))

    def traces(self, address, all_of=16):
        """How often it is in the files of the state, as bytes and as text."""
        seen = 0
        text = re.compile(rb'(?<![0-9a-f.:])' + re.escape(address.encode()) + rb'(?![0-9a-f.:])')
        for name in os.listdir(self.place.path('state')):
            if name.startswith('iprep.db'):
                with open(self.place.path('state/' + name), 'rb') as f:
                    data = f.read()
                seen += data.count(key_of(address)[:all_of]) + len(text.findall(data))
        return seen

    def live(self, address):
        """A whole life: reported, looked up, blocked, logged in."""
        self.purge('--enqueue', '--jail', 'sshd', '--failures', '3', '--user', 'root', '--', address,
                   program='rep-report')
        self.purge('--gate', '--jail', 'x', '--user', 'admin', '--', address, program='rep-check')
        self.purge('--flush', program='rep-report')
        self.purge('--good', '--', address, program='rep-check')

    def test_no_trace_is_left_but_the_pardon(self):
        api = place.Emulator({'45.1.1.1': HIGH, '45.1.1.2': HIGH})
        self.addCleanup(api.close)
        self.start(self.more + f'[abuseipdb]\nurl = {api.url}\nkey_file = {{dir}}/key\n', key=True)
        for address in ('45.1.1.1', '45.1.1.2'):
            self.live(address)
        self.sql("INSERT INTO released VALUES(?, ?, 'x')", key_of('45.1.1.1'), int(time.time()))
        self.sql("UPDATE endpoint SET last_error = 'something of 45.1.1.1, refused'")
        self.assertEqual(self.count('block'), 2)
        self.assertGreater(self.traces('45.1.1.1'), 5)
        self.assertEqual(self.purge('45.1.1.1').stdout, '45.1.1.1\n')
        self.assertEqual(self.traces('45.1.1.1'), 0)
        self.assertEqual(self.purge('--pardon', '30d', '45.1.1.2').stdout, '45.1.1.2\n')
        self.assertEqual(self.traces('45.1.1.2'), 1)
        self.assertEqual([self.count(t) for t in ('block', 'finding', 'report', 'lookup', 'sighting', 'failure',
                                                  'good', 'retraction', 'released', 'pardon')], [0] * 9 + [1])

    def crowd(self, victims):
        """Thousands that come and go in no order, so that SQLite moves rows about between pages."""
        pick = random.Random(0)                # with this one, copies of one or two victims are left behind
        others = [f'45.7.{n >> 8}.{n & 255}' for n in range(0, 65536, 11)]
        order = others + victims
        pick.shuffle(order)
        db = sqlite3.connect(self.place.path('state/iprep.db'), timeout=10)
        with db:
            for a in order:
                for source in ('zen', 'abuseipdb'):
                    db.execute('INSERT OR REPLACE INTO finding(key, source, listed, rule, partial, points, answers, detail,'
                               " answered_at, expires_at) VALUES(?, ?, 1, 0, 0, 3, '', ?, ?, 1)",
                               (key_of(a), source, f'list.test/{a} ' + 'x' * pick.randrange(150), int(time.time())))
                if pick.random() < .3:
                    db.execute('DELETE FROM finding WHERE key = ?', (key_of(pick.choice(others)),))
        db.close()
        self.sql('PRAGMA wal_checkpoint(TRUNCATE)')

    def test_no_trace_among_thousands_whose_rows_were_moved_between_pages(self):
        victims = [f'45.7.{n >> 8}.{n & 255}' for n in range(3, 65536, 11 * 37)]
        self.crowd(victims)
        before = self.count('finding')
        self.purge(*victims)
        self.assertEqual({v: self.traces(v) for v in victims if self.traces(v)}, {})
        self.assertEqual(self.count('finding'), before - 2 * len(victims))

    def test_its_jobs_are_cancelled(self):
        self.purge('--enqueue', '--jail', 'sshd', '--', '45.1.1.1', program='rep-report')
        self.assertEqual(self.count('lookup'), 1)
        self.purge('--pardon', '1d', '45.1.1.1')
        flushed = json.loads(self.purge('--flush', '--json', program='rep-report').stdout)
        self.assertEqual((flushed['lookups'], self.place.verdict_log()), (0, ''))

    def test_it_wins_over_a_worker_that_is_looking_it_up(self):
        self.dns.zones['zen.test'] = Zone(b.delayed(0.8, b.listed('127.0.0.2')))
        self.purge('--enqueue', '--jail', 'sshd', '--', '45.1.1.1', program='rep-report')
        worker = self.place.worker()
        place.wait_until(lambda: self.asked('1.1.1.45'), 'it is asked for')
        self.purge('--pardon', '1d', '45.1.1.1')
        self.assertEqual(worker.wait(60), 0)
        self.assertEqual(self.place.verdict_log(), '')
        self.assertEqual((self.traces('45.1.1.1'), self.count('pardon')), (1, 1))

    def test_no_line_is_written_for_who_was_forgotten_while_others_are_announced(self):
        """The worker reads dozens of blocks at once, and each line waits for the disk."""
        now, names = int(time.time()), [f'45.4.{i // 200}.{i % 200 + 1}' for i in range(1200)]
        db = sqlite3.connect(self.place.path('state/iprep.db'), timeout=10)
        with db:
            db.executemany('INSERT INTO block(key, tier, score, since, until, first_at, announced_at, due, jail, src)'
                           " VALUES(?, 'known', 3, ?, ?, 0, 0, 1, '', 'zen')",
                           [(key_of(a), now + i - 1200, now + DAY) for i, a in enumerate(names)])
        db.close()
        self.assertEqual(self.count('block'), len(names))
        forgotten = []
        worker = self.place.worker(stderr=subprocess.DEVNULL)
        while worker.poll() is None:
            at = self.place.verdict_log().count('\n')
            some = [a for a in names[at + 20:at + 120:20] if a not in forgotten]
            if some:
                self.purge(*some)
                said = self.place.verdict_log()
                forgotten += [a for a in some if f'ip={a} ' not in said]
        self.assertEqual(worker.wait(), 0)
        said = self.place.verdict_log()
        self.assertGreater(len(forgotten), 3)
        self.assertEqual([a for a in forgotten if f'ip={a} ' in said], [])
        self.assertEqual(said.count('\n') + len(forgotten), len(names))

    def test_a_pardon_holds_when_the_address_is_seen_or_a_ban_is_restored(self):
        self.live('45.1.1.1')
        self.purge('--gate', '--jail', 'x', '--', '45.1.1.1', program='rep-check', status=10)
        self.purge('--pardon', '1d', '45.1.1.1')
        for restored in ('0', '1', '<restored>'):
            self.purge('--gate', '--jail', 'x', '--restored', restored, '--', '45.1.1.1', program='rep-check')
        self.live('45.1.1.1')
        self.assertEqual((self.count('block'), self.count('lookup'), self.count('report')), (0, 0, 0))
        self.sql('UPDATE pardon SET until = until - ?', DAY + 60)          # and ends
        self.live('45.1.1.1')
        self.assertEqual(self.blocked(), ['45.1.1.1'])

    def test_of_a_prefix_all_goes(self):
        conf = self.place.path('iprep.conf')
        with open(conf, encoding='ascii') as f:
            text = f.read()
        self.place.write('iprep.conf', text.replace('timeout_ms', 'ipv6_prefix = 64\ntimeout_ms'))
        self.live('2600:1:2:3::5')
        self.old_block('2600:1:2:3::7')                # of a single address, beside an allowed one
        self.assertEqual(self.purge('--pardon', '1d', '2600:1:2:3::99').stdout, '2600:1:2:3::/64\n')
        self.assertEqual((self.blocked(), self.traces('2600:1:2:3::5', 8)), ([], 1))

    def test_ten_years_are_a_pardon_and_more_is_refused(self):
        self.purge('--pardon', '520w', '45.1.1.1')
        self.purge('--gate', '--jail', 'x', '--', '45.1.1.1', program='rep-check')
        self.purge('--pardon', '3653d', '45.1.1.2')
        self.purge()
        self.assertEqual((self.count('pardon'), self.count('lookup')), (2, 0))
        self.assertIn('ten years', self.purge('--pardon', '3654d', '45.1.1.3', status=64).stderr)
        self.assertEqual(self.count('pardon'), 2)

    def test_bad_input_changes_nothing(self):
        self.live('45.1.1.1')
        before = self.everything()
        for args, status, says in ((['--pardon', '30d'], 64, '--pardon needs an address'),
                                   (['--pardon', '11y', '45.1.1.1'], 64, 'ten years'),
                                   (['--pardon', '-1', '45.1.1.1'], 64, '--pardon'),
                                   (['--pardon', '', '45.1.1.1'], 64, '--pardon'),
                                   (['45.1.1.1', '45.1.1.0/24'], 65, '45.1.1.0/24: not an IP address but a prefix'),
                                   (['--pardon', '1d', '45.1.1.1/32'], 65, 'a prefix'),
                                   (['45.1.1.1', 'mail.example'], 65, 'mail.example: not an IP address')):
            with self.subTest(args=args):
                p = self.purge(*args, status=status)
                self.assertIn(says, p.stderr)
                self.assertEqual(p.stdout, '')
                self.assertEqual(self.everything(), before)

    def test_a_dry_run_prints_and_changes_nothing(self):
        self.live('45.1.1.1')
        before = self.everything()
        self.assertEqual(self.purge('-n', '--pardon', '1d', '45.1.1.1').stdout, '45.1.1.1\n')
        self.assertEqual(self.everything(), before)

    def everything(self):
        tables = [t for t, in self.sql("SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> 'meta'")]
        return {t: self.sql(f'SELECT * FROM {t}') for t in tables}


if __name__ == '__main__':
    if os.geteuid():
        sys.exit('test_purge.py: needs root')
    BIN = os.path.abspath(sys.argv.pop(1))
    unittest.main()
