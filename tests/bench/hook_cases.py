# SPDX-License-Identifier: MIT
"""hook_cases.py - what a hook of fail2ban costs: alone, many together, with a full database, during a purge"""
import ipaddress
import os
import re
import subprocess
import time

import configuration
import many_rows
from measure import SYNC_MS, Run, addresses, each, helper, p99, run_of, slow_disk, time_of
from places import DAY

CONF = configuration.build(lists={'zen': '127.0.0.[2..9]*3'}, abuseipdb={'key_file': '{dir}/key'})
FEED_CONF = configuration.build(sections={'feed x': {'file': '{dir}/x.list', 'format': 'plain', 'points': '*3',
                                                     'enabled': 'yes'}},
                                abuseipdb={'key_file': '{dir}/key'})
BLOCKED, WAITS = '201.1.1.1', '202.1.1.1'
MINIMAL = (('now', 'minimal'), ('before', 'minimal'))


def gate(address):
    return 'rep-check', '--gate', '--jail', 'x', '--restored=0', '--', address


def enqueued(address):
    return 'rep-report', '--enqueue', '--jail', 'sshd', '--failures', '3', '--', address


def new(net, turn):
    """An address that no other turn has."""
    return f'{net}.{turn >> 14 & 127}.{turn >> 7 & 127}.{1 + (turn & 127)}'


def disk_name(added_ms):
    return f'{added_ms} ms more for each fsync' if added_ms else 'disk as it is'


def with_minimal(bench):
    """The sides, and a place for the minimal program, which reads and writes a database of its own."""
    minimal = bench.place(CONF)
    made = bench.sides(CONF)
    for place in (minimal, *made.values()):
        place.block('45.1.1.1')
    return made, minimal


# ---- startup ----

def startup(bench):
    """Start and end of a hook, against a C program that does the same SQLite work and nothing else."""
    made, minimal = with_minimal(bench)
    program = helper('minimal')
    hooks = (('gate, blocked', lambda _: gate('45.1.1.1'), lambda _: ('gate',), 10),
             ('enqueue', lambda turn: enqueued(new(45, turn)), lambda turn: ('enqueue', str(turn)), 0))
    for what, ours, least, status in hooks:
        sides = each(made, lambda place, turn: time_of(place.command(*ours(turn)), status))
        sides['minimal'] = lambda turn: time_of([program, minimal.db, *least(turn)], status)
        for call in sides.values():        # into memory, and into a WAL that exists
            call(0)
        bench.compare(what, sides, range(1, bench.runs + 1), to=MINIMAL, budget='1.3 x minimal, 8 MB')
        for name, place in made.items():
            words = ours(bench.runs + 1)
            run, _ = run_of(place.command(*words), status)
            print(f'  {name}: peak {run.notes["MB"]:.1f} MB; maps {libraries(place, words)}')


def libraries(place, words):
    shown = place.traced(['-e', 'trace=openat'], *words)[1]
    found = sorted(set(re.findall(r'/(lib[\w.+-]+?)\.so[^"]*", O_RDONLY\|O_CLOEXEC\) = \d', shown)))
    heavy = [name for name in found if name.startswith(('libcurl', 'libcares'))]
    return f'{", ".join(found)}; libcurl, libcares: {", ".join(heavy) or "not mapped"}'


# ---- enqueue ----

def enqueue(bench):
    """rep-report --enqueue alone and many at the same time, on the disk as it is and on a slow one."""
    for added in (0, SYNC_MS):
        for count, bursts in {1: 30, 16: 4, bench.size: 1}.items():
            made, minimal = with_minimal(bench)
            sides = {name: Bursts(place, place.command(*enqueued('@@')), count, slow_disk(added))
                     for name, place in made.items()}
            sides['minimal'] = Bursts(minimal, [helper('minimal'), minimal.db, 'enqueue', '@'], count,
                                      slow_disk(added))
            bench.compare(f'{count} at the same time, {disk_name(added)}', sides, range(bench.runs * bursts),
                          to=MINIMAL, budget=f'200: {5000 if added else 500} at most, none fails; fewer: 1.3 x minimal')
            for name, side in sides.items():
                print(f'  {name}: {side.succeeded - side.place.count("report")} reports lost')


