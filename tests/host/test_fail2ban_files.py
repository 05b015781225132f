# SPDX-License-Identifier: MIT
"""
test_fail2ban_files.py - the shipped filters, jails and actions, as fail2ban reads them

Uses the unpacked fail2ban: fail2ban-regex for the filters, with the log
lines in tests/data/logs (its README.md says how to add some) and the verdict
lines in data/rep-verdict.tsv, and "fail2ban-client -d" for the rest.
"fail2ban-client -t" is not enough: it never compiles an expression. Starts no
server and needs no root.
"""

import ast
import os
import re

import rows
from host import TESTS, process, samples
from host.cases import FilesCase
from host.host import VERDICT_JAILS
from host.jails import jail_local
from host.private import backends

NEEDS_ROOT = False
GATED = tuple(samples.AMBIGUOUS.values())
# rep-spray-files and rep-login-files are enabled by the two before them
REP_JAILS = (*VERDICT_JAILS, *GATED, "rep-spray", "rep-login", "rep-spray-files", "rep-login-files")
REPORTING = ("rep-spray", "rep-spray-files")
WATCHING = ("rep-login", "rep-login-files")
# What makes an ignorecommand end with 0 if its shell fails.
SAFE = "s=0; trap 'exit $s' EXIT TERM; "
LOGS = ("sshd_log", "syslog_mail", "dovecot_log", "exim_main_log", "nginx_error_log", "nginx_access_log")
ALL = ", ".join(jail for jail in REP_JAILS if not jail.endswith("-files")) + ":"
# banaction and banaction_allports, and what a jail has of its own in them.
BANACTIONS = {
    "iptables-multiport": ("iptables-allports", "f2b-{jail}"),
    "iptables-ipset": ("iptables-ipset[type=allports]", "f2b-{jail}"),
    "nftables": ("nftables[type=allports]", "addr-set-{jail}"),
    "iprep-nftables": ("iprep-nftables", "inet f2b-{jail} "),
    "hostsdeny": ("hostsdeny", None),
    "iprep-hostsdeny": ("iprep-hostsdeny", "ALL {jail}: "),
}


# A line in RFC 3164's form; those that are in another one already are left alone.
SYSLOG = re.compile(r"[A-Z][a-z]{2} [ \d]\d [\d:]{8} (?P<host>[^\s:\[]+) (?P<program>[\w./-]+)"
                    r"(?:\[(?P<id>\d+)\])?: (?P<text>.*)")
NOISE_S = 0.05      # of processor time, which no expression that matters stays below
TIME = re.compile(r"[A-Z][a-z]{2} [ \d]\d [\d:]{8} |\d{4}[-/]\d\d[-/]\d\d[ T][\d:.]+\S* ")
OTHER_FORM = re.compile(r"\[ID |\[ *\d+\.\d+\]")
EXIM = re.compile(r"(?P<time>\d{4}-\d\d-\d\d [\d:]{8}(?:\.\d+)?(?: [+-]\d{4})?) (?:\[\d+\] )?(?P<text>.*)")


with open(f"{TESTS}/host/data/rep-verdict.tsv", encoding="utf-8") as file:
    VERDICTS = [line.rstrip("\n").split("\t", 1) for line in file if not line.startswith("#")]


class Configured(FilesCase):
    @classmethod
    def before_ours(cls):
        cls.before = cls.dump()

    @classmethod
    def dump(cls, jail_local="[sshd]\nenabled = false\n"):
        """[[word ...]]: the commands that fail2ban would send to its server."""
        cls.fail2ban.write("jail.local", jail_local)
        return cls.fail2ban.client("-d").splitlines()


