#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Many user names from one address count; a successful login spares from the short block.

    test_spray.py DIRECTORY-OF-PROGRAMS        (as root)
"""
import contextlib
import json
import os
import sqlite3
import subprocess
import sys
import time
import unittest

sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib')]

from dns import behaviours as b
import place
from dns.server import Server, Zone

BIN = ''
ADDRESS = '45.1.1.1'
CONF = """[general]
state = {dir}/state/iprep.db
verdict_log = {dir}/state/verdict.log
timeout_ms = 1000
ipv6_prefix = 64
[tier known]
threshold = 3
bantime = 1d
[tier notorious]
threshold = 10
bantime = 365d
[dns]
resolvers = 127.0.0.1:PORT
[dnsbl a]
zone = a.test
points = 127.0.0.2*3 127.0.0.9*10
[allow]
addresses = 45.9.0.0/16
[worker]
start = none
linger = 0
"""


class Case(unittest.TestCase):
    def setUp(self):
        self.dns = Server()
        self.addCleanup(self.dns.close)
        self.dns.zones['a.test'] = Zone({'1.1.1.45': b.listed('127.0.0.2'), '2.1.1.45': b.listed('127.0.0.9')})
        self.place = place.Place(BIN, CONF.replace('PORT', str(self.dns.port)))
        self.addCleanup(self.place.close)

    def gate(self, user, status, address=ADDRESS, *more):
        args = () if user is None else ('--user', user)
        p = self.place.run('rep-check', '--gate', '--jail', 'rep-spray', *args, *more, '--', address)
        self.assertEqual((p.returncode, p.stdout, p.stderr), (status, '', ''), (user or '')[:40])

    def good(self, address=ADDRESS):
        p = self.place.run('rep-check', '--login', '--', address)
        self.assertEqual((p.returncode, p.stdout, p.stderr), (0, '', ''))

    def sql(self, text, *values):
        path = self.place.path('state/iprep.db')
        db = sqlite3.connect(path, timeout=10)
        with db:
            rows = db.execute(text, values).fetchall()
        db.close()
        for name in os.listdir(self.place.path('state')):
            with contextlib.suppress(FileNotFoundError):    # a worker removes its wake file
                os.chown(self.place.path('state/' + name), place.OWNER, place.OWNER)
        return rows

    def count(self, table):
        return self.sql(f'SELECT count(*) FROM {table}')[0][0]


class Spray(Case):
    def test_the_third_name_counts_and_the_same_name_thrice_does_not(self):
        for status in (0, 0, 0):
            self.gate('root', status)
        self.gate('admin', 0)
        self.gate('test', 10)
        self.gate('root', 10)
        self.gate(None, 0)                 # the ordinary gate of another jail
        self.gate('test', 0, '45.1.1.7')

    def test_names_are_bytes_and_no_name_is_none(self):
        for none in ('', '<F-USER>', '<ip-host>', 'x' * 1025, 'y' * 100000):
            self.gate(none, 0)
        self.assertEqual(self.count('sighting'), 0)
        self.gate('Ruut', 0)
        self.gate('root', 0)
        self.gate('r\u00f6\u00f6t \'"$(reboot)`', 10)
        self.assertEqual(self.count('sighting'), 3)

    def test_spellings_of_one_name_are_one(self):
        for user in ('bob', 'Bob', 'bob@example.org', 'BOB@EXAMPLE.ORG', ' bob', 'bob ', 'bob+tag', 'bob+tag@example.org',
                     'EXAMPLE\\bob', 'bob%example.org', 'bob@example.org.'):
            self.gate(user, 0)
        self.gate('alice@example.org', 0)
        self.gate('carol', 10)

    def test_one_name_in_three_domains_is_three(self):
        for user, status in (('info@a.example', 0), ('info', 0), ('info@b.example', 0), ('INFO@A.example', 0),
                             ('info@c.example', 10)):
            self.gate(user, status)

    def test_what_a_shell_cannot_pass_on_is_no_10(self):
        command = f"exec {BIN}/rep-check -c {self.place.path('iprep.conf')} --gate --user \"$(cat %s)\" -- {ADDRESS}"
        for name, raw in (('nul', b'a\0b'), ('long', b'z' * 200000)):
            with open(self.place.path(name), 'wb') as f:
                f.write(raw)
            p = subprocess.run(['/bin/sh', '-c', command % self.place.path(name)], capture_output=True, check=False)
            self.assertNotEqual(p.returncode, 10, name)

    def test_the_window_passes(self):
        for user, status in (('a', 0), ('b', 0), ('c', 10)):
            self.gate(user, status)
        self.sql('UPDATE sighting SET at = at - 86400')
        self.gate('d', 0)
        self.gate('e', 0)
        self.gate('a', 10)                 # seen again: its time moves on

    def test_a_restore_counts_nothing_and_says_what_is_on_disk(self):
        self.gate('a', 0)
        self.gate('b', 0, ADDRESS, '--restored', '1')
        self.gate('c', 0, ADDRESS, '--restored=1')
        self.assertEqual(self.count('sighting'), 1)
        self.gate('b', 0)
        self.gate('c', 10)
        self.gate('c', 10, ADDRESS, '--restored', '1')
        for user in (None, '<F-USER>'):    # fail2ban 1.0.2 restores without any tag but <ip>
            self.gate(user, 10, ADDRESS, '--restored', '<restored>')
            self.gate(user, 0, '45.1.1.8', '--restored', '<restored>')

    def test_no_more_rows_than_64_for_an_address(self):
        for i in range(70):
            self.gate(f'user{i}', 10 if i > 1 else 0)
        self.assertEqual(self.count('sighting'), 64)

    def test_names_are_nowhere_in_clear(self):
        name = 'hunter2-the-password-typed-as-a-name'
        self.gate(name, 0)
        for file in os.listdir(self.place.path('state')):
            with open(self.place.path('state/' + file), 'rb') as f:
                self.assertNotIn(name.encode(), f.read())

    def test_exempt_and_pardoned_addresses_leave_no_trace(self):
        self.place.run('rep-purge', '--pardon', '1d', '45.1.1.9', check=True)
        for address in ('10.0.0.1', '45.9.1.1', '45.1.1.9', '127.0.0.1'):
            for user in 'abcd':
                self.gate(user, 0, address)
            self.good(address)
        self.assertEqual((self.count('sighting'), self.count('good')), (0, 0))

    def test_an_ipv6_network_is_one_and_keys_are_made_once(self):
        running = [subprocess.Popen([f'{BIN}/rep-check', '-c', self.place.path('iprep.conf'), '--gate', '--user',
                                     f'u{i}', '--', f'2a02:4780:1:2::{i}']) for i in range(8)]
        self.assertLessEqual({p.wait(30) for p in running}, {0, 10})
        self.assertEqual(self.count('sighting'), 8)
        self.assertEqual(len(self.sql('SELECT DISTINCT key FROM sighting')), 1)
        self.assertEqual(self.sql("SELECT length(value) FROM meta WHERE name = 'user-key'"), [(16,)])
        self.gate('u3', 10, '2a02:4780:1:2:ffff::1')
        self.assertEqual(self.count('sighting'), 8)

    def test_forgetting_and_purging_take_all(self):
        self.gate('a', 0)
        self.good()
        self.place.run('rep-purge', ADDRESS, check=True)
        self.assertEqual((self.count('sighting'), self.count('good')), (0, 0))
        self.gate('a', 0)
        self.good()
        self.sql('UPDATE sighting SET at = at - 86401')
        self.sql('UPDATE good SET at = at - 30 * 86400 - 3701')
        self.place.run('rep-purge', '--quiet', check=True)     # logins go when two runs an hour apart agree
        self.gate('a', 0)
        self.sql('UPDATE sighting SET at = at - 86401')
        boot = int(time.clock_gettime(time.CLOCK_BOOTTIME)) - 3700
        self.sql("INSERT OR REPLACE INTO meta SELECT 'purge-run', ? || substr(value, 41) FROM meta"
                 " WHERE name = 'purge-run'", f'{int(time.time()) - 3700:020}{boot:020}')
        p = self.place.run('rep-purge', '--json', check=True)
        self.assertEqual((json.loads(p.stdout)['sightings'], json.loads(p.stdout)['logins']), (1, 1))
        self.assertEqual((self.count('sighting'), self.count('good')), (0, 0))


class Blocked(Case):
    def flush(self):
        self.place.run('rep-report', '--flush', check=True)
        return self.place.verdict_log().count('verdict=confirmed')

    def set(self, text):
        with open(self.place.path('iprep.conf'), 'a', encoding='ascii') as f:
            f.write(text)

    def seen(self, address=ADDRESS):
        """What the block says, in the list, in the mail's text and where one address is looked up."""
        texts = [self.place.run('rep-check', *args).stdout for args in
                 (('--blocks', '--prefix', address), ('--blocks', '--new', '--prefix', address))]
        one = self.place.run('rep-check', '--cached', address).stdout
        json_seen = [json.loads(self.place.run('rep-check', '--json', *args).stdout)['seen'] for args in
                     (('--blocks', '--prefix', address), ('--cached', address))]
        self.assertEqual(json_seen[0], json_seen[1])
        for text in texts:
            self.assertIn(f'\n    {json_seen[0]}, listed by a\n', text)
        self.assertIn(f'\n    seen: {json_seen[0]}\n', one)
        return json_seen[0]


