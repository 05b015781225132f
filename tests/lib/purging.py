# SPDX-License-Identifier: MIT
"""purging.py - a store with long blocks that is purged; an earlier run, which a second one must agree with"""
import time

from addresses import key_of
from cases import Case
from places import DAY, YEAR

LIST = '127.0.0.2*3'                       # points of a list


class PurgeCase(Case):
    """An hour ago it was purged."""
    sections = {'general': {'timeout_ms': 1500}}
    key = None

    def start(self, **more):
        super().start(**more)
        self.purge('--quiet')              # makes the database
        self.run_was(3700)

    def run_was(self, ago, boot_ago=None):
        """The run that the database remembers: seconds ago by the clock, and by that of the boot."""
        boot = int(time.clock_gettime(time.CLOCK_BOOTTIME)) - (ago if boot_ago is None else boot_ago)
        with open('/proc/sys/kernel/random/boot_id', encoding='ascii') as f:
            run = f'{int(time.time()) - ago:020}{boot:020}{f.read().strip()}'
        self.sql("INSERT OR REPLACE INTO meta VALUES('purge-run', ?)", run)

    def old_block(self, address, age=8 * DAY, left=None, **more):
        """Of the highest tier, for a year; old enough to be looked up again."""
        left = YEAR - age if left is None else left
        self.block(address, **{'tier': 'notorious', 'score': 13, 'age': age, 'left': left, **more})

    def pardon(self, address, left):
        self.sql('INSERT OR REPLACE INTO pardon VALUES(?, ?)', key_of(address), int(time.time()) + left)
