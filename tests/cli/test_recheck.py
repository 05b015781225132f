# SPDX-License-Identifier: MIT
"""rep-purge --recheck and --released: long blocks looked up again, and released (refusals: data/refusals.tsv)"""
import json
import os
import subprocess
import time

from addresses import key_of, reversed_of, some
from cases import BAD
from dns import behaviours as b
from dns.server import Zone
from places import DAY, KEY, OWNER, TOP, WEEK
from purging import LIST, PurgeCase
from waiting import wait_until

RELEASE = os.path.join(TOP, 'fail2ban', 'iprep-release')
A, B, C, D = (f'45.1.1.{i}' for i in range(1, 5))


class RecheckCase(PurgeCase):
    lists = {'zen': LIST, 'other': LIST}

    def recheck_at(self):
        return self.sql('SELECT recheck_at FROM block')[0][0] - int(time.time())

    def old_blocks(self, *addresses, **more):
        for address in addresses:
            self.old_block(address, **more)


class Recheck(RecheckCase):
    def test_after_a_week_who_is_listed_no_more_is_released(self):
        self.listed(B)
        self.old_blocks(A, B)
        self.old_block(C, age=6 * DAY)                 # too young
        self.old_block(D, left=DAY - 60)               # ends soon anyway
        self.assertEqual(self.recheck('-n'), (2, 0, 0, 0))
        self.assertEqual(self.blocked(), [A, B, C, D])
        self.assertEqual(self.recheck(), (2, 1, 1, 0))
        self.assertEqual(self.blocked(), [B, C, D])
        self.assertEqual(self.released(), [A])
        self.assertEqual(self.recheck(), (0, 0, 0, 0))

    def test_then_monthly(self):
        self.listed(B)
        self.old_block(B)
        self.recheck()
        self.assertAlmostEqual(self.recheck_at(), 30 * DAY, delta=120)
        self.assertEqual(self.recheck(), (0, 0, 0, 0))
        self.sql('UPDATE block SET since = since - ?1, recheck_at = recheck_at - ?1', 30 * DAY + 200)
        self.listed()
        self.assertEqual(self.recheck(), (1, 1, 0, 0))

    def test_without_network_no_block_is_released_and_the_next_day_retries(self):
        self.dns.close()
        self.old_block(A)
        self.assertEqual(self.recheck(), (1, 0, 0, 1))
        self.assertEqual((self.blocked(), self.released()), ([A], []))
        self.assertAlmostEqual(self.recheck_at(), 20 * 3600, delta=120)

    def test_without_network_it_gives_up_before_all_are_asked_for(self):
        self.dns.close()
        self.old_blocks(*some(200))
        said = self.purge('--recheck', status=75).stderr
        self.assertIn('nothing is released, the next run retries', said)
        self.assertEqual((len(self.blocked()), self.released()), (200, []))
        self.assertGreater(self.sql('SELECT count(*) FROM block WHERE recheck_at = 0')[0][0], 0)

    def test_one_silent_list_prevents_every_release(self):
        for bad in (b.silent(), b.servfail, b.refused, b.listed('127.255.255.254')):
            self.old_block(A)
            self.says('other', bad)
            self.assertEqual((self.recheck()[1], self.blocked()), (0, [A]), bad)

    def test_a_list_without_its_test_entry_releases_no_address_that_it_listed(self):
        self.old_block(A)
        self.old_block(B, src='other')
        self.says('zen', {}, test=b.not_listed())
        self.assertEqual((self.recheck(), self.blocked()), ((2, 1, 0, 1), [A]))

    def test_a_list_that_lists_every_address_releases_none(self):
        self.old_block(A)
        self.says('zen', b.not_listed(), point=b.listed('127.0.0.2'))
        self.assertEqual(self.recheck(), (1, 0, 0, 1))

    def test_a_list_that_is_disabled_or_removed_releases_no_address_that_it_listed(self):
        for lists in ({}, {'zen': {'points': LIST, 'enabled': 'no'}}, {'zen2': LIST}):
            with self.subTest(lists=lists):
                self.start(lists={**lists, 'other': LIST})
                self.dns.zones['zen2.test'] = Zone({})
                self.old_block(A)
                self.old_block(B, src='other')
                self.old_block(C, src='zen,other')
                self.assertEqual((self.recheck(), self.blocked()), ((3, 1, 0, 2), [A, C]))

    def test_a_dry_run_without_sources_is_correct_and_quiet_prints_nothing(self):
        self.old_block(A)
        done = self.purge('--recheck', '-n')
        self.assertEqual((done.stdout, done.stderr.splitlines()[-1]), ('', 'would re-check 1 block'))
        self.silent('rep-purge', '--recheck', '-n', '-q')
        self.start(lists={})
        self.old_block(A)
        for args in ([], ['-n']):
            self.assertIn('no source', self.purge('--recheck', *args, status=69).stderr)
        self.assertEqual(self.blocked(), [A])

    def test_released_is_idempotent_and_ends_after_its_week(self):
        self.old_block(A)
        self.recheck()
        for _ in range(3):
            self.assertEqual(self.released(), [A])
        line = self.stats('--released')
        self.assertEqual((line['address'], line['tier']), (A, 'notorious'))
        self.sql('UPDATE released SET at = at - ?', WEEK + 60)
        self.assertEqual(self.released(), [])

    def test_blocked_again_it_is_not_released_any_more_even_when_that_is_over(self):
        self.old_block(A)
        self.recheck()
        self.listed(A)
        self.enqueue(A)
        self.sql('DELETE FROM finding')
        self.flush()
        self.assertEqual((self.blocked(), self.released()), ([A], []))
        self.sql('DELETE FROM block')
        self.assertEqual(self.released(), [])

    def test_forgotten_while_it_is_looked_up_nothing_is_kept(self):
        answer = self.hold(b.not_listed())
        self.old_block(A)
        with self.place.start('rep-purge', '--recheck', '--quiet', stdout=None, stderr=None) as recheck:
            wait_until(lambda: self.asked(A), 'it is asked for')
            self.assertEqual(self.purge(A).stdout, f'{A}\n')
            answer.set()
        self.assertEqual(recheck.returncode, 0)
        self.assertEqual((self.count('block'), self.count('finding'), self.count('released')), (0, 0, 0))

    def test_two_at_once_release_each_once(self):
        self.start(general={'timeout_ms': 20000})
        addresses = some(200)
        late = {reversed_of(addresses[-1]): b.delayed(.3, b.listed('127.0.0.2'))}
        self.says('zen', late, point=b.delayed(.05, b.not_listed()))
        self.old_blocks(*addresses)
        both = [self.place.start('rep-purge', '--recheck', '--json', stderr=subprocess.DEVNULL) for _ in range(2)]
        said = [json.loads(one.communicate(timeout=60)[0]) for one in both]
        self.assertEqual([one.returncode for one in both], [0, 0])
        self.assertEqual(sum(s['released'] for s in said), 199)
        self.assertEqual((self.blocked(), len(self.released())), ([addresses[-1]], 199))

    def test_killed_in_the_middle_it_has_kept_what_it_knew_and_the_next_goes_on(self):
        addresses = some(200)
        listed = {reversed_of(addresses[-1]): b.listed('127.0.0.2')}
        self.says('zen', listed, point=b.delayed(.05, b.not_listed()))
        self.old_blocks(*addresses)
        while self.count('released') <= 5:     # a run to which no list answered in time, because it is busy, gives up
            with self.place.start('rep-purge', '--recheck', '--quiet', stdout=None, stderr=None) as recheck:
                wait_until(lambda p=recheck: self.count('released') > 5 or p.poll() is not None, 'some are', 180)
                recheck.kill()
        n = self.count('released')
        self.assertEqual((n + self.count('block'), self.sql('PRAGMA integrity_check')), (200, [('ok',)]))
        self.recheck()
        self.assertEqual((self.blocked(), self.count('released')), ([addresses[-1]], 199))

    def test_an_address_that_is_now_allowed_or_pardoned_is_not_looked_up(self):
        self.start(allow={'addresses': '45.1.1.0/24'})
        self.old_blocks(A, '45.1.2.1')
        self.pardon('45.1.2.1', DAY)
        self.assertEqual(self.recheck()[:2], (2, 0))
        self.assertEqual((self.asked(A), self.asked('45.1.2.1')), (0, 0))

    def test_a_listing_that_is_worth_less_than_before_keeps_the_block_as_it_is(self):
        self.listed(A)                         # 3 points, of a block that had 13
        self.old_block(A, src='zen,other')
        before = self.sql('SELECT tier, score, until FROM block')
        self.assertEqual(self.recheck(), (1, 0, 1, 0))
        self.assertEqual(self.sql('SELECT tier, score, until FROM block'), before)

    def test_of_a_prefix_the_address_that_was_seen_is_asked_for(self):
        self.place.change('[general]\n', '[general]\nipv6_prefix = 64\n')
        self.old_block('2600:1:2:3::', addr=key_of('2600:1:2:3::5'))
        self.old_block('2600:1:2:4::')                          # the address is unknown
        self.assertEqual(self.recheck(), (2, 1, 0, 1))
        self.assertEqual(self.released(), ['2600:1:2:3::/64'])
        self.assertTrue(self.asked('2600:1:2:3::5'))


