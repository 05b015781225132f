# SPDX-License-Identifier: MIT
"""
behaviours.py - what attackers and honest clients do to a server

Each takes a daemon's protocol (Talk) and a client, and tells step by step what
the client saw: "open", "ok", "denied", or "refused" where a ban was in the way.
A protocol is a class whose object is one connection:

  Talk(client)          connects, and reads the banner, or raises one of REFUSED, as all of these
  login(user, password) True or False
  logins(user, passwords)   the same for several, one after the other
  probe()               what a monitor asks: NOOP or the like
  quit()                the polite end
  Talk.scan(client)     connects to the port and closes
  Talk.broken_tls(client)   begins TLS and sends something else
"""

from host.live.clients import HELLO, OLD_PASSWORD, PASSWORD, REFUSED, USER

NAMES = ("admin", "info", "sales", "office", "test", "support", "contact",
         "webmaster", "backup", "scanner")
STALE_TRIES = 4         # below maxretry = 5 of the stock jails
# of web servers
NOISE = b"\x80\x81\x82\x83\xfe\xff\r\n\r\n"
BAD_REQUESTS = ("HELP", "GET /../../etc/passwd HTTP/1.1", "get / HTTP/1.1")
SCANNED = ("/wp-login.php", "/.env", "/.git/config", "/phpmyadmin/index.php",
           "/cgi-bin/luci", "/owa/auth", "/mysqladmin/", "/roundcube/",
           "/webmail/", "/actuator/health")


def port_scan(talk, client):
    talk.scan(client)
    yield "open"


def broken_tls(talk, client):
    talk.broken_tls(client)
    yield "open"


def connect_and_quit(talk, client):
    talk(client).quit()
    yield "open"


def wrong_password(talk, client):
    yield try_once(talk, client, USER, "Summer2024")


def ten_passwords(talk, client):
    connection = talk(client)
    passwords = [f"Summer{2015 + number}" for number in range(10)]
    for answer in connection.logins(USER, passwords):
        yield said(answer)
    connection.quit()


def ten_users(talk, client):
    for name in NAMES:
        yield try_once(talk, client, name, "123456")


def monitoring_probe(talk, client):
    connection = talk(client)
    connection.probe()
    connection.quit()
    yield "open"


def stale_phone(talk, client):
    """Logged in with the right password once; the phone still has the old."""
    yield try_once(talk, client, USER, PASSWORD)
    for _ in range(STALE_TRIES):
        yield try_once(talk, client, USER, OLD_PASSWORD)


def log_in(talk, client):
    yield try_once(talk, client, USER, PASSWORD)


def try_once(talk, client, user, password):
    connection = talk(client)
    answer = said(connection.login(user, password))
    connection.quit()
    return answer


def said(is_in):
    return "ok" if is_in else "denied"


def to_port(port, *texts):
    """A connection for each of these bytes."""
    def behaviour(_, client):
        for text in texts:
            yield client.send_raw(port, text)
    return behaviour


def scan_for_holes(talk, client):
    for path in SCANNED:
        yield str(talk(client).get(path))


def browser(talk, client):
    """A page, and an icon that is not there."""
    connection = talk(client)
    yield str(connection.get("/"))
    yield str(connection.get("/favicon.ico"))
    connection.quit()


BEHAVIOURS = {
    "port scan": port_scan,
    "TLS broken off": broken_tls,
    "connect and quit": connect_and_quit,
    "wrong password once": wrong_password,
    "10 passwords, 1 connection": ten_passwords,
    "10 users, 10 connections": ten_users,
    "monitoring probe": monitoring_probe,
    "phone, stale password": stale_phone,
    "login": log_in,
}
OF_WEB = {
    "noise to port 80": to_port(80, NOISE),
    "TLS to port 80": to_port(80, HELLO),
    "HTTP to port 443": to_port(443, b"GET / HTTP/1.1\r\nHost: mail.example.org\r\n\r\n"),
    "3 bad requests": to_port(80, *(text.encode() + b"\r\n\r\n" for text in BAD_REQUESTS)),
    "10 holes looked for": scan_for_holes,
    "browser": browser,
}
# for these an unlisted address is never banned
HONEST = ("monitoring probe", "phone, stale password", "login", "browser")


def play(behaviour, talk, client):
    """The steps of one behaviour: it ends where it is refused."""
    steps = []
    try:
        for step in behaviour(talk, client):
            steps.append(step)
    except REFUSED:
        steps.append("refused")
    return steps
