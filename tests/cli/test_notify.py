#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""iprep-notify: each new block is mailed once, nothing is lost, and no foreign text is in a header.

sendmail and rep-check are scripts controlled by the test; the last tests use the real rep-check. Also
tests how systemd and cron read their files. Needs root.

    test_notify.py DIRECTORY-OF-PROGRAMS
"""
import contextlib
import glob
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import unittest

from place import OWNER, Place, wait_until

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'fail2ban')
NOTIFY = os.path.join(TOP, 'iprep-notify')
BIN = ''
HEADERS = ['Auto-Submitted: auto-generated', 'MIME-Version: 1.0',
           'Content-Type: text/plain; charset=us-ascii', 'Content-Transfer-Encoding: 7bit']
BLOCK = """{0}  notorious  16  2027-11-23 09:51  sendmail-auth
    zen           +3  127.0.0.4
    https://www.abuseipdb.com/check/{0}
    fail2ban-client unban $(rep-purge --pardon 30d {0})
"""
# prints what waits in the file "new", once; does what "check.does" says
REP_CHECK = """#!/bin/sh
[ "$*" = "--blocks --new" ] || exit 64
cd {dir} || exit 70
[ ! -e check.does ] || . ./check.does
[ -e new ] || exit 0
cat new || exit 74
rm new
"""
# keeps each mail, and how it was called; does what "sendmail.does" says before it takes anything
SENDMAIL = """#!/bin/sh
cd {dir} || exit 70
[ ! -e sendmail.does ] || . ./sendmail.does
mail=$(mktemp mail.XXXXXX) && cat >"$mail" && printf '%s %s\\n' "$*" "$(umask)" >>calls
"""
# runs a command where the host has another name
NAMED = """import os, socket, sys
socket.sethostname(sys.argv[1].encode('latin-1'))
os.execv(sys.argv[2], sys.argv[2:])
"""


class Notify(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix='iprep-notify.', dir='/var/tmp')
        self.script('check', REP_CHECK)
        self.script('sendmail', SENDMAIL)
        self.more = {}

    def tearDown(self):
        shutil.rmtree(self.dir)

    def path(self, name):
        return os.path.join(self.dir, name)

    def write(self, name, data):
        with open(self.path(name), 'wb') as f:
            f.write(data if isinstance(data, bytes) else data.encode('latin-1'))

    def script(self, name, text):
        self.write(name, text.replace('{dir}', self.dir))
        os.chmod(self.path(name), 0o755)

    def read(self, name):
        with open(self.path(name), 'rb') as f:
            return f.read().decode('latin-1')

    def command(self):
        paths = {'--rep-check': self.path('check'), '--sendmail': self.path('sendmail'),
                 '--spool': self.path('spool'), '--defaults': self.path('defaults'), **self.more}
        return [NOTIFY] + [word for pair in paths.items() for word in pair]

    def run_it(self, status=0, before=(), **more):
        p = subprocess.run([*before, *self.command()], stdin=subprocess.DEVNULL, capture_output=True,
                           text=True, timeout=60, **more)
        self.assertEqual((p.returncode, p.stdout), (status, ''), p.stderr)
        if status == 0:
            self.assertEqual(p.stderr, '')
        return p.stderr

    def mails(self):
        """In the order they came; each is seen once."""
        names = [n for n in os.listdir(self.dir) if n.startswith('mail.')]
        names.sort(key=lambda n: os.stat(self.path(n)).st_mtime_ns)
        found = [self.read(n) for n in names]
        for name in names:
            os.remove(self.path(name))
        return found

    def spooled(self):
        return sorted(os.listdir(self.path('spool'))) if os.path.isdir(self.path('spool')) else []

    def one_mail(self, to, subject, body):
        mails = self.mails()
        self.assertEqual(len(mails), 1)
        head, _, text = mails[0].partition('\n\n')
        self.assertEqual(head.split('\n'), [f'To: {to}', f'Subject: {subject}', *HEADERS])
        self.assertEqual(text, body)
        self.assertEqual(self.spooled(), ['lock'])

    def subject(self, n):
        host = re.sub('[^A-Za-z0-9.-]', '', os.uname().nodename)
        return f'iprep: {n} on {host}'

    # ---- sending ----

    def test_without_new_blocks_no_mail_is_sent(self):
        self.run_it()
        self.run_it()
        self.assertEqual(self.mails(), [])
        self.assertEqual(self.spooled(), ['lock'])

    def test_a_new_block_is_mailed_once(self):
        self.write('new', BLOCK.format('45.1.1.1'))
        self.run_it()
        self.run_it()
        self.one_mail('root', self.subject('1 new block'), BLOCK.format('45.1.1.1'))
        self.assertEqual(self.read('calls'), '-t -oi 0022\n')

    def test_blocks_are_counted_whatever_their_family(self):
        text = ''.join(BLOCK.format(a) for a in ('45.1.1.1', '2a02:4780:15::50', '2a02:4780:16::/64'))
        self.write('new', text)
        self.run_it()
        self.one_mail('root', self.subject('3 new blocks'), text)

    def test_a_last_line_without_its_end_gets_one(self):
        self.write('new', '45.1.1.1  known  3')
        self.write('sendmail.does', 'exit 75')
        self.run_it(75)
        self.write('new', BLOCK.format('45.1.1.2'))
        os.remove(self.path('sendmail.does'))
        self.run_it()
        self.one_mail('root', self.subject('2 new blocks'),
                      '45.1.1.1  known  3\n' + BLOCK.format('45.1.1.2'))

    def test_a_mail_that_cannot_be_sent_is_kept_and_sent_with_what_came_since(self):
        for does in ('exit 75', 'exit 1', 'kill -9 $$', 'kill -15 $$', 'cat >/dev/null; exit 69'):
            with self.subTest(does):
                self.write('new', BLOCK.format('45.1.1.1'))
                self.write('sendmail.does', does)
                self.assertIn('kept', self.run_it(75))
                self.assertIn('kept', self.run_it(75))
                self.assertEqual(self.mails(), [])
                self.write('new', BLOCK.format('45.1.1.2'))
                os.remove(self.path('sendmail.does'))
                self.run_it()
                self.run_it()
                self.one_mail('root', self.subject('2 new blocks'),
                              BLOCK.format('45.1.1.1') + BLOCK.format('45.1.1.2'))

    def test_a_great_many_go_in_several_mails_and_no_block_is_cut(self):
        blocks = [BLOCK.format(f'45.{i >> 8}.{i & 255}.1') for i in range(12000)]
        self.write('new', ''.join(blocks))
        # the second mail fails
        self.write('sendmail.does', '[ ! -e calls ] || [ -e again ] || { touch again; exit 75; }')
        self.run_it(75)
        mails = self.mails()
        self.assertEqual(len(mails), 1)
        self.run_it()
        texts = [m.partition('\n\n')[2] for m in mails + self.mails()]
        self.assertGreater(len(texts), 1)
        self.assertLess(max(map(len, texts)), 1100000)
        self.assertEqual(''.join(texts), ''.join(blocks))
        for text in texts:
            self.assertTrue(text.startswith('45.') and text.endswith(')\n'))

    def test_two_at_once_send_once(self):
        self.write('new', BLOCK.format('45.1.1.1'))
        self.write('sendmail.does', 'sleep 1')
        both = [subprocess.Popen(self.command(), stdin=subprocess.DEVNULL) for _ in range(2)]
        self.assertEqual([p.wait(60) for p in both], [0, 0])
        self.one_mail('root', self.subject('1 new block'), BLOCK.format('45.1.1.1'))

    def test_sendmails_children_do_not_hold_the_lock(self):
        self.write('new', BLOCK.format('45.1.1.1'))
        self.write('sendmail.does', 'sleep 30 </dev/null >/dev/null 2>&1 & echo $! >child')
        self.run_it()
        try:
            self.run_it()                  # 75 if the lock were held
        finally:
            os.kill(int(self.read('child')), signal.SIGKILL)

    # ---- rep-check ----

    def test_a_failure_of_rep_check_is_reported_and_no_mail_is_sent_without_output(self):
        for does, status in (('exit 77', 77), ('exit 78', 78), ('exit 3', 71)):
            with self.subTest(does):
                self.write('check.does', does)
                self.assertIn('rep-check', self.run_it(status))
                self.assertEqual((self.mails(), self.spooled()), ([], ['lock']))

    def test_output_of_a_failed_rep_check_is_sent(self):
        self.write('check.does', 'cat new; rm new; exit 74')
        self.write('new', BLOCK.format('45.1.1.1'))
        self.assertIn('rep-check', self.run_it(74))
        self.one_mail('root', self.subject('1 new block'), BLOCK.format('45.1.1.1'))

    def test_a_missing_rep_check_is_told_and_what_waits_is_sent_all_the_same(self):
        self.write('new', BLOCK.format('45.1.1.1'))
        self.write('sendmail.does', 'exit 75')
        self.run_it(75)
        os.remove(self.path('sendmail.does'))
        self.more['--rep-check'] = self.path('nothing')
        self.run_it(71)
        self.one_mail('root', self.subject('1 new block'), BLOCK.format('45.1.1.1'))

    def test_what_a_killed_rep_check_had_printed_is_sent(self):
        self.write('check.does', 'cat new; rm new; kill -9 $$')
        self.write('new', BLOCK.format('45.1.1.1'))
        self.run_it(71)
        self.one_mail('root', self.subject('1 new block'), BLOCK.format('45.1.1.1'))

    def test_what_a_killed_run_had_got_is_sent_by_the_next(self):
        self.write('check.does', 'cat new; rm new; touch printed; exec sleep 30')
        self.write('new', BLOCK.format('45.1.1.1'))
        with subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, start_new_session=True) as p:
            wait_until(lambda: os.path.exists(self.path('printed')) or p.poll() is not None, 'it has printed')
            os.killpg(p.pid, signal.SIGKILL)
        os.remove(self.path('check.does'))
        self.run_it()
        self.one_mail('root', self.subject('1 new block'), BLOCK.format('45.1.1.1'))

    # ---- hostile ----

    def test_good_recipients(self):
        self.write('new', BLOCK.format('45.1.1.1'))
        for line, to in (('MAILTO=admin@example.org', 'admin@example.org'), ('MAILTO="root"', 'root'),
                         ("MAILTO='a.b+c@mail.example,root'", 'a.b+c@mail.example,root'),
                         ('# MAILTO=no\nOTHER=$(touch pwned)\n\nMAILTO=postmaster', 'postmaster'),
                         ('# MAILTO=commented', 'root'), ('', 'root')):
            with self.subTest(line):
                self.write('new', BLOCK.format('45.1.1.1'))
                self.write('defaults', line + '\n')
                self.run_it(cwd=self.dir)
                self.one_mail(to, self.subject('1 new block'), BLOCK.format('45.1.1.1'))
        self.assertFalse(os.path.exists(self.path('pwned')))

    def test_no_recipient_is_no_mail_and_nothing_is_shown(self):
        self.write('new', BLOCK.format('45.1.1.1'))
        for line in ('MAILTO=', 'MAILTO=""'):
            self.write('defaults', line + '\n')
            self.run_it()
        self.assertEqual((self.mails(), self.spooled()), ([], []))
        self.assertTrue(os.path.exists(self.path('new')))

    def test_a_hostile_recipient_is_refused_before_anything_is_shown(self):
        self.write('new', BLOCK.format('45.1.1.1'))
        for line in ('MAILTO="root\nBcc: evil@example.org"', 'MAILTO=root, evil@example.org',
                     'MAILTO=root,,evil', 'MAILTO=,root', 'MAILTO=root,', 'MAILTO=-Xlog', 'MAILTO=root,-Xlog',
                     'MAILTO=$(touch pwned)', 'MAILTO=`touch pwned`', 'MAILTO=root;touch pwned',
                     'MAILTO=root\r', 'MAILTO=root\x1b[2J', 'MAILTO=r\xf6\xf6t', 'MAILTO=|/bin/sh',
                     'MAILTO=/etc/passwd', 'MAILTO=:include:/etc/shadow', 'MAILTO=<root>', 'MAILTO=a@b@c',
                     'MAILTO="root', 'MAILTO=@example.org', 'MAILTO=a@-x', 'MAILTO = root', 'MAILTO',
                     'export MAILTO=root', ' MAILTO=root', 'MAILTO=root # me', 'MAILTO=root\nMAILTO=admin',
                     'MAILTO=root%evil', 'MAILTO=' + 'a' * 501, 'MAILTO= ', 'MAILTO=root admin'):
            with self.subTest(line):
                self.write('defaults', line + '\n')
                said = self.run_it(78, cwd=self.dir)
                self.assertIn('MAILTO', said)
                self.assertEqual(said.count('\n'), 1)
                self.assertRegex(said, r'^[ -~]*\n$')
        self.assertEqual((self.mails(), self.spooled()), ([], []))
        self.assertTrue(os.path.exists(self.path('new')))
        self.assertFalse(os.path.exists(self.path('pwned')))

    def test_a_hostile_host_name_does_not_reach_the_headers(self):
        before = ['unshare', '--uts', sys.executable, '-c', NAMED]
        if subprocess.run(['unshare', '--uts', 'true'], capture_output=True, check=False).returncode:
            self.skipTest('needs a UTS namespace')
        for name, shown in (('a\r\nBcc: evil@example.org\r\n\r\nx', 'aBccevilexample.orgx'),
                            ('\x1b]0;$(id)\x07`id`\xff', '0idid'), ('%s%n', 'sn'), ('\n\n', 'this host')):
            with self.subTest(name):
                self.write('new', BLOCK.format('45.1.1.1'))
                self.run_it(before=[*before, name])
                self.one_mail('root', f'iprep: 1 new block on {shown}', BLOCK.format('45.1.1.1'))

    def test_a_hostile_body_stays_a_body(self):
        for raw, body in (('\r\nBcc: evil@example.org\r\n\r\nx\n', '\nBcc: evil@example.org\n\nx\n'),
                          ('Bcc: evil@example.org\n', 'Bcc: evil@example.org\n'),
                          ('a\n.\nb\n', 'a\n.\nb\n'), ('.\n', '.\n'),
                          ('\x1b[2J\x07a\x00b\x7f\tc\n', '[2Jabc\n'), ('\xe4\x9b1mc\n', '??1mc\n'),
                          ('From x\n', 'From x\n'), ('a\x00', 'a\n'),
                          ('x' * 2000 + '\n', 'x' * 900 + '\n' + 'x' * 900 + '\n' + 'x' * 200 + '\n')):
            with self.subTest(raw):
                self.write('new', raw)
                self.run_it()
                self.one_mail('root', self.subject('new blocks'), body)

    def test_the_environment_decides_nothing(self):
        self.write('new', BLOCK.format('45.1.1.1'))
        self.write('evil', '#!/bin/sh\ntouch ' + self.path('pwned'))
        os.mkdir(self.path('bin'))
        for name in ('sed', 'grep', 'stat', 'flock', 'timeout', 'cat'):
            shutil.copy(self.path('evil'), self.path('bin/' + name))
            os.chmod(self.path('bin/' + name), 0o755)
        self.run_it(env={'PATH': self.path('bin'), 'MAILTO': 'evil@example.org', 'ENV': self.path('evil'),
                         'rep_check': self.path('evil'), 'sendmail': self.path('evil'), 'mailto': 'evil',
                         'HOSTNAME': 'evil', 'IFS': '/', 'LC_ALL': 'tr_TR.UTF-8', 'block': 'x'})
        self.one_mail('root', self.subject('1 new block'), BLOCK.format('45.1.1.1'))
        self.assertFalse(os.path.exists(self.path('pwned')))

    # ---- the spool ----

    def test_systemd_says_where_the_spool_is(self):
        del_spool = [w for w in self.command() if w not in ('--spool', self.path('spool'))]
        self.write('new', BLOCK.format('45.1.1.1'))
        subprocess.run(del_spool, check=True, stdin=subprocess.DEVNULL,
                       env={**os.environ, 'STATE_DIRECTORY': self.path('spool')})
        self.one_mail('root', self.subject('1 new block'), BLOCK.format('45.1.1.1'))

    def test_without_sendmail_no_block_is_marked_as_listed_and_an_error_is_reported(self):
        self.write('new', BLOCK.format('45.1.1.1'))
        self.more['--sendmail'] = self.path('no/sendmail')
        said = self.run_it(69)
        self.assertEqual(said, f'iprep-notify: {self.path("no/sendmail")}: not installed, no mail can be sent; '
                               'install a mail server, or disable iprep-notify.timer\n')
        self.assertTrue(os.path.exists(self.path('new')))
        del self.more['--sendmail']
        self.run_it()
        self.one_mail('root', self.subject('1 new block'), BLOCK.format('45.1.1.1'))

    def test_cron_without_sendmail_does_not_mark_blocks_as_listed(self):
        with open(os.path.join(TOP, 'cron.d/iprep'), encoding='ascii') as f:
            job, = [line.split(None, 6)[6] for line in f if line.startswith('41 ')]
        self.write('rep-check', '#!/bin/sh\necho "$*"\n')
        os.chmod(self.path('rep-check'), 0o755)
        for sendmail, says in ((self.path('no/sendmail'), ''), (self.path('rep-check'), '--blocks --new\n')):
            env = {'PATH': f'{self.dir}:/usr/bin:/bin', 'SYSTEMD': '/none', 'TIMERS': '/none', 'SENDMAIL': sendmail}
            p = subprocess.run(['sh', '-c', job], env=env, capture_output=True, text=True, check=False)
            self.assertEqual((p.returncode, p.stdout, p.stderr), (0, says, ''))

    def test_an_unsafe_spool_is_refused_before_a_block_is_marked_as_listed(self):
        self.write('new', BLOCK.format('45.1.1.1'))
        os.mkdir(self.path('spool'), 0o700)
        for mode, owner in ((0o755, 0), (0o770, 0), (0o700, OWNER), (0o1700, 0)):
            with self.subTest(mode=mode, owner=owner):
                os.chmod(self.path('spool'), mode)
                os.chown(self.path('spool'), owner, 0)
                self.run_it(77)
        os.rename(self.path('spool'), self.path('real'))
        os.chmod(self.path('real'), 0o700)
        os.chown(self.path('real'), 0, 0)
        os.symlink(self.path('real'), self.path('spool'))
        self.run_it(77)
        self.more['--spool'] = self.path('no/such')
        self.run_it(73)
        self.assertTrue(os.path.exists(self.path('new')))
        self.assertEqual(self.mails(), [])

    def test_a_full_disk_loses_nothing(self):
        spool = self.path('spool')
        os.mkdir(spool, 0o700)
        mount = subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=64k,mode=0700', 'none', spool],
                               capture_output=True, check=False)
        if mount.returncode:
            self.skipTest('needs a file system of its own: mount is not allowed here')
        try:
            old, new = (BLOCK.format(a) * 60 for a in ('45.1.1.1', '45.1.1.2'))    # 14 kB each
            self.write('new', old)
            self.write('sendmail.does', 'exit 75')
            self.run_it(75)
            with open(spool + '/ballast', 'wb') as f:
                try:
                    f.write(b'x' * 65536)
                    f.flush()
                except OSError:
                    pass
            self.write('new', new)
            os.remove(self.path('sendmail.does'))
            self.run_it(74)
            mails = self.mails()           # the old mail, where it fits once more
            self.assertTrue(os.path.exists(self.path('new')))
            os.remove(spool + '/ballast')
            self.run_it()
            self.assertEqual(''.join(m.partition('\n\n')[2] for m in mails + self.mails()), old + new)
            self.assertEqual(self.spooled(), ['lock'])
        finally:
            subprocess.run(['umount', spool], check=True)

    def test_usage(self):
        for args in (['--no-such'], ['extra'], ['--spool'], ['--spool', 'relative'], ['--sendmail', ''],
                     ['--rep-check', '-x'], ['--defaults', './x']):
            p = subprocess.run([NOTIFY, *args], capture_output=True, text=True, check=False)
            self.assertEqual((p.returncode, p.stdout), (64, ''), args)
            self.assertEqual(p.stderr.count('\n'), 1)
        p = subprocess.run([NOTIFY, '--help'], capture_output=True, text=True, check=False)
        self.assertEqual((p.returncode, p.stderr), (0, ''))
        self.assertIn('MAILTO', p.stdout)


class RealRepCheck(unittest.TestCase):
    """A block in a real store; Place's configuration reaches rep-check through a script."""

    CONF = """[general]
state = {dir}/state/iprep.db
verdict_log = {dir}/state/verdict.log
[tier known]
threshold = 3
bantime = 1d
[dnsbl zen]
zone = zen.example
points = 127.0.0.[2..9]*3
[worker]
start = none
"""

    def setUp(self):
        self.place = Place(BIN, self.CONF, key=None)
        self.addCleanup(self.place.close)
        if self.place.run('rep-check', '--blocks').returncode == 64:
            self.skipTest('this rep-check has no --blocks yet')
        self.assertEqual(self.place.run('rep-check', '--ready').returncode, 0)
        self.place.write('check', f'#!/bin/sh\nexec {BIN}/rep-check -c {self.place.dir}/iprep.conf "$@"\n',
                         0o755)
        self.place.write('sendmail', SENDMAIL.replace('{dir}', self.place.dir), 0o755)

    def block(self, last, until):
        names = ('key', 'tier', 'score', 'since', 'until', 'first_at', 'announced_at', 'due', 'jail', 'src')
        now = int(time.time())
        db = sqlite3.connect(self.place.path('state/iprep.db'))
        with db:
            db.execute(f'INSERT INTO block({",".join(names)}) VALUES({",".join("?" * len(names))})',
                       (b'\0' * 10 + b'\xff\xff\x2d\1\1' + bytes([last]), 'known', 3, now, now + until, now,
                        now, 0, 'sshd', 'zen'))
        db.close()
        for name in os.listdir(self.place.path('state')):
            with contextlib.suppress(FileNotFoundError):    # a worker removes its wake file
                os.chown(self.place.path('state/' + name), OWNER, OWNER)

    def notify(self, status=0):
        p = subprocess.run([NOTIFY, '--rep-check', self.place.path('check'), '--sendmail',
                            self.place.path('sendmail'), '--spool', self.place.path('spool'), '--defaults',
                            self.place.path('none')], capture_output=True, text=True, check=False)
        self.assertEqual((p.returncode, p.stdout), (status, ''), p.stderr)
        mails = []
        for name in os.listdir(self.place.dir):
            if name.startswith('mail.'):
                with open(self.place.path(name), encoding='ascii') as f:
                    mails.append(f.read())
                os.remove(self.place.path(name))
        return mails

    def test_each_block_is_mailed_once(self):
        self.assertEqual(self.notify(), [])
        self.block(1, 86400)
        self.block(2, 86400)
        self.place.write('sendmail.does', 'exit 75')
        self.assertEqual(self.notify(75), [])
        os.remove(self.place.path('sendmail.does'))
        mail, = self.notify()
        head, _, body = mail.partition('\n\n')
        self.assertIn('Subject: iprep: 2 new blocks on ', head)
        for address in ('45.1.1.1', '45.1.1.2'):
            found = re.findall(rf'(?m)^{re.escape(address)} .*\bknown\b.*\bsshd\b', body)
            self.assertEqual(len(found), 1, body)
            self.assertIn(f'https://www.abuseipdb.com/check/{address}', body)
            self.assertRegex(body, rf'rep-purge [^\n]*{re.escape(address)}')
        self.assertEqual(self.notify(), [])
        self.block(3, 86400)
        mail, = self.notify()
        self.assertIn('Subject: iprep: 1 new block on ', mail)
        self.assertNotIn('45.1.1.1 ', mail)
        self.assertEqual(self.notify(), [])


