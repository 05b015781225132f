# SPDX-License-Identifier: MIT
"""facts.py - what the code says of itself, and what the manual pages say of it, as Python values"""
import glob
import os
import re

from tree import read

PROGRAMS = ('rep-check', 'rep-report', 'rep-purge')
PAGES = ('rep-check.8', 'rep-report.8', 'rep-purge.8', 'iprep.conf.5', 'libiprep.3', 'iprep.7', 'iprep-lists.7',
         'iprep-fleet.7', 'iprep-notify.8')
# pages of others that SEE ALSO may name, and the package on which iprep depends, or which it recommends
OTHERS = {'fail2ban 1': 'fail2ban', 'fail2ban-client 1': 'fail2ban', 'jail.conf 5': 'fail2ban'}
UNITS = {'': 1, 's': 1, 'm': 60, 'h': 3600, 'd': 86400, 'w': 604800}


def page(root, name):
    """Its lines, without comments."""
    lines = read(os.path.join(root, 'lib/man', name)).splitlines()
    return [line for line in lines if not line.startswith('.\\"')]


def section(lines, title):
    """The lines of .Sh TITLE."""
    out, inside = [], False
    for line in lines:
        if line.startswith('.Sh '):
            inside = line == '.Sh ' + title
        elif inside:
            out.append(line)
    return out


def plain(text):
    """As it is read: without the quoting of roff."""
    return text.replace('\\&', '').replace('\\-', '-').replace('\\(dq', '"').replace('\\e', '\\')


def strings(code):
    """What the string literals in a piece of C come to."""
    return ''.join(re.findall(r'"((?:\\.|[^"\\])*)"', code)).replace('\\n', '\n').replace('\\"', '"')


# ---- options ----

def option_table(root, program):
    """{long name: (has an argument, short name or None)}, and getopt's text of short ones."""
    code = read(os.path.join(root, f'cmd/{program}/main.c'))
    table = code[code.index('struct option longs[]'):]
    table = table[:table.index('};')]
    rows = re.findall(r'\{ "([\w-]+)", ([012]), NULL, (?:\'(\w)\'|\w+) \}', table)
    shorts = re.search(r'getopt_long\(argc, argv, "([^"]*)"', code).group(1)
    return {name: (arg != '0', short or None) for name, arg, short in rows}, shorts


def usage_text(root, program):
    """Without its first lines, which say what goes with what."""
    code = read(os.path.join(root, f'cmd/{program}/main.c'))
    text = strings(code[code.index('char help[]'):].split(';\n', 1)[0])
    return '\n'.join(line for line in text.split('\n') if not re.match(rf'(Usage:| +{program})', line))


def long_options(text):
    return set(re.findall(r'(?<![\w-])--([a-z][\w-]*)', text))


def flags(line):
    """Names after Fl in one line of mdoc: 'c', '-config'."""
    found = []
    for part in re.split(r'\bFl\b', line)[1:]:
        for word in part.split():
            if word in (',', '|'):
                continue
            if not re.fullmatch(r'-?[A-Za-z][\w-]*', word) or re.fullmatch(r'[A-Z][a-z]', word):
                break
            found.append(word)
    return found


# ---- configuration ----

def seconds(text):
    """'366d', '60' or a C expression of numbers."""
    m = re.fullmatch(r'(\d+)([smhdw]?)', text)
    return int(m.group(1)) * UNITS[m.group(2)] if m else None


def conf_table(root):
    """{(section, key): (default or None, parser, min, max, required)} of lib/conf/keys.c."""
    code = read(os.path.join(root, 'lib/conf/keys.c'))
    defines = code + read(os.path.join(root, 'lib/conf/conf.h'))
    names = dict(re.findall(r'#define (\w+)(?: |\\\n|\t)+([^\n]+?)\s*(?:/\*.*)?\n', defines))

    def number(text):                      # a product of numbers and names of such
        value = 1
        for factor in text.strip(' ()').split('*'):
            factor = factor.strip()
            value *= number(names[factor]) if factor in names else int(factor.rstrip('L'))
        return value

    rows = {}
    table = code[code.index('conf_keys[] = {'):]
    text = r'((?:"(?:\\.|[^"\\])*"\s*)+|NULL)'
    for m in re.finditer(rf'CONF\("(\w+)", "(\w+)", {text},\s+(\w+), ([^,]+), ([^,]+), \w+\)', table):
        rows[m.group(1), m.group(2)] = (strings(m.group(3)), m.group(4), number(m.group(5)),
                                        number(m.group(6)), False)
    for m in re.finditer(r'TIER\("(\w+)", (\w+), ([^,]+), ([^,]+), \w+\)', table):
        rows['tier', m.group(1)] = (None, m.group(2), number(m.group(3)), number(m.group(4)), True)
    for kind, name in (('LIST', 'dnsbl'), ('FEED', 'feed')):
        for m in re.finditer(rf'{kind}\("(\w+)", {text}, (\w+), ([^,]+), ([^,]+), \w+, (\w+)\)', table):
            default = strings(m.group(2)) if m.group(2) != 'NULL' else None
            rows[name, m.group(1)] = (default, m.group(3), number(m.group(4)), number(m.group(5)),
                                      m.group(6) == 'true')
    if len(rows) != len(re.findall(r'\b(?:CONF|TIER|LIST|FEED)\("', table)):
        raise ValueError('keys.c: a row is not understood')
    return rows


