# SPDX-License-Identifier: MIT
"""
abuseipdb_blacklist.py - the worst addresses, of which a download is a sample

Of the addresses with a score of 100 at most MOST are in a list, and which ones is drawn again every half hour, as 41
recorded downloads of March 2026 show: equal within half an hour, and half of them others afterwards.

Source: AbuseIPDB API v2 documentation, "BLACKLIST", read November 2026. Plans without a subscription only:
confidenceMinimum is ignored without a word.
"""

import random

import abuseipdb_params as params
from abuseipdb_message import Answer, data_answer
from abuseipdb_store import is_public, iso

MOST = 10000
DRAWN_S = 1800


def answer_with(store, request, most):
    query = request.query
    limit = params.int_param(query, "limit", MOST, 1, 500000)
    params.int_param(query, "confidenceMinimum", 100, 25, 100)
    version = query.get("ipVersion", "").strip()
    if version not in ("", "4", "6"):       # text is ours
        raise params.invalid("The selected ip version is invalid.", "ipVersion")
    period = int(store.clock.now() // DRAWN_S)
    rows = [row for row in sample(store, most, period) if version in ("", "6" if ":" in row["ipAddress"] else "4")]
    rows, generated = rows[:limit], iso(period * DRAWN_S)
    if "plaintext" in query or request.headers.get("Accept", "").startswith("text/plain"):
        return Answer(200, "".join(row["ipAddress"] + "\n" for row in rows).encode(), "accepted",
                      {"Content-Type": "text/plain; charset=UTF-8", "X-Generated-At": generated})
    return data_answer(rows, meta={"generatedAt": generated})


def sample(store, most, period):
    """The same rows throughout a period; the last reported first."""
    worst = [ip for ip in sorted({*store.addresses, *store.by_ip})
             if is_public(ip) and store.score(ip) == 100 and store.last_at(ip) is not None and
             not store.addresses.get(ip, {}).get("isWhitelisted")]
    if len(worst) > most:
        worst = random.Random(period).sample(worst, most)
    worst.sort(key=lambda ip: (-store.last_at(ip), ip))
    return [{"ipAddress": ip, "countryCode": store.addresses.get(ip, {}).get("countryCode"), "abuseConfidenceScore": 100,
             "lastReportedAt": iso(store.last_at(ip))} for ip in worst]
