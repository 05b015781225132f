# SPDX-License-Identifier: MIT
"""
test_feeds.py - networks on disk, against a real fail2ban

A botnet with one guess each, a feed, and nothing else that could be asked; a mail provider whose SMTP address has 100 at
AbuseIPDB.
"""

import os
import sys

import places
from host import process
from host.cases import MINUTES_10, HookCase, tell
from places import YEAR

FEED = """\
[feed botnet]
file    = {path}
points  = *3
enabled = yes
[dnsbl dnswl]
enabled = no
"""
LISTED = [f"45.41.{number}.7" for number in range(40)]
OTHERS = [f"45.42.{number}.7" for number in range(10)]


class Botnet(HookCase):
    """The resolver and AbuseIPDB are down from the start, and no address was ever looked up."""

    start = False

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.dns.stop()
        cls.api.stop()
        cls.iprep.write("botnet.list", "\n".join(LISTED) + "\n")
        cls.iprep.write("iprep.local", cls.iprep.local + FEED.format(path=cls.iprep.path("botnet.list")))
        cls.iprep.run("rep-report", "--flush", "--linger", "0", check=True)
        cls.world.network.add_clients(LISTED + OTHERS)
        cls.host.start()

    def test_40_of_50_are_banned_at_their_first_line_and_0_of_10_others(self):
        for address in LISTED + OTHERS:
            self.host.ambiguous(address)
        self.until(lambda: all(self.host.ignored(one) for one in OTHERS), "the other ten are ignored")
        self.until(lambda: all(self.bans(one) for one in LISTED), "all forty are banned")
        banned = [one for one in LISTED + OTHERS if self.bans(one)]
        self.assertEqual(banned, LISTED)
        for address in LISTED:
            self.assertIn("rep-sendmail-ambiguous", self.bans(address))
            self.assertEqual(self.host.ignored(address), 0, f"{address}: not at its first line")
        for address in LISTED[::8]:
            self.until_closed(address)
        for address in OTHERS[::4]:
            self.assertTrue(self.host.is_open(address))
        tell(f"{len(banned)} of {len(LISTED + OTHERS)} are banned")

    def test_their_evidence_names_the_feed(self):
        self.host.ambiguous(LISTED[0])
        known = self.host.known(LISTED[0])
        [finding] = [one for one in known["findings"] if one["source"] == "botnet"]
        self.assertTrue(finding["listed"])
        self.assertIn("downloaded", finding["detail"])


# a resolver in the namespace of the host, for which no list has anybody
RESOLVER = """\
import sys, time
sys.path.insert(0, {lib!r})
from dns import behaviours
from dns.server import Server, Zone
server = Server()
for name in ("zen.spamhaus.org", "bl.blocklist.de", "list.dnswl.org"):
    server.zones[name] = Zone({{}})
server.zones["mail.example"] = Zone({{}}, word=behaviours.records(txt=["v=spf1 include:_spf.mail.example ~all"]))
server.zones["_spf.mail.example"] = Zone({{}}, word=behaviours.records(txt=["v=spf1 ip4:45.32.0.0/16 -all"]))
print(server.port, flush=True)
time.sleep(3600)
"""


class Mail(HookCase):
    """The SMTP addresses of a provider are allowed by its SPF record."""

    start = False

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        script, log = f"{cls.top}/resolver.py", f"{cls.top}/resolver.log"
        with open(script, "w", encoding="utf-8") as file:
            file.write(RESOLVER.format(lib=f"{places.TOP}/tests/lib"))
        server = process.Server(cls.host.space.command([sys.executable, "-B", script]), log)
        cls.stack.callback(server.stop)
        server.await_ready(lambda: os.path.getsize(log))
        with open(log, encoding="utf-8") as file:
            port = file.read().strip()
        cls.iprep.local = "".join(f"resolvers = 127.0.0.1:{port}\n" if line.startswith("resolvers") else line
                                  for line in cls.iprep.local.splitlines(True)) + "[allow]\n"
        cls.host.start()

    def test_it_gets_the_short_ban_and_a_report_but_no_block(self):
        self.iprep.set("allow", "spf = mail.example")
        self.host.flush()
        address = self.address("notorious")
        self.host.attack("sshd", address)
        self.until_banned(address, "sshd")
        self.until(lambda: self.host.reports(address) == 1, "it is reported")
        self.until_done()
        self.assertEqual(self.bans(address), {"sshd": MINUTES_10})
        known = self.host.known(address)
        self.assertEqual((known["blocked_until"], known["exempt"]), (None, "sends mail for mail.example (SPF)"))
        # without the entry it would have had a year
        self.iprep.write("iprep.local", self.iprep.local.replace("spf = mail.example", "spf ="))
        other = self.address("notorious")
        self.host.attack("sshd", other)
        self.until_banned(other, "sshd", "rep-confirmed", "rep-notorious")
        self.assertEqual(self.bans(other)["rep-notorious"], YEAR)
