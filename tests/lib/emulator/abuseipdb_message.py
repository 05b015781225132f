# SPDX-License-Identifier: MIT
"""
abuseipdb_message.py - a request as it was read, an answer as it will be sent

Compact JSON with escaped slashes, as recorded; an HTML page when the client
does not ask for JSON.

Source: AbuseIPDB API v2 documentation, "Error Handling", read November 2026;
which Accept headers count as asking for JSON is what its framework does.
"""

import dataclasses
import json
import urllib.parse

import abuseipdb_bulk as bulk

BASE = "/api/v2/"
METHODS = {"check": "GET", "reports": "GET", "blacklist": "GET",
           "report": "POST", "check-block": "GET", "bulk-report": "POST",
           "clear-address": "DELETE"}


@dataclasses.dataclass
class Request:
    method: str
    path: str
    query: dict
    headers: object             # case-insensitive get()
    body: bytes

    @property
    def endpoint(self):
        """The name below the base path, or None."""
        name = self.path[len(BASE):]
        known = self.path.startswith(BASE) and name in METHODS
        return name if known else None

    def form(self):
        """Query and form body; the body wins."""
        kind = self.headers.get("Content-Type", "")
        values = dict(self.query)
        if kind.lower().startswith("application/x-www-form-urlencoded"):
            values.update(decode_form(self.body.decode("latin-1")))
        elif kind.lower().startswith("multipart/form-data"):
            values.update((name, content.decode("utf-8", "replace")) for
                          name, _, content in bulk.multipart(kind, self.body)
                          if name)
        return values

    def wants_json(self):
        """The first acceptable type decides; none, or */*, gets a page."""
        first = self.headers.get("Accept", "").split(",")[0]
        return "/json" in first or "+json" in first


@dataclasses.dataclass
class Answer:
    status: int
    body: bytes
    headers: dict
    outcome: str                # accepted, or why not
    ip: str = None
    delivery: str = "normal"    # see abuseipdb_http.py
    pace: int = 0               # bytes per second when delivery is slow
    late_s: float = 0           # wait before an answer that is late


def decode_form(text):
    """Percent-decoded names and values; text is bytes read as Latin-1."""
    pairs = [pair.partition("=") for pair in text.split("&") if pair]
    return {percent_decode(name): percent_decode(value)
            for name, _, value in pairs}


def percent_decode(text):
    raw = text.encode("latin-1").replace(b"+", b" ")
    return urllib.parse.unquote_to_bytes(raw).decode("utf-8", "replace")


def to_json(value):
    text = json.dumps(value, separators=(",", ":"))
    return text.replace("/", "\\/").encode()


def html_page(status, title):
    return (f"<!DOCTYPE html>\n<html lang=\"en\"><head><title>{title}</title>"
            f"</head>\n<body><h1>{status}</h1><p>{title}</p></body></html>\n"
            ).encode()


def json_answer(status, value, outcome, headers=None):
    fields = {"Content-Type": "application/json",
              "Cache-Control": "no-cache, private"}
    fields.update(headers or {})
    return Answer(status, to_json(value), fields, outcome)


def html_answer(status, title, outcome, headers=None):
    fields = {"Content-Type": "text/html; charset=UTF-8"}
    fields.update(headers or {})
    return Answer(status, html_page(status, title), fields, outcome)


def error_answer(request, status, value, title, outcome, headers=None):
    if request.wants_json():
        return json_answer(status, value, outcome, headers)
    return html_answer(status, title, outcome, headers)


def refusal_answer(request, refusal):
    return error_answer(request, refusal.status, refusal.body(),
                        refusal.detail, refusal.reason, refusal.headers)
