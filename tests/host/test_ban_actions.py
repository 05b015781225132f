#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""
test_ban_actions.py - iprep-nftables and iprep-hostsdeny, with a real fail2ban, nft and tcpdmatch

Verdict lines are written into the log that rep-confirmed and rep-notorious read, and what then
happens to TCP connections, or what libwrap says, is looked at: for a /64, for addresses, when one
jail's ban ends before the other's, and after a restart. All in network namespaces of its own.
Needs root. Set IPREP_PACKAGES to a directory where packages are unpacked, or were.
"""

import contextlib
import os
import sys
import tempfile
import time
import unittest

sys.dont_write_bytecode = True      # leave the source tree clean
sys.path.append(f"{os.path.dirname(os.path.abspath(__file__))}/../lib")

from host import SHIPPED, process                                      # noqa: E402
from host.fail2ban import Fail2ban                       # noqa: E402
from host.network import Network                         # noqa: E402
from host.packages import Packages                       # noqa: E402

PREFIX = "2a02:4780:0:64::/64"
INSIDE = ("2a02:4780:0:64::1", "2a02:4780:0:64:ffff:ffff:ffff:ffff")
OUTSIDE = "2a02:4780:0:65::1"
ADDRESS = "45.30.0.1"
NEIGHBOUR = "45.30.0.2"
LOCAL = """\
[DEFAULT]
backend         = polling
# every line holds
rep_check       = sh -c 'exit 10' sh
rep_verdict_log = {log}
[sshd]
enabled = false
[rep-confirmed]
enabled   = true
banaction = {banaction}
[rep-notorious]
enabled   = true
banaction = {banaction}
"""
EVERY_PROTOCOL = """\
[rep-confirmed]
protocol = all
[rep-notorious]
protocol = all
"""
# as an administrator's own jails have it
STOCK = """\
[stock]
enabled   = true
filter    =
failregex = ^ FAILED from <ADDR>$
logpath   = {top}/verdict.log
banaction = hostsdeny[file={top}/hosts.deny]
action    = %(action_)s
"""
WAIT_S = 60


class Place(unittest.TestCase):
    """A network, and a fail2ban with the two verdict jails."""

    banaction = None
    more = ""               # further lines for the two jails

    @classmethod
    def setUpClass(cls):
        with contextlib.ExitStack() as stack:
            cls.build(stack)
            cls.addClassCleanup(stack.pop_all().close)

    @classmethod
    def build(cls, stack):
        cls.top = stack.enter_context(tempfile.TemporaryDirectory(prefix="iprep-test-"))
        cls.packages = Packages(os.environ.get("IPREP_PACKAGES", f"{cls.top}/packages"), tcpd=True)
        cls.network = Network(f"iprep-ban{os.getpid()}", cls.top, stack)
        cls.network.add_clients([*INSIDE, OUTSIDE, ADDRESS, NEIGHBOUR])
        cls.network.listen()
        cls.log = f"{cls.top}/verdict.log"
        open(cls.log, "w", encoding="ascii").close()
        cls.server = Fail2ban(cls.packages, cls.network.host, f"{cls.top}/fail2ban")
        cls.server.add_files(SHIPPED)
        cls.server.write("jail.local", LOCAL.format(
            log=cls.log, banaction=cls.banaction.format(top=cls.top)))
        cls.server.write("jail.d/more.local", cls.more.format(top=cls.top))
        cls.server.start()
        stack.callback(cls.server.stop)

    def say(self, address, tier):
        """What the worker writes; waits for the bans."""
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S+0000", time.gmtime())
        with open(self.log, "a", encoding="ascii") as file:
            file.write(f"{stamp} iprep[1]: verdict=confirmed ip={address} score=10 tier={tier} "
                       "jail=sshd src=zen\n")
        self.await_bans("rep-confirmed", address)
        if tier == "notorious":
            self.await_bans("rep-notorious", address)

    def await_bans(self, jail, address, banned=True):
        done = process.wait_for(
            lambda: (address in self.server.bans_of(jail)) == banned, WAIT_S, every_s=0.3)
        self.assertTrue(done, f"{jail} {address} {banned}:\n" + self.server.log()[-3000:])

    def unban(self, jail, address):
        self.server.unban(jail, address)
        self.await_bans(jail, address, banned=False)

    def setUp(self):
        self.checked = len(self.server.log())

    def forgive(self, text):
        """Errors up to here are meant, and say this."""
        self.assertRegex(self.server.log()[self.checked:], f" ERROR .*{text}")
        self.checked = len(self.server.log())

    def tearDown(self):
        for jail in ("rep-confirmed", "rep-notorious"):
            for address in self.server.bans_of(jail):
                self.unban(jail, address)
        self.assertNotIn(" ERROR ", self.server.log()[self.checked:])


class Firewall(Place):
    banaction = "iprep-nftables"

    def open_to(self, address):
        return self.network.connects("host", [(address, 25)])[address, 25]

    def await_open(self, address, wanted):
        """The action runs after the ban is listed."""
        seen = process.wait_for(lambda: self.open_to(address) == wanted, WAIT_S, every_s=0.3)
        self.assertTrue(seen, f"{address} open: {not wanted}, wanted {wanted}:\n"
                              + self.server.log()[-3000:])


class Nftables(Firewall):
    def test_a_prefix_is_blocked_completely_and_no_other_address_is(self):
        for address in (*INSIDE, OUTSIDE):
            self.await_open(address, True)
        self.say(PREFIX, "known")
        for address in INSIDE:
            self.await_open(address, False)
        self.assertTrue(self.open_to(OUTSIDE))
        self.unban("rep-confirmed", PREFIX)
        for address in INSIDE:
            self.await_open(address, True)

    def test_the_long_ban_of_a_prefix_remains_when_the_short_one_ends(self):
        self.say(PREFIX, "notorious")
        self.await_open(INSIDE[0], False)
        self.unban("rep-confirmed", PREFIX)
        self.assertFalse(self.open_to(INSIDE[0]))
        self.unban("rep-notorious", PREFIX)
        self.await_open(INSIDE[0], True)

    def test_an_ipv4_address_is_shut_out_and_its_neighbour_is_not(self):
        self.say(ADDRESS, "known")
        self.await_open(ADDRESS, False)
        self.assertTrue(self.open_to(NEIGHBOUR))
        self.unban("rep-confirmed", ADDRESS)
        self.await_open(ADDRESS, True)

    def test_a_restart_restores_the_ban_of_a_prefix(self):
        self.say(PREFIX, "notorious")
        self.await_open(INSIDE[1], False)
        self.server.restart()
        self.await_bans("rep-notorious", PREFIX)
        self.await_open(INSIDE[1], False)
        self.assertTrue(self.open_to(OUTSIDE))

    def nft(self, *words, check=True):
        return self.network.host.run([f"{self.server.directory}/bin/nft", *words], check=check).stdout

    def test_each_jail_has_a_table_of_its_own_with_intervals_for_prefixes_only(self):
        for address in (PREFIX, ADDRESS, OUTSIDE, INSIDE[0]):
            self.say(address, "notorious")
            self.await_open(address.replace("/64", "1"), False)
        for jail in ("rep-confirmed", "rep-notorious"):
            said = self.nft("list", "table", "inet", f"f2b-{jail}")
            found = {name: said.partition(f"set {name} ")[2].partition("}")[0] for name in ("addr4", "addr6", "net6")}
            self.assertIn(ADDRESS, found["addr4"])
            self.assertIn(OUTSIDE, found["addr6"])
            self.assertIn(INSIDE[0], found["addr6"], "an address in a prefix that is banned")
            self.assertIn(PREFIX, found["net6"])
            self.assertEqual([name for name, text in found.items() if "flags interval" in text], ["net6"])

    def test_an_unban_of_what_the_firewall_has_lost_is_no_error(self):
        self.say(ADDRESS, "known")
        self.say(PREFIX, "known")
        self.await_open(ADDRESS, False)
        self.await_open(INSIDE[0], False)
        self.nft("flush", "ruleset")
        for address in (ADDRESS, PREFIX):
            self.unban("rep-confirmed", address)
        self.say(NEIGHBOUR, "notorious")                # and the next ban makes the tables again
        self.await_open(NEIGHBOUR, False)
        self.forgive("add element")

    def test_an_ipv4_network_is_refused(self):
        """No verdict names one. By hand, an administrator sees the error."""
        self.server.client("set", "rep-confirmed", "banip", "45.30.0.0/24")
        self.assertTrue(self.open_to(ADDRESS))
        self.server.client("set", "rep-confirmed", "unbanip", "45.30.0.0/24")
        self.forgive("45.30.0.0/24")


class EveryProtocol(Firewall):
    """protocol = all, which the stock action understands from fail2ban 1.1.1 on only."""

    more = EVERY_PROTOCOL

    def test_a_prefix_and_an_address_are_shut_out(self):
        self.say(PREFIX, "notorious")
        self.say(ADDRESS, "known")
        for address in (*INSIDE, ADDRESS):
            self.await_open(address, False)
        for address in (OUTSIDE, NEIGHBOUR):
            self.await_open(address, True)


class HostsDeny(Place):
    banaction = "iprep-hostsdeny[file={top}/hosts.deny]"
    more = STOCK

    @classmethod
    def build(cls, stack):
        super().build(stack)
        open(f"{cls.top}/hosts.allow", "w", encoding="ascii").close()

    def setUp(self):
        super().setUp()
        with open(f"{self.top}/hosts.deny", "w", encoding="ascii") as file:
            file.write("# an administrator's line\nALL: 45.31.0.1\n")

    def lines(self):
        with open(f"{self.top}/hosts.deny", encoding="ascii") as file:
            return file.read().splitlines()[2:]

    def await_lines(self, *wanted):
        seen = process.wait_for(lambda: sorted(self.lines()) == sorted(wanted), WAIT_S, every_s=0.3)
        self.assertTrue(seen, f"{self.lines()}, wanted {wanted}:\n" + self.server.log()[-3000:])
        with open(f"{self.top}/hosts.deny", encoding="ascii") as file:
            self.assertTrue(file.read().startswith("# an administrator's line\nALL: 45.31.0.1\n"))

    def denied(self, address):
        """What libwrap says of sshd; -d: with the files in the current directory."""
        argv = [self.packages.find("tcpdmatch"), "-d", "sshd", address]
        done = process.run(["sh", "-c", 'cd "$1" && shift && exec "$@"', "sh", self.top, *argv],
                           env=self.packages.environment())
        self.assertRegex(done.stdout, r"access: +(granted|denied)")
        return "denied" in done.stdout

    def test_one_jail_s_end_leaves_the_other_s_line(self):
        self.say(ADDRESS, "notorious")
        self.await_lines(f"ALL rep-confirmed: {ADDRESS}", f"ALL rep-notorious: {ADDRESS}")
        self.assertTrue(self.denied(ADDRESS))
        self.assertFalse(self.denied(NEIGHBOUR))
        self.unban("rep-confirmed", ADDRESS)
        self.await_lines(f"ALL rep-notorious: {ADDRESS}")
        self.assertTrue(self.denied(ADDRESS))
        self.unban("rep-notorious", ADDRESS)
        self.await_lines()
        self.assertFalse(self.denied(ADDRESS))

    def test_the_unban_of_the_stock_action_leaves_our_lines(self):
        self.say(ADDRESS, "known")
        self.server.client("set", "stock", "banip", ADDRESS)
        self.await_lines(f"ALL rep-confirmed: {ADDRESS}", f"ALL: {ADDRESS}")
        self.unban("stock", ADDRESS)
        self.await_lines(f"ALL rep-confirmed: {ADDRESS}")
        self.assertTrue(self.denied(ADDRESS))

    def test_an_address_that_begins_alike_keeps_its_line(self):
        self.say("45.30.0.1", "known")
        self.say("45.30.0.11", "known")
        self.unban("rep-confirmed", "45.30.0.1")
        self.await_lines("ALL rep-confirmed: 45.30.0.11")

    def test_ipv6_addresses_and_prefixes_are_written_as_libwrap_reads_them(self):
        self.say(OUTSIDE, "known")
        self.say(PREFIX, "known")
        self.await_lines(f"ALL rep-confirmed: [{OUTSIDE}]", "ALL rep-confirmed: [2a02:4780:0:64::]/64")
        for address in (OUTSIDE, *INSIDE):
            self.assertTrue(self.denied(address), address)
        self.unban("rep-confirmed", PREFIX)
        self.await_lines(f"ALL rep-confirmed: [{OUTSIDE}]")
        self.assertFalse(self.denied(INSIDE[0]))

    def test_a_restart_writes_no_line_twice(self):
        self.say(ADDRESS, "known")
        self.server.restart()
        self.await_bans("rep-confirmed", ADDRESS)
        self.await_lines(f"ALL rep-confirmed: {ADDRESS}")


if __name__ == "__main__":
    if os.geteuid() != 0:
        sys.exit("test_ban_actions: needs root, for network namespaces")
    unittest.main()
