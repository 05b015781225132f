# SPDX-License-Identifier: MIT
"""
roots.py - root directories of their own, with Debian packages installed inside

A daemon wants its package installed, not only unpacked: users, certificates and
configuration come from the maintainer's scripts. Those run in a small Debian of
their own (debootstrap), where policy-rc.d forbids to start anything, and which
has processes and a host name of its own, so that a script which stops a daemon
finds none of this machine:

  live/RELEASE/base   made once: debootstrap and rsyslog
  live/RELEASE/NAME   a copy of it with the packages of one machine

Both are kept below the packages' directory, finished or not at all. A run never
changes them. They are made one at a time, whichever tests ask for them. This machine's apt resolves and downloads; only dpkg runs inside.
For this machine's own release apt uses the machine's sources and lists. A root
of another release has sources and lists of its own, from the same mirror.
"""

import contextlib
import fcntl
import os
import shutil
import tempfile

from host import process

INSTALL_S = 900
HOST = "mail.example.net"
HOSTS = f"127.0.0.1 localhost\n192.0.2.10 {HOST} mail\n"
# processes, mounts and host name of its own: $1 is the root, the rest a command
ALONE = ("unshare", "--mount", "--uts", "--pid", "--fork", "--kill-child")
ENTER = 'mount -t proc proc "$1/proc" && hostname "$0" && shift && exec "$@"'
BASE = "base"
CONTENTS = ".packages"      # what was asked for
BASE_PACKAGES = ("rsyslog",)
POLICY = "#!/bin/sh\nexit 101\n"
WORK = ("var/cache/apt/archives/partial", "var/lib/apt/lists/partial")
SCRIPTS = "/usr/share/debootstrap/scripts"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
UNUSED = ("usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/info")


class Roots:
    """Makes roots of a Debian release below directory, and copies of them."""

    def __init__(self, directory, release=None):
        self.release = release or codename()
        self.directory = f"{directory}/live/{self.release}"
        os.makedirs(self.directory, exist_ok=True)

    def get(self, name, packages):
        """A root with these packages; made if it is not there."""
        base = self.path(BASE)
        with locked(self.directory):
            if not is_made(base, BASE_PACKAGES):
                self.make(base, lambda work: bootstrap(work, self.release), BASE_PACKAGES)
            if not is_made(self.path(name), packages):
                self.make(self.path(name), lambda work: copy(base, work), packages)
        return self.path(name)

    def path(self, name):
        return f"{self.directory}/{name}"

    def make(self, path, fill, packages):
        """Whole, or not at all: it gets its name when it is done."""
        work = tempfile.mkdtemp(prefix=".new-", dir=self.directory)
        try:
            fill(work)
            install(work, packages)
            with open(f"{work}/{CONTENTS}", "w", encoding="ascii") as file:
                file.write(" ".join(packages))
            os.chmod(work, 0o755)
            shutil.rmtree(path, ignore_errors=True)
            os.rename(work, path)
        except BaseException:
            shutil.rmtree(work, ignore_errors=True)
            raise


@contextlib.contextmanager
def locked(directory):
    """Tests run side by side; one of them fetches, the others wait for that."""
    os.makedirs(directory, exist_ok=True)
    with open(f"{directory}/.lock", "w", encoding="ascii") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def is_made(path, packages):
    try:
        with open(f"{path}/{CONTENTS}", encoding="ascii") as file:
            return file.read() == " ".join(packages)
    except FileNotFoundError:
        return False


def bootstrap(root, release):
    # what it mounts is only its own, and gone with it
    process.run(["unshare", "--mount", "debootstrap", "--variant=minbase",
                 release, root, mirror(), script(release)],
                env=environment(), timeout_s=INSTALL_S)
    with open(f"{root}/usr/sbin/policy-rc.d", "w", encoding="ascii") as file:
        file.write(POLICY)
    os.chmod(f"{root}/usr/sbin/policy-rc.d", 0o755)
    for name, text in (("hostname", f"{HOST}\n"), ("hosts", HOSTS),
                       ("mailname", f"{HOST}\n"), ("resolv.conf", ""),
                       ("apt/sources.list", sources(release))):
        with open(f"{root}/etc/{name}", "w", encoding="ascii") as file:
            file.write(text)
    if release != codename():
        apt(root, "update")
    for name in UNUSED:
        shutil.rmtree(f"{root}/{name}", ignore_errors=True)


