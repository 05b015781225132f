# SPDX-License-Identifier: MIT
"""The API key goes to the server that the configuration names, and proves its name, and nowhere else.

Certificates that do not hold, variables and files of a user that would lead elsewhere, redirects,
proxies, and http to other hosts.
"""
import os
import socket
import ssl
import subprocess
import unittest
import urllib.request
import warnings

import places
import rows
from api_server import Api, Proxy, answer
from certificates import Certificates
from keys import ADDRESS, KeyCase

HERE = 'IP:127.0.0.1'


def setUpModule():
    global certificates, GOOD_CA, OTHER_CA, GOOD
    certificates = Certificates()
    unittest.addModuleCleanup(certificates.close)
    GOOD_CA, OTHER_CA = certificates.authority('good-ca'), certificates.authority('other-ca')
    GOOD = certificates.leaf('good', 'good-ca', HERE)
    certificates.leaf('twin', 'good-ca', HERE)
    for name, text in (('empty', ''), ('text', 'no certificate\n'), ('key', open_text(GOOD[1])),
                       ('cut', open_text(GOOD_CA)[:200])):
        with open(certificates.path(name + '.pem'), 'w', encoding='ascii') as f:
            f.write(text)


@rows.each('certificates.tsv', at_least=15)
class Certificate(KeyCase):
    def check(self, api, url, ca, says):
        self.start(url, ca_file=ca or None)
        self.refuses(says)
        self.nothing_arrived(api)

    def test_the_right_authority_and_name_let_everything_through(self):
        api = self.emulator(GOOD)
        self.start(api.url, ca_file=GOOD_CA)
        self.works(api)

    def test_a_certificate_for_a_name_is_good_for_that_name(self):
        api = self.emulator(certificates.leaf('name', 'good-ca', 'DNS:localhost'))
        self.start(api.url.replace('127.0.0.1', 'localhost'), ca_file=GOOD_CA)
        self.works(api)

    def test_the_server_s_own_certificate_can_be_named_instead_of_an_authority(self):
        api = self.emulator(GOOD)
        self.start(api.url, ca_file=GOOD[0])
        self.works(api)

    def try_row(self, row):
        names = row['names'].replace('-', '')
        start, end = (year + '0101000000Z' for year in (row['from'], row['to']))
        api = self.emulator(certificates.leaf('tried', 'good-ca', names, start, end, row['common_name']))
        ca_file = '' if row['ca_file'] == '-' else certificates.path(row['ca_file'] + '.pem')
        self.check(api, api.url.replace('127.0.0.1', row['host']), ca_file, row['says'])

    def test_a_self_signed_certificate_gets_no_key(self):
        pair = certificates.self_signed('own', HERE)
        api = self.emulator(pair)
        for ca in ('', GOOD_CA):
            self.check(api, api.url, ca, 'self-signed certificate')

    def test_a_leaf_cannot_be_an_authority(self):
        certificates.leaf('leaf-ca', 'good-ca', HERE)
        pair = certificates.leaf('below', 'leaf-ca', HERE)
        with open(certificates.path('chain.pem'), 'w', encoding='ascii') as f:
            f.write(open_text(pair[0]) + open_text(certificates.path('leaf-ca.pem')))
        api = self.emulator((certificates.path('chain.pem'), pair[1]))
        self.check(api, api.url, GOOD_CA, 'certificate')

    def test_tls_before_1_2_gets_no_key(self):
        warnings.simplefilter('ignore', DeprecationWarning)
        server, client = context_of(GOOD), ssl.create_default_context(cafile=GOOD_CA)
        for context in (server, client):
            context.set_ciphers('ALL:@SECLEVEL=0')
            context.minimum_version = ssl.TLSVersion.TLSv1
        for version, works in ((ssl.TLSVersion.TLSv1_1, False), (ssl.TLSVersion.TLSv1_2, True)):
            with self.subTest(version):
                server.maximum_version = version
                api = self.serve(lambda r: answer(200, '{}'), server)
                urllib.request.urlopen(api.url, timeout=10, context=client).close()
                self.start(api.url, ca_file=GOOD_CA)
                self.said('rep-check', ADDRESS, status=75)
                self.assertEqual([r.headers['Key'] for r in api.requests], [None] + [self.key] * works)

    def test_a_server_that_does_not_speak_tls_gets_no_key(self):
        api = self.serve(lambda r: answer(200, '{}'))
        self.start(api.url.replace('http:', 'https:'), ca_file=GOOD_CA)
        self.refuses('SSL')
        self.assertEqual(api.requests, [])
        self.assertGreater(api.connections, 0)


