# SPDX-License-Identifier: MIT
"""
abuseipdb_store.py - what the emulated service knows: addresses and reports

Seeded addresses carry what the rest of the world is supposed to have said;
reports that arrive here are added to that. The rules kept here:

  - one report per account and address in 15 minutes;
  - the same comment and categories for an address within 24 hours are merged;
  - totals count only reports inside maxAgeInDays, the score does not;
  - a bulk report does not change the score immediately.

Source: AbuseIPDB API v2 documentation and reporting policy, read November
2026. How the score grows is not published; see SCORE_PER_ACCOUNT.
"""

import dataclasses
import datetime
import ipaddress
import re
import time

DUPLICATE_S = 15 * 60
MERGE_S = 24 * 3600
BULK_SCORE_DELAY_S = 3600   # "not immediately calculated": no figure is given
SCORE_PER_ACCOUNT = 4       # ours; small, so that one account proves nothing
DAY_S = 86400

SEED_FIELDS = {
    "abuseConfidenceScore", "totalReports", "numDistinctUsers",
    "lastReportedAt", "isWhitelisted", "isTor", "usageType", "isp", "domain",
    "hostnames", "countryCode"}
UNITS = {"s": 1, "m": 60, "h": 3600, "d": DAY_S, "w": 7 * DAY_S}


class Clock:
    """Real time plus an offset that tests move."""

    def __init__(self):
        self.offset_s = 0

    def now(self):
        return time.time() + self.offset_s


@dataclasses.dataclass
class Report:
    ip: str
    categories: list
    comment: str
    comment_bytes: int      # before the service cut it
    reported_at: float
    arrived_at: float
    via: str                # single | bulk
    account: str            # hash of the key; never shown
    merged: int = 0         # later reports that were folded into this one
    cleared: bool = False   # taken back with clear-address

    def public(self):
        """As /_test/stats shows it."""
        return {"ip": self.ip, "categories": self.categories,
                "comment": self.comment, "comment_bytes": self.comment_bytes,
                "timestamp": iso(self.reported_at),
                "arrived_at": self.arrived_at, "via": self.via,
                "merged": self.merged, "cleared": self.cleared}


def iso(seconds):
    """Unix seconds -> 2026-11-23T09:51:10+00:00; None stays None."""
    if seconds is None:
        return None
    when = datetime.datetime.fromtimestamp(int(seconds), datetime.timezone.utc)
    return when.isoformat()


def parse_when(text, now):
    """A seed file's time: now, now-2h, ISO 8601, or None."""
    if text is None:
        return None
    match = re.fullmatch(r"now(?:([+-]\d+)([smhdw]))?", text)
    if match:
        return now + int(match[1] or 0) * UNITS[match[2] or "s"]
    when = datetime.datetime.fromisoformat(text)
    if when.tzinfo is None:
        when = when.replace(tzinfo=datetime.timezone.utc)
    return when.timestamp()


def with_time(entry, fields, now):
    """Resolve the time of a seed entry; last_at is in Unix seconds."""
    if "lastReportedAt" in fields:
        entry["last_at"] = parse_when(fields["lastReportedAt"], now)
    elif "last_at" not in entry and entry.get("totalReports"):
        entry["last_at"] = now - 3600
    return entry


def is_public(ip):
    address = ipaddress.ip_address(ip)
    return address.is_global and not address.is_multicast


class Store:
    """Addresses and reports. The caller holds the emulator's lock."""

    def __init__(self, clock):
        self.clock = clock
        self.clear_all()

    def clear_all(self):
        self.addresses = {}
        self.reports = []
        self.merged = []
        self.by_ip = {}
        self.accepted_at = {}       # (account, ip) -> time

    def seed(self, addresses):
        """Merge seed entries; every entry is checked before any is stored."""
        checked = {}
        for ip, fields in addresses.items():
            ip = str(ipaddress.ip_address(ip))
            unknown = set(fields) - SEED_FIELDS
            if unknown:
                raise ValueError(f"{ip}: no field {sorted(unknown)}")
            entry = dict(self.addresses.get(ip, {}), **fields)
            checked[ip] = with_time(entry, fields, self.clock.now())
        self.addresses.update(checked)

    # -- reports that arrive here -------------------------------------------

    def is_duplicate(self, account, ip):
        last = self.accepted_at.get((account, ip))
        return last is not None and self.clock.now() - last < DUPLICATE_S

    def add(self, report):
        """Keep a report, or fold it into an equal one of the last 24 h."""
        self.accepted_at[(report.account, report.ip)] = report.arrived_at
        earlier = self.find_equal(report)
        if earlier:
            earlier.merged += 1
            self.merged.append(report)
            return
        self.reports.append(report)
        self.by_ip.setdefault(report.ip, []).append(report)

    def find_equal(self, report):
        for other in self.live(report.ip):
            if (other.account == report.account
                    and other.comment == report.comment
                    and other.categories == report.categories
                    and report.arrived_at - other.arrived_at < MERGE_S):
                return other
        return None

    def clear(self, account, ip):
        """Take back what this account reported; returns how many."""
        mine = [r for r in self.live(ip) if r.account == account]
        for report in mine:
            report.cleared = True
        return len(mine)

    def live(self, ip):
        return [r for r in self.by_ip.get(ip, []) if not r.cleared]

    # -- what the service says of an address --------------------------------

    def score(self, ip):
        base = self.addresses.get(ip, {}).get("abuseConfidenceScore", 0)
        now = self.clock.now()
        accounts = {r.account for r in self.live(ip) if r.via == "single"
                    or now - r.arrived_at >= BULK_SCORE_DELAY_S}
        return max(base, min(100, SCORE_PER_ACCOUNT * len(accounts)))

    def last_at(self, ip):
        times = [r.reported_at for r in self.live(ip)]
        seeded = self.addresses.get(ip, {}).get("last_at")
        if seeded is not None:
            times.append(seeded)
        return max(times, default=None)

    def totals(self, ip, max_age_days):
        """(reports, distinct users) inside the age limit."""
        oldest = self.clock.now() - max_age_days * DAY_S
        recent = [r for r in self.live(ip) if r.reported_at >= oldest]
        seeded, users = self.seeded_totals(ip, oldest)
        accounts = {r.account for r in recent}
        return seeded + len(recent), users + len(accounts)

    def seeded_totals(self, ip, oldest):
        entry = self.addresses.get(ip, {})
        last = entry.get("last_at")
        if last is None or last < oldest:
            return 0, 0
        count = entry.get("totalReports", 0)
        return count, entry.get("numDistinctUsers", min(count, 1))
