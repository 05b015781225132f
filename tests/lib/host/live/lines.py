# SPDX-License-Identifier: MIT
"""
lines.py - the lines that a daemon wrote, and which filters take which

The filters run in the class behind fail2ban-regex (samples.py), over the whole
log of a machine, as in a jail.
"""

import re

from host import samples


def read(path, begin):
    """The lines that begin like this, a regular expression."""
    begin = re.compile(begin)
    with open(path, encoding="utf-8", errors="replace", newline="\n") as file:
        return [line for line in file.read().split("\n")
                if line and begin.match(line)]


def examine(server, logs):
    """{daemon's name: [sample of each line]}; logs: {name: lines}."""
    found = {name: [samples.Sample(name, line, f"none\t{name.partition('-')[0]}")
                    for line in lines] for name, lines in logs.items()}
    samples.examine(list(found.values()), server.packages.fail2ban_modules,
                    server.config)
    return found


def has_address(line, address):
    return re.search(rf"(?<![\d.]){re.escape(address)}(?![\d.])", line)
