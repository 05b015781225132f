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

BASE = "/api/v2/"
METHODS = {"check": "GET", "blacklist": "GET", "report": "POST",
           "bulk-report": "POST", "clear-address": "DELETE"}


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

    @property
    def ip(self):
        """The address that it is about, or None."""
        values = self.form() if self.endpoint == "report" else self.query
        return values.get("ip") or values.get("ipAddress")

    def form(self):
        """Query and form body; the body wins."""
        kind = self.headers.get("Content-Type", "").lower()
        values = dict(self.query)
        if kind.startswith("application/x-www-form-urlencoded"):
            values.update(decode_form(self.body.decode("latin-1")))
        return values

    def wants_json(self):
        """The first acceptable type decides; none, or */*, gets a page."""
        first = self.headers.get("Accept", "").split(",")[0]
        return "/json" in first or "+json" in first


@dataclasses.dataclass
class Answer:
    status: int
    body: bytes
    outcome: str                # accepted, or why not
    headers: dict = dataclasses.field(default_factory=dict)
    sent: str = "-"             # see tests/data/faults.tsv
    given: dict = dataclasses.field(default_factory=dict)   # with the fault

    def __post_init__(self):
        kind = ("text/html; charset=UTF-8" if self.body.startswith(b"<")
                else "application/json")
        self.headers = {"Content-Type": kind, **self.headers}


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


def page(title):
    return f"<!DOCTYPE html>\n<html><title>{title}</title></html>\n".encode()


def data_answer(data, **more):
    return Answer(200, to_json({**more, "data": data}), "accepted")


def error_answer(request, status, value, title, outcome, headers=()):
    body = to_json(value) if request.wants_json() else page(title)
    return Answer(status, body, outcome, dict(headers))
