# SPDX-License-Identifier: MIT
"""
packages.py - Debian packages unpacked below a directory, never installed

Installing fail2ban would start it and ban on this machine, so it is fetched
with "apt-get download" and unpacked with "dpkg -x"; so are rbldnsd and nft
where the machine does not have them. fail2ban is unpacked in any case: its
configuration must be the package's own and not what somebody made of it here.

A directory that was filled before is used again; nothing is fetched then.
"""

import os
import shutil
import tempfile

import process

NFT = ("nftables", "libnftables1", "libnftnl11", "libmnl0", "libxtables12",
       "libjansson4", "libedit2", "libbsd0", "libmd0", "libgmp10")
UNBOUND = ("unbound", "libevent-2.1-7", "libnghttp2-14", "libprotobuf-c1",
           "libpython3.11")
# what takes the exports of rep-check --blocks: ipset, tcpdmatch, postmap
EXPORTS = ("ipset", "libipset13", "libmnl0", "tcpd", "libwrap0", "libnsl2",
           "libtirpc3", "postfix", "libdb5.3", "libicu72", "libsasl2-2",
           "libssl3")
DOWNLOAD_S = 300


class Packages:
    """Programs for the tests: the machine's own, or from below directory."""

    def __init__(self, directory, unbound=False, exports=False):
        self.root = directory
        self.fetch_missing(unbound, exports)

    def fetch_missing(self, unbound, exports):
        wanted = []
        if exports and not all(map(self.find, ("ipset", "tcpdmatch",
                                               "postmap"))):
            wanted.extend(EXPORTS)
        if unbound and not self.find("unbound"):
            wanted.extend(UNBOUND)
        if not os.path.exists(self.fail2ban("server")):
            wanted.append("fail2ban")
        if not self.find("rbldnsd"):
            wanted.append("rbldnsd")
        if not self.find("nft"):
            wanted.extend(NFT)
        if wanted:
            fetch(wanted, self.root)

    def find(self, program):
        """Path of the machine's program, or of the unpacked one, or None."""
        unpacked = [f"{self.root}/usr/sbin", f"{self.root}/usr/bin"]
        path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
        return shutil.which(program, path=":".join([path, *unpacked]))

    def environment(self):
        """For an unpacked program: where its unpacked libraries are."""
        places = [top for top, _, names in os.walk(f"{self.root}/usr/lib")
                  if any(name.startswith("lib") and ".so" in name
                         for name in names)]
        return {**os.environ, "LD_LIBRARY_PATH": ":".join(places)}

    def fail2ban(self, part):
        """part: server, client or regex."""
        return f"{self.root}/usr/bin/fail2ban-{part}"

    @property
    def fail2ban_config(self):
        return f"{self.root}/etc/fail2ban"

    @property
    def fail2ban_modules(self):
        return f"{self.root}/usr/lib/python3/dist-packages"

    def write_nft(self, path):
        """A command nft at path that finds its libraries."""
        libraries = []
        for top, _, names in os.walk(f"{self.root}/usr/lib"):
            if any(name.startswith("libnftables.so") for name in names):
                libraries.append(top)
        with open(path, "w", encoding="ascii") as file:
            file.write("#!/bin/sh\n")
            if libraries and self.find("nft").startswith(self.root):
                file.write(f"export LD_LIBRARY_PATH={':'.join(libraries)}\n")
            file.write(f'exec {self.find("nft")} "$@"\n')
        os.chmod(path, 0o755)


def fetch(names, root):
    """Download packages and unpack them all below root."""
    os.makedirs(root, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="iprep-packages-") as directory:
        give_to_apt(directory)
        download(names, directory)
        for name in sorted(os.listdir(directory)):
            if name.endswith(".deb"):
                process.run(["dpkg", "-x", f"{directory}/{name}", root])


def give_to_apt(directory):
    """apt fetches as user _apt and complains when it cannot write."""
    try:
        shutil.chown(directory, user="_apt")
    except LookupError:
        pass


def download(names, directory):
    argv = ["sh", "-c", 'cd "$1" && shift && exec apt-get -q download "$@"',
            "sh", directory, *names]
    try:
        process.run(argv, timeout_s=DOWNLOAD_S)
    except process.CommandError as error:
        raise process.CommandError(
            f"cannot fetch {' '.join(names)} (is the network up, and was "
            f"apt-get update run?): {error}") from error
