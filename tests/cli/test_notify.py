# SPDX-License-Identifier: MIT
"""
iprep-notify: each new block, the begin and end of each trouble, and each digest is sent once, by mail or by a command;
nothing is lost, and no foreign text is in a header

sendmail, rep-check and rep-report are scripts controlled by the test; Real uses the real programs. Also tests how
systemd and cron read their files.
"""
import contextlib
import datetime
import glob
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

import rows
from cases import Case
from clocks import MovedPlace
from places import DAY, KEY, OWNER, TOP
from test_health import Situation
from waiting import wait_until

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


@rows.each('mail.tsv', at_least=50)
class Rows(ShownCase):
    def try_row(self, row):
        given, outcome = rows.text(row['given']), rows.text(row['outcome'])
        before = ['unshare', '--uts', sys.executable, '-c', NAMED, given] if row['as'] == 'host' else []
        self.new(A)
        if row['as'] == 'blocks':
            self.write('new', given)
        if row['as'] == 'defaults':
            self.write('defaults', given + '\n')
        said = self.notify(78 if outcome == 'refused' else 0, before, cwd=self.place.dir)
        if outcome in ('refused', 'no mail'):
            self.assertRegex(said, r'\A[ -~]*MAILTO[ -~]*\n\Z' if outcome == 'refused' else r'\A\Z')
            self.assert_no_mail([])
            self.assertTrue(self.exists('new'))
        elif row['as'] == 'blocks':
            self.one_mail(outcome, 'new blocks')
        else:
            self.mailed(A, **{'to' if row['as'] == 'defaults' else 'host': outcome})
        self.assertFalse(self.exists('pwned'))


