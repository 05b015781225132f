# SPDX-License-Identifier: MIT
"""verdicts.py - faults of what rep-check and the worker make of a row whose columns say the only right verdict"""
import json

STATUS = {'confirmed': 10, 'clean': 0, 'unknown': 75}
MISSING = {'status': 'missing', 'detail': ''}


def by_hand(place, address, row, source, status, with_answer=False):
    """row: verdict; says: a part of the finding's detail, with_answer: or of what was answered. '-': not looked at."""
    run = place.run('rep-check', '--json', '--', address)
    got = json.loads(run.stdout) if run.stdout else {'verdict': run.stderr, 'findings': []}
    if (got['verdict'], run.returncode) != (row['verdict'], STATUS[row['verdict']]):
        yield f"{got['verdict']}, exit {run.returncode}, not {row['verdict']}: {run.stdout}"
    finding = next((f for f in got['findings'] if f['source'] == source), MISSING)
    detail = (finding['detail'] or '') + (','.join(finding.get('answer', ())) if with_answer else '')
    if status not in ('-', finding['status']) or (row['says'] != '-' and row['says'] not in detail):
        yield f"{source}: {finding['status']}, {detail!r}: not {status}, {row['says']!r}"
    cached = place.run('rep-check', '--cached', '--', address)
    if cached.returncode == 10 and row['verdict'] != 'confirmed':
        yield f'the cache makes it confirmed: {cached.stdout}'


def by_worker(place, address, confirmed):
    """A jail bans it, and a suspicious line comes: is there a block, of the lowest tier, that the gate knows?"""
    place.run('rep-report', '--enqueue', '--jail', 'sshd', '--', address, check=True)
    place.run('rep-check', '--gate', '--jail', 'x', '--', address)
    run = place.run('rep-report', '--flush')
    log = place.verdict_log()
    if ('verdict=confirmed' in log) != confirmed or confirmed and 'tier=known' not in log:
        yield f'the worker should {"" if confirmed else "not "}have blocked it: {log}{run.stdout}{run.stderr}'
    if place.run('rep-check', '--gate', '--', address).returncode != (10 if confirmed else 0):
        yield 'the gate does not agree'
