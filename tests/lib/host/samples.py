# SPDX-License-Identifier: MIT
"""
samples.py - the log lines in tests/data/logs, and what fail2ban's filters make of them

A sample is one line and its row: what it must count as, which service wrote it, and, where
the line tries to deceive, the only address that may be found. tests/data/logs/README.md
describes the format; examine() runs every line through every filter, ours and stock.
"""

import json
import os
import re
import sys
import urllib.parse

from host import HERE, TESTS, process

LOGS = f"{TESTS}/data/logs"
# The stock filters of each service, as the stock jails use them.
STOCK = {
    "sendmail": ("sendmail-auth", "sendmail-reject"),
    "dovecot": ("dovecot",),
    "postfix": ("postfix[mode=more]", "postfix[mode=auth]", "postfix[mode=rbl]"),
    "exim": ("exim",),
    "cyrus": ("cyrus-imap",),
    "uwimap": ("uwimap-auth",),
    "courier": ("courier-auth", "courier-smtp"),
    "sshd": ("sshd",),
    "nginx": ("nginx-http-auth", "nginx-bad-request", "nginx-botsearch", "nginx-limit-req"),
}
AMBIGUOUS = {service: f"rep-{service}-ambiguous" for service in STOCK}
OURS = (*AMBIGUOUS.values(), "rep-spray", "rep-login")
# What an expression may try in many ways: as much as a filter reads, and a hundred kilobytes.
UNITS = (" ", "\t", "1", "a:", "a", "a ", "[", "(x) [1.1.1.1] ", '"', ") [", ": ", "a=b, ", "1.1.1.1 ", "sshd[1]: ",
         ", client: 1.1.1.1", '" H=[1.1.1.1]', "user=<x>, ")
LENGTHS = ((450, 1800), (25_000, 100_000))
OUTCOMES = ("ambiguous", "login", "sure", "none")


class Sample:
    """One line, what its row says of it, and what was found: [(filter, address, user)]."""

    def __init__(self, place, line, row):
        self.place = place
        self.line = line
        outcome, self.service, *more = row.split("\t")
        self.outcome = outcome.split()
        self.address = more[0] if more else None
        self.found = []
        self.expressions = []       # (filter, number of its expression)
        if self.service not in STOCK or len(more) > 1 or not all(map(is_outcome, outcome.split())):
            raise ValueError(f"{place}: not a row of outcome, service[, address]: {row!r}")
        if not self.outcome or "none" in self.outcome and len(self.outcome) > 1:
            raise ValueError(f"{place}: no outcome, or \"none\" with others: {row!r}")

    def __str__(self):
        return f"{self.place}: {self.line}"

    def wanted(self, version):
        """The outcome that the row asks for with this fail2ban; "sure@1.0.2,1.1.0" is for two."""
        words = set()
        for word in self.outcome:
            word, _, versions = word.partition("@") if word.startswith("sure") else (word, "", "")
            if not versions or version in versions.split(","):
                words.add(urllib.parse.unquote(word))
        return words or {"none"}

    def counts_as(self):
        """The outcome that the filters gave."""
        seen = set()
        for name, _, user in self.found:
            if name == "rep-spray":
                seen.add(f"spray={user}")
            elif name == "rep-login":
                seen.add("login")
            elif name in STOCK[self.service]:
                seen.add("sure")
            elif name == AMBIGUOUS[self.service]:
                seen.add("ambiguous")
            elif name in OURS:
                seen.add(f"ambiguous to {name}")
        return seen or {"none"}

    def words(self):
        """The same, as words without values; any stock filter makes a line sure."""
        ours = {word.partition("=")[0].partition(" ")[0] for word in self.counts_as()}
        stock = {"sure" for name, _, _ in self.found if name not in OURS}
        return (ours | stock) - {"none"}

    def addresses(self):
        return {address for _, address, _ in self.found}


def is_outcome(word):
    return (word in OUTCOMES or word.startswith("spray=") and len(word) > len("spray=")
            or re.fullmatch(r"sure@\d[\d.]*(?:,\d[\d.]*)*", word))


def names():
    """Of the logs that have an expected outcome."""
    files = os.listdir(LOGS)
    alone = [name for name in files if name.endswith(".tsv") and name[:-4] + ".log" not in files]
    if alone:
        raise ValueError(f"{alone}: no log beside these rows")
    return sorted(name[:-4] for name in files if name.endswith(".tsv"))


def read(name):
    """The samples of NAME.log and NAME.tsv."""
    with open(f"{LOGS}/{name}.log", "rb") as file:
        lines = file.read().decode("utf-8", "replace").split("\n")
    with open(f"{LOGS}/{name}.tsv", encoding="utf-8") as file:
        rows = [row.rstrip("\n") for row in file if not row.startswith("#")]
    if lines.pop() != "" or len(lines) != len(rows):
        raise ValueError(f"{name}: {len(lines)} lines, {len(rows)} rows, or the last line is cut")
    return [Sample(f"{name}.log:{number}", line, row)
            for number, (line, row) in enumerate(zip(lines, rows), 1)]


def ask(what, request, modules, config):
    """What regex/filters.py answers."""
    argv = [sys.executable, "-B", f"{HERE}/regex/filters.py", what, modules, config]
    return json.loads(process.run(argv, stdin=json.dumps(request), timeout_s=900).stdout)


def slowest(lines, modules, config, lengths=LENGTHS):
    """For {filter: [line]}."""
    return ask("growth", {"filters": lines, "units": UNITS, "lengths": lengths}, modules, config)


def match(logs, filters, modules, config):
    """For lists of lines."""
    return ask("match", {"logs": logs, "filters": filters}, modules, config)


def examine(logs, modules, config):
    """Fill in what every filter finds in lists of samples, each list a log of its own;
    returns {filter: (expressions, {those that matched})}."""
    filters = [*OURS, *(name for names in STOCK.values() for name in names)]
    answers_of_logs = match([[sample.line for sample in log] for log in logs], filters, modules, config)
    used = {name: (0, set()) for name in filters}
    for log, answers in zip(logs, answers_of_logs):
        for name, answer in answers.items():
            used[name] = (answer["expressions"],
                          used[name][1] | {match[1] for match in answer["matches"]})
            for number, expression, address, user in answer["matches"]:
                log[number].found.append((name, address, user))
                log[number].expressions.append((name, expression))
    return used
