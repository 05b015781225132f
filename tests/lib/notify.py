# SPDX-License-Identifier: MIT
"""notify.py - iprep-notify in a place: sendmail, rep-check and rep-report are scripts that a test controls"""
import json
import os
import re
import subprocess
import sys
import time

from cases import Case
from clocks import MovedPlace
from places import DAY, TOP

FILES = os.path.join(TOP, 'fail2ban')
NOTIFY, RELEASE = (os.path.join(FILES, name) for name in ('iprep-notify', 'iprep-release'))
HEADERS = ['Auto-Submitted: auto-generated', 'MIME-Version: 1.0',
           'Content-Type: text/plain; charset=us-ascii', 'Content-Transfer-Encoding: 7bit']
BLOCK = """{0}
  Blocked:   notorious, until 2027-11-23 09:51 UTC
  Jail:      sendmail-auth
  Evidence:  zen +3: 127.0.0.4
  Details:   https://www.abuseipdb.com/check/{0}
  Undo:      fail2ban-client unban $(rep-purge --pardon 30d {0})

"""
HOST = re.sub('[^A-Za-z0-9.-]', '', os.uname().nodename)
A, B, C = '45.1.1.1', '45.1.1.2', '45.1.1.3'
# prints what waits in the file "new", once; does what "check.does" says
REP_CHECK = """#!/bin/sh
[ "$*" = "--blocks --unmailed" ] || exit 64
cd {dir} || exit 70
[ ! -e check.does ] || . ./check.does
[ -e new ] || exit 0
cat new || exit 74
rm new
"""
# prints the settings and the files "health" and "summary"; does what "CALL.does" says first
REP_REPORT = """#!/bin/sh
cd {dir} || exit 70
[ ! -e "report${{1#-}}.does" ] || . "./report${{1#-}}.does"
case $* in
--notify-settings) echo "digest = $(cat digest)" && echo "command = $(cat command)" ;;
"--health --json") [ ! -s health ] || {{ cat health && exit 1; }} ;;
"--summary --since "[17]d) cat summary && echo "$3" >>summaries ;;
*) exit 64 ;;
esac
"""
TROUBLE = {'name': 'list-quarantined', 'object': 'zen', 'severity': 'critical',
           'text': 'zen: quarantined, its answers give no points: lists "127.0.0.1"; test it with rep-check '
                   '--self-test, or set enabled = no in [dnsbl zen]', 'since': 1764150660}
BEGIN = """Trouble:  zen: quarantined, its answers give no points: lists "127.0.0.1";
          test it with rep-check --self-test, or set enabled = no in [dnsbl
          zen]
Name:     list-quarantined
Since:    2025-11-26 09:51 UTC
Host:     {host}

"rep-report --health" lists all troubles. When this one is over, you are told.
"""
# keeps each text, its subject, and what else it was given; does what "command.does" says before it takes anything
COMMAND = """#!/bin/sh
cd {dir} || exit 70
[ ! -e command.does ] || . ./command.does
mail=$(mktemp part.XXXXXX) && {{ printf 'Subject: %s\\n\\n' "$SUBJECT" && cat; }} >"$mail" && env >environment &&
mv "$mail" "mail.$mail"
"""
# keeps each mail, and how it was called; does what "sendmail.does" says before it takes anything
SENDMAIL = """#!/bin/sh
cd {dir} || exit 70
[ ! -e sendmail.does ] || . ./sendmail.does
mail=$(mktemp part.XXXXXX) && cat >"$mail" && printf '%s %s\\n' "$*" "$(umask)" >>calls && mv "$mail" "mail.$mail"
"""
# runs a command where the host has another name
NAMED = """import os, socket, sys
socket.sethostname(sys.argv[1].encode('latin-1'))
os.execv(sys.argv[2], sys.argv[2:])
"""

def utc(seconds):
    return time.strftime('%Y-%m-%d %H:%M UTC', time.gmtime(seconds))


def date(day):
    return time.strftime('%Y-%m-%d', time.gmtime(day * DAY))


def lines_of(name):
    """Of a file that is shipped."""
    with open(os.path.join(FILES, name), encoding='ascii') as f:
        return f.read().splitlines(keepends=True)


