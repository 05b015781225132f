# SPDX-License-Identifier: MIT
"""
rep-check --blocks: filters, order, and what an export never contains

That the exports load into the real programs is in tests/host/test_exports.py; refused values: data/refusals.tsv.
"""
import json
import re
import shlex
import time

import rows
from addresses import key_of
from blocks import BlocksCase
from places import DAY, OWNER

def utc(seconds):
    return time.strftime('%Y-%m-%d %H:%M UTC', time.gmtime(seconds))


EXPORTS = ('nft', 'ipset', 'hosts.deny', 'cidr', 'rbldnsd')


class FilterCase(BlocksCase):
    def setUp(self):
        super().setUp()
        self.put(('45.1.1.1', {'age': 9 * DAY}),
                 ('45.200.1.1', {'tier': 'notorious', 'left': 300 * DAY, 'src': 'zen,dronebl', 'age': 3 * DAY}),
                 ('45.2.2.2', {'left': 60, 'age': 3600}), ('2a02:4780:15::5', {'age': 8 * DAY, 'src': 'zen2'}))

    def listed(self, *args):
        return [json.loads(line)['address'] for line in self.blocks('--json', *args).stdout.splitlines()]


@rows.each('block_filters.tsv', at_least=20)
class Rows(FilterCase):
    def try_row(self, row):
        args = re.sub(r'\{now-(\d+)d\}', lambda m: str(int(time.time()) - int(m[1]) * DAY), row['arguments'])
        self.assertEqual(self.listed(*shlex.split(args)), row['addresses'].replace('-', '').split())


class Filters(FilterCase):
    def test_new_is_new_only_for_what_a_filter_let_through(self):
        self.assertEqual(self.listed('--new', '--tier', 'notorious'), ['45.200.1.1'])
        self.assertEqual(len(self.listed('--new')), 3)
        self.assertEqual(self.listed('--new'), [])

    def test_many_pages_give_each_block_once_in_every_order(self):
        self.put(*((f'46.1.{i >> 8}.{i & 255}', {'left': DAY + i % 7, 'age': i % 5}) for i in range(300)))
        for order in ('announced', 'address', 'end'):
            with self.subTest(order=order):
                found = self.listed('--sort', order, '--prefix', '46.0.0.0/8')
                self.assertEqual((len(found), len(set(found))), (300, 300))
        numbers = [tuple(map(int, a.split('.'))) for a in self.listed('--sort', 'address', '--prefix', '46.0.0.0/8')]
        self.assertEqual(numbers, sorted(numbers))


class Mailed(BlocksCase):
    """--unmailed: what iprep-notify puts into its mail"""

    def mailed(self):
        return [json.loads(line)['address'] for line in self.blocks('--unmailed', '--json').stdout.splitlines()]

    def test_neither_mark_hides_a_block_from_the_other(self):
        for first, second in (('--new', '--unmailed'), ('--unmailed', '--new')):
            self.sql('DELETE FROM block')
            self.put(('45.1.1.1',), ('45.1.1.2',))
            for mode in (first, second):
                self.assertEqual(len(self.blocks('--json', mode).stdout.splitlines()), 2)
                self.assertEqual(self.blocks('--json', mode).stdout, '')

    def test_a_block_whose_tier_rises_is_to_be_mailed_again(self):
        self.put(('45.1.1.1',), ('45.1.1.2',))
        self.assertEqual(self.mailed(), ['45.1.1.1', '45.1.1.2'])
        self.put(('45.1.1.1', {'tier': 'notorious', 'left': 300 * DAY}))
        self.assertEqual(self.mailed(), ['45.1.1.1'])
        self.assertEqual(self.mailed(), [])

    def test_filters_and_pages(self):
        self.put(*((f'46.1.{i >> 8}.{i & 255}', {'age': i % 5}) for i in range(300)), ('45.1.1.1',),
                 ('45.3.3.3', {'left': -1}), ('45.4.4.4', {'held': True}))
        some = self.blocks('--unmailed', '--json', '--prefix', '46.1.0.0/24').stdout.splitlines()
        self.assertEqual(len(some), 256)
        self.assertEqual(len(self.mailed()), 45)

    def test_its_text_has_labels_and_absolute_times(self):
        at = time.time() - 3600
        self.put(('45.1.1.1', {'tier': 'notorious', 'left': 300 * DAY, 'age': 3600, 'score': 13, 'src': 'zen,dronebl',
                               'seen': 'banned by sshd, 5 failures'}), ('2a02:4780:15::5', {'jail': '', 'src': ''}))
        self.sql('INSERT INTO finding(key, source, listed, rule, partial, points, answers, detail, answered_at,'
                 " expires_at) VALUES(?, 'zen', 1, 0, 0, 3, '7f000004', ?, ?, 1)", key_of('45.1.1.1'),
                 'https://www.example.org/query/ip/45.1.1.1 and more words than one line has room for', int(at))
        ends = [utc(until) for until, in self.sql('SELECT until FROM block ORDER BY key')]
        made = [utc(first) for first, in self.sql('SELECT first_at FROM block ORDER BY key')]
        self.assertEqual(self.blocks('--unmailed').stdout, f"""45.1.1.1
  Blocked:   notorious, until {ends[0]}
  Since:     {made[0]}
  Seen here: banned by sshd, 5 failures
  Jail:      sshd
  Score:     13
  Listed by: zen,dronebl
  Evidence:  zen +3: 127.0.0.4, https://www.example.org/query/ip/45.1.1.1
             and more words than one line has room for
             ({utc(at)})
  Details:   https://www.abuseipdb.com/check/45.1.1.1
  Undo:      fail2ban-client unban $(rep-purge --pardon 30d 45.1.1.1)

2a02:4780:15::5
  Blocked:   known, until {ends[1]}
  Since:     {made[1]}
  Jail:      not known
  Score:     3
  Details:   https://www.abuseipdb.com/check/2a02:4780:15::5
  Undo:      fail2ban-client unban $(rep-purge --pardon 30d 2a02:4780:15::5)

""")


