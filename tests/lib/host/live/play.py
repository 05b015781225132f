# SPDX-License-Identifier: MIT
"""
play.py - all behaviours at the same time, then their results

Three runs of each: "listed" and "unlisted" on the side with iprep, "plain" from
the unlisted address on the other side. A ban may come in the middle, so what a
client saw is compared with the daemon's row only where no address was banned.
"""

import dataclasses
import re

from host import samples
from host.checks import jails
from host.live.behaviours import HONEST
from places import DAY

RUNS = (("listed", "host", True), ("unlisted", "host", False),
        ("plain", "plain", False))
PATIENCE_S = 60
LATER_S = 600
QUIET_S = 4                 # fail2ban polls each second


def read(path, begin):
    """The lines that begin like this, a regular expression."""
    begin = re.compile(begin)
    with open(path, encoding="utf-8", errors="replace", newline="\n") as file:
        return [line for line in file.read().split("\n") if line and begin.match(line)]


def has_address(line, address):
    return re.search(rf"(?<![\d.]){re.escape(address)}(?![\d.])", line)


@dataclasses.dataclass
class Act:
    """One behaviour of one client, and what came of it."""
    daemon: object
    behaviour: str
    run: str
    side: str
    address: str
    steps: list = None
    bans: dict = None       # {jail: seconds}
    is_open: bool = None    # is a new connection accepted?

    @property
    def name(self):
        return f"{self.daemon.name}: {self.behaviour}, {self.run}"

    @property
    def expected(self):
        return getattr(self.daemon.fates[self.behaviour], self.run)

    @property
    def allowed(self):
        """Bans that it can have in addition: a blocked address that writes one more
        line before the firewall has it is banned by the gated jail as well."""
        allowed = {**self.daemon.fates[self.behaviour].may, **self.expected}
        if self.run == "listed":
            allowed.update({jail: DAY for jail in self.daemon.rep})
        return allowed if self.expected else {}

    def is_right(self):
        """Lines that come during a ban move its end by a few seconds."""
        return set(self.expected) <= set(self.bans) <= set(self.allowed) and \
            all(0 <= seconds - self.allowed[jail] <= LATER_S
                for jail, seconds in self.bans.items())


class Play:
    """log_in_before(), attack(), settle(), check(): acts has everything."""

    def __init__(self, stage, checks):
        self.stage = stage
        self.checks = checks
        self.written = {}       # {daemon's name: [sample of each line]}
        self.acts = [Act(daemon, behaviour, run, side,
                         daemon.client(behaviour, is_listed))
                     for daemon in stage.daemons
                     for behaviour in daemon.behaviours
                     for run, side, is_listed in RUNS]

    def log_in_before(self):
        """The phone and the other who logs in are no strangers: iprep has heard of them when the attackers come."""
        acts = [act for act in self.acts
                if act.side == "host" and act.daemon.tells_good and "ok" in act.daemon.seen(act.behaviour)]
        self.stage.attack([(act.side, act.daemon, "login", act.address) for act in acts])
        host = self.stage.host
        self.checks.check("who logs in with the right password is known as good",
                          host.wait(lambda: all(host.ignored(act.address, "rep-login") for act in acts), PATIENCE_S))

    def attack(self):
        steps = self.stage.attack([(act.side, act.daemon, act.behaviour, act.address) for act in self.acts])
        for act, seen in zip(self.acts, steps):
            act.steps = seen
        self.checks.say("the clients are done")

    def look(self):
        """Fill in what fail2ban bans now; true if all is as expected."""
        bans = {side: getattr(self.stage, side).bans() for side in ("host", "plain")}
        for act in self.acts:
            act.bans = bans[act.side].get(act.address, {})
        return all(act.is_right() for act in self.acts)

    def settle(self):
        """Until everything expected is there; then a while for the rest."""
        self.stage.host.wait(self.look, PATIENCE_S)
        self.stage.settle(PATIENCE_S, QUIET_S)
        self.look()
        self.read_lines()
        self.connect()

    def connect(self):
        """Last of all, because a connection writes lines of its own."""
        for side in ("host", "plain"):
            here = [act for act in self.acts if act.side == side]
            answers = self.stage.connects(
                side, [(act.daemon, act.address) for act in here])
            for act in here:
                act.is_open = answers[act.daemon.name, act.address]

    def check(self):
        for act in self.acts:
            if not act.expected:
                self.checks.equal(f"{act.name}: the client saw what it must", act.steps, act.daemon.seen(act.behaviour))
            self.checks.check(f"{act.name}: {jails(act.expected) or 'no ban'}", act.is_right(),
                              jails(act.bans) or "no ban")
            self.checks.equal(f"{act.name}: connection {'refused' if act.expected else 'accepted'}",
                              act.is_open, not act.expected)
            if act.behaviour in HONEST and act.run == "unlisted":
                self.checks.check(f"{act.name}: honest, so not banned", not act.bans, act.bans)
        self.check_reports()

    def check_reports(self):
        """Only addresses banned by an ordinary jail or rep-spray are reported, never addresses that are only listed."""
        reported = {report["ip"] for report in self.stage.api.reports()}
        sure = {act.address for act in self.acts if act.side == "host" and any(
            jail == "rep-spray" or not jail.startswith("rep-") for jail in act.bans)}
        self.checks.check("somebody is reported", bool(reported))
        self.checks.equal("reported without a jail that saw the attack",
                          sorted(reported & {act.address for act in self.acts} - sure), [])

    def read_lines(self):
        """What the daemons wrote on the side with iprep, and which filters take which: over the whole log, as in a jail."""
        for daemon in self.stage.daemons:
            machine = self.stage.machines["host", daemon.machine]
            self.written[daemon.name] = [
                samples.Sample(daemon.name, line, f"none\t{daemon.name.partition('-')[0]}")
                for name in dict.fromkeys((*daemon.logs.values(), *daemon.unwatched))
                for line in read(machine.log_file(name), daemon.line_begins)]
        host = self.stage.host
        samples.examine(list(self.written.values()), host.packages.fail2ban_modules, host.config)
