# SPDX-License-Identifier: MIT
"""Keys appear nowhere: not in output, syslog, state, verdict log, JSON, /proc or a core dump.

Every program runs with -v, with an API key and a key in a zone, against honest and failing servers,
and against servers that send the key back. Keys are new in every run. /dev/log is the test's own.
"""
import base64
import os
import resource
import secrets
import signal
import subprocess
import unittest

import own_dev
from api import Emulator
from api_server import Api, answer
from cases import BAD, Case
from certificates import Certificates
from dns import behaviours as b
from dns.server import Server, Zone
from echoes import ECHOES, error
from leaks import Needle, files_below
from places import OWNER, Place, new_key
from proc_probe import PRIVATE, PUBLIC, as_owner, probe
from waiting import wait_until

LOG = None
ADDRESS = '45.1.1.1'
STRANGER = 65533                           # neither root nor the state's owner
KEY_FILES = ('key', 'zone.key')
# Everything that uses a key, or a text that came with one.
DEBUG_RUN = (('rep-check', '-v', ADDRESS), ('rep-check', '-v', '--fresh', '--json', '45.1.1.2'),
             ('rep-check', '-v', '--cached', ADDRESS), ('rep-check', '-v', '--ready'),
             ('rep-check', '-v', '--self-test'), ('rep-check', '-v', '--self-test', '--json'),
             ('rep-check', '-v', '--gate', '--user', 'u', '--jail', 'gated', '--', '45.1.1.3'),
             ('rep-check', '-v', '--gate', '--', 'nonsense'), ('rep-check', '-v', '--login', '--', '45.1.1.4'),
             ('rep-report', '-v', '--enqueue', '--jail', 'sshd', '--', ADDRESS),
             ('rep-report', '-v', '--flush'),
             ('rep-report', '-v', '--jail', 'sshd', '--failures', '3', '--', '45.1.1.5'),
             ('rep-report', '-v', '-n', '--', '45.1.1.6'), ('rep-report', '-v', '--json', '--flush'),
             ('rep-report', '-v', '--status', '--json'), ('rep-report', '-v', '--status'),
             ('rep-purge', '-v', '-n'), ('rep-purge', '-v'),
             ('rep-purge', '-v', '--pardon', '1d', '45.1.1.5'))
REPORT_FIRST = [run for run in DEBUG_RUN if run[0] == 'rep-report']


def setUpModule():
    global LOG
    LOG = own_dev.syslog()


class SecretsCase(Case):
    def setUp(self):
        self.dns = self.open(Server())
        self.key, self.zone_key = new_key(), secrets.token_hex(13)
        self.needles = [Needle('API key', self.key), Needle('zone key', self.zone_key)]
        self.said = []                     # (where, bytes)
        self.zone = self.zone_key + '.s.test'
        self.dns.zones[self.zone] = Zone({'1.1.1.45': b.listed('127.0.0.2', txt='see ' + self.zone)})
        LOG.clear()

    def start(self, url, start='none', timeout_ms=1500):
        super().start(api=url, dns=self.dns.port, worker={'start': start}, general={'timeout_ms': timeout_ms},
                      lists={'keyed': {'zone': '%{key:{dir}/zone.key}.s.test', 'points': '127.0.0.2*3'}})
        self.place.write('zone.key', self.zone_key + '\n', 0o600, OWNER)

    def emulator(self, **more):
        return self.open(Emulator({ADDRESS: BAD}, key=self.key, **more))

    def run_all(self, runs=DEBUG_RUN):
        for program, *args in runs:
            p = self.place.run(program, *args, text=False)
            self.said.append((f'{program} {" ".join(args)}', p.stdout + b'\n' + p.stderr))
        return b''.join(text for _, text in self.said)

    def file(self, *argv):
        """Look a file of addresses up, as rep-check --file does."""
        self.place.write('addresses', '\n'.join(argv) + '\n')
        return self.run_all([('rep-check', '-v', '--file', self.place.path('addresses'))])

    def leaks(self, *directories):
        """["KEY in PLACE: the line"] of all output, of syslog, and of all files except key files."""
        wait_until(lambda: not (self.place.workers() or self.place.is_working()), 'the workers have ended')
        but = [self.place.path(name) for name in KEY_FILES]
        where = [*self.said, ('syslog', LOG.text())]
        for top in (self.place.dir, *directories):
            where += files_below(top, but)
        return [f'{n.name} in {what}: {n.around(data)}' for what, data in where for n in self.needles
                if n.found(data)]

    def none_leaks(self, *directories):
        leaks = self.leaks(*directories)
        if leaks:
            self.fail('\n'.join(leaks))


