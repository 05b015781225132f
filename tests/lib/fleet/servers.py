# SPDX-License-Identifier: MIT
"""
servers.py - Knot, BIND, NSD and unbound on an Installed host, with Debian's own configuration and a file of
fail2ban/fleet

The files are loaded as they are, but for what they call a host of their own: its number in "iprep-N" and its address
192.0.2.1N. What the tests add is where logs go.
"""
import os
import re
import signal

import places
from fleet import questions
from host import process

FILES = os.path.join(places.TOP, 'fail2ban/fleet')
ZONE = questions.ZONE
PRIMARY = '192.0.2.53'
READY_S = 60


def shipped(name):
    with open(os.path.join(FILES, name), encoding='utf-8') as file:
        return file.read()


def address_of(number):
    return f'192.0.2.1{number}'


def for_host(text, old, number):
    """A file of host old, for another."""
    return text.replace(f'iprep-{old}', f'iprep-{number}').replace(address_of(old), address_of(number))


def for_hosts(text, count):
    """A file of three hosts, for count of them: what is there of the third is there of each further one."""
    def more(match):
        return match[0] + ''.join(re.sub(r'(host-|iprep-|192\.0\.2\.1|\t)3(?![0-9])', rf'\g<1>{number}', match[0])
                                  .replace('3._host', f'{number}._host') for number in range(4, count + 1))
    text = re.sub(r'^  - id: host-3\n(    .*\n)+', more, text, flags=re.M)          # Knot: a block
    text = re.sub(r', (host-|iprep-|192\.0\.2\.1)3(?=\])', more, text)              # Knot: the end of a list
    return re.sub(r'^\t.*(iprep-3|192\.0\.2\.13).*;\n', more, text, flags=re.M)     # BIND: a line


class Server:
    """One name server on a host. argv: how it starts, in the foreground; file: of which shipped file it is made."""

    name = user = argv = None
    own = ()                # directories that belong to it
    address = '127.0.0.1'   # where it answers

    def __init__(self, host):
        self.host, self.running = host, None

    def install(self, keys):
        """Files of its own; keys: of make-keys."""
        raise NotImplementedError

    def put(self, path, text, mode=0o644):
        self.host.write(path, text, mode)

    def put_keys(self, path, keys, name):
        with open(os.path.join(keys, name), encoding='ascii') as file:
            self.put(path, file.read(), 0o640)
        self.host.run('chown', f'root:{self.user}', path)

    def append(self, path, text):
        self.host.append(path, text)

    def start(self, wait=True):
        self.host.own(self.user, *self.own)
        self.running = self.host.serve(self.name, self.argv)
        if wait:
            self.running.await_ready(self.is_up, READY_S)

    def is_up(self):
        """Does it have the zone?"""
        return questions.serial(self.host, self.address) is not None

    def kill(self):
        """SIGKILL, to its children too."""
        os.killpg(self.running.pid, signal.SIGKILL)
        self.running.child.wait()

    def stop(self):
        if self.running:
            self.running.stop()

    def memory_kb(self):
        """Resident, of all its processes, what they share counted once (proportional set size)."""
        done = process.run(['ps', '-o', 'pid=', '-g', str(self.running.pid)], check=False)
        total = 0
        for pid in done.stdout.split():
            with open(f'/proc/{pid}/smaps_rollup', encoding='ascii') as file:
                total += int(re.search(r'^Pss:\s+(\d+)', file.read(), re.M)[1])
        return total


class Knot(Server):
    name, user, argv = 'knotd', 'knot', ['knotd', '-c', '/etc/knot/knot.conf']
    own = ('/run/knot', '/var/lib/knot')

    def put_shipped(self, text):
        self.put('/etc/knot/iprep.conf', text)
        self.append('/etc/knot/knot.conf', 'include: /etc/knot/iprep.conf\n'
                    'log:\n  - target: stderr\n    any: info\n')


class KnotPrimary(Knot):
    address = PRIMARY

    def __init__(self, host, hosts):
        super().__init__(host)
        self.hosts = hosts

    def install(self, keys):
        self.host.own(self.user, *self.own)
        self.put('/var/lib/knot/bl.example.net.zone', shipped('bl.example.net.zone'))
        self.host.run('chown', 'knot:knot', '/var/lib/knot/bl.example.net.zone')
        self.put_keys('/etc/knot/iprep.keys', keys, 'primary-knot.keys')
        self.put_shipped(for_hosts(shipped('knot-primary.conf'), self.hosts))


