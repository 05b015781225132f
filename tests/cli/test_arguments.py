# SPDX-License-Identifier: MIT
"""Hostile texts as arguments: an exit status, at most one clear line, and nothing run, kept or sent of them."""
import os
import time
import unicodedata

import hostile
from addresses import key_of
from cases import BAD
from hostile import JAIL_BYTES, HostileCase, masked

USER_MAX = 1024                            # bytes of a user name; a longer one is none
NO_ADDRESSES = ('192.0.2.300', '10.0.0.0/8', 'fe80::1%eth0', '1.2.3.4 --retract 9.9.9.9', ' 1.2.3.4', '1.2.3',
                '::ffff:1.2.3.4/128', 'x' * 100000, '1.2.3.4\n5.6.7.8', '$(reboot)', '%s%n')
TABLES = ('report', 'lookup', 'sighting', 'good', 'block', 'pardon', 'finding')


def is_tag(text):
    """A tag that fail2ban did not know: not given."""
    return text.startswith(b'<') and text.endswith(b'>')


def comment_wrong(text):
    """What the error says of such a template; '' where there is none."""
    try:
        text = text.decode()
    except UnicodeDecodeError:
        return 'UTF-8'
    if any(unicodedata.category(c) == 'Cc' for c in text):
        return 'one line without control characters'
    return 'knows only' if '%{bogus}' in text else ''


