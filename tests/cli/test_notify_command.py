# SPDX-License-Identifier: MIT
"""iprep-notify with [notify] command, which gets short texts; and texts that are refused each time"""
import glob
import os
import re
import signal
import time

from notify import A, B, BLOCK, BEGIN, COMMAND, HOST, NOTIFY, TROUBLE, ShownCase
from places import DAY


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

    # ---- long texts ----

    def test_of_a_long_text_it_gets_complete_blocks_and_how_many_more_there_are(self):
        self.new(*[A] * 60)
        self.notify()
        mail, = self.mails()
        head, _, text = mail.partition('\n\n')
        self.assertIn('60 new blocks', head)
        blocks, _, rest = text.rpartition('\n\n')
        count = blocks.count('Undo:')
        self.assertEqual(blocks + '\n\n', BLOCK.format(A) * count)
        self.assertEqual(rest, f'And {60 - count} more: rep-check --blocks\n')
        self.assertGreater(count, 10)
        self.assertLessEqual(len(text), 4000)
        self.notify()
        self.assert_no_mail(['lock'])

    def test_of_a_long_digest_too(self):
        self.report_is('daily', command=self.path('tell'))
        self.notify()
        first, = glob.glob(self.path('spool/digest.*'))
        os.rename(first, self.path(f'spool/digest.{int(time.time()) // DAY - 2}'))
        self.write('summary', 'a line without a paragraph\n' * 1000)
        self.notify()
        mail, = self.mails()
        text = mail.partition('\n\n')[2]
        self.assertTrue(text.endswith('a paragraph\nThe rest is left out here: rep-report --summary\n'), text[-100:])
        self.assertLessEqual(len(text), 4000)


class Refused(ShownCase):
    """A text that is refused each time holds up the others of its kind for a day, and is then set aside in sight"""

    def refuse(self, what):
        self.sendmail_does(f'cat >got; if grep -q "{what}" got; then echo too bad; exit 4; fi; exec <got')

    def a_day_later(self):
        """The times of the tries, moved."""
        path = self.path('spool/tries')
        rows_ = [line.split() for line in self.place.text('spool/tries').splitlines()]
        with open(path, 'w', encoding='ascii') as f:
            f.writelines(f'{kind} {count} {int(since) - DAY}\n' for kind, count, since in rows_)

    def refused(self):
        return sorted(glob.glob(self.path('spool/refused.*')))

    def tried(self, count):
        for _ in range(count):
            self.notify(75)
        self.assertEqual((self.subjects(), self.refused()), ([], []))

    def test_it_is_set_aside_after_ten_tries_and_a_day_and_a_mail_names_the_file(self):
        self.new(A)
        self.refuse(A)
        self.tried(10)
        self.a_day_later()
        said = self.notify(75)
        path, = self.refused()
        self.assertIn(f'failed with status 4: too bad; the text is kept as {path}\n', said)
        with open(path, encoding='ascii') as f:
            self.assertEqual(f.read(), f'Subject: iprep: 1 new block on {HOST}\n\n' + BLOCK.format(A))
        mail, = self.mails()
        self.assertIn(f'Subject: iprep: a text was refused on {HOST}\n', mail)
        self.assertIn('A text was refused 11 times since ', mail)
        self.assertIn(f'\nFile:     {path}\n', mail)
        self.assertIn('\nReason:   ' + self.path('sendmail') + ': failed with status 4: too bad\n', mail)
        self.new(B)
        self.notify()
        self.mailed(B, spooled=['lock', os.path.basename(path)])

    def test_a_day_alone_or_ten_tries_alone_are_not_enough(self):
        self.new(A)
        self.refuse(A)
        self.tried(8)
        self.a_day_later()
        self.tried(1)
        self.sendmail_does(None)
        self.notify()
        self.mailed(A)

    def test_one_that_was_accepted_begins_the_count_again(self):
        self.new(A)
        self.refuse(A)
        self.tried(9)
        self.a_day_later()
        self.sent()
        self.mailed(A)
        self.new(A)
        self.refuse(A)
        self.tried(2)

    def test_where_nothing_is_accepted_nothing_is_set_aside(self):
        self.new(A)
        self.sendmail_does('exit 75')
        self.tried(10)
        self.a_day_later()
        self.tried(2)
        self.sent()
        self.mailed(A)

    def test_of_troubles_the_others_follow_in_the_same_run_and_the_digest_names_the_file(self):
        other = {**TROUBLE, 'object': 'dronebl', 'text': 'dronebl: quarantined, now'}
        self.troubles(TROUBLE, other)
        self.refuse('^Trouble:  zen')
        self.tried(10)
        self.a_day_later()
        self.notify(75)
        self.assertEqual(self.subjects(), ['a text was refused', 'trouble: dronebl: quarantined'])
        self.report_is('daily')
        self.write('summary', 'x\n')
        self.notify()
        first, = glob.glob(self.path('spool/digest.*'))
        os.rename(first, self.path(f'spool/digest.{int(time.time()) // DAY - 2}'))
        self.notify()
        mail, = self.mails()
        self.assertTrue(mail.endswith('\n\nx\n\nTexts that were refused, for you to read and to delete: 1 in '
                                      f'{self.path("spool")}/refused.*\n'), mail)

    def test_a_clock_that_was_set_back_begins_the_day_again(self):
        self.new(A)
        self.refuse(A)
        self.tried(1)
        self.write('spool/tries', f'blocks 50 {int(time.time()) + DAY}\n')
        self.tried(2)
