# SPDX-License-Identifier: MIT
"""
sessions.py - the addresses from which users are logged in now, for rep-check --self-test

An administrator who mistypes a password is banned like anybody else, unless an entry of [allow] covers the address.
Asks systemd-logind, or reads utmp(5), which Debian 13 no longer writes. If neither can be read it is not known.
"""
import ipaddress
import os
import struct
import subprocess

LOGINCTL = "/usr/bin/loginctl"
UTMP = "/run/utmp"
TIME_S = 5
UTMP_MAX = 1 << 20
RECORD = struct.Struct("=hxxi32s4s32s256shhiii16s20x")      # struct utmp of 64-bit Linux, 384 bytes
USER_PROCESS = 7


def loginctl(*words):
    """What it prints; None: there is no systemd-logind, or it does not answer."""
    try:
        done = subprocess.run([LOGINCTL, *words], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=TIME_S, check=False, env={"LC_ALL": "C", "SYSTEMD_COLORS": "0"})
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


def of_logind():
    """[(address or host name, user)]; None: not known."""
    listed = loginctl("list-sessions", "--no-legend", "--no-pager")
    if listed is None:
        return None
    ids = [line.split()[0] for line in listed.splitlines() if line.split()]
    if not ids:
        return []
    shown = loginctl("show-session", "--no-pager", "-pRemote", "-pRemoteHost", "-pName", "-pState", *ids)
    if shown is None:
        return None
    sessions = [dict(line.partition("=")[::2] for line in block.splitlines()) for block in shown.split("\n\n")]
    return [(one.get("RemoteHost", ""), one.get("Name", "")) for one in sessions
            if one.get("Remote") == "yes" and one.get("State") != "closing"]


def of_utmp():
    try:
        with open(UTMP, "rb") as file:
            data = file.read(UTMP_MAX)
    except OSError:
        return None
    found = []
    for at in range(0, len(data) - RECORD.size + 1, RECORD.size):
        kind, pid, _, _, user, host, *_ = RECORD.unpack_from(data, at)
        host = host.split(b"\0")[0].decode("ascii", "replace")
        if kind == USER_PROCESS and host and not host.startswith(":") and os.path.exists(f"/proc/{pid}"):
            found.append((host, user.split(b"\0")[0].decode("utf-8", "replace")))
    return found


def find():
    """[(address or host name, user)]; None: not known. As root, who sees all of them."""
    found = of_logind()
    return of_utmp() if found is None else found


def add_rows(found, add_row):
    """A row "login" passes an address and a user to rep-check, which knows section [allow]."""
    if found is None:
        add_row("unknown", "remote logins", "neither systemd-logind nor utmp shows who is logged in")
        return
    for host, user in dict(found).items():
        try:
            add_row("login", str(ipaddress.ip_address(host.split("%")[0])), user or "a user")
        except ValueError:
            add_row("unknown", "remote logins", f"{user} is logged in from {host}, which is not an address")
