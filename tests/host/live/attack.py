#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""
attack.py - all clients at once, in the namespace that has their addresses

Standard input: a JSON list of [daemon, behaviour, source, target]. Standard
output: a JSON list of the steps each saw (behaviours.py), in the same order.
"""

import concurrent.futures
import json
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                os.pardir))

from live.behaviours import play            # noqa: E402
from live.client import Client              # noqa: E402
from live.daemons import DAEMONS            # noqa: E402


def one(task):
    daemon, behaviour, source, target = task
    return play(behaviour, DAEMONS[daemon].talk, Client(source, target))


def main():
    tasks = json.load(sys.stdin)
    with concurrent.futures.ThreadPoolExecutor(len(tasks)) as pool:
        json.dump(list(pool.map(one, tasks)), sys.stdout)


if __name__ == "__main__":
    main()
