# SPDX-License-Identifier: MIT
"""
test_package.py - the Debian packages: installed, upgraded, removed, purged and installed again

In fresh debootstrap directories without systemd and fail2ban: with apt of this machine for the first tests, and
with dpkg alone where what they depend on is there before.
tests/data/package.tsv lists the installed files with owner and mode.
"""

import csv
import os
import platform
import re
import shutil
import signal
import sys
import tempfile

from host import TESTS, process, roots
from host.debian import Root
from host.debs import MORE, NAMES, Debs
from host.jails import jail_local
from host.unit_case import PackageCase

TABLE = f"{TESTS}/data/package.tsv"
OTHER_PROGRAM = (sys.executable, "-B", f"{TESTS}/lib/run.py", "--programs", "/usr/bin", f"{TESTS}/user/test_user.py")
MULTIARCH = f"{platform.machine()}-linux-gnu"
WANTS = "/etc/systemd/system"
ENABLED = {f"{WANTS}/paths.target.wants/iprep-flush.path", f"{WANTS}/timers.target.wants/iprep-flush.timer",
           f"{WANTS}/timers.target.wants/iprep-purge.timer", f"{WANTS}/timers.target.wants/iprep-recheck.timer",
           f"{WANTS}/timers.target.wants/iprep-release.timer", f"{WANTS}/timers.target.wants/iprep-notify.timer"}
LOG = "/var/log/iprep/verdict.log"
LINE = "2026-11-23T09:51:10+0000 iprep[5077]: verdict=confirmed ip=45.1.1.1 score=16 tier=notorious\n"
# theirs, in a fail2ban that never knew of us otherwise
JAILS = jail_local('sshd: | action = %(known/action)s | + iprep[category="18,22"] | rep-confirmed:')
COMMENT = "# iprep and rep-confirmed are only in a comment here\n"


def expected(version):
    """{(package, path): (owner, group, mode, kind)} of the table."""
    with open(TABLE, encoding="ascii") as file:
        rows = csv.reader((line for line in file if not line.startswith("#")), delimiter="\t")
        return {(package, path.replace("MULTIARCH", MULTIARCH).replace("VERSION", version)): tuple(rest)
                for package, path, *rest in rows}


def is_shared(path):
    """A directory that other packages contain as well."""
    return path in ("/etc", "/usr", "/lib", "/etc/fail2ban") or not ("iprep" in path or "rep-" in path)


def installed(root):
    """The same as expected(), as it is."""
    found = {(name, path): root.described(path) for name in NAMES for path in root.packaged(name)
             if not is_shared(path)}
    made = root.run("find", "/var/lib", "/var/log", "-name", "*iprep*", "-o", "-path", "*/iprep/*").stdout.split()
    found.update({("made", path): root.described(path) for path in made if "/dpkg/" not in path
                  and "/deb-systemd-helper" not in path})
    return found


def stopped_in(trace):
    """The process that strace says is stopped, or None."""
    if not os.path.exists(trace):
        return None
    with open(trace, encoding="utf-8") as file:
        found = re.search(r"^(\d+) +--- stopped by SIGSTOP ---$", file.read(), re.M)
    return int(found[1]) if found else None


def differences(before, after):
    return {path: (before.get(path), after.get(path)) for path in {*before, *after}
            if before.get(path) != after.get(path)}


class TableCase(PackageCase):
    def differences_to_the_table(self):
        """IPREP_SHOW in the environment: prints the table, as it would have to be."""
        found = installed(self.root)
        for key, row in sorted(found.items() if os.environ.get("IPREP_SHOW") else ()):
            print("\t".join([*key, *row]).replace(MULTIARCH, "MULTIARCH").replace(self.debs.version, "VERSION"))
        return differences(expected(self.debs.version), found)


