# SPDX-License-Identifier: MIT
"""rep-check --is-blocked: whether a verdict line can ban. 10 while exactly what it names is blocked."""
import os
import sqlite3
import subprocess

from blocks import BlocksCase
from places import DAY

YEARS_11 = 11 * 366 * DAY


def on_a_host_with(addresses, place, text):
    """The exit status in a network namespace that has these addresses."""
    add = ''.join(f'ip address add {one} dev lo && ' for one in addresses)
    argv = place.command('rep-check', '--is-blocked', '--', text)
    return subprocess.run(['unshare', '-n', 'sh', '-c', f'{add}exec "$@"', 'sh', *argv], check=False).returncode


class Stands(BlocksCase):
    def stands(self, address, status, says=''):
        done = self.place.run('rep-check', '--is-blocked', '--', address)
        self.assertEqual((done.returncode, done.stdout), (status, ''), done.stderr)
        self.assertIn(says, done.stderr)
        self.assertEqual(done.stderr.count('\n'), 1 if says else 0)

    def test_a_block_lasts_until_its_end_whether_announced_or_not(self):
        self.put(('45.1.1.1',), ('45.1.1.2', {'held': True}), ('45.1.1.3', {'left': -1}),
                 ('45.1.1.4', {'left': YEARS_11}), ('2a02:1::1',))
        for address, status in (('45.1.1.1', 10), ('::ffff:45.1.1.1', 10), ('45.1.1.2', 10), ('45.1.1.3', 0),
                                ('45.1.1.4', 0), ('45.1.1.5', 0), ('2a02:1::1', 10), ('2a02:1::2', 0)):
            with self.subTest(address=address):
                self.stands(address, status)

    def test_a_pardoned_or_forgotten_or_allowed_address_is_not_blocked(self):
        self.put(('45.1.1.1',), ('45.1.1.2',), ('45.1.1.3',), ('45.9.9.1',))
        self.assertEqual(self.place.run('rep-purge', '--pardon', '1d', '45.1.1.1').returncode, 0)
        self.assertEqual(self.place.run('rep-purge', '45.1.1.2').returncode, 0)
        for address, status in (('45.1.1.1', 0), ('45.1.1.2', 0), ('45.1.1.3', 10), ('45.9.9.1', 0)):
            with self.subTest(address=address):
                self.stands(address, status)

    def test_nothing_is_written_and_no_look_up_waits(self):
        self.put(('45.1.1.1',))
        before = self.place.sql('SELECT * FROM block')
        self.stands('45.1.1.1', 10)
        self.stands('45.1.1.2', 0)
        self.assertEqual(self.place.sql('SELECT * FROM block'), before)
        self.assertEqual(self.place.sql('SELECT count(*) FROM lookup'), [(0,)])

    def test_a_network_is_never_blocked(self):
        """The log belongs to the user that the worker runs as. Each network contains a blocked address."""
        self.put(('45.1.1.1',), ('45.0.0.0',), ('32.0.0.0',), ('128.0.0.0',), ('0.0.0.0',), ('2000::',), ('2a02:1::',),
                 ('::',))
        for text in ('45.1.1.0/24', '45.0.0.0/8', '32.0.0.0/3', '128.0.0.0/1', '0.0.0.0/0', '2000::/3', '2a02:1::/64',
                     '2a02:1::/127', '::/0', '::ffff:0.0.0.0/96', '::ffff:45.0.0.0/104', '0.0.0.0', '::', '127.0.0.1'):
            with self.subTest(text=text):
                self.stands(text, 0)
        for text in ('45.1.1.1/32', '2a02:1::/128'):
            self.stands(text, 10)

    def test_an_address_of_this_host_is_not_blocked(self):
        self.put(('45.1.1.1',), ('45.1.1.2',), ('2a02:1::1',))
        for address, status in (('45.1.1.1', 0), ('45.1.1.2', 10), ('2a02:1::1', 0)):
            with self.subTest(address=address):
                self.assertEqual(on_a_host_with(('45.1.1.1/32', '2a02:1::1/128'), self.place, address), status)

    def test_what_is_not_known_is_not_10(self):
        self.put(('45.1.1.1',))
        for text in ('45.1.1.1.', '45.1.1.1/8', '', '--all', '2a02:1::1/64'):
            with self.subTest(text=text):
                self.stands(text, 65, 'neither an IP address nor a prefix')
        with open(self.place.path('state/iprep.db'), 'r+b') as f:
            f.write(b'\0' * 100)
        self.stands('45.1.1.1', 74, 'iprep.db')

    def test_a_locked_store_answers(self):
        self.put(('45.1.1.1',))
        held = sqlite3.connect(self.place.path('state/iprep.db'), isolation_level=None)
        self.addCleanup(held.close)
        held.execute('BEGIN IMMEDIATE')
        self.stands('45.1.1.1', 10)

    def test_it_takes_one_address_and_no_other_mode(self):
        for args in (['--is-blocked'], ['--is-blocked', '45.1.1.1', '45.1.1.2'], ['--is-blocked', '--gate', '45.1.1.1']):
            with self.subTest(args=args):
                self.assertEqual(self.place.run('rep-check', *args).returncode, 0 if '--gate' in args else 64)


class Networks(BlocksCase):
    ipv6_prefix = 64

    def test_a_prefix_as_its_line_has_it_and_any_address_in_it(self):
        self.put(('2a02:1::',), ('45.1.1.1',))
        for text, status in (('2a02:1::/64', 10), ('2a02:1::1', 10), ('2a02:2::/64', 0), ('45.1.1.1', 10)):
            with self.subTest(text=text):
                done = self.place.run('rep-check', '--is-blocked', '--', text)
                self.assertEqual((done.returncode, done.stderr), (status, ''))

    def test_only_the_configured_length_is_a_prefix(self):
        self.put(('2a02:1::',), ('2a02:8000::',), ('45.1.0.0',), ('2a02:9:9:9::',), ('2000::',), ('::',))
        for text, status in (('2a02:1::/64', 10), ('2a02:1::/63', 0), ('2a02:1::/65', 0), ('2a02:1::/32', 0),
                             ('2a02:8000::/17', 0), ('2000::/3', 0), ('::/0', 0), ('45.1.0.0/16', 0),
                             ('::ffff:45.1.0.0/112', 0), ('2a02:9:9:9::/64', 0)):
            with self.subTest(text=text):
                done = self.place.run('rep-check', '--is-blocked', '--', text)
                self.assertEqual((done.returncode, done.stderr), (status, ''))

    def test_a_prefix_with_an_address_of_this_host_is_not_blocked(self):
        self.put(('2a02:1::',), ('2a02:2::',))
        for text, status in (('2a02:1::/64', 0), ('2a02:2::/64', 10)):
            self.assertEqual(on_a_host_with(('2a02:1::7/128',), self.place, text), status)

    def test_a_block_of_a_single_address_remains(self):
        self.put(('2a02:9:9:9::7',))                  # its prefix holds one of [allow]
        done = self.place.run('rep-check', '--is-blocked', '--', '2a02:9:9:9::7')
        self.assertEqual((done.returncode, done.stderr), (10, ''))
