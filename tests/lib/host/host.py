# SPDX-License-Identifier: MIT
"""
host.py - a host of the tests: fail2ban, firewall and logs in a namespace, with iprep or without

A World is the small internet around it (network.py): rbldnsd, which answers under the names of the shipped lists, the
emulator of AbuseIPDB, and clients that try TCP connections. Below its directory: dns/ api/ logs/, and host/ plain/ for
each fail2ban.
"""

import contextlib
import json
import os
import time

from api import Emulator
from host import SHIPPED, loglines, process
from host.fail2ban import Fail2ban, backends
from host.installation import Installation
from host.network import WORLD_ADDRESS, Network
from host.packages import Packages
from host.rbldnsd import ADDRESS as RESOLVER
from host.rbldnsd import Rbldnsd, Zone

VERDICT_JAILS = ("rep-confirmed", "rep-notorious")
LISTS = {"zen.spamhaus.org": "127.0.0.4", "bl.blocklist.de": "127.0.0.14", "list.dnswl.org": "127.0.5.2"}
TIMER_S = 5
DEFAULT = "[DEFAULT]\n" + backends("polling") + """\
banaction          = nftables
banaction_allports = nftables[type=allports]
"""
# of a host with iprep
PROGRAMS = """\
rep_check       = {bin}/rep-check --config={conf}
rep_verdict_log = {log}
"""
ACTION = """\
[Init]
rep_bindir = {bin}
rep_args   = --config={conf}
"""
REPORTS = """\
action = %(known/action)s
         iprep[category="{}"]
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
"limit "*) ulimit ${{mode#limit }} ;;
first-fails) rm {dir}/$program.mode; exit 75 ;;
first-lies) rm {dir}/$program.mode; {real}/$program "$@"; exit 1 ;;
esac
exec {real}/$program "$@"
"""


class World:
    """stack: an ExitStack that takes it down; listed: {zone of LISTS: addresses}; seed: what AbuseIPDB knows."""

    def __init__(self, directory, packages, name, stack, listed=None, seed=None):
        self.directory, self.stack = directory, stack
        self.packages = Packages(packages)
        self.installations = []
        stack.callback(lambda: [one.close() for one in self.installations])     # when nothing runs any more
        os.makedirs(f"{directory}/logs", mode=0o755)
        self.network = Network(name, f"{directory}/logs", stack)
        zones = [Zone(zone, answer, (listed or {}).get(zone, ())) for zone, answer in LISTS.items()]
        self.dns = Rbldnsd(self.packages.find("rbldnsd"), self.network.host, f"{directory}/dns", zones)
        stack.callback(self.dns.stop)
        self.api = Emulator(seed, tls=True, host=WORLD_ADDRESS, port=8443, space=self.network.world,
                            directory=f"{directory}/api")
        stack.callback(self.api.stop)


