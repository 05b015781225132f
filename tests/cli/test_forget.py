#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""rep-purge ADDRESS: forgotten without a trace, pardoned; against DNS lists and the AbuseIPDB emulator.

    test_forget.py DIRECTORY-OF-PROGRAMS        (as root)
"""
import contextlib
import json
import os
import random
import sqlite3
import subprocess
import time

import purge_case  # first: it finds the next ones
from dns import behaviours as b
import place
from purge_case import DAY, HIGH, LIST, key_of
from dns.server import Zone


class Forget(purge_case.Case):
    more = LIST.format('zen') + '[report]\nmin_users = 0\n'

    def setUp(self):
        super().setUp()
        self.dns.zones['zen.test'] = Zone(b.listed('127.0.0.2'))

    def live(self, address):
        """A whole life: reported, looked up, blocked, logged in."""
        self.purge('--enqueue', '--jail', 'sshd', '--failures', '3', '--user', 'root', '--', address,
                   program='rep-report')
        self.purge('--gate', '--jail', 'x', '--user', 'admin', '--', address, program='rep-check')
        self.purge('--flush', program='rep-report')
        self.purge('--login', '--', address, program='rep-check')

    def test_no_trace_is_left_but_the_pardon(self):
        api = place.Emulator({'45.1.1.1': HIGH, '45.1.1.2': HIGH})
        self.addCleanup(api.close)
        self.start(self.more + f'[abuseipdb]\nurl = {api.url}\nkey_file = {{dir}}/key\n', key=True)
        for address in ('45.1.1.1', '45.1.1.2'):
            self.live(address)
        self.sql("INSERT INTO released VALUES(?, ?, 'x')", key_of('45.1.1.1'), int(time.time()))
        self.sql('INSERT INTO ambiguous VALUES(?, ?, 1, 0)', key_of('45.1.1.1'), int(time.time()))
        self.sql("UPDATE endpoint SET last_error = 'something of 45.1.1.1, refused'")
        self.assertEqual(self.count('block'), 2)
        self.assertGreater(self.traces('45.1.1.1'), 5)
        self.assertEqual(self.purge('45.1.1.1').stdout, '45.1.1.1\n')
        self.assertEqual(self.traces('45.1.1.1'), 0)
        self.assertEqual(self.purge('--pardon', '30d', '45.1.1.2').stdout, '45.1.1.2\n')
        self.assertEqual(self.traces('45.1.1.2'), 1)
        self.assertEqual([self.count(t) for t in ('block', 'finding', 'report', 'lookup', 'sighting', 'failure',
                                                  'good', 'retraction', 'released', 'ambiguous', 'pardon')],
                         [0] * 10 + [1])

    def crowd(self, victims):
        """Thousands that come and go in no order, so that SQLite moves rows about between pages."""
        pick = random.Random(0)                # with this one, copies of one or two victims are left behind
        others = [f'45.7.{n >> 8}.{n & 255}' for n in range(0, 65536, 11)]
        order = others + victims
        pick.shuffle(order)
        db = sqlite3.connect(self.place.path('state/iprep.db'), timeout=10)
        with db:
            for a in order:
                for source in ('zen', 'abuseipdb'):
                    db.execute('INSERT OR REPLACE INTO finding(key, source, listed, rule, partial, points, answers, detail,'
                               " answered_at, expires_at) VALUES(?, ?, 1, 0, 0, 3, '', ?, ?, 1)",
                               (key_of(a), source, f'list.test/{a} ' + 'x' * pick.randrange(150), int(time.time())))
                if pick.random() < .3:
                    db.execute('DELETE FROM finding WHERE key = ?', (key_of(pick.choice(others)),))
        db.close()
        self.sql('PRAGMA wal_checkpoint(TRUNCATE)')

    def test_no_trace_among_thousands_whose_rows_were_moved_between_pages(self):
        victims = [f'45.7.{n >> 8}.{n & 255}' for n in range(3, 65536, 11 * 37)]
        self.crowd(victims)
        before = self.count('finding')
        self.purge(*victims)
        self.assertEqual({v: self.traces(v) for v in victims if self.traces(v)}, {})
        self.assertEqual(self.count('finding'), before - 2 * len(victims))

    def test_while_it_searches_the_file_others_come_and_go_and_its_log_stays(self):
        """Opening and closing the file without SQLite would release the process's locks on it
        (sqlite.org/howtocorrupt.html, 2.2): the next process to close it would delete the log.

        Not counted is -shm: a process that is the last to close the file deletes it before it closes it itself, and the
        log after that. The reader waits for it, for what root creates belongs to root for a moment."""
        victims = [f'45.7.{i >> 8}.{i & 255}' for i in range(400)]
        with subprocess.Popen(self.place.command('rep-purge', *victims), stdout=subprocess.DEVNULL) as p:
            lost = set()
            place.wait_until(lambda: any(f.endswith('-shm') for f in self.files_of(p.pid)) or p.poll() is not None,
                             'it has opened the file')
            while p.poll() is None:
                self.count('finding')          # opens and closes, as a worker or a shell does
                lost |= {f for f in self.files_of(p.pid) if f.endswith('-wal (deleted)')}
            self.assertEqual(p.wait(), 0)
        self.assertEqual(lost, set())
        self.assertEqual(self.sql('PRAGMA integrity_check'), [('ok',)])

    @staticmethod
    def files_of(pid):
        files = []
        for name in os.listdir(f'/proc/{pid}/fd') if os.path.exists(f'/proc/{pid}/fd') else []:
            with contextlib.suppress(FileNotFoundError):
                files.append(os.readlink(f'/proc/{pid}/fd/{name}'))
        return [f for f in files if '/iprep.db' in f]

    def test_its_jobs_are_cancelled(self):
        self.purge('--enqueue', '--jail', 'sshd', '--', '45.1.1.1', program='rep-report')
        self.assertEqual(self.count('lookup'), 1)
        self.purge('--pardon', '1d', '45.1.1.1')
        flushed = json.loads(self.purge('--flush', '--json', program='rep-report').stdout)
        self.assertEqual((flushed['lookups'], self.place.verdict_log()), (0, ''))

    def test_it_wins_over_a_worker_that_is_looking_it_up(self):
        self.dns.zones['zen.test'] = Zone(b.delayed(0.8, b.listed('127.0.0.2')))
        self.purge('--enqueue', '--jail', 'sshd', '--', '45.1.1.1', program='rep-report')
        worker = self.place.worker()
        place.wait_until(lambda: self.asked('1.1.1.45'), 'it is asked for')
        self.purge('--pardon', '1d', '45.1.1.1')
        self.assertEqual(worker.wait(60), 0)
        self.assertEqual(self.place.verdict_log(), '')
        self.assertEqual((self.traces('45.1.1.1'), self.count('pardon')), (1, 1))

    def test_it_wins_over_a_report_and_a_retraction_that_are_under_way(self):
        for endpoint, command in (('report', ['--enqueue', '--jail', 'sshd', '--', '45.1.1.1']),
                                  ('clear-address', ['--retract', '--force', '45.1.1.1'])):
            with self.subTest(endpoint=endpoint):
                api = place.Emulator({'45.1.1.1': HIGH})
                self.addCleanup(api.close)
                self.start(f'[abuseipdb]\nurl = {api.url}\nkey_file = {{dir}}/key\n', key=True)
                api.fault('delay', endpoint, delay_s=1.2)
                if endpoint == 'report':
                    self.purge(*command, program='rep-report')
                    worker = self.place.worker()
                else:
                    worker = subprocess.Popen(self.place.command('rep-report', *command), stdin=subprocess.DEVNULL,
                                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                place.wait_until(lambda: api.control('stats')['faults'].get('delay'), 'it is called')
                self.assertGreater(self.traces('45.1.1.1'), 0)
                self.purge('--pardon', '1d', '45.1.1.1')
                self.assertEqual(self.traces('45.1.1.1'), 1)
                worker.wait(60)
                self.assertEqual((self.place.verdict_log(), self.traces('45.1.1.1')), ('', 1))

    def test_no_line_is_written_for_who_was_forgotten_while_others_are_announced(self):
        """The worker reads dozens of blocks in one batch, and each line waits for the disk."""
        now, names = int(time.time()), [f'45.4.{i // 200}.{i % 200 + 1}' for i in range(1200)]
        db = sqlite3.connect(self.place.path('state/iprep.db'), timeout=10)
        with db:
            db.executemany('INSERT INTO block(key, tier, score, since, until, first_at, announced_at, due, jail, src)'
                           " VALUES(?, 'known', 3, ?, ?, 0, 0, 1, '', 'zen')",
                           [(key_of(a), now + i - 1200, now + DAY) for i, a in enumerate(names)])
        db.close()
        self.assertEqual(self.count('block'), len(names))
        forgotten = []
        worker = self.place.worker(stderr=subprocess.DEVNULL)
        while worker.poll() is None:
            at = self.place.verdict_log().count('\n')
            some = [a for a in names[at + 20:at + 120:20] if a not in forgotten]
            if some:
                self.purge(*some)
                said = self.place.verdict_log()
                forgotten += [a for a in some if f'ip={a} ' not in said]
        self.assertEqual(worker.wait(), 0)
        said = self.place.verdict_log()
        self.assertGreater(len(forgotten), 3)
        self.assertEqual([a for a in forgotten if f'ip={a} ' in said], [])
        self.assertEqual(said.count('\n') + len(forgotten), len(names))

    def test_a_pardon_holds_when_the_address_is_seen_or_a_ban_is_restored(self):
        self.live('45.1.1.1')
        self.purge('--gate', '--jail', 'x', '--', '45.1.1.1', program='rep-check', status=10)
        self.purge('--pardon', '1d', '45.1.1.1')
        for restored in ('0', '1', '<restored>'):
            self.purge('--gate', '--jail', 'x', '--restored', restored, '--', '45.1.1.1', program='rep-check')
        self.live('45.1.1.1')
        self.assertEqual((self.count('block'), self.count('lookup'), self.count('report')), (0, 0, 0))
        self.sql('UPDATE pardon SET until = until - ?', DAY + 60)          # and ends
        self.live('45.1.1.1')
        self.assertEqual(self.blocked(), ['45.1.1.1'])

    def test_of_a_prefix_all_goes(self):
        conf = self.place.path('iprep.conf')
        with open(conf, encoding='ascii') as f:
            text = f.read()
        self.place.write('iprep.conf', text.replace('timeout_ms', 'ipv6_prefix = 64\ntimeout_ms'))
        self.live('2600:1:2:3::5')
        self.old_block('2600:1:2:3::7')                # of a single address, next to an allowed one
        self.assertEqual(self.purge('--pardon', '1d', '2600:1:2:3::99').stdout, '2600:1:2:3::/64\n')
        self.assertEqual((self.blocked(), self.traces('2600:1:2:3::5', 8)), ([], 1))

    def test_what_was_recorded_under_a_shorter_prefix_goes_too(self):
        conf = self.place.path('iprep.conf')
        with open(conf, encoding='ascii') as f:
            text = f.read()
        api = place.Emulator()
        self.addCleanup(api.close)
        text += f'[abuseipdb]\nurl = {api.url}\nkey_file = {self.place.path("key")}\n'
        self.place.write('key', place.KEY + '\n', 0o600, place.OWNER)
        self.place.write('iprep.conf', text.replace('timeout_ms', 'ipv6_prefix = 64\ntimeout_ms'))
        for address in ('2600:1:2:3::5', '2600:1:2:3::6'):
            self.live(address)
            self.purge('--enqueue', '--jail', 'sshd', '--', address, program='rep-report')
        self.place.write('iprep.conf', text)
        self.assertGreater(self.traces('2600:1:2:3::5'), 1)
        self.assertEqual(self.purge('2600:1:2:3::5').stdout, '2600:1:2:3::5\n')
        self.assertEqual(self.traces('2600:1:2:3::5'), 0)
        self.assertGreater(self.traces('2600:1:2:3::6'), 0)

    def test_ten_years_are_a_pardon_and_more_is_refused(self):
        self.purge('--pardon', '520w', '45.1.1.1')
        self.purge('--gate', '--jail', 'x', '--', '45.1.1.1', program='rep-check')
        self.purge('--pardon', '3653d', '45.1.1.2')
        self.purge()
        self.assertEqual((self.count('pardon'), self.count('lookup')), (2, 0))
        self.assertIn('ten years', self.purge('--pardon', '3654d', '45.1.1.3', status=64).stderr)
        self.assertEqual(self.count('pardon'), 2)

    def test_bad_input_changes_nothing(self):
        self.live('45.1.1.1')
        before = self.everything()
        for args, status, says in ((['--pardon', '30d'], 64, '--pardon needs an address'),
                                   (['--pardon', '11y', '45.1.1.1'], 64, 'ten years'),
                                   (['--pardon', '-1', '45.1.1.1'], 64, '--pardon'),
                                   (['--pardon', '', '45.1.1.1'], 64, '--pardon'),
                                   (['--pardon', '30', '--pardon', '1d', '45.1.1.1'], 64, 'twice'),
                                   (['--pardon', '1x', '45.1.1.1'], 64, '"1x": expected a time'),
                                   (['--pardon', '1d'], 64, 'an address'), (['--pardon'], 64, '--pardon'),
                                   (['--pardon', '1d', '45.1.1.0/24'], 65, '/24: not an IP address but a prefix'),
                                   (['--pardon', '1d', '45.1.1.1/32'], 65, 'a prefix'),
                                   (['--pardon', '1d', '2600:1::/64'], 65, 'a prefix'),
                                   (['--pardon', '1d', ''], 65, 'not an IP address'),
                                   (['mail.example'], 65, 'mail.example: not an IP address')):
            with self.subTest(args=args):
                p = self.purge(*args, status=status)
                self.assertIn(says, p.stderr)
                self.assertEqual(p.stderr.count('\n'), 1)
                self.assertEqual(p.stdout, '')
                self.assertEqual(self.everything(), before)

    def test_one_bad_address_of_many_changes_nothing(self):
        self.live('45.1.1.1')
        self.live('45.1.1.2')
        before = self.everything()
        for args, bad in ((['--pardon', '1d', '45.1.1.0/24', '45.1.1.1', 'mail.example', '::ffff:45.1.1.2'],
                           ['45.1.1.0/24: not an IP address but a prefix; give one address of it',
                            'mail.example: not an IP address']),
                          (['--pardon', '30d', 'days', '45.1.1.1'], ['days: not an IP address']),
                          (['45.1.1.1', '45.1.1.2', ''], [': not an IP address']),
                          (['-n', '45.1.1.1', 'x'], ['x: not an IP address'])):
            p = self.purge(*args, status=65)
            self.assertEqual((p.stdout, p.stderr.splitlines()), ('', ['rep-purge: ' + line for line in bad]))
            self.assertEqual(self.everything(), before)

    def test_a_number_without_a_unit_is_no_time(self):
        self.live('45.1.1.1')
        before = self.everything()
        for number in ('30', '0', '90', '1795000000', '007'):
            for more in (['days', '45.1.1.1'], ['45.1.1.1']):
                p = self.purge('--pardon', number, *more, status=64)
                self.assertIn(f'--pardon: "{number}" has no unit; write {number}s, ', p.stderr)
        self.purge('--pardon', '0d', '45.1.1.1', status=64)
        self.assertEqual(self.everything(), before)
        self.purge('--pardon', '90s', '45.1.1.1')
        self.assertAlmostEqual(self.sql('SELECT until FROM pardon')[0][0], time.time() + 90, delta=60)

    def test_a_failure_of_the_store_is_reported_once(self):
        self.place.write('state/iprep.db', 'x' * 8192, 0o600, place.OWNER)
        p = self.purge('45.1.1.1', '45.1.1.2', status=74)
        self.assertEqual((p.stdout, p.stderr.count('\n')), ('', 1))

    def test_a_pardon_is_renewed_shortened_and_ended(self):
        for args, left in ((['--pardon', '30d'], 30 * DAY), (['--pardon', '15m'], 900), (['--pardon', '1w'], 7 * DAY)):
            self.purge(*args, '45.1.1.1')
            (until,), = self.sql('SELECT until FROM pardon')
            self.assertAlmostEqual(until, time.time() + left, delta=60)
        self.purge('45.1.1.1')
        self.assertEqual(self.count('pardon'), 0)

    def test_json_is_an_object_for_each(self):
        said = self.purge('--json', '-n', '--pardon', '1d', '45.1.1.1', '45.1.1.2').stdout.splitlines()
        self.assertEqual([json.loads(line) for line in said],
                         [{'address': a, 'pardon_s': DAY, 'dry_run': True} for a in ('45.1.1.1', '45.1.1.2')])

    def test_a_dry_run_prints_and_changes_nothing(self):
        self.live('45.1.1.1')
        before = self.everything()
        self.assertEqual(self.purge('-n', '--pardon', '1d', '45.1.1.1').stdout, '45.1.1.1\n')
        self.assertEqual(self.everything(), before)

    def everything(self):
        tables = [t for t, in self.sql("SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> 'meta'")]
        return {t: self.sql(f'SELECT * FROM {t}') for t in tables}


if __name__ == '__main__':
    purge_case.main()
