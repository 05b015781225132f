# SPDX-License-Identifier: MIT
"""
hostile_fields.py - log lines with what a client chooses in them, and what it may choose

A form is a line as its daemon writes it, without time and program, with the settings of the
daemon that let most through (ident, junk HELO, names from DNS, passwords in the log). {A} is the
address that the daemon saw; every other name in braces is a field that the client fills, and
FIELDS says what the daemon lets through of it. lines() fills each field with pieces of the
daemon's other lines, which name another address, and with whole lines of all daemons.
"""

import random
import re

TRUE = "45.60.0.1"
VICTIM = "8.8.4.4"
PAIRS = 40          # with hostile values in all fields, for each field of a form
ENOUGH = 300        # attempts of one form, chosen by a fixed seed; all take minutes

# daemon -> (beginning of its lines, bytes after which it cuts a line, {form: what it counts as})
FORMS = {
    "exim": ("2026-11-29 20:56:12 ", 8000, {
        "TLS error on connection from {ptr} ({helo}) [{A}]:4711 I=[192.0.2.1]:25 (gnutls_handshake): An unexpected TLS packet was received.": "ambiguous",
        "TLS error on connection from ({helo}) [{A}] (gnutls_handshake): timed out": "ambiguous",
        "SMTP connection from ({helo}) [{A}] lost D=0s": "ambiguous",
        "SMTP connection from {ptr} [{A}]:4711 lost (error: Connection reset by peer) D=1s": "ambiguous",
        "unexpected disconnection while reading SMTP command from ({helo}) [{A}]:4711 I=[192.0.2.1]:25 U={ident} Ci=7 D=4s": "ambiguous",
        "SMTP command timeout on connection from ({helo}) [{A}] D=5m": "ambiguous",
        "SMTP command timeout on TLS connection from [{A}] U={ident}": "ambiguous",
        "SMTP syntax error in \"{text}\" H=({helo}) [{A}] U={ident} unrecognized command": "ambiguous",
        "SMTP syntax error in \"{text}\" H=[{A}] U={ident} unrecognized command": "ambiguous",
        "SMTP syntax error in \"{text}\" H={ptr} [{A}]:4711 I=[192.0.2.1]:25 unrecognized command": "ambiguous",
        "SMTP protocol error in \"AUTH X-{word}\" H=({helo}) [{A}] X-{word} authentication mechanism not supported": "ambiguous",
        "SMTP protocol error in \"{text}\" H=({helo}) [{A}] U={ident} too many arguments": "none",
        "rejected EHLO from ({helo}) [{A}]: syntactically invalid argument(s): {text}": "ambiguous",
        "rejected HELO from [{A}] U={ident}: syntactically invalid argument(s): {text}": "ambiguous",
        "rejected MAIL from [{A}]: no HELO/EHLO given": "ambiguous",
        "login authenticator failed for ({helo}) [{A}] U={ident}: 501 {text}": "ambiguous",
        "login authenticator failed for {ptr} ({helo}) [{A}]: 435 Unable to authenticate at present (set_id={user}): {text}": "none",
        "login authenticator failed for ({helo}) [{A}] U={ident}: 535 Incorrect authentication data (set_id={user})": "spray",
        "plain authenticator failed for H={ptr} ({helo}) [{A}]:4711 I=[192.0.2.1]:587: 535 Incorrect authentication data (set_id={user})": "spray",
        "login authenticator failed for ({helo}) [{A}] U={ident}: 535 Incorrect authentication data": "none",
        "Connection from ({helo}) [{A}] refused: too many connections from that IP address": "ambiguous",
        "1xXmPz-000000004He-12DS <= {sender} H=({helo}) [{A}] U={ident} P=esmtp S=812 id={word}": "none",
        "1xXmPz-000000004He-12DS <= {sender} H={ptr} ({helo}) [{A}] U={ident} P=esmtps X=TLS1.3:ECDHE_X25519__RSA_PSS_RSAE_SHA256__AES_256_GCM:256 CV=no SNI=\"{text}\" S=812 T=\"{text}\"": "none",
        "1xXmPz-0004He-12 <= {sender} H={ptr} [{A}] U={ident} P=smtp S=812 id={word} T=\"{text}\" from <{word}> for bob@example.org": "none",
        "1xXmPz-000000004He-12DS <= alice@example.org H=({helo}) [{A}] P=esmtpsa X=TLS1.3:ECDHE_X25519__RSA_PSS_RSAE_SHA256__AES_256_GCM:256 CV=no A=plain:alice S=812 id={word} T=\"{text}\"": "login",
        "1xXmPz-000000004He-12DS H=({helo}) [{A}] F=<{sender}> rejected RCPT <{word}>: {text}": "none",
    }),
    "nginx": ("2026/11/29 21:08:29 ", 2047, {
        "[info] 1#1: *5 SSL_do_handshake() failed (SSL: error:0A00010B:SSL routines::wrong version number) while SSL handshaking, client: {A}, server: 0.0.0.0:443": "ambiguous",
        "[info] 1#1: *5 peer closed connection in SSL handshake while SSL handshaking, client: {A}, server: 0.0.0.0:443": "ambiguous",
        "[info] 1#1: *5 client sent invalid method while reading client request line, client: {A}, server: _, request: \"{text}\"": "ambiguous",
        "[info] 1#1: *5 client sent invalid host header while reading client request headers, client: {A}, server: _, request: \"{text}\", host: \"{text}\"": "ambiguous",
        "[info] 1#1: *5 client sent invalid header line: \"{text}\" while reading client request headers, client: {A}, server: _, request: \"{text}\", host: \"{text}\"": "none",
        "[info] 1#1: *5 client sent invalid header line: \"{text}\\x00...\" while reading client request headers, client: {A}, server: _, request: \"{text}\", host: \"{text}\"": "none",
        "[info] 1#1: *5 client sent too long header line: \"{text}...\" while reading client request headers, client: {A}, server: _, request: \"{text}\"": "none",
        "[error] 1#1: *5 open() \"/srv/www/{text}\" failed (2: No such file or directory), client: {A}, server: _, request: \"{text}\", host: \"{text}\", referrer: \"{text}\"": "none",
        "[error] 1#1: *5 user \"{text}\" was not found in \"/etc/nginx/users\", client: {A}, server: _, request: \"{text}\"": "none",
    }),
    "nginx access": ("", 65536, {
        "{A} - {quoted} [29/Nov/2026:21:08:29 +0000] \"CONNECT x HTTP/1.1\" 405 157 \"{quoted}\" \"{quoted}\"": "ambiguous",
        "{A} - - [29/Nov/2026:21:08:29 +0000] \"{quoted}\" 414 157 \"{quoted}\" \"{quoted}\"": "ambiguous",
        "{A} - {quoted} [29/Nov/2026:21:08:29 +0000] \"GET /{quoted}\" 200 157 \"{quoted}\" \"{quoted}\"": "none",
        "{word} {A} - - [29/Nov/2026:21:08:29 +0000] \"-\" 408 0 \"-\" \"-\"": "ambiguous",
    }),
    "sshd": ("Nov 29 20:57:12 mx1 sshd-session[811]: ", 1023, {
        "Connection closed by {A} port 4711 [preauth]": "ambiguous",
        "Connection closed by invalid user {user100} {A} port 4711 [preauth]": "ambiguous",
        "Disconnected from authenticating user {user100} {A} port 4711 [preauth]": "ambiguous",
        "Disconnecting invalid user {user100} {A} port 4711: Too many authentication failures [preauth]": "ambiguous",
        "Disconnecting invalid user {user100} {A} port 4711: Change of username or service not allowed: ({user100},ssh-connection) -> ({user100},ssh-connection) [preauth]": "none",
        "Received disconnect from {A} port 4711:11: {text} [preauth]": "ambiguous",
        "Received disconnect from {A} port 4711:3: {text} [preauth]": "none",
        "Did not receive identification string from {A} port 4711": "ambiguous",
        "banner exchange: Connection from {A} port 4711: invalid format": "ambiguous",
        "Bad protocol version identification '{text200}' from {A} port 4711": "ambiguous",
        "Unable to negotiate with {A} port 4711: no matching cipher found. Their offer: {text} [preauth]": "ambiguous",
        "fatal: ssh_dispatch_run_fatal: Connection from authenticating user {user100} {A} port 4711: Connection corrupted [preauth]": "ambiguous",
        "error: Protocol major versions differ for {A} port 4711: SSH-2.0-OpenSSH_9.2p1 vs. {text}": "ambiguous",
        "Timeout before authentication for connection from {A} to 192.0.2.1, pid = 811": "ambiguous",
        "drop connection #10 from [{A}]:4711 on [192.0.2.1]:22 past MaxStartups": "ambiguous",
        "Failed password for invalid user {user100} from {A} port 4711 ssh2": "spray",
        "Failed publickey for invalid user {user100} from {A} port 4711 ssh2: RSA SHA256:abc": "none",
        "Failed hostbased for {user100} from {A} port 4711 ssh2: RSA SHA256:abc, client user \"{user100}\", client host \"{text100}\"": "none",
        "error: PAM: Authentication failure for illegal user {user100} from {A}": "spray",
        "error: PAM: Authentication failure for illegal user {user100} from {name}": "none",
        "Invalid user {user100} from {A} port 4711": "spray",
        "User {user100} from {A} not allowed because not listed in AllowUsers": "spray",
        "User {user100} from {name} not allowed because not listed in AllowUsers": "none",
        "error: maximum authentication attempts exceeded for invalid user {user100} from {A} port 4711 ssh2 [preauth]": "none",
        "Accepted password for alice from {A} port 4711 ssh2": "login",
    }),
    "dovecot": ("Nov 29 20:54:14 mx1 dovecot: ", 4096, {
        "imap-login: Login aborted: Connection closed (no auth attempts in 0 secs) (no_auth_attempts): user=<>, rip={A}, lip=192.0.2.1, session=<hlnwfnBhh68tPAAK>": "ambiguous",
        "imap-login: Disconnected (client didn't finish SASL auth, waited 5 secs): user=<>, method={mech}, rip={A}, lip=192.0.2.1, TLS, session=<hlnwfnBhh68tPAAK>": "ambiguous",
        "managesieve-login: Disconnected (tried to use unsupported auth mechanism): user=<>, method={mech}, rip={A}, lip=192.0.2.1, TLS, session=<hlnwfnBhh68tPAAK>": "ambiguous",
        "imap-login: Disconnected (aborted authentication): user=<{user80}>, method=PLAIN, rip={A}, lip=192.0.2.1, session=<hlnwfnBhh68tPAAK>": "ambiguous",
        "imap-login: Disconnected: Connection closed (auth failed, 1 attempts in 2 secs): user=<{user80}>, method=PLAIN, rip={A}, lip=192.0.2.1, TLS, session=<hlnwfnBhh68tPAAK>": "spray",
        "managesieve-login: Disconnected (auth failed, 1 attempts in 2 secs): user=<{user80}>, method={mech}, rip={A}, lip=192.0.2.1, session=<{word}>": "spray",
        "imap-login: Disconnected: Inactivity (auth failed, 1 attempts in 2 secs): user={user80}, method=PLAIN, rip={A}, lip=192.0.2.1, session=<hlnwfnBhh68tPAAK>": "none",
        "imap-login: Disconnected: Inactivity (auth failed, 1 attempts in 2 secs): rip={A}, lip=192.0.2.1, session=<hlnwfnBhh68tPAAK>, user={user80}": "none",
        "imap-login: Disconnected: Inactivity (no auth attempts in 2 secs): sni={text80}, user=<>, rip={A}, lip=192.0.2.1": "none",
        "imap-login: ID sent: {text}: user=<>, rip={A}, lip=192.0.2.1, session=<hlnwfnBhh68tPAAK>": "none",
        "imap-login: Login: user=<alice>, method=PLAIN, rip={A}, lip=192.0.2.1, mpid=811, TLS, session=<hlnwfnBhh68tPAAK>": "login",
        "imap-login: Disconnected: Auth process broken (auth failed, 1 attempts): user={user80}, rip={A}": "none",
        "auth: passwd-file({user64},{A},<hlnwfnBhh68tPAAK>): unknown user": "spray",
        "auth: sql({user64},{A},<hlnwfnBhh68tPAAK>): unknown user (given password: {text})": "spray",
        "auth: sql({user64},{A}): Password mismatch (given password: {text})": "spray",
        "auth-worker(811): conn unix:auth-worker (pid=1,uid=1): auth-worker<1>: pam({user64},{A},<hlnwfnBhh68tPAAK>): pam_authenticate() failed: Authentication failure (Password mismatch?)": "spray",
        "auth({user64},{A},sasl:plain)<1><hlnwfnBhh68tPAAK>: sql: unknown user": "spray",
        "auth: pam_unix(dovecot:auth): authentication failure; logname= uid=0 euid=0 tty=dovecot ruser={user80} rhost={A}": "spray",
        "auth: pam_unix(dovecot:auth): authentication failure; logname= uid=0 euid=0 tty=dovecot ruser={user80} rhost={A}  user={user80}": "spray",
    }),
    "sendmail": ("Nov 29 21:25:02 mx1 sm-mta[4673]: 6ATLP2S4004673: ", 1023, {
        "{atom}@{name} [{A}] did not issue MAIL/EXPN/VRFY/ETRN during connection to MTA": "ambiguous",
        "IDENT:{atom}@[{A}] did not issue MAIL/EXPN/VRFY/ETRN during connection to MTA": "none",
        "lost input channel from {name} [{A}] (may be forged) to MTA after auth": "ambiguous",
        "timeout waiting for input from {atom}@{name} [{A}] during server cmd read": "ambiguous",
        "timeout waiting for input from {name} during server cmd read": "none",
        "STARTTLS=server, error: accept failed=-1, reason=wrong version number, SSL_error=1, errno=0, retry=-1, relay={name} [{A}]": "ambiguous",
        "AUTH failure ({word}): no mechanism available (-4) SASL(-4): no mechanism available: {text}, relay={name} [{A}]": "ambiguous",
        "AUTH failure (LOGIN): bad protocol / cancel (-5) SASL(-5): bad protocol / cancel: {text}, user={user}, relay=[{A}]": "ambiguous",
        "AUTH failure (LOGIN): authentication failure (-13) SASL(-13): authentication failure: checkpass failed, user={user}, relay={name} [{A}]": "spray",
        "AUTH failure ({word}): user not found (-20) SASL(-13): user not found: {text}, user={user}, relay={atom}@{name} [{A}] (may be forged)": "spray",
        "{name} [{A}]: probable open proxy: command={text}": "ambiguous",
        "{name} [{A}]: SMTP violation, input too long: 811": "ambiguous",
        "{name} [{A}]: possible SMTP attack: command=AUTH, count=3": "none",
        "rejecting commands from {name} [{A}] due to pre-greeting traffic after 0 seconds": "none",
        "rejecting server EHLO from [{A}] [{A}] due to traffic before response": "ambiguous",
        "ruleset=check_mail, arg1=<{text}>, relay={name} [{A}], reject=553 5.1.8 <{text}>... Domain of sender address {text} does not exist": "none",
        "<-- EHLO {text}": "none",
        "from=<{text}>, size=811, class=0, nrcpts=1, msgid=<{text}>, proto=ESMTP, daemon=MTA, relay={atom}@{name} [{A}]": "none",
        "AUTH=server, relay={name} [{A}], authid=alice, mech=LOGIN, bits=0": "login",
    }),
    "postfix": ("Nov 29 20:59:01 mx1 postfix/smtpd[14652]: ", 2048, {
        "NOQUEUE: lost connection after CONNECT from {name}[{A}]": "ambiguous",
        "timeout after EHLO from unknown[{A}]": "ambiguous",
        "disconnect from {name}[{A}] ehlo=1 quit=1 commands=2": "ambiguous",
        "SSL_accept error from {name}[{A}]: -1": "ambiguous",
        "warning: non-SMTP command from {name}[{A}]: {text}": "ambiguous",
        "warning: Illegal address syntax from {name}[{A}] in MAIL command: {text}": "ambiguous",
        "warning: {name}[{A}]: SASL {mech} authentication failed: Invalid authentication mechanism: '{mech}'": "ambiguous",
        "warning: {name}[{A}]: SASL LOGIN authentication failed: UGFzc3dvcmQ6, sasl_username={user}": "spray",
        "warning: {name}[{A}]: SASL PLAIN authentication failed: authentication failure, sasl_username={user}": "spray",
        "NOQUEUE: reject: RCPT from {name}[{A}]: 554 5.7.1 <{text}>: Relay access denied; from=<{text}> to=<{text}> proto=ESMTP helo=<{text}>": "none",
        "warning: hostname {text} does not resolve to address {A}": "none",
        "< {name}[{A}]: EHLO {text}": "none",
        "6ATLP2S400: client={name}[{A}]": "none",
        "6ATLP2S400: client={name}[{A}], sasl_method=PLAIN, sasl_username=alice": "login",
        "disconnect from {name}[{A}] ehlo=1 auth=1 mail=1 rcpt=1 data=1 quit=1 commands=6": "login",
    }),
    "cyrus": ("Nov 29 20:59:01 mx1 cyrus/imap[811]: ", 2048, {
        "badlogin: {name} [{A}] plaintext ({user}) invalid user": "ambiguous spray",
        "badlogin: {name} [{A}] plaintext ({user}) [SASL(-13): authentication failure: checkpass failed]": "spray",
        "badlogin: [{A}] {word} [SASL(-4): no mechanism available: {text}]": "ambiguous",
        "badlogin: {name} [{A}] PLAIN ({user}) [SASL(-13): user not found: {text}]": "spray",
        "badlogin: {name} [{A}] anonymous login refused": "ambiguous",
        "imaps TLS negotiation failed: {name} [{A}]": "ambiguous",
        "client id sessionid=<cyrus-811>: \"name\" \"{text}\"": "none",
        "login: {name} [{A}] alice PLAIN+TLS User logged in SESSIONID=<cyrus-811>": "login",
    }),
    "courier": ("Nov 29 20:59:01 mx1 imapd: ", 505, {
        "LOGIN FAILED, user={user}, ip=[{A}]": "spray",
        "LOGIN FAILED, user={user}, ip=[{A}], port=[4711]": "spray",
        "LOGIN FAILED, method={word}, ip=[{A}]": "none",
        "Disconnected, ip=[{A}], time=0": "ambiguous",
        "LOGOUT, ip=[{A}], rcvd=12, sent=311": "ambiguous",
        "ip=[{A}], couriertls: accept: error:0A00010B:SSL routines::wrong version number": "ambiguous",
        "LOGIN, user=alice, ip=[{A}], port=[4711], protocol=IMAP": "login",
    }),
    "courier smtp": ("Nov 29 20:59:01 mx1 courieresmtpd: ", 505, {
        "error,relay={A},port=4711,msg=\"502 ESMTP command error\",cmd: {text}": "ambiguous",
        "error,relay={A},from=<{text}>,to=<{text}>: 550 User unknown.": "none",
    }),
    "uwimap": ("Nov 29 20:59:01 mx1 imapd[811]: ", 1023, {
        "Login failed user={user80} auth={text80} host={name} [{A}]": "spray",
        "Login disabled user={user80} auth={text80} host=[{A}]": "spray",
        "Login failed user={user80} auth={text80} host={name}": "none",
        "Null command before authentication host={name} [{A}]": "ambiguous",
        "AUTHENTICATE {word} failure host={name} [{A}]": "ambiguous",
        "Unexpected client disconnect, while reading line user=??? host={name} [{A}]": "ambiguous",
        "Login user=alice host={name} [{A}]": "login",
    }),
}


