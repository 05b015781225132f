# SPDX-License-Identifier: MIT
"""sources.py - contracts of the C code, the exported functions and the shipped configuration"""
import os
import re
import subprocess
import tempfile

import facts
import tree
from tree import both, code_of, read, sources

# folders of lib
LAYERS = [('base',), ('conf',), ('store', 'net', 'feed'), ('source',), ('reputation',), ('worker',), ('health',), ('api',)]
DOORS = {r'sqlite3.*': r'store/\w+\.[ch]', r'ares.*': r'net/cares\w*\.[ch]',
         r'curl/.*': r'net/http\w*\.[ch]', r'cjson/.*': r'base/json(_cjson)?\.[ch]', r'syslog\.h': r'base/log\.h'}
BANNED = ['strcpy', 'strcat', 'sprintf', 'vsprintf', 'gets', 'system', 'popen', 'atoi', 'atol',
          'strtok', 'tmpnam', 'mktemp', 'signal', 'sleep', 'rand', 'srand', 'random', 'srandom', 'setlocale', 'alloca']

BANNED_CALL = re.compile(r'\b(' + '|'.join(BANNED) + r')\s*\(')


def layer_of(path):
    """The layer of base/err.h; None for a folder that is none."""
    folder = path.rpartition('/')[0]
    return next((i for i, folders in enumerate(LAYERS) if folder in folders), None)


def may_include(mine, other):
    """May a file of one folder include one of the other?"""
    if mine == 'source' and other == 'store':
        return False                       # a source knows its protocol, not what iprep remembers
    return mine == other or layer_of(other + '/') < layer_of(mine + '/')


def includes(path):
    return re.findall(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', read(path), re.M)


def door_of(inc):
    return next((door for what, door in DOORS.items() if re.fullmatch(what, inc)), None)


def layers(root):
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


def banned(root):
    for folder in ('lib', 'cmd'):
        for name, path in sources(root, folder):
            for found in BANNED_CALL.findall(code_of(path)):
                yield f'{folder}/{name}: {found}() is banned'


def show_banned():
    """A comment, a string and a longer name are no calls."""
    innocent = '/* strcpy(a, b) */\nstatic const char f[] = "system(x)"; char *strtok_r();\n'
    with tempfile.NamedTemporaryFile('w', suffix='.c') as file:
        file.write(innocent)
        file.flush()
        if BANNED_CALL.search(code_of(file.name)):
            yield f'banned: found where there is none: {innocent}'


DEFINITION = re.compile(r'^(?:[A-Za-z_]\w*[ \t*]+)+(\w+)\((?=[^;{}]*\)\s*\{)', re.M)


def names(root):
    """One name, one function, within the library and within the programs: a search leads to one place."""
    for folder in ('lib', 'cmd'):
        seen = {}
        for name, path in sources(root, folder):
            for function in DEFINITION.findall(code_of(path)):
                other = seen.setdefault(function, name)
                if other != name and function != 'main':     # in one file: two ways to build it
                    yield f'{folder}/{name}: {function}() is also in {folder}/{other}'
        if len(seen) < 5 * tree.FEWEST[folder]:
            raise SystemExit(f'{folder}: only {len(seen)} functions found')


def headers(root):
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


def exports(root):
    """The library exports what its header declares and its map names."""
    declared = facts.declared_functions(root)
    mapped = re.findall(r'\b(iprep_\w+);', read(os.path.join(root, 'lib/iprep.map')))
    versioned = exported(os.path.join(tree.LIB, 'libiprep.so'))
    for name in sorted(one for one in versioned if not one.endswith('@@IPREP_0')):
        yield f'{name}: exported without the version IPREP_0'
    yield from both('function', declared, mapped, 'iprep.h', 'iprep.map')
    yield from both('function', declared, {one.split('@')[0] for one in versioned}, 'iprep.h', 'libiprep.so')
    for name in ('net', 'json'):
        module = exported(os.path.join(tree.LIB, 'iprep', f'{name}.so'))
        if module != {f'iprep_{name}'}:
            yield f'{name}.so exports {sorted(module)}, not iprep_{name} alone'


def show_exports():
    """A library and a module that export what they should not."""
    with tempfile.TemporaryDirectory() as copy:
        os.mkdir(os.path.join(copy, 'iprep'))
        for target, text in (('libiprep.so', 'int iprep_new(void) { return 0; } int helper;'),
                             ('iprep/net.so', 'int iprep_net, curl_easy_init;'),
                             ('iprep/json.so', 'int cJSON_Delete;')):
            subprocess.run(['gcc', '-shared', '-fPIC', '-xc', '-', '-o', os.path.join(copy, target)],
                           input=text, text=True, check=True)
        lib, tree.LIB = tree.LIB, copy
        faults = '\n'.join(exports(tree.ROOT))
        tree.LIB = lib
    for says in ('helper: in libiprep.so, not in iprep.h', 'iprep_new: exported without the version',
                 "net.so exports ['curl_easy_init', 'iprep_net']", "json.so exports ['cJSON_Delete']"):
        if says not in faults:
            yield f'exports: not found in a foreign library: {says}'


def config(root):
    """The shipped configuration has each key of the code, with its default."""
    keys = facts.conf_table(root)
    shipped, section = {}, ''
    for line in read(os.path.join(root, 'fail2ban/iprep.conf')).splitlines():
        line = line.strip()
        if line.startswith('['):
            section = line[1:-1].split()[0]
        elif line and line[0] not in '#;':
            name, _, value = line.partition('=')
            shipped[section, name.strip()] = value.strip()
    yield from both('key', keys, shipped, 'keys.c', 'iprep.conf')
    for key in sorted(set(keys) & set(shipped)):
        if key[0] not in ('tier', 'dnsbl', 'feed') and keys[key][0] != shipped[key]:
            yield f'[{key[0]}] {key[1]}: "{shipped[key]}" shipped, default is "{keys[key][0]}"'
