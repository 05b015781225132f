# SPDX-License-Identifier: MIT
"""
acts.py - the demo, act by act: write log lines, wait, and check the results

Nothing here calls iprep to make a verdict: fail2ban reads the lines and calls
the hooks. The checks read what an administrator would read: the answers of
fail2ban, the verdict log, the reports that AbuseIPDB received, and whether a
client still gets a connection. Every wait ends as soon as its condition holds.
"""

import collections
import datetime
import re
import time

import cast
from host import loglines
from host.checks import period
from host.process import wait_for
from host.traffic import calls_ms, median, trace

SOON_S = 30             # for actions without a worker; more than a busy machine needs
PATIENCE_S = 40         # for actions of the worker
REANNOUNCE_S = 61       # the worker repeats a verdict line once a minute
REPORTED = ("not reported", "reported once")
TIMEOUT_MS = 5000       # iprep.conf, [general] timeout_ms
API_BACK_S = 100        # longest time before the worker retries


def opening(stage, checks):
    """The configuration is valid, and every client gets a connection."""
    ready = stage.host.iprep.run("rep-check", "--ready")
    checks.equal("rep-check --ready reports no error",
                 (ready.returncode, ready.stderr.strip()), (0, ""))
    checks.check("fail2ban-client -t accepts the shipped files",
                 "OK" in stage.host.test_configuration())
    wanted = [(actor.address, actor.port) for actor in cast.EVERYBODY]
    for host in (stage.host, stage.plain):
        refused = [one for one, is_open in host.connects(wanted).items() if not is_open]
        checks.equal(f"{host.side}: every client gets a connection at the beginning", refused, [])


def verdict_gets_lost(stage, checks):
    """logrotate renames the verdict log before fail2ban has read the line."""
    actor = cast.LOST
    stage.dns.pause()
    stage.write(actor.log_lines())
    asked = wait_for(lambda: f"Ignore {actor.address} by command"
                     in stage.host.log(), SOON_S)
    checks.check("the gate ignores the first line of an unknown address", asked)
    stage.host.server.pause()
    stage.dns.resume()
    written = stage.host.wait(lambda: verdict_of(stage, actor.address), PATIENCE_S)
    stage.lost_at = time.monotonic()
    stage.host.iprep.lose_verdict_log()
    stage.host.server.resume()
    checks.check("its verdict line is written, and lost before fail2ban "
                 "has read it", written)


def api_goes_off(stage, checks):
    """AbuseIPDB is not available, which does not affect the short ban."""
    actor = cast.LATE
    stage.api.stop()
    began = time.monotonic()
    stage.attacked_at = time.time()
    stage.write(actor.log_lines())
    banned = wait_for(lambda: actor.address in
                      stage.host.bans_of("dovecot"), SOON_S)
    checks.check("AbuseIPDB is off: the short ban is not delayed", banned)
    checks.say(f"... after {time.monotonic() - began:.1f} s")
    wait_for(stage.host.workers, SOON_S)
    ended = stage.host.wait(lambda: not stage.host.workers(), PATIENCE_S)
    checks.check("AbuseIPDB is off: the worker ends", ended,
                 f"processes {stage.host.workers()} are still running")
    checks.equal("AbuseIPDB is off: the report is queued",
                 stage.api.reports_of(actor.address), [])
    stage.api.start()


def the_cast_appears(stage, checks):
    """Write all lines: those of the botnet first, then all others."""
    for number, actor in enumerate(cast.BOTNET):
        stage.write([loglines.saslauthd_failed(f"user{number}"),
                     *actor.log_lines()])
    for actor in reversed(cast.CAST):
        stage.write(actor.log_lines())
    everybody = cast.CAST + cast.BOTNET
    stage.host.wait(lambda: has_bans(stage.host.bans(), everybody)
               and has_reports(stage, everybody), PATIENCE_S)
    bans = stage.host.bans()
    known = stage.host.iprep.known(*[actor.address for actor in cast.CAST])
    for actor in cast.CAST:
        check_actor(stage, checks, actor, bans, known[actor.address])
    check_connections(stage, checks, cast.CAST)


