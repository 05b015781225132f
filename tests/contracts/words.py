# SPDX-License-Identifier: MIT
"""
words.py - text for people is plain English: it has none of the words that make a sentence hard to read

Reads the documentation, the manual pages and everything in fail2ban/; comments and string literals in lib/ and
cmd/; comments, docstrings and the names of tests in tests/.
"""
import ast
import bisect
import io
import os
import re
import tokenize

FILES_MIN = 250             # fewer files: this is not the whole tree
SKIPPED = ('fail2ban/debian/copyright', 'tests/data/', 'tests/host/data/', 'tests/fuzz/corpus/', 'tests/contracts/words.py')
ADVERBS = 'many|much|few|little|long|short|old|new|large|big|small|early|late|high|low|fast|slow|weak|wide|open|far|often'

# (expression, what to write instead, a use that is a fault, a use that is not or None)
WORDS = (
    (r'whom|whoever|whomever', 'the noun: "addresses that …"', 'ask whoever has it', None),
    (r'(?<!user )(?<![\'"`:/])(?:nobody|somebody)(?![\'"`:]|\.invalid)', 'the actor, or the passive', 'nobody reads it', 'as user nobody'),
    (r'anew', 'again', 'made anew', None),
    (r'meanwhile', 'in the meantime', 'and meanwhile', None),
    (r'besides?', 'in addition to, next to', 'beside it', None),
    (r'thus', 'so, therefore', 'thus it ends', None),
    (r'(?:is|are|was|were) said(?! to)', 'is reported, is printed', 'and that is said', 'is said to be'),
    (r'(?:say|says|said|saying) so', 'reports it', 'it says so', 'say something'),
    (r'so (?:many|long|often)(?! (?:as|that)\b)', 'the quantity: number, timeout, interval', 'at most so many', 'so long that it fails'),
    (r'(?:go|goes|going|gone|went) (?:wrong|mad)', 'fail, be broken', 'a list gone mad', None),
    (r'by now', 'already', 'gone by now', None),
    (r'let(?:s|ting)?(?: \w+)? go', 'delete, release', 'letting it go', 'let gonum'),
    (r'errands?', 'job', 'an errand', None),
    (r'log-ins?', 'login', 'a log-in', None),
    (r'look-ups?', 'lookup', 'a look-up', None),
    (r'by itself', 'on its own, automatically', 'ends by itself', None),
    (r'for ever', 'forever', 'waits for ever', 'for every'),
    (r'(?<!all )(?<!many )(?<!both )(?<!two )(?<!several )(?<!together )at once', 'immediately; at the same time',
     'it ends at once', 'many at once'),
    (rf', too(?! (?:{ADVERBS})\b)', 'as well, also', 'that one, too.', 'slow, too many'),
    (r'stands?(?! (?:for|alone)\b)', 'is', 'it stands there', 'it stands for any text'),
)
RULES = tuple((re.compile(('' if word[0] == ',' else r'(?<![\w-])') + rf'(?:{word})(?![\w-])', re.I), better)
              for word, better, _, _ in WORDS)


# ---- what people read in a file: [(line number, text)], one paragraph an entry ----

class Paragraph:
    """Lines joined by blanks, so that a phrase is found across the end of a line."""

    def __init__(self):
        self.text, self.starts, self.numbers = '', [], []

    def add(self, number, line):
        self.starts.append(len(self.text))
        self.numbers.append(number)
        self.text += line.strip() + ' '

    def line_of(self, offset):
        return self.numbers[bisect.bisect_right(self.starts, offset) - 1]


def joined(lines):
    """Paragraphs of (number, line): consecutive numbers belong together, an empty line ends one."""
    paragraph, last = Paragraph(), None
    for number, line in lines:
        if paragraph.text and (not line.strip() or number > last + 1):
            yield paragraph
            paragraph = Paragraph()
        if line.strip():
            paragraph.add(number, line)
        last = number
    if paragraph.text:
        yield paragraph


def numbered(text, first=1):
    return enumerate(text.splitlines(), first)


def from_page(text):
    lines = [(number, re.sub(r'^\.[A-Z]\w ', '', line)) for number, line in numbered(text) if not line.startswith('.\\"')]
    return joined((number, '' if re.fullmatch(r'\.(?:Pp|Bl|El|Bd|Ed)\b.*', line) else line) for number, line in lines)


