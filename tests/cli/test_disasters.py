#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Every row of tests/data/disasters.tsv, by hand and through the worker, against real servers.

    test_disasters.py DIRECTORY-OF-PROGRAMS        (as root; IPREP_PACKAGES: where packages are unpacked)

rbldnsd and unbound are Debian's, unpacked and started here on loopback; hostile answers come from
tests/lib/dns, AbuseIPDB's from the emulator, or are a body given in the row.
"""
import concurrent.futures
import http.server
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'lib'))

import place
from dns import behaviours
from dns.server import Server, Zone
from host import packages

ADDRESS = '45.1.1.1'
AT_ONCE = 6
TIMEOUT_MS = 1000
COLUMNS = ('name', 'resolver', 'list', 'point', 'allow', 'api', 'verdict', 'finding', 'says', 'source')
STATUS = {'confirmed': 10, 'clean': 0, 'unknown': 75}
CONF = """[general]
state = {dir}/state/iprep.db
verdict_log = {dir}/state/verdict.log
timeout_ms = %d
[tier known]
threshold = 3
bantime = 1d
[worker]
start = none
linger = 0
[dns]
resolvers = 127.0.0.1:%d
[dnsbl list]
zone = %s
points = 127.0.0.[2..9]*3
"""
HEAD = '$SOA 3600 ns.test. host.test. 0 600 300 86400 15\n$TTL 60\n'
SETS = {'world.r.test': ('ip4trie', ':127.0.0.2:world\n0/0\n'), 'blocked.r.test': ('ip4trie', ':127.255.255.254:open resolver\n0/0\n'),
        'pbl.r.test': ('ip4set', f'127.0.0.2 :127.0.0.2:test\n{ADDRESS} :127.0.0.10:policy\n'),
        'good.r.test': ('ip4set', f':127.0.0.2:listed\n127.0.0.2\n{ADDRESS}\n')}


def rows():
    with open(os.path.join(HERE, '..', 'data', 'disasters.tsv'), encoding='utf-8') as f:
        for line in f:
            if line.strip() and not line.startswith('#'):
                yield dict(zip(COLUMNS, line.rstrip('\n').split('\t'), strict=True))


# ---- servers ----

def free_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


def answers(port):
    """Does a DNS server answer there, whatever it says?"""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(0.3)
        s.sendto(b'\x12\x34\1\0\0\1\0\0\0\0\0\0\1x\1r\4test\0\0\1\0\1', ('127.0.0.1', port))
        try:
            return bool(s.recv(512))
        except OSError:
            return False


class Daemon:
    def __init__(self, argv, port, environment, directory):
        with open(os.path.join(directory, os.path.basename(argv[0]) + '.log'), 'wb') as log:
            self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment)
        self.port = port
        place.wait_until(lambda: self.process.poll() is not None or answers(port), f'{argv[0]} answers')

    def close(self):
        self.process.terminate()
        self.process.wait(10)


def started(start, *args):
    """A daemon; one whose port another process took before it could is started again."""
    for _ in range(5):
        daemon = start(*args)
        if daemon.process.poll() is None:
            return daemon
    raise AssertionError(f'{start.__name__}: ended 5 times')


def start_rbldnsd(found, directory):
    port = free_port()
    for zone, (_, text) in SETS.items():
        with open(f'{directory}/{zone}', 'w', encoding='ascii') as f:
            f.write(HEAD + text)
    return Daemon([found.find('rbldnsd'), '-n', '-q', '-u', 'nobody', '-b', f'127.0.0.1/{port}', '-w', directory,
                   *[f'{zone}:{kind}:{zone}' for zone, (kind, _) in SETS.items()]],
                  port, None, directory)


def start_unbound(found, directory, rbldnsd, hostile):
    port = free_port()
    with open(f'{directory}/unbound.conf', 'w', encoding='ascii') as f:
        f.write(f'''server:
  interface: 127.0.0.1@{port}
  do-daemonize: no
  username: ""
  chroot: ""
  directory: "{directory}"
  pidfile: ""
  use-syslog: no
  do-not-query-localhost: no
  module-config: "iterator"
  qname-minimisation: no
  local-zone: "test." nodefault
forward-zone:
  name: "test."
  forward-addr: 127.0.0.1@{hostile}
forward-zone:
  name: "r.test."
  forward-addr: 127.0.0.1@{rbldnsd}
remote-control:
  control-enable: no
''')
    program = found.find('unbound')
    environment = found.environment() if program.startswith(found.root) else None
    return Daemon([program, '-d', '-p', '-c', f'{directory}/unbound.conf'], port, environment, directory)


class OneBody(http.server.BaseHTTPRequestHandler):
    """An API that answers every request with the same body."""

    def do_GET(self):
        raw = self.server.body
        self.send_response(200)
        self.send_header('Content-Type', 'application/json')
        self.send_header('Content-Length', str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def do_POST(self):
        self.send_error(503)

    def log_message(self, *_):
        pass


class Body:
    def __init__(self, text):
        self.server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), OneBody)
        self.server.body = text.replace('NOW', time.strftime('%Y-%m-%dT%H:%M:%S+00:00', time.gmtime())).encode()
        self.url = f'http://127.0.0.1:{self.server.server_address[1]}/api/v2'
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def value(text):
    return {'true': True, 'false': False, 'null': None}.get(text, int(text) if text.isdigit() else text)


def start_api(text):
    if text == '-':
        return None
    kind, rest = text.split(' ', 1)
    if kind == 'body':
        return Body(rest)
    if kind == 'seed':
        return place.Emulator({ADDRESS: {k: value(v) for k, v in (w.split('=') for w in rest.split())}})
    emulator = place.Emulator({ADDRESS: {'abuseConfidenceScore': 100, 'totalReports': 9, 'lastReportedAt': 'now-1h'}})
    name, *more = rest.split()
    emulator.control('fault', {'endpoint': 'check', 'fault': name, **{k: value(v) for k, v in (w.split('=') for w in more)}})
    return emulator


# ---- a row ----

def conf_of(row, ports, zone, api):
    text = CONF % (TIMEOUT_MS, ports[row['resolver']], zone)
    if row['allow'] != '-':
        text += f"[dnsbl allow]\nzone = allow-{row['name']}.test\npoints = 127.0.[0..255].[1..3]*-4\n"
    return text + (f'[abuseipdb]\nurl = {api.url}\nkey_file = {{dir}}/key\n' if api else '[abuseipdb]\nkey_file =\n')


def by_hand(p, row, ports):
    run = p.run('rep-check', '--json', '--', ADDRESS)
    got = json.loads(run.stdout) if run.stdout else {'verdict': run.stderr, 'findings': []}
    if (got['verdict'], run.returncode) != (row['verdict'], STATUS[row['verdict']]):
        yield f"{got['verdict']}, exit {run.returncode}, not {row['verdict']}: {run.stdout}"
    name, status = row['finding'].split()
    finding = next((f for f in got['findings'] if f['source'] == name), {'status': 'missing', 'detail': ''})
    if status != '-' and finding['status'] != status:
        yield f"{name}: {finding['status']}, not {status}: {finding['detail']}"
    if row['says'] != '-' and row['says'] not in (finding['detail'] or '') + ','.join(finding.get('answer', ())):
        yield f"{name} says {finding['detail']!r}, not {row['says']!r}"
    text = p.run('rep-check', '--cached', '--', ADDRESS)
    if text.returncode == 10 and row['verdict'] != 'confirmed':
        yield f'the cache makes it confirmed: {text.stdout}'


def by_worker(p, row):
    p.run('rep-report', '--enqueue', '--jail', 'sshd', '--', ADDRESS, check=True)
    p.run('rep-check', '--gate', '--jail', 'x', '--', ADDRESS)
    run = p.run('rep-report', '--flush')
    blocked = 'verdict=confirmed' in p.verdict_log()
    # faults are those of the check: the answer to the report before it said 100, which is worth the lowest tier
    confirmed = row['verdict'] == 'confirmed' or row['api'].startswith('fault ')
    if blocked != confirmed or blocked and 'tier=known' not in p.verdict_log():
        yield f'the worker {"made a block" if blocked else "made none"}: {run.stdout}{run.stderr}{p.verdict_log()}'
    if p.run('rep-check', '--gate', '--', ADDRESS).returncode != (10 if confirmed else 0):
        yield 'the gate does not agree'


def try_row(programs, row, dns, ports):
    zone = row['list'] if row['resolver'] != 'hostile' else f"{row['name']}.test"
    if row['resolver'] == 'hostile':
        point = None if row['point'] == 'honest' else behaviours.parse(row['point'])
        dns.zones[zone] = Zone(behaviours.parse(row['list']), point)
    if row['allow'] != '-':
        dns.zones[f"allow-{row['name']}.test"] = Zone(behaviours.parse(row['allow']))
    api, faults = start_api(row['api']), []
    for way in (lambda p: by_hand(p, row, ports), lambda p: by_worker(p, row)):
        p = place.Place(programs, conf_of(row, ports, zone, api))
        try:
            faults += way(p)
        finally:
            p.close()
    if api:
        api.close()
    return faults


def main():
    programs = sys.argv[1]
    directory = tempfile.mkdtemp(prefix='iprep-disasters.', dir='/var/tmp')
    os.chmod(directory, 0o755)
    found = packages.Packages(os.environ.get('IPREP_PACKAGES', directory + '/packages'), unbound=True)
    every, bad = list(rows()), 0
    with Server() as dns:
        rbldnsd = started(start_rbldnsd, found, directory)
        unbound = started(start_unbound, found, directory, rbldnsd.port, dns.port)
        ports = {'hostile': dns.port, 'rbldnsd': rbldnsd.port, 'unbound': unbound.port}
        try:
            with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
                for row, faults in zip(every, pool.map(lambda r: try_row(programs, r, dns, ports), every)):
                    for fault in faults:
                        print(f"{row['name']}: {fault}")
                    bad += bool(faults)
        finally:
            unbound.close()
            rbldnsd.close()
            shutil.rmtree(directory)
    confirmed = sum(row['verdict'] == 'confirmed' for row in every)
    print(f'{len(every) - confirmed} disasters and {confirmed} controls, {bad} wrong')
    return 1 if bad or confirmed < 3 or len(every) < 31 else 0


sys.exit(main())
