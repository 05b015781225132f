# SPDX-License-Identifier: MIT
"""
live - real daemons under real clients, banned by a real fail2ban

  roots       Debian root directories with the packages of a machine
  machine     such a root, running: rsyslog and the daemons
  daemon      the description of one daemon: packages, setup, jails, what to expect
  ssh, dovecot, ...   one daemon each; daemons.py lists them
  client, behaviours  what attackers and honest clients do
  attack      runs them where the clients' addresses are
  stage       all of it together, with iprep and without
  play        all behaviours at the same time, and their results
  botnet      fifty addresses, one guess each
  lines       the lines that were written, and which filter takes which
  tables      what is shown in the end
"""
