# SPDX-License-Identifier: MIT
"""moved_case.py - the installed programs under a clock that the test sets and that does not advance while
a program runs (tests/cli/moved_clock.c), and the emulator of AbuseIPDB at the same time of day.

The clock of the boot is set separately: one clock can jump without the other.
"""
import functools
import ipaddress
import json
import os
import subprocess
import sys
import time

import purge_case  # first: it finds the next ones
from dns import behaviours as b
import place
from dns.server import Zone

DAY, HOUR = purge_case.DAY, 3600
TABLES = ('block', 'pardon', 'finding', 'lookup', 'sighting', 'failure', 'good', 'report', 'retraction', 'released')


def name_of(address):
    """As a list is asked: an address backwards."""
    a = ipaddress.ip_address(address)
    return '.'.join(reversed(address.split('.') if a.version == 4 else a.packed.hex()))


@functools.lru_cache
def sanitizers(program):
    """Runtimes that the program is linked with: they must be loaded before anything else."""
    said = subprocess.run(['ldd', program], capture_output=True, text=True, check=True).stdout
    return [line.split()[2] for line in said.splitlines() if 'libasan' in line]


class Place(place.Place):
    wall = boot = 0
    library = ''

    def run(self, program, *args, **more):
        preload = ':'.join([*sanitizers(self.command(program)[0]), self.library])
        env = {'PATH': '/usr/bin:/bin', 'LD_PRELOAD': preload, 'IPREP_WALL_S': str(self.wall),
               'IPREP_BOOT_S': str(self.boot)}
        return super().run(program, *args, env=env, **more)


class Case(purge_case.Case):
    """Lists zen and other, and AbuseIPDB; what is known of an address is set by know()."""

    more = purge_case.LIST.format('zen') + purge_case.LIST.format('other')
    begin = 1798761600                     # 2027-01-01 00:00 UTC, a Friday
    general = ''

    def setUp(self):
        self.dns = purge_case.Server()
        self.addCleanup(self.dns.close)
        self.api = place.Emulator()
        self.addCleanup(self.api.close)
        conf = purge_case.CONF.replace('PORT', str(self.dns.port)).replace('timeout_ms', self.general + 'timeout_ms')
        conf = conf.replace('timeout_ms = 1500', 'timeout_ms = 5000')
        self.place = Place(self.programs, conf + self.more + f'[abuseipdb]\nurl = {self.api.url}\n'
                           'key_file = {dir}/key\n')
        self.addCleanup(self.place.close)
        self.listed, self.known = {'zen': set(), 'other': set()}, {}
        self.behaviour = {}                # of a list: instead of what it lists
        self.set_lists()
        self.boot_offset = 10 * DAY - self.begin
        self.set_clock(self.begin)

    # -- time

    def set_clock(self, wall, boot=None):
        """boot: if it is not to move as far as the other."""
        self.place.wall = self.true = wall
        if boot is not None:
            self.boot_offset = boot - wall
        self.place.boot = wall + self.boot_offset
        self.api.control('clock', {'offset_s': wall - int(time.time())})
        if self.known:                     # the world goes on reporting
            self.api.control('seed', {'addresses': self.known})

    def jump(self, wall, passed=0):
        """This machine's clock, not the world's; by that of the boot `passed` seconds went by."""
        true = self.true + passed
        boot = self.place.boot + passed
        self.set_clock(true)
        self.place.wall, self.place.boot = wall, boot

    @property
    def now(self):
        return self.place.wall

    # -- the world

    def know(self, *addresses, score=None, lists=()):
        for address in addresses:
            for name, listed in self.listed.items():
                (listed.add if name in lists else listed.discard)(address)
            if score is not None:
                self.known[address] = {'abuseConfidenceScore': score, 'totalReports': score // 10,
                                       'numDistinctUsers': 3, 'lastReportedAt': 'now-2h' if score else None}
        self.api.control('seed', {'addresses': self.known})
        self.set_lists()

    def set_lists(self):
        for name, listed in self.listed.items():
            names = {name_of(a): b.listed('127.0.0.2') for a in listed}
            self.dns.zones[name + '.test'] = Zone(self.behaviour.get(name) or names)

    # -- programs

    def gate(self, address, *args, status=0):
        p = self.purge('--gate', '--jail', 'rep-mail-ambiguous', *args, '--', address, program='rep-check',
                       status=status)
        self.assertEqual(p.stdout + p.stderr, '')

    def good(self, address):
        self.purge('--login', '--', address, program='rep-check')

    def enqueue(self, address, *args, jail='sshd'):
        self.purge('--enqueue', '--jail', jail, '--failures', '3', '--time', f'{self.now}.0', *args, '--', address,
                   program='rep-report')

    def flush(self):
        return json.loads(self.purge('--flush', '--json', program='rep-report').stdout)

    def sure(self, address, *args, **more):
        self.enqueue(address, *args, **more)
        return self.flush()

    def verdict(self, address, status):
        """(verdict, tier) of a lookup by hand."""
        line = json.loads(self.purge('--json', address, program='rep-check', status=status).stdout)
        return line['verdict'], line['tier']

    def blocks(self):
        """Address: (tier, end)."""
        p = self.purge('--blocks', '--json', program='rep-check')
        return {o['address']: (o['tier'], o['blocked_until']) for o in map(json.loads, p.stdout.splitlines())}

    def recheck(self):
        s = self.stats('--recheck')
        return s['done'], s['released'], s['listed'], s['undecided']

    def endpoints(self):
        said = json.loads(self.purge('--status', '--json', program='rep-report').stdout)
        return said, {e['name']: e for e in said['endpoints']}

    def lines(self):
        """Of the verdict log: (day and time, address, tier)."""
        rows = [line.split() for line in self.place.verdict_log().splitlines()]
        return [(r[0], r[3].split('=')[1], r[5].split('=')[1]) for r in rows]

    # -- the store

    def size(self):
        paths = [self.place.path('state/iprep.db' + end) for end in ('', '-wal')]
        return sum(os.path.getsize(p) for p in paths if os.path.exists(p))

    def rows(self):
        return {t: self.sql(f'SELECT * FROM {t}') for t in TABLES}


def main():
    """test_X.py DIRECTORY-OF-PROGRAMS MOVED-CLOCK"""
    Place.library = os.path.abspath(sys.argv.pop(2))
    purge_case.main()