class TheSearch(unittest.TestCase):
    """Would it find one?"""

    def test_a_key_is_found_in_every_encoding_and_so_is_a_piece_of_it(self):
        key = new_key()
        needle = Needle('k', key)
        for name, text in (('plain', key), ('upper', key.upper()), ('middle', key[30:46]),
                           ('percent', ''.join(f'%{ord(c):02X}' for c in key)),
                           ('some percent', key[:8] + f'%{ord(key[8]):02x}' + key[9:16]),
                           ('json', ''.join(f'\\u{ord(c):04x}' for c in key)), ('hex', key.encode().hex()),
                           ('piece in hex', key[3:19].encode().hex().upper()), ('utf-16', '\0'.join(key))):
            with self.subTest(name):
                self.assertTrue(needle.found(b'x' + text.encode() + b'y'))
        for i in range(3):
            text = base64.b64encode(b'z' * i + key[i:i + 16].encode() + b'!')
            self.assertEqual(needle.found(text), 'base64')
        self.assertIsNone(needle.found(new_key().encode() + key[:15].encode()))

    def test_the_files_that_are_left_out_are_those_that_would_be_found(self):
        key = new_key()
        p = Place('', key=key)
        self.addCleanup(p.close)
        os.symlink('/nowhere/' + key, p.path('link'))
        p.write('state/' + key[:40], 'named after it')
        found = {path for path, data in files_below(p.dir) if Needle('k', key).found(data)}
        self.assertEqual(found, {p.path('key'), p.path('link'), p.path('state/' + key[:40])})


class DebugRun(SecretsCase):
    def test_every_program_with_every_detail_says_no_key(self):
        api = self.emulator()
        self.start(api.url)
        said = self.run_all() + self.file(ADDRESS, '45.1.2.1', '45.1.2.2')
        self.none_leaks(api.dir)
        stats = api.control('stats')['endpoints']
        for endpoint in ('check', 'report'):       # the key was used, and the trace was on
            self.assertGreater(stats[endpoint]['accepted'], 0)
            self.assertNotIn('auth', stats[endpoint]['refused'])
        self.assertGreater(self.dns.questions[self.zone, '1.1.1.45'], 0)
        self.assertIn(b'http: < HTTP/1.1 200', said)
        self.assertRegex(self.place.verdict_log(), r'verdict=confirmed ip=45\.1\.1\.1 .*src=\S*keyed')
        self.assertIn(b'nonsense', LOG.text())

    def test_the_worker_that_a_hook_starts_says_none_either(self):
        api = self.emulator()
        self.start(api.url, start='spawn')
        self.run_all([('rep-report', '-v', '--enqueue', '--jail', 'sshd', '--', ADDRESS)])
        wait_until(lambda: 'ip=' + ADDRESS in self.place.verdict_log(), 'the worker has announced it')
        with open('/dev/null', 'wb') as null:      # which it takes as: talk to syslog
            self.run_all([('rep-report', '-v', '--enqueue', '--', '45.1.1.9')])
            p = self.place.run('rep-report', '-v', '--flush', capture_output=False, stdout=null, stderr=null)
        self.assertIn(p.returncode, (0, 75))
        wait_until(lambda: self.sql('SELECT count(*) FROM report WHERE state < 2') == [(0,)],
                         'everything is sent')
        self.none_leaks(api.dir)

    def test_debug_lines_in_syslog_hold_none(self):
        api = self.emulator()
        self.start(api.url)
        self.run_all([('rep-report', '-v', '--enqueue', '--', ADDRESS)])
        with open('/dev/null', 'wb') as null:
            self.place.run('rep-report', '-v', '--flush', capture_output=False, stdout=null, stderr=null)
        self.assertIn(b'http: < HTTP/1.1 200', LOG.text())
        self.none_leaks(api.dir)

    def test_errors_of_the_service_hold_none(self):
        for fault in ('http_401', 'http_402', 'http_403_html', 'http_404', 'http_422', 'http_500',
                      'http_502_html', 'quota_429', 'quota_429_no_header', 'dup_429', 'html_200',
                      'reset_before', 'reset_after', 'close_after', 'empty_200', 'garbage_json',
                      'truncated_json', 'wrong_types', 'bad_chunk', 'wrong_length', 'redirect_302'):
            with self.subTest(fault):
                self.said.clear()
                api = self.emulator()
                self.start(api.url)
                api.fault(fault)
                self.run_all()
                self.none_leaks(api.dir)
                self.assertGreater(api.control('stats')['faults'][fault], 0)

    def test_failures_of_network_and_tls_hold_none(self):
        certificates = self.open(Certificates())
        api = self.emulator(tls=certificates.self_signed('own', 'IP:127.0.0.1'))
        for url, says in ((api.url, b'certificate'), (api.url.replace('https', 'http'), b''),
                          ('http://127.0.0.1:1/api/v2', b'onnect'), ('https://127.0.0.1:1/api/v2', b'onnect'),
                          (f'https://127.0.0.1:{self.port_without_tls()}/api/v2', b'')):
            with self.subTest(url):
                self.said.clear()
                self.start(url)
                self.assertIn(says, self.run_all())
                self.none_leaks(api.dir)
        self.assertEqual(api.control('stats')['requests'], 0)

    def test_bad_keys_are_refused_without_saying_them(self):
        self.start('http://127.0.0.1:1/api/v2')
        for name in KEY_FILES:
            good = self.key if name == 'key' else self.zone_key
            for text, mode in ((good + '\n', 0o644), (good + '\n', 0o666), (good + ' ' + good, 0o600),
                               (good + '\1', 0o600), (good * 60, 0o600), ('\n' + good, 0o600)):
                self.said.clear()
                self.place.write(name, text, mode, OWNER)
                said = self.run_all()
                self.assertIn(self.place.path(name).encode(), said)
                self.none_leaks()
            self.place.write(name, good, 0o600, OWNER)

    def port_without_tls(self):
        """Of a server that answers a TLS greeting in plain HTTP."""
        return self.open(Api(lambda request: answer(200, '{}'))).server_address[1]


