# SPDX-License-Identifier: MIT
"""damage.py - ways to spoil a database"""
import os
import sqlite3

from places import OWNER
from stores import StoreCase

SAYS = 'set it aside with rep-purge --reset'


class Damage(StoreCase):
    """Each kind of it is a function that spoils self.db."""

    def overwrite(self, at, data, end=''):
        with open(self.db + end, 'r+b') as f:
            f.seek(at)
            f.write(data)

    def cut(self, size):
        os.truncate(self.db, size)

    def no_database_at_all(self):
        text = 'Dear diary, this is no database, and never was one.\n' * 99
        self.place.write('state/iprep.db', text, 0o600, OWNER)

    def garbage_in_the_header(self):
        self.overwrite(0, b'garbage' * 14)

    def empty(self):
        self.cut(0)

    def cut_in_half(self):
        self.cut(os.path.getsize(self.db) // 2)

    def cut_to_a_page(self):
        self.cut(4096)

    def cut_within_the_header(self):
        self.cut(50)

    def first_page_lost(self):
        self.overwrite(100, b'\xff' * 3996)

    def its_marks_lost(self):
        self.overwrite(60, b'\0' * 12)         # user_version, application_id (sqlite.org/fileformat2.html, 1.3)

    def only_the_log_is_left(self):
        db = sqlite3.connect(self.db)
        db.execute('UPDATE block SET score = 4')
        db.commit()
        os.unlink(self.db)                     # and its log stays: the connection cannot tidy up any more
        db.close()
        if not os.path.exists(self.db + '-wal'):
            self.place.write('state/iprep.db-wal', b'\x37\x7f\x06\x82' + b'\0' * 28 + b'x' * 4120, 0o600, OWNER)
        self.place.own()

    def a_table_is_not_there(self):
        db = sqlite3.connect(self.db)
        for table in ('block', 'pardon', 'report', 'finding', 'lookup', 'released'):
            db.execute(f'DROP TABLE {table}')
        db.execute('PRAGMA wal_checkpoint(TRUNCATE)')
        db.close()
        self.place.own()

    KINDS = [no_database_at_all, garbage_in_the_header, empty, cut_in_half, cut_to_a_page, cut_within_the_header,
             first_page_lost, its_marks_lost, only_the_log_is_left]

    def content(self):
        """{name: bytes} of the files of a store, without what hooks create."""
        return {name: self.place.bytes('state/' + name) for name in self.files()
                if name.startswith('iprep.db') and not name.endswith('-shm')}