class Files(unittest.TestCase):
    def test_shellcheck_finds_nothing(self):
        if not shutil.which('shellcheck'):
            self.skipTest('shellcheck is not installed')
        subprocess.run(['shellcheck', NOTIFY, os.path.join(TOP, 'iprep-release')], check=True)

    def test_the_scripts_can_be_run(self):
        self.assertTrue(os.access(NOTIFY, os.X_OK))
        self.assertTrue(os.access(os.path.join(TOP, 'iprep-release'), os.X_OK))

    def test_systemd_takes_the_units(self):
        if not shutil.which('systemd-analyze'):
            self.skipTest('systemd-analyze is not installed')
        with tempfile.TemporaryDirectory() as place:
            units = shutil.copytree(os.path.join(TOP, 'systemd'), os.path.join(place, 'units'))
            for name in glob.glob(f'{units}/*.service'):
                with open(name, encoding='ascii') as f:
                    text = f.read()
                with open(name, 'w', encoding='ascii') as f:
                    f.write(re.sub('/usr/(libexec|bin)/(rep|iprep)-\\w+', os.path.realpath(NOTIFY), text))
            p = subprocess.run(['systemd-analyze', '--man=no', 'verify',
                                *sorted(name for kind in ('service', 'timer', 'path') for name in glob.glob(f'{units}/*.{kind}'))],
                               capture_output=True, text=True, check=False)
        self.assertEqual((p.returncode, p.stdout + p.stderr), (0, ''))

    def test_nothing_in_the_unit_keeps_sendmail_from_its_rights(self):
        # systemd.exec(5): without CAP_SYS_ADMIN at its start, most of the sandbox implies NoNewPrivileges;
        # DynamicUser does always. host/units runs a set-user-ID program in it.
        settings = []
        for name in ('iprep-notify.service', 'iprep-.service.d/10-sandbox.conf', 'iprep-notify.service.d/20-sendmail.conf'):
            with open(os.path.join(TOP, 'systemd', name), encoding='ascii') as f:
                settings += [line.rstrip('\n').split('=', 1) for line in f if re.match('[A-Z][A-Za-z]+=', line)]
        last = dict(settings)
        self.assertEqual({key: last[key] for key in ('User', 'NoNewPrivileges', 'ProtectHome', 'RestrictSUIDSGID')},
                         {'User': 'root', 'NoNewPrivileges': 'no', 'ProtectHome': 'no', 'RestrictSUIDSGID': 'no'})
        for key in ('DynamicUser', 'PrivateUsers', 'PrivateNetwork'):
            self.assertNotIn(key, last)
        self.assertIn('StateDirectory', last)

    def test_what_is_in_the_common_sandbox_is_in_no_unit(self):
        with open(os.path.join(TOP, 'systemd/iprep-.service.d/10-sandbox.conf'), encoding='ascii') as f:
            common = [line for line in f if re.match('[A-Z][A-Za-z]+=', line)]
        self.assertGreater(len(common), 20)
        for name in glob.glob(os.path.join(TOP, 'systemd/*.service')):
            with open(name, encoding='ascii') as f:
                self.assertEqual([line for line in f if line in common], [], name)

    def test_cron_takes_its_lines(self):
        with open(os.path.join(TOP, 'cron.d/iprep'), encoding='ascii') as f:
            lines = f.read().splitlines(keepends=True)
        self.assertTrue(all(line.endswith('\n') for line in lines))
        jobs = [line.rstrip('\n') for line in lines if re.match(r'[^#\s=]+\s', line)]
        self.assertIn('MAILTO=root\n', lines)
        self.assertIn('TIMERS=/etc/systemd/system/timers.target.wants\n', lines)
        self.assertIn('SYSTEMD=/run/systemd/system\n', lines)
        self.assertIn('SENDMAIL=/usr/sbin/sendmail\n', lines)
        self.assertIn('RELEASE=/usr/libexec/iprep-release\n', lines)
        self.assertEqual(len(jobs), 5)
        limits = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
        for job in jobs:
            *fields, user, command = job.split(None, 6)
            for field, (low, high) in zip(fields, limits):
                number = re.fullmatch(r'\*(?:/(\d+))?|(\d+)', field)
                self.assertTrue(number, job)
                self.assertTrue(all(low <= int(n) <= high for n in number.groups() if n), job)
            self.assertEqual(user, 'root')
            self.assertNotRegex(command, r'(?<!\\)%')
            self.assertRegex(command, r'\Atest -d \$SYSTEMD && test -e \$TIMERS/iprep-(flush|purge|recheck|release|notify)\.timer \|\| '
                                      r'(! test -x \$RELEASE \|\| \$RELEASE\Z|'
                                      r'! command -v rep-(report|purge|check) >/dev/null \|\| (! test -x \$SENDMAIL \|\| )?rep-)')
            subprocess.run(['sh', '-n', '-c', command.replace(r'\%', '%')], check=True)
        self.assertEqual([j.rsplit(' || ', 1)[1].split(' <')[0] for j in jobs],
                         ['rep-report --flush --quiet', 'rep-purge --quiet', 'rep-purge --recheck --quiet', '$RELEASE',
                          'rep-check --blocks --new'])

    def test_the_ban_of_a_released_address_ends_within_the_hour(self):
        with open(os.path.join(TOP, 'cron.d/iprep'), encoding='ascii') as f:
            self.assertRegex(f.read(), r'(?m)^\d+ \* \* \* \* root .* \$RELEASE$')
        with open(os.path.join(TOP, 'systemd/iprep-release.timer'), encoding='ascii') as f:
            self.assertIn('OnCalendar=hourly\n', f.read())

    def test_a_flush_and_a_purge_that_have_nothing_to_do_say_nothing(self):
        place = Place(BIN, RealRepCheck.CONF, key=None)
        self.addCleanup(place.close)
        for program, *args in (('rep-report', '--flush', '--quiet', '--linger', '0'),
                               ('rep-purge', '--quiet')):
            p = place.run(program, *args)
            self.assertEqual((p.returncode, p.stdout, p.stderr), (0, '', ''), program)


if __name__ == '__main__':
    if os.geteuid():
        sys.exit('test_notify.py: needs root')
    BIN = os.path.abspath(sys.argv.pop(1))
    unittest.main()
