#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""
growth.py - how the time that filters need grows with hostile lines

    growth.py MODULES CONFIG < request > answer

The request is JSON, {"filters": {filter: [line ...]}, "units": [text ...], "lengths": [[N, 4 N] ...]}:
lines that the filter matches, without their time. Each unit is repeated up to each length, alone
and inside each of the lines, at the blanks between its words; the filter gets the whole. Each
expression, and each of the filter's patterns for a time, gets the repeated units as well, and
pieces of its own text. The answer has for each filter {what: [seconds, seconds, text]}: the
processor time for both lengths, of the text that took longest, and its beginning.

A line is handed to the filter as the journal's are, with its time apart.
"""

import json
import re
import sys
import time

modules, config = sys.argv[1:]
sys.path[0] = modules

from fail2ban.client import fail2banregex       # noqa: E402

PLACES = 2
OWN = 6             # pieces of an expression's own text
SHORT_S = 0.01      # what takes no longer needs no second try
TRIES = 3


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


def expressions(tester):
    """{what: function of a text}"""
    one = tester._filter
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


def examine(name, lines, units, lengths):
    options, _ = fail2banregex.get_opt_parser().parse_args(
        ["-c", config, "-o", "row", "--usedns", "no"])
    tester = fail2banregex.Fail2banRegex(options)
    if not tester.readRegex(name, "fail"):
        raise SystemExit(f"{name}: fail2ban-regex cannot read this filter")
    now = time.time()
    answer = {}
    for short, long in lengths:
        pairs = [pair for line in ["", *lines] for unit in units
                 for pair in zip(hostile(line, unit, short), hostile(line, unit, long))]
        answer[f"{long} characters"] = slowest(lambda text: tester._filter.processLine(("", "", text), now), pairs)
    short, long = lengths[-1]
    for what, compiled in expressions(tester).items():
        own = own_pieces(compiled.pattern)
        pairs = [(head + unit * (short // len(unit)), head + unit * (long // len(unit)))
                 for head in ["", *own[:1]] for unit in [*units, *own]]
        answer[what] = slowest(compiled.search, pairs)
    return answer


def main():
    request = json.load(sys.stdin)
    json.dump({name: examine(name, lines, request["units"], request["lengths"])
               for name, lines in request["filters"].items()}, sys.stdout)


if __name__ == "__main__":
    main()
