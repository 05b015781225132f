# SPDX-License-Identifier: MIT
"""
sendmail.py - sendmail as Debian configures it, with AUTH through saslauthd and PAM

Without TLS, as guessers use it. saslauthd also writes a line for each failure,
which names the user and not the client.
"""

from host.live import users
from host.live.daemon import Daemon, fates, steps
from host.live.smtp import Smtp

# The limits of connections per client and second are for the mail of one host,
# not for all attackers together; nor does a busy machine turn them away here.
SETUP = users.SETUP + """\
cd /etc/mail
sed -i -e 's/Addr=127.0.0.1/Addr={address}/' -e '/RATE_THROTTLE/d' \\
    -e "/^MAILER_DEFINITIONS/i define(\\`confREFUSE_LA', \\`1000')dnl" \\
    -e "/^MAILER_DEFINITIONS/i define(\\`confQUEUE_LA', \\`1000')dnl" \\
    -e "/^MAILER_DEFINITIONS/i include(\\`/etc/mail/tls/starttls.m4')dnl" \\
    -e "/^MAILER_DEFINITIONS/i include(\\`/etc/mail/sasl/sasl.m4')dnl" sendmail.mc
m4 sendmail.mc > sendmail.cf
cat > /etc/mail/sasl/Sendmail.conf.2 <<'END'
pwcheck_method: saslauthd
mech_list: PLAIN LOGIN
END
install -d -o root -g sasl -m 0710 /run/saslauthd
install -d -o smmta -g smmsp -m 2755 /run/sendmail/mta /run/sendmail/msp
cd /
"""

SENDMAIL = Daemon(
    name="sendmail", number=43, machine="sendmail", must_run=True,
    packages=("sendmail-bin", "sensible-mda", "openssl", "sasl2-bin",
              "libsasl2-modules"),
    ports=(25,), setup=SETUP,
    services=("saslauthd -a pam -m /run/saslauthd -n 20",
              "/usr/sbin/sendmail-mta -Am -L sm-mta -bD -q10m"),
    talk=Smtp, tags="sm-mta", logs={"syslog_mail": "mail.log"},
    stock={"sendmail-auth": "", "sendmail-reject": ""},
    rep=("rep-sendmail-ambiguous",), steps=steps(),
    fates=fates("sendmail-auth"),
)
