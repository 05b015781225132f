#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""
listen.py PORT... - accept TCP connections, IPv4 and IPv6, and close them

Stands for the services that an attacker wants to reach. Says "listening" when
it is ready and runs until it is ended.
"""

import asyncio
import socket
import sys


async def goodbye(_, writer):
    writer.close()


async def main(ports):
    for port in ports:
        listener = socket.create_server(("::", port), family=socket.AF_INET6,
                                        dualstack_ipv6=True)
        await asyncio.start_server(goodbye, sock=listener)
    print("listening", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main([int(word) for word in sys.argv[1:]]))
