# SPDX-License-Identifier: MIT
"""
behaviours.py - what attackers and honest clients do to a server

Each takes a daemon's protocol (Talk) and a client, and tells step by step what
the client saw: "open", "ok", "denied", or "refused" where a ban was in the way.
A protocol is a class whose object is one connection:

  Talk(client)          connects, and reads the banner
  login(user, password) True or False
  logins(user, passwords)   the same for several, one after the other
  probe()               what a monitor asks: NOOP or the like
  quit()                the polite end
  Talk.scan(client)     connects to the port and closes
  Talk.broken_tls(client)   begins TLS and sends something else
"""

from host.live.client import Refused
from host.live.users import OLD_PASSWORD, PASSWORD, USER

NAMES = ("admin", "info", "sales", "office", "test", "support", "contact",
         "webmaster", "backup", "scanner")
STALE_TRIES = 4         # below maxretry = 5 of the stock jails


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
HONEST = ("monitoring probe", "phone, stale password", "login")


def play(behaviour, talk, client):
    """The steps of one behaviour: it ends where it is refused."""
    steps = []
    try:
        for step in behaviour(talk, client):
            steps.append(step)
    except Refused:
        steps.append("refused")
    return steps
