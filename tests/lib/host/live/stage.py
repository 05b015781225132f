# SPDX-License-Identifier: MIT
"""
stage.py - machines on two sides: "host" with fail2ban and iprep, "plain" without

Every machine runs twice, once on each side, with the same packages and setup.
The clients' addresses are all of 45.0.0.0/8; those that end in .71 are on a DNS
list. Everything else is the demo's stage: rbldnsd, the AbuseIPDB emulator, the
shipped jails.
"""

import json
import os
import sys

from host import HERE, SHIPPED, process, stage
from host.emulator import Emulator
from host.fail2ban import Fail2ban
from host.live.daemons import DAEMONS
from host.live.machine import Machine
from host.roots import Roots
from host.network import CABLES, WORLD_ADDRESS, Network, bare
from host.packages import Packages
from host.rbldnsd import ADDRESS as RESOLVER
from host.rbldnsd import Rbldnsd, Zone

CLIENTS = "45.0.0.0/8"
SIDES = ("host", "plain")
FIRST_MACHINE = 30          # 192.0.2.30 is the first machine's address
ATTACK_S = 600         # also on a busy machine
OF_ALL_DAEMONS = ("rep-confirmed", "rep-notorious", "rep-spray", "rep-login")

STOCK = """\
[DEFAULT]
banaction          = nftables
banaction_allports = nftables[type=allports]
{logs}
{jails}
"""
# Debian's fail2ban since 1.1 has the journal for each daemon: [DEFAULT] is not enough.
ENABLED = "enabled = true\nbackend = polling\n"
IPREP = """\
[DEFAULT]
rep_check       = {bin}/rep-check --config={config}
rep_verdict_log = {verdict_log}
{jails}
"""


