# SPDX-License-Identifier: MIT
"""
abuseipdb_api.py - the seven endpoints of the emulated service

Api.handle() takes a Request and returns an Answer; it knows nothing of
sockets and nothing of faults. The order is that of the service: route, key,
quota, parameters, work.

Source: AbuseIPDB API v2 documentation, endpoint by endpoint, read November
2026. Answers are compact JSON with escaped slashes, as recorded.
"""

import hashlib
import ipaddress
import re
import urllib.parse

import abuseipdb_bulk as bulk
import abuseipdb_lists as lists
import abuseipdb_params as params
from abuseipdb_message import (METHODS, error_answer, json_answer,
                               refusal_answer)
from abuseipdb_params import Refusal
from abuseipdb_quota import exhausted_headers
from abuseipdb_store import Report, is_public, iso

MAX_ITEMS = 10000


def duplicate(ip):
    return Refusal(429, "duplicate", "You can only report the same IP address "
                   f"(`{ip}`) once in 15 minutes.", "ip")


class Api:
    """The caller holds the emulator's lock."""

    def __init__(self, store, quota, keys, first_row=2):
        self.store = store
        self.quota = quota
        self.accounts = {account_of(key) for key in keys}
        self.first_row = first_row
        self.snapshot = None        # (period, generated at, rows)

    def handle(self, request):
        endpoint = request.endpoint
        if endpoint is None:
            return self.not_found(request)
        if request.method != METHODS[endpoint]:
            return self.bad_method(request, METHODS[endpoint])
        rate = {}
        try:
            account = self.authenticate(request)
            rate = self.charge(account, endpoint)
            answer = WORK[endpoint](self, request, account)
        except Refusal as refusal:
            answer = refusal_answer(request, refusal)
        answer.headers.update(rate)
        answer.ip = asked_ip(request)
        return answer

    def not_found(self, request):
        text = f"The route {request.path.strip('/')} could not be found."
        return error_answer(request, 404, {"message": text}, "Not Found",
                            "not_found")

    def bad_method(self, request, allowed):
        text = (f"The {request.method} method is not supported for this "
                f"route. Supported methods: {allowed}.")
        return error_answer(request, 405, {"message": text},
                            "Method Not Allowed", "method",
                            {"Allow": allowed})

    def authenticate(self, request):
        """The account behind the Key header or the key parameter."""
        key = request.headers.get("Key") or request.query.get("key", "")
        account = account_of(key.strip())
        if self.accounts:
            good = account in self.accounts
        else:
            good = re.fullmatch(r"[A-Fa-f0-9]{80}", key.strip())
        if not good:
            raise Refusal(401, "auth", params.BAD_KEY)
        return account

    def charge(self, account, endpoint):
        """Pay for the request; the rate headers of its answer."""
        now = self.store.clock.now()
        paid = self.quota.charge(account, endpoint, now)
        headers = self.quota.headers(account, endpoint, now)
        if paid:
            return headers
        headers.update(exhausted_headers(now))
        limit = self.quota.limits[endpoint]
        raise Refusal(429, "quota", f"Daily rate limit of {limit} requests "
                      "exceeded for this endpoint. See headers for additional "
                      "details.", headers=headers)

    # -- endpoints ----------------------------------------------------------

    def check(self, request, account):
        ip = params.ip_param(request.query, "ipAddress")
        days = params.max_age(request.query)
        verbose = "verbose" in request.query
        entry = self.store.addresses.get(ip, {})
        total, users = self.store.totals(ip, days)
        data = self.describe(ip, entry, verbose)
        data.update({"totalReports": total, "numDistinctUsers": users,
                     "lastReportedAt": iso(self.store.last_at(ip))})
        if verbose:
            data["reports"] = self.store.items(ip, days, MAX_ITEMS)
        return json_answer(200, {"data": data}, "accepted")

    def describe(self, ip, entry, verbose):
        public = is_public(ip)
        usage = None if public else "Reserved"
        data = {"ipAddress": ip, "isPublic": public,
                "ipVersion": ipaddress.ip_address(ip).version,
                "isWhitelisted": entry.get("isWhitelisted",
                                           False if entry else None),
                "abuseConfidenceScore": self.store.score(ip),
                "countryCode": entry.get("countryCode")}
        if verbose:
            data["countryName"] = entry.get("countryName")
        data.update({"usageType": entry.get("usageType", usage),
                     "isp": entry.get("isp"), "domain": entry.get("domain"),
                     "hostnames": entry.get("hostnames", []),
                     "isTor": entry.get("isTor", False)})
        return data

    def reports(self, request, account):
        ip = params.ip_param(request.query, "ipAddress")
        days = params.max_age(request.query)
        page = params.int_param(request.query, "page", 1, 1, None)
        size = params.int_param(request.query, "perPage", 25, 1, 100)
        total, _ = self.store.totals(ip, days)
        items = self.store.items(ip, days, page * size)[(page - 1) * size:]
        last = max(1, -(-total // size))
        data = {"total": total, "page": page, "count": len(items),
                "perPage": size, "lastPage": last,
                "nextPageUrl": page_url(ip, days, size, page + 1, last),
                "previousPageUrl": page_url(ip, days, size, page - 1, last),
                "results": items}
        return json_answer(200, {"data": data}, "accepted")

    def report(self, request, account):
        form = request.form()
        ip = params.ip_param(form, "ip")
        categories = params.categories_param(form)
        now = self.store.clock.now()
        when = params.timestamp_param(form, now)
        comment, size = params.cut_comment(form.get("comment", ""))
        # 127.0.0.2 is the documented way to see a short term rate limit.
        if ip == "127.0.0.2" or self.store.is_duplicate(account, ip):
            raise duplicate(ip)
        self.store.add(Report(ip, categories, comment, size, when, now,
                              "single", account))
        return json_answer(200, {"data": {
            "ipAddress": ip,
            "abuseConfidenceScore": self.store.score(ip)}}, "accepted")

    def bulk_report(self, request, account):
        records = bulk.read_upload(request.headers.get("Content-Type", ""),
                                   request.body)
        data = bulk.save_rows(self.store, account, records, self.first_row)
        return json_answer(200, {"data": data}, "accepted")

    def clear_address(self, request, account):
        ip = params.ip_param(request.form(), "ipAddress")
        data = {"numReportsDeleted": self.store.clear(account, ip)}
        return json_answer(200, {"data": data}, "accepted")


def account_of(key):
    return hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()


def asked_ip(request):
    """The address a request is about, for log and statistics."""
    values = request.form() if request.endpoint == "report" else request.query
    return values.get("ip") or values.get("ipAddress") or values.get("network")


def page_url(ip, days, size, page, last):
    if not 1 <= page <= last:
        return None
    return ("https://api.abuseipdb.com/api/v2/reports?"
            + urllib.parse.urlencode({"ipAddress": ip, "maxAgeInDays": days,
                                      "perPage": size, "page": page}))


WORK = {"check": Api.check, "reports": Api.reports,
        "blacklist": lists.blacklist, "report": Api.report,
        "check-block": lists.check_block, "bulk-report": Api.bulk_report,
        "clear-address": Api.clear_address}