# ---- servers that send the key back ----

class Echo(SecretsCase):
    def try_all(self, change=lambda key: key, cases=None):
        for name, make in (cases or ECHOES).items():
            with self.subTest(name):
                self.said.clear()
                LOG.clear()
                with Api(lambda r, make=make: make(r, change(r.headers['Key']))) as api:
                    self.start(api.url)
                    self.run_all()
                    if 'POST' not in {r.command for r in api.requests}:    # a 401 stops all that follows it
                        self.none_leaks()
                        self.start(api.url)
                        self.run_all(REPORT_FIRST)
                    self.assertEqual({r.headers['Key'] for r in api.requests}, {self.key})
                    self.assertEqual({r.command for r in api.requests}, {'GET', 'POST'})
                self.none_leaks()

    def try_listings(self, texts):
        self.start('http://127.0.0.1:1/api/v2')
        for name, txt in texts.items():
            with self.subTest(name):
                self.said.clear()
                self.dns.zones[self.zone] = Zone(b.listed('127.0.0.2', txt=txt))
                self.assertIn(b'keyed', self.run_all([('rep-check', '-v', '--fresh', ADDRESS),
                                                      ('rep-check', '-v', '--fresh', '--json', ADDRESS),
                                                      ('rep-check', '-v', '--self-test')]))
                self.none_leaks()

    def test_a_zone_key_in_the_text_of_a_listing_is_not_passed_on(self):
        key = self.zone_key
        self.try_listings({'alone': key, 'in a sentence': f'your key {key} is over its limit',
                           'in the zone': self.zone, 'in capitals': key.upper(),
                           'in a link': f'https://x.test/?k={key}&a=1',
                           **{f'after {n} bytes': 'x' * n + key for n in (80, 92, 96, 98, 100, 220, 236)}})

    def test_a_key_that_the_service_sends_back_is_not_passed_on(self):
        self.try_all()


