# SPDX-License-Identifier: MIT
"""
debroot.py - a Debian root directory in which our packages are installed and removed

A copy of one of live/roots.py, changed as a machine would be: apt resolves and
dpkg runs the maintainer's scripts, where policy-rc.d forbids to start anything.
"""

import hashlib
import os
import shutil
import stat
import tempfile

from host import roots
from host import process

DEBS = "var/tmp/debs"
# what apt, dpkg and the like keep for themselves
THEIRS = ("var/lib/dpkg", "var/lib/apt", "var/cache", "var/log/apt", "var/log/dpkg.log", "dev", "proc", "sys",
          "var/log/alternatives.log", "etc/ld.so.cache", "etc/passwd-", "etc/group-", "etc/shadow-", "etc/gshadow-",
          "run", "tmp", DEBS)


class DebRoot:
    """path: a copy, made here, of the root name with these packages."""

    def __init__(self, packages, name, wanted):
        source = roots.Roots(packages).get(name, wanted)
        self.path = tempfile.mkdtemp(prefix="iprep-root.", dir="/var/tmp")
        try:
            os.chmod(self.path, 0o755)
            roots.copy(source, self.path)
        except BaseException:
            self.close()
            raise

    def close(self):
        shutil.rmtree(self.path)

    def apt(self, *words):
        """apt-get; what it and the maintainer's scripts said."""
        done = roots.apt(self.path, *words)
        return done.stdout + done.stderr

    def install(self, paths):
        """apt-get install of .deb files, their dependencies too."""
        return self.apt("install", *[self.inside(path) for path in self.take(paths)])

    def take(self, paths):
        """Copies of .deb files, as the root calls them."""
        os.makedirs(self.inside(DEBS), exist_ok=True)
        return [f"/{DEBS}/{os.path.basename(shutil.copy(path, self.inside(DEBS)))}" for path in paths]

    def dpkg(self, *words):
        """Run dpkg without apt; returns its output, with that of the maintainer scripts."""
        done = self.run("dpkg", "--force-unsafe-io", "--force-confold", *words, timeout_s=roots.INSTALL_S)
        return done.stdout + done.stderr

    def inside(self, path):
        return os.path.join(self.path, path.lstrip("/"))

    def command(self, argv):
        """Runs argv in there: processes of its own, no network."""
        return ["unshare", "--net", *roots.alone(self.path), "chroot", self.path, *argv]

    def run(self, *argv, check=True, timeout_s=300):
        env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}
        return process.run(self.command(argv), env=env, check=check, timeout_s=timeout_s)

    def write(self, path, text, mode=0o644):
        with open(self.inside(path), "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(self.inside(path), mode)

    def read(self, path):
        with open(self.inside(path), encoding="utf-8") as file:
            return file.read()

    def exists(self, path):
        return os.path.lexists(self.inside(path))

    def packaged(self, name):
        """What dpkg says belongs to an installed package."""
        done = self.run("dpkg-query", "-L", name)
        return [line for line in done.stdout.splitlines() if line != "/."]

    def described(self, path):
        """'user group mode type' of one file, as the root itself has the names."""
        done = self.run("stat", "-c", "%U %G %a %F", path)
        user, group, mode, kind = done.stdout.strip().split(" ", 3)
        return user, group, mode.rjust(4, "0"), kind.replace("regular empty file", "regular file")

    def files(self):
        """{path: what it is} of all files but those of THEIRS."""
        found = {}
        for top, directories, names in os.walk(self.path):
            below = os.path.relpath(top, self.path)
            for name in list(directories) + names:
                path = os.path.normpath(os.path.join(below, name))
                if path in THEIRS:
                    continue
                found[path] = look(os.path.join(top, name))
            directories[:] = [name for name in directories
                              if os.path.normpath(os.path.join(below, name)) not in THEIRS]
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
