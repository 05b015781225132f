# SPDX-License-Identifier: MIT
"""
running.py - what the running fail2ban-server and its hooks can do

A child enters the namespaces and the root directory of the server and takes its limits and privileges (proc(5),
namespaces(7), capabilities(7)). It opens the files that the jails read, and runs "rep-check --ready" as the hooks
would. Not taken over: system call filters, AppArmor and SELinux, which is told.
"""

import contextlib
import ctypes
import functools
import json
import os
import re
import resource
import select
import shutil
import signal
import struct
import subprocess
import time
import typing

PID_FILE = "/run/fail2ban/fail2ban.pid"     # fail2ban.conf, pidfile
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
TRY_S = 15                                  # timeout for all tries
FIREWALL_S = 5                              # timeout for one question to a firewall
ANSWER_MAX = 1 << 20
CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_SETGID, CAP_SETUID, CAP_NET_ADMIN = 1, 2, 6, 7, 12   # linux/capability.h
CAP_LAST = 63
CLONE_NEWNS, CLONE_NEWUSER = 0x00020000, 0x10000000         # linux/sched.h
PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 24, 38               # linux/prctl.h
CAPABILITY_VERSION_3 = 0x20080522
LIMITS = tuple(getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_"))


class Firewall(typing.NamedTuple):
    """What a firewall program answers if the firewall is off."""
    name: str
    state: str                  # what it then is not
    arguments: tuple
    statuses: tuple
    text: str                   # an expression for a line; empty: the statuses decide
    remedy: str

    def state_now(self, program, path):
        """("on", "off" or "unknown", why)"""
        done = subprocess.run([shutil.which(program, path=path) or program, *self.arguments], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={"PATH": path, "LC_ALL": "C"}, check=False)
        text = done.stdout.decode("utf-8", "replace")
        if done.returncode in self.statuses or self.text and re.search(self.text, text, re.M):
            return "off", ""
        if done.returncode != 0:
            return "unknown", first_line(text) or f"exit status {done.returncode}"
        return "on", ""


# Where one of them is off, its program takes a rule, or fails, and fail2ban logs a ban. Sources: ufw 0.36.2,
# backend_iptables.py; firewalld 1.3.3, errors.py (not running, failed); shorewall 5.2.8, lib.cli (stopped, never started).
FIREWALLS = {
    "ufw": Firewall("ufw", "active", ("status",), (), r"^Status: inactive$", "ufw enable"),
    "firewall-cmd": Firewall("firewalld", "running", ("--state",), (251, 252), "", "systemctl enable --now firewalld"),
    "shorewall": Firewall("Shorewall", "started", ("status",), (3, 4), "", "systemctl enable --now shorewall"),
}


class Server:
    """The process of fail2ban-server, as root sees it."""

    def __init__(self, pid, status):
        self.pid = pid
        self.status = status
        self.environment = self.read("environ").split(b"\0")

    @classmethod
    def find(cls, path=PID_FILE):
        """None if it is not running."""
        try:
            with open(path, encoding="ascii") as file:
                pid = int(file.read())
            with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
                status = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                command = file.read()
        except (OSError, ValueError):
            return None
        if "fail2ban" not in status.get("Name", "") and b"fail2ban-server" not in command:
            return None             # an old file
        return cls(pid, status)

    def read(self, name):
        try:
            with open(f"/proc/{self.pid}/{name}", "rb") as file:
                return file.read(1 << 20)
        except OSError:
            return b""

    @property
    def path(self):
        """Where its shell finds programs"""
        return next((word[5:].decode("utf-8", "replace") for word in self.environment if word.startswith(b"PATH=")), PATH)

    def has_bound(self, capability):
        """Whether programs that it starts can have the capability"""
        return bool(int(self.status.get("CapBnd", "0"), 16) >> capability & 1)

    @property
    def filters(self):
        """What was not taken over by the tries"""
        names = []
        if self.status.get("Seccomp", "0") != "0":
            names.append("system call filter")
        label = self.read("attr/current").rstrip(b"\0\n").decode("ascii", "replace")
        if label and label != "unconfined" and not label.endswith("(unconfined)") and "unconfined_t" not in label:
            names.append(f"security profile {label}")
        return " and ".join(names)

    @property
    def started_at(self):
        """In seconds since 1970"""
        with contextlib.suppress(OSError, ValueError, IndexError):
            ticks = int(self.read("stat").rpartition(b")")[2].split()[19])
            return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME) + ticks / os.sysconf("SC_CLK_TCK")
        return 0

    def enter(self):
        """Become a process as fail2ban's hooks are. OSError if that is not possible."""
        libc = ctypes.CDLL(None, use_errno=True)

        def call(what, result):
            if result < 0:
                raise OSError(ctypes.get_errno(), f"{what}: {os.strerror(ctypes.get_errno())}")
        spaces = []
        for name, kind in (("user", CLONE_NEWUSER), ("mnt", CLONE_NEWNS)):
            if os.readlink(f"/proc/{self.pid}/ns/{name}") != os.readlink(f"/proc/self/ns/{name}"):
                spaces.append((name, os.open(f"/proc/{self.pid}/ns/{name}", os.O_RDONLY), kind))
        root = os.open(f"/proc/{self.pid}/root", os.O_PATH | os.O_DIRECTORY)
        limits = []
        with contextlib.suppress(OSError):      # of another user: needs CAP_SYS_RESOURCE
            limits = [(limit, resource.prlimit(self.pid, limit)) for limit in LIMITS]
        for name, space, kind in spaces:
            call(f"setns({name})", libc.setns(space, kind))
        os.fchdir(root)
        os.chroot(".")
        os.chdir("/")
        for limit, values in limits:
            with contextlib.suppress(OSError, ValueError):
                resource.setrlimit(limit, values)
        bound = int(self.status["CapBnd"], 16)
        for capability in range(CAP_LAST + 1):
            if not bound >> capability & 1:
                libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)    # EINVAL: the kernel does not know it
        if self.status.get("NoNewPrivs") == "1":
            call("no_new_privs", libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        uids, gids = ([int(word) for word in self.status[name].split()] for name in ("Uid", "Gid"))
        if uids[:3] != [0, 0, 0] or not spaces:
            os.setgroups([int(word) for word in self.status.get("Groups", "").split()])
            os.setresgid(*gids[:3])
            os.setresuid(*uids[:3])
        kept = int(self.status["CapEff"], 16) if uids[1] == 0 else 0
        header = struct.pack("Ii", CAPABILITY_VERSION_3, 0)
        low, high = kept & 0xffffffff, kept >> 32
        call("capset", libc.capset(header, struct.pack("6I", low, low, 0, high, high, 0)))


def in_child(server, work, seconds=TRY_S):
    """(what work() returns in a child that has entered the server, or None; why not)"""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reading)
            os.setpgid(0, 0)
            if server:
                server.enter()
            answer = {"answer": work()}
        except BaseException as error:      # pylint: disable=broad-exception-caught
            answer = {"trouble": str(getattr(error, "strerror", None) or error)}
        with contextlib.suppress(BaseException):
            os.write(writing, json.dumps(answer).encode())
        os._exit(0)
    os.close(writing)
    end = time.monotonic() + seconds
    data = b""
    while len(data) < ANSWER_MAX and select.select([reading], [], [], max(0, end - time.monotonic()))[0]:
        more = os.read(reading, 1 << 16)
        if not more:
            break
        data += more
    os.close(reading)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    try:
        answer = json.loads(data)
        return answer.get("answer"), answer.get("trouble", "")
    except ValueError:
        return None, "timed out"


