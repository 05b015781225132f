# SPDX-License-Identifier: MIT
"""
hookhost.py - one host with fail2ban and iprep, whose hooks can be looked at and made to fail

The parts of stage.py, once for each test class: rbldnsd, the AbuseIPDB emulator, the shipped
configuration, a real fail2ban with nftables in a namespace, clients that try TCP connections. The
programs are called through a wrapper that writes down each call and, when told so, dies instead.

An address says what the world thinks of it: host.address("known"), "notorious" or "unlisted".
"""

import atexit
import contextlib
import itertools
import json
import os
import signal
import sqlite3
import sys
import tempfile
import time
import unittest

from host import loglines
from host import SHIPPED, process
from host.emulator import Emulator
from host.fail2ban import Fail2ban
from host.installation import NOBODY, Installation
from host.loglines import Logs
from host.network import WORLD_ADDRESS, Network
from host.packages import Packages
from host.rbldnsd import ADDRESS as RESOLVER
from host.rbldnsd import Rbldnsd, Zone
from host.stage import ACTION_LOCAL, STOCK_LOCAL, by_address, command_line

SOON_S = 60             # for actions of fail2ban alone; generous, because machines are busy
PATIENCE_S = 90         # for the way through the worker
MINUTES_10, DAY, YEAR = 600, 86400, 365 * 86400
VERDICT_JAILS = ("rep-confirmed", "rep-notorious")
PORT = {"sshd": 22, "sendmail-auth": 25, "dovecot": 143}
NETS = {"known": "45.31.{}.1", "notorious": "45.32.{}.1", "unlisted": "45.33.{}.1"}
MOST = 120              # addresses of each kind
WORST = {"abuseConfidenceScore": 100, "totalReports": 1432, "numDistinctUsers": 211,
         "lastReportedAt": "now-2h"}
IPREP_LOCAL = """\
[DEFAULT]
rep_check       = {bin}/rep-check --config={config}
rep_verdict_log = {verdict_log}
[sshd]
action = %(known/action)s
         iprep[category="18,22"]
[sendmail-auth]
action = %(known/action)s
         iprep[category="18"]
[rep-confirmed]
enabled = true
[rep-notorious]
enabled = true
[rep-sendmail-ambiguous]
enabled = true
"""
# what a call does instead of its work, one word in the file PROGRAM.mode
WRAPPER = """\
#!/bin/sh
program=${{0##*/}}
mode=
[ -e {dir}/$program.mode ] && read -r mode <{dir}/$program.mode
echo "$$ $program $mode $*" >>{dir}/calls
case $mode in
crash) kill -SEGV $$ ;;
hang) exec sleep 600 </dev/null >/dev/null 2>&1 ;;
status-*) exit "${{mode#status-}}" ;;
first-fails) rm {dir}/$program.mode; exit 75 ;;
first-lies) rm {dir}/$program.mode; {real}/$program "$@"; exit 1 ;;
esac
exec {real}/$program "$@"
"""


class Server(Fail2ban):
    """wrap: words that run the server, e.g. setpriv; modules: a further directory of modules."""

    wrap = ()
    modules = None

    def command(self, part, *words):
        argv = super().command(part, *words)
        return [*self.wrap, *argv] if part == "server" else argv

    def environment(self):
        env = super().environment()
        if self.modules:
            env["PYTHONPATH"] += f":{self.modules}"
        return env

    def kill(self):
        """As in a power cut: nothing is written any more."""
        self.server.child.kill()
        self.server.child.wait()
        self.server = None
        for name in ("socket", "pid"):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(f"{self.directory}/{name}")


