# SPDX-License-Identifier: MIT
"""
rep-report --summary --format html in a real Chromium: wide and narrow, light, dark and printed

IPREP_SHOTS=DIR keeps pictures of each. IPREP_VNU=vnu.jar has the Nu checker of the W3C look at each page too (npm
package vnu-jar; it needs Java), in addition to the strict parser of html5lib.
"""
import contextlib
import functools
import http.server
import os
import subprocess
import sys
import tempfile
import threading
import time

import places
from chromium import Browser
from counters import HOSTILE, CountersCase
from host import packages

FORMS = ((1280, 'light'), (1280, 'dark'), (360, 'light'), (360, 'dark'), (320, 'light'))      # the last: enlarged text
# Contrast of every visible text with what is behind it, and of lines and bars with the paper: WCAG 2.2, 1.4.3, 1.4.11
CONTRAST = r'''
(() => {
	const numbers = text => text.match(/[\d.]+/g).map(Number);
	const part = v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
	const light = ([r, g, b]) => 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
	const ratio = (a, b) => (Math.max(light(a), light(b)) + 0.05) / (Math.min(light(a), light(b)) + 0.05);
	const isClear = colour => colour === 'none' || (numbers(colour).length === 4 && numbers(colour)[3] === 0);
	const behind = element => {
		for (let at = element; at; at = at.parentElement)
			if (!isClear(getComputedStyle(at).backgroundColor))
				return numbers(getComputedStyle(at).backgroundColor);
		return [255, 255, 255];
	};
	const found = {texts: 0, shapes: 0, low: []};
	const check = (element, colour, least, what) => {
		const seen = ratio(numbers(colour), behind(element));
		if (seen < least)
			found.low.push(`${what}: ${seen.toFixed(2)} ${colour}`);
	};
	const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	while (texts.nextNode()) {
		const element = texts.currentNode.parentElement, style = getComputedStyle(element);
		if (!texts.currentNode.data.trim() || !element.checkVisibility() || element.closest('title, desc'))
			continue;
		const size = parseFloat(style.fontSize), isLarge = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
		check(element, element.closest('svg') ? style.fill : style.color, isLarge ? 3 : 4.5, texts.currentNode.data);
		found.texts++;
	}
	for (const shape of document.querySelectorAll('.tier, .mark, .ring, .part')) {
		const style = getComputedStyle(shape);
		check(shape, isClear(style.fill) || shape.matches('.ring') ? style.stroke : style.fill, 3, shape.getAttribute('class'));
		found.shapes++;
	}
	return found;
})()
'''