class Seen(Blocked):
    """One failed login of a listed address is enough for a day: the block names it, and [gate] makes it a choice."""

    def test_a_block_names_the_one_failed_login_that_it_follows_and_not_three_names(self):
        self.gate('root', 0)
        self.assertEqual(self.flush(), 1)
        self.assertEqual(self.seen(), '1 failed login')

    def test_it_names_other_lines_and_bans_of_ordinary_jails(self):
        self.gate(None, 0)
        self.place.run('rep-report', '--enqueue', '--jail', 'sshd', '--failures', '5', '--', '45.1.1.2', check=True)
        self.assertEqual(self.flush(), 2)
        self.assertEqual(self.seen(), '1 suspicious line')
        self.assertEqual(self.seen('45.1.1.2'), 'banned by sshd, 5 failures')

    def test_a_ban_for_three_names_says_three_names(self):
        for user, status in (('a', 0), ('b', 0), ('c', 10)):
            self.gate(user, status)
        self.place.run('rep-report', '--enqueue', '--jail', 'rep-spray', '--failures', '1', '--', ADDRESS, check=True)
        self.assertEqual(self.flush(), 1)
        self.assertEqual(self.seen(), 'banned by rep-spray, 3 user names')

    def test_a_lookup_waits_for_as_many_lines_as_are_set(self):
        self.set('[gate]\nfailures = 3\n')
        self.gate('root', 0)
        self.gate('root', 0)
        self.assertEqual((self.flush(), self.count('lookup')), (0, 0))
        self.gate(None, 0)
        self.assertEqual(self.count('lookup'), 1)
        self.assertEqual(self.flush(), 1)
        self.assertEqual(self.seen(), '2 failed logins, 1 suspicious line')
        self.gate(None, 10)

    def test_lines_outside_the_window_do_not_count(self):
        self.set('[gate]\nfailures = 2\nwindow = 1h\n')
        self.gate('root', 0)
        self.sql('UPDATE ambiguous SET at = at - 3601')
        self.gate('root', 0)
        self.assertEqual(self.count('lookup'), 0)
        self.gate('root', 0)
        self.assertEqual(self.count('lookup'), 1)

    def test_a_ban_of_an_ordinary_jail_waits_for_no_line(self):
        self.set('[gate]\nfailures = 64\n')
        self.place.run('rep-report', '--enqueue', '--jail', 'sshd', '--', ADDRESS, check=True)
        self.assertEqual(self.flush(), 1)

    def test_an_ipv6_network_is_one(self):
        self.set('[gate]\nfailures = 3\n')
        for i in range(1, 4):
            self.gate('root', 0, f'2a02:4780:1:2::{i}')
        self.assertEqual((self.count('lookup'), len(self.sql('SELECT DISTINCT key FROM ambiguous'))), (1, 1))

    def test_lines_are_bounded_and_forgotten(self):
        self.set('[gate]\nfailures = 64\n')
        for i in range(70):
            self.gate('root', 0)
            self.sql('UPDATE ambiguous SET at = at - 1')
        self.assertEqual(self.count('ambiguous'), 64)
        self.place.run('rep-purge', ADDRESS, check=True)
        self.assertEqual(self.count('ambiguous'), 0)
        self.gate('root', 0)
        self.sql('UPDATE ambiguous SET at = at - 86401')
        self.place.run('rep-purge', '--quiet', check=True)
        self.assertEqual(self.count('ambiguous'), 0)

    def test_exempt_and_pardoned_addresses_and_restores_are_not_counted(self):
        self.place.run('rep-purge', '--pardon', '1d', '45.1.1.9', check=True)
        for address in ('10.0.0.1', '45.9.1.1', '45.1.1.9'):
            self.gate('root', 0, address)
        self.gate('root', 0, ADDRESS, '--restored', '1')
        self.assertEqual(self.count('ambiguous'), 0)

    def test_nothing_is_written_while_a_lookup_waits_or_the_cache_decides(self):
        self.dns.zones['a.test'] = Zone({})
        self.gate('root', 0)
        for _ in range(3):
            self.gate('root', 0)
        self.assertEqual(self.sql('SELECT sum(logins) FROM ambiguous'), [(1,)])
        self.flush()
        self.gate('root', 0)
        self.assertEqual(self.sql('SELECT sum(logins) FROM ambiguous'), [(1,)])


