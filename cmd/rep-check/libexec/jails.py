# SPDX-License-Identifier: MIT
"""
jails.py - what "fail2ban-client -d" prints, and what is wrong with it

Each check adds rows to the findings: state, object, text. "error" means that bans never happen, do not hold, or hit
the wrong addresses; it fails the self-test. "mismatch" means that something works, but not as intended. Sources:
fail2ban 1.0.2, 1.1.0 and 1.1.1, client/jailreader.py, client/actionreader.py, server/action.py, action.d.
"""

import ast
import ipaddress
import json
import os
import re

from lines import REPORTED_TWICE

# Stock actions that keep one entry for an address, whatever jail has banned it. The first unban in any jail removes
# the entry, so a short ban ends a long one. The only list of them: iprep(7), "Bans that hold", explains it.
SHARED_ACTIONS = frozenset((
    "apf", "bsd-ipfw", "cloudflare", "cloudflare-token", "csf", "firewallcmd-rich-logging", "firewallcmd-rich-rules",
    "hostsdeny", "ipfilter", "ipfw", "mikrotik", "netscaler", "nginx-block-map", "npf", "nsupdate", "osx-afctl", "osx-ipfw",
    "route", "shorewall", "symbiosis-blacklist-allports", "ufw"))
# Copies of them under another name are recognized by their commands.
SHARED_COMMANDS = re.compile(r"(?:^|[\s;|&`(])(?:apf|csf|ufw|shorewall6?(?:-lite)?|ip(?: -\S+)* route|firewall-cmd .*-rich-rule)"
                             r"(?=\s)", re.M)
# Stock actions that ban nobody: they report, mail or print.
SILENT_ACTIONS = re.compile(r"abuseipdb|apprise|badips|blocklist_de|complain|dshield|dummy|ipthreat|(?:send)?mail(?:-.*)?"
                            r"|mynetwatchman|smtp(?:\.py)?|xarf-login-attack")
# Those that accuse the address in public.
ACCUSING_ACTIONS = re.compile(r"abuseipdb|badips.*|blocklist_de|complain|dshield|ipthreat|mynetwatchman|xarf-login-attack")
FIREWALLS = ("iptables", "ip6tables", "nft", "ipset", "ufw", "shorewall", "shorewall6", "firewall-cmd", "ip", "apf", "csf",
             "ipfw", "pfctl", "curl")
# They need CAP_NET_ADMIN.
NETFILTER = frozenset(("iptables", "ip6tables", "nft", "ipset", "ufw", "shorewall", "shorewall6", "ip"))
COMMAND = re.compile(r"(?:^|[;|&`({!]|\b(?:if|then|else|do|exec)\s)\s*(?:\S*/)?(" + "|".join(FIREWALLS) + r")(?=\s)", re.M)
TOOL_TAGS = (("iptables", "iptables"), ("nftables", "nft"), ("ipset", "ipset"))    # parameters that name a program
INNER_TAGS = 10             # a tag can stand for text with tags

# The ignorecommands of jail.d/iprep.conf. REP is the program with its options, JAIL the name of the jail.
GATE = "gate"
SPRAY = "spray"
LOGIN = "login"
VERDICTS = "verdicts"
SAFE = "s=0; trap 'exit $s' EXIT TERM; "
SHIPPED = {
    GATE: SAFE + 'REP --gate --restored="<restored>" --jail=JAIL -- "<ip>"; [ $? -ne 10 ] || s=1',
    SPRAY: SAFE + 'REP --gate --restored="<restored>" --jail=JAIL --user="<F-USER>" -- "<ip>"; [ $? -ne 10 ] || s=1',
    LOGIN: SAFE + 'REP --login -- "<ip>"; :',
    VERDICTS: SAFE + '[ "<restored>" = 0 ] && { REP --is-blocked -- "<ip>"; [ $? -ne 10 ]; } || s=1',
}
# How a command may end that does what its jail is for; without SAFE and "|| s=1" as well.
ENDS = {GATE: "[ $? -ne 10 ]", SPRAY: "[ $? -ne 10 ]", LOGIN: ":", VERDICTS: "}"}
WITHOUT_IT = {
    GATE: "it counts lines of addresses that are not blocked",
    SPRAY: "it cannot count user names",
    LOGIN: "it records no logins, and bans users who log in",
    VERDICTS: "it bans addresses again that were pardoned",
}
REP_CHECK = re.compile(r"((?:timeout(?: -\S+| \d\S*)* )?\S*\brep-check(?: -[\w-]+(?:=\S+)?)*?) (?=--(?:gate|login|is-blocked)\b)")

