# SPDX-License-Identifier: MIT
"""fleet_cases.py - a fleet of five hosts with Debian's servers: how long until all hosts know, and what many names cost"""
import contextlib
import os
import sqlite3
import subprocess
import tempfile
import time

import places
from addresses import key_of, some
from fleet import questions
from fleet.network import Fleet
from fleet.reputation import LISTS, Reputation
from fleet.servers import PRIMARY, ZONE
from measure import Run
from waiting import wait_until

HOSTS, LATER, MANY = 5, 4000000000, 10_000
SEEN_S = 60


class Hosts:
    def __init__(self, primary, programs, stack):
        directory = tempfile.mkdtemp(prefix='iprep-fleet.', dir='/var/tmp')
        stack.callback(subprocess.run, ['rm', '-rf', directory], check=True)
        os.chmod(directory, 0o755)
        self.fleet = Fleet(f'{directory}/fleet', places.packages(directory), stack, primary, HOSTS, LISTS)
        self.fleet.start()
        self.iprep = [Reputation(self.fleet, number, programs) for number in range(1, HOSTS + 1)]
        for one in self.iprep:
            stack.callback(one.close)

    def on(self, number, program, *args, check=False):
        done = self.iprep[number - 1].run(program, *args)
        if check and done.returncode:
            raise AssertionError(f'{program} on host {number}: {done.stderr}')
        return done

    def until_all_see(self, address, values):
        for host in self.fleet.hosts:
            wait_until(lambda host=host: questions.listed(host, address, self.secondary(host)) == sorted(values),
                       f'{host.directory} sees {values} of {address}', SEEN_S)

    def secondary(self, host):
        """Not the resolver, whose cache would answer."""
        return next(one.address for one in self.fleet.secondaries if one.host is host)

    def until_current(self):
        serial = questions.serial(self.fleet.primary_host, PRIMARY)
        for one in self.fleet.secondaries:
            wait_until(lambda one=one: questions.serial(one.host, one.address) == serial, f'{one.name} is current', 600)

    def until_verdict(self, numbers, address, status):
        for number in numbers:
            wait_until(lambda number=number: self.on(number, 'rep-check', '-q', '--fresh', address).returncode == status,
                       f'host {number} has status {status} for {address}', SEEN_S)

    def block(self, address):
        """(seconds until every secondary has it, and until the other hosts confirm it)"""
        began = time.perf_counter()
        self.on(1, 'rep-report', '--enqueue', '--jail', 'sshd', '--', address, check=True)
        self.on(1, 'rep-report', '--flush', '-q', check=True)
        self.until_all_see(address, ['127.0.1.2'])
        seen = time.perf_counter() - began
        self.until_verdict(range(2, HOSTS + 1), address, 10)
        return seen, time.perf_counter() - began

    def pardon(self, address):
        """Host 3 pardons what host 1 has blocked; (as of block(), and until the others spare it)"""
        began = time.perf_counter()
        self.on(3, 'rep-purge', '--pardon', '30d', address, check=True)
        self.on(3, 'rep-report', '--flush', '-q', check=True)
        self.until_all_see(address, ['127.0.1.2', '127.0.3.254'])
        seen = time.perf_counter() - began
        self.until_verdict((2, 4, 5), address, 0)
        return seen, time.perf_counter() - began

    def publish(self, begin, count):
        """(seconds until the worker is done, and until all secondaries have it)"""
        addresses = some(begin + count)[begin:]
        self.on(1, 'rep-check', '--ready', '-q')
        place = self.iprep[0]
        with contextlib.closing(sqlite3.connect(place.db, timeout=30)) as db, db:
            db.executemany('INSERT INTO publication(key, addr, octet, until, state, next_at, tries, since) '
                           'VALUES(?1, ?1, 2, ?2, 1, 0, 0, 1)', [(key_of(one), LATER) for one in addresses])
        place.own()
        began = time.perf_counter()
        while self.iprep[0].sql('SELECT 1 FROM publication WHERE state = 1 LIMIT 1'):
            self.on(1, 'rep-report', '--flush', '-q', check=True)
        published = time.perf_counter() - began
        self.until_current()
        return published, time.perf_counter() - began


def travel(bench, hosts, primary):
    blocked, pardoned = [], []
    for turn in range(bench.runs):
        address = f'45.31.{turn // 200}.{turn % 200 + 1}'
        blocked.append(hosts.block(address))
        pardoned.append(hosts.pardon(address))
    for what, pairs, end in (('a block', blocked, 'others confirm'), ('a pardon', pardoned, 'others spare')):
        bench.compare(f'{what}, primary {primary}', {
            'secondaries have': lambda _, pairs=pairs: Run([seen for seen, _ in pairs]),
            end: lambda _, pairs=pairs: Run([known for _, known in pairs])}, turns=range(1), unit='s', budget='5')


def weigh(bench, hosts, primary):
    first = min(MANY, bench.size)
    steps = [(0, first), (first, bench.size - first)] if bench.size > first else [(0, first)]
    for begin, count in steps:
        published, current = hosts.publish(begin, count)
        bench.compare(f'{count} blocks after {begin}, primary {primary}', {
            'published': lambda _, took=published: Run([took]), 'secondaries have': lambda _, took=current: Run([took])},
            turns=range(1), unit='s', budget='10,000 in 10')
    for server in hosts.fleet.servers:
        name = f'{server.name} {os.path.basename(server.host.directory)}'
        print(f'  {name:<18} {server.memory_kb() / 1024:.0f} MB', flush=True)
    began = time.perf_counter()
    hosts.fleet.hosts[0].run('sh', '-c', f'dig -k {hosts.fleet.keys}/1-nsupdate.key @{PRIMARY} {ZONE} AXFR >/dev/null')
    print(f'  transfer with dig  {time.perf_counter() - began:.2f} s', flush=True)


def fleet(bench):
    """A block and a pardon until all hosts know, and the publication of many; with Knot and with BIND as primary."""
    for primary in ('knot', 'bind'):
        with contextlib.ExitStack() as stack:
            hosts = Hosts(primary, bench.programs['now'], stack)
            travel(bench, hosts, primary)
            weigh(bench, hosts, primary)
