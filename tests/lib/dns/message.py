# SPDX-License-Identifier: MIT
"""message.py - just enough of RFC 1035's format to answer a question, rightly or wrongly."""
import ipaddress
import struct

A, CNAME, SOA, TXT, AAAA = 1, 5, 6, 16, 28
NOERROR, SERVFAIL, NXDOMAIN, REFUSED = 0, 2, 3, 5


def name_bytes(name):
    return b''.join(bytes([len(part)]) + part.encode() for part in name.split('.') if part) + b'\0'


class Question:
    """The one question of a query: its ID, its name in lower case, its type, and its bytes."""

    def __init__(self, packet):
        self.id = packet[:2]
        at, parts = 12, []
        while packet[at]:
            parts.append(packet[at + 1:at + 1 + packet[at]].decode('ascii'))
            at += 1 + packet[at]
        self.name = '.'.join(parts).lower()
        self.type = struct.unpack('!H', packet[at + 1:at + 3])[0]
        self.section = packet[12:at + 5]
        self.tcp = False


def record(name, kind, ttl, data):
    """name: bytes; b'\\xc0\\x0c' is the question's."""
    return name + struct.pack('!HHIH', kind, 1, ttl & 0xffffffff, len(data)) + data


def a_record(ip, ttl, name=b'\xc0\x0c'):
    return record(name, A, ttl, ipaddress.IPv4Address(ip).packed)


def aaaa_record(ip, ttl):
    return record(b'\xc0\x0c', AAAA, ttl, ipaddress.IPv6Address(ip).packed)


def txt_record(text, ttl):
    raw = text if isinstance(text, bytes) else text.encode()
    parts = [raw[i:i + 255] for i in range(0, len(raw), 255)] or [b'']
    return record(b'\xc0\x0c', TXT, ttl, b''.join(bytes([len(p)]) + p for p in parts))


def soa_record(zone, ttl, minimum):
    data = name_bytes('ns.' + zone) + name_bytes('host.' + zone) + struct.pack('!5I', 1, 600, 300, 86400, minimum)
    return record(name_bytes(zone), SOA, ttl, data)


def reply(question, rcode=NOERROR, answers=(), authority=(), truncated=False, section=None):
    flags = 0x8180 | (0x0200 if truncated else 0) | rcode
    section = question.section if section is None else section
    header = question.id + struct.pack('!5H', flags, 1 if section else 0, len(answers), len(authority), 0)
    return header + section + b''.join(answers) + b''.join(authority)
