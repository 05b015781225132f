# SPDX-License-Identifier: MIT
"""pages.py - contracts of manual pages, usage texts and completion: they have what the code has, and nothing else"""
import os
import re
import subprocess

import facts as f
from tree import ROOT, both, read

# ---- options ----

def documented(lines):
    """{(short or None, long): has an argument} of the lists of options."""
    rows = {}
    for line in lines:
        if not line.startswith('.It Fl '):
            continue
        names = f.flags(line)
        longs = [n[1:] for n in names if n.startswith('-')]
        shorts = [n for n in names if not n.startswith('-')]
        rows[longs[0] if longs else '?', shorts[0] if shorts else None] = ' Ar ' in line
    return rows


def mentioned(lines):
    """Options in running text and in the synopsis; 'jqv' is three."""
    longs, shorts = set(), set()
    for line in lines:
        if line.startswith('.'):
            for name in f.flags(line):
                longs |= {name[1:]} if name.startswith('-') else set()
                shorts |= set(name) if not name.startswith('-') else set()
    return longs, shorts


def options_of(root, program):
    table, getopt = f.option_table(root, program)
    lines = f.page(root, program + '.8')
    want = {(name, short): arg for name, (arg, short) in table.items()}
    have = documented(f.section(lines, 'DESCRIPTION'))
    name = f'{program}.c'
    yield from both(f'{program}: option', want, have, name, 'the page')
    for key in sorted(set(want) & set(have), key=str):
        if want[key] != have[key]:
            yield f'{program}: option --{key[0]}: with an argument in one of {name} and the page only'
    shorts = {short: arg for arg, short in table.values() if short}
    for short, colon in re.findall(r'(\w)(:?)', getopt):
        if shorts.pop(short, None) != bool(colon):
            yield f'{program}: option -{short}: not alike in longs[] and getopt_long()'
    for short in shorts:
        yield f'{program}: option -{short}: in longs[], not in getopt_long()'
    yield from both(f'{program}: option', table, f.long_options(f.usage_text(root, program)), name, 'its usage text')
    given = {short for _, short in table.values() if short}
    longs, shorts = mentioned(f.section(lines, 'SYNOPSIS'))
    plain = {n for n, (_, short) in table.items() if not short}
    yield from both(f'{program}: option', plain, longs, name, "the page's synopsis")
    yield from both(f'{program}: option', given, shorts, name, "the page's synopsis")
    longs, shorts = mentioned(lines)
    for one in sorted((longs - set(table)) | (shorts - given)):
        yield f'{program}: option {one}: the page speaks of it, {name} has it not'


def completion_of(root, program):
    text = read(os.path.join(root, 'cmd/common/completion.bash'))
    m = re.search(rf'\t{program}\)\n\t\tREPLY="([^"]*)"', text)
    words = set(m.group(1).split()) if m else set()
    table, _ = f.option_table(root, program)
    want = {f'--{name}' + '=' * arg for name, (arg, _) in table.items()}
    want |= {f'-{short}' for _, short in table.values() if short}
    yield from both(f'{program}: option', want, words, f'{program}.c', 'completion.bash')


def completed_values(root):
    """{option: its words} of _iprep_values(); None where there are none or only files."""
    text = read(os.path.join(root, 'cmd/common/completion.bash'))
    text = text[text.index('_iprep_values() {'):]
    text = text[:text.index('\n}')].replace('\\\n', '')
    rows = {}
    for names, body in re.findall(r'\n\t(-[^)]*)\)(.*?);;', text, re.S):
        words = re.findall(r'REPLY\+?="([^"]*)"', body)
        for name in re.split(r'[|\s]+', names):
            rows[name.strip()] = set(' '.join(words).split()) if words else None
    rows.pop('', None)
    return rows


def values(root):
    have = completed_values(root)
    want = set()
    for program in f.PROGRAMS:
        for name, (arg, short) in f.option_table(root, program)[0].items():
            want |= ({'--' + name} | ({'-' + short} if short else set())) if arg else set()
    yield from both('option with a value', want, have, 'the programs', '_iprep_values() of completion.bash')
    formats = read(os.path.join(root, 'cmd/rep-check/export.c'))
    formats = set(re.findall(r'^\t\{ "([\w.]+)", \w+,', formats, re.M)) | {'text'}
    summary = read(os.path.join(root, 'cmd/rep-report/summary.c'))
    summary = set(re.findall(r'^\t\{ "(\w+)", summary_put_\w+ \}', summary, re.M))
    allowed = read(os.path.join(root, 'cmd/rep-check/allowed.c'))
    formats |= set(re.findall(r'strcmp\(format, "(\w+)"\)', allowed))
    orders = set(re.findall(r'\{ "(\w+)", IPREP_BY_\w+ \}', read(os.path.join(root, 'cmd/rep-check/filter.c'))))
    names = set(re.findall(r'\{ "([\w-]+)", \d+ \}', read(os.path.join(root, 'lib/conf/categories.c'))))
    yield from both('--format', formats | summary, have.get('--format') or (), 'export.c, allowed.c and summary.c', 'completion.bash')
    yield from both('--sort', orders, have.get('--sort') or (), 'filter.c', 'completion.bash')
    yield from both('--categories', names, have.get('--categories') or (), 'categories.c', 'completion.bash')
    lines = f.section(f.page(root, 'rep-check.8'), 'DESCRIPTION')
    for option, words in (('format', formats), ('sort', orders)):
        at = next((i for i, line in enumerate(lines) if line.startswith(f'.It Fl -{option} ')), len(lines))
        end = next((i for i in range(at + 1, len(lines)) if lines[i].startswith('.It Fl ')), len(lines))
        listed = {m.group(1) for line in lines[at:end] if (m := re.match(r'\.(?:It )?Li ([\w.]+)(?: ,)?$', line))}
        for word in sorted(words - listed):
            yield f'--{option} {word}: in the code, not in the page'
        for word in sorted(listed - words - {'combined', 'iprep4', 'iprep6'}):
            yield f'--{option} {word}: in the page, not in the code'


