# SPDX-License-Identifier: MIT
"""daemons.py - all daemons, in the order in which they are shown"""

from live.cyrus import CYRUS
from live.dovecot import DOVECOT
from live.exim import EXIM, EXIM_SYSLOG, EXIM_WORDY
from live.nginx import NGINX
from live.postfix import POSTFIX
from live.sendmail import SENDMAIL
from live.ssh import SSH

DAEMONS = {daemon.name: daemon for daemon in (
    SSH, DOVECOT, POSTFIX, SENDMAIL, EXIM, EXIM_SYSLOG, EXIM_WORDY,
    CYRUS, NGINX,
)}
