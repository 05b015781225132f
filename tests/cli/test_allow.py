# SPDX-License-Identifier: MIT
"""
rep-check --allowed: section [allow] as a table, as JSON, and as a file for fail2ban; what entries do, and for how long

What an entry may be: unit/allow and unit/conf; usage: data/refusals.tsv; fail2ban reads the file in host/ignoreip.
"""
import json
import re
import subprocess

from cases import Case

LIST = '127.0.0.[2..9]*3'
OFFICE = '45.1.1.0/24 until=2099-12-31 # the office; until it moves\n'
WHY = ' '.join(['monitoring'] * 12)


class AllowCase(Case):
    lists = {'zen': LIST}
    sections = {'general': {'timeout_ms': 1500},
                'allow': {'addresses': '45.9.9.9', 'files': '{dir}/*.list', 'spf': 'Example.COM'}}

    def setUp(self):
        super().setUp()
        self.place.write('a.list', OFFICE + f'2a02::/16\nhost.example # {WHY}\n45.2.2.2 until=2020-01-01\n')

    def allowed(self, *args, **more):
        return self.run_it('rep-check', '--allowed', *args, **more).stdout

    def entries(self):
        return [json.loads(line) for line in self.allowed('--json').splitlines()]


class Table(AllowCase):
    def test_each_entry_is_there_with_its_place_end_and_comment(self):
        lines = self.allowed().splitlines()
        self.assertEqual([line.split()[0] for line in lines if line[0] != ' '],
                         ['45.1.1.0/24', '45.2.2.2', '45.9.9.9', '2a02::/16', 'host.example', 'example.com'])
        path = self.place.path('a.list')
        self.assertRegex(lines[0], rf'\A45.1.1.0/24 +until 2099-12-31 +{path}:1 +the office; until it moves\Z')
        self.assertRegex(lines[1], rf'\A45.2.2.2 +expired 2020-01-01 +{path}:4\Z')
        self.assertRegex(lines[2], r'\A45.9.9.9 +- +\[allow\] addresses\Z')
        self.assertRegex(lines[-2], r'\Aexample.com +- +\[allow\] spf\Z')
        self.assertEqual(lines[-1], '    not resolved yet')

    def width_on_a_terminal_of(self, columns):
        """The longest line, and all words."""
        text = self.place.on_terminal('rep-check', '--allowed', columns=columns)
        lines = re.sub(r'\x1b\[[0-9;]*m|\r', '', text.decode()).splitlines()
        return max(map(len, lines)), ' '.join(lines).split()

    def test_it_fits_the_terminal(self):
        for columns in (60, 80, 132, 300):
            with self.subTest(columns):
                width, words = self.width_on_a_terminal_of(columns)
                self.assertLessEqual(width, columns)
                self.assertEqual(words.count('monitoring'), 12)

    def test_no_name_of_a_file_reaches_the_terminal_as_it_is(self):
        self.place.write('b\x1b[31m\u00fc"c.list', '45.3.3.3\n')
        for args in (('--allowed',), ('--allowed', '--json'), ('--cached', '45.3.3.3')):
            text = self.run_it('rep-check', *args).stdout
            self.assertTrue(text.isascii() and '\x1b' not in text and '\\u001b' not in text, text)
            self.assertIn('/b?[31m??', text)

    def test_an_empty_section_is_reported(self):
        self.place.write('a.list', '')
        self.place.change('addresses = 45.9.9.9', 'addresses =')
        self.place.change('spf = Example.COM', 'spf =')
        self.assertEqual(self.allowed(), 'no entry in section [allow]\n')
        self.assertEqual(self.allowed('--json'), '')
        self.assertEqual(self.allowed('-q'), '')

    def test_a_failed_write_is_a_failure(self):
        for args in ((), ('--json',), ('--format', 'ignoreip')):
            with open('/dev/full', 'wb') as full:
                self.run_it('rep-check', '--allowed', *args, status=74, stdout=full, stderr=subprocess.PIPE, capture_output=False)


class Limits(AllowCase):
    def test_no_more_names_than_the_file_of_the_feeds_has_room_for(self):
        self.place.write('a.list', ''.join(f'host{number}.example\n' for number in range(899)))
        self.ready()
        self.place.write('a.list', ''.join(f'host{number}.example\n' for number in range(901)))
        self.run_it('rep-check', '--ready', status=78, says='more than 900 host names and SPF domains in [allow]')


class Programs(AllowCase):
    def test_json_has_all_of_it(self):
        entries = {entry['entry']: entry for entry in self.entries()}
        path = self.place.path('a.list')
        self.assertEqual(entries['45.1.1.0/24'],
                         {'entry': '45.1.1.0/24', 'kind': 'network', 'file': path, 'line': 1, 'until': 4102444800,
                          'over': False, 'why': 'the office; until it moves', 'resolved_at': None, 'networks': []})
        self.assertEqual([entries[name]['kind'] for name in ('host.example', 'example.com')], ['host', 'spf'])
        self.assertTrue(entries['45.2.2.2']['over'])
        self.assertEqual((entries['45.9.9.9']['file'], entries['45.9.9.9']['line']), (None, None))

    def test_the_file_for_fail2ban_has_what_counts_today(self):
        lines = [line for line in self.allowed('--format', 'ignoreip').splitlines() if line[0] != '#']
        self.assertEqual(lines, ['45.1.1.0/24 # the office; until it moves', '45.9.9.9', '2a02::/16',
                                 f'host.example # {WHY}'])


class Effect(AllowCase):
    def test_an_entry_of_a_file_exempts_and_lifts(self):
        self.place.write('b.list', '')
        self.ready()
        self.block('45.3.3.3')
        self.assertEqual(self.check('45.3.3.4', '--cached', status=None)['verdict'], 'unknown')
        self.place.write('b.list', '45.3.3.0/24\n')
        self.assertEqual(self.check('45.3.3.4')['exempt'], 'allowed by [allow]')
        self.flush()
        self.assertNotIn('45.3.3.3', self.run_it('rep-check', '--blocks').stdout)

    def test_one_whose_day_is_over_does_neither(self):
        self.place.write('b.list', '45.3.3.0/24 until=2020-01-01\n')
        self.ready()
        self.block('45.3.3.3')
        self.assertNotIn('exempt', self.check('45.3.3.4', '--cached', status=None))
        self.flush()
        self.assertIn('45.3.3.3', self.run_it('rep-check', '--blocks').stdout)

    def test_a_mistake_in_a_file_loses_nothing(self):
        self.ready()
        self.block('45.3.3.3')
        self.place.write('b.list', '45.3.3.0/24\n45.4.4.4 until=tomorrow\n')
        self.run_it('rep-report', '--flush', status=78,
                    says=f'{self.place.path("b.list")}:2: "until=tomorrow": expected a date such as until=2027-01-31')
        self.gate('45.3.3.3')
        self.place.write('b.list', '')
        self.assertIn('45.3.3.3', self.run_it('rep-check', '--blocks').stdout)
