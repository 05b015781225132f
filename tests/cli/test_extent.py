# SPDX-License-Identifier: MIT
"""Whatever the user of the state can write, root acts on single addresses and on IPv6 prefixes of ipv6_prefix bits.

The database and the verdict log belong to the user that the worker runs as. Root acts on what rep-check --blocks
--format writes, which is tested here, and on the lines of the log: host/fail2ban_files, cli/is_blocked.
"""
import ipaddress
import re
import time

from addresses import key_of
from blocks import BlocksCase
from places import BLOCK as COLUMNS

EVIL = '0.0.0.0/0'
TEXTS = ('', 'known', f'known\n{EVIL}', f'x\n{EVIL} :127.0.0.2:x: $', f'; {EVIL}', f'\r{EVIL}', f'$\n{EVIL}',
         'x' * 5000, f'x }}\nadd element inet iprep blocked4 {{ {EVIL} }}')
KEYS = (b'', b'\0', b'\x20\0\0\0', b'\x20', b'\0' * 15, b'\0' * 17, b'\0' * 10 + b'\xff\xff' + b'\x20\0\0\0' + b'\3',
        '32.0.0.0/3', EVIL, '::/0', 3, 1.5, b'\xff' * 32)
# Networks whose first address is a key. Of those outside 2000::/3 some are special-purpose and in no export.
FIRSTS = ('0.0.0.0', '32.0.0.0', '45.0.0.0', '127.0.0.1', '128.0.0.0', '255.255.255.255', '::', '::1', '2000::',
          '2a02::', '2a02:4780::', '2a02:4780:0:1::', '4000::', '8000::', 'fe80::')
NUMBERS = (0, 1, 3, -1, 2**63 - 1, -2**63)
# What an entry looks like in each format; other lines must be these.
ENTRIES = {
    'nft': (r'\t\t\t(\S+) timeout \d+d\d+s,?',
            r'# .*|(?:delete )?table inet iprep(?: \{)?|\tset blocked[46] \{|\t\ttype ipv[46]_addr'
            r'|\t\tflags (?:interval, )?timeout|\t\telements = \{|\t\t\}|\t\}|\}|\tchain input \{'
            r'|\t\ttype filter hook input priority -1; policy accept;'
            r'|\t\tip6? saddr @blocked[46] drop'),
    'ipset': (r'add iprep[46]-new (\S+) timeout \d+ -exist',
              r'# .*|create iprep[46](?:-new)? hash:\S+ family \S+ hashsize \d+ maxelem \d+ timeout 0 -exist'
              r'|flush iprep[46]-new|swap iprep[46]-new iprep[46]|destroy iprep[46]-new'),
    'hosts.deny': (r'ALL: (\S+)', r'# .*'),
    'cidr': (r'(\S+)\tREJECT', r'# .*'),
    'rbldnsd': (r'(\S+) :127\.0\.0\.\d+:blocked as [ -~]*: \$',
                r'# .*|\$(?:SOA|NS|TTL|DATASET) .*|:127\.0\.0\.2:test entry|127\.0\.0\.2|::ffff:7f00:2'),
}


def network(text):
    """hosts.deny has [2001:db8::]/64."""
    return ipaddress.ip_network(text.replace('[', '').replace(']', ''))


class Extent(BlocksCase):
    def exports(self):
        """{format: (networks, exit status)}; each line is an entry, or one that the format always has."""
        found = {}
        for name, (entry, other) in ENTRIES.items():
            done = self.place.run('rep-check', '--blocks', '--format', name)
            found[name] = [], done.returncode
            for line in done.stdout.split('\n')[:-1]:
                match = re.fullmatch(entry, line)
                if match:
                    found[name][0].append(network(match[1]))
                else:
                    self.assertRegex(line, rf'\A(?:{other}|)\Z', name)
        return found

    def check(self):
        for name, (networks, _) in self.exports().items():
            for one in networks:
                width = 128 if one.version == 6 else 32
                allowed = {32} if one.version == 4 else {128, self.ipv6_prefix}
                self.assertIn(one.prefixlen, allowed, (name, one, width))
                self.assertFalse(one.is_loopback or one.is_unspecified or one.is_link_local, (name, one))

    def insert(self, key, **more):
        self.block('45.1.1.1', key=key, **more)

    def loosen(self):
        """Its owner can replace the table by one that takes anything."""
        self.place.sql('DROP TABLE block')
        self.place.sql(f'CREATE TABLE block({", ".join(COLUMNS)}, shown_at DEFAULT 0, checked_at DEFAULT 0,'
                       ' PRIMARY KEY(key))')
        for index in ('block_due ON block(due, since)', 'block_first ON block(first_at, key)',
                      'block_until ON block(until, key)'):
            self.place.sql('CREATE INDEX ' + index)

    def test_the_first_address_of_a_network_is_a_single_address_or_a_prefix(self):
        for address in FIRSTS:
            self.insert(key_of(address))
        self.check()
        for name, (networks, status) in self.exports().items():
            self.assertEqual(status, 0, name)
            self.assertIn(ipaddress.ip_network('45.0.0.0/32'), networks, name)

    def test_no_text_of_a_row_makes_a_line(self):
        for number, text in enumerate(TEXTS):
            self.insert(key_of(f'45.1.1.{number}'), tier=text, jail=text, src=text)
        self.check()
        self.assertEqual(len(self.exports()['rbldnsd'][0]), len(TEXTS))

    def test_no_number_of_a_row_makes_a_network(self):
        now = int(time.time())
        for number, value in enumerate(NUMBERS):
            self.insert(key_of(f'45.1.2.{number}'), score=value)
            self.insert(key_of(f'45.1.3.{number}'), until=value if abs(value) > 2**62 else now + value)
            self.insert(key_of(f'45.1.4.{number}'), since=value or now, first_at=value)
        self.check()

    def test_no_key_of_another_size_or_type_is_a_network(self):
        self.loosen()
        for key in KEYS:
            self.place.sql('DELETE FROM block')
            self.insert(key_of('45.1.1.1'))
            self.insert(key)
            with self.subTest(key=key):
                self.check()


class Prefixes(Extent):
    ipv6_prefix = 64
