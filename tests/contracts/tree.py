# SPDX-License-Identifier: MIT
"""tree.py - the files that the contracts read"""
import glob
import os
import re

ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..'))
LIB = PROGRAMS = ''                        # where they were installed, for contracts of what is built
FEWEST = {'lib': 100, 'cmd': 20}           # files: a check that saw fewer has seen nothing


def read(path):
    with open(path, encoding='utf-8') as file:
        return file.read()


def sources(root, folder):
    """(path below the folder, whole path) of each C file, at any depth."""
    top = os.path.join(root, folder)
    found = sorted(glob.glob(os.path.join(top, '**', '*.[ch]'), recursive=True))
    if len(found) < FEWEST[folder]:
        raise SystemExit(f'{folder}: only {len(found)} files found')
    for path in found:
        yield os.path.relpath(path, top), path


def code_of(path):
    """Without comments and the inside of strings."""
    text = re.sub(r'/\*.*?\*/', ' ', read(path), flags=re.S)
    return re.sub(r'"(?:\\.|[^"\\\n])*"', '""', text)


def both(what, a, b, a_name, b_name):
    """One line for each that only one side has."""
    for mine, other, has, lacks in ((a, b, a_name, b_name), (b, a, b_name, a_name)):
        for name in sorted(set(mine) - set(other), key=str):
            yield f'{what} {name}: in {has}, not in {lacks}'
