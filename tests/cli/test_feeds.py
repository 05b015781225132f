# SPDX-License-Identifier: MIT
"""test_feeds.py - feeds as the worker downloads them: data/feeds.tsv, and what needs more than a row"""
import json
import os
import signal
import threading

import rows
from addresses import reversed_of
from cases import BAD, Case
from clocks import MovedPlace
from dns import behaviours
from feeds.server import FeedServer, addresses, list_of
from places import OWNER


class FeedCase(Case):
    options = {}                           # of [feed x], over these

    def setUp(self):
        self.feeds = self.open(FeedServer())
        self.start()

    def start(self, **more):
        keys = {'url': self.feeds.url, 'format': 'plain', 'points': '*3', 'enabled': 'yes', **self.options,
                **more.pop('feed', {})}
        super().start(sections={'feed x': keys, 'allow': {'addresses': '45.77.7.7'}, **more.pop('sections', {})}, **more)

    def feed(self, name='x'):
        return {feed['name']: feed for feed in self.status()['feeds']}[name]

    def due(self):
        """The time of the next download has come."""
        self.sql('UPDATE fetch SET next_at = 0')

    def download(self, behaviour):
        self.feeds.plays(behaviour)
        self.flush()

    def has(self, address):
        """Does the feed list it, in the evidence of a lookup from disk?"""
        shown = self.check('--cached', address, status=None)
        if shown['verdict'] == 'exempt':
            return False
        [finding] = [one for one in shown['findings'] if one['source'] == 'x']
        return finding['listed']


@rows.each('feeds.tsv', at_least=40)
class Rows(FeedCase):
    def try_row(self, row):
        self.start(feed={'format': row['format']})
        if row['before'] != '-':
            self.download(row['before'])
            self.assertEqual(self.feed()['state'], 'ok', self.feed())
            self.due()
        self.download(row['then'])
        feed = self.feed()
        self.assertEqual((feed['state'], feed['entries']), (row['state'], int(row['entries'])), feed)
        if row['why'] == '-' and row['then'].startswith(('list_of', 'text', 'validated', 'gzipped(1', 'long')) and \
                row['before'] in ('-', row['then']):
            self.assertIsNone(feed['why'])
        elif row['why'] != '-':
            self.assertIn(row['why'], feed['why'])
        for what, listed in (('has', True), ('lacks', False)):
            for address in row[what].split() if row[what] != '-' else ():
                if row['state'] == 'none':
                    continue
                self.assertEqual(self.has(address), listed, address)


class Time(FeedCase):
    """When a feed is downloaded."""

    options = {'every': '6h'}

    def wait(self):
        feed = self.feed()
        return feed['next_at'] - feed['tried_at']

    def test_not_before_its_time(self):
        self.flush()
        self.flush()
        self.assertEqual(len(self.feeds.requests), 1)
        self.assertEqual(self.wait(), 6 * 3600)

    def test_after_failures_later_and_later_but_not_later_than_usual(self):
        self.feeds.plays('status(500)')
        waits = []
        for _ in range(7):
            self.flush()
            waits.append(self.wait())
            self.due()
        self.assertEqual(waits, [900, 1800, 3600, 7200, 14400, 21600, 21600])
        self.feeds.plays('list_of(100)')
        self.flush()
        self.assertEqual((self.wait(), self.feed()['why']), (21600, None))

    def test_a_server_may_ask_for_more_but_for_no_more_than_a_day(self):
        for asked, wanted in ((60, 900), (40000, 40000), (864000, 86400)):
            self.start()
            self.download(f'status(429, "Retry-After: {asked}")')
            with self.subTest(asked=asked):
                self.assertEqual(self.wait(), wanted)

    def test_what_is_due_for_the_longest_time_goes_first(self):
        """Or feeds whose servers do not answer would keep the last ones of the file waiting for good."""
        sections = {f'feed {name}': {'url': f'{self.feeds.top}/{name}', 'points': '*3', 'enabled': 'yes'} for name in 'abc'}
        self.start(sections=sections)
        self.flush()
        for name, next_at in (('a', 30), ('b', 10), ('c', 20), ('x', 40)):
            self.sql('UPDATE fetch SET next_at = ? WHERE name = ?', next_at, name)
        before = len(self.feeds.requests)
        self.flush()
        self.assertEqual([request.path for request in self.feeds.requests[before:]], ['/b', '/c', '/a', '/list.txt'])

    def test_a_refused_list_is_downloaded_again_at_the_usual_time(self):
        self.download('html()')
        self.assertEqual(self.wait(), 6 * 3600)

    def test_a_time_of_another_clock_is_not_waited_for(self):
        for column, value in (('next_at', "strftime('%s') + 864000"), ('tried_at', "strftime('%s') + 3600")):
            self.start()
            self.flush()
            before = len(self.feeds.requests)
            self.sql(f'UPDATE fetch SET {column} = {value}')
            self.flush()
            with self.subTest(column):
                self.assertEqual(len(self.feeds.requests), before + 1)

    def test_a_worker_that_is_killed_in_a_download_does_not_repeat_it_immediately(self):
        self.feeds.plays('hangs()')
        with self.place.start('rep-report', '--flush') as worker:
            while not self.feeds.requests:
                self.assertIsNone(worker.poll())
            worker.send_signal(signal.SIGKILL)
        self.feeds.plays('list_of(100)')
        self.flush()
        self.assertEqual((len(self.feeds.requests), self.feed()['state']), (1, 'none'))
        self.due()
        self.flush()
        self.assertEqual(self.feed()['state'], 'ok')


