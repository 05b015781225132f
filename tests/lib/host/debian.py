# SPDX-License-Identifier: MIT
"""
debian.py - hosts in root directories of Debian, of this release or of another: changed only, in a namespace, or booted

Each is a copy of a root of roots.py. apt resolves and dpkg runs the maintainer's scripts, where policy-rc.d forbids
to start anything. A machine that is booted has systemd as its first process, with mounts, processes, host name,
cgroups and network of its own; units run in there as on a machine, sandboxes included. Nothing of this machine's
systemd, if there is one, is touched. It needs root and a kernel with cgroup v2.
"""

import hashlib
import os
import shutil
import signal
import stat
import tempfile

from host import process, roots
from host.host import ENVIRONMENT, Host

READY_S, BOOT_S = 120, 300
DEBS = "var/tmp/debs"
# what apt, dpkg and the like keep for themselves
THEIRS = ("var/lib/dpkg", "var/lib/apt", "var/cache", "var/log/apt", "var/log/dpkg.log", "dev", "proc", "sys",
          "var/log/alternatives.log", "etc/ld.so.cache", "etc/passwd-", "etc/group-", "etc/shadow-", "etc/gshadow-",
          "run", "tmp", DEBS)
DEVICES = """\
for name in null zero full random urandom tty; do
    [ -c $1/dev/$name ] && continue
    touch $1/dev/$name
    mount --bind /dev/$name $1/dev/$name
done
"""
# $1 is the host name, $2 the root, $3 the machine's directory. An overlay, or a copy where the kernel mounts none
MOUNT = """\
set -e
cd "$3"
mkdir -p upper work merged log
mount -t overlay overlay -o lowerdir="$2",upperdir=upper,workdir=work merged ||
    { echo "no overlay here, copying"; cp -a --reflink=auto "$2/." merged; }
cp boot.sh merged/boot.sh
cp -a merged/var/log/. log
mount --bind log merged/var/log
mount -t proc proc merged/proc
hostname "$1"
set -- merged
""" + DEVICES + "exec chroot merged /bin/sh /boot.sh\n"
# rsyslog, and daemons in the foreground. No kernel messages: those are this machine's. No DNS server is in there.
DAEMONS = """\
set -ex
export PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8
echo "{address} $(hostname) mail" >> /etc/hosts
sed -i '/imklog/d' /etc/rsyslog.conf
sed -i 's/^hosts:.*/hosts: files/' /etc/nsswitch.conf
address={address} user={user} password='{password}'
{functions}
{setup}
rsyslogd -n &
while ! [ -S /dev/log ]; do sleep 0.1; done
{services}
wait
"""
TOOLS = "echo up\nexec sleep 100000\n"
# $1 where cgroups are seen, $2 the root, $3 name of the cgroup, $4 INSIDE
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
set -- .
""" + DEVICES + """\
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


class Root(Host):
    """A copy, made here, of the root name with these packages: of a release, None for this machine's."""

    def __init__(self, packages, name, wanted, release=None):
        source = roots.Roots(packages, release).get(name, wanted)
        self.path = tempfile.mkdtemp(prefix="iprep-root.", dir="/var/tmp")
        try:
            os.chmod(self.path, 0o755)
            roots.copy(source, self.path)
        except BaseException:
            self.close()
            raise

    def close(self):
        shutil.rmtree(self.path)

    def command(self, argv):
        """Processes of its own, no network."""
        return ["unshare", "--net", *roots.alone(self.path), "chroot", self.path, *argv]

    def apt(self, *words):
        """apt-get; what it and the maintainer's scripts said."""
        done = roots.apt(self.path, *words)
        return done.stdout + done.stderr

    def take(self, paths):
        """Copies of .deb files, as the root calls them."""
        os.makedirs(self.inside(f"/{DEBS}"), exist_ok=True)
        return [f"/{DEBS}/{os.path.basename(shutil.copy(path, self.inside(f'/{DEBS}')))}" for path in paths]

    def install(self, paths):
        """apt-get install of .deb files, their dependencies too."""
        return self.apt("install", *[self.inside(path) for path in self.take(paths)])

    def dpkg(self, *words):
        """Run dpkg without apt; returns its output, with that of the maintainer scripts."""
        return self.said("dpkg", "--force-unsafe-io", "--force-confold", *words, timeout_s=roots.INSTALL_S)

    def packaged(self, name):
        """What dpkg says belongs to an installed package."""
        return [line for line in self.run("dpkg-query", "-L", name).stdout.splitlines() if line != "/."]

    def described(self, path):
        """'user group mode type' of one file, as the root itself has the names."""
        user, group, mode, kind = self.run("stat", "-c", "%U %G %a %F", path).stdout.strip().split(" ", 3)
        return user, group, mode.rjust(4, "0"), kind.replace("regular empty file", "regular file")

    def linked(self, below):
        """Links to units of ours, which are enabled."""
        return set(self.run("find", below, "-name", "*iprep*").stdout.split())

    def queued(self):
        """What waits to be reported or looked up, as rep-report has it."""
        return self.run("rep-report", "--status", "--json").stdout.partition('"parked"')[0]

    def record_a_report(self):
        self.write("/etc/iprep/abuseipdb.key", "0123456789abcdef\n", 0o640)
        self.run("chgrp", "_iprep", "/etc/iprep/abuseipdb.key")
        self.run("rep-report", "--enqueue", "--jail=sshd", "--failures=5", "--", "45.1.1.1")

    def files(self):
        """{path: what it is} of all files but those of THEIRS."""
        found = {}
        for top, directories, names in os.walk(self.path):
            paths = {name: os.path.normpath(os.path.join(os.path.relpath(top, self.path), name))
                     for name in (*directories, *names)}
            found.update({path: look(os.path.join(top, name)) for name, path in paths.items() if path not in THEIRS})
            directories[:] = [name for name in directories if paths[name] not in THEIRS]
        return found


