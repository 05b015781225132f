#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""
test_bans_hold.py - an extended ban lasts as long as it says, whatever firewall the other jails use

A real fail2ban with a jail that bans with ufw, firewalld, shorewall, routes, hosts.deny, ipset, iptables or nftables,
and with the two verdict jails as shipped. Each ban that ends early leaves the longer one, as TCP connections show. The
firewalls are installed in a root directory, and run in network namespaces. Needs root. Set IPREP_PACKAGES to a
directory where packages are kept.
"""

import contextlib
import os
import shutil
import sys
import tempfile
import time
import unittest

sys.dont_write_bytecode = True      # leave the source tree clean
sys.path.append(f"{os.path.dirname(os.path.abspath(__file__))}/../lib")

from host import SHIPPED, process                                      # noqa: E402
from host.fail2ban import Fail2ban                       # noqa: E402
from host.live.machine import MOUNT                      # noqa: E402
from host.roots import HOST, Roots                  # noqa: E402
from host.network import CABLES, Network, bare                         # noqa: E402
from host.packages import Packages                       # noqa: E402

WANTED = ("iptables", "ipset", "nftables", "ufw", "firewalld", "dbus", "shorewall")
NET = "45.36.0.{}"
PORT = 25
WAIT_S = 60
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
# what fail2ban's commands need, for a PATH without nft
TOOLS = ("sh", "sed", "tr", "grep", "ip", "env", "nsenter", "chroot", "cat", "python3")
LOCAL = """\
[DEFAULT]
backend            = polling
banaction          = {default}
banaction_allports = {default}
rep_verdict_log    = {top}/verdict.log
# every line holds
rep_check          = sh -c 'exit 10' sh
[sshd]
enabled = false
[rep-confirmed]
enabled = true
[rep-notorious]
enabled = true
"""
SHORT = """\
[short-{number}]
enabled   = true
filter    =
failregex = ^ FAILED {number} from <ADDR>$
logpath   = {top}/short.log
maxretry  = 1
bantime   = 10m
port      = 25
banaction = {banaction}
action    = %(action_)s
"""
SHOREWALL = {
    "zones": "fw firewall\nnet ipv4\n",
    "interfaces": "net eth0 -\n",
    "policy": "fw net ACCEPT\nnet fw ACCEPT\nall all REJECT\n",
    "rules": "",
}


class Machine:
    """The root with the firewalls, in the namespace of the host. Nothing in the root itself is changed."""

    def __init__(self, root, space, directory):
        os.mkdir(directory)
        self.merged = f"{directory}/merged"
        with open(f"{directory}/boot.sh", "w", encoding="ascii") as file:
            file.write("echo up\nexec sleep 100000\n")
        argv = ["unshare", "--mount", "--uts", "sh", "-c", MOUNT, "sh", HOST, root, directory]
        self.server = process.Server(space.command(argv), f"{directory}/machine.log")
        self.server.await_ready(lambda: "up" in process.tail(f"{directory}/machine.log"), WAIT_S)
        self.space = space

    def inside(self, words):
        return ["nsenter", "--mount", "-t", str(self.server.pid), "env", "-i", f"PATH={PATH}", "chroot", self.merged, *words]

    def run(self, *words, check=True):
        return self.space.run(self.inside(words), check=check)

    def start(self, *words):
        return process.Server(self.space.command(self.inside(words)), f"{self.merged}/../{words[0]}.log")

    def write(self, path, text):
        done = self.space.run(self.inside(["sh", "-c", 'cat >"$1"', "sh", path]), stdin=text)
        return done

    def command(self, path, name):
        """A file that runs the program in there."""
        with open(path, "w", encoding="ascii") as file:
            file.write(f'#!/bin/sh\nexec {process.show(self.inside([name]))} "$@"\n')
        os.chmod(path, 0o755)


class Place(unittest.TestCase):
    """banactions: those of the short jails, each with the command that shows its entries."""

    default = "nftables"
    banactions = {}
    has_nft = True

    @classmethod
    def setUpClass(cls):
        if cls is Place:
            raise unittest.SkipTest("the base of the others")
        with contextlib.ExitStack() as stack:
            cls.build(stack)
            cls.addClassCleanup(stack.pop_all().close)

    @classmethod
    def build(cls, stack):
        cls.top = stack.enter_context(tempfile.TemporaryDirectory(prefix="iprep-hold-", dir="/var/tmp"))
        packages = os.environ.get("IPREP_PACKAGES", f"{cls.top}/packages")
        cls.packages = Packages(packages)
        root = Roots(packages).get("firewalls", WANTED)
        cls.network = Network(f"iprep-hold{os.getpid()}", cls.top, stack)
        for number in range(len(cls.banactions) + 1):
            cls.network.world.add_address(f"{NET.format(number)}/32", "lo")
        # not a route for each address: that is what the banaction "route" adds
        cls.network.host.add_route(f"{NET.format(0)}/24", bare(CABLES["host"][0][1]))
        cls.network.listen()
        cls.machine = Machine(root, cls.network.host, f"{cls.top}/machine")
        stack.callback(cls.machine.server.stop)
        cls.prepare(stack)
        cls.start(stack)

    @classmethod
    def prepare(cls, stack):
        """Start the firewall."""

    @classmethod
    def start(cls, stack):
        for name in ("short", "verdict"):
            open(f"{cls.top}/{name}.log", "w", encoding="ascii").close()
        cls.server = Fail2ban(cls.packages, cls.network.host, f"{cls.top}/fail2ban")
        cls.server.add_files(SHIPPED)
        binaries = f"{cls.server.directory}/bin"
        for name in ("iptables", "ip6tables", "ipset", "ufw", "firewall-cmd", "shorewall"):
            cls.machine.command(f"{binaries}/{name}", name)
        if not cls.has_nft:
            cls.hide_nft(binaries)
        jails = [SHORT.format(number=number, top=cls.top, banaction=banaction.format(top=cls.top))
                 for number, banaction in enumerate(cls.banactions)]
        cls.server.write("jail.local", LOCAL.format(top=cls.top, default=cls.default.format(top=cls.top)))
        cls.server.write("jail.d/short.local", "".join(jails))
        cls.server.start()
        stack.callback(cls.server.stop)

    @classmethod
    def hide_nft(cls, binaries):
        os.unlink(f"{binaries}/nft")
        for name in TOOLS:
            os.symlink(shutil.which(name, path=PATH), f"{binaries}/{name}")
        environment = cls.server.environment
        cls.server.environment = lambda: {**environment(), "PATH": binaries}

    # ---- what is done and seen ----

    def line(self, log, text):
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S+0000", time.gmtime())
        with open(f"{self.top}/{log}.log", "a", encoding="ascii") as file:
            file.write(f"{stamp} {text}\n")

    def until(self, condition, what):
        if not process.wait_for(condition, WAIT_S, every_s=0.2):
            self.fail(f"not within {WAIT_S} s: {what}\n{process.tail(self.server.log_path, 30)}")

    def is_open(self, address):
        return self.network.connects("host", [(address, PORT)])[address, PORT]

    def entries(self, number):
        """Of the firewall of the short jail, in words. A command may fail if it has none."""
        command = list(self.banactions.values())[number].format(top=self.top, jail=f"short-{number}")
        environment = {**self.server.environment(), "PATH": f"{self.server.directory}/bin:{PATH}"}
        done = self.network.host.run(["sh", "-c", command], check=False, env=environment)
        return done.stdout.replace("/32", "").split()

    def unban(self, jail, address):
        self.server.unban(jail, address)
        self.until(lambda: address not in self.server.bans_of(jail), f"the ban of {jail} ends")

    def ban_extended(self, address):
        self.line("verdict", f"iprep[1]: verdict=confirmed ip={address} score=10 tier=notorious jail=sshd src=zen")
        for jail in ("rep-confirmed", "rep-notorious"):
            self.until(lambda jail=jail: address in self.server.bans_of(jail), f"the ban of {jail}")
        self.until(lambda: not self.is_open(address), f"{address} is refused")

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
        self.until(lambda: self.is_open(address), f"{address} is let in again")

    def test_each_longer_ban_remains_when_a_shorter_one_ends(self):
        for number, banaction in enumerate(self.banactions):
            address = NET.format(number)
            with self.subTest(banaction):
                self.assertTrue(self.is_open(address))
                self.end_one_after_the_other(number, address)
        self.assertNotIn(" ERROR ", self.server.log())

    def test_what_iprep_made_is_gone_when_fail2ban_stops(self):
        self.ban_extended(NET.format(len(self.banactions)))
        self.server.stop()
        self.assertTrue(self.is_open(NET.format(len(self.banactions))))
        rules = self.network.host.run(["sh", "-c", f"{self.server.directory}/bin/nft list ruleset; iptables-save"],
                                      check=False, env={"PATH": f"{self.server.directory}/bin:{PATH}"}).stdout
        self.assertNotIn("f2b-rep-", rules)
        self.server.start()


NFT = "nft list set inet f2b-table addr-set-{jail} | tr -d ','"
IPTABLES = "iptables -w -n -L f2b-{jail}"
IPSET = "ipset list f2b-{jail}"


class Plain(Place):
    """No firewall manager. The administrator's own banaction is route."""

    default = "route"
    banactions = {
        "route": "ip route show type unreachable",
        "hostsdeny[file={top}/hosts.deny]": "cat {top}/hosts.deny",
        "nftables": NFT,
        "iptables-multiport": IPTABLES,
        "iptables-ipset": IPSET,
    }


