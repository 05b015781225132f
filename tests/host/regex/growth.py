#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""
growth.py - how long filters need for hostile lines

    growth.py MODULES CONFIG < request > answer

The request is JSON, {"filters": {filter: [line ...]}, "units": [text ...], "length": N,
"short": N}: lines that the filter matches, without their time. Each unit is repeated up to
both lengths, alone and inside each of the lines, at the blanks between its words. The answer
has for each filter the longest processor time in seconds, and the beginning of that text.

A line is handed to the filter as the journal's are, with its time apart: that leaves out
fail2ban's search for a time, which is not ours.
"""

import json
import sys
import time

modules, config = sys.argv[1:]
sys.path[0] = modules

from fail2ban.client import fail2banregex       # noqa: E402

PLACES = 3


def hostile(line, units, lengths):
    """The line with each unit at some of its blanks; without a line, the units alone."""
    blanks = [place for place, letter in enumerate(line) if letter == " "] or [0]
    for place in blanks[::max(1, len(blanks) // PLACES)] + [len(line)]:
        for unit in units:
            for length in lengths:
                yield line[:place] + unit * (length // len(unit)) + line[place:]


def examine(name, lines, units, lengths):
    """(seconds, text) of the slowest."""
    options, _ = fail2banregex.get_opt_parser().parse_args(
        ["-c", config, "-o", "row", "--usedns", "no"])
    tester = fail2banregex.Fail2banRegex(options)
    if not tester.readRegex(name, "fail"):
        raise SystemExit(f"{name}: fail2ban-regex cannot read this filter")
    now = time.time()
    worst = (0, "")
    for line in ["", *lines]:
        for text in hostile(line, units, lengths):
            began = time.process_time()
            tester._filter.processLine(("", "", text), now)
            worst = max(worst, (time.process_time() - began, text[:200]))
    return worst


def main():
    request = json.load(sys.stdin)
    lengths = (request["short"], request["length"])
    json.dump({name: examine(name, lines, request["units"], lengths)
               for name, lines in request["filters"].items()}, sys.stdout)


if __name__ == "__main__":
    main()
