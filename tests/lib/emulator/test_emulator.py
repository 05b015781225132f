#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""
test_emulator.py - the AbuseIPDB emulator does what the documentation says

Each endpoint, each rule and (in emulator_fault_cases.py) each fault, over
real sockets on loopback. Run it directly or with python3 -m unittest. What
is asserted comes from the AbuseIPDB API v2 documentation, read November 2026.
"""

import datetime
import os
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from emulator_client import (KEY, OTHER_KEY, Client, Emulator,   # noqa: E402
                             data, error)
from emulator_fault_cases import Connections, Faults, Tls  # noqa: E402,F401

SEED = {
    "45.1.1.1": {"abuseConfidenceScore": 100, "totalReports": 1432,
                 "numDistinctUsers": 211, "lastReportedAt": "now-2h",
                 "countryCode": "DE", "countryName": "Germany",
                 "usageType": "Data Center/Web Hosting/Transit",
                 "isp": "Example", "domain": "example.net"},
    "45.1.1.2": {"abuseConfidenceScore": 11, "totalReports": 5,
                 "lastReportedAt": "now-90d"},
    "45.1.1.3": {"abuseConfidenceScore": 100, "totalReports": 2,
                 "isTor": True, "lastReportedAt": "now-1d",
                 "countryCode": "FR"},
    "45.1.1.4": {"abuseConfidenceScore": 100, "totalReports": 9,
                 "isWhitelisted": True, "lastReportedAt": "now-1d"},
    "2606:4700::1": {"abuseConfidenceScore": 80, "totalReports": 3,
                     "lastReportedAt": "now-3h"},
}
HEADINGS = "IP,Categories,ReportDate,Comment\n"


def today():
    return datetime.datetime.now(datetime.timezone.utc).isoformat()


class Case(unittest.TestCase):
    arguments = ()

    @classmethod
    def setUpClass(cls):
        cls.emulator = Emulator(*cls.arguments, seed=SEED)

    @classmethod
    def tearDownClass(cls):
        status, output = cls.emulator.stop()
        assert (status, output) == (0, ""), output

    def setUp(self):
        self.client = Client(self.emulator.port)
        self.addCleanup(self.client.close)
        self.assertEqual(self.client.control("reset", {}), (200, {}))

    def assert_error(self, reply, status, parameter=None, text=""):
        self.assertEqual(reply.status, status, reply.body)
        self.assertEqual(error(reply)["status"], status)
        self.assertEqual(error(reply).get("source", {}).get("parameter"),
                         parameter)
        self.assertIn(text, error(reply)["detail"])

    def reports(self):
        return self.client.statistics()["reports"]


class Check(Case):
    def test_seeded_address(self):
        reply = self.client.check("45.1.1.1")
        self.assertEqual(reply.status, 200)
        self.assertEqual(reply.headers["X-RateLimit-Limit"], "1000")
        self.assertEqual(reply.headers["X-RateLimit-Remaining"], "999")
        found = data(reply)
        self.assertEqual(found["abuseConfidenceScore"], 100)
        self.assertEqual(found["totalReports"], 1432)
        self.assertEqual(found["numDistinctUsers"], 211)
        self.assertTrue(found["lastReportedAt"].endswith("+00:00"))
        self.assertNotIn("countryName", found)
        self.assertNotIn("reports", found)
        self.assertIn(b"Data Center\\/Web", reply.body)

    def test_unknown_and_private_addresses(self):
        found = data(self.client.check("8.8.8.8"))
        self.assertEqual((found["isPublic"], found["abuseConfidenceScore"],
                          found["totalReports"], found["lastReportedAt"]),
                         (True, 0, 0, None))
        self.assertIsNone(found["isWhitelisted"])
        self.assertFalse(data(self.client.check("10.0.0.1"))["isPublic"])

    def test_ipv6_is_decoded_and_made_canonical(self):
        found = data(self.client.check("2606:4700:0:0::1"))
        self.assertEqual((found["ipAddress"], found["ipVersion"]),
                         ("2606:4700::1", 6))

    def test_verbose_is_a_flag(self):
        found = data(self.client.check("45.1.1.1", verbose="false"))
        self.assertEqual(len(found["reports"]), 1432)
        self.assertEqual(found["countryName"], "Germany")

    def test_age_limits_totals_but_not_score(self):
        found = data(self.client.check("45.1.1.2", maxAgeInDays=30))
        self.assertEqual((found["abuseConfidenceScore"],
                          found["totalReports"]), (11, 0))
        self.assertIsNotNone(found["lastReportedAt"])
        found = data(self.client.check("45.1.1.2", maxAgeInDays=365))
        self.assertEqual(found["totalReports"], 5)

    def test_bad_parameters(self):
        for days in (0, 366):
            self.assert_error(
                self.client.check("8.8.8.8", maxAgeInDays=days), 422,
                "maxAgeInDays", "must be between 1 and 365.")
        self.assert_error(self.client.check("8.8.8"), 422, "ipAddress",
                          "must be a valid IPv4 or IPv6 address")
        self.assert_error(self.client.api("GET", "check"), 422, "ipAddress")
        self.assert_error(self.client.check("fe80::1%eth0"), 422, "ipAddress")

    def test_key(self):
        for key in (None, "x", KEY[:-1]):
            reply = self.client.check("8.8.8.8") if key == KEY else (
                self.client.api("GET", "check", {"ipAddress": "8.8.8.8"},
                                Key=key))
            self.assert_error(reply, 401, None, "Authentication failed.")
        reply = self.client.api("GET", "check", {"ipAddress": "8.8.8.8",
                                                 "key": KEY}, Key=None)
        self.assertEqual(reply.status, 200)

    def test_errors_are_pages_unless_json_is_asked_for(self):
        for accept in (None, "*/*", "text/html"):
            reply = self.client.api("GET", "check", Accept=accept)
            self.assertEqual(reply.status, 422)
            self.assertIn("text/html", reply.headers["Content-Type"])

    def test_unknown_route_and_method(self):
        self.assertEqual(self.client.api("GET", "nothing").status, 404)
        reply = self.client.api("GET", "report")
        self.assertEqual((reply.status, reply.headers["Allow"]),
                         (405, "POST"))
        self.assertIn(b'"message"', reply.body)


class Report(Case):
    def test_form_and_query_parameters(self):
        reply = self.client.report("8.8.8.8", comment="tried a/b & é")
        self.assertEqual(data(reply)["ipAddress"], "8.8.8.8")
        reply = self.client.api("POST", "report", {
            "ip": "2001:4860:4860::8888", "categories": "18"})
        self.assertEqual(reply.status, 200)
        first, second = self.reports()
        self.assertEqual((first["comment"], first["categories"],
                          first["via"]),
                         ("tried a/b & é", [18, 22], "single"))
        self.assertEqual(second["ip"], "2001:4860:4860::8888")

    def test_counts_and_score_rise(self):
        self.client.report("8.8.8.8")
        self.client.report("45.1.1.1")
        self.assertGreater(data(self.client.check("8.8.8.8"))
                           ["abuseConfidenceScore"], 0)
        found = data(self.client.check("45.1.1.1"))
        self.assertEqual((found["totalReports"], found["numDistinctUsers"]),
                         (1433, 212))

    def test_duplicate_within_15_minutes_costs_quota(self):
        self.client.report("8.8.8.8")
        reply = self.client.report("8.8.8.8", "4")
        self.assert_error(reply, 429, "ip", "(`8.8.8.8`) once in 15 minutes.")
        self.assertEqual(reply.headers["X-RateLimit-Remaining"], "998")
        self.assertIsNone(reply.headers["Retry-After"])
        other = Client(self.emulator.port, OTHER_KEY)
        self.addCleanup(other.close)
        self.assertEqual(other.report("8.8.8.8").status, 200)
        self.client.control("clock", {"offset_s": 15 * 60 + 1})
        self.assertEqual(self.client.report("8.8.8.8", "4").status, 200)

    def test_hook_address(self):
        self.assertEqual(self.client.report("127.0.0.1").status, 200)
        self.assert_error(self.client.report("127.0.0.2"), 429, "ip",
                          "15 minutes")

    def test_equal_reports_within_a_day_are_merged(self):
        for offset in (0, 3600, 25 * 3600):
            self.client.control("clock", {"offset_s": offset})
            reply = self.client.report("8.8.8.8", comment="same")
            self.assertEqual(reply.status, 200)
        self.assertEqual([one["merged"] for one in self.reports()], [1, 0])
        self.assertEqual(len(self.client.statistics()["merged"]), 1)

    def test_categories(self):
        for text in ("", "0", "24", "ssh", "<abuseipdb_category>", "18,",
                     ",".join(["18"] * 31)):
            self.assert_error(self.client.report("8.8.8.8", text), 422,
                              "categories")
        self.assertEqual(self.client.report("8.8.8.8", ",".join(
            str(n) for n in range(1, 24))).status, 200)

    def test_comment_is_cut_at_1024_bytes(self):
        self.client.report("8.8.8.8", comment="x" + "é" * 1000)
        one, = self.reports()
        self.assertEqual(one["comment"], "x" + "é" * 511)
        self.assertEqual(one["comment_bytes"], 2001)

    def test_timestamp(self):
        for text in ("yesterday", "1795000000", "2019-01-01T00:00:00Z",
                     "2099-01-01T00:00:00Z"):
            self.assert_error(self.client.report("8.8.8.8", timestamp=text),
                              422, "timestamp")
        when = datetime.datetime.now(datetime.timezone(
            datetime.timedelta(hours=2))).replace(microsecond=0)
        self.client.report("8.8.8.8", timestamp=when.isoformat())
        self.assertEqual(self.reports()[0]["timestamp"], when.astimezone(
            datetime.timezone.utc).isoformat())

    def test_bad_address_is_no_duplicate_though_the_parameter_is_ip(self):
        self.assert_error(self.client.report("8.8.8.8.8"), 422, "ip",
                          "must be a valid IPv4 or IPv6 address")

    def test_clear_address_takes_back_only_our_own(self):
        other = Client(self.emulator.port, OTHER_KEY)
        self.addCleanup(other.close)
        self.client.report("8.8.8.8")
        other.report("8.8.8.8")
        for left in (1, 0):
            reply = self.client.api("DELETE", "clear-address",
                                    {"ipAddress": "8.8.8.8"})
            self.assertEqual(data(reply), {"numReportsDeleted": left})
        self.assertEqual([one["cleared"] for one in self.reports()],
                         [True, False])
        self.assertEqual(data(self.client.check("8.8.8.8"))
                         ["totalReports"], 1)


class Lists(Case):
    def test_reports_are_paged(self):
        reply = self.client.api("GET", "reports", {
            "ipAddress": "45.1.1.1", "page": 2, "perPage": 100})
        page = data(reply)
        self.assertEqual((page["total"], page["page"], page["count"],
                          page["perPage"], page["lastPage"]),
                         (1432, 2, 100, 100, 15))
        self.assertIn("page=3", page["nextPageUrl"])
        self.assertIn("page=1", page["previousPageUrl"])
        self.assertEqual(page["results"][0]["categories"], [18, 22])
        for name, value in (("page", 0), ("perPage", 101)):
            self.assert_error(self.client.api("GET", "reports", {
                "ipAddress": "45.1.1.1", name: value}), 422, name)

    def test_blacklist_of_a_free_plan(self):
        reply = self.client.api("GET", "blacklist", {"confidenceMinimum": 25})
        rows = data(reply)
        self.assertEqual([row["ipAddress"] for row in rows],
                         ["45.1.1.1", "45.1.1.3"])
        self.assertIn(b'"meta":{"generatedAt"', reply.body)
        reply = self.client.api("GET", "blacklist", {"limit": 1},
                                Accept="text/plain")
        self.assertEqual(reply.body, b"45.1.1.1\n")
        self.assertTrue(reply.headers["X-Generated-At"])
        self.assert_error(self.client.api("GET", "blacklist", {
            "onlyCountries": "DE"}), 402, "onlyCountries")

    def block(self, network, **query):
        return self.client.api("GET", "check-block",
                               {"network": network, **query})

    def test_check_block(self):
        found = data(self.block("45.1.1.77/24"))
        self.assertEqual((found["networkAddress"], found["netmask"],
                          found["minAddress"], found["maxAddress"],
                          found["numPossibleHosts"],
                          found["addressSpaceDesc"]),
                         ("45.1.1.0", "255.255.255.0", "45.1.1.1",
                          "45.1.1.254", 254, "Internet"))
        self.assertEqual([row["ipAddress"] for row in
                          found["reportedAddress"]],
                         ["45.1.1.1", "45.1.1.4", "45.1.1.3"])
        found = data(self.block("2606:4700::/120"))
        self.assertEqual(len(found["reportedAddress"]), 1)

    def test_check_block_limits(self):
        self.assert_error(self.block("45.1.0.0/23"), 402, "network")
        self.assert_error(self.block("45.1.1.0/24", maxAgeInDays=31), 402,
                          "maxAgeInDays")
        self.assert_error(self.block("45.0.0.0/15"), 422, "network",
                          "Cannot accept bitmask wider than")
        self.assert_error(self.block("45.1.1.1"), 422, "network")


class Bulk(Case):
    def test_good_and_bad_rows(self):
        when = today()
        reply = self.client.bulk(
            HEADINGS
            + f'8.8.8.8,"18,22",{when},"said \\"no, thanks\\"\nand left"\n'
            + f"127.0.foo.bar,18,{when},\n"
            + f"8.8.8.8,18,{when},again\n"
            + f"8.8.4.4,99,{when},x\r\n"
            + "1.1.1.1,18,INVALID-DATE,x\n"
            + f"2606:4700::2,18,{when},\"doubled \"\"quotes\"\" are wrong\"")
        self.assertEqual(data(reply), {"savedReports": 2, "invalidReports": [
            {"error": "Invalid IP", "input": "127.0.foo.bar", "rowNumber": 3},
            {"error": "Duplicate IP", "input": "8.8.8.8", "rowNumber": 4},
            {"error": "Invalid Category", "input": "8.8.4.4", "rowNumber": 5},
            {"error": "Invalid Date", "input": "1.1.1.1", "rowNumber": 6}]})
        first, second = self.reports()
        self.assertEqual((first["comment"], first["categories"],
                          first["via"]),
                         ('said "no, thanks"\nand left', [18, 22], "bulk"))
        self.assertEqual(second["comment"],
                         'doubled "quotes"" are wrong"')

    def test_score_does_not_rise_immediately(self):
        self.client.bulk(HEADINGS + f"8.8.8.8,18,{today()},x\n")
        found = data(self.client.check("8.8.8.8"))
        self.assertEqual((found["totalReports"],
                          found["abuseConfidenceScore"]), (1, 0))
        self.assert_error(self.client.report("8.8.8.8"), 429, "ip")

    def test_dates_of_strtotime(self):
        now = datetime.datetime.now(datetime.timezone.utc)
        forms = ("%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M:%S +0000", "@%s",
                 "%a %d %b %Y %H:%M:%S +0000", "%m/%d/%Y %H:%M:%S")
        rows = "".join(f'8.8.8.{n},18,"{now.strftime(form)}",\n'
                       for n, form in enumerate(forms))
        self.assertEqual(data(self.client.bulk(HEADINGS + rows)),
                         {"savedReports": len(forms), "invalidReports": []})
        # no zone: the server's, five hours behind UTC
        last = datetime.datetime.fromisoformat(self.reports()[-1]["timestamp"])
        self.assertAlmostEqual((last - now).total_seconds(), 5 * 3600,
                               delta=2)

    def test_file_as_a_whole(self):
        row = f"8.8.8.8,18,{today()},x\n"
        for csv in (row, "ip,categories,reportdate,comment\n" + row,
                    HEADINGS.replace(",C", ", C") + row, "",
                    HEADINGS + "\n" * 10000,
                    HEADINGS + "x" * 2 * 1024 * 1024):
            self.assert_error(self.client.bulk(csv), 422, "csv")
            self.client.control("reset", {})
        self.assert_error(self.client.bulk(HEADINGS, "file"), 422, "csv")
        self.assert_error(self.client.bulk(HEADINGS, filename=""), 422, "csv")
        self.assertEqual(self.reports(), [])

    def test_ten_thousand_lines(self):
        rows = "".join(f"8.{n // 250}.{n % 250}.1,18,{today()},\n"
                       for n in range(9999))
        self.assertEqual(data(self.client.bulk(HEADINGS + rows)),
                         {"savedReports": 9999, "invalidReports": []})


class Quota(Case):
    arguments = ("--limit", "check=2", "--plan", "webmaster")

    def test_limit_headers_and_reset_at_midnight(self):
        self.assertEqual([self.client.check("8.8.8.8").headers
                          ["X-RateLimit-Remaining"] for _ in "12"],
                         ["1", "0"])
        reply = self.client.check("8.8.8.8")
        self.assert_error(reply, 429, None, "Daily rate limit of 2 requests "
                          "exceeded for this endpoint.")
        reset = int(reply.headers["X-RateLimit-Reset"])
        wait = int(reply.headers["Retry-After"])
        now = self.client.statistics()["now"]
        self.assertEqual(reset % 86400, 0)
        self.assertAlmostEqual(reset - now, wait, delta=2)
        self.assertEqual(reply.headers["X-RateLimit-Remaining"], "0")
        self.client.control("clock", {"offset_s": wait + 1})
        self.assertEqual(self.client.check("8.8.8.8").status, 200)

    def test_each_endpoint_and_key_has_its_own(self):
        for _ in "12":
            self.client.check("8.8.8.8")
        self.assertEqual(self.client.report("8.8.8.8").headers
                         ["X-RateLimit-Limit"], "3000")
        other = Client(self.emulator.port, OTHER_KEY)
        self.addCleanup(other.close)
        self.assertEqual(other.check("8.8.8.8").status, 200)

    def test_refused_requests_cost_too_but_not_without_key(self):
        self.client.check("nonsense")
        self.client.api("GET", "check", Key=None)
        self.assertEqual(self.client.check("8.8.8.8").headers
                         ["X-RateLimit-Remaining"], "0")


class Premium(Case):
    arguments = ("--plan", "premium")

    def test_subscriber_features(self):
        reply = self.client.api("GET", "blacklist", {
            "confidenceMinimum": 75, "ipVersion": 6})
        self.assertEqual([row["ipAddress"] for row in data(reply)],
                         ["2606:4700::1"])
        reply = self.client.api("GET", "blacklist", {"exceptCountries": "de"})
        self.assertEqual([row["ipAddress"] for row in data(reply)],
                         ["45.1.1.3"])
        reply = self.client.api("GET", "check-block", {
            "network": "45.1.0.0/16", "maxAgeInDays": 365})
        self.assertEqual(data(reply)["numPossibleHosts"], 65534)
        self.assertEqual(reply.headers["X-RateLimit-Limit"], "5000")


class Control(Case):
    def test_statistics_and_log(self):
        self.client.report("8.8.8.8", comment="x")
        self.client.report("8.8.8.8")
        self.client.check("8.8.8.8", key=KEY)
        counts = self.client.statistics()
        self.assertEqual(counts["endpoints"]["report"],
                         {"accepted": 1, "refused": {"duplicate": 1}})
        self.assertEqual((counts["requests"], counts["connections"],
                          counts["in_flight_most"]), (3, 1, 1))
        lines = self.emulator.log()[-3:]
        self.assertEqual([(line["method"], line["path"], line["ip"],
                           line["outcome"], line["status"])
                          for line in lines],
                         [("POST", "/api/v2/report", "8.8.8.8",
                           "accepted", 200),
                          ("POST", "/api/v2/report", "8.8.8.8",
                           "duplicate", 429),
                          ("GET", "/api/v2/check", "8.8.8.8",
                           "accepted", 200)])
        self.assertNotIn(KEY, str(self.emulator.log()))
        self.assertNotIn(KEY, str(counts))

    def test_seed_merges(self):
        status, _ = self.client.control("seed", {"addresses": {
            "45.1.1.1": {"isWhitelisted": True},
            "45.2.2.2": {"abuseConfidenceScore": 90}}})
        self.assertEqual(status, 200)
        found = data(self.client.check("45.1.1.1"))
        self.assertEqual((found["isWhitelisted"], found["totalReports"]),
                         (True, 1432))
        self.assertEqual(data(self.client.check("45.2.2.2"))
                         ["abuseConfidenceScore"], 90)

    def test_wrong_requests_change_nothing(self):
        for action, value in (
                ("fault", {"fault": "http_5000"}),
                ("fault", {"fault": "hang", "endpoint": "checks"}),
                ("fault", {"fault": "hang", "count": 0}), ("clock", {}),
                ("seed", {"addresses": {"45.2.2.2": {"score": 9}}}),
                ("seed", {"addresses": {"45.2.2": {}}})):
            status, body = self.client.control(action, value)
            self.assertEqual(status, 400, value)
            self.assertTrue(body["error"])
        self.assertEqual(self.client.control("nothing")[0], 404)
        self.assertEqual(self.client.check("45.2.2.2").status, 200)


if __name__ == "__main__":
    program = unittest.main(exit=False)
    result = program.result
    bad = len(result.failures) + len(result.errors)
    print(f"test_emulator: {result.testsRun} tests, {bad} failed")
    sys.exit(1 if bad else 0)
