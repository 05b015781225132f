# SPDX-License-Identifier: MIT
"""iprep-notify with the real programs, and killed at every step"""
import contextlib
import glob
import json
import os
import re
import shutil
import signal
import subprocess
import time

import rows
from notify import A, B, C, HOST, TROUBLE, NotifyCase, ShownCase, utc
from places import DAY, KEY
from test_health import Situation
from waiting import wait_until


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
