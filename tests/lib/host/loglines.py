# SPDX-License-Identifier: MIT
"""
loglines.py - the lines that mail and SSH servers write about an address

Each function returns whole lines with the current time, in the traditional
syslog format (UTC; the private fail2ban runs with TZ=UTC). The words are those
of OpenSSH 9.2, sendmail 8.17 and Dovecot 2.3.
"""

import time


def syslog(program, text):
    stamp = time.strftime("%b %e %H:%M:%S", time.gmtime())
    return f"{stamp} mail {program}: {text}\n"


def sshd_failed(address, user="root"):
    return syslog("sshd[811]", f"Failed password for {user} from {address} "
                               "port 40022 ssh2")


def sendmail_auth_failed(address, user="info"):
    return syslog("sm-mta[812]",
                  "4AN9pBqR000812: AUTH failure (LOGIN): authentication "
                  "failure (-13) SASL(-13): authentication failure: checkpass "
                  f"failed, user={user}, relay={bracketed(address)}")


def sendmail_no_mail(address):
    """The ambiguous line: connected, and left without sending anything."""
    return syslog("sm-mta[813]",
                  f"4AN9pBqR000813: {bracketed(address)} did not issue "
                  "MAIL/EXPN/VRFY/ETRN during connection to MTA")


def saslauthd_failed(user):
    """What the guess before it leaves behind: a user, and no address."""
    return syslog("saslauthd[814]",
                  f"do_auth         : auth failure: [user={user}] "
                  "[service=smtp] [realm=] [mech=pam] [reason=PAM auth error]")


def dovecot_failed(address, user="sales"):
    return syslog("dovecot",
                  "imap-login: Disconnected (auth failed, 1 attempts in 2 "
                  f"secs): user=<{user}>, method=PLAIN, rip={address}, "
                  "lip=192.0.2.10, TLS, session=<bTVAfX8nwI4tFAIC>")


def bracketed(address):
    return f"[IPv6:{address}]" if ":" in address else f"[{address}]"


class Logs:
    """auth.log and mail.log of one host."""

    def __init__(self, directory):
        self.auth = f"{directory}/auth.log"
        self.mail = f"{directory}/mail.log"
        for path in (self.auth, self.mail):
            open(path, "a", encoding="utf-8").close()

    def write(self, lines):
        for line in lines:
            path = self.auth if " sshd[" in line else self.mail
            with open(path, "a", encoding="utf-8") as file:
                file.write(line)
