#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Figures of the tree: sizes, names, edges. They are printed, not judged.

    figures.py [TREE]...       each tree is one column; without one: the tree of this script
    figures.py --self-check    count a small tree whose figures are known, then print this one

Before and after: git worktree add /tmp/before COMMIT; figures.py /tmp/before .

How things are counted in C that clang-format has formatted:
  function    from the line with its name to the line with its closing brace
  name        each declaration of a variable, a parameter of a function body or a member; loop counters too; not the
              variable of a type without a name
  ternary     each "?" outside of comments, strings and macro definitions
  column      a tab reaches to the next multiple of 8
  edge        a file of lib that includes a file of another folder of lib
  upward      an edge to a higher layer, or to another folder of the same one
  key         a key of iprep.conf; those of [tier X], [dnsbl X] and [feed X] once for all X
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
# As clang-format writes them: a function and its closing brace begin a line.
FUNCTION = re.compile(r'^(?![ \t#}])[^;={}]*?\b(\w+)\(((?:[^;{}()]|\([^()]*\))*)\)\n\{\n.*?^\}', re.M | re.S)
TYPE = re.compile(r'\s*(?:(?:static|const|volatile|extern|_Thread_local)\s+)*'
                  r'((?:unsigned|signed|long|short)(?:\s+(?:int|long|char|short))*|(?:struct|union|enum)\s+\w+|\w+)'
                  r'(?:\s+const)?(?=\s)')
DECLARATOR = re.compile(r'\**(?:const )?\w+\s*(?:\[.*\]|:\s*\w+)?|.*\(\*\w+(?:\[.*\])?\)\s*\(.*\)', re.S)
LABEL = re.compile(r'\s*(?:for\s*\(|(?:case [^:]*|default|\w+):\s)?')
NO_TYPE = {'return', 'goto', 'else', 'case', 'sizeof', 'typedef', 'if', 'while', 'for', 'do', 'switch', 'default',
           'break', 'continue'}


# ---- C ----

def c_code(path):
    """Without comments, directives and the insides of strings; each line stays where it is."""
    def blank(match):
        return '\n' * match[0].count('\n') or ' '
    text = re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'',
                  lambda m: blank(m) if m[0][0] == '/' else m[0][0] * 2, read(path), flags=re.S)
    return re.sub(r'^[ \t]*#(?:[^\n]*\\\n)*[^\n]*', blank, text, flags=re.M)


def parts_of(text):
    """Between commas outside of brackets."""
    parts, depth = [''], 0
    for char in text:
        depth += (char in '([{') - (char in ')]}')
        if char == ',' and not depth:
            parts.append('')
        else:
            parts[-1] += char
    return parts


def declared(statement):
    """Names of the variables or members that it declares."""
    kind = TYPE.match(statement)
    parts = parts_of(statement[kind.end():]) if kind and kind[1] not in NO_TYPE else ['']
    if not DECLARATOR.fullmatch(parts[0].split('=')[0].strip()):
        return []
    found = [re.search(r'\(\*(\w+)', part) or re.search(r'(\w+)\s*(?:\[[^\]]*\]\s*)*$', re.split(r'\s*[=:]', part)[0])
             for part in parts]
    return [name[1] for name in found if name]


def statements(text):
    """(statement, does it declare members?)"""
    kinds, begin = [], 0
    for at, char in enumerate(text):
        if char == '{':
            head = text[begin:at].rstrip()
            if 'list' in kinds[-1:] or head.endswith(('=', '(', ',', '{')) or re.search(r'\benum\b[\s\w]*$', head):
                kinds.append('list')       # of values
                continue
            kinds.append('members' if re.search(r'\b(?:struct|union)(?:\s+\w+)?$', head) else 'code')
            begin = at + 1
        elif char == '}' and kinds and kinds.pop() != 'list':
            begin = at + 1
        elif char == ';' and 'list' not in kinds[-1:]:
            yield text[begin:at], 'members' in kinds[-1:]
            begin = at + 1


def names_of(text):
    """(variables and parameters, members)."""
    variables = [name for match in FUNCTION.finditer(text) for part in parts_of(match[2]) for name in declared(part)]
    members = []
    for statement, is_member in statements(text):
        (members if is_member else variables).extend(declared(LABEL.sub('', statement, count=1)))
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
    codes = {path: c_code(os.path.join(tree, path)) for path in paths}
    found = sorted((match[0].count('\n', match.start(1) - match.start()) + 1,
                    f'{os.path.basename(path)}:{code.count(chr(10), 0, match.start(1)) + 1}')
                   for path, code in codes.items() for match in FUNCTION.finditer(code))
    variables, names = [], []
    for code in codes.values():
        some, members = names_of(code)
        variables += some
        names += some + members
    ternaries = sum(code.count('?') for code in codes.values())
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