def options(root):
    for program in f.PROGRAMS:
        yield from options_of(root, program)
        yield from completion_of(root, program)
    yield from values(root)


# ---- configuration ----

def settings(root):
    """Defaults of fail2ban/iprep.conf: sources.config."""
    code, page = f.conf_table(root), f.conf_page(root)
    yield from both('key', code, page, 'keys.c', 'iprep.conf(5)')
    for key in sorted(set(code) & set(page)):
        default, parser, low, high, required = code[key]
        where = f'[{key[0]}] {key[1]}'
        if page[key][0] != default:
            yield f'{where}: default "{default}" in keys.c, "{page[key][0]}" in the page'
        if page[key][2] != required:
            yield f'{where}: required in one of keys.c and the page only'
        bounds = (low, high) if parser in ('p_int', 'p_duration', 'p_rate') else None
        if page[key][1] != bounds:
            yield f'{where}: bounds {bounds} in keys.c, {page[key][1]} in the page'
        words = f.fixed_values(root).get(parser)
        if words:
            yield from both(f'{where}: value', words, page[key][3], 'keys.c', 'the page')


# ---- library ----

def functions(root):
    """The header is the reference; the page lists every function and error, and names nothing else."""
    code, page = f.declared_functions(root), f.page_functions(root)
    yield from both('function', code, page, 'iprep.h', 'the page')
    mapped = re.findall(r'\b(iprep_\w+);', read(os.path.join(root, 'lib/iprep.map')))
    yield from both('function', code, mapped, 'iprep.h', 'iprep.map')
    lines = f.page(root, 'libiprep.3')
    constants = f.enums(root)
    listed = {m.group(1): int(m.group(2)) for line in f.section(lines, 'ERRORS')
              if (m := re.fullmatch(r'\.It Dv (IPREP_\w+) Pq (-?\d+)', f.plain(line)))}
    codes = {n: v for n, v in constants.items() if n == 'IPREP_OK' or n.startswith('IPREP_E_')}
    yield from both('error', codes.items(), listed.items(), 'iprep.h', "the page's list")
    for name in sorted(set(re.findall(r'\b(?:IPREP_[A-Z0-9_]+|iprep_\w+)', '\n'.join(lines)))):
        if not re.search(rf'\b{name}\b', f.header(root)):
            yield f'{name}: in the page, not in iprep.h'


# ---- exit statuses ----

def statuses(root):
    used = set(f.status_names(root).values())
    tables = {name: f.status_table(root, name) for name in f.PAGES[:3]}
    for name, rows in tables.items():
        yield from both(f'{name}: status', used, [n for n, _ in rows], 'the programs', 'the page')
        if rows != tables[f.PAGES[0]]:
            yield f'{name}: its table of statuses is not that of {f.PAGES[0]}'
        for n, text in rows:
            if not text:
                yield f'{name}: status {n} is not explained'
    for program in f.PROGRAMS:
        text = f.usage_text(root, program).split('Exit status:')[-1]
        for n in {int(n) for n in re.findall(r'\b\d+\b', text)} - used - {8}:
            yield f'{program}: status {n}: in its usage text, not in the programs'


# ---- JSON ----

def members(root):
    known = {path for paths in f.OUTPUTS.values() for path in paths}
    for path in f.makers_of_json(root):
        if path not in known:
            yield f'{path} makes JSON: of which program? (facts.py, OUTPUTS)'
    for program in f.PROGRAMS:
        yield from both(f'{program}: member', f.json_members(root, program), f.page_members(root, program),
                        'its JSON', 'the page')


# ---- are they well made? ----

def run(*argv):
    p = subprocess.run(argv, capture_output=True, text=True)
    return (p.stdout + p.stderr).splitlines()