class HookHost:
    """Everything below directory; stack: an ExitStack that takes it down."""

    def __init__(self, directory, prefix, packages, stack, case):
        self.directory = directory
        self.packages = Packages(packages)
        self.numbers = {kind: itertools.count(1) for kind in NETS}
        os.makedirs(f"{directory}/logs", mode=0o755)
        self.network = Network(f"iprep-hooks-{os.getpid()}", f"{directory}/logs", stack)
        self.network.listen()
        self.start_world(stack)
        self.iprep = Installation(prefix, f"{directory}/iprep", self.network.host)
        self.iprep.configure(f"{SHIPPED}/iprep.conf", RESOLVER, self.api.url, self.api.ca_file)
        self.iprep.run("rep-check", "--ready", check=True)      # makes the database, as its owner
        self.bin = f"{directory}/bin"
        self.write_wrappers()
        self.fail2ban = Server(self.packages, self.network.host, f"{directory}/host")
        self.logs = Logs(self.fail2ban.directory)
        for name in case.logs:
            open(f"{directory}/{name}.log", "wb").close()
        self.configure(case.jails)
        stack.callback(self.fail2ban.stop)
        if case.start:
            self.fail2ban.start()

    def start_world(self, stack):
        notorious = [NETS["notorious"].format(n) for n in range(1, MOST)]
        zones = [Zone("zen.spamhaus.org", "127.0.0.4", ["45.32.0.0/16"]),
                 Zone("bl.blocklist.de", "127.0.0.14", ["45.31.0.0/16", "45.32.0.0/16"]),
                 Zone("list.dnswl.org", "127.0.5.2", [])]
        self.dns = Rbldnsd(self.packages.find("rbldnsd"), self.network.host,
                           f"{self.directory}/dns", zones)
        stack.callback(self.dns.stop)
        self.api = Emulator(self.network.world, WORLD_ADDRESS, f"{self.directory}/api",
                            {one: WORST for one in notorious})
        stack.callback(self.api.stop)

    def write_wrappers(self):
        os.makedirs(self.bin, mode=0o755)
        for program in ("rep-check", "rep-report"):
            self.install(program)

    def install(self, program):
        with open(f"{self.bin}/{program}", "w", encoding="ascii") as file:
            file.write(WRAPPER.format(dir=self.bin, real=self.iprep.bin))
            os.chmod(file.fileno(), 0o755)

    def uninstall(self, program):
        os.unlink(f"{self.bin}/{program}")

    def configure(self, jails):
        places = {"bin": self.bin, "config": self.iprep.config,
                  "verdict_log": self.iprep.verdict_log}
        self.fail2ban.add_files(SHIPPED)
        self.fail2ban.write("jail.local", STOCK_LOCAL.format(**vars(self.logs)))
        self.fail2ban.write("jail.d/iprep.local", IPREP_LOCAL.format(**places))
        self.fail2ban.write("jail.d/more.local", jails.format(dir=self.directory))
        self.fail2ban.write("action.d/iprep.local", ACTION_LOCAL.format(**places))

    # -- what is done -----------------------------------------------------------

    def address(self, kind):
        """A new client that the world knows as this."""
        one = NETS[kind].format(next(self.numbers[kind]))
        self.network.add_clients([one])
        return one

    def mode(self, program, word=None):
        """From now on the program does this instead of its work; None: its work."""
        path = f"{self.bin}/{program}.mode"
        if word is None:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
            return
        with open(path, "w", encoding="ascii") as file:
            file.write(word + "\n")

    def attack(self, jail, address):
        """Five failed logins, which is what the jail counts up to."""
        line = {"sshd": loglines.sshd_failed, "sendmail-auth": loglines.sendmail_auth_failed,
                "dovecot": loglines.dovecot_failed}[jail]
        self.logs.write([line(address)] * 5)

    def ambiguous(self, address):
        self.logs.write([loglines.sendmail_no_mail(address)])

    def write(self, log, text):
        """A line of one of the case's own logs; text: bytes."""
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S+0000", time.gmtime()).encode()
        with open(f"{self.directory}/{log}.log", "ab") as file:
            file.write(stamp + b" FAILED " + text + b"\n")

    def client(self, *words, check=True):
        """fail2ban-client, as root would call it; returns what it printed."""
        return self.fail2ban.client(*words, check=check)

    def shell(self, text, check=True):
        """A line as an administrator types it: fail2ban-client and rep-* are what they are here."""
        client = process.show(self.fail2ban.command("client"))
        programs = {name: process.show(self.iprep.argv(name))
                    for name in ("rep-purge", "rep-check", "rep-report")}
        for word, command in {"fail2ban-client": client, **programs}.items():
            text = text.replace(f"{word} ", f"{command} ")
        return process.run(self.network.host.command(["sh", "-c", text]), check=check,
                           env=self.fail2ban.environment())

    def sql(self, text, *values):
        """Time does not pass by sleeping. What the test's user has made belongs to the state's."""
        state = f"{self.iprep.root}/lib"
        db = sqlite3.connect(f"{state}/iprep.db", timeout=30)
        try:
            with db:
                return db.execute(text, values).fetchall()
        finally:
            db.close()
            for name in os.listdir(state):
                with contextlib.suppress(FileNotFoundError):
                    os.chown(f"{state}/{name}", NOBODY, NOBODY)

    def flush(self):
        """A worker of the timer, to its end; when one runs already it does the work."""
        return process.run(self.network.host.command(
            self.iprep.argv("rep-report", "--flush", "--linger", "0")), check=False, timeout_s=300)

    # -- what is looked at ------------------------------------------------------

    def bans(self, address):
        """{jail: seconds} of one address, as fail2ban says."""
        return by_address(self.fail2ban.bans()).get(address, {})

    def is_open(self, address, port=25):
        return self.network.connects("host", [(address, port)])[(address, port)]

    def in_set(self, jail, address):
        """Is it in the jail's own set of the firewall? The verdict jails have tables of their own."""
        table, name = ("f2b-table", f"addr-set-{jail}")
        if jail in VERDICT_JAILS:
            table, name = f"f2b-{jail}", "addr4"
        done = self.network.host.run([f"{self.fail2ban.directory}/bin/nft", "list", "set", "inet",
                                      table, name], check=False)
        return address in done.stdout.replace(",", " ").split()

    def known(self, address):
        return self.iprep.known([address])[address]

    def status(self):
        return json.loads(self.iprep.run("rep-report", "--status", "--json", check=True).stdout)

    def waiting(self):
        """(reports, lookups)"""
        waiting = self.status()["waiting"]
        return waiting["report"], waiting["lookup"]

    def reports(self, address):
        return len(self.api.reports_of(address))

    def calls(self, *words):
        """Calls of the hooks that have all these words in them."""
        try:
            with open(f"{self.bin}/calls", encoding="utf-8", errors="replace") as file:
                return [line for line in file.read().splitlines() if all(w in line for w in words)]
        except FileNotFoundError:
            return []

    def workers(self):
        return [pid for pid in self.network.host.pids()
                if "rep-report\0--flush" in command_line(pid)]

    def log(self):
        return self.fail2ban.log()

    def ignored(self, address):
        return self.log().count(f"Ignore {address} by command")


