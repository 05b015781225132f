# SPDX-License-Identifier: MIT
"""
booted.py - a root directory running: systemd is its first process

It has mounts, processes, host name, cgroups and the network of a namespace of its own; units run in there as
on a machine, sandboxes included. Nothing of this machine's systemd, if there is one, is touched. Needs
root and a kernel with cgroup v2; stop() takes all of it away, the cgroup too.
"""

import os
import signal
import tempfile

from host import process

BOOT_S = 300
# $1 where cgroups are seen, $2 the root, $3 name of the cgroup
ENTER = """\
set -e
mount -t cgroup2 cgroup2 "$1"
mkdir "$1/$3"
echo $$ >"$1/$3/cgroup.procs"
umount "$1"
exec unshare --mount --uts --ipc --pid --cgroup --fork --kill-child sh -ec "$4" boot "$2"
"""
INSIDE = """\
mount --bind "$1" "$1"
cd "$1"
mount -t proc proc proc
mount -t tmpfs -o mode=755 dev dev
for name in null zero full random urandom tty; do
	touch dev/$name
	mount --bind /dev/$name dev/$name
done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts dev/pts
ln -s pts/ptmx dev/ptmx
mount -t tmpfs shm dev/shm
mount -t tmpfs -o mode=755 run run
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mkdir -p .old
pivot_root . .old
umount -l .old
exec env -i container=iprep-test PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd
"""
SWEEP = 'mount -t cgroup2 cgroup2 "$1" && [ ! -d "$1/$2" ] || find "$1/$2" -depth -type d -exec rmdir {} +'


class Booted:
    """root: a DebRoot with systemd; space: a Namespace."""

    def __init__(self, root, space):
        self.root = root
        self.space = space
        self.seen = tempfile.mkdtemp(prefix="iprep-cgroup.", dir="/var/tmp")
        self.group = f"iprep-test-{os.getpid()}"
        self.server = process.Server(
            space.command(["unshare", "--mount", "sh", "-c", ENTER, "enter", self.seen, root.path,
                           self.group, INSIDE]), f"{self.seen}.log")
        try:
            self.server.await_ready(self.is_up, BOOT_S)
        except BaseException:
            self.stop()
            raise

    def first(self):
        """Its process 1, as we see it; None: not yet."""
        try:
            with open(f"/proc/{self.server.pid}/task/{self.server.pid}/children", encoding="ascii") as file:
                words = file.read().split()
            with open(f"/proc/{words[0]}/comm", encoding="ascii") as file:
                return words[0] if file.read() == "systemd\n" else None
        except (FileNotFoundError, IndexError):
            return None

    def is_up(self):
        if not self.first():
            return False
        return self.run("systemctl", "is-system-running", check=False).stdout.strip() in ("running", "degraded")

    def run(self, *argv, check=True, timeout_s=300):
        env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}
        return process.run(["nsenter", "-t", self.first(), "-m", "-u", "-i", "-n", "-p", "-C", *argv], env=env,
                           check=check, timeout_s=timeout_s)

    def start(self, unit):
        """Start a service and wait for its end; (result, exit status)."""
        self.run("systemctl", "start", unit, check=False)
        return self.ended(unit)

    def ended(self, unit):
        return self.show(unit, "Result"), int(self.show(unit, "ExecMainStatus"))

    def show(self, unit, what):
        return self.run("systemctl", "show", "--value", "-p", what, unit).stdout.strip()

    def journal(self, *words):
        return self.run("journalctl", "--no-pager", *words).stdout

    def stop(self):
        first = self.first()
        if first:
            os.kill(int(first), signal.SIGKILL)        # all others end with it
        self.server.stop()
        # the kernel may take a moment to count its processes out
        process.wait_for(lambda: not process.run(
            ["unshare", "--mount", "sh", "-c", SWEEP, "sweep", self.seen, self.group], check=False).returncode, 20)
        os.rmdir(self.seen)
        os.unlink(f"{self.seen}.log")
