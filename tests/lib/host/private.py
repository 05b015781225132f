# SPDX-License-Identifier: MIT
"""
private.py - a host that consists of a private fail2ban in a network namespace, with iprep or without

Real server, stock configuration, nothing of the machine's: its own directory holds configuration, socket, database and
log. Our files are copied next to the stock ones as by a package; a test adds its own in .local files, as an
administrator's changes do.
"""

import contextlib
import json
import os
import shlex
import shutil
import sys
import time

from host import SHIPPED, process
from host.host import PATH, VERDICT_JAILS, Host
from host.installation import Installation
from host.rbldnsd import ADDRESS as RESOLVER

LOCAL = """\
[Definition]
logtarget = {directory}/fail2ban.log
socket    = {directory}/socket
pidfile   = {directory}/pid
dbfile    = {directory}/fail2ban.sqlite3
"""
# jails whose backend Debian's files set from fail2ban 1.1 on
SERVICES = ("syslog", "sshd", "dropbear", "proftpd", "pureftpd", "wuftpd", "postfix", "dovecot")
READY_S = 60
TIMER_S = 5
BANACTIONS = """\
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
babble) exec yes garbage ;;
status-*) exit "${{mode#status-}}" ;;
"limit "*) ulimit ${{mode#limit }} ;;
first-fails) rm {dir}/$program.mode; exit 75 ;;
first-lies) rm {dir}/$program.mode; {real}/$program "$@"; exit 1 ;;
esac
exec {real}/$program "$@"
"""
# jail -> what it counts up to five of, in the words of OpenSSH 9.2, sendmail 8.17 and Dovecot 2.3
ATTACKS = {
    "sshd": "sshd[811]: Failed password for {user} from {address} port 40022 ssh2",
    "sendmail-auth": "sm-mta[812]: 4AN9pBqR000812: AUTH failure (LOGIN): authentication failure (-13) SASL(-13): "
                     "authentication failure: checkpass failed, user={user}, relay={relay}",
    "dovecot": "dovecot: imap-login: Disconnected (auth failed, 1 attempts in 2 secs): user=<{user}>, method=PLAIN, "
               "rip={address}, lip=192.0.2.10, TLS, session=<bTVAfX8nwI4tFAIC>",
    "ambiguous": "sm-mta[813]: 4AN9pBqR000813: {relay} did not issue MAIL/EXPN/VRFY/ETRN during connection to MTA",
}


def backends(backend):
    """Lines for [DEFAULT] with which all jails but sshd have this backend, also those that Debian lets read the
    journal. [sshd] has one of its own there."""
    names = ("backend", "default_backend", *(f"{service}_backend" for service in SERVICES))
    return "".join(f"{name} = {backend}\n" for name in names)


