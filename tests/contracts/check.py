#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Contracts of the tree, checked from its text and its libraries.

    check.py NAME [--lib DIR] [--self-check]      NAME: exports headers layers banned config

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
LAYERS = [
    ('err', 'log', 'buf', 'clock', 'parse', 'siphash'),
    ('words', 'addr', 'special', 'pattern', 'json', 'secret', 'categories', 'conf*'),
    ('store*', 'net', 'net_*', 'dns_message', 'own', 'statedir'),
    ('source', 'source_*', 'abuseipdb_*', 'health'),
    ('engine', 'env', 'lookup', 'pace', 'listing', 'listing_cache', 'zones', 'gate', 'queue', 'announce', 'comment', 'verdict', 'quota'),
    ('worker', 'worker_lock', 'errand', 'errand_*', 'recheck', 'result'),
    ('iprep', 'iprep_*'),
]
DOORS = {r'sqlite3.*': r'store\w*\.[ch]', r'ares.*': r'net_ares\w*\.[ch]',
         r'curl/.*': r'net_http\w*\.[ch]', r'cjson/.*': r'json\.c', r'ini\.h': r'conf_read\.c', r'syslog\.h': r'log\.h'}
BANNED = ['strcpy', 'strcat', 'sprintf', 'vsprintf', 'gets', 'system', 'popen', 'atoi', 'atol',
          'strtok', 'tmpnam', 'mktemp', 'signal', 'sleep', 'rand', 'alloca']


def layer_of(name):
    """The highest number wins for exact names; patterns with * otherwise."""
    for i, names in enumerate(LAYERS):
        if name in names:
            return i
    for i, names in enumerate(LAYERS):
        for n in names:
            if n.endswith('*') and name.startswith(n[:-1]):
                return i
    return None


def read(path):
    with open(path, encoding='utf-8') as f:
        return f.read()


def sources(root, *folders):
    for folder in folders:
        for path in sorted(glob.glob(os.path.join(root, folder, '*.[ch]'))):
            yield os.path.basename(path), path


def code_of(path):
    """Without comments and the inside of strings."""
    text = re.sub(r'/\*.*?\*/', ' ', read(path), flags=re.S)
    return re.sub(r'"(?:\\.|[^"\\\n])*"', '""', text)


def includes(path):
    return re.findall(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', read(path), re.M)


def door_of(inc):
    return next((door for what, door in DOORS.items() if re.fullmatch(what, inc)), None)


def layers(root, _lib):
    for name, path in sources(root, 'lib'):
        mine = layer_of(name[:-2])
        if mine is None:
            yield f'lib/{name}: not in the table of layers'
            continue
        for kind, inc in includes(path):
            if kind == '"':
                other = layer_of(inc[:-2])
                if other is None or other > mine:
                    yield f'lib/{name} (layer {mine}) includes {inc} (layer {other})'
            elif (door := door_of(inc)) and not re.fullmatch(door, name):
                yield f'lib/{name} includes <{inc}>, which has another door'
    for name, path in sources(root, 'cmd'):
        for kind, inc in includes(path):
            if (kind == '"' and not os.path.exists(os.path.join(root, 'cmd', inc))) or (inc != 'syslog.h' and door_of(inc)):
                yield f'cmd/{name} includes {inc}: only <iprep.h>, headers of cmd and the system'


def banned(root, _lib):
    pattern = re.compile(r'\b(' + '|'.join(BANNED) + r')\s*\(')
    for folder in ('lib', 'cmd'):
        for name, path in sources(root, folder):
            for found in pattern.findall(code_of(path)):
                yield f'{folder}/{name}: {found}() is banned'


def headers(root, _lib):
    for folder, incs in (('lib/include', []), ('lib', ['lib/include']), ('cmd', ['lib/include'])):
        for name, path in sources(root, folder):
            if not name.endswith('.h'):
                continue
            flags = ['-I' + os.path.join(root, i) for i in incs + [folder]]
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
    table = read(os.path.join(root, 'lib/conf_keys.c'))
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


CHECKS = {f.__name__: f for f in (exports, headers, layers, banned, config)}
SEEDS = {                                  # name: [(file, what is added, what the check says)]
    'layers': [('lib/addr.c', '#include "worker.h"\n', 'layer 5'),
               ('lib/err.h', '#  include "words.h"\n', 'layer 1'),
               ('lib/addr.c', '#include <sqlite3.h>\n', 'another door'),
               ('lib/net_http.c', '#include <ares.h>\n', 'another door'),
               ('lib/net_dns.c', '#include <curl/multi.h>\n', 'another door'),
               ('lib/result.c', '#include <cjson/cJSON.h>\n', 'another door'),
               ('lib/conf.c', '#include <ini.h>\n', 'another door'),
               ('lib/novelty.c', '', 'not in the table'),
               ('lib/iprep.c', '#include "novelty.h"\n', 'layer None'),
               ('cmd/cli.c', '#include "conf.h"\n', 'only <iprep.h>'),
               ('cmd/rep-check.c', '#include <sqlite3.h>\n', 'only <iprep.h>')],
    'banned': [('cmd/cli.c', f'static void f(void) {{ {b} (0); }}\n', f'{b}()') for b in BANNED],
    'headers': [(h, 'struct thing x(unknown_type y);\n', h)
                for h in ('lib/gate.h', 'lib/include/iprep.h', 'cmd/cli.h')],
    'exports': [('lib/iprep.map', 'iprep_bogus;\n', 'in the map, not in header'),
                ('lib/include/iprep.h', 'IPREP_API int iprep_bogus(void);\n', 'header, not exported')],
    'config': [('fail2ban/iprep.conf', '[general]\nbogus = 1\n', 'not in the code')],
}
INNOCENT = [('lib/addr.c', '/* strcpy(a, b) */\nstatic const char f[] = "system(x)"; char *strtok_r();\n')]


def with_seed(name, lib, path, seed):
    with tempfile.TemporaryDirectory() as copy:
        for folder in ('lib', 'cmd', 'fail2ban'):
            shutil.copytree(os.path.join(ROOT, folder), os.path.join(copy, folder))
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


def self_check(name, lib):
    """Yields what was not found."""
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
