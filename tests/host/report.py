# SPDX-License-Identifier: MIT
"""
report.py - the demo's tables: each address, and the botnet with and without

Bans are as fail2ban reports them, evidence is what rep-check has on disk, the verdict is the tier of the verdict
line, and the last column is a connection made now to the port that was attacked. tests/README.md shows the same tables.
"""

import difflib
import itertools

from cast import BOTNET, EVERYBODY
from host import TESTS
from host.checks import jails, table


def show(stage):
    """stage: Acts"""
    stage.checks.say("the result for each address")
    known = stage.host.iprep.known(*[actor.address for actor in EVERYBODY])
    sides = [(host.bans(), stage.refused(host, EVERYBODY)) for host in (stage.host, stage.plain)]

    def fate(actor, side):
        """Bans and connection."""
        bans, refused = sides[side]
        return jails(bans.get(actor.address, {})) or "-", "refused" if actor.address in refused else "open"

    def evidence(actor):
        """The sources that gave points: "zen +3, abuseipdb +10"."""
        found = [f"{one['source']} {one['points']:+d}" for one in known[actor.address]["findings"] if one["points"]]
        return ", ".join(found) or "nothing"

    shown = table(("who", "address", "seen", "evidence", "verdict", "sent", "fail2ban bans it", "TCP"), [
        (actor.name, actor.address, actor.seen, evidence(actor),
         stage.host.iprep.tier_of(actor.address) or known[actor.address]["verdict"],
         str(stage.host.reports(actor.address)), *fate(actor, 0)) for actor in EVERYBODY if actor not in BOTNET])
    shown += table(("botnet, one guess each", "evidence", "with iprep", "TCP", "without iprep", "TCP"),
                   [(actor.address, evidence(actor), *fate(actor, 0), *fate(actor, 1)) for actor in BOTNET])
    differing = [line for line in difflib.ndiff(in_readme(), shown) if line[0] in "-+"]
    stage.equal("tests/README.md shows these tables", differing, [])


def in_readme():
    """The lines of the same tables there: indented text that begins with "who"."""
    with open(f"{TESTS}/README.md", encoding="utf-8") as file:
        lines = itertools.dropwhile(lambda line: not line.startswith("    who "), file.read().splitlines())
    shown = itertools.takewhile(lambda line: line.startswith("    ") or not line, lines)
    return [line.strip() for line in shown if line]
