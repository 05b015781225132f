# SPDX-License-Identifier: MIT
"""
test_emulator.py - the AbuseIPDB emulator does what the documentation says

tests/data/emulator.tsv has a row for each rule of its endpoints; what is asserted here as well comes from the
AbuseIPDB API v2 documentation, read November 2026. Faults are seen as a client would see them: raw bytes, and
always the statistics: was the report accepted or not?
"""

import datetime
import http.client
import json
import re
import socket
import ssl
import threading
import time
import unittest

import rows
from api import KEY, Emulator

NEEDS_ROOT = False
OTHER_KEY = "fedcba9876543210" * 5
SEED = {
    "45.1.1.1": {"abuseConfidenceScore": 100, "totalReports": 1432, "numDistinctUsers": 211,
                 "lastReportedAt": "now-2h", "usageType": "Data Center/Web Hosting/Transit"},
    "45.1.1.2": {"abuseConfidenceScore": 11, "totalReports": 5, "lastReportedAt": "now-90d"},
    "2606:4700::1": {"abuseConfidenceScore": 80, "totalReports": 3},
}
HEADINGS = "IP,Categories,ReportDate,Comment\n"
BULK = ('--xyz\r\nContent-Disposition: form-data; name="{field}"{filename}\r\nContent-Type: text/csv\r\n\r\n'
        "{csv}\r\n--xyz--\r\n")


def today():
    return datetime.datetime.now(datetime.timezone.utc).isoformat()


class Case(unittest.TestCase):
    options = ()

    @classmethod
    def setUpClass(cls):
        cls.api = Emulator(SEED, "--key", OTHER_KEY, *cls.options)
        cls.addClassCleanup(cls.end)

    @classmethod
    def end(cls):
        assert cls.api.close() == (0, "")

    def setUp(self):
        self.api.control("reset", {})
        self.http = http.client.HTTPConnection("127.0.0.1", self.api.port, timeout=30)
        self.addCleanup(self.http.close)

    def ask(self, method, path, body=None, **headers):
        """(status, fields and body as text)"""
        headers = {"Key": KEY, "Accept": "application/json", **headers}
        self.http.request(method, "/api/v2/" + path, body, {name: value for name, value in headers.items() if value})
        answer = self.http.getresponse()
        return answer.status, f"{answer.headers}{answer.read().decode()}"

    def report(self, ip, **fields):
        form = "&".join(f"{name}={value}" for name, value in {"ip": ip, "categories": 18, **fields}.items())
        return self.ask("POST", "report", form, **{"Content-Type": "application/x-www-form-urlencoded"})

    def bulk(self, csv, field="csv", filename='; filename="report.csv"'):
        """(status, data or errors)"""
        status, answer = self.ask("POST", "bulk-report", BULK.format(field=field, filename=filename, csv=csv).encode(),
                                  **{"Content-Type": "multipart/form-data; boundary=xyz"})
        return status, json.loads(answer[answer.index("{"):]).popitem()[1]

    def raw(self, *ips):
        """(all bytes that follow these reports on one connection, the error that ended it)"""
        with socket.create_connection(("127.0.0.1", self.api.port), 30) as sock:
            for ip in ips:
                body = f"ip={ip}&categories=18"
                connection = "close" if ip == ips[-1] else "keep-alive"
                sock.sendall("POST /api/v2/report HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\n"
                             f"Key: {KEY}\r\nConnection: {connection}\r\n"
                             "Content-Type: application/x-www-form-urlencoded\r\nExpect: 100-continue\r\n"
                             f"Content-Length: {len(body)}\r\n\r\n{body}".encode())
            answer = b""
            try:
                while more := sock.recv(65536):
                    answer += more
            except OSError as error:
                return answer, error
            return answer, None


class Blacklist(Case):
    """20 of 40 addresses: half of them."""
    options = ("--blacklist-most", "20")

    def setUp(self):
        super().setUp()
        self.api.control("seed", {"addresses": {f"45.9.0.{number}": {"abuseConfidenceScore": 100, "totalReports": 9}
                                                for number in range(39)}})

    def download(self):
        status, answer = self.ask("GET", "blacklist", Accept="text/plain")
        self.assertEqual(status, 200)
        return set(answer[answer.index("\n\n"):].split())

    def test_a_download_is_a_random_half_that_changes_with_the_half_hour(self):
        self.api.control("clock", {"offset_s": 1800 - time.time() % 1800})
        first = self.download()
        self.assertEqual((len(first), self.download()), (20, first))
        self.api.control("clock", {"offset_s": 3600 - time.time() % 1800})
        second = self.download()
        self.assertEqual(len(second), 20)
        self.assertTrue(first - second and first & second)