REWRITTEN = {'15 characters': lambda key: key[:15], '12 of the middle': lambda key: key[30:42],
             'spaced': ' '.join, 'in pairs': lambda key: ':'.join(key[i:i + 2] for i in range(0, 80, 2)),
             'in quotes': lambda key: ' '.join(f"'{c}'" for c in key), 'backwards': lambda key: key[::-1],
             'base64': lambda key: base64.b64encode(key.encode()).decode(),
             'base64 after a byte': lambda key: base64.b64encode(b'x' + key.encode()).decode(),
             'base64 of the bytes': lambda key: base64.b64encode(bytes.fromhex(key)).decode(),
             'hexadecimal': lambda key: key.encode().hex(),
             'percent-encoded': lambda key: ''.join(f'%{ord(c):02x}' for c in key),
             'escaped': lambda key: ''.join(f'\\x{ord(c):02x}' for c in key)}


class EchoOfPieces(Echo):
    """The same with what is not the key as it was sent, but tells it, or enough of it."""

    test_a_zone_key_in_the_text_of_a_listing_is_not_passed_on = None
    test_a_key_that_the_service_sends_back_is_not_passed_on = None

    SOME = {name: ECHOES[name] for name in (
        'nothing but the key in detail', '401 with the key in detail', 'header fields', 'Location',
        'the reason phrase', 'every string of a 200', 'the time')}

    def test_a_key_in_capital_letters_is_not_passed_on(self):
        self.try_all(str.upper, self.SOME)

    def test_a_half_of_a_key_is_not_passed_on(self):
        self.try_all(lambda key: key[:40] + '...', self.SOME)

    def test_a_key_in_two_lines_of_a_header_is_not_passed_on(self):
        self.try_all(cases={'two lines': lambda r, k: answer(401, '{}', 'X-A: ' + k[:40], 'X-B: ' + k[40:])})

    def test_a_short_piece_and_a_key_that_is_written_differently_are_not_passed_on(self):
        runs = [('rep-check', '-v', ADDRESS), ('rep-report', '-v', '--enqueue', '--jail', 'sshd', '--', ADDRESS),
                ('rep-report', '-v', '--flush'), ('rep-report', '-v', '--status'),
                ('rep-check', '--cached', '--', ADDRESS)]
        for name, change in REWRITTEN.items():
            with self.subTest(name):
                self.said.clear()
                LOG.clear()
                def refuse(r, change=change):
                    shown = change(r.headers['Key'])
                    return error(422, f'Refused: {shown}', 'X-Echo: ' + shown)
                with Api(refuse) as api:
                    self.start(api.url)
                    self.assertIn(b'HTTP 422', self.run_all(runs))
                files = files_below(self.place.dir, [self.place.path(name) for name in KEY_FILES])
                shown = change(self.key)[:12].encode()
                said = [*self.said, ('syslog', LOG.text()), *files]
                self.assertEqual([what for what, data in said if shown in data], [])

    def test_a_piece_of_a_zone_key_is_not_passed_on(self):
        key = self.zone_key
        self.try_listings({'its first 20 digits': key[:20],
                           'encoded': ''.join(f'%{ord(c):02x}' for c in key)})


class KeyInTheConfiguration(SecretsCase):
    def test_a_key_written_there_by_mistake_is_not_printed(self):
        self.start('http://127.0.0.1:1/api/v2')
        good = self.place.text('iprep.conf')
        for line in ('key = KEY', 'key_file = KEY', 'url = https://x:KEY@h/x', 'KEY',
                     '[dnsbl x]\nzone = %{key:KEY}.z.test\npoints = *3',
                     '[dnsbl x]\nzone = %{KEY}.z.test\npoints = *3'):
            with self.subTest(line):
                self.said.clear()
                LOG.clear()
                word = line.split()[0]
                text = good.replace(f'\n{word} =', f'\n# {word} =') + line.replace('KEY', self.key) + '\n'
                self.place.write('iprep.conf', text)
                runs = [('rep-check', '-v', ADDRESS), ('rep-check', '--gate', '--', ADDRESS)]
                self.assertIn(b'iprep.conf:', self.run_all(runs) and LOG.text())
                own = f' in {self.place.path("iprep.conf")}: '
                self.assertEqual([leak for leak in self.leaks() if own not in leak], [])


# ---- what others see of a running process ----

