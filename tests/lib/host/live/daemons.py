# SPDX-License-Identifier: MIT
"""
daemons.py - the table of the daemons: what each needs, how it is driven, what it logs, what becomes of its clients

Daemons with the same machine share one root, rsyslog and address, as dovecot
and postfix do on most hosts. To add one, add a row to DAEMONS, and its protocol
to clients.py if it has one of its own.
"""

import dataclasses

from host.live import clients
from host.live.behaviours import BEHAVIOURS, OF_WEB
from host.live.clients import PASSWORD, USER
from places import DAY

MINUTES_10 = 600


@dataclasses.dataclass(frozen=True)
class Fate:
    """What must become of one behaviour: {jail: seconds}. may: what else is
    right, where it depends on which of two bans comes first."""
    plain: dict = dataclasses.field(default_factory=dict)     # without iprep
    unlisted: dict = dataclasses.field(default_factory=dict)
    listed: dict = dataclasses.field(default_factory=dict)
    may: dict = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Daemon:
    name: str               # as in the name of its log: NAME-VERSION.log
    number: int             # its clients come from 45.NUMBER.0.0/16
    machine: str            # which root it lives in
    packages: tuple         # the first one's version is the daemon's
    ports: tuple            # where it listens on the machine's address
    setup: str              # shell, as root, before anything runs; {address}
    services: tuple         # command lines that stay in the foreground
    talk: type              # its protocol: clients.py
    tags: str               # regular expression for the program in its lines;
                            # "" where its logs are its own
    logs: dict              # {variable of paths-common.conf: file in /var/log}
    stock: dict             # its stock jails: {name: further lines}
    rep: tuple              # the gated jails of jail.d/iprep.conf for it
    fates: dict             # {behaviour: Fate}
    steps: dict = dataclasses.field(default_factory=dict)   # {behaviour: steps}, where they differ from STEPS
    category: str = "18"    # of the reports of its stock jails
    unwatched: tuple = ()   # files in /var/log with more lines of it: no jail reads them
    must_run: bool = False
    tells_good: bool = True         # rep-login has lines of it
    more: dict = dataclasses.field(default_factory=dict)    # behaviours of its own
    releases: dict = dataclasses.field(default_factory=dict)    # {codename: what differs}

    def of_release(self, codename):
        return dataclasses.replace(self, **self.releases.get(codename, {}))

    @property
    def behaviours(self):
        """{name: function}: everybody's and its own."""
        return {**BEHAVIOURS, **self.more}

    def seen(self, behaviour):
        """The steps of a client that is not banned."""
        return {**STEPS, **self.steps}[behaviour]

    @property
    def line_begins(self):
        """A regular expression for the beginning of its lines."""
        return rf"\S+ \S+ (?:{self.tags})(?:\[\d+\])?: " if self.tags else ""

    def client(self, behaviour, is_listed):
        """The address that does this."""
        place = list(self.fates).index(behaviour)
        return f"45.{self.number}.{10 * place + 7}.{71 if is_listed else 23}"


STEPS = {
    "port scan": ["open"], "TLS broken off": ["open"],
    "connect and quit": ["open"], "wrong password once": ["denied"],
    "10 passwords, 1 connection": ["denied"] * 10,
    "10 users, 10 connections": ["denied"] * 10,
    "monitoring probe": ["open"],
    "phone, stale password": ["ok"] + ["denied"] * 4, "login": ["ok"],
    "noise to port 80": ["open"], "TLS to port 80": ["open"],
    "HTTP to port 443": ["open"], "3 bad requests": ["open"] * 3,
    "10 holes looked for": ["404"] * 10, "browser": ["200", "404"],
}
KNOWN, SPRAY = {"rep-confirmed": DAY}, {"rep-spray": MINUTES_10}
BLOCKED = Fate(listed=KNOWN)


