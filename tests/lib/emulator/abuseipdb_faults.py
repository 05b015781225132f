# SPDX-License-Identifier: MIT
"""
abuseipdb_faults.py - all faults, as one table

A fault either lets the service do its work and then spoils the answer
(process = True), or answers in its place. So the statistics always hold the
server's truth: after reset_after a report is accepted although the client
never heard of it. {"process": true/false} in the request overrides the
table, e.g. a hang after the report was accepted.

Which answers occur in the wild (duplicates as 403, 422 and 429, without
errors[], HTML from the CDN): AbuseIPDB API v2 documentation and recorded
answers of its clients, read November 2026.
"""

import collections
import json

import abuseipdb_params as params
from abuseipdb_api import duplicate
from abuseipdb_message import (Answer, html_answer, json_answer,
                               refusal_answer)
from abuseipdb_params import Refusal
from abuseipdb_quota import exhausted_headers

Fault = collections.namedtuple("Fault", "apply process explain")
RATE_HEADERS = ("X-RateLimit-Limit", "X-RateLimit-Remaining",
                "X-RateLimit-Reset", "Retry-After")
CDN = {"Server": "cloudflare", "CF-RAY": "8f0c0ffee0ddf00d-FRA"}


class Context:
    """What a fault may look at: the request, its parameters, the service."""

    def __init__(self, name, given, request, api, own_url):
        self.name = name
        self.given = given          # parameters of the control request
        self.request = request
        self.api = api
        self.own_url = own_url

    def refuse(self, status, detail, parameter=None, headers=None):
        return refusal_answer(self.request, Refusal(
            status, self.name, detail, parameter, headers))

    def rate(self):
        """Charge the request as the service would; no headers without key."""
        try:
            account = self.api.authenticate(self.request)
            return self.api.charge(account, self.request.endpoint)
        except Refusal as refusal:
            return dict(refusal.headers)


# -- answers in place of the service ----------------------------------------

def plain_error(status, message):
    def apply(context, _):
        return json_answer(status, {"message": message}, context.name,
                           retry_after(context))
    return apply


def html_error(status, title, headers):
    def apply(context, _):
        return html_answer(status, title, context.name,
                           dict(headers, **retry_after(context)))
    return apply


def retry_after(context):
    wait = context.given.get("retry_after")
    return {} if wait is None else {"Retry-After": str(wait)}


def refusal(status, detail, parameter=None):
    def apply(context, _):
        return context.refuse(status, detail, parameter)
    return apply


def quota_429(context, _):
    now = context.api.store.clock.now()
    limit = context.api.quota.limits[context.request.endpoint]
    headers = {"X-RateLimit-Limit": str(limit), "X-RateLimit-Remaining": "0"}
    headers.update(exhausted_headers(now))
    headers.update(retry_after(context))
    return context.refuse(429, f"Daily rate limit of {limit} requests "
                          "exceeded for this endpoint. See headers for "
                          "additional details.", None, headers)


def quota_429_no_header(context, _):
    answer = quota_429(context, _)
    return drop_headers(context, answer)


def duplicate_error(context):
    """The documented text, or with variant 2025 the one seen since."""
    values = context.request.form()
    ip = values.get("ip") or values.get("ipAddress") or ""
    if context.given.get("variant") != "2025":
        return duplicate(ip).body()["errors"][0]
    return {"detail": "You can only report the same IP address once in 15 "
                      "minutes.",
            "status": 429, "source": {"parameter": "ip", "value": ip}}


def duplicate_as(status):
    def apply(context, _):
        error = dict(duplicate_error(context), status=status)
        return json_answer(status, {"errors": [error]}, context.name,
                           context.rate())
    return apply


def dup_unwrapped(context, _):
    """Seen once: the error object itself. variant message: only a text."""
    context.given = dict({"variant": "2025"}, **context.given)
    value = duplicate_error(context)
    if context.given["variant"] == "message":
        value = {"message": value["detail"]}
    return json_answer(429, value, context.name, context.rate())


def html_200(context, _):
    return html_answer(200, "Please sign in to the network", context.name)


def redirect_302(context, _):
    target = context.given.get("location", context.own_url)
    return html_answer(302, "Found", context.name, {"Location": target})


def delivered(how):
    """The connection itself fails; outcome stays if the work was done."""
    def apply(context, answer):
        if answer is None:
            answer = Answer(0, b"", {}, context.name)
        answer.delivery = how
        return answer
    return apply