def check_actor(stage, checks, actor, bans, known):
    checks.equal(f"{actor.name}: {expected_bans(actor)}",
                 bans.get(actor.address, {}), actor.bans)
    verdict = verdict_of(stage, actor.address)
    what = f"tier {actor.tier}" if actor.tier else "no verdict line, no block"
    checks.equal(f"{actor.name}: {what}",
                 (verdict, bool(known.get("blocked_until"))),
                 (actor.tier, bool(actor.tier)))
    checks.equal(f"{actor.name}: {REPORTED[actor.reports]}",
                 len(stage.api.reports_of(actor.address)), actor.reports)


def closed_ports(stage, actors):
    """{actor: ports it cannot connect to}."""
    answers = stage.host.connects([(actor.address, port) for actor in actors for port in cast.ALL_PORTS])
    return {actor.name: tuple(port for port in cast.ALL_PORTS
                              if not answers[(actor.address, port)])
            for actor in actors}


def check_connections(stage, checks, actors):
    """Try every port from every address."""
    # fail2ban counts an address as banned before its firewall action has run
    wanted = {actor.name: actor.closed for actor in actors}
    wait_for(lambda: closed_ports(stage, actors) == wanted, SOON_S)
    found = closed_ports(stage, actors)
    for actor in actors:
        closed = found[actor.name]
        ports = ", ".join(map(str, actor.closed)) or "no port"
        checks.equal(f"{actor.name}: refused on {ports}", closed, actor.closed)


def botnet_compared(stage, checks):
    """Ten guesses from ten addresses, with iprep and without."""
    # the plain host has read the same file past the botnet's lines
    marker = next(one for one in cast.CAST if "sendmail-auth" in one.bans)
    wait_for(lambda: marker.address in stage.plain.bans_of("sendmail-auth"),
             PATIENCE_S)
    bots = {actor.address for actor in cast.BOTNET}
    listed = {actor.address for actor in cast.BOTNET if actor.tier}
    checks.equal("botnet: with iprep the eight listed are banned after their "
                 "first line", bots & set(stage.host.bans()), listed)
    checks.equal("botnet: fail2ban without iprep bans none of them",
                 bots & set(stage.plain.bans()), set())
    wanted = [(actor.address, 25) for actor in cast.BOTNET]
    for host, closed in ((stage.host, listed), (stage.plain, set())):
        refused = {address for (address, _), is_open in host.connects(wanted).items() if not is_open}
        checks.equal(f"botnet: TCP refused by {host.side} for {len(closed)} of ten", refused, closed)


def resolver_stops(stage, checks):
    """SIGSTOP for the resolver, which does not delay the hooks."""
    passers_by = iter(cast.PASSERS_BY)
    before = hook_times(stage, passers_by)
    stage.dns.pause()
    during = hook_times(stage, passers_by)
    for hook, times in during.items():
        # a hook that waits for the resolver takes at least [general] timeout_ms
        checks.check(f"resolver stopped: {hook} does not wait for it", max(times) < TIMEOUT_MS,
                     f"slowest {max(times):.0f} ms")
        checks.say(f"... median {median(times):.1f} ms, was {median(before[hook]):.1f} ms")
    # no worker runs, so that this gate has to start one
    wait_for(lambda: not stage.host.workers(), PATIENCE_S)
    status, programs, sockets = trace(
        stage.host.space, stage.host.iprep.gate_argv(next(passers_by)),
        f"{stage.directory}/logs/gate.strace")
    checks.equal("resolver stopped: the gate ignores the line and starts the "
                 "worker", (status, programs), (0, ["rep-check", "rep-report"]))
    checks.equal("a trace of this gate shows no network socket",
                 sockets, [])


