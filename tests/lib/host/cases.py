# SPDX-License-Identifier: MIT
"""
cases.py - the test cases of hosts: a directory, a private fail2ban, a host in a world, hooks that can be made to fail

An address says what the world thinks of it: self.address("known"), "notorious" or "unlisted".
"""

import atexit
import contextlib
import itertools
import os
import sys
import tempfile
import time
import unittest

import places
from host import process, samples
from host.host import VERDICT_JAILS
from host.jails import jail_local
from host.network import Network
from host.packages import Packages
from host.private import Private
from host.world import World

SOON_S = 60             # for actions of fail2ban alone; generous, because machines are busy
PATIENCE_S = 120        # for the way through the worker
MINUTES_10 = 600        # a ban of a stock jail
NETS = {"known": "45.31.{}.1", "notorious": "45.32.{}.1", "unlisted": "45.33.{}.1"}
LISTED = {"zen.spamhaus.org": ["45.32.0.0/16"], "bl.blocklist.de": ["45.31.0.0/16", "45.32.0.0/16"]}
WORST = {"abuseConfidenceScore": 100, "totalReports": 1432, "numDistinctUsers": 211, "lastReportedAt": "now-2h"}
MOST = 120              # addresses of each kind
JAILS = {"sshd": ("18,22", ""), "sendmail-auth": ("18", ""), "sendmail-reject": (None, ""), "dovecot": (None, "")}
OURS = ("rep-confirmed", "rep-notorious", "rep-sendmail-ambiguous")


def stamp():
    return time.strftime("%Y-%m-%dT%H:%M:%S+0000", time.gmtime())


def tell(text):
    """A fact that the test has seen."""
    print(f"    {text}", file=sys.stderr, flush=True)


class Case(unittest.TestCase):
    """top: a directory of the class; kept: where packages are unpacked and roots made, or were."""

    @classmethod
    def setUpClass(cls):
        cls.top = tempfile.mkdtemp(prefix="iprep-host.", dir="/var/tmp")
        cls.addClassCleanup(process.run, ["rm", "-rf", cls.top])
        os.chmod(cls.top, 0o755)
        cls.kept = places.packages(cls.top)
        cls.stack = contextlib.ExitStack()
        cls.addClassCleanup(cls.stack.close)
        atexit.register(cls.stack.close)        # also if the test is interrupted

    @classmethod
    def line(cls, log, text):
        """A line of top/LOG.log, with its time; text: bytes or str."""
        text = text if isinstance(text, bytes) else text.encode()
        with open(f"{cls.top}/{log}.log", "ab") as file:
            file.write(stamp().encode() + b" " + text + b"\n")

    def until(self, condition, what, timeout_s=PATIENCE_S):
        """Wait; a failure tells what fail2ban said last."""
        value = process.wait_for(condition, timeout_s, every_s=0.2)
        if not value:
            self.fail(f"waited in vain until {what}\n{self.shown()}")
        return value

    def shown(self):
        return process.tail(self.host.log_path, 25)

    def until_banned(self, address, *jails):
        self.until(lambda: self.host.is_banned(address, *jails), f"{address} is banned in {', '.join(jails)}")

    def until_closed(self, address, port=25):
        """fail2ban counts an address as banned before its firewall action has run."""
        self.until(lambda: not self.host.is_open(address, port), f"{address} is refused", SOON_S)

    def unban(self, jail, address):
        self.host.unban(jail, address)
        self.until(lambda: not self.host.is_banned(address, jail), f"the ban of {jail} ends", SOON_S)


class FilesCase(Case):
    """fail2ban with the shipped files; no server runs."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.packages = Packages(cls.kept)
        cls.host = cls.fail2ban = Private(cls.packages, None, f"{cls.top}/fail2ban")
        cls.before_ours()
        cls.fail2ban.add_files()

    @classmethod
    def before_ours(cls):
        """Only fail2ban's own files are there."""

    def match(self, logs, filters):
        """What each filter finds in each of these logs: regex/filters.py."""
        return samples.match(logs, filters, self.packages.fail2ban_modules, self.fail2ban.config)


def hook_host(top, programs, kept, stack, jails, kind=Private):
    """A host that calls iprep through a wrapper, in a world that knows NETS; jails: further ones."""
    world = World(f"{top}/world", kept, f"iprep-hooks-{os.getpid()}", stack, LISTED,
                  {NETS["notorious"].format(number): WORST for number in range(1, MOST)})
    world.network.listen()
    host = world.add_host("host", programs, True, kind)
    host.iprep.run("rep-check", "--ready", check=True)      # makes the database, as its owner
    host.configure(JAILS, OURS, more=jails)
    return host


