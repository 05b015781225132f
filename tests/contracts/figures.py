#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Figures of the tree: sizes, names, edges. They are printed, not judged.

    figures.py [TREE]...       each tree is one column; without one: the tree of this script
    figures.py --self-check    count a small tree whose figures are known, then print this one

Before and after: git worktree add /tmp/before COMMIT; figures.py /tmp/before .

C is read as tokens, so the layout of the text does not matter. How things are counted:
  function    from the line with its name to the line with its closing brace
  name        each declaration of a variable, a parameter of a function body or a member; loop counters too
  ternary     each "?" outside of comments, strings and macro definitions
  column      a tab reaches to the next multiple of 8
  edge        a file of lib that includes a file of another folder of lib
  upward      an edge to a higher layer, or to another folder of the same one
  key         a key of iprep.conf; those of [tier X] and [dnsbl X] once for all X
"""
import math
import os
import re
import statistics
import sys
import tempfile

from sources import LAYERS, layer_of
from tree import ROOT, read

LONG_LINE, LONG_FUNCTION = 100, 80
TOKEN = re.compile(r'[A-Za-z_]\w*|\.?\d[\w.]*|"|\'|->|\+\+|--|[-+*/%&|^=!<>]=|&&|\|\||<<|>>|\.\.\.|[^\s\w]')
QUALIFIERS = {'static', 'extern', 'const', 'volatile', 'register', 'inline', 'restrict', '_Thread_local', '_Noreturn'}
BASIC = {'void', 'char', 'short', 'int', 'long', 'float', 'double', 'bool', '_Bool', 'unsigned', 'signed'}
NO_TYPE = {'return', 'goto', 'else', 'case', 'sizeof', 'typedef', 'if', 'while', 'for', 'do', 'switch', 'default',
           'break', 'continue'}


# ---- C as tokens ----

def tokens_of(text):
    """(token, line) of C code; comments, directives and the insides of strings are left out."""
    def blank(match):
        return '\n' * match[0].count('\n') or ' '
    text = re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'',
                  lambda m: blank(m) if m[0][0] == '/' else m[0][0] * 2, text, flags=re.S)
    text = re.sub(r'^[ \t]*#(?:[^\n]*\\\n)*[^\n]*', blank, text, flags=re.M)
    found, line, at = [], 1, 0
    for match in TOKEN.finditer(text):
        line += text.count('\n', at, match.start())
        at = match.start()
        found.append((match[0], line))
    return found


def is_name(token):
    return re.match(r'[A-Za-z_]', token) is not None


def closing(words, at):
    """The place of the bracket that closes the one at this place."""
    depth = 0
    for i in range(at, len(words)):
        if words[i] in '([{':
            depth += 1
        elif words[i] in ')]}':
            depth -= 1
            if not depth:
                return i
    return len(words) - 1


def after_type(words, at):
    """The place after a type that begins here, or None: no type."""
    i, seen = at, False
    while i < len(words):
        word = words[i]
        if word in QUALIFIERS:
            i += 1
        elif word in BASIC:
            i, seen = i + 1, True
        elif not seen and word in ('struct', 'union', 'enum'):
            i += 1
            if i < len(words) and is_name(words[i]):
                i += 1
            if i < len(words) and words[i] == '{':
                i = closing(words, i) + 1
            seen = True
        elif not seen and is_name(word) and word not in NO_TYPE:
            i, seen = i + 1, True
        else:
            break
    return i if seen else None


def is_sure_type(words, at, end):
    """No product such as A * b."""
    return any(w in BASIC or w in QUALIFIERS or w in ('struct', 'union', 'enum', 'FILE', 'DIR', 'CURL', 'CURLM')
               or w.endswith('_t') or w.islower() for w in words[at:end])


def declarator(words, at):
    """(name, place after it, is it a pointer, is it a function) of what is declared here; None: nothing."""
    i, stars = at, False
    while i < len(words) and words[i] in ('*', 'const', 'restrict', 'volatile'):
        i, stars = i + 1, True
    if i + 1 < len(words) and words[i] == '(' and words[i + 1] == '*':    # a pointer to a function
        inner = declarator(words, i + 1)
        if inner is None or words[inner[1]:inner[1] + 1] not in ([')'], ['[']):
            return None
        end = closing(words, i) + 1
        if words[end:end + 1] == ['(']:
            end = closing(words, end) + 1
        return inner[0], end, True, False
    if i >= len(words) or not is_name(words[i]) or words[i] in NO_TYPE or words[i] in BASIC:
        return None
    return words[i], i + 1, stars, words[i + 1:i + 2] == ['(']


def declared(words, at, ends):
    """Names of variables or members that a declaration at this place declares."""
    names, i = [], after_type(words, at)
    if i is None:
        return names
    sure = is_sure_type(words, at, i)
    while True:
        one = declarator(words, i)
        if one is None:
            return names
        name, i, stars, is_function = one
        while i < len(words) and words[i] == '[':
            i = closing(words, i) + 1
        if is_function or i >= len(words) or words[i] not in ends or (stars and not sure):
            return names
        names.append(name)
        while i < len(words) and words[i] not in (',', ';', ')'):         # its value
            i = closing(words, i) + 1 if words[i] in '([{' else i + 1
        if i >= len(words) or words[i] != ',' or ')' in ends:
            return names
        i += 1


def parameters(words, at):
    """Names in the list of parameters that opens here."""
    end, i, names = closing(words, at), at + 1, []
    while i < end:
        names += declared(words, i, (',', ')'))
        while i < end and words[i] != ',':
            i = closing(words, i) + 1 if words[i] in '([{' else i + 1
        i += 1
    return names


def functions(tokens):
    """(name, first line, last line, place of the parameters) of each function with a body."""
    words = [t for t, _ in tokens]
    i = 0
    while i < len(words):
        if words[i] == '(' and i and is_name(words[i - 1]):
            end = closing(words, i)
            if words[end + 1:end + 2] == ['{']:
                last = closing(words, end + 1)
                yield words[i - 1], tokens[i - 1][1], tokens[last][1], i
                i = last
            else:
                i = end
        elif words[i] in '([{' and words[i - 1:i] != ['"']:
            i = closing(words, i)
        i += 1


def names_of(tokens):
    """(variables and parameters, members)."""
    words = [t for t, _ in tokens]
    variables, members = [], []
    for _, _, _, at in functions(tokens):
        variables += parameters(words, at)
    ends = []                              # of the bodies of structs and unions around this place
    for i, word in enumerate(words):
        ends = [end for end in ends if end > i]
        if not i or words[i - 1] in (';', '{', '}', ':') or (words[i - 1] == '(' and words[i - 2:i - 1] == ['for']):
            (members if ends else variables).extend(declared(words, i, ('=', ';', ',', ':')))
        if word in ('struct', 'union'):
            body = i + 1 + (i + 1 < len(words) and is_name(words[i + 1]))
            if words[body:body + 1] == ['{']:
                ends.append(closing(words, body))
    return variables, members


# ---- files ----

def below(tree, folder, suffixes=('.c', '.h')):
    found = []
    for place, folders, files in os.walk(os.path.join(tree, folder)):
        folders[:] = sorted(f for f in folders if f not in ('__pycache__', 'corpus'))
        found += [os.path.relpath(os.path.join(place, f), tree) for f in sorted(files) if f.endswith(suffixes)]
    return found


def lines_of(tree, *names):
    """In all of them; None if the tree has none."""
    have = [name for name in names if os.path.isfile(os.path.join(tree, name))]
    return sum(len(read(os.path.join(tree, name)).splitlines()) for name in have) if have else None


def shell_scripts(tree, folder):
    for name in below(tree, folder, ('',)):
        with open(os.path.join(tree, name), 'rb') as file:
            if name.endswith('.sh') or re.match(rb'#! ?/bin/(ba)?sh\b', file.readline()):
                yield name


def python_scripts(tree, folder):
    for name in below(tree, folder, ('',)):
        with open(os.path.join(tree, name), 'rb') as file:
            if name.endswith('.py') or re.match(rb'#!.*python3', file.readline()):
                yield name


# ---- figures ----

def edges(tree):
    """(folder, folder, upward?) of each include from one folder of lib to another."""
    include = re.compile(r'^[ \t]*#[ \t]*include[ \t]*"([^"]+)"', re.M)
    for name in below(tree, 'lib'):
        mine = os.path.dirname(name[len('lib/'):])
        for inc in sorted(set(include.findall(read(os.path.join(tree, name))))):
            other = os.path.dirname(inc)
            if None not in (layer_of(mine + '/'), layer_of(inc)) and other != mine:
                yield mine, other, layer_of(inc) >= layer_of(mine + '/')


def one_letter(names):
    return f'{100 * sum(len(name) == 1 for name in names) / len(names):.1f}'


def of_c(tree, folder):
    """Rows about the C code of lib or cmd."""
    paths = below(tree, folder)
    texts = [read(os.path.join(tree, p)) for p in paths]
    total = sum(len(t.splitlines()) for t in texts)
    tokens = {p: tokens_of(t) for p, t in zip(paths, texts)}
    found = sorted((last - first + 1, f'{os.path.basename(path)}:{first}') for path in paths
                   for _, first, last, _ in functions(tokens[path]))
    variables, names = [], []
    for path in paths:
        some, members = names_of(tokens[path])
        variables += some
        names += some + members
    ternaries = sum(t == '?' for path in paths for t, _ in tokens[path])
    sizes = [size for size, _ in found]
    if not sizes or not names:
        raise SystemExit(f'{tree}/{folder}: no C code found')
    yield f'{folder}: functions', len(sizes)
    yield f'{folder}: median function, lines', f'{statistics.median(sizes):g}'
    yield f'{folder}: 90th percentile', sizes[math.ceil(len(sizes) * 0.9) - 1]
    yield f'{folder}: longest', sizes[-1]
    yield f'{folder}: longest at', found[-1][1]
    yield f'{folder}: functions over {LONG_FUNCTION} lines', sum(s > LONG_FUNCTION for s in sizes)
    yield f'{folder}: names', len(names)
    yield f'{folder}: of one letter, %', one_letter(names)
    yield f'{folder}: of one letter without members, %', one_letter(variables)
    yield f'{folder}: ternaries in 1,000 lines', f'{1000 * ternaries / total:.1f}'
    yield f'{folder}: lines over {LONG_LINE} columns', sum(len(line.expandtabs(8)) > LONG_LINE
                                                           for t in texts for line in t.splitlines())
    yield f'{folder}: lines of C', total


def options(tree):
    found = []
    for name in below(tree, 'cmd', ('.c',)):
        for table in re.findall(r'struct option \w+\[\] = \{(.*?)\};', read(os.path.join(tree, name)), re.S):
            found += re.findall(r'\{\s*"([\w-]+)"', table)
    return found


def keys(tree):
    found, section = set(), ''
    for line in read(os.path.join(tree, 'fail2ban/iprep.conf')).splitlines():
        if line.startswith('['):
            section = line[1:].split(']')[0].split()[0]
        elif re.match(r'\w+\s*=', line):
            found.add((section, line.partition('=')[0].strip()))
    return found


def figures(tree):
    """{what: figure} in the order of the table."""
    if len(below(tree, 'lib')) < 2 or not below(tree, 'cmd'):
        raise SystemExit(f'{tree}: no C files in lib or cmd')
    rows = {}
    for folder in ('lib', 'cmd'):
        for name in below(tree, folder):
            where = os.path.dirname(name)
            rows[f'files in {where}'] = rows.get(f'files in {where}', 0) + 1
    found = list(edges(tree))
    rows['include edges between folders of lib'] = len(found)
    rows['different ones'] = len({(a, b) for a, b, _ in found})
    rows['upward'] = sum(up for _, _, up in found)
    for folder in ('lib', 'cmd'):
        rows.update(of_c(tree, folder))
    rows['lines of tests, C'] = lines_of(tree, *below(tree, 'tests'))
    rows['lines of tests, Python'] = lines_of(tree, *python_scripts(tree, 'tests'))
    rows['lines of tests, shell'] = lines_of(tree, *shell_scripts(tree, 'tests'))
    rows['lines of README.md'] = lines_of(tree, 'README.md')
    for page in below(tree, 'lib/man', tuple('123456789')):
        rows[f'lines of {os.path.basename(page)}'] = lines_of(tree, page)
    rows['lines of iprep.h'] = lines_of(tree, 'lib/include/iprep.h')
    rows['exported functions'] = len(re.findall(r'\biprep_\w+;', read(os.path.join(tree, 'lib/iprep.map'))))
    given = options(tree)
    rows['options of the programs'] = len(given)
    rows['different options'] = len(set(given))
    rows['keys of iprep.conf'] = len(keys(tree))
    return rows


def together(columns):
    """The rows of all trees, each where its neighbours are."""
    order = []
    for column in columns:
        at = 0
        for row in column:
            if row in order:
                at = order.index(row) + 1
            else:
                order.insert(at, row)
                at += 1
    return order


def show(trees):
    columns = [figures(tree) for tree in trees]
    heads = [os.path.basename(os.path.abspath(tree)) for tree in trees]
    rows = [['', *heads]]
    for what in together(columns):
        figure = [column.get(what) for column in columns]
        rows.append([what, *('-' if f is None else str(f) for f in figure)])
    widths = [max(len(row[i]) for row in rows) for i in range(len(heads) + 1)]
    for what, *row in rows:
        print('  '.join([what.ljust(widths[0]), *(f.rjust(w) for f, w in zip(row, widths[1:]))]).rstrip())


# ---- a tree whose figures are known ----

SMALL = {
    'lib/base/err.h': 'struct err { int code; char text[8], *p; void (*done)(int why); };\n',
    'lib/base/err.c': '''#include "base/err.h"
#include "conf/conf.h"
#define MAX(a, b) ((a) > (b) ? (a) : (b))
/* a ? b : c */
static const char *const words[] = { "a ? b", [1] = "}" };
int err_set(struct err *e, int code)
{
	size_t i = 0, count = 3;

	for (int k = 0; k < 3; k++)
		count += code ? 1 : '?';
	i = count * code;
	return words[i] != NULL;
}
''',
    'lib/conf/conf.h': '#include "base/err.h"\nint conf_new(int x, int y);\n',
    'cmd/x.c': 'static const struct option longs[] = { { "json", 0 }, { "quiet", 0 }, { 0 } };\n'
               'int main(void)\n{\n\treturn 0;' + ' ' * 100 + '\n}\n',
    'fail2ban/iprep.conf': '[general]\n# x = 1\nstate = a\n[tier a]\nbantime = 1d\n[tier b]\nbantime = 2d\n',
    'lib/iprep.map': 'IPREP_0 { global: iprep_new; iprep_free; local: *; };\n',
}
KNOWN = {'files in lib/base': 2, 'include edges between folders of lib': 2, 'upward': 1, 'lib: functions': 1,
         'lib: longest': 9, 'lib: longest at': 'err.c:6', 'lib: of one letter, %': '40.0',
         'lib: names': 10,                 # code text p done words e code i count k
         'lib: of one letter without members, %': '50.0', 'lib: ternaries in 1,000 lines': '58.8',
         'cmd: lines over 100 columns': 1,
         'options of the programs': 2, 'keys of iprep.conf': 2, 'exported functions': 2, 'lines of README.md': None}


def self_check():
    with tempfile.TemporaryDirectory() as tree:
        try:
            figures(tree)
            sys.exit('an empty tree has figures')
        except SystemExit as error:
            if 'no C files' not in str(error):
                raise
        for name, text in SMALL.items():
            path = os.path.join(tree, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, 'w', encoding='ascii') as file:
                file.write(text)
        rows = figures(tree)
    wrong = [f'{what}: {rows.get(what)}, not {figure}' for what, figure in KNOWN.items() if rows.get(what) != figure]
    if wrong:
        sys.exit('counted wrongly: ' + '; '.join(wrong))


if __name__ == '__main__':
    if len(LAYERS) < 2:
        sys.exit('sources.py has no layers')
    WORDS = sys.argv[1:]
    if WORDS == ['--self-check']:
        self_check()
        WORDS = []
    if any(word.startswith('-') for word in WORDS):
        sys.exit(__doc__)
    show(WORDS or [ROOT])
