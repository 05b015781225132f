# SPDX-License-Identifier: MIT
"""
lines.py - what the jails make of log lines, by fail2ban's own classes

As a program it runs in the interpreter of fail2ban-client, without root: it reads jails as JSON from standard input
and prints which of their sample lines match. As a module it has the sample lines, and judges the answer. Sources:
fail2ban 1.0.2, 1.1.0 and 1.1.1, server/filter.py, server/filtersystemd.py, server/jail.py.
"""

import importlib
import json
import logging
import os
import re
import signal
import sys
import time

MATCH_S = 2                 # timeout for the expressions of one jail
SEEN = "192.0.2.1"
# SERVICE: (program, line), which rep-SERVICE-ambiguous matches; fail2ban's own filter only in the modes ddos, extra and
# aggressive. An empty program: lines of a log file of its own.
AMBIGUOUS = {
    "sshd": (("sshd[77]", f"Did not receive identification string from {SEEN} port 4242"),
             ("sshd[77]", f"Unable to negotiate with {SEEN} port 4242: no matching key exchange method found. "
                          "Their offer: diffie-hellman-group1-sha1 [preauth]")),
    "dovecot": (("dovecot", f"imap-login: Disconnected (no auth attempts in 2 secs): user=<>, rip={SEEN}, lip=192.0.2.2, "
                            "session=<x>"),
                ("dovecot", "imap-login: Login aborted: Connection closed (no auth attempts in 2 secs) (no_auth_attempts): "
                            f"user=<>, rip={SEEN}, lip=192.0.2.2, session=<x>")),
    "postfix": (("postfix/smtpd[77]", f"lost connection after EHLO from unknown[{SEEN}]"),
                ("postfix/smtpd[77]", f"warning: unknown[{SEEN}]: SASL LOGIN authentication failed: "
                                      "Invalid authentication mechanism")),
    "sendmail": (("sm-mta[77]", f"4ATNA1bc012345: [{SEEN}] did not issue MAIL/EXPN/VRFY/ETRN during connection to MTA"),),
    "exim": (("", f"unexpected disconnection while reading SMTP command from [{SEEN}] D=2s"),),
    "nginx": (("", f"[crit] 77#77: *5 SSL_do_handshake() failed (SSL: error:0A0000C6:SSL routines::packet length too long) "
                   f"while SSL handshaking, client: {SEEN}, server: 0.0.0.0:443"),
              ("", f"[crit] 77#77: *5 SSL_do_handshake() failed (SSL: error:0A00006C:SSL routines::bad key share) "
                   f"while SSL handshaking, client: {SEEN}, server: 0.0.0.0:443")),
    "cyrus": (("cyrus/imap[77]", f"badlogin: [{SEEN}] plaintext (-notset-) invalid user"),
              ("cyrus/imap[77]", f"imaps TLS negotiation failed: [{SEEN}]")),
    "uwimap": (("imapd[77]", f"Command stream end of file, while reading line user=??? host=[{SEEN}]"),
               ("imapd[77]", f"Unable to accept SSL connection, host=[{SEEN}]")),
}
# Lines that prove nothing alone and that no filter of ours matches; fail2ban's own do in the mode aggressive.
ALSO_AMBIGUOUS = {
    "exim": (("", f"no host name found for IP address {SEEN}"),),
}
NO_GATE = "no gated jail"
FAILED = ("sshd[77]", f"Failed password for invalid user bob from {SEEN} port 4242 ssh2")
ACCEPTED = ("sshd[77]", f"Accepted password for bob from {SEEN} port 4242 ssh2")
BAN = ("", f"fail2ban.actions [77]: NOTICE [sshd] Ban {SEEN}")


def verdict_line(tier, ipv6_prefix):
    """As lib/reputation/verdict_log.c writes it: (program, line, address)"""
    address = "2a02:4780::1" if ipv6_prefix == 128 else f"2a02:4780::/{ipv6_prefix}"
    return [("iprep[77]", f"verdict=confirmed ip={one} score=16 tier={tier} jail=sshd src=zen,abuseipdb", one)
            for one in ("45.1.1.1", address)]


