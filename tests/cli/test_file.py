# SPDX-License-Identifier: MIT
"""rep-check --file: order, bad lines, interruption, memory, and what is never asked."""
import json
import os
import signal
import subprocess
import sys
import time

from addresses import reversed_of, some
from cases import Case
from clocks import sanitizers
from dns import behaviours
from waiting import wait_until

NO = behaviours.not_listed()
SMALL_PARENT = ('import os,sys;p=os.posix_spawn(sys.argv[1],sys.argv[1:],{});'
                '_,s,r=os.wait4(p,0);sys.stderr.write(str(r.ru_maxrss));sys.exit(os.waitstatus_to_exitcode(s))')


def one_by_one(seconds):
    """The server's only thread takes this long for each answer: a list of addresses takes its time."""
    def act(question):
        time.sleep(seconds)
        return NO(question)
    return act


class FileCase(Case):
    lists = {'zen': '127.0.0.[2..9]*3'}
    sections = {'general': {'timeout_ms': 3000}}

    def setUp(self):
        self.start(api='http://127.0.0.1:9/api/v2')

    def lines(self, *addresses):
        """They are in the file of this name."""
        self.place.write('list', '\n'.join(addresses) + '\n')
        return self.place.path('list')

    def file(self, content, *args, **more):
        self.place.write('list', content)
        return self.run_it('rep-check', *args, '--file', self.place.path('list'), **more)

    def results(self, done):
        """[address, verdict] of each."""
        return [line.split()[:2] for line in done.stdout.splitlines() if line[0] != ' ']

    def addresses(self, done):
        return [address for address, _ in self.results(done)]

    def others(self, done):
        """Those that are listed or unknown."""
        return [result for result in self.results(done) if result[1] != 'unlisted']


