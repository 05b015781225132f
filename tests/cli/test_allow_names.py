# SPDX-License-Identifier: MIT
"""
test_allow_names.py - host names and SPF domains of [allow]: resolved by the worker, known to hooks from disk

What an SPF record may say: unit/spf. What an entry may look like: cli/allow.
"""
import json
import os

from cases import BAD, Case
from dns import behaviours
from dns.server import Zone

ALLOWED = 'allowed by host name home.example in [allow]'
HOME, HOME6, MAIL, OTHER = '45.61.1.1', '2a02:4780:61::1', '45.62.3.4', '45.63.1.1'


class NamesCase(Case):
    lists = {'zen': '127.0.0.[2..9]*3'}
    sections = {'general': {'timeout_ms': 1500},
                'allow': {'addresses': 'home.example', 'spf': 'mail.example'}}

    def start(self, **more):
        super().start(**more)
        self.listed(HOME, HOME6, MAIL, OTHER)
        self.name('home.example', a=[HOME], aaaa=[HOME6])
        self.name('mail.example', txt=['v=spf1 include:_spf.mail.example ~all'])
        self.name('_spf.mail.example', txt=['v=spf1 ip4:45.62.0.0/16 -all'])

    def name(self, name, **more):
        self.dns.zones[name] = Zone({}, word=behaviours.records(**more))

    def fails(self, name, behaviour):
        self.dns.zones[name] = Zone({}, word=behaviour)

    def due(self):
        self.sql('UPDATE fetch SET next_at = 0')

    def feeds(self):
        return {feed['name']: feed for feed in self.status()['feeds']}

    def networks(self):
        lines = self.run_it('rep-check', '--allowed', '--json').stdout.splitlines()
        return {entry['entry']: entry['networks'] for entry in map(json.loads, lines)}

    def exempt(self, address):
        return self.check('--cached', address, status=None).get('exempt')


class Known(NamesCase):
    def test_a_host_name_is_allowed_as_its_addresses(self):
        self.flush()
        for address in (HOME, HOME6):
            self.assertEqual(self.exempt(address), ALLOWED)
            self.gate(address)
            self.enqueue(address)
        self.flush()
        self.assertEqual(self.blocked(), [])
        self.assertEqual(self.count('report'), 0)
        self.assertEqual(self.asked(HOME), 0)

    def test_hooks_need_no_resolver_for_it(self):
        self.flush()
        self.dns.close()
        self.gate(HOME)
        self.assertEqual(self.exempt(HOME), ALLOWED)

    def test_others_are_not(self):
        self.flush()
        self.enqueue(OTHER)
        self.flush()
        self.assertEqual(self.blocked(), [OTHER])

    def test_allowed_shows_what_names_resolved_to(self):
        self.flush()
        self.assertEqual(self.networks(), {'home.example': [HOME, HOME6], 'mail.example': ['45.62.0.0/16']})
        self.assertEqual({name: (feed['kind'], feed['state'], feed['entries']) for name, feed in self.feeds().items()},
                         {'home.example': ('host', 'ok', 2), 'mail.example': ('spf', 'ok', 1)})


class Spf(NamesCase):
    has_api = True
    seed = {MAIL: BAD}

    def test_a_mail_server_of_the_domain_is_reported_and_never_blocked(self):
        self.flush()
        self.assertEqual(self.exempt(MAIL), 'sends mail for mail.example (SPF)')
        self.enqueue(MAIL)
        self.flush()
        self.assertEqual(self.blocked(), [])
        self.assertEqual(len(self.api.reports_of(MAIL)), 1)

    def test_its_ambiguous_lines_do_not_count(self):
        self.ready()
        self.block(MAIL)
        self.gate(MAIL, status=10)
        self.flush()
        self.gate(MAIL)
        self.assertEqual(self.count('lookup'), 0)