class Installed(TableCase):
    """By apt, with what it depends on, and looked at only."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.root = Root(cls.kept, roots.BASE, roots.BASE_PACKAGES)
        cls.stack.callback(cls.root.close)
        cls.root.install(list(cls.debs.paths.values()))

    def test_a_every_file_has_the_owner_and_mode_of_the_table(self):
        self.assertEqual(self.differences_to_the_table(), {})
        self.assertEqual(self.root.read(LOG), "")
        self.assertFalse(self.root.exists("/var/lib/iprep/iprep.db"))

    def test_it_is_ready_and_only_timers_that_ban_no_address_are_enabled(self):
        self.assertEqual(self.root.run("rep-check", "--ready").stdout, "")
        self.assertEqual(self.root.linked(WANTS), ENABLED)
        self.assertIn('"report":0,"lookup":0', self.root.queued())
        self.assertEqual(self.root.run("rep-check", "--blocks").stdout, "")
        user = self.root.run("getent", "passwd", "_iprep").stdout.split(":")
        self.assertEqual(user[-2:], ["/nonexistent", "/usr/sbin/nologin\n"])
        self.assertEqual(self.root.run("id", "-Gn", "_iprep").stdout, "_iprep\n")

    def test_programs_find_their_library_without_a_path_built_in(self):
        for program in ("rep-check", "rep-report", "rep-purge"):
            path = self.root.inside(f"/usr/bin/{program}")
            self.assertNotRegex(process.run(["readelf", "-d", path]).stdout, "RPATH|RUNPATH")
            self.assertIn(f"/{MULTIARCH}/libiprep.so.0", self.root.run("ldd", f"/usr/bin/{program}").stdout)
            self.assertIn(self.debs.version.split("+")[0], self.root.run(program, "--version").stdout)
        self.assertIn("libiprep0", self.debs.field("iprep", "Depends"))
        for library in ("libcurl4", "libc-?ares2", "libsqlite3-0", "libcjson1"):
            self.assertRegex(self.debs.field("libiprep0", "Depends"), rf"(^| ){library}(t64)? \(>= ")

    def test_another_program_is_built_with_the_library_and_looks_up_an_address(self):
        done = process.run(OTHER_PROGRAM, env={**os.environ, "IPREP_SYSROOT": self.root.path}, timeout_s=900)
        self.assertRegex(done.stderr, r"Ran \d+ tests .*\n\nOK \(skipped=1\)")


class Recommended(PackageCase):
    """On a host that has nothing but systemd yet; apt only says what it would do."""

    def test_no_mail_server_is_installed_along(self):
        root = Root(self.kept, roots.BASE, roots.BASE_PACKAGES)
        self.addCleanup(root.close)
        paths = [root.inside(path) for path in root.take([self.debs.paths["libiprep0"], self.debs.paths["iprep"]])]
        # without systemd logrotate needs cron, and cron recommends a mail server
        said = root.apt("install", "--simulate", "--install-recommends", "systemd-sysv", "fail2ban", *paths)
        wanted = re.findall(r"^Inst (\S+)", said, re.M)
        for name in ("iprep", "fail2ban", "python3-systemd", "logrotate", "ca-certificates"):
            self.assertIn(name, wanted)
        others = [name for name in wanted if name not in NAMES]
        shown = process.run(["apt-cache", "show", "--no-all-versions", *others], timeout_s=300).stdout
        self.assertIn("\nProvides: ", shown)
        self.assertNotRegex(shown, r"(?m)^Provides: .*mail-transport-agent")


class Lifecycle(TableCase):
    """What ours depend on is there before."""

    def setUp(self):
        self.root = Root(self.kept, "debs", tuple(self.debs.dependencies()))
        self.addCleanup(self.root.close)

    def install(self, paths=None):
        return self.root.dpkg("-i", *self.root.take((paths or self.debs.paths).values()))

    def test_an_upgrade_keeps_what_the_administrator_and_the_programs_wrote(self):
        self.install()
        self.root.record_a_report()
        self.root.write("/etc/iprep/iprep.conf", self.root.read("/etc/iprep/iprep.conf") + "# mine\n")
        self.root.write("/etc/iprep/iprep.local", "[report]\ninterval = 2d\n")
        self.root.write(LOG, LINE, 0o640)
        self.root.run("chmod", "0700", "/var/lib/iprep")
        flush = f"{WANTS}/timers.target.wants/iprep-flush.timer"
        os.unlink(self.root.inside(flush))
        before, store = self.root.queued(), self.root.described("/var/lib/iprep/iprep.db")
        self.assertIn('"report":1', before)
        self.install(self.debs.newer())
        self.assertEqual(self.root.run("dpkg-query", "-W", "-f", "${Version}", "iprep").stdout, self.debs.version + "+next")
        self.assertIn(MORE, self.root.read("/etc/logrotate.d/iprep"), "unchanged here, so replaced")
        self.assertNotIn(MORE, self.root.read("/etc/iprep/iprep.conf"))
        self.assertTrue(self.root.read("/etc/iprep/iprep.conf").endswith("# mine\n"))
        self.assertEqual(self.root.read("/etc/iprep/iprep.local"), "[report]\ninterval = 2d\n")
        self.assertEqual(self.root.read(LOG), LINE)
        self.assertEqual(self.root.described("/var/lib/iprep"), ("_iprep", "_iprep", "0700", "directory"))
        self.assertEqual((self.root.queued(), self.root.described("/var/lib/iprep/iprep.db")), (before, store))
        self.assertEqual(self.root.linked(WANTS), ENABLED - {flush}, "a timer that was disabled stays so")
        self.a_link_in_the_log_directory_is_not_followed()

    def test_a_fifo_that_appears_after_the_look_does_not_stop_dpkg(self):
        self.install()
        os.unlink(self.root.inside(LOG))
        trace = self.root.inside("/var/tmp/trace")
        # stopped by its second look, whether there is a link
        script = process.Server(["strace", "-f", "-o", trace, "-P", LOG, "-e", "trace=%%stat", "-e",
                                 "inject=%%stat:signal=STOP:when=2", *self.root.command(
                                     ["/var/lib/dpkg/info/iprep.postinst", "configure", self.debs.version])], f"{trace}.log")
        self.addCleanup(script.stop)
        script.await_ready(lambda: stopped_in(trace), 60)
        os.mkfifo(self.root.inside(LOG))
        os.kill(stopped_in(trace), signal.SIGCONT)
        self.assertEqual(script.child.wait(60), 0, process.tail(f"{trace}.log"))
        self.assertEqual(self.root.described(LOG)[3], "fifo")

    def a_link_in_the_log_directory_is_not_followed(self):
        os.unlink(self.root.inside(LOG))
        os.symlink("/etc/made-by-link", self.root.inside(LOG))
        self.root.run("/var/lib/dpkg/info/iprep.postinst", "configure", self.debs.version)
        self.assertFalse(self.root.exists("/etc/made-by-link"))

    def test_after_removal_state_and_configuration_wait_for_the_next_installation(self):
        self.install()
        self.root.record_a_report()
        self.root.write(LOG, LINE, 0o640)
        self.root.write("/etc/fail2ban/jail.local", JAILS)
        said = self.root.dpkg("--remove", "iprep")
        self.assertIn("/etc/fail2ban/jail.local:4:         iprep[category", said)
        self.assertIn("/etc/fail2ban/jail.local:5:[rep-confirmed]", said)
        self.assertNotIn("/etc/fail2ban/jail.d/iprep.conf:", said)
        for path in ("/usr/bin/rep-check", "/usr/lib/systemd/system/iprep-flush.service"):
            self.assertFalse(self.root.exists(path), path)
        self.cron_says_nothing()
        self.install()
        self.assertEqual(self.root.read(LOG), LINE)
        self.assertIn('"report":1', self.root.queued())
        self.the_user_stays_as_long_as_a_key_belongs_to_it()

    def cron_says_nothing(self):
        """Its file is a conffile, and still there."""
        jobs = [line for line in self.root.read("/etc/cron.d/iprep").splitlines() if re.match(r"[\d*]", line)]
        self.assertEqual(len(jobs), 5)
        for line in jobs:
            command = "TIMERS=/none; SYSTEMD=/none; " + line.split(None, 6)[6]
            done = self.root.run("sh", "-c", command)
            self.assertEqual(done.stdout + done.stderr, "", command)

    def the_user_stays_as_long_as_a_key_belongs_to_it(self):
        self.assertIn("user _iprep: not deleted", self.root.dpkg("--purge", *NAMES))
        self.assertEqual(self.root.described("/etc/iprep/abuseipdb.key")[:3], ("root", "_iprep", "0640"))
        self.assertEqual(os.listdir(self.root.inside("/etc/iprep")), ["abuseipdb.key"])
        self.install()
        os.unlink(self.root.inside("/etc/iprep/abuseipdb.key"))
        self.assertEqual(self.differences_to_the_table(), {})
        self.root.dpkg("--purge", *NAMES)
        self.assertFalse(self.root.exists("/etc/iprep"))
        self.assertEqual(self.root.run("getent", "passwd", "_iprep", check=False).returncode, 2)

    def test_after_purge_nothing_is_left_but_what_the_administrator_made(self):
        for directory in ("/etc/fail2ban", "/etc/iprep"):
            os.makedirs(self.root.inside(directory))
        self.root.write("/etc/iprep/iprep.local", "[report]\ninterval = 2d\n")
        self.root.write("/etc/fail2ban/jail.local", COMMENT)
        before = self.root.files()
        self.install()
        # without a key only the lookup is recorded
        self.root.run("rep-report", "--enqueue", "--jail=sshd", "--", "45.1.1.1")
        self.root.write(LOG + ".1", LINE)
        os.mkdir(self.root.inside("/var/lib/iprep-notify"))
        self.assertTrue(self.root.exists("/var/lib/iprep/iprep.db"))
        said = self.root.dpkg("--purge", *NAMES)
        self.assertEqual(differences(before, self.root.files()), {})
        self.assertNotIn("WARNING", said)
        self.install()
        self.root.write("/etc/fail2ban/jail.local", COMMENT + JAILS)
        self.purge_warns_of_jails_that_would_stop_fail2ban()

    def purge_warns_of_jails_that_would_stop_fail2ban(self):
        said = self.root.dpkg("--purge", *NAMES)
        self.assertIn("WARNING", said)
        self.assertIn("KEEPS FAIL2BAN FROM STARTING", said)
        self.assertIn('/etc/fail2ban/jail.local:5:         iprep[category="18,22"]', said)
        self.assertIn("/etc/fail2ban/jail.local:6:[rep-confirmed]", said)
        self.assertNotIn("only in a comment", said)


class Lint(PackageCase):
    def test_lintian_says_nothing(self):
        self.lint(self.debs)

    def test_nor_where_nothing_has_debug_information(self):
        """As with -DCMAKE_BUILD_TYPE=Release; -O0 is what compiles fastest."""
        with tempfile.TemporaryDirectory(prefix="iprep-plain.", dir="/var/tmp") as top:
            debs = Debs(top, "-DCMAKE_BUILD_TYPE=None", "-DCMAKE_C_FLAGS=-O0")
            self.assertEqual(debs.symbols(), [])
            self.lint(debs)

    def test_debug_information_is_in_packages_of_its_own(self):
        self.assertEqual([os.path.basename(path).split("_")[0] for path in self.debs.symbols()],
                         ["iprep-dbgsym", "libiprep0-dbgsym"])

    def lint(self, debs):
        with tempfile.TemporaryDirectory(prefix="iprep-lint.", dir="/var/tmp") as top:
            os.chmod(top, 0o755)           # lintian warns when it is run by root
            paths = [shutil.copy(path, top) for path in debs.paths.values()]
            done = process.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "env", "-C", top,
                                f"HOME={top}", "lintian", "--tag-display-limit", "0", "--show-overrides", *paths],
                               check=False, timeout_s=600)
        print(f"lintian: status {done.returncode}, it says:\n{done.stdout}{done.stderr}(end)", flush=True)
        lines = [line for line in (done.stdout + done.stderr).splitlines() if not line.startswith(("O: ", "N:"))]
        self.assertEqual((lines, done.returncode), ([], 0))
