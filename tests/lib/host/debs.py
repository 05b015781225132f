# SPDX-License-Identifier: MIT
"""
debs.py - our Debian packages, made from this source as README says

They are made below directory, in one build for all tests: a second time only what
changed is compiled. Each Debs has files of its own, which no other test replaces.
newer() gives the same with a higher version, and with one more line in two
conffiles, as the next release would have.
"""

import glob
import os
import re
import shutil
import tempfile

from host import TOP, process
from host.roots import locked

NAMES = ("libiprep0", "iprep", "libiprep-dev")      # in the order of dependence
BUILD_S = 1200
CHANGED = ("etc/iprep/iprep.conf", "etc/logrotate.d/iprep")
MORE = "# a line of the next release\n"
PACK_SOURCE = "cpack --config CPackSourceConfig.cmake"


class Debs:
    """paths: {package: file}, version; from another source or with more options of cmake, below another directory."""

    def __init__(self, directory, *options, source=TOP):
        self.build = f"{directory}/debs/build"
        os.makedirs(self.build, exist_ok=True)
        self.directory = tempfile.mkdtemp(prefix="made-", dir=f"{directory}/debs")
        with locked(self.build):
            process.run(["cmake", "-S", source, "-B", self.build, "-DBUILD_TESTING=OFF",
                         "-DCMAKE_INSTALL_PREFIX=/usr", *options], timeout_s=BUILD_S)
            process.run(["cmake", "--build", self.build, "-j2"], timeout_s=BUILD_S)
            self.pack("cpack -G DEB", "*.deb", "*.ddeb")
        self.paths = {name: only(f"{self.directory}/{name}_*.deb") for name in NAMES}
        self.version = field(self.paths["iprep"], "Version")

    def pack(self, command, *patterns):
        """Run command in the build directory, and take what it makes."""
        for pattern in patterns:
            for old in glob.glob(f"{self.build}/{pattern}"):
                os.unlink(old)
        run_in(self.build, command)
        for pattern in patterns:
            for path in glob.glob(f"{self.build}/{pattern}"):
                shutil.copy(path, self.directory)

    def source(self):
        """The source package."""
        with locked(self.build):
            self.pack(PACK_SOURCE, "*.tar.gz")
        return only(f"{self.directory}/*.tar.gz")

    def symbols(self):
        """The packages with debug information."""
        return sorted(glob.glob(f"{self.directory}/*.ddeb"))

    def field(self, name, which):
        return field(self.paths[name], which)

    def dependencies(self):
        """The packages of others that ours depend on."""
        text = ",".join(self.field(name, "Depends") for name in NAMES)
        names = {re.match(r"[\w.+-]+", part.strip())[0]
                 for part in text.split(",") if part.strip()}
        return sorted(names - set(NAMES))

    def newer(self):
        """{package: file} of the next version."""
        return {name: self.repack(name, f"{self.version}+next") for name in NAMES}

    def repack(self, name, version):
        top = f"{self.directory}/open-{name}"
        shutil.rmtree(top, ignore_errors=True)
        process.run(["dpkg-deb", "-R", self.paths[name], top])
        with open(f"{top}/DEBIAN/control", encoding="utf-8") as file:
            text = file.read()
        text = text.replace(f"Version: {self.version}\n", f"Version: {version}\n")
        text = text.replace(f"(= {self.version})", f"(= {version})")
        with open(f"{top}/DEBIAN/control", "w", encoding="utf-8") as file:
            file.write(text)
        for changed in CHANGED:
            if os.path.exists(f"{top}/{changed}"):
                with open(f"{top}/{changed}", "a", encoding="utf-8") as file:
                    file.write(MORE)
        path = f"{self.directory}/{name}_{version}.deb"
        process.run(["dpkg-deb", "--root-owner-group", "-b", top, path])
        shutil.rmtree(top)
        return path


def pack_source(build):
    run_in(build, PACK_SOURCE)


def run_in(build, command):
    process.run(["sh", "-c", f'cd "$1" && {command}', "sh", build], timeout_s=BUILD_S)


def changelog_version(top=TOP):
    """What everything else derives from."""
    with open(f"{top}/fail2ban/debian/changelog", encoding="utf-8") as file:
        return re.match(r"iprep \((\S+)\) ", file.readline())[1]


def only(pattern):
    paths = glob.glob(pattern)
    if len(paths) != 1:
        raise process.CommandError(f"{pattern}: {len(paths)} files")
    return paths[0]


def field(path, which):
    return process.run(["dpkg-deb", "-f", path, which]).stdout.strip()
