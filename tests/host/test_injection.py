# SPDX-License-Identifier: MIT
"""
test_injection.py - hostile user names, jail names and parameters run nothing and get nowhere

A private fail2ban with the shipped action and a gated jail reads log lines whose user names hold
shell, options, header fields, CSV, JSON, formats, control characters and more (hostile.py). A jail
with a careless action shows that the texts are executed without quoting.
"""

import os

import hostile
from addresses import key_of
from cases import BAD
from host import process
from host.cases import FilesCase, tell
from host.jails import jail_local, one_line_jail
from host.netns import Namespace
from host.private import ACTION
from hostile import HostileCase, masked
from places import PROGRAMS

GATE = ("ignorecommand = s=0; trap 'exit $s' EXIT TERM; {bin}/rep-check --config={config} --gate --restored=\"<restored>\" "
        '--jail=%(__name__)s --user="<F-USER>" -- "<ip>"; [ $? -ne 10 ] || s=1\n')
# A dangerous action: the text of the log line is executed by a shell.
CARELESS = """[Definition]
actionban = eval "echo <F-USER>"
"""


class Server(HostileCase, FilesCase):
    """A fail2ban whose jails read LOG.log each; nothing is banned in any firewall."""

    @classmethod
    def start_server(cls, jails):
        """jails: [(name, log, action, further lines)]."""
        cls.host.space = Namespace(f"iprep-injection-{os.getpid()}")
        cls.addClassCleanup(cls.host.space.remove)
        cls.host.write("action.d/careless.conf", CARELESS)
        cls.host.write("action.d/iprep.local", ACTION.format(bin=PROGRAMS, conf=cls.place.path("iprep.conf")))
        text = jail_local("[DEFAULT] | backend = polling | [sshd] | enabled = false")
        for name, log, action, more in jails:
            open(f"{cls.top}/{log}.log", "wb").close()
            jail = one_line_jail(name, "user=<F-USER>.*</F-USER> from <ADDR>", "bantime = 10m", "usedns = no",
                                 f"action = {action}", log=log)
            text += jail.replace("{dir}", cls.top) + more
        cls.host.write("jail.local", text)
        cls.host.start()
        cls.addClassCleanup(cls.host.stop)

    @classmethod
    def attempt(cls, log, user, address):
        cls.line(log, b"FAILED user=" + user + b" from " + address.encode())

    @classmethod
    def rows(cls, what, address):
        return cls.place.sql(f"SELECT {what} = ?", key_of(address))