# ---- the program ----

# One jail whose backend cannot be loaded, and fail2ban does not start.
MODULES = {"systemd": "it reads the journal, but Python's systemd module",
           "pyinotify": "its backend is pyinotify, but Python's pyinotify module"}


class TooSlow(Exception):
    pass


def stamped(jail, program, text):
    """The line as the jail's backend passes it: text, or the tuple of an entry of the journal with its time"""
    now = time.time()
    if jail["is_verdicts"]:
        return time.strftime(f"%Y-%m-%dT%H:%M:%S+0000 {program}: {text}", time.gmtime(now)), None
    if jail["uses_journal"]:
        return ("", time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(now)) + " ", f"host {program}: {text}"), now
    if not program:
        return time.strftime("%Y-%m-%d %H:%M:%S ", time.localtime(now)) + text, None
    return time.strftime("%b %d %H:%M:%S ", time.localtime(now)) + f"host {program}: {text}", None


def make_filter(jail):
    from fail2ban.server.filter import Filter       # pylint: disable=import-outside-toplevel

    made = Filter(None, jail["usedns"] or "warn")
    made.setMaxLines(jail["maxlines"])
    if jail["prefregex"]:
        made.prefRegex = jail["prefregex"]
    for regex in jail["failregex"]:
        made.addFailRegex(regex)
    for regex in jail["ignoreregex"]:
        made.addIgnoreRegex(regex)
    if jail["datepattern"]:
        made.setDatePattern(jail["datepattern"])
    return made


def matches_of(jail):
    """[[index of the line, address, user]]"""
    found = []
    for index, (program, text) in enumerate(jail["lines"]):
        made = make_filter(jail)        # lines of one session must not add up
        line, date = stamped(jail, program, text)
        for failure in made.processLine(line, date):
            found.append([index, str(failure[1]), str(failure[3].get("user", ""))])
    return found


def backend_error(backend):
    from fail2ban.server.jail import Jail           # pylint: disable=import-outside-toplevel

    name = re.sub(r"\[.*", "", backend).lower()
    if name == "auto":
        return ""
    if name not in Jail._BACKENDS:      # pylint: disable=protected-access
        return f"fail2ban has no backend {name}, so fail2ban does not start; set backend = auto"
    if name in MODULES:
        try:
            importlib.import_module(f"fail2ban.server.filter{name}")
        except ImportError:
            return f"{MODULES[name]} is not installed, so fail2ban does not start; apt install python3-{name}"
    return ""


def answer_for(jail):
    answer = {"name": jail["name"], "backend": backend_error(jail["backend"]), "error": "", "found": []}

    def stop(*_):
        raise TooSlow
    signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, MATCH_S)
    try:
        answer["found"] = matches_of(jail)
    except TooSlow:
        answer["slow"] = True
    except Exception as error:          # pylint: disable=broad-exception-caught
        answer["error"] = f"{type(error).__name__}: {error}"[:300]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return answer


def main():
    logging.disable(logging.CRITICAL)
    jails = json.load(sys.stdin)
    try:
        import fail2ban.server.filter   # pylint: disable=import-outside-toplevel,unused-import
    except Exception as error:          # pylint: disable=broad-exception-caught
        print(json.dumps({"trouble": f"cannot import fail2ban: {error}"}))
        return
    for jail in jails:
        print(json.dumps(answer_for(jail)), flush=True)


# ---- the module ----

REPORTED_TWICE = ("it counts bans of other jails, and its action {} would report them a second time; remove it from this jail, "
                  "and from action in [DEFAULT]")


def interpreter_of(client):
    """The Python that runs fail2ban-client: fail2ban's modules belong to it"""
    try:
        with open(client, "rb") as file:
            words = file.read(256).split(b"\n")[0].decode("ascii", "replace").removeprefix("#!").split()
    except OSError:
        words = []
    if words and re.fullmatch(r"/\S*/python3?[\d.]*", words[0]) and os.access(words[0], os.X_OK):
        return words[0]
    return "/usr/bin/python3"


