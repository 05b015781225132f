# SPDX-License-Identifier: MIT
"""
hostile.py - texts that an attacker wants a program to run, print, parse or send, and a place where they are tried

texts(mark, loot): {what it is: bytes}, of data/hostile_texts.tsv.
"""
import os
import re
import secrets
import shutil
import tempfile

import configuration
import rows
from api import Emulator
from cases import Case
from places import Place

JAIL_BYTES = 63                            # of a jail's name are kept
VERDICT = re.compile(r'\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+0000 iprep\[\d+\]: verdict=confirmed ip=[\d.]+ '
                     r'score=\d+ tier=[a-z]+( jail=[\w.-]+)? src=abuseipdb\Z')
KERNEL_MAX = 131071                 # bytes of one argument: MAX_ARG_STRLEN - 1, execve(2)


def texts(mark, loot, kind='one line'):
    made = {}
    for row in rows.read('hostile_texts.tsv'):
        if row['kind'] == kind:
            text = rows.text(row['text']).encode('latin-1')
            made[row['name']] = text.replace(b'@MARK@', mark.encode()).replace(b'@LOOT@', loot.encode())
    return made


def too_much(mark):
    """What no command line can hold; fail2ban drops it."""
    return {'NUL byte': mark.encode() + b'\0x',
            '200 kB': mark.encode() + b'x' * 200000}


class HostileCase(Case):
    """A directory with loot/ and the current one cwd/, where whatever is run leaves its mark; a place; an emulator."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.mark = 'loot' + secrets.token_hex(8)
        if not hasattr(cls, 'top'):
            cls.top = tempfile.mkdtemp(prefix='iprep-injection.', dir='/var/tmp')
            cls.addClassCleanup(shutil.rmtree, cls.top)
            os.chmod(cls.top, 0o755)
        for name in ('loot', 'cwd'):
            os.mkdir(f'{cls.top}/{name}')
            os.chmod(f'{cls.top}/{name}', 0o777)
        cls.addClassCleanup(os.chdir, os.getcwd())
        os.chdir(f'{cls.top}/cwd')
        cls.texts = texts(cls.mark, f'{cls.top}/loot')
        cls.api = Emulator()
        cls.addClassCleanup(cls.api.close)
        cls.place = Place(configuration.build(api=cls.api.url, spray={'users': 3}))
        cls.addClassCleanup(cls.place.close)

    def setUp(self):
        pass

    def nothing_ran(self, but=None):
        """No file has the mark in its name, not even in directories that everybody may write."""
        names = [name for top in ('/', '/tmp', '/var/tmp', '/root') for name in os.listdir(top)]
        for top in (self.top, self.place.dir):
            for _, directories, files in os.walk(top):
                names += directories + files
        self.assertIn('iprep.conf', names)         # it looks where it should
        self.assertEqual([name for name in names if self.mark in name and name != but], [])

    def found_in(self, what):
        """Where in the state the bytes are."""
        return [name for name in self.place.files() if what in self.place.bytes(f'state/{name}')]

    def nothing_kept(self):
        self.assertEqual(self.found_in(self.mark.encode()), [])

    def run_it(self, program, *args, status=0, says=None, **more):
        """One run: what is on stdout; one clear printable line on stderr if says is given, else nothing."""
        done = super().run_it(program, *args, status=status, says=says, **more)
        self.assertRegex(done.stderr, r'\A[ -~]{,400}\n\Z' if says else r'\A\Z')
        self.assertTrue(done.stdout.isascii(), done.stdout[:300])
        return done.stdout

    def flush(self):
        self.run_it('rep-report', '--flush')
        return {report['ip']: report for report in self.api.statistics()['reports']}

    def verdicts_are_plain(self):
        lines = self.place.verdict_log().splitlines()
        for line in lines:
            self.assertRegex(line, VERDICT)
        return len(lines)


def masked(text, room=JAIL_BYTES):
    """What becomes of a foreign text before it is kept: printable ASCII of a bounded length."""
    safe = ''.join(chr(c) if 32 <= c < 127 and c != 34 else '?' for c in text)
    return safe if len(safe) <= room else safe[:room - 3] + '...'