def fates(stock, each_password=True, silent=(), **other):
    """The usual: a listed address is banned for a day for any of it, except
    after a successful login; of the others, those that guess ten times.
    stock: the jail that counts wrong passwords, each_password: also several of
    one connection; silent: what the daemon writes no line about."""
    stock = {stock: MINUTES_10}
    guesser = stock if each_password else {}
    return {
        "port scan": BLOCKED, "TLS broken off": BLOCKED, "connect and quit": BLOCKED, "wrong password once": BLOCKED,
        "10 passwords, 1 connection": Fate(guesser, guesser, KNOWN, may=stock),
        "10 users, 10 connections": Fate(stock, SPRAY, KNOWN, may={**stock, **SPRAY}),
        "monitoring probe": BLOCKED, "phone, stale password": Fate(), "login": Fate(),
        **dict.fromkeys(silent, Fate()), **other}


def certificate(key, file):
    return ("openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=mail.example.org \\\n"
            f"    -keyout {key} -out {file}\n")


ACCOUNT = f"""\
id {USER} || useradd -m -s /bin/sh {USER}
echo '{USER}:{PASSWORD}' | chpasswd
"""
# As Debian configures it, with passwords. MaxStartups: all attackers connect at the same time.
SSH = ACCOUNT + """\
mkdir -p /run/sshd
cat > /etc/ssh/sshd_config.d/live.conf <<'END'
ListenAddress {address}
PasswordAuthentication yes
MaxStartups 200:30:300
END
"""
# IMAP and POP3 with PAM. Dovecot delays answers to an address that failed before (up to 15 s
# each, "anvil"): switched off, as for a webmail host, so that the test ends.
DOVECOT = ACCOUNT + """\
cat > /etc/dovecot/local.conf <<'END'
listen = {address}
service anvil {
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
END
"""
DOVECOT_FATES = fates("dovecot", each_password=False)
# The submission port, with SASL through Dovecot's socket, as both manuals describe it: Dovecot checks the passwords,
# Postfix writes the lines that name the client. "postfix check" makes the directory of Dovecot's socket; since 3.9
# "postfix start-fg" does itself what is last here.
POSTFIX = """\
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
postfix check
case $(postconf -h mail_version) in
3.[0-8].*) /usr/lib/postfix/configure-instance.sh - ;;
esac
"""
# With AUTH through saslauthd and PAM, and without TLS, as guessers use it. saslauthd also writes a line for each failure,
# which names the user and not the client. The limits of connections per client and second are for the mail of one host,
# not for all attackers together; nor does a busy machine turn them away here.
SENDMAIL = ACCOUNT + """\
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
# With logins against a list of its own. Debian's template has both authenticators as comments: they are switched on, and
# so is TLS. They are offered over TLS only. Exim writes nothing of a login that succeeds; the user's name is in the line
# of the mail that follows.
EXIM = ACCOUNT + certificate("/etc/exim4/exim.key", "/etc/exim4/exim.crt") + f"""\
echo "{USER}:$(openssl passwd -6 '{PASSWORD}')" > /etc/exim4/passwd
chown root:Debian-exim /etc/exim4/exim.key /etc/exim4/passwd
chmod 0640 /etc/exim4/exim.key /etc/exim4/passwd
cat > /etc/exim4/update-exim4.conf.conf <<'END'
dc_eximconfig_configtype='internet'
dc_other_hostnames='mail.example.org'
dc_local_interfaces='{{address}}'
dc_use_split_config='false'
dc_localdelivery='mail_spool'
CFILEMODE='644'
END
cat > /etc/exim4/exim4.conf.localmacros <<'END'
MAIN_TLS_ENABLE = yes
MAIN_HARDCODE_PRIMARY_HOSTNAME = mail.example.org
daemon_smtp_ports = 25 : 465 : 587
tls_on_connect_ports = 465
END
for name in plain_server login_server; do
    sed -i "/^# $name:/,/^# *.endif/s/^# //" /etc/exim4/exim4.conf.template
