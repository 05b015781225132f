# SPDX-License-Identifier: MIT
"""
daemons.py - the table of the daemons: what each needs, how it is driven, what it logs, what becomes of its clients

Daemons with the same machine share one root, rsyslog and address, as dovecot
and postfix do on most hosts. To add one, add a row to DAEMONS and a function to setup.sh, and
its protocol to clients.py if it has one of its own.
"""

import dataclasses

from host.live import clients
from host.live.behaviours import BEHAVIOURS, OF_WEB, SEEN
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
    setup: str              # a function of setup.sh
    services: tuple         # command lines that stay in the foreground
    talk: type              # its protocol: clients.py
    tags: str               # regular expression for the program in its lines;
                            # "" where its logs are its own
    logs: dict              # {variable of paths-common.conf: file in /var/log}
    stock: dict             # its stock jails: {name: further lines}
    rep: tuple              # the gated jails of jail.d/iprep.conf for it
    fates: dict             # {behaviour: Fate}
    steps: dict = dataclasses.field(default_factory=dict)   # {behaviour: steps}, where they differ from SEEN
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
        return {**SEEN, **self.steps}[behaviour]

    @property
    def line_begins(self):
        """A regular expression for the beginning of its lines."""
        return rf"\S+ \S+ (?:{self.tags})(?:\[\d+\])?: " if self.tags else ""

    def client(self, behaviour, is_listed):
        """The address that does this."""
        place = list(self.fates).index(behaviour)
        return f"45.{self.number}.{10 * place + 7}.{71 if is_listed else 23}"


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


DOVECOT_FATES = fates("dovecot", each_password=False)
# With Debian's log_selector Exim writes nothing of these. "+smtp_connection" has a line for the port scan, which is
# lost; "closed by QUIT" is a line about every client.
EXIM_SILENT = ("port scan", "connect and quit", "monitoring probe")
EXIM_FATES, WORDY_FATES = fates("exim", silent=EXIM_SILENT), fates("exim", silent=EXIM_SILENT[1:])
# Lines that fail2ban's own exim filter does not know: no version of it knows the second time stamp, and 1.0.2 does
# not know the text after the address.
EXIM_UNSEEN = {"10 passwords, 1 connection": BLOCKED,
               "10 users, 10 connections": Fate(unlisted=SPRAY, listed=KNOWN, may=SPRAY)}
WEB, SEARCH = {"nginx-http-auth": MINUTES_10}, {"nginx-botsearch": MINUTES_10}
NGINX_FATES = fates("nginx-http-auth", silent=("connect and quit", "wrong password once", "monitoring probe"), **{
    "10 users, 10 connections": Fate(WEB, WEB, KNOWN, may=WEB),
    "noise to port 80": BLOCKED, "TLS to port 80": BLOCKED, "HTTP to port 443": BLOCKED, "3 bad requests": BLOCKED,
    "10 holes looked for": Fate(SEARCH, SEARCH, KNOWN, may=SEARCH), "browser": Fate()})

MAIL = {"syslog_mail": "mail.log"}
IMAP_PORTS = (143, 993, 110, 995)
DEBIAN_EXIM = Daemon(
    "exim", 51, "office", ("exim4-daemon-heavy", "exim4-config", "openssl"), (25, 465, 587), "setup_exim", ("exim4 -bdf -q30m",),
    clients.EximSubmission, tags="", logs={"exim_main_log": "exim4/mainlog"},
    stock={"exim": "port = 25,465,587,5871,5872\n"},        # of all three
    rep=("rep-exim-ambiguous",), fates=EXIM_FATES)


def one_more_exim(name, number, talk, **other):
    """Exim also logs as administrators have it: to syslog, in two forms."""
    return dataclasses.replace(
        DEBIAN_EXIM, name=name, number=number, talk=talk, ports=(talk.port,), setup="setup_" + name.replace("-", "_"),
        services=(f"exim4 -C /etc/exim4/{name}.conf -oP /run/{name}.pid -bdf",),
        tags="exim", logs={"exim_main_log": "mail.log"}, **other)


