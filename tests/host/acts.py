# SPDX-License-Identifier: MIT
"""
acts.py - the demo, act by act: write log lines, wait, and check the results

Nothing here calls iprep to make a verdict: fail2ban reads the lines and calls the hooks. The checks read what an
administrator would read: the answers of fail2ban, the verdict log, the reports that AbuseIPDB received, and whether
a client still gets a connection. Every wait ends as soon as its condition holds.
"""

import collections
import datetime
import re
import statistics
import time

from cast import ALL_PORTS, BOTNET, CAST, EVERYBODY, KNOWN, LATE, LOST, NOTORIOUS, PASSERS_BY, PERSON, listed, seed
from host.checks import jails
from host.host import VERDICT_JAILS
from host.process import wait_for
from host.world import World

JAILS = {"sshd": ("18,22", ""), "sendmail-auth": ("18", ""), "sendmail-reject": (None, ""), "dovecot": ("", "")}
OURS = ("rep-confirmed", "rep-notorious", "rep-sendmail-ambiguous", "rep-dovecot-ambiguous")
# What the guess before a line leaves behind: a user, and no address.
SASLAUTHD = "saslauthd[814]: do_auth         : auth failure: [user={user}] [service=smtp] [realm=] "\
            "[mech=pam] [reason=PAM auth error]"
SOON_S = 30             # for actions without a worker; more than a busy machine needs
PATIENCE_S = 40         # for actions of the worker
REANNOUNCE_S = 61       # the worker repeats a verdict line once a minute
TIMEOUT_MS = 5000       # iprep.conf, [general] timeout_ms
API_BACK_S = 100        # longest time before the worker retries


NETWORK_SOCKET = re.compile(r"\b(?:socket|connect|sendto|sendmsg)\(.*\b(AF_INET6?|AF_NETLINK|AF_PACKET)\b")
PROGRAM = re.compile(r'execve\("(?:[^"]*/)?([^"/]+)"')


