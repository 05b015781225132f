#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""
demo.py - iprep at work with real programs; called by fail2ban/demo.sh

Builds the stage, plays the acts (acts.py) with the cast (cast.py), and prints the
tables. Exits with 0 if every check passed, otherwise with 1 and the names of the
failed checks. Removes everything again, also after Ctrl-C. Needs root, for network
namespaces.
"""

import argparse
import contextlib
import os
import signal
import sys

sys.dont_write_bytecode = True      # leave the source tree clean
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.append(f"{HERE}/../lib")

import acts                                         # noqa: E402
import cast                                         # noqa: E402
import report                                       # noqa: E402
from host import process                            # noqa: E402
from host.checks import Checks                      # noqa: E402
from host.host import Host, World                   # noqa: E402

JAILS = {"sshd": ("18,22", ""), "sendmail-auth": ("18", ""), "sendmail-reject": (None, ""), "dovecot": ("", "")}
OURS = ("rep-confirmed", "rep-notorious", "rep-sendmail-ambiguous", "rep-dovecot-ambiguous")


class Stage(World):
    """Two hosts see the same log lines: "host" has fail2ban with iprep, "plain" the same fail2ban without."""

    def __init__(self, given, stack):
        super().__init__(given.dir, given.packages, given.name, stack,
                         {"zen.spamhaus.org": cast.listed("zen"), "bl.blocklist.de": cast.listed("blocklist_de")},
                         cast.abuseipdb_seed())
        self.network.add_clients(cast.addresses())
        self.network.listen()
        self.host, self.plain = Host(self, "host", f"{given.prefix}/bin"), Host(self, "plain")
        for host in (self.host, self.plain):
            host.configure(JAILS, OURS)
            host.start()

    def write(self, lines):
        """The same lines for both hosts."""
        lines = list(lines)
        self.host.logs.write(lines)
        self.plain.logs.write(lines)


def options():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    add = parser.add_argument
    add("--prefix", metavar="DIR", required=True,
        help="where iprep is installed: DIR/bin/rep-check and others")
    add("--dir", metavar="DIR", required=True,
        help="an empty directory of mode 0755 for everything")
    add("--packages", metavar="DIR", required=True,
        help="directory for unpacked packages")
    add("--name", metavar="NAME", required=True,
        help="prefix for the names of the network namespaces")
    add("--verbose", action="store_true", help="show every command")
    return parser.parse_args()


def on_signal(number, _):
    raise SystemExit(128 + number)


def play(stage, checks):
    for title, act in acts.ACTS:
        checks.say(title)
        act(stage, checks)
    report.show(stage, checks)
    for title, act in acts.EPILOGUE:
        checks.say(title)
        act(stage, checks)


def main():
    given = options()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, on_signal)
    if given.verbose:
        process.on_command = lambda text: print(f"    + {text}", flush=True)
    checks = Checks()
    checks.say("starting rbldnsd, AbuseIPDB emulator, fail2ban twice, nftables")
    try:
        with contextlib.ExitStack() as stack:
            play(Stage(given, stack), checks)
    except process.CommandError as error:
        sys.exit(f"demo: {error}")
    return checks.close("demo")


if __name__ == "__main__":
    sys.exit(main())
