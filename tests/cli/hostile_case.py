# SPDX-License-Identifier: MIT
"""
hostile_case.py - a place where hostile texts are tried: is one run, kept, announced, sent?

Whatever is run leaves a file with the mark in its name: in loot/, in the current directory cwd/,
or at the top of one of the machine's directories that everybody may write.
"""
import os
import re
import secrets
import shutil
import subprocess
import tempfile
import unittest

import hostile
import place

JAIL_BYTES = 63                     # of a jail's name are kept
CONF = """[general]
state = {dir}/state/iprep.db
verdict_log = {dir}/state/verdict.log
[tier known]
threshold = 3
bantime = 1d
[tier notorious]
threshold = 10
bantime = 365d
[spray]
users = 3
[worker]
start = none
linger = 0
[abuseipdb]
key_file = {dir}/key
url = """
HIGH = {'abuseConfidenceScore': 100, 'totalReports': 9, 'numDistinctUsers': 3, 'lastReportedAt': 'now-2h'}
VERDICT = re.compile(r'\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+0000 iprep\[\d+\]: verdict=confirmed ip=[\d.]+ '
                     r'score=\d+ tier=[a-z]+( jail=[\w.-]+)? src=abuseipdb\Z')


class Case(unittest.TestCase):
    """A directory with loot/, where whatever is run leaves its mark; a place; an emulator."""

    programs = ''

    @classmethod
    def setUpClass(cls):
        cls.mark = 'loot' + secrets.token_hex(8)
        cls.top = tempfile.mkdtemp(prefix='iprep-injection.', dir='/var/tmp')
        cls.addClassCleanup(shutil.rmtree, cls.top)
        os.chmod(cls.top, 0o755)
        for name in ('loot', 'cwd'):
            os.mkdir(f'{cls.top}/{name}')
            os.chmod(f'{cls.top}/{name}', 0o777)
        before = os.getcwd()
        os.chdir(f'{cls.top}/cwd')
        cls.addClassCleanup(os.chdir, before)
        cls.texts = hostile.texts(cls.mark, f'{cls.top}/loot')
        cls.api = place.Emulator()
        cls.addClassCleanup(cls.api.close)
        cls.place = place.Place(cls.programs, CONF + cls.api.url + '\n')
        cls.addClassCleanup(cls.place.close)

    def nothing_ran(self, but=None):
        found = [f'{top}/{name}' for top, names in files(self.top, self.place.dir) for name in names]
        found += [f'{top}/{name}' for top in ('/', '/tmp', '/var/tmp', '/root') for name in os.listdir(top)]
        names = {os.path.basename(path) for path in found}
        self.assertIn('iprep.conf', names)         # it looks where it should
        self.assertEqual([name for name in names if self.mark in name and name != but], [])

    def kept(self, what):
        """Where in the state the bytes are."""
        state = self.place.path('state')
        return [name for name in os.listdir(state) if what in read(f'{state}/{name}')]

    def nothing_kept(self):
        self.assertEqual(self.kept(self.mark.encode()), [])

    def run_it(self, program, *args, status, says=None):
        """One run: its status; one clear printable line if says is given, else nothing but stdout."""
        p = subprocess.run(self.place.command(program, *args), stdin=subprocess.DEVNULL, capture_output=True,
                           timeout=60)
        self.assertEqual(p.returncode, status, (args[-1][:80], p.stderr[:300]))
        err = p.stderr.decode('ascii')
        if says is None:
            self.assertEqual(err, '')
        else:
            self.assertRegex(err, rf'\A{program}: [ -~]*{re.escape(says)}[ -~]*\n\Z')
            self.assertLess(len(err), 400)
        return p.stdout.decode('ascii')

    def flush(self):
        self.run_it('rep-report', '--flush', status=0)
        return {r['ip']: r for r in self.api.control('stats')['reports']}

    def verdicts_are_plain(self):
        lines = self.place.verdict_log().splitlines()
        for line in lines:
            self.assertRegex(line, VERDICT)
        return len(lines)


def files(*tops):
    for top in tops:
        for directory, directories, names in os.walk(top):
            yield directory, directories + names


def read(path):
    with open(path, 'rb') as file:
        return file.read()


def key_of(address):
    return bytes(10) + b'\xff\xff' + bytes(int(part) for part in address.split('.'))


def masked(text, room=JAIL_BYTES):
    """What becomes of a foreign text before it is kept: printable ASCII of a bounded length."""
    safe = ''.join(chr(c) if 32 <= c < 127 and c != 34 else '?' for c in text)
    return safe if len(safe) <= room else safe[:room - 3] + '...'
