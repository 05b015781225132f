#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Contracts of the tree, checked from its text and its libraries.

    check.py NAME [--lib DIR] [--self-check]      NAME: exports headers layers banned names config

Each prints one line per fault and ends with 1 if there is one. --self-check seeds a fault of each
kind into a copy and fails if it is not found.
"""
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..'))
LAYERS = [('base',), ('conf',), ('store', 'net'), ('source',), ('reputation',), ('worker',), ('api',)]   # folders of lib
FEWEST = {'lib': 100, 'cmd': 20}           # files: a check that saw fewer has seen nothing
DOORS = {r'sqlite3.*': r'store/\w+\.[ch]', r'ares.*': r'net/cares\w*\.[ch]',
         r'curl/.*': r'net/http\w*\.[ch]', r'cjson/.*': r'base/json\.c', r'syslog\.h': r'base/log\.h'}
BANNED = ['strcpy', 'strcat', 'sprintf', 'vsprintf', 'gets', 'system', 'popen', 'atoi', 'atol',
          'strtok', 'tmpnam', 'mktemp', 'signal', 'sleep', 'rand', 'srand', 'random', 'srandom', 'setlocale', 'alloca']


def layer_of(path):
    """The layer of base/err.h; None for a folder that is none."""
    folder = path.rpartition('/')[0]
    return next((i for i, folders in enumerate(LAYERS) if folder in folders), None)


def may_include(mine, other):
    """May a file of one folder include one of the other?"""
    if mine == 'source' and other == 'store':
        return False                       # a source knows its protocol, not what iprep remembers
    return mine == other or layer_of(other + '/') < layer_of(mine + '/')


def read(path):
    with open(path, encoding='utf-8') as f:
        return f.read()


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


def includes(path):
    return re.findall(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', read(path), re.M)


def door_of(inc):
    return next((door for what, door in DOORS.items() if re.fullmatch(what, inc)), None)


def layers(root, _lib):
    """An include names its own folder or one further down, and nothing else."""
    for name, path in sources(root, 'lib'):
        if name == 'include/iprep.h':
            continue
        mine = layer_of(name)
        if mine is None:
            yield f'lib/{name}: in no folder of a layer'
            continue
        for kind, inc in includes(path):
            door = door_of(inc) if kind == '<' else None
            if door and not re.fullmatch(door, name):
                yield f'lib/{name} includes <{inc}>, which has another door'
            if kind == '<' or inc == 'iprep.h':
                continue
            other = layer_of(inc)
            if other is None:
                yield f'lib/{name} includes {inc}: no folder of a layer'
            elif not may_include(os.path.dirname(name), os.path.dirname(inc)):
                yield f'lib/{name} includes {inc}: {"upward" if other >= mine else "a source does not know the store"}'
    for name, path in sources(root, 'cmd'):
        mine = name.partition('/')[0]
        for kind, inc in includes(path):
            if kind == '"' and inc.partition('/')[0] not in (mine, 'common'):
                yield f'cmd/{name} includes {inc}: only <iprep.h>, its own folder, common and the system'
            if kind == '<' and inc != 'syslog.h' and door_of(inc):
                yield f'cmd/{name} includes {inc}: only <iprep.h>, its own folder, common and the system'


def banned(root, _lib):
    pattern = re.compile(r'\b(' + '|'.join(BANNED) + r')\s*\(')
    for folder in ('lib', 'cmd'):
        for name, path in sources(root, folder):
            for found in pattern.findall(code_of(path)):
                yield f'{folder}/{name}: {found}() is banned'


DEFINITION = re.compile(r'^(?:[A-Za-z_]\w*[ \t*]+)+(\w+)\((?=[^;{}]*\)\s*\{)', re.M)


def names(root, _lib):
    """One name, one function, within the library and within the programs: a search leads to one place."""
    for folder in ('lib', 'cmd'):
        seen = {}
        for name, path in sources(root, folder):
            for function in DEFINITION.findall(code_of(path)):
                other = seen.setdefault(function, name)
                if other != name and function != 'main':     # in one file: two ways to build it
                    yield f'{folder}/{name}: {function}() is also in {folder}/{other}'
        if len(seen) < 5 * FEWEST[folder]:
            raise SystemExit(f'{folder}: only {len(seen)} functions found')


def headers(root, _lib):
    for folder, incs in (('lib', ['lib', 'lib/include']), ('cmd', ['cmd', 'lib/include'])):
        for name, path in sources(root, folder):
            if not name.endswith('.h'):
                continue
            flags = ['-I' + os.path.join(root, i) for i in incs]
            p = subprocess.run(['gcc', '-std=c11', '-D_GNU_SOURCE', '-Wall', '-Wextra', '-Werror',
                                *flags, '-fsyntax-only', '-include', path, '-xc', '/dev/null'],
                               capture_output=True, text=True)
            if p.returncode:
                yield f'{folder}/{name} does not compile alone: {p.stderr.splitlines()[0]}'


def exported(library):
    out = subprocess.run(['nm', '-D', '--defined-only', library], check=True,
                         capture_output=True, text=True).stdout
    return {line.split()[2] for line in out.splitlines()
            if line.split()[1] not in 'A' and not line.split()[2].startswith('__')}


def exports(root, lib):
    text = re.sub(r'/\*.*?\*/', ' ', read(os.path.join(root, 'lib/include/iprep.h')), flags=re.S)
    declared = set(re.findall(r'IPREP_API[^;(]*?\b(iprep_\w+)\s*\(', text))
    mapped = set(re.findall(r'\b(iprep_\w+);', read(os.path.join(root, 'lib/iprep.map'))))
    versioned = exported(os.path.join(lib, 'libiprep.so'))
    found = {s.split('@')[0] for s in versioned}
    for name in sorted(s for s in versioned if not s.endswith('@@IPREP_0')):
        yield f'{name}: exported without the version IPREP_0'
    for what, a, b in (('header, not in map', declared, mapped), ('map, not in header', mapped, declared),
                       ('header, not exported', declared, found),
                       ('exported, not in header', found, declared)):
        for name in sorted(a - b):
            yield f'{name}: in the {what}'
    module = exported(os.path.join(lib, 'iprep', 'net.so'))
    if module != {'iprep_net'}:
        yield f'net.so exports {sorted(module)}, not iprep_net alone'


def config(root, _lib):
    table = read(os.path.join(root, 'lib/conf/keys.c'))
    keys = {(s, n): t for s, n, t in
            re.findall(r'CONF\("(\w+)", "(\w+)", ((?:"[^"]*"\s*)+),', table)}
    keys = {k: ''.join(re.findall(r'"([^"]*)"', t)) for k, t in keys.items()}
    named = {('tier', n) for n in re.findall(r'TIER\("(\w+)"', table)}
    named |= {('dnsbl', n) for n in re.findall(r'LIST\("(\w+)"', table)}
    seen, section = {}, ''
    for line in read(os.path.join(root, 'fail2ban/iprep.conf')).splitlines():
        line = line.strip()
        if line.startswith('['):
            section = line[1:-1].split()[0]
        elif line and line[0] not in '#;':
            name, _, value = line.partition('=')
            seen[(section, name.strip())] = value.strip()
    for key in sorted(set(keys) - set(seen)):
        yield f'[{key[0]}] {key[1]}: in the code, not in fail2ban/iprep.conf'
    for key, value in sorted(seen.items()):
        if key in named:
            continue
        if key not in keys:
            yield f'[{key[0]}] {key[1]}: in fail2ban/iprep.conf, not in the code'
        elif keys[key] != value:
            yield f'[{key[0]}] {key[1]}: "{value}" shipped, default is "{keys[key]}"'
    for key in sorted(named - set(seen)):
        yield f'[{key[0]} X] {key[1]}: in the code, not in fail2ban/iprep.conf'


CHECKS = {f.__name__: f for f in (exports, headers, layers, banned, names, config)}
SEEDS = {                                  # name: [(file, what is added, what the check says)]
    'layers': [('lib/base/addr.c', '#include "worker/worker.h"\n', 'lib/base/addr.c includes worker/worker.h: upward'),
               ('lib/base/err.h', '#  include "conf/conf.h"\n', 'lib/base/err.h includes conf/conf.h: upward'),
               ('lib/store/sql.c', '#include "net/net.h"\n', 'lib/store/sql.c includes net/net.h: upward'),
               ('lib/source/dnsbl.c', '#include "store/store.h"\n', 'a source does not know the store'),
               ('lib/source/source.h', '#include "reputation/engine.h"\n', 'lib/source/source.h includes reputation/engine.h: upward'),
               ('lib/store/sql.c', '#include "source/source.h"\n', 'lib/store/sql.c includes source/source.h: upward'),
               ('lib/api/context.c', '#include "novelty.h"\n', 'novelty.h: no folder of a layer'),
               ('lib/base/novelty/x.c', '', 'lib/base/novelty/x.c: in no folder of a layer'),
               ('lib/novelty.c', '', 'lib/novelty.c: in no folder of a layer'),
               ('lib/base/addr.c', '#include <sqlite3.h>\n', 'another door'),
               ('lib/net/http.c', '#include <ares.h>\n', 'another door'),
               ('lib/net/dns.c', '#include <curl/multi.h>\n', 'another door'),
               ('lib/api/result.c', '#include <cjson/cJSON.h>\n', 'another door'),
               ('lib/conf/conf.c', '#include <sqlite3.h>\n', 'another door'),
               ('cmd/common/cli.c', '#include "conf/conf.h"\n', 'only <iprep.h>'),
               ('cmd/common/cli.c', '#include "rep-check/text.h"\n', 'only <iprep.h>'),
               ('cmd/rep-check/main.c', '#include <sqlite3.h>\n', 'only <iprep.h>')],
    'banned': [('cmd/common/cli.c', f'static void f(void) {{ {b} (0); }}\n', f'{b}()') for b in BANNED],
    'names': [('cmd/rep-check/main.c', 'static int cli_error(void)\n{\n\treturn 0;\n}\n',
               'cli_error() is also in'),
              ('lib/base/addr.c', 'bool\tgate_is_blocked(int first,\n\t       int second) {\n}\n', 'gate_is_blocked() is also in')],
    'headers': [(h, 'struct thing x(unknown_type y);\n', h)
                for h in ('lib/reputation/gate.h', 'lib/include/iprep.h', 'cmd/common/cli.h')],
    'exports': [('lib/iprep.map', 'iprep_bogus;\n', 'in the map, not in header'),
                ('lib/include/iprep.h', 'IPREP_API int iprep_bogus(void);\n', 'header, not exported')],
    'config': [('fail2ban/iprep.conf', '[general]\nbogus = 1\n', 'not in the code')],
}
INNOCENT = [('lib/base/addr.c', '/* strcpy(a, b) */\nstatic const char f[] = "system(x)"; char *strtok_r();\n')]


def with_seed(name, lib, path, seed):
    with tempfile.TemporaryDirectory() as copy:
        for folder in ('lib', 'cmd', 'fail2ban'):
            shutil.copytree(os.path.join(ROOT, folder), os.path.join(copy, folder))
        os.makedirs(os.path.dirname(os.path.join(copy, path)), exist_ok=True)
        with open(os.path.join(copy, path), 'a', encoding='utf-8') as f:
            f.write(seed)
        return list(CHECKS[name](copy, lib))


def foreign_library(copy):
    """A library and a module that export what they should not."""
    os.mkdir(os.path.join(copy, 'iprep'))
    for target, text in (('libiprep.so', 'int iprep_new(void) { return 0; } int helper;'),
                         ('iprep/net.so', 'int iprep_net, curl_easy_init;')):
        subprocess.run(['gcc', '-shared', '-fPIC', '-xc', '-', '-o', os.path.join(copy, target)],
                       input=text, text=True, check=True)
    return '\n'.join(exports(ROOT, copy))


def sees_nothing(name):
    """Whether the check fails on an empty tree."""
    with tempfile.TemporaryDirectory() as empty:
        try:
            return bool(list(CHECKS[name](empty, empty)))
        except (SystemExit, OSError, subprocess.CalledProcessError):
            return True


def self_check(name, lib):
    """Yields what was not found."""
    if not sees_nothing(name):
        yield f'{name}: passes on an empty tree'
    clean = set(CHECKS[name](ROOT, lib))
    for path, seed, says in SEEDS[name]:
        if not any(says in f for f in set(with_seed(name, lib, path, seed)) - clean):
            yield f'{name}: not found in {path}: {seed.strip() or "a new file"}'
    if name == 'banned':
        for path, seed in INNOCENT:
            for fault in set(with_seed(name, lib, path, seed)) - clean:
                yield f'{name}: found where there is none: {fault}'
    if name == 'exports':
        with tempfile.TemporaryDirectory() as copy:
            faults = foreign_library(copy)
        for says in ('helper: in the exported, not in header', 'iprep_new: exported without the version',
                     "net.so exports ['curl_easy_init', 'iprep_net']"):
            if says not in faults:
                yield f'{name}: not found in a foreign library: {says}'


def main():
    name = sys.argv[1]
    lib = sys.argv[sys.argv.index('--lib') + 1] if '--lib' in sys.argv else None
    faults = list(CHECKS[name](ROOT, lib))
    if '--self-check' in sys.argv:
        faults += self_check(name, lib)
    for fault in faults:
        print(fault)
    sys.exit(1 if faults else 0)


if __name__ == '__main__':
    main()