class UserNames(Server):
    """Every text is a user name once in the sure jail and once in the gated one, each with its address."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.too_much = hostile.too_much(cls.mark)
        everything = {**cls.texts, **cls.too_much}
        cls.sure = {name: f"45.20.0.{i}" for i, name in enumerate(everything, 1)}
        cls.gated = {name: f"45.21.{i}.1" for i, name in enumerate(everything, 1)}
        cls.api.control("seed", {"addresses": {address: BAD for address in list(cls.sure.values())[::3]}})
        gate = GATE.format(bin=PROGRAMS, config=cls.place.path("iprep.conf"))
        cls.start_server([("sure", "sure", 'iprep[category="18,22"]', ""), ("gated", "gated", "", gate),
                          ("careless", "careless", "careless", "")])
        for name, text in everything.items():
            cls.attempt("sure", text, cls.sure[name])
            cls.attempt("gated", text, cls.gated[name])
        for i, text in enumerate(cls.texts.values(), 1):
            if b"/loot/" in text:
                cls.attempt("careless", text.replace(b"/loot/", b"/loot/careless-"), f"45.22.0.{i}")
        for name in (b"alice", b"bob", b"carol"):   # after all that, an ordinary spray
            cls.attempt("gated", name, "45.23.0.1")
        cls.read_everything(len(everything))

    @classmethod
    def read_everything(cls, nlines):
        """Wait until both jails are through, their actions included."""
        done = process.wait_for(lambda: "45.23.0.1" in cls.host.bans_of("gated") and
                                cls.place.sql("SELECT count(*) FROM report") == [(nlines,)], 60)
        cls.log = cls.host.log()
        cls.seen = {bytes(key): count for key, count in
                    cls.place.sql("SELECT key, count(*) FROM sighting GROUP BY key")}
        if not done:
            raise process.CommandError("not every line arrived:\n" + cls.log[-3000:])

    def nothing_ran(self):
        super().nothing_ran(but="careless-" + self.mark)

    def test_the_texts_do_run_where_an_action_is_careless(self):
        path = f"{self.top}/loot/careless-{self.mark}"
        self.assertTrue(process.wait_for(lambda: os.path.exists(path), 20))

    def test_every_line_of_the_sure_jail_is_a_report_with_the_right_address(self):
        self.assertLessEqual(set(self.sure.values()), set(self.host.bans_of("sure")))
        for name, address in self.sure.items():
            rows = self.rows("jail, categories, comment, failures FROM report WHERE addr", address)
            self.assertEqual(rows, [("sure", "18,22", "", 1)], name)
        self.nothing_ran()

    def test_every_name_of_the_gated_jail_is_one_sighting_and_one_look_up(self):
        for name, text in self.texts.items():
            absent = text.startswith(b"<") and text.endswith(b">")
            address = self.gated[name]
            with self.subTest(name):
                self.assertIn(f"[gated] Ignore {address} by command", self.log)
                self.assertEqual(self.seen.get(key_of(address), 0), 0 if absent else 1)
                self.assertEqual(self.rows("count(*) FROM report WHERE addr", address), [(0,)])
        self.assertEqual(set(self.host.bans_of("gated")), {"45.23.0.1"})

    def test_each_name_arrives(self):
        """The same name given directly is no other sighting; a different one is."""
        for name, text in self.texts.items():
            if text.startswith(b"<") and text.endswith(b">"):
                continue
            arrived = text.decode(errors="replace").encode()        # fail2ban reads text
            with self.subTest(name):
                for user, count in ((arrived, 1), (b"somebody", 2)):
                    self.run_it("rep-check", "--gate", b"--user=" + user, "--", self.gated[name], status=0)
                    rows = self.rows("count(*) FROM sighting WHERE key", self.gated[name])
                    self.assertEqual(rows, [(count,)])
        self.assertEqual(self.place.sql("SELECT count(*) FROM good"), [(0,)])

    def test_what_fail2ban_itself_cannot_pass_on_is_not_seen_by_the_gate(self):
        for name in self.too_much:
            address = self.gated[name]
            self.assertNotIn(key_of(address), self.seen)
            self.assertNotIn(f"Ignore {address} by command", self.log)
            self.assertNotIn(address, self.host.bans_of("gated"))
            tell(f"SEEN: fail2ban {self.packages.fail2ban_version} drops a gated line with {name} in the user name: "
                 "neither counted nor looked up")
        for error in ("embedded null byte", "Argument list too long"):
            self.assertIn(error, self.log)
        tell("SEEN: the sure jail reports both, since its action passes on nothing but the address")

    def test_both_jails_still_work(self):
        self.assertEqual(self.rows("count(*) FROM sighting WHERE key", "45.23.0.1"), [(3,)])
        self.attempt("sure", b"dave", "45.23.0.3")
        self.assertTrue(process.wait_for(
            lambda: self.rows("count(*) FROM report WHERE addr", "45.23.0.3") == [(1,)], 20))

    def test_nothing_of_them_is_public_announced_or_kept(self):
        wanted = self.place.sql("SELECT count(*) FROM report")[0][0]
        reports = self.flush()
        self.assertLessEqual(set(self.sure.values()), set(reports))
        self.assertEqual({(r["comment"], tuple(r["categories"])) for r in reports.values()},
                         {("Brute force on sure: 1 failures", (18, 22))})
        self.assertEqual(len(self.api.control("stats")["reports"]), wanted)
        self.assertGreater(self.verdicts_are_plain(), len(self.sure) // 4)
        self.assertIn(self.mark, self.log)          # fail2ban's own log has them, in its errors
        self.nothing_kept()
        self.nothing_ran()


# What an administrator might write into jail.local.
NAMES = {"quote and shell": "it's;|&x", "an option": "--help", "not ASCII": "\u00fcx\u202e", "a tag": "x<ip>",
         "formats": "%{jail}%s", "CSV": "=cmd(),x", "path": "../x", "long": "x" * 200}
CATEGORIES = ("18;22", "18, 22; touch x", "--help", "=cmd()", "{'a':1}", "18'22", "%%s%%n", "24", "0", "-1",
              "18&ip=9", "ssh brute-force nonsense", "\u00fc", "*", "1e1", "0x12", "18,,,;")


class Configuration(Server):
    """Jails with such names, and with such parameters of the shipped action."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        jails = [(name, "22") for name in NAMES.values()]
        jails += [(f"c{i}", text) for i, text in enumerate(CATEGORIES)]
        jails += [("own", f"18$(touch {cls.top}/loot/{cls.mark})"), ("none", "")]
        cls.start_server([(name, str(i), f'iprep[category="{category}"]', "")
                          for i, (name, category) in enumerate(jails)])
        cls.address = {name: f"45.24.0.{i + 1}" for i, (name, _) in enumerate(jails)}
        cls.api.control("seed", {"addresses": {address: BAD for address in cls.address.values()}})
        for i, (name, _) in enumerate(jails):
            cls.attempt(str(i), b"joe", cls.address[name])
        process.wait_for(lambda: cls.host.log().count("Failed to execute ban") == len(CATEGORIES) and
                         cls.place.sql("SELECT count(*) FROM report") == [(len(NAMES) + 2,)], 60)
        cls.log = cls.host.log()

    def seen(self, name):
        """What is kept of a name; fail2ban replaces a tag in it."""
        return masked(name.replace("<ip>", self.address[name]).encode())

    def row(self, jail):
        return self.rows("jail, categories FROM report WHERE addr", self.address[jail])

    def test_a_jail_with_an_odd_name_reports_under_a_printable_one(self):
        for what, name in NAMES.items():
            with self.subTest(what):
                self.assertEqual(self.row(name), [(self.seen(name), "22")])

    def test_categories_that_are_none_are_refused_with_a_reason_and_record_nothing(self):
        for i, text in enumerate(CATEGORIES):
            with self.subTest(text):
                self.assertEqual(self.row(f"c{i}"), [])
        self.assertEqual(self.log.count("rep-report: categories: "), 2 * len(CATEGORIES))   # run twice

    def test_an_empty_category_is_that_of_the_configuration(self):
        self.assertEqual(self.row("none"), [("none", "")])

    def test_what_root_writes_into_fail2ban_s_configuration_is_run_by_fail2ban(self):
        self.assertEqual(os.listdir(f"{self.top}/loot"), [self.mark])
        self.assertEqual(self.row("own"), [("own", "18")])
        tell(f"SEEN: fail2ban {self.packages.fail2ban_version} pastes parameters and jail names unescaped into its "
             "shell command: $(...) in jail.local runs. Only root writes there; no byte of a log line gets there.")

    def test_none_of_it_breaks_a_report_or_a_verdict_line(self):
        named = {self.address[name]: self.seen(name) for name in [*NAMES.values(), "own", "none"]}
        self.assertEqual({ip: r["comment"] for ip, r in self.flush().items()},
                         {ip: f"Brute force on {name}: 1 failures" for ip, name in named.items()})
        self.assertEqual(self.verdicts_are_plain(), len(named))
