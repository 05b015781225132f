# SPDX-License-Identifier: MIT
"""
abuseipdb_lists.py - the two endpoints that answer with many addresses

blacklist and check-block: what a plan may ask for, and the rows.

Source: AbuseIPDB API v2 documentation, "BLACKLIST" and "CHECK-BLOCK", read
November 2026. Not documented: the texts of 402, and what the network limits
mean for IPv6; here the same number of addresses as for IPv4.
"""

import ipaddress
import re

import abuseipdb_params as params
from abuseipdb_message import Answer, json_answer
from abuseipdb_params import Refusal
from abuseipdb_store import is_public, iso

BLACKLIST_MOST = {"basic": 100000, "premium": 500000}
SUBSCRIBERS = ("basic", "premium")
# (widest IPv4 prefix, most days) of check-block
BLOCK_LIMITS = {"basic": (20, 60), "premium": (16, 365)}
BLOCK_LIMIT_FREE = (24, 30)


def check_block(api, request, account):
    network = network_param(request.query)
    days = params.max_age(request.query)
    check_block_plan(api, network, days)
    rows = [block_row(api, ip, days) for ip in api.store.known()
            if ipaddress.ip_address(ip) in network]
    rows = [row for row in rows if row["numReports"]]
    rows.sort(key=lambda row: (-row["numReports"], row["ipAddress"]))
    data = block_head(network)
    data["reportedAddress"] = rows
    return json_answer(200, {"data": data}, "accepted")


def check_block_plan(api, network, days):
    prefix, most = BLOCK_LIMITS.get(api.quota.plan, BLOCK_LIMIT_FREE)
    size = network.max_prefixlen - network.prefixlen
    if size > 32 - prefix or days > most:       # text is ours
        raise Refusal(402, "payment", "Your plan is limited to networks "
                      f"of /{prefix} and reports of the last {most} "
                      "days.", "network" if size > 32 - prefix
                      else "maxAgeInDays")


def block_row(api, ip, days):
    return {"ipAddress": ip,
            "numReports": api.store.totals(ip, days)[0],
            "mostRecentReport": iso(api.store.last_at(ip)),
            "abuseConfidenceScore": api.store.score(ip),
            "countryCode": api.store.addresses.get(ip, {}).get(
                "countryCode")}


def network_param(query):
    """Host bits may be set, as in the documentation's 127.0.0.1/24."""
    text = params.required(query, "network")
    try:
        if "/" not in text or "%" in text:
            raise ValueError(text)
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:              # text is ours
        raise params.invalid("The network must be in CIDR notation.",
                             "network") from None
    if network.max_prefixlen - network.prefixlen > 16:
        raise params.invalid("Cannot accept bitmask wider than 255.255.0.0 "
                             "(/16)", "network")
    return network


def block_head(network):
    first, last = network[0], network[-1]
    if network.num_addresses > 2:
        first, last = network[1], network[-2]
    return {"networkAddress": str(network.network_address),
            "netmask": str(network.netmask),
            "minAddress": str(first), "maxAddress": str(last),
            "numPossibleHosts": int(last) - int(first) + 1,
            "addressSpaceDesc": address_space(network)}


def address_space(network):
    if network.is_loopback:
        return "Loopback"
    if network.is_link_local:
        return "Link-local"
    if network.is_multicast:
        return "Multicast"
    if network.is_private:
        return "Private"
    return "Reserved" if network.is_reserved else "Internet"


def blacklist(api, request, account):
    query = request.query
    rows, generated = blacklist_rows(api, query), iso(api.snapshot[1])
    most = BLACKLIST_MOST.get(api.quota.plan, 10000)
    limit = params.int_param(query, "limit", 10000, 1, None)
    rows = rows[:min(limit, most)]
    plain = request.headers.get("Accept", "").startswith("text/plain")
    if plain or "plaintext" in query:
        lines = "".join(row["ipAddress"] + "\n" for row in rows)
        return Answer(200, lines.encode(),
                      {"Content-Type": "text/plain; charset=UTF-8",
                       "X-Generated-At": generated}, "accepted")
    return json_answer(200, {"meta": {"generatedAt": generated},
                             "data": rows}, "accepted")


def blacklist_rows(api, query):
    least = params.int_param(query, "confidenceMinimum", 100, 25, 100)
    if api.quota.plan not in SUBSCRIBERS:
        least = 100             # ignored without a word
    version = query.get("ipVersion", "").strip()
    if version not in ("", "4", "6"):
        raise params.invalid("The selected ip version is invalid.",
                             "ipVersion")
    only = countries(api, query, "onlyCountries")
    but = countries(api, query, "exceptCountries")
    return [row for row in blacklist_snapshot(api)
            if row["abuseConfidenceScore"] >= least
            and version in ("", "6" if ":" in row["ipAddress"] else "4")
            and (not only or row["countryCode"] in only)
            and row["countryCode"] not in but]


def countries(api, query, name):
    words = query.get(name, "").upper().replace(" ", "").split(",")
    if words == [""]:
        return []
    if api.quota.plan not in SUBSCRIBERS:      # text is ours
        raise Refusal(402, "payment",
                      f"The {params.spoken(name)} parameter is a "
                      "subscriber feature.", name)
    if not all(re.fullmatch("[A-Z]{2}", word) for word in words):
        raise params.invalid(f"The {params.spoken(name)} must be ISO "
                             "3166 alpha-2 codes.", name)
    return words


def blacklist_snapshot(api):
    """Made once a day, for premium once an hour."""
    now = api.store.clock.now()
    length = 3600 if api.quota.plan == "premium" else 86400
    period = int(now // length)
    if api.snapshot is None or api.snapshot[0] != period:
        api.snapshot = (period, now, worst(api))
    return api.snapshot[2]


def worst(api):
    store = api.store
    rows = [(store.score(ip), store.last_at(ip), ip)
            for ip in store.known() if is_public(ip)
            and not store.addresses.get(ip, {}).get("isWhitelisted")]
    rows = [row for row in rows if row[0] >= 25 and row[1] is not None]
    rows.sort(key=lambda row: (-row[0], -row[1], row[2]))
    return [{"ipAddress": ip,
             "countryCode": store.addresses.get(ip, {}).get(
                 "countryCode"),
             "abuseConfidenceScore": score, "lastReportedAt": iso(last)}
            for score, last, ip in rows]
