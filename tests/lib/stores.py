# SPDX-License-Identifier: MIT
"""stores.py - databases of every version, as it left them, and every way to call the programs on them"""
import glob
import os
import re
import shutil
import sqlite3
import time

import places
import rows
from addresses import key_of
from cases import Case

KEPT = sorted(glob.glob(os.path.join(places.DATA, 'stores', 'schema-*.sql')),
              key=lambda path: int(re.findall(r'\d+', path)[-1]))
THEN = 1795000000                          # the moment at which they were kept
BLOCKED, PARDONED, GOOD = '45.1.1.1', '45.2.2.2', '45.7.7.7'
# every program and mode that opens the state, and must fail with it
EACH = [tuple(row['call'].split()) for row in rows.read('calls.tsv', at_least=40) if row['opens'] == 'yes']


def kept_sql(path):
    """The statements that make a kept store: its own, after those of all earlier versions."""
    texts = []
    for one in KEPT[:KEPT.index(path) + 1]:
        with open(one, encoding='ascii') as f:
            texts.append(f.read())
    return '\n'.join(texts)


def kept_text(path):
    """The rows, their times moved so that THEN was half a minute ago: what lasted then lasts now."""
    moved = int(time.time()) - 30 - THEN
    return re.sub(r'\b1[79]\d{8}\b(?!X)', lambda m: str(int(m.group()) + moved)
                  if m.group() != '1768976997' else m.group(), kept_sql(path))


class StoreCase(Case):
    sections = {'general': {'timeout_ms': 300}}
    lists = {'zen': {'zone': 'zen.example', 'points': '127.0.0.[2..9]*3'}}
    has_resolver = False

    def setUp(self):
        self.start(api='http://127.0.0.1:9/api/v2')
        self.place.write('list', '45.9.9.9\n')
        self.db = self.place.db

    def files(self):
        return self.place.files()

    def each(self, args, **more):
        """One of EACH."""
        return self.run_it(*(arg.replace('{dir}', self.place.dir) for arg in args), **more)

    def keep(self, path, wal=True):
        """A kept store, in its place, as that version left it: in WAL mode, all in one file."""
        for name in ('', '-wal', '-shm'):
            if os.path.exists(self.db + name):
                os.unlink(self.db + name)
        db = sqlite3.connect(self.db, isolation_level=None)
        db.execute('PRAGMA synchronous = OFF')         # no test cuts the power
        db.executescript(kept_text(path))
        # a block lasts ten years at most, and the fixtures' lasts longer
        db.execute('UPDATE block SET until = ?', (int(time.time()) + places.DAY,))
        if wal:
            db.execute('PRAGMA journal_mode = WAL')
        db.close()
        self.place.own()

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
        self.place.own()

    def reset(self, *args, **more):
        return self.purge('--reset', *args, **more)

    def save(self, name):
        """A copy of the state, for restore()."""
        shutil.rmtree(self.place.path(name), ignore_errors=True)
        shutil.copytree(self.place.path('state'), self.place.path(name))

    def restore(self, name):
        self.place.clear()
        for f in os.listdir(self.place.path(name)):
            shutil.copy(os.path.join(self.place.path(name), f), self.place.path('state/' + f))
        self.place.own()
