# SPDX-License-Identifier: MIT
"""
rep-check ADDRESS: why an address is treated as it is, from what is on disk

Rows with whole outputs: data/why.tsv. Times in them are as in Why.text(): T is now, T-3h three hours before.
"""
import json
import os
import re
import subprocess
import time

import rows
from addresses import key_of, reversed_of
from cases import Case
from dns import behaviours
from places import OWNER

A, V6, OTHER = '45.1.1.1', '2a02:4780:1:2::5', '45.1.1.2'
TIME = re.compile(r'\d{4}-\d\d-\d\d \d\d:\d\d UTC')
UNITS = {'s': 1, 'm': 60, 'h': 3600, 'd': 86400}


class WhyCase(Case):
    lists = {'zen': '127.0.0.[2..9]*3', 'other': '127.0.0.2*10'}
    sections = {'general': {'timeout_ms': 1500, 'ipv6_prefix': 64},
                'allow': {'files': '{dir}/*.list', 'addresses': '45.8.8.8'}}

    def setUp(self):
        super().setUp()
        self.place.write('a.list', '45.7.7.0/24 until=2099-12-31 # the office, until it moves\n')
        self.ready()
        self.now = int(time.time())

    def shown(self, *args, status=None, **more):
        return self.run_it('rep-check', *args, status=status, **more).stdout

    def at(self, ago):
        """'-3h', '+1d', '': a time."""
        return self.now + (int(ago[:-1]) * UNITS[ago[-1]] if ago else 0)

    def text(self, text):
        """What the row means by T-3h."""
        return re.sub(r'\bT([-+]\d+[smhd])?\b', lambda m: time.strftime(
            '%Y-%m-%d %H:%M UTC', time.gmtime(self.at(m[1] or ''))), text).replace('{dir}', self.place.dir)

    # -- what rows may have made

    def make(self, step):
        name, *given = step.split()
        getattr(self, f'make_{name}')(*given)

    def insert(self, table, **row):
        row = {name: key_of(value) if name in ('key', 'addr') else value for name, value in row.items()}
        self.sql(f'INSERT INTO {table}({",".join(row)}) VALUES({",".join("?" * len(row))})', *row.values())

    def make_block(self, address, *more):
        given = dict(one.split('=') for one in more)
        texts = {name: given[name].replace('_', ' ') for name in ('seen',) if name in given}
        if 'evidence' in given:
            texts['evidence'] = ''.join(f'{source}\t{points}\t{self.at("-3h")}\t{answers.replace("_", " ")}\t{detail}\n'
                                        for source, points, answers, detail in
                                        (one.split('/') for one in given['evidence'].split(';')))
        times = {name: self.at('-3h') for name in ('since', 'first_at', 'announced_at')}
        if 'held' in given:
            times['first_at'] = times['announced_at'] = 0
        self.block(address, until=self.at('+21h'), **times, **texts,
                   **{name: given[name] for name in ('tier', 'src', 'jail') if name in given})

    def make_report(self, address, state, why=''):
        ended = self.at('-1h') if int(state) > 1 else 0
        self.insert('report', key=address, addr=address, state=int(state), jail='sshd', categories='', comment='',
                    failures=5, first_at=self.at('-2h'), seen_at=self.at('-2h'), next_at=self.at('-1h'), tries=1,
                    sent_at=0, why=why.replace('_', ' '), ended_at=ended)

    def make_retraction(self, address, state, deleted, why=''):
        self.insert('retraction', addr=address, key=address, state=int(state), since=self.at('-1h'),
                    next_at=self.at('+1h'), tries=1, deleted=int(deleted), why=why.replace('_', ' '))

    def make_login(self, address, ago):
        self.insert('good', key=address, at=self.at(ago))

    def make_pardon(self, address, left):
        self.insert('pardon', key=address, until=self.at(left))

    def make_released(self, address, ago):
        self.insert('released', key=address, at=self.at(ago), tier='known')

    def make_lookup(self, address, ago):
        self.insert('lookup', key=address, addr=address, mark=1, origin=1, tries=0, since=self.at(ago),
                    next_at=self.at('+1h'), jail='sshd')


@rows.each('why.tsv', at_least=20)
class Whole(WhyCase):
    def try_row(self, row):
        for step in filter(None, rows.text(row['made']).split(' | ')):
            if step != '-':
                self.make(step)
        wanted = self.text(rows.text(row['shown'])).replace(' | ', '\n') + '\n'
        got = self.shown('--cached', *row['address'].split())
        lines = [line for line in got.splitlines() if 'not in the cache' not in line]
        self.assertEqual('\n'.join(lines) + '\n', wanted)
        found = json.loads(self.shown('--cached', '--json', *row['address'].split()))
        for name, value in json.loads(row['json']).items():
            if isinstance(value, dict):
                found[name] = {member: found[name][member] for member in value}
            self.assertEqual(found[name], value, name)
        self.fits(row['address'])

    def fits(self, address):
        """On a terminal of 40 columns, with the same words."""
        for columns in (80, 40):
            text = self.place.on_terminal('rep-check', '--cached', address, columns=columns, status=None,
                                          env={}).decode().replace('\r', '')
            self.assertEqual([line for line in text.splitlines() if len(line) > columns and 'undo: ' not in line
                              and ' ' in line.strip()], [], text)