FINDTIME_MIN = 60           # fail2ban can read a line this late, while the commands of other jails run
BANTIME_MIN = 60
MOST = 0.5                  # a share of all public addresses
MUCH = 0.01
PUBLIC = {4: ipaddress.ip_network("0.0.0.0/0"), 6: ipaddress.ip_network("2000::/3")}
NOT_PUBLIC = tuple(map(ipaddress.ip_network, ("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
                                              "172.16.0.0/12", "192.168.0.0/16", "224.0.0.0/3", "fc00::/7", "fe80::/10",
                                              "::1/128", "ff00::/8")))


class Action:
    """An action of a jail with its parameters."""

    def __init__(self, name, file=""):
        self.name = name
        self.file = file            # of an action in Python
        self.values = {}

    def command(self, key, family="inet4"):
        """The commands of actionban and so on, with all tags that are parameters."""
        def value(tag):
            return self.values.get(f"{tag[1]}?family={family}", self.values.get(tag[1], tag[0]))
        text = self.values.get(key, "")
        for _ in range(INNER_TAGS):
            before, text = text, re.sub(r"<([\w/.-]+)>", value, text)
            if text == before:
                break
        return text

    @property
    def names(self):
        return {self.name, self.values.get("actname", self.name)}

    @property
    def is_python(self):
        """action.d/iprep.py, which bans nothing in any of its modes."""
        return os.path.basename(self.file) == "iprep.py"

    @property
    def reports(self):
        if self.is_python:
            return self.values.get("mode", "report") == "report"
        return "rep-report" in self.values.get("actionban", "")

    @property
    def accuses(self):
        return any(ACCUSING_ACTIONS.fullmatch(name) for name in self.names)

    @property
    def does_nothing(self):
        return not self.file and self.command("actionban").strip() in ("", ":", "true")

    @property
    def bans(self):
        return not (self.does_nothing or self.reports or self.is_python or any(SILENT_ACTIONS.fullmatch(name) for name in self.names))

    @property
    def is_shared(self):
        """Whether it keeps one entry for an address of all jails."""
        return bool(self.names & SHARED_ACTIONS) or bool(SHARED_COMMANDS.search(self.command("actionban")))

    def programs(self):
        """[(program, ...)]: one of each group must be installed."""
        if os.path.basename(self.file) == "iprep-nftables.py":
            return [("nft",)]
        if "programs" in self.values:
            return [tuple(self.values["programs"].split())]
        found = []
        for key, usual in TOOL_TAGS:
            word = (self.values.get(key, "").split() or [""])[0]
            found += [(word,)] if word and "<" not in word else []
        named = [usual for key, usual in TOOL_TAGS if key in self.values]
        return found + [(name,) for name in dict.fromkeys(COMMAND.findall(self.command("actionban"))) if name not in named]

    @property
    def needs_net_admin(self):
        return any(name.rpartition("/")[2] in NETFILTER for group in self.programs() for name in group)

    def unban(self):
        """What removes an address from the firewall; "" for none."""
        return " ".join(self.command("actionunban").split())