class WithoutNft(Place):
    """iprep-nftables uses iptables."""

    default = "iptables-allports"
    has_nft = False
    banactions = {"iptables-allports": IPTABLES, "route": "ip route show type unreachable"}


class Ufw(Place):
    default = "ufw"
    banactions = {"ufw": "ufw status"}

    @classmethod
    def prepare(cls, stack):
        cls.machine.run("ufw", "allow", "25/tcp")
        cls.machine.run("ufw", "--force", "enable")


class Firewalld(Place):
    default = "firewallcmd-rich-rules"
    banactions = {"firewallcmd-rich-rules": "firewall-cmd --list-rich-rules | sed 's/.*address=\"//; s/\".*//'"}

    @classmethod
    def prepare(cls, stack):
        cls.machine.run("mkdir", "-p", "/run/dbus")
        cls.machine.run("firewall-offline-cmd", "--add-port=25/tcp")
        for words in (("dbus-daemon", "--system", "--nofork", "--nopidfile"), ("firewalld", "--nofork", "--nopid")):
            server = cls.machine.start(*words)
            stack.callback(server.stop)
            if words[0] == "dbus-daemon":
                server.await_ready(lambda: cls.machine.run("test", "-S", "/run/dbus/system_bus_socket",
                                                           check=False).returncode == 0, WAIT_S)
            else:
                server.await_ready(lambda: cls.machine.run("firewall-cmd", "--state", check=False).returncode == 0, WAIT_S)


class Shorewall(Place):
    default = "shorewall"
    banactions = {"shorewall": "iptables -n -L dynamic"}

    @classmethod
    def prepare(cls, stack):
        for name, text in SHOREWALL.items():
            cls.machine.write(f"/etc/shorewall/{name}", text)
        cls.machine.run("shorewall", "start")


if __name__ == "__main__":
    if os.geteuid() != 0:
        sys.exit("test_bans_hold: needs root, for network namespaces")
    unittest.main()
