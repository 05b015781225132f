# SPDX-License-Identifier: MIT
"""publishing.py - a host with [fleet], the clients of Debian, and a primary of Knot or BIND that a test starts"""
import os
import sqlite3
import subprocess

import primary
from addresses import key_of
from cases import Case
from places import OWNER
from primary import ZONE, Knot

WANTED, PUBLISHED, UNWANTED = 1, 2, 3
LATER = 4000000000


class PublishingCase(Case):
    """owners: below which names the primary takes records."""

    server = Knot
    owners = (ZONE,)

    def setUp(self):
        super().setUp()
        self.primary = self.server(self.place.path('primary'), self.owners)
        self.addCleanup(self.primary.close)
        self.clients = primary.make_clients(self.place.path('clients'), self.primary.root)
        self.write_key(self.primary.key(self.primary.form))
        self.configure()

    def configure(self, **more):
        given = {'zone': ZONE, 'server': f'127.0.0.1:{self.primary.port}', 'key_file': '{dir}/fleet.key', 'host': 7,
                 **more}
        self.place.configure(self.place.text('iprep.conf').split('[fleet]')[0] + '[fleet]\n' +
                             ''.join(f'{key} = {value}\n' for key, value in given.items()))

    def write_key(self, text):
        self.place.write('fleet.key', text, 0o640, OWNER)

    def in_place(self, *argv):
        """The clients are in /usr/sbin."""
        return ['unshare', '-m', 'sh', '-c', 'mount --bind "$1" /usr/sbin && shift && exec "$@"', 'sh', self.clients,
                *argv]

    def call(self, program, *args, status=0, says=None):
        done = subprocess.run(self.in_place(*self.place.command(program, *args)), capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, timeout=300, check=False)
        self.assertEqual(done.returncode, status, done.stderr)
        self.assertNotIn(self.primary.secret[:6], done.stdout + done.stderr)
        if says is not None:
            self.assertIn(says, done.stderr)
        return done

    def want(self, *addresses, octet=2, state=WANTED, until=LATER):
        self.call('rep-check', '--ready', '-q')
        self.sql_many('INSERT INTO publication(key, addr, octet, until, state, next_at, tries, since) '
                      'VALUES(?, ?, ?, ?, ?, 0, 0, 1)',
                      [(key_of(one), key_of(one), octet, until, state) for one in addresses])

    def sql_many(self, text, rows):
        with sqlite3.connect(self.place.db, timeout=30) as db:
            db.executemany(text, rows)
        db.close()
        self.place.own()

    def states(self):
        return [state for state, in self.place.sql('SELECT state FROM publication ORDER BY addr')]

    def due(self):
        """All waits are over."""
        self.place.sql('UPDATE publication SET next_at = 0')
        self.place.sql("UPDATE meta SET value = value - 3600 WHERE name = 'fleet-error-at'")

    def error(self):
        return dict(self.place.sql('SELECT name, value FROM meta')).get('fleet-error')

    def addresses(self):
        return [row for row in self.primary.records() if not row[0].endswith('_host')]
