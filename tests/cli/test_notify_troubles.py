# SPDX-License-Identifier: MIT
"""iprep-notify: the begin and the end of each trouble is sent once, and each digest"""
import datetime
import glob
import os
import re
import time

import rows
from notify import A, BEGIN, HEADERS, HOST, TROUBLE, ShownCase, date, utc
from places import DAY


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

    def test_of_an_unknown_begin_the_first_check_is_named(self):
        self.troubles({**TROUBLE, 'since': None})
        before = int(time.time())
        self.notify()
        mail, = self.mails()
        self.assertIn(re.search('(?m)^First seen: (.*)$', mail)[1], {utc(before), utc(time.time())})
        self.assertNotIn('Since:', mail)
        self.troubles()
        self.notify()
        mail, = self.mails()
        self.assertRegex(mail, '(?m)^First seen: 20.* UTC\nEnded:    20.* UTC$')

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
