# SPDX-License-Identifier: MIT
"""
test_units.py - the units of the package under a real systemd, in their sandboxes

Installed from the package together with a real fail2ban, and booted: systemd is process 1 of a root directory with
a separate network, where rbldnsd is the resolver and an emulator of AbuseIPDB listens.
"""

import os
import re

from host.host import VERDICT_JAILS
from host.unit_case import ATTACKER, LATER, LISTED_NO_MORE, UnitCase

UNITS = "/usr/lib/systemd/system"
# of 10; these read what others wrote
EXPOSURE_MAX = {"flush": 2.0, "purge": 2.0, "recheck": 2.0, "release": 2.0, "export": 2.5, "metrics": 2.5, "notify": 4.5}

# Delivers to a spool and a home directory; a set-user-ID program is run by an ordinary user.
SENDMAIL = """\
#!/bin/sh
set -e
status() {
	sed -n "s/^$1:[[:space:]]*//p" /proc/self/status
}
cat >/var/mail/root
cp /var/mail/root /home/somebody/Mailbox
{
	echo "user=$(setpriv --reuid=nobody --clear-groups /usr/local/bin/whose -un)"
	echo "no_new_privileges=$(status NoNewPrivs)"
	echo "seccomp=$(status Seccomp)"
} >/var/mail/said
"""


