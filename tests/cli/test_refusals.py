# SPDX-License-Identifier: MIT
"""Each row of data/refusals.tsv: a status, one clear line, and nothing that was recorded is lost or more."""
import re
import shlex

import rows
from cases import Case

BLOCKED = '45.1.1.1'


def words_of(text, directory):
    """As a shell splits them; <x*100000> is so many times x, and backslashes are as in Python."""
    text = re.sub(r'<(.)\*(\d+)>', lambda m: m[1] * int(m[2]), text.replace('{dir}', directory))
    return [word.encode().decode('unicode_escape') if '\\' in word else word for word in shlex.split(text)]


@rows.each('refusals.tsv', at_least=50)
class Refusals(Case):
    lists = {'zen': '127.0.0.[2..9]*3'}
    has_resolver = False

    def setUp(self):
        self.start(api='http://127.0.0.1:9/api/v2')
        self.ready()
        self.block(BLOCKED)

    def tables(self):
        names = [name for name, in self.sql("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        return {name: self.sql(f'SELECT * FROM {name}') for name in names}

    def try_row(self, row):
        before = self.tables()
        done = self.run_it(*words_of(row['arguments'], self.place.dir), status=int(row['status']), says=row['stderr'])
        self.assertEqual(done.stdout, '')
        self.assertLess(len(done.stderr), 400)
        self.assertEqual(self.tables(), before)
        self.assertEqual(self.place.verdict_log(), '')