class Notify(ShownCase):
    # ---- sending ----

    def test_without_new_blocks_no_mail_is_sent(self):
        self.notify()
        self.notify()
        self.assert_no_mail(['lock'])

    def test_a_new_block_is_mailed_once(self):
        self.new(A)
        self.notify()
        self.notify()
        self.mailed(A)
        self.assertEqual(self.place.text('calls'), '-t -oi 0022\n')

    def test_blocks_are_counted_whatever_their_family(self):
        self.new(A, '2a02:4780:15::50', '2a02:4780:16::/64')
        self.notify()
        self.mailed(A, '2a02:4780:15::50', '2a02:4780:16::/64')

    def test_a_last_line_without_its_end_gets_one(self):
        self.write('new', '45.1.1.1  known  3')
        self.unsent()
        self.new(B)
        self.sent()
        self.one_mail('45.1.1.1  known  3\n' + BLOCK.format(B), '2 new blocks')

    def test_a_mail_that_cannot_be_sent_is_kept_and_sent_with_what_came_since(self):
        for does in ('exit 75', 'exit 1', 'kill -9 $$', 'kill -15 $$', 'cat >/dev/null; exit 69'):
            with self.subTest(does):
                self.new(A)
                for _ in range(2):
                    self.assertIn('kept', self.unsent(does))
                self.assertEqual(self.mails(), [])
                self.new(B)
                self.sent()
                self.notify()
                self.mailed(A, B)

    def test_a_great_many_go_in_several_mails_and_no_block_is_cut(self):
        blocks = [BLOCK.format(f'45.{i >> 8}.{i & 255}.1') for i in range(12000)]
        self.write('new', ''.join(blocks))
        self.unsent('[ ! -e calls ] || [ -e again ] || { touch again; exit 75; }')      # the second mail fails
        mails = self.mails()
        self.assertEqual(len(mails), 1)
        self.notify()
        texts = [mail.partition('\n\n')[2] for mail in mails + self.mails()]
        self.assertGreater(len(texts), 1)
        self.assertLess(max(map(len, texts)), 1100000)
        self.assertEqual(''.join(texts), ''.join(blocks))
        for text in texts:
            self.assertTrue(text.startswith('45.') and text.endswith(')\n\n'))

    def test_two_at_once_send_once(self):
        self.new(A)
        self.sendmail_does('sleep 1')
        both = [subprocess.Popen(self.command(), stdin=subprocess.DEVNULL) for _ in range(2)]
        self.assertEqual([one.wait(60) for one in both], [0, 0])
        self.mailed(A)

    def test_sendmails_children_do_not_hold_the_lock(self):
        self.new(A)
        self.sendmail_does('sleep 60 </dev/null >/dev/null 2>&1 & echo $! >child')
        self.notify()
        try:
            self.notify()                  # 75 if the lock were held
        finally:
            os.kill(int(self.place.text('child')), signal.SIGKILL)

    # ---- rep-check ----

    def test_a_failure_of_rep_check_is_reported_and_no_mail_is_sent_without_output(self):
        for does, status in (('exit 77', 77), ('exit 78', 78), ('exit 3', 71)):
            with self.subTest(does):
                self.write('check.does', does)
                self.assertIn('rep-check', self.notify(status))
                self.assert_no_mail(['lock'])

    def test_what_a_rep_check_that_failed_or_was_killed_had_printed_is_sent(self):
        for does, status in (('exit 74', 74), ('kill -9 $$', 71)):
            self.write('check.does', 'cat new; rm new; ' + does)
            self.new(A)
            self.assertIn('rep-check', self.notify(status))
            self.mailed(A)

    def test_a_missing_rep_check_is_told_and_what_waits_is_sent_all_the_same(self):
        self.new(A)
        self.unsent()
        self.sendmail_does(None)
        self.options['--rep-check'] = self.path('nothing')
        self.notify(71)
        self.mailed(A)

    def test_what_a_killed_run_had_got_is_sent_by_the_next(self):
        self.write('check.does', 'cat new; rm new; touch printed; exec sleep 60')
        self.new(A)
        with subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, start_new_session=True) as p:
            wait_until(lambda: self.exists('printed') or p.poll() is not None, 'it has printed')
            os.killpg(p.pid, signal.SIGKILL)
        os.remove(self.path('check.does'))
        self.notify()
        self.mailed(A)

    # ---- hostile: data/mail.tsv ----

    def test_the_environment_decides_nothing(self):
        self.new(A)
        os.mkdir(self.path('bin'))
        evil = f'#!/bin/sh\ntouch {self.path("pwned")}'
        self.write('evil', evil)
        for name in ('sed', 'grep', 'stat', 'flock', 'timeout', 'cat'):
            self.write('bin/' + name, evil, 0o755)
        self.notify(env={'PATH': self.path('bin'), 'MAILTO': 'evil@example.org', 'ENV': self.path('evil'),
                         'rep_check': self.path('evil'), 'sendmail': self.path('evil'), 'mailto': 'evil',
                         'HOSTNAME': 'evil', 'IFS': '/', 'LC_ALL': 'tr_TR.UTF-8', 'block': 'x'})
        self.mailed(A)
        self.assertFalse(self.exists('pwned'))

    # ---- the spool ----

    def test_systemd_says_where_the_spool_is(self):
        spool = self.options.pop('--spool')
        self.new(A)
        self.notify(env={**os.environ, 'STATE_DIRECTORY': spool})
        self.mailed(A)

    def test_without_sendmail_no_block_is_marked_as_listed_and_an_error_is_reported(self):
        self.new(A)
        self.options['--sendmail'] = missing = self.path('no/sendmail')
        self.assertEqual(self.notify(69), f'iprep-notify: {missing}: not installed, no mail can be sent; '
                                          'install a mail server, set [notify] command, or disable '
                                          'iprep-notify.timer\n')
        self.assertTrue(self.exists('new'))
        self.options['--sendmail'] = self.path('sendmail')
        self.notify()
        self.mailed(A)

    def test_with_neither_sendmail_nor_command_the_unit_and_cron_do_nothing(self):
        self.new(A)
        self.options['--sendmail'] = self.path('no/sendmail')
        self.program = self.path('if-possible')
        self.write('if-possible', f'#!/bin/sh\nexec {NOTIFY} --if-possible "$@"\n', 0o755)
        self.notify()
        self.assert_no_mail([])
        self.report_is('never', command=f'cat >{self.path("told")}')
        self.notify()
        self.assertEqual(self.place.text('told'), BLOCK.format(A))
        self.new(B)
        self.options['--sendmail'] = self.path('sendmail')
        self.report_is('never')
        self.notify()
        self.mailed(B)

    def test_cron_logs_what_iprep_notify_reports_and_mails_nothing_itself(self):
        job, = [line.split(None, 6)[6] for line in lines_of('cron.d/iprep') if line.startswith('41 ')]
        self.write('notify', '#!/bin/sh\necho "ran $*" >ran\necho out\necho wrong >&2\nexit 75\n', 0o755)
        self.write('logger', '#!/bin/sh\n{ echo "$*"; cat; } >logged\n', 0o755)
        for notify, logged in ((self.path('none'), None), (self.path('notify'), 'out\nwrong\n')):
            env = {'PATH': f'{self.place.dir}:/usr/bin:/bin', 'SYSTEMD': '/none', 'TIMERS': '/none', 'NOTIFY': notify}
            done = subprocess.run(['sh', '-c', job], env=env, cwd=self.place.dir, capture_output=True, text=True,
                                  check=False)
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, '', ''))
            self.assertEqual(self.exists('logged'), bool(logged))
        self.assertEqual(self.place.text('ran'), 'ran --if-possible\n')
        self.assertEqual(self.place.text('logged'), '-t iprep-notify -p daemon.err\n' + logged)

    def test_an_unsafe_spool_is_refused_before_a_block_is_marked_as_listed(self):
        self.new(A)
        os.mkdir(self.path('spool'), 0o700)
        for mode, owner in ((0o755, 0), (0o770, 0), (0o700, OWNER), (0o1700, 0)):
            with self.subTest(mode=mode, owner=owner):
                os.chmod(self.path('spool'), mode)
                os.chown(self.path('spool'), owner, 0)
                self.notify(77)
        os.rename(self.path('spool'), self.path('real'))
        os.chmod(self.path('real'), 0o700)
        os.chown(self.path('real'), 0, 0)
        os.symlink(self.path('real'), self.path('spool'))
        self.notify(77)
        self.options['--spool'] = self.path('no/such')
        self.notify(73)
        self.assertEqual((self.exists('new'), self.mails()), (True, []))

    def test_a_full_disk_loses_nothing(self):
        spool = self.path('spool')
        os.mkdir(spool, 0o700)
        subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=112k,mode=0700', 'none', spool], check=True)
        self.addCleanup(subprocess.run, ['umount', spool], check=True)
        self.new(*[A] * 60)                # 14 kB
        self.unsent()
        self.place.fill('spool/ballast')
        self.new(*[B] * 60)
        self.sendmail_does(None)
        self.notify(74)
        mails = self.mails()               # the old mail, where it fits once more
        self.assertTrue(self.exists('new'))
        os.remove(spool + '/ballast')
        self.notify()
        self.assertEqual(''.join(mail.partition('\n\n')[2] for mail in mails + self.mails()),
                         BLOCK.format(A) * 60 + BLOCK.format(B) * 60)
        self.assertEqual(self.spooled(), ['lock'])

    def test_usage(self):
        for args in (['--no-such'], ['extra'], ['--spool'], ['--spool', 'relative'], ['--sendmail', ''],
                     ['--rep-check', '-x'], ['--defaults', './x']):
            done = subprocess.run([NOTIFY, *args], capture_output=True, text=True, check=False)
            self.assertEqual((done.returncode, done.stdout, done.stderr.count('\n')), (64, '', 1), args)
        done = subprocess.run([NOTIFY, '--help'], capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ''))
        self.assertIn('MAILTO', done.stdout)