def conf_page(root):
    """{(section, key): [default or None, (from, to) or None, required, words that are literals]} of iprep.conf(5)."""
    rows, where, row = {}, None, None
    for line in section(page(root, 'iprep.conf.5'), 'DESCRIPTION'):
        if line.startswith('.Ss '):
            where, row = line.split()[2], None
        elif m := re.fullmatch(r'\.It Cm (\w+) No =(?: Li (.+)| Ar .+)?', line):
            row = rows[where, m.group(1)] = [None if ' Ar ' in line else plain(m.group(2) or ''), None, False, set()]
        elif row and line.startswith('.Li '):
            row[3] |= set(re.findall(r'\w+', line[4:]))
        elif row and (m := re.match(r'(?:A number f|F)rom (\w+) to (\w+)\b', line, re.I)):
            row[1] = (seconds(m.group(1)), seconds(m.group(2)))
        elif row and line == 'Required.':
            row[2] = True
    return rows


def fixed_values(root):
    """{parser: the words it takes} of those that take one of a few, from what they say is expected."""
    code = read(os.path.join(root, 'lib/conf/keys.c'))
    rows = {}
    for name, body in re.findall(r'\nstatic bool (p_\w+)\(.*?\n\{(.*?)\n\}', code, re.S):
        if m := re.search(r'key_error\(\w+, "expected ((?:[a-z]+, )*[a-z]+ or [a-z]+)"\)', body):
            rows[name] = set(re.split(r', | or ', m.group(1)))
    return rows


# ---- the library ----

def header(root):
    return read(os.path.join(root, 'lib/include/iprep.h'))


def declared_functions(root):
    """Names of the functions of iprep.h."""
    text = re.sub(r'/\*.*?\*/', ' ', header(root), flags=re.S)
    return set(re.findall(r'IPREP_API[^;(]*?\b(iprep_\w+)\s*\(', text))


def page_functions(root):
    """Names in the lists of libiprep(3)."""
    return {name for line in section(page(root, 'libiprep.3'), 'DESCRIPTION') if line.startswith('.It Fn ')
            for name in re.findall(r'\biprep_\w+', line)}


def enums(root):
    """{constant: value} of all enums of iprep.h."""
    text = re.sub(r'/\*.*?\*/', ' ', header(root), flags=re.S)
    return {n: int(v) for n, v in re.findall(r'\b(IPREP_\w+)\s*=\s*(-?\d+)', text)}


# ---- JSON ----

OUTPUTS = {                                # where what a program prints is made
    'rep-check': ('cmd/rep-check/result_json.c', 'cmd/rep-check/self_test.c', 'cmd/rep-check/allowed.c',
                  'cmd/rep-check/sources.c', 'cmd/common/source_json.c'),
    'rep-report': ('cmd/rep-report/status.c', 'cmd/rep-report/health.c', 'cmd/rep-report/summary_json.c',
                   'cmd/common/source_json.c', 'cmd/rep-report/notify_settings.c', 'cmd/rep-report/main.c'),
    'rep-purge': ('cmd/rep-purge/main.c', 'cmd/rep-purge/pardons.c', 'cmd/rep-purge/reset.c', 'cmd/rep-purge/fleet.c'),
}


def json_members(root, program):
    found = set()
    for path in OUTPUTS[program]:
        text = read(os.path.join(root, path))
        found |= set(re.findall(r'\bput_\w+\(&?json, "(\w+)"', text))
        found |= set(re.findall(r'\bjson_put_\w+\(&?\w+, "(\w+)"', text))
    return found


def makers_of_json(root):
    """Files that print or make an object, whether they are in OUTPUTS or not."""
    for path in sorted(glob.glob(os.path.join(root, 'lib/*/*.c')) + glob.glob(os.path.join(root, 'cmd/*/*.c'))):
        if os.path.basename(path) != 'json.c' and re.search(r'\bjson_put_\w+\(&?\w+, "|\\"\w+\\":', read(path)):
            yield os.path.relpath(path, root)


def page_members(root, program):
    """Literals below Output."""
    found, inside = set(), False
    for line in page(root, program + '.8'):
        if line.startswith(('.Ss ', '.Sh ')):
            inside = line == '.Ss Output'
        elif inside and (m := re.match(r'\.(?:Pq )?Li (.*)', line)):
            found |= set(re.findall(r'\w+', m.group(1)))
    return found


# ---- exit statuses ----

def status_names(root):
    """{name: number} of what the programs exit with."""
    with open('/usr/include/sysexits.h', encoding='utf-8') as f:
        numbers = {n: int(v) for n, v in re.findall(r'#define (EX_\w+)\s+(\d+)', f.read())}
    numbers |= {n: int(v) for n, v in re.findall(r'(EX_\w+) = (\d+)', read(os.path.join(root, 'cmd/common/cli.h')))}
    used = set()
    for path in glob.glob(os.path.join(root, 'cmd/*/*.[ch]')):
        used |= set(re.findall(r'\bEX_[A-Z]+\b', read(path)))
    return {n: numbers[n] for n in used}


def status_table(root, name):
    """[(number, text)] of a page's first list below EXIT STATUS."""
    rows = []
    for line in section(page(root, name), 'EXIT STATUS'):
        if line == '.El':
            break
        if m := re.fullmatch(r'\.It (\d+)', line):
            rows.append((int(m.group(1)), ''))
        elif rows:
            rows[-1] = (rows[-1][0], f'{rows[-1][1]} {line}'.strip())
    return rows