class Acts(World):
    """Two hosts see the same log lines: "host" has fail2ban with iprep, "plain" the same fail2ban without."""

    def __init__(self, given, stack, checks):
        super().__init__(given.dir, given.packages, given.name, stack, listed(), seed())
        self.checks, self.check, self.equal = checks, checks.check, checks.equal
        self.network.add_clients([actor.address for actor in EVERYBODY])
        self.network.listen()
        self.host, self.plain = self.add_host("host", f"{given.prefix}/bin"), self.add_host("plain")
        for host in (self.host, self.plain):
            host.configure(JAILS, OURS)
            host.start()

    def play(self, acts):
        """Their names are shown."""
        for act in acts:
            self.checks.say(act.replace("_", " "))
            getattr(self, act)()

    # -- what several acts do

    def appear(self, actor):
        for host in (self.host, self.plain):
            host.attack(actor.attack, actor.address)

    def refused(self, host, actors):
        """Addresses that get no connection to the port that they attacked."""
        answers = host.connects([(actor.address, actor.port) for actor in actors])
        return {address for (address, _), is_open in answers.items() if not is_open}

    def closed_ports(self, actors):
        """{actor: ports it cannot connect to}"""
        answers = self.host.connects([(actor.address, port) for actor in actors for port in ALL_PORTS])
        return {actor.name: tuple(port for port in ALL_PORTS if not answers[actor.address, port]) for actor in actors}

    def check_connections(self, actors):
        """Every port from every address: fail2ban counts an address as banned before its firewall action has run."""
        wait_for(lambda: self.closed_ports(actors) == {actor.name: actor.closed for actor in actors}, SOON_S)
        found = self.closed_ports(actors)
        for actor in actors:
            ports = ", ".join(map(str, actor.closed)) or "no port"
            self.equal(f"{actor.name}: refused on {ports}", found[actor.name], actor.closed)

    def check_results(self, actors):
        """Bans, verdict and reports of each, then its connections."""
        bans, known = self.host.bans(), self.host.iprep.known(*[actor.address for actor in actors])
        for actor in actors:
            banned = f"banned in {actor.bans} and nowhere else" if actor.bans else "not banned at all"
            self.equal(f"{actor.name}: {banned}", jails(bans.get(actor.address, {})), actor.bans)
            what = f"tier {actor.tier}" if actor.tier else "no verdict line, no block"
            is_blocked = bool(known[actor.address].get("blocked_until"))
            self.equal(f"{actor.name}: {what}", (self.host.iprep.tier_of(actor.address), is_blocked),
                       (actor.tier, bool(actor.tier)))
            self.equal(f"{actor.name}: {'reported once' if actor.reports else 'not reported'}",
                       self.host.reports(actor.address), actor.reports)
        self.check_connections(actors)

    def check_reports(self, sentence, actors):
        """Each address is reported as often as expected, and no report was refused."""
        expected = {one.address: one.reports for one in actors if one.reports}
        found = collections.Counter(one["ip"] for one in self.api.reports() if one["ip"] in expected)
        self.equal(sentence, (dict(found), self.api.refused_reports()), (expected, []))

    def hook_times(self, passers_by):
        """{hook: [ms]}: called as by fail2ban, but one after the other."""
        iprep = self.host.iprep
        enqueue = iprep.argv("rep-report", "--enqueue", "--categories=22,18", "--jail=sshd", "--failures=5",
                             f"--time={time.time()}", "--", PERSON.address)
        commands = {"the gate on a new address": [iprep.gate_argv(next(passers_by)) for _ in range(10)],
                    "the gate on a blocked address": [iprep.gate_argv(KNOWN.address)] * 10,
                    "rep-report --enqueue": [enqueue] * 10}
        times = {hook: [] for hook in commands}
        for hook, calls in commands.items():
            for argv in calls:
                began = time.perf_counter()
                self.host.space.run(argv, check=False)
                times[hook].append((time.perf_counter() - began) * 1000)
        return times

    def trace(self, argv):
        """(exit status, [programs started], [network calls]) of a hook, up to where a child becomes another program:
        the worker that it starts may use the network, and is not the hook. AF_UNIX is syslog, not a network."""
        path = f"{self.directory}/logs/gate.strace"
        strace = ["strace", "-f", "-b", "execve", "-o", path, "-e", "trace=execve,%network"]
        done = self.host.space.run([*strace, *argv], check=False)
        with open(path, encoding="utf-8", errors="replace") as file:
            lines = file.read().splitlines()
        return (done.returncode, [match[1] for match in map(PROGRAM.search, lines) if match],
                [line for line in lines if NETWORK_SOCKET.search(line)])

    # -- the acts

    def checking_the_configuration(self):
        """It is valid, and every client gets a connection."""
        ready = self.host.iprep.run("rep-check", "--ready")
        self.equal("rep-check --ready reports no error", (ready.returncode, ready.stderr.strip()), (0, ""))
        self.check("fail2ban-client -t accepts the shipped files", "OK" in self.host.test_configuration())
        for host in (self.host, self.plain):
            self.equal(f"{host.side}: every client gets a connection at the beginning",
                       self.refused(host, EVERYBODY), set())

    def a_verdict_line_is_lost(self):
        """logrotate renames the verdict log before fail2ban has read the line."""
        host = self.host
        self.dns.pause()
        self.appear(LOST)
        self.check("the gate ignores the first line of an unknown address",
                   wait_for(lambda: host.ignored(LOST.address), SOON_S))
        host.server.pause()
        self.dns.resume()
        written = host.wait(lambda: host.iprep.tier_of(LOST.address), PATIENCE_S)
        self.lost_at = time.monotonic()
        host.iprep.lose_verdict_log()
        host.server.resume()
        self.check("its verdict line is written, and lost before fail2ban has read it", written)

    def AbuseIPDB_is_switched_off(self):
        """It is not available, which does not affect the short ban."""
        self.api.stop()
        began, self.attacked_at = time.monotonic(), time.time()
        self.appear(LATE)
        banned = wait_for(lambda: self.host.is_banned(LATE.address, "dovecot"), SOON_S)
        self.check("AbuseIPDB is off: the short ban is not delayed", banned)
        self.checks.say(f"... after {time.monotonic() - began:.1f} s")
        wait_for(self.host.workers, SOON_S)
        self.check("AbuseIPDB is off: the worker ends", self.host.wait_idle(PATIENCE_S), self.host.workers())
        self.equal("AbuseIPDB is off: the report is queued", self.api.reports_of(LATE.address), [])
        self.api.start()

    def AbuseIPDB_is_back_and_all_addresses_and_the_botnet_attack(self):
        """All lines: those of the botnet first, then all others."""
        for number, actor in enumerate(BOTNET):
            for host in (self.host, self.plain):
                host.log_line(SASLAUTHD, user=f"user{number}")
            self.appear(actor)
        for actor in reversed(CAST):
            self.appear(actor)

        def is_done():
            bans, reported = self.host.bans(), {report["ip"] for report in self.api.reports()}
            return all(actor.has_bans(bans) and (not actor.reports or actor.address in reported)
                       for actor in CAST + BOTNET)
        self.host.wait(is_done, PATIENCE_S)
        self.check_results(CAST)

    def the_botnet_with_iprep_and_without(self):
        """Ten guesses from ten addresses."""
        # the plain host has read the same file past the botnet's lines
        wait_for(lambda: self.plain.is_banned(NOTORIOUS.address, "sendmail-auth"), PATIENCE_S)
        bots, bad = {actor.address for actor in BOTNET}, {actor.address for actor in BOTNET if actor.tier}
        self.equal("botnet: with iprep the eight listed are banned after their first line",
                   bots & set(self.host.bans()), bad)
        self.equal("botnet: fail2ban without iprep bans none of them", bots & set(self.plain.bans()), set())
        for host, closed in ((self.host, bad), (self.plain, set())):
            self.equal(f"botnet: TCP refused by {host.side} for {len(closed)} of ten",
                       self.refused(host, BOTNET), closed)

    def the_resolver_is_stopped(self):
        """SIGSTOP for the resolver, which does not delay the hooks."""
        passers_by = iter(PASSERS_BY)
        before = self.hook_times(passers_by)
        self.dns.pause()
        for hook, times in self.hook_times(passers_by).items():
            # a hook that waits for the resolver takes at least [general] timeout_ms
            self.check(f"resolver stopped: {hook} does not wait for it", max(times) < TIMEOUT_MS,
                       f"slowest {max(times):.0f} ms")
            median, was = statistics.median(times), statistics.median(before[hook])
            self.checks.say(f"... median {median:.1f} ms, was {was:.1f} ms")
        # no worker runs, so that this gate has to start one
        wait_for(lambda: not self.host.workers(), PATIENCE_S)
        status, programs, sockets = self.trace(self.host.iprep.gate_argv(next(passers_by)))
        self.equal("resolver stopped: the gate ignores the line and starts the worker", (status, programs),
                   (0, ["rep-check", "rep-report"]))
        self.equal("a trace of this gate shows no network socket", sockets, [])

    def fail2ban_restarts_while_the_resolver_is_stopped(self):
        """A repeated verdict moves the end of a ban, so its length is compared."""
        def lengths():
            return {jail: {address: seconds for address, (seconds, _) in self.host.bans_of(jail).items()}
                    for jail in VERDICT_JAILS}
        before = lengths()
        self.host.restart()
        wait_for(lambda: lengths() == before, PATIENCE_S)
        self.equal("restart: the extended bans are still there", lengths(), before)
        self.check_connections([one for one in CAST if one.closed])
        self.dns.resume()
        self.host.wait_idle(PATIENCE_S)
        self.check_reports("restart: no address is reported again", CAST)

    def the_queued_report(self):
        sent = self.host.wait(lambda: self.api.reports_of(LATE.address), API_BACK_S)
        self.check("AbuseIPDB is back: the queued report is sent", sent)
        off = [datetime.datetime.fromisoformat(one["timestamp"]).timestamp() - self.attacked_at for one in sent]
        self.check("the report has the time of the attack, not of the sending", off and abs(off[0]) < 3,
                   f"off by {off} s")
        self.check_results([LATE])

    def the_address_of_the_lost_verdict_line_is_seen_again(self):
        self.equal("verdict lost: fail2ban has not banned it", self.host.bans().get(LOST.address, {}), {})
        wait_s = self.lost_at + REANNOUNCE_S - time.monotonic()
        if wait_s > 0:
            self.checks.say(f"a verdict line is repeated at most once a minute: waiting {wait_s:.0f} s")
        self.host.wait(lambda: time.monotonic() - self.lost_at >= REANNOUNCE_S, REANNOUNCE_S)
        self.appear(LOST)
        self.host.wait(lambda: LOST.has_bans(self.host.bans()), PATIENCE_S)
        self.equal("verdict lost: the next line of the address causes the ban",
                   jails(self.host.bans().get(LOST.address, {})), LOST.bans)
        self.check_connections([LOST])

    def all_bans_and_reports(self):
        self.equal("each address has exactly the expected bans",
                   {one: jails(bans) for one, bans in self.host.bans().items()},
                   {one.address: one.bans for one in EVERYBODY if one.bans})
        self.check_reports("every sure address was reported exactly once", EVERYBODY)
        sure = {one.address for one in EVERYBODY if one.reports}
        self.equal("no other address was reported", {one["ip"] for one in self.api.reports()} - sure, set())

    def the_short_bans_end(self):
        """Ten minutes later, the person can connect and the attackers cannot."""
        for actor in (PERSON, NOTORIOUS, KNOWN):
            for jail in self.host.bans()[actor.address]:
                if jail not in VERDICT_JAILS:
                    self.host.unban(jail, actor.address)
        self.equal("when the short bans end, the person can connect and the attackers cannot",
                   self.refused(self.host, (PERSON, NOTORIOUS, KNOWN)), {NOTORIOUS.address, KNOWN.address})

    def hostile_input(self):
        """An address that looks like options, and NUL bytes, through the real hooks."""
        host = self.host
        trick, victim, ghost, visitor = "1.2.3.4 --retract 9.9.9.9", "9.9.9.9", "45.122.1.1", "45.121.1.1"
        host.client("set", "sshd", "banip", trick, check=False)
        self.check("an address that looks like options is one argument, and refused",
                   wait_for(lambda: f"{trick}: not an IP address" in host.log(), PATIENCE_S))
        host.attack("sshd", ghost, "a\0b$(reboot)")
        host.log_line("sm-mta[813]: 4AN9: evil\0name {relay} did not issue MAIL\0", visitor)
        host.log_line("sm-mta[813]: " + "x" * 200_000 + " {relay}", visitor)
        host.ambiguous(visitor)
        host.wait(lambda: self.api.reports_of(ghost), PATIENCE_S)
        self.equal("NUL bytes in a user name: the address is banned and reported once",
                   (list(host.bans().get(ghost, {})), [one["comment"] for one in self.api.reports_of(ghost)]),
                   (["sshd"], ["Brute force on sshd: 5 failures"]))
        self.check("NUL bytes and 200 kB in lines: the gate handles the next line",
                   wait_for(lambda: host.ignored(visitor), PATIENCE_S))
        self.equal("no address was reported that did not attack",
                   [self.api.reports_of(one) for one in ("1.2.3.4", victim)], [[], []])


ACTS = ("checking_the_configuration", "a_verdict_line_is_lost", "AbuseIPDB_is_switched_off",
        "AbuseIPDB_is_back_and_all_addresses_and_the_botnet_attack", "the_botnet_with_iprep_and_without",
        "the_resolver_is_stopped", "fail2ban_restarts_while_the_resolver_is_stopped", "the_queued_report",
        "the_address_of_the_lost_verdict_line_is_seen_again", "all_bans_and_reports")
EPILOGUE = ("the_short_bans_end", "hostile_input")