@rows.each('notify_troubles.tsv', at_least=15)
class TroubleRows(ShownCase):
    SAYS = {'begin': 'trouble: zen: quarantined', 'over': 'trouble over: zen: quarantined',
            'blind': 'trouble: iprep: its health is unknown', 'sighted': 'trouble over: iprep: its health is unknown'}

    def try_row(self, row):
        runs, sent = row['runs'].split(), row['sent'].split()
        self.assertEqual(len(runs), len(sent))
        for run, says in zip(runs, sent):
            self.troubles(*[TROUBLE] * run.startswith('there'))
            self.write('report-health.does', 'exit 3' if run.startswith('blind') else '')
            self.sendmail_does('exit 75' if run.endswith('!') else ':')
            self.notify(None)
            wanted = [self.SAYS[word] for word in says.split('+') if word != '-']
            self.assertEqual(sorted(self.subjects()), sorted(wanted), (row['runs'], run))


class Troubles(ShownCase):
    def test_the_whole_text_of_a_begin_and_an_end(self):
        self.troubles(TROUBLE)
        self.notify()
        self.one_mail(BEGIN.format(host=HOST), 'trouble: zen: quarantined', spooled=['lock', 'troubles'])
        self.troubles()
        before = int(time.time())
        self.notify()
        ended = {utc(before), utc(time.time())}
        text, = (mail.partition('\n\n')[2] for mail in self.mails())
        lines = BEGIN.format(host=HOST).partition('\n\n')[0].split('\n')
        self.assertIn(text.split('\n'), [[*lines[:-1], f'Ended:    {end}', lines[-1], ''] for end in ended])
        self.assertEqual(self.spooled(), ['lock'])

    def test_each_of_several_brings_a_mail_of_its_own_and_more_later(self):
        other = {**TROUBLE, 'object': 'dronebl', 'text': 'dronebl: quarantined, its answers give no points: x; y'}
        worker = {'name': 'worker-missing', 'object': None, 'severity': 'warning',
                  'text': 'no worker has run yet; check iprep-flush.timer', 'since': None}
        self.troubles(TROUBLE, other)
        self.notify()
        self.assertEqual(sorted(self.subjects()), ['trouble: dronebl: quarantined', 'trouble: zen: quarantined'])
        self.troubles(TROUBLE, worker)
        self.notify()
        self.assertEqual(sorted(self.subjects()),
                         ['trouble over: dronebl: quarantined', 'trouble: no worker has run yet'])
        self.troubles()
        self.notify()
        self.assertEqual(sorted(self.subjects()),
                         ['trouble over: no worker has run yet', 'trouble over: zen: quarantined'])

    def test_one_whose_text_changes_is_the_same(self):
        self.troubles(TROUBLE)
        self.notify()
        self.troubles({**TROUBLE, 'text': 'zen: quarantined, for other reasons', 'severity': 'warning', 'since': None})
        self.notify()
        self.assertEqual(self.subjects(), ['trouble: zen: quarantined'])

    def test_blocks_and_troubles_are_sent_by_one_run(self):
        self.new(A)
        self.troubles(TROUBLE)
        self.notify()
        self.assertEqual(sorted(self.subjects()), ['1 new block', 'trouble: zen: quarantined'])

    def test_the_reason_why_health_is_unknown_is_told_and_blocks_are_sent_all_the_same(self):
        self.new(A)
        self.write('report-health.does', 'echo "rep-report: iprep.conf:12: unknown key" >&2; exit 78')
        self.assertEqual(self.notify(78), 'iprep-notify: rep-report --health: failed with status 78: rep-report: '
                                          'iprep.conf:12: unknown key\n')
        mails = self.mails()
        self.assertEqual(len(mails), 2)
        self.assertIn('Trouble:  iprep: its health is unknown: rep-report: iprep.conf:12: unknown\n'
                      '          key\n', mails[0])

    def test_hostile_troubles_reach_no_header_and_end_no_run(self):
        evil = 'x\\u000aBcc: evil@example.org'
        for text in ('a\\nBcc: evil@example.org', '$(touch pwned)`touch pwned`', '%s%n%d', 'é\x1b[2J', '\\t\\"',
                     'x' * 5000):
            with self.subTest(text):
                self.troubles({**TROUBLE, 'object': evil, 'text': text}, {**TROUBLE, 'object': text})
                self.notify()
                self.troubles()
                self.notify()
                mails = self.mails()
                self.assertEqual(len(mails), 4)
                for mail in mails:
                    head = mail.partition('\n\n')[0].split('\n')
                    self.assertEqual([head[0], *head[2:]], ['To: root', *HEADERS])
                    self.assertRegex(head[1], r'\ASubject: [ -~]{1,400}\Z')
                    self.assertLess(max(map(len, mail.split('\n'))), 990)
        self.assertFalse(self.exists('pwned'))

    def test_output_that_is_not_understood_changes_nothing_that_is_known(self):
        self.troubles(TROUBLE)
        self.notify()
        self.mails()
        for output in ('{}\n', 'IPREP OK - no trouble\n', '{"name":"a","object":"b"}\n', '\n'):
            self.write('health', output)
            self.assertIn('unexpected output', self.notify(70))
        self.assertEqual(self.subjects(), ['trouble: iprep: its health is unknown'])
        self.troubles(TROUBLE)
        self.notify()
        self.assertEqual(self.subjects(), ['trouble over: iprep: its health is unknown'])


