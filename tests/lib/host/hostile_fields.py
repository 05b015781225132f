# SPDX-License-Identifier: MIT
"""
hostile_fields.py - log lines with what a client chooses in them, and what it may choose

A form, a row of tests/data/hostile_fields.tsv, is a line as its daemon writes it, without time and program, with the settings of the
daemon that let most through (ident, junk HELO, names from DNS, passwords in the log). {A} is the
address that the daemon saw; every other name in braces is a field that the client fills, and
FIELDS says what the daemon lets through of it. lines() fills each field with pieces of the
daemon's other lines, which name another address, and with whole lines of all daemons.
"""

import random
import re

import rows

TRUE = "45.60.0.1"
VICTIM = "8.8.4.4"
PAIRS = 40          # with hostile values in all fields, for each field of a form
ENOUGH = 300        # attempts of one form, chosen by a fixed seed; all take minutes

# daemon -> (beginning of its lines, bytes after which it cuts a line)
DAEMONS = {
    "exim": ("2026-11-29 20:56:12 ", 8000),
    "nginx": ("2026/11/29 21:08:29 ", 2047),
    "nginx access": ("", 65536),
    "sshd": ("Nov 29 20:57:12 mx1 sshd-session[811]: ", 1023),
    "dovecot": ("Nov 29 20:54:14 mx1 dovecot: ", 4096),
    "sendmail": ("Nov 29 21:25:02 mx1 sm-mta[4673]: 6ATLP2S4004673: ", 1023),
    "postfix": ("Nov 29 20:59:01 mx1 postfix/smtpd[14652]: ", 2048),
    "cyrus": ("Nov 29 20:59:01 mx1 cyrus/imap[811]: ", 2048),
    "courier": ("Nov 29 20:59:01 mx1 imapd: ", 505),
    "courier smtp": ("Nov 29 20:59:01 mx1 courieresmtpd: ", 505),
    "uwimap": ("Nov 29 20:59:01 mx1 imapd[811]: ", 1023),
}
# daemon -> (beginning, limit, {form: what it counts as})
FORMS = {daemon: (*given, {row["name"]: row["outcome"] for row in rows.read("hostile_fields.tsv", 100)
                           if row["daemon"] == daemon}) for daemon, given in DAEMONS.items()}


def cut(text, nbytes):
    return text.encode()[:nbytes].decode(errors="ignore")


def host_name(text):
    """glibc and the daemons refuse any other name from DNS."""
    return re.sub(r"[^\w.-]|[^\x00-\x7f]", "", text)[:120].strip("-.") or "host.example"


def escaped_name(text):
    """Exim with dns_check_names_pattern unset: a name as the resolver shows it, any byte in it."""
    return re.sub(r"[\s\"();@$\\]", lambda found: f"\\{ord(found[0]):03}", text)[:200] or "host.example"


def quoted_sender(text):
    """Blanks are only in quotes."""
    if re.search(r"[\s\"\\<>()]", text):
        return '"' + re.sub(r"([\"\\])", r"\\\1", text) + '"@example.net'
    return text + "@example.net"


# field -> (value of an honest client, what the daemon makes of any value)
FIELDS = {
    "ptr": ("host.example", escaped_name),
    "name": ("host.example", host_name),
    "helo": ("laptop", lambda text: text[:1000]),
    "ident": ("bob", lambda text: text[:127]),
    "sender": ("bob", quoted_sender),
    "atom": ("bob", lambda text: re.sub(r"[^\w!#$%&'*+./^`{|}~-]|[^\x00-\x7f]", "", text)[:256] or "x"),
    "word": ("WORD", lambda text: re.sub(r"\s", "", text)[:200] or "x"),
    "mech": ("PLAIN", lambda text: text.upper()[:80]),
    "quoted": ("x", lambda text: text.replace('"', "\\x22")),
    "text": ("x", str),
    "user": ("bob", str),
    "text80": ("x", lambda text: text[:80]),
    "text100": ("x", lambda text: text[:100]),
    "text200": ("x", lambda text: cut(text, 200)),
    "user64": ("bob", lambda text: text[:64]),
    "user80": ("bob", lambda text: text[:80]),
    "user100": ("bob", lambda text: cut(text, 100)),
}
FIELD = re.compile(r"\{(\w+)\}")


def fill(form, values, address=TRUE):
    """values: one for each field but {A}, in order."""
    left = iter(values)
    return FIELD.sub(lambda found: address if found[1] == "A" else next(left), form)


def fields_of(form):
    return [name for name in FIELD.findall(form) if name != "A"]


def honest(form, address=TRUE):
    return fill(form, [FIELDS[name][0] for name in fields_of(form)], address)


def whole_lines():
    """Of all daemons, about the victim: the text alone, with its program, with its time."""
    for begin, _, forms in FORMS.values():
        program = re.sub(r"^\S+ \d+ [\d:]+ \S+ ", "", begin)
        for form in forms:
            text = honest(form, VICTIM)
            yield from (text, program + text, begin + text)


def pieces(forms, room):
    """Ends of the daemon's own lines about the victim, and these followed by more, up to where a line is cut."""
    for form in forms:
        text = honest(form, VICTIM)
        end = text.find(VICTIM)
        for place in [match.start() for match in re.finditer(r"\W|(?<=\W)\w", text) if match.start() <= end]:
            tail = text[place:]
            close = re.match(r"[\d.]+[\])>]?(?::\d+| port \d+)?", text[end:]).end() + end
            for one in (tail, text[place:close], tail + " x"):
                yield "x" + one
            if place % 5 == 0:
                for more in (" ", "0", "\U0001f600", ") [", "]"):
                    yield ("x" + tail + more * room)[:room]
                    yield ("x" + text[place:close] + more * room)[:room]


def lines(daemon, enough=ENOUGH):
    """(form, line) of the attempts against each form of this daemon."""
    begin, limit, forms = FORMS[daemon]
    values = list(dict.fromkeys([*pieces(forms, limit), *whole_lines()]))
    choose = random.Random(15)
    seen = set()
    for form in forms:
        names = fields_of(form)
        plain = [FIELDS[name][0] for name in names]
        tries = [(place, value) for place in range(len(names)) for value in values]
        tries = choose.sample(tries, min(enough, len(tries)))
        filled = [[*plain[:place], FIELDS[names[place]][1](value), *plain[place + 1:]] for place, value in tries]
        if len(names) > 1:
            filled += [[FIELDS[name][1](choose.choice(values)) for name in names] for _ in range(PAIRS * len(names))]
        for one in filled:
            line = begin + cut(fill(form, one), limit)
            if line not in seen and VICTIM in line:
                seen.add(line)
                yield form, line
