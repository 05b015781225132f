# SPDX-License-Identifier: MIT
"""cast.py - the addresses of the demo: a row of tests/data/demo.tsv each"""

import rows
from host.checks import jails

ALL_PORTS = (22, 25, 143)
LISTS = {"zen": "zen.spamhaus.org", "blocklist.de": "bl.blocklist.de"}
WORST = {"abuseConfidenceScore": 100, "totalReports": 1432, "numDistinctUsers": 211, "lastReportedAt": "now-2h",
         "countryCode": "NL", "usageType": "Data Center/Web Hosting/Transit"}


class Actor:
    """name, address and so on; bans: text as checks.jails() makes it; tier: None without a verdict line."""

    def __init__(self, row):
        self.name, self.address, self.seen, self.attack = row["name"], row["address"], row["seen"], row["attack"]
        self.bans, self.turn = row["bans"].strip("-"), row["turn"]
        self.tier = None if row["tier"] == "-" else row["tier"]
        self.lists = row["lists"].split()
        self.closed = tuple(map(int, row["closed"].strip("-").split()))
        self.reports, self.port = int(row["reports"]), int(row["port"])

    def has_bans(self, bans):
        """bans: {address: {jail: seconds}}"""
        return jails(bans.get(self.address, {})) == self.bans


EVERYBODY = [Actor(row) for row in rows.read("demo.tsv", 18)]
CAST, BOTNET = ([actor for actor in EVERYBODY if actor.turn == turn] for turn in ("cast", "botnet"))
LATE, LOST = (next(actor for actor in EVERYBODY if actor.turn == turn) for turn in ("late", "lost"))
PERSON, NOTORIOUS, KNOWN = CAST[:3]
# only asked about, never seen in a log; one network each
PASSERS_BY = tuple(f"45.{200 + number}.1.1" for number in range(40))


def listed():
    """{zone: addresses}"""
    return {zone: [actor.address for actor in EVERYBODY if name in actor.lists] for name, zone in LISTS.items()}


def seed():
    """Of AbuseIPDB."""
    return {actor.address: WORST for actor in EVERYBODY if "abuseipdb" in actor.lists}
