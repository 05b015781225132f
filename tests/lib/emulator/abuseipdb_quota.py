# SPDX-License-Identifier: MIT
"""
abuseipdb_quota.py - daily limits of the emulated service

One counter per account, endpoint and UTC day. Every authenticated request
costs one, whatever becomes of it: a refused duplicate is not free.

Source: AbuseIPDB API v2 documentation, "API Daily Rate Limits", read November
2026. That the day ends at 00:00 UTC is what clients observe.
"""

import collections
import math

PLANS = ("standard", "webmaster", "supporter", "basic", "premium")
LIMITS = {
    "check":         (1000, 3000, 5000, 10000, 50000),
    "blacklist":     (5, 10, 20, 100, 500),
    "report":        (1000, 3000, 1000, 10000, 50000),
    "bulk-report":   (5, 10, 20, 100, 500),
    "clear-address": (5, 10, 20, 100, 500),
}
DAY_S = 86400


class Quota:
    def __init__(self, plan, limits):
        """limits: daily limits other than the plan's."""
        self.limits = {name: each[PLANS.index(plan)]
                       for name, each in LIMITS.items()}
        self.limits.update(limits)
        self.used = collections.Counter()

    def charge(self, account, endpoint, now):
        """Count one request; False if the day's limit was already reached."""
        counter = (account, endpoint, int(now // DAY_S))
        if self.used[counter] >= self.limits[endpoint]:
            return False
        self.used[counter] += 1
        return True

    def remaining(self, account, endpoint, now):
        return self.limits[endpoint] - self.used[account, endpoint, int(now // DAY_S)]


def until_reset(now):
    """(seconds, Unix time) until the day ends and when."""
    reset = (int(now // DAY_S) + 1) * DAY_S
    return max(1, math.ceil(reset - now)), reset
