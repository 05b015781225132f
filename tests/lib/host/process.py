# SPDX-License-Identifier: MIT
"""
process.py - run commands and servers; end only what was started here, by pid

A command that fails raises CommandError with the command, its status and what
it said. A server writes its output into a log file; when it does not come up
or does not end, the error shows the last lines of that file.
"""

import os
import signal
import subprocess
import time

COMMAND_S = 60
WIDEST = 400            # of a log line that is shown
on_command = None       # --verbose: called with every command line


def tell(argv):
    if on_command:
        on_command(show(argv))


class CommandError(Exception):
    """A command failed; the text is meant for people."""


def run(argv, env=None, check=True, timeout_s=COMMAND_S, stdin=None):
    """Run to the end; returns the CompletedProcess with text output."""
    tell(argv)
    try:
        done = subprocess.run(argv, env=env, input=stdin, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              timeout=timeout_s, check=False)
    except subprocess.TimeoutExpired as late:
        raise CommandError(f"{show(argv)}: still running after "
                           f"{timeout_s} s") from late
    except OSError as error:
        raise CommandError(f"{show(argv)}: {error.strerror}") from error
    if check and done.returncode != 0:
        said = (done.stderr or done.stdout).strip()
        raise CommandError(f"{show(argv)}: status {done.returncode}: {said}")
    return done


def show(argv):
    return " ".join(str(word) for word in argv)


def wait_for(condition, timeout_s, every_s=0.05):
    """What condition() returned as soon as it is true; else its last value."""
    deadline = time.monotonic() + timeout_s
    while True:
        value = condition()
        if value or time.monotonic() >= deadline:
            return value
        time.sleep(every_s)


class Server:
    """One process in the background, with its output in a file."""

    def __init__(self, argv, log_path, env=None):
        self.argv = [str(word) for word in argv]
        self.log_path = log_path
        tell(self.argv)
        with open(log_path, "ab") as log:
            self.child = subprocess.Popen(
                self.argv, env=env, stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, start_new_session=True)

    @property
    def pid(self):
        return self.child.pid

    def is_running(self):
        return self.child.poll() is None

    def await_ready(self, is_ready, timeout_s=20, log_path=None):
        """Wait until is_ready() is true, or tell why it never was: log_path,
        if what it says goes elsewhere."""
        ready = wait_for(lambda: is_ready() or not self.is_running(),
                         timeout_s)
        if not ready or not self.is_running():
            raise CommandError(f"{show(self.argv)}: did not come up:\n"
                               + tail(log_path or self.log_path))

    def pause(self):
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self):
        os.kill(self.pid, signal.SIGCONT)

    def stop(self, timeout_s=15):
        """SIGTERM, and SIGKILL for what does not listen."""
        if not self.is_running():
            return
        self.child.send_signal(signal.SIGCONT)
        self.child.terminate()
        try:
            self.child.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()


def tail(path, lines=15):
    """The last lines of a file, each cut to a readable length."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            last = file.read().splitlines()[-lines:]
    except OSError as error:
        return f"({path}: {error.strerror})"
    return "\n".join(line[:WIDEST] for line in last)


def below(pid):
    """Process numbers of all that it started, and they."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
            children = [int(word) for word in f.read().split()]
    except OSError:
        return []
    return [one for child in children for one in (child, *below(child))]