class Lists(FileCase):
    def test_results_are_in_input_order_behind_a_slow_head(self):
        self.says('zen', {reversed_of('45.9.9.9'): behaviours.delayed(1, NO),
                          reversed_of('45.0.0.7'): behaviours.listed('127.0.0.4')})
        wanted = ['45.9.9.9', *some(3000)]
        done = self.file('\n'.join(wanted) + '\n', status=10)
        self.assertEqual(self.addresses(done), wanted)
        self.assertEqual(self.others(done), [['45.0.0.7', 'confirmed']])
        self.assertEqual(done.stderr,
                         'rep-check: 3001 addresses: 1 confirmed, 3000 unlisted; AbuseIPDB was not asked\n')

    def test_who_never_answers_is_unknown_and_the_others_are_not(self):
        self.place.change('timeout_ms = 3000', 'timeout_ms = 700')
        self.says('zen', {reversed_of('45.0.0.5'): behaviours.silent()})
        done = self.file('\n'.join(some(2000)), status=75)
        self.assertEqual(self.others(done), [['45.0.0.5', 'unknown']])

    def test_every_address_of_every_line_whatever_separates_them(self):
        self.listed('45.1.1.7')
        done = self.file('# list\r\n\r\n45.1.1.1\t45.1.1.2,45.1.1.4\r\n   45.1.1.5 ; 45.1.1.6 # 45.1.1.9\r\n#45.1.1.9\n'
                         '  # 45.1.1.8\n2a00:1450::1, 45.1.1.7,\r\n::ffff:45.1.1.3', status=10)
        self.assertEqual(self.addresses(done), ['45.1.1.1', '45.1.1.2', '45.1.1.4', '45.1.1.5', '45.1.1.6',
                                                '2a00:1450::1', '45.1.1.7', '45.1.1.3'])
        self.assertRegex(done.stderr,
                         r'^rep-check: 8 addresses: 1 confirmed, [67] unlisted.*; AbuseIPDB was not asked\n$')

    def test_what_is_no_address_anywhere_on_a_line_is_told_once_a_line(self):
        done = self.file('45.1.1.1 seen twice\n45.1.1.2\n45.1.1.0/24 45.1.1.3\n45.1.1.4#x 45.1.1.5', status=65)
        name = self.place.path('list')
        self.assertEqual(done.stderr.splitlines()[:-1], [
            f'rep-check: {name}:1: seen: not an IP address', f'rep-check: {name}:3: 45.1.1.0/24: not an IP address',
            f'rep-check: {name}:4: 45.1.1.4#x: not an IP address'])
        self.assertEqual(self.addresses(done), ['45.1.1.1', '45.1.1.2', '45.1.1.3', '45.1.1.5'])

    def test_bad_lines_are_told_with_their_numbers_and_the_rest_goes_on(self):
        self.listed('45.1.1.2')
        done = self.file('45.1.1.1\n192.0.2.300 x\n\n45.1.1.2\n45.1.1.3\0junk\n' + '9' * 1000000 +
                         '\n45.1.1.4' + ' ' * 1000000 + '\n\x1b[31m\n1.2.3\n45.1.1.5', status=65)
        name = self.place.path('list')
        lines = done.stderr.splitlines()[:-1]
        self.assertEqual([line.split(': ')[1] for line in lines], [f'{name}:{n}' for n in (2, 5, 6, 8, 9)])
        self.assertEqual(lines[0], f'rep-check: {name}:2: 192.0.2.300: not an IP address')
        self.assertIn('45.1.1.3?junk', lines[1])
        self.assertLess(max(map(len, lines)), 250)
        self.assertNotIn('\x1b', done.stderr)
        self.assertEqual(self.addresses(done), ['45.1.1.1', '45.1.1.2', '45.1.1.4', '45.1.1.5'])

    def test_nothing_in_it_is_nothing_done(self):
        for content in ('', '\n', '# nothing\n', '\n\n  \n'):
            done = self.file(content)
            self.assertEqual((done.stdout, done.stderr), ('', 'rep-check: 0 addresses\n'))

    def test_stdin_and_json(self):
        self.listed('45.1.1.2')
        with open(self.lines('45.1.1.1', '45.1.1.2', '10.0.0.1'), encoding='ascii') as lines:
            done = self.run_it('rep-check', '-j', '--file', '-', status=10, stdin=lines)
        objects = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual([(o['address'], o['verdict']) for o in objects],
                         [('45.1.1.1', 'unlisted'), ('45.1.1.2', 'confirmed'), ('10.0.0.1', 'exempt')])

    def test_a_pipe_that_pauses_gets_its_answers_immediately(self):
        with self.place.start('rep-check', '--file', '-', stdin=subprocess.PIPE) as process:
            for address in ('45.1.1.1', '45.1.1.2'):
                process.stdin.write(address + '\n')
                process.stdin.flush()
                for word in (address, 'zen', 'not asked: --file'):
                    self.assertIn(word, process.stdout.readline())
            process.stdin.close()
            self.assertEqual(process.wait(30), 0)

    def test_the_cache_is_used_and_filled(self):
        self.listed('45.0.0.7')
        text = '\n'.join(some(300))
        self.file(text, status=10)
        self.assertEqual(self.sql('SELECT count(*), sum(listed) FROM finding'), [(300, 1)])
        self.assertEqual(self.count('block'), 0)
        self.dns.asked.clear()
        done = self.file(text, status=10)
        self.assertEqual((self.dns.asked, len(self.results(done))), ({}, 300))
        self.file(text, '--fresh', status=10)
        self.assertGreaterEqual(self.dns.asked['zen.test'], 300)

    def test_a_locked_database_slows_nothing_down(self):
        self.file('45.1.1.1\n')
        with self.place.locked():
            done = self.file('\n'.join(some(3000)))    # 2 s for each address would not end in time
        self.assertEqual(len(self.results(done)), 3000)
        self.assertEqual(done.stderr.count('\n'), 2, done.stderr)
        self.assertIn('not cached', done.stderr)