def missing_of(programs, path=PATH):
    """The groups of which no program is installed. A name that contains a tag is assumed to be."""
    return [" or ".join(group) for group in programs if group and not any(
        "<" in name or shutil.which(name, path=path) for name in group)]


def identity(path):
    """[device, inode], or the error of opening it for reading"""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        status = os.fstat(descriptor)
        os.close(descriptor)
        return [status.st_dev, status.st_ino]
    except OSError as error:
        return error.strerror


def first_line(text):
    """Of what a program printed; at most 300 characters"""
    return next((line.strip()[:300] for line in text.splitlines() if line.strip()), "")


def run_hook(argv, path):
    """[status, first line]"""
    try:
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              env={"PATH": path, "LC_ALL": "C"}, timeout=TRY_S, check=False)
    except subprocess.TimeoutExpired:
        return [-1, "timed out"]
    except OSError as error:
        return [-1, f"{argv[0]}: {error.strerror}"]
    return [done.returncode, first_line(done.stdout.decode("utf-8", "replace")) or f"exit status {done.returncode}"]


class Tries:
    """What is to be tried in the place of the server"""

    def __init__(self, jails, settings):
        relevant = [jail for jail in jails if jail.is_relevant]
        self.programs = {jail.name: [group for action in jail.actions.values() for group in action.programs()]
                         for jail in relevant}
        self.hooks = sorted({hook for jail in relevant for hook in hooks_of(jail)})
        self.logs = sorted({path for jail in relevant for path in jail.files if not jail.uses_journal})
        self.written = sorted({action.values["file"] for jail in relevant for action in jail.actions.values()
                               if "hostsdeny" in action.name and action.values.get("file", "").startswith("/")})
        self.settings = settings

    def run(self, path):
        return {"missing": {name: missing_of(programs, path) for name, programs in self.programs.items()},
                "hooks": [[hook, *run_hook([*hook.split(), "--ready"], path)] for hook in self.hooks],
                "state": identity(self.settings.state), "log": identity(self.settings.log),
                "logs": {name: identity(name) for name in self.logs},
                "refused": [name for name in self.written
                            if not os.access(name if os.path.exists(name) else os.path.dirname(name), os.W_OK)]}