class Release(RecheckCase):
    """The script iprep-release, with a fail2ban-client that keeps its calls."""

    def release(self, banned, printed=''):
        """Its calls of fail2ban-client. banned: {jail: addresses}; printed: more lines of rep-purge."""
        os.makedirs(self.place.path('bin'), exist_ok=True)
        bans = ''.join(f'"get {jail} banip") echo {" ".join(addresses)};;' for jail, addresses in banned.items())
        for name, text in (('rep-purge', f'{" ".join(self.place.command("rep-purge"))} "$@"\nprintf %b "{printed}"'),
                           ('fail2ban-client', f'echo "$*" >>{self.place.path("told")}\ncase $* in {bans}'
                            f'status) echo "Status"; echo "- Jail list:\t{", ".join(banned)}";; esac')):
            self.place.write('bin/' + name, f'#!/bin/sh\n{text}\n', 0o755)
        self.place.write('told', '')
        done = subprocess.run([RELEASE], check=True, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              env={'PATH': self.place.path('bin') + ':/usr/bin:/bin'})
        self.assertEqual(done.stdout + done.stderr, '')
        return self.place.text('told').splitlines()

    def test_iprep_release_lifts_only_bans_of_released_addresses_in_jails_that_ban_blocked_ones(self):
        for address in (A, B, C, '2a02:1::7'):
            self.sql("INSERT INTO released VALUES(?, ?, 'x')", key_of(address), int(time.time()))
        calls = self.release({'sshd': [A], 'rep-confirmed': [B, '45.9.9.8', A], 'rep-spray': [A],
                              'rep-notorious': ['45.9.9.9', '--all'], 'rep-sshd-ambiguous': ['2a02:1::7']},
                             '--all\n45.9.9.9 --all\n0.0.0.0/0\n')
        self.assertEqual(calls, ['status', 'get rep-confirmed banip', f'set rep-confirmed unbanip {A} {B}',
                                 'get rep-notorious banip', 'get rep-sshd-ambiguous banip',
                                 'set rep-sshd-ambiguous unbanip 2a02:1::7'])

    def test_iprep_release_does_not_query_fail2ban_if_nothing_was_released(self):
        self.assertEqual(self.release({'rep-confirmed': [A]}, '--all\n'), [])


