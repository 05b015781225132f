# SPDX-License-Identifier: MIT
"""
abuseipdb_service.py - service, faults, statistics and log under one lock

answer() is what the connection handler calls for each request: it takes the
fault that is due, lets the service work or not, counts, and logs. It counts
before the answer is sent, so that a client that has its answer always finds
it in the statistics.

The log has one JSON object per request (not for /_test/): time, method, path
without its query, ip asked about, outcome, fault, status (0: none was sent).
The key is in none of them.
"""

import json
import threading

import abuseipdb_api as api
from abuseipdb_faults import FAULTS, Context, FaultPlan, is_processed
from abuseipdb_quota import LIMITS, Quota
from abuseipdb_store import Clock, Store, iso


class Service:
    def __init__(self, keys=(), plan="standard", limits=None, first_row=2,
                 log=None):
        self.lock = threading.Lock()
        self.clock = Clock()
        self.store = Store(self.clock)
        self.quota = Quota(plan, limits or {})
        self.api = api.Api(self.store, self.quota, keys, first_row)
        self.faults = FaultPlan(tuple(LIMITS))
        self.own_url = ""           # where redirect_302 points
        self.log = log
        self.first_seed = "{}"      # JSON; what reset goes back to
        self.in_flight = 0
        self.clear_statistics()

    def clear_statistics(self):
        self.requests = 0
        self.counts = {name: {"accepted": 0, "refused": {}}
                       for name in LIMITS}
        self.fault_counts = {}
        self.redirected = {"hits": 0, "with_key": 0}
        self.connections = 0
        self.in_flight_most = 0

    def seed_first(self, text):
        """The seed file's text; kept for reset."""
        self.store.seed(json.loads(text)["addresses"])
        self.first_seed = text

    def begin(self, is_new_connection):
        with self.lock:
            self.connections += is_new_connection
            self.in_flight += 1
            self.in_flight_most = max(self.in_flight_most, self.in_flight)

    def end(self):
        with self.lock:
            self.in_flight -= 1

    def take_fault(self, endpoint):
        with self.lock:
            return self.faults.take(endpoint) if endpoint else None

    def answer(self, request, order):
        """The answer to a request, spoiled as the fault order says."""
        with self.lock:
            if order is None:
                answer = self.api.handle(request)
            else:
                answer = self.spoiled(request, order)
            self.count(request.endpoint, answer.outcome, order)
            self.write_log(request, answer, order)
        return answer

    def spoiled(self, request, order):
        answer = None
        if is_processed(order):
            answer = self.api.handle(request)
        context = Context(order["fault"], order, request, self.api,
                          self.own_url)
        answer = FAULTS[order["fault"]].apply(context, answer)
        answer.ip = api.asked_ip(request)
        return answer

    def count(self, endpoint, outcome, order):
        self.requests += 1
        if order:
            name = order["fault"]
            self.fault_counts[name] = self.fault_counts.get(name, 0) + 1
        counts = self.counts.get(endpoint)
        if counts is None:
            return
        if outcome == "accepted":
            counts["accepted"] += 1
        else:
            refused = counts["refused"]
            refused[outcome] = refused.get(outcome, 0) + 1

    def write_log(self, request, answer, order):
        if self.log is None:
            return
        sent = answer.delivery not in ("hang", "reset", "close")
        line = {"time": iso(self.clock.now()), "method": request.method,
                "path": request.path, "ip": answer.ip,
                "outcome": answer.outcome,
                "fault": order["fault"] if order else None,
                "status": answer.status if sent else 0}
        self.log.write(json.dumps(line) + "\n")
        self.log.flush()

    def statistics(self):
        """Caller holds the lock."""
        return {"now": self.clock.now(), "requests": self.requests,
                "connections": self.connections,
                "in_flight_most": self.in_flight_most,
                "endpoints": self.counts, "faults": self.fault_counts,
                "redirected": self.redirected,
                "reports": [r.public() for r in self.store.reports],
                "merged": [r.public() for r in self.store.merged]}

    def reset(self):
        """As started, seed file included. Caller holds the lock."""
        self.clock.offset_s = 0
        self.store.clear_all()
        self.store.seed(json.loads(self.first_seed).get("addresses", {}))
        self.quota.clear_all()
        self.api.snapshot = None
        self.faults.clear_all()
        self.clear_statistics()
