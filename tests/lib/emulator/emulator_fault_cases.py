# SPDX-License-Identifier: MIT
"""
emulator_fault_cases.py - each fault of the emulator once, and connections

Part of test_emulator.py. A fault is seen as a client would see it: raw bytes
where HTTP ends, else status, headers and body, and always the statistics:
was the report accepted or not?
"""

import http.client
import json
import socket
import ssl
import subprocess
import tempfile
import threading
import time
import unittest

from emulator_client import (Client, Emulator, data, error, raw, raw_report)

MIB = 1024 * 1024


class FaultCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.emulator = Emulator()
        cls.port = cls.emulator.port

    @classmethod
    def tearDownClass(cls):
        status, output = cls.emulator.stop()
        assert (status, output) == (0, ""), output

    def setUp(self):
        self.client = Client(self.port)
        self.addCleanup(self.client.close)
        self.client.control("reset", {})

    def accepted(self):
        return [one["ip"] for one in self.client.statistics()["reports"]]

    def raw_with(self, fault, **given):
        """(bytes, error) of a report that meets the fault."""
        self.client.fault(fault, "report", **given)
        return raw(self.port, raw_report("8.8.8.8"))

    def report_with(self, fault, **given):
        self.client.fault(fault, "report", **given)
        return self.client.report("8.8.8.8")


