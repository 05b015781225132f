# SPDX-License-Identifier: MIT
"""host_cases.py - what fail2ban sees: its hooks while servers hang, and the expressions of the filters"""
import contextlib
import os
import shutil

import places
from host import samples
from host.cases import hook_host, stamp
from host.packages import Packages
from host.private import Private
from measure import Run
from waiting import wait_until

# ---- hooks ----

WRAPPER = """#!/bin/sh
began=$(date +%s%N)
{real}/{program} "$@"
status=$?
echo "{program} $status $(($(date +%s%N) - began)) $*" >>{dir}/times
exit $status
"""
ONE_JAIL = """[first]
enabled = true
filter =
failregex = ^ FAILED from <ADDR>$
logpath = {dir}/first.log
maxretry = 1
action = %(action_)s
         iprep
"""


class TimedHost(Private):
    """Between fail2ban and each program is a script that notes how long a call took; its clock is part of that."""

    def install(self, program):
        with open(f'{self.bin}/{program}', 'w', encoding='ascii') as file:
            file.write(WRAPPER.format(dir=self.bin, real=self.iprep.programs, program=program))
            os.chmod(file.fileno(), 0o755)

    def times(self):
        """[(program, status, ms, address)]"""
        with contextlib.suppress(FileNotFoundError), open(f'{self.bin}/times', encoding='ascii') as file:
            rows = [line.split() for line in file]
            return [(row[0], int(row[1]), int(row[2]) / 1e6, row[-1]) for row in rows]
        return []


def hooks(bench):
    """A real fail2ban, nftables and rbldnsd, while resolver and API hang and while they answer: all are banned."""
    top = bench.scratch().dir
    with open(f'{top}/first.log', 'w', encoding='ascii') as log:
        host = hook_host(top, bench.programs['now'], places.packages(top), bench.stack, ONE_JAIL.format(dir=top),
                         TimedHost)
    host.start()
    dns, api, found = host.world.dns, host.world.api, {}

    def part(turn, is_hung):
        for server in (dns, api):
            (server.pause if is_hung else server.resume)()
        first = 2 * bench.size * (2 * turn + is_hung)
        banned, gated = [[f'45.3{3 if i % 2 else 1}.{i % 250}.{i // 250 + 1}' for i in range(start, start + bench.size)]
                         for start in (first, first + bench.size)]
        for one, other in zip(banned, gated):
            with open(log.name, 'a', encoding='ascii') as file:
                file.write(f'{stamp()} FAILED from {one}\n')
            host.ambiguous(other)
        wait_until(lambda: {*banned, *gated} <= {row[3] for row in host.times()}, 'each hook was called', 300)
        wait_until(lambda: set(banned) <= set(host.bans_of('first')), 'all are banned')
        found[turn, is_hung] = [row for row in host.times() if row[3] in {*banned, *gated}]

    for turn in range(bench.runs):
        part(turn, False)
        part(turn, True)
    dns.resume()
    api.resume()

    def run(turn, program, is_hung):
        rows = [row for row in found[turn, is_hung] if row[0] == program]
        return Run([row[2] for row in rows], failed=sum(row[1] not in (0, 10) for row in rows))

    for program in ('rep-report', 'rep-check'):
        bench.compare(f'hooks of {program}', {
            how: lambda turn, program=program, how=how: run(turn, program, how == 'hung')
            for how in ('hung', 'healthy')}, to=[('hung', 'healthy')], budget='as healthy')
    print(f'  verdict lines: {len(host.iprep.verdict_log().splitlines())}; hooks that failed in the log of fail2ban: '
          f'{host.log().count("Failed to execute")}')


# ---- filters ----

def filters(bench):
    """Processor time of the slowest expression of each filter, and of all over 1 ms, with a line of hostile text."""
    packages = Packages(places.packages(''))
    config = bench.scratch().path('fail2ban')
    shutil.copytree(packages.fail2ban_config, config)
    shutil.copytree(os.path.join(places.TOP, 'fail2ban/filter.d'), f'{config}/filter.d', dirs_exist_ok=True)
    lines = {name: [] for name in (*samples.OURS, 'rep-verdict')}
    lengths = ((450, 1800), (bench.size // 4, bench.size))
    print(f'filters: a line of {bench.size} bytes, ms; budget: 100')
    for name, parts in samples.slowest(lines, packages.fail2ban_modules, config, lengths).items():
        slowest = max(parts, key=lambda what, parts=parts: parts[what][1])
        for what, (short, long, text) in parts.items():
            if what == slowest or long > 0.001:
                print(f'  {name:24} {what:18} {1000 * short:7.2f}  {1000 * long:7.2f}  {text[:30]!r}')