def hook_times(stage, passers_by):
    """{hook: [ms]}: called as by fail2ban, but one after the other."""
    blocked = next(one for one in cast.CAST if one.tier == "known")
    person = cast.CAST[0]
    enqueue = stage.host.iprep.argv(
        "rep-report", "--enqueue", "--categories=22,18", "--jail=sshd",
        "--failures=5", f"--time={time.time()}", "--", person.address)
    commands = {
        "the gate on a new address":
            [stage.host.iprep.gate_argv(next(passers_by)) for _ in range(10)],
        "the gate on a blocked address":
            [stage.host.iprep.gate_argv(blocked.address)] * 10,
        "rep-report --enqueue": [enqueue] * 10}
    return {hook: calls_ms(stage.host.space, calls)
            for hook, calls in commands.items()}


def fail2ban_restarts(stage, checks):
    """A restart while the resolver is still stopped."""
    jails = ("rep-confirmed", "rep-notorious")
    before = {jail: lengths(stage.host.bans_of(jail)) for jail in jails}
    stage.host.restart()
    after = {}

    def restored():
        after.update({jail: lengths(stage.host.bans_of(jail))
                      for jail in jails})
        return after == before
    wait_for(restored, PATIENCE_S)
    checks.equal("restart: the extended bans are still there", after, before)
    check_connections(stage, checks,
                      [one for one in cast.CAST if one.closed])
    stage.dns.resume()
    stage.host.wait(lambda: not stage.host.workers(), PATIENCE_S)
    check_reports(stage, checks, "restart: no address is reported again",
                  cast.CAST)


def check_reports(stage, checks, sentence, actors):
    """Each address is reported as often as expected, and no report was refused."""
    expected = {one.address: one.reports for one in actors if one.reports}
    found = collections.Counter(one["ip"] for one in stage.api.reports()
                                if one["ip"] in expected)
    checks.equal(sentence, (dict(found), stage.api.refused_reports()),
                 (expected, []))


def report_goes_out(stage, checks):
    """AbuseIPDB is available again."""
    actor = cast.LATE
    sent = stage.host.wait(lambda: stage.api.reports_of(actor.address), API_BACK_S)
    checks.check("AbuseIPDB is back: the queued report is sent", sent)
    told = [datetime.datetime.fromisoformat(one["timestamp"]).timestamp()
            for one in sent]
    checks.check("the report has the time of the attack, not of the sending",
                 told and abs(told[0] - stage.attacked_at) < 3,
                 f"off by {[when - stage.attacked_at for when in told]} s")
    bans = stage.host.bans()
    known = stage.host.iprep.known(actor.address)
    check_actor(stage, checks, actor, bans, known[actor.address])
    check_connections(stage, checks, [actor])


def seen_again(stage, checks):
    """The address whose verdict line was lost writes one more line."""
    actor = cast.LOST
    checks.equal("verdict lost: fail2ban has not banned it",
                 stage.host.bans().get(actor.address, {}), {})
    wait_s = stage.lost_at + REANNOUNCE_S - time.monotonic()
    if wait_s > 0:
        checks.say("a verdict line is repeated at most once a minute: waiting "
                   f"{wait_s:.0f} s")
    stage.host.wait(lambda: time.monotonic() - stage.lost_at >= REANNOUNCE_S,
               REANNOUNCE_S)
    stage.write(actor.log_lines())
    stage.host.wait(lambda: has_bans(stage.host.bans(), [actor]), PATIENCE_S)
    checks.equal("verdict lost: the next line of the address causes the ban",
                 stage.host.bans().get(actor.address, {}), actor.bans)
    check_connections(stage, checks, [actor])


def everything_once(stage, checks):
    """At the end: all reports and all bans."""
    bans = stage.host.bans()
    checks.equal("each address has exactly the expected bans",
                 bans, {one.address: one.bans for one in cast.EVERYBODY
                        if one.bans})
    check_reports(stage, checks, "every sure address was reported exactly "
                  "once", cast.EVERYBODY)
    sure = {one.address for one in cast.EVERYBODY if one.reports}
    checks.equal("no other address was reported",
                 {one["ip"] for one in stage.api.reports()} - sure, set())