class Changes(NamesCase):
    def test_a_new_entry_lifts_standing_blocks(self):
        self.ready()
        for address in (HOME, MAIL, OTHER):
            self.block(address)
        self.flush()
        self.assertEqual(self.blocked(), [OTHER])
        self.assertEqual(sorted(self.released()), [HOME, MAIL])

    def test_what_is_due_for_the_longest_time_goes_first(self):
        self.flush()
        self.sql("UPDATE fetch SET next_at = iif(name = 'mail.example', 10, 20)")
        self.name('mail.example', txt=['v=spf1 include:home.example ~all'])
        self.fails('home.example', behaviours.by_type({'TXT': self.first, 'A': self.then, 'AAAA': behaviours.no_data()}))
        self.order = []
        self.flush()
        self.assertEqual(self.order[:2], ['SPF', 'host'])

    def first(self, question):
        self.order.append('SPF')
        return behaviours.no_data()(question)

    def then(self, question):
        self.order.append('host')
        return behaviours.no_data()(question)

    def test_the_log_tells_what_stays_allowed(self):
        zones = {'servfail': Zone({}, word=behaviours.servfail), 'good': self.dns.zones['home.example'],
                 'in part': Zone({}, word=behaviours.by_type({'A': behaviours.records(a=[HOME]),
                                                              'AAAA': behaviours.servfail})),
                 'many': Zone({}, word=behaviours.records(a=[f'45.61.1.{number}' for number in range(17)]))}
        self.place.change('spf = mail.example', 'spf =')
        for what, says in (
                ('servfail', 'not resolved: home.example: SERVFAIL; nothing is allowed for it yet'),
                ('good', 'resolved again'),
                ('servfail', 'not resolved: home.example: SERVFAIL; what it resolved to before stays allowed'),
                ('in part', 'resolved only in part: home.example: AAAA: SERVFAIL; '
                            'what it resolved to before of that type stays allowed'),
                ('many', 'resolved only in part: home.example: more than 16 addresses; only the first are allowed')):
            self.dns.zones['home.example'] = zones[what]
            self.ready()
            self.due()
            with self.subTest(what):
                self.assertEqual(self.run_it('rep-report', '--flush').stderr,
                                 f'rep-report: [allow] addresses: home.example: {says}\n')

    def test_a_name_that_moved_is_followed(self):
        self.flush()
        self.name('home.example', a=[OTHER])
        self.due()
        self.flush()
        self.assertEqual(self.networks()['home.example'], [OTHER])
        self.assertIsNone(self.exempt(HOME))

    def test_the_last_addresses_stay_while_the_name_is_not_resolved(self):
        for behaviour in (behaviours.servfail, behaviours.not_listed(), behaviours.refused):
            self.start()
            self.flush()
            self.fails('home.example', behaviour)
            self.fails('mail.example', behaviour)
            self.due()
            self.flush()
            with self.subTest(self.feeds()['home.example']['why']):
                self.assertTrue(self.feeds()['home.example']['why'])
                self.assertTrue(self.feeds()['mail.example']['why'])
                self.assertEqual(self.exempt(HOME), ALLOWED)
                self.assertEqual(self.exempt(MAIL), 'sends mail for mail.example (SPF)')

    def test_the_last_addresses_of_a_family_stay_while_it_is_not_answered(self):
        self.flush()
        answers = {'A': behaviours.records(a=[OTHER]), 'AAAA': behaviours.servfail}
        for lost, networks in (('AAAA', [OTHER, HOME6]), ('A', [OTHER, HOME6])):
            self.dns.zones['home.example'] = Zone({}, word=behaviours.by_type(answers))
            self.due()
            self.flush()
            feed = self.feeds()['home.example']
            with self.subTest(lost):
                self.assertEqual(feed['why'], f'home.example: {lost}: SERVFAIL')
                self.assertEqual(feed['next_at'] - feed['tried_at'], 300)
                self.assertEqual(self.networks()['home.example'], networks)
            answers = {'A': behaviours.servfail, 'AAAA': behaviours.records(aaaa=[HOME6])}
            self.sql("UPDATE fetch SET tries = 0, why = ''")

    def test_an_spf_record_that_allows_everybody_is_refused(self):
        self.flush()
        self.name('_spf.mail.example', txt=['v=spf1 ip4:0.0.0.0/0 -all'])
        self.due()
        self.flush()
        self.assertIn('0.0.0.0/0', self.feeds()['mail.example']['why'])
        self.assertEqual(self.networks()['mail.example'], ['45.62.0.0/16'])

    def test_an_spf_domain_of_all_addresses_in_pieces_is_refused(self):
        self.flush()
        self.name('_spf.mail.example', txt=['v=spf1 ' + ' '.join(f'ip4:{n}.0.0.0/10' for n in range(11, 33)) + ' -all'])
        self.due()
        self.flush()
        self.assertIn('more than 1 % of all addresses', self.feeds()['mail.example']['why'])
        self.assertEqual(self.networks()['mail.example'], ['45.62.0.0/16'])

    def test_a_name_that_comes_back_is_resolved_before_its_time(self):
        self.flush()
        self.place.change('spf = mail.example', 'spf =')
        self.flush()
        self.place.change('spf =', 'spf = mail.example')
        self.sql('UPDATE fetch SET tried_at = tried_at - 300')
        self.flush()
        self.assertEqual(self.networks()['mail.example'], ['45.62.0.0/16'])

    def test_names_that_have_not_changed_do_not_write_the_file_again(self):
        self.flush()
        before = os.stat(self.place.path('state/iprep.db-feeds')).st_ino
        self.due()
        self.flush()
        self.assertEqual(os.stat(self.place.path('state/iprep.db-feeds')).st_ino, before)

    def test_a_block_next_to_an_allowed_address_is_not_lifted(self):
        self.start(general={'ipv6_prefix': 64, 'timeout_ms': 1500})
        self.ready()
        self.block('2a02:4780:61::5')
        self.flush()
        self.assertEqual(self.blocked(), ['2a02:4780:61::5'])

    def test_a_name_that_is_configured_no_longer_is_forgotten(self):
        self.flush()
        self.place.change('addresses = home.example', 'addresses =')
        self.assertIsNone(self.exempt(HOME))
        self.flush()
        self.assertEqual(list(self.feeds()), ['mail.example'])

    def test_a_purge_forgets_the_fetches_of_names_that_went_long_ago(self):
        self.flush()
        self.sql("UPDATE fetch SET tried_at = tried_at - 61 * 86400 WHERE name = 'home.example'")
        self.purge()
        self.assertEqual(self.sql('SELECT name FROM fetch'), [('mail.example',)])

    def test_an_entry_whose_time_is_over_allows_nothing(self):
        self.place.write('a.list', 'home.example until=2020-01-01\n')
        self.place.change('addresses = home.example', 'files = {dir}/*.list'.replace('{dir}', self.place.dir))
        self.flush()
        self.assertIsNone(self.exempt(HOME))
        self.assertEqual(list(self.feeds()), ['mail.example'])

    def test_the_status_shows_a_long_name_in_its_column(self):
        name = 'a-name-longer-than-its-column.home.example'
        self.place.write('a.list', f'{name}\n')
        self.place.change('addresses = home.example', 'files = {dir}/*.list')
        lines = self.run_it('rep-report', '--status').stdout.splitlines()
        head, *rows = (line for line in lines if line.startswith(('FEED', name, 'mail.example')))
        self.assertEqual({row.index(kind) for row in rows for kind in (' host', ' spf') if kind in row},
                         {head.index(' KIND')})
        self.assertEqual(len(rows), 2)

    def test_a_name_is_asked_again_after_its_time_to_live(self):
        for ttl, wait_s in ((60, 300), (900, 900), (86400, 3600)):
            self.start()
            self.name('home.example', a=[HOME], aaaa=[HOME6], ttl=ttl)
            self.flush()
            feed = self.feeds()['home.example']
            with self.subTest(ttl=ttl):
                self.assertEqual(feed['next_at'] - feed['good_at'], wait_s)
