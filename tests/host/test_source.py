#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""
test_source.py - the source package: what is in it, and that it builds the same packages

    test_source.py     (IPREP_PACKAGES: where packages are kept)
"""

import glob
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import unittest

sys.dont_write_bytecode = True      # leave the source tree clean
sys.path.append(f"{os.path.dirname(os.path.abspath(__file__))}/../lib")

from host import process                                              # noqa: E402
from host.debs import NAMES, TOP, Debs, changelog_version, pack_source   # noqa: E402

VERSION = changelog_version()
TOP_LEVEL = {".ci", ".github", ".gitignore", ".gitattributes", ".clang-format", ".clang-tidy", ".editorconfig",
             ".git-blame-ignore-revs", "CMakeLists.txt", "LICENSE", "README.md", "cmd", "lib", "fail2ban", "tests"}
# what lies around in a working directory
RUBBISH = ("lib/base/addr.c~", "lib/.addr.c.swp", "lib/base/addr.c.orig", "lib/#addr.c#", "cmd/bar.o", "fail2ban/iprep.conf.bak",
           "tests/host/__pycache__/debs.cpython-311.pyc", "notes.txt", "abuseipdb.key", "build/deb/CMakeCache.txt",
           "build/deb/iprep_0.0.1_amd64.deb", "tests/b/CMakeCache.txt", "tests/b/lib/generated.c", ".idea/iprep.iml")
OURS = None
PLACE = None


def names(path):
    """Files of a source package, without its top directory."""
    with tarfile.open(path) as tar:
        found = [member.name for member in tar if not member.isdir()]
    prefix = f"iprep-{VERSION}/"
    if not all(name.startswith(prefix) for name in found):
        raise process.CommandError(f"{path}: not everything is below {prefix}")
    return sorted(name.removeprefix(prefix) for name in found)


def unpack(path, name):
    """Its top directory, unpacked below a directory name."""
    os.makedirs(f"{PLACE}/{name}")
    process.run(["tar", "-xmf", path, "-C", f"{PLACE}/{name}"])
    return f"{PLACE}/{name}/iprep-{VERSION}"


def litter(top):
    for name in RUBBISH:
        os.makedirs(os.path.dirname(f"{top}/{name}"), exist_ok=True)
        with open(f"{top}/{name}", "w", encoding="ascii") as file:
            file.write("rubbish\n")


def packed_again(top):
    """The files of the source package that the tree top makes."""
    build = f"{PLACE}/build-{os.path.basename(os.path.dirname(top))}"
    process.run(["cmake", "-S", top, "-B", build, "-DBUILD_TESTING=OFF"], timeout_s=300)
    pack_source(build)
    return names(f"{build}/iprep-{VERSION}.tar.gz")


class Source(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.path = OURS.source()
        cls.names = names(cls.path)

    def test_it_is_named_by_the_version_and_holds_what_git_knows_and_nothing_else(self):
        self.assertEqual(os.path.basename(self.path), f"iprep-{VERSION}.tar.gz")
        self.assertEqual({name.split("/")[0] for name in self.names} - TOP_LEVEL, set())
        for name in ("CMakeLists.txt", "fail2ban/debian/source.cmake", "tests/host/test_source.py", ".ci/run"):
            self.assertIn(name, self.names)
        if os.path.exists(f"{TOP}/.git"):
            known = process.run(["git", "-c", "safe.directory=*", "-C", TOP, "ls-files"]).stdout.splitlines()
            self.assertEqual(self.names, sorted(name for name in known if os.path.lexists(f"{TOP}/{name}")))

    def test_scripts_can_be_run_and_everybody_may_read(self):
        with tarfile.open(self.path) as tar:
            modes = {member.name.partition("/")[2]: member.mode for member in tar if member.isfile()}
        self.assertTrue(modes["fail2ban/iprep-notify"] & 0o111)
        self.assertFalse(modes["README.md"] & 0o111)
        self.assertEqual([name for name, mode in modes.items() if not mode & 0o004], [])

    def test_rubbish_in_a_checkout_stays_outside(self):
        top = unpack(self.path, "checkout")
        for words in (["init", "-q"], ["add", "-Af"],
                      ["-c", "user.name=x", "-c", "user.email=x@example.net", "commit", "-qm", "all"]):
            process.run(["git", "-C", top, *words])
        litter(top)
        self.assertEqual(packed_again(top), self.names)

    def test_rubbish_in_an_unpacked_source_package_stays_outside(self):
        top = unpack(self.path, "unpacked")
        litter(top)
        self.assertEqual(packed_again(top), self.names)

    def test_it_makes_the_same_packages_byte_for_byte(self):
        debs = Debs(f"{PLACE}/other", source=unpack(self.path, "rebuilt"))
        for name in NAMES:
            with self.subTest(name), open(debs.paths[name], "rb") as theirs, open(OURS.paths[name], "rb") as ours:
                if theirs.read() != ours.read():
                    self.fail(f"{name} differs:\n" + differences(OURS.paths[name], debs.paths[name]))


def differences(one, other):
    """Which files of two packages are not the same, or else how they are listed."""
    tops = []
    for number, path in enumerate((one, other)):
        tops.append(f"{PLACE}/open-{os.path.basename(one)}-{number}")
        process.run(["dpkg-deb", "-R", path, tops[-1]])
    done = subprocess.run(["diff", "-rq", *tops], capture_output=True, text=True, check=False)
    listings = [process.run(["dpkg-deb", "-c", path]).stdout.splitlines() for path in (one, other)]
    return done.stdout + "\n".join(line for line in listings[1] if line not in listings[0])


class Version(unittest.TestCase):
    """One place says it."""

    def test_only_the_changelog_names_it(self):
        pattern = re.compile(rf"(?<![\d.]){re.escape(VERSION)}(?![\d.])|\biprep[ (]+\d+\.\d")
        found = []
        for place in ("CMakeLists.txt", "README.md", "cmd/**", "lib/**", "fail2ban/**", "tests/host/*.py", "tests/lib/**/*.py", "tests/user/*"):
            for path in glob.glob(f"{TOP}/{place}", recursive=True):
                if os.path.isfile(path) and not path.endswith("/changelog"):
                    with open(path, encoding="utf-8", errors="replace") as file:
                        if pattern.search(file.read()):
                            found.append(os.path.relpath(path, TOP))
        self.assertEqual(found, [])

    def test_programs_packages_and_what_others_build_with_have_it(self):
        for name in NAMES:
            self.assertEqual(OURS.field(name, "Version"), VERSION)
        top = f"{PLACE}/versions"
        for name in NAMES:
            process.run(["dpkg-deb", "-x", OURS.paths[name], top])
        library, = glob.glob(f"{top}/usr/lib/*/libiprep.so.{VERSION}")
        env = {**os.environ, "LD_LIBRARY_PATH": os.path.dirname(library)}
        for program in ("rep-check", "rep-report", "rep-purge"):
            said = process.run([f"{top}/usr/bin/{program}", "--version"], env=env).stdout
            self.assertEqual(said.split()[-1], VERSION)
        for pattern, line in (("pkgconfig/iprep.pc", f"Version: {VERSION}\n"),
                              ("cmake/iprep/iprep-config-version.cmake", f'set(PACKAGE_VERSION "{VERSION}")\n')):
            path, = glob.glob(f"{top}/usr/lib/*/{pattern}")
            with open(path, encoding="ascii") as file:
                self.assertIn(line, file.read())

    def test_a_changelog_without_a_version_is_refused(self):
        top = unpack(OURS.source(), "versionless")
        for line in ("iprep (unreleased) unstable; urgency=medium", f"iprep {VERSION}", ""):
            with open(f"{top}/fail2ban/debian/changelog", "w", encoding="ascii") as file:
                file.write(line + "\n")
            done = process.run(["cmake", "-S", top, "-B", f"{PLACE}/versionless-build"], check=False)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn("the first line has no version like 1.2.3", done.stderr)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="iprep-source.", dir="/var/tmp") as PLACE:
        OURS = Debs(os.environ.get("IPREP_PACKAGES", PLACE))
        unittest.main()
