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
import email.utils
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
    """An integer in low..high; high None means no upper limit."""
    text = params.get(name, "").strip()
    if not text:
        return default
    if not re.fullmatch(r"[+-]?[0-9]{1,18}", text):
        raise invalid(f"The {spoken(name)} must be an integer.", name)
    value = int(text)
    if high is None and value < low:
        raise invalid(f"The {spoken(name)} must be at least {low}.", name)
    if high is not None and not low <= value <= high:
        raise invalid(f"The {spoken(name)} must be between {low} and {high}.",
                      name)
    return value


def max_age(params):
    return int_param(params, "maxAgeInDays", 30, 1, 365)


def parse_categories(text):
    """"18,22" -> [18, 22], or ValueError."""
    words = [word.strip() for word in text.split(",")]
    if len(words) > MAX_CATEGORIES:
        raise ValueError(text)
    numbers = []
    for word in words:
        if not re.fullmatch(r"[0-9]{1,3}", word):
            raise ValueError(text)
        number = int(word)
        if not 1 <= number <= LAST_CATEGORY:
            raise ValueError(text)
        if number not in numbers:
            numbers.append(number)
    return numbers


def categories_param(params):
    text = required(params, "categories")
    try:
        return parse_categories(text)
    except ValueError:      # text is ours
        raise invalid("The categories must be a comma separated list of at "
                      f"most {MAX_CATEGORIES} category IDs between 1 and "
                      f"{LAST_CATEGORY}.", "categories") from None


def check_age(seconds, now):
    if not now - OLDEST_S <= seconds <= now + FUTURE_S:
        raise ValueError("too old, or in the future")
    return seconds


def parse_iso(text):
    """ISO 8601 -> Unix seconds, or ValueError. No zone: the server's."""
    when = datetime.datetime.fromisoformat(text)
    if when.tzinfo is None:
        when = when.replace(tzinfo=SERVER_ZONE)
    return when.timestamp()


def timestamp_param(params, now):
    text = params.get("timestamp", "").strip()
    if not text:
        return now
    try:
        return check_age(parse_iso(text), now)
    except ValueError:      # text is ours
        raise invalid("The timestamp must be a valid ISO 8601 date that is "
                      "neither in the future nor older than 60 days.",
                      "timestamp") from None


STRTOTIME_FORMATS = ("%Y/%m/%d %H:%M:%S", "%m/%d/%Y %H:%M:%S",
                     "%d-%b-%Y %H:%M:%S", "%b %d %Y %H:%M:%S",
                     "%d %b %Y %H:%M:%S", "%Y-%m-%d %H:%M:%S %z",
                     "%d/%b/%Y:%H:%M:%S %z")


def parse_strtotime(text):
    """The common part of what PHP's strtotime() takes, or ValueError."""
    if re.fullmatch(r"@[0-9]{1,11}", text):
        return float(text[1:])
    try:
        return parse_iso(text)
    except ValueError:
        pass
    for form in STRTOTIME_FORMATS:
        try:
            when = datetime.datetime.strptime(text, form)
        except ValueError:
            continue
        return (when if when.tzinfo else
                when.replace(tzinfo=SERVER_ZONE)).timestamp()
    return parse_mail_date(text)


def parse_mail_date(text):
    try:
        when = email.utils.parsedate_to_datetime(text)
    except (TypeError, IndexError) as error:
        raise ValueError(text) from error
    return (when if when.tzinfo else
            when.replace(tzinfo=SERVER_ZONE)).timestamp()


def cut_comment(text):
    """(comment of at most 1024 bytes, bytes it had before)."""
    raw = text.encode("utf-8", "replace")
    return raw[:COMMENT_BYTES].decode("utf-8", "ignore"), len(raw)
