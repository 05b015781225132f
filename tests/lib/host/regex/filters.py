#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""
filters.py - what fail2ban-regex finds in many logs, with many filters, in one process; and how long that can take

    filters.py match|growth MODULES CONFIG < request > answer

MODULES is the directory of fail2ban's Python modules, CONFIG a configuration. Requests and answers are JSON.

match: {"logs": [[line ...] ...], "filters": [filter ...]}, a filter as fail2ban-regex takes it: "sshd" or
"postfix[mode=auth]". A line may be an entry of the journal, an object as "journalctl -o json" writes it; the words that a
filter gets of it are made by fail2ban's own function. The answer is a list, for each log an object that has for each
filter how many expressions it has and its matches, [number of the line, number of the expression, address, user name or
null]. Within a log a filter remembers earlier lines, as in a jail: stock sshd needs it.

growth: {"filters": {filter: [line ...]}, "units": [text ...], "lengths": [[N, 4 N] ...]}: lines that the filter matches,
without their time. Each unit is repeated up to each length, alone and inside each of the lines, at the blanks between its
words; the filter gets the whole. Each expression, and each of the filter's patterns for a time, gets the repeated units as
well, and pieces of its own text. The answer has for each filter {what: [seconds, seconds, text]}: the processor time for
both lengths, of the text that took longest, and its beginning. A line is handed to the filter as the journal's are, with
its time apart.

All is done by the class behind the command fail2ban-regex; starting that once per filter would take minutes.
"""

import datetime
import json
import re
import sys
import time
import types

what, modules, config = sys.argv[1:]
sys.path[0] = modules

from fail2ban.client import fail2banregex       # noqa: E402

PLACES = 2
OWN = 6             # pieces of an expression's own text
SHORT_S = 0.01      # what takes no longer needs no second try
TRIES = 3


def tester(name):
    options, _ = fail2banregex.get_opt_parser().parse_args(
        ["-c", config, "-o", "row", "--usedns", "no"])
    made = fail2banregex.Fail2banRegex(options)
    if not made.readRegex(name, "fail"):
        raise SystemExit(f"{name}: fail2ban-regex cannot read this filter")
    return made


# -- match

def reader():
    """What FilterSystemd.formatJournalEntry() wants of its filter."""
    try:
        from systemd import journal     # noqa: F401
    except ImportError:     # only its name is needed: the journal was read already
        sys.modules["systemd"] = types.ModuleType("systemd")
        sys.modules["systemd"].journal = types.SimpleNamespace(__version__="234")
    from fail2ban.server.filtersystemd import FilterSystemd
    return type("Reader", (), {
        "jailName": "journal", "getLogEncoding": lambda self: "UTF-8",
        "getJrnEntTime": FilterSystemd.getJrnEntTime,
        "formatJournalEntry": FilterSystemd.formatJournalEntry})()


def formatted(entry):
    """As python-systemd has it, then as a filter gets it."""
    entry = dict(entry)
    if isinstance(entry["MESSAGE"], list):      # bytes, as they are no plain text
        entry["MESSAGE"] = bytes(entry["MESSAGE"])
    entry["__REALTIME_TIMESTAMP"] = datetime.datetime.fromtimestamp(
        int(entry["__REALTIME_TIMESTAMP"]) / 1e6)
    entry.pop("_SOURCE_REALTIME_TIMESTAMP", None)
    return reader().formatJournalEntry(entry)


def matches_of(name, lines):
    """The answer for one filter."""
    one = tester(name)
    matches = []
    for number, line in enumerate(lines):
        words = formatted(line) if isinstance(line, dict) else (line,)
        _, found, ignored = one.testRegex(*words)
        if ignored:
            continue
        for expression, address, _, data in (row[:4] for row in found):
            address = str(data.get("ip", address))
            matches.append([number, expression, address, data.get("user")])
    return {"expressions": len(one._filter.getFailRegex()), "matches": matches}


def match(request):
    return [{name: matches_of(name, lines) for name in request["filters"]} for lines in request["logs"]]


# -- growth

def hostile(line, unit, length):
    """The line with the unit at some of its blanks; without a line, the unit alone."""
    blanks = [place for place, letter in enumerate(line) if letter == " "] or [0]
    for place in blanks[::max(1, len(blanks) // PLACES)] + [len(line)]:
        yield line[:place] + unit * (length // len(unit)) + line[place:]


def seconds(run, text):
    """The least of some tries: others use the processor's caches too."""
    least = 1e9
    for _ in range(TRIES):
        began = time.process_time()
        run(text)
        least = min(least, time.process_time() - began)
        if least < SHORT_S:
            break
    return least


def slowest(run, pairs):
    """pairs: the same text, short and long. [seconds, seconds, text]"""
    worst = [0, 0, ""]
    for short, long in pairs:
        began = time.process_time()
        run(long)
        if time.process_time() - began > worst[1]:
            took = seconds(run, long)
            if took > worst[1]:
                worst = [seconds(run, short), took, long[:200]]
    return worst


def expressions(one):
    """{what: function of a text}"""
    found = {"prefregex": one.prefRegex} if one.prefRegex else {}
    found |= {f"failregex {i}": regex for i, regex in enumerate(one._Filter__failRegex, 1)}
    found |= {f"ignoreregex {i}": regex for i, regex in enumerate(one._Filter__ignoreRegex, 1)}
    compiled = {what: regex._regexObj for what, regex in found.items()}
    compiled |= {f"datepattern {i}": template._cRegex for i, template in enumerate(one.dateDetector.templates, 1)
                 if getattr(template, "_cRegex", None)}
    return compiled


def own_pieces(pattern):
    pieces = [piece for piece in re.split(r"[\\\[\](){}?*+|^$.]+", pattern) if 1 < len(piece) < 40]
    return list(dict.fromkeys(pieces))[:OWN]


def growth_of(name, lines, units, lengths):
    one = tester(name)._filter
    now = time.time()
    answer = {}
    for short, long in lengths:
        pairs = [pair for line in ["", *lines] for unit in units
                 for pair in zip(hostile(line, unit, short), hostile(line, unit, long))]
        answer[f"{long} characters"] = slowest(lambda text: one.processLine(("", "", text), now), pairs)
    short, long = lengths[-1]
    for what, compiled in expressions(one).items():
        own = own_pieces(compiled.pattern)
        pairs = [(head + unit * (short // len(unit)), head + unit * (long // len(unit)))
                 for head in ["", *own[:1]] for unit in [*units, *own]]
        answer[what] = slowest(compiled.search, pairs)
    return answer


def growth(request):
    return {name: growth_of(name, lines, request["units"], request["lengths"])
            for name, lines in request["filters"].items()}


if __name__ == "__main__":
    json.dump({"match": match, "growth": growth}[what](json.load(sys.stdin)), sys.stdout)