@rows.each("emulator.tsv", 50)
class Documented(Case):
    def try_row(self, row):
        for step in [] if row["before"] == "-" else row["before"].split("; "):
            count, what = re.fullmatch(r"(?:(\d+) x )?(.*)", step).groups()
            for _ in range(int(count or 1)):
                self.step(what)
        status, answer = self.step(row["request"])
        self.assertEqual(status, int(row["status"]), answer)
        for fragment in row["answer"].split(" | "):
            self.assertEqual(fragment.lstrip("!") in answer, fragment[0] != "!", f"{fragment!r}: {answer}")

    def step(self, text):
        method, path, *more = text.replace("OTHER", OTHER_KEY).split(" ") + [""] * (text == "stats")
        if method == "clock":
            return self.api.control("clock", {"offset_s": int(path)})
        if method == "stats":
            return 200, json.dumps(self.api.statistics())
        body, headers = None, {}
        for word in more:
            if match := re.fullmatch(r"(Key|Accept):(.*)", word):
                headers[match[1]] = match[2]
            else:
                body, headers["Content-Type"] = word, "application/x-www-form-urlencoded"
        return self.ask(method, path, body, **headers)

    def test_a_comment_is_cut_at_1024_bytes(self):
        self.report("8.8.8.8", comment="x" + "%C3%A9" * 1000)
        one, = self.api.statistics()["reports"]
        self.assertEqual((one["comment"], one["comment_bytes"]), ("x" + "é" * 511, 2001))

    def test_a_time_is_kept_in_utc(self):
        when = datetime.datetime.now(datetime.timezone(datetime.timedelta(hours=2))).replace(microsecond=0)
        self.report("8.8.8.8", timestamp=when.isoformat().replace("+", "%2B"))
        self.assertEqual(self.api.statistics()["reports"][0]["timestamp"],
                         when.astimezone(datetime.timezone.utc).isoformat())

    def test_a_quota_returns_at_midnight(self):
        for _ in range(6):
            _, answer = self.ask("DELETE", "clear-address?ipAddress=8.8.8.8")
        reset, wait = (int(re.search(rf"{name}: (\d+)", answer)[1]) for name in ("X-RateLimit-Reset", "Retry-After"))
        self.assertEqual(reset % 86400, 0)
        self.assertAlmostEqual(reset - self.api.statistics()["now"], wait, delta=30)
        self.api.control("clock", {"offset_s": wait + 1})
        self.assertEqual(self.ask("DELETE", "clear-address?ipAddress=8.8.8.8")[0], 200)


class Bulk(Case):
    def test_good_and_bad_rows(self):
        when = today()
        text = (HEADINGS + f'8.8.8.8,"18,22",{when},"said \\"no, thanks\\"\nand left"\n127.0.foo.bar,18,{when},\n'
                f"8.8.8.8,18,{when},again\n8.8.4.4,99,{when},x\r\n1.1.1.1,18,INVALID-DATE,x\n"
                f'2606:4700::2,18,{when},"doubled ""quotes"" are wrong"')
        self.assertEqual(self.bulk(text), (200, {"savedReports": 2, "invalidReports": [
            {"error": "Invalid IP", "input": "127.0.foo.bar", "rowNumber": 3},
            {"error": "Duplicate IP", "input": "8.8.8.8", "rowNumber": 4},
            {"error": "Invalid Category", "input": "8.8.4.4", "rowNumber": 5},
            {"error": "Invalid Date", "input": "1.1.1.1", "rowNumber": 6}]}))
        first, second = self.api.statistics()["reports"]
        self.assertEqual((first["comment"], first["categories"], first["via"]),
                         ('said "no, thanks"\nand left', [18, 22], "bulk"))
        self.assertEqual(second["comment"], 'doubled "quotes"" are wrong"')

    def test_the_score_does_not_rise_immediately(self):
        self.bulk(HEADINGS + f"8.8.8.8,18,{today()},x\n")
        self.assertRegex(self.ask("GET", "check?ipAddress=8.8.8.8")[1], 'Score":0,.*"totalReports":1')
        self.assertEqual(self.report("8.8.8.8")[0], 429)

    def test_a_time_without_zone_is_the_servers(self):
        """Five hours behind UTC."""
        now = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
        self.bulk(HEADINGS + f"8.8.8.8,18,{now:%Y-%m-%d %H:%M:%S},\n")
        self.assertEqual(self.api.statistics()["reports"][0]["timestamp"],
                         (now + datetime.timedelta(hours=5)).isoformat())

    def test_a_file_as_a_whole(self):
        row = f"8.8.8.8,18,{today()},x\n"
        for more in ({"csv": row}, {"csv": "ip,categories,reportdate,comment\n" + row}, {"csv": ""},
                     {"csv": HEADINGS.replace(",C", ", C") + row}, {"csv": HEADINGS + "\n" * 10000},
                     {"csv": HEADINGS + "x" * 2 * 1024 * 1024}, {"csv": HEADINGS, "field": "file"},
                     {"csv": HEADINGS, "filename": ""}):
            with self.subTest(str(more)[:80]):
                self.api.control("reset", {})
                status, (error,) = self.bulk(**more)
                self.assertEqual((status, error["source"]), (422, {"parameter": "csv"}))
                self.assertEqual(self.api.accepted(), [])

    def test_ten_thousand_lines(self):
        text = "".join(f"8.{n // 250}.{n % 250}.1,18,{today()},\n" for n in range(9999))
        self.assertEqual(self.bulk(HEADINGS + text), (200, {"savedReports": 9999, "invalidReports": []}))


