#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""
demo.py - iprep at work with real programs; called by fail2ban/demo.sh

Plays the acts (acts.py) with the cast (cast.py), and prints the tables (report.py). Exits with 0 if every check
passed, otherwise with 1 and the names of the failed checks. Removes everything again, also after Ctrl-C. Needs root,
for network namespaces.
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
import report                                       # noqa: E402
from host import process                            # noqa: E402
from host.checks import Checks                      # noqa: E402


def options():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    add = parser.add_argument
    for name, text in (("prefix", "where iprep is installed: PREFIX/bin/rep-check and others"),
                       ("dir", "an empty directory of mode 0755 for everything"),
                       ("packages", "where packages are unpacked"),
                       ("name", "begins the names of the network namespaces")):
        add(f"--{name}", required=True, help=text)
    add("--verbose", action="store_true", help="show every command")
    return parser.parse_args()


def on_signal(number, _):
    raise SystemExit(128 + number)


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
            stage = acts.Acts(given, stack, checks)
            stage.play(acts.ACTS)
            report.show(stage)
            stage.play(acts.EPILOGUE)
    except process.CommandError as error:
        sys.exit(f"demo: {error}")
    return checks.close("demo")


if __name__ == "__main__":
    sys.exit(main())
