# SPDX-License-Identifier: MIT
"""
test_source.py - the source package: what is in it, and that it builds the same packages
"""

import glob
import os
import re
import subprocess
import tarfile

from host import TOP, process
from host.debs import NAMES, Debs, changelog_version, pack_source
from host.unit_case import PackageCase

VERSION = changelog_version()
TOP_LEVEL = {".ci", ".github", ".gitignore", ".gitattributes", ".clang-format", ".clang-tidy", ".editorconfig",
             ".git-blame-ignore-revs", "CMakeLists.txt", "LICENSE", "README.md", "cmd", "lib", "fail2ban", "tests"}
# what lies around in a working directory
RUBBISH = ("lib/base/addr.c~", "lib/.addr.c.swp", "lib/base/addr.c.orig", "lib/#addr.c#", "cmd/bar.o", "fail2ban/iprep.conf.bak",
           "tests/host/__pycache__/debs.cpython-311.pyc", "notes.txt", "abuseipdb.key", "build/deb/CMakeCache.txt",
           "build/deb/iprep_0.0.1_amd64.deb", "tests/b/CMakeCache.txt", "tests/b/lib/generated.c", ".idea/iprep.iml")


def names(path):
    """Files of a source package, without its top directory."""
    with tarfile.open(path) as tar:
        found = [member.name for member in tar if not member.isdir()]
    prefix = f"iprep-{VERSION}/"
    if not all(name.startswith(prefix) for name in found):
        raise process.CommandError(f"{path}: not everything is below {prefix}")
    return sorted(name.removeprefix(prefix) for name in found)


def litter(top):
    for name in RUBBISH:
        os.makedirs(os.path.dirname(f"{top}/{name}"), exist_ok=True)
        with open(f"{top}/{name}", "w", encoding="ascii") as file:
            file.write("rubbish\n")


class SourceCase(PackageCase):
    def unpack(self, path, name):
        """Its top directory, unpacked below a directory name."""
        os.makedirs(f"{self.top}/{name}")
        process.run(["tar", "-xmf", path, "-C", f"{self.top}/{name}"])
        return f"{self.top}/{name}/iprep-{VERSION}"

    def packed_again(self, top):
        """The files of the source package that the tree top makes."""
        build = f"{self.top}/build-{os.path.basename(os.path.dirname(top))}"
        process.run(["cmake", "-S", top, "-B", build, "-DBUILD_TESTING=OFF"], timeout_s=300)
        pack_source(build)
        return names(f"{build}/iprep-{VERSION}.tar.gz")

    def differences(self, one, other):
        """Which files of two packages are not the same, or else how they are listed."""
        tops = []
        for number, path in enumerate((one, other)):
            tops.append(f"{self.top}/open-{os.path.basename(one)}-{number}")
            process.run(["dpkg-deb", "-R", path, tops[-1]])
        done = subprocess.run(["diff", "-rq", *tops], capture_output=True, text=True, check=False)
        listings = [process.run(["dpkg-deb", "-c", path]).stdout.splitlines() for path in (one, other)]
        return done.stdout + "\n".join(line for line in listings[1] if line not in listings[0])


class Source(SourceCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.path = cls.debs.source()
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
        top = self.unpack(self.path, "checkout")
        for words in (["init", "-q"], ["add", "-Af"],
                      ["-c", "user.name=x", "-c", "user.email=x@example.net", "commit", "-qm", "all"]):
            process.run(["git", "-C", top, *words])
        litter(top)
        self.assertEqual(self.packed_again(top), self.names)

    def test_rubbish_in_an_unpacked_source_package_stays_outside(self):
        top = self.unpack(self.path, "unpacked")
        litter(top)
        self.assertEqual(self.packed_again(top), self.names)

    def test_it_makes_the_same_packages_byte_for_byte(self):
        debs = Debs(f"{self.top}/other", source=self.unpack(self.path, "rebuilt"))
        for name in NAMES:
            with self.subTest(name), open(debs.paths[name], "rb") as theirs, open(self.debs.paths[name], "rb") as ours:
                if theirs.read() != ours.read():
                    self.fail(f"{name} differs:\n" + self.differences(self.debs.paths[name], debs.paths[name]))


class Version(SourceCase):
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
            self.assertEqual(self.debs.field(name, "Version"), VERSION)
        top = f"{self.top}/versions"
        for name in NAMES:
            process.run(["dpkg-deb", "-x", self.debs.paths[name], top])
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
        top = self.unpack(self.debs.source(), "versionless")
        for line in ("iprep (unreleased) unstable; urgency=medium", f"iprep {VERSION}", ""):
            with open(f"{top}/fail2ban/debian/changelog", "w", encoding="ascii") as file:
                file.write(line + "\n")
            done = process.run(["cmake", "-S", top, "-B", f"{self.top}/versionless-build"], check=False)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn("the first line has no version like 1.2.3", done.stderr)