class Plan(Case):
    options = ("--plan", "webmaster", "--limit", "check=2")

    def test_limits_of_a_plan_and_others(self):
        self.assertIn("X-RateLimit-Limit: 3000", self.report("8.8.8.8")[1])
        self.assertEqual([self.ask("GET", "check?ipAddress=8.8.8.8")[0] for _ in "123"], [200, 200, 429])


# fault that does the service's work: a regular expression of the raw bytes that follow
DONE = {
    "delay": rb'200 OK\r\n.*"8\.8\.8\.8"',
    "slow_body": rb'200 OK\r\n.*"8\.8\.8\.8"',
    "reset_after": rb"\Z",
    "close_after": rb"\Z",
    "empty_200": rb"200 OK\r\n.*Content-Length: 0\r\n\r\n\Z",
    "empty_body_no_length": rb"200 OK\r\n(?!.*Content-Length).*\r\n\r\n\Z",
    "truncated_json": rb'200 OK\r\n.*\r\n\r\n\{"data":[^}]*\Z',
    "garbage_json": rb"200 OK\r\n.*\r\n\r\n\{.*\xff",
    "wrong_types": rb'200 OK\r\n.*"ipAddress": 7, "abuseConfidenceScore": "100"',
    "score_text": rb'200 OK\r\n.*Score": "\d+"',
    "null_data": rb'200 OK\r\n.*\r\n\r\n\{"data":null\}\Z',
    "deep_json": rb'200 OK\r\n.*"data":\[{9999}',
    "huge_body": rb'200 OK\r\n.*Content-Length: 10485760\r\n\r\n\{.*"\}\Z',
    "wrong_length": rb"200 OK\r\n.*Content-Length: 1\d\d\r\n.*\}\}\Z",
    "bad_chunk": rb"200 OK\r\n.*Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    "drop_headers": rb'200 OK\r\n(?!.*RateLimit).*"data"',
}


