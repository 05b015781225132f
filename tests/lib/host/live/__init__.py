# SPDX-License-Identifier: MIT
"""
live - real daemons under real clients, banned by a real fail2ban

  daemons     the table of daemons: packages, jails, what to expect; setup.sh sets them up
  clients     their protocols
  behaviours  what attackers and honest clients do
  attack      runs it where the clients' addresses are
  stage       machines with the daemons, on a side with iprep and one without
  play        all behaviours at the same time, and their results
  botnet      fifty addresses, one guess each
  tables      what is shown in the end
"""
