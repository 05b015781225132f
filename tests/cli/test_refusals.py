# SPDX-License-Identifier: MIT
"""Each row of data/refusals.tsv: a status, one clear line, and nothing that was recorded is lost or more."""
import re
import shlex
import time

import rows
from cases import Case

BLOCKED = '45.1.1.1'


def words_of(text, directory):
    """As a shell splits them."""
    text = re.sub(r'\{now\+(\d+)\}', lambda m: str(int(time.time()) + int(m[1])), text.replace('{dir}', directory))
    return [rows.text(word) for word in shlex.split(text)]


def ways_of(program, *args):
    """A report is refused whether it is queued, sent by hand, or only tried."""
    if args[:1] == ('--enqueue',):
        return [(program, *options, *args[1:]) for options in
                (('--enqueue',), (), ('-n',), ('-n', '--enqueue'), ('-v', '--json', '--enqueue'))]
    return [(program, *args)]


@rows.each('refusals.tsv', at_least=100)
class Refusals(Case):
    lists = {'zen': '127.0.0.[2..9]*3'}
    has_resolver = False

    def setUp(self):
        self.start(api='http://127.0.0.1:9/api/v2')

    def tables(self):
        names = [name for name, in self.sql("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        return {name: self.sql(f'SELECT * FROM {name}') for name in names}

    def refused(self, row):
        for program, *args in ways_of(*words_of(row['arguments'], self.place.dir)):
            done = self.run_it(program, *args, status=int(row['status']), says=row['stderr'])
            self.assertEqual(done.stdout, '')
            self.assertRegex(done.stderr, r'\A[ -~]{,400}\n\Z')

    def try_row(self, row):
        if row['status'] in ('64', '65') and '--blocks' not in row['arguments']:    # that asks for known tiers
            self.refused(row)
            self.assertEqual(self.place.files(), [])
        self.ready()
        self.block(BLOCKED)
        self.enqueue(BLOCKED, '--failures', '3')
        before = self.tables()
        self.refused(row)
        self.assertEqual(self.tables(), before)
        self.assertEqual(self.place.verdict_log(), '')