class Faults(Case):
    def meet(self, fault, **more):
        """(what followed the report's 100 Continue, the error that ended it, the addresses accepted)"""
        self.api.control("reset", {})
        self.api.fault(fault, "report", **more)
        answer, error = self.raw("8.8.8.8")
        return answer.replace(b"HTTP/1.1 100 Continue\r\n\r\n", b""), error, self.api.accepted()

    def test_every_fault_is_answered_as_its_row_says(self):
        for row in rows.read("faults.tsv", 30):
            if row["fault"] in ("hang", "reset_before"):
                continue                   # below
            with self.subTest(row["fault"]):
                began = time.monotonic()
                answer, error, accepted = self.meet(row["fault"], delay_s=0.1, bytes_per_s=1000)
                self.assertGreater(time.monotonic() - began, 0.09 if row["sent"] in ("late", "slow") else 0)
                self.assertEqual(isinstance(error, ConnectionResetError), row["sent"] == "reset")
                self.assertEqual(accepted, ["8.8.8.8"] if row["done"] == "yes" else [])
                literal = re.sub(rb"\\{\w+\\}", rb"[^\"]+", re.escape(row["body"].encode()))
                wanted = DONE.get(row["fault"]) or rb"%s .*\r\n\r\n%s\Z" % (row["status"].encode(), literal)
                self.assertRegex(answer, rb"(?s)\A(HTTP/1\.1 )?" + wanted)
                if (digits := re.search(r"\d{3}", row["fault"])) and row["status"] != "-":
                    self.assertEqual(row["status"], digits[0])
                if row["body"].startswith("<"):
                    self.assertIn(b"Content-Type: text/html", answer)
                if row["fault"] == "deep_json":
                    self.assertEqual(answer.count(b"["), 100000)

    def test_refusals_are_the_services_own(self):
        for fault, headers, ips in (("http_401", {"Key": ""}, ["8.8.8.8"]), ("http_422", {}, ["8.8.8"]),
                                    ("dup_429", {}, ["8.8.8.8", "8.8.8.8"])):
            self.api.control("reset", {})
            for ip in ips:
                own = self.ask("POST", f"report?ip={ip}&categories=18", **headers)[1]
            self.assertEqual(self.meet(fault)[0].partition(b"\r\n\r\n")[2].decode(), own[own.index("{"):])

    def test_a_quota_that_is_used_up(self):
        head = self.meet("quota_429", retry_after=7)[0]
        self.assertRegex(head, rb"(?s)X-RateLimit-Limit: 1000\r.*X-RateLimit-Remaining: 0\r.*Retry-After: 7\r")
        self.assertIn(b"Daily rate limit of 1000 ", head)
        self.assertNotRegex(self.meet("quota_429_no_header")[0], b"(?i)ratelimit|retry-after")

    def test_a_refused_duplicate_costs_quota(self):
        self.assertIn(b"X-RateLimit-Remaining: 999", self.meet("dup_429")[0])
        self.assertIn("X-RateLimit-Remaining: 998", self.ask("POST", "report")[1])

    def test_a_page_of_the_cdn(self):
        self.assertRegex(self.meet("http_403_html")[0], rb"(?s)cloudflare\r.*Content-Type: text/html.*challenge")

    def test_a_hang_holds_the_connection_and_accepts_nothing(self):
        self.api.fault("hang", "report")
        with socket.create_connection(("127.0.0.1", self.api.port), 30) as sock:
            body = b"ip=8.8.8.8&categories=18"
            sock.sendall(b"POST /api/v2/report HTTP/1.1\r\nHost: x\r\nKey: %s\r\nContent-Length: %d\r\n"
                         b"Content-Type: application/x-www-form-urlencoded\r\n\r\n%s" % (KEY.encode(), len(body), body))
            while not self.api.statistics()["faults"]:
                time.sleep(0.01)
            sock.settimeout(0.3)
            self.assertRaises(TimeoutError, sock.recv, 1)
        self.assertEqual(self.api.accepted(), [])

    def test_a_reset_before_the_body_is_read(self):
        answer, error, accepted = self.meet("reset_before")
        self.assertIsInstance(error, ConnectionResetError)
        self.assertEqual((answer, accepted), (b"", []))

    def test_a_redirect_shows_who_follows_with_the_key(self):
        target = re.search(rb"Location: http://localhost:\d+(/_test/\S+)", self.meet("redirect_302")[0])[1].decode()
        self.ask("GET", "../.." + target)
        self.assertEqual(self.api.statistics()["redirected"], {"hits": 0, "with_key": 0})
        self.http.request("GET", target, headers={"Key": KEY})
        self.http.getresponse().read()
        self.assertEqual(self.api.statistics()["redirected"], {"hits": 1, "with_key": 1})

    def test_a_fault_may_come_after_the_work(self):
        self.assertEqual(self.meet("http_500", process=True)[2], ["8.8.8.8"])
        self.assertEqual(self.meet("reset_after", process=False)[2], [])

    def test_count_endpoint_and_off(self):
        def statuses(count):
            return [self.ask("GET", "check?ipAddress=8.8.8.8")[0] for _ in range(count)]
        self.api.fault("http_500", count=2)
        self.api.fault("http_404", "check")
        self.assertEqual(statuses(2), [404, 404])
        self.api.fault(None, "check")
        self.assertEqual(statuses(3), [500, 500, 200])
        self.api.fault("http_503")
        self.api.clear_faults()
        self.assertEqual(statuses(1), [200])
        self.assertEqual(self.api.statistics()["faults"], {"http_404": 2, "http_500": 2})