class Fail2banFiles(Configured):
    def enabled(self, banaction="nftables", backend="polling", default=()):
        """The dump with all rep-* jails and recidive; default: more below [DEFAULT]."""
        logs = {name: f"{self.top}/{name}" for name in ("rep_verdict_log", *LOGS)}
        for path in logs.values():
            open(path, "w", encoding="ascii").close()
        text = jail_local("[DEFAULT]", *(f"{name} = {path}" for name, path in logs.items()), f"banaction = {banaction}",
                          f"banaction_allports = {BANACTIONS[banaction][0]}", *default,
                          "[sshd] | enabled = false | recidive:",
                          f"logpath = {logs['rep_verdict_log']}", ALL)
        text = text.replace("[DEFAULT]\n", "[DEFAULT]\n" + backends(backend), 1)
        return [ast.literal_eval(line) for line in self.dump(text) if line.startswith("[")]

    def found(self, filter_name, lines):
        """The addresses that fail2ban-regex finds, in order."""
        path = f"{self.top}/lines.log"
        with open(path, "w", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in lines)
        argv = self.fail2ban.part("regex", "-o", "<ip>", path, filter_name)
        return process.run(argv, env=self.fail2ban.environment()).stdout.split()

    def test_verdict_filter_finds_what_its_rows_say(self):
        matching = [row for row in VERDICTS if row[0] != "-"]
        self.assertEqual(self.found("rep-verdict", [line for _, line in matching]),
                         [address for address, _ in matching])
        self.assertEqual(self.found("rep-verdict", [line for address, line in VERDICTS if address == "-"]), [])

    def test_verdict_filter_with_a_tier_finds_only_that_tier(self):
        wanted = [address for address, line in VERDICTS if "tier=notorious" in line and address != "-"]
        self.assertEqual(self.found("rep-verdict[tier=notorious]", [line for _, line in VERDICTS]), wanted)

    def test_shipped_files_alone_change_nothing(self):
        self.assertEqual(self.dump(), self.before)

    def test_every_ban_action_and_backend_makes_each_jail_and_fail2ban_calls_it_ok(self):
        for banaction in BANACTIONS:
            for backend in ("polling", "systemd"):
                with self.subTest(banaction=banaction, backend=backend):
                    dump = self.enabled(banaction, backend)
                    self.assertEqual(started(dump), {*REP_JAILS, "recidive"})
                    self.check_sources(dump, backend)
                    self.check_actions(dump, banaction)
                    self.assertIn("OK: configuration test is successful", self.fail2ban.test_configuration())

    def check_sources(self, dump, backend):
        """The verdict log, Exim and nginx are files in any case; the rest is the backend's."""
        files = {"rep-confirmed", "rep-notorious", "rep-exim-ambiguous", "rep-nginx-ambiguous",
                 "rep-spray-files", "rep-login-files"}
        for jail in REP_JAILS:
            used = words(dump, "add", jail)[0][0]
            journal = [line for line in dump if line[:3] == ["set", jail, "addjournalmatch"]]
            logs = [line for line in dump if line[:3] == ["set", jail, "addlogpath"]]
            if backend == "systemd" and jail not in files:
                self.assertEqual(used, "systemd", jail)
                self.assertTrue(journal, jail)
            else:
                self.assertNotEqual(used, "systemd", jail)
                self.assertTrue(logs, jail)

    def test_only_root_and_units_can_write_what_is_read_from_the_journal(self):
        """Any user can choose SYSLOG_IDENTIFIER and the name of a program (_COMM)."""
        dump = self.enabled(backend="systemd")
        matches = {line[1]: line[3:] for line in dump if line[2:3] == ["addjournalmatch"]
                   and line[1] in REP_JAILS}
        self.assertLess({"rep-sshd-ambiguous", "rep-postfix-ambiguous", "rep-spray", "rep-login"},
                        set(matches))
        for jail, match in matches.items():
            for one in " ".join(match).split(" + "):
                self.assertRegex(one, r"^_SYSTEMD_(?:UNIT|SLICE)=\S+$|^_UID=0 SYSLOG_IDENTIFIER=\S+$",
                                 jail)
        for daemon in ("sshd", "sshd-session"):
            self.assertIn(f"_UID=0 SYSLOG_IDENTIFIER={daemon}", " ".join(matches["rep-login"]))

    def test_what_is_in_the_unit_of_sshd_or_sendmail_is_not_read_unless_it_is_root_s(self):
        """Shells without pam_systemd, and programs of .forward files, are in these units."""
        dump = self.enabled(backend="systemd")
        matches = [" ".join(line[3:]) for line in dump if line[2:3] == ["addjournalmatch"] and line[1] in REP_JAILS]
        self.assertTrue(matches)
        for match in matches:
            self.assertNotRegex(match, "_SYSTEMD_UNIT=(?:sshd?|sendmail)")

    def check_actions(self, dump, banaction):
        """Each bans once and in a place of its own; only rep-spray reports; rep-login does nothing."""
        places = set()
        for jail in REP_JAILS:
            names = [name for name, in words(dump, "set", jail, "addaction")]
            ours = [name for name in names if name == "iprep"]
            self.assertEqual(ours, ["iprep"] if jail in REPORTING else [], jail)
            self.assertEqual(len(names) - len(ours), 1, jail)
            if jail in WATCHING:
                self.assertEqual(names, ["iprep-noban"])
            elif jail in VERDICT_JAILS:
                self.assertEqual(names, ["iprep-nftables"], "whatever the banaction of the others")
                places.add(self.place_of(dump, jail, names[0], "inet f2b-{jail} "))
            elif BANACTIONS[banaction][1]:
                places.add(self.place_of(dump, jail, names[0], BANACTIONS[banaction][1]))
        if BANACTIONS[banaction][1]:
            self.assertEqual(len(places), len(REP_JAILS) - len(WATCHING))

    def place_of(self, dump, jail, action, place):
        """The chain, set or line of its own, which must be in the commands."""
        place = place.format(jail=jail)
        options = next(line[4] for line in dump if line[:4] == ["multi-set", jail, "action", action])
        self.assertIn(place, repr(options).replace("<name>", jail))
        self.assertLessEqual(len("f2b-" + jail + "6"), 28, "iptables takes no longer chain")
        return place

    def test_reporting_action_in_default_does_not_reach_rep_jails(self):
        dump = self.enabled(default=("action = %(action_)s", "+ iprep"))
        reports = {line[1] for line in dump if line[0] == "set" and line[2:] == ["addaction", "iprep"]}
        self.assertEqual(reports, {*REPORTING, "recidive"})

    def test_rep_spray_reports_password_guessing(self):
        dump = self.enabled()
        for jail in REPORTING:
            options = next(line[4] for line in dump if line[:4] == ["multi-set", jail, "action", "iprep"])
            self.assertIn(f'--categories="18" --jail="{jail}"', dict(options)["actionban"])

    def test_each_ignorecommand_has_the_jail_and_quotes_the_address_and_the_user_name(self):
        """rep-login ignores every line that it remembers; the gate of user names has no cache."""
        gate = (SAFE + '/usr/bin/rep-check --gate --restored="<restored>" --jail={jail} {user}-- "<ip>"; '
                '[ $? -ne 10 ] || s=1')
        dump = self.enabled()
        for jails, command in ((GATED, gate.replace("{user}", "")),
                               (REPORTING, gate.replace("{user}", '--user="<F-USER>" ')),
                               (WATCHING, SAFE + '/usr/bin/rep-check --login -- "<ip>"; :')):
            for jail in jails:
                self.assertEqual(words(dump, "set", jail, "ignorecommand"), [[command.replace("{jail}", jail)]])
        for jail in REPORTING:
            self.assertEqual(words(dump, "set", jail, "ignorecache"), [])

    def test_a_line_is_ignored_if_the_shell_of_its_command_cannot_start_a_process(self):
        dump = self.enabled()
        for jail in REP_JAILS:
            (command,), = words(dump, "set", jail, "ignorecommand")
            for tag, value in (("<restored>", "0"), ("<ip>", "45.1.1.1"), ("<F-USER>", "bob")):
                command = command.replace(tag, value)
            for shell in ("dash", "bash") if jail == "rep-confirmed" else ("dash",):
                with self.subTest(jail, shell=shell):
                    done = process.run(["setpriv", "--reuid=65531", "--regid=65531", "--clear-groups", "prlimit", "--nproc=1",
                                        shell, "-c", command], check=False)
                    self.assertEqual(done.returncode, 0, done.stderr)
                    self.assertIn("fork", done.stderr)

    def test_exim_is_read_from_its_file_and_by_one_jail_whatever_the_backend(self):
        for backend in ("polling", "systemd"):
            dump = self.enabled(backend=backend)
            for jails in (REPORTING, WATCHING):
                exim = f"{self.top}/exim_main_log"
                self.assertEqual([jail for jail in jails for log, _ in words(dump, "set", jail, "addlogpath")
                                  if log == exim], [jails[1]])

    def test_jails_of_own_files_start_without_any(self):
        log = f"{self.top}/only.log"
        open(log, "w", encoding="ascii").close()
        dump = self.dump(f"[DEFAULT]\nsshd_log = {log}\nrep_verdict_log = {log}\nexim_main_log = /nonexistent/mainlog\n"
                         "[sshd]\nenabled = false\n[rep-login]\nenabled = true\n")
        self.assertIn(str(["start", "rep-login-files"]), dump)
        self.assertNotIn(str(["start", "rep-spray-files"]), dump)

    def test_what_fail2ban_local_has_of_ipv6_holds(self):
        path = f"{self.fail2ban.config}/fail2ban.local"
        self.addCleanup(os.unlink, path)
        for section in ("DEFAULT", "Definition"):
            with open(path, "w", encoding="ascii") as file:
                file.write(f"[{section}]\nallowipv6 = no\n")
            self.assertIn(str(["set", "allowipv6", "no"]), self.dump())

    def test_a_jail_works_where_only_one_of_its_logs_exists(self):
        log = f"{self.top}/only.log"
        open(log, "w", encoding="ascii").close()
        dump = self.dump(f"[DEFAULT]\n{backends('polling')}sshd_log = {log}\nsyslog_mail = /nonexistent/mail.log\n"
                         "[sshd]\nenabled = false\n[rep-spray]\nenabled = true\n")
        self.assertIn(str(["set", "rep-spray", "addlogpath", log, "head"]), dump)

    def test_recidive_does_not_count_bans_of_rep_jails(self):
        self.assertEqual(words(self.enabled(), "set", "recidive", "addignoreregex"),
                         [["\\[rep-[\\w-]+\\]\\s+Ban"]])