def cut(text, nbytes):
    return text.encode()[:nbytes].decode(errors="ignore")


def host_name(text):
    """glibc and the daemons refuse any other name from DNS."""
    return re.sub(r"[^\w.-]|[^\x00-\x7f]", "", text)[:120].strip("-.") or "host.example"


def escaped_name(text):
    """Exim with dns_check_names_pattern unset: a name as the resolver shows it, any byte in it."""
    return re.sub(r"[\s\"();@$\\]", lambda found: f"\\{ord(found[0]):03}", text)[:200] or "host.example"


def quoted_sender(text):
    """Blanks are only in quotes."""
    if re.search(r"[\s\"\\<>()]", text):
        return '"' + re.sub(r"([\"\\])", r"\\\1", text) + '"@example.net'
    return text + "@example.net"


# field -> (value of an honest client, what the daemon makes of any value)
FIELDS = {
    "ptr": ("host.example", escaped_name),
    "name": ("host.example", host_name),
    "helo": ("laptop", lambda text: text[:1000]),
    "ident": ("bob", lambda text: text[:127]),
    "sender": ("bob", quoted_sender),
    "atom": ("bob", lambda text: re.sub(r"[^\w!#$%&'*+./^`{|}~-]|[^\x00-\x7f]", "", text)[:256] or "x"),
    "word": ("WORD", lambda text: re.sub(r"\s", "", text)[:200] or "x"),
    "mech": ("PLAIN", lambda text: text.upper()[:80]),
    "quoted": ("x", lambda text: text.replace('"', "\\x22")),
    "text": ("x", str),
    "user": ("bob", str),
    "text80": ("x", lambda text: text[:80]),
    "text100": ("x", lambda text: text[:100]),
    "text200": ("x", lambda text: cut(text, 200)),
    "user64": ("bob", lambda text: text[:64]),
    "user80": ("bob", lambda text: text[:80]),
    "user100": ("bob", lambda text: cut(text, 100)),
}
FIELD = re.compile(r"\{(\w+)\}")


