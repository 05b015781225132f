# SPDX-License-Identifier: MIT
"""
machine.py - one Debian root, running: rsyslog and the daemons

The machine has processes, mounts and a host name of its own, and the network
namespace it is given. The root below it is not changed: what is written goes to
an overlay, or to a copy where the kernel mounts none. Below directory:

  log/      its /var/log, which fail2ban reads
  boot.sh   what it does: the setup as an administrator would type it, rsyslog,
            then every daemon in the foreground
"""

import os

from host import process
from host.roots import ALONE, HOST

READY_S = 120
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
# No kernel messages: those are this machine's. No DNS server is in there.
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
    """Started here; await_ready() before it is used, stop() at the end."""

    def __init__(self, root, space, directory, address, daemons):
        self.space = space
        self.address = address
        self.directory = directory
        self.ports = [port for daemon in daemons for port in daemon.ports]
        os.makedirs(directory, mode=0o755)
        with open(f"{directory}/boot.sh", "w", encoding="ascii") as file:
            file.write(BOOT.format(
                address=address,
                setup="\n".join(daemon.setup.replace("{address}", address)
                                for daemon in daemons),
                services="\n".join(f"{line} &" for daemon in daemons
                                   for line in daemon.services)))
        with open(f"{directory}/mount.sh", "w", encoding="ascii") as file:
            file.write(MOUNT)
        argv = [*ALONE, "sh", f"{directory}/mount.sh", HOST, root, directory]
        self.server = process.Server(space.command(argv),
                                     f"{directory}/boot.log")

    def await_ready(self):
        self.server.await_ready(self.is_ready, READY_S)

    def is_ready(self):
        done = self.space.run(["ss", "-Hltn"])
        bound = {line.split()[3] for line in done.stdout.splitlines()}
        return all(f"{self.address}:{port}" in bound for port in self.ports)

    def log(self, name):
        """Path of a file in its /var/log; there is one even if empty."""
        path = f"{self.directory}/log/{name}"
        if not os.path.exists(path):
            open(path, "a", encoding="ascii").close()
        return path

    def stop(self):
        """Its first process has no heir: all others end with it."""
        self.server.child.kill()
        self.server.child.wait()
