# SPDX-License-Identifier: MIT
"""
server.py - a server of feeds, which does what a test or a row of a table says

    feeds = FeedServer()
    feeds.plays('list(100)')            # a behaviour of this file, as text or as the function itself
    ... feeds.url, feeds.requests       # each has .headers
    feeds.plays('empty()', '/b.txt')    # another list of the same server
    ... feeds.sent('/b.txt')            # the header fields of each request for it
"""
import email.utils
import gzip
import ipaddress
import threading
import time

from api_server import Api, answer


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


def empty():
    """0 bytes, with status 200."""
    return lambda request: answer(200, '')


def limited(seconds=3600, as_date=False):
    """429 with Retry-After, also as a date that counts against the server's own clock, an hour ahead."""
    def play(request):
        now = time.time() + 3600
        fields = [f'Retry-After: {seconds}']
        if as_date:
            fields = [f'{name}: {email.utils.formatdate(at, usegmt=True)}'
                      for name, at in (('Date', now), ('Retry-After', now + seconds))]
        return answer(429, 'slow down\n', *fields)
    return play


def hangs(count=0):
    """The beginning of a list, then nothing until the server is closed. 0: not even a status."""
    def play(request):
        if count:
            whole = answer(200, '\n'.join(addresses(2 * count)) + '\n')
            request.wfile.write(whole[:len(whole) // 2])
            request.wfile.flush()
        request.server.is_closing.wait()
        return b''
    return play


def slow(count=100, pieces=20):
    """The whole list, in pieces with pauses of a moment: any piece ends in the middle of a line."""
    def play(request):
        whole = answer(200, '\n'.join(addresses(count)) + '\n')
        step = max(1, len(whole) // pieces)
        for at in range(0, len(whole), step):
            request.wfile.write(whole[at:at + step])
            request.wfile.flush()
            if request.server.is_closing.wait(0.01):
                break
        return b''
    return play


class FeedServer(Api):
    def __init__(self):
        self.is_closing, self.others = threading.Event(), {}
        super().__init__(lambda request: self.others.get(request.path, self.play)(request))
        self.url = self.top + '/list.txt'
        self.plays('list_of(100)')

    def plays(self, behaviour, path=None):
        """The list at this path; None: every other one. Returns its URL."""
        # pylint: disable=eval-used
        made = eval(behaviour, globals()) if isinstance(behaviour, str) else behaviour
        if path:
            self.others[path] = made
            return self.top + path
        self.play = made
        return self.url

    def sent(self, path='/list.txt'):
        return [request.headers for request in self.requests if request.path == path]

    def close(self):
        self.is_closing.set()
        super().close()