class LiveStage(stage.Stage):
    """daemons: the Daemons that run; listed: addresses on a DNS list; release:
    the Debian that the machines have, None for this machine's own."""

    def __init__(self, directory, prefix, packages, name, daemons, listed, release=None):
        self.release = release
        self.daemons = daemons
        self.listed = listed
        self.machines = {}
        super().__init__(directory, prefix, packages, name)

    def build(self, stack, prefix, packages, name):
        self.roots = Roots(packages, self.release)
        packages = Packages(packages)
        os.makedirs(f"{self.directory}/logs", mode=0o755)
        self.network = Network(name, f"{self.directory}/logs", stack)
        self.network.world.ip("route", "add", "local", CLIENTS, "dev", "lo")
        for side in SIDES:
            self.network.spaces[side].add_route(CLIENTS, self.gateway(side))
        self.start_machines(stack)
        self.start_world(stack, packages)
        self.install(prefix)
        self.start_fail2ban(stack, packages)

    def gateway(self, side):
        return bare(CABLES[side][0][1])

    def start_machines(self, stack):
        names = list(dict.fromkeys(one.machine for one in DAEMONS.values()))
        wanted = {daemon.machine for daemon in self.daemons}
        for place, name in enumerate(names):
            if name in wanted:
                self.start_machine(stack, name, FIRST_MACHINE + place)
        for machine in self.machines.values():
            machine.await_ready()

    def start_machine(self, stack, name, number):
        daemons = [one for one in DAEMONS.values() if one.machine == name]
        try:
            root = self.roots.get(name, [package for daemon in daemons
                                         for package in daemon.packages])
        except process.CommandError as error:
            if any(daemon.must_run for daemon in daemons):
                raise
            self.skip(daemons, error)
            return
        for side in SIDES:
            space = self.network.spaces[side]
            address = self.gateway(side).rpartition(".")[0] + f".{number}"
            space.add_address(f"{address}/24", "eth0")
            machine = Machine(root, space, f"{self.directory}/{side}-{name}",
                              address, daemons)
            stack.callback(machine.stop)
            self.machines[side, name] = machine

    def skip(self, daemons, error):
        """Their packages are not to be had; said aloud."""
        for daemon in daemons:
            print(f"test_live: SKIPPED {daemon.name}: {error}", flush=True)
        self.daemons = [one for one in self.daemons if one not in daemons]

    def start_world(self, stack, packages):
        zones = [Zone("zen.spamhaus.org", "127.0.0.4", self.listed),
                 Zone("bl.blocklist.de", "127.0.0.14", []),
                 Zone("list.dnswl.org", "127.0.5.2", [])]
        self.dns = Rbldnsd(packages.find("rbldnsd"), self.network.host,
                           f"{self.directory}/dns", zones)
        stack.callback(self.dns.stop)
        self.api = Emulator(self.network.world, WORLD_ADDRESS,
                            f"{self.directory}/api", {})
        stack.callback(self.api.stop)

    def start_fail2ban(self, stack, packages):
        self.host, self.plain = (
            Fail2ban(packages, self.network.spaces[side],
                     f"{self.directory}/{side}") for side in SIDES)
        self.configure()
        for server in (self.host, self.plain):
            server.test_configuration()
            server.start()
            stack.callback(server.stop)

    def configure(self):
        places = {"bin": self.iprep.bin, "config": self.iprep.config,
                  "verdict_log": self.iprep.verdict_log}
        self.host.add_files(SHIPPED)
        for side, server in (("host", self.host), ("plain", self.plain)):
            server.write("jail.local", STOCK.format(
                logs=self.log_variables(side), jails=self.stock_jails(side)))
        self.host.write("jail.d/iprep.local", IPREP.format(
            jails=enabled(self.rep_jails()), **places))
        self.host.write("action.d/iprep.local",
                        stage.ACTION_LOCAL.format(**places))

    def log_variables(self, side):
        """sshd_log = ... and the like: the logs of all machines of a side."""
        paths = {}
        for daemon in self.daemons:
            machine = self.machines[side, daemon.machine]
            for variable, name in daemon.logs.items():
                paths.setdefault(variable, {})[machine.log(name)] = True
        everything = dict.fromkeys(path for files in paths.values()
                                   for path in files)
        return "\n".join(f"{variable} = " + "\n    ".join(files)
                         for variable, files in
                         {**paths, "rep_login_logs": everything, "rep_own_logs": {"/nonexistent": True}}.items())

    def stock_jails(self, side):
        """Only with iprep has a stock jail its one added line. Debian enables
        the jail sshd; here it is off unless sshd is among the daemons."""
        jails = {"sshd": "enabled = false\n"}
        for daemon in self.daemons:
            more = one_line_more(daemon) if side == "host" else ""
            for name, own in daemon.stock.items():
                jails[name] = f"{ENABLED}{own}{more}"
        return "\n".join(f"[{name}]\n{text}" for name, text in jails.items())

    def rep_jails(self):
        jails = dict.fromkeys(OF_ALL_DAEMONS)
        for daemon in self.daemons:
            jails.update(dict.fromkeys(daemon.rep))
        return list(jails)

    # -- what the driver does --------------------------------------------------

    def attack(self, daemon_tasks):
        """[(side, daemon, behaviour, address)] -> the steps of each."""
        tasks = [[daemon.name, behaviour, source,
                  self.machines[side, daemon.machine].address]
                 for side, daemon, behaviour, source in daemon_tasks]
        done = self.network.world.run([sys.executable, f"{HERE}/live/attack.py"],
                                      stdin=json.dumps(tasks),
                                      timeout_s=ATTACK_S)
        return json.loads(done.stdout)

    def connects(self, side, pairs):
        """{(daemon, address): does a connection to its port succeed?}"""
        pairs = list(pairs)
        tries = [[address, self.machines[side, daemon.machine].address,
                  daemon.talk.port] for daemon, address in pairs]
        done = self.network.world.run(
            [sys.executable, f"{HERE}/probe.py"], stdin=json.dumps(tries))
        return {(daemon.name, address): answer for (daemon, address), answer
                in zip(pairs, json.loads(done.stdout))}


def enabled(jails):
    return "\n".join(f"[{name}]\n{ENABLED}" for name in jails)


def one_line_more(daemon):
    return ("action = %(known/action)s\n"
            f"         iprep[category=\"{daemon.category}\"]\n")
