#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""
attack.py - all clients at the same time, in the namespace that has their addresses

Standard input: a JSON list of [daemon, behaviour, source, target]. Standard
output: a JSON list of the steps each saw (behaviours.py), in the same order.
"""

import concurrent.futures
import json
import os
import sys
import time

sys.dont_write_bytecode = True
sys.path.append(f"{os.path.dirname(os.path.abspath(__file__))}/../..")

from host.live.behaviours import play            # noqa: E402
from host.live.clients import Client             # noqa: E402
from host.live.daemons import DAEMONS            # noqa: E402


SPREAD_S = 20        # nobody's clients come all in one moment


def one(task):
    delay_s, (daemon, behaviour, source, target) = task
    time.sleep(delay_s)
    daemon = DAEMONS[daemon]
    return play(daemon.behaviours[behaviour], daemon.talk, Client(source, target))


def main():
    tasks = json.load(sys.stdin)
    delays = [SPREAD_S * number / len(tasks) for number in range(len(tasks))]
    with concurrent.futures.ThreadPoolExecutor(len(tasks)) as pool:
        json.dump(list(pool.map(one, zip(delays, tasks))), sys.stdout)


if __name__ == "__main__":
    main()
