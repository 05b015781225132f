# SPDX-License-Identifier: MIT
"""
test_upgrade.py - an upgrade that is built on the host which has the previous version installed

In a root directory with what README says is needed to build, by README's own commands: the previous version is
built, installed and used there, then this one is built there and installed by apt over it, and the way back. The
previous version is this source with a lower number and the units in the place where it had them.
"""

import os
import re

from host import TOP, process
from host.debian import Root
from host.debs import NAMES
from host.unit_case import PackageCase

BEFORE = "0.0.9"
UNITS = ("iprep-flush.path", "iprep-flush.service", "iprep-purge.timer", "iprep-release.service")
LINKS = "/etc/systemd/system"
BUILD_S = 1200


def readme(heading):
    """The indented lines below a heading."""
    with open(f"{TOP}/README.md", encoding="utf-8") as file:
        text = file.read()
    section = re.split(r"^#+ ", text.split(f"\n## {heading}\n", 1)[1], maxsplit=1, flags=re.M)[0]
    return [line[4:] for line in section.splitlines() if line.startswith("    ")]


def tools():
    """What README has installed before it builds."""
    found = [word for line in readme("Install") if line.startswith("sudo apt install ") for word in line.split()[3:]]
    return tuple(sorted({word for word in found if not word.startswith("./") and word != "fail2ban"}))


def build_command():
    command, = [line for line in readme("Install") if "cpack -G DEB" in line]
    return command


class Upgrade(PackageCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.version = cls.debs.version
        cls.root = Root(cls.kept, "build", (*tools(), *cls.debs.dependencies()))
        cls.stack.callback(cls.root.close)
        source = cls.debs.source()
        for version in (BEFORE, cls.version):
            process.run(["tar", "-xmf", source, "-C", cls.root.inside("/root")])
            os.rename(cls.root.inside(f"/root/iprep-{cls.version}"), cls.root.inside(f"/root/{version}"))
        changelog = f"/root/{BEFORE}/fail2ban/debian/changelog"
        cls.root.write(changelog, cls.root.read(changelog).replace(f"({cls.version})", f"({BEFORE})", 1))

    def build(self, version, options=""):
        """{package: file}, made in there as README says."""
        command = build_command().replace("-DBUILD_TESTING=OFF", f"-DBUILD_TESTING=OFF {options}")
        self.root.run("sh", "-ec", f"cd /root/{version} && {command}", timeout_s=BUILD_S)
        paths = [f"/root/{version}/build/deb/{name}_{version}_{architecture()}.deb" for name in NAMES]
        for path in paths:
            self.assertTrue(self.root.exists(path), path)
        return [self.root.inside(path) for path in paths]

    def installed(self):
        said = self.root.run("dpkg-query", "-W", "-f", "${Package} ${Version} ${db:Status-Status}\n", *NAMES).stdout
        return {tuple(line.split()) for line in said.splitlines()}

    def test_it_can_be_installed_by_apt_and_keeps_what_is_there(self):
        self.root.apt("install", *self.build(BEFORE, "-DIPREP_UNITDIR=/lib/systemd/system"))
        self.assertEqual(self.installed(), {(name, BEFORE, "installed") for name in NAMES})
        self.assertIn("/lib/systemd/system/iprep-flush.path", self.root.packaged("iprep"))
        self.use()
        before, links = self.root.queued(), self.links()
        self.assertIn('"report":1', before)

        paths = self.build(self.version)
        for path in paths:
            needs = process.run(["dpkg-deb", "-f", path, "Depends"]).stdout
            self.assertNotIn(BEFORE, needs)
            self.assertEqual(re.findall(r"libiprep0[^,\n]*", needs),
                             [] if "libiprep0_" in path else [f"libiprep0 (= {self.version})"])
            name = os.path.basename(path).split("_")[0]
            self.assertEqual(needs.strip(), self.debs.field(name, "Depends"), "as on a host without iprep")
        self.root.apt("install", *paths)
        self.assertEqual(self.installed(), {(name, self.version, "installed") for name in NAMES})
        self.assertIn(self.version, self.root.run("rep-check", "--version").stdout)
        self.assertEqual((self.root.queued(), self.links()), (before, links))
        self.assertEqual(self.root.read("/etc/iprep/iprep.local"), "[report]\ninterval = 2d\n")
        self.units_are_there()

        self.root.apt("install", "--allow-downgrades", *self.build(BEFORE))
        self.assertEqual(self.installed(), {(name, BEFORE, "installed") for name in NAMES})
        self.assertEqual(self.root.queued(), before)
        self.units_are_there()

    def use(self):
        self.root.write("/etc/iprep/iprep.local", "[report]\ninterval = 2d\n")
        self.root.record_a_report()
        os.unlink(self.root.inside(f"{LINKS}/timers.target.wants/iprep-purge.timer"))

    def links(self):
        """Enabled units, with what they are links to, wherever /lib is."""
        return {path: self.root.run("readlink", "-f", path).stdout for path in self.root.linked(LINKS)}

    def units_are_there(self):
        """They moved from /lib, which is a link to /usr/lib: dpkg must not remove what it has just unpacked."""
        for name in UNITS:
            self.assertTrue(self.root.exists(f"/usr/lib/systemd/system/{name}"), name)
        for path in self.links():
            self.root.run("test", "-f", path)


def architecture():
    return process.run(["dpkg", "--print-architecture"]).stdout.strip()
