# SPDX-License-Identifier: MIT
"""blocks_case.py - a store with blocks of both families, as a worker would have put them there"""
import ipaddress
import time
import unittest

from place import Place

CONF = """[general]
state = {dir}/state/iprep.db
verdict_log = {dir}/state/verdict.log
ipv6_prefix = %d
[tier known]
threshold = 3
bantime = 1d
[tier notorious]
threshold = 10
bantime = 365d
[dnsbl zen]
zone = zen.example
points = 127.0.0.[2..9]*3
[allow]
addresses = 45.9.9.0/24 2a02:9:9:9::1
[worker]
start = none
"""
DAY = 86400
COLUMNS = ('key', 'tier', 'score', 'since', 'until', 'first_at', 'announced_at', 'due', 'jail', 'src')


def key_of(address):
    ip = ipaddress.ip_address(address)
    return ip.packed if ip.version == 6 else b'\0' * 10 + b'\xff\xff' + ip.packed


class Case(unittest.TestCase):
    """A place of its own for each test; programs is set by the file that runs them."""

    programs = None
    ipv6_prefix = 128

    def setUp(self):
        self.place = Place(self.programs, CONF % self.ipv6_prefix, key=None)
        self.addCleanup(self.place.close)
        self.assertEqual(self.place.run('rep-check', '--ready').returncode, 0)

    def put(self, *blocks):
        """Each: address, and what differs from a block of zen's, made now for a day."""
        now = int(time.time())
        sql = f'INSERT INTO block({",".join(COLUMNS)}) VALUES({",".join("?" * len(COLUMNS))})'
        for address, *more in blocks:
            b = {'tier': 'known', 'age': 0, 'left': DAY, 'src': 'zen', 'held': False, **(more[0] if more else {})}
            at = now - b['age']
            self.place.sql(sql, key_of(address), b['tier'], 3, at, now + b['left'], 0 if b['held'] else at, at, 0,
                           'sshd', b['src'])

    def blocks(self, *args, status=0, **more):
        done = self.place.run('rep-check', '--blocks', *args, **more)
        self.assertEqual(done.returncode, status, (args, done.stderr))
        return done
