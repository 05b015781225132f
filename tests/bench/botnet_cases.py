# SPDX-License-Identifier: MIT
"""botnet_cases.py - a botnet against a real fail2ban: many addresses with one line each, four of five of them listed"""
import contextlib
import os
import re
import time

import places
from host import process
from host.world import World
from measure import Run

SECONDS = 20                # in which all lines are written: 1,000 addresses at 50 lines a second, 10,000 at 500
LISTED, OTHERS = 45 << 24 | 64 << 16, 45 << 24 | 128 << 16       # 45.64.0.0/11, 45.128.0.0/11
STEP = 167                  # addresses lie in many networks
END_S = 600
# each line alone is enough to ban
BOTS = """[sshd]
enabled = false
[bots]
enabled = true
filter =
failregex = ^ SUSPICIOUS from <ADDR>$
logpath = {dir}/bots.log
backend = polling
maxretry = 1
findtime = 1h
bantime = 1d
action = %(action_)s
"""
COMMANDS = """ignorecommand = %(rep_gate)s
ignorecache = %(rep_gate_cache)s
"""
PYTHON = """         iprep.py[mode=gate, rep_check="%(rep_check)s"]
"""
VERDICTS = """[rep-confirmed]
banaction = iprep-nftables.py
action = %(action_)s
         iprep.py[mode=is-blocked, rep_check="%(rep_check)s"]
"""
MORE = {'commands': COMMANDS, 'python': PYTHON + COMMANDS + VERDICTS, 'fail2ban alone': ''}
BAN = r'^(\S+ \S+),(\d+) .* NOTICE +\[{}\] Ban (\S+)$'


def address(number):
    return '.'.join(str(number >> shift & 255) for shift in (24, 16, 8, 0))


def cpu_ms(pid, and_children):
    """Of a process, and of its children that have ended; proc(5)."""
    with open(f'/proc/{pid}/stat', encoding='ascii') as file:
        times = [int(word) for word in file.read().rpartition(')')[2].split()[11:15]]
    return 1000 * sum(times if and_children else times[:2]) / os.sysconf('SC_CLK_TCK')


class Side:
    def __init__(self, bench, name, stack):
        self.top = bench.scratch().dir
        self.name, self.size = name, bench.size
        world = World(f'{self.top}/world', places.packages(self.top), f'iprep-bots-{os.getpid()}', stack,
                      {'bl.blocklist.de': ['45.64.0.0/11']})
        ours = name != 'fail2ban alone'
        self.host = world.add_host('host' if ours else 'plain', bench.programs['now'] if ours else None)
        self.jail = 'rep-confirmed' if ours else 'bots'
        open(f'{self.top}/bots.log', 'w', encoding='ascii').close()
        if ours:
            self.host.iprep.set('worker', 'max_new_blocks = 100000/1h')
            self.host.iprep.run('rep-check', '--ready', check=True)
        self.host.configure({}, ('rep-confirmed',), more=BOTS.format(dir=self.top) + MORE[name])
        self.host.start()

    def processes(self):
        return {self.host.server.child.pid: True,
                **{pid: False for pid in self.host.space.pids() if '--serve' in command_line(pid)}}

    def cpu(self):
        return sum(cpu_ms(pid, and_children) for pid, and_children in self.processes().items())

    def bans(self):
        """{address: when}"""
        found = re.findall(BAN.format(self.jail), self.host.log(), re.M)
        return {one: time.mktime(time.strptime(when, '%Y-%m-%d %H:%M:%S')) + int(ms) / 1000 for when, ms, one in found}

    def write_lines(self, addresses):
        """{address: when}, evenly"""
        written, began = {}, time.time()
        with open(f'{self.top}/bots.log', 'a', encoding='ascii', buffering=1) as log:
            for number, one in enumerate(addresses):
                time.sleep(max(0, began + number * SECONDS / len(addresses) - time.time()))
                written[one] = time.time()
                log.write(time.strftime('%Y-%m-%dT%H:%M:%S+0000', time.gmtime()) + f' SUSPICIOUS from {one}\n')
        return written

    def run(self):
        """A Run of seconds from line to ban."""
        listed = {address(LISTED + number * STEP) for number in range(self.size) if number % 5}
        every = [address((LISTED if number % 5 else OTHERS) + number * STEP) for number in range(self.size)]
        wanted = listed if self.jail == 'rep-confirmed' else set(every)
        before = self.cpu()
        written = self.write_lines(every)
        wait = self.host.wait if self.host.iprep else process.wait_for
        wait(lambda: wanted <= set(self.bans()), END_S)         # the table shows what is missing
        bans, cpu = self.bans(), self.cpu() - before
        late = sorted(at - written[one] for one, at in bans.items() if one in written)
        self.host.stop()
        return Run(late or [float('nan')], listed_banned=len(listed & set(bans)), others_banned=len(set(bans) - listed),
                   p95=late[len(late) * 95 // 100] if late else 0, last=max(bans.values(), default=0) - min(written.values()),
                   cpu_ms_a_line=cpu / self.size)


def command_line(pid):
    try:
        with open(f'/proc/{pid}/cmdline', 'rb') as file:
            return file.read().decode(errors='replace')
    except OSError:
        return ''


def botnet(bench):
    """Seconds from the line to the ban, both ways and by fail2ban alone, which bans all of them."""
    def run(name):
        with contextlib.ExitStack() as stack:
            return Side(bench, name, stack).run()

    bench.compare(f'{bench.size} addresses in {SECONDS} s, 80 % listed', {name: lambda turn, name=name: run(name)
                                                                        for name in MORE},
                  unit='s', budget='median 0.5; all listed and no others; CPU at most that of fail2ban alone')