class Jail:
    def __init__(self, name):
        self.name = name
        self.backend = "auto"
        self.tiers = ""             # the tier expression of rep-verdict; empty for another filter
        self.actions = {}
        self.bantime = self.findtime = 600
        self.maxretry = 5
        self.files = []
        self.match = []             # [[term ...] ...]: an entry matches all terms of one group
        self.prefregex = ""
        self.failregex = []
        self.ignoreregex = []
        self.datepattern = self.usedns = self.ignorecommand = self.ignorecache = ""
        self.maxlines = 1
        self.ignored = []           # addresses, networks, names, file:PATH
        self.increments = False
        self.may_lack_files = False

    @property
    def uses_journal(self):
        return self.backend.startswith("systemd")

    @property
    def gated(self):
        return "--gate" in self.ignorecommand and "--user" not in self.ignorecommand

    @property
    def sprays(self):
        return "--gate" in self.ignorecommand and "--user" in self.ignorecommand

    @property
    def logins(self):
        return "--login" in self.ignorecommand

    @property
    def reports(self):
        return any(action.reports for action in self.actions.values())

    @property
    def category(self):
        return next((action.values.get("category", "") for action in self.actions.values() if action.reports), "")

    @property
    def only_watches(self):
        """Whether its only action is one that does nothing, such as iprep-noban."""
        actions = list(self.actions.values())
        return bool(actions) and all(action.does_nothing for action in actions)

    @property
    def bans(self):
        return any(action.bans for action in self.actions.values())

    @property
    def kind(self):
        """What it is of the jails in jail.d/iprep.conf, or None."""
        if self.tiers:
            return VERDICTS
        for kind, name in ((SPRAY, r"rep-spray(?:-files)?"), (LOGIN, r"rep-login(?:-files)?"), (GATE, r"rep-.*-ambiguous"),
                           (VERDICTS, r"rep-(?:confirmed|notorious)")):
            if re.fullmatch(name, self.name):
                return kind
        if self.sprays:
            return SPRAY
        if self.logins:
            return LOGIN
        return GATE if self.gated else None

    @property
    def is_relevant(self):
        return self.kind is not None or self.reports

    @property
    def no_prefixes(self):
        """Stock sets of nft and ipset refuse a prefix unless they have intervals, but fail2ban still logs a ban."""
        texts = [str(value) for action in self.actions.values() for value in action.values.values()]
        return any("add set" in text or "hash:ip" in text for text in texts) and not any("interval" in text for text in texts)

    def set(self, key, values):
        value = values[0] if values else ""
        if key in ("bantime", "findtime"):
            setattr(self, key, seconds_of(value))
        elif key in ("maxretry", "maxlines"):
            setattr(self, key, int(value) if re.fullmatch(r"-?\d{1,9}", value) else 1)
        elif key in ("ignorecommand", "prefregex", "datepattern", "usedns", "ignorecache"):
            setattr(self, key, value)
        elif key == "bantime.increment":
            self.increments = value.lower() in ("true", "1", "yes", "on")
        elif key == "addfailregex":
            self.note_regex(value)
        elif key == "addignoreregex":
            self.ignoreregex.append(value)
        elif key == "addignoreip":
            self.ignored += values
        elif key == "addaction":
            self.note_action(value, python_options(values))
            self.actions[value].file = values[1] if len(values) > 1 else ""
        elif key == "addlogpath":
            self.files.append(value)
        elif key == "addjournalmatch":
            self.match.append([])
            for term in values:
                if term == "+":
                    self.match.append([])
                else:
                    self.match[-1].append(term)

    def note_regex(self, regex):
        """rep-verdict.conf: "... verdict=confirmed ... tier=<F-TIER>EXPRESSION</F-TIER>..." """
        self.failregex.append(regex)
        tier = re.search(r"verdict=confirmed.*tier=<F-TIER>(.*?)</F-TIER>", regex)
        if tier:
            self.tiers = tier[1]

    def note_action(self, name, pairs):
        action = self.actions.setdefault(name, Action(name))
        action.values.update((str(key), str(value)) for key, value in pairs)

    def reads_tier(self, log, tier):
        try:
            return log in self.files and bool(self.tiers and re.fullmatch(self.tiers, tier))
        except re.error:
            return False


def python_options(values):
    """Of "addaction NAME FILE JSON": pairs."""
    try:
        options = json.loads(values[2]) if len(values) > 2 else {}
    except ValueError:
        return []
    return list(options.items()) if isinstance(options, dict) else []


def seconds_of(text):
    """Parse a duration of fail2ban, such as "1d 12h". -1 means forever; None that it is not understood here."""
    units = {"": 1, "s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 604800, "mo": 2629800,
             "y": 31557600}
    if re.fullmatch(r"\s*-\s*\d+ *[a-z]*\s*", str(text)):
        return -1
    parts = re.findall(r"(\d+) *([a-z]*) *", str(text))
    if not parts or not re.fullmatch(r"(?:\d+ *[a-z]* *)+", str(text)) or any(unit not in units for _, unit in parts):
        return None
    return sum(int(number) * units[unit] for number, unit in parts)


def duration(seconds):
    return f"{seconds} s" if seconds % 86400 or not seconds else f"{seconds // 86400} d"


def ban_time(seconds):
    if seconds is None:
        return "for an unknown time"
    return f"for {duration(seconds)}" if seconds >= 0 else "forever"


