# SPDX-License-Identifier: MIT
"""
rep-report --summary: its numbers, its days, its width; the page as a browser shows it is in host/summary_page
"""
import base64
import datetime
import hashlib
import html
import json
import re

from counters import HOSTILE, TODAY, CountersCase
from places import DAY

WIDTH = 80


def date(ago):
    return str(datetime.date.fromordinal(datetime.date(1970, 1, 1).toordinal() + TODAY - ago))


class Numbers(CountersCase):
    def setUp(self):
        super().setUp()
        self.put_counters((TODAY, 'line', 'counted', 1), (TODAY - 1, 'line', 'counted', 20),
                          (TODAY - 7, 'line', 'counted', 300), (TODAY - 8, 'line', 'counted', 4000),
                          (TODAY - 14, 'line', 'counted', 1000), (TODAY - 15, 'line', 'counted', 70000),
                          (0, 'line', 'counted', 800000))

    def test_today_is_apart_and_whole_days_are_compared_with_as_many_before(self):
        summary = json.loads(self.summary('--since', '7d', '--json'))
        self.assertEqual(summary['line']['counted'], {'days': 320, 'today': 1, 'before': 5000})
        self.assertEqual((summary['from'], summary['whole_days'], summary['comparable']), ((TODAY - 7) * DAY, 7, True))
        self.assertRegex(self.summary(), r'ambiguous lines that counted +320 +1 +5,000 +-94 %\n')

    def test_nothing_is_compared_with_days_before_the_first_counter(self):
        summary = json.loads(self.summary('--since', '8d', '--json'))
        self.assertEqual((summary['comparable'], summary['line']['counted']['before']), (False, None))
        self.assertEqual(summary['counted_from'], (TODAY - 15) * DAY)
        text = self.summary('--since', '8d')
        self.assertIn(f'Counters begin on {date(15)}.', text)
        self.assertNotIn('CHANGE', text)

    def test_a_period_that_begins_today_has_no_whole_day(self):
        for since in ('0', '1', f'@{TODAY * DAY}'):
            with self.subTest(since=since):
                summary = json.loads(self.summary('--since', since, '--json'))
                self.assertEqual(summary['line']['counted'], {'days': 0, 'today': 1, 'before': None})
                self.assertRegex(self.summary('--since', since), r'(?m)^ +TODAY\n')

    def test_a_date_is_the_first_day(self):
        for text in (date(7), date(7) + ' 23:59', f'@{(TODAY - 6) * DAY - 1}'):
            with self.subTest(text=text):
                self.assertEqual(json.loads(self.summary('--json', '--since', text))['whole_days'], 7)


