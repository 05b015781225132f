# SPDX-License-Identifier: MIT
"""
cases.py - the test case of the programs: a place, DNS lists, AbuseIPDB, and the calls of hooks and people

    class Lists(Case):
        lists = {'zen': '127.0.0.2*3'}

        def test_a_listed_address_is_confirmed(self):
            self.listed('45.1.1.1')
            self.check('45.1.1.1', status=10)

Attributes of the class say what a test gets; start() makes it, and can be called again with others.
"""
import contextlib
import json
import re
import threading
import time
import unittest

import configuration
import places
from addresses import address_of, key_of, reversed_of
from dns import behaviours
from dns.server import Server, Zone
from api import Emulator
from places import Place

BAD = {'abuseConfidenceScore': 100, 'totalReports': 9, 'numDistinctUsers': 3, 'lastReportedAt': 'now-2h'}
QUEUED, SENDING, PARKED, DONE, UNKNOWN, DROPPED, RETRACTED = range(7)      # report.state


class Case(unittest.TestCase):
    sections = {}           # of the configuration, over configuration.BASE
    lists = {}              # {name: points}: DNS lists
    has_resolver = True     # self.dns answers for them; False: no program does
    has_api = False         # with an AbuseIPDB, self.api
    seed = None             # what it knows: {address: fields of a check}
    api_options = ()        # as emulator/abuseipdb.py has them
    key = places.KEY

    def setUp(self):
        self.start()

    def start(self, **more):
        """more: as configuration.build has it."""
        if self.lists and self.has_resolver and not hasattr(self, 'dns'):
            self.dns = self.open(Server())
            for name in self.lists:
                self.dns.zones[f'{name}.test'] = Zone({})
        if self.has_api:
            self.api = self.open(Emulator(self.seed, *self.api_options, key=self.key or places.KEY))
        given = {'dns': self.dns.port if hasattr(self, 'dns') else None, 'lists': self.lists,
                 'api': self.api.url if self.has_api else None}
        sections = {**self.sections, **more.pop('sections', {})}
        self.place = self.open(self.new_place(configuration.build(sections, **{**given, **more})))

    def new_place(self, conf):
        return Place(conf, self.key)

    def open(self, made):
        """made is closed after the test."""
        self.addCleanup(made.close)
        return made

    # -- the world

    def listed(self, *addresses, by='zen', answer='127.0.0.2', **more):
        """The list names these addresses and no others; more: as dns.Zone has it."""
        self.says(by, {reversed_of(a): behaviours.listed(answer) for a in addresses}, **more)

    def says(self, by, behaviour, **more):
        """What the list does for each address, or {reversed address: what it does}."""
        self.dns.zones[f'{by}.test'] = Zone(behaviour, **more)

    def hold(self, behaviour, by='zen'):
        """A new place, whose list does that only once the event that is returned is set."""
        self.start(general={'timeout_ms': 30000})
        event = threading.Event()
        self.says(by, behaviours.held(event, behaviour))
        return event

    def asked(self, address, of='zen'):
        """How often the list was asked for it."""
        return self.dns.questions.get((f'{of}.test', reversed_of(address)), 0)

    # -- calls

    def run_it(self, program, *args, status=0, says=None, **more):
        """One call: its status, None for any. says is on stderr; after a failure, in one line of the program's."""
        done = self.place.run(program, *args, **more)
        shown = done.stderr if isinstance(done.stderr, str) else (done.stderr or b'').decode(errors='replace')
        self.assertIn(status, (None, done.returncode), f'{program} {args!r:.300}: {done.stdout!r:.600} {shown[:600]}')
        if says is not None:
            if done.returncode not in (0, 10):
                self.assertRegex(shown, rf'\A{program}: [^\n]*\n\Z')
            self.assertIn(says, shown)
        return done

    def silent(self, program, *args, status=0, **more):
        done = self.run_it(program, *args, status=status, **more)
        self.assertEqual((done.stdout, done.stderr), ('', ''), args)

    def injected(self, calls, what, program, *args):
        """Under strace, which does that to these system calls: (process, what strace wrote)."""
        return self.place.traced(['-qq', '-e', f'trace={calls}', '-e', f'inject={calls}:{what}'], program, *args)

    def gate(self, address, *args, status=0, jail='x', user=None, **more):
        """A hook: silent, 0 or 10."""
        user = () if user is None else ('--user', user)
        self.silent('rep-check', '--gate', '--jail', jail, *user, *args, '--', address, status=status, **more)

    def login(self, address):
        self.silent('rep-check', '--login', '--', address)

    def enqueue(self, address, *args, jail='sshd', status=0, **more):
        return self.run_it('rep-report', '--enqueue', '--jail', jail, *args, '--', address, status=status, **more)

    def flush(self, *args, status=0, **more):
        """What the worker says that it did."""
        return json.loads(self.run_it('rep-report', '--flush', '--json', *args, status=status, **more).stdout)

    def check(self, *args, status=0, **more):
        """The line of a lookup by hand, as JSON."""
        return json.loads(self.run_it('rep-check', '--json', *args, status=status, **more).stdout)

    def purge(self, *args, status=0, **more):
        return self.run_it('rep-purge', *args, status=status, **more)

    def stats(self, *args, **more):
        return json.loads(self.purge('--json', *args, **more).stdout)

    def recheck(self, *args):
        s = self.stats('--recheck', *args)
        return s['done'], s['released'], s['listed'], s['undecided']

    def self_test(self, status=0):
        """{source: its row}; those of fail2ban are tested by host/self_test."""
        lines = self.run_it('rep-check', '--json', '--self-test', status=status).stdout.splitlines()
        return {row['source']: row for row in map(json.loads, lines) if 'source' in row}

    def status(self):
        return json.loads(self.run_it('rep-report', '--status', '--json').stdout)

    def ready(self):
        """Makes the database."""
        self.run_it('rep-check', '--ready')

    # -- what is there

    def sql(self, text, *values):
        return self.place.sql(text, *values)

    def count(self, table):
        return self.place.count(table)

    def block(self, address, **more):
        self.place.block(address, **more)

    def blocked(self):
        """Blocked addresses, in their order as text."""
        return sorted(address_of(key) for key, in self.sql('SELECT key FROM block'))

    def block_ends_in(self):
        return self.sql('SELECT until FROM block')[0][0] - int(time.time())

    def released(self):
        return self.purge('--released').stdout.split()

    def traces(self, address, nbytes=16):
        """How often it is in the database's files, as (the first nbytes) bytes and as text."""
        text = re.compile(rb'(?<![0-9a-f.:])' + re.escape(address.encode()) + rb'(?![0-9a-f.:])')
        seen = 0
        for name in self.place.files():
            with contextlib.suppress(FileNotFoundError):        # the last program that ends removes some
                data = self.place.bytes('state/' + name) if name.startswith('iprep.db') else b''
                seen += data.count(key_of(address)[:nbytes]) + len(text.findall(data))
        return seen

    def states(self):
        return [state for state, in self.sql('SELECT state FROM report ORDER BY id')]

    def verdicts(self, address=''):
        """How many lines of the verdict log name it."""
        return self.place.verdict_log().count(f'ip={address} ' if address else 'ip=')