class Model:
    """The effective configuration."""

    def __init__(self, text):
        self.jails = {}
        self.errors = []
        # 1.1.1 can switch to the journal instead
        self.without_logs = re.findall(r"Have not found any log file for '?([^\s']+)'? jail(?!\. Jail will monitor)", text)
        self.database = ""
        for line in text.splitlines():
            try:
                words = ast.literal_eval(line) if line.startswith("[") else []
            except (ValueError, SyntaxError, MemoryError, RecursionError):
                continue
            if words and isinstance(words, list) and all(isinstance(word, str) for word in words[:2]):
                self.read(words)

    def read(self, words):
        verb, name, key, *values = (words + ["", "", ""])[:max(3, len(words))]
        if verb == "config-error":
            self.errors.append(name)
        elif verb == "add":
            self.jail(name).backend = str(key)
        elif verb == "set" and name == "dbfile":
            self.database = str(key)
        elif verb == "set" and values and name not in ("syslogsocket", "loglevel"):
            self.jail(name).set(key, [str(value) for value in values])
        elif verb == "multi-set" and key in ("addfailregex", "addignoreregex") and values and isinstance(values[0], list):
            for regex in values[0]:
                self.jail(name).set(key, [str(regex)])
        elif verb == "multi-set" and key == "action" and len(values) == 2 and isinstance(values[1], list):
            self.jail(name).note_action(str(values[0]), [pair for pair in values[1] if len(pair) == 2])

    def jail(self, name):
        return self.jails.setdefault(name, Jail(name))


# ---- does fail2ban act on verdicts? ----

def check_tiers(jails, add_row, settings, wrong, unknown):
    """wrong, unknown: the objects that have an error, or could not be checked"""
    tiers = settings.tiers
    for tier, bantime in tiers:
        reading = [jail for jail in jails if jail.reads_tier(settings.log, tier)]
        if not reading:
            add_row("off", f"tier {tier}", f"no enabled jail reads {settings.log} for this tier, so its blocks cause "
                    "no ban; enable one, such as rep-confirmed")
            continue
        if all(jail.only_watches for jail in reading):
            add_row("off", f"tier {tier}", f"jail {reading[0].name} only watches, so its blocks cause no ban")
            continue
        # of several jails the one with the longest ban counts
        best = max((jail for jail in reading if not jail.only_watches),
                   key=lambda jail: (jail.bantime == -1, -1 if jail.bantime is None else jail.bantime))
        if f"jail {best.name}" in wrong:
            add_row("error", f"tier {tier}", f"jail {best.name} does not ban as it should; see its row")
            continue
        if wrong & {"fail2ban", "running fail2ban"}:
            add_row("error", f"tier {tier}", "fail2ban cannot ban as it should; see its row")
            continue
        if f"jail {best.name}" in unknown:
            add_row("unknown", f"tier {tier}", f"whether jail {best.name} bans was not checked; see its row")
            continue
        if best.bantime == bantime:
            add_row("ok", f"tier {tier}", f"jail {best.name} bans for {duration(bantime)}")
            continue
        has_own_jail = tier == tiers[0][0] or any(not jail.reads_tier(settings.log, tiers[0][0]) for jail in reading)
        longer = best.bantime is not None and (best.bantime < 0 or best.bantime > bantime)
        add_row("mismatch", f"tier {tier}", f"jail {best.name} bans {ban_time(best.bantime)}, but the block lasts "
                f"{duration(bantime)}; " + ("set the same bantime in both" if longer or has_own_jail else
                                            "enable a jail for this tier only, such as rep-notorious"))


def check_log(jail, add_row, settings):
    """Whether a jail that matches verdicts reads the verdict log."""
    what = f"jail {jail.name}"
    if not jail.tiers:
        add_row("error", what, "its filter does not match verdicts, so it never bans; remove 'filter' and 'failregex' from "
                "jail.local")
    elif jail.uses_journal:
        add_row("error", what, f"its backend is systemd, but verdicts are in {settings.log}; set backend = polling")
    elif not jail.files:
        add_row("error", what, "its log file is missing, and fail2ban does not start without it; "
                f"check that logpath is {settings.log}")
    elif settings.log not in jail.files:
        add_row("error", what, f"its filter matches verdicts, but it does not read {settings.log}; set logpath")
    elif not any(jail.reads_tier(settings.log, tier) for tier, _ in settings.tiers):
        add_row("error", what, f"tier {jail.tiers} is not in iprep.conf, so this jail never bans; correct its "
                "filter")
    elif jail.no_prefixes and settings.ipv6_prefix < 128:
        add_row("error", what, f"its firewall sets do not accept prefixes, but [general] ipv6_prefix is "
                f"{settings.ipv6_prefix}; set banaction = iprep-nftables")