class Usage(BlocksCase):
    def test_a_wrong_prefix_is_usage_whatever_the_state_of_the_database(self):
        self.place.write('state/iprep.db', 'no database', 0o600, OWNER)
        p = self.place.run('rep-check', '--blocks', '--prefix', '45.1.1.1/24')
        self.assertEqual((p.returncode, p.stdout), (64, ''), p.stderr)
        self.assertIn('host bits', p.stderr)

    def test_help_names_them(self):
        said = self.place.run('rep-check', '--help').stdout
        for word in ('--format', '--sort', '--tier', '--since', '--source', '--prefix', *EXPORTS):
            self.assertIn(word, said)


class Exports(BlocksCase):
    ipv6_prefix = 64

    def test_what_is_over_held_back_or_to_be_left_alone_is_in_none(self):
        self.put(('45.1.1.1',), ('45.3.3.3', {'left': -1}), ('45.4.4.4', {'held': True}), ('45.9.9.7',),
                 ('2a02:9:9:9::',), ('127.0.0.1',), ('2a02:4780:15::',), ('45.8.8.8', {'left': 3700 * DAY}))
        for name in EXPORTS:
            with self.subTest(format=name):
                done = self.blocks('--format', name)
                self.assertIn('45.1.1.1', done.stdout)
                self.assertRegex(done.stdout, r'2a02:4780:15::\]?/64')
                for gone in ('45.3.3.3', '45.4.4.4', '45.9.9.7', '2a02:9:9:9', '127.0.0.1 ', '45.8.8.8'):
                    self.assertNotIn(gone, done.stdout)
                self.assertIn('3 blocks left out', done.stderr)
                self.assertEqual(self.blocks('--format', name, '--quiet').stderr, '')
        said = self.blocks().stdout
        self.assertIn('exempt, in no export: allowed by [allow]', said)
        self.assertIn('exempt, in no export: contains an address in [allow]', said)

    def test_nothing_that_a_stranger_chose_is_in_one(self):
        self.put(('45.1.1.1', {'src': 'zen'}))
        self.sql("UPDATE block SET jail = ?, src = ?", 'evil\n"; drop', 'evil\nzen')
        for name in EXPORTS:
            with self.subTest(format=name):
                self.assertNotIn('evil', self.blocks('--format', name).stdout)

    def test_filters_hold_for_exports(self):
        self.put(('45.1.1.1',), ('45.2.2.2', {'tier': 'notorious'}), ('2a02:4780:15::', {'tier': 'notorious'}))
        done = self.blocks('--format', 'cidr', '--tier', 'notorious', '--prefix', '0.0.0.0/0')
        self.assertEqual([line for line in done.stdout.splitlines() if line[0] != '#'], ['45.2.2.2\tREJECT'])

    def test_text_is_a_format_too(self):
        self.put(('45.1.1.1',))
        self.assertEqual(self.blocks('--format', 'text').stdout, self.blocks().stdout)
