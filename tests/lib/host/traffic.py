# SPDX-License-Identifier: MIT
"""
traffic.py - how long hooks take, and whether one touches the network

The trace follows the hook and its children up to the moment one of them
becomes another program: the worker that a hook starts is allowed to use the
network, and is not the hook. AF_UNIX is syslog, not a network.
"""

import re
import statistics
import time

from host import process

NETWORK_SOCKET = re.compile(r"\b(?:socket|connect|sendto|sendmsg)\(.*"
                            r"\b(AF_INET6?|AF_NETLINK|AF_PACKET)\b")

PROGRAM = re.compile(r'execve\("(?:[^"]*/)?([^"/]+)"')

median = statistics.median


def calls_ms(space, commands):
    """Run command lines one after the other; milliseconds of each."""
    times = []
    for argv in commands:
        began = time.perf_counter()
        space.run(argv, check=False)
        times.append((time.perf_counter() - began) * 1000)
    return times


def trace(space, argv, trace_file):
    """Trace a hook: (exit status, [programs started], [network calls])."""
    done = space.run(["strace", "-f", "-b", "execve", "-o", trace_file,
                      "-e", "trace=execve,%network", *argv], check=False)
    with open(trace_file, encoding="utf-8", errors="replace") as file:
        lines = file.read().splitlines()
    programs = [match[1] for match in map(PROGRAM.search, lines) if match]
    if not programs:
        raise process.CommandError(f"{trace_file}: strace saw nothing: "
                                   + done.stderr.strip())
    return (done.returncode, programs,
            [line for line in lines if NETWORK_SOCKET.search(line)])
