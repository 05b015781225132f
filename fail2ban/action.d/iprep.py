# SPDX-License-Identifier: MIT
"""
iprep.py - fail2ban action in Python: the hooks of iprep without a command for each line

The shell commands of all jails run one after another, under one lock, and start several programs for each log
line. This action asks "rep-check --gate --serve", one process for all jails, which it starts and restarts. The
threads of fail2ban only put a request into a queue; they never wait for the process, whatever it does.

Parameters:
  mode        report      (default) record each ban, as the action iprep[...] does
              gate        decide which lines count, in place of the gate in ignorecommand
              names       gate, for jails that count user names (rep-spray)
              login       record logins, in place of --login in ignorecommand
              is-blocked  count only lines of blocked addresses, in place of --is-blocked in ignorecommand
  category    mode report: AbuseIPDB categories, category="18,22"; empty: [report] categories of iprep.conf
  rep_check   the program with its options (default /usr/bin/rep-check)

Examples, in jail.local; the rest of the jail stays as it is:
  [sshd]
  action = %(known/action)s
           iprep.py[category="18,22"]
  [rep-sendmail-ambiguous]
  action = %(known/action)s
           iprep.py[mode=gate, rep_check="%(rep_check)s"]
  [rep-spray]
  action = %(known/action)s
           iprep.py[mode=names, actname=iprep-names, rep_check="%(rep_check)s"]

An action of fail2ban runs after an address was banned, and ignorecommand has no form in Python. In the modes but
report, this action therefore takes the place of the function of the filter that decides which lines are ignored.
It is not part of fail2ban's interface. Each line is ignored first ("Ignore ADDRESS by iprep"), and is counted
("Found ADDRESS") when the answer is to count it, so that "Ban" in the log and in the status always is a ban. If this
version of fail2ban has no such function, or the action is not loaded, the ignorecommand of the jail runs as before.

What is lost is logged: requests beyond QUEUE_MAX, and those that failed TRIES_MAX times. At the end of fail2ban,
unanswered requests are handed over to a process of their own. A line whose answer is lost is counted when the
address is seen again.
"""

import collections
import itertools
import os
import re
import select
import shlex
import subprocess
import sys
import threading
import time
import types
import urllib.parse

from fail2ban.helpers import getLogger
from fail2ban.server.action import ActionBase
from fail2ban.server.mytime import MyTime
from fail2ban.server.ticket import FailTicket

QUEUE_MAX = 10000       # requests; some megabytes
PIPE_BYTES = 65536      # written at a time
ANSWER_S = 10           # the database is waited for 4.6 s at most
BACK_OFF_S = (0.1, 30)  # before the process is started again: first, most
STEADY_S = 10           # a process that ran for this time was no failure
TRIES_MAX = 20          # of one request, whose process ended or that failed
RETRY_S = 5             # after a failure
USER_BYTES = 1025       # a longer name is no name to rep-check
SAY_S = 60              # the same trouble is logged once in this time
ADDRESS = re.compile(r"[0-9A-Fa-f:.]+(?:/\d{1,3})?")
ANSWER = re.compile(rb"(\S+) (\d{1,3})(?: ([ -~]*))?")
COUNTS = 10

logSys = getLogger("fail2ban.iprep")


class Request:
    def __init__(self, words, on_answer):
        self.words = words              # "gate --jail=x 45.1.1.1"
        self.on_answer = on_answer      # gets the status; None: nothing follows from it
        self.tries = 0
        self.due = 0                    # not sent before


