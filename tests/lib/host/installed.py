# SPDX-License-Identifier: MIT
"""
installed.py - hosts on which Debian packages seem to be installed: this machine's files with unpacked packages on top

Each host has mounts of its own: overlays over /usr, /etc and the directories below /var that daemons write to, and an
empty /run. So daemons, their configuration and their clients are where a package puts them, and what they write goes
to memory. The maintainer's scripts do not run: users and directories are made here. Needs a kernel with overlayfs.
"""

import os
import socket
import threading
import ctypes

from host import process
from host.host import Host

READY_S = 60
FIRST_ID = 700          # of the users and groups that are made
# $1 the unpacked packages, $2 the directory of the host; then users, which are groups too
MOUNT = """\
set -e
packages=$1 directory=$2
shift 2
mount -t tmpfs tmpfs "$directory"
mount -t overlay overlay -o lowerdir="$packages/usr:/usr" /usr
for name in etc var/lib var/cache var/spool var/log; do
    mkdir -p "$directory/$name/upper" "$directory/$name/work" "$directory/$name/none"
    lower=$packages/$name
    [ -d "$lower" ] || lower=$directory/$name/none
    mount -t overlay overlay -o "lowerdir=$lower:/$name,upperdir=$directory/$name/upper,workdir=$directory/$name/work" \\
        "/$name"
done
mount -t tmpfs -o mode=755 tmpfs /run
number=$FIRST
for user; do
    grep -q "^$user:" /etc/group || echo "$user:x:$number:" >>/etc/group
    grep -q "^$user:" /etc/passwd || echo "$user:x:$number:$number::/nonexistent:/bin/false" >>/etc/passwd
    number=$((number + 1))
done
echo up
exec sleep infinity
""".replace("$FIRST", str(FIRST_ID))
CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)


class Installed(Host):
    """packages: a directory of packages.unpacked(); space: a Namespace; users: of the daemons."""

    def __init__(self, packages, space, directory, users=()):
        self.space, self.directory = space, directory
        os.makedirs(directory, mode=0o755)
        # its files are seen only in there
        self.log_directory = f"{directory}.logs"
        os.makedirs(self.log_directory, mode=0o755)
        self.server = process.Server(
            space.command(["unshare", "--mount", "sh", "-c", MOUNT, "sh", packages, directory, *users]),
            f"{self.log_directory}/mounts")
        self.server.await_ready(lambda: "up" in process.tail(f"{self.log_directory}/mounts"), READY_S)

    @property
    def path(self):
        """Its files, as we see them."""
        return f"/proc/{self.server.pid}/root"

    def command(self, argv):
        return self.space.command(["nsenter", "--mount", "-t", str(self.server.pid), *argv])

    def serve(self, name, argv):
        """A daemon in the foreground; its process group is its own."""
        return process.Server(self.command(argv), f"{self.log_directory}/{name}", env=self.environment())

    def logged(self, name, lines=15):
        return process.tail(f"{self.log_directory}/{name}", lines)

    def own(self, user, *directories):
        """Directories that belong to a daemon."""
        self.run("sh", "-c", 'user=$1; shift; mkdir -p "$@" && chown "$user:$user" "$@"', "sh", user, *directories)

    def socket(self, kind=socket.SOCK_DGRAM):
        """One that lives in its network."""
        return socket_in(f"/proc/{self.server.pid}/ns/net", kind)

    def close(self):
        self.server.child.kill()
        self.server.child.wait()


def socket_in(path, kind):
    """A thread of its own enters the network; a socket stays in the network in which it was made."""
    made = []

    def make():
        with open(path, "rb") as space:
            if LIBC.setns(space.fileno(), CLONE_NEWNET):
                return
        made.append(socket.socket(socket.AF_INET, kind))

    thread = threading.Thread(target=make)
    thread.start()
    thread.join()
    if not made:
        raise process.CommandError(f"{path}: cannot enter the network")
    return made[0]
