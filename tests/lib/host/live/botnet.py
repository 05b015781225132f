# SPDX-License-Identifier: MIT
"""
botnet.py - fifty addresses in fifty networks, one wrong password each

Every fifth is on no list. Each bot guesses once and goes, so no stock jail ever
counts to five. Time: from the first line with a bot's address, whose stamp has
microseconds, to the first connection that is refused; one is tried as soon as
fail2ban shows the ban, and fail2ban is asked several times a second.
"""

import concurrent.futures
import datetime
import statistics
import time

from host.checks import table
from host.live.play import has_address, read

BOTS = 50
UNLISTED_EVERY = 5
PATIENCE_S = 120
QUIET_S = 6


class Bot:
    def __init__(self, daemon, number):
        self.daemon = daemon
        self.address = f"45.{100 + number}.{daemon.number}.{200 - number}"
        self.is_listed = number % UNLISTED_EVERY != 0
        self.refused_at = None
        self.line_at = None


def bots(daemon):
    return [Bot(daemon, number) for number in range(BOTS)]


def listed(daemons):
    return [bot.address for daemon in daemons for bot in bots(daemon)
            if bot.is_listed]


def show(stage, checks, daemon):
    """The whole act for one daemon."""
    everybody = bots(daemon)
    checks.say(f"{daemon.name}: a botnet of {BOTS}, one guess each")
    tasks = [(side, daemon, "wrong password once", bot.address)
             for side in ("host", "plain") for bot in everybody]
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        attack = pool.submit(stage.attack, tasks)
        watch(stage, daemon, everybody)
        steps = attack.result()
    check_answers(checks, daemon, everybody, steps)
    stage.host.wait(lambda: not stage.host.workers(), PATIENCE_S)
    stage.host.wait(lambda: False, QUIET_S)
    stamp(stage, daemon, everybody)
    count(stage, checks, daemon, everybody)


def watch(stage, daemon, everybody):
    """Try to connect, with listed and unlisted, until the listed cannot."""
    waiting = {bot.address: bot for bot in everybody if bot.is_listed}

    def all_refused():
        banned = stage.host.bans_of("rep-confirmed")
        here = [(daemon, address) for address in waiting if address in banned]
        if not here:
            return False
        for (_, address), is_open in stage.connects("host", here).items():
            if not is_open:
                waiting.pop(address).refused_at = time.time()
        return not waiting
    stage.host.wait(all_refused, PATIENCE_S)


def check_answers(checks, daemon, everybody, steps):
    """A ban may come before the answer: PAM's line is written first."""
    on_host, on_plain = steps[:BOTS], steps[BOTS:]
    checks.equal(f"{daemon.name} botnet: without iprep every guess is answered",
                 on_plain, [["denied"]] * BOTS)
    checks.equal(f"{daemon.name} botnet: so are those of the unlisted",
                 [one for one, bot in zip(on_host, everybody)
                  if not bot.is_listed], [["denied"]] * (BOTS // UNLISTED_EVERY))
    early = sum(one != ["denied"] for one in on_host)
    checks.say(f"{early} of the listed were banned before they had an answer")


def stamp(stage, daemon, everybody):
    """When the first line about each was written."""
    machine = stage.machines["host", daemon.machine]
    lines = sorted(line for name in ("auth.log", "mail.log")
                   for line in read(machine.log(name), r"\S+"))
    for bot in everybody:
        own = [line for line in lines if has_address(line, bot.address)]
        if own:
            bot.line_at = datetime.datetime.fromisoformat(
                own[0].split()[0]).timestamp()


def count(stage, checks, daemon, everybody):
    name = f"{daemon.name} botnet"
    bad = {bot.address for bot in everybody if bot.is_listed}
    good = {bot.address for bot in everybody} - bad
    host, plain = stage.host.bans(), stage.plain.bans()
    banned = {address for address in bad | good if address in host}
    checks.equal(f"{name}: every bot has a line", [
        bot.address for bot in everybody if bot.line_at is None], [])
    checks.equal(f"{name}: {len(bad)} listed are banned, {len(good)} unlisted "
                 "are not", banned, bad)
    checks.equal(f"{name}: stock fail2ban bans none",
                 (bad | good) & set(plain), set())
    opens = {side: stage.connects(side, [(daemon, bot.address)
                                         for bot in everybody])
             for side in ("host", "plain")}
    refused = {side: {address for (_, address), is_open in answers.items()
                      if not is_open} for side, answers in opens.items()}
    checks.equal(f"{name}: with iprep, connections of the listed are refused",
                 refused["host"], bad)
    checks.equal(f"{name}: without, none is", refused["plain"], set())
    show_table(daemon, everybody, host, plain, refused)


def show_table(daemon, everybody, host, plain, refused):
    rows = []
    for what, group in (("listed", True), ("unlisted", False)):
        own = {bot.address for bot in everybody if bot.is_listed is group}
        rows.append((what, str(len(own)), str(len(own & set(host))),
                     str(len(own & refused["host"])),
                     str(len(own & set(plain))),
                     str(len(own & refused["plain"]))))
    table((f"{daemon.name}, one guess each", "bots", "banned with iprep",
           "TCP refused", "banned without", "TCP refused"), rows)
    times = [bot.refused_at - bot.line_at for bot in everybody
             if bot.refused_at and bot.line_at]
    if times:
        print(f"from the line to the refused connection: median "
              f"{statistics.median(times):.1f} s, fastest {min(times):.1f} s, "
              f"slowest {max(times):.1f} s\n", flush=True)
