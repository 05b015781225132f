# SPDX-License-Identifier: MIT
"""The examples in the manual pages are run unchanged, and do what the text says.

Against a DNS list and an AbuseIPDB of the test's own. fail2ban-client and nft are scripts that write
down how they were called; the programs get the test's configuration. The example of libiprep(3) is
compiled in tests/user.
"""
import os
import re
import subprocess

import facts
from cases import Case
from places import TOP

STATUS = {                                 # of those that do not end with 0
    'rep-check 45.1.1.1': 10,
    'rep-check --cached --json 45.1.1.1 2001:470::1': 10,
    'rep-check --file addresses.txt': 10,
    'rep-purge --reset --dry-run': 64,     # nothing is wrong here
    'rep-purge --reset': 64,
}
CLIENT = '#!/bin/sh\n[ "$1" = -d ] || echo "$(basename "$0") $*" >>{dir}/called\n'


def examples(name):
    """The commands and displays below EXAMPLES, as they are read."""
    found, display = [], None
    for line in facts.section(facts.page(TOP, name), 'EXAMPLES'):
        if line.startswith('.Bd'):
            display = []
        elif line == '.Ed':
            found.append('\n'.join(display))
            display = None
        elif display is not None:
            display.append(facts.plain(line))
        elif line.startswith('.Dl '):
            found.append(facts.plain(line[4:]))
    return found


class Pages(Case):
    lists = {'zen': '127.0.0.2*3'}
    has_api = True

    def setUp(self):
        super().setUp()
        self.listed('45.1.1.1')
        os.mkdir(self.place.path('bin'))
        for program in facts.PROGRAMS:
            real = ' '.join(self.place.command(program))
            self.place.write('bin/' + program, f'#!/bin/sh\nexec {real} "$@"\n', 0o755)
        for other in ('fail2ban-client', 'nft'):
            self.place.write('bin/' + other, CLIENT.format(dir=self.place.dir), 0o755)
        self.place.write('addresses.txt', '45.1.1.1\n# mine\n45.1.1.2, 45.1.1.3\n')

    def sh(self, text):
        path = f"{self.place.path('bin')}:{os.environ['PATH']}"
        return subprocess.run(['sh', '-c', text], capture_output=True, text=True, timeout=120,
                              stdin=subprocess.DEVNULL, cwd=self.place.dir, env={**os.environ, 'PATH': path})

    def called(self):
        if not os.path.exists(self.place.path('called')):
            return []
        return self.place.text('called').splitlines()

    def run_all(self, name, count):
        ran = []
        for text in examples(name):
            if not re.search(r'rep-(check|report|purge)|fail2ban-client', text):
                continue                   # lines of a configuration
            command = text.split('ignorecommand = ')[-1]
            command = command.replace('<ip>', '45.1.1.1').replace('<restored>', '0').replace('%(__name__)s', 'jail')
            command = command.replace('>/etc/fail2ban/', f'>{self.place.dir}/')
            with self.subTest(example=text):
                p = self.sh(command)
                self.assertEqual(p.returncode, STATUS.get(text, 0), p.stdout + p.stderr)
                ran.append(text)
        self.assertEqual(len(ran), count)

    def test_the_examples_of_rep_check_do_what_they_say(self):
        self.run_all('rep-check.8', 11)
        self.assertEqual(self.called(), ['nft -f -'])
        self.assertIn('made by rep-check --blocks --format cidr', self.place.text('blocked.cidr'))

    def test_the_examples_of_rep_report_do_what_they_say(self):
        self.run_all('rep-report.8', 10)
        self.assertEqual([(r['ip'], r['cleared']) for r in self.api.control('stats')['reports']],
                         [('45.1.1.1', True)])         # reported, and taken back
        self.assertIn('45.1.1.1', self.place.verdict_log())

    def test_the_examples_of_rep_purge_do_what_they_say(self):
        self.place.run('rep-report', '--', '45.1.1.1')
        self.assertIn('"tier":"known"', self.place.run('rep-check', '--blocks', '--json').stdout)
        self.run_all('rep-purge.8', 8)
        self.assertEqual(self.called(), ['fail2ban-client unban 45.1.1.1'])
        self.assertEqual(self.place.run('rep-check', '--blocks').stdout, '')
        self.assertIn('exempt', self.place.run('rep-check', '45.1.1.1').stdout)

    def test_the_examples_of_the_tour_do_what_they_say(self):
        self.run_all('iprep.7', 6)
        self.assertEqual(self.called(), ['fail2ban-client -t', 'fail2ban-client reload'])

    def test_the_examples_of_the_lists_do_what_they_say(self):
        self.run_all('iprep-lists.7', 3)

    def test_the_examples_of_the_configuration_are_accepted_with_the_shipped_file(self):
        with open(os.path.join(TOP, 'fail2ban/iprep.conf'), encoding='utf-8') as f:
            shipped = f.read().replace('/var/lib/iprep/', self.place.path('state/'))
        self.place.write('iprep.conf', shipped.replace('/var/log/iprep/', self.place.path('state/')))
        parts = [text for text in examples('iprep.conf.5') if text.startswith('[')]
        others = [text for text in examples('iprep-lists.7') if text.startswith('[')]
        self.assertEqual((len(parts), len(others)), (3, 2))
        for text in (*parts, *others, '\n'.join(parts)):
            self.place.write('iprep.local', text + '\n')
            self.ready()
        self.place.write('iprep.local', parts[0].replace('enabled', 'enbled') + '\n')
        self.run_it('rep-check', '--ready', status=78)