class PaidRecheck(RecheckCase):
    """The same with AbuseIPDB, which says nothing of most."""
    has_api = True
    key = KEY
    seed = {'45.1.1.9': BAD}

    def calls(self):
        return self.api.calls('check')

    def test_who_is_on_a_free_list_costs_no_call(self):
        self.listed(B)
        self.old_block(B)
        self.assertEqual((self.recheck(), self.calls()), ((1, 0, 1, 0), 0))
        self.old_block(A)
        self.assertEqual((self.recheck(), self.calls()), ((1, 1, 0, 0), 1))

    def test_an_address_listed_only_by_abuseipdb_stays_blocked(self):
        self.old_block('45.1.1.9')
        self.assertEqual(self.recheck(), (1, 0, 1, 0))

    def test_if_abuseipdb_is_not_asked_or_does_not_answer_no_block_is_released(self):
        for name, src, prepare in (
                ('it hangs', 'zen', lambda: self.api.fault('hang')),       # also if it was no accuser
                ('no key', 'zen,abuseipdb', lambda: os.unlink(self.place.path('key'))),
                ('a refused key', 'zen', lambda: self.place.write('key', 'ff' * 40 + '\n', 0o600, OWNER))):
            with self.subTest(name):
                self.start()
                prepare()
                self.old_block('45.1.1.9', src=src)
                self.assertEqual((self.recheck(), self.blocked()), ((1, 0, 0, 1), ['45.1.1.9']))

    def test_no_call_is_used_for_an_address_that_a_silent_list_keeps_blocked(self):
        self.says('other', b.servfail)
        self.old_block(A)
        self.assertEqual((self.recheck(), self.calls()), ((1, 0, 0, 1), 0))

    def test_the_last_three_tenths_of_the_day_are_not_touched(self):
        self.sql("INSERT INTO endpoint(name, day, quota, remaining, known, stopped_until, last_ok_at,"
                 " last_error_at, last_error) VALUES('check', ?, 1000, 301, 1, 0, 0, 0, '')", int(time.time()) // DAY)
        self.old_blocks(A, B)
        self.assertEqual((self.recheck(), self.calls()), ((2, 1, 0, 1), 1))
        self.assertEqual(len(self.blocked()), 1)

    def test_never_asked_is_never_acquitted(self):
        self.start(abuseipdb={'check': 'never'})
        self.old_block(A, src='abuseipdb')
        self.old_block(B, src='zen')
        self.assertEqual((self.recheck(), self.blocked(), self.calls()), ((2, 1, 0, 1), [A], 0))
