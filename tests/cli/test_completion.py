# SPDX-License-Identifier: MIT
"""What bash completes on a terminal, with the package bash-completion and without.

Keys are typed into a separate bash: TAB completes, M-* inserts all completions, and C-t, which the test
binds, prints the current line.
"""
import os
import pty
import re
import select
import shutil
import subprocess
import tempfile
import time
import unittest

import places

PREFIX = os.path.dirname(places.PROGRAMS)
TAB, ALL, SHOW, KILL = '\t', '\x1b*', '\x14', '\x15'
LIBRARY = '/usr/share/bash-completion/bash_completion'
CONF = '[general]\ntimeout_ms = 5000\n[tier mild]\nthreshold = 3\nbantime = 1d\n[dnsbl one.list]\n'
LOCAL = '[tier severe]\n# [tier none]\n[dnsbl two]\n'


class Shell:
    def __init__(self, directory, first):
        env = {'PATH': os.environ['PATH'], 'HOME': directory, 'TERM': 'dumb', 'LC_ALL': 'C',
               'XDG_DATA_DIRS': os.path.join(PREFIX, 'share'), 'INPUTRC': '/dev/null', 'COLUMNS': '1000'}
        self.fd, inner = pty.openpty()
        self.process = subprocess.Popen(['bash', '--norc', '--noprofile', '-i'], stdin=inner, stdout=inner,
                                        stderr=inner, cwd=directory, env=env, start_new_session=True)
        os.close(inner)
        self.seen = ''
        os.write(self.fd, (first + '; bind "set bell-style none"; show() { echo "<""<$READLINE_LINE>"">"; };'
                           " bind -x '\"\\C-t\": show'; echo read\"\"y\n").encode())
        self.wait_for('ready\r')

    def wait_for(self, pattern):
        end = time.monotonic() + 60
        while not (m := re.search(pattern, self.seen)):
            if time.monotonic() > end:
                raise AssertionError(f'waited in vain for {pattern}: {self.seen!r}')
            if select.select([self.fd], [], [], 1)[0]:
                self.seen += os.read(self.fd, 65536).decode(errors='replace')
        self.seen = self.seen[m.end():]
        return m

    def line(self, keys):
        """The line after these keys."""
        os.write(self.fd, (KILL + keys + SHOW).encode())
        return self.wait_for(r'<<(.*?)>>').group(1)

    def all(self, text):
        """What may follow: all that M-* inserts."""
        return self.line(text + ALL).split()[len(text.split()) - (text[-1] != ' '):]

    def close(self):
        os.write(self.fd, (KILL + 'exit\n').encode())
        self.process.wait(60)
        os.close(self.fd)


class Completion(unittest.TestCase):
    """As a shell has it that sources the file."""
    first = f'source {os.path.join("{prefix}", "share/bash-completion/completions/rep-check")}'

    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix='iprep-bash.', dir='/var/tmp')
        self.addCleanup(shutil.rmtree, self.dir)
        for name, text in (('my.conf', CONF), ('my.local', LOCAL), ('addresses', '')):
            with open(os.path.join(self.dir, name), 'w', encoding='ascii') as f:
                f.write(text)
        self.shell = Shell(self.dir, self.first.format(prefix=PREFIX))
        self.addCleanup(self.shell.close)

    def test_options_are_completed_and_those_with_a_value_want_it(self):
        self.assertEqual(self.shell.line('rep-check --bl' + TAB), 'rep-check --blocks ')
        self.assertEqual(self.shell.line('rep-check --fo' + TAB), 'rep-check --format=')
        self.assertEqual(self.shell.line('rep-report --enq' + TAB), 'rep-report --enqueue ')
        self.assertEqual(self.shell.line('rep-purge --par' + TAB), 'rep-purge --pardon=')
        self.assertEqual(self.shell.line('rep-purge --enq' + TAB), 'rep-purge --enq')
        self.assertEqual(self.shell.line('/usr/bin/rep-report --sta' + TAB), '/usr/bin/rep-report --status ')

    def test_each_program_has_its_own_options(self):
        self.assertEqual(set(self.shell.all('rep-purge --re')), {'--recheck', '--released', '--reset'})
        self.assertIn('--self-test', self.shell.all('rep-check -'))
        self.assertIn('--linger=', self.shell.all('rep-report -'))
        self.assertNotIn('--linger=', self.shell.all('rep-check -'))

    def test_values_of_a_fixed_set_are_offered(self):
        self.assertEqual(self.shell.all('rep-check --blocks --format '),
                         sorted(['text', 'nft', 'ipset', 'hosts.deny', 'cidr', 'rbldnsd']))
        self.assertEqual(self.shell.line('rep-check --blocks --sort=e' + TAB), 'rep-check --blocks --sort=end ')
        self.assertEqual(self.shell.line('rep-check --blocks --sort=' + TAB + 'ad' + TAB),
                         'rep-check --blocks --sort=address ')
        self.assertEqual(self.shell.line('rep-check --blocks --sort an' + TAB), 'rep-check --blocks --sort announced ')

    def test_of_categories_the_last_is_completed(self):
        self.assertEqual(self.shell.line('rep-report --categories ss' + TAB), 'rep-report --categories ssh ')
        self.assertEqual(self.shell.line('rep-report --categories=ssh,brute' + TAB),
                         'rep-report --categories=ssh,brute-force ')

    def test_tiers_and_sources_are_those_of_the_configuration(self):
        for given in ('-c my.conf', '--config my.conf', '--config=my.conf'):
            self.assertEqual(self.shell.all(f'rep-check {given} --blocks --tier '), ['mild', 'severe'])
        self.assertEqual(self.shell.all('rep-check -c my.conf --blocks --source '),
                         ['abuseipdb', 'one.list', 'two'])
        self.assertEqual(self.shell.all('rep-check -c /nowhere.conf --blocks --tier '), ['known', 'notorious'])

    def test_files_are_completed_where_a_file_is_wanted(self):
        self.assertEqual(self.shell.line('rep-check --file add' + TAB), 'rep-check --file addresses ')
        self.assertEqual(self.shell.line('rep-check --file=add' + TAB), 'rep-check --file=addresses ')
        self.assertEqual(self.shell.line('rep-purge -c my.c' + TAB), 'rep-purge -c my.conf ')

    def test_no_completion_is_offered_for_free_text(self):
        self.assertEqual(self.shell.line('rep-check --jail add' + TAB), 'rep-check --jail add')
        self.assertEqual(self.shell.line('rep-check --gate -- --bl' + TAB), 'rep-check --gate -- --bl')


class Text(unittest.TestCase):
    def test_shellcheck_finds_nothing(self):
        path = os.path.join(PREFIX, 'share/bash-completion/completions/rep-check')
        subprocess.run(['shellcheck', '-s', 'bash', path], check=True)


class WithTheLibrary(Completion):
    """As the package bash-completion loads it, by the command's name, at the first TAB."""
    first = f'source {LIBRARY}'

    def test_it_is_found_by_the_name_of_each_program(self):
        for program, word in (('rep-purge', '--recheck'), ('rep-report', '--enqueue'), ('rep-check', '--blocks')):
            shell = Shell(self.dir, self.first)
            self.addCleanup(shell.close)
            self.assertEqual(shell.line(f'{program} {word[:-2]}' + TAB), f'{program} {word} ')
