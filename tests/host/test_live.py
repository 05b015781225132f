#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""
test_live.py - real daemons, real clients, a real fail2ban with iprep and one without

Every behaviour (live/behaviours.py) is done to every daemon three times: from a
listed and from an unlisted address where iprep is, and from an unlisted address
where it is not. The expected result of each is in the file of the daemon. Then a botnet
of fifty guesses once each (live/botnet.py).

    test_live.py PREFIX [--packages DIR] [--release CODENAME] [--only DAEMON]...
                 [--keep-logs DIR]

The daemons and fail2ban are those of this machine's Debian release, or of another.
"""

import argparse
import os
import signal
import sys
import tempfile

sys.dont_write_bytecode = True      # leave the source tree clean
sys.path.append(f"{os.path.dirname(os.path.abspath(__file__))}/../lib")

from host import process                                      # noqa: E402
from host.checks import Checks                           # noqa: E402
from host import roots                     # noqa: E402
from host.live import botnet, tables                     # noqa: E402
from host.live.daemons import DAEMONS                    # noqa: E402
from host.live.play import Play                          # noqa: E402
from host.live.stage import LiveStage                    # noqa: E402
from host.packages import FAIL2BAN                       # noqa: E402

BESIEGED = ("dovecot", "sendmail")      # by a botnet of fifty


def options():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    add = parser.add_argument
    add("prefix", metavar="PREFIX", help="where iprep is installed")
    add("--packages", metavar="DIR", default=os.environ.get("IPREP_PACKAGES"),
        help="where packages are unpacked, or were")
    add("--release", metavar="CODENAME", choices=tuple(FAIL2BAN.values()),
        default=os.environ.get("IPREP_RELEASE"),
        help="one of: " + ", ".join(FAIL2BAN.values()))
    add("--only", metavar="DAEMON", action="append", choices=DAEMONS,
        help="one of: " + ", ".join(DAEMONS))
    add("--keep-logs", metavar="DIR",
        help="write the lines there as DAEMON-VERSION.log")
    return parser.parse_args()


def on_signal(number, _):
    raise SystemExit(128 + number)


def play(given, directory, checks):
    release = given.release or roots.codename()
    daemons = [DAEMONS[name].of_release(release) for name in given.only or DAEMONS]
    packages = given.packages or f"{directory}/packages"
    listed = [daemon.client(name, True)
              for daemon in daemons for name in daemon.behaviours]
    besieged = [daemon for daemon in daemons if daemon.name in BESIEGED]
    listed += botnet.listed(besieged)
    with LiveStage(f"{directory}/stage", given.prefix, packages,
                   f"iprep-live-{os.getpid()}", daemons, listed,
                   release) as stage:
        checks.say("everything runs; the clients come")
        acts = Play(stage, checks)
        acts.log_in_before()
        acts.attack()
        acts.settle()
        acts.check()
        acts.check_reports()
        tables.show(acts)
        if given.keep_logs:
            tables.keep_logs(acts, given.keep_logs)
        for daemon in (one for one in besieged if one in stage.daemons):
            botnet.show(stage, checks, daemon)


def main():
    given = options()
    for version, release in FAIL2BAN.items():
        if release == given.release:
            os.environ.setdefault("IPREP_FAIL2BAN", version)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, on_signal)
    checks = Checks()
    with tempfile.TemporaryDirectory(prefix="iprep-live-",
                                     dir="/var/tmp") as directory:
        os.chmod(directory, 0o755)
        os.mkdir(f"{directory}/stage", 0o755)
        try:
            play(given, directory, checks)
        except process.CommandError as error:
            sys.exit(f"test_live: {error}")
    return checks.close("test_live")


if __name__ == "__main__":
    sys.exit(main())