def hooks_of(jail):
    """The programs that its hooks run, with their options, such as "/usr/bin/rep-check --config=/srv/iprep.conf\""""
    text = "\n".join([jail.ignorecommand, *(action.command("actionban") for action in jail.actions.values()),
                      *(f"{action.values.get('rep_check', '/usr/bin/rep-check')} --gate" for action in
                        jail.actions.values() if action.is_python)])
    # the report command has the options of rep-check: action.d/iprep.conf
    return {re.sub(r"rep-report(?= |$)", "rep-check", " ".join(found.split())) for found in
            re.findall(r"(/\S*/rep-(?:check|report)(?: +-[\w-]+(?:=[^\s;|&<>\"'$`]+)?)*?) +--(?:gate|login|is-blocked|enqueue)\b",
                       text)}


def dirs_to_write(settings):
    return " ".join(sorted({os.path.dirname(settings.state), os.path.dirname(settings.log)}))


def check_hooks(server, found, ours, add_row, settings):
    """ours: what [found] is for this process, for comparison"""
    what = "running fail2ban"
    failed = [(hook, text) for hook, status, text in found["hooks"] if status != 0]
    elsewhere = [path for path, key in ((settings.state, "state"), (settings.log, "log"))
                 if isinstance(ours[key], list) and found[key] != ours[key] and isinstance(found[key], list)]
    if not (server.has_bound(CAP_SETUID) and server.has_bound(CAP_SETGID)):
        add_row("error", what, "it runs without CAP_SETUID or CAP_SETGID, so every hook fails; add both to "
                "CapabilityBoundingSet of its unit")
    elif failed:
        hook, text = failed[0]
        add_row("error", what, f"its hooks fail ({hook.split()[0]} --ready: {text}); add \"{dirs_to_write(settings)}\" to "
                "ReadWritePaths of its unit, and check ProtectSystem, PrivateTmp and the other settings of its unit")
    elif elsewhere:
        add_row("error", what, f"its hooks see another file as {elsewhere[0]}; check PrivateTmp, TemporaryFileSystem and "
                "BindPaths of its unit")
    elif server.filters:
        add_row("unknown", what, f"its hooks work, but were tried without its {server.filters}")
    elif found["hooks"]:
        add_row("ok", what, "its hooks can write the state")
    unread = [(path, text) for path, text in found["logs"].items() if isinstance(text, str) and isinstance(ours["logs"][path], list)]
    for path, text in unread:
        add_row("error", what, f"it cannot read {path}: {text}; " + (
            "add CAP_DAC_READ_SEARCH to CapabilityBoundingSet of its unit" if text == os.strerror(13) else
            "check PrivateTmp, InaccessiblePaths and the other settings of its unit"))
    for path in found["refused"]:
        add_row("error", what, f"it cannot write {path}, so bans fail; add it to ReadWritePaths of its unit")