def check_actions(jail, jails, add_row):
    """Whether it has an action that bans, and whether another jail's unban ends its bans."""
    what = f"jail {jail.name}"
    names = ", ".join(jail.actions)
    if jail.kind == LOGIN:
        if jail.bans:
            add_row("error", what, f"its action {names} bans users who log in; set action = iprep-noban")
        return
    if not jail.actions:
        add_row("error", what, "it has no action, so it bans no address; remove 'action =' from jail.local, or set action = "
                "iprep-noban to watch only")
    elif jail.only_watches:
        add_row("off", what, f"its action is {names}, so it bans no address and only watches")
    elif not jail.bans and jail.kind:
        add_row("error", what, f"its action {names} does not ban; set action = %(action_)s" +
                ("" if jail.kind != SPRAY else ", and below it iprep"))
    if jail.kind != VERDICTS:
        return
    for action in jail.actions.values():
        if action.is_shared:
            add_row("error", what, f"its banaction {action.name} keeps one entry for an address of all jails, so a shorter ban of "
                    "any jail ends this ban; remove 'banaction' from its section, or set banaction = iprep-nftables")
            continue
        others = [other.name for other in jails if other is not jail and action.bans and action.unban() and
                  any(action.unban() == one.unban() for one in other.actions.values())]
        if others:
            add_row("error", what, f"its action {action.name} uses the same firewall set as jail {others[0]}, whose shorter bans "
                    "end this ban; give each jail its own set")


def check_reports(jail, add_row):
    """A report follows only from what a sure jail saw here, never from a score, a list or another ban."""
    what = f"jail {jail.name}"
    accusing = [action.name for action in jail.actions.values() if action.reports or action.accuses]
    if not accusing:
        return
    if jail.kind in (VERDICTS, GATE, LOGIN):
        add_row("error", what, f"its action {accusing[0]} reports addresses that were only looked up; remove it from this jail, "
                "and from action in [DEFAULT]")
    elif jail.name == "recidive" or any(re.search(r"fail2ban.*\bBan\b|\bBan\b.*<(?:HOST|ADDR|SUBNET)>", regex)
                                        for regex in (jail.prefregex, *jail.failregex)):
        add_row("error", what, REPORTED_TWICE.format(accusing[0]))
    elif jail.reports:
        add_row("reports", what, jail.category)


def check_times(jail, add_row, settings):
    what = f"jail {jail.name}"
    decides = jail.kind in (VERDICTS, SPRAY)
    if jail.maxretry > 1 and jail.kind and jail.kind != LOGIN:
        add_row("error" if decides else "mismatch", what, f"its maxretry is {jail.maxretry}, but one line must be enough; "
                "set maxretry = 1")
    if jail.findtime is None or jail.findtime < FINDTIME_MIN:
        found = "not understood" if jail.findtime is None else duration(jail.findtime) if jail.findtime >= 0 else "negative"
        add_row("error" if decides else "mismatch", what, f"its findtime is {found}, but fail2ban can read a "
                f"line up to {FINDTIME_MIN} s late and then ignores it; set findtime = " +
                ("1h" if jail.kind == VERDICTS else "10m"))
    if jail.bantime is not None and 0 <= jail.bantime < BANTIME_MIN and jail.kind and jail.kind != LOGIN:
        add_row("error", what, f"its bantime is {duration(jail.bantime)}, so its bans do not hold; correct bantime")
    if jail.increments and jail.kind in (VERDICTS, GATE):
        add_row("mismatch", what, "its bans become longer than the block; set bantime.increment = false")
    if jail.kind == GATE:
        lowest = settings.tiers[0][1] if settings.tiers else None
        if lowest is not None and (jail.bantime is None or jail.bantime < 0 or jail.bantime > lowest):
            add_row("mismatch", what, f"it bans {ban_time(jail.bantime)}, but the block of a suspicious address lasts "
                    f"{duration(lowest)}; set bantime to at most that")


def shape_of(jail):
    """Its ignorecommand with REP for the program and JAIL for its name."""
    text = " ".join(REP_CHECK.sub("REP ", jail.ignorecommand).split())
    return re.sub(rf"--jail=(['\"]?){re.escape(jail.name)}\1(?= )", "--jail=JAIL", text)


