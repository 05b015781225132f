# SPDX-License-Identifier: MIT
"""counters.py - a Case with counters of any number of days, as workers and hooks leave them"""
import time

from cases import Case
from clocks import MovedPlace
from places import DAY

TODAY = int(time.time()) // DAY            # for programs it is always noon of that day
UPPER_MS = (10, 30, 100, 300, 1000, 3000, 'inf')
HOSTILE = '<script>alert(1)</script>&amp;"\'--><b>'
SOURCES = ('zen', 'blocklist.de', 'dronebl', 'abuseipdb')
JAILS = ('sshd', 'sendmail-auth', 'rep-dovecot-ambiguous')


def day_of_rows(number, sources=SOURCES, jails=JAILS, tiers=('known', 'notorious')):
    """[(name, label, n)]: a day like others, a little different from each."""
    wave = 10 + (number * 7) % 13 + (number % 7) * 3
    rows = [('line', 'counted', wave * 9), ('line', 'ignored', wave * 31), ('ban', 'reported', wave * 2),
            ('ban', 'lookup', wave // 3), ('login', 'recorded', 40 + number % 5), ('lookup', 'confirmed', wave),
            ('lookup', 'clean', wave * 5), ('lookup', 'unknown', number % 3), ('report', 'done', wave * 2 - 3),
            ('report', 'refused', number % 4), ('spared', 'login', number % 2), ('pardon', '', number % 3),
            ('release', 'recheck', number % 6), ('api_error', 'report', number % 2)]
    for row, jail in enumerate(jails):
        for column, tier in enumerate(tiers):
            rows.append(('block', f'{tier}\t{jail}\t{sources[0]}', wave // (1 + row + 2 * column)))
    for row, source in enumerate(sources):
        asked = wave * 6 // (row + 1)
        rows += [('asked', source, asked), ('answered', source, asked - row * 2), ('error', source, row * 2),
                 ('listed', source, asked // 4), ('decisive', source, asked // (20 + row) if row < 3 else 0),
                 ('alone', source, asked // 50 if row < 3 else 0), ('wrong', source, row % 2),
                 ('latency', f'{source}\t{UPPER_MS[row]}', asked // 2),
                 ('latency', f'{source}\t{UPPER_MS[row + 2]}', 2)]
    return [row for row in rows if row[2] > 0]


class CountersCase(Case):
    lists = {'zen': {'zone': 'zen.example', 'points': '127.0.0.[2..9]*3'}}
    has_resolver = False

    def new_place(self, conf):
        place = MovedPlace(conf, self.key)
        place.wall, place.boot = TODAY * DAY + DAY // 2, 10 * DAY
        return place

    def count_days(self, ndays, **more):
        """The last ndays days, today included; more: as day_of_rows has it."""
        rows = [(TODAY - ago, *row) for ago in range(ndays) for row in day_of_rows(ndays - ago, **more)]
        self.put_counters(*rows)

    def put_counters(self, *rows):
        """Each: day, name, label, n."""
        self.ready()
        self.place.execute_many('INSERT INTO counter(day, name, label, n) VALUES(?, ?, ?, ?)'
                                ' ON CONFLICT DO UPDATE SET n = n + excluded.n', rows)

    def summary(self, *args, **more):
        return self.run_it('rep-report', '--summary', *args, **more).stdout