def service_of(jail):
    """Of rep-SERVICE-ambiguous; None for other jails."""
    name = re.fullmatch(r"rep-(\w+)-ambiguous", jail.name)
    return name[1] if name and name[1] in AMBIGUOUS else None


def samples_for(jail, jails, settings):
    """[(program, line, what it is)]"""
    if jail.tiers:
        tiers = [tier for tier, _ in settings.tiers if jail.reads_tier(settings.log, tier)]
        return [(program, text, address) for tier in tiers
                for program, text, address in verdict_line(tier, settings.ipv6_prefix)]
    if jail.kind == "spray":
        return [(*FAILED, "failed login")] if any("sshd" in regex for regex in jail.failregex) else []
    if jail.kind == "login":
        return [(*ACCEPTED, "login")] if any("sshd" in regex for regex in jail.failregex) else []
    if jail.kind == "gate":
        return [(*line, "ambiguous") for line in AMBIGUOUS.get(service_of(jail), ())]
    gates = {service_of(other): other.name for other in jails if other.kind == "gate"}
    lines = []
    for service in AMBIGUOUS if jail.reports else gates:
        lines += [(*line, gates.get(service, NO_GATE)) for line in AMBIGUOUS.get(service, ())]
        lines += [(*line, NO_GATE) for line in ALSO_AMBIGUOUS.get(service, ())]
    return lines + [(*BAN, "ban")] if jail.reports else lines


def question(jail, samples):
    return {"name": jail.name, "backend": jail.backend, "usedns": jail.usedns, "maxlines": max(1, jail.maxlines),
            "prefregex": jail.prefregex, "failregex": jail.failregex, "ignoreregex": jail.ignoreregex,
            "datepattern": jail.datepattern, "is_verdicts": bool(jail.tiers), "uses_journal": jail.uses_journal,
            "lines": [sample[:2] for sample in samples]}


def judge(jail, samples, answer, add_row):
    what = f"jail {jail.name}"
    hint = "remove 'filter', 'failregex', 'ignoreregex' and 'datepattern' from jail.local"
    found = {index: (address, user) for index, address, user in answer["found"]}
    if answer["backend"]:
        add_row("error", what, answer["backend"])
    if answer["error"]:
        add_row("error", what, f"fail2ban refuses its filter: {answer['error']}")
    elif answer.get("slow"):
        add_row("mismatch", what, f"its expressions take over {MATCH_S} s for a few lines; correct its filter")
    elif jail.tiers:
        missed = [text for index, (_, text, address) in enumerate(samples) if found.get(index, ("",))[0] != address]
        if missed:
            add_row("error", what, f"its filter does not match the line \"{missed[0]}\" of iprep, so it does not ban; {hint}")
    elif jail.kind in ("spray", "login", "gate"):
        if samples and not found:
            add_row("error", what, f"its filter does not match the line \"{samples[0][1]}\", which it is for; {hint}")
        elif jail.kind == "spray" and samples and not found[0][1]:
            add_row("error", what, f"its filter finds no user name, so it never bans; {hint}")
    else:
        judge_ordinary(jail, samples, found, add_row)


def judge_ordinary(jail, samples, found, add_row):
    """A jail that counts lines for all addresses."""
    counted = {samples[index][2]: samples[index][1] for index in found}
    bans = counted.pop("ban", "")
    if bans:
        reporting = next(action.name for action in jail.actions.values() if action.reports)
        add_row("error", f"jail {jail.name}", REPORTED_TWICE.format(reporting))
    for gate, text in counted.items():
        remedy = f"set mode = normal in [{jail.name}]"
        if gate != NO_GATE:
            add_row("mismatch", f"jail {jail.name}", f"it counts lines of {gate}, which prove nothing alone, for every address "
                    f"(\"{text}\"); {remedy}, or disable {gate}")
        elif jail.reports:
            add_row("mismatch", f"jail {jail.name}", f"it reports addresses for lines that prove nothing alone (\"{text}\"); {remedy}")
        else:
            add_row("mismatch", f"jail {jail.name}", f"it counts lines that prove nothing alone, for every address (\"{text}\"); "
                    f"{remedy}")


if __name__ == "__main__":
    main()