class Bursts:
    """Programs that are forked and wait, then start together; the time of each from there to its exit."""

    def __init__(self, place, command, count, env):
        self.place, self.command, self.count, self.env = place, command, count, env
        self.next = self.succeeded = 0

    def __call__(self, _):
        done = subprocess.run([helper('minimal'), '-', 'burst', str(self.count), str(self.next), *self.command],
                              env={**os.environ, **self.env}, capture_output=True, text=True, check=True)
        rows = [line.split() for line in done.stdout.splitlines()]
        failed = sum(status != '0' for status, _ in rows)
        self.next += self.count
        self.succeeded += self.count - failed
        return Run([int(us) / 1000 for _, us in rows], failed=failed)


# ---- full ----

ASKED = (                                  # of the full database, by people
    *(('rep-check', '--blocks', '--format', name)
      for name in ('text', 'nft', 'ipset', 'hosts.deny', 'cidr', 'rbldnsd')),
    ('rep-check', '--blocks', '--json'), ('rep-check', '--blocks', '--prefix', '60.0.0.0/16'),
    ('rep-check', '--ready'), ('rep-report', '--status'), ('rep-purge', '--dry-run'), ('rep-purge', '--released'),
    ('rep-purge', '--recheck', '--dry-run'), ('rep-purge', BLOCKED))


def full(bench):
    """Hooks with as many blocks and findings as years of attacks leave, against an empty database."""
    made = {f'{name}, {how}': place for how in ('empty', 'full') for name, place in bench.sides(CONF).items()}
    filled = {name: place for name, place in made.items() if 'full' in name}
    for place in made.values():
        place.block(BLOCKED)
        time_of(place.command(*gate(WAITS)))
    for place in filled.values():
        many_rows.fill(place, ('block', bench.size, 300 * DAY, 150 * DAY, 200 * DAY),
                       ('finding', bench.size, 6 * DAY, 0))
    hooks = (('gate, blocked', lambda _: gate(BLOCKED), 10), ('gate, waits already', lambda _: gate(WAITS), 0),
             ('gate, nothing known', lambda turn: gate(new(203, turn)), 0),
             ('enqueue', lambda turn: enqueued(new(204, turn)), 0))
    for what, words, status in hooks:
        for place in made.values():
            many_rows.settle(place)
        bench.compare(f'{what}, {bench.size} blocks and findings',
                      each(made, lambda place, turn: time_of(place.command(*words(turn)), status)),
                      to=[('full', 'empty')], budget='1.15 x empty')
    for words in ASKED:
        bench.compare(' '.join(words), each(
            filled, lambda place, _: run_of(place.command(*words), None, stdout=subprocess.DEVNULL)[0]), range(1))


# ---- monitoring ----

def monitoring(bench):
    """What monitoring systems ask every minute, of a database as full as years of attacks leave it."""
    place = bench.sides(CONF)['now']
    place.block(BLOCKED)
    many_rows.fill(place, ('block', bench.size, 300 * DAY, 150 * DAY, 200 * DAY))
    many_rows.settle(place)
    run_of(place.command('rep-report', '--flush'), stdout=subprocess.DEVNULL)
    for words in (('--health',), ('--metrics', '-'), ('--metrics', place.path('iprep.prom'))):
        command = place.command('rep-report', *words)
        bench.compare(f'rep-report {words[0]}, {bench.size} blocks',
                      {'now': lambda _, command=command: run_of(command, None, stdout=subprocess.DEVNULL)[0]},
                      budget='1 s, 20 MB')


# ---- feeds ----

