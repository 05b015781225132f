# SPDX-License-Identifier: MIT
"""
server.py - a DNS server that does to each zone what its script says, over UDP and TCP, on loopback

    with Server() as dns:
        dns.zones['a.test'] = Zone(listed('127.0.0.2'))
        ... resolvers = 127.0.0.1:<dns.port>

A zone passes RFC 5782's test points, and lists no random address, unless told otherwise. What was asked is counted by zone, and
by zone and address. Zones may be added while it runs; questions for other zones are REFUSED.
"""
import heapq
import re
import selectors
import socket
import struct
import threading
import time

from dns import behaviours as b
from dns import message as m

POINT4, TEST4 = '1.0.0.127', '2.0.0.127'
POINT6 = '1.0.0.0.0.0.f.7.f.f.f.f.' + '.'.join('0' * 20)
TEST6 = '2' + POINT6[1:]


class Zone:
    """
    answer: for every address that tests look up, or a dictionary of reversed addresses, others not being listed.
    others: for the random addresses of a probe, and all else; word: for names that are no address.
    """

    SEEN = re.compile(r'1?[0-9]\.[12]\.[0-9]+\.45|.*\.0\.8\.7\.4\.2\.0\.a\.2')      # 45.*.1 and 2, .0 to .19; 2a02:4780::/32

    def __init__(self, answer, point=None, test=None, others=None, word=None):
        no, yes = b.not_listed(), b.listed('127.0.0.2')
        self.special = {POINT4: point or no, POINT6: point or no, TEST4: test or yes, TEST6: test or yes}
        self.wildcards = {}     # {what follows "*.": what it does}, for names that the zone does not have
        self.answers = answer if isinstance(answer, dict) else None
        self.answer = answer
        self.others = others or no
        self.word = word or self.others

    def behaviour(self, what):
        for name, act in self.wildcards.items():
            if what.endswith('.' + name) and (self.answers is None or what not in self.answers):
                return act
        if what in self.special:
            return self.special[what]
        if '.' not in what:
            return self.word
        if self.answers is not None:
            return self.answers.get(what, self.others)
        return self.answer if self.SEEN.fullmatch(what) else self.others


class Server:
    def __init__(self):
        self.zones, self.asked, self.questions = {}, {}, {}
        self.later, self.order = [], 0
        self.udp, self.tcp, self.other = open_ports()
        self.port = self.udp.getsockname()[1]
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.udp, selectors.EVENT_READ, self.on_udp)
        self.selector.register(self.tcp, selectors.EVENT_READ, self.on_accept)
        self.over = False
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.over = True
        self.thread.join(5)
        for key in list(self.selector.get_map().values()):
            key.fileobj.close()
        self.other.close()

    def run(self):
        while not self.over:
            for key, _ in self.selector.select(self.wait_s()):
                key.data(key.fileobj)
            now = time.monotonic()
            while self.later and self.later[0][0] <= now:
                heapq.heappop(self.later)[2]()

    def wait_s(self):
        return min(0.05, max(0, self.later[0][0] - time.monotonic())) if self.later else 0.05

    # -- questions

    def on_udp(self, sock):
        try:
            packet, client = sock.recvfrom(65535)
        except OSError:
            return
        self.answer(packet, False, lambda raw: send_to(sock, raw, client), lambda raw: send_to(self.other, raw, client))

    def on_accept(self, sock):
        conn, _ = sock.accept()
        conn.settimeout(2)
        self.selector.register(conn, selectors.EVENT_READ, self.on_tcp)

    def on_tcp(self, conn):
        try:
            size = conn.recv(2, socket.MSG_WAITALL)
            packet = conn.recv(struct.unpack('!H', size)[0], socket.MSG_WAITALL) if len(size) == 2 else b''
        except OSError:
            packet = b''
        if not packet:
            self.selector.unregister(conn)
            conn.close()
            return
        self.answer(packet, True, lambda raw: send_all(conn, raw), lambda raw: None)

    def answer(self, packet, tcp, send, elsewhere):
        try:
            question = m.Question(packet)
        except (IndexError, struct.error, UnicodeDecodeError):
            return
        question.tcp = tcp
        what, zone = self.find(question.name)
        behaviour = self.zones[zone].behaviour(what) if zone else b.refused
        self.count(zone, what)
        delay, event = 0, None
        for act, value in behaviour(question):
            if act == 'wait':
                delay += value
            elif act == 'until':
                event = value
            else:
                self.at(delay, event, lambda act=act, value=value: (send if act == 'send' else elsewhere)(value))

    def at(self, delay, event, call):
        if event and not event.is_set():
            self.push(0.01, lambda: self.at(delay, event, call))
        elif delay:
            self.push(delay, call)
        else:
            call()

    def push(self, delay, call):
        self.order += 1
        heapq.heappush(self.later, (time.monotonic() + delay, self.order, call))

    def find(self, name):
        parts = name.split('.')
        for i in range(len(parts)):
            zone = '.'.join(parts[i:])
            if zone in self.zones:
                return '.'.join(parts[:i]), zone
        return name, None

    def count(self, zone, what):
        self.asked[zone] = self.asked.get(zone, 0) + 1
        self.questions[zone, what] = self.questions.get((zone, what), 0) + 1


def send_to(sock, raw, client):
    try:
        sock.sendto(raw, client)
    except OSError:
        pass                               # longer than a datagram: nothing arrives


def send_all(conn, raw):
    try:
        conn.sendall(struct.pack('!H', len(raw)) + raw)
    except (OSError, struct.error):
        pass


def open_ports():
    """UDP and TCP on one free port, and a UDP socket on another."""
    while True:
        udp, tcp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), socket.socket()
        udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        udp.bind(('127.0.0.1', 0))
        try:
            tcp.bind(udp.getsockname())
        except OSError:
            udp.close()
            tcp.close()
            continue
        tcp.listen(64)
        other = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        other.bind(('127.0.0.1', 0))
        return udp, tcp, other