def open_text(path):
    with open(path, encoding='ascii') as f:
        return f.read()


# ---- what a caller's environment and home would change ----

# our servers' certificates are ECDSA
OPENSSL_CONF = """openssl_conf = all
[all]
ssl_conf = ssl
[ssl]
system_default = system
[system]
SignatureAlgorithms = RSA+SHA256
"""
# A client that uses the variables of OpenSSL and of proxies; it prints its error, if any.
OBEDIENT = """import ssl, sys, urllib.request
try:
    urllib.request.urlopen(sys.argv[1], timeout=5, context=ssl.create_default_context())
except urllib.error.HTTPError as e:
    print('HTTP', e.code)
except OSError as e:
    print(e)
"""


class Environment(KeyCase):
    def home(self, proxy):
        """A directory with files that curl(1) and others read."""
        home, self.keylogs = self.place.path('home'), self.place.path('keylogs')
        os.mkdir(home)
        self.place.write('home/.curlrc', f'insecure\nproxy = {proxy}\nheader = "X-Curlrc: yes"\n')
        self.place.write('home/.netrc', 'machine 127.0.0.1 login netrc password netrc\n'
                                        'default login netrc password netrc\n', 0o600)
        self.place.write('home/_netrc', 'default login netrc password netrc\n')
        self.place.write('home/openssl.cnf', OPENSSL_CONF)
        os.mkdir(self.keylogs)
        os.chmod(self.keylogs, 0o777)      # for the user that the programs have become
        os.mkdir(self.place.path('home/certs'))
        self.place.write('home/certs/good.pem', open_text(GOOD_CA))
        certificates.openssl('rehash', self.place.path('home/certs'))
        return home

    def trusting(self, home):
        return ({'SSL_CERT_FILE': GOOD_CA}, {'SSL_CERT_DIR': home + '/certs'}, {'CURL_CA_BUNDLE': GOOD_CA},
                {'REQUESTS_CA_BUNDLE': GOOD_CA}, {'HOME': home}, {'CURL_HOME': home},
                {'SSL_CERT_FILE': GOOD_CA, 'SSL_CERT_DIR': home + '/certs', 'CURL_CA_BUNDLE': GOOD_CA,
                 'HOME': home, 'CURL_HOME': home, 'XDG_CONFIG_HOME': home})

    def misleading(self, home, proxy):
        proxies = {name: proxy for name in ('http_proxy', 'HTTP_PROXY', 'https_proxy', 'HTTPS_PROXY',
                                            'all_proxy', 'ALL_PROXY', 'ftp_proxy', 'socks_proxy')}
        return {**proxies, 'HOME': home, 'CURL_HOME': home, 'XDG_CONFIG_HOME': home,
                'NETRC': home + '/.netrc', 'SSLKEYLOGFILE': self.keylogs + '/log',
                'OPENSSL_CONF': home + '/openssl.cnf',
                'OPENSSL_MODULES': home, 'OPENSSL_ENGINES': home, 'SSL_CERT_FILE': OTHER_CA,
                'SSL_CERT_DIR': '/nonexistent', 'CURL_CA_BUNDLE': OTHER_CA, 'RES_OPTIONS': 'debug',
                'LOCALDOMAIN': 'evil.test', 'HOSTALIASES': home + '/.curlrc', 'CURL_SSL_BACKEND': 'gnutls'}

    def obedient(self, url, environment):
        p = subprocess.run(['/usr/bin/python3', '-c', OBEDIENT, url], env=environment, capture_output=True,
                           text=True, stdin=subprocess.DEVNULL, timeout=60)
        return p.stdout + p.stderr

    def test_the_variables_do_change_what_an_ordinary_client_does(self):
        api = self.emulator(GOOD)
        proxy = self.open(Api(lambda r: answer(502)))
        self.start(api.url)
        home = self.home(proxy.top)
        self.assertIn('CERTIFICATE_VERIFY_FAILED', self.obedient(api.url, {}))
        self.assertEqual(self.obedient(api.url, {'SSL_CERT_FILE': GOOD_CA}), 'HTTP 404\n')
        self.assertEqual(self.obedient(api.url, {'SSL_CERT_DIR': home + '/certs'}), 'HTTP 404\n')
        trust = {'SSL_CERT_FILE': GOOD_CA}
        self.obedient(api.url, {**trust, 'SSLKEYLOGFILE': self.keylogs + '/log'})
        self.assertEqual(os.listdir(self.keylogs), ['log'])
        self.assertNotIn('HTTP 404', self.obedient(api.url, {**trust, 'OPENSSL_CONF': home + '/openssl.cnf'}))
        self.assertEqual(proxy.connections, 0)
        self.obedient(api.url, {**trust, 'https_proxy': proxy.top})
        self.assertEqual(proxy.requests[0].command, 'CONNECT')

    def test_no_variable_and_no_file_of_a_home_makes_a_certificate_trusted(self):
        api = self.emulator(GOOD)
        self.start(api.url)
        for environment in self.trusting(self.home('http://127.0.0.1:1')):
            with self.subTest(environment):
                self.assertIn('certificate', self.said('rep-check', '--fresh', ADDRESS, status=75,
                                                         env=environment))
        self.refuses('certificate', env=environment)
        self.nothing_arrived(api)

    def test_nor_does_one_lead_elsewhere_or_write_the_session_s_keys(self):
        for scheme in ('https', 'http'):
            with self.subTest(scheme):
                api = self.emulator(GOOD if scheme == 'https' else None)
                proxy = self.open(Api(lambda r: answer(502)))
                self.start(api.url, ca_file=GOOD_CA)
                self.works(api, env=self.misleading(self.home(proxy.top), proxy.top))
                self.assertEqual(proxy.connections, 0)
                self.assertEqual(os.listdir(self.keylogs), [])

    def test_what_is_sent_is_the_same_with_and_without_them(self):
        api = self.serve(lambda r: answer(500, '{}'))
        self.start(api.url)
        home = self.home('http://127.0.0.1:1')
        for environment in ({}, self.misleading(home, 'http://127.0.0.1:1')):
            self.said('rep-check', '--fresh', ADDRESS, status=75, env=environment)
        first, second = [sorted(r.headers.items()) for r in api.requests]
        self.assertEqual(first, second)
        self.assertEqual({name for name, _ in first}, {'Accept', 'Host', 'Key', 'User-Agent'})


