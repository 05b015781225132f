# SPDX-License-Identifier: MIT
"""
test_compromise.py - everything that a worker may do is done by an attacker

What runs as _iprep here has taken a worker over: it may write the state and the verdict log, and nothing else. Root's
part, fail2ban, must never ban more than single addresses for it, never wait for it for long, and never change a file
of root for it.

That each hook has its own limit, whatever the database contains, is tested in cli/reach; here fail2ban runs.
"""

import contextlib
import hashlib
import ipaddress
import json
import os
import re
import signal
import stat
import subprocess
import time

from host.cases import HookCase, stamp, tell
from places import OWNER, YEAR

HOOK_S = 5                  # no hook waits longer; a busy machine gets as much again and more
WIDE = ("32.0.0.0/3", "128.0.0.0/1", "0.0.0.0/0", "45.0.0.0/8", "45.99.1.0/24", "45.99.1.0/31", "2000::/3", "::/0",
        "2a02::/16", "2a02:4780::/32", "2a02:4780:9:9::/64", "::ffff:45.0.0.0/104", "::ffff:0:0/96")
LINE = "{stamp} iprep[4711]: verdict=confirmed ip={ip} score=99 tier=notorious jail=sshd src=zen,abuseipdb\n"
# What is in the place of a file of the state; made by the attacker, from {path}
OBJECTS = {
    "a FIFO": "mkfifo {path}",
    "a directory": "mkdir {path}",
    "a link to a file of root": "ln -s {root} {path}",
    "a link to a device": "ln -s /dev/zero {path}",
    "a link to itself": "ln -s {path} {path}",
    "a socket": "exec /usr/bin/python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' {path}",
    "garbage": "head -c 100000 /dev/urandom >{path}",
    "nothing readable": "touch {path} && chmod 0 {path}",
}
FILES = ("iprep.db", "iprep.db-wal", "iprep.db-shm", "iprep.db-hooks", "iprep.db-feeds", "make.lock",
         "worker.lock", "wake")


