# SPDX-License-Identifier: MIT
"""
emulator.py - the AbuseIPDB emulator as a part of a test: https, on and off

Runs tests/emulator/abuseipdb.py in a namespace, with a certificate of an
authority made for the occasion, which iprep is told to trust (ca_file). The
emulator forgets everything when it ends; reports() also knows what earlier
runs had accepted.
"""

import json
import os
import sys

import process

PROGRAM = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                       os.pardir, "emulator", "abuseipdb.py")
KEY = "0123456789abcdef" * 5
# asks for /_test/stats over https; arguments: url, file of the authority
FETCH = """
import ssl, sys, urllib.request
trust = ssl.create_default_context(cafile=sys.argv[2])
print(urllib.request.urlopen(sys.argv[1], timeout=5, context=trust).read().decode())
"""


class Emulator:
    """AbuseIPDB on address:port in a namespace; addresses: the seed."""

    def __init__(self, space, address, directory, addresses, port=8443):
        self.space = space
        self.address = address
        self.port = port
        self.directory = directory
        self.server = None
        self.reports_before = []
        os.makedirs(directory, mode=0o755)
        self.ca_file = make_certificates(directory, address)
        with open(f"{directory}/seed.json", "w", encoding="ascii") as file:
            json.dump({"addresses": addresses}, file, indent=1)
        self.start()

    @property
    def url(self):
        return f"https://{self.address}:{self.port}/api/v2"

    def start(self):
        port_file = f"{self.directory}/port"
        argv = [sys.executable, PROGRAM, "--bind", self.address,
                "--port", str(self.port), "--port-file", port_file,
                "--key", KEY, "--seed", f"{self.directory}/seed.json",
                "--tls-cert", f"{self.directory}/server.pem",
                "--tls-key", f"{self.directory}/server.key",
                "--log", f"{self.directory}/requests.log"]
        self.server = process.Server(self.space.command(argv),
                                     f"{self.directory}/emulator.log")
        self.server.await_ready(lambda: os.path.exists(port_file))

    def stop(self):
        """Switch it off: connections are refused from now on."""
        if self.server and self.server.is_running():
            self.reports_before = self.reports()
            self.server.stop()
        self.server = None
        if os.path.exists(f"{self.directory}/port"):
            os.unlink(f"{self.directory}/port")

    def reports(self):
        """Every report accepted so far, over all runs, repetitions too."""
        if self.server is None:
            return self.reports_before
        now = self.statistics()
        return self.reports_before + now["reports"] + now["merged"]

    def refused_reports(self):
        """Attempts that AbuseIPDB did not take, over all runs, as its log has
        them: a duplicate within 15 minutes for example."""
        path = f"{self.directory}/requests.log"
        if not os.path.exists(path):
            return []
        with open(path, encoding="utf-8") as file:
            requests = [json.loads(line) for line in file]
        return [one for one in requests if one["path"].endswith("report")
                and one["outcome"] != "accepted"]

    def reports_of(self, address):
        return [one for one in self.reports() if one["ip"] == address]

    def statistics(self):
        url = f"https://{self.address}:{self.port}/_test/stats"
        done = self.space.run([sys.executable, "-c", FETCH, url, self.ca_file])
        return json.loads(done.stdout)


def make_certificates(directory, address):
    """An authority and a certificate for the address; returns its file."""
    authority = f"{directory}/ca.pem"
    request = ["openssl", "req", "-new", "-newkey", "ec",
               "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    # Python 3.13 takes no authority without keyUsage (RFC 5280, 4.2.1.3)
    process.run([*request, "-x509", "-days", "2", "-subj", "/CN=test authority",
                 "-addext", "keyUsage=critical,keyCertSign,cRLSign",
                 "-keyout", f"{directory}/ca.key", "-out", authority])
    process.run([*request, "-subj", "/CN=abuseipdb emulator",
                 "-keyout", f"{directory}/server.key",
                 "-out", f"{directory}/server.csr"])
    with open(f"{directory}/server.ext", "w", encoding="ascii") as file:
        file.write(f"subjectAltName = IP:{address}\n"
                   "authorityKeyIdentifier = keyid\n")
    process.run(["openssl", "x509", "-req", "-days", "2", "-CAcreateserial",
                 "-CA", authority, "-CAkey", f"{directory}/ca.key",
                 "-in", f"{directory}/server.csr",
                 "-extfile", f"{directory}/server.ext",
                 "-out", f"{directory}/server.pem"])
    return authority