class Old(FeedCase):
    """Under a clock that the test sets."""

    options = {'every': '6h'}

    def new_place(self, conf):
        place = MovedPlace(conf, self.key)
        place.wall = place.boot = 1798761600
        return place

    def later(self, hours):
        self.place.wall += hours * 3600
        self.place.boot += hours * 3600

    def test_one_that_is_older_than_four_times_its_interval_gives_nothing(self):
        self.flush()
        self.feeds.plays('status(500)')
        self.later(24)
        self.flush()
        self.assertTrue(self.has('45.1.0.1'))
        self.later(1)
        [finding] = self.check('--cached', '45.1.0.1', status=None)['findings']
        self.assertEqual((finding['status'], finding['detail']),
                         ('skipped', 'not used: too old, downloaded 2027-01-01 00:00 UTC'))
        self.assertEqual(self.feed()['state'], 'too old')

    def test_an_old_one_is_compared_with_nothing(self):
        self.flush()
        self.later(25)
        self.download('list_of(1000)')
        self.assertEqual((self.feed()['state'], self.feed()['entries']), ('ok', 1000))

    def test_a_clock_that_was_ahead_for_a_year_delays_nothing(self):
        self.later(9000)
        self.flush()
        self.later(-9000)
        self.download('list_of(100, "45.1.0.51")')
        self.assertTrue(self.has('45.1.0.150'))


class Gone(FeedCase):
    """What is not there is downloaded before its time."""

    def retry(self):
        """The shortest time between two tries is over."""
        self.sql('UPDATE fetch SET tried_at = tried_at - 900')

    def test_the_file_is_lost(self):
        self.flush()
        os.unlink(self.place.path('state/iprep.db-feeds'))
        self.flush()
        self.assertEqual(len(self.feeds.requests), 1)
        self.retry()
        self.flush()
        self.assertEqual((len(self.feeds.requests), self.feed()['state']), (2, 'ok'))

    def test_it_was_switched_off_for_a_moment(self):
        self.flush()
        self.place.change('enabled = yes', 'enabled = no')
        self.flush()
        self.place.change('enabled = no', 'enabled = yes')
        self.retry()
        self.flush()
        self.assertTrue(self.has('45.1.0.1'))

    def test_its_interval_has_become_shorter(self):
        self.flush()
        self.place.change('points = *3', 'points = *3\nevery = 15m')
        self.retry()
        self.flush()
        self.assertEqual(len(self.feeds.requests), 2)

    def test_a_damaged_file_is_made_again(self):
        self.flush()
        self.place.write('state/iprep.db-feeds', 'no feeds', owner=OWNER)
        self.retry()
        self.flush()
        self.assertTrue(self.has('45.1.0.1'))

    def test_a_file_that_cannot_be_read_is_not_written_over(self):
        self.flush()
        path = self.place.path('state/iprep.db-feeds')
        before = self.place.bytes('state/iprep.db-feeds')
        self.due()
        os.chown(path, 1, 1)
        self.flush()
        self.assertEqual(self.place.bytes('state/iprep.db-feeds'), before)
        self.assertIn('cannot be read now', self.feed()['why'])


class Union(FeedCase):
    options = {'keep': '3d'}

    def test_downloads_are_samples_of_which_all_stay(self):
        self.download('list_of(100)')
        self.due()
        self.download('list_of(100, "45.1.0.51")')
        self.assertEqual(self.feed()['entries'], 150)
        for address in addresses(1) + addresses(1, '45.1.0.150'):
            self.assertTrue(self.has(address), address)


