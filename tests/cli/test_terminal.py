# SPDX-License-Identifier: MIT
"""
What people read on a terminal: it fits, at any width, and colour is for those who want it

A real pty. What is in a file or pipe is one line a record, as the other tests read it.
"""
import re
import subprocess
import time

import rows
from cases import Case
from counters import day_of_rows
from places import DAY

LISTED, LONG, ALLOWED = '45.1.1.1', '2a02:4780:ffff:ffff:ffff:ffff:ffff:1', '45.7.7.7'
COLOUR = re.compile(r'\x1b\[[0-9;]*m')
WIDE = 100000
WHOLE = ('undo: ', 'https://')             # can be copied: what begins a line that is never broken


def words(text):
    """Blanks and line ends are where the terminal wants them."""
    return re.sub(r'\s', '', text)


def too_wide(text, width):
    """Lines that another break would make shorter: not those of one word or time, nor a command to copy."""
    return [line for line in text.splitlines() if len(line) > width and not line.strip().startswith(WHOLE)
            and re.search(r'\S[ ,]+\S', re.sub(r'\d{4}-\d\d-\d\d \d\d:\d\d UTC', 'TIME', line))]


class Terminal(Case):
    lists = {'zen': '127.0.0.[2..9]*3', 'a-list-with-a-long-name': '127.0.0.[2..9]*3'}
    sections = {'general': {'timeout_ms': 1500}, 'allow': {'files': '{dir}/*.allow'}}

    def setUp(self):
        super().setUp()
        for name in self.lists:
            self.listed(LISTED, LONG, by=name, answer='127.0.0.4')
        self.place.write('a.allow', f'{ALLOWED} until=2099-12-31 # ' + 'the office, until it moves ' * 4 + '\n')
        self.place.write('list', f'{LISTED}\n45.1.1.2\n')
        self.ready()
        self.block(LISTED, seen='banned by sshd, 5 failures', src='zen,a-list-with-a-long-name')
        self.block(LONG, tier='notorious', seen='1 failed login', src='zen,a-list-with-a-long-name')
        self.run_it('rep-check', LISTED, LONG, status=10)
        self.run_it('rep-purge', '--pardon', '30d', '45.3.3.3', LONG[:-1] + '2')
        self.place.execute_many('INSERT INTO counter(day, name, label, n) VALUES(?, ?, ?, ?) ON CONFLICT DO NOTHING',
                                [(int(time.time()) // DAY - ago, *row) for ago in range(16)
                                 for row in day_of_rows(16 - ago, sources=('zen', 'a-list-with-a-long-name'))])

    def shown(self, call, status=0, columns=80, **env):
        """One call on a terminal of this width: its text."""
        self.sql('UPDATE block SET shown_at = 0')
        program, *args = call.replace('{dir}', self.place.dir).split()
        text = self.place.on_terminal(program, *args, columns=columns, status=status, env={'TERM': 'xterm', **env})
        return text.decode('ascii').replace('\r', '')


@rows.each('terminal.tsv')
class Width(Terminal):
    def try_row(self, row):
        status = int(row['status'])
        wide = None
        for columns in (WIDE, 132, 80, 40, 20):
            text = COLOUR.sub('', self.shown(row['call'], status, COLUMNS=str(columns)))
            self.assertEqual(too_wide(text, columns), [], f'{columns}\n{text}')
            wide = wide or text
            heads, body = ([''.join(re.findall(p, one)) for one in (wide, text)]
                           for p in (r'[A-Z]{4,}', r'[^A-Z\s-]'))
            if columns >= int(row['whole']):
                self.assertEqual(heads[0], heads[1])
                self.assertEqual(ages_gone(body[0]), ages_gone(body[1]))


def ages_gone(text):
    """An age is shown from five seconds on, and time passes between two calls; bars, and cells without a value."""
    return re.sub(r'\((in)?\d+(s|min|h|days)(ago)?\)|\d+ms|\d\d:\d\d:\d\d|#|-', '', text)


class Chosen(Terminal):
    def longest(self, **more):
        return max(map(len, COLOUR.sub('', self.shown('rep-report --status', **more)).splitlines()))

    def test_the_width_is_that_of_the_terminal_or_what_columns_says(self):
        self.assertLessEqual(self.longest(columns=40), 40)
        self.assertLessEqual(self.longest(columns=80), 80)
        self.assertGreater(self.longest(columns=80), 40)
        self.assertLessEqual(self.longest(columns=80, COLUMNS='40'), 40)
        for bad in ('', '0', '-5', 'wide', '40x', '99999999999999999999'):
            self.assertLessEqual(self.longest(columns=40, COLUMNS=bad), 40, bad)

    def test_a_terminal_that_does_not_know_its_width_has_80_columns(self):
        width = self.longest(columns=0)
        self.assertTrue(40 < width <= 80, width)

    def test_a_file_has_one_line_for_each_record_whatever_columns_says(self):
        p = self.run_it('rep-check', '--blocks', env={'COLUMNS': '20', 'TERM': 'xterm'})
        first = [line for line in p.stdout.splitlines() if not line.startswith(' ')]
        self.assertEqual([line.split()[0] for line in first], [LISTED, LONG])
        for line in first:
            self.assertRegex(line, r' until \d{4}-\d\d-\d\d \d\d:\d\d UTC  sshd  zen,a-list-with-a-long-name\Z')

    def test_a_block_has_two_lines_at_80_columns(self):
        lines = COLOUR.sub('', self.shown('rep-check --blocks')).splitlines()
        row = lines.index(next(line for line in lines if line.startswith(LISTED)))
        self.assertRegex(lines[0], r'\AADDRESS +TIER +SCORE +UNTIL +JAIL\Z')
        self.assertRegex(lines[row], r' sshd\Z')
        self.assertEqual(lines[row + 1], '    banned by sshd, 5 failures, listed by zen,a-list-with-a-long-name')
        self.sql('UPDATE block SET seen = ?', '')
        self.assertIn('    listed by zen,a-list-with-a-long-name', self.shown('rep-check --blocks').splitlines())

    def test_a_report_in_a_file_has_80_columns_and_at_40_the_same_numbers(self):
        for args in (('rep-report', '--summary'), ('rep-check', '--sources', '--overlap')):
            file = self.run_it(*args, env={'COLUMNS': '40'}).stdout
            wide, narrow = (self.shown(' '.join(args), columns=columns) for columns in (200, 40))
            self.assertEqual(file, wide)
            self.assertIn(max(map(len, file.splitlines())), (78, 79, 80))
            self.assertEqual(re.findall(r'[\d,]+', file), re.findall(r'[\d,]+', narrow))

    def test_heads_are_above_their_columns(self):
        for call, status, first in ((f'rep-check {LISTED}', 10, LISTED), ('rep-check --blocks', 0, LISTED),
                                    ('rep-check --allowed', 0, ALLOWED)):
            lines = COLOUR.sub('', self.shown(call, status, columns=132)).splitlines()
            row = next(line for line in lines if line.startswith(first))
            for head in re.finditer(r'\S+', lines[0]):
                with self.subTest(call=call, head=head[0]):
                    self.assertIn('  ' if head.start() else '', row[max(head.start() - 2, 0):head.start()])
                    self.assertNotEqual(row[head.end() - 1 if head[0] == 'SCORE' else head.start()], ' ')


class Colours(Terminal):
    CALLS = (f'rep-check {LISTED}', 10), ('rep-check --self-test --fail2ban /nonexistent', 0)

    def test_colour_is_for_terminals_whose_user_wants_it(self):
        for call, status in self.CALLS:
            coloured = self.shown(call, status)
            self.assertRegex(coloured, COLOUR)
            self.assertRegex(self.shown(call, status, NO_COLOR=''), COLOUR)     # no-color.org: "and not an empty string"
            for env in ({'NO_COLOR': '1'}, {'NO_COLOR': '0'}, {'TERM': 'dumb'}, {'TERM': ''}):
                with self.subTest(call=call, env=env):
                    plain = self.shown(call, status, **env)
                    self.assertNotIn('\x1b', plain)
                    self.assertEqual(ages_gone(words(plain)), ages_gone(words(COLOUR.sub('', coloured))))

    def test_a_pipe_has_none(self):
        for call, status in self.CALLS:
            p = self.run_it(*call.split(), status=status, env={'TERM': 'xterm', 'CLICOLOR_FORCE': '1'})
            self.assertNotIn('\x1b', p.stdout + p.stderr)


class Bar(Terminal):
    def test_the_bar_is_never_wider_than_the_terminal(self):
        self.place.write('many', ''.join(f'45.9.{n // 250}.{n % 250 + 1}\n' for n in range(1500)))
        for columns in (80, 40, 30, 20):
            seen = self.place.on_terminal('rep-check', '--fresh', '--file', self.place.path('many'), columns=columns,
                                          stdout=subprocess.DEVNULL).decode()
            bars = [part.split('\x1b')[0] for part in seen.split('\r') if 'done' in part]
            self.assertTrue(bars, seen[-300:])
            with self.subTest(columns):
                self.assertLess(max(map(len, bars)), columns, bars[-1])
                if columns in (80, 20):
                    self.assertEqual('[' in bars[-1], columns == 80, bars[-1])