class Faults(FaultCase):
    def test_statuses_instead_of_an_answer(self):
        for name, status, html in (
                ("http_500", 500, False), ("http_502_html", 502, True),
                ("http_503", 503, False), ("http_521_html", 521, True),
                ("http_403_html", 403, True), ("http_404", 404, False)):
            reply = self.report_with(name)
            self.assertEqual(reply.status, status)
            self.assertEqual("html" in reply.headers["Content-Type"], html)
            self.assertEqual(b'"message"' in reply.body, not html)
        self.assertEqual(self.accepted(), [])

    def test_refusals(self):
        for name, status, parameter in (
                ("http_401", 401, None), ("http_402", 402, None),
                ("http_422", 422, "ip")):
            reply = self.report_with(name)
            self.assertEqual((reply.status, error(reply)["status"]),
                             (status, status))
            self.assertEqual(error(reply).get("source", {}).get("parameter"),
                             parameter)
        self.assertEqual(self.accepted(), [])

    def test_quota(self):
        reply = self.report_with("quota_429", retry_after=7)
        self.assertEqual(reply.headers["Retry-After"], "7")
        self.assertEqual(reply.headers["X-RateLimit-Remaining"], "0")
        self.assertIn("Daily rate limit of 1000", error(reply)["detail"])
        reply = self.report_with("quota_429_no_header")
        self.assertEqual(reply.status, 429)
        self.assertNotIn("rate", str(reply.headers).lower())
        self.assertNotIn("retry", str(reply.headers).lower())

    def test_duplicates(self):
        for status in (403, 422, 429):
            reply = self.report_with(f"dup_{status}")
            self.assertEqual((reply.status, error(reply)["status"]),
                             (status, status))
            self.assertIn("(`8.8.8.8`) once in 15 minutes.",
                          error(reply)["detail"])
        reply = self.report_with("dup_429", variant="2025")
        self.assertEqual(error(reply)["source"],
                         {"parameter": "ip", "value": "8.8.8.8"})
        self.assertNotIn("8.8.8.8", error(reply)["detail"])
        self.assertEqual(reply.headers["X-RateLimit-Remaining"], "996")

    def test_duplicate_without_wrapper(self):
        reply = self.report_with("dup_unwrapped")
        value = json.loads(reply.body)
        self.assertEqual((reply.status, value["status"]), (429, 429))
        self.assertIn("15 minutes", value["detail"])
        reply = self.report_with("dup_unwrapped", variant="message")
        self.assertEqual(list(json.loads(reply.body)), ["message"])

    def test_duplicate_unwrapped_classic(self):
        reply = self.report_with("dup_unwrapped", variant="classic")
        self.assertIn("`8.8.8.8`", json.loads(reply.body)["detail"])

    def test_bodies(self):
        self.client.fault("html_200", "check")
        self.assertIn(b"<html", self.client.check("8.8.8.8").body)
        for name, test in (
                ("empty_200", lambda body: body == b""),
                ("truncated_json", is_half_json),
                ("garbage_json", lambda body: not is_json(body)),
                ("null_data", lambda body: body == b'{"data":null}'),
                ("deep_json", lambda body: body.count(b"[") == 100000),
                ("huge_body", lambda body: len(body) == 10 * MIB
                 and is_json(body))):
            self.client.fault(name, "check")
            reply = self.client.check("8.8.8.8")
            self.assertEqual(reply.status, 200)
            self.assertTrue(test(reply.body), name)

    def test_types(self):
        self.client.fault("score_text", "check")
        found = data(self.client.check("8.8.8.8"))
        self.assertEqual((found["abuseConfidenceScore"],
                          found["totalReports"]), ("0", 0))
        self.client.fault("wrong_types", "check")
        found = data(self.client.check("8.8.8.8"))
        self.assertEqual((found["abuseConfidenceScore"],
                          found["totalReports"], found["ipAddress"]),
                         ("100", None, 7))

    def test_drop_headers(self):
        reply = self.report_with("drop_headers")
        self.assertEqual(reply.status, 200)
        self.assertNotIn("ratelimit", str(reply.headers).lower())
        self.assertEqual(self.accepted(), ["8.8.8.8"])

    def test_redirect_shows_who_follows_with_the_key(self):
        reply = self.report_with("redirect_302")
        self.assertEqual(reply.status, 302)
        target = reply.headers["Location"]
        self.assertIn("localhost", target)
        self.client.ask("GET", target[target.index("/_test"):])
        self.assertEqual(self.client.statistics()["redirected"],
                         {"hits": 1, "with_key": 1})
        reply = self.report_with("redirect_302", location="http://x.test/")
        self.assertEqual(reply.headers["Location"], "http://x.test/")

    def test_hang_holds_the_connection(self):
        self.client.fault("hang", "report")
        sock = socket.create_connection(("127.0.0.1", self.port), 5)
        self.addCleanup(sock.close)
        sock.sendall(raw_report("8.8.8.8"))
        sock.settimeout(0.3)
        self.assertRaises(TimeoutError, sock.recv, 1)
        self.assertEqual(self.accepted(), [])

    def test_slow_body_and_delay(self):
        for name, given in (("slow_body", {"bytes_per_s": 100}),
                            ("delay", {"delay_s": 0.4})):
            self.client.control("reset", {})
            start = time.monotonic()
            reply = self.report_with(name, **given)
            self.assertGreater(time.monotonic() - start, 0.35)
            self.assertEqual(data(reply)["ipAddress"], "8.8.8.8")

    def test_reset_before_accepts_nothing(self):
        answer, ended_by = self.raw_with("reset_before")
        self.assertEqual(answer, b"")
        self.assertIsInstance(ended_by, ConnectionResetError)
        self.assertEqual(self.accepted(), [])

    def test_reset_after_has_accepted(self):
        answer, ended_by = self.raw_with("reset_after")
        self.assertEqual(answer, b"")
        self.assertIsInstance(ended_by, ConnectionResetError)
        self.assertEqual(self.accepted(), ["8.8.8.8"])

    def test_close_after_has_accepted(self):
        answer, ended_by = self.raw_with("close_after")
        self.assertEqual((answer, ended_by), (b"", None))
        self.assertEqual(self.accepted(), ["8.8.8.8"])

    def test_framing(self):
        answer, _ = self.raw_with("empty_body_no_length")
        self.assertTrue(answer.startswith(b"HTTP/1.1 200 OK\r\n"))
        self.assertNotIn(b"Content-Length", answer)
        self.assertTrue(answer.endswith(b"\r\n\r\n"))
        self.client.control("reset", {})
        self.assertIn(b"\r\n\r\nzz\r\n", self.raw_with("bad_chunk")[0])
        self.client.control("reset", {})
        with self.assertRaises(http.client.IncompleteRead):
            self.report_with("wrong_length")
        self.client.close()
        self.assertEqual(self.accepted(), ["8.8.8.8"])

    def test_process_overrides_the_table(self):
        self.raw_with("reset_after", process=False)
        self.assertEqual(self.accepted(), [])
        self.report_with("http_500", process=True)
        self.assertEqual(self.accepted(), ["8.8.8.8"])

    def test_count_queue_and_off(self):
        self.client.fault("http_500", "*", count=2)
        self.client.fault("http_404", "check")
        self.assertEqual(self.client.check("8.8.8.8").status, 404)
        self.client.fault(None, "check")
        self.assertEqual([self.client.check("8.8.8.8").status
                          for _ in range(3)], [500, 500, 200])
        self.client.control("fault", [
            {"endpoint": "check", "fault": name, "count": 1}
            for name in ("http_503", "quota_429")])
        self.assertEqual([self.client.check("8.8.8.8").status
                          for _ in range(3)], [503, 429, 200])
        self.client.fault("http_500", "check")
        self.client.control("fault", {"fault": None})
        self.assertEqual(self.client.check("8.8.8.8").status, 200)
        self.assertEqual(self.client.statistics()["faults"]["http_500"], 2)

    def test_every_fault_is_in_this_file(self):
        with open(__file__, encoding="utf-8") as file:
            text = file.read().replace('f"dup_{status}"',
                                       '"dup_403" "dup_422" "dup_429"')
        for name in self.client.control("faults")[1]:
            self.assertIn(f'"{name}"', text)