class Parts(CountersCase):
    def test_blocks_are_summed_by_tier_jail_and_day(self):
        self.put_counters((TODAY, 'block', 'known\tsshd\tzen', 3), (TODAY - 2, 'block', 'known\tpostfix\tzen,x', 4),
                          (TODAY - 2, 'block', 'notorious\tsshd\tzen', 5), (TODAY - 9, 'block', 'gone\tsshd\tzen', 6))
        summary = json.loads(self.summary('--json'))
        self.assertEqual(summary['block'], {'known': {'days': 4, 'today': 3, 'before': None},
                                            'notorious': {'days': 5, 'today': 0, 'before': None},
                                            'gone': {'days': 0, 'today': 0, 'before': None}})
        self.assertEqual(summary['jails'], [{'jail': 'sshd', 'blocks': 8}, {'jail': 'postfix', 'blocks': 4}])
        days = {row['day'] // DAY: row['block'] for row in summary['days']}
        self.assertEqual(list(days), list(range(TODAY - 7, TODAY + 1)))
        self.assertEqual(days[TODAY - 2], {'known': 4, 'notorious': 5, 'gone': 0})
        self.assertEqual(days[TODAY - 3], {'known': 0, 'notorious': 0, 'gone': 0})

    def test_networks_are_those_with_the_most_blocks_that_hold_now(self):
        self.ready()
        for address in ('45.1.1.1', '45.1.1.255', '45.1.2.1', '45.1.3.3', '45.1.3.4', '45.1.3.5', '2a02:4780:15::1',
                        '2a02:4780:15:ffff::1', '2a02:4780:16::1'):
            self.block(address)
        self.block('45.1.1.2', left=-DAY)
        self.block('45.1.1.3', held=True)
        summary = json.loads(self.summary('--json'))
        self.assertEqual([(row['network'], row['blocks']) for row in summary['networks']],
                         [('45.1.3.0/24', 3), ('45.1.1.0/24', 2), ('2a02:4780:15::/48', 2), ('45.1.2.0/24', 1),
                          ('2a02:4780:16::/48', 1)])
        self.assertEqual(summary['blocks_now'], 9)

    def test_only_ten_networks_and_jails_are_named_and_the_rest_is_summed_up(self):
        self.put_counters(*((TODAY, 'block', f'known\tjail-{i:02}\tzen', 50 - i) for i in range(12)))
        for i in range(12):
            self.block(f'45.1.{i}.1')
        text = self.summary()
        self.assertIn('jail-09', text)
        self.assertNotIn('jail-10', text)
        self.assertRegex(text, r'all other jails +79\n')
        self.assertEqual(len(re.findall(r'(?m)^45\.1\.\d+\.0/24 ', text)), 10)
        self.assertRegex(text, r'all networks +12\n')

    def test_more_names_than_are_kept_cost_no_memory_without_bound(self):
        self.put_counters(*((TODAY - i % 7, name, label.format(i), 1) for i in range(3000)
                            for name, label in (('block', 'tier-{0}\tjail-{0}\tzen'), ('asked', 'source-{0}'))))
        summary = json.loads(self.summary('--json'))
        self.assertEqual((len(summary['jails']), len(summary['sources']), len(summary['block'])), (1000, 1000, 17))
        self.assertEqual(sum(row['blocks'] for row in summary['jails']), 3000)
        self.assertEqual(sum(row['asked'] for row in summary['sources']), 3000)
        self.assertEqual(sum(tier['days'] + tier['today'] for tier in summary['block'].values()), 3000)

    def test_latency_is_the_bound_of_the_bucket(self):
        rows = [('latency', 'zen\t10', 50), ('latency', 'zen\t100', 45), ('latency', 'zen\tinf', 5),
                ('latency', 'slow\tinf', 1), ('asked', 'zen', 100), ('asked', 'slow', 1)]
        self.put_counters(*((TODAY, *row) for row in rows))
        found = {row['source']: (row['median_ms'], row['p95_ms']) for row in
                 json.loads(self.summary('--json'))['sources']}
        self.assertEqual(found, {'zen': (10, 100), 'slow': (None, None)})

    def test_a_number_of_any_size_is_shown_and_summed(self):
        self.put_counters((TODAY, 'line', 'counted', 10**15), (TODAY - 1, 'line', 'counted', 123456789),
                          (TODAY - 2, 'line', 'ignored', 9999999), (TODAY - 1, 'block', 'known\tsshd\tzen', 2**62))
        text = self.summary()
        self.assertRegex(text, r'that counted +123\.4 M +1\.0 P\n')
        self.assertRegex(text, r'ignored +9,999,999 +0\n')
        self.assertLessEqual(max(map(len, text.splitlines())), WIDTH)
        self.summary('--format', 'html')


class Forms(CountersCase):
    """What all formats keep, whatever they are given."""
    days = (0, 1, 2, 8, 40, 400)
    since = ('0', '1d', '7d', '30d', '90d', '399d')

    def test_no_line_of_text_is_wider_than_a_mail(self):
        for hostile in (False, True):
            self.start()
            if hostile:
                self.count_days(420, jails=(HOSTILE, 'j' * 63), sources=(HOSTILE, 's' * 47, 'zen'),
                                tiers=('known', '<i>', 't' * 31, 'notorious', 'worst'))
            else:
                self.count_days(420)
            for since in self.since:
                with self.subTest(since=since, hostile=hostile):
                    lines = self.summary('--since', since).splitlines()
                    self.assertEqual([line for line in lines if len(line) > WIDTH], [])
                    self.assertEqual([line for line in lines if not line.isascii()], [])

    def test_each_number_of_days_has_every_format(self):
        for ndays in self.days:
            self.start()
            self.count_days(ndays)
            self.ready()
            for since in self.since:
                with self.subTest(days=ndays, since=since):
                    summary = json.loads(self.summary('--since', since, '--format', 'json'))
                    self.assertEqual(len(summary['days']), int(since.rstrip('d')) + 1)
                    text = self.summary('--since', since).partition('\n\n')[2]        # without the head
                    rows = re.findall(r'(?m)^\d{4}-\d\d-\d\d ', text)
                    self.assertLessEqual(len(rows), 31)
                    self.assertTrue(self.summary('--since', since, '--format', 'html').endswith('</html>\n'))

    def test_json_has_these_members_in_this_order(self):
        self.put_counters((TODAY, 'asked', 'zen', 3), (TODAY, 'lookup', 'confirmed', 1))
        self.block('45.1.1.1')
        summary = json.loads(self.summary('--format', 'json'))
        self.assertEqual(' '.join(summary), 'host from to whole_days counted_from comparable line ban login lookup spared '
                         'report retraction pardon unpardon release api_error block days jails sources networks '
                         'blocks_now endpoints troubles')
        self.assertEqual(summary['sources'], [{
            'source': 'zen', 'asked': 3, 'answered': 0, 'error': 0, 'listed': 0, 'decisive': 0, 'alone': 0, 'wrong': 0,
            'median_ms': None, 'p95_ms': None,
            'latency': {'10': 0, '30': 0, '100': 0, '300': 0, '1000': 0, '3000': 0, 'inf': 0}}])
        self.assertEqual(summary['networks'], [{'network': '45.1.1.0/24', 'blocks': 1}])


class Page(CountersCase):
    def page(self):
        self.count_days(9, jails=(HOSTILE, 'sshd'), sources=(HOSTILE, 'zen'), tiers=('known', HOSTILE[:30]))
        return self.summary('--format', 'html')

    def test_the_only_style_sheet_is_allowed_by_its_hash(self):
        page = self.page()
        style, = re.findall(r'<style>(.*?)</style>', page, re.S)
        digest = 'sha256-' + base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        policy, = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
        self.assertEqual(policy, f"default-src 'none'; style-src '{digest}'; base-uri 'none'; form-action 'none'",
                         'html_style.c: html_style_hash is another one')

    def test_nothing_in_it_runs_or_comes_from_elsewhere(self):
        page = self.page()
        for found in (r'<script', r'\sstyle=', r'\son\w+=', r'(?i)javascript:', r'https?:', r'url\(', r'@import',
                      r'<link', r'<img', r'<iframe', r'\s(?:src|href)='):
            self.assertIsNone(re.search(found, page), found)

    def test_each_tier_has_a_look_of_its_own(self):
        self.put_counters(*((TODAY, 'block', f'tier-{i}\tsshd\tzen', 1) for i in range(20)))
        legend = self.summary('--format', 'html').partition('<ul class="legend">')[2].partition('</ul>')[0]
        tiers = legend.split('<li ')[1:]
        self.assertEqual(len(tiers), 17)                  # 16, and "other"
        for found in (r'class="(t\d)">.*? d="(.*?)"', r'stroke="(.*?)".* stroke-dasharray="(.*?)"',
                      r'<path class="(.*?)".* d="(.*?)"/>(<circle)?'):
            looks = {re.search(found, tier, re.S).groups() for tier in tiers}
            self.assertEqual(len(looks), len(tiers), found)

    def test_foreign_text_is_escaped(self):
        page = self.page()
        self.assertNotIn(HOSTILE, page)
        self.assertIn(html.escape(HOSTILE).replace('&#x27;', '&#39;'), page)
        self.assertNotIn('<b>', page)

    def test_signs_of_shares_and_changes_are_no_tags(self):
        for ago, number in ((1, 100001), (9, 100000)):
            self.put_counters((TODAY - ago, 'asked', 'zen', 10**6), (TODAY - ago, 'answered', 'zen', 1),
                              (TODAY - ago, 'line', 'counted', number))
        self.put_counters((TODAY - 30, 'line', 'counted', 1))
        page = self.summary('--format', 'html')
        self.assertIn('&lt;+1 %', page)
        self.assertIn('&lt;1 %', page)
        self.assertIsNone(re.search(r'<(?![!/a-z])', page))
