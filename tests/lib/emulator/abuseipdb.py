#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""
abuseipdb.py - an emulator of the AbuseIPDB API v2, for tests on loopback

Written from the AbuseIPDB API v2 documentation (docs.abuseipdb.com, read
November 2026) and recorded answers, not from what a client sends. The
endpoints that exist are below /api/v2/. Any public address that is not seeded
has score 0 and no reports. Without --key any key of 80 hexadecimal digits is
good. README.md has the details, and the control plane /_test/, which needs no
key. Prints nothing on stdout; ends on SIGTERM.
"""

import argparse
import json
import os
import signal
import ssl
import sys
import threading

sys.dont_write_bytecode = True      # leave the source tree clean

from abuseipdb_blacklist import MOST                # noqa: E402
from abuseipdb_http import Server                   # noqa: E402
from abuseipdb_quota import LIMITS, PLANS           # noqa: E402
from abuseipdb_service import Service               # noqa: E402

ENDS = (signal.SIGTERM, signal.SIGINT)


def limit(text):
    """endpoint=N -> (endpoint, N)."""
    name, _, number = text.partition("=")
    if name not in LIMITS or not number.isdigit():
        raise argparse.ArgumentTypeError(
            f"{text!r}: want ENDPOINT=N, endpoints: " + " ".join(LIMITS))
    return name, int(number)


def options():
    parser = argparse.ArgumentParser(
        description="emulator of the AbuseIPDB API v2")
    add = parser.add_argument
    add("--bind", metavar="ADDR", default="127.0.0.1")
    add("--port", metavar="N", type=int, default=0, help="0: any")
    add("--port-file", metavar="FILE", help="gets the port once listening")
    add("--key", metavar="KEY", action="append", default=[])
    add("--seed", metavar="FILE", help="JSON, see README.md")
    add("--tls-cert", metavar="FILE")
    add("--tls-key", metavar="FILE")
    add("--plan", choices=PLANS, default="standard")
    add("--limit", metavar="ENDPOINT=N", type=limit, action="append",
        default=[], help="a daily limit other than the plan's")
    add("--blacklist-most", metavar="N", type=int, default=MOST, help="addresses of a blacklist, drawn from all")
    add("--log", metavar="FILE", help="one JSON line per request")
    return parser.parse_args()


def run(given):
    # Waited for below: a handler that sets an Event can find its lock held by the wait() that it interrupts.
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDS)
    seed, tls = {}, None
    if given.seed:
        with open(given.seed, encoding="utf-8") as file:
            seed = json.load(file)["addresses"]
    if given.tls_cert:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(given.tls_cert, given.tls_key)
    log = open(given.log, "a", encoding="utf-8") if given.log else None
    service = Service(given.key, given.plan, dict(given.limit), seed, log, given.blacklist_most)
    server = Server((given.bind, given.port), service, tls)
    threading.Thread(target=server.serve_forever, args=(0.05,),
                     daemon=True).start()
    if given.port_file:
        with open(given.port_file + ".new", "w", encoding="ascii") as file:
            file.write(f"{server.server_address[1]}\n")
        os.rename(given.port_file + ".new", given.port_file)    # whole, or not there
    signal.sigwait(ENDS)
    server.stopping = True
    server.shutdown()
    server.server_close()


if __name__ == "__main__":
    try:
        run(options())
    except (OSError, ValueError, KeyError, TypeError) as error:
        sys.exit(f"abuseipdb.py: {type(error).__name__}: {error}")
