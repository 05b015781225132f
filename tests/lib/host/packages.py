# SPDX-License-Identifier: MIT
"""
packages.py - Debian packages unpacked below a directory, never installed

Installing fail2ban would start it and ban on this machine, so it is fetched
with "apt-get download" and unpacked with "dpkg -x"; so are rbldnsd and nft
if the machine does not have them. fail2ban is always unpacked: its
configuration must be that of the package and not the one of this machine.

IPREP_FAIL2BAN chooses a version of fail2ban; the others than this release's
come from the Debian release that carries them. apt has a configuration of its
own for that: the machine's lists do not change.

A directory that was filled before is used again; nothing is fetched then.
Tests that run side by side share it.
"""

import os
import re
import shutil
import sys
import tempfile

from host import process
from host import roots

# fail2ban's version -> the Debian release that has it
FAIL2BAN = {"1.0.2": "bookworm", "1.1.0": "trixie", "1.1.1": "forky"}
# package -> its program
PROGRAMS = {"rbldnsd": "rbldnsd", "nftables": "nft", "unbound": "unbound", "ipset": "ipset", "tcpd": "tcpdmatch",
            "postfix": "postmap", "prometheus": "promtool", "prometheus-node-exporter": "prometheus-node-exporter"}
DOWNLOAD_S = 300
# "Inst NAME [the version installed] (VERSION ..."
INSTALLED = re.compile(r"^Inst (\S+) (?:\[\S+\] )?\((\S+) ", re.M)


class Packages:
    """Programs for the tests: the machine's own, or from below directory."""

    def __init__(self, directory, *more):
        """more: further packages, of PROGRAMS."""
        self.root = directory
        self.fail2ban_version = wanted_fail2ban()
        self.fail2ban_root = f"{directory}/fail2ban-{self.fail2ban_version}"
        with roots.locked(directory):
            if not os.path.exists(self.fail2ban_root):
                unpack_fail2ban(self.fail2ban_version, self.fail2ban_root)
            self.fetch_missing(more)

    def fetch_missing(self, more):
        wanted = [package for package in ("rbldnsd", "nftables", *more) if not self.find(PROGRAMS[package])]
        if wanted:
            fetch(wanted, self.root)

    def modules(self, package):
        """Where the modules of a Python package are, unpacked in a directory of
        its own: fail2ban does without unless it is told."""
        return f"{unpacked(self.root, package, [package])}/usr/lib/python3/dist-packages"

    def find(self, program):
        """Path of the machine's program, or of the unpacked one, or None."""
        unpacked = [f"{self.root}/usr/sbin", f"{self.root}/usr/bin"]
        path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
        return shutil.which(program, path=":".join([path, *unpacked]))

    def libraries(self, name=""):
        """Where unpacked libraries are, those of this name."""
        return ":".join(top for top, _, names in os.walk(f"{self.root}/usr/lib")
                        if any(one.startswith(f"lib{name}") and ".so" in one for one in names))

    def environment(self):
        """For an unpacked program."""
        return {**os.environ, "LD_LIBRARY_PATH": self.libraries()}

    def fail2ban(self, part):
        """part: server, client or regex."""
        return f"{self.fail2ban_root}/usr/bin/fail2ban-{part}"

    @property
    def fail2ban_config(self):
        return f"{self.fail2ban_root}/etc/fail2ban"

    @property
    def fail2ban_modules(self):
        return f"{self.fail2ban_root}/usr/lib/python3/dist-packages"

    def write_nft(self, path):
        """A command nft at path that finds its libraries."""
        program, libraries = self.find("nft"), self.libraries("nftables.so")
        with open(path, "w", encoding="ascii") as file:
            file.write("#!/bin/sh\n")
            if libraries and program.startswith(self.root):
                file.write(f"export LD_LIBRARY_PATH={libraries}\n")
            file.write(f'exec {program} "$@"\n')
        os.chmod(path, 0o755)


def unpacked(directory, name, packages):
    """A root of its own with these packages, DIRECTORY/NAME; made if it is not there."""
    root = f"{directory}/{name}"
    with roots.locked(directory):
        if not os.path.exists(root):
            with tempfile.TemporaryDirectory(prefix=".new-", dir=directory) as work:
                fetch(packages, f"{work}/root")
                os.makedirs(f"{work}/root/usr", exist_ok=True)      # this machine may have them all
                os.chmod(f"{work}/root", 0o755)
                os.rename(f"{work}/root", root)
    return root


