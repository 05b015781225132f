# SPDX-License-Identifier: MIT
"""test_feeds.py - feeds as the worker downloads them: data/feeds.tsv, and what needs more than a row"""
import os

import rows
from cases import Case
from feeds.server import FeedServer, addresses, status, text, validated


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
