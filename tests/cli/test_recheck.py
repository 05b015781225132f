#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""rep-purge --recheck and --released: long blocks looked up again, and released. Against DNS lists and the
AbuseIPDB emulator.

    test_recheck.py DIRECTORY-OF-PROGRAMS        (as root)
"""
import ipaddress
import json
import os
import subprocess
import time

import purge_case  # first: it finds the next ones
from dns import behaviours as b
import place
from purge_case import DAY, HIGH, LIST, WEEK, key_of
from dns.server import Zone

RELEASE = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'fail2ban', 'iprep-release')

class RecheckCase(purge_case.Case):
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

    def test_without_network_no_block_is_released_and_the_next_day_retries(self):
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
        self.assertIn('nothing is released, the next run retries', p.stderr)
        self.assertEqual((len(self.blocked()), self.released()), (200, []))
        self.assertGreater(self.sql('SELECT count(*) FROM block WHERE recheck_at = 0')[0][0], 0)

    def test_one_silent_list_prevents_every_release(self):
        for bad in (b.silent(), b.servfail, b.refused, b.listed('127.255.255.254')):
            self.sql('DELETE FROM block')
            self.old_block('45.1.1.1')
            self.lists(other=Zone(bad))
            self.assertEqual(self.look()[1], 0, bad)
            self.assertEqual(self.blocked(), ['45.1.1.1'])

    def test_a_list_without_its_test_entry_releases_no_address_that_it_listed(self):
        self.old_block('45.1.1.1')
        self.old_block('45.1.1.2', src='other')
        self.lists(zen=Zone({}, test=b.not_listed()))
        self.assertEqual(self.look(), (2, 1, 0, 1))
        self.assertEqual(self.blocked(), ['45.1.1.1'])

    def test_a_list_that_lists_every_address_releases_none(self):
        self.old_block('45.1.1.1')
        self.lists(zen=Zone(b.not_listed(), b.listed('127.0.0.2')))
        self.assertEqual(self.look(), (1, 0, 0, 1))

    def without_zen(self, text):
        """The configuration, its list zen replaced by this."""
        with open(self.place.path('iprep.conf'), encoding='ascii') as f:
            self.place.write('iprep.conf', f.read().replace(LIST.format('zen'), text))

    def test_a_list_that_is_disabled_or_removed_releases_no_address_that_it_listed(self):
        for text in ('', LIST.format('zen') + 'enabled = no\n', LIST.format('zen2')):
            with self.subTest(text=text):
                self.start(self.more)
                self.dns.zones['zen2.test'] = Zone({})
                self.without_zen(text)
                self.old_block('45.1.1.1')
                self.old_block('45.1.1.2', src='other')
                self.old_block('45.1.1.3', src='zen,other')
                self.assertEqual(self.look(), (3, 1, 0, 2))
                self.assertEqual(self.blocked(), ['45.1.1.1', '45.1.1.3'])

    def test_a_dry_run_without_sources_is_correct_and_quiet_prints_nothing(self):
        self.old_block('45.1.1.1')
        p = self.purge('--recheck', '-n')
        self.assertEqual((p.stdout, p.stderr.splitlines()[-1]), ('', 'would re-check 1 block'))
        p = self.purge('--recheck', '-n', '-q')
        self.assertEqual((p.stdout, p.stderr), ('', ''))
        self.start()
        self.old_block('45.1.1.1')
        for args in ([], ['-n']):
            self.assertIn('no source', self.purge('--recheck', *args, status=69).stderr)
        self.assertEqual(self.blocked(), ['45.1.1.1'])

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

    def test_two_at_once_release_each_once(self):
        self.lists(zen=Zone({'200.1.1.45': b.delayed(.3, b.listed('127.0.0.2'))}, b.delayed(.05, b.not_listed())))
        for i in range(1, 201):
            self.old_block(f'45.1.1.{i}')
        args = self.place.command('rep-purge', '--recheck', '--json')
        both = [subprocess.Popen(args, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                 stderr=subprocess.DEVNULL, text=True) for _ in range(2)]
        said = [json.loads(p.communicate(timeout=60)[0]) for p in both]
        self.assertEqual([p.returncode for p in both], [0, 0])
        self.assertEqual(sum(s['released'] for s in said), 199)
        self.assertEqual((self.blocked(), len(self.released())), (['45.1.1.200'], 199))

    def test_killed_in_the_middle_it_has_kept_what_it_knew_and_the_next_goes_on(self):
        self.lists(zen=Zone({'200.1.1.45': b.listed('127.0.0.2')}, b.delayed(.05, b.not_listed())))
        for i in range(1, 201):
            self.old_block(f'45.1.1.{i}')
        while self.count('released') <= 5:     # a run to which no list answered in time, because it is busy, gives up
            with subprocess.Popen(self.place.command('rep-purge', '--recheck', '--quiet')) as p:
                place.wait_until(lambda p=p: self.count('released') > 5 or p.poll() is not None, 'some are released', 180)
                p.kill()
        n = self.count('released')
        self.assertEqual((n + self.count('block'), self.sql('PRAGMA integrity_check')), (200, [('ok',)]))
        self.look()
        self.assertEqual((self.blocked(), self.count('released')), (['45.1.1.200'], 199))

    def test_an_address_that_is_now_allowed_or_pardoned_is_not_looked_up(self):
        self.start(self.more + '[allow]\naddresses = 45.1.1.0/24\n')
        self.lists()
        self.old_block('45.1.1.1')
        self.old_block('45.1.2.1')
        self.sql('INSERT INTO pardon VALUES(?, ?)', key_of('45.1.2.1'), int(time.time()) + DAY)
        self.assertEqual(self.look()[:2], (2, 0))
        self.assertEqual((self.asked('1.1.1.45'), self.asked('1.2.1.45')), (0, 0))

    def test_a_listing_that_is_worth_less_than_before_keeps_the_block_as_it_is(self):
        self.lists('45.1.1.1')                 # 3 points, of a block that had 13
        self.old_block('45.1.1.1', src='zen,other')
        before = self.sql('SELECT tier, score, until FROM block')
        self.assertEqual(self.look(), (1, 0, 1, 0))
        self.assertEqual(self.sql('SELECT tier, score, until FROM block'), before)

    def test_of_a_prefix_the_address_that_was_seen_is_asked_for(self):
        conf = self.place.path('iprep.conf')
        with open(conf, encoding='ascii') as f:
            text = f.read()
        self.place.write('iprep.conf', text.replace('timeout_ms', 'ipv6_prefix = 64\ntimeout_ms'))
        self.old_block('2600:1:2:3::', addr='2600:1:2:3::5')
        self.old_block('2600:1:2:4::')                          # the address is unknown
        self.assertEqual(self.look(), (2, 1, 0, 1))
        self.assertEqual(self.released(), ['2600:1:2:3::/64'])
        nibbles = '.'.join(reversed(ipaddress.ip_address('2600:1:2:3::5').exploded.replace(':', '')))
        self.assertTrue(self.asked(nibbles))

    def test_bad_usage_is_64(self):
        for args in (('--recheck', '45.1.1.1'), ('--released', '45.1.1.1'), ('--recheck', '--released'),
                     ('--recheck', '--pardon', '1d')):
            self.assertNotEqual(self.purge(*args, status=64).stderr, '', args)

    def release(self, banned, printed=''):
        """The calls of fail2ban-client by iprep-release. banned: {jail: addresses}; printed: more lines of rep-purge."""
        os.makedirs(self.place.path('bin'), exist_ok=True)
        bans = ''.join(f'"get {jail} banip") echo {" ".join(addresses)};;' for jail, addresses in banned.items())
        for name, text in (('rep-purge', f'{self.programs}/rep-purge -c {self.place.path("iprep.conf")} "$@"\nprintf %b "{printed}"'),
                           ('fail2ban-client', f'echo "$*" >>{self.place.path("told")}\ncase $* in {bans}'
                            f'status) echo "Status"; echo "- Jail list:\t{", ".join(banned)}";; esac')):
            self.place.write('bin/' + name, f'#!/bin/sh\n{text}\n', 0o755)
        self.place.write('told', '')
        done = subprocess.run([RELEASE], check=True, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              env={'PATH': self.place.path('bin') + ':/usr/bin:/bin'})
        self.assertEqual(done.stdout + done.stderr, '')
        with open(self.place.path('told'), encoding='ascii') as f:
            return f.read().splitlines()

    def test_iprep_release_lifts_only_bans_of_released_addresses_in_jails_that_ban_blocked_ones(self):
        self.old_block('45.1.1.1')
        self.look()
        for address in ('45.1.1.2', '45.1.1.3', '2a02:1::7'):
            self.sql("INSERT INTO released VALUES(?, ?, 'x')", key_of(address), int(time.time()))
        calls = self.release({'sshd': ['45.1.1.1'], 'rep-confirmed': ['45.1.1.2', '45.9.9.8', '45.1.1.1'], 'rep-spray': ['45.1.1.1'],
                              'rep-notorious': ['45.9.9.9', '--all'], 'rep-sshd-ambiguous': ['2a02:1::7']},
                             '--all\n45.9.9.9 --all\n0.0.0.0/0\n')
        self.assertEqual(calls, ['status', 'get rep-confirmed banip', 'set rep-confirmed unbanip 45.1.1.1 45.1.1.2',
                                 'get rep-notorious banip', 'get rep-sshd-ambiguous banip',
                                 'set rep-sshd-ambiguous unbanip 2a02:1::7'])

    def test_iprep_release_does_not_query_fail2ban_if_nothing_was_released(self):
        self.assertEqual(self.release({'rep-confirmed': ['45.1.1.1']}, '--all\n'), [])


class PaidRecheck(RecheckCase):
    """The same with AbuseIPDB, which says nothing of most."""

    def setUp(self):
        purge_case.Case.setUp(self)
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

    def test_an_address_listed_only_by_abuseipdb_stays_blocked(self):
        self.old_block('45.1.1.9')
        self.assertEqual(self.look(), (1, 0, 1, 0))

    def test_if_abuseipdb_does_not_answer_no_block_is_released(self):
        self.api.fault('hang')
        self.old_block('45.1.1.1')
        self.assertEqual(self.look(), (1, 0, 0, 1))

    def test_without_its_key_abuseipdb_releases_no_block(self):
        os.unlink(self.place.path('key'))
        self.old_block('45.1.1.9', src='zen,abuseipdb')
        self.assertEqual(self.look(), (1, 0, 0, 1))
        self.assertEqual(self.blocked(), ['45.1.1.9'])

    def test_with_a_refused_key_no_block_is_released(self):
        self.place.write('key', 'ff' * 40 + '\n', 0o600, place.OWNER)
        self.old_block('45.1.1.1')
        self.assertEqual(self.look(), (1, 0, 0, 1))

    def test_no_call_is_used_for_an_address_that_a_silent_list_keeps_blocked(self):
        self.lists(other=Zone(b.servfail))
        self.old_block('45.1.1.1')
        self.assertEqual((self.look(), self.calls()), ((1, 0, 0, 1), 0))

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


if __name__ == '__main__':
    purge_case.main()
