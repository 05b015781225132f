# SPDX-License-Identifier: MIT
"""daemons.py - all daemons, in the order in which they are shown"""

from host.live.cyrus import CYRUS
from host.live.dovecot import DOVECOT
from host.live.exim import EXIM, EXIM_SYSLOG, EXIM_WORDY
from host.live.nginx import NGINX
from host.live.postfix import POSTFIX
from host.live.sendmail import SENDMAIL
from host.live.ssh import SSH

DAEMONS = {daemon.name: daemon for daemon in (
    SSH, DOVECOT, POSTFIX, SENDMAIL, EXIM, EXIM_SYSLOG, EXIM_WORDY,
    CYRUS, NGINX,
)}
