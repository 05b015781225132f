# SPDX-License-Identifier: MIT
"""measure.py - what the cases of bench share: places of each side, commands that are timed, turns, the table"""
import contextlib
import os
import random
import shutil
import statistics
import subprocess
import sys
import time

import places
from host import packages, roots
from places import Place

SYNC_MS = 5                                # of the slow disk


class Bench:
    """A case's programs, {'now': directory, 'before': directory}, its turns and size; everything ends with it."""

    def __init__(self, name, build, programs, before, runs, size):
        self.name, self.runs, self.size = name, runs, size
        places.BUILD = os.path.abspath(build)
        self.programs = {'now': os.path.abspath(programs or os.path.join(build, 'inst', 'bin'))}
        if before:
            self.programs['before'] = os.path.abspath(before)
        self.stack = contextlib.ExitStack()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stack.close()

    def scratch(self, conf=None, programs=None):
        """A place without a database."""
        place = Place(conf, programs=programs or self.programs['now'])
        self.stack.callback(place.close)
        return place

    def place(self, conf, programs=None):
        """With a database that the programs made."""
        place = self.scratch(conf, programs)
        time_of(place.command('rep-check', '--ready'))
        return place

    def sides(self, conf):
        """{'now': place, 'before': place}"""
        return {name: self.place(conf, programs) for name, programs in self.programs.items()}

    def compare(self, what, sides, turns=None, unit='ms', to=(), budget=''):
        """
        sides: {name: call}, in turns A B A B; call(turn) gives a Run, a number, or None: nothing was measured. A side
        with the first word of a pair of `to` in its name is compared with that which has the second instead.
        """
        runs = {name: [] for name in sides}
        for turn in range(self.runs) if turns is None else turns:
            for name, call in sides.items():
                run = call(turn)
                runs[name].append(run if isinstance(run, Run) or run is None else Run([run]))
        print(f'{self.name}: {what}, {unit}{"; budget: " if budget else ""}{budget}')
        for name, mine in runs.items():
            print(f'  {name:<18}', row_of(mine), *ratios(name, runs, [('now', 'before'), *to]), flush=True)


class Run:
    """What one turn of one side measured; notes: sums, or the largest of names in capitals."""

    def __init__(self, samples, **notes):
        self.samples, self.notes = samples, notes

    @property
    def median(self):
        return statistics.median(self.samples)


def samples_of(runs):
    return [sample for run in runs if run for sample in run.samples]


def p99(samples):
    return sorted(samples)[len(samples) * 99 // 100]


def row_of(runs):
    samples, notes = samples_of(runs), {}
    for run in filter(None, runs):
        for name, value in run.notes.items():
            notes[name] = max(notes.get(name, 0), value) if name.isupper() else notes.get(name, 0) + value
    if not samples:
        return 'nothing measured'
    return '  '.join([f'median {statistics.median(samples):8.2f}  p99 {p99(samples):8.2f}  longest {max(samples):8.2f}',
                      *(f'{name} {value:.4g}' for name, value in notes.items())])


def ratios(name, runs, to):
    """Of the medians, turn by turn, and of all samples' 99th percentiles."""
    for mine, other in to:
        found = next((one for one in (name.replace(mine, other), other) if mine in name and one in runs), name)
        pairs = [(a, b) for a, b in zip(runs[name], runs[found]) if a and b]
        if pairs and found != name:
            tail = p99(samples_of(runs[name])) / p99(samples_of(runs[found]))
            yield f' {statistics.median(a.median / b.median for a, b in pairs):.2f} x {found} (p99 {tail:.2f})'


# ---- sides and commands ----

def each(made, call):
    """{name: call(place, turn)} of {name: place}."""
    return {name: lambda turn, place=place: call(place, turn) for name, place in made.items()}


def helper(name):
    """A program that tests/CMakeLists.txt builds."""
    return os.path.join(places.BUILD, 'tests', 'bench_' + name)


def program(name):
    """Of a package, which is unpacked if the machine does not have it."""
    root = places.packages('')
    path = ':'.join([os.environ['PATH'], '/usr/sbin', f'{root}/usr/sbin', f'{root}/usr/bin'])
    if not shutil.which(name, path=path):
        with roots.locked(root):
            packages.fetch([name], root)
    return shutil.which(name, path=path)


def time_of(command, status=0, env=None):
    """Milliseconds from its start to its end."""
    began = time.perf_counter()
    _, ended = os.waitpid(os.posix_spawn(command[0], command, env or {}), 0)
    took = 1000 * (time.perf_counter() - began)
    if os.waitstatus_to_exitcode(ended) != status:
        sys.exit(f'{command}: exit {os.waitstatus_to_exitcode(ended)}, not {status}')
    return took


def run_of(command, status=0, **more):
    """
    A Run with its peak memory, and what it printed; status None: another than 0 is only noted. It is started by a small
    program: a child's peak begins with its parent's.
    """
    done = subprocess.run([helper('minimal'), '-', 'run', *command], text=True, check=False,
                          **{'stdout': subprocess.PIPE, 'stderr': subprocess.PIPE, **more})
    ms, kilobytes, exited = done.stderr.splitlines()[-1].split()
    if status is None:
        return Run([float(ms)], MB=int(kilobytes) / 1024, failed=int(exited != '0')), done.stdout
    if int(exited) != status:
        sys.exit(f'{command}: exit {exited}, not {status}: {done.stderr[-500:]}')
    return Run([float(ms)], MB=int(kilobytes) / 1024), done.stdout


def slow_disk(added_ms, *libraries):
    """The environment in which each fsync takes longer, and further libraries are loaded."""
    names = (*libraries, 'slow_sync') if added_ms else libraries
    return {'LD_PRELOAD': ' '.join(map(places.library, names)), 'IPREP_SYNC_MS': str(added_ms)}


def addresses(count, seed=1):
    """Public ones as numbers, each once, in no order: as attackers come."""
    return random.Random(seed).sample(range(45 << 24, 99 << 24), count)
