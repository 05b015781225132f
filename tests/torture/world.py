# SPDX-License-Identifier: MIT
"""world.py - where a command is tortured: a place, a list, AbuseIPDB, and what must be true of them after each point"""
import collections
import os
import re
import shutil
import subprocess

import configuration
from addresses import address_of, reversed_of
from api import Emulator
from commands import BLOCKED, CLEAN, EXPIRED, FLUSH, GOOD, LISTED, OLD, PARDONED, QUEUED
from dns import behaviours
from dns.server import Server, Zone
from places import DAY, KEY, WEEK, Place

LIMIT_S = 40                # a command that has not ended hangs; a worker waits for a lost answer for 10 s at most
STATES = ('queued', 'sending', 'parked', 'done', 'unknown', 'dropped', 'retracted')

# What is compared of each table: no times, and nothing that counts calls.
TABLES = {
    'block': 'key, tier, score, jail, src, shown_at > 0', 'pardon': 'key', 'finding': 'key, source, listed, points',
    'lookup': 'key, jail', 'report': 'addr, state, jail, failures', 'good': 'key', 'released': 'key',
    'retraction': 'addr, state', 'sighting': 'key', 'failure': 'key, n',
}
SECTIONS = {
    'general': {'timeout_ms': 2000},
    'spray': {'users': 3},
    'allow': {'addresses': '\n  45.80.0.1\n  45.80.0.2'},
    'report': {'comment': '%{jail}, %{failures} failures'},
}


