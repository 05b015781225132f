# SPDX-License-Identifier: MIT
"""campaign.py - the points of one command and one kind of fault, one after the other"""
import collections

import faults
from commands import COMMANDS
from world import World

# A preloaded library counts up to here; what SQLite allocates after it is the same again.
MOST = 100000


class Campaign:
    """
    run() yields (point, what is wrong, more of it); points and found count.

    every, first: one point in `every`, beginning with `first`; only: a system call and an errno, "" for any.
    """

    def __init__(self, name, kind, every=1, first=0, only=('', '')):
        self.world = World(COMMANDS[name])
        self.kind, self.every, self.first, self.only = kind, every, first, only
        self.points, self.found, self.untried = 0, collections.Counter(), []

    def close(self):
        self.world.close()

    def run(self):
        for point, done in self.attempts():
            self.points += 1
            for what, text in self.world.judge(point, done):
                self.found[what] += 1
                yield point, what, text

    def attempts(self):
        """(point, how the command ended) of each point that was met."""
        if self.kind in ('malloc', 'short'):
            yield from self.preloaded()
        else:
            yield from self.traced()

    def preloaded(self):
        preloaded = self.preload(self.kind)
        for nth in range(1 + self.first, MOST, self.every):
            self.world.restore()
            done, failed = preloaded.run(self.world.start, nth)
            if not failed:
                assert preloaded.count or self.kind == 'short', 'the library was not loaded'
                return
            yield faults.Point(self.kind, nth), done

    def preload(self, kind):
        return faults.Preloaded(self.world.place, {'malloc': 'failing_malloc', 'short': 'short_writes'}[kind])

    def traced(self):
        traced = faults.Traced(self.world.place)
        self.world.restore()
        calls = traced.calls(self.world.start)
        self.untried = faults.untried(calls)
        points = [point for point in faults.points_of(self.kind, calls)
                  if self.only[0] in ('', point.call) and self.only[1] in ('', point.errno)]
        for point in points[self.first::self.every]:
            self.world.restore()
            done, met = traced.run(self.world.start, point)
            if met:
                yield point, done

    def show(self, point):
        """One point, with all that was printed."""
        self.world.restore()
        if point.kind in ('malloc', 'short'):
            done, met = self.preload(point.kind).run(self.world.start, point.nth)
        else:
            done, met = faults.Traced(self.world.place).run(self.world.start, point)
        yield f'met: {met}'
        if done is not None:
            yield f'status {done.returncode}\nstdout {done.stdout[:2000]!r}\nstderr {done.stderr[:2000]!r}'
        yield from (f'{what}: {text}' for what, text in self.world.judge(point, done))