class HookCase(Case):
    """A host for each class. jails: further ones, which read the logs."""

    jails = ""
    logs = ()
    start = True            # start fail2ban immediately

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.numbers = {kind: itertools.count(1) for kind in NETS}
        for name in cls.logs:
            open(f"{cls.top}/{name}.log", "wb").close()
        cls.host = hook_host(cls.top, places.PROGRAMS, cls.kept, cls.stack, cls.jails.format(dir=cls.top))
        cls.world, cls.iprep = cls.host.world, cls.host.iprep
        cls.dns, cls.api = cls.world.dns, cls.world.api
        if cls.start:
            cls.host.start()

    def address(self, kind):
        """A new client that the world knows as this."""
        one = NETS[kind].format(next(self.numbers[kind]))
        self.world.network.add_clients([one])
        return one

    def attackers(self, *kinds, jails=("sshd",)):
        """Addresses of these kinds that attack the first jail until these ban them."""
        addresses = [self.address(kind) for kind in kinds]
        for address in addresses:
            self.host.attack("sshd" if jails[0] in VERDICT_JAILS else jails[0], address)
        for address in addresses:
            self.until_banned(address, *jails)
        return addresses

    def bans(self, address):
        """{jail: seconds}"""
        return self.host.bans().get(address, {})

    def until_idle(self):
        self.until(lambda: not self.host.workers(), "no worker runs")

    def others_are_banned(self):
        """A jail without iprep still bans, in the firewall too."""
        other, = self.attackers("unlisted", jails=("dovecot",))
        self.until_closed(other, 143)

    def nothing_waits(self):
        self.assertEqual(self.host.waiting(), (0, 0))

    def confirmed(self, kind="known", jail="sshd"):
        """An address that a sure jail banned, that was reported, and that has an extended ban."""
        jails = (jail, "rep-confirmed", *(["rep-notorious"] if kind == "notorious" else []))
        address, = self.attackers(kind, jails=jails)
        self.until(lambda: self.host.reports(address) == 1, "it is reported")
        self.until_idle()
        return address

    def minute_later(self, address):
        """A verdict line is repeated at most once a minute."""
        self.assertTrue(self.host.known(address)["blocked_until"])
        self.iprep.sql("UPDATE block SET announced_at = announced_at - 61")

    def until_done(self, more=lambda: True):
        """Until nothing waits, with the timer's worker; it tries again after 15 s, then 60."""
        def done():
            if self.host.waiting() == (0, 0):
                return more()
            self.host.flush()
            return False
        self.until(done, "nothing waits", 300)
        self.until_idle()

    def reported_once(self, *addresses):
        self.until_idle()
        self.host.flush()
        self.assertEqual([self.host.reports(one) for one in addresses], [1] * len(addresses))
        self.assertEqual(self.api.refused_reports(), [])


LINE = "iprep[1]: verdict=confirmed ip={} score=10 tier={} jail=sshd src=zen"


class VerdictCase(Case):
    """A network, and a fail2ban with the two verdict jails; the test writes their lines."""

    default = ()            # further lines of [DEFAULT]
    both = ()               # of the two jails
    jails = ""              # further jails

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.packages = Packages(cls.kept, "tcpd")
        cls.network = Network(f"iprep-ban{os.getpid()}", cls.top, cls.stack)
        cls.host = Private(cls.packages, cls.network.host, f"{cls.top}/fail2ban")
        cls.host.add_files()
        open(f"{cls.top}/verdict.log", "wb").close()
        cls.prepare()
        cls.network.listen()
        every_line_holds = "rep_check = sh -c 'exit 10' sh"
        text = jail_local("[DEFAULT] | backend = polling", every_line_holds, "rep_verdict_log = {dir}/verdict.log",
                          *cls.default, "[sshd] | enabled = false | rep-confirmed, rep-notorious:", *cls.both)
        cls.host.write("jail.local", text.replace("{dir}", cls.top))
        cls.host.write("jail.d/more.local", cls.jails.replace("{dir}", cls.top))
        cls.stack.callback(cls.host.stop)
        cls.host.start()

    @classmethod
    def prepare(cls):
        """Before fail2ban starts."""

    def say(self, address, tier="notorious"):
        """What the worker writes; waits for the bans."""
        self.line("verdict", LINE.format(address, tier))
        self.until_banned(address, "rep-confirmed", *(["rep-notorious"] if tier == "notorious" else []))

    def is_open(self, address):
        return self.network.connects("host", [(address, 25)])[address, 25]

    def until_open(self, address, wanted=True):
        """The action runs after the ban is listed."""
        self.until(lambda: self.is_open(address) == wanted, f"{address} is {'accepted' if wanted else 'refused'}", SOON_S)