class Running(SecretsCase):
    PROGRAMS = (('rep-report', '--flush'), ('rep-report', '--jail', 'sshd', '--', '45.1.1.7'),
                ('rep-check', '--fresh', '45.1.1.8'), ('rep-check', '--self-test'))

    def setUp(self):
        super().setUp()
        self.api = self.emulator()
        self.start(self.api.url, timeout_ms=60000)
        self.place.run('rep-report', '--enqueue', '--', ADDRESS)
        os.mkdir(self.place.path('cores'))
        os.chmod(self.place.path('cores'), 0o777)

    def in_request(self, program, *args):
        """A process that holds the key and waits for an answer."""
        self.api.control('reset', {})
        self.api.fault('hang')
        process = self.popen(self.place.command(program, *args))
        wait_until(lambda: self.api.control('stats')['in_flight_most'] > 0, 'its request has arrived')
        return process

    def popen(self, argv, first=lambda: None, **more):
        def prepare():
            resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            first()
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL, preexec_fn=prepare,
                                   cwd=self.place.path('cores'), **more)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def control(self):
        """A process of the state's owner that does it all wrong: the key in its environment and arguments."""
        return self.popen(['/usr/bin/python3', '-c', 'import time; time.sleep(999)', self.key], as_owner,
                          env={'KEY': self.key})

    def await_control(self, process):
        def runs():
            with open(f'/proc/{process.pid}/cmdline', 'rb') as f:
                return f.read().endswith(self.key.encode() + b'\0')
        wait_until(runs, 'it runs')

    def test_a_careless_process_would_be_found_out(self):
        process = self.control()
        self.await_control(process)
        self.assertEqual(os.stat(f'/proc/{process.pid}/environ').st_uid, OWNER)
        seen = probe(process.pid, OWNER, PRIVATE)
        self.assertEqual(self.needles[0].found(seen['environ']), 'plain')
        self.assertIsInstance(seen['maps'], bytes)
        self.assertEqual(seen['fd'], 'listed')
        seen = probe(process.pid, STRANGER, PRIVATE + PUBLIC)
        self.assertEqual(self.needles[0].found(seen['cmdline']), 'plain')
        self.assertIsInstance(seen['environ'], int)

    def test_other_users_see_no_key_in_proc_and_even_its_owner_sees_only_what_is_public(self):
        for argv in self.PROGRAMS:
            with self.subTest(argv):
                process = self.in_request(*argv)
                with open(f'/proc/{process.pid}/status', encoding='ascii') as f:
                    self.assertIn(f'\nUid:\t{OWNER}\t{OWNER}\t', f.read())
                for uid in (STRANGER, OWNER):
                    seen = probe(process.pid, uid, PRIVATE + PUBLIC)
                    read = [name for name in PRIVATE if not isinstance(seen[name], int)]
                    self.assertEqual(read, [], f'as user {uid}')
                    self.assertIn(argv[0].encode(), seen['cmdline'])
                    for name in PUBLIC:
                        self.assertIsInstance(seen[name], bytes, name)
                        self.assertIsNone(self.needles[0].found(seen[name]), name)
                process.kill()
                process.wait()

    def test_root_sees_no_key_in_the_environment_and_arguments(self):
        process = self.in_request('rep-report', '--flush')
        for name in ('environ', 'cmdline'):
            with open(f'/proc/{process.pid}/{name}', 'rb') as f:
                data = f.read()
            self.assertTrue(data, name)
            self.assertIsNone(self.needles[0].found(data), name)

    def test_what_is_in_proc_belongs_to_root_because_the_process_is_not_dumpable(self):
        for argv in self.PROGRAMS:
            with self.subTest(argv):
                process = self.in_request(*argv)
                owners = {os.stat(f'/proc/{process.pid}/{name}').st_uid for name in ('environ', 'mem', 'fd')}
                self.assertEqual(owners, {0})
                process.kill()
                process.wait()

    def dumps_core(self, process):
        process.send_signal(signal.SIGABRT)
        _, status = os.waitpid(process.pid, 0)
        process.returncode = -signal.SIGABRT
        self.assertTrue(os.WIFSIGNALED(status))
        self.assertEqual(os.WTERMSIG(status), signal.SIGABRT)
        return os.WCOREDUMP(status)

    def test_a_crash_leaves_no_core_dump(self):
        control = self.control()
        self.await_control(control)
        if not self.dumps_core(control):
            self.skipTest('SKIPPED: this machine makes no core dumps at all, so nothing is shown')
        for name in os.listdir(self.place.path('cores')):
            os.unlink(self.place.path('cores/' + name))
        for argv in self.PROGRAMS:
            with self.subTest(argv):
                self.assertFalse(self.dumps_core(self.in_request(*argv)))
        self.assertEqual(os.listdir(self.place.path('cores')), [])