def command_line(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read().decode(errors="replace")
    except OSError:
        return ""


class Private(Host):
    """packages: with fail2ban of a version; space: a network namespace, None: no server runs; directory: is made."""

    wrap = ()               # words that run the server, e.g. setpriv
    modules = None          # a further directory of Python modules
    iprep = timer = world = None
    flushed_at = 0.0

    def __init__(self, packages, space, directory):
        self.packages, self.space, self.directory = packages, space, directory
        self.config = f"{directory}/etc"
        self.server = None
        os.makedirs(f"{directory}/bin", mode=0o755)
        packages.write_nft(f"{directory}/bin/nft")
        self.auth_log, self.mail_log = f"{directory}/auth.log", f"{directory}/mail.log"
        for path in (self.log_path, self.auth_log, self.mail_log):
            open(path, "ab").close()
        shutil.copytree(packages.fail2ban_config, self.config)
        self.write("fail2ban.local", LOCAL.format(directory=directory))

    @property
    def socket(self):
        return f"{self.directory}/socket"

    @property
    def log_path(self):
        return f"{self.directory}/fail2ban.log"

    def inside(self, path):
        return path if path.startswith("/") else f"{self.config}/{path}"

    def join(self, world, side, programs=None, wrapped=False):
        """A host of the world; programs: the directory of iprep's, None: without; wrapped: called through WRAPPER."""
        self.world, self.side = world, side
        world.stack.callback(self.stop)
        if programs:
            self.iprep = Installation(programs, self.space, RESOLVER, world.api)
            world.installations.append(self.iprep)
            self.bin = programs
        if wrapped:
            self.bin = f"{world.directory}/bin"
            os.makedirs(self.bin, mode=0o755)
            for program in ("rep-check", "rep-report"):
                self.install(program)

    # -- configuration

    def add_files(self, source=SHIPPED):
        """Copy action.d, fail2ban.d, filter.d and jail.d below source into the configuration."""
        for part in ("action.d", "fail2ban.d", "filter.d", "jail.d"):
            for name in sorted(one for one in os.listdir(f"{source}/{part}") if one[0] != "_"):
                shutil.copy(f"{source}/{part}/{name}", f"{self.config}/{part}")

    def configure(self, jails, ours=(), logs=None, more=""):
        """jails: {stock jail: (category of its reports or None, further lines), or None: off}; ours: those of
        jail.d/iprep.conf; logs: {variable of paths-common.conf: paths}; more: a further file of jails."""
        logs = logs or {"sshd_log": [self.auth_log], "syslog_mail": [self.mail_log], "dovecot_log": [self.mail_log]}
        text = "[DEFAULT]\n" + backends("polling") + BANACTIONS
        text += "".join(f"{name} = " + "\n    ".join(paths) + "\n" for name, paths in logs.items())
        if self.iprep:
            places = {"bin": self.bin, "conf": self.iprep.path("iprep.conf"), "log": self.iprep.log_path}
            self.add_files()
            self.write("action.d/iprep.local", ACTION.format(**places))
            text += PROGRAMS.format(**places)
        for name, given in jails.items():
            category, lines = given or (None, "")
            reports = REPORTS.format(category) if self.iprep and category is not None else ""
            text += f"[{name}]\nenabled = {str(bool(given)).lower()}\nbackend = polling\n{lines}{reports}"
        text += "".join(f"[{name}]\nenabled = true\n" for name in ours if self.iprep)
        self.write("jail.local", text)
        self.write("jail.d/more.local", more)

    def test_configuration(self):
        """What "fail2ban-client -t" says; CommandError if it is not OK."""
        return self.client("-t")

    # -- programs

    def command(self, argv):
        return self.space.command(argv) if self.space else list(argv)

    def environment(self):
        paths = [self.packages.fail2ban_modules, *([self.modules] if self.modules else [])]
        return {"PATH": f"{self.directory}/bin:{PATH}", "PYTHONPATH": ":".join(paths), "PYTHONDONTWRITEBYTECODE": "1",
                "PYTHONUNBUFFERED": "1", "LC_ALL": "C.UTF-8", "TZ": "UTC"}

    def part(self, part, *words):
        """The command line of fail2ban's server, client or regex."""
        wrap = self.wrap if part == "server" else ()
        return [*wrap, sys.executable, self.packages.fail2ban(part), "-c", self.config, *words]

    def client(self, *words, check=True):
        return process.run(self.part("client", *words), check=check, env=self.environment()).stdout

    def write_client(self, path):
        """A command that is its client, whatever the environment."""
        settings = [f"{name}={shlex.quote(value)}" for name, value in self.environment().items()]
        words = [shlex.quote(word) for word in self.part("client")]
        self.write(path, f'#!/bin/sh\nexec env -i {" ".join(settings + words)} "$@"\n', 0o755)

    def shell(self, text):
        """A line as an administrator types it: fail2ban-client and rep-* are what they are here."""
        programs = {name: self.iprep.argv(name) for name in ("rep-purge", "rep-check", "rep-report")}
        for word, argv in {"fail2ban-client": self.part("client"), **programs}.items():
            text = text.replace(f"{word} ", process.show(argv) + " ")
        return self.run("sh", "-c", text)

    def nft(self, *words, check=True):
        """What the firewall of its namespace says."""
        return self.space.run([f"{self.directory}/bin/nft", *words], check=check).stdout

    # -- the server

    def start(self):
        before = self.times_ready()
        argv = self.space.command(self.part("server", "-f", "start"))
        self.server = process.Server(argv, f"{self.directory}/server.out", env=self.environment())
        # it answers "ping" before it has its jails
        self.server.await_ready(lambda: self.times_ready() > before, timeout_s=READY_S, log_path=self.log_path)

    def times_ready(self):
        path = f"{self.directory}/server.out"
        return self.read(path).count("Server ready") if os.path.exists(path) else 0

    def stop(self):
        """Stop it with its client; the process ends on its own."""
        if self.server is None:
            return
        if self.server.is_running():
            self.client("stop", check=False)
            process.wait_for(lambda: not self.server.is_running(), 20)
        self.server.stop()
        self.server = None

    def kill(self):
        """As in a power cut: nothing is written any more."""
        self.server.child.kill()
        self.server.child.wait()
        self.server = None
        self.forget("socket", "pid")

    def forget(self, *names):
        """What an earlier server left: these, or everything."""
        for name in names or ("socket", "pid", "fail2ban.sqlite3"):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(f"{self.directory}/{name}")

    def restart(self):
        self.stop()
        self.start()

    # -- what is done

    def install(self, program):
        self.write(f"{self.bin}/{program}", WRAPPER.format(dir=self.bin, real=self.iprep.programs), 0o755)

    def mode(self, program, word=None):
        """From now on the program does this instead of its work, or is missing; None: its work."""
        path = f"{self.bin}/{program}"
        if word == "missing":
            os.unlink(path)
            return
        if not os.path.exists(path):
            self.install(program)
        self.write(f"{path}.mode", f"{word}\n" if word else "")

    def attack(self, jail, address, user="info"):
        """Five failed logins, which is what the jail counts up to; or one line that is ambiguous."""
        for _ in range(1 if jail == "ambiguous" else 5):
            self.log_line(ATTACKS[jail], address, user)

    def ambiguous(self, address):
        self.attack("ambiguous", address)

    def log_line(self, text, address="", user=""):
        """A line in the traditional format of syslog, in UTC as fail2ban has it here."""
        relay = f"[IPv6:{address}]" if ":" in address else f"[{address}]"
        stamp = time.strftime("%b %e %H:%M:%S", time.gmtime())
        self.append(self.auth_log if text.startswith("sshd") else self.mail_log,
                    f"{stamp} mail {text.format(address=address, user=user, relay=relay)}\n")

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

    def wait_idle(self, timeout_s):
        """Until no worker runs."""
        return self.wait(lambda: not self.workers(), timeout_s)

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
        path = f"{self.bin}/calls"
        lines = self.read(path).splitlines() if os.path.exists(path) else []
        return [line for line in lines if all(word in line for word in words)]

    def workers(self):
        """Ids of the workers that run now."""
        lines = {pid: command_line(pid) for pid in self.space.pids()}
        return [pid for pid, line in lines.items() if "rep-report\0" in line and "--flush" in line]
