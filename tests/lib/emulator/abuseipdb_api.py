# SPDX-License-Identifier: MIT
"""
abuseipdb_api.py - the endpoints of the emulated service that reputation checks and reports need

Api.handle() takes a Request and returns an Answer; it knows nothing of
sockets and nothing of faults. The order is that of the service: route, key,
quota, parameters, work.

Source: AbuseIPDB API v2 documentation, endpoint by endpoint, read November
2026. Answers are compact JSON with escaped slashes, as recorded.
"""

import hashlib
import ipaddress
import re

import abuseipdb_blacklist as blacklist
import abuseipdb_bulk as bulk
import abuseipdb_params as params
from abuseipdb_message import METHODS, Answer, data_answer, error_answer
from abuseipdb_params import Refusal
from abuseipdb_quota import until_reset
from abuseipdb_store import Report, is_public, iso


class Api:
    """The caller holds the emulator's lock."""

    def __init__(self, store, quota, keys, most=blacklist.MOST):
        """most: addresses of the blacklist."""
        self.store = store
        self.quota = quota
        self.most = most
        self.accounts = {account_of(key) for key in keys}

    def handle(self, request):
        endpoint = request.endpoint
        if endpoint is None:
            text = f"The route {request.path.strip('/')} could not be found."
            return error_answer(request, 404, {"message": text}, "Not Found",
                                "not_found")
        if request.method != METHODS[endpoint]:
            return self.bad_method(request, METHODS[endpoint])
        rate = {}
        try:
            account = self.authenticate(request)
            rate = self.charge(account, endpoint)
            answer = WORK[endpoint](self, request, account)
            if not isinstance(answer, Answer):
                answer = data_answer(answer)
        except Refusal as refusal:
            answer = error_answer(request, refusal.status, refusal.body(), refusal.detail, refusal.reason,
                                  refusal.headers)
        answer.headers.update(rate)
        return answer

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
        limit = self.quota.limits[endpoint]
        paid = self.quota.charge(account, endpoint, now)
        headers = {"X-RateLimit-Limit": str(limit),
                   "X-RateLimit-Remaining": str(self.quota.remaining(account, endpoint, now))}
        if paid:
            return headers
        wait, reset = until_reset(now)
        headers.update({"Retry-After": str(wait), "X-RateLimit-Reset": str(reset)})
        raise Refusal(429, "quota", f"Daily rate limit of {limit} requests "
                      "exceeded for this endpoint. See headers for additional "
                      "details.", headers=headers)

    # -- endpoints: the data of the answer, or the answer

    def check(self, request, account):
        ip = params.ip_param(request.query, "ipAddress")
        days = params.max_age(request.query)
        entry = self.store.addresses.get(ip, {})
        total, users = self.store.totals(ip, days)
        public = is_public(ip)
        return {"ipAddress": ip, "isPublic": public,
                "ipVersion": ipaddress.ip_address(ip).version,
                "isWhitelisted": entry.get("isWhitelisted", False if entry else None),
                "abuseConfidenceScore": self.store.score(ip),
                "countryCode": entry.get("countryCode"),
                "usageType": entry.get("usageType", None if public else "Reserved"),
                "isp": entry.get("isp"), "domain": entry.get("domain"),
                "hostnames": entry.get("hostnames", []),
                "isTor": entry.get("isTor", False),
                "totalReports": total, "numDistinctUsers": users,
                "lastReportedAt": iso(self.store.last_at(ip))}

    def blacklist(self, request, account):
        return blacklist.answer_with(self.store, request, self.most)

    def report(self, request, account):
        form = request.form()
        ip = params.ip_param(form, "ip")
        categories = params.categories_param(form)
        now = self.store.clock.now()
        when = params.timestamp_param(form, now)
        comment, size = params.cut_comment(form.get("comment", ""))
        # 127.0.0.2 is the documented way to see a short term rate limit.
        if ip == "127.0.0.2" or self.store.is_duplicate(account, ip):
            raise Refusal(429, "duplicate", "You can only report the same IP address "
                          f"(`{ip}`) once in 15 minutes.", "ip")
        self.store.add(Report(ip, categories, comment, size, when, now,
                              "single", account))
        return {"ipAddress": ip, "abuseConfidenceScore": self.store.score(ip)}

    def bulk_report(self, request, account):
        records = bulk.read_upload(request.headers.get("Content-Type", ""),
                                   request.body)
        return bulk.save_rows(self.store, account, records)

    def clear_address(self, request, account):
        ip = params.ip_param(request.form(), "ipAddress")
        return {"numReportsDeleted": self.store.clear(account, ip)}


def account_of(key):
    return hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()


WORK = {"check": Api.check, "blacklist": Api.blacklist, "report": Api.report,
        "bulk-report": Api.bulk_report, "clear-address": Api.clear_address}
