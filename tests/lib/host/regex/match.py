#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""
match.py - what fail2ban-regex finds in many logs, with many filters, in one process

    match.py MODULES CONFIG < request > answer

MODULES is the directory of fail2ban's Python modules, CONFIG a configuration. The request is
JSON, {"logs": [[line ...] ...], "filters": [filter ...]}, a filter as fail2ban-regex takes it:
"sshd" or "postfix[mode=auth]". A line may be an entry of the journal, an object as "journalctl
-o json" writes it; the words that a filter gets of it are made by fail2ban's own function. The answer is a list, for each log an object that has for each
filter how many expressions it has and its matches, [number of the line, number of the
expression, address, user name or null].

All is done by the class behind the command fail2ban-regex; starting that once per filter would
take minutes. Within a log a filter remembers earlier lines, as in a jail: stock sshd needs it.
This file has a separate directory because the directory of its callers has a module named fail2ban.
"""

import datetime
import json
import sys
import types

modules, config = sys.argv[1:]
sys.path[0] = modules

from fail2ban.client import fail2banregex       # noqa: E402


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


def examine(name, lines):
    """The answer for one filter."""
    options, _ = fail2banregex.get_opt_parser().parse_args(
        ["-c", config, "-o", "row", "--usedns", "no"])
    tester = fail2banregex.Fail2banRegex(options)
    if not tester.readRegex(name, "fail"):
        raise SystemExit(f"{name}: fail2ban-regex cannot read this filter")
    matches = []
    for number, line in enumerate(lines):
        words = formatted(line) if isinstance(line, dict) else (line,)
        _, found, ignored = tester.testRegex(*words)
        if ignored:
            continue
        for expression, address, _, data in (one[:4] for one in found):
            address = str(data.get("ip", address))
            matches.append([number, expression, address, data.get("user")])
    return {"expressions": len(tester._filter.getFailRegex()), "matches": matches}


def main():
    request = json.load(sys.stdin)
    json.dump([{name: examine(name, lines) for name in request["filters"]}
               for lines in request["logs"]], sys.stdout)


if __name__ == "__main__":
    main()
