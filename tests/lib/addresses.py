# SPDX-License-Identifier: MIT
"""addresses.py - addresses as text, as keys of the database, and as a DNS list is asked for them"""
import ipaddress

MAPPED = b'\0' * 10 + b'\xff\xff'


def key_of(address):
    """The 16 bytes that the database has for it."""
    ip = ipaddress.ip_address(address)
    return ip.packed if ip.version == 6 else MAPPED + ip.packed


def address_of(key):
    return str(ipaddress.ip_address(key[12:] if key[:12] == MAPPED else key))


def reversed_of(address):
    """What precedes the zone in a question."""
    return ipaddress.ip_address(address).reverse_pointer.removesuffix('.in-addr.arpa').removesuffix('.ip6.arpa')


def some(count, first=45):
    """That number of different IPv4 addresses."""
    return [f'{first}.{i >> 16}.{i >> 8 & 255}.{i & 255}' for i in range(1, count + 1)]