# ---- where the configuration may send the key in the clear ----

def elsewhere():
    with open(os.path.join(places.DATA, 'http_elsewhere.txt'), encoding='utf-8') as f:
        return [line.rstrip('\n') for line in f if not line.startswith('#')] + ['']


class PlainHttp(KeyCase):
    FINE = ('http://127.0.0.1:1/x', 'http://127.9.9.9/x', 'http://localhost/x', 'http://localhost:1/api/v2',
            'http://[::1]:1/api/v2', 'https://api.example.test/x', 'https://10.0.0.1:8443/x')

    def test_http_to_anything_but_this_host_is_an_error_of_the_configuration(self):
        for url in elsewhere():
            with self.subTest(url):
                self.start(url)
                line = self.place.text('iprep.conf').splitlines().index(f'url = {url}') + 1
                for program, *args in (('rep-check', '--ready'), ('rep-check', ADDRESS),
                                       ('rep-report', '--flush'), ('rep-report', '--enqueue', '--', ADDRESS)):
                    said = self.said(program, *args, status=78)
                    where = f'{program}: {self.place.path("iprep.conf")}:{line}: '
                    self.assertTrue(said.startswith(where), said)
                    self.assertEqual(said.count('\n'), 1, said)
                self.assertEqual(self.place.files(), [])

    def test_http_to_this_host_and_https_are_none(self):
        for url in self.FINE:
            with self.subTest(url):
                self.start(url)
                self.said('rep-check', '--ready')

    def test_the_ipv6_loopback_works(self):
        try:
            socket.create_server(('::1', 0), family=socket.AF_INET6).close()
        except OSError as e:
            self.skipTest(f'SKIPPED: no ::1 here: {e}')
        api = self.emulator(host='::1')
        self.start(api.url)
        self.works(api)


