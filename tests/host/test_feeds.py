# SPDX-License-Identifier: MIT
"""test_feeds.py - a botnet with one guess each, a feed on disk, and nothing else that could be asked"""

from host.cases import HookCase, tell

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