class Connections(FaultCase):
    def test_many_connections_kept_alive(self):
        statuses = []

        def work(number):
            client = Client(self.port)
            for turn in range(5):
                statuses.append(client.report(f"8.8.{number}.{turn}").status)
            client.close()

        workers = [threading.Thread(target=work, args=(n,))
                   for n in range(100)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        self.assertEqual(statuses, [200] * 500)
        counts = self.client.statistics()
        self.assertEqual(counts["connections"], 100)
        self.assertEqual(len(counts["reports"]), 500)

    def test_one_duplicate_race_one_acceptance(self):
        statuses = []

        def work():
            client = Client(self.port)
            statuses.append(client.report("8.8.8.8").status)
            client.close()

        workers = [threading.Thread(target=work) for _ in range(20)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        self.assertEqual(sorted(statuses), [200] + [429] * 19)

    def test_pipelined_requests(self):
        request = raw_report("8.8.8.8") + raw_report("8.8.4.4").replace(
            b"Host: x", b"Host: x\r\nConnection: close")
        answer, _ = raw(self.port, request)
        self.assertEqual(answer.count(b"HTTP/1.1 200 OK"), 2)

    def test_request_body_in_chunks(self):
        body = b"ip=8.8.8.8&categories=18"
        request = raw_report("").split(b"Content-Length")[0]
        request += (b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
                    + b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))
        answer, _ = raw(self.port, request)
        self.assertIn(b"200 OK", answer)
        self.assertEqual(self.accepted(), ["8.8.8.8"])

    def test_body_over_the_limit(self):
        answer, _ = raw(self.port, b"POST /api/v2/report HTTP/1.1\r\n"
                        b"Host: x\r\nContent-Length: 99999999\r\n\r\n")
        self.assertIn(b" 413 ", answer)

    def test_expect_100_continue(self):
        request = raw_report("8.8.8.8").replace(
            b"Host: x", b"Host: x\r\nExpect: 100-continue\r\n"
            b"Connection: close")
        answer, _ = raw(self.port, request)
        self.assertTrue(answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\n"))
        self.assertIn(b"HTTP/1.1 200 OK", answer)


class Tls(unittest.TestCase):
    def test_https_answers_and_resets(self):
        with tempfile.TemporaryDirectory() as directory:
            files = [directory + "/cert.pem", directory + "/key.pem"]
            subprocess.run(
                ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                 "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                 "-subj", "/CN=localhost", "-addext",
                 "subjectAltName=IP:127.0.0.1", "-out", files[0],
                 "-keyout", files[1]], check=True, capture_output=True)
            emulator = Emulator("--tls-cert", files[0], "--tls-key", files[1])
            trust = ssl.create_default_context(cafile=files[0])
        client = Client(emulator.port, tls=trust)
        # one that never starts its handshake must not stop the others
        idle = socket.create_connection(("127.0.0.1", emulator.port))
        self.assertEqual(client.report("8.8.8.8").status, 200)
        client.fault("reset_after", "report", count=1)
        self.assertRaises(ConnectionResetError, client.report, "8.8.4.4")
        client.close()
        self.assertEqual(len(client.statistics()["reports"]), 2)
        client.close()
        idle.close()
        self.assertEqual(emulator.stop(), (0, ""))


def is_json(body):
    try:
        json.loads(body)
    except ValueError:
        return False
    return True


def is_half_json(body):
    return body.startswith(b'{"data"') and not is_json(body)
