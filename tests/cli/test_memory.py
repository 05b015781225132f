# SPDX-License-Identifier: MIT
"""Each allocation of a hook or a lookup fails once: no hook loses a report silently, no verdict is another one,
and no line is half a line."""
import json
import struct

from places import library
from stores import BLOCKED, KEPT, PARDONED, StoreCase

ALLOWED = '45.80.0.2'


class Case(StoreCase):
    # What must not be lost of it: read in pieces, because each line is an allocation that can fail.
    sections = {**StoreCase.sections, 'allow': {'addresses': '\n  45.80.0.1\n  45.80.0.2'},
                'report': {'comment': '%{jail}, %{failures} failures'}}

    def setUp(self):
        super().setUp()
        self.keep(KEPT[-1])
        self.numbers = self.place.path('numbers')
        self.place.write('numbers', bytes(24))
        self.cases = 0

    def failing(self, nth, *args):
        """One run of which the nth allocation fails: what it did, or None if it allocates less often."""
        with open(self.numbers, 'wb') as f:
            f.write(struct.pack('qqq', 0, nth, 0))
        p = self.place.run(*args, env={'LD_PRELOAD': library('failing_malloc'), 'IPREP_NTH_FILE': self.numbers})
        with open(self.numbers, 'rb') as f:
            count, _, failed = struct.unpack('qqq', f.read())
        self.assertGreater(count, 0)           # the library was loaded
        self.cases += failed
        return p if failed else None

    def failures(self, *args):
        """(which fails, what the run did) until a run allocates less often; '{n}' in an argument is which. Our own
        are among the first; of SQLite's, which are most, one in seven."""
        for nth in [*range(1, 200), *range(200, 5000, 7)]:
            p = self.failing(nth, *(a.replace('{n}', f'{nth >> 8}.{nth & 255}') for a in args))
            if p is None:
                break
            yield nth, p
        print(f'{args[0]} {args[1]}: {self.cases} allocations failed')
        self.assertGreater(self.cases, 20)

    def test_an_event_whose_hook_exits_0_is_recorded_as_a_report_and_all_others_say_why_not(self):
        done = []
        for nth, p in self.failures('rep-report', '--enqueue', '--jail', 'sshd', '--failures', '3', '--user', 'root',
                                '--', '45.81.{n}'):
            self.assertIn(p.returncode, (0, 70, 71, 74), (nth, p.stderr))
            if p.returncode:
                self.assertTrue(p.stderr.startswith('rep-report: ') and p.stderr.endswith('\n'), (nth, p.stderr))
            else:
                done.append(f'45.81.{nth >> 8}.{nth & 255}')
        kept = {'.'.join(map(str, key[12:])) for key, in self.place.read('SELECT addr FROM report')}
        self.assertEqual([address for address in done if address not in kept], [])

    def test_a_gate_knows_only_0_and_10(self):
        for address, statuses in ((BLOCKED, (0, 10)), (PARDONED, (0,)), (ALLOWED, (0,))):
            self.cases = 0
            for nth, p in self.failures('rep-check', '--gate', '--jail', 'x', '--user', 'root', '--', address):
                self.assertIn(p.returncode, statuses, nth)
                self.assertEqual((p.stdout, p.stderr), ('', ''), nth)

    def test_a_lost_part_of_the_configuration_is_an_error(self):
        """An allowed address has no verdict but exempt, and no lookup waits for it."""
        for nth, p in self.failures('rep-check', '--cached', '--json', ALLOWED):
            if p.returncode in (0, 10, 75):
                self.assertEqual(json.loads(p.stdout)['verdict'], 'exempt', nth)
            else:
                self.assertIn(p.returncode, (70, 71, 74), (nth, p.stderr))
                self.assertNotEqual(p.stderr, '', nth)

    def test_a_json_line_is_whole_or_the_status_says_that_it_is_not(self):
        _, first = next(self.failures('rep-check', '--cached', '--json', BLOCKED))
        whole = json.loads(self.run_it('rep-check', '--cached', '--json', BLOCKED, status=None).stdout)
        self.assertIsNotNone(first)
        safe = '"exempt":"the addresses of this host cannot be read"'       # a block that may be of this host holds not
        for nth, p in self.failures('rep-check', '--cached', '--json', BLOCKED):
            if p.returncode in (0, 10, 75):
                self.assertEqual(json.loads(p.stdout.replace(safe, '"exempt":null')), whole, nth)
            else:
                self.assertIn(p.returncode, (70, 71, 74), (nth, p.stderr))
        self.cases = 0
        lines = self.run_it('rep-check', '--blocks', '--json').stdout
        for nth, p in self.failures('rep-check', '--blocks', '--json'):
            if p.returncode == 0:
                self.assertEqual(p.stdout, lines, nth)
            else:
                self.assertIn(p.returncode, (70, 71, 74), (nth, p.stderr))
