#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""
emit.py - gives messages to syslog, as syslog(3) does

    emit.py SOCKET < messages     a JSON list, each with its priority and time stamp
"""

import json
import socket
import sys


def main():
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.connect(sys.argv[1])
        for message in json.load(sys.stdin):
            sock.send(message.encode())


if __name__ == "__main__":
    main()
