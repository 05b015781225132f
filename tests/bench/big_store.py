# SPDX-License-Identifier: MIT
"""For benches: a store as the programs make it, filled with as many rows as years of attacks leave."""
import os
import random
import sqlite3
import subprocess
import time

import serve

DAY = 86400
CONF = """[general]
state = {0}/iprep.db
verdict_log = {0}/verdict.log
[tier known]
threshold = 3
bantime = 1d
[tier notorious]
threshold = 10
bantime = 365d
[dnsbl zen]
zone = zen.example
points = 127.0.0.[2..9]*3
[abuseipdb]
key_file = {1}/key
[worker]
start = none
"""


def key_of(n):
    return b'\0' * 10 + b'\xff\xff' + n.to_bytes(4, 'big')


def keys(n, seed):
    """Public addresses, each once, in no order: as attackers come."""
    return map(key_of, random.Random(seed).sample(range(45 << 24, 99 << 24), n))


def spread(n, first, last):
    """n times from first to last, as they pass."""
    return (first + (last - first) * i // max(n, 1) for i in range(n))


class Store:
    """One state directory, its configuration, and the commands that use it."""

    def __init__(self, place, programs, name):
        self.dir = f'{place.dir}/{name}'
        os.mkdir(self.dir, 0o700)
        place.write('key', 'ab' * 40)
        os.chmod(place.dir + '/key', 0o600)
        self.conf = place.write(name + '.conf', CONF.format(self.dir, place.dir))
        self.programs = programs
        for path in (self.dir, place.dir + '/key'):
            os.chown(path, serve.OWNER, serve.OWNER)
        subprocess.run(self.command('rep-check', '--ready'), check=True)

    def command(self, program, *args):
        return [f'{self.programs}/{program}', '-c', self.conf, *args]

    def connect(self):
        return sqlite3.connect(self.dir + '/iprep.db', timeout=30, isolation_level=None)

    def own(self):
        for name in ('', *os.listdir(self.dir)):
            os.chown(f'{self.dir}/{name}', serve.OWNER, serve.OWNER)

    def fill(self, *tables):
        """(SQL of an insert, rows) each; fast, and not while a program is at work."""
        db = self.connect()
        for pragma in ('cache_size = -1000000', 'synchronous = OFF', 'journal_mode = OFF'):
            db.execute('PRAGMA ' + pragma)
        db.execute('BEGIN')
        for sql, rows in tables:
            db.executemany(sql, rows)
        db.execute('COMMIT')
        db.execute('PRAGMA journal_mode = WAL')
        db.close()
        self.settle()

    def settle(self):
        """An empty log, and the files on disk: what follows does not pay for what was before."""
        db = self.connect()
        db.execute('PRAGMA wal_checkpoint(TRUNCATE)')
        db.close()
        self.own()
        fd = os.open(self.dir + '/iprep.db', os.O_RDWR)
        os.fsync(fd)
        os.close(fd)

    def size(self):
        return sum(os.path.getsize(f'{self.dir}/{name}') for name in os.listdir(self.dir)
                   if name.startswith('iprep.db') and not name.endswith('-shm'))

    def count(self, *tables):
        db = self.connect()
        n = sum(db.execute(f'SELECT count(*) FROM {table}').fetchone()[0] for table in tables)
        db.close()
        return n


def blocks(n, seed, age, left):
    """n blocks made from `age` seconds ago on, the first over in `left` seconds (less than 0: it is)."""
    now = int(time.time())
    return ('INSERT OR IGNORE INTO block(key, tier, score, since, until, first_at, announced_at, due, jail, src, shown_at)'
            " VALUES(?, 'notorious', 16, ?, ?, ?, ?, 0, 'sendmail-auth', 'zen,blocklist.de,abuseipdb', ?)",
            ((k, t, t + age + left, t + 1, t + 1, t + 9) for k, t in
             zip(keys(n, seed), spread(n, now - age, now - age // 2))))


def findings(n, seed, age, youngest=0):
    """What one list said of each of n addresses, the oldest `age` seconds ago."""
    now = int(time.time())
    return ('INSERT OR IGNORE INTO finding(key, source, listed, rule, partial, points, answers, detail, answered_at,'
            " expires_at, trusted) VALUES(?, 'zen', 1, 0, 0, 3, '7f000004 7f000002',"
            " 'https://check.spamhaus.org/query/ip/45.100.100.100', ?, ?, 0)",
            ((k, t, t + 3600) for k, t in zip(keys(n, seed), spread(n, now - age, now - youngest))))


def reports(n, seed, age, youngest):
    now = int(time.time())
    return ('INSERT OR IGNORE INTO report(key, addr, state, jail, categories, comment, failures, first_at, seen_at, next_at,'
            " tries, sent_at, why, ended_at) VALUES(?, ?, 3, 'sendmail-auth', '18,11', '', 7, ?, ?, 0, 1, ?, '', ?)",
            ((k, k, t, t, t + 5, t + 6) for k, t in zip(keys(n, seed), spread(n, now - age, now - youngest))))


def sightings(n, seed, age, youngest):
    now, draw = int(time.time()), random.Random(seed)
    return ('INSERT OR IGNORE INTO sighting(key, user, at) VALUES(?, ?, ?)',
            ((k, draw.randrange(-2**63, 2**63), t)
             for k, t in zip(keys(n, seed), spread(n, now - age, now - youngest))))


def others(table, values, n, seed, age, youngest):
    """Rows that are little but a key (?1) and a time (?2)."""
    now = int(time.time())
    return (f'INSERT OR IGNORE INTO {table} VALUES({values})',
            zip(keys(n, seed), spread(n, now - age, now - youngest)))


def first_purge_was(store, ago):
    """Blocks go only when two runs agree: one has been."""
    with open('/proc/sys/kernel/random/boot_id', encoding='ascii') as f:
        boot = f.read().strip()
    up = int(time.clock_gettime(time.CLOCK_BOOTTIME))
    store.fill(("INSERT OR REPLACE INTO meta VALUES('purge-run', ?)",
                [(f'{int(time.time()) - ago:020}{up - ago:020}{boot}',)]))