def words(dump, *start):
    """What follows in the commands that start like this."""
    return [line[len(start):] for line in dump if line[:len(start)] == list(start)]


def started(dump):
    return {line[1] for line in dump if line[0] == "start"}


class LogLines(Configured):
    """tests/data/logs: what each line counts as, in our filters and in fail2ban's own."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        logs = [samples.read(name) for name in samples.names()]
        cls.samples = [sample for log in logs for sample in log]
        cls.used = samples.examine(logs, cls.packages.fail2ban_modules, cls.fail2ban.config)

    def test_there_are_lines_of_every_service(self):
        self.assertEqual({sample.service for sample in self.samples}, set(samples.STOCK))

    def test_each_line_counts_as_its_row_says(self):
        version = self.packages.fail2ban_version
        wrong = [f"{sample}\n   is {sorted(sample.counts_as())}, wanted {sorted(sample.wanted(version))}"
                 for sample in self.samples if sample.counts_as() != sample.wanted(version)]
        self.assertFalse(wrong, "\n" + "\n".join(wrong))

    def test_only_the_address_that_the_server_wrote_is_found(self):
        """By our filters; the stock ones are only asked whether they match."""
        for sample in self.samples:
            with self.subTest(str(sample)):
                found = {address for name, address, _ in sample.found if name in samples.OURS}
                if sample.address:
                    self.assertLessEqual(found, {sample.address})
                self.assertLessEqual(len(found), 1)

    def test_no_line_is_ambiguous_and_also_sure_or_good(self):
        both = [str(sample) for sample in self.samples if "ambiguous" in sample.words()
                and sample.words() & {"sure", "login"}]
        self.assertFalse(both, "\n" + "\n".join(both))

    def test_no_successful_log_in_counts_against_anybody(self):
        both = [str(sample) for sample in self.samples
                if "login" in sample.words() and len(sample.words()) > 1]
        self.assertFalse(both, "\n" + "\n".join(both))

    def test_a_line_counts_the_same_in_every_form(self):
        """What fail2ban's common.conf knows as the beginning of a line: our filters know it too."""
        lines = [match for match in map(SYSLOG.match, (sample.line for sample in self.samples))
                 if match and not OTHER_FORM.match(match["text"])
                 and not match["text"].startswith("LOGIN FAILED, ")]      # Courier: never in the journal
        self.assertGreater(len(lines), 250)
        self.check_forms("syslog", [parts(line) for line in lines])

    def test_an_exim_line_counts_the_same_through_syslog(self):
        """With its own time and process or without, and whatever the host is called."""
        lines = [match for match in map(EXIM.match, (sample.line for sample in self.samples
                                                     if sample.service == "exim")) if match]
        self.assertGreater(len(lines), 80)
        self.check_forms("exim", [match.groupdict() for match in lines])

    def check_forms(self, kind, lines):
        """Each log has the same lines as the first, in the form of a log type."""
        forms = [row for row in rows.read("log_forms.tsv", 24) if row["lines"] == kind]
        logs = [[row["form"].format(**line) for line in lines] for row in forms]
        logtypes = [row["logtype"] for row in forms]
        def ask(logs, logtype):
            filters = [f"{name}[logtype={logtype}]" for name in samples.OURS]
            answers = self.match(logs, filters)
            return [[answer[name]["matches"] for name in filters] for answer in answers]
        wanted, = ask(logs[:1], logtypes[0])
        self.assertGreater(sum(map(len, wanted)), len(logs[0]) // 3)
        for logtype in dict.fromkeys(logtypes):
            some = [log for log, its in zip(logs, logtypes) if its == logtype]
            for log, found in zip(some, ask(some, logtype)):
                for name, one, other in zip(samples.OURS, wanted, found):
                    missed = [logs[0][match[0]] for match in one if match not in other]
                    more = [log[match[0]] for match in other if match not in one]
                    self.assertEqual((missed, more), ([], []), f"{name}, {logtype}: {log[0]}")

    def test_each_expression_has_a_line(self):
        for name in samples.OURS:
            count, matched = self.used[name]
            self.assertGreater(count, 0, name)
            self.assertEqual(set(range(count)) - matched, set(), f"{name}: expressions without a line")

    def test_no_hostile_line_takes_long(self):
        """Four times as long a line takes about four times as long, up to 100 kB.

        1800 characters as well, because longer lines are left alone. One expression that
        tried every way through a line needed a minute.
        """
        lines = {name: {} for name in samples.OURS}
        for sample in self.samples:
            for name, expression in sample.expressions:
                lines.get(name, {}).setdefault(expression, TIME.sub("", sample.line))
        worst = samples.slowest({name: list(some.values()) for name, some in lines.items()},
                                self.packages.fail2ban_modules, self.fail2ban.config)
        for name, parts in sorted(worst.items()):
            what, (_, seconds, text) = max(parts.items(), key=lambda item: item[1][1])
            print(f"  {name}, {len(parts)} parts: at most {1000 * seconds:.1f} ms, {what}: {text[:30]!r}")
            for what, (short, long, text) in parts.items():
                self.assertLess(long, 8 * short + NOISE_S, f"{name}, {what}: {short} s, then {long} s: {text}")

    def test_an_expression_that_tries_every_way_is_found(self):
        with open(f"{self.fail2ban.config}/filter.d/slow.conf", "w", encoding="ascii") as file:
            file.write("[Definition]\nfailregex = ^\\s*\\s*\\s*from <ADDR>$\n")
        worst = samples.slowest({"slow": []}, self.packages.fail2ban_modules, self.fail2ban.config, ((150, 600),))
        short, long, _ = worst["slow"]["failregex 1"]
        self.assertGreater(long, 8 * short + NOISE_S)

    def test_a_user_name_is_bounded_and_fits_on_a_command_line(self):
        for sample in self.samples:
            for name, _, user in sample.found:
                if name == "rep-spray":
                    self.assertTrue(0 < len(user) <= 64 and not set(user) & set("\0<>"), sample)


def parts(line):
    """Of a match of SYSLOG, for FORMS."""
    found = line.groupdict()
    tag = found["program"] + (f"[{found['id']}]" if found["id"] else "")
    return {**found, "tag": tag, "pid": found["id"] or "-", "cut": found["program"].split("/")[0]}
