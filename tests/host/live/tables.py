# SPDX-License-Identifier: MIT
"""
tables.py - for each daemon: behaviour, lines, filters that take them, bans

The lines are those of the unlisted address on the side with iprep, which no
extended ban cuts short.
"""

import collections
import os
import re

from checks import jails, table
from live import roots
from live.behaviours import BEHAVIOURS


def show(play):
    for daemon in play.stage.daemons:
        show_daemon(play, daemon)


def show_daemon(play, daemon):
    written, kinds = play.written[daemon.name]
    acts = {(act.behaviour, act.run): act for act in play.acts
            if act.daemon is daemon}
    play.checks.say(f"{daemon.name} {version(play, daemon)}")
    rows = []
    for name in BEHAVIOURS:
        own = [line for line in written
               if has_address(line, daemon.client(name, False))]
        rows.append((name, " ".join(acts[name, "unlisted"].steps[-1:]),
                     str(len(own)), taken(own, kinds),
                     fate(acts[name, "listed"]), fate(acts[name, "unlisted"]),
                     fate(acts[name, "plain"])))
    table(("behaviour", "client saw", "lines", "filters",
           "listed, with iprep", "unlisted, with iprep", "without iprep"), rows)


def has_address(line, address):
    return re.search(rf"(?<![\d.]){re.escape(address)}(?![\d.])", line)


def taken(own, kinds):
    """How many lines each kind of filter takes: "sure 5, spray 5"."""
    count = collections.Counter(kind for line in own
                                for kind in kinds.get(line, ()))
    return ", ".join(f"{kind} {number}" for kind, number
                     in sorted(count.items())) or "-"


def fate(act):
    return (jails(act.bans) or "-") + ("" if act.is_open else ", refused")


def version(play, daemon):
    root = play.stage.roots.get(daemon.machine, ())
    return re.match(r"[\d.]*\d(?:p\d+)?",
                    roots.version(root, daemon.packages[0]))[0]


def keep_logs(play, directory):
    """DAEMON-VERSION.log with the lines of the unlisted clients."""
    for daemon in play.stage.daemons:
        written, _ = play.written[daemon.name]
        path = f"{directory}/{daemon.name}-{version(play, daemon)}.log"
        own = [line for line in written for name in BEHAVIOURS
               if has_address(line, daemon.client(name, False))]
        with open(path, "w", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in own)
        play.checks.say(f"kept {os.path.basename(path)}: {len(own)} lines")
