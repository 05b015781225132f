#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""
check.py - contracts of the tree: what its text and its built files must keep

    check.py NAME [--self-check] [--programs DIR] [--lib DIR]      a contract; --list: their names

Prints one line per fault and ends with 1 if there is one. --self-check makes one change in a copy of the tree for
each row of seeds.py, and fails if the contract does not find it, or if it passes on an empty tree.
"""
import argparse
import os
import shutil
import subprocess
import sys
import tempfile

import binaries
import pages
import sources
import statements
import tree
import words
from seeds import SEEDS

CHECKS = {                                 # a function of a tree that yields faults
    **{check.__name__: check for check in (sources.layers, sources.banned, sources.names, sources.headers,
                                           sources.config)},
    **{f'pages_{check.__name__}': check for check in (pages.options, pages.settings, pages.functions, pages.statuses,
                                                      pages.members, pages.layout, pages.examples, pages.readme)},
    'words': words.check, 'statements': statements.check,
    'exports': sources.exports, 'binaries': binaries.check,        # of what is built
}
# what else shows that a contract finds faults, or that it does not find them where there are none
SHOWN = {'banned': sources.show_banned, 'exports': sources.show_exports, 'words': words.show, 'binaries': binaries.show}
COPIED = ('lib', 'cmd', 'fail2ban', 'README.md', 'tests/data/package.tsv')


def with_change(name, path, old, new):
    """Faults of a copy in which a text is replaced once; without one, the new text is added at the end of the file."""
    with tempfile.TemporaryDirectory(prefix='iprep-contract.') as copy:
        os.makedirs(os.path.join(copy, 'tests/data'))
        for part in COPIED:
            take = shutil.copytree if os.path.isdir(os.path.join(tree.ROOT, part)) else shutil.copy
            take(os.path.join(tree.ROOT, part), os.path.join(copy, part))
        changed = os.path.join(copy, path)
        os.makedirs(os.path.dirname(changed), exist_ok=True)
        text = tree.read(changed) if os.path.exists(changed) else ''
        if old and old not in text:
            return [f'{path} has no {old!r} to change']
        with open(changed, 'w', encoding='utf-8') as file:
            file.write(text.replace(old, new, 1) if old else text + new)
        return list(CHECKS[name](copy))


def passes_on_an_empty_tree(name):
    with tempfile.TemporaryDirectory(prefix='iprep-contract.') as empty:
        before, tree.LIB, tree.PROGRAMS = (tree.LIB, tree.PROGRAMS), empty, empty
        try:
            return not list(CHECKS[name](empty))
        except (SystemExit, OSError, ValueError, subprocess.CalledProcessError):
            return False
        finally:
            tree.LIB, tree.PROGRAMS = before


def self_check(name, clean):
    """What was not found."""
    if passes_on_an_empty_tree(name):
        yield f'{name}: passes on an empty tree'
    if name not in SEEDS and name not in SHOWN:
        yield f'{name}: nothing shows that it finds a fault'
    for path, old, new, says in SEEDS.get(name, ()):
        found = set(with_change(name, path, old, new)) - clean
        if not any(says in fault for fault in found):
            yield f'{name}: {path}: {old!r} made {new!r}: not found, but {sorted(found)[:3]}'
    yield from SHOWN[name]() if name in SHOWN else ()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    parser.add_argument('--list', action='store_true')
    parser.add_argument('--self-check', action='store_true')
    parser.add_argument('--programs', metavar='DIR', default='')
    parser.add_argument('--lib', metavar='DIR', default='')
    parser.add_argument('name', nargs='?', choices=CHECKS)
    given = parser.parse_args()
    if given.list or not given.name:
        print(*CHECKS, sep='\n')
        return 0
    tree.LIB, tree.PROGRAMS = given.lib, given.programs
    faults = list(CHECKS[given.name](tree.ROOT))
    if given.self_check:
        faults += self_check(given.name, set(faults))
    print(*faults, sep='\n', end='\n' if faults else '')
    return 1 if faults else 0


if __name__ == '__main__':
    sys.exit(main())