def check_network(server, add_row):
    """A firewall is one of a network namespace. The self-test runs where the services of this host do."""
    with contextlib.suppress(OSError):
        if os.readlink(f"/proc/{server.pid}/ns/net") != os.readlink("/proc/self/ns/net"):
            add_row("error", "fail2ban", "it runs in another network namespace, so its bans do not protect this host; check "
                    "PrivateNetwork and NetworkNamespacePath of its unit")


def check_programs(found, jails, add_row, server):
    for jail in jails:
        for program in found["missing"].get(jail.name, ()):
            add_row("error", f"jail {jail.name}", f"{program} is not installed, so this jail cannot ban; install it, or set "
                    "another banaction")
        if server and not server.has_bound(CAP_NET_ADMIN) and jail.is_relevant and \
                any(action.needs_net_admin for action in jail.actions.values()):
            add_row("error", f"jail {jail.name}", "fail2ban runs without CAP_NET_ADMIN, so this jail cannot ban; add it to "
                    "CapabilityBoundingSet of its unit")


def check_firewalls(server, tries, missing, add_row):
    """Whether the firewalls filter at all, each asked once and for a limited time"""
    users = {}
    for jail, groups in tries.programs.items():
        for program in {name for group in groups for name in group}:
            if os.path.basename(program) in FIREWALLS and program not in missing.get(jail, ()):
                users.setdefault(program, []).append(jail)
    path = server.path if server else PATH
    for program, jails in sorted(users.items()):
        firewall = FIREWALLS[os.path.basename(program)]
        answer, trouble = in_child(server, functools.partial(firewall.state_now, program, path), FIREWALL_S)
        state, why = answer or ("unknown", trouble)
        for jail in jails:
            if state == "off":
                add_row("error", f"jail {jail}", f"{firewall.name} is not {firewall.state}, so this jail cannot ban; run "
                        f"\"{firewall.remedy}\", or set another banaction")
            elif state == "unknown":
                add_row("unknown", f"jail {jail}", f"whether {firewall.name} is {firewall.state} was not checked: {why}")


def config_changed_at(directory):
    """When a file of fail2ban's configuration was changed"""
    newest = 0.0
    for top, _, names in os.walk(directory):
        for name in names:
            with contextlib.suppress(OSError):
                newest = max(newest, os.stat(os.path.join(top, name)).st_mtime)
    return newest


def check_jail_list(server, jails, text, add_row, config):
    """text: the output of "fail2ban-client status"; None if the server did not answer"""
    listed = re.search(r"Jail list:\s*(.*)", text or "")
    if not listed:
        add_row("unknown", "running fail2ban", "its jails were not checked: fail2ban-client status failed")
        return
    running = set(re.split(r"[,\s]+", listed[1].strip()))
    for jail in jails:
        if jail.name in running or not jail.is_relevant:
            continue
        if config_changed_at(config) > server.started_at:
            add_row("mismatch", f"jail {jail.name}", "it is enabled, but does not run yet; reload fail2ban")
        else:
            add_row("error", f"jail {jail.name}", "it is enabled, but does not run; fail2ban.log says why")


def check_running(server, jails, settings, add_row, status_text):
    """As root. status_text(): the output of "fail2ban-client status"."""
    tries = Tries(jails, settings)
    if not server or os.geteuid() != 0:
        why = "it is not running" if not server else "only root can see it"
        add_row("unknown", "running fail2ban", f"{why}, so its jails and what its hooks can write were not checked")
        missing = {name: missing_of(groups) for name, groups in tries.programs.items()}
        check_programs({"missing": missing}, jails, add_row, None)
        check_firewalls(None, tries, missing, add_row)
        return
    ours = {"state": identity(settings.state), "log": identity(settings.log), "logs": {name: identity(name) for name in tries.logs}}
    found, trouble = in_child(server, lambda: tries.run(server.path))
    if found is None:
        add_row("unknown", "running fail2ban", f"what its hooks can write was not checked: {trouble}")
        found = {"missing": {name: missing_of(groups) for name, groups in tries.programs.items()}}
        check_programs(found, jails, add_row, server)
    else:
        check_hooks(server, found, ours, add_row, settings)
        check_programs(found, jails, add_row, server)
    check_firewalls(server, tries, found["missing"], add_row)
    check_network(server, add_row)
    check_jail_list(server, jails, status_text(), add_row, settings.fail2ban_config)