def short_bans_end(stage, checks):
    """Ten minutes later, the person can connect and the attackers cannot."""
    person, notorious, known = cast.CAST[:3]
    for actor in (person, notorious, known):
        for jail, seconds in actor.bans.items():
            if seconds == cast.MINUTES_10:
                stage.host.unban(jail, actor.address)
    answers = stage.host.connects([(one.address, one.port) for one in (person, notorious, known)])
    checks.equal("when the short bans end, the person can connect and the "
                 "attackers cannot", list(answers.values()),
                 [True, False, False])


def hostile_input(stage, checks):
    """An address that looks like options, and NUL bytes, through the real hooks."""
    trick, victim, ghost, visitor = ("1.2.3.4 --retract 9.9.9.9", "9.9.9.9",
                                     "45.122.1.1", "45.121.1.1")
    stage.host.client("set", "sshd", "banip", trick, check=False)
    refused = wait_for(lambda: "1.2.3.4 --retract 9.9.9.9: not an IP address"
                       in stage.host.log(), PATIENCE_S)
    checks.check("an address that looks like options is one argument, and refused",
                 refused)
    stage.write([loglines.sshd_failed(ghost, "a\0b$(reboot)")] * 5)
    stage.write([loglines.syslog("sm-mta[813]", "4AN9: evil\0name "
                                 f"[{visitor}] did not issue MAIL\0"),
                 loglines.syslog("sm-mta[813]", "x" * 200_000 + f" [{visitor}]"),
                 loglines.sendmail_no_mail(visitor)])
    stage.host.wait(lambda: stage.api.reports_of(ghost), PATIENCE_S)
    checks.equal("NUL bytes in a user name: the address is banned and "
                 "reported once", (list(stage.host.bans().get(ghost, {})),
                          [one["comment"] for one in
                           stage.api.reports_of(ghost)]),
                 (["sshd"], ["Brute force on sshd: 5 failures"]))
    checks.check("NUL bytes and 200 kB in lines: the gate handles the "
                 "next line",
                 wait_for(lambda: f"Ignore {visitor} by command"
                          in stage.host.log(), PATIENCE_S))
    checks.equal("no address was reported that did not attack",
                 [stage.api.reports_of(one) for one in ("1.2.3.4", victim)],
                 [[], []])


ACTS = (
    ("checking the configuration", opening),
    ("a verdict line is lost", verdict_gets_lost),
    ("AbuseIPDB is switched off", api_goes_off),
    ("AbuseIPDB is back; all addresses and the botnet attack", the_cast_appears),
    ("the botnet, with iprep and without", botnet_compared),
    ("the resolver is stopped (SIGSTOP)", resolver_stops),
    ("fail2ban restarts, the resolver is still stopped", fail2ban_restarts),
    ("the queued report", report_goes_out),
    ("the address of the lost verdict line is seen again", seen_again),
    ("all bans and reports", everything_once),
)
EPILOGUE = (
    ("the short bans end", short_bans_end),
    ("hostile input", hostile_input),
)


# -- helpers ------------------------------------------------------------------

def verdict_of(stage, address):
    """The tier of the last verdict line about an address, or None."""
    found = re.findall(rf" ip={re.escape(address)} score=\d+ tier=(\S+)",
                       stage.host.iprep.verdict_log())
    return found[-1] if found else None


def has_bans(bans, actors):
    return all(bans.get(actor.address, {}) == actor.bans for actor in actors)


def has_reports(stage, actors):
    found = {report["ip"] for report in stage.api.reports()}
    return all(actor.address in found for actor in actors if actor.reports)


def lengths(bans):
    """Without the time of the end, which a repeated verdict moves."""
    return {address: seconds for address, (seconds, _) in bans.items()}


def expected_bans(actor):
    if not actor.bans:
        return "not banned at all"
    return "banned in " + ", ".join(
        f"{jail} for {period(seconds)}"
        for jail, seconds in actor.bans.items()) + " and nowhere else"
