# SPDX-License-Identifier: MIT
"""
clocks.py - programs under a clock that the test sets and that does not advance while a program runs (moved_clock.c),
and the emulator of AbuseIPDB at the same time of day

The clock of the boot is set separately: one clock can jump without the other.
"""
import functools
import json
import subprocess
import time

import places
from cases import BAD, Case
from addresses import reversed_of
from dns import behaviours
from dns.server import Zone

HOUR, DAY = 3600, places.DAY
TABLES = ('block', 'pardon', 'finding', 'lookup', 'sighting', 'failure', 'good', 'report', 'retraction', 'released')


@functools.lru_cache
def sanitizers(program):
    """Runtimes that the program is linked with: they must be loaded before anything else."""
    said = subprocess.run(['ldd', program], capture_output=True, text=True, check=True).stdout
    return [line.split()[2] for line in said.splitlines() if 'libasan' in line]


class MovedPlace(places.Place):
    wall = boot = 0

    def environment(self, program):
        preload = ':'.join([*sanitizers(self.command(program)[0]), places.library('moved_clock')])
        return {'PATH': '/usr/bin:/bin', 'LD_PRELOAD': preload, 'IPREP_WALL_S': str(self.wall),
                'IPREP_BOOT_S': str(self.boot)}

    def run(self, program, *args, **more):
        return super().run(program, *args, env=self.environment(program), **more)


class MovedCase(Case):
    """Lists zen and other, and AbuseIPDB; what is known of an address is set by know()."""

    lists = {'zen': '127.0.0.2*3', 'other': '127.0.0.2*3'}
    has_api = True
    sections = {'general': {'timeout_ms': 15000}}
    begin = 1798761600                     # 2027-01-01 00:00 UTC, a Friday

    def setUp(self):
        super().setUp()
        self.on, self.known = {name: set() for name in self.lists}, {}
        self.behaviour = {}                # of a list: instead of what it lists
        self.boot_offset = 10 * DAY - self.begin
        self.set_clock(self.begin)

    def new_place(self, conf):
        return MovedPlace(conf, self.key)

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
        boot = self.place.boot + passed
        self.set_clock(self.true + passed)
        self.place.wall, self.place.boot = wall, boot

    @property
    def now(self):
        return self.place.wall

    # -- the world

    def know(self, *addresses, score=None, lists=()):
        for address in addresses:
            for name, on in self.on.items():
                (on.add if name in lists else on.discard)(address)
            if score is not None:
                self.known[address] = {**BAD, 'abuseConfidenceScore': score, 'totalReports': score // 10,
                                       'lastReportedAt': 'now-2h' if score else None}
        self.api.control('seed', {'addresses': self.known})
        self.set_lists()

    def set_lists(self):
        for name, on in self.on.items():
            names = {reversed_of(a): behaviours.listed('127.0.0.2') for a in on}
            self.dns.zones[name + '.test'] = Zone(self.behaviour.get(name) or names)

    # -- calls

    def enqueue(self, address, *args, **more):
        return super().enqueue(address, '--failures', '3', '--time', f'{self.now}.0', *args, **more)

    def sure(self, address, *args, **more):
        """A jail bans it: the report is sent, the lookup made."""
        self.enqueue(address, *args, **more)
        return self.flush()

    def verdict(self, address, status):
        """(verdict, tier) of a lookup by hand."""
        line = self.check(address, status=status)
        return line['verdict'], line['tier']

    # -- what is there

    def blocks(self):
        """Address: (tier, end)."""
        said = self.run_it('rep-check', '--blocks', '--json').stdout.splitlines()
        return {line['address']: (line['tier'], line['blocked_until']) for line in map(json.loads, said)}

    def endpoints(self):
        """Status of the worker, and of each endpoint by its name."""
        said = self.status()
        return said, {endpoint['name']: endpoint for endpoint in said['endpoints']}

    def lines(self):
        """Of the verdict log: (day and time, address, tier)."""
        rows = [line.split() for line in self.place.verdict_log().splitlines()]
        return [(r[0], r[3].split('=')[1], r[5].split('=')[1]) for r in rows]

    def rows(self):
        return {table: self.sql(f'SELECT * FROM {table}') for table in TABLES}
