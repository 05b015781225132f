# SPDX-License-Identifier: MIT
"""
checks.py - print progress, count passed and failed checks, print tables
"""

import sys
import time

PERIODS = ((86400, "d"), (3600, "h"), (60, "m"), (1, "s"))


class Checks:
    """Every check has a sentence as its name; failed ones are listed at the end."""

    def __init__(self):
        self.began = time.monotonic()
        self.count = 0
        self.failed = []

    def say(self, text):
        print(f"[{self.elapsed():5.1f} s] {text}", flush=True)

    def elapsed(self):
        return time.monotonic() - self.began

    def check(self, sentence, is_so, found=""):
        """One check; found is what was found instead."""
        self.count += 1
        if is_so:
            print(f"    ok      {sentence}", flush=True)
            return
        self.failed.append(sentence)
        print(f"    FAILED  {sentence}" + (f": {found}" if found != "" else ""),
              flush=True)

    def equal(self, sentence, found, expected):
        self.check(sentence, found == expected,
                   f"found {found!r}, expected {expected!r}")

    def close(self, name):
        """Print the summary; returns the exit status."""
        for sentence in self.failed:
            print(f"{name}: failed: {sentence}", file=sys.stderr)
        print(f"{name}: {self.count} checks, {len(self.failed)} failed, "
              f"{self.elapsed():.0f} s")
        return 1 if self.failed else 0


def table(heading, rows):
    """Print rows of texts in columns; returns the lines."""
    widths = [max(len(cell) for cell in column)
              for column in zip(heading, *rows)]
    lines = []
    for row in (heading, ["-" * width for width in widths], *rows):
        cells = [cell.ljust(width) for cell, width in zip(row, widths)]
        lines.append("  ".join(cells).rstrip())
    print("", *lines, "", sep="\n", flush=True)
    return lines


def period(seconds):
    """600 -> 10m, 31536000 -> 365d."""
    for size, letter in PERIODS:
        if seconds >= size and seconds % size == 0:
            return f"{seconds // size}{letter}"
    return f"{seconds}s"


def jails(bans):
    """{jail: seconds} -> "sshd 10m, rep-confirmed 1d"."""
    return ", ".join(f"{jail} {period(seconds)}"
                     for jail, seconds in sorted(
                         bans.items(), key=lambda one: (one[1], one[0])))
