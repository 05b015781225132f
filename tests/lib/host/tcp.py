#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""
tcp.py - connections, for the small internet of the host tests

    tcp.py listen PORT...       accepts connections, IPv4 and IPv6, and closes them: the services that an attacker wants
                                to reach. Says "listening" when it is ready and runs until it is ended.
    tcp.py connect              standard input: a JSON list of [source, destination, port]; standard output: a JSON list
                                of true or false, in the same order: did the connection succeed? Refused and unreachable
                                are "no", and so is no answer after several tries.
"""

import asyncio
import json
import socket
import sys

TIMEOUT_S = 4
TRIES = 8


async def goodbye(_, writer):
    writer.close()


async def listen(*ports):
    for port in ports:
        listener = socket.create_server(("::", int(port)), family=socket.AF_INET6, dualstack_ipv6=True)
        await asyncio.start_server(goodbye, sock=listener)
    print("listening", flush=True)
    await asyncio.Event().wait()


async def connects(source, destination, port):
    """A rejected connection is an error. Silence is a full backlog of a busy machine, so it is tried again."""
    for _ in range(TRIES):
        opening = asyncio.open_connection(destination, port, local_addr=(source, 0))
        try:
            _, writer = await asyncio.wait_for(opening, TIMEOUT_S)
        except asyncio.TimeoutError:
            continue
        except OSError:
            return False
        writer.close()
        return True
    return False


async def connect():
    tries = json.load(sys.stdin)
    json.dump(await asyncio.gather(*(connects(*one) for one in tries)), sys.stdout)


if __name__ == "__main__":
    asyncio.run({"listen": listen, "connect": connect}[sys.argv[1]](*sys.argv[2:]))
