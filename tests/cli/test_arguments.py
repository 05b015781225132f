#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Hostile texts as arguments: an exit status, at most one clear line, and nothing run, kept or sent of them.

    test_arguments.py DIRECTORY-OF-PROGRAMS        (as root)
"""
import os
import sys
import time
import unicodedata
import unittest

import hostile
import place
from hostile_case import CONF, HIGH, JAIL_BYTES, Case, key_of, masked

USER_MAX = 1024                            # bytes of a user name; a longer one is none


class Arguments(Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.texts.update(hostile.lines(cls.mark, f'{cls.top}/loot'))
        cls.texts['as much as the kernel takes'] = cls.mark.encode().ljust(hostile.KERNEL_MAX, b'x')
        cls.texts['nothing'] = b''

    def setUp(self):
        self.run_it('rep-check', '--ready', status=0)
        for table in ('report', 'lookup', 'sighting', 'good', 'block', 'finding'):
            self.place.sql(f'DELETE FROM {table}')
        self.place.sql('VACUUM')
        if os.path.exists(self.place.path('state/verdict.log')):
            os.unlink(self.place.path('state/verdict.log'))
        self.api.control('reset', {})

    def counts(self):
        return {table: self.place.sql(f'SELECT count(*) FROM {table}')[0][0] for table in
                ('report', 'lookup', 'sighting', 'good', 'block', 'pardon')}

    def recorded_nothing(self):
        self.assertEqual(set(self.counts().values()), {0})
        self.nothing_kept()
        self.nothing_ran()

    def test_as_an_address_is_65_and_for_the_gate_0(self):
        for what, text in self.texts.items():
            with self.subTest(what):
                for program, *args in (('rep-check',), ('rep-report', '--enqueue'), ('rep-report',),
                                       ('rep-purge',), ('rep-check', '--cached', '--json')):
                    self.run_it(program, *args, '--', text, status=65, says='not an IP address')
                for mode in ('--gate', '--login'):
                    self.assertEqual(self.run_it('rep-check', mode, '--', text, status=0), '')
        self.recorded_nothing()

    def test_as_categories_is_64(self):
        for what, text in self.texts.items():
            if not text or text.startswith(b'<'):
                continue                            # a tag without a value: not given
            with self.subTest(what):
                self.run_it('rep-report', '--enqueue', '--categories', text, '--', '45.30.0.1', status=64,
                            says='categories: ')
        self.recorded_nothing()

    def test_as_a_jail_is_masked(self):
        names = {f'45.30.0.{i}': text for i, text in enumerate(self.texts.values(), 1)}
        self.api.control('seed', {'addresses': {address: HIGH for address in names}})
        for address, text in names.items():
            self.run_it('rep-report', '--enqueue', '--jail', text, '--failures', '4', '--', address, status=0)
        rows = {bytes(addr): jail for addr, jail in self.place.sql('SELECT addr, jail FROM report')}
        for address, text in names.items():
            absent = not text or text.startswith(b'<')
            self.assertEqual(rows[key_of(address)], '' if absent else masked(text), text[:80])
        reports = self.flush()
        for address, text in names.items():
            jail = rows[key_of(address)]
            wanted = f'Brute force on {jail}: 4 failures' if jail else '4 failures'
            self.assertEqual(reports[address]['comment'], wanted)
            self.assertEqual(reports[address]['categories'], [18])
        self.assertEqual(self.verdicts_are_plain(), len(names))
        self.nothing_ran()

    def test_as_a_jail_of_the_gate_says_nothing(self):
        for i, text in enumerate(self.texts.values(), 1):
            said = self.run_it('rep-check', '--gate', '--jail', text, '--', f'45.31.{i}.1', status=0)
            self.assertEqual(said, '')
        self.assertEqual(self.counts()['lookup'], len(self.texts))
        self.nothing_ran()

    def test_as_a_jail_of_the_gate_is_masked_too(self):
        for i, text in enumerate(self.texts.values(), 1):
            self.run_it('rep-check', '--gate', '--jail', text, '--', f'45.31.{i}.1', status=0)
        for (jail,) in self.place.sql('SELECT CAST(jail AS BLOB) FROM lookup'):
            self.assertRegex(jail, rb'\A[ !#-~]{0,%d}\Z' % JAIL_BYTES)

    def test_as_a_user_of_the_gate_is_one_hash(self):
        for i, (what, text) in enumerate(self.texts.items(), 1):
            with self.subTest(what):
                self.run_it('rep-check', '--gate', '--user', text, '--', f'45.32.{i}.1', status=0)
                rows = self.place.sql('SELECT count(*) FROM sighting WHERE key = ?', key_of(f'45.32.{i}.1'))
                absent = not text or len(text) > USER_MAX or (text.startswith(b'<') and text.endswith(b'>'))
                self.assertEqual(rows, [(0 if absent else 1,)])
        self.nothing_kept()
        self.nothing_ran()

    def test_as_a_user_of_a_report_is_one_hash(self):
        for i, (what, text) in enumerate(self.texts.items(), 1):
            with self.subTest(what):
                address = f'45.37.{i}.1'
                self.run_it('rep-report', '--enqueue', '--jail', 'j', '--user', text, '--', address, status=0)
                rows = self.place.sql('SELECT count(*) FROM sighting WHERE key = ?', key_of(address))
                absent = not text or len(text) > USER_MAX or (text.startswith(b'<') and text.endswith(b'>'))
                self.assertEqual(rows, [(0 if absent else 1,)])
        self.nothing_kept()
        self.flush()
        self.assertNotIn(self.mark, str(self.api.control('stats')))
        self.nothing_kept()
        self.nothing_ran()

    def test_users_of_a_report_are_those_that_the_gate_counts(self):
        names = [self.mark + 'alice', self.mark + 'bob', self.mark + 'alice']
        users = [word for name in names for word in ('--user', name)]
        self.run_it('rep-report', '--enqueue', '--jail', 'j', *users, '--', '45.38.0.1', status=0)
        self.assertEqual(self.counts()['sighting'], 2)
        for name, status in (('alice', 0), ('bob', 0), ('carol', 10)):      # [spray] users = 3
            self.run_it('rep-check', '--gate', '--user', self.mark + name, '--', '45.38.0.1', status=status)
        self.nothing_kept()

    def test_as_restored_is_a_restore(self):
        for i, text in enumerate(self.texts.values(), 1):
            self.run_it('rep-check', '--gate', '--restored', text, '--', f'45.33.{i}.1', status=0)
        self.assertEqual(self.counts()['lookup'], 1)        # of the empty one
        self.nothing_kept()

    def test_as_a_number_is_64(self):
        for what, text in self.texts.items():
            for option in ('--failures', '--time'):
                if text.startswith(b'<'):
                    continue                        # a tag that fail2ban did not know
                with self.subTest(what, option=option):
                    self.run_it('rep-report', '--enqueue', option, text, '--', '45.34.0.1', status=64,
                                says=option + ': ')
            with self.subTest(what, option='--linger'):
                self.run_it('rep-report', '--flush', '--linger', text, status=64, says='--linger: ')
            with self.subTest(what, option='--timeout'):
                self.run_it('rep-check', '--timeout', text, '45.34.0.1', status=64, says='--timeout: ')
            with self.subTest(what, option='--pardon'):
                self.run_it('rep-purge', '--pardon', text, '45.34.0.1', status=64, says='--pardon: ')
        self.recorded_nothing()

    def test_as_a_comment_it_is_one_field_and_nothing_more(self):
        sent, refused = {}, 0
        for i, (what, text) in enumerate(self.texts.items(), 1):
            wrong = comment_wrong(text)
            with self.subTest(what):
                address = f'45.35.0.{i}'
                args = ('--enqueue', '--jail', 'j', '--failures', '4', '--comment', text, '--', address)
                self.run_it('rep-report', *args, status=64 if wrong else 0, says=wrong or None)
                if not wrong:
                    sent[address] = text.decode()
                refused += bool(wrong)
        self.assertGreater(min(len(sent), refused), 5)
        self.assertEqual(self.kept(self.mark.encode()) != [], True)     # the search finds what is there
        reports = self.flush()
        self.assertEqual(set(reports), set(sent))
        for address, text in sent.items():
            text = (text or 'Brute force on j: 4 failures')[:1024]
            self.assertEqual(reports[address]['comment'].strip(), text.lstrip(',: ').strip())
            self.assertEqual(reports[address]['categories'], [18])
        self.assertEqual(len(self.api.control('stats')['reports']), len(sent))
        self.nothing_ran()

    def test_more_than_the_kernel_takes_never_reaches_us(self):
        with self.assertRaises(OSError):
            self.run_it('rep-report', '--jail', b'x' * (hostile.KERNEL_MAX + 1), '--', '45.36.0.1', status=0)
        with self.assertRaises(ValueError):
            self.run_it('rep-report', '--jail', b'x\0y', '--', '45.36.0.1', status=0)


class Contract(unittest.TestCase):
    """Bad input is refused before anything is recorded: not even a database is made."""

    BAD = {'no address': (64, 'expected one address', ()),
           'two addresses': (64, 'got 2', ('45.1.1.1', '45.1.1.2')),
           'a bad address': (65, 'not an IP address', ('45.1.1.300',)),
           'an empty address': (65, 'not an IP address', ('',)),
           'an unknown category': (64, 'not a category', ('--categories', '18,nonsense', '45.1.1.1')),
           'a category out of range': (64, 'not a category', ('--categories', '24', '45.1.1.1')),
           'too many categories': (64, 'longer', ('--categories', '18,' * 200 + '18', '45.1.1.1')),
           'a time before 1970': (64, 'before 1970', ('--time', '-1', '45.1.1.1')),
           'the time 0': (64, 'before 1970', ('--time', '0', '45.1.1.1')),
           'a time that far in the future': (64, 'in the future', ('--time', 'NOW+90000', '45.1.1.1')),
           'a time in the future': (64, 'in the future', ('--time', 'NOW+310', '45.1.1.1')),
           'a comment that is not UTF-8': (64, 'UTF-8', ('--comment', b'x\xff', '45.1.1.1')),
           'a comment that is cut UTF-8': (64, 'UTF-8', ('--comment', b'x\xe2\x82', '45.1.1.1')),
           'a surrogate in a comment': (64, 'UTF-8', ('--comment', b'\xed\xa0\x80', '45.1.1.1')),
           'a user without a name': (64, 'missing', ('45.1.1.1', '--user')),
           'no time': (64, 'not a number', ('--time', '', '45.1.1.1')),
           'negative failures': (64, '--failures', ('--failures', '-1', '45.1.1.1')),
           'too many failures': (64, '--failures', ('--failures', '1000000001', '45.1.1.1')),
           'a comment of two lines': (64, 'one line', ('--comment', 'x\ny', '45.1.1.1')),
           'a comment with an escape sequence': (64, 'control', ('--comment', '\x1b[31m', '45.1.1.1')),
           'a comment with a C1 control': (64, 'control', ('--comment', '\x9b31m', '45.1.1.1')),
           'a comment with an unknown name': (64, 'knows only', ('--comment', '%{user}', '45.1.1.1')),
           'an unknown option': (64, 'unknown option', ('--bogus', '45.1.1.1')),
           'an option without its value': (64, 'missing', ('45.1.1.1', '--jail'))}

    def setUp(self):
        self.place = place.Place(Case.programs, CONF + 'http://127.0.0.1:1/api/v2\n')
        self.addCleanup(self.place.close)

    def refused(self, status, says, args, modes=(('--enqueue',), (), ('--enqueue', '-v', '--json'))):
        self.setUp()                       # a place of its own for each
        now = int(time.time())
        args = [str(now + int(a[3:])) if str(a).startswith('NOW') else a for a in args]
        for how in modes:
            p = self.place.run('rep-report', *how, *args)
            self.assertEqual((p.returncode, p.stdout), (status, ''), (how, p.stderr))
            self.assertRegex(p.stderr, r'\Arep-report: [ -~]+\n\Z')
            self.assertIn(says, p.stderr)
        self.assertEqual(os.listdir(self.place.path('state')), [])

    def test_each_gives_its_status_and_a_clear_error(self):
        for what, (status, says, args) in self.BAD.items():
            with self.subTest(what):
                self.refused(status, says, args)

    def test_a_dry_run_checks_everything_too(self):
        for what, (status, says, args) in self.BAD.items():
            with self.subTest(what):
                self.refused(status, says, args, modes=(('-n',), ('-n', '--enqueue')))

    def test_good_input_at_the_limits_is_recorded(self):
        for args in (('--failures', '1'), ('--failures', '1000000000'), ('--time', '1'),
                     ('--time', str(time.time())), ('--time', str(int(time.time()) + 290)),
                     ('--comment', 'x' * 5000), ('--comment', '\u20ac' * 400), ('--user', ''),
                     ('--categories', ','.join(str(i) for i in range(1, 24))),
                     ('--time', '<time>', '--failures', '<failures>', '--jail', '<name>'),
                     ('--categories', '<category>')):
            with self.subTest(args):
                p = self.place.run('rep-report', '--enqueue', *args, '--', '45.1.1.1')
                self.assertEqual((p.returncode, p.stdout, p.stderr), (0, '', ''))
                self.assertEqual(self.place.sql('SELECT count(*) FROM report'), [(1,)])
                self.place.sql('DELETE FROM report')


def comment_wrong(text):
    """What the error says of such a template; '' where there is none."""
    try:
        text = text.decode()
    except UnicodeDecodeError:
        return 'UTF-8'
    if any(unicodedata.category(c) == 'Cc' for c in text):
        return 'one line without control characters'
    return 'knows only' if '%{bogus}' in text else ''


if __name__ == '__main__':
    Case.programs = os.path.abspath(sys.argv.pop(1))
    unittest.main()
