# SPDX-License-Identifier: MIT
"""
test_live.py - real daemons, real clients, a real fail2ban with iprep and one without

Every behaviour (live/behaviours.py) is done to every daemon three times: from a
listed and from an unlisted address where iprep is, and from an unlisted address
where it is not. The expected result of each is in the table of daemons. Then a botnet
of fifty guesses once each (live/botnet.py).

In the environment: IPREP_RELEASE, the Debian release of the daemons and of fail2ban, if it is not this machine's;
IPREP_ONLY, names of daemons; IPREP_KEEP_LOGS, a directory for their lines, as DAEMON-VERSION.log.
"""

import os

import places
from host import roots
from host.cases import Case
from host.checks import Checks
from host.live import botnet, tables
from host.live.daemons import DAEMONS
from host.live.play import Play
from host.live.stage import LiveStage
from host.packages import FAIL2BAN

RELEASE = os.environ.get("IPREP_RELEASE")
ONLY = os.environ.get("IPREP_ONLY", "").split()
KEEP_LOGS = os.environ.get("IPREP_KEEP_LOGS")
BESIEGED = ("dovecot", "sendmail")      # by a botnet of fifty


class Live(Case):
    def test_each_behaviour_has_its_fate(self):
        if RELEASE:
            os.environ["IPREP_FAIL2BAN"] = next(version for version, name in FAIL2BAN.items() if name == RELEASE)
        checks = Checks()
        daemons = [DAEMONS[name].of_release(RELEASE or roots.codename()) for name in ONLY or DAEMONS]
        besieged = [daemon for daemon in daemons if daemon.name in BESIEGED]
        listed = [daemon.client(name, True) for daemon in daemons for name in daemon.behaviours]
        listed += botnet.listed(besieged)
        stage = LiveStage(f"{self.top}/stage", self.kept, places.PROGRAMS, self.stack, f"iprep-live-{os.getpid()}",
                          daemons, listed, RELEASE)
        checks.say("everything runs; the clients come")
        acts = Play(stage, checks)
        acts.log_in_before()
        acts.attack()
        acts.settle()
        acts.check()
        tables.show(acts)
        if KEEP_LOGS:
            tables.keep_logs(acts, KEEP_LOGS)
        for daemon in (one for one in besieged if one in stage.daemons):
            botnet.Botnet(stage, checks, daemon).show()
        checks.close("test_live")
        self.assertEqual(checks.failed, [])
