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
import rows

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


@rows.each('completion.tsv', at_least=20)
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

    def try_row(self, row):
        typed = row['typed'].rstrip('|')
        if row['key'] == 'M-*':
            self.assertEqual(sorted(self.shell.all(typed)), row['shown'].split())
        else:
            keys = row['key'].replace('TAB+', TAB + 'ad' + TAB).replace('TAB', TAB)
            self.assertEqual(self.shell.line(typed + keys) + '|', row['shown'])

    def test_each_program_has_its_own_options(self):
        self.assertIn('--self-test', self.shell.all('rep-check -'))
        self.assertIn('--linger=', self.shell.all('rep-report -'))
        self.assertNotIn('--linger=', self.shell.all('rep-check -'))
        self.assertEqual(self.shell.line('/usr/bin/rep-report --sta' + TAB), '/usr/bin/rep-report --status ')


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