class Digests(ShownCase):
    SUMMARY = 'Blocks      3\nReports     5\n'

    def setUp(self):
        super().setUp()
        self.write('summary', self.SUMMARY)

    @staticmethod
    def today():
        return int(time.time()) // DAY

    def sent_last(self, day):
        """As if the last digest had been of the period before that day."""
        for path in glob.glob(self.path('spool/digest.*')):
            os.remove(path)
        self.write(f'spool/digest.{day}', '')

    def ready_for(self, digest):
        self.report_is(digest)
        self.notify()
        self.assert_no_mail(['lock'])          # not of the time before it was installed

    def title(self, digest, today):
        if digest == 'daily':
            return f'day of {date(today - 1)}'
        return f'week of {date(today - (today + 3) % 7 - 7)}'

    def test_each_period_brings_one(self):
        for digest, since in (('daily', '1d'), ('weekly', '7d')):
            with self.subTest(digest):
                self.ready_for(digest)
                self.sent_last(self.today() - 8)
                titles = {self.title(digest, self.today())}
                self.notify()
                titles.add(self.title(digest, self.today()))
                mail, = self.mails()
                head, _, text = mail.partition('\n\n')
                self.assertIn(head.split('\n')[1], {f'Subject: iprep: {title} on {HOST}' for title in titles})
                self.assertEqual(text, self.SUMMARY)
                self.assertEqual(self.place.text('summaries').split()[-1], since)
                if digest == 'weekly':
                    self.assertIn(datetime.date.fromisoformat(re.findall(r'\d{4}-\d\d-\d\d', head)[0]).weekday(), {0})
                for _ in range(2):
                    self.notify()
                self.assertEqual(self.mails(), [])
                self.assertEqual(len(glob.glob(self.path('spool/digest.*'))), 1)

    def test_never_means_none(self):
        self.ready_for('weekly')
        self.report_is('never')
        self.sent_last(self.today() - 8)
        self.notify()
        self.assertEqual((self.mails(), self.exists('summaries')), ([], False))

    def test_one_that_cannot_be_sent_is_kept_and_no_later_one_takes_its_place(self):
        self.ready_for('weekly')
        self.sent_last(self.today() - 8)
        self.unsent()
        pending = glob.glob(self.path('spool/digest.*'))
        self.assertIn('week of ', ''.join(map(self.read, pending)))
        os.rename(max(pending), self.path(f'spool/digest.{self.today() - 9}'))      # a week ago
        self.write('summary', 'another\n')
        self.unsent()
        self.sent()
        self.assertEqual([mail.partition('\n\n')[2] for mail in self.mails()], [self.SUMMARY, 'another\n'])
        self.assertEqual(self.spooled(), ['lock'])
        self.notify()
        self.assertEqual(self.mails(), [])

    def read(self, path):
        with open(path, encoding='ascii') as f:
            return f.read()

    def test_a_summary_that_fails_is_retried_by_the_next_run(self):
        self.ready_for('daily')
        self.sent_last(self.today() - 8)
        self.write('report-summary.does', 'echo half; echo "rep-report: it is damaged" >&2; exit 74')
        self.assertEqual(self.notify(74), 'iprep-notify: rep-report --summary: failed with status 74: '
                                          'rep-report: it is damaged\n')
        self.assertEqual(self.mails(), [])
        os.remove(self.path('report-summary.does'))
        self.notify()
        self.assertEqual(len(self.mails()), 1)

    def test_a_clock_that_was_wrong_stops_it_for_a_day_at_most(self):
        self.ready_for('daily')
        self.sent_last(self.today() + 3000)
        self.notify()
        self.assertEqual(self.mails(), [])
        self.sent_last(self.today() - 1)
        self.notify()
        self.assertEqual(len(self.mails()), 1)