# -- answers spoiled after the work was done --------------------------------

def spoil(context, answer):
    """The real answer, or an empty one when the work was not done."""
    if answer is None:
        return json_answer(200, {"data": {}}, context.name)
    return answer


def slow_body(context, answer):
    answer = spoil(context, answer)
    answer.delivery = "slow"
    answer.pace = max(1, int(context.given.get("bytes_per_s", 10)))
    return answer


def delay(context, answer):
    answer = spoil(context, answer)
    answer.delivery = "late"
    answer.late_s = float(context.given.get("delay_s", 1))
    return answer


def body_of(make):
    """A fault that only replaces the body."""
    def apply(context, answer):
        answer = spoil(context, answer)
        answer.body = make(context, answer.body)
        return answer
    return apply


def sent_as(delivery):
    def apply(context, answer):
        answer = spoil(context, answer)
        answer.delivery = delivery
        return answer
    return apply


def empty_no_length(context, answer):
    answer = spoil(context, answer)
    answer.body = b""
    answer.delivery = "no_length"
    return answer


def drop_headers(context, answer):
    answer = spoil(context, answer)
    for name in RATE_HEADERS:
        answer.headers.pop(name, None)
    return answer


def deep_json(context, _):
    depth = int(context.given.get("depth", 100000))
    return b'{"data":' + b"[" * depth + b"]" * depth + b"}"


def huge_body(context, body):
    size = int(context.given.get("bytes", 10 * 1024 * 1024))
    head = body.rstrip()[:-1] or b'{"data":{}'
    padding = size - len(head) - len(b',"padding":""}')
    return head + b',"padding":"' + b"A" * max(0, padding) + b'"}'


def changed_json(change):
    """A fault that edits the decoded answer."""
    def make(_, body):
        try:
            return json.dumps(change(json.loads(body))).encode()
        except ValueError:
            return body
    return make


def wrong_type(value):
    """Numbers become null, texts numbers, booleans texts, lists objects."""
    if isinstance(value, dict):
        return {name: wrong_type(item) for name, item in value.items()}
    if isinstance(value, bool) or value is None:
        return str(value)
    if isinstance(value, (int, float)):
        return None
    return 7 if isinstance(value, str) else {"0": value}


def wrong_types(value):
    value = wrong_type(value)
    data = value.get("data")
    if isinstance(data, dict) and "abuseConfidenceScore" in data:
        data["abuseConfidenceScore"] = "100"
    return value


def score_text(value):
    """Numbers of the score as text: "100"."""
    rows = value.get("data")
    for row in rows if isinstance(rows, list) else [rows]:
        if isinstance(row, dict) and "abuseConfidenceScore" in row:
            row["abuseConfidenceScore"] = str(row["abuseConfidenceScore"])
    return value


