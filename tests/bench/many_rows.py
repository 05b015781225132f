# SPDX-License-Identifier: MIT
"""many_rows.py - a database with as many rows as years of attacks leave"""
import os
import sqlite3
import time

from measure import addresses
from addresses import MAPPED
from places import DAY, WEEK, YEAR

# table: its columns and values; ?1 is the key, ?2 a time, ?3 the last number of the row that fill() gets
ROWS = {
    'block': "(key, tier, score, since, until, first_at, announced_at, due, jail, src, shown_at) VALUES(?1,"
             " 'notorious', 16, ?2, ?2 + ?3, ?2 + 1, ?2 + 1, 0, 'sendmail-auth', 'zen,blocklist.de,abuseipdb', ?2 + 9)",
    'finding': "(key, source, listed, rule, partial, points, answers, detail, answered_at, expires_at, trusted) VALUES"
               "(?1, 'zen', 1, 0, 0, 3, '7f000004 7f000002', 'https://check.spamhaus.org/query/ip/45.100.100.100', ?2,"
               " ?2 + 3600, 0)",
    'report': "(key, addr, state, jail, categories, comment, failures, first_at, seen_at, next_at, tries, sent_at, why,"
              " ended_at) VALUES(?1, ?1, 3, 'sendmail-auth', '18,11', '', 7, ?2, ?2, 0, 1, ?2 + 5, '', ?2 + 6)",
    'sighting': '(key, user, at) VALUES(?1, random(), ?2)',
    'failure': '(key, hour, n, last_at) VALUES(?1, ?2 / 3600, 3, ?2)',
    'good': '(key, at) VALUES(?1, ?2)',
    'released': "(key, at, tier) VALUES(?1, ?2, 'notorious')",
    'retraction': "(addr, key, state, since, next_at, tries, deleted, why) VALUES(?1, ?1, 1, ?2, 0, 1, 1, '')",
}
# of a hundred rows: (table, how many, ages of the oldest and the youngest, for how long); a tenth is not expired
EXPIRED = (
    ('finding', 45, 3 * WEEK, WEEK + DAY), ('sighting', 20, 3 * WEEK, 2 * DAY), ('report', 15, 240 * DAY, 61 * DAY),
    ('block', 10, 2 * YEAR, YEAR, -YEAR - DAY), ('failure', 6, 3 * WEEK, 2 * DAY), ('good', 2, YEAR, 31 * DAY),
    ('released', 1, 6 * WEEK, WEEK + DAY), ('retraction', 1, YEAR, 61 * DAY), ('finding', 7, 6 * DAY, 0),
    ('block', 3, DAY, DAY // 2, YEAR))


def fill(place, *tables):
    """(table, rows, age of the oldest, of the youngest[, a block's seconds after the age of the oldest]) each; fast."""
    db = sqlite3.connect(place.db, isolation_level=None)
    for pragma in ('cache_size = -1000000', 'synchronous = OFF', 'journal_mode = OFF'):
        db.execute('PRAGMA ' + pragma)
    now = int(time.time())
    db.execute('BEGIN')
    for seed, (table, count, oldest, youngest, *left) in enumerate(tables):
        lasts = [oldest + left[0]] if left else []
        step = (oldest - youngest) / max(count, 1)
        db.executemany(f'INSERT OR IGNORE INTO {table}{ROWS[table]}',
                       ((MAPPED + address.to_bytes(4, 'big'), int(now - oldest + i * step), *lasts)
                        for i, address in enumerate(addresses(count, seed))))
    db.execute('COMMIT')
    db.execute('PRAGMA journal_mode = WAL')
    db.close()
    settle(place)


def fill_expired(place, count):
    """Blocks are deleted only when two runs agree: one has been."""
    fill(place, *((table, count * hundredths // 100, *more) for table, hundredths, *more in EXPIRED))
    with open('/proc/sys/kernel/random/boot_id', encoding='ascii') as file:
        boot = file.read().strip()
    up = int(time.clock_gettime(time.CLOCK_BOOTTIME))
    place.sql("INSERT OR REPLACE INTO meta(name, value) VALUES('purge-run', ?)",
              f'{int(time.time()) - 3700:020}{up - 3700:020}{boot}')


def settle(place):
    """An empty log, and the file on disk: what follows does not pay for what was before."""
    db = sqlite3.connect(place.db, timeout=30)
    db.execute('PRAGMA wal_checkpoint(TRUNCATE)')
    db.close()
    place.own()
    file = os.open(place.db, os.O_RDWR)
    os.fsync(file)
    os.close(file)


def count(place):
    return sum(place.count(table) for table in ROWS)
