# SPDX-License-Identifier: MIT
"""
commands.py - the commands that are tortured, and what each may do when something fails

A row: name, call, Command's fields. The state that they start from is World.prepare()'s.
"""
import dataclasses

# of the table in the manual pages: what a call ends with that could not do its work
FAILED = frozenset((69, 70, 71, 73, 74, 75, 77, 78))
BLOCKED, LISTED, CLEAN, QUEUED, PARDONED, EXPIRED, GOOD, OLD = (f'45.1.9.{n}' for n in range(1, 9))


@dataclasses.dataclass(frozen=True)
class Command:
    """
    call: arguments; {dir} is the place.  good: statuses of a call that has done its work, even if something failed.
    failed: of one that has not.  silent: nothing is printed, even then.  network: it asks lists and AbuseIPDB.
    stdin: a text.  reads: the state stays what it is.  finish: calls that complete what a failed one has left.
    """
    name: str
    call: tuple
    good: frozenset = frozenset((0,))
    failed: frozenset = FAILED
    silent: bool = False
    network: bool = False
    stdin: str = ''
    reads: bool = False
    finish: tuple = ()
    damage: bool = False                    # the database is damaged before
    again: frozenset = frozenset()          # what the same call may also end with after a failure
    lines: int = 1                          # on stderr with a failure


def row(name, call, **more):
    for key in ('good', 'failed', 'again'):
        if key in more:
            more[key] = frozenset(more[key])
    return Command(name, tuple(call.split(' ')), **more)


FLUSH = ('rep-report', '--flush', '--linger', '0', '--quiet')
COMMANDS = {command.name: command for command in (
    row('gate', f'rep-check --gate --jail sshd --user root -- {BLOCKED}', good=(0, 10), failed=(), silent=True),
    row('login', f'rep-check --login -- {CLEAN}', failed=(), silent=True),
    row('is-blocked', f'rep-check --is-blocked -- {BLOCKED}', good=(0, 10), reads=True),
    row('enqueue', f'rep-report --enqueue --jail sshd --failures 3 --user root -- {CLEAN}'),
    row('flush', ' '.join(FLUSH), network=True, finish=(FLUSH,)),
    row('check', f'rep-check {LISTED}', good=(0, 10, 75), network=True),
    row('bulk', 'rep-check --file {dir}/list', good=(0, 10, 75), network=True, lines=2),
    row('blocks', 'rep-check --blocks --json', reads=True),
    row('blocks-new', 'rep-check --blocks --new'),
    row('summary', 'rep-report --summary', reads=True),
    row('metrics', 'rep-report --metrics {dir}/metrics.prom', reads=True),
    row('health', 'rep-report --health', good=(0, 1, 2, 3), failed=(), reads=True),
    row('status', 'rep-report --status', good=(0, 77), reads=True),
    row('purge', 'rep-purge'),
    row('forget', f'rep-purge {QUEUED} {BLOCKED}'),
    row('pardon', f'rep-purge --pardon 1d {BLOCKED}'),
    row('recheck', 'rep-purge --recheck', network=True, finish=(('rep-purge', '--recheck', '--quiet'),)),
    row('reset', 'rep-purge --reset', damage=True, again=(64,)),
    row('retract', f'rep-report --retract {QUEUED}', network=True),
    row('self-test', 'rep-check --self-test --fail2ban /nonexistent/fail2ban-client', good=(0, 69), network=True),
    row('serve', 'rep-check --gate --serve', failed=FAILED, good=(0,),
        stdin=f'1 gate --jail=sshd --user=root {BLOCKED}\n2 login {CLEAN}\n3 is-blocked {BLOCKED}\n'
              f'4 enqueue --jail=sshd --failures=3 {OLD}\n'),
)}
