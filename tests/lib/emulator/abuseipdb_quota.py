# SPDX-License-Identifier: MIT
"""
abuseipdb_quota.py - daily limits of the emulated service

One counter per account, endpoint and UTC day. Every authenticated request
costs one, whatever becomes of it: a refused duplicate is not free.

Source: AbuseIPDB API v2 documentation, "API Daily Rate Limits", read November
2026. That the day ends at 00:00 UTC is what clients observe.
"""

import math

PLANS = ("standard", "webmaster", "supporter", "basic", "premium")
LIMITS = {
    "check":         (1000, 3000, 5000, 10000, 50000),
    "reports":       (100, 500, 1000, 5000, 25000),
    "blacklist":     (5, 10, 20, 100, 500),
    "report":        (1000, 3000, 1000, 10000, 50000),
    "check-block":   (100, 250, 500, 1000, 5000),
    "bulk-report":   (5, 10, 20, 100, 500),
    "clear-address": (5, 10, 20, 100, 500),
}
DAY_S = 86400


class Quota:
    def __init__(self, plan, overrides):
        self.plan = plan
        column = PLANS.index(plan)
        self.limits = {name: row[column] for name, row in LIMITS.items()}
        self.limits.update(overrides)
        self.used = {}

    def clear_all(self):
        self.used = {}

    def charge(self, account, endpoint, now):
        """Count one request. False if the day's limit was already reached."""
        counter = (account, endpoint, int(now // DAY_S))
        if self.used.get(counter, 0) >= self.limits[endpoint]:
            return False
        self.used[counter] = self.used.get(counter, 0) + 1
        return True

    def headers(self, account, endpoint, now):
        """The two headers on every reply to a known key."""
        limit = self.limits[endpoint]
        used = self.used.get((account, endpoint, int(now // DAY_S)), 0)
        return {"X-RateLimit-Limit": str(limit),
                "X-RateLimit-Remaining": str(limit - used)}


def exhausted_headers(now):
    """The two more headers of a quota 429."""
    reset = (int(now // DAY_S) + 1) * DAY_S
    return {"Retry-After": str(max(1, math.ceil(reset - now))),
            "X-RateLimit-Reset": str(reset)}