def look(path):
    """Owner, mode and contents."""
    st = os.lstat(path)
    what = (oct(st.st_mode), st.st_uid, st.st_gid)
    if stat.S_ISLNK(st.st_mode):
        return (*what, os.readlink(path))
    if not stat.S_ISREG(st.st_mode):
        return what
    with open(path, "rb") as file:
        return (*what, hashlib.file_digest(file, "sha256").hexdigest())


class Booted(Root):
    """boot() starts it, close() ends it. space: a Namespace."""

    first = None            # its process 1, as we see it

    def boot(self, space):
        os.unlink(self.inside("/usr/sbin/policy-rc.d"))         # in there services may start
        self.cgroups = tempfile.mkdtemp(prefix="iprep-cgroup.", dir="/var/tmp")
        self.group = f"iprep-test-{os.getpid()}"
        words = ["unshare", "--mount", "sh", "-c", ENTER, "enter", self.cgroups, self.path, self.group, INSIDE]
        self.server = process.Server(space.command(words), f"{self.cgroups}.log")
        self.server.await_ready(self.is_up, BOOT_S)

    def find_first(self):
        """None: not yet."""
        try:
            with open(f"/proc/{self.server.pid}/task/{self.server.pid}/children", encoding="ascii") as file:
                pid = file.read().split()[0]
            with open(f"/proc/{pid}/comm", encoding="ascii") as file:
                return pid if file.read() == "systemd\n" else None
        except (FileNotFoundError, IndexError):
            return None

    def is_up(self):
        self.first = self.find_first()
        if not self.first:
            return False
        return self.run("systemctl", "is-system-running", check=False).stdout.strip() in ("running", "degraded")

    @property
    def socket(self):
        return f"/proc/{self.first}/root/run/fail2ban/fail2ban.sock"

    def command(self, argv):
        if not self.first:
            return super().command(argv)
        return ["nsenter", "-t", self.first, "-m", "-u", "-i", "-n", "-p", "-C", *argv]

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

    def close(self):
        if hasattr(self, "server"):
            if first := self.find_first():
                os.kill(int(first), signal.SIGKILL)        # all others end with it
            self.server.stop()
            # the kernel may take a moment to count its processes out
            sweep = ["unshare", "--mount", "sh", "-c", SWEEP, "sweep", self.cgroups, self.group]
            process.wait_for(lambda: not process.run(sweep, check=False).returncode, 20)
            os.rmdir(self.cgroups)
            os.unlink(f"{self.cgroups}.log")
        super().close()


class Machine(Host):
    """A root in a namespace, with mounts and a host name of its own. It is not changed: what is written goes to an
    overlay in merged/ below the directory; log/ is its /var/log, which fail2ban reads. boot: what it does; alone:
    words that begin its processes."""

    def __init__(self, root, space, directory, boot=TOOLS, alone=("unshare", "--mount", "--uts")):
        self.space, self.directory, self.path = space, directory, f"{directory}/merged"
        os.makedirs(directory, mode=0o755)
        with open(f"{directory}/boot.sh", "w", encoding="ascii") as file:
            file.write(boot)
        self.server = process.Server(space.command([*alone, "sh", "-c", MOUNT, "sh", roots.HOST, root, directory]),
                                     f"{directory}/boot.log")

    def await_up(self):
        self.server.await_ready(lambda: "up" in process.tail(f"{self.directory}/boot.log"), READY_S)

    def command(self, argv):
        return self.space.command(self.entered(argv))

    def entered(self, argv):
        """The same from the namespace."""
        settings = [f"{name}={value}" for name, value in ENVIRONMENT.items()]
        return ["nsenter", "--mount", "-t", str(self.server.pid), "env", "-i", *settings, "chroot", self.path, *argv]

    def serve(self, *words):
        return process.Server(self.command(words), f"{self.directory}/{words[0]}.log")

    def put(self, path, text):
        """Through its mounts, which are not ours."""
        self.run("sh", "-c", 'cat >"$1"', "sh", path, stdin=text)

    def write_command(self, path, name):
        """A file that runs the program in there."""
        with open(path, "w", encoding="ascii") as file:
            file.write(f'#!/bin/sh\nexec {process.show(self.entered([name]))} "$@"\n')
        os.chmod(path, 0o755)

    def log_file(self, name):
        """Path of a file in its /var/log; there is one even if empty."""
        path = f"{self.directory}/log/{name}"
        open(path, "a", encoding="ascii").close()
        return path

    def close(self):
        """With processes of its own its first one has no heir: all others end with it."""
        self.server.child.kill()
        self.server.child.wait()


class Daemons(Machine):
    """rsyslog and daemons: await_ready() before it is used, until all listen. functions: the text of live/setup.sh."""

    def __init__(self, root, space, directory, address, daemons, functions, **variables):
        self.address = address
        self.ports = [port for daemon in daemons for port in daemon.ports]
        super().__init__(root, space, directory, DAEMONS.format(
            address=address, functions=functions, setup="\n".join(daemon.setup for daemon in daemons), **variables,
            services="\n".join(f"{line} &" for daemon in daemons for line in daemon.services)), roots.ALONE)

    def await_ready(self):
        self.server.await_ready(self.is_ready, READY_S)

    def is_ready(self):
        done = self.space.run(["ss", "-Hltn"])
        bound = {line.split()[3] for line in done.stdout.splitlines()}
        return all(f"{self.address}:{port}" in bound for port in self.ports)