class Commands(ShownCase):
    """With [notify] command"""

    def setUp(self):
        super().setUp()
        self.write('tell', COMMAND.format(dir=self.place.dir), 0o755)
        self.report_is('never', command=self.path('tell'))
        self.options['--sendmail'] = self.path('no/sendmail')

    def does(self, what):
        self.write('command.does', what)

    def test_the_text_is_its_standard_input_and_mail_plays_no_part(self):
        self.write('defaults', 'MAILTO=\n')
        self.options['--sendmail'] = self.path('sendmail')
        self.new(A)
        self.troubles(TROUBLE)
        self.notify(env={'SECRET': 'x', 'HOME': '/nowhere'})
        self.notify()
        self.assertEqual(self.mails(),
                         [f'Subject: iprep: trouble: zen: quarantined on {HOST}\n\n' + BEGIN.format(host=HOST),
                          f'Subject: iprep: 1 new block on {HOST}\n\n' + BLOCK.format(A)])
        self.assertFalse(self.exists('calls'))
        names = {line.partition('=')[0] for line in self.place.text('environment').splitlines()}
        self.assertEqual(names - {'PWD', 'SHLVL', '_', 'OLDPWD'}, {'HOME', 'LC_ALL', 'PATH', 'SUBJECT'})

    def test_it_is_a_command_of_sh(self):
        out, subject = self.path('out'), self.path('subject')
        self.report_is('never', command=f'tr a-z A-Z | cat >{out} && echo "$SUBJECT" >{subject}')
        self.new(A)
        self.notify()
        self.assertEqual(self.place.text('out'), BLOCK.format(A).upper())
        self.assertEqual(self.place.text('subject'), f'iprep: 1 new block on {HOST}\n')

    def test_one_that_fails_or_is_missing_is_75_and_the_text_is_sent_later_with_what_came_since(self):
        none, shut, end = self.path('none'), self.path('digest'), 'end of file unexpected (expecting "then")'
        for command, says in (
                ('exit 1', 'failed with status 1'), (self.path('tell') + '; exit 3', 'failed with status 3'),
                (none, f'failed with status 127: sh: 1: {none}: not found'),
                (shut, f'failed with status 126: sh: 1: {shut}: Permission denied'),
                ('echo; echo "curl: (6) no such host"; exit 6', 'failed with status 6: curl: (6) no such host'),
                ('kill -9 $$', 'did not end in time, or was killed'),
                ('if', f'failed with status 2: sh: 1: Syntax error: {end}')):
            with self.subTest(command):
                self.report_is('never', command=command)
                self.new(A)
                self.troubles()
                for _ in range(2):
                    said = self.notify(75)
                    self.assertEqual(said, f'iprep-notify: [notify] command: {says}; the text is kept, and the '
                                           'next run sends it\n')
                self.mails()
                self.report_is('never', command=self.path('tell'))
                self.new(B)
                self.troubles(TROUBLE)
                self.notify()
                self.assertEqual(sorted(self.subjects()), ['2 new blocks', 'trouble: zen: quarantined'])
                self.troubles()
                self.notify()
                self.notify()
                self.assertEqual(self.subjects(), ['trouble over: zen: quarantined'])

    def test_a_configuration_or_state_that_is_broken_is_told_the_way_that_worked_last(self):
        self.new(A)
        self.notify()
        self.assertEqual(self.subjects(), ['1 new block'])
        self.write('report', '#!/bin/sh\nexit 78\n', 0o755)
        said = self.notify(78)
        self.assertIn('rep-report --notify-settings: failed with status 78', said)
        self.assertEqual(self.subjects(), ['trouble: iprep: its health is unknown'])

    def test_a_text_that_is_refused_holds_up_only_those_of_its_kind(self):
        self.does('case $SUBJECT in *block*) echo too long; exit 4;; esac')
        self.new(A)
        self.troubles(TROUBLE)
        self.report_is('daily', command=self.path('tell'))
        said = self.notify(75)
        self.assertEqual(said, 'iprep-notify: [notify] command: failed with status 4: too long; the text is kept, and '
                               'the next run sends it\n')
        self.assertIn('trouble: zen: quarantined', self.subjects())
        self.assertIn('blocks', self.spooled())
        self.assertEqual([name for name in self.spooled() if name in ('part', 'mail', 'raw', 'errors')], [])

    def test_one_that_hangs_is_ended_and_the_text_is_kept(self):
        self.shorten('command_s', 1)
        self.does('touch hangs; exec sleep 600')
        self.new(A)
        self.assertEqual(self.notify(75), 'iprep-notify: [notify] command: did not end in time, or was killed; the '
                                          'text is kept, and the next run sends it\n')
        self.assertTrue(self.exists('hangs'))
        self.does('')
        self.notify()
        self.assertEqual(self.subjects(), ['1 new block'])

    def shorten(self, name, seconds):
        """A copy of the program with another timeout."""
        with open(NOTIFY, encoding='ascii') as f:
            text, count = re.subn(rf'(?m)^{name}=\d+', f'{name}={seconds}', f.read())
        self.assertEqual(count, 1)
        self.write('notify', text, 0o755)
        self.program = self.path('notify')

    def test_what_its_children_do_later_holds_no_lock(self):
        self.does('sleep 60 </dev/null >/dev/null 2>&1 & echo $! >child')
        self.new(A)
        self.notify()
        try:
            self.notify()
        finally:
            os.kill(int(self.place.text('child')), signal.SIGKILL)