class World:
    """One place, restored before each point to the state that prepare() made."""

    def __init__(self, command):
        self.command = command
        self.dns, self.api = Server(), Emulator(None, key=KEY)
        self.dns.zones['zen.test'] = Zone({reversed_of(LISTED): behaviours.listed('127.0.0.2')})
        self.place = Place(configuration.build(SECTIONS, dns=self.dns.port, lists={'zen': '127.0.0.2*3'},
                                               api=self.api.url))
        self.place.write('list', ''.join(f'{address}\n' for address in (LISTED, CLEAN, BLOCKED)))
        self.call = tuple(word.replace('{dir}', self.place.dir) for word in command.call)
        self.before = self.prepare()
        self.clean()

    def close(self):
        self.place.close()
        self.api.close()
        self.dns.close()

    # -- the state that each point starts from

    def prepare(self):
        """A report and its lookup that wait, blocks of now and of old, a pardon, a login; what it looks like."""
        place = self.place
        for address in (LISTED, QUEUED):
            self.must('rep-report', '--enqueue', '--jail', 'sshd', '--failures', '5', '--', address)
        self.must('rep-purge', '--pardon', '30d', PARDONED)
        self.must('rep-check', '--login', '--', GOOD)
        place.block(BLOCKED)
        place.block(EXPIRED, age=WEEK, left=-DAY)
        place.block(OLD, age=8 * DAY, left=60 * DAY)            # is to be checked again
        place.sql('PRAGMA wal_checkpoint(TRUNCATE)')
        if self.command.damage:
            with open(place.db, 'r+b') as file:
                file.seek(4096)
                file.write(b'\xff' * 4096)
        self.template = place.path('template')
        shutil.copytree(place.path('state'), self.template)
        return None if self.command.damage else self.rows()

    def must(self, *call):
        done = self.place.run(*call)
        if done.returncode:
            raise AssertionError(f'{call}: {done.returncode} {done.stderr}')

    def restore(self):
        place = self.place
        shutil.rmtree(place.path('state'))
        shutil.copytree(self.template, place.path('state'))
        os.chown(place.path('state'), 65534, 65534)
        place.own()
        if self.command.network:
            self.api.control('reset', {})

    def clean(self):
        """What one call, and two, make of the state if nothing fails."""
        self.restore()
        self.expected = []
        for _ in range(1 if self.command.damage else 2):
            done = self.start()
            if done.returncode not in self.command.good:
                raise AssertionError(f'{self.call}: {done.returncode} {done.stderr}')
            self.finish()
            self.expected.append(self.rows())

    # -- one call

    def start(self, env=None, begun=None):
        """The command, or None if it hangs; begun is called with its process."""
        argv = self.place.command(*self.call)
        with subprocess.Popen(argv, stdin=subprocess.PIPE if self.command.stdin else subprocess.DEVNULL, env=env,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors='replace',
                              start_new_session=True) as process:
            if begun:
                begun(process)
            try:
                out, err = process.communicate(self.command.stdin or None, timeout=LIMIT_S)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, 9)
                process.communicate()
                return None
            except BrokenPipeError:
                out, err = process.communicate()
        return subprocess.CompletedProcess(argv, process.returncode, out, err)

    def finish(self):
        """What waits for its next try is due, and is tried."""
        for call in self.command.finish:
            self.place.due_now()
            self.place.sql('UPDATE block SET recheck_at = 0')
            self.place.run(*call)

    def rows(self):
        """{table: its rows, counted}, and whether SQLite finds the file sound; or why there is none."""
        names = list(TABLES)
        try:
            found = self.place.read_copy(*(f'SELECT {TABLES[name]} FROM {name}' for name in names),
                                         'PRAGMA integrity_check')
        except Exception as error:          # sqlite3's own
            return {'': str(error)}
        made = {name: collections.Counter(rows) for name, rows in zip(names, found)}
        if found[-1] != [('ok',)]:
            made[''] = str(found[-1][0])
        return made

    # -- what must be true

    def judge(self, point, done):
        """What is wrong after the point: (kind, what)."""
        if done is None:
            yield 'hang', f'no end after {LIMIT_S} s'
        elif point.kind != 'kill':
            yield from self.judge_end(done)
        rows = self.rows()
        yield from self.judge_rows(rows)
        again = self.start()
        if again is None or again.returncode not in self.command.good | self.command.again:
            yield 'rerun', 'hangs' if again is None else f'{again.returncode}: {again.stderr.strip()}'
            return
        self.finish()
        rows = self.rows()
        if '' in rows:
            yield 'damaged', rows['']
        elif self.command.damage:
            yield from self.judge_reset()
        elif rows not in self.expected:
            yield 'state', min((difference(expected, rows) for expected in self.expected), key=len)
        if self.command.network:
            yield from self.judge_api(rows)

    def judge_end(self, done):
        status, text = done.returncode, done.stderr
        if status < 0 or status > 128:
            yield 'crash', f'signal {-status if status < 0 else status - 128}: {text.strip()[-300:]}'
            return
        if status not in self.command.good | self.command.failed:
            yield 'status', f'{status}: {text.strip()[:200]}'
        elif self.command.silent and (done.stdout or text):
            yield 'message', repr(done.stdout + text)[:300]
        elif status in self.command.failed - self.command.good and \
                not re.fullmatch(rf'(rep-\w+: [^\n]+\n){{1,{self.command.lines}}}', text):
            yield 'message', f'{status}: {text!r}'[:400]

    def judge_rows(self, rows):
        """The state is sound; what only reads has changed nothing."""
        if self.command.damage:
            return
        if '' in rows:
            yield 'damaged', rows['']
        elif self.command.reads and rows != self.before:
            yield 'state', difference(self.before, rows)

    def judge_reset(self):
        """The damaged file is still there, under one name."""
        damaged, place = open_bytes(f'{self.template}/iprep.db'), self.place
        kept = [name for name in place.files() if open_bytes(place.path('state/' + name)) == damaged]
        if len(kept) != 1:
            yield 'lost', f'the damaged database is in {kept}, of {place.files()}'

    def judge_api(self, rows):
        """Each report was accepted once: no more, and no less where it is called done."""
        taken = collections.Counter(self.api.accepted())
        done = {address_of(addr) for addr, state, *_ in rows['report'] if STATES[state] == 'done'}
        for address in done - set(taken):
            yield 'lost', f'the report of {address} is done and was never accepted'
        for address, count in taken.items():
            if count > 1:
                yield 'doubled', f'{count} reports of {address} were accepted'


def open_bytes(path):
    with open(path, 'rb') as file:
        return file.read()


def difference(expected, rows):
    """Rows that are missing and rows that are too many, readable."""
    said = []
    for name in TABLES:
        missing, more = expected[name] - rows[name], rows[name] - expected[name]
        said += [f'-{name} {shown(row)}' for row in missing] + [f'+{name} {shown(row)}' for row in more]
    return ', '.join(said)[:500]


def shown(row):
    return ' '.join(address_of(value) if isinstance(value, bytes) else str(value) for value in row)
