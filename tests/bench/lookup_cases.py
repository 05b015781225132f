# SPDX-License-Identifier: MIT
"""lookup_cases.py - what lookups cost: a long file of addresses, and one address over many lists"""
import os
import re
import socket
import subprocess

import configuration
import places
from dns import behaviours as b
from dns.server import Server, Zone
from addresses import address_of, reversed_of, MAPPED
from measure import Run, addresses, each, helper, program, run_of, time_of
from waiting import wait_until

NO_API = {'abuseipdb': {'key_file': ''}}
PERSON = ('setpriv', '--reuid=1000', '--regid=1000', '--clear-groups')      # has no access to the state: no cache


# ---- file ----

def file(bench):
    """rep-check --file against a bare c-ares loop and dnsperf: same list, same server, which lists one in a hundred."""
    asked = [address_of(MAPPED + one.to_bytes(4, 'big')) for one in addresses(bench.size)]
    world = bench.scratch()
    world.write('list', '\n'.join(asked) + '\n')
    world.write('queries', ''.join(f'{reversed_of(one)}.zen.test A\n' for one in asked))
    port = rbldnsd(bench, world, asked[::100])

    env = {**os.environ, 'LD_LIBRARY_PATH': places.packages('') + '/usr/lib/x86_64-linux-gnu'}

    def run(command, answered=lambda out: 0, status=0):
        done, out = run_of(command, status, env=env)
        return Run([one * 1000 / len(asked) for one in done.samples], **done.notes, lost=answered(out))

    def loop(in_flight):
        return run([helper('ares_loop'), str(port), 'zen.test', world.path('list'), str(in_flight)],
                   lambda out: int(out.split()[2]))

    best = min((32, 64, 100, 150, 200, 300, 500), key=lambda in_flight: loop(in_flight).median)
    dnsperf = [program('dnsperf'), '-s', '127.0.0.1', '-p', str(port), '-d', world.path('queries'), '-n', '1',
               '-q', '1000']
    sides = {'dnsperf': lambda _: run(dnsperf, lambda out: int(re.search(r'Queries lost:\s+(\d+)', out)[1])),
             'loop': lambda _: loop(best)}
    conf = configuration.build(dns=port, lists={'zen': '127.0.0.[2..9]*3'}, **NO_API)
    for how, who in (('no cache', PERSON), ('', ())):
        for name, place in bench.sides(conf).items():
            def check(_, place=place, who=who):
                place.sql('DELETE FROM finding')
                return run([*who, *place.command('rep-check', '--file', world.path('list'))], unknown, 10)
            sides[f'{name}, {how}' if how else name] = check
    bench.compare(f'{bench.size} addresses, loop with {best} in flight', sides, unit='ms for 1,000',
                  to=(('now', 'loop'), ('before', 'loop')), budget='1.25 x loop; memory does not grow')


def unknown(out):
    return sum(line[0] != ' ' and line.split()[1] not in ('clean', 'confirmed') for line in out.splitlines())


def rbldnsd(bench, world, listed):
    """Its port, when it answers."""
    world.write('zone', '$SOA 3600 ns.test. host.test. 0 600 300 86400 3600\n$TTL 3600\n:127.0.0.4:listed\n127.0.0.2\n'
                + '\n'.join(listed) + '\n')
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    server = bench.stack.enter_context(subprocess.Popen(
        [program('rbldnsd'), '-n', '-q', '-u', 'nobody', '-b', f'127.0.0.1/{port}', '-w', world.dir,
         'zen.test:ip4set:zone'], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
    bench.stack.callback(server.terminate)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(0.1)
        client.connect(('127.0.0.1', port))
        wait_until(lambda: is_answered(client), 'rbldnsd answers')
    return port


def is_answered(client):
    try:
        client.send(b'\0\1\0\0\0\1\0\0\0\0\0\0\0\0\1\0\1')
        return client.recv(512)
    except OSError:
        return False


# ---- zones ----

SLOW_MS = 300


def zones(bench):
    """One lookup over many lists, one of them slow: the time of the slowest answer, never the sum."""
    dns = bench.stack.enter_context(Server())
    for slow in (0, SLOW_MS):
        for count in sorted({1, min(8, bench.size), bench.size}):
            names = [f'list{i}' for i in range(count)]
            for name in names:
                dns.zones[f'{name}.test'] = Zone({}, others=b.not_listed())
            dns.zones['list0.test'] = Zone({}, others=b.delayed(slow / 1000, b.not_listed()))
            made = bench.sides(configuration.build(dns=dns.port, lists=dict.fromkeys(names, '*3'), **NO_API))
            for place in made.values():    # the test points of the lists
                time_of(place.command('rep-check', '-q', '45.255.1.1'))

            def look_up(place, turn):
                return time_of(place.command('rep-check', '-q', f'45.1.{turn // 250}.{turn % 250}'))
            bench.compare(f'{count} lists, one answers after {slow} ms', each(made, look_up), budget=f'{slow + 10} ms')
