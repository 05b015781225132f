#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""rep-check --file: order, bad lines, interruption, memory, and what is never asked.

    test_file.py DIRECTORY-OF-PROGRAMS        (as root)
"""
import http.server
import json
import os
import pty
import resource
import signal
import subprocess
import sys
import threading
import unittest

import place
import test_bad_input as base
from dns_server import DnsList
from test_bad_input import CONF

SMALL_PARENT = ('import os,sys;p=os.posix_spawn(sys.argv[1],sys.argv[1:],{});'
                '_,s,r=os.wait4(p,0);sys.stderr.write(str(r.ru_maxrss));sys.exit(os.waitstatus_to_exitcode(s))')


def some(n, first=45):
    return [f'{first}.{i >> 16}.{i >> 8 & 255}.{i & 255}' for i in range(1, n + 1)]


class Case(base.Case):
    def serve(self, timeout_ms=3000, extra='', **how):
        self.dns = DnsList(**how)
        self.addCleanup(self.dns.stop)
        text = CONF.format(dir=self.dir).replace('127.0.0.1:9', f'127.0.0.1:{self.dns.port}')
        self.write('iprep.conf', text.replace('timeout_ms = 300', f'timeout_ms = {timeout_ms}') + extra)

    def check(self, content, *args, status=0, name='list', **more):
        if isinstance(content, str):
            content = content.encode()
        with open(self.path(name), 'wb') as f:
            f.write(content)
        with open(self.path(name), 'rb') as f:
            p = subprocess.run(self.command('rep-check', *args, '--file', self.path('list')
                                            if more.pop('by_name', True) else '-'),
                               stdin=f, capture_output=True, timeout=120, **more)
        self.assertEqual(p.returncode, status, p.stderr[-500:])
        return p

    def read(self, name):
        with open(self.path(name), encoding='ascii') as f:
            return f.read()

    def results(self, p):
        return [line.split()[:2] for line in p.stdout.decode().splitlines() if line[0] != ' ']


class Lists(Case):
    def test_results_are_in_input_order_behind_a_slow_head(self):
        self.serve(slow={'45.9.9.9': 1.0}, listed={'45.0.0.7'})
        wanted = ['45.9.9.9', *some(3000)]
        p = self.check('\n'.join(wanted) + '\n', status=10)
        self.assertEqual([r[0] for r in self.results(p)], wanted)
        self.assertEqual([r for r in self.results(p) if r[1] != 'unlisted'], [['45.0.0.7', 'confirmed']])
        self.assertEqual(p.stderr, b'rep-check: 3001 addresses: 1 confirmed, 3000 unlisted; AbuseIPDB was not asked\n')

    def test_who_never_answers_is_unknown_and_the_others_are_not(self):
        self.serve(silent={'45.0.0.5'}, timeout_ms=700)
        p = self.check('\n'.join(some(2000)), status=75)
        self.assertEqual([r for r in self.results(p) if r[1] != 'unlisted'], [['45.0.0.5', 'unknown']])

    def test_every_address_of_every_line_whatever_separates_them(self):
        self.serve(listed={'45.1.1.7'})
        p = self.check('# list\r\n\r\n45.1.1.1\t45.1.1.2,45.1.1.4\r\n   45.1.1.5 ; 45.1.1.6 # 45.1.1.9\r\n#45.1.1.9\n'
                       '  # 45.1.1.8\n2a00:1450::1, 45.1.1.7,\r\n::ffff:45.1.1.3', status=10)
        self.assertEqual([r[0] for r in self.results(p)], ['45.1.1.1', '45.1.1.2', '45.1.1.4', '45.1.1.5', '45.1.1.6',
                                                           '2a00:1450::1', '45.1.1.7', '45.1.1.3'])
        self.assertRegex(p.stderr, rb'^rep-check: 8 addresses: 1 confirmed, [67] unlisted.*; AbuseIPDB was not asked\n$')

    def test_what_is_no_address_anywhere_on_a_line_is_told_once_a_line(self):
        self.serve()
        p = self.check('45.1.1.1 seen twice\n45.1.1.2\n45.1.1.0/24 45.1.1.3\n45.1.1.4#x 45.1.1.5', status=65)
        name = self.path('list')
        self.assertEqual(p.stderr.decode().splitlines()[:-1], [
            f'rep-check: {name}:1: seen: not an IP address', f'rep-check: {name}:3: 45.1.1.0/24: not an IP address',
            f'rep-check: {name}:4: 45.1.1.4#x: not an IP address'])
        self.assertEqual([r[0] for r in self.results(p)], ['45.1.1.1', '45.1.1.2', '45.1.1.3', '45.1.1.5'])

    def test_bad_lines_are_told_with_their_numbers_and_the_rest_goes_on(self):
        self.serve(listed={'45.1.1.2'})
        p = self.check(b'45.1.1.1\n192.0.2.300 x\n\n45.1.1.2\n45.1.1.3\0junk\n' + b'9' * 1000000 +
                       b'\n45.1.1.4' + b' ' * 1000000 + b'\n\x1b[31m\n1.2.3\n45.1.1.5', status=65)
        name = self.path('list')
        lines = p.stderr.decode().splitlines()[:-1]
        self.assertEqual([l.split(': ')[1] for l in lines], [f'{name}:{n}' for n in (2, 5, 6, 8, 9)])
        self.assertEqual(lines[0], f'rep-check: {name}:2: 192.0.2.300: not an IP address')
        self.assertIn('45.1.1.3?junk', lines[1])
        self.assertLess(max(map(len, lines)), 250)
        self.assertNotIn(b'\x1b', p.stderr)
        self.assertEqual([r[0] for r in self.results(p)], ['45.1.1.1', '45.1.1.2', '45.1.1.4', '45.1.1.5'])

    def test_nothing_in_it_is_nothing_done(self):
        self.serve()
        for content in ('', '\n', '# nothing\n', '\n\n  \n'):
            p = self.check(content)
            self.assertEqual((p.stdout, p.stderr), (b'', b'rep-check: 0 addresses\n'))

    def test_stdin_and_json(self):
        self.serve(listed={'45.1.1.2'})
        p = self.check('45.1.1.1\n45.1.1.2\n10.0.0.1\n', '-j', status=10, by_name=False)
        objects = [json.loads(line) for line in p.stdout.splitlines()]
        self.assertEqual([(o['address'], o['verdict']) for o in objects],
                         [('45.1.1.1', 'unlisted'), ('45.1.1.2', 'confirmed'), ('10.0.0.1', 'exempt')])

    def test_a_pipe_that_pauses_gets_its_answers_immediately(self):
        self.serve()
        p = subprocess.Popen(self.command('rep-check', '--file', '-'), stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for address in ('45.1.1.1', '45.1.1.2'):
            p.stdin.write(address.encode() + b'\n')
            p.stdin.flush()
            self.assertTrue(p.stdout.readline().startswith(address.encode()))
            self.assertIn(b'zen', p.stdout.readline())
            self.assertIn(b'not asked: --file', p.stdout.readline())
        p.stdin.close()
        self.assertEqual(p.wait(30), 0)
        p.stdout.close()
        p.stderr.close()

    def test_the_cache_is_used_and_filled(self):
        self.serve(listed={'45.0.0.7'})
        text = '\n'.join(some(300))
        self.check(text, status=10)
        self.assertEqual(self.sql('SELECT count(*), sum(listed) FROM finding'), [(300, 1)])
        self.assertEqual(self.sql('SELECT count(*) FROM block'), [(0,)])
        self.dns.asked.clear()
        p = self.check(text, status=10)
        self.assertEqual((self.dns.asked, len(self.results(p))), ([], 300))
        self.check(text, '--fresh', status=10)
        self.assertGreaterEqual(len(self.dns.asked), 300)

    def test_a_locked_database_slows_nothing_down(self):
        self.serve()
        self.check('45.1.1.1\n')
        db = base.sqlite3.connect(self.path('state/iprep.db'), isolation_level=None)
        db.execute('BEGIN IMMEDIATE')
        p = self.check('\n'.join(some(3000)))         # 2 s for each address would not end in time
        db.execute('ROLLBACK')
        db.close()
        self.assertEqual(len(self.results(p)), 3000)
        self.assertEqual(p.stderr.count(b'\n'), 2, p.stderr)
        self.assertIn(b'not cached', p.stderr)


class Ends(Case):
    def test_interrupted_it_keeps_what_was_done(self):
        self.serve(pause=0.002)
        with open(self.path('list'), 'w', encoding='ascii') as f:
            f.write('\n'.join(some(20000)))
        for number in (signal.SIGINT, signal.SIGTERM):
            self.dns.asked.clear()
            with open(self.path('out'), 'wb') as out:
                p = subprocess.Popen(self.command('rep-check', '--file', self.path('list')), stdout=out,
                                     stderr=subprocess.PIPE)
                place.wait_until(lambda: len(self.dns.asked) > 1000, 'a part of them has been asked')
                p.send_signal(number)
                err = p.communicate(timeout=120)[1]
            self.assertEqual(p.returncode, 128 + number)
            self.assertEqual(err.count(b'\n'), 2, err)        # the summary, and where it ended
            self.assertIn(b'interrupted', err.splitlines()[1])
            with open(self.path('out'), encoding='ascii') as out:
                done = [line.split()[0] for line in out if line[0] != ' ']
            self.assertEqual(done, some(20000)[:len(done)])
            self.assertGreater(len(done), 100)
            self.assertLess(len(done), 20000)      # it did not go on to the end
            self.assertEqual(self.sql('SELECT count(*) FROM finding'), [(len(done),)])

    def test_a_full_or_closed_stdout_is_74_and_prompt(self):
        self.serve(pause=0.0005)
        with open(self.path('list'), 'w', encoding='ascii') as f:
            f.write('\n'.join(some(20000)))
        reader, writer = os.pipe()
        os.close(reader)
        for out in (os.open('/dev/full', os.O_WRONLY), writer):
            self.dns.asked.clear()
            self.run_it('rep-check', '--file', self.path('list'), status=74, says='stdout', stdout=out)
            self.assertLess(len(self.dns.asked), 20000)
            os.close(out)

    def test_a_file_that_cannot_be_read_is_reported_in_one_line(self):
        self.serve()
        self.run_it('rep-check', '--file', self.path('nowhere'), status=74, says='nowhere: No such file')
        self.run_it('rep-check', '--file', self.dir, status=74, says='Is a directory')

    def test_usage(self):
        for args, says in ((['--file', 'x', '45.1.1.1'], 'takes no address'), (['--file'], 'value'),
                           (['--file', 'x', '--ready'], 'exclude'), (['--file', 'x', '--self-test'], 'exclude'),
                           (['--file', 'x', '--cached', '--fresh'], 'exclude')):
            self.run_it('rep-check', *args, status=64, says=says)
        self.run_it('rep-check', '--gate', '--file', 'x', '--', '45.1.1.1', status=0)   # a gate never fails

    def test_a_file_that_only_root_may_read_is_read(self):
        self.serve()
        with open(self.path('list'), 'w', encoding='ascii') as f:
            f.write('45.1.1.1\n')
        os.chmod(self.path('list'), 0o600)
        self.run_it('rep-check', '--file', self.path('list'), status=0)


class Costs(Case):
    def test_abuseipdb_is_never_asked(self):
        asked = []

        class Api(http.server.BaseHTTPRequestHandler):
            def do_GET(self):              # pylint: disable=invalid-name
                asked.append(self.path)
                self.send_error(500)

        api = http.server.HTTPServer(('127.0.0.1', 0), Api)
        threading.Thread(target=api.serve_forever, daemon=True).start()
        self.addCleanup(api.server_close)
        self.addCleanup(api.shutdown)
        self.serve(listed={'45.1.1.2'})
        self.write('iprep.conf', self.read('iprep.conf').replace('[abuseipdb]', f'[abuseipdb]\nurl = http://127.0.0.1:'
                                              f'{api.server_port}/api/v2\ncheck = always'))
        p = self.check('45.1.1.1\n45.1.1.2\n', status=10)
        self.assertEqual(asked, [])
        self.assertEqual(p.stdout.count(b'not asked: --file'), 2)
        self.assertEqual(self.results(p), [['45.1.1.1', 'unlisted'], ['45.1.1.2', 'confirmed']])
        self.assertIn(b'2 addresses: 1 confirmed, 1 unlisted; AbuseIPDB was not asked', p.stderr)
        p = self.check('45.1.1.1\n', '--json')
        self.assertEqual(json.loads(p.stdout)['verdict'], 'unlisted')

    def test_what_abuseipdb_could_not_change_or_has_answered_is_clean(self):
        self.serve()
        text = self.read('iprep.conf')
        for change in (('[abuseipdb]', '[abuseipdb]\ncheck = never'), ('[abuseipdb]', '[abuseipdb]\npoints = 100*2')):
            self.write('iprep.conf', text.replace(*change))
            self.assertEqual(self.results(self.check('45.1.1.1\n')), [['45.1.1.1', 'clean']], change)

    def test_without_a_free_source_no_address_is_looked_up(self):
        self.serve()
        self.write('iprep.conf', self.read('iprep.conf').replace('[dnsbl zen]', '[dnsbl zen]\nenabled = no'))
        with open(self.path('list'), 'w', encoding='ascii') as f:
            f.write('45.1.1.1\n')
        self.run_it('rep-check', '--file', self.path('list'), status=69, says='no source')

    def peak(self, n):
        """kB, seen by a small parent: a child's peak begins with its parent's."""
        with open(self.path('list'), 'w', encoding='ascii') as f:
            f.write('\n'.join(some(n)))
        p = subprocess.run([sys.executable, '-S', '-E', '-c', SMALL_PARENT,
                            *self.command('rep-check', '--fresh', '--file', self.path('list'))],
                           capture_output=True, timeout=120, check=True)
        return int(p.stderr.split()[-1])

    def test_memory_does_not_grow_with_the_list(self):
        with open(os.path.join(base.BIN, 'rep-check'), 'rb') as f:
            if b'__asan' in f.read():
                self.skipTest('the address sanitizer keeps what is freed')
        self.serve(slow={'45.0.0.1': 1.2})
        small, large = self.peak(5000), self.peak(30000)
        self.assertLess(large, small + 8192, f'{small} kB, then {large} kB')

    def test_a_bar_is_for_terminals_only(self):
        self.serve(pause=0.001)
        with open(self.path('list'), 'w', encoding='ascii') as f:
            f.write('\n'.join(some(1500)))
        for args, shown in (([], True), (['--quiet'], False)):
            master, slave = pty.openpty()
            p = subprocess.Popen(self.command('rep-check', *args, '--fresh', '--file', self.path('list')),
                                 stdout=subprocess.DEVNULL, stderr=slave)
            os.close(slave)
            seen = b''
            try:
                while chunk := os.read(master, 65536):
                    seen += chunk
            except OSError:                # the terminal is gone with its last writer
                pass
            os.close(master)
            self.assertEqual(p.wait(30), 0)
            self.assertEqual(b'/s' in seen and b'%' in seen, shown, seen[-300:])
            if shown:
                self.assertIn(b'\r\x1b[Krep-check: 1500 addresses', seen[-200:])


if __name__ == '__main__':
    base.BIN = sys.argv.pop(1)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    unittest.main(verbosity=1)