class Conditional(FeedCase):
    def test_validators_are_sent_as_they_came_and_only_while_the_entries_are_there(self):
        self.feeds.plays('validated()')
        self.flush()
        self.due()
        self.flush()
        self.assertEqual([one.headers.get('If-None-Match') for one in self.feeds.requests], [None, '"one"'])
        self.place.change('points = *3', 'points = *4')
        self.due()
        self.flush()
        self.assertEqual(self.feeds.requests[-1].headers.get('If-None-Match'), '"one"')
        os.unlink(self.place.path('state/iprep.db-feeds'))
        self.due()
        self.flush()
        self.assertIsNone(self.feeds.requests[-1].headers.get('If-None-Match'))
        self.assertEqual(self.feed()['entries'], 100)


class Stale(FeedCase):
    """No evidence of what is configured no longer."""

    def sources(self, address):
        return [one['source'] for one in self.check('--cached', address, status=None)['findings']]

    def test_switched_off(self):
        self.flush()
        self.place.change('enabled = yes', 'enabled = no')
        self.assertEqual(self.run_it('rep-check', '--cached', '45.1.0.1', status=69).stdout, '')

    def test_renamed_or_from_another_address(self):
        for old, new in (('[feed x]', '[feed y]'), ('list.txt', 'other.txt'), ('format = plain', 'format = ipsum')):
            self.start()
            self.flush()
            self.assertTrue(self.has('45.1.0.1'))
            self.place.change(old, new)
            [finding] = self.check('--cached', '45.1.0.1', status=None)['findings']
            with self.subTest(new):
                self.assertEqual((finding['status'], finding['listed'], finding['detail']),
                                 ('skipped', None, 'no download yet'))


class File(FeedCase):
    """A feed that another program writes."""

    options = {'url': None, 'file': '{dir}/list'}

    def setUp(self):
        super().setUp()
        self.place.write('list', '\n'.join(addresses(100)) + '\n')

    def test_it_is_read_and_read_again_when_it_changes(self):
        self.flush()
        self.assertEqual(self.feed()['entries'], 100)
        self.place.write('list', '\n'.join(addresses(110)) + '\n')
        self.due()
        self.flush()
        self.assertEqual(self.feed()['entries'], 110)
        self.assertEqual(self.feeds.requests, [])

    def test_a_file_that_cannot_be_read_leaves_what_was_known(self):
        self.flush()
        for step, why in ((lambda path: os.chmod(path, 0o600), 'Permission denied'), (os.unlink, 'No such file'),
                          (os.mkfifo, 'not a regular file')):
            step(self.place.path('list'))
            self.due()
            self.flush()
            with self.subTest(why):
                self.assertIn(why, self.feed()['why'])
                self.assertTrue(self.has('45.1.0.1'))


class Long(FeedCase):
    """A list of a million takes seconds to compile: lookups that are in flight are answered before."""

    lists = {'zen': '127.0.0.[2..9]*3'}
    has_api = True
    seed = {'45.200.1.1': BAD}
    general = {'timeout_ms': 20000}

    def start(self, **more):
        super().start(general=self.general, **more)

    def play_until_it_is_taken(self, request):
        """The list but for its last line; that one when a lookup is in flight. Then waits until the client has it all."""
        whole = list_of(1000000)(request)
        request.wfile.write(whole[:-9])
        self.is_sent.set()
        self.is_asked.wait(60)
        request.wfile.write(whole[-9:])
        request.wfile.flush()
        request.connection.settimeout(60)
        request.connection.recv(1)
        self.is_taken.set()
        return b''

    def answer_when_taken(self, question):
        """The list is asked, and asked again as it does not answer."""
        self.is_asked.set()
        if not self.is_taken.is_set():
            return []
        self.found.append(os.path.exists(self.place.path('state/iprep.db-feeds')))
        return behaviours.listed('127.0.0.2')(question)

    def test_it_is_compiled_when_nothing_else_is_in_flight(self):
        self.is_sent, self.is_asked, self.is_taken, self.found = *(threading.Event() for _ in range(3)), []
        self.feeds.plays(self.play_until_it_is_taken)
        self.says('zen', {reversed_of('45.200.1.1'): self.answer_when_taken})
        with self.place.start('rep-report', '--flush') as worker:
            self.assertTrue(self.is_sent.wait(60))
            self.enqueue('45.200.1.1')
            worker.wait(timeout=300)
        self.assertFalse(self.found[0])
        self.assertEqual(self.feed()['entries'], 1000000)
        self.assertEqual(self.blocked(), ['45.200.1.1'])
        self.assertEqual(self.sql('SELECT tier, src FROM block'), [('notorious', 'zen,abuseipdb')])
        self.assertEqual(self.api.statistics()['endpoints'].get('check', {}).get('accepted', 0), 1)