def named_elsewhere(name, lines):
    """SEE ALSO names what is installed with the page. iprep has all pages but libiprep(3), whose package suggests iprep."""
    for line in f.section(lines, 'SEE ALSO'):
        m = re.match(r'\.Xr (\S+) (\d)', line)
        if m and (m.group(0) == '.Xr libiprep 3' or f'{m.group(1)}.{m.group(2)}' not in f.PAGES
                  and (name == 'libiprep.3' or f'{m.group(1)} {m.group(2)}' not in f.OTHERS)):
            yield f'{name}: SEE ALSO: {m.group(1)}({m.group(2)}) is not installed with it'


def layout(root):
    for name in f.PAGES:
        path = os.path.join(root, 'lib/man', name)
        if root != ROOT and read(path) == read(os.path.join(ROOT, 'lib/man', name)):
            continue                       # as it was; this takes seconds
        for line in run('mandoc', '-T', 'lint', '-W', 'all', path):
            # of pages that are not installed here; Debian makes no mandoc.db of its own
            if 'referenced manual not found' not in line and 'outdated mandoc.db' not in line:
                yield line.replace(path, name)
        # -dAD=l: ragged right, since groff 1.23 warns of each line that it cannot stretch
        for line in run('groff', '-mandoc', '-ww', '-z', '-T', 'utf8', '-dAD=l', path):
            yield f'{name}: groff: {line}'
        if run('lexgrog', path)[-1:] and 'parse failed' in run('lexgrog', path)[-1]:
            yield f'{name}: its NAME is not what whatis(1) understands'
        lines = f.page(root, name)
        wanted = ['FILES', 'EXAMPLES', 'SECURITY CONSIDERATIONS', 'SEE ALSO']
        wanted += ['EXIT STATUS'] if name[-1] in '58' else ['ERRORS'] if name[-1] == '3' else []
        for title in wanted:
            if not f.section(lines, title):
                yield f'{name}: lacks {title}'
        if 'iprep' not in ' '.join(f.section(lines, 'NAME')):
            yield f'{name}: its NAME does not mention iprep: "man -k iprep" does not find it'
        yield from named_elsewhere(name, lines)
        for line in lines:                 # each page of ours that is named is there
            m = re.match(r'\.Xr ((?:iprep|libiprep|rep-)\S*) (\d)', line)
            if m and f'{m.group(1)}.{m.group(2)}' not in f.PAGES:
                yield f'{name}: {m.group(1)}({m.group(2)}) is no page'


# ---- the commands in the pages ----

def commands(text):
    """(program, arguments) of each command of ours in a page, in examples and in running text."""
    for m in re.finditer(r'(?<![\w/.-])(rep-(?:check|report|purge)) ((?:[^\n|;)\']|\|(?= ))*)', text):
        yield m.group(1), m.group(2).split(' | ')[0]


def examples(root):
    count = 0
    texts = {name: f.plain('\n'.join(f.page(root, name))).replace('.Ar ', '') for name in f.PAGES}
    texts['README.md'] = read(os.path.join(root, 'README.md')).replace('`', ';')
    for name, text in texts.items():
        for program, rest in commands(text):
            table, _ = f.option_table(root, program)
            if re.match(r'[\d:]', rest):    # .Xr rep-check 8; .Ic rep-check :
                continue
            count += 1
            words = rest.split()
            for i, word in enumerate(words):
                option = re.match(r'--([a-z][\w-]*)(=?)', word)
                if option and option.group(1) not in table:
                    yield f'{name}: {program} {rest}: there is no option --{option.group(1)}'
                elif option and table[option.group(1)][0] and not option.group(2) and i + 1 == len(words):
                    yield f'{name}: {program} {rest}: --{option.group(1)} lacks its value'
                elif option and option.group(2) and not table[option.group(1)][0]:
                    yield f'{name}: {program} {rest}: --{option.group(1)} takes no value'
    if count < 30:
        yield f'only {count} commands found in all pages: are they still understood?'


# ---- README ----

README_LINES = 150


def readme(root):
    """It is short, and what it names is there where only the packages are installed."""
    text = read(os.path.join(root, 'README.md'))
    if text.count('\n') > README_LINES:
        yield f'README.md: {text.count(chr(10))} lines, more than {README_LINES}'
    packaged = re.findall(r'^\S+\t(/usr/share/doc/\S+)', read(os.path.join(root, 'tests/data/package.tsv')), re.M)
    for path in re.findall(r'/usr/share/doc/[\w./-]*\w', text):
        if path not in packaged:
            yield f'README.md: {path} is in no package'
    for name, number in re.findall(r'([\w.-]+)\((\d)\)', text):
        if f'{name}.{number}' not in f.PAGES:
            yield f'README.md: {name}({number}) is no page'
    for page in f.PAGES:
        if f'{page[:-2]}({page[-1]})' not in text:
            yield f'README.md: does not mention {page[:-2]}({page[-1]})'
    for link in re.findall(r'\]\(([^)]*)\)', text):
        if not link.startswith('https://'):
            yield f'README.md: the link {link} leads nowhere in the package'
