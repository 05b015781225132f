# SPDX-License-Identifier: MIT
"""
abuseipdb_faults.py - what is answered when a fault is due: tests/data/faults.tsv, whose head explains it

A row says what the client sees. Here is what a row cannot say: the values of {names}, and what becomes of a
right answer's body.
"""

import json
import os

from abuseipdb_message import Answer
from abuseipdb_params import Refusal
from abuseipdb_quota import until_reset

TABLE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "data", "faults.tsv")


def read_table(path):
    with open(path, encoding="ascii") as file:
        rows = [line.rstrip("\n").split("\t") for line in file if not line.startswith("#")]
    return {row[0]: dict(zip(rows[0], row, strict=True)) for row in rows[1:]}


FAULTS = read_table(TABLE)


def answer_with(order, request, api, own_url):
    """The answer to a request that meets a fault; order: its name, and what else the test says of it."""
    row = FAULTS[order["fault"]]
    answer = Answer(200, b'{"data":{}}', row["fault"])
    if order.get("process", row["done"] == "yes"):
        answer = api.handle(request)
    values = {**values_of(request, api, row["done"] == "paid"), "own_url": own_url, **order}
    if row["status"] != "-":
        answer = Answer(int(row["status"]), filled(row["body"], values), row["fault"])
    elif row["body"] in SPOILED:
        answer.body = SPOILED[row["body"]](answer.body, order)
    for field in [] if row["headers"] == "-" else row["headers"].split("; "):
        name, _, value = field.partition(":")
        answer.headers[name] = filled(value.strip(), values).decode()
    answer.headers = {name: value for name, value in answer.headers.items() if value}
    answer.sent, answer.given = row["sent"], order
    return answer


def filled(text, values):
    for name, value in values.items():
        text = text.replace("{%s}" % name, str(value))
    return text.encode()


def values_of(request, api, is_paid):
    """What rows may name. Who has no good key pays nothing, and is not told of limits."""
    now = api.store.clock.now()
    values = {"ip": request.ip, "limit": api.quota.limits[request.endpoint], "remaining": ""}
    values["retry_after"], values["reset"] = until_reset(now)
    if is_paid:
        try:
            values["remaining"] = api.charge(api.authenticate(request), request.endpoint)["X-RateLimit-Remaining"]
        except Refusal as refusal:
            values["remaining"] = refusal.headers.get("X-RateLimit-Remaining", "")
    return values


def huge(body, given):
    """The answer padded to that number of bytes; it remains JSON."""
    padding = given.get("bytes", 10 * 1024 * 1024) - len(body) - len(b',"padding":""')
    return body[:-1] + b',"padding":"' + b"A" * padding + b'"}'


def wrong_type(value):
    """Numbers become null, texts numbers, booleans texts, lists objects."""
    if isinstance(value, dict):
        return {name: wrong_type(item) for name, item in value.items()}
    if isinstance(value, bool) or value is None:
        return str(value)
    if isinstance(value, (int, float)):
        return None
    return 7 if isinstance(value, str) else {"0": value}


def wrong_types(body, _):
    value = wrong_type(json.loads(body))
    if "abuseConfidenceScore" in value.get("data", {}):
        value["data"]["abuseConfidenceScore"] = "100"
    return json.dumps(value).encode()


def score_text(body, _):
    value = json.loads(body)
    data = value.get("data", {})
    if "abuseConfidenceScore" in data:
        data["abuseConfidenceScore"] = str(data["abuseConfidenceScore"])
    return json.dumps(value).encode()


# the words that a row may have for a body: from the right one and what the test gave with the fault
SPOILED = {
    "empty": lambda body, given: b"",
    "half": lambda body, given: body[:len(body) // 2],
    "garbage": lambda body, given: b'{"data":\x00\xff}{]nonsense',
    "null": lambda body, given: b'{"data":null}',
    "deep": lambda body, given: b'{"data":' + b"[" * 100000 + b"]" * 100000 + b"}",
    "huge": huge, "wrong_types": wrong_types, "score_text": score_text,
}
