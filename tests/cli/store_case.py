# SPDX-License-Identifier: MIT
"""store_case.py - tests of the state's file: kept stores of every version, every way to call the programs, damage"""
import glob
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import time
import unittest

import place
from purge_case import key_of

HERE = os.path.dirname(os.path.abspath(__file__))
KEPT = sorted(glob.glob(os.path.join(HERE, '..', 'data', 'stores', 'schema-*.sql')),
              key=lambda path: int(re.findall(r'\d+', path)[-1]))
CONF = """[general]
state = {dir}/state/iprep.db
verdict_log = {dir}/state/verdict.log
timeout_ms = 300
[tier known]
threshold = 3
bantime = 1d
[tier notorious]
threshold = 10
bantime = 365d
[dns]
resolvers = 127.0.0.1:9
[dnsbl zen]
zone = zen.example
points = 127.0.0.[2..9]*3
[abuseipdb]
url = http://127.0.0.1:9/api/v2
key_file = {dir}/key
[worker]
start = none
linger = 0
"""
BLOCKED, PARDONED, GOOD = '45.1.1.1', '45.2.2.2', '45.7.7.7'
EACH = [                                   # every program and mode that opens the state, and must fail with it
    ('rep-check', '--cached', '45.9.9.9'), ('rep-check', '45.9.9.9'), ('rep-check', '--fresh', '45.9.9.9'),
    ('rep-check', '--file', '{dir}/list'), ('rep-check', '--blocks'), ('rep-check', '--blocks', '--new'),
    ('rep-check', '--blocks', '--format', 'nft'), ('rep-check', '--ready'), ('rep-check', '--self-test'),
    ('rep-report', '--enqueue', '--jail', 'sshd', '--failures', '3', '--user', 'root', '--', '45.9.9.9'),
    ('rep-report', '--', '45.9.9.9'), ('rep-report', '--flush'), ('rep-report', '--status'),
    ('rep-report', '--retract', '45.9.9.9'), ('rep-purge',), ('rep-purge', '-n'), ('rep-purge', '--recheck'),
    ('rep-purge', '--released'), ('rep-purge', '45.9.9.9'), ('rep-purge', '--pardon', '1d', '45.9.9.9'),
]


def kept_sql(path):
    """The statements that make a kept store: its own, after those of all earlier versions."""
    texts = []
    for one in KEPT[:KEPT.index(path) + 1]:
        with open(one, encoding='ascii') as f:
            texts.append(f.read())
    return '\n'.join(texts)


def kept_text(path):
    """The rows, their times moved so that 1795000000 was half a minute ago: what lasted then lasts now."""
    moved = int(time.time()) - 30 - 1795000000
    return re.sub(r'\b1[79]\d{8}\b(?!X)', lambda m: str(int(m.group()) + moved)
                  if m.group() != '1768976997' else m.group(), kept_sql(path))


class Case(unittest.TestCase):
    programs = ''

    def setUp(self):
        self.place = place.Place(self.programs, CONF)
        self.addCleanup(self.place.close)
        self.place.write('list', '45.9.9.9\n')
        self.db = self.place.path('state/iprep.db')

    def files(self):
        return sorted(os.listdir(self.place.path('state')))

    def own(self):
        for name in self.files():
            os.chown(self.place.path('state/' + name), place.OWNER, place.OWNER, follow_symlinks=False)
            if name in ('iprep.db', 'iprep.db-wal', 'iprep.db-shm'):
                os.chmod(self.place.path('state/' + name), 0o600)

    def keep(self, path, wal=True):
        """A kept store, in its place, as that version left it: in WAL mode, all in one file."""
        for name in ('', '-wal', '-shm'):
            if os.path.exists(self.db + name):
                os.unlink(self.db + name)
        db = sqlite3.connect(self.db, isolation_level=None)
        db.executescript(kept_text(path))
        # a block lasts ten years at most, and the fixtures' lasts longer
        db.execute('UPDATE block SET until = ?', (int(time.time()) + 86400,))
        if wal:
            db.execute('PRAGMA journal_mode = WAL')
        db.close()
        self.own()

    def filled(self, nblocks=2000):
        """A store of this version with rows in every table, of several pages; checkpointed."""
        self.keep(KEPT[-1])
        now = int(time.time())
        db = sqlite3.connect(self.db)
        with db:
            for i in range(nblocks):
                key = key_of(f'45.100.{i // 250}.{i % 250}')
                db.execute("INSERT INTO block(key, tier, score, since, until, first_at, announced_at, due, jail, src)"
                           " VALUES(?, 'known', 3, ?, ?, ?, ?, 0, 'sshd', 'zen')", (key, now, now + 86400, now, now))
                db.execute("INSERT INTO finding(key, source, listed, rule, partial, points, answers, detail,"
                           " answered_at, expires_at) VALUES(?, 'zen', 1, 0, 0, 3, '127.0.0.4', ?, ?, ?)",
                           (key, 'x' * 40, now, now + 3600))
        db.execute('PRAGMA wal_checkpoint(TRUNCATE)')
        db.close()
        self.own()

    def run_it(self, args, status=None, says=None, **more):
        p = self.place.run(args[0], *(a.replace('{dir}', self.place.dir) for a in args[1:]), **more)
        if status is not None:
            self.assertEqual(p.returncode, status, f'{args}: {p.stdout}{p.stderr}')
        if says is not None:
            self.assertIn(says, p.stderr, args)
        return p

    def gate(self, address, status, *more):
        p = self.run_it(('rep-check', '--gate', '--jail', 'x', *more, '--', address))
        self.assertEqual((p.returncode, p.stdout, p.stderr), (status, '', ''), address)

    def bytes(self, end=''):
        with open(self.db + end, 'rb') as f:
            return f.read()

    def reset(self, *args, status=0, says=None):
        return self.run_it(('rep-purge', '--reset', *args), status, says)

    def save(self, name):
        shutil.rmtree(self.place.path(name), ignore_errors=True)
        shutil.copytree(self.place.path('state'), self.place.path(name))

    def restore(self, name):
        for f in self.files():
            os.unlink(self.place.path('state/' + f))
        for f in os.listdir(self.place.path(name)):
            shutil.copy(os.path.join(self.place.path(name), f), self.place.path('state/' + f))
        self.own()

    def injected(self, inject, *args):
        """Under strace, which makes a system call fail, or kills at it: (status, what strace wrote)."""
        out = self.place.path('trace')
        p = subprocess.run(['strace', '-f', '-qq', '-o', out, '-e', inject[0], '-e', inject[1],
                            *self.place.command(*args)], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                           timeout=120)
        with open(out, encoding='utf-8', errors='replace') as f:
            return p, f.read()


def main():
    """test_X.py DIRECTORY-OF-PROGRAMS"""
    if os.geteuid():
        sys.exit(f'{sys.argv[0]}: needs root')
    Case.programs = os.path.abspath(sys.argv.pop(1))
    unittest.main()
