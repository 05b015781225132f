# SPDX-License-Identifier: MIT
"""
machine.py - one Debian root, running in a namespace

It has mounts and a host name of its own. The root below it is not changed: what is written goes to an overlay, or to a
copy where the kernel mounts none. Below directory:

  log/      its /var/log, which fail2ban reads
  merged/   the root as it sees it
  boot.sh   what it does
"""

import os

from host import process
from host.roots import ALONE, HOST

READY_S = 120
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
# $1 is the host name, $2 the root, $3 the machine's directory
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
for name in null zero full random urandom tty; do
    [ -c merged/dev/$name ] && continue
    touch merged/dev/$name
    mount --bind /dev/$name merged/dev/$name
done
hostname "$1"
exec chroot merged /bin/sh /boot.sh
"""
# rsyslog, and daemons in the foreground. No kernel messages: those are this machine's. No DNS server is in there.
BOOT = """\
set -ex
export PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8
echo "{address} $(hostname) mail" >> /etc/hosts
sed -i '/imklog/d' /etc/rsyslog.conf
sed -i 's/^hosts:.*/hosts: files/' /etc/nsswitch.conf
{setup}
rsyslogd -n &
while ! [ -S /dev/log ]; do sleep 0.1; done
{services}
wait
"""


class Machine:
    """boot: the text of boot.sh; alone: words that begin its processes."""

    def __init__(self, root, space, directory, boot, alone=ALONE):
        self.space, self.directory = space, directory
        os.makedirs(directory, mode=0o755)
        with open(f"{directory}/boot.sh", "w", encoding="ascii") as file:
            file.write(boot)
        self.server = process.Server(space.command([*alone, "sh", "-c", MOUNT, "sh", HOST, root, directory]),
                                     f"{directory}/boot.log")

    def log(self, name):
        """Path of a file in its /var/log; there is one even if empty."""
        path = f"{self.directory}/log/{name}"
        open(path, "a", encoding="ascii").close()
        return path

    def stop(self):
        """With processes of its own its first one has no heir: all others end with it."""
        self.server.child.kill()
        self.server.child.wait()


class DaemonMachine(Machine):
    """await_ready() before it is used: until all its daemons listen."""

    def __init__(self, root, space, directory, address, daemons):
        self.address = address
        self.ports = [port for daemon in daemons for port in daemon.ports]
        super().__init__(root, space, directory, BOOT.format(
            address=address, setup="\n".join(daemon.setup.replace("{address}", address) for daemon in daemons),
            services="\n".join(f"{line} &" for daemon in daemons for line in daemon.services)))

    def await_ready(self):
        self.server.await_ready(self.is_ready, READY_S)

    def is_ready(self):
        done = self.space.run(["ss", "-Hltn"])
        bound = {line.split()[3] for line in done.stdout.splitlines()}
        return all(f"{self.address}:{port}" in bound for port in self.ports)


class ToolMachine(Machine):
    """Does nothing until it is told; its programs can be called from outside."""

    def __init__(self, root, space, directory):
        super().__init__(root, space, directory, "echo up\nexec sleep 100000\n", ("unshare", "--mount", "--uts"))
        self.server.await_ready(lambda: "up" in process.tail(f"{directory}/boot.log"), READY_S)

    def inside(self, words):
        return ["nsenter", "--mount", "-t", str(self.server.pid), "env", "-i", f"PATH={PATH}", "chroot",
                f"{self.directory}/merged", *words]

    def run(self, *words, check=True, stdin=None):
        return self.space.run(self.inside(words), check=check, stdin=stdin)

    def start(self, *words):
        return process.Server(self.space.command(self.inside(words)), f"{self.directory}/{words[0]}.log")

    def write(self, path, text):
        self.run("sh", "-c", 'cat >"$1"', "sh", path, stdin=text)

    def command(self, path, name):
        """A file that runs the program in there."""
        with open(path, "w", encoding="ascii") as file:
            file.write(f'#!/bin/sh\nexec {process.show(self.inside([name]))} "$@"\n')
        os.chmod(path, 0o755)
