# SPDX-License-Identifier: MIT
"""cases.py - the test case of a fleet: real servers, started once for a class"""
import contextlib
import os
import tempfile
import unittest

import places
from fleet import questions
from fleet.network import Fleet
from host import process
from waiting import wait_until

SOON_S = 60


class FleetCase(unittest.TestCase):
    primary = 'knot'
    count = 3               # hosts
    lists = None            # of host 1: {zone: lines of a zone file}

    @classmethod
    def setUpClass(cls):
        cls.top = tempfile.mkdtemp(prefix='iprep-fleet.', dir='/var/tmp')
        cls.addClassCleanup(process.run, ['rm', '-rf', cls.top])
        os.chmod(cls.top, 0o755)
        cls.stack = contextlib.ExitStack()
        cls.addClassCleanup(cls.stack.close)
        cls.fleet = Fleet(f'{cls.top}/fleet', places.packages(cls.top), cls.stack, cls.primary, cls.count, cls.lists)
        cls.fleet.start()
        cls.hosts = cls.fleet.hosts

    def until_listed(self, address, values, hosts=None):
        """Until each of these hosts, all if none are given, sees these A records."""
        for host in hosts or self.hosts:
            wait_until(lambda host=host: questions.listed(host, address) == sorted(values),
                       f'{host.directory}: {address} has {values}, not {questions.listed(host, address)}', SOON_S)

    def until_current(self):
        """Until every secondary has what the primary has."""
        serial = wait_until(lambda: questions.serial(self.fleet.primary_host, self.fleet.primary.address),
                            'the primary answers')
        for server in self.fleet.secondaries:
            wait_until(lambda server=server: questions.serial(server.host, server.address) == serial,
                       f'{server.name} of {server.host.directory} has serial {serial}', SOON_S)
