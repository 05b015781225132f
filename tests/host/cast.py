# SPDX-License-Identifier: MIT
"""
cast.py - the addresses in the demo: what each does, and the expected result

One row per address. Its listings are put into the DNS lists and the AbuseIPDB
emulator before the demo starts; its actions become log lines; the rest of the
row is checked by the demo. Add a row to add a case.

The addresses look public, because iprep never looks up private ones. They
exist only in the network namespaces of the demo.
"""

import dataclasses

from host import loglines

MINUTES_10 = 600
DAY = 86400
YEAR = 365 * DAY
ALL_PORTS = (22, 25, 143)


@dataclasses.dataclass(frozen=True)
class Actor:
    name: str
    address: str
    seen: str                       # for the table: what the log shows
    line: object                    # a function of loglines
    lines: int = 1
    zen: bool = False
    blocklist_de: bool = False
    confidence: int = 0             # at AbuseIPDB, percent
    # the expected result
    bans: dict = dataclasses.field(default_factory=dict)
    tier: str = None
    reports: int = 0
    closed: tuple = ()              # ports that must refuse it
    port: int = 25                  # the one it attacked; for the table

    def log_lines(self):
        return [self.line(self.address) for _ in range(self.lines)]


CAST = (
    Actor("person", "45.11.10.10", "sshd: 5 wrong passwords",
          loglines.sshd_failed, 5,
          bans={"sshd": MINUTES_10}, reports=1, closed=(22,), port=22),
    Actor("notorious", "45.12.20.20", "sendmail: 5 failed AUTH",
          loglines.sendmail_auth_failed, 5,
          zen=True, blocklist_de=True, confidence=100,
          bans={"sendmail-auth": MINUTES_10, "rep-confirmed": DAY,
                "rep-notorious": YEAR},
          tier="notorious", reports=1, closed=ALL_PORTS),
    Actor("known", "45.13.30.30", "sshd: 5 wrong passwords",
          loglines.sshd_failed, 5, blocklist_de=True,
          bans={"sshd": MINUTES_10, "rep-confirmed": DAY},
          tier="known", reports=1, closed=ALL_PORTS, port=22),
    Actor("unlisted", "45.14.40.40", "sendmail: ambiguous line",
          loglines.sendmail_no_mail),
    # at AbuseIPDB 100, which would be notorious if it had been sure
    Actor("listed, IPv4", "45.15.50.50", "sendmail: ambiguous line",
          loglines.sendmail_no_mail, zen=True, confidence=100,
          bans={"rep-confirmed": DAY}, tier="known", closed=ALL_PORTS),
    Actor("listed, IPv6", "2a02:4780:15::50", "sendmail: ambiguous line",
          loglines.sendmail_no_mail, zen=True, confidence=100,
          bans={"rep-confirmed": DAY}, tier="known", closed=ALL_PORTS),
)

# attacks while AbuseIPDB is switched off
LATE = Actor("while API off", "45.16.60.60",
             "dovecot: 5 failed logins", loglines.dovecot_failed, 5,
             bans={"dovecot": MINUTES_10}, reports=1, closed=(143,), port=143)

# its verdict line is lost; it is seen again a minute later
LOST = Actor("verdict lost", "45.17.70.70",
             "sendmail: ambiguous, twice", loglines.sendmail_no_mail,
             zen=True, tier="known", closed=ALL_PORTS,
             bans={"rep-confirmed": DAY, "rep-sendmail-ambiguous": DAY})

BOTNET = tuple(
    Actor(f"bot {number}", f"45.{100 + number}.{7 * number}.{90 + number}",
          "sendmail: ambiguous line", loglines.sendmail_no_mail,
          zen=number % 2 == 0, blocklist_de=number % 2 == 1,
          bans={"rep-confirmed": DAY}, tier="known", closed=ALL_PORTS)
    for number in range(1, 9)
) + (
    Actor("bot 9", "45.109.63.99", "sendmail: ambiguous line",
          loglines.sendmail_no_mail),
    Actor("bot 10", "45.110.70.100", "sendmail: ambiguous line",
          loglines.sendmail_no_mail),
)

# only asked about, never seen in a log; one network each
PASSERS_BY = tuple(f"45.{200 + number}.1.1" for number in range(40))

EVERYBODY = CAST + (LATE, LOST) + BOTNET


def addresses():
    return [actor.address for actor in EVERYBODY]


def listed(where):
    """where: zen or blocklist_de."""
    return [actor.address for actor in EVERYBODY if getattr(actor, where)]


def abuseipdb_seed():
    return {actor.address: {
        "abuseConfidenceScore": actor.confidence, "totalReports": 1432,
        "numDistinctUsers": 211, "lastReportedAt": "now-2h",
        "countryCode": "NL", "usageType": "Data Center/Web Hosting/Transit"}
        for actor in EVERYBODY if actor.confidence}
