# SPDX-License-Identifier: MIT
"""
network.py - a primary at 192.0.2.53 and hosts at 192.0.2.11, .12 ... on one cable, with keys of make-keys

    primary    192.0.2.53      Knot or BIND
    host 1     192.0.2.11      BIND, the resolver too
    host 2     192.0.2.12      Knot and unbound
    host 3     192.0.2.13      NSD and unbound
    host 4, 5  192.0.2.14, 15  BIND; NSD and unbound

The addresses are those of the shipped files; the network is the test's own. World, at 192.0.2.1, is where clients
come from: every address that a test gives it.
"""
import os

from fleet import servers
from fleet.servers import BindPrimary, BindSecondary, KnotPrimary, KnotSecondary, Nsd, Unbound
from host import packages, process
from host.installed import Installed
from host.netns import Namespace

PACKAGES = ('knot', 'knot-dnsutils', 'bind9', 'bind9-dnsutils', 'bind9-utils', 'nsd', 'unbound', 'postfix')
USERS = ('knot', 'bind', 'nsd', 'unbound', 'postfix', 'postdrop')
WORLD = '192.0.2.1'
PRIMARIES = {'knot': KnotPrimary, 'bind': BindPrimary}


class Fleet:
    """kept: where packages are unpacked; stack: an ExitStack that takes it down; lists: of host 1."""

    def __init__(self, directory, kept, stack, primary='knot', count=5, lists=None):
        os.makedirs(directory, mode=0o755, exist_ok=True)
        self.directory, self.stack = directory, stack
        self.packages = packages.unpacked(kept, 'fleet', PACKAGES)
        process.run(['sh', '-c', 'cd "$1" && shift && exec sh "$@"', 'sh', directory,
                     os.path.join(servers.FILES, 'make-keys'), *map(str, range(1, count + 1))])
        self.keys = os.path.join(directory, 'keys')
        self.world = self.add_space('world')
        self.world.ip('link', 'add', 'cable', 'type', 'bridge')
        self.world.ip('link', 'set', 'cable', 'up')
        self.world.add_address(f'{WORLD}/24', 'cable')
        self.primary_host = self.add_host('primary', servers.PRIMARY)
        self.hosts = [self.add_host(str(number), servers.address_of(number)) for number in range(1, count + 1)]
        self.primary = PRIMARIES[primary](self.primary_host, count)
        self.secondaries, self.resolvers = [], []
        for number, host in enumerate(self.hosts, 1):
            self.add_secondary(host, number, lists if number == 1 else None)
        for server in self.servers:
            server.install(self.keys)
            self.stack.callback(server.stop)

    @property
    def servers(self):
        return [self.primary, *self.secondaries, *self.resolvers]

    def add_space(self, name):
        space = Namespace(f'iprep-fleet{os.getpid()}-{name}')
        self.stack.callback(space.remove)
        return space

    def add_host(self, name, address):
        space = self.add_space(name)
        self.world.connect(f'to-{name}', space, 'eth0')
        self.world.ip('link', 'set', f'to-{name}', 'master', 'cable')
        space.add_address(f'{address}/24', 'eth0')
        space.add_route('default', WORLD)
        host = Installed(self.packages, space, os.path.join(self.directory, name), USERS)
        self.stack.callback(host.close)
        host.write('/etc/resolv.conf', 'nameserver 127.0.0.1\n')
        return host

    def add_secondary(self, host, number, lists):
        if number in (1, 4):
            self.secondaries.append(BindSecondary(host, number, lists))
            return
        self.secondaries.append((KnotSecondary if number == 2 else Nsd)(host, number))
        self.resolvers.append(Unbound(host, number))

    def beside(self, number, packages, users):
        """Other packages in the network of a host, with its name servers: an Installed host."""
        host = Installed(packages, self.hosts[number - 1].space, os.path.join(self.directory, f'beside-{number}'), users)
        self.stack.callback(host.close)
        host.write('/etc/resolv.conf', 'nameserver 127.0.0.1\n')
        return host

    def start(self):
        for server in self.servers:
            server.start(wait=False)
        for server in self.servers:
            server.running.await_ready(server.is_up, servers.READY_S)

    def update(self, number, *lines, check=True, client='nsupdate', key=None):
        """nsupdate on a host, with the key of a host, its own if no other is named."""
        host = self.hosts[number - 1]
        text = ''.join(f'{line}\n' for line in (f'server {servers.PRIMARY}', f'zone {servers.ZONE}', *lines, 'send'))
        path = f'{self.keys}/{key or number}-{client}.key'
        return host.run(client, '-k', path, stdin=text, check=check)