class Shown(CountersCase):
    @classmethod
    def setUpClass(cls):
        directory = places.packages('')
        cls.html5lib = unpacked_html5lib(directory)
        cls.browser = Browser(directory)
        cls.addClassCleanup(cls.browser.close)
        cls.work = tempfile.mkdtemp(prefix='iprep-page.', dir='/var/tmp')
        cls.addClassCleanup(subprocess.run, ['rm', '-rf', cls.work], check=True)

    def make(self, name, since='7d'):
        """The page of what was counted; its path."""
        path = f'{self.work}/{name}.html'
        with open(path, 'w', encoding='utf-8') as file:
            file.write(self.summary('--since', since, '--format', 'html'))
        return path

    def page(self, url, **more):
        page = self.browser.page(url, **more)
        self.addCleanup(page.close)
        return page

    def is_well(self, name, path):
        self.is_valid(path)
        for width, scheme in FORMS:
            with self.subTest(name=name, width=width, scheme=scheme):
                page = self.page(f'file://{path}', width=width, scheme=scheme)
                self.has_room(page, width)
                self.is_legible(page, scheme)
                self.keep(f'{name}-{width}-{scheme}', page)
                self.assertEqual(page.complaints(), [])
                self.assertEqual(page.requests(), [f'file://{path}'])
        self.prints_well(name, page)

    def is_valid(self, path):
        done = subprocess.run([sys.executable, '-c', 'import sys, html5lib\nhtml5lib.HTMLParser(strict=True).parse('
                               'open(sys.argv[1], encoding="utf-8"))', path], capture_output=True, text=True,
                              env={**os.environ, 'PYTHONPATH': self.html5lib}, check=False)
        self.assertEqual((done.returncode, done.stderr[-300:]), (0, ''))
        if os.environ.get('IPREP_VNU'):
            done = subprocess.run(['java', '-jar', os.environ['IPREP_VNU'], '--errors-only', path], capture_output=True,
                                  text=True, check=False)
            self.assertEqual(done.returncode, 0, done.stderr)

    def has_room(self, page, width):
        wide = page.evaluate('[document.documentElement.scrollWidth, innerWidth, Math.max(...[...document.'
                             'querySelectorAll("body *:not(svg *):not(svg)")].map('
                             'e => e.getBoundingClientRect().right))]')
        self.assertEqual(wide[1], width)
        self.assertLessEqual(wide[0], width, 'it has to be scrolled sideways')
        self.assertLessEqual(wide[2], width, 'something is cut off')

    def is_legible(self, page, scheme):
        found = page.evaluate(CONTRAST)
        self.assertGreater(found['texts'], 40)
        self.assertEqual(found['low'], [])
        paper = page.evaluate('getComputedStyle(document.body).backgroundColor')
        self.assertEqual(paper, {'light': 'rgb(255, 255, 255)', 'dark': 'rgb(20, 23, 28)'}[scheme])

    def prints_well(self, name, page):
        with self.subTest(name=name, printed=True):
            page.emulate('dark', 'print')
            self.is_legible(page, 'light')
            hidden = page.evaluate('[...document.querySelectorAll("details table")].filter(table => '
                                   '!table.checkVisibility({contentVisibilityAuto: true})).length')
            self.assertEqual(hidden, 0, 'numbers of the chart are not printed')
            if os.environ.get('IPREP_SHOTS'):
                page.pdf(f'{os.environ["IPREP_SHOTS"]}/{name}.pdf')
            page.pdf(f'{self.work}/{name}.pdf')
            with open(f'{self.work}/{name}.pdf', 'rb') as file:
                self.assertEqual(file.read(5), b'%PDF-')

    def keep(self, name, page):
        if os.environ.get('IPREP_SHOTS'):
            page.screenshot(f'{os.environ["IPREP_SHOTS"]}/{name}.png')

    # -- pages

    def test_a_week(self):
        self.count_days(20)
        for i in range(30):
            self.block(f'45.1.{i % 7}.{i}')
        self.is_well('week', self.make('week'))

    def test_no_day(self):
        self.ready()
        self.is_well('no-day', self.make('no-day'))

    def test_one_day(self):
        self.count_days(1)
        self.is_well('one-day', self.make('one-day', '0'))

    def test_400_days(self):
        self.count_days(420)
        self.is_well('400-days', self.make('400-days', '399d'))

    def test_names_that_look_like_html_and_are_long(self):
        tiers = ('known', 'notorious', '<i>third</i>', 't' * 31, 'fifth', 'sixth', 'seventh')
        self.count_days(20, jails=(HOSTILE, 'j' * 63), sources=(HOSTILE, 's' * 47, 'zen'), tiers=tiers)
        self.put_counters(*((day, name, label, 10**14 + day) for day in range(20700, 20800) for name, label in
                            (('line', 'counted'), ('asked', HOSTILE))))
        self.sql("INSERT INTO zone(name, zone, state4, state6, why, latency_ms, probed_at, silent_since) VALUES('zen',"
                 " 'zen.example', 2, 2, ?, 5, ?, 0)", HOSTILE, int(time.time()))
        path = self.make('hostile')
        self.is_well('hostile', path)
        page = self.page(f'file://{path}')
        self.assertEqual(page.evaluate('document.querySelectorAll("script, b, i").length'), 0)
        self.assertIn(HOSTILE, page.evaluate('[...document.querySelectorAll("tbody th")].map(e => e.textContent)'
                                             '.find(text => text.includes("script"))'))
        self.assertIn(HOSTILE, page.evaluate('document.querySelector(".trouble").textContent'))

    def test_a_screen_reader_has_names_of_all_parts(self):
        self.count_days(20)
        self.block('45.1.1.1')
        names = self.page(f'file://{self.make("names")}').names()
        self.assertEqual([name for role, name in names if role == 'heading'],
                         [f'What iprep did on {os.uname().nodename}', 'Trouble now', 'At a glance: 7 days', 'Blocks a day',
                          'What each source is worth', 'What happened, and what changed', 'Jails', 'Noisiest networks'])
        self.assertEqual([name for role, name in names if role in ('image', 'img', 'graphics-document')],
                         ['Blocks a day by tier'])
        for role in ('heading', 'region', 'table', 'columnheader', 'rowheader', 'image'):
            with self.subTest(role=role):
                self.assertNotIn((role, ''), names)
                self.assertIn(role, [one for one, _ in names])
        self.assertEqual(self.page(f'file://{self.work}/names.html').evaluate('document.documentElement.lang'), 'en')

    # -- policies

    @contextlib.contextmanager
    def served(self, policy):
        """The address of a server that sends the pages with a policy of its own."""
        class Handler(http.server.SimpleHTTPRequestHandler):
            def end_headers(self):
                self.send_header('Content-Security-Policy', policy)
                super().end_headers()

            def log_message(self, *_):
                pass

        handler = functools.partial(Handler, directory=self.work)
        with http.server.ThreadingHTTPServer(('127.0.0.1', 0), handler) as server:
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            yield f'http://127.0.0.1:{server.server_port}'
            server.shutdown()
            thread.join()

    def test_it_is_clean_below_a_server_that_allows_its_style_sheet_only(self):
        self.count_days(20)
        with open(self.make('policy'), encoding='utf-8') as file:
            digest = file.read().split("style-src '")[1].split("'")[0]
        with self.served(f"default-src 'none'; style-src '{digest}'") as url:
            page = self.page(f'{url}/policy.html')
            self.assertEqual(page.complaints(), [])
            self.assertEqual(page.evaluate('getComputedStyle(document.querySelector(".tiles")).display'), 'grid')

    def test_without_its_style_sheet_it_has_all_it_has_to_show(self):
        self.count_days(20)
        self.make('bare')
        with self.served("default-src 'none'") as url:
            page = self.page(f'{url}/bare.html')
            self.assertEqual(page.evaluate('getComputedStyle(document.querySelector(".tiles")).display'), 'block')
            self.assertGreater(page.evaluate('document.querySelector(".plot").getBoundingClientRect().height'), 150)
            self.assertEqual(page.evaluate('getComputedStyle(document.querySelector(".tier")).stroke'),
                             'rgb(0, 114, 178)')
            self.keep('bare', page)


def unpacked_html5lib(directory):
    """Python's modules; fetched once."""
    root = packages.unpacked(directory, 'python3-html5lib', ['python3-html5lib'])
    return f'{root}/usr/lib/python3/dist-packages'
