# SPDX-License-Identifier: MIT
"""
netns.py - network namespaces of our own, with cables between them

A namespace made here has only a loopback interface; connect() lays a cable
(veth) to another. Nothing of the machine's own network is touched, and no
route leads out: other destinations fail immediately with "unreachable".

remove() ends the processes that are still in the namespace, by their ids.
They can only be children of the test: no other program knows the name.
"""

import os
import signal

from host import process


class Namespace:
    """One network namespace; name must be unique on this machine."""

    def __init__(self, name):
        self.name = name
        process.run(["ip", "netns", "add", name])
        # Interfaces made from now on use their link-local address immediately. While it is tentative (RFC 4862,
        # 5.4: one to two seconds) no neighbour solicitation leaves the interface, and a connection waits for it.
        self.run(["sh", "-c", "echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad"])
        self.ip("link", "set", "lo", "up")

    def ip(self, *words):
        return process.run(["ip", "-n", self.name, *words])

    def command(self, argv):
        """The command line that runs argv inside."""
        return ["ip", "netns", "exec", self.name, *argv]

    def run(self, argv, **options):
        return process.run(self.command(argv), **options)

    def connect(self, interface, other, other_interface):
        """Lay a cable to another namespace; both ends are up."""
        self.ip("link", "add", interface, "type", "veth",
                "peer", "name", other_interface, "netns", other.name)
        self.ip("link", "set", interface, "up")
        other.ip("link", "set", other_interface, "up")

    def add_address(self, address, interface):
        """address: with its prefix length. Usable immediately (no DAD)."""
        words = ["address", "add", address, "dev", interface]
        self.ip(*words, *(["nodad"] if ":" in address else []))

    def add_route(self, prefix, gateway):
        self.ip("route", "add", prefix, "via", gateway)

    def pids(self):
        """Processes that are in this namespace now."""
        done = process.run(["ip", "netns", "pids", self.name], check=False)
        return [int(word) for word in done.stdout.split()]

    def remove(self):
        for number in (signal.SIGTERM, signal.SIGKILL):
            for pid in self.pids():
                end(pid, number)
            process.wait_for(lambda: not self.pids(), 3)
        process.run(["ip", "netns", "delete", self.name], check=False)


def end(pid, number):
    try:
        os.kill(pid, number)
        os.kill(pid, signal.SIGCONT)
    except ProcessLookupError:
        pass