class Gate:
    """The process and its requests. One thread does all of it; submit() is for all others."""

    def __init__(self, argv):
        self.argv = argv
        self.lock = threading.Lock()
        self.waiting = collections.deque()
        self.sent = collections.OrderedDict()   # id: (request, when)
        self.later = []                         # requests that failed
        self.users = 0
        self.thread = None
        self.ends = False
        self.lost = 0
        self.said = {}
        self.ids = itertools.count(1)
        self.process = None
        self.started = self.start_at = 0
        self.delay = BACK_OFF_S[0]
        self.output = b""               # to the process
        self.input = b""                # from it
        self.wake_fds = os.pipe()
        for fd in self.wake_fds:
            os.set_blocking(fd, False)

    # -- for threads of fail2ban

    def submit(self, words, on_answer=None):
        with self.lock:
            if len(self.waiting) + len(self.sent) + len(self.later) >= QUEUE_MAX:
                self.lost += 1
            else:
                self.waiting.append(Request(words, on_answer))
            self.start_thread()
        self.wake()

    def start_thread(self):
        """With the lock held. If no thread can start, the next request tries again."""
        if self.ends or (self.thread and self.thread.is_alive()):
            return
        thread = threading.Thread(target=self.run, name="iprep-gate", daemon=True)
        try:
            thread.start()
        except (RuntimeError, MemoryError) as error:
            self.say("start", "%s; %d requests wait, %d were lost", error, len(self.waiting), self.lost)
        else:
            self.thread = thread

    def wake(self):
        try:
            os.write(self.wake_fds[1], b".")
        except BlockingIOError:
            pass                        # it is awake

    def unanswered(self):
        with self.lock:
            return [one for one, _ in self.sent.values()] + list(self.waiting) + self.later

    def end(self):
        """The last jail has stopped."""
        until = time.monotonic() + 0.02
        while self.unanswered() and time.monotonic() < until:
            time.sleep(0.002)
        with self.lock:
            self.ends = True
            rest = [one for one, _ in self.sent.values()] + list(self.waiting) + self.later
            self.waiting.clear()
        self.wake()
        if rest:
            self.hand_over(rest)

    def hand_over(self, requests):
        """To a process that reads them from memory: it does not need this one, and no room on a disk."""
        try:
            with os.fdopen(os.memfd_create("iprep"), "w+b") as file:
                file.write("".join(f"{number} {one.words}\n" for number, one in enumerate(requests)).encode())
                file.seek(0)
                subprocess.Popen(self.argv, stdin=file, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                 start_new_session=True, cwd="/")
        except (OSError, MemoryError) as error:
            logSys.error("%d requests were lost at the end: %r", len(requests), error)
            return
        logSys.info("handed %d requests over to a process of their own", len(requests))

    # -- the thread

    def run(self):
        while not self.ends:
            try:
                self.turn()
            except Exception as error:  # pylint: disable=broad-except
                self.say("thread", "%r", error)
                self.end_process("an internal error")
                time.sleep(BACK_OFF_S[0])       # the next turn may fail too
        self.end_process(None)
        for fd in self.wake_fds:
            os.close(fd)

    def say(self, what, text, *args):
        now = time.monotonic()
        if now >= self.said.get(what, 0):
            self.said[what] = now + SAY_S
            logSys.error(text, *args)

    def turn(self):
        now = time.monotonic()
        self.take_later(now)
        if not self.process and self.waiting and now >= self.start_at:
            self.start_process(now)
        if self.process:
            self.fill(now)
            self.write()
        self.wait(now)
        if self.process:
            self.read()
        with self.lock:
            oldest = next(iter(self.sent.values()), None)
        if self.process and oldest and time.monotonic() > oldest[1] + ANSWER_S:
            self.end_process(f"no answer for {ANSWER_S} s")
        if self.lost:
            self.say("lost", "%d requests were lost: %d wait already", self.lost, QUEUE_MAX)

    def take_later(self, now):
        with self.lock:
            self.waiting.extend(one for one in self.later if one.due <= now)
            self.later = [one for one in self.later if one.due > now]

    def fill(self, now):
        lines = []
        size = len(self.output)
        with self.lock:
            while self.waiting and size < PIPE_BYTES:
                request = self.waiting.popleft()
                number = next(self.ids)
                self.sent[b"%d" % number] = request, now
                lines.append(f"{number} {request.words}\n")
                size += len(lines[-1])
        self.output += "".join(lines).encode()

    def write(self):
        try:
            while self.output:
                self.output = self.output[os.write(self.process.stdin.fileno(), self.output[:PIPE_BYTES]):]
        except BlockingIOError:
            pass
        except OSError as error:
            self.end_process(error.strerror)

    def wait(self, now):
        """Until there is something to do."""
        poll = select.poll()            # select() knows descriptors below 1024 only
        poll.register(self.wake_fds[0], select.POLLIN)
        with self.lock:
            times = [when + ANSWER_S for _, when in itertools.islice(self.sent.values(), 1)]
            times += [one.due for one in self.later]
            if not self.process and self.waiting:
                times.append(self.start_at)
        if self.process:
            poll.register(self.process.stdout.fileno(), select.POLLIN)
            if self.output:
                poll.register(self.process.stdin.fileno(), select.POLLOUT)
        poll.poll(max(0, min(times) - now) * 1000 + 1 if times else None)
        try:
            while len(os.read(self.wake_fds[0], 4096)) == 4096:
                pass
        except BlockingIOError:
            pass

    def read(self):
        try:
            data = os.read(self.process.stdout.fileno(), PIPE_BYTES)
        except BlockingIOError:
            return
        if not data:
            self.end_process("it ended")
            return
        *lines, self.input = (self.input + data).split(b"\n")
        for line in lines:
            if not self.answer(line):
                self.end_process("it answered %r" % line[:60])
                return
        if len(self.input) > PIPE_BYTES:
            self.end_process("a line without end")

    def answer(self, line):
        """False: it is none to a request of ours."""
        match = ANSWER.fullmatch(line)
        with self.lock:
            request, _ = self.sent.pop(match.group(1), (None, None)) if match else (None, None)
        if not request:
            return False
        status, reason = int(match.group(2)), (match.group(3) or b"").decode()
        if status not in (0, COUNTS):
            self.failed(request, status, reason)
        elif request.on_answer:
            self.tell(request, status)
        return True

    def tell(self, request, status):
        try:
            request.on_answer(status)
        except Exception as error:  # pylint: disable=broad-except
            self.say("answer", "%s: %r", request.words, error)

    def failed(self, request, status, reason):
        request.tries += 1
        again = status not in (64, 65) and request.tries < TRIES_MAX
        self.say("failed", "%s: %s (status %d), %s", request.words, reason, status,
                 "trying again" if again else "giving up")
        if again:
            request.due = time.monotonic() + RETRY_S
            with self.lock:
                self.later.append(request)

    # -- the process

    def start_process(self, now):
        self.started = now
        self.output = self.input = b""
        try:
            # no preexec_fn: fail2ban has threads
            self.process = subprocess.Popen(self.argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                            stderr=subprocess.DEVNULL, bufsize=0, start_new_session=True, cwd="/")
        except OSError as error:
            self.say("start", "%s: %s", self.argv[0], error.strerror)
            self.back_off(now)
            return
        for pipe in (self.process.stdin, self.process.stdout):
            os.set_blocking(pipe.fileno(), False)

    def back_off(self, now):
        if now > self.started + STEADY_S:
            self.delay = BACK_OFF_S[0]
        self.start_at = now + self.delay
        self.delay = min(self.delay * 2, BACK_OFF_S[1])

    def end_process(self, why):
        """What it has not answered is asked again: a request that is recorded twice counts once."""
        process, self.process = self.process, None
        if not process:
            return
        if why:
            self.say("ended", "%s: %s; starting it again", self.argv[0], why)
        if why or self.sent:
            process.kill()              # it may be stopped
        process.stdin.close()           # it ends after what it has read
        process.stdout.close()
        try:
            threading.Thread(target=process.wait, daemon=True).start()
        except (RuntimeError, MemoryError):
            pass                        # the next Popen() waits for it
        self.back_off(time.monotonic())
        with self.lock:
            for request, _ in reversed(self.sent.values()):
                request.tries += 1
                if request.tries < TRIES_MAX:
                    self.waiting.appendleft(request)
                else:
                    self.say("failed", "%s: given up after %d tries", request.words, TRIES_MAX)
            self.sent.clear()