class KnotSecondary(Knot):
    def __init__(self, host, number):
        super().__init__(host)
        self.number, self.address = number, address_of(number)

    def install(self, keys):
        self.put_keys('/etc/knot/iprep.keys', keys, f'{self.number}-knot.keys')
        self.put_shipped(for_host(shipped('knot-secondary.conf'), 2, self.number))


class Bind(Server):
    name, user, argv = 'named', 'bind', ['named', '-g', '-u', 'bind', '-c', '/etc/bind/named.conf']
    own = ('/run/named', '/var/cache/bind', '/var/lib/bind')

    def put_shipped(self, text):
        self.put('/etc/bind/iprep.conf', text)
        self.append('/etc/bind/named.conf.local', 'include "/etc/bind/iprep.conf";\n')


class BindPrimary(Bind):
    address = PRIMARY

    def __init__(self, host, hosts):
        super().__init__(host)
        self.hosts = hosts

    def install(self, keys):
        self.host.own(self.user, *self.own)
        self.put('/var/lib/bind/bl.example.net.zone', shipped('bl.example.net.zone'))
        self.host.run('chown', 'bind:bind', '/var/lib/bind/bl.example.net.zone')
        self.put_keys('/etc/bind/iprep.keys', keys, 'primary-bind.keys')
        self.put_shipped(for_hosts(shipped('bind-primary.conf'), self.hosts))


class BindSecondary(Bind):
    """The resolver of the host as well. lists: {zone: lines of a zone file} that it has in addition."""

    def __init__(self, host, number, lists=None):
        super().__init__(host)
        self.number, self.lists = number, lists or {}

    def install(self, keys):
        self.put_keys('/etc/bind/iprep.keys', keys, f'{self.number}-bind.keys')
        self.put_shipped(for_host(shipped('bind-secondary.conf'), 1, self.number))
        for zone, lines in self.lists.items():
            self.put(f'/etc/bind/{zone}.zone', '$TTL 60\n@ SOA ns.test. host.test. 1 600 300 86400 60\n@ NS ns.test.\n'
                     + ''.join(f'{line}\n' for line in lines))
            self.append('/etc/bind/named.conf.local',
                        f'zone "{zone}" {{ type primary; file "/etc/bind/{zone}.zone"; }};\n')


class Nsd(Server):
    name, user, argv = 'nsd', 'nsd', ['nsd', '-d', '-c', '/etc/nsd/nsd.conf']
    own = ('/run/nsd', '/var/lib/nsd')

    def __init__(self, host, number):
        super().__init__(host)
        self.number, self.address = number, address_of(number)

    def install(self, keys):
        self.put_keys('/etc/nsd/iprep.keys', keys, f'{self.number}-nsd.keys')
        self.put('/etc/nsd/nsd.conf.d/iprep.conf', for_host(shipped('nsd-secondary.conf'), 3, self.number))
        self.put('/etc/nsd/nsd.conf.d/test.conf', 'server:\n\tlog-only-syslog: no\nremote-control:\n\tcontrol-enable: no\n')


class Unbound(Server):
    """The resolver next to Knot or NSD, at 127.0.0.1."""

    name, user, argv = 'unbound', 'unbound', ['unbound', '-d', '-c', '/etc/unbound/unbound.conf']
    own = ('/var/lib/unbound',)

    def __init__(self, host, number):
        super().__init__(host)
        self.number = number

    def install(self, keys):
        self.put('/etc/unbound/unbound.conf.d/iprep.conf', for_host(shipped('unbound-stub.conf'), 3, self.number))
        self.put('/etc/unbound/unbound.conf.d/test.conf', 'server:\n\tuse-syslog: no\n\tlogfile: ""\n')
        self.host.own(self.user, *self.own)
        # Debian's start script does this
        self.host.run('cp', '/usr/share/dns/root.key', '/var/lib/unbound/root.key')
        self.host.run('chown', 'unbound:unbound', '/var/lib/unbound/root.key')
