# SPDX-License-Identifier: MIT
"""
abuseipdb_service.py - service, faults, statistics, log and control plane under one lock

answer() is what the connection handler calls for each request: it lets the
service work, or the fault that is due, counts, and logs. It counts
before the answer is sent, so that a client that has its answer always finds
it in the statistics.

The log has one JSON object per request (not for /_test/): time, method, path
without its query, ip asked about, outcome, fault, status (0: none was sent).
The key is in none of them.
"""

import json
import threading

from abuseipdb_api import Api
from abuseipdb_faults import FAULTS, answer_with
from abuseipdb_message import Answer
from abuseipdb_quota import LIMITS, Quota
from abuseipdb_store import Clock, Store, iso


class Service:
    def __init__(self, keys, plan, limits, seed, log, most):
        self.lock = threading.Lock()
        self.clock = Clock()
        self.store = Store(self.clock)
        self.api = Api(self.store, Quota(plan, limits), keys, most)
        self.own_url = ""           # where redirect_302 points
        self.log = log
        self.first_seed = seed      # what reset goes back to
        self.in_flight = 0
        self.reset()

    def reset(self):
        """As started, seed file included."""
        self.clock.offset_s = 0
        self.store.clear_all()
        self.store.seed(self.first_seed)
        self.api.quota.used.clear()
        self.orders = {}            # endpoint or *: the fault that is on
        self.requests = self.connections = self.in_flight_most = 0
        self.counts = {name: {"accepted": 0, "refused": {}}
                       for name in LIMITS}
        self.fault_counts = {}
        self.redirected = {"hits": 0, "with_key": 0}

    # -- requests

    def begin(self, is_new_connection):
        with self.lock:
            self.connections += is_new_connection
            self.in_flight += 1
            self.in_flight_most = max(self.in_flight_most, self.in_flight)

    def end(self):
        with self.lock:
            self.in_flight -= 1

    def take_fault(self, endpoint):
        """The fault for this request, counted down, or None."""
        with self.lock:
            name = endpoint if endpoint in self.orders else "*"
            order = self.orders.get(name) if endpoint else None
            if order and order.get("count"):
                order["count"] -= 1
                if not order["count"]:
                    del self.orders[name]
            return order

    def answer(self, request, order):
        """The answer to a request, spoiled as the fault order says."""
        with self.lock:
            if order is None:
                answer = self.api.handle(request)
            else:
                answer = answer_with(order, request, self.api, self.own_url)
            self.count(request.endpoint, answer.outcome, order)
            self.write_log(request, answer, order)
        return answer

    def count(self, endpoint, outcome, order):
        self.requests += 1
        if order:
            name = order["fault"]
            self.fault_counts[name] = self.fault_counts.get(name, 0) + 1
        if endpoint and outcome == "accepted":
            self.counts[endpoint]["accepted"] += 1
        elif endpoint:
            refused = self.counts[endpoint]["refused"]
            refused[outcome] = refused.get(outcome, 0) + 1

    def write_log(self, request, answer, order):
        if self.log is None:
            return
        line = {"time": iso(self.clock.now()), "method": request.method,
                "path": request.path, "ip": request.ip,
                "outcome": answer.outcome,
                "fault": order["fault"] if order else None,
                "status": 0 if answer.sent in ("hang", "reset", "close") else answer.status}
        self.log.write(json.dumps(line) + "\n")
        self.log.flush()

    # -- the control plane: README.md. No key, no faults, no quota, and in no statistics or log

    def control(self, request):
        """A wrong request gets 400 and {"error": why}, and changes nothing."""
        action = ACTIONS.get(request.path)
        if action is None:
            return Answer(404, b'{"error":"no such action"}', "control")
        try:
            body = json.loads(request.body or b"{}")
            with self.lock:
                value = action(self, body, request) or {}
            return Answer(200, json.dumps(value).encode(), "control")
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            why = {"error": f"{type(error).__name__}: {error}"}
            return Answer(400, json.dumps(why).encode(), "control")

    def statistics(self, *_):
        return {"now": self.clock.now(), "requests": self.requests,
                "connections": self.connections,
                "in_flight_most": self.in_flight_most,
                "endpoints": self.counts, "faults": self.fault_counts,
                "redirected": self.redirected,
                "reports": [r.public() for r in self.store.reports],
                "merged": [r.public() for r in self.store.merged]}

    def set_fault(self, order, _):
        fault, endpoint, count = order["fault"], order.get("endpoint", "*"), order.get("count")
        if fault is not None and fault not in FAULTS:
            raise ValueError(f"no fault {fault!r}; known: " + " ".join(FAULTS))
        if endpoint not in (*LIMITS, "*"):
            raise ValueError(f"no endpoint {endpoint!r}")
        if count is not None and (type(count) is not int or count < 1):
            raise ValueError("count must be null or a positive integer")
        if fault is not None:
            self.orders[endpoint] = dict(order)
        elif endpoint == "*":
            self.orders.clear()
        else:
            self.orders.pop(endpoint, None)

    def set_clock(self, body, _):
        self.clock.offset_s = float(body["offset_s"])

    def be_redirected(self, _, request):
        """A client that follows redirect_302 arrives here, with or without the key."""
        self.redirected["hits"] += 1
        if request.headers.get("Key") or "key" in request.query:
            self.redirected["with_key"] += 1
        return {"data": {"abuseConfidenceScore": 100}}


ACTIONS = {
    "/_test/stats": Service.statistics,
    "/_test/fault": Service.set_fault,
    "/_test/seed": lambda service, body, _: service.store.seed(body["addresses"]),
    "/_test/clock": Service.set_clock,
    "/_test/reset": lambda service, *_: service.reset(),
    "/_test/redirected": Service.be_redirected,
}
