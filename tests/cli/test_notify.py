# SPDX-License-Identifier: MIT
"""iprep-notify: each new block is mailed once, nothing is lost, and no foreign text is in a header"""
import os
import signal
import subprocess
import sys

import rows
from notify import A, B, BLOCK, NAMED, NOTIFY, ShownCase, lines_of
from places import OWNER
from waiting import wait_until


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
