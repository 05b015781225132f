# SPDX-License-Identifier: MIT
"""rep-purge ADDRESS: forgotten without a trace, pardoned; --pardons, --unpardon. What it refuses: data/refusals.tsv."""
import contextlib
import json
import os
import random
import sqlite3
import subprocess
import time

from addresses import key_of
from cases import BAD
from dns import behaviours as b
from places import DAY, KEY, OWNER
from purging import LIST, PurgeCase
from waiting import wait_until

ADDRESS, OTHER = '45.1.1.1', '45.1.1.2'
TABLES = ('block', 'finding', 'report', 'lookup', 'sighting', 'failure', 'good', 'retraction', 'released', 'ambiguous')


class ForgetCase(PurgeCase):
    lists = {'zen': LIST}
    sections = {**PurgeCase.sections, 'report': {'min_users': 0}}

    def setUp(self):
        super().setUp()
        self.says('zen', b.listed('127.0.0.2'))

    def live(self, address):
        """A whole life: reported, looked up, blocked, logged in."""
        self.enqueue(address, '--failures', '3', '--user', 'root')
        self.run_it('rep-check', '--gate', '--jail', 'x', '--user', 'admin', '--', address)
        self.flush()
        self.login(address)

    def everything(self):
        tables = [t for t, in self.sql("SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> 'meta'")]
        return {t: self.sql(f'SELECT * FROM {t}') for t in tables}


