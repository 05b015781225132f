# SPDX-License-Identifier: MIT
"""
report.py - the demo's tables: each address, and the botnet with and without

Bans are as fail2ban reports them, evidence is what rep-check has on disk, the
verdict is the tier of the verdict line, and the last column is a connection
made now to the port that was attacked. tests/README.md shows the same tables.
"""

import difflib
import itertools
import os

import acts
import cast
from host.checks import jails, table

README = os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "README.md")


def show(stage, checks):
    checks.say("the result for each address")
    actors = (*cast.CAST, cast.LATE, cast.LOST)
    bans = stage.host.bans()
    known = stage.host.iprep.known(*[actor.address for actor in cast.EVERYBODY])
    wanted = [(actor.address, actor.port) for actor in cast.EVERYBODY]
    with_iprep = stage.host.connects(wanted)
    shown = table(("who", "address", "seen", "evidence", "verdict", "sent", "fail2ban bans it", "TCP"),
                  [row(stage, actor, bans, known, with_iprep) for actor in actors])
    plain_bans = stage.plain.bans()
    without = stage.plain.connects(wanted)
    shown += table(("botnet, one guess each", "evidence", "with iprep", "TCP", "without iprep", "TCP"),
                   [bot_row(actor, known, bans, with_iprep, plain_bans, without) for actor in cast.BOTNET])
    written = in_readme()
    differing = [line for line in difflib.ndiff(written, shown) if line[0] in "-+"]
    checks.equal("tests/README.md shows these tables", differing, [])


def in_readme():
    """The lines of the same tables there: indented text that begins with "who"."""
    with open(README, encoding="utf-8") as file:
        lines = file.read().splitlines()
    first = next((number for number, line in enumerate(lines) if line.startswith("    who ")), len(lines))
    shown = itertools.takewhile(lambda line: line.startswith("    ") or not line, lines[first:])
    return [line.strip() for line in shown if line]


def row(stage, actor, bans, known, answers):
    verdict = (acts.verdict_of(stage, actor.address)
               or known[actor.address]["verdict"])
    return (actor.name, actor.address, actor.seen,
            evidence(known[actor.address]), verdict,
            str(len(stage.api.reports_of(actor.address))),
            jails(bans.get(actor.address, {})) or "-", tcp(actor, answers))


def bot_row(actor, known, bans, answers, plain_bans, plain_answers):
    return (actor.address, evidence(known[actor.address]),
            jails(bans.get(actor.address, {})) or "-", tcp(actor, answers),
            jails(plain_bans.get(actor.address, {})) or "-",
            tcp(actor, plain_answers))


def evidence(known):
    """The sources that gave points: "zen +3, abuseipdb +10"."""
    found = [f"{one['source']} {one['points']:+d}"
             for one in known["findings"] if one["points"]]
    return ", ".join(found) or "nothing"


def tcp(actor, answers):
    return "open" if answers[(actor.address, actor.port)] else "refused"