class Host(Fail2ban):
    """side: "host" or "plain"; programs: the directory of iprep's, None: without; wrapped: called through WRAPPER."""

    def __init__(self, world, side, programs=None, wrapped=False):
        super().__init__(world.packages, world.network.spaces[side], f"{world.directory}/{side}")
        self.world, self.side = world, side
        self.logs = loglines.Logs(self.directory)
        world.stack.callback(self.stop)
        self.iprep = self.timer = None
        self.flushed_at = 0.0
        if programs:
            self.iprep = Installation(programs, self.space, RESOLVER, world.api)
            world.installations.append(self.iprep)
            self.bin = programs
        if wrapped:
            self.bin = f"{world.directory}/bin"
            os.makedirs(self.bin, mode=0o755)
            for program in ("rep-check", "rep-report"):
                self.install(program)

    def configure(self, jails, ours=(), logs=None, more=""):
        """jails: {stock jail: (category of its reports or None, further lines), or None: off}; ours: those of
        jail.d/iprep.conf; logs: {variable of paths-common.conf: paths}; more: a further file of jails."""
        logs = logs or {"sshd_log": [self.logs.auth], "syslog_mail": [self.logs.mail], "dovecot_log": [self.logs.mail]}
        text = DEFAULT + "".join(f"{name} = " + "\n    ".join(paths) + "\n" for name, paths in logs.items())
        if self.iprep:
            places = {"bin": self.bin, "conf": self.iprep.path("iprep.conf"), "log": self.iprep.log_path}
            self.add_files(SHIPPED)
            self.write("action.d/iprep.local", ACTION.format(**places))
            text += PROGRAMS.format(**places)
        for name, given in jails.items():
            category, lines = given or (None, "")
            reports = REPORTS.format(category) if self.iprep and category is not None else ""
            text += f"[{name}]\nenabled = {str(bool(given)).lower()}\nbackend = polling\n{lines}{reports}"
        text += "".join(f"[{name}]\nenabled = true\n" for name in ours if self.iprep)
        self.write("jail.local", text)
        self.write("jail.d/more.local", more)

    # -- what is done

    def install(self, program):
        with open(f"{self.bin}/{program}", "w", encoding="ascii") as file:
            file.write(WRAPPER.format(dir=self.bin, real=self.iprep.programs))
            os.chmod(file.fileno(), 0o755)

    def uninstall(self, program):
        os.unlink(f"{self.bin}/{program}")

    def mode(self, program, word=None):
        """From now on the program does this instead of its work; None: its work."""
        path = f"{self.bin}/{program}.mode"
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        if word:
            with open(path, "w", encoding="ascii") as file:
                file.write(word + "\n")

    def attack(self, jail, address):
        """Five failed logins, which is what the jail counts up to."""
        line = {"sshd": loglines.sshd_failed, "sendmail-auth": loglines.sendmail_auth_failed,
                "dovecot": loglines.dovecot_failed}[jail]
        self.logs.write([line(address)] * 5)

    def ambiguous(self, address):
        self.logs.write([loglines.sendmail_no_mail(address)])

    def shell(self, text):
        """A line as an administrator types it: fail2ban-client and rep-* are what they are here."""
        programs = {name: self.iprep.argv(name) for name in ("rep-purge", "rep-check", "rep-report")}
        for word, argv in {"fail2ban-client": self.command("client"), **programs}.items():
            text = text.replace(f"{word} ", process.show(argv) + " ")
        return self.space.run(["sh", "-c", text], env=self.environment())

    def flush(self):
        """A worker of the timer, to its end; when one runs already it does the work."""
        return process.run(self.iprep.command("rep-report", "--flush", "--linger", "0"), check=False, timeout_s=300)

    def wait(self, condition, timeout_s):
        """Like wait_for, with the timer's worker every few seconds; none starts while its last one runs."""
        def tick():
            if time.monotonic() - self.flushed_at >= TIMER_S:
                self.flushed_at = time.monotonic()
                if self.timer is None or not self.timer.is_running():
                    self.timer = process.Server(self.iprep.command("rep-report", "--flush", "--linger", "0"),
                                                f"{self.world.directory}/logs/timer.log")
            return condition()
        return process.wait_for(tick, timeout_s, every_s=0.2)

    # -- what is looked at

    def connects(self, wanted):
        """{(address, port): True if a connection from there succeeds}."""
        return self.world.network.connects(self.side, wanted)

    def is_open(self, address, port=25):
        return self.connects([(address, port)])[address, port]

    def in_set(self, jail, address):
        """Is it in the jail's own set of the firewall? The verdict jails have tables of their own."""
        table, name = (f"f2b-{jail}", "addr4") if jail in VERDICT_JAILS else ("f2b-table", f"addr-set-{jail}")
        return address in self.nft("list", "set", "inet", table, name, check=False).replace(",", " ").split()

    def known(self, address):
        return self.iprep.known(address)[address]

    def waiting(self):
        """(reports, lookups)"""
        waiting = json.loads(self.iprep.run("rep-report", "--status", "--json", check=True).stdout)["waiting"]
        return waiting["report"], waiting["lookup"]

    def reports(self, address):
        return len(self.world.api.reports_of(address))

    def calls(self, *words):
        """Calls of the hooks that have all these words in them."""
        try:
            with open(f"{self.bin}/calls", encoding="utf-8", errors="replace") as file:
                return [line for line in file.read().splitlines() if all(word in line for word in words)]
        except FileNotFoundError:
            return []

    def workers(self):
        """Ids of the workers that run now."""
        lines = {pid: command_line(pid) for pid in self.space.pids()}
        return [pid for pid, line in lines.items() if "rep-report\0" in line and "--flush" in line]

    def ignored(self, address):
        return self.log().count(f"Ignore {address} by command")


def command_line(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read().decode(errors="replace")
    except OSError:
        return ""