class HookCase(unittest.TestCase):
    """A host for each class. jails: further ones, which read logs; programs: from argv."""

    programs = None
    jails = ""
    logs = ()
    start = True            # start fail2ban immediately

    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.mkdtemp(prefix="iprep-hooks.", dir="/var/tmp")
        cls.addClassCleanup(process.run, ["rm", "-rf", cls.directory])
        os.chmod(cls.directory, 0o755)
        stack = contextlib.ExitStack()
        cls.addClassCleanup(stack.close)
        atexit.register(stack.close)        # also if the test is interrupted
        packages = os.environ.get("IPREP_PACKAGES", f"{cls.directory}/packages")
        cls.host = HookHost(f"{cls.directory}/stage", os.path.dirname(cls.programs), packages,
                            stack, cls)

    def until(self, condition, what, timeout_s=PATIENCE_S):
        """Wait; a failure tells what fail2ban said last."""
        value = process.wait_for(condition, timeout_s, every_s=0.2)
        if not value:
            said = process.tail(self.host.fail2ban.log_path, 25)
            self.fail(f"waited in vain until {what}\n{said}")
        return value

    def until_banned(self, address, *jails):
        self.until(lambda: set(jails) <= set(self.host.bans(address)),
                   f"{address} is banned in {', '.join(jails)}")

    def until_closed(self, address, port=25):
        """fail2ban counts an address as banned before its firewall action has run."""
        self.until(lambda: not self.host.is_open(address, port), f"{address} is refused", SOON_S)

    def until_idle(self):
        self.until(lambda: not self.host.workers(), "no worker runs")

    def others_are_banned(self):
        """A jail without iprep still bans, in the firewall too."""
        other = self.host.address("unlisted")
        self.host.attack("dovecot", other)
        self.until_banned(other, "dovecot")
        self.until_closed(other, 143)

    def nothing_waits(self):
        self.assertEqual(self.host.waiting(), (0, 0))


class BansCase(HookCase):
    def confirmed(self, kind="known", jail="sshd"):
        """An address that a sure jail banned, that was reported, and that has an extended ban."""
        address = self.host.address(kind)
        self.host.attack(jail, address)
        extended = ("rep-confirmed", "rep-notorious") if kind == "notorious" else ("rep-confirmed",)
        self.until_banned(address, jail, *extended)
        self.until(lambda: self.host.reports(address) == 1, "it is reported")
        self.until_idle()
        return address

    def minute_later(self, address):
        """A verdict line is repeated at most once a minute."""
        self.assertTrue(self.host.known(address)["blocked_until"])
        self.host.sql("UPDATE block SET announced_at = announced_at - 61")

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
        self.assertEqual(self.host.api.refused_reports(), [])


def main():
    """DIRECTORY-OF-PROGRAMS, then what unittest takes."""
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    HookCase.programs = os.path.abspath(sys.argv.pop(1))
    unittest.main()