# in the order in which they are shown
DAEMONS = {daemon.name: daemon for daemon in (
    Daemon("sshd", 40, "mail", ("openssh-server",), (22,), "setup_sshd", ("/usr/sbin/sshd -D",), clients.Ssh,
           tags=r"sshd(?:-session|-auth)?", logs={"sshd_log": "auth.log"}, stock={"sshd": ""}, rep=("rep-sshd-ambiguous",),
           category="18,22", steps={"10 passwords, 1 connection": ["denied"] * 6}, fates=fates("sshd"), must_run=True),
    # unwatched: what PAM says in its process "auth". fail2ban 1.1.0 does not know how Dovecot 2.4 words a failed
    # login: its own filter sees only PAM's line, which is not in this log.
    Daemon("dovecot", 41, "mail", ("dovecot-imapd", "dovecot-pop3d"), IMAP_PORTS, "setup_dovecot", ("dovecot -F",), clients.Imap,
           tags=r"dovecot|auth", logs={"dovecot_log": "mail.log"}, unwatched=("auth.log",), stock={"dovecot": ""},
           rep=("rep-dovecot-ambiguous",), fates=DOVECOT_FATES, must_run=True,
           releases={"trixie": {"fates": {**DOVECOT_FATES, "10 users, 10 connections": Fate({}, SPRAY, KNOWN, may=SPRAY)}}}),
    Daemon("postfix", 42, "mail", ("postfix",), (25, 587), "setup_postfix", ("postfix start-fg",), clients.Submission,
           tags=r"postfix/\S+", logs={"postfix_log": "mail.log", **MAIL}, stock={"postfix": "", "postfix-sasl": ""},
           rep=("rep-postfix-ambiguous",), fates=fates("postfix-sasl"), must_run=True),
    Daemon("sendmail", 43, "sendmail", ("sendmail-bin", "sensible-mda", "openssl", "sasl2-bin", "libsasl2-modules"), (25,),
           "setup_sendmail", ("saslauthd -a pam -m /run/saslauthd -n 20", "/usr/sbin/sendmail-mta -Am -L sm-mta -bD -q10m"),
           clients.Smtp, tags="sm-mta", logs=MAIL, stock={"sendmail-auth": "", "sendmail-reject": ""},
           rep=("rep-sendmail-ambiguous",), fates=fates("sendmail-auth"), must_run=True),
    DEBIAN_EXIM,
    one_more_exim("exim-syslog", 54, clients.SyslogSubmission, fates={**EXIM_FATES, **EXIM_UNSEEN}),
    one_more_exim("exim-wordy", 55, clients.WordySubmission, fates=WORDY_FATES,
                  releases={"bookworm": {"fates": {**WORDY_FATES, **EXIM_UNSEEN}}}),
    # silent: Cyrus writes no line about a client that did not try to log in
    Daemon("cyrus", 52, "office", ("cyrus-imapd", "cyrus-pop3d", "sasl2-bin", "openssl"), IMAP_PORTS, "setup_cyrus",
           ("/usr/sbin/cyrmaster -M /etc/cyrus.conf -C /etc/imapd.conf",), clients.Imap, tags=r"cyrus/\w+", logs=MAIL,
           stock={"cyrus-imap": ""}, rep=("rep-cyrus-ambiguous",),
           fates=fates("cyrus-imap", silent=("connect and quit", "monitoring probe"))),
    Daemon("nginx", 53, "office", ("nginx", "openssl"), (80, 443), "setup_nginx", ("nginx -g 'daemon off;'",), clients.Web, tags="",
           logs={"nginx_error_log": "nginx/error.log", "nginx_access_log": "nginx/access.log"},
           stock={"nginx-http-auth": "", "nginx-bad-request": "", "nginx-botsearch": ""}, rep=("rep-nginx-ambiguous",),
           category="21", fates=NGINX_FATES, tells_good=False, more=OF_WEB),
)}
