# SPDX-License-Identifier: MIT
"""
primary.py - a primary of the fleet on loopback, Knot or BIND of Debian, and their clients where the programs look

    server = Knot(directory); server.start(); server.records(); server.stop()
    run(['unshare', '-m', 'sh', '-c', with_clients(directory), 'sh', *command])
"""
import os
import secrets
import base64
import signal
import socket
import subprocess

import places
from host import packages
from waiting import wait_until

ZONE = 'bl.test'
PACKAGES = ('knot', 'knot-dnsutils', 'bind9', 'bind9-dnsutils', 'bind9-utils')
CLIENTS = ('nsupdate', 'dig', 'knsupdate', 'kdig')
ZONE_FILE = f'''$ORIGIN {ZONE}.
$TTL 300
@ SOA ns host 1 600 300 86400 30
@ NS ns
ns A 127.0.0.1
2.0.0.127 A 127.0.0.2
'''
KNOT = '''server:
    listen: 127.0.0.1@{port}
    rundir: {dir}
database:
    storage: {dir}
key:
  - id: host7
    algorithm: hmac-sha256
    secret: {secret}
acl:
  - id: update
    key: host7
    action: update
    update-type: [A, TXT]
    update-owner: name
    update-owner-match: sub
    update-owner-name: [{owners}]
  - id: read
    key: host7
    action: [transfer, query]
  - id: local
    address: 127.0.0.1
    action: query
zone:
  - domain: {zone}
    file: {dir}/{zone}
    zonefile-load: difference-no-serial
    zonefile-sync: -1
    journal-content: all
    acl: [update, read, local]
'''
BIND = '''key "host7" {{ algorithm hmac-sha256; secret "{secret}"; }};
options {{ directory "{dir}"; listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};
  pid-file "{dir}/pid"; session-keyfile "{dir}/session"; recursion no; dnssec-validation no; }};
controls {{ }};
zone "{zone}" {{ type primary; check-names ignore; file "{dir}/{zone}"; update-policy {{ {grants} }};
  allow-transfer {{ key host7; }}; }};
'''


def free_port():
    """Nothing has it now, for UDP and for TCP."""
    with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
        tcp.bind(('127.0.0.1', 0))
        udp.bind(tcp.getsockname())
        return tcp.getsockname()[1]


class Primary:
    """owners: below which names records may be changed."""

    def __init__(self, directory, owners=(ZONE,), zone=ZONE):
        self.directory, self.owners, self.zone = directory, owners, zone
        os.mkdir(directory, 0o755)
        self.secret = base64.b64encode(secrets.token_bytes(32)).decode()
        self.root = packages.unpacked(places.packages(directory), 'fleet-clients', PACKAGES)
        self.port, self.process = free_port(), None
        self.write(zone, ZONE_FILE.replace(ZONE, zone))
        self.write('server.conf', self.conf())

    def write(self, name, text):
        with open(f'{self.directory}/{name}', 'w', encoding='ascii') as f:
            f.write(text)

    def environment(self):
        return {'PATH': '/usr/bin:/bin', 'LD_LIBRARY_PATH': libraries(self.root)}

    def start(self):
        with open(f'{self.directory}/log', 'ab') as log:
            self.process = subprocess.Popen(self.command(), env=self.environment(), stdout=log, stderr=log)
        wait_until(lambda: self.process.poll() is not None or self.serial() is not None, 'the primary answers')
        assert self.process.poll() is None, self.log()

    def stop(self, how=signal.SIGTERM):
        if self.process:
            self.process.send_signal(how)
            self.process.wait(60)
            self.process = None

    close = stop

    def log(self):
        with open(f'{self.directory}/log', encoding='utf-8', errors='replace') as f:
            return f.read()

    def dig(self, *args):
        """Lines of records."""
        done = subprocess.run([f'{self.root}/usr/bin/kdig', '@127.0.0.1', '-p', str(self.port), '+time=2', '+retry=1',
                               '-y', f'hmac-sha256:host7:{self.secret}', *args], env=self.environment(),
                              capture_output=True, text=True, timeout=60, check=False)
        return [line.split(None, 4) for line in done.stdout.splitlines() if line and not line.startswith(';')]

    def serial(self):
        lines = self.dig(self.zone, 'SOA')
        return int(lines[0][4].split()[2]) if lines else None

    def records(self):
        """[(name below the zone, type, value)] of all A and TXT records but the first ones."""
        found = [(name.removesuffix(f'.{self.zone}.'), kind, value)
                 for name, _, _, kind, value in self.dig(self.zone, 'AXFR') if kind in ('A', 'TXT')]
        return sorted(set(found) - {('ns', 'A', '127.0.0.1'), ('2.0.0.127', 'A', '127.0.0.2')})

    def update(self, *lines):
        """As nsupdate reads them; signed with the key."""
        done = subprocess.run([f'{self.root}/usr/bin/nsupdate', '-v', '-y', f'hmac-sha256:host7:{self.secret}'],
                              input='\n'.join([f'server 127.0.0.1 {self.port}', f'zone {self.zone}', 'check-names no', *lines, 'send', '']),
                              env=self.environment(), capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    def key(self, form):
        """Text of the key file, of BIND's form or of one line."""
        if form == 'bind':
            return f'key "host7" {{\n\talgorithm hmac-sha256;\n\tsecret "{self.secret}";\n}};\n'
        return f'hmac-sha256:host7:{self.secret}\n'


class Knot(Primary):
    form = 'line'

    def conf(self):
        return KNOT.format(dir=self.directory, port=self.port, secret=self.secret, zone=self.zone,
                           owners=', '.join(f'{owner}.' for owner in self.owners))

    def command(self):
        return [f'{self.root}/usr/sbin/knotd', '-c', f'{self.directory}/server.conf', '-s', f'{self.directory}/socket']


class Bind(Primary):
    form = 'bind'

    def conf(self):
        grants = ' '.join(f'grant host7 subdomain {owner}. A TXT;' for owner in self.owners)
        return BIND.format(dir=self.directory, port=self.port, secret=self.secret, zone=self.zone, grants=grants)

    def command(self):
        return [f'{self.root}/usr/sbin/named', '-g', '-c', f'{self.directory}/server.conf']


def libraries(root):
    return ':'.join(top for top, _, names in os.walk(f'{root}/usr/lib') if any('.so' in name for name in names))


def make_clients(directory, root, names=CLIENTS, script='exec {program} "$@"'):
    """A directory that can be mounted over /usr/sbin."""
    os.makedirs(directory, exist_ok=True)
    for name in names:
        text = script.format(program=f'{root}/usr/bin/{name}')
        with open(f'{directory}/{name}', 'w', encoding='ascii') as f:
            f.write(f'#!/bin/sh\nexport LD_LIBRARY_PATH={libraries(root)}\n{text}\n')
        os.chmod(f'{directory}/{name}', 0o755)
    return directory
