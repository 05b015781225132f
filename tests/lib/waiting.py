# SPDX-License-Identifier: MIT
"""waiting.py - wait for a condition, never for a time"""
import time


def wait_until(condition, what, seconds=60):
    """The first true value of condition(); AssertionError after this number of seconds, which only bounds a hang."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > end:
            raise AssertionError(f'waited in vain until {what}')
        time.sleep(0.02)
    return value