class Own(FeedCase):
    def test_a_list_with_an_address_of_this_host_is_refused(self):
        self.feeds.close()
        self.start(feed={'url': None, 'file': '{dir}/list'})
        for entry, why in (('45.1.0.50', '45.1.0.50: an address of this host'),
                           ('45.1.0.0/24', '45.1.0.0/24: contains 45.1.0.50, an address of this host')):
            self.place.write('list', '\n'.join(addresses(100)[60:] + [entry]) + '\n')
            self.place.run_on_a_host_with(['45.1.0.50/32'], 'rep-report', '--flush')
            self.assertEqual((self.feed()['state'], self.feed()['why']), ('none', why))
            self.due()


class Key(FeedCase):
    """Where the API key goes."""

    has_api = True
    options = {'format': 'abuseipdb'}

    def test_it_is_never_sent_to_another_server(self):
        self.download('list_of(100)')
        [request] = self.feeds.requests
        self.assertIsNone(request.headers.get('Key'))
        self.assertNotIn(self.key.encode(), request.sent())
        self.assertEqual(request.headers['Accept'], 'text/plain')
        self.assertEqual([one['name'] for one in self.status()['endpoints'] if one['name'] == 'blacklist'], [])

    def use_blacklist(self):
        self.place.change(self.feeds.url, self.api.url + '/blacklist')

    def test_with_it_the_blacklist_is_downloaded_and_counted(self):
        self.use_blacklist()
        self.flush()
        [quota] = [one for one in self.status()['endpoints'] if one['name'] == 'blacklist']
        self.assertEqual((quota['limit'], quota['remaining']), (5, 4))

    def test_after_the_last_download_of_the_day_none_is_tried(self):
        self.use_blacklist()
        for _ in range(7):
            self.flush()
            self.due()
        [quota] = [one for one in self.status()['endpoints'] if one['name'] == 'blacklist']
        self.assertEqual(quota['remaining'], 0)
        self.assertEqual(self.api.calls('blacklist'), 5)

    def test_a_download_that_was_never_sent_is_not_counted(self):
        self.use_blacklist()
        self.api.stop()
        for _ in range(7):
            self.flush()
            self.due()
        [quota] = [one for one in self.status()['endpoints'] if one['name'] == 'blacklist']
        self.assertEqual(quota['remaining'], 5)

    def test_without_a_key_the_reason_is_shown(self):
        self.use_blacklist()
        os.unlink(self.place.path('key'))
        self.flush()
        self.assertEqual((self.feed()['state'], self.feed()['why']), ('none', 'no API key; set [abuseipdb] key_file'))


class SelfTest(FeedCase):
    """Next to a list that works."""

    lists = {'zen': '127.0.0.[2..9]*3'}

    def row(self, status=None, says=''):
        done = self.run_it('rep-check', '--self-test', '--json', status=status, says=says)
        return next(row for row in map(json.loads, done.stdout.splitlines()) if row.get('source') == 'x')

    def test_a_feed_is_ok_when_its_entries_are_there(self):
        row = self.row()
        self.assertEqual((row['state'], row['why']), ('none', 'no download yet; run rep-report --flush'))
        self.flush()
        row = self.row()
        self.assertEqual(row['state'], 'ok')
        self.assertRegex(row['why'], r'\A100 entries, downloaded 20[0-9-]+ [0-9:]+ UTC\Z')
        self.due()
        self.download('status(404)')
        self.assertRegex(self.row()['why'], r'; the last try failed: HTTP 404')

    def test_it_has_the_words_of_the_status(self):
        for behaviour, at, state in (('html()', "strftime('%s')", 'none'), ('list_of(100)', "strftime('%s')", 'ok')):
            self.start()
            self.download(behaviour)
            with self.subTest(state):
                self.assertEqual((self.row()['state'], self.feed()['state']), (state, state))

    def test_one_that_was_just_switched_on_fails_nothing_if_another_source_answers(self):
        self.row(status=0)
        self.download('status(404)')
        self.row(status=69, says='a source is not usable')

    def test_without_another_source_it_fails(self):
        self.start(lists={})
        self.row(status=69, says='no source gives points')
        self.flush()
        self.row(status=0)


class NoState(FeedCase):
    """A person who may not read what the worker downloaded."""

    def test_what_a_feed_has_is_not_known(self):
        self.flush()
        done = self.run_it('rep-check', '--json', '45.1.0.1', status=None, user=1000, group=1000, extra_groups=[])
        [finding] = [one for one in json.loads(done.stdout)['findings'] if one['source'] == 'x']
        self.assertEqual((finding['status'], finding['detail']), ('skipped', 'not known without access to the state'))
        self.assertNotIn('feeds are not used', done.stderr)
