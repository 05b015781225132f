# SPDX-License-Identifier: MIT
"""questions.py - ask a name server in the network of a host: what a lookup sees, without its cache"""
import ipaddress
import os
import socket
import struct

from addresses import reversed_of
from dns import message

ZONE = 'bl.example.net'
WAIT_S, TRIES = 2, 5                       # a busy server may lose a question


class Answer:
    """rcode; values: of A records, TXT records or serials, in an order of their own."""

    def __init__(self, packet, kind):
        self.rcode = packet[3] & 15
        questions, answers = struct.unpack('!HH', packet[4:8])
        at = 12
        for _ in range(questions):
            at = end_of_name(packet, at) + 4
        self.values = []
        for _ in range(answers):
            at = end_of_name(packet, at)
            found, _, _, size = struct.unpack('!HHIH', packet[at:at + 10])
            at += 10
            if found == kind:
                self.values.append(value(packet, at, size, kind))
            at += size
        self.values.sort()


def end_of_name(packet, at):
    while packet[at] and packet[at] < 192:
        at += 1 + packet[at]
    return at + (2 if packet[at] else 1)


def value(packet, at, size, kind):
    data = packet[at:at + size]
    if kind == message.A:
        return str(ipaddress.IPv4Address(data))
    if kind == message.SOA:
        return struct.unpack('!I', data[-20:-16])[0]
    return data[1:].decode('latin-1')


def ask(host, name, kind=message.A, server='127.0.0.1'):
    """Answer, or None: none came."""
    question = os.urandom(2) + struct.pack('!5H', 0x0100, 1, 0, 0, 0) + message.name_bytes(name) + \
        struct.pack('!2H', kind, 1)
    with host.socket() as asking:
        asking.settimeout(WAIT_S)
        for _ in range(TRIES):
            try:
                asking.sendto(question, (server, 53))
                while (packet := asking.recv(4096))[:2] != question[:2]:
                    pass
                return Answer(packet, kind)
            except (socket.timeout, ConnectionRefusedError):
                continue
    return None


def listed(host, address, server='127.0.0.1'):
    """The A records of an address, [] if there are none, None if the server does not say."""
    answer = ask(host, f'{reversed_of(address)}.{ZONE}', server=server)
    return answer.values if answer and answer.rcode in (message.NOERROR, message.NXDOMAIN) else None


def texts(host, address, server='127.0.0.1'):
    answer = ask(host, f'{reversed_of(address)}.{ZONE}', message.TXT, server)
    return answer.values if answer else None


def serial(host, server='127.0.0.1'):
    """Of the zone, None if the server does not have it."""
    answer = ask(host, ZONE, message.SOA, server)
    return answer.values[0] if answer and answer.values else None