done
update-exim4.conf
"""
# Two more next to it log as administrators have it: to syslog with Exim's own time stamp, and to syslog without it and with
# everything that the log selectors add to a client's address: LINES before the same configuration, on PORT.
# syslog_duplication is off: Exim's main log and reject log are one there, and a wrong password would count twice.
MORE_EXIM = """\
{ printf '%s\\n' 'log_file_path = syslog' 'queue_only = true' \\
    'notifier_socket =' 'syslog_duplication = false' LINES
  sed 's/^daemon_smtp_ports.*/daemon_smtp_ports = PORT/
       /^tls_on_connect_ports/d' /var/lib/exim4/config.autogenerated
} > /etc/exim4/NAME.conf
chown root:Debian-exim /etc/exim4/NAME.conf
"""
# Exim 4.96 does not know the last selector
WORDY = """\
"MAIN_LOG_SELECTOR = +smtp_protocol_error +smtp_syntax_error +tls_peerdn \
+incoming_interface +incoming_port +pid +smtp_connection +tls_sni$(
    exim4 -bV | grep -q 'version 4\\.9[0-7]' || echo ' +connection_id')" \\
    'syslog_timestamp = false' 'MAIN_SMTPUTF8_ADVERTISE_HOSTS = *'"""
# With Debian's log_selector Exim writes nothing of these. "+smtp_connection" has a line for the port scan, which is lost;
# "closed by QUIT" is a line about every client.
EXIM_SILENT = ("port scan", "connect and quit", "monitoring probe")
EXIM_FATES, WORDY_FATES = fates("exim", silent=EXIM_SILENT), fates("exim", silent=EXIM_SILENT[1:])
# Lines that fail2ban's own exim filter does not know: no version of it knows the second time stamp, and 1.0.2 does not know
# the text after the address.
EXIM_UNSEEN = {"10 passwords, 1 connection": BLOCKED,
               "10 users, 10 connections": Fate(unlisted=SPRAY, listed=KNOWN, may=SPRAY)}
# Passwords in sasldb. The listeners with TLS, a comment in Debian's cyrus.conf, are switched on. Cyrus waits three seconds
# after a failed login: one here, so that the test ends.
CYRUS = certificate("/etc/cyrus.key", "/etc/cyrus.pem") + f"""\
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
# With TLS and a place for those who have a password. error_log is at "info": at Debian's own level nginx writes nothing of
# TLS that breaks off, and of bad requests only the access log's 400. The stock jails read the error log and the access
# log, so both are kept.
NGINX = certificate("/etc/nginx/key.pem", "/etc/nginx/cert.pem") + f"""\
mkdir -p /var/www/html/private
echo hello > /var/www/html/index.html
echo hello > /var/www/html/private/index.html
echo "{USER}:$(openssl passwd -apr1 '{PASSWORD}')" > /etc/nginx/htpasswd
sed -i 's,^error_log .*,error_log /var/log/nginx/error.log info;,' \\
    /etc/nginx/nginx.conf
cat > /etc/nginx/sites-enabled/default <<'END'
server {{
    listen {{address}}:80;
    listen {{address}}:443 ssl;
    server_name mail.example.org;
    ssl_certificate /etc/nginx/cert.pem;
    ssl_certificate_key /etc/nginx/key.pem;
    root /var/www/html;
    location /private/ {{
        auth_basic "private";
        auth_basic_user_file /etc/nginx/htpasswd;
    }}
}}
END
"""
WEB, SEARCH = {"nginx-http-auth": MINUTES_10}, {"nginx-botsearch": MINUTES_10}
NGINX_FATES = fates("nginx-http-auth", silent=("connect and quit", "wrong password once", "monitoring probe"), **{
    "10 users, 10 connections": Fate(WEB, WEB, KNOWN, may=WEB),
    "noise to port 80": BLOCKED, "TLS to port 80": BLOCKED, "HTTP to port 443": BLOCKED, "3 bad requests": BLOCKED,
    "10 holes looked for": Fate(SEARCH, SEARCH, KNOWN, may=SEARCH), "browser": Fate()})

MAIL = {"syslog_mail": "mail.log"}
IMAP_PORTS = (143, 993, 110, 995)
DEBIAN_EXIM = Daemon(
    "exim", 51, "office", ("exim4-daemon-heavy", "exim4-config", "openssl"), (25, 465, 587), EXIM, ("exim4 -bdf -q30m",),
    clients.EximSubmission, tags="", logs={"exim_main_log": "exim4/mainlog"},
    stock={"exim": "port = 25,465,587,5871,5872\n"},        # of all three
    rep=("rep-exim-ambiguous",), fates=EXIM_FATES)


