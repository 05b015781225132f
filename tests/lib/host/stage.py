# SPDX-License-Identifier: MIT
"""
stage.py - all parts of the demo, put up and taken down

Two hosts see the same log lines: "host" has fail2ban with iprep, "plain" the
same fail2ban without. Both have a firewall of their own (nftables in their
network namespaces). Below the directory given:

  packages/   what was unpacked (unless given)     iprep/   etc, lib, log
  dns/  api/  logs/                                host/  plain/   fail2ban
"""

import contextlib
import os
import time

import cast
from host import SHIPPED, process
from host.emulator import Emulator
from host.fail2ban import Fail2ban, backends
from host.installation import Installation
from host.loglines import Logs
from host.network import Network, WORLD_ADDRESS
from host.packages import Packages
from host.rbldnsd import ADDRESS as RESOLVER
from host.rbldnsd import Rbldnsd, Zone

STOCK_LOCAL = "[DEFAULT]\n" + backends("polling") + """\
banaction          = nftables
banaction_allports = nftables[type=allports]
sshd_log           = {auth}
syslog_mail        = {mail}
dovecot_log        = {mail}
[sshd]
enabled = true
backend = polling
[sendmail-auth]
enabled = true
[sendmail-reject]
enabled = true
[dovecot]
enabled = true
"""
IPREP_LOCAL = """\
[DEFAULT]
rep_check       = {bin}/rep-check --config={config}
rep_verdict_log = {verdict_log}
[sshd]
action = %(known/action)s
         iprep[category="18,22"]
[sendmail-auth]
action = %(known/action)s
         iprep[category="18"]
[dovecot]
action = %(known/action)s
         iprep
[rep-confirmed]
enabled = true
[rep-notorious]
enabled = true
[rep-sendmail-ambiguous]
enabled = true
[rep-dovecot-ambiguous]
enabled = true
"""
ACTION_LOCAL = """\
[Init]
rep_bindir = {bin}
rep_args   = --config={config}
"""
TIMER_S = 5


class Stage(contextlib.AbstractContextManager):
    """with Stage(...) as stage: everything runs, and is gone afterwards."""

    def __init__(self, directory, prefix, packages, name):
        self.directory = directory
        self.flushed_at = 0.0
        self.worker = None
        with contextlib.ExitStack() as stack:
            self.build(stack, prefix, packages, name)
            self.stack = stack.pop_all()

    def __exit__(self, *_):
        self.stack.close()

    def build(self, stack, prefix, packages, name):
        packages = Packages(packages)
        os.makedirs(f"{self.directory}/logs", mode=0o755)
        self.network = Network(name, f"{self.directory}/logs", stack)
        self.network.add_clients(cast.addresses())
        self.network.listen()
        self.start_world(stack, packages)
        self.install(prefix)
        self.start_fail2ban(stack, packages)

    def start_world(self, stack, packages):
        zones = [Zone("zen.spamhaus.org", "127.0.0.4", cast.listed("zen")),
                 Zone("bl.blocklist.de", "127.0.0.14",
                      cast.listed("blocklist_de")),
                 Zone("list.dnswl.org", "127.0.5.2", [])]
        self.dns = Rbldnsd(packages.find("rbldnsd"), self.network.host,
                           f"{self.directory}/dns", zones)
        stack.callback(self.dns.stop)
        self.api = Emulator(self.network.world, WORLD_ADDRESS,
                            f"{self.directory}/api", cast.abuseipdb_seed())
        stack.callback(self.api.stop)

    def install(self, prefix):
        self.iprep = Installation(prefix, f"{self.directory}/iprep",
                                  self.network.host)
        self.iprep.configure(f"{SHIPPED}/iprep.conf", RESOLVER, self.api.url,
                             self.api.ca_file)

    def start_fail2ban(self, stack, packages):
        self.host = Fail2ban(packages, self.network.host,
                             f"{self.directory}/host")
        self.plain = Fail2ban(packages, self.network.plain,
                              f"{self.directory}/plain")
        self.host_logs = Logs(self.host.directory)
        self.plain_logs = Logs(self.plain.directory)
        self.configure()
        for server in (self.host, self.plain):
            server.start()
            stack.callback(server.stop)

    def configure(self):
        places = {"bin": self.iprep.bin, "config": self.iprep.config,
                  "verdict_log": self.iprep.verdict_log}
        self.plain.write("jail.local", STOCK_LOCAL.format(
            **vars(self.plain_logs)))
        self.host.add_files(SHIPPED)
        self.host.write("jail.local",
                        STOCK_LOCAL.format(**vars(self.host_logs)))
        self.host.write("jail.d/iprep.local", IPREP_LOCAL.format(**places))
        self.host.write("action.d/iprep.local", ACTION_LOCAL.format(**places))

    # -- what acts do ---------------------------------------------------------

    def write(self, lines):
        """The same lines for both hosts."""
        lines = list(lines)
        self.host_logs.write(lines)
        self.plain_logs.write(lines)

    def wait(self, condition, timeout_s):
        """Like wait_for, with the timer's "rep-report --flush" going on."""
        def tick():
            if time.monotonic() - self.flushed_at >= TIMER_S:
                self.flush()
            return condition()
        return process.wait_for(tick, timeout_s, every_s=0.2)

    def flush(self):
        """The timer's moment; nothing happens while its last worker runs."""
        self.flushed_at = time.monotonic()
        if self.worker is None or not self.worker.is_running():
            self.worker = self.iprep.start_worker(
                f"{self.directory}/logs/timer.log")

    def workers(self):
        """Ids of the workers that run now."""
        return [pid for pid in self.network.host.pids()
                if "rep-report" in command_line(pid)]

    def host_bans(self):
        """{address: {jail: seconds}} with iprep."""
        return by_address(self.host.bans())

    def plain_bans(self):
        """{address: {jail: seconds}} without."""
        return by_address(self.plain.bans())


def by_address(bans):
    found = {}
    for jail, addresses in bans.items():
        for address, (seconds, _) in addresses.items():
            found.setdefault(address, {})[jail] = seconds
    return found


def command_line(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read().decode(errors="replace")
    except OSError:
        return ""
