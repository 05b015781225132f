#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""
abuseipdb.py - an emulator of the AbuseIPDB API v2, for tests on loopback

Written from the AbuseIPDB API v2 documentation (docs.abuseipdb.com, read
November 2026) and recorded answers, not from what a client sends. All seven
endpoints are below /api/v2/. Any public address that is not seeded has score
0 and no reports. Without --key any key of 80 hexadecimal digits is good.

Control plane, no key needed:
  GET  /_test/stats    what was accepted and refused, and every report
  GET  /_test/faults   the fault table
  POST /_test/fault    {"endpoint", "fault", "count", ...}, or a list of them
                       to be used one after the other; {"fault": null}: off
  POST /_test/seed     {"addresses": {...}}, merged into what is there
  POST /_test/clock    {"offset_s": N}: the emulator's time is ours plus N
  POST /_test/reset    as started: only the seed file's addresses are left
README.md has the details. Prints nothing on stdout; ends on SIGTERM.
"""

import argparse
import os
import signal
import ssl
import sys
import threading

sys.dont_write_bytecode = True      # leave the source tree clean

from abuseipdb_http import Server                   # noqa: E402
from abuseipdb_quota import LIMITS, PLANS           # noqa: E402
from abuseipdb_service import Service               # noqa: E402


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
    add("--log", metavar="FILE", help="one JSON line per request")
    add("--idle-s", metavar="S", type=float, default=75,
        help="close a kept-alive connection after this (75)")
    add("--bulk-first-row", metavar="N", type=int, default=2,
        help="rowNumber of the row below the headings (2)")
    return parser.parse_args()


def tls_context(given):
    if not given.tls_cert:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(given.tls_cert, given.tls_key)
    return context


def make_service(given):
    log = open(given.log, "a", encoding="utf-8") if given.log else None
    service = Service(given.key, given.plan, dict(given.limit),
                      given.bulk_first_row, log)
    if given.seed:
        with open(given.seed, encoding="utf-8") as file:
            service.seed_first(file.read())
    return service


def write_port(path, port):
    """Readers see no file or a whole one."""
    with open(path + ".new", "w", encoding="ascii") as file:
        file.write(f"{port}\n")
    os.rename(path + ".new", path)


def run(given):
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    server = Server((given.bind, given.port), make_service(given),
                    given.idle_s, tls_context(given))
    threading.Thread(target=server.serve_forever, args=(0.05,),
                     daemon=True).start()
    if given.port_file:
        write_port(given.port_file, server.server_address[1])
    stop.wait()
    server.stopping = True
    server.shutdown()
    server.server_close()


def main():
    given = options()
    try:
        run(given)
    except (OSError, ValueError, KeyError, TypeError) as error:
        sys.exit(f"abuseipdb.py: {type(error).__name__}: {error}")


if __name__ == "__main__":
    main()
