# SPDX-License-Identifier: MIT
"""
iprep-nftables.py - fail2ban action in Python: the table of iprep-nftables.conf without a command for each ban

A shell and a program for each ban limit a jail to about a hundred bans a second. This action collects the changes
that are due and gives up to BATCH of them to one nft process. The table of each jail is that of iprep-nftables.conf,
"inet f2b-JAIL", and only the jail itself deletes its entries. Needs nft.

To use it for the extended bans, in jail.local:
  [rep-confirmed]
  banaction = iprep-nftables.py
  [rep-notorious]
  banaction = iprep-nftables.py

Parameters:
  blocktype  reject (default) or drop
  protocol   protocols that are blocked on all ports, such as tcp,udp, or all (default: protocol of the jail)

The firewall has an entry some milliseconds after "Ban" in the log, which fail2ban writes before any action runs. If
nft fails, the whole table is made again, with all addresses that are banned: after "nft flush ruleset" the next ban
brings all of them back. A failure that lasts is logged once a minute, and tried again.
"""

import ipaddress
import re
import subprocess
import threading
import time

from fail2ban.server.action import ActionBase

BATCH = 2000            # changes for one process; a transaction of nft
NFT_S = 30              # one process; then it is killed
RETRY_S = 5             # after a failure
SAY_S = 60              # the same trouble is logged once in this time
END_S = 5               # the thread is waited for at the end
SETS = ("addr4", "addr6", "net6")


def element_of(address):
    """(set, element) of an address, or of a prefix of IPv6."""
    text = str(address)
    if "/" in text:
        network = ipaddress.ip_network(text)
        if network.version == 4:
            raise ValueError(f"{text}: a network of IPv4, which no verdict names, is not banned")
        return "net6", str(network)
    return ("addr6" if ":" in text else "addr4"), str(ipaddress.ip_address(text))


