# SPDX-License-Identifier: MIT
"""
Every row of data/disasters.tsv, by hand and through the worker, against real servers

rbldnsd and unbound are Debian's, unpacked and started here on loopback; hostile answers come from lib/dns, AbuseIPDB's
from the emulator, or are a body given in the row.
"""
import contextlib
import os
import shutil
import socket
import tempfile
import time
import unittest

import configuration
import places
import rows
import verdicts
from api import Emulator
from api_server import Api, answer
from dns.behaviours import parse
from dns.server import Server, Zone
from host import packages, process

ADDRESS = '45.1.1.1'
BAD = {'abuseConfidenceScore': 100, 'totalReports': 9, 'lastReportedAt': 'now-1h'}
HEAD = '$SOA 3600 ns.test. host.test. 0 600 300 86400 15\n$TTL 60\n'
SETS = {'world.r.test': ('ip4trie', ':127.0.0.2:world\n0/0\n'),
        'blocked.r.test': ('ip4trie', ':127.255.255.254:open resolver\n0/0\n'),
        'pbl.r.test': ('ip4set', f'127.0.0.2 :127.0.0.2:test\n{ADDRESS} :127.0.0.10:policy\n'),
        'good.r.test': ('ip4set', f':127.0.0.2:listed\n127.0.0.2\n{ADDRESS}\n')}
UNBOUND = '''server:
  interface: 127.0.0.1@{port}
  do-daemonize: no
  username: ""
  chroot: ""
  directory: "{directory}"
  pidfile: ""
  use-syslog: no
  do-not-query-localhost: no
  module-config: "iterator"
  qname-minimisation: no
  local-zone: "test." nodefault
forward-zone:
  name: "test."
  forward-addr: 127.0.0.1@{hostile}
forward-zone:
  name: "r.test."
  forward-addr: 127.0.0.1@{rbldnsd}
remote-control:
  control-enable: no
'''


def free_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


def answers(port):
    """Does a DNS server answer there, whatever it says?"""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(0.3)
        s.sendto(b'\x12\x34\1\0\0\1\0\0\0\0\0\0\1x\1r\4test\0\0\1\0\1', ('127.0.0.1', port))
        try:
            return bool(s.recv(512))
        except OSError:
            return False


def pairs(words):
    """FIELD=VALUE, as JSON has them."""
    constants = {'true': True, 'false': False, 'null': None}
    made = dict(word.split('=') for word in words)
    return {key: constants.get(text, int(text) if text.isdigit() else text) for key, text in made.items()}


def api_of(row):
    kind, _, rest = row['api'].partition(' ')
    if kind == '-':
        return contextlib.nullcontext()
    if kind == 'body':
        body = rest.replace('NOW', time.strftime('%Y-%m-%dT%H:%M:%S+00:00', time.gmtime()))
        return Api(lambda request: answer(200, body, 'Content-Type: application/json') if request.command == 'GET'
                   else answer(503))
    name, *more = rest.split()
    emulator = Emulator({ADDRESS: pairs([name, *more]) if kind == 'seed' else BAD})
    if kind == 'fault':
        emulator.fault(name, 'check', **pairs(more))
    return contextlib.closing(emulator)


class Disasters(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix='iprep-disasters.', dir='/var/tmp')
        self.addCleanup(shutil.rmtree, self.directory)
        os.chmod(self.directory, 0o755)
        self.packages = packages.Packages(places.packages(self.directory), "unbound")
        self.dns = self.enterContext(Server())
        self.ports = {'hostile': self.dns.port}
        self.start('rbldnsd', self.rbldnsd)
        self.start('unbound', self.unbound)

    def start(self, name, command):
        """A daemon; one whose port another process took before it could is started again."""
        for turn in range(5):
            port = self.ports[name] = free_port()
            argv, environment = command(self.packages.find(name), port)
            server = process.Server(argv, f'{self.directory}/{name}.log', environment)
            self.addCleanup(server.stop)
            try:
                return server.await_ready(lambda: answers(port))
            except process.CommandError:
                if turn == 4:
                    raise

    def write(self, name, text):
        with open(f'{self.directory}/{name}', 'w', encoding='ascii') as f:
            f.write(text)

    def rbldnsd(self, program, port):
        for zone, (_, text) in SETS.items():
            self.write(zone, HEAD + text)
        return [program, '-n', '-q', '-u', 'nobody', '-b', f'127.0.0.1/{port}', '-w', self.directory,
                *[f'{zone}:{kind}:{zone}' for zone, (kind, _) in SETS.items()]], None

    def unbound(self, program, port):
        self.write('unbound.conf', UNBOUND.format(**{**self.ports, 'port': port, 'directory': self.directory}))
        environment = self.packages.environment() if program.startswith(self.packages.root) else None
        return [program, '-d', '-p', '-c', f'{self.directory}/unbound.conf'], environment

    def test_no_row_but_the_controls_ends_in_confirmed(self):
        table = rows.read('disasters.tsv', at_least=31)
        rows.check(self, table, self.try_row)
        if not rows.ONLY:
            self.assertGreater(sum(row['verdict'] == 'confirmed' for row in table), 2)

    def try_row(self, row):
        zone = row['list']
        if row['resolver'] == 'hostile':
            zone = f"{row['name']}.test"
            self.dns.zones[zone] = Zone(parse(row['list']), None if row['point'] == 'honest' else parse(row['point']))
        lists = {'list': {'zone': zone, 'points': '127.0.0.[2..9]*3'}}
        if row['allow'] != '-':
            lists['allow'] = {'zone': f"allow-{row['name']}.test", 'points': '127.0.[0..255].[1..3]*-4'}
            self.dns.zones[lists['allow']['zone']] = Zone(parse(row['allow']))
        # faults are those of the check: the answer to the report before it said 100, which is worth the lowest tier
        confirmed = row['verdict'] == 'confirmed' or row['api'].startswith('fault ')
        with api_of(row) as api:
            conf = configuration.build(general={'timeout_ms': 1000}, sections={'tier notorious': None}, lists=lists,
                                       dns=self.ports[row['resolver']], api=api and api.url)
            with contextlib.closing(places.Place(conf)) as place:
                yield from verdicts.by_hand(place, ADDRESS, row, *row['finding'].split(), with_answer=True)
            with contextlib.closing(places.Place(conf)) as place:
                yield from verdicts.by_worker(place, ADDRESS, confirmed)