def check_ignorecommand(jail, add_row):
    """Returns whether it does what the jail is for."""
    what = f"jail {jail.name}"
    mode = {GATE: jail.gated, SPRAY: jail.sprays, LOGIN: jail.logins, VERDICTS: "--is-blocked" in jail.ignorecommand}[jail.kind]
    shape = shape_of(jail)
    if shape == SHIPPED[jail.kind]:
        if jail.kind in (GATE, VERDICTS) or not jail.ignorecache or jail.kind == LOGIN:
            return True
        add_row("error", what, "its ignorecache hides user names from the gate, so it never bans; remove ignorecache")
        return False
    hint = "remove 'ignorecommand' from jail.local"
    if mode and shape.rpartition("; ")[2].removesuffix(" || s=1") == ENDS[jail.kind]:
        add_row("mismatch", what, f"its ignorecommand is not the one in jail.d/iprep.conf; {hint}")
        return True
    add_row("error", what, (f"its ignorecommand is not the one in jail.d/iprep.conf, so {WITHOUT_IT[jail.kind]}; {hint}"
                            if jail.ignorecommand else f"it has no ignorecommand, so {WITHOUT_IT[jail.kind]}; {hint}"))
    return False


def networks_of(words):
    """The networks among the words of ignoreip, the lines of a file: included."""
    for word in words:
        if word.startswith("file:"):
            try:
                with open(word[5:], encoding="utf-8", errors="replace") as file:
                    text = re.sub(r"[#;].*", "", file.read(1 << 20))
                yield from networks_of(re.findall(r"[^\s,]+", text.replace("file:", "")))
            except OSError:
                pass
            continue
        try:
            yield ipaddress.ip_network(word, strict=False)
        except ValueError:
            continue                # a name


def ignored_share(words):
    """{version: share of the public addresses}"""
    found = list(networks_of(words))
    shares = {}
    for version, everything in PUBLIC.items():
        merged = ipaddress.collapse_addresses(net for net in found if net.version == version and
                                              not any(net.subnet_of(one) for one in NOT_PUBLIC if one.version == version))
        count = sum(min(net.num_addresses, everything.num_addresses) for net in merged if net.overlaps(everything))
        shares[version] = count / everything.num_addresses
    return shares


def check_ignoreip(jail, add_row):
    for version, share in ignored_share(jail.ignored).items():
        if share > MUCH:
            shown = "all" if share > 0.99 else f"{share:.0%} of the"
            add_row("error" if share >= MOST else "mismatch", f"jail {jail.name}", f"its ignoreip covers {shown} IPv{version} "
                    "addresses, which are then never banned; correct ignoreip")


def check_jail(jail, jails, add_row, settings):
    """A jail of iprep, or one that reports to it."""
    what = f"jail {jail.name}"
    if jail.kind == VERDICTS:
        check_log(jail, add_row, settings)
    check_actions(jail, jails, add_row)
    check_reports(jail, add_row)
    check_times(jail, add_row, settings)
    check_ignoreip(jail, add_row)
    if jail.kind is None:
        if re.fullmatch(r"\s*(?:true|:|exit 0|/(?:usr/)?bin/true)\s*", jail.ignorecommand):
            add_row("error", what, "its ignorecommand ignores every line, so it never bans; correct it")
        return
    if jail.usedns not in ("no", ""):
        add_row("mismatch", what, f"usedns = {jail.usedns} looks up names in log lines; set usedns = no")
    if not jail.failregex:
        add_row("error", what, "its filter has no failregex, so it matches no line; remove 'filter' and 'failregex' from "
                "jail.local")
    if check_ignorecommand(jail, add_row) and jail.kind == GATE and jail.maxretry == 1:
        add_row("ok", what, "its lines count only for blocked addresses")
    elif jail.kind == SPRAY and jail.sprays and jail.bans and not jail.ignorecache:
        add_row("ok", what, "counts addresses that tried several user names")


def check_all(model, add_row, settings):
    """What only the whole configuration shows."""
    jails = list(model.jails.values())
    ours = [jail for jail in jails if jail.is_relevant]
    for name in model.without_logs:
        if name in model.jails and not model.jails[name].is_relevant:
            add_row("error", f"jail {name}", "none of its log files exists, and fail2ban does not start without one; install a "
                    "syslog daemon, or set backend = systemd")
    if any(jail.kind == VERDICTS for jail in ours) and model.database.lower() in ("none", ":memory:"):
        add_row("mismatch", "fail2ban", f"dbfile is {model.database}, so all bans end when it restarts; set dbfile in "
                "fail2ban.local")
    for jail in jails:
        if jail.is_relevant:
            check_jail(jail, jails, add_row, settings)
        elif jail.name == "recidive":
            check_reports(jail, add_row)
