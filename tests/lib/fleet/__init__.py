# SPDX-License-Identifier: MIT
"""
A fleet in namespaces: a primary and hosts with real name servers, which load the files of fail2ban/fleet as they are

network.py   the hosts, on one cable; keys by make-keys
servers.py   Knot, BIND, NSD and unbound
reputation.py  iprep on a host
questions.py ask a name server in the network of a host
"""
