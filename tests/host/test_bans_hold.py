# SPDX-License-Identifier: MIT
"""
test_bans_hold.py - an extended ban lasts as long as it says, whatever firewall the other jails use

A real fail2ban with a jail that bans with ufw, firewalld, shorewall, routes, hosts.deny, ipset, iptables or nftables,
and with the two verdict jails as shipped. Each ban that ends early leaves the longer one, as TCP connections show. The
firewalls are installed in a root directory, and run in network namespaces.
"""

import os
import shutil

from host.cases import SOON_S, VerdictCase
from host.debian import Machine
from host.host import PATH
from host.jails import one_line_jail
from host.network import CABLES, bare
from host.roots import Roots

WANTED = ("iptables", "ipset", "nftables", "ufw", "firewalld", "dbus", "shorewall")
NET = "45.36.0.{}"
# what fail2ban's commands need, for a PATH without nft
TOOLS = ("sh", "sed", "tr", "grep", "ip", "env", "nsenter", "chroot", "cat", "python3")
SHOREWALL = {
    "zones": "fw firewall\nnet ipv4\n",
    "interfaces": "net eth0 -\n",
    "policy": "fw net ACCEPT\nnet fw ACCEPT\nall all REJECT\n",
    "rules": "",
}


class Held:
    """banactions: those of the short jails, each with the command that shows its entries."""

    banaction = "nftables"  # the administrator's own
    banactions = {}
    has_nft = True

    @classmethod
    def prepare(cls):
        for number in range(len(cls.banactions) + 1):
            cls.network.world.add_address(f"{NET.format(number)}/32", "lo")
        # not a route for each address: that is what the banaction "route" adds
        cls.network.host.add_route(f"{NET.format(0)}/24", bare(CABLES["host"][0][1]))
        cls.machine = Machine(Roots(cls.kept).get("firewalls", WANTED), cls.network.host, f"{cls.top}/machine")
        cls.stack.callback(cls.machine.close)
        cls.machine.await_up()
        cls.start_firewall()
        open(f"{cls.top}/short.log", "wb").close()
        binaries = f"{cls.host.directory}/bin"
        for name in ("iptables", "ip6tables", "ipset", "ufw", "firewall-cmd", "shorewall"):
            cls.machine.write_command(f"{binaries}/{name}", name)
        if not cls.has_nft:
            cls.hide_nft(binaries)
        cls.default = (f"banaction = {cls.banaction}", f"banaction_allports = {cls.banaction}")
        cls.jails = "".join(one_line_jail(f"short-{number}", f"{number} from <ADDR>", "bantime = 10m", "port = 25",
                                          f"banaction = {banaction}", "action = %(action_)s", log="short")
                            for number, banaction in enumerate(cls.banactions))

    @classmethod
    def start_firewall(cls):
        """Of the machine."""

    @classmethod
    def hide_nft(cls, binaries):
        os.unlink(f"{binaries}/nft")
        for name in TOOLS:
            os.symlink(shutil.which(name, path=PATH), f"{binaries}/{name}")
        environment = cls.host.environment
        cls.host.environment = lambda: {**environment(), "PATH": binaries}

    def entries(self, number):
        """Of the firewall of the short jail, in words. A command may fail if it has none."""
        command = list(self.banactions.values())[number].format(top=self.top, jail=f"short-{number}")
        environment = {**self.host.environment(), "PATH": f"{self.host.directory}/bin:{PATH}"}
        done = self.network.host.run(["sh", "-c", command], check=False, env=environment)
        return done.stdout.replace("/32", "").split()

    def ban_extended(self, address):
        self.say(address)
        self.until_open(address, False)

    def end_one_after_the_other(self, number, address):
        self.line("short", f"FAILED {number} from {address}")
        self.until(lambda: address in self.entries(number), f"{address} in {self.entries(number)}")
        self.ban_extended(address)
        self.unban(f"short-{number}", address)
        self.until(lambda: address not in self.entries(number), f"{address} not in {self.entries(number)}")
        self.assertFalse(self.is_open(address), "when the short ban has ended")
        self.unban("rep-confirmed", address)
        self.assertFalse(self.is_open(address), "when the day has ended")
        self.unban("rep-notorious", address)
        self.until_open(address)

    def test_each_longer_ban_remains_when_a_shorter_one_ends(self):
        for number, banaction in enumerate(self.banactions):
            address = NET.format(number)
            with self.subTest(banaction):
                self.assertTrue(self.is_open(address))
                self.end_one_after_the_other(number, address)
        self.assertNotIn(" ERROR ", self.host.log())

    def test_what_iprep_made_is_gone_when_fail2ban_stops(self):
        self.ban_extended(NET.format(len(self.banactions)))
        self.host.stop()
        self.assertTrue(self.is_open(NET.format(len(self.banactions))))
        rules = self.network.host.run(["sh", "-c", f"{self.host.directory}/bin/nft list ruleset; iptables-save"],
                                      check=False, env={"PATH": f"{self.host.directory}/bin:{PATH}"}).stdout
        self.assertNotIn("f2b-rep-", rules)
        self.host.start()


NFT = "nft list set inet f2b-table addr-set-{jail} | tr -d ','"
IPTABLES = "iptables -w -n -L f2b-{jail}"
IPSET = "ipset list f2b-{jail}"


class Plain(Held, VerdictCase):
    """No firewall manager. The administrator's own banaction is route."""

    banaction = "route"
    banactions = {
        "route": "ip route show type unreachable",
        "hostsdeny[file={dir}/hosts.deny]": "cat {top}/hosts.deny",
        "nftables": NFT,
        "iptables-multiport": IPTABLES,
        "iptables-ipset": IPSET,
    }


class WithoutNft(Held, VerdictCase):
    """iprep-nftables uses iptables."""

    banaction = "iptables-allports"
    has_nft = False
    banactions = {"iptables-allports": IPTABLES, "route": "ip route show type unreachable"}


class Ufw(Held, VerdictCase):
    banaction = "ufw"
    banactions = {"ufw": "ufw status"}

    @classmethod
    def start_firewall(cls):
        cls.machine.run("ufw", "allow", "25/tcp")
        cls.machine.run("ufw", "--force", "enable")


class Firewalld(Held, VerdictCase):
    banaction = "firewallcmd-rich-rules"
    banactions = {"firewallcmd-rich-rules": "firewall-cmd --list-rich-rules | sed 's/.*address=\"//; s/\".*//'"}

    @classmethod
    def start_firewall(cls):
        cls.machine.run("mkdir", "-p", "/run/dbus")
        cls.machine.run("firewall-offline-cmd", "--add-port=25/tcp")
        for words in (("dbus-daemon", "--system", "--nofork", "--nopidfile"), ("firewalld", "--nofork", "--nopid")):
            server = cls.machine.serve(*words)
            cls.stack.callback(server.stop)
            if words[0] == "dbus-daemon":
                server.await_ready(lambda: cls.machine.run("test", "-S", "/run/dbus/system_bus_socket",
                                                           check=False).returncode == 0, SOON_S)
            else:
                server.await_ready(lambda: cls.machine.run("firewall-cmd", "--state", check=False).returncode == 0, SOON_S)


class Shorewall(Held, VerdictCase):
    banaction = "shorewall"
    banactions = {"shorewall": "iptables -n -L dynamic"}

    @classmethod
    def start_firewall(cls):
        for name, text in SHOREWALL.items():
            cls.machine.put(f"/etc/shorewall/{name}", text)
        cls.machine.run("shorewall", "start")