class NftablesAction(ActionBase):
    def __init__(self, jail, name, protocol="tcp", blocktype="reject", **_more):
        super().__init__(jail, name)
        self.table = f"inet f2b-{jail.name}"
        self.wake = threading.Condition()
        self.changes = []               # (verb, set, element), in their order
        self.elements = {}              # {element: set}: what the firewall should have
        self.thread = None
        self.ends = self.is_missing = False     # is_missing: the table is to be made again
        self.said_at = -SAY_S
        self.set_up(protocol, blocktype)

    def set_up(self, protocol, blocktype):
        if blocktype.lower() not in ("reject", "drop"):
            raise ValueError(f"iprep-nftables.py: blocktype {blocktype!r}: expected reject or drop")
        if not re.fullmatch(r"[a-z0-9-]+(,[a-z0-9-]+)*", protocol):
            raise ValueError(f"iprep-nftables.py: protocol {protocol!r}: expected protocols such as tcp,udp, or all")
        self.protocol, self.blocktype = protocol, blocktype.lower()

    # -- the text for nft

    def table_text(self):
        """Replaces the table in one transaction."""
        match = "" if self.protocol == "all" else f"meta l4proto {{ {self.protocol} }} "
        rules = (("ip", "addr4"), ("ip6", "addr6"), ("ip6", "net6"))
        return "".join(f"{line}\n" for line in (
            f"add table {self.table}", f"delete table {self.table}", f"add table {self.table}",
            f"add set {self.table} addr4 {{ type ipv4_addr; }}", f"add set {self.table} addr6 {{ type ipv6_addr; }}",
            f"add set {self.table} net6 {{ type ipv6_addr; flags interval; }}",
            f"add chain {self.table} input {{ type filter hook input priority -1; }}",
            *(f"add rule {self.table} input {match}{family} saddr @{name} {self.blocktype}" for family, name in rules)))

    def changes_text(self, changes):
        """One command for changes of a kind that follow each other. Adding first makes a deletion hold for what is
        not there, as after "nft flush ruleset"."""
        groups = []
        for verb, name, element in changes:
            if not groups or groups[-1][:2] != (verb, name):
                groups.append((verb, name, []))
            groups[-1][2].append(element)
        lines = []
        for verb, name, elements in groups:
            for one in ("add", "delete")[:1 if verb == "add" else 2]:
                lines.append(f"{one} element {self.table} {name} {{ {', '.join(elements)} }}\n")
        return "".join(lines)

    def nft(self, text):
        """None, or why it failed."""
        try:
            done = subprocess.run(["nft", "-f", "-"], input=text.encode(), stdout=subprocess.DEVNULL,
                                  stderr=subprocess.PIPE, timeout=NFT_S, check=False)
        except (OSError, MemoryError) as error:
            return f"nft: {error}"
        except subprocess.TimeoutExpired:
            return f"nft: no answer for {NFT_S} s"
        if not done.returncode:
            return None
        return (done.stderr.decode(errors="replace").splitlines() or [f"nft ended with {done.returncode}"])[0][:200]

    def nft_all(self):
        """The table with everything that should be in it."""
        with self.wake:
            elements = [("add", name, element) for element, name in self.elements.items()]
            self.changes.clear()
        why = self.nft(self.table_text() + self.changes_text(elements[:BATCH]))
        for begin in range(BATCH, len(elements), BATCH):
            why = why or self.nft(self.changes_text(elements[begin:begin + BATCH]))
        return why

    # -- the thread

    def run(self):
        while self.next_turn():
            self.turn()

    def next_turn(self):
        """False: the end."""
        with self.wake:
            if self.is_missing and not self.ends:
                self.wake.wait(RETRY_S)
            while not self.changes and not self.is_missing and not self.ends:
                self.wake.wait()
            return not self.ends

    def turn(self):
        with self.wake:
            batch, self.changes = self.changes[:BATCH], self.changes[BATCH:]
        try:
            why = self.is_missing or self.nft(self.changes_text(batch))
            self.is_missing = bool(why and self.failed(self.nft_all()))
        except Exception as error:  # pylint: disable=broad-except
            self.is_missing = self.failed(repr(error))

    def failed(self, why):
        """Whether it did; said once a minute."""
        now = time.monotonic()
        if why and now >= self.said_at + SAY_S:
            self.said_at = now
            self._logSys.error("[%s] %d bans are not in the firewall: %s; trying again", self._jail.name,
                               len(self.elements), why)
        return bool(why)

    def change(self, verb, address):
        name, element = element_of(address)
        with self.wake:
            if verb == "add":
                self.elements[element] = name
            else:
                self.elements.pop(element, None)
            self.changes.append((verb, name, element))
            if not self.thread or not self.thread.is_alive():
                self.thread = threading.Thread(target=self.run, name="iprep-nftables", daemon=True)
                self.thread.start()
            self.wake.notify()

    # -- what fail2ban calls

    def clearAllParams(self):
        """Before the options of a reload."""

    def reload(self, protocol="tcp", blocktype="reject", **_more):
        self.set_up(protocol, blocktype)
        if self.failed(self.nft_all()):
            self.is_missing = True

    def start(self):
        self.ends = False
        why = self.nft_all()
        if why:
            raise RuntimeError(f"iprep-nftables.py: {why}")

    def stop(self):
        with self.wake:
            self.ends = True
            self.changes.clear()
            self.elements.clear()
            self.wake.notify()
        if self.thread:
            self.thread.join(END_S)
        self.failed(self.nft(f"add table {self.table}\ndelete table {self.table}\n"))

    def flush(self):
        """All bans of the jail end."""
        with self.wake:
            self.changes.clear()
            self.elements.clear()
        self.failed(self.nft("".join(f"flush set {self.table} {name}\n" for name in SETS)))

    def ban(self, aInfo):
        self.change("add", aInfo["ip"])

    reban = ban

    def unban(self, aInfo):
        self.change("delete", aInfo["ip"])


Action = NftablesAction
