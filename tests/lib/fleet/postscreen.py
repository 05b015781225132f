# SPDX-License-Identifier: MIT
"""
postscreen.py - Debian's Postfix with fail2ban/fleet/postscreen.cf: what postscreen thinks of a client

A client waits for the greeting and quits. postscreen has logged PASS for one that it has nothing against, and DISCONNECT
for one that it keeps to itself. Mail is never delivered.
"""
import re
import sys

from fleet import servers
from host import process

MAIN = """\
compatibility_level = 3.6
myhostname = mx.example.net
inet_protocols = ipv4
maillog_file = /var/log/postfix.log
mynetworks = 127.0.0.0/8
alias_maps =
alias_database =
postscreen_greet_wait = 2s
postscreen_cache_map =
"""
MASTER = """\
smtp inet n - n - 1 postscreen
smtpd pass - - n - - discard
dnsblog unix - - n - 0 dnsblog
tlsproxy unix - - n - 0 tlsproxy
postlog unix-dgram n - n - 1 postlogd
"""
SPOOL = """\
cd /var/spool/postfix
mkdir -p active bounce corrupt defer deferred flush hold incoming maildrop private public pid saved trace
mkdir -p /var/lib/postfix
chown postfix:postfix /var/lib/postfix [a-z]*
chown root:root pid
chgrp postdrop maildrop public
touch /var/log/postfix.log
"""
# $1 from, $2 to: waits for the greeting, and quits if the server goes on
CONNECT = """\
import socket, sys
s = socket.socket()
s.settimeout(30)
s.bind((sys.argv[1], 0))
s.connect((sys.argv[2], 25))
lines = s.makefile("rw", newline="\\r\\n")
while lines.readline().startswith("220-"):
    pass
lines.write("QUIT\\r\\n")
lines.flush()
"""
LOG = '/var/log/postfix.log'
WAIT_S = 30


class Postscreen:
    def __init__(self, fleet, number):
        self.fleet, self.host, self.number = fleet, fleet.hosts[number - 1], number
        self.host.run('sh', '-ec', SPOOL)
        self.host.write('/etc/postfix/main.cf', MAIN + servers.shipped('postscreen.cf'))
        self.host.write('/etc/postfix/master.cf', MASTER)
        self.master = self.host.serve('postfix', ['/usr/lib/postfix/sbin/master', '-d', '-c', '/etc/postfix'])
        fleet.stack.callback(self.master.stop)
        self.master.await_ready(lambda: 'daemon started' in self.host.read(LOG))

    def rank(self, client):
        """The points that a client gets, 0 if under the threshold."""
        before = len(self.host.read(LOG))
        self.fleet.world.run(['ip', 'address', 'replace', f'{client}/32', 'dev', 'lo'])
        connection = process.Server(self.fleet.world.command(
            [sys.executable, '-c', CONNECT, client, servers.address_of(self.number)]), f'{self.host.log_directory}/client')

        def ended():
            log = self.host.read(LOG)[before:]
            return log if re.search(r'(PASS NEW|DISCONNECT) \[' + re.escape(client), log) else None
        log = process.wait_for(ended, WAIT_S)
        connection.stop()
        found = re.search(r'DNSBL rank (\d+) for \[' + re.escape(client), log or '')
        return int(found[1]) if found else 0