class Compromise(HookCase):
    def setUp(self):
        self.state = self.iprep.path("state")
        self.slowest = (0, "")
        self.root_file = f"{self.top}/of-root"
        with open(self.root_file, "w", encoding="ascii") as file:
            file.write("root's\n")
        os.chmod(self.root_file, 0o644)
        self.before = self.files_of_root()

    def tearDown(self):
        self.assertEqual(self.files_of_root(), self.before, "a file of root has changed")

    def files_of_root(self):
        """{path: what it is}; what the host's own programs write in passing is left out."""
        found = {}
        for top in (self.top, self.iprep.dir, "/etc"):
            for folder, _, names in os.walk(top):
                for name in names:
                    path = f"{folder}/{name}"
                    with contextlib.suppress(FileNotFoundError):
                        one = os.lstat(path)
                        if one.st_uid or not stat.S_ISREG(one.st_mode) or self.is_busy(path):
                            continue
                        with open(path, "rb") as file:
                            found[path] = (one.st_mode, hashlib.sha256(file.read()).hexdigest())
        return found

    def is_busy(self, path):
        return re.search(r"\.(?:log|sqlite3?|pid|out)(?:-\w+)?$|/calls$|/api/|/dns/|/logs/|\.mode$", path)

    # -- what the attacker does -------------------------------------------------

    def attacker(self, *words, check=True, **more):
        return subprocess.run(["setpriv", f"--reuid={OWNER}", f"--regid={OWNER}", "--clear-groups", *words],
                              check=check, capture_output=True, text=True, **more)

    def say(self, *addresses):
        """Lines of the verdict log, as the worker writes them."""
        with open(self.iprep.log_path, "a", encoding="ascii") as file:
            file.write("".join(LINE.format(stamp=stamp(), ip=ip) for ip in addresses))

    def block(self, *prefixes):
        """Rows of blocks with the keys of these prefixes, as far as the database takes them."""
        for prefix in prefixes:
            address = ipaddress.ip_network(prefix, strict=False).network_address
            self.iprep.block(str(address), tier="notorious", left=YEAR, src="zen,abuseipdb")

    @contextlib.contextmanager
    def replaced(self, name, command):
        """A file of the state is something else for a while."""
        path, saved = f"{self.state}/{name}", f"{self.top}/saved"
        self.end_workers()
        with contextlib.suppress(FileNotFoundError):
            os.rename(path, saved)
        self.attacker("sh", "-c", command.format(path=path, root=self.root_file))
        try:
            yield
        finally:
            self.end_workers()
            subprocess.run(["rm", "-rf", path], check=True)
            if os.path.lexists(saved):
                os.rename(saved, path)

    def end_workers(self):
        """They may wait for what is there; the next one goes on where they were."""
        for pid in self.host.workers():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.until_idle()

    # -- what root does ---------------------------------------------------------

    def hooks(self, what):
        """All hooks as the shipped jails call them; each ends soon, whatever it says."""
        one = "45.98.7.6"
        shell = {"gate": self.iprep.gate_argv(one),
                 "is-blocked": self.iprep.argv("rep-check", "--is-blocked", "--", one),
                 "login": self.iprep.argv("rep-check", "--login", "--", one),
                 "enqueue": self.iprep.argv("rep-report", "--enqueue", "--categories=18", "--jail=sshd",
                                                 "--failures=5", f"--time={int(time.time())}", "--", one)}
        for hook, argv in shell.items():
            begun = time.monotonic()
            done = subprocess.run(self.host.space.command(argv), stdin=subprocess.DEVNULL, check=False,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=120)
            took = time.monotonic() - begun
            self.slowest = max(self.slowest, (took, f"{hook}: {what}"))
            self.assertLess(took, 6 * HOOK_S, f"{hook} hangs: {what}")
            if hook == "gate":
                self.assertEqual(done.returncode, 0, f"the gate counts a line: {what}")
            self.assertNotEqual(done.returncode, 10, f"{hook}: {what}")

    def banned(self):
        return {address for address, jails in self.host.bans().items()
                if set(jails) & {"rep-confirmed", "rep-notorious"}}

    def elements(self):
        """What is in the firewall's sets of fail2ban."""
        said = self.host.nft("-j", "list", "ruleset")
        return [element for one in json.loads(said)["nftables"] for element in one.get("set", {}).get("elem", [])]

    # -- the tests --------------------------------------------------------------

    def test_nothing_wider_than_an_address_is_banned_whatever_log_and_database_contain(self):
        self.iprep.run("rep-check", "--ready", check=True)
        self.block(*WIDE)
        self.say(*WIDE)
        honest = "45.97.1.1"                    # what a worker that was taken over can do: ban single addresses
        self.block(f"{honest}/32")
        self.say(honest)
        self.until_banned(honest, "rep-confirmed", "rep-notorious")
        self.say(*WIDE)                         # and again, now that the set exists
        self.block("45.97.1.2/32")
        self.say("45.97.1.2")
        self.until_banned("45.97.1.2", "rep-confirmed", "rep-notorious")
        self.assertEqual([ip for ip in self.banned() if ipaddress.ip_network(ip).num_addresses > 1], [])
        self.assertEqual([one for one in self.elements() if not isinstance(one, str)], [], "a range or a prefix")
        for form in ("nft", "ipset", "cidr", "rbldnsd", "hosts.deny", "text"):
            said = self.iprep.run("rep-check", "--blocks", f"--format={form}").stdout
            self.assertEqual([wide for wide in WIDE if f"{wide}\n" in said or f" {wide}" in said], [], form)

    def test_no_hook_waits_for_an_object_in_the_place_of_a_file(self):
        count = 0
        for name in FILES:
            for what, command in OBJECTS.items():
                if name != "iprep.db" and what not in ("a FIFO", "a directory", "a link to a device"):
                    continue
                with self.subTest(f"{name} is {what}"), self.replaced(name, command):
                    self.hooks(f"{name} is {what}")
                    count += 1
        tell(f"{count} objects, four hooks each: the slowest took {self.slowest[0]:.1f} s ({self.slowest[1]})")
        self.others_are_banned()

    def test_no_hook_waits_for_a_stopped_process_that_holds_all_locks(self):
        self.until_idle()
        holder = subprocess.Popen(
            ["setpriv", f"--reuid={OWNER}", f"--regid={OWNER}", "--clear-groups", "/usr/bin/python3", "-c",
             "import fcntl, os, sqlite3, sys\n"
             "db = sqlite3.connect(sys.argv[1] + '/iprep.db', isolation_level=None)\n"
             "db.execute('BEGIN EXCLUSIVE')\n"
             "held = [open(sys.argv[1] + '/' + name, 'a') for name in ('make.lock', 'worker.lock')]\n"
             "for file in held:\n"
             "    fcntl.lockf(file, fcntl.LOCK_EX)\n"
             "print('held', flush=True)\nsys.stdin.read()\n", self.state],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            self.assertEqual(holder.stdout.readline(), "held\n")
            holder.send_signal(signal.SIGSTOP)
            self.hooks("a stopped process holds the locks")
            self.others_are_banned()
            sure = self.address("unlisted")        # with our action: fail2ban's own ban comes all the same
            self.host.attack("sshd", sure)
            self.until_banned(sure, "sshd")
            self.until_closed(sure, 22)
        finally:
            holder.kill()
            holder.wait()
        tell(f"the slowest took {self.slowest[0]:.1f} s ({self.slowest[1]})")

    def test_no_file_of_root_is_written_through_a_link(self):
        log = self.iprep.log_path
        saved = log + ".saved"
        os.rename(log, saved)
        try:
            self.attacker("ln", "-s", self.root_file, log)
            self.hooks("the verdict log is a link to a file of root")
            for program, *words in (("rep-report", "--flush", "--linger=0"), ("rep-check", "--ready"),
                                    ("rep-purge",), ("rep-purge", "--recheck"), ("rep-check", "--blocks", "--new"),
                                    ("rep-purge", "--pardon", "1d", "45.1.2.3"), ("rep-report", "--status")):
                self.iprep.run(program, *words)
        finally:
            os.unlink(log)
            os.rename(saved, log)
        for name in FILES:
            with self.subTest(name), self.replaced(name, "ln -s {root} {path}"):
                for program, *words in (("rep-check", "--ready"), ("rep-report", "--flush", "--linger=0"),
                                        ("rep-purge", "--reset", "--force"), ("rep-purge",)):
                    self.iprep.run(program, *words)
        # tearDown() looks at all files
