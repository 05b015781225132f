# SPDX-License-Identifier: MIT
"""
abuseipdb_control.py - the control plane, /_test/...

No key, no faults, no quota, and in no statistics or log; described in
README.md and in the header of abuseipdb.py. A wrong request gets 400 and
{"error": why} and changes nothing.
"""

import json

from abuseipdb_faults import FAULTS
from abuseipdb_message import Answer


def handle(service, request):
    """Answer a request below /_test/."""
    action = ACTIONS.get((request.method, request.path))
    if action is None:
        return reply(404, {"error": "no " + request.method + " "
                           + request.path})
    try:
        body = json.loads(request.body or b"{}")
        with service.lock:
            return reply(200, action(service, request, body))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        return reply(400, {"error": f"{type(error).__name__}: {error}"})


def reply(status, value):
    return Answer(status, json.dumps(value).encode() + b"\n",
                  {"Content-Type": "application/json"}, "control")


def get_stats(service, request, body):
    return service.statistics()


def get_faults(service, request, body):
    return {name: {"process": fault.process, "explain": fault.explain}
            for name, fault in FAULTS.items()}


def post_fault(service, request, body):
    orders = body if isinstance(body, list) else [body]
    service.faults.set(orders)
    return {"faults": service.faults.queues}


def post_seed(service, request, body):
    addresses = body["addresses"]
    service.store.seed(addresses)
    service.api.snapshot = None
    return {"addresses": len(service.store.addresses)}


def post_clock(service, request, body):
    service.clock.offset_s = float(body["offset_s"])
    return {"offset_s": service.clock.offset_s, "now": service.clock.now()}


def post_reset(service, request, body):
    service.reset()
    return {}


def redirected(service, request, body):
    """A client that follows redirect_302 arrives here, with or without the key."""
    service.redirected["hits"] += 1
    if request.headers.get("Key") or "key" in request.query:
        service.redirected["with_key"] += 1
    return {"data": {"abuseConfidenceScore": 100}}


ACTIONS = {
    ("GET", "/_test/stats"): get_stats,
    ("GET", "/_test/faults"): get_faults,
    ("POST", "/_test/fault"): post_fault,
    ("POST", "/_test/seed"): post_seed,
    ("POST", "/_test/clock"): post_clock,
    ("POST", "/_test/reset"): post_reset,
    ("GET", "/_test/redirected"): redirected,
    ("POST", "/_test/redirected"): redirected,
}
