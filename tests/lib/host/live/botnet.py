# SPDX-License-Identifier: MIT
"""
botnet.py - fifty addresses in fifty networks, one wrong password each

Every fifth is on no list. Each bot guesses once and goes, so no stock jail ever counts to five. Time: from the first
line with a bot's address, whose stamp has microseconds, to the first connection that is refused; one is tried as
soon as fail2ban shows the ban, and fail2ban is asked several times a second.
"""

import concurrent.futures
import datetime
import statistics
import time

from host.checks import table
from host.live.play import has_address, read

SIDES = ("host", "plain")
BOTS = 50
UNLISTED_EVERY = 5
PATIENCE_S = 120
QUIET_S = 6


def bots(daemon):
    """{address: is it listed?}"""
    return {f"45.{100 + number}.{daemon.number}.{200 - number}": number % UNLISTED_EVERY != 0 for number in range(BOTS)}


def listed(daemons):
    return [address for daemon in daemons for address, is_listed in bots(daemon).items() if is_listed]


class Botnet:
    """Against one daemon; show() is the whole act."""

    def __init__(self, stage, checks, daemon):
        self.stage, self.checks, self.daemon = stage, checks, daemon
        self.bots = bots(daemon)
        self.bad = set(listed([daemon]))
        self.refused_at, self.line_at = {}, {}

    def show(self):
        self.checks.say(f"{self.daemon.name}: a botnet of {BOTS}, one guess each")
        tasks = [(side, self.daemon, "wrong password once", address) for side in SIDES for address in self.bots]
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            attack = pool.submit(self.stage.attack, tasks)
            self.stage.host.wait(self.are_refused, PATIENCE_S)
            self.check_answers(attack.result())
        self.stage.settle(PATIENCE_S, QUIET_S)
        self.stamp()
        self.count()

    def are_refused(self):
        """Try to connect, with all listed that are banned, until each cannot."""
        banned = self.stage.host.bans_of("rep-confirmed")
        waiting = self.bad - set(self.refused_at)
        here = [(self.daemon, address) for address in waiting if address in banned]
        for (_, address), is_open in (self.stage.connects("host", here) if here else {}).items():
            if not is_open:
                self.refused_at[address] = time.time()
        return self.bad <= set(self.refused_at)

    def check_answers(self, steps):
        """A ban may come before the answer: PAM's line is written first."""
        on_host, on_plain = dict(zip(self.bots, steps)), steps[BOTS:]
        self.equal("without iprep every guess is answered", on_plain, [["denied"]] * BOTS)
        self.equal("so are those of the unlisted", [on_host[one] for one in self.bots if one not in self.bad],
                   [["denied"]] * (BOTS // UNLISTED_EVERY))
        early = sum(one != ["denied"] for one in on_host.values())
        self.checks.say(f"{early} of the listed were banned before they had an answer")

    def equal(self, sentence, found, expected):
        self.checks.equal(f"{self.daemon.name} botnet: {sentence}", found, expected)

    def stamp(self):
        """When the first line about each was written."""
        machine = self.stage.machines["host", self.daemon.machine]
        lines = sorted(line for name in ("auth.log", "mail.log") for line in read(machine.log_file(name), r"\S+"))
        for address in self.bots:
            own = [line for line in lines if has_address(line, address)]
            if own:
                self.line_at[address] = datetime.datetime.fromisoformat(own[0].split()[0]).timestamp()

    def count(self):
        everybody = set(self.bots)
        banned = {side: everybody & set(getattr(self.stage, side).bans()) for side in SIDES}
        answers = {side: self.stage.connects(side, [(self.daemon, address) for address in self.bots]) for side in SIDES}
        refused = {side: {address for (_, address), is_open in answers[side].items() if not is_open} for side in SIDES}
        self.equal("every bot has a line", everybody - set(self.line_at), set())
        self.equal(f"{len(self.bad)} listed are banned, {len(everybody - self.bad)} unlisted are not",
                   banned["host"], self.bad)
        self.equal("stock fail2ban bans none", banned["plain"], set())
        self.equal("with iprep, connections of the listed are refused", refused["host"], self.bad)
        self.equal("without, none is", refused["plain"], set())
        columns = (everybody, banned["host"], refused["host"], banned["plain"], refused["plain"])
        table((f"{self.daemon.name}, one guess each", "bots", "banned with iprep", "TCP refused", "banned without",
               "TCP refused"),
              [(what, *(str(len(own & column)) for column in columns))
               for what, own in (("listed", self.bad), ("unlisted", everybody - self.bad))])
        times = [at - self.line_at[address] for address, at in self.refused_at.items() if address in self.line_at]
        if times:
            print(f"from the line to the refused connection: median {statistics.median(times):.1f} s, "
                  f"fastest {min(times):.1f} s, slowest {max(times):.1f} s\n", flush=True)
