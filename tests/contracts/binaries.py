# SPDX-License-Identifier: MIT
"""binaries.py - the hardening of the installed files, read from them: options of a compiler are not proof"""
import os
import platform
import re
import subprocess
import tempfile

import tree


OF_LINKER = {'position independent code', 'full RELRO', 'a stack that cannot be executed', 'a library path of its own'}
LIGHT = {'libsqlite3', 'libc', 'ld-linux-x86-64', 'ld-linux-aarch64'}     # libraries that hooks need


def tool(*argv):
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout


def faults(path):
    """What a file lacks; each is a short name."""
    header, dynamic = tool('readelf', '-hW', path), tool('readelf', '-dW', path)
    segments, symbols = tool('readelf', '-lW', path), tool('nm', '-D', path)
    code = tool('objdump', '-d', '--no-show-raw-insn', path)
    if not re.search(r'Type:\s+DYN', header):
        yield 'position independent code'
    if 'GNU_RELRO' not in segments or not re.search(r'BIND_NOW|FLAGS.*NOW', dynamic):
        yield 'full RELRO'
    if re.search(r'GNU_STACK\s.*\bRWE', segments) or 'GNU_STACK' not in segments:
        yield 'a stack that cannot be executed'
    if re.search(r'\(R(?:UN)?PATH\)', dynamic) and os.path.dirname(path).startswith('/usr/'):
        yield 'a library path of its own'
    if not re.search(r'\b__stack_chk_fail\b', symbols):
        yield 'stack protector'
    if not re.search(r'\b__\w+_chk\b', symbols.replace('__stack_chk_fail', '')):
        yield 'FORTIFY'
    if platform.machine() == 'x86_64':
        if code.count('endbr64') < 20:     # Debian's start files have no note, so the file has none
            yield 'CET'
        if not re.search(r'orq?\s+\$0x0,', code):        # probes of a frame above a page
            yield 'stack clash protection'


def needed(path):
    return set(re.findall(r'\(NEEDED\).*\[([\w+-]+)\.so', tool('readelf', '-dW', path)))


def plain_program(folder):
    """A program with nothing of it."""
    source, path = os.path.join(folder, 'x.c'), os.path.join(folder, 'x')
    with open(source, 'w', encoding='ascii') as f:
        f.write('#include <string.h>\nint main(int n, char **v) { char a[9000]; strcpy(a, v[n - 1]); return a[0]; }\n')
    options = '-O1 -w -no-pie -U_FORTIFY_SOURCE -fno-stack-protector -fcf-protection=none -fno-stack-clash-protection'
    subprocess.run(['cc', *options.split(), '-Wl,-z,norelro,-z,lazy,-z,execstack', source, '-o', path], check=True)
    return path


def check(_root):
    for name in ('rep-check', 'rep-report', 'rep-purge'):
        for fault in faults(os.path.join(tree.PROGRAMS, name)):
            if fault != 'stack clash protection':          # its probes are in functions with large frames
                yield f'{name}: lacks {fault}'
    for name in ('libiprep.so', 'iprep/net.so', 'iprep/json.so'):
        for fault in faults(os.path.join(tree.LIB, name)):
            if name != 'iprep/json.so' or fault in OF_LINKER:     # it has no function
                yield f'{name}: lacks {fault}'
    for name in sorted(needed(os.path.join(tree.LIB, 'libiprep.so')) - LIGHT):
        yield f'libiprep.so: needs {name}, which each hook of fail2ban would load; put it into a module'


def show():
    with tempfile.TemporaryDirectory() as folder:
        missing = set(faults(plain_program(folder)))
        if needed(plain_program(folder)) != {'libc'}:
            yield 'the libraries that a program needs: not found'
    expected = {'position independent code', 'full RELRO', 'a stack that cannot be executed', 'stack protector',
                'FORTIFY'}
    if platform.machine() == 'x86_64':
        expected |= {'CET', 'stack clash protection'}
    for fault in sorted(expected - missing):
        yield f'not found in a program without it: {fault}'