def fill(form, values, address=TRUE):
    """values: one for each field but {A}, in order."""
    left = iter(values)
    return FIELD.sub(lambda found: address if found[1] == "A" else next(left), form)


def fields_of(form):
    return [name for name in FIELD.findall(form) if name != "A"]


def honest(form, address=TRUE):
    return fill(form, [FIELDS[name][0] for name in fields_of(form)], address)


def whole_lines():
    """Of all daemons, about the victim: the text alone, with its program, with its time."""
    for begin, _, forms in FORMS.values():
        program = re.sub(r"^\S+ \d+ [\d:]+ \S+ ", "", begin)
        for form in forms:
            text = honest(form, VICTIM)
            yield from (text, program + text, begin + text)


def pieces(forms, room):
    """Ends of the daemon's own lines about the victim, and these followed by more, up to where a line is cut."""
    for form in forms:
        text = honest(form, VICTIM)
        end = text.find(VICTIM)
        for place in [match.start() for match in re.finditer(r"\W|(?<=\W)\w", text) if match.start() <= end]:
            tail = text[place:]
            close = re.match(r"[\d.]+[\])>]?(?::\d+| port \d+)?", text[end:]).end() + end
            for one in (tail, text[place:close], tail + " x"):
                yield "x" + one
            if place % 5 == 0:
                for more in (" ", "0", "\U0001f600", ") [", "]"):
                    yield ("x" + tail + more * room)[:room]
                    yield ("x" + text[place:close] + more * room)[:room]


def lines(daemon, enough=ENOUGH):
    """(form, line) of the attempts against each form of this daemon."""
    begin, limit, forms = FORMS[daemon]
    values = list(dict.fromkeys([*pieces(forms, limit), *whole_lines()]))
    choose = random.Random(15)
    seen = set()
    for form in forms:
        names = fields_of(form)
        plain = [FIELDS[name][0] for name in names]
        tries = [(place, value) for place in range(len(names)) for value in values]
        tries = choose.sample(tries, min(enough, len(tries)))
        filled = [[*plain[:place], FIELDS[names[place]][1](value), *plain[place + 1:]] for place, value in tries]
        if len(names) > 1:
            filled += [[FIELDS[name][1](choose.choice(values)) for name in names] for _ in range(PAIRS * len(names))]
        for one in filled:
            line = begin + cut(fill(form, one), limit)
            if line not in seen and VICTIM in line:
                seen.add(line)
                yield form, line
