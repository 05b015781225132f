# SPDX-License-Identifier: MIT
"""
rows.py - tables of cases: tab-separated values; the first line that is no comment names the columns

    @each('refusals.tsv')                   a class with try_row(row): a test for each row
    check(case, rows, try_row)              many rows side by side; each that fails is shown alone

A row is called by its column "name", else by its first. A table without rows is an error.
"""
import concurrent.futures
import os
import re

from places import DATA

ONLY = None                                # run.py --row NAME
met = False                                # whether a table has it


def read(name, at_least=1, columns=None):
    """[{column: text}] of tests/data/NAME. columns: of a table whose lines are all rows."""
    with open(os.path.join(DATA, name), encoding='utf-8') as file:
        lines = [line.rstrip('\n').split('\t') for line in file if line.strip() and not line.startswith('#')]
    rows = lines if columns else lines[1:]
    columns = columns or lines[0]
    wrong = [row for row in rows if len(row) != len(columns)]
    if wrong or len(rows) < at_least:
        raise ValueError(f'{name}: {len(rows)} rows; with another number of columns than {columns}: {wrong[:3]}')
    rows = [{'name': row[0], **dict(zip(columns, row))} for row in rows]
    names = [row['name'] for row in rows]
    twice = {one for one in names if names.count(one) > 1}
    if twice:
        raise ValueError(f'{name}: named twice: {sorted(twice)}')
    global met
    met = met or ONLY in names
    return [row for row in rows if ONLY in (None, row['name'])]


def text(cell):
    """<x*20> is x, 20 times; \\n, \\x1b and so on are bytes, as in Python."""
    cell = re.sub(r'<([^<>]+)\*(\d+)>', lambda m: m[1] * int(m[2]), cell)
    return cell.encode().decode('unicode_escape') if '\\' in cell else cell


def each(name, at_least=1, **columns):
    """Decorates a class that has try_row(row): a test for each row that has these values, with the row's name."""
    def add(case):
        for number, row in enumerate(row for row in read(name, at_least) if columns.items() <= row.items()):
            def test(self, row=row):
                self.try_row(row)
            test.__doc__ = row['name'][:100]
            words = re.sub(r'\W+', '_', row['name'])[:60]
            setattr(case, f'test_{number:03}_{words}', test)
        return case
    return add


def check(case, rows, try_row, at_once=6):
    """try_row(row) gives a list of faults. Rows side by side; each that has one is shown alone."""
    case.assertTrue(rows, 'there is no such row')
    with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
        for row, faults in zip(rows, pool.map(lambda row: attempt(try_row, row), rows)):
            with case.subTest(row=row['name']):
                case.assertEqual([str(fault) for fault in faults], [])


def attempt(try_row, row):
    try:
        return list(try_row(row) or ())
    except Exception as error:             # pylint: disable=broad-except
        return [f'{type(error).__name__}: {error}']
