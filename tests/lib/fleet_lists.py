# SPDX-License-Identifier: MIT
"""fleet_lists.py - what hosts of a fleet have in its zone, for scripted DNS servers; FleetCase: a host that reads it"""
import re

from addresses import reversed_of
from cases import Case
from dns import behaviours as b

A, B = '45.1.1.1', '45.1.1.2'
POINTS = '127.[0..254].[0..255].[2..9]*3 127.[0..254].[0..255].254*-100'
# [fleet] of a host that publishes as well; no server is there
PUBLISHES = {'zone': 'fleet.test', 'server': '127.0.0.1:9', 'key_file': '{dir}/fleet.key', 'host': 4000}


def record(host, octet=2):
    """The A record of a host: octet 2 is the lowest tier, 254 a pardon."""
    return f'127.{host >> 8}.{host & 255}.{octet}'


def records(count):
    return [record(host) for host in range(1, count + 1)]


def parse(text):
    """As behaviours.parse(); '12 hosts' and '12 hosts + IP' are that number of records and one more."""
    hosts = re.fullmatch(r'(?:(\w+)\()?(\d+) hosts(?: \+ ([0-9.]+))?\)?', text)
    if not hosts:
        return b.parse(text)
    made = b.listed(*records(int(hosts[2])), *[hosts[3]] * bool(hosts[3]))
    return getattr(b, hosts[1])(made) if hosts[1] else made


class FleetCase(Case):
    """The lists zen and fleet; says(by='fleet', ...) is what its hosts have published."""
    lists = {'zen': '127.0.0.2*3', 'fleet': POINTS}
    sections = {'general': {'timeout_ms': 15000}}
    key = None

    def published(self, *records, address=A, **more):
        """The records of one address; no other has one."""
        self.says('fleet', {reversed_of(address): b.listed(*records, **more)} if records else {})

    def finding(self, address=A, **more):
        shown = self.check('--fresh', address, **more)
        return next(one for one in shown['findings'] if one['source'] == 'fleet')

    def minute_later(self):
        """For what is cached, probed and announced."""
        self.sql('UPDATE finding SET answered_at = answered_at - 61, expires_at = expires_at - 61')
        self.sql('UPDATE block SET since = since - 61, announced_at = announced_at - 61, first_at = first_at - 61')
        self.sql('UPDATE zone SET probed_at = probed_at - 61, probed6_at = probed6_at - 61')

    def a_block_of_zen(self):
        self.listed(A)
        self.gate(A)
        self.flush()
        self.assertEqual(self.blocked(), [A])