def from_c(text):
    for m in re.finditer(r'/\*(.*?)\*/|//([^\n]*)|((?:"(?:\\.|[^"\\\n])*"\s*)+)', text, re.S):
        found = next(group for group in m.groups() if group is not None)
        first = text.count('\n', 0, m.start()) + 1
        if m.group(3):
            found = re.sub(r'(?<!\\)"(\s+)"', r'\1', found).replace('\\n', ' ')
        yield from joined((number, re.sub(r'^\s*\* ?', '', line)) for number, line in numbered(found, first))


def from_python(text, is_test):
    comments = [(token.start[0], token.string.lstrip('#')) for token in tokenize.generate_tokens(io.StringIO(text).readline)
                if token.type == tokenize.COMMENT]
    yield from joined(comments)
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and is_test:
            if ast.get_docstring(node):
                yield from joined(numbered(node.body[0].value.value, node.body[0].lineno))
            if node.__class__ is ast.FunctionDef and node.name.startswith('test_'):
                yield from joined([(node.lineno, node.name.replace('_', ' '))])
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and not is_test:
            yield from joined(numbered(node.value, node.lineno))


def from_comments(text):
    """Comments of a shell script or of CMake."""
    return joined((number, m.group(1)) for number, line in numbered(text) if (m := re.search(r'(?:^|\s)#(.*)', line)))


def from_text(text):
    return joined((number, re.sub(r'^\s*#+', '', line)) for number, line in numbered(text))


def paragraphs(path, text):
    is_test = path.startswith('tests/')
    if path.startswith('lib/man/'):
        return from_page(text)
    if path.endswith(('.c', '.h')):
        return from_c(text)
    if path.endswith('.py') or text.startswith('#!/usr/bin/python3'):
        return from_python(text, is_test)
    if path.endswith('.md') or not is_test and path.startswith('fail2ban/'):
        return from_text(text)
    return from_comments(text)


def files(top):
    for place in ('README.md', 'CMakeLists.txt', '.github', '.ci', 'lib', 'cmd', 'fail2ban', 'tests'):
        found = [os.path.join(top, place)] if os.path.isfile(os.path.join(top, place)) else \
            [os.path.join(folder, name) for folder, _, names in os.walk(os.path.join(top, place)) for name in names]
        for path in sorted(found):
            name = os.path.relpath(path, top)
            if not name.startswith(SKIPPED) and '__pycache__' not in name:
                yield name


def faults_in(name, text):
    for paragraph in paragraphs(name, text):
        for rule, better in RULES:
            for m in rule.finditer(paragraph.text):
                yield f'{name}:{paragraph.line_of(m.start())}: "{m.group()}": write {better}'


def check(top):
    count = 0
    for name in files(top):
        try:
            with open(os.path.join(top, name), encoding='utf-8') as file:
                text = file.read()
        except UnicodeDecodeError:
            continue
        count += 1
        yield from faults_in(name, text)
    if count < FILES_MIN:
        yield f'only {count} files of text found in {top}: is this the whole tree?'


# ---- does it find what it should? ----

FRAMES = (
    ('README.md', 'A sentence.\n{}\nAnother.\n'),
    ('lib/man/rep-check.8', '.Sh NAME\nA sentence\n{} .\n'),
    ('lib/base/x.c', 'int x; /* a comment\n * {}\n */\n'),
    ('cmd/common/x.c', 'const char x[] = "a: "\n\t"{}\\n";\n'),
    ('cmd/rep-check/x', '#!/usr/bin/python3\nx = "{}"\n'),
    ('fail2ban/jail.d/x.conf', '# A comment.\n# {}\nx = y\n'),
    ('tests/cli/test_x.py', '"""A docstring.\n\n{}\n"""\n'),
    ('tests/cli/test_y.py', 'x = 1    # {}\n'),
    ('tests/unit/test_x.c', 'int x; // {}\n'),
    ('tests/run.sh', 'x=1   # {}\n'),
)


def show():
    """Each word is found in a file of each kind; an accepted use of it is not."""
    for word, _, fault, accepted in WORDS:
        for name, frame in FRAMES:
            for text in (fault, fault.replace(' ', '\n', 1)) if name.endswith('.md') else (fault,):
                if not any(f'{name}:' in line for line in faults_in(name, frame.format(text))):
                    yield f'{name}: "{text}" was not found'
            if accepted and list(faults_in(name, frame.format(accepted))):
                yield f'{name}: "{accepted}" is no fault of {word}'
    if not list(faults_in('tests/cli/test_z.py', 'def test_nobody_is_asked():\n    pass\n')):
        yield 'a word in the name of a test was not found'
