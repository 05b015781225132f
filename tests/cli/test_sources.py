# SPDX-License-Identifier: MIT
"""
rep-check --sources: what each source was worth, by the counters; --overlap: what they have in common, by the findings
"""
import json
import time

from addresses import key_of
from counters import HOSTILE, TODAY, CountersCase
from places import DAY

WIDTH = 80


class SourcesCase(CountersCase):
    lists = {'zen': {'zone': 'zen.example', 'points': '127.0.0.2*3'},
             'other': {'zone': 'other.example', 'points': '127.0.0.2*3'}}

    def text(self, *args):
        return self.run_it('rep-check', '--sources', *args).stdout

    def sources(self, *args):
        return {row['source']: row for row in map(json.loads, self.text('--json', *args).splitlines())}

    def put(self, source='zen', ago=0, **counts):
        self.put_counters(*((TODAY - ago, name, source, n) for name, n in counts.items()))


class Worth(SourcesCase):
    def test_the_days_of_the_period_are_summed_with_today(self):
        for ago, asked in ((0, 1), (30, 20), (31, 300)):
            self.put(ago=ago, asked=asked)
        self.assertEqual(self.sources()['zen']['asked'], 21)
        self.assertEqual(self.sources('--since', '31d')['zen']['asked'], 321)
        self.assertEqual(self.sources('--since', '0')['zen']['asked'], 1)

    def test_a_source_that_is_configured_or_was_asked_is_listed(self):
        self.put('gone', asked=5, answered=5)
        rows = self.sources()
        self.assertEqual(sorted(rows), ['gone', 'other', 'zen'])
        self.assertEqual(rows['other']['note'], 'was not asked in 30 days')

    def test_what_decided_most_comes_first(self):
        self.put('zen', asked=9, answered=9, listed=9, decisive=1)
        self.put('other', asked=9, answered=9, listed=2, decisive=2)
        self.assertEqual(list(self.sources()), ['other', 'zen'])

    def test_the_sentence_tells_what_it_is_worth_and_what_was_wrong(self):
        cases = (({'asked': 100}, 'never answered in 7 days'),
                 ({'asked': 100, 'answered': 3, 'error': 97}, 'answers in 3 % of cases only'),
                 ({'asked': 1000, 'answered': 1, 'listed': 1}, 'answers in <1 % of cases only'),
                 ({'asked': 100, 'answered': 100}, 'listed nothing in 7 days'),
                 ({'asked': 100, 'answered': 100, 'listed': 50}, 'decided nothing in 7 days'),
                 ({'asked': 100, 'answered': 100, 'listed': 50, 'wrong': 6}, 'decided nothing in 7 days; 6 blocks undone '
                  'later'),
                 ({'asked': 100, 'answered': 100, 'listed': 50, 'wrong': 5}, 'decided nothing in 7 days'),
                 ({'asked': 100, 'answered': 100, 'listed': 50, 'decisive': 4}, 'decided 4 of 8 confirmed verdicts, '
                  'none alone'),
                 ({'asked': 100, 'answered': 100, 'listed': 50, 'decisive': 4, 'alone': 1}, 'decided 50 % of confirmed '
                  'verdicts, 25 % of them alone'))
        for row, (counts, _) in enumerate(cases):
            self.put(f's{row}', ago=2, **counts)
        self.put_counters((TODAY - 2, 'lookup', 'confirmed', 8))
        rows = self.sources('--since', '7d')
        for row, (_, sentence) in enumerate(cases):
            with self.subTest(sentence=sentence):
                self.assertEqual(rows[f's{row}']['note'], sentence)
                self.assertIn(f'    {sentence}\n', self.text('--since', '7d'))

    def test_latency_is_that_of_the_median_and_of_95_percent(self):
        self.put_counters((TODAY, 'asked', 'zen', 100), (TODAY, 'answered', 'zen', 100),
                          (TODAY, 'latency', 'zen\t30', 50), (TODAY, 'latency', 'zen\t100', 45),
                          (TODAY, 'latency', 'zen\tinf', 5))
        self.assertIn('half of the answers took <= 30 ms, 95 % of them <= 100 ms\n', self.text())
        self.put_counters((TODAY, 'latency', 'zen\tinf', 1000))
        self.assertIn('half of the answers took > 3000 ms, 95 % of them > 3000 ms\n', self.text())

    def test_no_line_is_wider_than_a_mail(self):
        self.count_days(40, sources=(HOSTILE, 's' * 47, 'zen', 'other'))
        self.put('zen', asked=10**14, answered=10**13, error=10**14, listed=10**13, decisive=10**13, alone=10**12,
                 wrong=10**13)
        lines = self.text('--overlap').splitlines()
        self.assertEqual([line for line in lines if len(line) > WIDTH or not line.isascii()], [])

    def test_a_database_without_counters_has_the_configured_sources(self):
        self.ready()
        self.assertEqual(list(self.sources()), ['other', 'zen'])
        self.assertIn('0 confirmed verdicts', self.text())

    def test_quiet_prints_nothing(self):
        self.ready()
        self.assertEqual(self.text('--quiet'), '')


class Overlap(SourcesCase):
    def findings(self, *rows):
        """Each: address, source, whether it lists it."""
        self.ready()
        now = int(time.time())
        for address, source, listed in rows:
            self.sql('INSERT INTO finding(key, source, listed, rule, partial, points, answers, detail, answered_at,'
                     " expires_at) VALUES(?, ?, ?, 0, 0, ?, '', '', ?, ?)", key_of(address), source, listed, 3 * listed,
                     now, now + DAY)

    def overlap(self):
        return {(name, pair['other']): (pair['compared'], pair['both'])
                for name, row in self.sources('--overlap').items() for pair in row['overlap']}

    def test_only_addresses_are_compared_of_which_both_have_an_answer(self):
        self.findings(('45.1.1.1', 'zen', 1), ('45.1.1.1', 'other', 1),
                      ('45.1.1.2', 'zen', 1), ('45.1.1.2', 'other', 0),
                      ('45.1.1.3', 'zen', 1),
                      ('45.1.1.4', 'zen', 0), ('45.1.1.4', 'other', 1),
                      ('45.1.1.5', 'zen', 1), ('45.1.1.5', 'other', 1), ('45.1.1.5', 'gone', 1))
        self.assertEqual(self.overlap(), {('zen', 'other'): (3, 2), ('other', 'zen'): (3, 2)})
        self.assertRegex(self.text('--overlap'), r'(?s)also listed, of the addresses that zen lists:\n  other +3 +2 +67 %')

    def test_an_answer_without_points_is_no_listing(self):
        self.findings(('45.1.1.1', 'zen', 1), ('45.1.1.1', 'other', 1))
        self.sql("UPDATE finding SET points = -5 WHERE source = 'other'")
        self.assertEqual(self.overlap(), {('zen', 'other'): (1, 0)})

    def test_it_is_there_only_on_demand(self):
        self.findings(('45.1.1.1', 'zen', 1), ('45.1.1.1', 'other', 1))
        self.assertNotIn('overlap', self.sources()['zen'])
        self.assertNotIn('OVERLAP', self.text())