class Good(Blocked):

    def test_a_log_in_spares_from_the_lower_tier_only(self):
        self.good()
        self.good('45.1.1.2')
        for address in (ADDRESS, '45.1.1.2'):
            self.gate(None, 0, address)
            self.place.run('rep-report', '--enqueue', '--jail', 'sshd', '--', address, check=True)
        self.assertEqual(self.flush(), 1)
        self.assertIn('ip=45.1.1.2 score=10 tier=notorious', self.place.verdict_log())
        self.gate(None, 0)
        p = self.place.run('rep-check', '--json', ADDRESS)
        self.assertEqual((p.returncode, json.loads(p.stdout)['tier']), (10, 'known'))
        self.assertIn('login_at', json.loads(p.stdout))
        self.assertIn('no block below the highest tier', self.place.run('rep-check', ADDRESS).stdout)

    def test_a_log_in_while_the_look_up_is_under_way_spares_too(self):
        self.dns.zones['a.test'] = Zone({'1.1.1.45': b.delayed(0.5, b.listed('127.0.0.2'))})
        self.gate(None, 0)
        worker = self.place.worker()
        place.wait_until(lambda: self.dns.questions.get(('a.test', '1.1.1.45')), 'the list is asked')
        self.good()
        worker.wait(20)
        self.assertEqual((self.count('block'), self.place.verdict_log()), (0, ''))

    def test_one_name_of_a_blocked_address_is_no_spray(self):
        """That jail reports, and a report must not follow from what others say."""
        self.gate(None, 0)
        self.assertEqual(self.flush(), 1)
        self.gate(None, 10)
        for user in ('root', 'root', '', '<F-USER>', 'x' * 2000):
            self.gate(user, 0)
        self.gate('root', 10, ADDRESS, '--restored', '1')
        self.gate('admin', 0)
        self.gate('test', 10)

    def test_a_login_has_no_effect_after_its_window(self):
        self.good()
        self.sql('UPDATE good SET at = at - 30 * 86400 - 1')
        self.gate(None, 0)
        self.assertEqual(self.flush(), 1)
        self.gate(None, 10)

    def test_it_is_written_once_an_hour_and_ends_with_0_whatever_is_wrong(self):
        self.good()
        self.sql('UPDATE good SET at = at - 3000')
        before = self.sql('SELECT at FROM good')
        self.good()
        self.assertEqual(self.sql('SELECT at FROM good'), before)
        self.good('no address')
        p = self.place.run('rep-check', '--login', 'a', 'b')
        self.assertEqual((p.returncode, p.stdout, p.stderr), (0, '', ''))
        p = self.place.run('rep-check', '--log', '--bogus')
        self.assertEqual((p.returncode, p.stdout, p.stderr), (0, '', ''))


if __name__ == '__main__':
    BIN = os.path.abspath(sys.argv.pop(1))
    unittest.main()