class Killed(ShownCase):
    """Killed at any point, with its children: nothing is lost, and at most the text that was being sent comes twice."""

    def scene(self):
        """What the next run has to send: an end, a begin, a block, a digest."""
        shutil.rmtree(self.path('spool'), ignore_errors=True)
        self.report_is('daily')
        self.write('summary', 'x\n')
        self.troubles({**TROUBLE, 'object': 'dronebl', 'text': 'dronebl: quarantined, now'})
        self.notify()
        self.assertEqual(self.subjects(), ['trouble: dronebl: quarantined'])
        first, = glob.glob(self.path('spool/digest.*'))
        os.rename(first, self.path(f'spool/digest.{int(time.time()) // DAY - 2}'))
        self.troubles(TROUBLE)
        self.new(B)

    def killed_after(self, steps):
        """A run that is killed after this number of steps; whether it had more of them."""
        trace, write = os.pipe()
        with subprocess.Popen(['sh', '-x', *self.command()], stdin=subprocess.DEVNULL, stderr=write,
                              start_new_session=True) as p, open(trace, 'rb', buffering=0) as lines:
            os.close(write)
            seen, text = 0, b' '
            while seen < steps and text:
                text = lines.read(1)
                seen += text == b'\n'
            with contextlib.suppress(ProcessLookupError):
                os.killpg(p.pid, signal.SIGKILL)
            p.wait(60)
        return seen >= steps

    def test_at_every_step(self):
        wanted = {'trouble over: dronebl: quarantined', 'trouble: zen: quarantined', 'blocks', 'digest'}
        steps, more = 4, True
        while more:
            self.scene()
            more = self.killed_after(steps)
            self.notify()
            self.notify()
            said = [re.sub('^. new blocks?$', 'blocks', re.sub('^day of .*', 'digest', subject))
                    for subject in self.subjects()]
            self.assertEqual(set(said), wanted, steps)
            self.assertLessEqual(len(said), len(wanted) + 1, steps)
            self.assertEqual(self.spooled(), ['lock', 'troubles'], steps)
            steps += 7
        self.assertGreater(steps, 150)


