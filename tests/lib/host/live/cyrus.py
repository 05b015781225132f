# SPDX-License-Identifier: MIT
"""
cyrus.py - Cyrus IMAP and POP3 with passwords in sasldb, as Debian configures them

The listeners with TLS, a comment in Debian's cyrus.conf, are switched on. Cyrus
waits three seconds after a failed login: one here, so that the test ends.
"""

from host.live.daemon import Daemon, Fate, fates, steps
from host.live.dovecot import Imap
from host.live.users import PASSWORD, USER

SETUP = f"""\
openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=mail.example.org \\
    -keyout /etc/cyrus.key -out /etc/cyrus.pem
chown cyrus /etc/cyrus.key
cat >> /etc/imapd.conf <<'END'
tls_server_cert: /etc/cyrus.pem
tls_server_key: /etc/cyrus.key
sasl_auxprop_plugin: sasldb
servername: mail.example.org
failedloginpause: 1
END
cat > /etc/cyrus.conf <<'END'
START {{
    recover cmd="/usr/sbin/cyrus ctl_cyrusdb -r"
}}
SERVICES {{
    imap  cmd="imapd -U 30"    listen="{{address}}:imap"  prefork=0
    imaps cmd="imapd -s -U 30" listen="{{address}}:imaps" prefork=0
    pop3  cmd="pop3d -U 30"    listen="{{address}}:pop3"  prefork=0
    pop3s cmd="pop3d -s -U 30" listen="{{address}}:pop3s" prefork=0
}}
EVENTS {{
    checkpoint cmd="/usr/sbin/cyrus ctl_cyrusdb -c" period=30
}}
END
printf '%s' '{PASSWORD}' | saslpasswd2 -p -c -u mail.example.org {USER}
chown cyrus:sasl /etc/sasldb2
install -d -o cyrus -g mail /run/cyrus /run/cyrus/proc /run/cyrus/lock /run/cyrus/socket
"""
# Cyrus writes no line about a client that did not try to log in.
SILENT = ("connect and quit", "monitoring probe")

CYRUS = Daemon(
    name="cyrus", number=52, machine="office",
    packages=("cyrus-imapd", "cyrus-pop3d", "sasl2-bin", "openssl"),
    ports=(143, 993, 110, 995), setup=SETUP,
    services=("/usr/sbin/cyrmaster -M /etc/cyrus.conf -C /etc/imapd.conf",),
    talk=Imap, tags=r"cyrus/\w+", logs={"syslog_mail": "mail.log"},
    stock={"cyrus-imap": ""}, rep=("rep-cyrus-ambiguous",), steps=steps(),
    fates=fates("cyrus-imap", **dict.fromkeys(SILENT, Fate())),
)
