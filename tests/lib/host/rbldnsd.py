# SPDX-License-Identifier: MIT
"""
rbldnsd.py - DNS lists served by the real rbldnsd, on loopback of a namespace

It answers under the names of the lists in the shipped iprep.conf, so that the
presets are tested as they are: their zones, answers and points. In there it is
also the only resolver, so no question leaves.

Every zone has RFC 5782's test entries: 127.0.0.2 listed, 127.0.0.1 not, and
the same as ::ffff:7f00:2 where a zone has IPv6. Source: rbldnsd(8), package
rbldnsd 1.0~20210120; RFC 5782 section 5.
"""

import os

from host import process

PORT = 5353
ADDRESS = f"127.0.0.1:{PORT}"
# an hour, so that all evidence is still in the cache for the tables
HEADER = "$SOA 3600 ns.test. host.test. 0 600 300 86400 3600\n$TTL 3600\n"


class Zone:
    """One list: its zone, the answer for what is listed, and the listed."""

    def __init__(self, zone, answer, addresses):
        self.zone = zone
        self.answer = answer
        self.v4 = [one for one in addresses if ":" not in one]
        self.v6 = [one for one in addresses if ":" in one]

    def write(self, directory):
        """Write the data files; returns rbldnsd's arguments for them."""
        arguments = [self.write_set(directory, "ip4set",
                                    ["127.0.0.2", *self.v4])]
        if self.v6:
            arguments.append(self.write_set(
                directory, "ip6trie", ["::ffff:7f00:2", *self.v6]))
        return arguments

    def write_set(self, directory, kind, addresses):
        name = f"{self.zone}.{kind}"
        with open(f"{directory}/{name}", "w", encoding="ascii") as file:
            file.write(HEADER)
            file.write(f":{self.answer}:listed by {self.zone}: $\n")
            file.writelines(f"{address}\n" for address in addresses)
        return f"{self.zone}:{kind}:{name}"


class Rbldnsd:
    """The running server; pause() makes a resolver that never answers."""

    def __init__(self, program, space, directory, zones):
        os.makedirs(directory, mode=0o755)
        arguments = [word for zone in zones for word in zone.write(directory)]
        self.server = process.Server(
            space.command([program, "-n", "-q", "-u", "nobody",
                           "-b", ADDRESS.replace(":", "/"),
                           "-w", directory, *arguments]),
            f"{directory}/rbldnsd.log")
        self.server.await_ready(lambda: is_bound(space))
        self.pause = self.server.pause
        self.resume = self.server.resume
        self.stop = self.server.stop


def is_bound(space):
    done = space.run(["ss", "-Hlun", f"sport = :{PORT}"])
    return bool(done.stdout.strip())
