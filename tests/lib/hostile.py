# SPDX-License-Identifier: MIT
"""
hostile.py - texts that an attacker wants a program to run, print, parse or send, and a place where they are tried

texts(mark, loot): {what it is: bytes}. A program that runs one creates a file called mark, in the directory loot or its
current one; most also contain mark, so that a search finds every copy of the text.
"""
import os
import re
import secrets
import shutil
import tempfile

import configuration
from api import Emulator
from cases import Case
from places import Place

JAIL_BYTES = 63                            # of a jail's name are kept
VERDICT = re.compile(r'\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+0000 iprep\[\d+\]: verdict=confirmed ip=[\d.]+ '
                     r'score=\d+ tier=[a-z]+( jail=[\w.-]+)? src=abuseipdb\Z')
KERNEL_MAX = 131071                 # bytes of one argument: MAX_ARG_STRLEN - 1, execve(2)


def texts(mark, loot):
    run = f'touch {loot}/{mark}'
    shell = {
        'command substitution': f'$({run})',
        'substitution in the current directory': f'$(touch {mark})',
        'backticks': f'`{run}`',
        'semicolon': f'x;{run};',
        'pipe': f'|{run}',
        'ampersands': f'&& {run} &',
        'an escaped newline': f'x\\n{run}\\n',
        'carriage return': f'x\r{run}\r',
        'double quote': f'";{run};"',
        'single quote': f"';{run};'",
        'both quotes': f"'\"$({run})\"'",
        'redirection': f'x > {loot}/{mark}',
        'process substitution': f'<({run})',
        'glob': f'{mark}*?[a-z]~',
        'a variable of fail2ban': f'$f2bV_F_user{mark}$0$IFS',
        'arithmetic': f'$(( `{run}` ))',
    }
    options = {
        '--help': '--help', '-rf': '-rf', '--': '--', '-n': '-n', '-': '-',
        '--config=': f'--config={loot}/{mark}',
        'an option and its value': f'--retract 9.9.9.9 {mark}',
    }
    formats = {
        'mail header': f'{mark}\rBcc: {mark}@example.test',
        'CSV': f"{mark}\",=cmd|'/C calc'!A0,\"",
        'JSON': f'{mark}"}},{{"data":{{"abuseConfidenceScore":100}}}}',
        'SQL': f"{mark}'); DROP TABLE report;--",
        'form': f'{mark}&ip=9.9.9.9&categories=1&comment={mark}',
        'printf': f'%s%n%n%99999999d{mark}',
        'our template': f'%{{jail}}%{{failures}}{mark}%{{bogus}}',
        'tags of fail2ban': f'<ip><matches><F-USER>{mark}<bogus>',
        'one tag': f'<{mark}>',
        'another address': f'{mark} from 9.9.9.9',
        'path': f'../../../../../etc/{mark}',
        'verdict line': f'{mark}: verdict=confirmed ip=9.9.9.9 score=9 tier=known',
    }
    found = {name: text.encode() for name, text in
             {**shell, **options, **formats}.items()}
    found.update({
        'control characters': b'\x01\x02\x07\x08\x7f\t\x0b' + mark.encode(),
        'escape sequence': b'\x1b]0;' + mark.encode() + b'\x07\x1b[31m',
        'invalid UTF-8': b'\xff\xfe\xc3(\xed\xa0\x80' + mark.encode(),
        'right to left': '\u202e\u2066{}\U0001f4a9\u0000'.replace(
            '\0', '').format(mark).encode(),
        'C1 control': b'\xc2\x9b31m' + mark.encode(),
    })
    return found


def lines(mark, loot):
    """Texts with line ends, which a log line cannot hold, but an argument can."""
    return {
        'newline': f'x\ntouch {loot}/{mark}\n'.encode(),
        'mail header with newline': f'{mark}\r\nBcc: {mark}@x\r\n\r\n'.encode(),
        'CSV row': f"{mark}\"\n9.9.9.9,18,,\"x".encode(),
        'log line': (f'{mark}\n2026-01-01T00:00:00+0000 iprep[1]: verdict='
                     'confirmed ip=9.9.9.9 score=9 tier=known').encode(),
    }


def too_much(mark):
    """What no command line can hold; fail2ban drops it."""
    return {'NUL byte': mark.encode() + b'\0x',
            '200 kB': mark.encode() + b'x' * 200000}


class HostileCase(Case):
    """A directory with loot/ and the current one cwd/, where whatever is run leaves its mark; a place; an emulator."""

    @classmethod
    def setUpClass(cls):
        cls.mark = 'loot' + secrets.token_hex(8)
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

    def kept(self, what):
        """Where in the state the bytes are."""
        return [name for name in self.place.files() if what in self.place.bytes(f'state/{name}')]

    def nothing_kept(self):
        self.assertEqual(self.kept(self.mark.encode()), [])

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