FAULTS = {
    "hang": Fault(delivered("hang"), False,
                  "reads the request, never answers, holds the connection"),
    "slow_body": Fault(slow_body, True,
                       "bytes_per_s (10) bytes of body a second"),
    "delay": Fault(delay, True, "the right answer after delay_s (1)"),
    "http_500": Fault(plain_error(500, "Server Error"), False,
                      "500, {\"message\"}"),
    "http_502_html": Fault(html_error(502, "502 Bad Gateway", CDN), False,
                           "502, HTML of the CDN"),
    "http_503": Fault(plain_error(503, "Service Unavailable"), False,
                      "503, {\"message\"}; Retry-After if retry_after"),
    "http_521_html": Fault(html_error(521, "521: Web server is down", CDN),
                           False, "521, HTML of the CDN"),
    "http_403_html": Fault(html_error(403, "Just a moment...", dict(
        CDN, **{"cf-mitigated": "challenge"})), False,
        "403, HTML challenge of the CDN"),
    "http_404": Fault(plain_error(404, "The route could not be found."),
                      False, "404, {\"message\"}"),
    "http_401": Fault(refusal(401, params.BAD_KEY), False,
                      "401, documented text"),
    "http_402": Fault(refusal(402, "Payment Required"), False,
                      "402, errors[]"),
    "http_422": Fault(refusal(422, params.BAD_IP, "ip"), False,
                      "422, invalid address, source.parameter ip"),
    "quota_429": Fault(quota_429, False,
                       "daily quota used up; Retry-After until 00:00 UTC or "
                       "retry_after"),
    "quota_429_no_header": Fault(quota_429_no_header, False,
                                 "the same without any rate header"),
    "dup_403": Fault(duplicate_as(403), False,
                     "15-minute duplicate as 403; variant: \"2025\""),
    "dup_422": Fault(duplicate_as(422), False, "as 422; variant: \"2025\""),
    "dup_429": Fault(duplicate_as(429), False, "as 429; variant: \"2025\""),
    "dup_unwrapped": Fault(dup_unwrapped, False,
                           "429, the error object without errors[]; variant: "
                           "\"2025\" (default), \"classic\", \"message\""),
    "html_200": Fault(html_200, False, "200, HTML (captive portal)"),
    "empty_200": Fault(body_of(lambda *_: b""), True,
                       "200, Content-Length 0"),
    "empty_body_no_length": Fault(empty_no_length, True,
                                  "200, no Content-Length, no body, FIN"),
    "truncated_json": Fault(body_of(lambda _, body: body[:len(body) // 2]),
                            True, "half the JSON, with fitting length"),
    "garbage_json": Fault(body_of(lambda *_: b'{"data":\x00\xff}{]nonsense'),
                          True, "bytes that are not JSON"),
    "wrong_types": Fault(body_of(changed_json(wrong_types)), True,
                         "numbers null, texts numbers, score as text"),
    "deep_json": Fault(body_of(deep_json), True,
                       "depth (100000) nested arrays"),
    "huge_body": Fault(body_of(huge_body), True,
                       "the answer padded to bytes (10 MB)"),
    "reset_before": Fault(delivered("reset"), False,
                          "RST after the request line, body unread"),
    "reset_after": Fault(delivered("reset"), True,
                         "work done, then RST instead of an answer"),
    "close_after": Fault(delivered("close"), True,
                         "work done, then FIN instead of an answer"),
    "redirect_302": Fault(redirect_302, False,
                          "302 to location (another name of this server)"),
    "wrong_length": Fault(sent_as("wrong_length"), True,
                          "Content-Length 100 more than the body, then FIN"),
    "bad_chunk": Fault(sent_as("bad_chunk"), True,
                       "chunked, with a chunk size that is no number"),
    "drop_headers": Fault(drop_headers, True, "no X-RateLimit headers"),
    "score_text": Fault(body_of(changed_json(score_text)), True,
                        "abuseConfidenceScore as text"),
    "null_data": Fault(body_of(lambda *_: b'{"data":null}'), True,
                       "{\"data\": null}"),
}


class FaultPlan:
    """Which faults are on: a queue per endpoint, and one for all."""

    def __init__(self, endpoints):
        self.endpoints = endpoints
        self.clear_all()

    def clear_all(self):
        self.queues = {}

    def set(self, orders):
        """Replace the queues of the endpoints named; ValueError if wrong."""
        for order in orders:
            self.check(order)
        for order in orders:
            if order["fault"] is None:
                self.switch_off(order.get("endpoint"))
            else:
                self.queues[order.get("endpoint", "*")] = []
        for order in orders:
            if order["fault"] is not None:
                self.queues.setdefault(order.get("endpoint", "*"), []).append(
                    dict(order, left=order.get("count")))

    def check(self, order):
        if not isinstance(order, dict) or "fault" not in order:
            raise ValueError("needs a member fault")
        if order["fault"] is not None and order["fault"] not in FAULTS:
            raise ValueError(f"no fault {order['fault']!r}; known: "
                             + " ".join(sorted(FAULTS)))
        if order.get("endpoint", "*") not in (*self.endpoints, "*"):
            raise ValueError(f"no endpoint {order['endpoint']!r}")
        count = order.get("count")
        if count is not None and (type(count) is not int or count < 1):
            raise ValueError("count must be null or a positive integer")

    def switch_off(self, endpoint):
        if endpoint in (None, "*"):
            self.queues = {}
        else:
            self.queues.pop(endpoint, None)

    def take(self, endpoint):
        """The fault for this request, counted down, or None."""
        for name in (endpoint, "*"):
            queue = self.queues.get(name)
            if not queue:
                continue
            order = queue[0]
            if order["left"] is not None:
                order["left"] -= 1
                if order["left"] == 0:
                    queue.pop(0)
            return order
        return None


def is_processed(order):
    return order.get("process", FAULTS[order["fault"]].process)
