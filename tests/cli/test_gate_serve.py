# SPDX-License-Identifier: MIT
"""rep-check --gate --serve: what it answers, what is on disk by then, and what it notices."""
import os
import re
import signal
import tempfile

import rows
from cases import Case
from clocks import sanitizers
from places import OWNER
from serving import Served
from waiting import wait_until


class Serving(Case):
    lists = {'zen': '127.0.0.2*3'}
    has_api = True

    def setUp(self):
        super().setUp()
        self.ready()

    def serve(self):
        served = Served(self.place)
        self.addCleanup(served.kill)
        return served


@rows.each('serve_requests.tsv', at_least=40)
class Rows(Serving):
    def try_row(self, row):
        self.block('45.1.1.1')
        with tempfile.TemporaryFile() as requests:
            requests.write(rows.text(row['request']).encode() + b'\nnext gate 45.1.1.1\n')
            requests.seek(0)
            done = self.run_it('rep-check', '--gate', '--serve', stdin=requests)
        answer, after, end = done.stdout.split('\n')
        self.assertEqual((after, end, done.stderr), ('next 10', '', ''))
        wanted = rows.text(row['answer'])
        if len(wanted.split(' ')) > 2:
            self.assertTrue(answer.startswith(wanted), answer)
        elif re.search(r' (0|10)$', wanted):
            self.assertEqual(answer, wanted)
        else:
            self.assertRegex(answer, f'^{re.escape(wanted)} .')


class Answers(Serving):
    def test_it_answers_each_request_as_soon_as_it_is_alone(self):
        served = self.serve()
        self.block('45.1.1.1')
        for _ in range(3):
            self.assertEqual(served.ask('gate 45.1.1.1'), [10])
            self.assertEqual(served.ask('gate 45.1.1.2'), [0])
        self.assertEqual(served.close(), 0)

    def test_it_leaves_what_the_hooks_leave(self):
        served = self.serve()
        served.ask('enqueue --jail=sshd --failures=3 --time=1764000000 45.1.1.1', 'gate --jail=x 45.1.1.2',
                   'gate --jail=x --user=root 45.1.1.3', 'login 45.1.1.4')
        tables = ('report', 'lookup', 'sighting', 'good', 'failure', 'ambiguous')
        found = {table: self.count(table) for table in tables}
        self.start()
        self.ready()
        self.enqueue('45.1.1.1', '--failures', '3', '--time', '1764000000')
        self.gate('45.1.1.2')
        self.gate('45.1.1.3', user='root')
        self.login('45.1.1.4')
        self.assertEqual(found, {table: self.count(table) for table in tables})
        self.assertEqual(found['report'], 1)

    def test_requests_that_come_together_are_one_transaction(self):
        with tempfile.TemporaryFile('w+') as requests:
            requests.writelines(f'{number} enqueue --failures=1 45.1.1.{number}\n' for number in range(60))
            requests.seek(0)
            done, trace = self.place.traced(['-y'], 'rep-check', '--gate', '--serve', stdin=requests)
        self.assertEqual(done.stdout, ''.join(f'{number} 0\n' for number in range(60)))
        synced = [place for place, line in enumerate(trace.splitlines())
                  if re.search(r'^\d+ +(fsync|fdatasync)\(.*-wal>.* = 0', line)]
        answered = [place for place, line in enumerate(trace.splitlines()) if re.search(r'^\d+ +write\(1<', line)]
        self.assertLessEqual(len(synced), 2)                # the first sync of a log is two
        self.assertLess(max(synced), min(answered))         # what an answer promises is on disk

    def test_a_million_lines_take_no_more_memory_than_a_few(self):
        if sanitizers(self.place.command('rep-check')[0]):
            self.skipTest('the address sanitizer keeps what is freed')
        served = self.serve()
        self.block('45.1.1.1')

        def memory():
            with open(f'/proc/{served.process.pid}/status', encoding='ascii') as file:
                return int(re.search(r'VmRSS:\s+(\d+)', file.read())[1])

        served.ask(*['gate 45.1.1.1', 'gate 45.1.1.2'] * 200)
        before = memory()
        for _ in range(60):
            served.ask(*['gate 45.1.1.1', 'gate 45.1.1.2', f'enqueue {"x" * 8000}'] * 100)
        self.assertLess(memory(), before + 1024)

    def test_root_has_ended_before_the_first_request(self):
        served = self.serve()
        served.ask('gate 45.1.1.2')
        with open(f'/proc/{served.process.pid}/status', encoding='ascii') as file:
            uids = re.search(r'Uid:\t(.*)', file.read())[1].split()
        self.assertEqual(set(uids), {str(OWNER)})

    def test_a_worker_is_started_for_new_work(self):
        self.start(worker={'start': 'spawn'})
        self.ready()
        self.listed('45.1.1.2')
        served = self.serve()
        self.assertEqual(served.ask('gate --jail=x 45.1.1.2'), [0])
        wait_until(lambda: self.blocked() == ['45.1.1.2'], 'the worker makes the block')
        wait_until(lambda: served.ask('gate 45.1.1.2') == [10], 'the gate knows it')
        served.close()
        wait_until(lambda: not self.place.workers(), 'no worker runs')