class Ends(FileCase):
    def test_interrupted_it_keeps_what_was_done(self):
        self.says('zen', {}, others=one_by_one(0.002))
        addresses = some(20000)
        for number in (signal.SIGINT, signal.SIGTERM):
            self.dns.asked.clear()
            with open(self.place.path('out'), 'wb') as out:
                process = self.place.start('rep-check', '--file', self.lines(*addresses), stdout=out)
                wait_until(lambda: self.dns.asked.get('zen.test', 0) > 1000, 'a part of them has been asked')
                process.send_signal(number)
                said = process.communicate(timeout=120)[1]
            self.assertEqual(process.returncode, 128 + number)
            self.assertEqual(said.count('\n'), 2, said)         # the summary, and where it ended
            self.assertIn('interrupted', said.splitlines()[1])
            done = [line.split()[0] for line in self.place.text('out').splitlines() if line[0] != ' ']
            self.assertEqual(done, addresses[:len(done)])
            self.assertGreater(len(done), 100)
            self.assertLess(len(done), 20000)                   # it did not go on to the end
            # on a busy machine some are not cached: reputation/bulk_cache.h
            self.assertLessEqual(self.count('finding'), len(done))
            self.assertGreater(self.count('finding'), 100)

    def test_a_full_or_closed_stdout_is_74_and_prompt(self):
        self.says('zen', {}, others=one_by_one(0.0005))
        reader, writer = os.pipe()
        os.close(reader)
        for out in (os.open('/dev/full', os.O_WRONLY), writer):
            self.dns.asked.clear()
            self.run_it('rep-check', '--file', self.lines(*some(20000)), status=74, says='stdout', capture_output=False,
                        stdout=out, stderr=subprocess.PIPE)
            self.assertLess(self.dns.asked.get('zen.test', 0), 20000)
            os.close(out)

    def test_a_file_that_cannot_be_read_is_reported_in_one_line(self):
        self.run_it('rep-check', '--file', self.place.path('nowhere'), status=74, says='nowhere: No such file')
        self.run_it('rep-check', '--file', self.place.dir, status=74, says='Is a directory')

    def test_a_file_that_only_root_may_read_is_read(self):
        self.place.write('list', '45.1.1.1\n', 0o600)
        self.run_it('rep-check', '--file', self.place.path('list'))


class Costs(FileCase):
    has_api = True

    def setUp(self):
        self.start()

    def test_abuseipdb_is_never_asked(self):
        self.start(abuseipdb={'check': 'always'})
        self.listed('45.1.1.2')
        done = self.file('45.1.1.1\n45.1.1.2\n', status=10)
        self.assertEqual(done.stdout.count('not asked: --file'), 2)
        self.assertEqual(self.results(done), [['45.1.1.1', 'unlisted'], ['45.1.1.2', 'confirmed']])
        self.assertIn('2 addresses: 1 confirmed, 1 unlisted; AbuseIPDB was not asked', done.stderr)
        self.assertEqual(json.loads(self.file('45.1.1.1\n', '--json').stdout)['verdict'], 'unlisted')
        self.assertEqual(self.api.statistics()['connections'], 0)

    def test_what_abuseipdb_could_not_change_or_has_answered_is_clean(self):
        for change in ({'check': 'never'}, {'points': '100*2'}):
            self.start(abuseipdb=change)
            self.assertEqual(self.results(self.file('45.1.1.1\n')), [['45.1.1.1', 'clean']], change)

    def test_without_a_free_source_no_address_is_looked_up(self):
        self.place.change('[dnsbl zen]', '[dnsbl zen]\nenabled = no')
        self.run_it('rep-check', '--file', self.lines('45.1.1.1'), status=69, says='no source')

    def peak(self, count):
        """kB, seen by a small parent: a child's peak begins with its parent's."""
        command = self.place.command('rep-check', '--fresh', '--file', self.lines(*some(count)))
        done = subprocess.run([sys.executable, '-S', '-E', '-c', SMALL_PARENT, *command], capture_output=True,
                              timeout=120, check=True)
        return int(done.stderr.split()[-1])

    def test_memory_does_not_grow_with_the_list(self):
        if sanitizers(self.place.command('rep-check')[0]):
            self.skipTest('the address sanitizer keeps what is freed')
        self.says('zen', {reversed_of('45.0.0.1'): behaviours.delayed(1.2, NO)})
        small, large = self.peak(5000), self.peak(30000)
        self.assertLess(large, small + 8192, f'{small} kB, then {large} kB')

    def test_a_bar_is_for_terminals_only(self):
        self.says('zen', {}, others=one_by_one(0.001))
        for args, shown in (([], True), (['--quiet'], False)):
            seen = self.place.on_terminal('rep-check', *args, '--fresh', '--file', self.lines(*some(1500)),
                                          stdout=subprocess.DEVNULL)
            self.assertEqual(b'/s' in seen and b'%' in seen, shown, seen[-300:])
            if shown:
                self.assertIn(b'\r\x1b[Krep-check: 1500 addresses', seen[-200:])