class Redirects(KeyCase):
    def test_a_client_that_follows_would_be_counted(self):
        api = self.emulator()
        api.fault('redirect_302')
        urllib.request.urlopen(urllib.request.Request(api.url + '/check', headers={'Key': self.key})).close()
        self.assertEqual(api.control('stats')['redirected'], {'hits': 1, 'with_key': 1})

    def test_redirects_of_many_reports_are_not_followed(self):
        """As many as would go together, in a bulk report."""
        api = self.emulator()
        self.start(api.url)
        for i in range(40):
            self.said('rep-report', '--enqueue', '--jail', 'sshd', '--', f'45.2.0.{i}')
        api.fault('redirect_302')
        self.said('rep-report', '--flush')
        stats = api.control('stats')
        self.assertEqual((stats['redirected'], stats['reports']), ({'hits': 0, 'with_key': 0}, []))
        self.assertGreater(stats['faults']['redirect_302'], 0)
        rows = self.sql('SELECT count(*) FROM report WHERE state IN (0, 1)')
        self.assertEqual(rows, [(40,)])

    def test_none_of_any_kind_and_to_nowhere(self):
        for status in (301, 302, 303, 307, 308, 300, 305):
            for scheme in ('http', 'https', 'file', 'relative'):
                with self.subTest(status=status, scheme=scheme):
                    other = self.serve(lambda r: answer(200, '{}'))
                    to = {'file': 'file:///etc/passwd', 'relative': '/elsewhere'}.get(
                        scheme, f'{scheme}://127.0.0.1:{other.port}/x')
                    away = answer(status, '', 'Location: ' + to, 'Refresh: 0; url=' + to)
                    api = self.serve(lambda r, away=away: away)
                    self.start(api.url)
                    self.refuses(str(status))
                    self.assertEqual(other.connections, 0)
                    self.assertEqual([r.path for r in api.requests if 'elsewhere' in r.path], [])
                    self.assertEqual({r.command for r in api.requests}, {'GET', 'POST'})


class ConfiguredProxy(KeyCase):
    def proxied(self, api, proxy):
        self.start(api.url, ca_file=GOOD_CA, proxy=proxy.top)

    def keyless(self, proxy):
        for request in proxy.requests:
            self.assertIsNone(self.needle.found(request.sent()))

    def test_it_is_asked_to_connect_and_sees_no_key(self):
        api = self.emulator(GOOD)
        proxy = self.open(Proxy())
        self.proxied(api, proxy)
        self.works(api, env={'no_proxy': '*', 'NO_PROXY': '127.0.0.1'})
        self.assertGreaterEqual(len(proxy.requests), 3)
        for request in proxy.requests:
            self.assertEqual(request.requestline, f'CONNECT 127.0.0.1:{api.port} HTTP/1.1')
            self.assertNotIn('Key', request.headers)
            self.assertGreater(len(request.body), 0)
        self.keyless(proxy)

    def test_http_to_this_host_does_not_go_through_it(self):
        api = self.emulator()
        proxy = self.open(Proxy())
        self.proxied(api, proxy)
        self.works(api)
        self.assertEqual(proxy.connections, 0)

    def test_one_that_leads_to_another_server_gets_no_key(self):
        api = self.emulator(GOOD)
        pair = certificates.leaf('false', 'other-ca', HERE)
        false = self.serve(lambda r: answer(200, '{}'), context_of(pair))
        proxy = self.open(Proxy(to=false.port))
        self.proxied(api, proxy)
        self.refuses('certificate')
        self.assertGreater(false.connections, 0)
        self.assertEqual(false.requests, [])
        self.nothing_arrived(api)
        self.keyless(proxy)

    def test_one_that_refuses_leads_or_answers_itself_gets_no_key(self):
        api = self.emulator(GOOD)
        for reply in (b'HTTP/1.1 407 Who?\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n',
                      b'HTTP/1.1 502 No\r\nContent-Length: 0\r\n\r\n',
                      b'HTTP/1.1 302 There\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n',
                      b'HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}',
                      b'garbage\r\n\r\n'):
            with self.subTest(reply):
                proxy = self.open(Api(lambda r, reply=reply: reply))
                self.proxied(api, proxy)
                self.refuses('')
                self.assertGreater(len(proxy.requests), 0)
                self.keyless(proxy)
        self.nothing_arrived(api)


def context_of(pair):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*pair)
    return context
