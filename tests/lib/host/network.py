# SPDX-License-Identifier: MIT
"""
network.py - the small internet of the host tests

             +-- world ---------------------------+
             |  every client's address, IPv4 and  |
             |  IPv6; the AbuseIPDB emulator      |
             +---+----------------------------+---+
        192.0.2.0/24, 2001:db8:1::/64   198.51.100.0/24, 2001:db8:2::/64
             +---+----------+            +----+---------+
             |  host        |            |  plain       |
             |  with iprep  |            |  without     |
             +--------------+            +--------------+

The clients' addresses look public, as iprep never looks up private ones; they
are routed only in here. A connection is tried for real: a socket in world,
bound to the client's address, connects to a listener in host or plain.
"""

import json
import sys

from host import HERE, process
from host.netns import Namespace

PORTS = (22, 25, 143)
WORLD_ADDRESS = "192.0.2.1"

# side -> (its address, world's address) on the cable, with prefix lengths
CABLES = {
    "host": (("192.0.2.10/24", "192.0.2.1/24"),
             ("2001:db8:1::10/64", "2001:db8:1::1/64")),
    "plain": (("198.51.100.10/24", "198.51.100.1/24"),
              ("2001:db8:2::10/64", "2001:db8:2::1/64")),
}


class Network:
    """The three namespaces; prefix must be unique on this machine."""

    def __init__(self, prefix, log_dir, stack):
        """stack: an ExitStack that takes all of it down again."""
        self.log_dir = log_dir
        self.stack = stack
        self.spaces = {}
        for name in ("world", *CABLES):
            self.spaces[name] = Namespace(f"{prefix}-{name}")
            stack.callback(self.spaces[name].remove)
        for side in CABLES:
            self.lay_cable(side)

    @property
    def world(self):
        return self.spaces["world"]

    @property
    def host(self):
        return self.spaces["host"]

    @property
    def plain(self):
        return self.spaces["plain"]

    def lay_cable(self, side):
        self.world.connect(side, self.spaces[side], "eth0")
        for ours, theirs in CABLES[side]:
            self.spaces[side].add_address(ours, "eth0")
            self.world.add_address(theirs, side)

    def add_clients(self, addresses):
        """Give these addresses to world; host and plain route them there."""
        for address in addresses:
            length = 128 if ":" in address else 32
            self.world.add_address(f"{address}/{length}", "lo")
            for side, cable in CABLES.items():
                gateway = bare(cable[1 if ":" in address else 0][1])
                self.spaces[side].add_route(f"{address}/{length}", gateway)

    def listen(self):
        """Accept connections on PORTS in host and plain."""
        for side in CABLES:
            argv = [sys.executable, f"{HERE}/tcp.py", "listen", *map(str, PORTS)]
            log = f"{self.log_dir}/listen-{side}.log"
            server = process.Server(self.spaces[side].command(argv), log)
            self.stack.callback(server.stop)
            server.await_ready(lambda log=log: "listening" in process.tail(log))

    def address_of(self, side, like):
        """The address of host or plain in the family of the address given."""
        return bare(CABLES[side][1 if ":" in like else 0][0])

    def connects(self, side, wanted):
        """{(address, port): True if a connection from there succeeds}."""
        wanted = list(wanted)
        tries = [[address, self.address_of(side, address), port]
                 for address, port in wanted]
        return dict(zip(wanted, probe(self.world, tries)))


def probe(space, tries):
    """[true or false] for each [source, destination, port]"""
    done = space.run([sys.executable, f"{HERE}/tcp.py", "connect"], stdin=json.dumps(tries))
    return json.loads(done.stdout)


def bare(address):
    return address.partition("/")[0]