def feeds(bench):
    """The gate with feeds of any size next to an empty database; then what compiling one costs the worker."""
    listed = [str(ipaddress.ip_address(number)) for number in addresses(bench.size)]
    counts = (0, bench.size * 12 // 100, bench.size)
    made = {f'{count} entries': feed_place(bench, listed[:count]) for count in counts}
    empty = f'{counts[0]} entries'
    for what, address in (('nothing known', lambda turn: new(203, turn)), ('on the feed', lambda turn: listed[turn])):
        def call(place, turn, address=address):
            status = 10 if address(turn) in place.listed else 0
            return time_of(place.command(*gate(address(turn))), status)
        bench.compare(f'gate, {what}', each(made, call), range(min(bench.runs, counts[1])),
                      to=[(f'{count} entries', empty) for count in counts[1:]], budget='1.15 x 0 entries')
    for count in counts[1:]:
        places = iter([feed_place(bench, listed[:count], compiled=False) for _ in range(3)])
        bench.compare(f'compile {count} entries', {'now': lambda _, places=places: run_of(
            next(places).command('rep-report', '--flush'))[0]}, range(3), budget='5 s, 64 MB')


def feed_place(bench, listed, compiled=True):
    place = bench.place(FEED_CONF)
    place.listed = set(listed)
    place.write('x.list', '\n'.join(listed or ['45.255.255.255']) + '\n')
    if compiled:
        time_of(place.command('rep-report', '--flush'))
    return place


# ---- purge ----

A_SECOND = 10                              # hooks


def purge(bench):
    """Hooks while rep-purge deletes expired rows of all kinds, against hooks without it, until nothing is left."""
    for added in (0, SYNC_MS):
        purges = {name: Purge(place, bench, added) for name, place in bench.sides(CONF).items()}
        sides = {f'{name}, {how}': getattr(one, how) for name, one in purges.items() for how in ('quiet', 'purging')}
        bench.compare(f'{bench.size} rows, {disk_name(added)}', sides,
                      iter(lambda: all(one.is_done for one in purges.values()), True), to=[('purging', 'quiet')],
                      budget='p99 1.5 x quiet, a hook waits 50 ms for the lock')
        for name, one in purges.items():
            print(f'  {name}: {one.summary()}', flush=True)


class Purge:
    """Ten hooks a second; rep-purge is ended after a turn, as a shutdown might, and started again in the next."""

    def __init__(self, place, bench, added_ms):
        self.place, self.seconds, self.turn, self.is_done = place, bench.runs, 0, False
        many_rows.fill_expired(place, bench.size)
        self.env = {}
        for program in ('hooks', 'purge'):
            place.write(f'{program}.times', '', 0o666)
            self.env[program] = {'IPREP_LOCK_TIMES': place.path(f'{program}.times'),
                                 **slow_disk(added_ms, 'lock_times')}

    def hooks(self, ended=lambda: False):
        """A late hook is not made up for."""
        took, end = [], time.monotonic() + self.seconds
        while time.monotonic() < end and not ended():
            self.turn += 1
            address = new(200, self.turn)
            words = enqueued(address) if self.turn % 2 else gate('200.200.200.1' if self.turn % 4 else address)
            took.append(time_of(self.place.command(*words), env=self.env['hooks']))
            time.sleep(max(0.0, 1 / A_SECOND - took[-1] / 1000))
        many_rows.settle(self.place)
        return Run(took) if took else None

    def quiet(self, _):
        return None if self.is_done else self.hooks()

    def purging(self, _):
        if self.is_done:
            return None
        with subprocess.Popen(self.place.command('rep-purge', '--quiet'), env=self.env['purge']) as running:
            run = self.hooks(lambda: running.poll() is not None)
            running.terminate()
        if running.returncode > 0:
            raise SystemExit(f'rep-purge: exit {running.returncode}')
        self.is_done = running.returncode == 0
        return run

    def locks(self, program, what):
        """Milliseconds that the write lock was held or waited for."""
        return [int(line.split()[1]) / 1000 for line in self.place.text(f'{program}.times').splitlines()
                if line.startswith(what)] or [0.0]

    def summary(self):
        waited, held = self.locks('hooks', 'waited'), self.locks('purge', 'held')
        return (f'{len(waited)} hooks waited for the lock, {max(waited):.1f} ms at most; rep-purge held it '
                f'{len(held)} times, p99 {p99(held):.1f} ms, {max(held):.1f} ms at most; '
                f'{many_rows.count(self.place)} rows left')
