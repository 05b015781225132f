# SPDX-License-Identifier: MIT
"""
server.py - a server of feeds, which does what a test or a row of a table says

    feeds = FeedServer()
    feeds.plays('list(100)')            # a behaviour of this file, as text or as the function itself
    ... feeds.url, feeds.requests       # each has .headers
"""
import gzip
import ipaddress

from api_server import Api, answer

FIRST = int(ipaddress.ip_address('45.1.0.1'))


def addresses(count, first='45.1.0.1'):
    """Public addresses, one after the other."""
    first = int(ipaddress.ip_address(first))
    return [str(ipaddress.ip_address(first + number)) for number in range(count)]


# ---- behaviours: each makes a function from a request to the bytes of an answer

def text(body, *headers, status=200):
    return lambda request: answer(status, body.replace('\\n', '\n').replace('\\t', '\t'), *headers)


def list_of(count, first='45.1.0.1', extra='', *headers):
    lines = addresses(count, first) + [line for line in extra.split('|') if line]
    return lambda request: answer(200, '\n'.join(lines) + '\n', *headers)


def status(code, *headers, body='<html><body>no</body></html>'):
    return lambda request: answer(code, body, *headers)


def html():
    """A page of terms, with status 200, where the list was."""
    page = '<!DOCTYPE html>\n<html><head><title>Terms</title></head><body>\n' + '<p>Please accept.</p>\n' * 300
    return lambda request: answer(200, page, 'Content-Type: text/html')


def redirect(to='http://127.0.0.2:9/other'):
    return lambda request: answer(301, '', f'Location: {to}')


def truncated(count=100):
    """The connection ends before the length that was promised."""
    def play(request):
        whole = answer(200, '\n'.join(addresses(count)) + '\n')
        return whole[:len(whole) // 2]
    return play


def gzipped(count=100, broken=False):
    body = gzip.compress(('\n'.join(addresses(count)) + '\n').encode())
    if broken:
        body = body[:len(body) // 2]
    return lambda request: answer(200, body, 'Content-Encoding: gzip')


def bomb(megabytes=200):
    """A small file that is a large one."""
    body = gzip.compress(b'#' * (megabytes << 20))
    return lambda request: answer(200, body, 'Content-Encoding: gzip')


def long_line(length=1 << 20, count=100):
    lines = addresses(count) + ['9' * length]
    return lambda request: answer(200, '\n'.join(lines) + '\n')


def validated(count=100, etag='"one"', modified=None):
    """200 with validators; 304 to a request that has them."""
    def play(request):
        if request.headers.get('If-None-Match') == etag or \
                modified and request.headers.get('If-Modified-Since') == modified:
            return answer(304)
        headers = [f'ETag: {etag}'] + ([f'Last-Modified: {modified}'] if modified else [])
        return answer(200, '\n'.join(addresses(count)) + '\n', *headers)
    return play


class FeedServer(Api):
    def __init__(self):
        super().__init__(lambda request: self.play(request))
        self.url = self.top + '/list.txt'
        self.plays('list_of(100)')

    def plays(self, behaviour):
        # pylint: disable=eval-used
        self.play = eval(behaviour, globals()) if isinstance(behaviour, str) else behaviour