def wanted_fail2ban():
    """The version to test with."""
    version = os.environ.get("IPREP_FAIL2BAN")
    if not version:
        version = next((one for one, release in FAIL2BAN.items() if release == roots.codename()), None)
    if version not in FAIL2BAN:
        raise process.CommandError(f"IPREP_FAIL2BAN={version}: not a version of packages.py; "
                                   f"set one of {', '.join(FAIL2BAN)}")
    if version == "1.0.2" and sys.version_info >= (3, 12):
        raise process.CommandError(
            "fail2ban 1.0.2 does not run on Python 3.12 and newer, which have no "
            "asynchat, asyncore and distutils: test it on Debian 12")
    return version


def unpack_fail2ban(version, root):
    """Whole, or not at all."""
    release = FAIL2BAN[version]
    with tempfile.TemporaryDirectory(prefix=".new-", dir=os.path.dirname(root)) as work:
        os.chmod(work, 0o755)
        options = []
        if release != roots.codename():
            options = other_release(release, f"{work}/apt")
        debs = f"{work}/debs"
        os.mkdir(debs, mode=0o755)
        give_to_apt(debs)
        download(["fail2ban"], debs, options)
        deb, = os.listdir(debs)
        found = process.run(["dpkg-deb", "-f", f"{debs}/{deb}", "Version"]).stdout
        if not found.startswith(f"{version}-"):
            raise process.CommandError(f"{release} has fail2ban {found.strip()} "
                                       f"now and not {version}: see packages.py")
        process.run(["dpkg", "-x", f"{debs}/{deb}", f"{work}/root"])
        os.rename(f"{work}/root", root)


def other_release(release, directory):
    """Options of apt-get with which it knows another release and nothing else."""
    for name in ("lists/partial", "cache/archives/partial"):
        os.makedirs(f"{directory}/{name}")
    source = f"deb [signed-by={roots.KEYRING}] {roots.mirror()} {release} main\n"
    for name, text in (("status", ""), ("sources.list", source)):
        with open(f"{directory}/{name}", "w", encoding="ascii") as file:
            file.write(text)
    options = roots.given({
        **roots.foreign(f"{directory}/sources.list", f"{directory}/lists", f"{directory}/cache"),
        "Dir::State::status": f"{directory}/status", "Acquire::Languages": "none", "APT::Sandbox::User": "root",
        "Acquire::Check-Valid-Until": "false"})     # the version is given, so an old list is as good (a frozen mirror)
    process.run(["apt-get", *options, "-q", "update"], timeout_s=DOWNLOAD_S)
    return options


def fetch(names, root):
    """Download packages with what they depend on and this machine does not
    have, and unpack them all below root."""
    os.makedirs(root, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="iprep-packages-") as directory:
        give_to_apt(directory)
        wanted = missing(names)
        if wanted:
            download(wanted, directory)
        for name in sorted(os.listdir(directory)):
            if name.endswith(".deb"):
                process.run(["dpkg", "-x", f"{directory}/{name}", root])


def missing(names):
    """What apt would install for these, as NAME=VERSION."""
    done = process.run(["apt-get", "-s", "-q", "--no-install-recommends",
                        "install", *names], env={**os.environ, "LC_ALL": "C"})
    return [f"{match[1]}={match[2]}" for match in INSTALLED.finditer(done.stdout)]


def give_to_apt(directory):
    """apt fetches as user _apt and complains when it cannot write."""
    try:
        shutil.chown(directory, user="_apt")
    except LookupError:
        pass


def download(names, directory, options=()):
    argv = ["sh", "-c", 'cd "$1" && shift && exec apt-get -q "$@"', "sh",
            directory, *options, "download", *names]
    try:
        process.run(argv, timeout_s=DOWNLOAD_S)
    except process.CommandError as error:
        raise process.CommandError(
            f"cannot fetch {' '.join(names)} (is the network up, and was "
            f"apt-get update run?): {error}") from error
