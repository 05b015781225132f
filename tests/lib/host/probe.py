#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""
probe.py - try TCP connections from given source addresses

Standard input: a JSON list of [source, destination, port]. Standard output: a
JSON list of true or false, in the same order: did the connection succeed?
Refused and unreachable are "no", and so is no answer after several tries. Runs in the
namespace that has the source addresses.
"""

import asyncio
import json
import sys

TIMEOUT_S = 4
TRIES = 8


async def connects(source, destination, port):
    """A rejected connection is an error. Silence is a full backlog of a busy machine, so it is tried again."""
    for _ in range(TRIES):
        opening = asyncio.open_connection(destination, port,
                                          local_addr=(source, 0))
        try:
            _, writer = await asyncio.wait_for(opening, TIMEOUT_S)
        except asyncio.TimeoutError:
            continue
        except OSError:
            return False
        writer.close()
        return True
    return False


async def main():
    tries = json.load(sys.stdin)
    answers = await asyncio.gather(*(connects(*one) for one in tries))
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    asyncio.run(main())
