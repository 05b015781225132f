# SPDX-License-Identifier: MIT
"""
emulator_client.py - start the AbuseIPDB emulator and talk to it

For the emulator's own tests: a process that ends with the test, one HTTP
client that keeps its connection, and a raw one for answers that are not HTTP.
"""

import collections
import http.client
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse

PROGRAM = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                       "abuseipdb.py")
KEY = "0123456789abcdef" * 5
OTHER_KEY = "fedcba9876543210" * 5
FORM = "application/x-www-form-urlencoded"

Reply = collections.namedtuple("Reply", "status headers body")


class Emulator:
    """The process. Arguments are those of its command line."""

    def __init__(self, *arguments, seed=None):
        self.directory = tempfile.TemporaryDirectory()
        port_file = self.path("port")
        arguments = [*arguments, "--port-file", port_file, "--key", KEY,
                     "--key", OTHER_KEY, "--log", self.path("log")]
        if seed is not None:
            with open(self.path("seed"), "w", encoding="utf-8") as file:
                json.dump({"addresses": seed}, file)
            arguments += ["--seed", self.path("seed")]
        self.process = subprocess.Popen(
            [sys.executable, PROGRAM, *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.port = self.await_port(port_file)

    def path(self, name):
        return os.path.join(self.directory.name, name)

    def await_port(self, path):
        until = time.monotonic() + 5
        while not os.path.exists(path):
            if time.monotonic() > until or self.process.poll() is not None:
                raise RuntimeError("the emulator did not start: "
                                   + self.stop()[1])
            time.sleep(0.01)
        with open(path, encoding="ascii") as file:
            return int(file.read())

    def stop(self):
        """SIGTERM; returns (exit status, everything it printed)."""
        self.process.terminate()
        output, _ = self.process.communicate(timeout=5)
        self.directory.cleanup()
        return self.process.returncode, output.decode()

    def log(self):
        with open(self.path("log"), encoding="utf-8") as file:
            return [json.loads(line) for line in file]


class Client:
    """Requests over one kept-alive connection."""

    def __init__(self, port, key=KEY, timeout=5, tls=None):
        self.headers = {"Accept": "application/json"}
        if key:
            self.headers["Key"] = key
        if tls:
            self.http = http.client.HTTPSConnection(
                "127.0.0.1", port, timeout=timeout, context=tls)
        else:
            self.http = http.client.HTTPConnection("127.0.0.1", port,
                                                   timeout=timeout)

    def ask(self, method, path, body=None, **headers):
        fields = dict(self.headers, **{name.replace("_", "-"): value
                                       for name, value in headers.items()})
        fields = {name: value for name, value in fields.items()
                  if value is not None}
        self.http.request(method, path, body, fields)
        answer = self.http.getresponse()
        return Reply(answer.status, answer.headers, answer.read())

    def api(self, method, endpoint, query=None, body=None, **headers):
        path = "/api/v2/" + endpoint
        if query:
            path += "?" + urllib.parse.urlencode(query)
        return self.ask(method, path, body, **headers)

    def check(self, ip, **query):
        return self.api("GET", "check", {"ipAddress": ip, **query})

    def report(self, ip, categories="18,22", **fields):
        form = {"ip": ip, "categories": categories, **fields}
        return self.api("POST", "report", None,
                        urllib.parse.urlencode(form), Content_Type=FORM)

    def bulk(self, csv, field="csv", filename='; filename="report.csv"'):
        body = (f'--xyz\r\nContent-Disposition: form-data; name="{field}"'
                f'{filename}\r\nContent-Type: text/csv\r\n\r\n{csv}\r\n'
                "--xyz--\r\n").encode()
        return self.api("POST", "bulk-report", None, body,
                        Content_Type="multipart/form-data; boundary=xyz")

    def control(self, action, value=None):
        """/_test/ACTION: GET without a value, else POST."""
        method = "GET" if value is None else "POST"
        reply = self.ask(method, "/_test/" + action,
                         None if value is None else json.dumps(value))
        return reply.status, json.loads(reply.body)

    def fault(self, name, endpoint="*", **given):
        status, body = self.control("fault", dict(
            given, fault=name, endpoint=endpoint))
        assert status == 200, body

    def statistics(self):
        return self.control("stats")[1]

    def close(self):
        self.http.close()


def raw(port, request, timeout=5):
    """Send bytes, return (bytes until the end, the error that ended it)."""
    with socket.create_connection(("127.0.0.1", port), timeout) as sock:
        sock.sendall(request)
        answer = b""
        try:
            while True:
                more = sock.recv(65536)
                if not more:
                    return answer, None
                answer += more
        except OSError as error:
            return answer, error


def raw_report(ip, key=KEY):
    body = f"ip={ip}&categories=18"
    return (f"POST /api/v2/report HTTP/1.1\r\nHost: x\r\nKey: {key}\r\n"
            f"Accept: application/json\r\nContent-Type: {FORM}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}").encode()


def data(reply):
    return json.loads(reply.body)["data"]


def error(reply):
    return json.loads(reply.body)["errors"][0]