class Evidence(WhyCase):
    """What a block was made from stays, whatever its sources answer later."""

    def evidence(self, address=A):
        [block] = [json.loads(line) for line in self.run_it('rep-check', '--blocks', '--json').stdout.splitlines()]
        known = self.check('--cached', address, status=None)['block']
        self.assertEqual(known['evidence'], block['evidence'])
        return [(one['source'], one['points'], one['answer'], one['detail']) for one in known['evidence']]

    def banned(self, address=A):
        self.enqueue(address)
        self.flush()

    def test_it_is_kept_when_the_block_is_made(self):
        self.listed(A, answer='127.0.0.4')
        self.banned()
        self.assertEqual(self.evidence(), [('zen', 3, ['127.0.0.4'], '"listed"')])

    def test_later_answers_do_not_change_it(self):
        self.listed(A, answer='127.0.0.4')
        self.banned()
        before = self.evidence()
        self.says('zen', {})
        self.listed(A, by='other')
        self.check('--fresh', A, status=10)
        self.assertEqual(self.evidence(), before)
        self.sql('DELETE FROM finding')
        self.assertEqual(self.evidence(), before)

    def test_it_follows_a_block_that_is_confirmed_again_or_rises(self):
        self.listed(A, answer='127.0.0.4')
        self.banned()
        self.sql('UPDATE block SET since = since - 7200, announced_at = announced_at - 7200')
        self.sql('DELETE FROM finding')
        self.listed(A, answer='127.0.0.9')
        self.banned()
        self.assertEqual(self.evidence(), [('zen', 3, ['127.0.0.9'], '"listed"')])
        self.sql('UPDATE block SET since = since - 7200, announced_at = announced_at - 7200')
        self.sql('DELETE FROM finding')
        self.listed(A, by='other')
        self.banned()
        self.assertEqual([source for source, *_ in self.evidence()], ['zen', 'other'])
        self.assertEqual(self.sql('SELECT tier FROM block'), [('notorious',)])

    def test_forgetting_leaves_no_trace_of_it(self):
        self.says('zen', {reversed_of(A): behaviours.listed('127.0.0.4', txt=f'see https://zen.test/{A}')})
        self.banned()
        self.assertIn(A, self.evidence()[0][3])
        self.purge(A)
        self.assertEqual(self.traces(A), 0)

    def test_what_is_not_of_its_form_is_left_out(self):
        for text, count in (('garbage', 0), ('\n\n\t\t\n', 0), ('zen\t3\t5\t7f000002\t\n' * 200, 63),
                            ('zen\tx\ty\tz\tdetail\n', 1), ('\tx\n', 0), (f'{"n" * 500}\t3\t5\t7f000002\tx', 1),
                            ('zen\t99999999999999999999\t-1\t' + 'f' * 500 + '\t\x1b[31mred', 1)):
            with self.subTest(text[:40]):
                self.block(A, evidence=text)
                self.assertEqual(len(self.evidence()), count)
                self.assertNotIn('\x1b', self.shown('--cached', A))
                self.sql('DELETE FROM block')


class Access(WhyCase):
    """Only what the caller may read."""

    def as_user(self, *args, uid=4711, groups=()):
        p = subprocess.run(self.place.command('rep-check', *args), capture_output=True, text=True, timeout=60,
                           stdin=subprocess.DEVNULL, user=uid, group=uid, extra_groups=groups, check=False)
        return p.stdout

    def setUp(self):
        super().setUp()
        os.chmod(self.place.dir, 0o755)
        self.block(A)

    def test_without_access_to_the_state_it_says_what_is_missing(self):
        text = self.as_user(A, '45.7.7.7')
        self.assertNotIn('blocked as', text)
        self.assertEqual(text.count('permission denied, not read: block, reports, logins, pardon'), 2)
        self.assertIn('allowed by 45.7.7.0/24', text)
        found = json.loads(self.as_user('--json', A))
        self.assertEqual((found['state_read'], 'block' in found), (False, False))

    def test_a_member_of_the_group_of_the_state_sees_it(self):
        """As the package makes the directory; a worker has let the group in."""
        os.chmod(self.place.path('state'), 0o750)
        self.flush()
        text = self.as_user(A, groups=[OWNER])
        self.assertIn('blocked as known', text)
        self.assertNotIn('permission denied', text)
        self.assertTrue(json.loads(self.as_user('--json', A, groups=[OWNER]))['state_read'])

    def test_a_list_from_a_file_has_nothing_of_it(self):
        self.place.write('list', f'{A}\n')
        found = json.loads(self.shown('--cached', '--json', '--file', self.place.path('list')))
        self.assertNotIn('state_read', found)
        self.assertNotIn('undo', self.shown('--cached', '--file', self.place.path('list')))

    def test_each_of_many_addresses_has_its_own(self):
        self.make_login(OTHER, '-3h')
        text = self.shown('--cached', A, OTHER, '45.1.1.3')
        self.assertEqual(len(re.findall(r'^45\.1\.1\.[123]  ', text, re.M)), 3)
        blocked, spared, other = re.split(r'^45\.1\.1\.[123]  ', text, flags=re.M)[1:]
        self.assertTrue('undo: ' in blocked and 'logged in' in spared and 'no block' in other, text)
        self.assertEqual(text.count('undo: '), 1)
