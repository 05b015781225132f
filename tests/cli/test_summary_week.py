# SPDX-License-Identifier: MIT
"""
rep-report --summary of days that hooks, people and the worker have lived: each number, in each format

What is counted when is in cli/counters; what is done with rows that are put there, in cli/summary.
"""
import html
import json
import re

from clocks import DAY, HOUR, MovedCase

LISTED, BAD, CLEAN, SPARED, TODAY = '45.1.1.1', '45.1.1.2', '45.2.2.3', '45.2.2.4', '45.2.3.5'
# row of the text and of the page: (path in JSON, whole days, today)
FIGURES = {
    'ambiguous lines that counted': (('line', 'counted'), 1, 0),
    'ambiguous lines ignored': (('line', 'ignored'), 2, 1),
    'bans recorded for a report': (('ban', 'reported'), 2, 1),
    'successful logins': (('login', 'recorded'), 1, 0),
    'confirmed': (('lookup', 'confirmed'), 4, 1),
    'clean': (('lookup', 'clean'), 1, 0),
    'known': (('block', 'known'), 1, 1),
    'notorious': (('block', 'notorious'), 1, 0),
    'all tiers': (None, 2, 1),
    'confirmed, but logged in recently': (('spared', 'login'), 1, 0),
    'reports sent': (('report', 'done'), 2, 1),
    'addresses pardoned': (('pardon',), 1, 0),
    'released: no longer listed': (('release', 'recheck'), 0, 0),
}
BY_DAY = [{'known': 1, 'notorious': 1}, {'known': 0, 'notorious': 0}, {'known': 0, 'notorious': 0},
          {'known': 1, 'notorious': 0}]
JAILS = {'sshd': 2, 'sendmail': 1}
NETWORKS = {'45.2.3.0/24': 1}              # one was pardoned, another one's day is over
# asked, answered, listed, decisive, alone, wrong
SOURCES = {'zen': (6, 6, 5, 3, 3, 1), 'other': (6, 6, 1, 0, 0, 0), 'abuseipdb': (6, 6, 1, 1, 0, 1)}


class Week(MovedCase):
    def at(self, day, second=12 * HOUR):
        self.set_clock(self.begin + day * DAY + second)

    def setUp(self):
        super().setUp()
        self.ready()
        self.at(0)
        self.know(LISTED, lists=['zen'], score=0)
        self.know(BAD, lists=['zen'], score=100)
        self.gate(LISTED, jail='sendmail')             # ignored: nothing is known of it; the worker blocks it
        self.flush()
        self.sure(BAD)
        self.at(1, 11 * HOUR)
        self.gate(LISTED, status=10, jail='sendmail')  # counted, and looked up again
        self.gate(CLEAN, jail='sendmail')
        self.know(CLEAN, score=0)
        self.flush()
        self.know(SPARED, lists=['zen'], score=0)
        self.login(SPARED)
        self.sure(SPARED)
        self.at(2)
        self.purge('--pardon', '30d', BAD)
        self.at(3)
        self.know(TODAY, lists=['zen', 'other'], score=0)
        self.sure(TODAY)
        self.gate(BAD, jail='sendmail')                # ignored: it is pardoned
        self.flush()

    def shown(self, form):
        return self.run_it('rep-report', '--summary', '--since', '3d', '--format', form).stdout

    def test_json_has_each_number(self):
        summary = json.loads(self.shown('json'))
        for name, (path, days, today) in FIGURES.items():
            if path:
                value = summary
                for member in path:
                    value = value[member]
                self.assertEqual(value, {'days': days, 'today': today, 'before': None}, name)
        known = {path[:2] for path, _, _ in FIGURES.values() if path}
        for name in ('line', 'ban', 'lookup', 'report', 'retraction', 'release', 'spared', 'api_error'):
            for label, value in summary[name].items():
                if (name, label) not in known:
                    self.assertEqual(value, {'days': 0, 'today': 0, 'before': None}, (name, label))
        self.assertEqual([row['block'] for row in summary['days']], BY_DAY)
        self.assertEqual({row['jail']: row['blocks'] for row in summary['jails']}, JAILS)
        self.assertEqual({row['network']: row['blocks'] for row in summary['networks']}, NETWORKS)
        self.assertEqual(summary['blocks_now'], len(self.blocks()))
        found = {row['source']: tuple(row[name] for name in ('asked', 'answered', 'listed', 'decisive', 'alone',
                                                             'wrong')) for row in summary['sources']}
        self.assertEqual(found, SOURCES)
        sent = len(self.api.accepted())
        self.assertEqual(summary['report']['done']['days'] + summary['report']['done']['today'], sent)
        self.assertEqual(summary['endpoints'], self.status()['endpoints'])
        self.assertEqual(summary['counted_from'], self.begin)

    def test_the_text_has_each_number(self):
        text = self.shown('text')
        for name, (_, days, today) in FIGURES.items():
            self.assertEqual(re.findall(rf'(?m)^  {re.escape(name)} +(\d+) +(\d+)$', text), [(str(days), str(today))],
                             name)
        rows = re.findall(r'(?m)^2027-01-0\d +(\d+) +(\d+) +(\d+)', text)
        self.assertEqual(rows, [(str(row['known']), str(row['notorious']), str(sum(row.values()))) for row in BY_DAY])
        for name, number in (*JAILS.items(), *NETWORKS.items(), ('all networks', len(self.blocks()))):
            self.assertIn((name, str(number)), re.findall(r'(?m)^(\S.*?)  +(\d+)$', text))
        for name, (asked, _, *rest) in SOURCES.items():
            numbers = ' +'.join(map(str, (asked, '100 %', *rest)))
            self.assertRegex(text, rf'(?m)^{name} +{numbers}$')
        for endpoint in self.status()['endpoints']:
            self.assertRegex(text, rf"(?m)^{endpoint['name']} +{endpoint['remaining']} +{endpoint['limit']:,}  open$")

    def test_the_page_has_each_number(self):
        page = self.shown('html')
        rows = [[html.unescape(re.sub(r'<[^>]*>', '', cell)) for cell in re.findall(r'(?s)<t[hd].*?</t[hd]>', row)]
                for row in re.findall(r'(?s)<tr.*?</tr>', page)]
        for name, (_, days, today) in FIGURES.items():
            self.assertIn([name, str(days), str(today)], [row[:3] for row in rows], name)
        found = [row[1:4] for row in rows if row and re.match(r'2027-01-0\d', row[0])]
        self.assertEqual(found, [[str(row['known']), str(row['notorious']), str(sum(row.values()))] for row in BY_DAY])
        for name, number in (*JAILS.items(), *NETWORKS.items()):
            self.assertIn([name, str(number)], [row[:2] for row in rows])
        for name, (asked, _, *rest) in SOURCES.items():
            [row] = [row for row in rows if len(row) == 5 and f'asked {asked}, answered 100 %' in row[0]
                     and row[0].startswith(name)]
            self.assertEqual(row[1:], [str(number) for number in rest])
        for endpoint in self.status()['endpoints']:
            self.assertIn([endpoint['name'], str(endpoint['remaining']), f"{endpoint['limit']:,}"],
                          [row[:3] for row in rows])