class Real(NotifyCase):
    """A block in a real store; the configuration of the place reaches the programs through scripts."""

    def setUp(self):
        super().setUp()
        self.ready()
        self.real_programs()

    def test_each_block_is_mailed_once(self):
        self.notify()
        self.block(A)
        self.block(B)
        self.unsent()
        self.assertEqual(self.mails(), [])
        self.sent()
        mail, = self.mails()
        head, _, body = mail.partition('\n\n')
        self.assertIn('Subject: iprep: 2 new blocks on ', head)
        ends = [utc(until) for until, in self.sql('SELECT until FROM block ORDER BY key')]
        made = [utc(first) for first, in self.sql('SELECT first_at FROM block ORDER BY key')]
        self.assertEqual(body, ''.join(f"""{address}
  Blocked:   known, until {end}
  Since:     {since}
  Jail:      sshd
  Score:     3
  Listed by: zen
  Details:   https://www.abuseipdb.com/check/{address}
  Undo:      fail2ban-client unban $(rep-purge --pardon 30d {address})

""" for address, end, since in zip((A, B), ends, made)))
        self.notify()
        self.assertEqual(self.mails(), [])
        self.block(C)
        self.notify()
        mail, = self.mails()
        self.assertIn('Subject: iprep: 1 new block on ', mail)
        self.assertNotIn(f'{A}\n', mail)
        self.notify()
        self.assertEqual(self.mails(), [])

    def test_the_digest_is_the_summary(self):
        self.block(A)
        self.notify()
        self.mails()
        for path in glob.glob(self.path('spool/digest.*')):
            os.remove(path)
        self.write(f'spool/digest.{int(time.time()) // DAY - 8}', '')
        shown = self.run_it('rep-report', '--summary', '--since', '7d').stdout
        self.notify()
        mail, = self.mails()
        head, _, text = mail.partition('\n\n')
        self.assertRegex(head, r'Subject: iprep: week of 20\d\d-\d\d-\d\d on ')
        times = re.compile(r'20\d\d-\d\d-\d\d \d\d:\d\d')
        self.assertEqual(times.sub('TIME', text), times.sub('TIME', shown))

    def test_no_hook_waits_for_a_command_that_hangs(self):
        hangs, goes_on = self.path('hangs'), self.path('goes-on')
        os.mkfifo(goes_on)
        self.place.change('[general]\n', f'[notify]\ncommand = touch {hangs} && cat {goes_on}\n[general]\n')
        self.block(A)
        with subprocess.Popen(self.command(), stdin=subprocess.DEVNULL) as p:
            wait_until(lambda: self.exists('hangs') or p.poll() is not None, 'the command runs')
            self.gate(A, status=10)
            self.gate(C)
            self.enqueue(B)
            self.login(C)
            self.silent('rep-check', '--is-blocked', '--', A, status=10)
            self.assertIsNone(p.poll())
            with open(goes_on, 'wb'):
                pass
            self.assertEqual(p.wait(60), 0)

    def test_who_lists_new_blocks_by_hand_takes_none_from_the_mail_nor_the_mail_from_them(self):
        self.block(A)
        self.assertIn(A, self.run_it('rep-check', '--blocks', '--new').stdout)
        self.block(B)
        self.notify()
        self.assertEqual(self.subjects(), ['2 new blocks'])
        self.assertIn(B, self.run_it('rep-check', '--blocks', '--new').stdout)

    def test_the_settings_are_those_of_the_configuration(self):
        told = self.path('told')
        command = f'cat >{told}; echo "$SUBJECT" >>{told}'
        self.place.change('[general]\n', f'[notify]\ncommand = {command}\ndigest = never\n[general]\n')
        said = self.run_it('rep-report', '--notify-settings', '--json').stdout
        self.assertEqual(json.loads(said), {'digest': 'never', 'command': command})
        self.block(A)
        self.notify()
        self.assertEqual(self.mails(), [])
        text = self.place.text('told')
        self.assertTrue(text.startswith(f'{A}\n') and text.endswith(f'\niprep: 1 new block on {HOST}\n'), text)
        self.assertEqual(glob.glob(self.path('spool/digest.*')), [])

    def test_a_flush_and_a_purge_that_have_nothing_to_do_say_nothing(self):
        for call in (('rep-report', '--flush', '--quiet', '--linger', '0'), ('rep-purge', '--quiet')):
            self.start()                   # each is the first one to run
            self.silent(*call)


@rows.each('health.tsv', at_least=15)
class RealTroubles(Situation, NotifyCase):
    """Each that rep-report --health knows, produced and ended: one mail of each, however many runs there are."""
    sections = {'general': {'timeout_ms': 1500}}
    lists = {'zen': '127.0.0.2*3'}
    has_resolver = True
    has_api = True
    key = KEY

    def told(self):
        """What two runs told, without blocks: their programs may fail."""
        self.real_programs()
        for _ in range(2):
            self.notify(None)
        return [subject for subject in self.subjects() if not re.match(r'\d+ new block', subject)]

    def subjects(self):
        places = self.place
        self.place = self.first
        try:
            return super().subjects()
        finally:
            self.place = places

    def try_row(self, row):
        self.first = self.place
        self.ready()
        self.assertEqual(self.told(), [])
        getattr(self, row['situation'])()
        begun = self.told()
        object_, text = (row[name].replace('{dir}', self.place.dir) for name in ('object', 'text'))
        start = re.escape(re.split('[:;,] |<', text[len(object_) + 2:])[0])
        mine = [subject for subject in begun if re.match(rf'trouble: {re.escape(object_)}: {start}', subject)]
        self.assertEqual((len(mine), len(set(begun))), (1, len(begun)), begun)
        getattr(self, 'end_' + row['situation'])()
        ended = self.told()
        self.assertEqual(sorted(ended), sorted(subject.replace('trouble: ', 'trouble over: ', 1) for subject in begun))
        self.assertEqual(self.told(), [])


