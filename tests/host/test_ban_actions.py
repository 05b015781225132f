# SPDX-License-Identifier: MIT
"""
test_ban_actions.py - iprep-nftables and iprep-hostsdeny, with a real fail2ban, nft and tcpdmatch

Verdict lines are written into the log that rep-confirmed and rep-notorious read, and what then
happens to TCP connections, or what libwrap says, is looked at: for a /64, for addresses, when one
jail's ban ends before the other's, and after a restart. All in network namespaces of its own.
"""

from host import process
from host.cases import SOON_S, VerdictCase
from host.jails import one_line_jail

PREFIX = "2a02:4780:0:64::/64"
INSIDE = ("2a02:4780:0:64::1", "2a02:4780:0:64:ffff:ffff:ffff:ffff")
OUTSIDE = "2a02:4780:0:65::1"
ADDRESS = "45.30.0.1"
NEIGHBOUR = "45.30.0.2"
# as an administrator's own jails have it
STOCK = one_line_jail("stock", "from <ADDR>", "banaction = hostsdeny[file={dir}/hosts.deny]", "action = %(action_)s", log="verdict")


class Verdicts(VerdictCase):
    @classmethod
    def prepare(cls):
        cls.network.add_clients([*INSIDE, OUTSIDE, ADDRESS, NEIGHBOUR])

    def setUp(self):
        self.checked = len(self.host.log())

    def forgive(self, text):
        """Errors up to here are meant, and say this."""
        self.assertRegex(self.host.log()[self.checked:], f" ERROR .*{text}")
        self.checked = len(self.host.log())

    def tearDown(self):
        for jail in ("rep-confirmed", "rep-notorious"):
            for address in self.host.bans_of(jail):
                self.unban(jail, address)
        self.assertNotIn(" ERROR ", self.host.log()[self.checked:])


class Nftables(Verdicts):
    both = ("banaction = iprep-nftables",)

    def test_a_prefix_is_blocked_completely_and_no_other_address_is(self):
        for address in (*INSIDE, OUTSIDE):
            self.until_open(address)
        self.say(PREFIX, "known")
        for address in INSIDE:
            self.until_open(address, False)
        self.assertTrue(self.is_open(OUTSIDE))
        self.unban("rep-confirmed", PREFIX)
        for address in INSIDE:
            self.until_open(address)

    def test_the_long_ban_of_a_prefix_remains_when_the_short_one_ends(self):
        self.say(PREFIX, "notorious")
        self.until_open(INSIDE[0], False)
        self.unban("rep-confirmed", PREFIX)
        self.assertFalse(self.is_open(INSIDE[0]))
        self.unban("rep-notorious", PREFIX)
        self.until_open(INSIDE[0])

    def test_an_ipv4_address_is_shut_out_and_its_neighbour_is_not(self):
        self.say(ADDRESS, "known")
        self.until_open(ADDRESS, False)
        self.assertTrue(self.is_open(NEIGHBOUR))
        self.unban("rep-confirmed", ADDRESS)
        self.until_open(ADDRESS)

    def test_a_restart_restores_the_ban_of_a_prefix(self):
        self.say(PREFIX, "notorious")
        self.until_open(INSIDE[1], False)
        self.host.restart()
        self.until_banned(PREFIX, "rep-notorious")
        self.until_open(INSIDE[1], False)
        self.assertTrue(self.is_open(OUTSIDE))

    def test_each_jail_has_a_table_of_its_own_with_intervals_for_prefixes_only(self):
        for address in (PREFIX, ADDRESS, OUTSIDE, INSIDE[0]):
            self.say(address, "notorious")
            self.until_open(address.replace("/64", "1"), False)
        for jail in ("rep-confirmed", "rep-notorious"):
            said = self.host.nft("list", "table", "inet", f"f2b-{jail}")
            found = {name: said.partition(f"set {name} ")[2].partition("}")[0] for name in ("addr4", "addr6", "net6")}
            self.assertIn(ADDRESS, found["addr4"])
            self.assertIn(OUTSIDE, found["addr6"])
            self.assertIn(INSIDE[0], found["addr6"], "an address in a prefix that is banned")
            self.assertIn(PREFIX, found["net6"])
            self.assertEqual([name for name, text in found.items() if "flags interval" in text], ["net6"])

    def test_an_unban_of_what_the_firewall_has_lost_is_no_error(self):
        self.say(ADDRESS, "known")
        self.say(PREFIX, "known")
        self.until_open(ADDRESS, False)
        self.until_open(INSIDE[0], False)
        self.host.nft("flush", "ruleset")
        for address in (ADDRESS, PREFIX):
            self.unban("rep-confirmed", address)
        self.say(NEIGHBOUR, "notorious")                # and the next ban makes the tables again
        self.until_open(NEIGHBOUR, False)
        self.forgive("add element")

    def test_an_ipv4_network_is_refused(self):
        """No verdict names one. By hand, an administrator sees the error."""
        self.host.client("set", "rep-confirmed", "banip", "45.30.0.0/24")
        self.assertTrue(self.is_open(ADDRESS))
        self.host.client("set", "rep-confirmed", "unbanip", "45.30.0.0/24")
        self.forgive("45.30.0.0/24")


class EveryProtocol(Verdicts):
    """protocol = all, which the stock action understands from fail2ban 1.1.1 on only."""

    both = ("banaction = iprep-nftables", "protocol = all")

    def test_a_prefix_and_an_address_are_shut_out(self):
        self.say(PREFIX, "notorious")
        self.say(ADDRESS, "known")
        for address in (*INSIDE, ADDRESS):
            self.until_open(address, False)
        for address in (OUTSIDE, NEIGHBOUR):
            self.until_open(address)


class HostsDeny(Verdicts):
    both = ("banaction = iprep-hostsdeny[file={dir}/hosts.deny]",)
    jails = STOCK

    @classmethod
    def prepare(cls):
        super().prepare()
        open(f"{cls.top}/hosts.allow", "w", encoding="ascii").close()

    def setUp(self):
        super().setUp()
        with open(f"{self.top}/hosts.deny", "w", encoding="ascii") as file:
            file.write("# an administrator's line\nALL: 45.31.0.1\n")

    def lines(self):
        with open(f"{self.top}/hosts.deny", encoding="ascii") as file:
            return file.read().splitlines()[2:]

    def await_lines(self, *wanted):
        self.until(lambda: sorted(self.lines()) == sorted(wanted), f"the file has {wanted}", SOON_S)
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
        self.host.client("set", "stock", "banip", ADDRESS)
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
        self.host.restart()
        self.until_banned(ADDRESS, "rep-confirmed")
        self.await_lines(f"ALL rep-confirmed: {ADDRESS}")
