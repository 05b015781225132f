# SPDX-License-Identifier: MIT
"""Many user names from one address count; a successful login spares from the short block"""
import subprocess

from cases import Case
from dns import behaviours as b
from places import DAY
from purging import PurgeCase
from waiting import wait_until

ADDRESS, OTHER, PARDONED = '45.1.1.1', '45.1.1.2', '45.1.1.9'
RESTORED = ('--restored', '1')


class SprayCase(Case):
    """The list gives ADDRESS the lower tier and OTHER the higher one."""
    lists = {'a': '127.0.0.2*3 127.0.0.9*10'}
    sections = {'general': {'timeout_ms': 1000, 'ipv6_prefix': 64}, 'allow': {'addresses': '45.9.0.0/16'}}
    behaviour = {'1.1.1.45': b.listed('127.0.0.2'), '2.1.1.45': b.listed('127.0.0.9')}

    def setUp(self):
        super().setUp()
        self.says('a', self.behaviour)

    def guess(self, user, status=0, address=ADDRESS, *more):
        """A failed login under this name; None: another suspicious line."""
        self.gate(address, *more, jail='rep-spray', user=user, status=status)

    def guesses(self, *users):
        """The last of these is one too many."""
        for user in users:
            self.guess(user, 10 if user == users[-1] else 0)

    def flushed(self):
        """How many lines the verdict log then has."""
        self.flush()
        return self.verdicts()


class Spray(SprayCase):
    def test_the_third_name_counts_and_the_same_name_thrice_does_not(self):
        self.guesses('root', 'root', 'root', 'admin', 'test')
        self.guess('root', 10)
        self.guess(None)                    # the ordinary gate of another jail
        self.guess('test', 0, '45.1.1.7')

    def test_names_are_bytes_and_no_name_is_none(self):
        for none in ('', '<F-USER>', '<ip-host>', 'x' * 1025, 'y' * 100000):
            self.guess(none)
        self.assertEqual(self.count('sighting'), 0)
        self.guesses('Ruut', 'root', 'r\u00f6\u00f6t \'"$(reboot)`')
        self.assertEqual(self.count('sighting'), 3)

    def test_spellings_of_one_name_are_one(self):
        self.guesses('bob', 'Bob', 'bob@example.org', 'BOB@EXAMPLE.ORG', ' bob', 'bob ', 'bob+tag',
                     'bob+tag@example.org', 'EXAMPLE\\bob', 'bob%example.org', 'bob@example.org.', 'alice@example.org',
                     'carol')

    def test_one_name_in_three_domains_is_three(self):
        self.guesses('info@a.example', 'info', 'info@b.example', 'INFO@A.example', 'info@c.example')

    def test_what_a_shell_cannot_pass_on_is_no_10(self):
        command = ' '.join(self.place.command('rep-check', '--gate', '--user', '"$(cat %s)"', '--', ADDRESS))
        for name, raw in (('nul', b'a\0b'), ('long', b'z' * 200000)):
            self.place.write(name, raw)
            done = subprocess.run(['/bin/sh', '-c', 'exec ' + command % self.place.path(name)], check=False,
                                  capture_output=True)
            self.assertNotEqual(done.returncode, 10, name)

    def test_the_window_passes(self):
        self.guesses('a', 'b', 'c')
        self.sql('UPDATE sighting SET at = at - 86400')
        self.guesses('d', 'e', 'a')          # a is seen again: its time moves on

    def test_a_restore_counts_nothing_and_says_what_is_on_disk(self):
        self.guess('a')
        self.guess('b', 0, ADDRESS, *RESTORED)
        self.guess('c', 0, ADDRESS, '--restored=1')
        self.assertEqual(self.count('sighting'), 1)
        self.guesses('b', 'c')
        self.guess('c', 10, ADDRESS, *RESTORED)
        for user in (None, '<F-USER>'):    # fail2ban 1.0.2 restores without any tag but <ip>
            self.guess(user, 10, ADDRESS, '--restored', '<restored>')
            self.guess(user, 0, '45.1.1.8', '--restored', '<restored>')

    def test_no_more_rows_than_64_for_an_address(self):
        for i in range(70):
            self.guess(f'user{i}', 10 if i > 1 else 0)
        self.assertEqual(self.count('sighting'), 64)

    def test_exempt_and_pardoned_addresses_leave_no_trace(self):
        self.purge('--pardon', '1d', PARDONED)
        for address in ('10.0.0.1', '45.9.1.1', PARDONED, '127.0.0.1'):
            for user in 'abcd':
                self.guess(user, 0, address)
            self.login(address)
        self.assertEqual((self.count('sighting'), self.count('good')), (0, 0))

    def test_an_ipv6_network_is_one_and_keys_are_made_once(self):
        running = [self.place.start('rep-check', '--gate', '--user', f'u{i}', '--', f'2a02:4780:1:2::{i}', stdout=None,
                                    stderr=None) for i in range(8)]
        self.assertLessEqual({one.wait(30) for one in running}, {0, 10})
        self.assertEqual(self.count('sighting'), 8)
        self.assertEqual(len(self.sql('SELECT DISTINCT key FROM sighting')), 1)
        self.assertEqual(self.sql("SELECT length(value) FROM meta WHERE name = 'user-key'"), [(16,)])
        self.guess('u3', 10, '2a02:4780:1:2:ffff::1')
        self.assertEqual(self.count('sighting'), 8)