class Arguments(HostileCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.texts.update(hostile.texts(cls.mark, f'{cls.top}/loot', 'with line ends'))
        cls.texts['as much as the kernel takes'] = cls.mark.encode().ljust(hostile.KERNEL_MAX, b'x')
        cls.texts['nothing'] = b''

    def setUp(self):
        self.ready()
        for table in (*TABLES, 'counter'):      # whose labels name jails
            self.sql(f'DELETE FROM {table}')
        self.sql('VACUUM')
        if os.path.exists(self.place.path('state/verdict.log')):
            os.unlink(self.place.path('state/verdict.log'))
        self.api.control('reset', {})

    def each(self, net):
        """(name, text, an address of its own) of every text."""
        return [(what, text, f'{net}.{number}.1') for number, (what, text) in enumerate(self.texts.items(), 1)]

    def recorded_nothing(self):
        self.assertEqual({table: self.count(table) for table in TABLES}, dict.fromkeys(TABLES, 0))
        self.nothing_kept()
        self.nothing_ran()

    def test_as_an_address_is_65_and_for_the_gate_0(self):
        for what, text in [*self.texts.items(), *enumerate(NO_ADDRESSES)]:
            with self.subTest(what):
                for program, *args in (('rep-check',), ('rep-report', '--enqueue'), ('rep-report',), ('rep-purge',),
                                       ('rep-check', '--cached', '--json')):
                    self.run_it(program, *args, '--', text, status=65, says='not an IP address')
                for mode in ('--gate', '--login'):
                    self.assertEqual(self.run_it('rep-check', mode, '--', text), '')
        self.recorded_nothing()

    def test_as_categories_is_64(self):
        for what, text, address in self.each('45.30'):
            if text and not text.startswith(b'<'):          # a tag without a value: not given
                with self.subTest(what):
                    self.run_it('rep-report', '--enqueue', '--categories', text, '--', address, status=64,
                                says='categories: ')
        self.recorded_nothing()

    def test_as_a_number_is_64(self):
        for what, text, address in self.each('45.34'):
            calls = [('rep-report', '--linger', '--flush'), ('rep-check', '--timeout', address),
                     ('rep-purge', '--pardon', address)]
            if not text.startswith(b'<'):
                calls += [('rep-report', option, '--enqueue', address) for option in ('--failures', '--time')]
            for program, option, *args in calls:
                with self.subTest(what, option=option):
                    self.run_it(program, option, text, *args, status=64, says=option + ': ')
        self.recorded_nothing()

    def test_as_a_jail_is_masked(self):
        names = {address: text for _, text, address in self.each('45.30')}
        self.api.control('seed', {'addresses': {address: BAD for address in names}})
        for address, text in names.items():
            self.run_it('rep-report', '--enqueue', '--jail', text, '--failures', '4', '--', address)
        rows = {bytes(addr): jail for addr, jail in self.sql('SELECT addr, jail FROM report')}
        reports = self.flush()
        for address, text in names.items():
            jail = '' if not text or text.startswith(b'<') else masked(text)
            self.assertEqual(rows[key_of(address)], jail, text[:80])
            wanted = f'Brute force on {jail}: 4 failures' if jail else '4 failures'
            self.assertEqual((reports[address]['comment'], reports[address]['categories']), (wanted, [18]))
        self.assertEqual(self.verdicts_are_plain(), len(names))
        self.nothing_ran()

    def test_as_a_jail_of_the_gate_says_nothing_and_is_masked_too(self):
        for _, text, address in self.each('45.31'):
            self.assertEqual(self.run_it('rep-check', '--gate', '--jail', text, '--', address), '')
        self.assertEqual(self.count('lookup'), len(self.texts))
        for jail, in self.sql('SELECT CAST(jail AS BLOB) FROM lookup'):
            self.assertRegex(jail, rb'\A[ !#-~]{0,%d}\Z' % JAIL_BYTES)
        self.nothing_ran()

    def test_as_a_user_is_one_hash(self):
        for program, *args in (('rep-check', '--gate'), ('rep-report', '--enqueue', '--jail', 'j')):
            self.sql('DELETE FROM sighting')
            for what, text, address in self.each('45.32'):
                with self.subTest(what, program=program):
                    self.run_it(program, *args, '--user', text, '--', address)
                    absent = not text or len(text) > USER_MAX or is_tag(text)
                    rows = self.sql('SELECT count(*) FROM sighting WHERE key = ?', key_of(address))
                    self.assertEqual(rows, [(0 if absent else 1,)])
            self.nothing_kept()
        self.flush()
        self.assertNotIn(self.mark, str(self.api.statistics()))
        self.nothing_kept()
        self.nothing_ran()

    def test_users_of_a_report_are_those_that_the_gate_counts(self):
        names = [self.mark + 'alice', self.mark + 'bob', self.mark + 'alice']
        users = [word for name in names for word in ('--user', name)]
        self.run_it('rep-report', '--enqueue', '--jail', 'j', *users, '--', '45.38.0.1')
        self.assertEqual(self.count('sighting'), 2)
        for name, status in (('alice', 0), ('bob', 0), ('carol', 10)):      # [spray] users = 3
            self.run_it('rep-check', '--gate', '--user', self.mark + name, '--', '45.38.0.1', status=status)
        self.nothing_kept()

    def test_as_restored_is_a_restore(self):
        for _, text, address in self.each('45.33'):
            self.run_it('rep-check', '--gate', '--restored', text, '--', address)
        self.assertEqual(self.count('lookup'), 1)           # of the empty one
        self.nothing_kept()

    def test_as_a_comment_it_is_one_field_and_nothing_more(self):
        sent = {}
        for what, text, address in self.each('45.35'):
            wrong = comment_wrong(text)
            with self.subTest(what):
                self.run_it('rep-report', '--enqueue', '--jail', 'j', '--failures', '4', '--comment', text, '--',
                            address, status=64 if wrong else 0, says=wrong or None)
            if not wrong:
                sent[address] = text.decode()
        self.assertGreater(min(len(sent), len(self.texts) - len(sent)), 5)
        self.assertNotEqual(self.found_in(self.mark.encode()), [])          # the search finds what is there
        reports = self.flush()
        self.assertEqual(set(reports), set(sent))
        for address, text in sent.items():
            text = (text or 'Brute force on j: 4 failures')[:1024]
            self.assertEqual(reports[address]['comment'].strip(), text.lstrip(',: ').strip())
            self.assertEqual(reports[address]['categories'], [18])
        self.assertEqual(len(self.api.accepted()), len(sent))
        self.nothing_ran()

    def test_more_than_the_kernel_takes_never_reaches_us(self):
        with self.assertRaises(OSError):
            self.run_it('rep-report', '--jail', b'x' * (hostile.KERNEL_MAX + 1), '--', '45.36.0.1')
        with self.assertRaises(ValueError):
            self.run_it('rep-report', '--jail', b'x\0y', '--', '45.36.0.1')

    def test_good_input_at_the_limits_is_recorded(self):
        now = time.time()
        for args in (('--failures', '1'), ('--failures', '1000000000'), ('--time', '1'), ('--time', str(now)),
                     ('--time', str(int(now) + 290)), ('--comment', 'x' * 5000), ('--comment', '\u20ac' * 400),
                     ('--user', ''), ('--categories', ','.join(str(i) for i in range(1, 24))),
                     ('--time', '<time>', '--failures', '<failures>', '--jail', '<name>'),
                     ('--categories', '<category>')):
            with self.subTest(args):
                self.assertEqual(self.run_it('rep-report', '--enqueue', *args, '--', '45.1.1.1'), '')
                self.assertEqual(self.count('report'), 1)
                self.sql('DELETE FROM report')