def codename(root=""):
    """The release of this machine, or of a root."""
    with open(f"{root}/etc/os-release", encoding="utf-8") as file:
        words = dict(line.rstrip().split("=", 1) for line in file if "=" in line)
    return words["VERSION_CODENAME"].strip('"')


def script(release):
    """debootstrap's script; one that is older than the release has none for it."""
    own = f"{SCRIPTS}/{release}"
    return own if os.path.exists(own) else f"{SCRIPTS}/sid"


def mirror():
    """Where the machine's apt has the release itself from."""
    return targets()[codename()]


def targets():
    """{suite: address} of all Debian that the machine's apt knows."""
    done = process.run(["apt-get", "indextargets", "--format",
                        "$(ORIGIN) $(CODENAME) $(COMPONENT) $(REPO_URI)",
                        "Created-By: Packages"])
    rows = [line.split() for line in done.stdout.splitlines()]
    found = {words[1]: words[3] for words in rows
             if words[0] == "Debian" and words[2] == "main"}
    if codename() not in found:
        raise process.CommandError("apt knows no Debian to install from "
                                   "(was apt-get update run?)")
    return found


def sources(release):
    """The machine's own suites, updates and security too, but of this release."""
    own = codename()
    return "".join(f"deb [signed-by={KEYRING}] {address} {suite.replace(own, release, 1)} main\n"
                   for suite, address in targets().items()
                   if suite == own or suite.startswith(f"{own}-"))


def environment():
    """debootstrap goes through the proxy that apt goes through."""
    proxy = process.run(["apt-config", "shell", "p", "Acquire::http::Proxy"])
    value = proxy.stdout.strip().removeprefix("p=").strip("'")
    more = {"http_proxy": value} if value else {}
    return {**os.environ, **more, "DEBIAN_FRONTEND": "noninteractive",
            "LC_ALL": "C.UTF-8"}


def install(root, packages):
    """apt of this machine, dpkg in there; nothing is left of the download."""
    apt(root, "install", *packages)
    for top in (f"{root}/var/cache/apt", f"{root}/usr/share/doc"):
        shutil.rmtree(top, ignore_errors=True)


def apt(root, *words):
    """apt-get for root, e.g. "purge", NAME; returns the CompletedProcess."""
    for name in WORK:
        os.makedirs(f"{root}/{name}", exist_ok=True)
    settings = {"Dir::State::status": f"{root}/var/lib/dpkg/status",
                "Dir::State::extended_states": f"{root}/var/lib/apt/extended_states",
                "Dir::Cache::archives": f"{root}/var/cache/apt/archives",
                "Dir::Log": f"{root}/var/log/apt",
                "DPkg::Chroot-Directory": root, "DPkg::Pre-Install-Pkgs": "", "DPkg::Post-Invoke": "",
                "DPkg::Options::": "--force-unsafe-io", "APT::Sandbox::User": "root"}
    if codename(root) != codename():
        settings.update(foreign(f"{root}/etc/apt/sources.list", f"{root}/var/lib/apt/lists", f"{root}/var/cache/apt"))
    return process.run([*alone(root), "apt-get", "-y", "-q", "--no-install-recommends", *given(settings), *words],
                       env=environment(), timeout_s=INSTALL_S)


def foreign(sources, lists, cache):
    """Settings with which apt knows another release and not the machine's."""
    return {"Dir::Etc::sourcelist": sources, "Dir::Etc::sourceparts": "/dev/null", "Dir::Etc::preferences": "/dev/null",
            "Dir::Etc::preferencesparts": "/dev/null", "Dir::State::lists": lists, "Dir::Cache": cache,
            "APT::Default-Release": ""}


def given(settings):
    """The same as words of a command line."""
    return [word for key, value in settings.items() for word in ("-o", f"{key}={value}")]


def alone(root):
    """Begins a command line that runs with root's own processes only."""
    return [*ALONE, "sh", "-c", ENTER, HOST, root]


def copy(source, target):
    process.run(["cp", "-a", "--reflink=auto", f"{source}/.", target],
                timeout_s=INSTALL_S)


def version(root, package):
    """The upstream part of an installed package's version."""
    done = process.run(["dpkg-query", f"--admindir={root}/var/lib/dpkg", "-W",
                        "-f", "${source:Upstream-Version}", package])
    return done.stdout.strip()
