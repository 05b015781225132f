# SPDX-License-Identifier: MIT
"""
abuseipdb_params.py - reading and refusing the parameters of a request

A parameter that is wrong raises Refusal, which becomes the service's
{"errors": [{"detail", "status", "source"}]}. Texts marked "ours" are not
documented; clients should rely on the status and on source.parameter.

Source: AbuseIPDB API v2 documentation, "Error Handling" and the parameter
tables of each endpoint, read November 2026.
"""

import datetime
import ipaddress
import re

MAX_CATEGORIES = 30
LAST_CATEGORY = 23
COMMENT_BYTES = 1024
OLDEST_S = 60 * 86400       # reporting policy: at most 60 days old
FUTURE_S = 86400            # ours
SERVER_ZONE = datetime.timezone(datetime.timedelta(hours=-5))   # "EST"

BAD_IP = ("The ip address must be a valid IPv4 or IPv6 address "
          "(e.g. 8.8.8.8 or 2001:4860:4860::8888).")
BAD_KEY = ("Authentication failed. Your API key is either missing, incorrect, "
           "or revoked. Note: The APIv2 key differs from the APIv1 key.")


class Refusal(Exception):
    """The request is answered with an error; reason is for the statistics."""

    def __init__(self, status, reason, detail, parameter=None, headers=None):
        super().__init__(detail)
        self.status = status
        self.reason = reason
        self.detail = detail
        self.parameter = parameter
        self.headers = headers or {}

    def body(self):
        error = {"detail": self.detail, "status": self.status}
        if self.parameter:
            error["source"] = {"parameter": self.parameter}
        return {"errors": [error]}


def invalid(detail, parameter):
    return Refusal(422, "invalid", detail, parameter)


def spoken(name):
    """maxAgeInDays -> max age in days, as the service's texts have it."""
    return re.sub(r"([A-Z])", r" \1", name).lower()


def required(params, name):
    value = params.get(name, "").strip()
    if not value:
        raise invalid(f"The {spoken(name)} field is required.", name)
    return value


def parse_ip(text):
    """Canonical text of an address, or ValueError. No scope, no port."""
    if "%" in text:
        raise ValueError(text)
    return str(ipaddress.ip_address(text))


def ip_param(params, name):
    text = required(params, name)
    try:
        return parse_ip(text)
    except ValueError:
        raise invalid(BAD_IP, name) from None


def int_param(params, name, default, low, high):
    """An integer from low to high."""
    text = params.get(name, "").strip() or str(default)
    if not re.fullmatch(r"[+-]?[0-9]{1,18}", text):
        raise invalid(f"The {spoken(name)} must be an integer.", name)
    if not low <= int(text) <= high:
        raise invalid(f"The {spoken(name)} must be between {low} and {high}.", name)
    return int(text)


def max_age(params):
    return int_param(params, "maxAgeInDays", 30, 1, 365)


def parse_categories(text):
    """"18,22" -> [18, 22], or ValueError."""
    words = [word.strip() for word in text.split(",")]
    if len(words) > MAX_CATEGORIES:
        raise ValueError(text)
    for word in words:
        if not re.fullmatch(r"[0-9]{1,3}", word) or not 1 <= int(word) <= LAST_CATEGORY:
            raise ValueError(text)
    return list(dict.fromkeys(int(word) for word in words))


def categories_param(params):
    text = required(params, "categories")
    try:
        return parse_categories(text)
    except ValueError:      # text is ours
        raise invalid("The categories must be a comma separated list of at "
                      f"most {MAX_CATEGORIES} category IDs between 1 and "
                      f"{LAST_CATEGORY}.", "categories") from None


def parse_time(text, now):
    """
    ISO 8601 -> Unix seconds; without a zone: the server's. ValueError if it is not acceptable. bulk-report
    takes whatever PHP's strtotime() does; the documentation recommends this part of it.
    """
    when = datetime.datetime.fromisoformat(text)
    if when.tzinfo is None:
        when = when.replace(tzinfo=SERVER_ZONE)
    if not now - OLDEST_S <= when.timestamp() <= now + FUTURE_S:
        raise ValueError("too old, or in the future")
    return when.timestamp()


def timestamp_param(params, now):
    text = params.get("timestamp", "").strip()
    try:
        return parse_time(text, now) if text else now
    except (ValueError, OverflowError):     # text is ours
        raise invalid("The timestamp must be a valid ISO 8601 date that is "
                      "neither in the future nor older than 60 days.",
                      "timestamp") from None


def cut_comment(text):
    """(comment of at most 1024 bytes, bytes it had before)."""
    raw = text.encode("utf-8", "replace")
    return raw[:COMMENT_BYTES].decode("utf-8", "ignore"), len(raw)
