# SPDX-License-Identifier: MIT
"""
behaviours.py - what a DNS server may do with a question, honest and not

A behaviour is a function of a Question that returns a list of acts: ('send', bytes), ('wait', s),
('until', event), ('elsewhere', bytes) from another port. An empty list is silence.
"""
import re
import struct
import sys

from dns import message as m


def zone_of(question):
    return question.name.split('.', 4)[-1]


def listed(*ips, ttl=300, txt='listed'):
    def act(q):
        if q.type == m.TXT:
            return [('send', m.reply(q, answers=[m.txt_record(txt, ttl)]))]
        return [('send', m.reply(q, answers=[m.a_record(ip, ttl) for ip in ips]))]
    return act


def records(a=(), aaaa=(), txt=(), ttl=300):
    """The records of one name; of a type that it lacks, none."""
    def act(q):
        made = {m.A: [m.a_record(ip, ttl) for ip in a], m.AAAA: [m.aaaa_record(ip, ttl) for ip in aaaa],
                m.TXT: [m.txt_record(text, ttl) for text in txt]}.get(q.type, [])
        return [('send', m.reply(q, answers=made))] if made else no_data()(q)
    return act


def by_type(of):
    """{'A': ..., 'AAAA': ..., 'TXT': ...}"""
    return lambda q: of[{m.A: 'A', m.AAAA: 'AAAA', m.TXT: 'TXT'}[q.type]](q)


def not_listed(ttl=300, minimum=300):
    return lambda q: [('send', m.reply(q, m.NXDOMAIN, authority=[m.soa_record(zone_of(q), ttl, minimum)]))]


def no_data():
    return lambda q: [('send', m.reply(q, authority=[m.soa_record(zone_of(q), 300, 300)]))]


def bare_no():
    """NXDOMAIN without the SOA that tells how long."""
    return lambda q: [('send', m.reply(q, m.NXDOMAIN))]


def silent():
    return lambda q: []


def code(rcode):
    return lambda q: [('send', m.reply(q, rcode))]


servfail, refused = code(m.SERVFAIL), code(m.REFUSED)


def delayed(seconds, inner):
    return lambda q: [('wait', seconds), *inner(q)]


def held(event, inner):
    """No answer before the event, a threading.Event, is set."""
    return lambda q: [('until', event), *inner(q)]


def other_name(ip='127.0.0.2'):
    """The answer is about another name than the question."""
    return lambda q: [('send', m.reply(q, answers=[m.a_record(ip, 300, m.name_bytes('9.9.9.9.elsewhere.test'))]))]


def wrong_question(ip='127.0.0.2'):
    return lambda q: [('send', m.reply(q, answers=[m.a_record(ip, 300)], section=m.name_bytes(
        '9.9.9.9.elsewhere.test') + struct.pack('!2H', m.A, 1)))]


def no_question(ip='127.0.0.2'):
    return lambda q: [('send', m.reply(q, answers=[m.a_record(ip, 300, m.name_bytes(q.name))], section=b''))]


def wrong_id(ip='127.0.0.2'):
    def act(q):
        good = m.reply(q, answers=[m.a_record(ip, 300)])
        return [('send', bytes([good[0] ^ 0x55, good[1] ^ 0xaa]) + good[2:])]
    return act


def wrong_port(ip='127.0.0.2'):
    return lambda q: [('elsewhere', m.reply(q, answers=[m.a_record(ip, 300)]))]


def truncated(over_tcp=None):
    """A stub of an answer over UDP; over TCP what over_tcp says, or nothing."""
    def act(q):
        if q.tcp:
            return over_tcp(q) if over_tcp else []
        return [('send', m.reply(q, truncated=True))]
    return act


def truncated_with_answer(ip='127.0.0.2'):
    return lambda q: [('send', m.reply(q, answers=[m.a_record(ip, 300)], truncated=True))] if not q.tcp else []


def oversized(ip='127.0.0.2'):
    """More than a resolver may send by UDP: thousands of records."""
    return lambda q: [('send', m.reply(q, answers=[m.a_record(ip, 300)] * 4000)[:65000])]


def cut(ip='127.0.0.2', size=-6):
    return lambda q: [('send', m.reply(q, answers=[m.a_record(ip, 300)])[:size])]


def header_only():
    return lambda q: [('send', m.reply(q, section=b'')[:12])]


def garbage(raw=b'\xff' * 40):
    return lambda q: [('send', q.id + raw)]


def a_query():
    """The question sent back: no answer bit."""
    return lambda q: [('send', q.id + b'\x01\x00' + m.reply(q)[4:])]


def chain(ip='127.0.0.2', length=1):
    """CNAMEs from the name asked to an address."""
    def act(q):
        names = [q.name] + [f'c{i}.elsewhere.test' for i in range(length)]
        links = [m.record(m.name_bytes(names[i]), m.CNAME, 300, m.name_bytes(names[i + 1])) for i in range(length)]
        return [('send', m.reply(q, answers=links + [m.a_record(ip, 300, m.name_bytes(names[-1]))]))]
    return act


def chain_loop(ip='127.0.0.2'):
    def act(q):
        there, back = m.name_bytes('c0.elsewhere.test'), m.name_bytes(q.name)
        return [('send', m.reply(q, answers=[m.record(back, m.CNAME, 300, there), m.record(there, m.CNAME, 300, back),
                                             m.a_record(ip, 300, m.name_bytes('c1.elsewhere.test'))]))]
    return act


def by_transport(udp, tcp):
    return lambda q: (tcp if q.tcp else udp)(q)


def dangling(q):
    return m.record(m.name_bytes(q.name), m.CNAME, 300, m.name_bytes('gone.elsewhere.test'))


def chain_to_nothing(rcode=m.NOERROR):
    return lambda q: [('send', m.reply(q, int(rcode), answers=[dangling(q)]))]


def chain_to_no_data():
    return lambda q: [('send', m.reply(q, answers=[dangling(q)], authority=[m.soa_record('elsewhere.test', 300, 300)]))]


def empty():
    """NOERROR, and no record at all."""
    return lambda q: [('send', m.reply(q))]


def foreign_no():
    """NXDOMAIN with the SOA of a zone that the name is not in."""
    return lambda q: [('send', m.reply(q, m.NXDOMAIN, authority=[m.soa_record('elsewhere.test', 300, 300)]))]


def parse(text):
    """As tables write it: 'listed(127.0.0.2, 127.0.0.3)', 'truncated(listed(127.0.0.2))', 'servfail', 'silent'"""
    match = re.fullmatch(r'(\w+)(?:\((.*)\))?', text)
    made = getattr(sys.modules[__name__], match[1])
    if match[1] in ('servfail', 'refused'):
        return made
    return made(*[parse(a) if re.match('[a-z]', a) else a for a in (match[2] or '').split(', ') if a])