class Forgotten(SprayCase, PurgeCase):
    def test_forgetting_and_purging_take_all(self):
        self.guess('a')
        self.login(ADDRESS)
        self.purge(ADDRESS)
        self.assertEqual((self.count('sighting'), self.count('good')), (0, 0))
        self.guess('a')
        self.login(ADDRESS)
        self.sql('UPDATE sighting SET at = at - 86401')
        self.sql('UPDATE good SET at = at - 30 * 86400 - 4000')     # for the earlier run too
        did = self.stats()
        self.assertEqual((did['sightings'], did['logins']), (1, 1))
        self.assertEqual((self.count('sighting'), self.count('good')), (0, 0))


class Seen(SprayCase):
    """One failed login of a listed address is enough for a day: the block names it, and [gate] makes it a choice."""

    def seen(self, address=ADDRESS):
        """What the block says, in the list, in the mail's text and where one address is looked up."""
        shown = ('--blocks', '--prefix', address), ('--cached', address)
        texts = [self.run_it('rep-check', *args, status=None).stdout for args in (*shown, ('--new', *shown[0]))]
        seen = [self.check(*args, status=None)['seen'] for args in shown]
        self.assertEqual(seen[0], seen[1])
        for text in (texts[0], texts[2]):
            self.assertIn(f'\n    {seen[0]}, listed by a\n', text)
        self.assertIn(f'\n    seen: {seen[0]}\n', texts[1])
        return seen[0]

    def set(self, **gate):
        self.start(gate=gate)
        self.says('a', self.behaviour)

    def logins(self, *ages):
        """Failed logins as root, that number of seconds ago."""
        for age in ages:
            self.guess('root')
            self.sql('UPDATE ambiguous SET at = at - ?', age)

    def test_a_block_names_the_one_failed_login_that_it_follows_and_not_three_names(self):
        self.guess('root')
        self.assertEqual((self.flushed(), self.seen()), (1, '1 failed login'))

    def test_it_names_other_lines_and_bans_of_ordinary_jails(self):
        self.guess(None)
        self.enqueue(OTHER, '--failures', '5')
        self.assertEqual(self.flushed(), 2)
        self.assertEqual((self.seen(), self.seen(OTHER)), ('1 suspicious line', 'banned by sshd, 5 failures'))

    def test_a_ban_for_three_names_says_three_names(self):
        self.guesses('a', 'b', 'c')
        self.enqueue(ADDRESS, '--failures', '1', jail='rep-spray')
        self.assertEqual((self.flushed(), self.seen()), (1, 'banned by rep-spray, 3 user names'))

    def test_a_lookup_waits_for_as_many_lines_as_are_set(self):
        self.set(failures=3)
        self.logins(0, 0)
        self.assertEqual((self.flushed(), self.count('lookup')), (0, 0))
        self.guess(None)
        self.assertEqual(self.count('lookup'), 1)
        self.assertEqual((self.flushed(), self.seen()), (1, '2 failed logins, 1 suspicious line'))
        self.guess(None, 10)

    def test_lines_outside_the_window_do_not_count(self):
        self.set(failures=2, window='1h')
        self.logins(3601, 0)
        self.assertEqual(self.count('lookup'), 0)
        self.logins(0)
        self.assertEqual(self.count('lookup'), 1)

    def test_a_ban_of_an_ordinary_jail_waits_for_no_line(self):
        self.set(failures=64)
        self.enqueue(ADDRESS)
        self.assertEqual(self.flushed(), 1)

    def test_an_ipv6_network_is_one(self):
        self.set(failures=3)
        for i in range(1, 4):
            self.guess('root', 0, f'2a02:4780:1:2::{i}')
        self.assertEqual((self.count('lookup'), len(self.sql('SELECT DISTINCT key FROM ambiguous'))), (1, 1))

    def test_lines_are_bounded_and_forgotten(self):
        self.set(failures=64)
        self.logins(*[1] * 70)
        self.assertEqual(self.count('ambiguous'), 64)
        self.purge(ADDRESS)
        self.assertEqual(self.count('ambiguous'), 0)
        self.logins(DAY + 1)
        self.purge('--quiet')
        self.assertEqual(self.count('ambiguous'), 0)

    def test_exempt_and_pardoned_addresses_and_restores_are_not_counted(self):
        self.purge('--pardon', '1d', PARDONED)
        for address in ('10.0.0.1', '45.9.1.1', PARDONED):
            self.guess('root', 0, address)
        self.guess('root', 0, ADDRESS, *RESTORED)
        self.assertEqual(self.count('ambiguous'), 0)

    def test_nothing_is_written_while_a_lookup_waits_or_the_cache_decides(self):
        self.says('a', {})
        self.logins(0, 0, 0, 0)
        self.assertEqual(self.sql('SELECT sum(logins) FROM ambiguous'), [(1,)])
        self.flush()
        self.logins(0)
        self.assertEqual(self.sql('SELECT sum(logins) FROM ambiguous'), [(1,)])