class NotifyCase(Case):
    lists = {'zen': {'zone': 'zen.example', 'points': '127.0.0.[2..9]*3'}}
    has_resolver = False
    key = None
    program = NOTIFY

    def setUp(self):
        super().setUp()
        self.path = self.place.path
        self.write('sendmail', SENDMAIL.replace('{dir}', self.place.dir), 0o755)
        self.options = {'--rep-check': self.path('check'), '--rep-report': self.path('report'),
                        '--sendmail': self.path('sendmail'),
                        '--spool': self.path('spool'), '--defaults': self.path('defaults')}

    def write(self, name, text, mode=0o644):
        self.place.write(name, text.encode('latin-1'), mode)

    def real_programs(self):
        """The programs of the place, in the directory of the first one."""
        for name, program in (('check', 'rep-check'), ('report', 'rep-report')):
            moved = self.place.environment(program) if isinstance(self.place, MovedPlace) else {}
            words = ['env', *(f'{key}={value}' for key, value in moved.items()), *self.place.command(program)]
            with open(self.path(name), 'w', encoding='ascii') as f:
                f.write(f'#!/bin/sh\nexec {" ".join(words)} "$@"\n')
            os.chmod(self.path(name), 0o755)

    def sendmail_does(self, what):
        """None: it takes each mail."""
        if what:
            self.write('sendmail.does', what)
        else:
            os.remove(self.path('sendmail.does'))

    def unsent(self, does='exit 75'):
        """What a run says whose sendmail fails."""
        self.sendmail_does(does)
        return self.notify(75)

    def sent(self):
        """A run whose sendmail works again."""
        self.sendmail_does(None)
        self.notify()

    def exists(self, name):
        return os.path.exists(self.path(name))

    def command(self):
        return [self.program, *(word for option in self.options.items() for word in option)]

    def notify(self, status=0, before=(), **more):
        """status None: any."""
        done = subprocess.run([*before, *self.command()], stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=60, **more)
        self.assertIn(status, (None, done.returncode), done.stderr)
        self.assertEqual(done.stdout, '')
        if status == 0:
            self.assertEqual(done.stderr, '')
        return done.stderr

    def mails(self):
        """In the order they came; each is seen once."""
        names = [name for name in os.listdir(self.place.dir) if name.startswith('mail.')]
        names.sort(key=lambda name: os.stat(self.path(name)).st_mtime_ns)
        found = [self.place.bytes(name).decode('latin-1') for name in names]
        for name in names:
            os.remove(self.path(name))
        return found

    def spooled(self):
        """Files in which something waits, and the lock."""
        names = sorted(os.listdir(self.path('spool'))) if self.exists('spool') else []
        names = [name for name in names if name != 'settings']
        return [name for name in names if name == 'lock' or os.path.getsize(self.path(f'spool/{name}'))]

    def subjects(self):
        """Of each mail, or text that the command was given, without what they all have."""
        found = [re.search(r'(?m)^Subject: iprep: (.*) on (\S+)$', mail) for mail in self.mails()]
        self.assertEqual({m[2] for m in found} | {HOST}, {HOST})
        return [m[1] for m in found]

    def assert_no_mail(self, spooled):
        self.assertEqual((self.mails(), self.spooled()), ([], spooled))

    def one_mail(self, body, subject, to='root', host=None, spooled=('lock',)):
        mail, = self.mails()
        head, _, text = mail.partition('\n\n')
        host = host or HOST
        self.assertEqual(head.split('\n'), [f'To: {to}', f'Subject: iprep: {subject} on {host}', *HEADERS])
        self.assertEqual(text, body)
        self.assertEqual(self.spooled(), list(spooled))


class ShownCase(NotifyCase):
    def setUp(self):
        super().setUp()
        self.write('check', REP_CHECK.replace('{dir}', self.place.dir), 0o755)
        self.report_is(digest='never')
        self.troubles()

    def report_is(self, digest, command=''):
        self.write('report', REP_REPORT.format(dir=self.place.dir), 0o755)
        self.write('digest', digest)
        self.write('command', command)

    def troubles(self, *rows):
        self.write('health', ''.join(json.dumps(row, separators=(',', ':')) + '\n' for row in rows))

    def new(self, *addresses):
        """Blocks that rep-check will show."""
        self.write('new', ''.join(map(BLOCK.format, addresses)))

    def mailed(self, *addresses, **more):
        """One mail, with their blocks."""
        count = f'{len(addresses)} new block{"s" if len(addresses) > 1 else ""}'
        self.one_mail(''.join(map(BLOCK.format, addresses)), count, **more)
