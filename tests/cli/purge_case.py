# SPDX-License-Identifier: MIT
"""purge_case.py - tests of rep-purge: a place with a DNS server; time moves by changing times in
the database"""
import ipaddress
import json
import os
import re
import sys
import time
import unittest

sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib')]

import place
from dns.server import Server

DAY, WEEK, YEAR = 86400, 7 * 86400, 365 * 86400
CONF = """[general]
state = {dir}/state/iprep.db
verdict_log = {dir}/state/verdict.log
timeout_ms = 1500
[tier known]
threshold = 3
bantime = 1d
[tier notorious]
threshold = 10
bantime = 365d
[worker]
start = none
linger = 0
[dns]
resolvers = 127.0.0.1:PORT
"""
LIST = '[dnsbl {0}]\nzone = {0}.test\npoints = 127.0.0.2*3\n'
HIGH = {'abuseConfidenceScore': 100, 'totalReports': 9, 'numDistinctUsers': 3, 'lastReportedAt': 'now-2h'}


def key_of(address):
    a = ipaddress.ip_address(address)
    return b'\0' * 10 + b'\xff\xff' + a.packed if a.version == 4 else a.packed


def boot_id():
    with open('/proc/sys/kernel/random/boot_id', encoding='ascii') as f:
        return f.read().strip()


class Case(unittest.TestCase):
    programs = ''
    more = ''

    def setUp(self):
        self.dns = Server()
        self.addCleanup(self.dns.close)
        self.start(self.more)

    def start(self, more='', key=False):
        self.place = place.Place(self.programs, CONF.replace('PORT', str(self.dns.port)) + more, key=place.KEY if key else None)
        self.addCleanup(self.place.close)
        self.purge('--quiet')                  # makes the database, and is the first of two runs
        self.hour_later()

    def purge(self, *args, status=0, program='rep-purge'):
        p = self.place.run(program, *args)
        self.assertEqual(p.returncode, status, p.stdout + p.stderr)
        return p

    def stats(self, *args, status=0):
        return json.loads(self.purge('--json', *args, status=status).stdout)

    def sql(self, text, *values):
        return self.place.sql(text, *values)

    def count(self, table):
        return self.sql(f'SELECT count(*) FROM {table}')[0][0]

    def run_was(self, wall, boot_ago):
        """The run that the database remembers."""
        boot = int(time.clock_gettime(time.CLOCK_BOOTTIME)) - boot_ago
        self.sql("INSERT OR REPLACE INTO meta VALUES('purge-run', ?)", f'{wall:020}{boot:020}{boot_id()}')

    def hour_later(self):
        self.run_was(int(time.time()) - 3700, 3700)

    def block(self, address, since, until, tier='notorious', src='zen', addr=None):
        self.sql('INSERT INTO block(key, tier, score, since, until, first_at, announced_at, due, jail, src, addr)'
                 " VALUES(?, ?, 13, ?, ?, ?, ?, 0, 'sshd', ?, ?)", key_of(address), tier, since, until, since,
                 since, src, addr and key_of(addr))

    def old_block(self, address, age=8 * DAY, **more):
        since = int(time.time()) - age
        self.block(address, since, since + YEAR, **more)

    def blocked(self):
        return sorted(str(ipaddress.ip_address(k[12:] if k[:12] == key_of('0.0.0.0')[:12] else k))
                      for k, in self.sql('SELECT key FROM block'))

    def asked(self, what):
        return self.dns.questions.get(('zen.test', what), 0)

    def traces(self, address, all_of=16):
        """How often it is in the files of the state, as bytes and as text."""
        seen = 0
        text = re.compile(rb'(?<![0-9a-f.:])' + re.escape(address.encode()) + rb'(?![0-9a-f.:])')
        for name in os.listdir(self.place.path('state')):
            if name.startswith('iprep.db'):
                with open(self.place.path('state/' + name), 'rb') as f:
                    data = f.read()
                seen += data.count(key_of(address)[:all_of]) + len(text.findall(data))
        return seen

    def released(self):
        return self.purge('--released').stdout.split()


def main():
    """test_X.py DIRECTORY-OF-PROGRAMS"""
    if os.geteuid():
        sys.exit(f'{sys.argv[0]}: needs root')
    Case.programs = os.path.abspath(sys.argv.pop(1))
    unittest.main()
