# SPDX-License-Identifier: MIT
"""
postfix.py - Postfix on the submission port, with SASL through Dovecot's socket

As the Postfix and Dovecot manuals describe it: Dovecot checks the passwords,
Postfix writes the lines that name the client.
"""

from host.live.daemon import Daemon, fates, steps
from host.live.smtp import Smtp

SETUP = """\
cat > /etc/dovecot/conf.d/99-postfix.conf <<'END'
service auth {
  unix_listener /var/spool/postfix/private/auth {
    mode = 0660
    user = postfix
    group = postfix
  }
}
END
postconf -e inet_interfaces={address} inet_protocols=ipv4 \\
    smtpd_sasl_type=dovecot smtpd_sasl_path=private/auth
postconf -M submission/inet='submission inet n - y - - smtpd'
postconf -P submission/inet/syslog_name=postfix/submission \\
    submission/inet/smtpd_tls_security_level=encrypt \\
    submission/inet/smtpd_sasl_auth_enable=yes
# makes the directory of Dovecot's socket
postfix check
# since 3.9 "postfix start-fg" does it itself
case $(postconf -h mail_version) in
3.[0-8].*) /usr/lib/postfix/configure-instance.sh - ;;
esac
"""


class Submission(Smtp):
    """STARTTLS, then AUTH."""

    port = 587
    uses_tls = True


POSTFIX = Daemon(
    name="postfix", number=42, machine="mail", must_run=True,
    packages=("postfix",), ports=(25, 587), setup=SETUP,
    services=("postfix start-fg",), talk=Submission,
    tags=r"postfix/\S+", logs={"postfix_log": "mail.log",
                               "syslog_mail": "mail.log"},
    stock={"postfix": "", "postfix-sasl": ""}, rep=("rep-postfix-ambiguous",),
    steps=steps(), fates=fates("postfix-sasl"),
)
