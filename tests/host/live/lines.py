# SPDX-License-Identifier: MIT
"""
lines.py - the lines that a machine wrote, and which filter takes which

fail2ban-regex of the package reads the file as a jail would; a filter takes a
line if fail2ban-regex prints it as matched.
"""

import collections
import re
import sys

import process

MATCHED = "Matched line(s):"


def read(path, tags):
    """The lines of one program: tags is a regular expression."""
    program = re.compile(rf"^\S+ \S+ (?:{tags})(?:\[\d+\])?: ")
    with open(path, encoding="utf-8", errors="replace") as file:
        return [line for line in file.read().splitlines()
                if program.match(line)]


def matched(server, path, wanted):
    """The lines of a file that a filter takes; server: a private fail2ban."""
    done = process.run([sys.executable, server.packages.fail2ban("regex"),
                        "-c", server.config, "--usedns=no",
                        "--print-all-matched", path, wanted],
                       env=server.environment(), check=False)
    text = done.stdout.partition(MATCHED)[2]
    lines = [line[3:] for line in text.splitlines() if line.startswith("|  ")]
    if "lines matched" not in done.stdout.replace("\n", " ") and not lines \
            and "Lines:" not in done.stdout:
        raise process.CommandError(f"fail2ban-regex {wanted}: {done.stdout}"
                                   f"{done.stderr}")
    return collections.Counter(line.rstrip() for line in lines)


def outcomes(server, daemon, path):
    """{line: set of kinds (ambiguous, spray, good, sure)} for a file."""
    found = collections.defaultdict(set)
    for kind, names in daemon.filters.items():
        for name in names:
            for line in matched(server, path, name):
                found[line].add(kind)
    return found