def gates():
    """{arguments: Gate} of this server, which loads this file again for each jail."""
    shared = sys.modules.setdefault("_fail2ban_iprep", types.ModuleType("_fail2ban_iprep"))
    return shared.__dict__.setdefault("lock", threading.Lock()), shared.__dict__.setdefault("gates", {})


def gate_of(argv):
    lock, all_gates = gates()
    with lock:
        gate = all_gates[argv] = all_gates.get(argv) or Gate(argv)
        gate.users += 1
        return gate


def release(gate):
    lock, all_gates = gates()
    with lock:
        gate.users -= 1
        if gate.users:
            return
        del all_gates[gate.argv]
    gate.end()


def option(name, value):
    if isinstance(value, str):
        value = value.encode("utf-8", "surrogateescape")
    return f"--{name}=" + urllib.parse.quote(value, safe=",:")


class IprepAction(ActionBase):
    MODES = {"report": None, "gate": "gate", "names": "gate", "login": "login", "is-blocked": "is-blocked"}

    def __init__(self, jail, name, mode="report", category="", rep_check="/usr/bin/rep-check", **_more):
        super().__init__(jail, name)
        self.norestored = 1
        self.gate = self.original = self.command = self.cache = None
        self.set_up(mode, category, rep_check)

    def set_up(self, mode, category, rep_check):
        if mode not in self.MODES:
            raise ValueError(f"iprep.py: mode {mode!r}: expected one of {', '.join(self.MODES)}")
        self.mode = mode
        self.category = category
        gate = gate_of((*shlex.split(rep_check), "--gate", "--serve"))
        if self.gate:
            release(self.gate)
        self.gate = gate
        if self.MODES[mode]:
            self.take_over()
        else:
            self.give_back()

    # -- which lines count

    def take_over(self):
        if self.original:
            return
        self.original = getattr(self._jail.filter, "_inIgnoreIPList", None)
        if not self.original:
            self._logSys.error("[%s] this version of fail2ban cannot be asked in Python; ignorecommand stays",
                               self._jail.name)
            return
        self._jail.filter._inIgnoreIPList = self.is_ignored

    def give_back(self):
        filter_ = self._jail.filter
        if not self.original:
            return
        if self.command:
            filter_.ignoreCommand = self.command
        if self.cache:
            filter_.ignoreCache = dict(zip(("key", "max-count", "max-time"), self.cache))
        del filter_._inIgnoreIPList
        self.original = self.command = self.cache = None

    def without_command(self, filter_):
        """Both are set at the start and by each reload. The cache would keep what the rules say without a command."""
        if filter_.ignoreCommand:
            self.command, filter_.ignoreCommand = filter_.ignoreCommand, ""
        if filter_.ignoreCache:
            self.cache, filter_.ignoreCache = filter_.ignoreCache, None

    def is_ignored(self, ip, ticket, log_ignore=True):
        """In the place of a function of the filter: the rules of the jail without its command, then a request."""
        filter_ = self._jail.filter
        original = self.original
        if not original:                # the jail stops
            return True
        self.without_command(filter_)
        if original(ip, ticket, log_ignore):
            return True
        restored = ticket is None or bool(ticket.restored)      # 1.0 restores bans without a ticket
        if restored and self.mode == "is-blocked":
            return False                # a ban that was right is kept
        self.ask(ip, ticket or FailTicket(ip, MyTime.time()), restored)
        filter_.logIgnoreIp(ip, log_ignore, ignore_source="iprep")
        return True

    def ask(self, ip, ticket, restored):
        words = [self.MODES[self.mode]]
        if words == ["gate"]:
            words += [option("jail", self._jail.name), option("restored", "1" if restored else "0")]
        if self.mode == "names":
            user = ticket.getData("user")
            user = str(user or "").encode("utf-8", "surrogateescape").replace(b"\0", b"?")
            words.append(option("user", user[:USER_BYTES]))
        self.submit(words, ip, None if self.mode == "login" else lambda status: self.count(ip, ticket, status))

    def submit(self, words, ip, on_answer=None):
        address, gate = str(ip), self.gate
        if not ADDRESS.fullmatch(address):
            self._logSys.debug("%r: not an address", address)
        elif gate:
            gate.submit(" ".join([*words, address]), on_answer)

    def count(self, ip, ticket, status):
        """As the filter counts a line that is not ignored."""
        if status != COUNTS or not self.original:
            return
        filter_ = self._jail.filter
        self._logSys.info("[%s] Found %s - %s", self._jail.name, ip, MyTime.time2str(ticket.getTime()))
        if filter_.failManager.addFailure(ticket) >= filter_.failManager.getMaxRetry():
            filter_.performBan(ip)

    # -- what fail2ban calls

    def clearAllParams(self):
        """Before the options of a reload."""

    def reload(self, mode="report", category="", rep_check="/usr/bin/rep-check", **_more):
        self.set_up(mode, category, rep_check)

    def start(self):
        if not self.gate:               # after stop(): the jail was paused
            raise RuntimeError("iprep.py: started again; reload the jail")

    def stop(self):
        self.give_back()
        gate, self.gate = self.gate, None
        if gate:
            release(gate)

    def ban(self, aInfo):
        if self.mode != "report" or aInfo.get("restored"):
            return
        words = ["enqueue", option("jail", self._jail.name), option("failures", str(int(aInfo["failures"]))),
                 option("time", str(int(aInfo["time"])))]
        if self.category:
            words.append(option("categories", self.category))
        self.submit(words, aInfo["ip"])

    def reban(self, aInfo):
        """The same ban."""

    def unban(self, aInfo):
        """The end of a short ban changes nothing in iprep."""


Action = IprepAction
