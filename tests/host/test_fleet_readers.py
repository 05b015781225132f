# SPDX-License-Identifier: MIT
"""test_fleet_readers.py - the files of fail2ban/fleet in Debian's Exim, rspamd and SpamAssassin: they read the zone too"""
import json

import places
from addresses import reversed_of
from fleet import questions, servers
from fleet.cases import FleetCase
from host import packages
from waiting import wait_until

ZONE = questions.ZONE
LISTED, PARDONED, OTHER = '45.4.1.1', '45.4.1.2', '45.4.1.3'
EXIM = """\
primary_hostname = mx.example.net
acl_smtp_rcpt = acl_check_rcpt
log_file_path = /run/exim-%slog
spool_directory = /run
begin acl
acl_check_rcpt:
{acl}
  accept
begin routers
begin transports
"""
DIALOGUE = 'HELO client.example.org\nMAIL FROM:<a@example.org>\nRCPT TO:<b@example.net>\nQUIT\n'
MESSAGE = """\
Received: from client.example.org (client.example.org [{address}])
\tby mx.example.net (Postfix) with ESMTP id 4XYZ
\tfor <b@example.net>; Tue, 1 Dec 2026 05:00:00 +0000 (UTC)
From: <a@example.org>
To: <b@example.net>
Subject: a message
Date: Tue, 1 Dec 2026 05:00:00 +0000
Message-ID: <1@example.org>

Nothing.
"""
RSPAMD = """\
options {{
  dns {{ nameserver = ["127.0.0.1:53:1"]; timeout = 5s; }}
  pidfile = "/run/rspamd.pid"; filters = ""; tempdir = "/run";
}}
logging {{ type = "console"; }}
lua = "/usr/share/rspamd/rules/rspamd.lua";
actions {{ reject = 15; }}
modules {{ path = "/usr/share/rspamd/lualib/"; path = "/usr/share/rspamd/plugins/rbl.lua"; }}
worker "normal" {{ bind_socket = "127.0.0.1:11333"; count = 1; }}
rbl {{
{rbl}
}}
group "fleet" {{
{groups}
}}
"""
PLUGIN = 'loadplugin Mail::SpamAssassin::Plugin::Check\nloadplugin Mail::SpamAssassin::Plugin::DNSEval\n'
RULES = 'dns_available yes\ntrusted_networks 192.0.2.0/24\nuse_bayes 0\nreport tests=_TESTS_\n'


class Readers(FleetCase):
    lists = {'in-addr.arpa': []}        # rspamd asks for names before all else, and no server answers here
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.reader = cls.fleet.beside(1, packages.unpacked(places.packages(cls.top), 'fleet-readers', (
            'exim4-daemon-light', 'exim4-base', 'rspamd', 'spamassassin')), ('Debian-exim',))
        for address, value in ((LISTED, '127.0.2.3'), (PARDONED, '127.0.2.2'), (PARDONED, '127.0.3.254')):
            cls.fleet.update(2, f'update add {reversed_of(address)}.{ZONE}. 300 A {value}')
        wait_until(lambda: questions.listed(cls.hosts[0], PARDONED) == ['127.0.2.2', '127.0.3.254'], 'host 1 has it')

    def test_exim_refuses_a_listed_client_and_no_pardoned_one(self):
        self.reader.write('/etc/exim4/iprep.conf', EXIM.format(acl=servers.shipped('exim-acl.conf')))

        def answer(address):
            return self.reader.run('exim4', '-C', '/etc/exim4/iprep.conf', '-bh', address, stdin=DIALOGUE).stdout
        self.assertIn(f'550 rejected because {LISTED} is on a private list', answer(LISTED))
        for address in (PARDONED, OTHER):
            self.assertIn('250 Accepted', answer(address))

    def test_rspamd_counts_a_listed_client_and_lets_a_pardon_outweigh_it(self):
        rbl = servers.shipped('rspamd-rbl.conf')
        self.reader.write('/etc/rspamd/test.conf', RSPAMD.format(rbl=rbl, groups=servers.shipped('rspamd-groups.conf')))
        daemon = self.reader.serve('rspamd', ['rspamd', '-f', '-i', '-c', '/etc/rspamd/test.conf'])
        self.addCleanup(daemon.stop)

        def symbols(address):
            said = self.reader.run('rspamc', '-h', '127.0.0.1:11333', '-i', address, '--json',
                                   stdin=MESSAGE.format(address=address), check=False)
            return sorted(json.loads(said.stdout)['symbols']) if said.returncode == 0 and '{' in said.stdout else None
        wait_until(lambda: symbols(OTHER) is not None, 'rspamd answers: ' + self.reader.logged('rspamd'))
        self.assertEqual([one for one in symbols(OTHER) if 'IPREP' in one], [])
        self.assertEqual([one for one in symbols(LISTED) if 'IPREP' in one], ['IPREP_FLEET'])
        self.assertEqual([one for one in symbols(PARDONED) if 'IPREP' in one], ['IPREP_FLEET', 'IPREP_FLEET_PARDON'])

    def test_spamassassin_scores_a_listed_client_and_takes_it_back_for_a_pardon(self):
        self.reader.run('mkdir', '-p', '/run/rules', '/run/site')
        self.reader.write('/run/site/init.pre', PLUGIN)
        self.reader.write('/run/rules/rules.cf', RULES)
        self.reader.write('/run/site/iprep-fleet.cf', servers.shipped('spamassassin.cf'))

        def tests(address):
            said = self.reader.run('spamassassin', '-t', '--configpath=/run/rules', '--siteconfigpath=/run/site',
                                   '--prefspath=/dev/null', stdin=MESSAGE.format(address=address), check=False)
            return {word for word in said.stdout.replace(',', ' ').replace('=', ' ').split() if word.startswith('RCVD_IN_IPREP')}
        self.assertEqual(tests(OTHER), set())
        self.assertEqual(tests(LISTED), {'RCVD_IN_IPREP_FLEET'})
        self.assertEqual(tests(PARDONED), {'RCVD_IN_IPREP_FLEET', 'RCVD_IN_IPREP_PARDON'})
