# SPDX-License-Identifier: MIT
"""
test_exports.py - what rep-check --blocks writes, loaded as it is by those it is for

nft, ipset, tcpdmatch, postmap and rbldnsd are Debian's. Sets are loaded in a
network namespace of our own, rbldnsd answers there; nothing touches the host.
"""

import json
import os
import subprocess
import sys

from addresses import reversed_of
from blocks import BlocksCase
from dns import message
from host import process
from host.cases import Case
from host.netns import Namespace
from host.packages import Packages
from places import DAY

PORT = 5353
ZONE = "blocks.test"
# asks in the namespace it runs in: sends stdin, prints the answer
ASK = """import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(10)
s.connect(("127.0.0.1", int(sys.argv[1])))
s.send(bytes.fromhex(sys.argv[2]))
print(s.recv(4096).hex())
"""
PAIR = [("45.1.1.1",), ("45.200.1.1", {"tier": "notorious", "left": 300 * DAY})]


class Loading:
    """What both classes below test, each with its ipv6_prefix."""

    network = None          # a block, and an address that it holds
    held = None

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.packages = Packages(cls.kept, "ipset", "tcpd", "postfix")
        cls.environment = cls.packages.environment()

    def setUp(self):
        super().setUp()
        self.space = Namespace(f"iprep-exp-{os.getpid()}")
        self.addCleanup(self.space.remove)

    def fill(self):
        self.put(*PAIR, (self.network,))

    def export(self, name):
        """Written as text to a file of the place; returns its path."""
        path = self.place.path("export." + name)
        with open(path, "w", encoding="ascii") as file:
            file.write(self.blocks("--format", name).stdout)
        return path

    def tool(self, program, *args, stdin=None, check=True):
        return self.space.run([self.packages.find(program), *args], check=check,
                              env=self.environment, stdin=stdin)

    # ---- nft ----

    def nft_elements(self):
        """Name of each set: address -> seconds."""
        said = json.loads(self.tool("nft", "-j", "list", "table", "inet",
                                    "iprep").stdout)
        found = {}
        for one in said["nftables"]:
            if "set" not in one:
                continue
            found[one["set"]["name"]] = dict(
                self.nft_element(e["elem"]) for e in one["set"].get("elem", []))
        return found

    @staticmethod
    def nft_element(elem):
        value = elem["val"]
        if isinstance(value, dict):
            value = "{addr}/{len}".format(**value["prefix"])
        return value, elem["timeout"]

    def test_nft_loads_it_empty_full_twice_and_empty_again(self):
        empty = self.export("nft")
        for _ in range(2):
            self.tool("nft", "-f", empty)
            self.assertEqual(self.nft_elements(), {"blocked4": {}, "blocked6": {}})
        self.fill()
        full = self.export("nft")
        for _ in range(2):
            self.tool("nft", "-f", full)
            found = self.nft_elements()
            self.assertEqual(sorted(found["blocked4"]), ["45.1.1.1", "45.200.1.1"])
            self.assertEqual(list(found["blocked6"]), [self.written(self.network)])
            self.assertAlmostEqual(found["blocked4"]["45.200.1.1"], 300 * DAY, delta=3600)
        self.sql("DELETE FROM block")
        self.tool("nft", "-f", self.export("nft"))
        self.assertEqual(self.nft_elements(), {"blocked4": {}, "blocked6": {}})

    def test_nft_takes_times_from_an_hour_to_ten_years(self):
        """It refuses a whole file for one number of more than eight digits."""
        lefts = {f"45.1.2.{i}": left for i, left in enumerate((
            3600, DAY, DAY + 1, 99999999, 100000000, 3650 * DAY))}
        self.put(*((address, {"left": left}) for address, left in lefts.items()))
        self.tool("nft", "-f", self.export("nft"))
        found = self.nft_elements()["blocked4"]
        self.assertEqual(sorted(found), sorted(lefts))
        for address, left in lefts.items():
            self.assertAlmostEqual(found[address], left, delta=600)

    def test_nft_refuses_what_is_blocked_and_nothing_else(self):
        self.fill()
        self.tool("nft", "-f", self.export("nft"))
        other = Namespace(f"iprep-exo-{os.getpid()}")
        self.addCleanup(other.remove)
        self.space.connect("inside", other, "outside")
        for address in ("45.1.1.2/8", "2a02:4780:1::2/16"):
            self.space.add_address(address, "inside")
        self.introduce(other, "2a02:4780:1::2")
        for address, passes in (("45.1.1.1", False), ("45.1.1.3", True),
                                (self.held, False), ("2a02:4780:2::7", True)):
            with self.subTest(address=address):
                bits, to = (16, "2a02:4780:1::2") if ":" in address else (8, "45.1.1.2")
                other.add_address(f"{address}/{bits}", "outside")
                self.assertEqual(self.answers(other, address, to), passes)

    def introduce(self, other, address):
        """other knows the neighbour without asking: what a blocked address asks
        (RFC 4861) is dropped as well, and the client would hear of that after
        three seconds instead of nothing."""
        link = json.loads(self.space.ip("-j", "link", "show", "inside").stdout)[0]
        other.ip("neighbor", "replace", address, "lladdr", link["address"],
                 "nud", "permanent", "dev", "outside")

    def answers(self, other, source, to):
        """Does a datagram from source arrive? The port is closed: it is
        refused where it arrives, and lost where it is dropped."""
        code = ("import errno, socket, sys\n"
                "s = socket.socket(socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET)\n"
                "s.bind((sys.argv[1], 0))\ns.settimeout(3)\n"
                "try:\n    s.connect((sys.argv[2], 9))\n"
                "except ConnectionRefusedError:\n    print('refused')\n"
                "except OSError as e:\n"     # no route: its neighbour solicitations are dropped as well
                "    lost = isinstance(e, TimeoutError) or e.errno == errno.EHOSTUNREACH\n"
                "    print('dropped' if lost else e)\n")
        said = other.run([sys.executable, "-c", code, source, to]).stdout.strip()
        self.assertIn(said, ("refused", "dropped"))
        return said == "refused"

    def test_nft_takes_none_of_a_file_that_is_cut(self):
        self.fill()
        with open(self.export("nft"), encoding="ascii") as file:
            lines = file.readlines()
        for n in range(5, len(lines)):
            done = self.tool("nft", "-f", "-", check=False, stdin="".join(lines[:n]))
            self.assertNotEqual(done.returncode, 0, n)
        self.assertNotIn("iprep", self.tool("nft", "list", "ruleset").stdout)

    # ---- ipset ----

    def ipset_members(self):
        said = self.tool("ipset", "save").stdout
        found = {line.split()[1]: {} for line in said.splitlines() if line.startswith("create")}
        for line in said.splitlines():
            if line.startswith("add"):
                _, name, address, _, seconds = line.split()
                found[name][address] = int(seconds)
        return found

    def restore(self):
        with open(self.export("ipset"), encoding="ascii") as file:
            self.tool("ipset", "restore", stdin=file.read())
        return self.ipset_members()

    def test_ipset_loads_it_empty_full_twice_and_empty_again(self):
        for _ in range(2):
            self.assertEqual(self.restore(), {"iprep4": {}, "iprep6": {}})
        self.fill()
        for _ in range(2):
            found = self.restore()
            self.assertEqual(sorted(found), ["iprep4", "iprep6"])
            self.assertEqual(sorted(found["iprep4"]), ["45.1.1.1", "45.200.1.1"])
            self.assertEqual(list(found["iprep6"]), [self.written(self.network)])
            self.assertAlmostEqual(found["iprep4"]["45.1.1.1"], DAY, delta=3600)
            self.assertAlmostEqual(found["iprep4"]["45.200.1.1"], 2147483, delta=3600)
        self.assertEqual(self.tool("ipset", "test", "iprep6", self.held,
                                   check=False).returncode, 0)
        self.assertEqual(self.tool("ipset", "test", "iprep4", "45.1.1.2",
                                   check=False).returncode, 1)
        self.sql("DELETE FROM block")
        self.assertEqual(self.restore(), {"iprep4": {}, "iprep6": {}})

    # ---- hosts.deny ----

    def tcpd_says(self, address):
        directory = os.path.dirname(self.export("hosts.deny"))
        os.replace(self.place.path("export.hosts.deny"), self.place.path("hosts.deny"))
        self.place.write("hosts.allow", "")
        self.place.write("inetd.conf", "ssh stream tcp nowait root /usr/sbin/tcpd sshd\n")
        done = subprocess.run([self.packages.find("tcpdmatch"), "-d", "-i", "inetd.conf", "sshd", address],
                              cwd=directory, env=self.environment, capture_output=True, text=True,
                              check=True, timeout=60)
        self.assertEqual(done.stderr, "")
        return done.stdout.split()[-1]

    def test_tcpd_denies_what_is_blocked(self):
        self.assertEqual(self.tcpd_says("45.1.1.1"), "granted")
        self.fill()
        for address, said in (("45.1.1.1", "denied"), ("45.200.1.1", "denied"), (self.held, "denied"),
                              ("45.1.1.2", "granted"), ("2a02:4780:2::7", "granted")):
            with self.subTest(address=address):
                self.assertEqual(self.tcpd_says(address), said)

    # ---- Postfix ----

    def postmap_says(self, address):
        # it wants to know a user and a group, whatever it is asked
        self.place.write("main.cf", "compatibility_level = 3.6\nmail_owner = daemon\nsetgid_group = mail\n")
        done = self.tool("postmap", "-c", self.place.dir, "-q", address, "cidr:" + self.export("cidr"),
                         check=False)
        self.assertEqual(done.stderr, "")
        return done.returncode, done.stdout

    def test_postfix_rejects_what_is_blocked(self):
        self.assertEqual(self.postmap_says("45.1.1.1"), (1, ""))
        self.fill()
        for address in ("45.1.1.1", "45.200.1.1", self.held):
            self.assertEqual(self.postmap_says(address), (0, "REJECT\n"), address)
        for address in ("45.1.1.2", "2a02:4780:2::7"):
            self.assertEqual(self.postmap_says(address), (1, ""), address)

    # ---- rbldnsd ----

    def serve(self):
        os.chmod(self.export("rbldnsd"), 0o644)
        server = process.Server(
            self.space.command([self.packages.find("rbldnsd"), "-n", "-u", "nobody", "-b", f"127.0.0.1/{PORT}",
                                "-w", self.place.dir, f"{ZONE}:combined:export.rbldnsd"]),
            self.place.path("rbldnsd.log"))
        self.addCleanup(server.stop)
        server.await_ready(lambda: self.space.run(["ss", "-Hlun", f"sport = :{PORT}"]).stdout.strip())
        with open(self.place.path("rbldnsd.log"), encoding="ascii", errors="replace") as file:
            said = file.read()
        self.assertNotRegex(said, "(?i)warn|error|invalid")
        return server

    def lookup(self, address, kind=message.A):
        """rcode, and the bytes of the answer."""
        asked = b"\0\1\1\0\0\1\0\0\0\0\0\0" + message.name_bytes(f"{reversed_of(address)}.{ZONE}") + bytes([0, kind, 0, 1])
        answer = bytes.fromhex(self.space.run([sys.executable, "-c", ASK, str(PORT), asked.hex()]).stdout)
        n = int.from_bytes(answer[6:8], "big")
        # name (a pointer), type, class, TTL, length, data
        return answer[3] & 15, answer[len(asked) + 12:][:int.from_bytes(
            answer[len(asked) + 10:len(asked) + 12], "big")] if n else b""

    def test_rbldnsd_lists_what_is_blocked_by_tier_and_its_test_entries(self):
        for full in (False, True):
            if full:
                self.fill()
            server = self.serve()
            two, three, nothing = (0, b"\x7f\0\0\2"), (0, b"\x7f\0\0\3"), (3, b"")
            for address, answer in (("127.0.0.2", two), ("127.0.0.1", nothing), ("::ffff:7f00:2", two),
                                    ("::ffff:7f00:1", nothing), ("45.1.1.1", two if full else nothing),
                                    ("45.200.1.1", three if full else nothing),
                                    (self.held, two if full else nothing), ("45.1.1.2", nothing),
                                    ("2a02:4780:2::7", nothing)):
                with self.subTest(full=full, address=address):
                    self.assertEqual(self.lookup(address), answer)
            if full:
                self.assertEqual(self.lookup("45.200.1.1", message.TXT)[1][1:],
                                 b"blocked as notorious: 45.200.1.1")
            server.stop()

    # ---- JSON ----

    def test_json_is_an_object_a_line(self):
        self.assertEqual(self.blocks("--json").stdout, "")
        self.fill()
        found = [json.loads(line) for line in self.blocks("--json", "--sort", "address").stdout.splitlines()]
        self.assertEqual([b["address"] for b in found],
                         ["45.1.1.1", "45.200.1.1", self.written(self.network)])
        self.assertEqual([(b["tier"], b["sources"], b["exempt"]) for b in found],
                         [("known", "zen", None), ("notorious", "zen", None), ("known", "zen", None)])

    def written(self, address):
        return address + ("/64" if self.ipv6_prefix == 64 else "")


class Addresses(Loading, Case, BlocksCase):
    """Whole IPv6 addresses, as the default is."""

    ipv6_prefix = 128
    network = held = "2a02:4780:15::50"


class Prefixes(Loading, Case, BlocksCase):
    """ipv6_prefix = 64."""

    ipv6_prefix = 64
    network = "2a02:4780:15::"
    held = "2a02:4780:15::77"

    def test_blocks_that_hold_each_other_load(self):
        """What is left of the time when ipv6_prefix was 128."""
        self.put((self.network,), (self.held,), ("2a02:4780:15:1::5",))
        self.tool("nft", "-f", self.export("nft"))
        self.assertEqual(sorted(self.nft_elements()["blocked6"]), ["2a02:4780:15:1::5", "2a02:4780:15::/64"])
        self.assertEqual(len(self.restore()["iprep6"]), 3)
        self.assertEqual(self.tcpd_says(self.held), "denied")
        self.assertEqual(self.postmap_says(self.held)[1], "REJECT\n")
