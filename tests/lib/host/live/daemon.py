# SPDX-License-Identifier: MIT
"""
daemon.py - the description of one daemon; each has a separate file

Daemons with the same machine share one root, rsyslog and address, as dovecot
and postfix do on most hosts. To add one, write a file in this directory with a Daemon
and its protocol, and add a line to daemons.py.
"""

import dataclasses

from host.live.behaviours import BEHAVIOURS, HONEST

MINUTES_10 = 600
DAY = 86400


@dataclasses.dataclass(frozen=True)
class Fate:
    """What must become of one behaviour: {jail: seconds}. may: what else is
    right, where it depends on which of two bans comes first."""
    plain: dict = dataclasses.field(default_factory=dict)     # without iprep
    unlisted: dict = dataclasses.field(default_factory=dict)
    listed: dict = dataclasses.field(default_factory=dict)
    may: dict = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Daemon:
    name: str               # as in the name of its log: NAME-VERSION.log
    number: int             # its clients come from 45.NUMBER.0.0/16
    machine: str            # which root it lives in
    packages: tuple         # the first one's version is the daemon's
    ports: tuple            # where it listens on the machine's address
    setup: str              # shell, as root, before anything runs; {address}
    services: tuple         # command lines that stay in the foreground
    talk: type              # its protocol: behaviours.py
    tags: str               # regular expression for the program in its lines;
                            # "" where its logs are its own
    logs: dict              # {variable of paths-common.conf: file in /var/log}
    stock: dict             # its stock jails: {name: further lines}
    rep: tuple              # the gated jails of jail.d/iprep.conf for it
    steps: dict             # {behaviour: steps seen where no address is banned}
    fates: dict             # {behaviour: Fate}
    category: str = "18"    # of the reports of its stock jails
    unwatched: tuple = ()   # files in /var/log with more lines of it: no jail reads them
    must_run: bool = False
    tells_good: bool = True         # rep-login has lines of it
    more: dict = dataclasses.field(default_factory=dict)    # behaviours of its own
    more_honest: tuple = ()
    releases: dict = dataclasses.field(default_factory=dict)    # {codename: what differs}

    def of_release(self, codename):
        return dataclasses.replace(self, **self.releases.get(codename, {}))

    @property
    def log(self):
        """The file in /var/log that has its lines; a web server has two."""
        return next(iter(self.logs.values()))

    @property
    def behaviours(self):
        """{name: function}: everybody's and its own."""
        return {**BEHAVIOURS, **self.more}

    @property
    def honest(self):
        """Names of those for which an unlisted address is never banned."""
        return (*HONEST, *self.more_honest)

    @property
    def line_begins(self):
        """A regular expression for the beginning of its lines."""
        return rf"\S+ \S+ (?:{self.tags})(?:\[\d+\])?: " if self.tags else ""

    def client(self, behaviour, is_listed):
        """The address that does this."""
        place = list(self.fates).index(behaviour)
        return f"45.{self.number}.{10 * place + 7}.{71 if is_listed else 23}"


def steps(**other):
    """What clients see where no address is banned; other: where a daemon differs."""
    return {
        "port scan": ["open"], "TLS broken off": ["open"],
        "connect and quit": ["open"], "wrong password once": ["denied"],
        "10 passwords, 1 connection": ["denied"] * 10,
        "10 users, 10 connections": ["denied"] * 10,
        "monitoring probe": ["open"],
        "phone, stale password": ["ok"] + ["denied"] * 4, "login": ["ok"],
        **other}


def fates(stock, each_password=True, **other):
    """The usual: a listed address is banned for a day for any of it, except
    after a successful login; of the others, those that guess ten times.
    stock: the jail that counts wrong passwords, each_password: also several of
    one connection."""
    known, stock = {"rep-confirmed": DAY}, {stock: MINUTES_10}
    guesser = stock if each_password else {}
    spray = {"rep-spray": MINUTES_10}
    return {
        "port scan": Fate(listed=known), "TLS broken off": Fate(listed=known),
        "connect and quit": Fate(listed=known),
        "wrong password once": Fate(listed=known),
        "10 passwords, 1 connection": Fate(plain=guesser, unlisted=guesser,
                                           listed=known, may=stock),
        "10 users, 10 connections": Fate(plain=stock, unlisted=spray,
                                         listed=known, may={**stock, **spray}),
        "monitoring probe": Fate(listed=known),
        "phone, stale password": Fate(), "login": Fate(),
        **other}