class Notices(Serving):
    def test_a_changed_configuration_and_allow_file(self):
        served = self.serve()
        self.block('45.1.1.1')
        self.assertEqual(served.ask('gate 45.1.1.1'), [10])
        folder = self.place.path('allow.d')
        os.mkdir(folder, 0o755)
        self.place.write('iprep.local', f'[allow]\naddresses = 45.1.1.1\nfiles = {folder}/*.list\n', 0o644)
        self.assertEqual(served.ask('gate 45.1.1.1'), [0])
        self.place.write('iprep.local', f'[allow]\nfiles = {folder}/*.list\n', 0o644)
        self.assertEqual(served.ask('gate 45.1.1.1'), [10])
        self.place.write('allow.d/new.list', '45.1.1.0/24 # an office\n', 0o644)
        self.assertEqual(served.ask('gate 45.1.1.1'), [0])
        os.unlink(self.place.path('allow.d/new.list'))
        self.assertEqual(served.ask('gate 45.1.1.1'), [10])

    def test_an_error_in_it_counts_no_line_until_it_is_mended(self):
        served = self.serve()
        self.block('45.1.1.1')
        self.assertEqual(served.ask('gate 45.1.1.1'), [10])     # it has read the configuration without the error
        self.place.write('iprep.local', 'nonsense\n', 0o644)
        self.assertEqual(served.ask('gate 45.1.1.1', 'is-blocked 45.1.1.1', 'enqueue 45.1.1.2', 'gate'), [0, 78, 78, 64])
        os.unlink(self.place.path('iprep.local'))
        self.assertEqual(served.ask('gate 45.1.1.1'), [10])

    def test_a_database_that_was_replaced(self):
        served = self.serve()
        self.block('45.1.1.1')
        self.assertEqual(served.ask('gate 45.1.1.1'), [10])
        wait_until(lambda: self.place.run('rep-purge', '--reset', '--force').returncode == 0, 'it is not in use')
        self.assertEqual(served.ask('gate 45.1.1.1', 'gate 45.1.1.9'), [0, 0])
        self.assertEqual(self.count('lookup'), 2)

    def test_a_database_that_was_removed(self):
        served = self.serve()
        served.ask('gate 45.1.1.1')
        self.place.clear()
        self.assertEqual(served.ask('gate 45.1.1.2'), [0])
        self.assertEqual(self.count('lookup'), 1)

    def test_a_damaged_database_counts_no_line_and_ends_nothing(self):
        served = self.serve()
        self.block('45.1.1.1')
        wait_until(lambda: served.ask('gate 45.1.1.1') == [10], 'it is blocked')
        self.place.write('state/iprep.db', 'Dear diary, this is no database.\n' * 99, 0o600, OWNER)
        self.assertEqual(served.ask('gate 45.1.1.1', 'enqueue 45.1.1.2', 'is-blocked 45.1.1.1'), [0, 74, 74])
        self.run_it('rep-purge', '--reset')
        self.assertEqual(served.ask('gate 45.1.1.1', 'enqueue --failures=1 45.1.1.2'), [0, 0])

    def test_a_locked_database_answers_what_it_can_read(self):
        served = self.serve()
        self.block('45.1.1.1')
        with self.place.locked():
            self.assertEqual(served.ask('gate --restored=1 45.1.1.1', 'enqueue 45.1.1.2', 'is-blocked 45.1.1.1'),
                             [10, 75, 10])
        self.assertEqual(served.ask('enqueue --failures=1 45.1.1.2'), [0])

    def test_a_full_disk_loses_no_answer_that_is_on_it(self):
        self.place.mount_state('size=1m')
        self.ready()
        self.block('45.1.1.1')
        self.place.own()
        served = self.serve()
        self.assertEqual(served.ask('gate 45.1.1.1'), [10])
        self.place.fill()
        for _ in range(3):
            first, *rest = served.ask('gate --restored=1 45.1.1.1', *['enqueue --failures=1 45.1.1.2'] * 3)
            self.assertEqual(first, 10)
        os.unlink(self.place.path('state/fill'))
        wait_until(lambda: served.ask('enqueue --failures=1 45.1.1.3') == [0], 'there is room again')
        self.assertEqual(self.sql('SELECT count(*) FROM report WHERE state = 0')[0][0] >= 1, True)


class Killed(Serving):
    def test_what_was_answered_is_there_wherever_it_is_killed(self):
        answered = 0
        for kill in range(12):
            served = self.serve()
            served.send(*(f'{number} enqueue --failures=1 45.{kill}.1.{number}' for number in range(200)))
            for number, answer in enumerate(served.answers(1 + kill * 16)):
                self.assertEqual(answer, f'{number} 0')
            served.process.send_signal(signal.SIGKILL)
            rest = [line for line in served.process.stdout.read().splitlines(True) if line.endswith('\n')]
            answered += 1 + kill * 16 + len(rest)
            served.kill()
            self.assertGreaterEqual(self.count('report'), answered)