class Files(unittest.TestCase):
    def test_shellcheck_finds_nothing(self):
        if not shutil.which('shellcheck'):
            self.skipTest('shellcheck is not installed')
        subprocess.run(['shellcheck', NOTIFY, RELEASE], check=True)

    def test_the_scripts_can_be_run(self):
        self.assertTrue(os.access(NOTIFY, os.X_OK) and os.access(RELEASE, os.X_OK))

    def test_systemd_takes_the_units(self):
        if not shutil.which('systemd-analyze'):
            self.skipTest('systemd-analyze is not installed')
        with tempfile.TemporaryDirectory() as place:
            units = shutil.copytree(os.path.join(FILES, 'systemd'), os.path.join(place, 'units'))
            for name in glob.glob(f'{units}/*.service'):
                text = ''.join(lines_of(f'systemd/{os.path.basename(name)}'))
                with open(name, 'w', encoding='ascii') as f:
                    f.write(re.sub('/usr/(libexec|bin)/(rep|iprep)-\\w+', NOTIFY, text))
            names = [name for kind in ('service', 'timer', 'path') for name in glob.glob(f'{units}/*.{kind}')]
            done = subprocess.run(['systemd-analyze', '--man=no', 'verify', *sorted(names)], capture_output=True,
                                  text=True, check=False)
        self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ''))

    def settings(self, name):
        return [line for line in lines_of(f'systemd/{name}') if re.match('[A-Z][A-Za-z]+=', line)]

    def test_nothing_in_the_unit_keeps_sendmail_from_its_rights(self):
        # systemd.exec(5): without CAP_SYS_ADMIN at its start, most of the sandbox implies NoNewPrivileges;
        # DynamicUser does always. host/units runs a set-user-ID program in it.
        files = ('iprep-notify.service', 'iprep-.service.d/10-sandbox.conf', 'iprep-notify.service.d/20-sendmail.conf')
        last = dict(line.rstrip('\n').split('=', 1) for name in files for line in self.settings(name))
        self.assertEqual({key: last[key] for key in ('User', 'NoNewPrivileges', 'ProtectHome', 'RestrictSUIDSGID')},
                         {'User': 'root', 'NoNewPrivileges': 'no', 'ProtectHome': 'no', 'RestrictSUIDSGID': 'no'})
        for key in ('DynamicUser', 'PrivateUsers', 'PrivateNetwork'):
            self.assertNotIn(key, last)
        self.assertIn('StateDirectory', last)

    def test_what_is_in_the_common_sandbox_is_in_no_unit(self):
        common = self.settings('iprep-.service.d/10-sandbox.conf')
        self.assertGreater(len(common), 20)
        for name in map(os.path.basename, glob.glob(os.path.join(FILES, 'systemd/*.service'))):
            self.assertEqual([line for line in lines_of(f'systemd/{name}') if line in common], [], name)

    def test_cron_takes_its_lines(self):
        lines = lines_of('cron.d/iprep')
        self.assertTrue(all(line.endswith('\n') for line in lines))
        jobs = [line.rstrip('\n') for line in lines if re.match(r'[^#\s=]+\s', line)]
        for setting in ('MAILTO=root', 'TIMERS=/etc/systemd/system/timers.target.wants', 'SYSTEMD=/run/systemd/system',
                        'NOTIFY=/usr/libexec/iprep-notify', 'RELEASE=/usr/libexec/iprep-release'):
            self.assertIn(setting + '\n', lines)
        self.assertEqual(len(jobs), 5)
        for job in jobs:
            *fields, user, command = job.split(None, 6)
            for field, (low, high) in zip(fields, ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))):
                number = re.fullmatch(r'\*(?:/(\d+))?|(\d+)', field)
                self.assertTrue(number, job)
                self.assertTrue(all(low <= int(n) <= high for n in number.groups() if n), job)
            self.assertEqual(user, 'root')
            self.assertNotRegex(command, r'(?<!\\)%')
            self.assertRegex(command, r'\Atest -d \$SYSTEMD && test -e \$TIMERS'
                                      r'/iprep-(flush|purge|recheck|release|notify)\.timer \|\| '
                                      r'(! test -x \$RELEASE \|\| \$RELEASE\Z|! test -x \$NOTIFY \|\| \$NOTIFY |'
                                      r'! command -v rep-(report|purge) >/dev/null \|\| rep-)')
            subprocess.run(['sh', '-n', '-c', command.replace(r'\%', '%')], check=True)
        self.assertEqual([job.rsplit(' || ', 1)[1].split(' <')[0] for job in jobs],
                         ['rep-report --flush --quiet', 'rep-purge --quiet', 'rep-purge --recheck --quiet', '$RELEASE',
                          '$NOTIFY --if-possible 2>&1 | logger -t iprep-notify -p daemon.err'])

    def test_the_ban_of_a_released_address_ends_within_the_hour(self):
        self.assertRegex(''.join(lines_of('cron.d/iprep')), r'(?m)^\d+ \* \* \* \* root .* \$RELEASE$')
        self.assertIn('OnCalendar=hourly\n', lines_of('systemd/iprep-release.timer'))