class Connections(Case):
    def test_a_client_that_waits_with_its_body_is_told_to_go_on(self):
        self.assertRegex(self.raw("8.8.8.8")[0], rb"\AHTTP/1\.1 100 Continue\r\n\r\nHTTP/1\.1 200 ")

    def together(self, count, work):
        threads = [threading.Thread(target=work, args=(n,)) for n in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def test_many_are_kept_alive(self):
        self.together(100, lambda n: self.raw(*(f"8.8.{n}.{turn}" for turn in range(5))))
        counts = self.api.statistics()
        self.assertEqual((counts["connections"], len(counts["reports"])), (100, 500))

    def test_one_of_equal_reports_at_the_same_time_is_accepted(self):
        answers = []
        self.together(20, lambda _: answers.append(self.raw("8.8.8.8")[0]))
        self.assertEqual(sorted(re.findall(rb"1\.1 ([24]\d\d)", b"".join(answers))), [b"200"] + [b"429"] * 19)

    def test_requests_one_after_the_other_without_waiting(self):
        self.assertEqual(self.raw("8.8.8.8", "8.8.4.4")[0].count(b"HTTP/1.1 200 OK"), 2)

    def test_a_body_of_unknown_length_is_refused(self):
        self.assertEqual(self.ask("POST", "report", **{"Transfer-Encoding": "chunked"})[0], 411)


class Tls(unittest.TestCase):
    def test_https_answers_and_resets(self):
        api = Emulator(tls=True)
        self.addCleanup(api.close)
        trust = ssl.create_default_context(cafile=api.ca_file)
        client = http.client.HTTPSConnection("127.0.0.1", api.port, timeout=30, context=trust)
        # one that never starts its handshake must not stop the others
        with socket.create_connection(("127.0.0.1", api.port)):
            client.request("POST", "/api/v2/report?ip=8.8.8.8&categories=18", headers={"Key": KEY})
            self.assertEqual(client.getresponse().read()[:7], b'{"data"')
            api.fault("reset_after", "report", count=1)
            client.request("POST", "/api/v2/report?ip=8.8.4.4&categories=18", headers={"Key": KEY})
            self.assertRaises(ConnectionResetError, client.getresponse)
        client.close()
        self.assertEqual(api.accepted(), ["8.8.8.8", "8.8.4.4"])


class Control(Case):
    def test_statistics_and_log(self):
        self.report("8.8.8.8")
        self.report("8.8.8.8")
        self.ask("GET", f"check?ipAddress=8.8.8.8&key={KEY}")
        counts = self.api.statistics()
        self.assertEqual(counts["endpoints"]["report"], {"accepted": 1, "refused": {"duplicate": 1}})
        self.assertEqual((counts["requests"], counts["connections"], counts["in_flight_most"]), (3, 1, 1))
        self.assertEqual([[line[name] for name in ("method", "path", "ip", "outcome", "status")]
                          for line in self.api.requests()[-3:]],
                         [["POST", "/api/v2/report", "8.8.8.8", "accepted", 200],
                          ["POST", "/api/v2/report", "8.8.8.8", "duplicate", 429],
                          ["GET", "/api/v2/check", "8.8.8.8", "accepted", 200]])
        self.assertNotIn(KEY, str(self.api.requests()) + str(counts))

    def test_a_seed_is_merged(self):
        self.api.control("seed", {"addresses": {"45.1.1.1": {"isWhitelisted": True}, "45.2.2.2": {
            "abuseConfidenceScore": 90}}})
        self.assertRegex(self.ask("GET", "check?ipAddress=45.1.1.1")[1], '"isWhitelisted":true.*"totalReports":1432')
        self.assertIn('Score":90', self.ask("GET", "check?ipAddress=45.2.2.2")[1])

    def test_wrong_requests_change_nothing(self):
        for action, value, status in (
                ("fault", {"fault": "http_5000"}, 400), ("fault", {"fault": "hang", "endpoint": "checks"}, 400),
                ("fault", {"fault": "hang", "count": 0}, 400), ("clock", {}, 400),
                ("seed", {"addresses": {"45.2.2.2": {"score": 9}}}, 400), ("seed", {"addresses": {"45.2.2": {}}}, 400),
                ("nothing", None, 404)):
            with self.subTest(action=action, value=value), self.assertRaisesRegex(OSError, str(status)):
                self.api.control(action, value)
        self.assertEqual(self.ask("GET", "check?ipAddress=45.2.2.2")[0], 200)
