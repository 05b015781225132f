# SPDX-License-Identifier: MIT
"""
tables.py - for each daemon: behaviour, lines, filters that take them, bans

The lines are those of the unlisted address on the side with iprep, which no
extended ban cuts short.
"""

import collections
import os
import re

from host.checks import jails, table
from host import roots
from host.live.play import has_address


def show(play):
    for daemon in play.stage.daemons:
        show_daemon(play, daemon)


def show_daemon(play, daemon):
    acts = {(act.behaviour, act.run): act for act in play.acts
            if act.daemon is daemon}
    play.checks.say(f"{daemon.name} {version(play, daemon)}")
    rows = []
    for name in daemon.behaviours:
        own = lines_of(play, daemon, name)
        rows.append((name, " ".join(acts[name, "unlisted"].steps[-1:]),
                     str(len(own)), taken(own),
                     fate(acts[name, "listed"]), fate(acts[name, "unlisted"]),
                     fate(acts[name, "plain"])))
    table(("behaviour", "client saw", "lines", "filters",
           "listed, with iprep", "unlisted, with iprep", "without iprep"), rows)


def lines_of(play, daemon, behaviour):
    return [one for one in play.written[daemon.name]
            if has_address(one.line, daemon.client(behaviour, False))]


def taken(own):
    """How many lines each kind of filter takes: "sure 5, spray 5"."""
    count = collections.Counter(word.partition("=")[0] for one in own
                                for word in one.counts_as())
    return ", ".join(f"{kind} {number}" for kind, number
                     in sorted(count.items())) or "-"


def fate(act):
    return (jails(act.bans) or "-") + ("" if act.is_open else ", refused")


def version(play, daemon):
    root = play.stage.roots.path(daemon.machine)
    return re.match(r"[\d.]*\d(?:p\d+)?",
                    roots.version(root, daemon.packages[0]))[0]


def keep_logs(play, directory):
    """DAEMON-VERSION.log: lines of the unlisted clients, each kind at most twice."""
    for daemon in play.stage.daemons:
        path = f"{directory}/{daemon.name}-{version(play, daemon)}.log"
        kept = [one.line for name in daemon.behaviours
                for one in lines_of(play, daemon, name)]
        seen = collections.Counter()
        with open(path, "w", encoding="utf-8") as file:
            for line in kept:
                shape = re.sub(r"session=<\S+>|\d+|: \w{14}: ", "#", line)
                seen[shape] += 1
                if seen[shape] <= 2:
                    file.write(f"{line}\n")
        play.checks.say(f"kept {os.path.basename(path)}")
