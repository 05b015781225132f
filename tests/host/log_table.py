#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""
log_table.py - how many lines of each log in tests/data/logs which filters see

One row for each log: the lines that our filters see, and those that the stock filters
of each fail2ban version see, in the modes of the stock jails. "none" is for the lines
that no filter of any version sees.

    log_table.py [--packages DIR] [NAME]...     NAME: a log, e.g. sshd-10.0p1
"""

import argparse
import os
import sys
import tempfile

sys.dont_write_bytecode = True      # leave the source tree clean
sys.path.append(f"{os.path.dirname(os.path.abspath(__file__))}/../lib")

from host import samples                            # noqa: E402
from host.checks import table                       # noqa: E402
from host.packages import FAIL2BAN, Packages        # noqa: E402
from host.private import Private                    # noqa: E402

KINDS = ("ambiguous", "spray", "login")


def options():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--packages", metavar="DIR", default=os.environ.get("IPREP_PACKAGES"),
                        help="where packages are unpacked, or were")
    parser.add_argument("logs", metavar="NAME", nargs="*", help="all logs if there is none")
    return parser.parse_args()


def examine(names, version, directory, work):
    """The samples of each log, with what this fail2ban found."""
    os.environ["IPREP_FAIL2BAN"] = version
    fail2ban = Private(Packages(directory), None, f"{work}/{version}")
    fail2ban.add_files()
    logs = [samples.read(name) for name in names]
    samples.examine(logs, fail2ban.packages.fail2ban_modules, fail2ban.config)
    return logs


def count(log, kind):
    return sum(kind in sample.words() for sample in log)


def row(name, versions):
    """versions: the same log as each fail2ban sees it; our filters see the same in all."""
    log = versions[0]
    ours = [str(count(log, kind)) for kind in KINDS]
    unseen = sum(not any(sample.words() for sample in seen) for seen in zip(*versions))
    return (name, str(len(log)), *ours, *[str(count(one, "sure")) for one in versions], str(unseen))


def main():
    given = options()
    names = given.logs or samples.names()
    with tempfile.TemporaryDirectory(prefix="iprep-table-", dir="/var/tmp") as work:
        by_version = [examine(names, version, given.packages or f"{work}/packages", work)
                      for version in FAIL2BAN]
    table(("log", "lines", *KINDS, *[f"stock {version}" for version in FAIL2BAN], "none"),
          [row(name, versions) for name, versions in zip(names, zip(*by_version))])


if __name__ == "__main__":
    main()
