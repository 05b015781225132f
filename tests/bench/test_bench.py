# SPDX-License-Identifier: MIT
"""Each case of bench runs to its end and prints its lines. No time is asserted."""
import os
import subprocess
import unittest

import places

BENCH = os.path.join(places.TOP, 'tests', 'bench', 'bench')
CASES = {                                  # case: (smallest size that shows all of it, what its lines begin with)
    'startup': (1, ['startup: gate, blocked', '  now ', '  before ', '  minimal ', '  now: peak', 'startup: enq']),
    'enqueue': (2, ['enqueue: 1 at', 'enqueue: 2 at', 'enqueue: 16 at', '  minimal ', '  now: 0 reports lost']),
    'full': (100, ['full: gate, waits already, 100', '  now, full ', '  before, empty ', 'full: rep-check --blocks']),
    'monitoring': (100, ['monitoring: rep-report --health, 100 blocks', 'monitoring: rep-report --metrics, 100 blocks']),
    'feeds': (100, ['feeds: gate, nothing known', 'feeds: gate, on the feed', '  12 entries ', '  100 entries ',
                    'feeds: compile 100 entries', '  now ']),
    'summary': (100, ['summary: rep-report --summary', 'summary: rep-check --sources --overlap', 'summary: gate, blocked',
                      '  now ', '  alone ', '  during a summary ']),
    'purge': (200, ['purge: 200 rows, disk', 'purge: 200 rows, 5 ms', '  now, quiet ', '  before, purging ']),
    'file': (50, ['file: 50 addresses', '  dnsperf ', '  loop ', '  now ', '  before, no cache ']),
    'zones': (2, ['zones: 1 lists, one answers after 0 ms', 'zones: 2 lists, one answers after 300 ms', '  before ']),
    'reports': (9, ['reports: 9 reports, one call', 'reports: 30 reports, more', '  now, in memory ', '  loop ']),
    'hooks': (2, ['hooks: hooks of rep-report', '  hung ', '  healthy ', '  verdict lines: ']),
    'botnet': (10, ['botnet: 10 addresses', '  commands ', '  python ', '  fail2ban alone ']),
    'fleet': (10, ['fleet: a block, primary knot', 'fleet: a pardon, primary bind', '  others spare ',
                   'fleet: 10 blocks after 0, primary knot', '  published ', '  transfer with dig ']),
    'filters': (1000, ['filters: a line of 1000 bytes', '  rep-spray ', '  rep-verdict ']),
}


def bench(*words):
    return subprocess.run([BENCH, *words], capture_output=True, text=True, timeout=250)


class Bench(unittest.TestCase):
    def test_every_case_is_listed_and_tried(self):
        self.assertEqual(bench('--list').stdout.split(), list(CASES))

    def test_each_case_ends_well_and_prints_its_lines(self):
        for case, (size, lines) in CASES.items():
            with self.subTest(case=case):
                done = bench('--build', places.BUILD, '--programs', places.PROGRAMS, '--before', places.PROGRAMS,
                             '--runs', '1', '--size', str(size), case)
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
                printed = done.stdout.splitlines()
                for begin in [*lines, f'{case}: ']:
                    self.assertTrue(any(line.startswith(begin) for line in printed), f'{begin!r}:\n{done.stdout}')
                self.assertRegex(printed[-2], r'load of the machine .* before, .* after; .* % of processor time stolen')

    def test_a_case_that_is_none_is_refused_with_those_that_are(self):
        done = bench('novelty')
        self.assertEqual(done.returncode, 2)
        self.assertIn('no such case: novelty; there are startup, enqueue, ', done.stderr)
