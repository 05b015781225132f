# SPDX-License-Identifier: MIT
"""
behaviours.py - what attackers and honest clients do to a server

Each is a row of tests/data/behaviours.tsv, whose steps are functions here. They take a daemon's protocol (Talk), a
client and words, and tell what the client saw: "open", "ok", "denied", or "refused" where a ban was in the way. A
protocol is a class whose object is one connection:

  Talk(client)          connects, and reads the banner, or raises one of REFUSED, as all of these
  login(user, password) True or False
  logins(user, passwords)   the same for several, one after the other
  probe()               what a monitor asks: NOOP or the like
  quit()                the polite end
  Talk.scan(client)     connects to the port and closes
  Talk.broken_tls(client)   begins TLS and sends something else
"""

import rows
from host.live.clients import HELLO, OLD_PASSWORD, PASSWORD, REFUSED

PASSWORDS = {"RIGHT": PASSWORD, "OLD": OLD_PASSWORD}


def scan(talk, client, _):
    talk.scan(client)
    yield "open"


def broken_tls(talk, client, _):
    talk.broken_tls(client)
    yield "open"


def connect(talk, client, _):
    talk(client).quit()
    yield "open"


def probe(talk, client, _):
    """As a monitor."""
    connection = talk(client)
    connection.probe()
    connection.quit()
    yield "open"


def logins(talk, client, words):
    """USER PASSWORD...: on one connection."""
    user, *passwords = words.split()
    connection = talk(client)
    for is_in in connection.logins(user, [PASSWORDS.get(one, one) for one in passwords]):
        yield "ok" if is_in else "denied"
    connection.quit()


def send(_, client, words):
    """PORT BYTES, as Python writes them."""
    port, _, text = words.partition(" ")
    data = text.encode().decode("unicode_escape").encode("latin-1")
    yield client.send_raw(int(port), HELLO if text == "HELLO" else data)


def get(talk, client, words):
    """PATH...: on one connection."""
    connection = talk(client)
    for path in words.split():
        yield str(connection.get(path))
    connection.quit()


STEPS = {"scan": scan, "broken_tls": broken_tls, "connect": connect, "probe": probe, "login": logins, "logins": logins,
         "send": send, "get": get}


def times(cell):
    """"ok; 2 x denied" is ok, denied, denied."""
    pieces = [piece.rpartition(" x ") for piece in cell.split("; ")]
    return [text for number, _, text in pieces for _ in range(int(number or 1))]


TABLE = rows.read("behaviours.tsv", 15)
# {name: its steps}
BEHAVIOURS, OF_WEB = ({row["name"]: row["does"].split("; ") for row in TABLE if row["servers"] == servers}
                      for servers in ("all", "web"))
SEEN = {row["name"]: times(row["seen"]) for row in TABLE}
HONEST = [row["name"] for row in TABLE if row["who"] == "honest"]


def play(steps, talk, client):
    """What is seen of one behaviour: it ends where it is refused."""
    seen = []
    try:
        for step in steps:
            name, _, words = step.partition(" ")
            for answer in STEPS[name](talk, client, words):
                seen.append(answer)
    except REFUSED:
        seen.append("refused")
    return seen