class Forget(ForgetCase):
    def crowd(self, victims):
        """Thousands that come and go in no order, so that SQLite moves rows about between pages."""
        pick = random.Random(0)                # with this one, copies of one or two victims are left behind
        others = [f'45.7.{n >> 8}.{n & 255}' for n in range(0, 65536, 11)]
        order = others + victims
        pick.shuffle(order)
        db = sqlite3.connect(self.place.db, timeout=10)
        with db:
            for a in order:
                for source in ('zen', 'abuseipdb'):
                    db.execute('INSERT OR REPLACE INTO finding(key, source, listed, rule, partial, points, answers,'
                               " detail, answered_at, expires_at) VALUES(?, ?, 1, 0, 0, 3, '', ?, ?, 1)",
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
        with self.place.start('rep-purge', *victims, stdout=subprocess.DEVNULL, stderr=None) as purge:
            lost = set()
            wait_until(lambda: any(f.endswith('-shm') for f in self.files_of(purge.pid)) or purge.poll() is not None,
                       'it has opened the file')
            while purge.poll() is None:
                self.count('finding')          # opens and closes, as a worker or a shell does
                lost |= {f for f in self.files_of(purge.pid) if f.endswith('-wal (deleted)')}
        self.assertEqual((purge.returncode, lost), (0, set()))
        self.assertEqual(self.sql('PRAGMA integrity_check'), [('ok',)])

    @staticmethod
    def files_of(pid):
        files = []
        with contextlib.suppress(FileNotFoundError):
            for name in os.listdir(f'/proc/{pid}/fd'):
                with contextlib.suppress(FileNotFoundError):
                    files.append(os.readlink(f'/proc/{pid}/fd/{name}'))
        return [f for f in files if '/iprep.db' in f]

    def test_its_jobs_are_cancelled(self):
        self.enqueue(ADDRESS)
        self.assertEqual(self.count('lookup'), 1)
        self.purge('--pardon', '1d', ADDRESS)
        self.assertEqual((self.flush()['lookups'], self.verdicts()), (0, 0))

    def test_it_wins_over_a_worker_that_is_looking_it_up(self):
        answer = self.hold(b.listed('127.0.0.2'))
        self.enqueue(ADDRESS)
        worker = self.place.worker()
        wait_until(lambda: self.asked(ADDRESS), 'it is asked for')
        self.purge('--pardon', '1d', ADDRESS)
        answer.set()
        self.assertEqual((worker.wait(60), self.verdicts()), (0, 0))
        self.assertEqual((self.traces(ADDRESS), self.count('pardon')), (1, 1))

    def test_no_line_is_written_for_who_was_forgotten_while_others_are_announced(self):
        """The worker reads dozens of blocks in one batch, and each line waits for the disk."""
        now, names = int(time.time()), [f'45.4.{i // 200}.{i % 200 + 1}' for i in range(1200)]
        db = sqlite3.connect(self.place.db, timeout=10)
        with db:
            db.executemany('INSERT INTO block(key, tier, score, since, until, first_at, announced_at, due, jail, src)'
                           " VALUES(?, 'known', 3, ?, ?, 0, 0, 1, '', 'zen')",
                           [(key_of(a), now + i - 1200, now + DAY) for i, a in enumerate(names)])
        db.close()
        self.assertEqual(self.count('block'), len(names))
        forgotten = []
        worker = self.place.worker(stderr=subprocess.DEVNULL)
        while worker.poll() is None:
            at = self.verdicts()
            some = [a for a in names[at + 20:at + 120:20] if a not in forgotten]
            if some:
                self.purge(*some)
                forgotten += [a for a in some if not self.verdicts(a)]
        self.assertEqual(worker.wait(), 0)
        self.assertGreater(len(forgotten), 3)
        self.assertEqual([a for a in forgotten if self.verdicts(a)], [])
        self.assertEqual(self.verdicts() + len(forgotten), len(names))

    def test_a_pardon_holds_when_the_address_is_seen_or_a_ban_is_restored(self):
        self.live(ADDRESS)
        self.gate(ADDRESS, status=10)
        self.purge('--pardon', '1d', ADDRESS)
        for restored in ('0', '1', '<restored>'):
            self.gate(ADDRESS, '--restored', restored)
        self.live(ADDRESS)
        self.assertEqual((self.count('block'), self.count('lookup'), self.count('report')), (0, 0, 0))
        self.sql('UPDATE pardon SET until = until - ?', DAY + 60)          # and ends
        self.live(ADDRESS)
        self.assertEqual(self.blocked(), [ADDRESS])

    def test_of_a_prefix_all_goes(self):
        self.place.change('[general]\n', '[general]\nipv6_prefix = 64\n')
        self.live('2600:1:2:3::5')
        self.old_block('2600:1:2:3::7')                # of a single address, next to an allowed one
        self.assertEqual(self.purge('--pardon', '1d', '2600:1:2:3::99').stdout, '2600:1:2:3::/64\n')
        self.assertEqual((self.blocked(), self.traces('2600:1:2:3::5', 8)), ([], 1))

    def test_ten_years_are_a_pardon(self):
        self.purge('--pardon', '520w', ADDRESS)
        self.gate(ADDRESS)
        self.purge('--pardon', '3653d', OTHER)
        self.purge()
        self.assertEqual((self.count('pardon'), self.count('lookup')), (2, 0))

    def test_one_bad_address_of_many_changes_nothing(self):
        self.live(ADDRESS)
        self.live(OTHER)
        before = self.everything()
        for args, bad in ((['--pardon', '1d', '45.1.1.0/24', ADDRESS, 'mail.example', '::ffff:45.1.1.2'],
                           ['45.1.1.0/24: not an IP address but a prefix; give one address of it',
                            'mail.example: not an IP address']),
                          (['--pardon', '30d', 'days', ADDRESS], ['days: not an IP address']),
                          ([ADDRESS, OTHER, ''], [': not an IP address']),
                          (['-n', ADDRESS, 'x'], ['x: not an IP address'])):
            done = self.purge(*args, status=65)
            self.assertEqual((done.stdout, done.stderr.splitlines()), ('', ['rep-purge: ' + line for line in bad]))
            self.assertEqual(self.everything(), before)

    def test_a_failure_of_the_store_is_reported_once(self):
        self.place.write('state/iprep.db', 'x' * 8192, 0o600, OWNER)
        self.assertEqual(self.purge(ADDRESS, OTHER, status=74, says='').stdout, '')

    def test_a_pardon_is_renewed_shortened_and_ended(self):
        for given, left in (('30d', 30 * DAY), ('15m', 900), ('1w', 7 * DAY), ('90s', 90)):
            self.purge('--pardon', given, ADDRESS)
            (until,), = self.sql('SELECT until FROM pardon')
            self.assertAlmostEqual(until, time.time() + left, delta=60)
        self.purge(ADDRESS)
        self.assertEqual(self.count('pardon'), 0)

    def test_a_dry_run_prints_and_changes_nothing(self):
        self.live(ADDRESS)
        before = self.everything()
        self.assertEqual(self.purge('-n', '--pardon', '1d', ADDRESS).stdout, f'{ADDRESS}\n')
        said = self.purge('--json', '-n', '--pardon', '1d', ADDRESS, OTHER).stdout.splitlines()
        self.assertEqual([json.loads(line) for line in said],
                         [{'address': a, 'pardon_s': DAY, 'dry_run': True} for a in (ADDRESS, OTHER)])
        self.assertEqual(self.everything(), before)


class Pardons(ForgetCase):
    def listed(self):
        """{address: seconds left}"""
        said = self.purge('--pardons', '--json').stdout.splitlines()
        return {row['address']: row['until'] - time.time() for row in map(json.loads, said)}

    def test_pardons_in_force_are_listed_by_address_with_their_end(self):
        self.assertEqual(self.purge('--pardons').stdout, '')
        for address, left in (('2600:1::5', 3600), (OTHER, DAY), (ADDRESS, 30 * DAY)):
            self.pardon(address, left)
        self.pardon('45.1.1.3', -1)
        self.pardon('45.1.1.4', 100 * 365 * DAY)       # of a wrong clock: not believed, so not in force
        self.assertEqual(list(self.listed()), [ADDRESS, OTHER, '2600:1::5'])
        for address, left in ((ADDRESS, 30 * DAY), (OTHER, DAY), ('2600:1::5', 3600)):
            self.assertAlmostEqual(self.listed()[address], left, delta=60)
        lines = self.purge('--pardons').stdout.splitlines()
        for line, address in zip(lines, (ADDRESS, OTHER, '2600:1::5'), strict=True):
            (until,), = self.sql('SELECT until FROM pardon WHERE key = ?', key_of(address))
            self.assertEqual(line, f'{address:15}  {time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(until))}')

    def test_more_than_one_page_of_them(self):
        addresses = [f'45.1.{i >> 8}.{i & 255}' for i in range(300)]
        for address in addresses:
            self.pardon(address, DAY)
        self.assertEqual(list(self.listed()), addresses)

    def test_an_address_whose_pardon_was_ended_is_blocked_again(self):
        self.purge('--pardon', '30d', ADDRESS, OTHER)
        self.assertEqual(self.purge('--unpardon', ADDRESS).stdout, f'{ADDRESS}\n')
        self.assertEqual(list(self.listed()), [OTHER])
        for address in (ADDRESS, OTHER):
            self.live(address)
        self.assertEqual(self.blocked(), [ADDRESS])
        self.assertEqual(self.traces(OTHER), 1)

    def test_one_that_was_not_pardoned_is_reported_and_no_error(self):
        self.pardon('45.1.1.3', -1)
        self.pardon(ADDRESS, DAY)
        self.block(OTHER)
        done = self.purge('--unpardon', ADDRESS, OTHER, '45.1.1.3', says='was not pardoned')
        self.assertEqual((done.stdout, done.stderr),
                         (f'{ADDRESS}\n', f'rep-purge: {OTHER}: was not pardoned\n'
                                          'rep-purge: 45.1.1.3: was not pardoned\n'))
        self.assertEqual((self.count('pardon'), self.blocked()), (0, [OTHER]))
        self.assertEqual(self.purge('--unpardon', '--quiet', OTHER).stdout, '')
        said = self.purge('--unpardon', '--json', OTHER).stdout
        self.assertEqual(json.loads(said), {'address': OTHER, 'was_pardoned': False, 'dry_run': False})

    def test_one_bad_address_of_many_ends_no_pardon(self):
        self.purge('--pardon', '1d', ADDRESS)
        done = self.purge('--unpardon', ADDRESS, 'mail.example', '45.1.1.0/24', status=65)
        self.assertEqual((done.stdout, done.stderr),
                         ('', 'rep-purge: mail.example: not an IP address\nrep-purge: 45.1.1.0/24: not an IP address '
                              'but a prefix; give one address of it\n'))
        self.assertEqual(list(self.listed()), [ADDRESS])

    def test_a_dry_run_ends_none(self):
        self.purge('--pardon', '1d', ADDRESS)
        self.assertEqual(self.purge('--unpardon', '-n', ADDRESS).stdout, f'{ADDRESS}\n')
        said = self.purge('--unpardon', '-n', '--json', ADDRESS).stdout
        self.assertEqual(json.loads(said), {'address': ADDRESS, 'was_pardoned': True, 'dry_run': True})
        self.assertEqual(list(self.listed()), [ADDRESS])

    def test_no_trace_of_an_ended_pardon_is_left(self):
        self.purge('--pardon', '1d', ADDRESS)
        self.assertEqual(self.traces(ADDRESS), 1)
        self.purge('--unpardon', ADDRESS)
        self.assertEqual(self.traces(ADDRESS), 0)

    def test_pardons_and_their_ends_are_counted(self):
        self.purge('--pardon', '1d', ADDRESS, OTHER)
        self.purge('--unpardon', ADDRESS, '45.1.1.3')
        self.purge('--unpardon', '-n', OTHER)
        self.purge('-n', '--pardon', '1d', OTHER)
        self.purge(OTHER)
        counted = self.sql("SELECT name, label, n FROM counter WHERE name IN ('pardon', 'unpardon') ORDER BY name")
        self.assertEqual(counted, [('pardon', '', 2), ('unpardon', '', 1)])

    def test_a_prefix_is_taken_as_it_is_listed(self):
        self.place.change('[general]\n', '[general]\nipv6_prefix = 64\n')
        for given in ('2600:1:2:3::/64', '2600:1:2:3::99'):
            self.purge('--pardon', '1d', '2600:1:2:3::5', ADDRESS)
            self.assertEqual(list(self.listed()), [ADDRESS, '2600:1:2:3::/64'])
            self.assertEqual(self.purge('--unpardon', given).stdout, '2600:1:2:3::/64\n')
            self.assertEqual(list(self.listed()), [ADDRESS])


class Reported(ForgetCase):
    """With AbuseIPDB."""
    has_api = True
    key = KEY
    seed = {ADDRESS: BAD, OTHER: BAD}

    def test_no_trace_is_left_but_the_pardon(self):
        for address in (ADDRESS, OTHER):
            self.live(address)
        self.sql("INSERT INTO released VALUES(?, ?, 'x')", key_of(ADDRESS), int(time.time()))
        self.sql('INSERT INTO ambiguous VALUES(?, ?, 1, 0)', key_of(ADDRESS), int(time.time()))
        self.sql("UPDATE endpoint SET last_error = 'something of 45.1.1.1, refused'")
        self.assertEqual(self.count('block'), 2)
        self.assertGreater(self.traces(ADDRESS), 5)
        self.assertEqual(self.purge(ADDRESS).stdout, f'{ADDRESS}\n')
        self.assertEqual(self.traces(ADDRESS), 0)
        self.assertEqual(self.purge('--pardon', '30d', OTHER).stdout, f'{OTHER}\n')
        self.assertEqual(self.traces(OTHER), 1)
        self.assertEqual([self.count(t) for t in (*TABLES, 'pardon')], [0] * len(TABLES) + [1])

    def test_a_pardoned_address_is_not_reported(self):
        self.purge('--pardon', '1d', ADDRESS)
        self.live(ADDRESS)
        self.assertEqual((self.count('report'), self.traces(ADDRESS)), (0, 1))

    def test_it_wins_over_a_report_and_a_retraction_that_are_under_way(self):
        for endpoint, args in (('report', ['--flush']), ('clear-address', ['--retract', '--force', ADDRESS])):
            with self.subTest(endpoint=endpoint):
                self.start(sections={'dnsbl zen': None}, general={'timeout_ms': 60000})
                self.api.fault('delay', endpoint, delay_s=3)
                if endpoint == 'report':
                    self.enqueue(ADDRESS)
                worker = self.place.start('rep-report', *args, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                wait_until(lambda: self.api.statistics()['faults'].get('delay'), 'it is called')
                self.api.pause()
                self.assertGreater(self.traces(ADDRESS), 0)
                self.purge('--pardon', '1d', ADDRESS)
                self.assertEqual(self.traces(ADDRESS), 1)
                self.api.resume()
                worker.wait(60)
                self.assertEqual((self.verdicts(), self.traces(ADDRESS)), (0, 1))

    def test_what_was_recorded_under_a_shorter_prefix_goes_too(self):
        self.place.change('[general]\n', '[general]\nipv6_prefix = 64\n')
        for address in ('2600:1:2:3::5', '2600:1:2:3::6'):
            self.live(address)
            self.enqueue(address)
        self.place.change('ipv6_prefix = 64\n', '')
        self.assertGreater(self.traces('2600:1:2:3::5'), 1)
        self.assertEqual(self.purge('2600:1:2:3::5').stdout, '2600:1:2:3::5\n')
        self.assertEqual(self.traces('2600:1:2:3::5'), 0)
        self.assertGreater(self.traces('2600:1:2:3::6'), 0)
