# SPDX-License-Identifier: MIT
"""
stage.py - machines on two sides: "host" with fail2ban and iprep, "plain" without

Every machine runs twice, once on each side, with the same packages and setup.
The clients' addresses are all of 45.0.0.0/8; those that end in .71 are on a DNS
list.
"""

import json
import sys

from host import HERE, process
from host.debian import Daemons
from host.live.clients import PASSWORD, USER
from host.live.daemons import DAEMONS
from host.network import CABLES, bare, probe
from host.roots import Roots
from host.world import World

CLIENTS = "45.0.0.0/8"
SIDES = ("host", "plain")
FIRST_MACHINE = 30          # 192.0.2.30 is the first machine's address
ATTACK_S = 600         # also on a busy machine
OF_ALL_DAEMONS = ("rep-confirmed", "rep-notorious", "rep-spray", "rep-login")


class LiveStage(World):
    """daemons: the Daemons that run; listed: addresses on a DNS list; release:
    the Debian that the machines have, None for this machine's own."""

    def __init__(self, directory, packages, programs, stack, name, daemons, listed, release=None):
        super().__init__(directory, packages, name, stack, {"zen.spamhaus.org": listed})
        self.roots = Roots(packages, release)
        self.daemons = daemons
        self.machines = {}
        self.network.world.ip("route", "add", "local", CLIENTS, "dev", "lo")
        for side in SIDES:
            self.network.spaces[side].add_route(CLIENTS, self.gateway(side))
        self.start_machines()
        self.host, self.plain = self.add_host("host", programs), self.add_host("plain")
        ours = dict.fromkeys([*OF_ALL_DAEMONS, *(jail for daemon in self.daemons for jail in daemon.rep)])
        # Debian enables the jail sshd; here it is off unless sshd is among the daemons
        jails = {name: (daemon.category, lines) for daemon in self.daemons for name, lines in daemon.stock.items()}
        for host in (self.host, self.plain):
            host.configure({"sshd": None, **jails}, ours, self.logs_of(host.side))
            host.test_configuration()
            host.start()

    def gateway(self, side):
        return bare(CABLES[side][0][1])

    def start_machines(self):
        names = list(dict.fromkeys(one.machine for one in DAEMONS.values()))
        wanted = {daemon.machine for daemon in self.daemons}
        for place, name in enumerate(names):
            if name in wanted:
                self.start_machine(name, FIRST_MACHINE + place)
        for machine in self.machines.values():
            machine.await_ready()

    def start_machine(self, name, number):
        daemons = [one for one in DAEMONS.values() if one.machine == name]
        try:
            root = self.roots.get(name, [package for daemon in daemons for package in daemon.packages])
        except process.CommandError as error:
            if any(daemon.must_run for daemon in daemons):
                raise
            for daemon in daemons:          # their packages are not to be had
                print(f"test_live: SKIPPED {daemon.name}: {error}", flush=True)
            self.daemons = [one for one in self.daemons if one not in daemons]
            return
        with open(f"{HERE}/live/setup.sh", encoding="ascii") as file:
            functions = file.read()
        for side in SIDES:
            space = self.network.spaces[side]
            address = self.gateway(side).rpartition(".")[0] + f".{number}"
            space.add_address(f"{address}/24", "eth0")
            machine = Daemons(root, space, f"{self.directory}/{side}-{name}", address, daemons, functions,
                              user=USER, password=PASSWORD)
            self.stack.callback(machine.close)
            self.machines[side, name] = machine

    def logs_of(self, side):
        """sshd_log = ... and the like: the logs of all machines of a side."""
        paths = {}
        for daemon in self.daemons:
            for variable, name in daemon.logs.items():
                path = self.machines[side, daemon.machine].log_file(name)
                paths.setdefault(variable, {})[path] = True
        everything = dict.fromkeys(path for files in paths.values() for path in files)
        return {**paths, "rep_login_logs": everything, "rep_own_logs": ["/nonexistent"]}

    # -- what the driver does

    def attack(self, daemon_tasks):
        """[(side, daemon, behaviour, address)] -> the steps of each."""
        tasks = [[daemon.name, behaviour, source, self.machines[side, daemon.machine].address]
                 for side, daemon, behaviour, source in daemon_tasks]
        done = self.network.world.run([sys.executable, "-B", f"{HERE}/live/attack.py"], stdin=json.dumps(tasks),
                                      timeout_s=ATTACK_S)
        return json.loads(done.stdout)

    def settle(self, patience_s, quiet_s):
        """Until no worker runs, and a while for the rest."""
        self.host.wait_idle(patience_s)
        self.host.wait(lambda: False, quiet_s)

    def connects(self, side, pairs):
        """{(daemon's name, address): does a connection to its port succeed?}"""
        tries = [[address, self.machines[side, daemon.machine].address, daemon.talk.port] for daemon, address in pairs]
        answers = probe(self.network.world, tries)
        return {(daemon.name, address): answer for (daemon, address), answer in zip(pairs, answers)}
