# SPDX-License-Identifier: MIT
"""
world.py - the small internet around hosts of the tests

rbldnsd, which answers under the names of the shipped lists, the emulator of AbuseIPDB, and clients that try TCP
connections (network.py). Below its directory: dns/ api/ logs/, and host/ plain/ for each fail2ban.
"""

import os

from api import Emulator
from host.network import WORLD_ADDRESS, Network
from host.packages import Packages
from host.private import Private
from host.rbldnsd import Rbldnsd, Zone

LISTS = {"zen.spamhaus.org": "127.0.0.4", "bl.blocklist.de": "127.0.0.14", "list.dnswl.org": "127.0.5.2"}


class World:
    """stack: an ExitStack that takes it down; listed: {zone of LISTS: addresses}; seed: what AbuseIPDB knows."""

    def __init__(self, directory, packages, name, stack, listed=None, seed=None):
        self.directory, self.stack = directory, stack
        self.packages = Packages(packages)
        self.installations = []
        stack.callback(lambda: [one.close() for one in self.installations])     # when nothing runs any more
        os.makedirs(f"{directory}/logs", mode=0o755)
        self.network = Network(name, f"{directory}/logs", stack)
        zones = [Zone(zone, answer, (listed or {}).get(zone, ())) for zone, answer in LISTS.items()]
        self.dns = Rbldnsd(self.packages.find("rbldnsd"), self.network.host, f"{directory}/dns", zones)
        stack.callback(self.dns.stop)
        self.api = Emulator(seed, tls=True, host=WORLD_ADDRESS, port=8443, space=self.network.world,
                            directory=f"{directory}/api")
        stack.callback(self.api.stop)

    def add_host(self, side, programs=None, wrapped=False, kind=Private):
        """side: "host" or "plain"; the rest as Private.join has it."""
        made = kind(self.packages, self.network.spaces[side], f"{self.directory}/{side}")
        made.join(self, side, programs, wrapped)
        return made