class Units(UnitCase):
    """Each test leaves the machine as it was, or uses an address of its own."""

    def test_1_timers_and_path_wait_and_nothing_else_runs(self):
        timers = self.host.run("systemctl", "list-timers", "--no-pager", "--all").stdout
        for name in ("flush", "purge", "recheck", "release", "notify"):
            self.assertIn(f"iprep-{name}.timer", timers)
            self.assertEqual(self.host.show(f"iprep-{name}.timer", "ActiveState"), "active", name)
        self.assertEqual(self.host.show("iprep-flush.path", "SubState"), "waiting")
        self.assertEqual(self.host.run("systemctl", "list-units", "--failed", "--plain", "--no-legend",
                                       "iprep*").stdout, "")
        verified = self.host.run("sh", "-c", f"cd {UNITS} && systemd-analyze verify --man=no iprep-*.service iprep-*.timer iprep-*.path", check=False)
        self.assertEqual((verified.returncode, verified.stdout + verified.stderr), (0, ""))

    def test_1_units_that_read_what_others_wrote_are_sandboxed(self):
        for name, most in EXPOSURE_MAX.items():
            done = self.host.run("systemd-analyze", "security", "--offline=true", "--no-pager",
                                 f"{UNITS}/iprep-{name}.service", check=False)
            line = [line for line in done.stdout.splitlines() if "Overall exposure level" in line][-1]
            exposure = float(re.search(r": (\d+\.\d+) ", line)[1])
            print(f"\niprep-{name}.service: exposure {exposure}", end=" ", flush=True)
            with self.subTest(name):
                self.assertLessEqual(exposure, most)

    def test_1_units_have_limits_of_memory_tasks_files_and_time(self):
        for name in EXPOSURE_MAX:
            for what in ("MemoryMax", "TasksMax", "LimitNOFILE", "LimitFSIZE", "TimeoutStartUSec"):
                if name == "notify" and what in ("MemoryMax", "LimitFSIZE"):
                    continue        # what a mail server's filters need is not known
                value = self.host.show(f"iprep-{name}.service", what)
                self.assertNotIn(value, ("", "infinity", "18446744073709551615"), f"{name}: {what}")
            self.assertEqual(self.host.show(f"iprep-{name}.service", "LimitCORE"), "0", name)

    def test_2_a_jails_ban_starts_the_worker_which_reports_and_has_it_banned_for_a_year(self):
        for address in (ATTACKER, LISTED_NO_MORE):
            self.attack(address)
            self.until_banned(address, "sshd", *VERDICT_JAILS)
            self.assertIn(address, [report["ip"] for report in self.api.reports()])
        self.assertFalse(self.host.exists("/var/lib/iprep/wake"))
        self.assertEqual(self.host.ended("iprep-flush.service"), ("success", 0))
        self.assertEqual(self.host.run("stat", "-c", "%U %G %a", "/var/log/iprep/verdict.log").stdout,
                         "_iprep adm 640\n")

    def test_3_recheck_asks_and_release_lifts_the_ban(self):
        self.assertTrue(self.host.is_banned(LISTED_NO_MORE, *VERDICT_JAILS), "by the test before")
        self.dns.stop()
        self.serve([ATTACKER, LATER])
        self.sql("UPDATE block SET since = since - 8 * 86400")
        self.assertEqual(self.host.start("iprep-recheck.service"), ("success", 0))
        self.assertEqual(self.host.run("rep-purge", "--released").stdout, LISTED_NO_MORE + "\n")
        self.assertEqual(self.host.start("iprep-release.service"), ("success", 0), self.host.journal("-n", "40"))
        for jail in VERDICT_JAILS:
            banned = self.host.bans_of(jail)
            self.assertEqual([one in banned for one in (LISTED_NO_MORE, ATTACKER)], [False, True], jail)

    def test_4_purge_forgets(self):
        self.sql("UPDATE finding SET answered_at = 1, expires_at = 2")
        self.assertGreater(self.sql("SELECT count(*) FROM finding")[0][0], 0, "by the tests before")
        self.assertEqual(self.host.start("iprep-purge.service"), ("success", 0))
        self.assertEqual(self.sql("SELECT count(*) FROM finding"), [(0,)])

    def exported(self):
        """The addresses in the table of the export; None: there is no table."""
        done = self.host.run("nft", "list", "table", "inet", "iprep", check=False)
        return re.findall(r"[\d.]{7,}(?= timeout)", done.stdout) if done.returncode == 0 else None

    def test_4_the_export_is_loaded_by_root_read_without_root_and_deleted(self):
        unit = "iprep-export.service"
        self.assertEqual(self.host.run("systemctl", "is-enabled", unit, check=False).stdout, "disabled\n")
        self.assertIsNone(self.exported())
        self.host.run("systemctl", "enable", "--now", unit)
        self.assertEqual(self.exported(), [ATTACKER])
        self.sql("UPDATE block SET key = x'00000000000000000000ffff2d0c1463'")
        self.host.run("systemctl", "reload", unit)
        self.assertEqual(self.exported(), ["45.12.20.99"])
        self.sql("UPDATE block SET key = x'00000000000000000000ffff2d0c1414'")
        good = self.host.read("/etc/iprep/iprep.local")
        self.host.write("/etc/iprep/iprep.local", "[worker]\nlinger = never\n")
        self.assertNotEqual(self.host.run("systemctl", "reload", unit, check=False).returncode, 0)
        self.assertEqual(self.exported(), ["45.12.20.99"], "an export that fails replaces nothing")
        self.host.write("/etc/iprep/iprep.local", good)
        self.host.run("systemctl", "disable", "--now", unit)
        self.assertIsNone(self.exported())

    def test_5_a_worker_that_finds_another_one_is_no_failure(self):
        self.host.run("systemd-run", "--unit=other", "rep-report", "--flush", "--linger", "60")
        self.until(lambda: self.host.run("rep-report", "--flush", check=False).returncode == 75, "the other one works")
        self.assertEqual(self.host.start("iprep-flush.service"), ("success", 75))
        self.assertEqual(self.host.show("iprep-flush.service", "ActiveState"), "inactive")
        self.host.run("systemctl", "stop", "other")

    def test_6_an_error_in_the_configuration_neither_spins_nor_ends_the_path_unit(self):
        good = self.host.read("/etc/iprep/iprep.local")
        self.host.write("/etc/iprep/iprep.local", "[worker]\nlinger = never\n")
        self.host.write("/var/lib/iprep/wake", "")
        self.until(lambda: self.host.ended("iprep-flush.service") == ("exit-code", 78), "the worker fails")
        self.host.write("/etc/iprep/iprep.local", good)
        self.until(lambda: self.host.show("iprep-flush.service", "ActiveState") == "failed", "it is over")
        self.assertFalse(self.host.exists("/var/lib/iprep/wake"))
        self.assertIn("/etc/iprep/iprep.local:2:", self.host.journal("-u", "iprep-flush.service"))
        self.assertEqual(self.host.show("iprep-flush.path", "SubState"), "waiting")
        self.host.write("/var/lib/iprep/wake", "")
        self.until(lambda: self.host.ended("iprep-flush.service") == ("success", 0), "the next one works")

    def test_7_cron_does_nothing_for_enabled_timers(self):
        for name in ("rep-report", "rep-purge"):
            self.host.write(f"/var/tmp/{name}", '#!/bin/sh\necho "$0 $*" >>/var/tmp/called\n', 0o755)
        lines = self.host.read("/etc/cron.d/iprep").splitlines()
        places = "\n".join(line for line in lines if line.startswith(("TIMERS=", "SYSTEMD=")))
        for unit, words in (("flush", "--flush"), ("purge", "rep-purge --quiet"), ("recheck", "--recheck")):
            job, = [line.split(None, 6)[6] for line in lines if line.endswith("1") and words in line
                    or line.endswith(words) or f"{words} --quiet" in line and words == "--recheck"]
            for enabled in (True, False):
                self.host.run("systemctl", "enable" if enabled else "disable", f"iprep-{unit}.timer")
                self.host.write("/var/tmp/called", "")
                self.host.run("sh", "-c", f"PATH=/var/tmp:$PATH\n{places}\n{job}")
                self.assertEqual(self.host.read("/var/tmp/called") == "", enabled, job)
            self.host.run("systemctl", "enable", f"iprep-{unit}.timer")

    def test_8_logrotate_makes_a_log_that_fail2ban_follows(self):
        log = "/var/log/iprep/verdict.log"
        before = os.stat(self.host.inside(log)).st_ino
        self.assertTrue(self.host.read(log))
        self.host.run("logrotate", "--force", "/etc/logrotate.d/iprep")
        self.assertNotEqual(os.stat(self.host.inside(log)).st_ino, before)
        self.assertEqual(self.host.run("stat", "-c", "%U %G %a %s", log).stdout, "_iprep adm 640 0\n")
        self.assertEqual(self.host.run("stat", "-c", "%U %G %a", log + ".1").stdout, "_iprep adm 640\n")
        self.attack(LATER)
        self.until(lambda: self.host.is_banned(LATER, *VERDICT_JAILS), "the line after the rotation is read")
        self.assertIn(f"ip={LATER} ", self.host.read(log))
        # _iprep may write there: nothing waits for a writer of a FIFO
        self.host.run("setpriv", "--reuid=_iprep", "--regid=_iprep", "--clear-groups", "sh", "-c",
                      f"rm {log}.1 && mkfifo {log}.1")
        self.host.run("timeout", "120", "logrotate", "--force", "/etc/logrotate.d/iprep")
        self.assertEqual(self.host.run("stat", "-c", "%F", log + ".2").stdout, "fifo\n")
        self.host.run("rm", log + ".2")

    def test_9_without_a_mail_server_no_mail_is_tried_and_nothing_fails(self):
        self.assertFalse(self.host.exists("/usr/sbin/sendmail"))
        self.assertEqual(self.host.start("iprep-notify.service"), ("success", 0))
        self.assertFalse(self.host.exists("/var/lib/iprep-notify/blocks"))
        self.assertEqual(self.host.show("iprep-notify.service", "ActiveState"), "inactive")

    def test_a_set_user_id_sendmail_keeps_its_rights_in_the_sandbox_of_the_mail_unit(self):
        self.host.run("sh", "-c", "cp /usr/bin/id /usr/local/bin/whose; chown daemon /usr/local/bin/whose;"
                                  "chmod 4755 /usr/local/bin/whose; mkdir -p /home/somebody")
        self.host.write("/usr/sbin/sendmail", SENDMAIL, 0o755)
        self.assertEqual(self.host.start("iprep-notify.service"), ("success", 0), self.host.journal("-n", "40"))
        said = dict(line.split("=") for line in self.host.read("/var/mail/said").splitlines())
        self.assertEqual(said, {"user": "daemon", "no_new_privileges": "0", "seccomp": "2"})
        for place in ("/var/mail/root", "/home/somebody/Mailbox"):
            self.assertIn("Subject: iprep: ", self.host.read(place))