def one_more_exim(name, number, talk, lines, **other):
    setup = MORE_EXIM.replace("LINES", lines).replace("PORT", str(talk.port)).replace("NAME", name)
    return dataclasses.replace(
        DEBIAN_EXIM, name=name, number=number, talk=talk, ports=(talk.port,), setup=setup,
        services=(f"exim4 -C /etc/exim4/{name}.conf -oP /run/{name}.pid -bdf",),
        tags="exim", logs={"exim_main_log": "mail.log"}, **other)


# in the order in which they are shown
DAEMONS = {daemon.name: daemon for daemon in (
    Daemon("sshd", 40, "mail", ("openssh-server",), (22,), SSH, ("/usr/sbin/sshd -D",), clients.Ssh,
           tags=r"sshd(?:-session|-auth)?", logs={"sshd_log": "auth.log"}, stock={"sshd": ""}, rep=("rep-sshd-ambiguous",),
           category="18,22", steps={"10 passwords, 1 connection": ["denied"] * 6}, fates=fates("sshd"), must_run=True),
    # unwatched: what PAM says in its process "auth". fail2ban 1.1.0 does not know how Dovecot 2.4 words a failed login: its
    # own filter sees only PAM's line, which is not in this log.
    Daemon("dovecot", 41, "mail", ("dovecot-imapd", "dovecot-pop3d"), IMAP_PORTS, DOVECOT, ("dovecot -F",), clients.Imap,
           tags=r"dovecot|auth", logs={"dovecot_log": "mail.log"}, unwatched=("auth.log",), stock={"dovecot": ""},
           rep=("rep-dovecot-ambiguous",), fates=DOVECOT_FATES, must_run=True,
           releases={"trixie": {"fates": {**DOVECOT_FATES, "10 users, 10 connections": Fate({}, SPRAY, KNOWN, may=SPRAY)}}}),
    Daemon("postfix", 42, "mail", ("postfix",), (25, 587), POSTFIX, ("postfix start-fg",), clients.Submission,
           tags=r"postfix/\S+", logs={"postfix_log": "mail.log", **MAIL}, stock={"postfix": "", "postfix-sasl": ""},
           rep=("rep-postfix-ambiguous",), fates=fates("postfix-sasl"), must_run=True),
    Daemon("sendmail", 43, "sendmail", ("sendmail-bin", "sensible-mda", "openssl", "sasl2-bin", "libsasl2-modules"), (25,),
           SENDMAIL, ("saslauthd -a pam -m /run/saslauthd -n 20", "/usr/sbin/sendmail-mta -Am -L sm-mta -bD -q10m"),
           clients.Smtp, tags="sm-mta", logs=MAIL, stock={"sendmail-auth": "", "sendmail-reject": ""},
           rep=("rep-sendmail-ambiguous",), fates=fates("sendmail-auth"), must_run=True),
    DEBIAN_EXIM,
    one_more_exim("exim-syslog", 54, clients.SyslogSubmission, "", fates={**EXIM_FATES, **EXIM_UNSEEN}),
    one_more_exim("exim-wordy", 55, clients.WordySubmission, WORDY, fates=WORDY_FATES,
                  releases={"bookworm": {"fates": {**WORDY_FATES, **EXIM_UNSEEN}}}),
    # silent: Cyrus writes no line about a client that did not try to log in
    Daemon("cyrus", 52, "office", ("cyrus-imapd", "cyrus-pop3d", "sasl2-bin", "openssl"), IMAP_PORTS, CYRUS,
           ("/usr/sbin/cyrmaster -M /etc/cyrus.conf -C /etc/imapd.conf",), clients.Imap, tags=r"cyrus/\w+", logs=MAIL,
           stock={"cyrus-imap": ""}, rep=("rep-cyrus-ambiguous",),
           fates=fates("cyrus-imap", silent=("connect and quit", "monitoring probe"))),
    Daemon("nginx", 53, "office", ("nginx", "openssl"), (80, 443), NGINX, ("nginx -g 'daemon off;'",), clients.Web, tags="",
           logs={"nginx_error_log": "nginx/error.log", "nginx_access_log": "nginx/access.log"},
           stock={"nginx-http-auth": "", "nginx-bad-request": "", "nginx-botsearch": ""}, rep=("rep-nginx-ambiguous",),
           category="21", fates=NGINX_FATES, tells_good=False, more=OF_WEB),
)}
