# SPDX-License-Identifier: MIT
"""daemons.py - all daemons, in the order in which they are shown"""

from live.dovecot import DOVECOT

DAEMONS = {daemon.name: daemon for daemon in (
    DOVECOT,
)}