class Good(SprayCase):
    def test_a_log_in_spares_from_the_lower_tier_only(self):
        for address in (ADDRESS, OTHER):
            self.login(address)
        for address in (ADDRESS, OTHER):
            self.guess(None, 0, address)
            self.enqueue(address)
        self.assertEqual(self.flushed(), 1)
        self.assertIn(f'ip={OTHER} score=10 tier=notorious', self.place.verdict_log())
        self.guess(None)
        found = self.check(ADDRESS, status=10)
        self.assertEqual((found['tier'], 'login_at' in found), ('known', True))
        self.assertIn('no block below the highest tier', self.run_it('rep-check', ADDRESS, status=10).stdout)

    def test_a_log_in_while_the_look_up_is_under_way_spares_too(self):
        answer = self.hold(b.listed('127.0.0.2'), by='a')
        self.guess(None)
        worker = self.place.worker()
        wait_until(lambda: self.asked(ADDRESS, of='a'), 'the list is asked')
        self.login(ADDRESS)
        answer.set()
        self.assertEqual(worker.wait(60), 0)
        self.assertEqual((self.count('block'), self.verdicts()), (0, 0))

    def test_one_name_of_a_blocked_address_is_no_spray(self):
        """That jail reports, and a report must not follow from what others say."""
        self.guess(None)
        self.assertEqual(self.flushed(), 1)
        self.guess(None, 10)
        for user in ('root', 'root', '', '<F-USER>', 'x' * 2000):
            self.guess(user)
        self.guess('root', 10, ADDRESS, *RESTORED)
        self.guesses('admin', 'test')

    def test_a_login_has_no_effect_after_its_window(self):
        self.login(ADDRESS)
        self.sql('UPDATE good SET at = at - 30 * 86400 - 1')
        self.guess(None)
        self.assertEqual(self.flushed(), 1)
        self.guess(None, 10)

    def test_it_is_written_once_an_hour_and_ends_with_0_whatever_is_wrong(self):
        self.login(ADDRESS)
        self.sql('UPDATE good SET at = at - 3000')
        before = self.sql('SELECT at FROM good')
        self.login(ADDRESS)
        self.assertEqual(self.sql('SELECT at FROM good'), before)
        self.login('no address')
        self.silent('rep-check', '--login', 'a', 'b')
        self.silent('rep-check', '--log', '--bogus')
