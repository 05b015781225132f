# SPDX-License-Identifier: MIT
"""
faults.py - what a torture run makes fail: one point is one call of one process

    malloc              the n-th allocation returns NULL                 tests/lib/failing_malloc.c
    short               the n-th write takes half of its bytes           tests/lib/short_writes.c
    errno               the n-th call of a system call fails             strace
    kill                SIGKILL when the n-th call of it begins          strace

A system call is counted in each process for itself, without those of the dynamic loader (tests/lib/stop_at_main.c).
"""
import collections
import dataclasses
import os
import re
import signal
import struct
import subprocess

from places import library
from waiting import wait_until

KINDS = ('malloc', 'short', 'errno', 'kill')

# What each system call can end with here: one errno for each way that a caller can treat differently.
ERRNOS = {
    # files
    'openat': 'EMFILE EACCES ENOSPC EINTR', 'read': 'EIO EINTR', 'pread64': 'EIO EINTR',
    'write': 'ENOSPC EPIPE EINTR', 'pwrite64': 'ENOSPC EIO EINTR', 'writev': 'ENOSPC EINTR', 'lseek': 'EINVAL',
    'newfstatat': 'EACCES EIO', 'fstat': 'EIO', 'statx': 'EIO', 'fstatfs': 'EIO', 'statfs': 'EIO',
    'access': 'EACCES EIO', 'faccessat2': 'EACCES EIO', 'readlink': 'EACCES EIO', 'getdents64': 'EIO',
    'ftruncate': 'EIO ENOSPC', 'fallocate': 'ENOSPC', 'fsync': 'EIO ENOSPC', 'fdatasync': 'EIO ENOSPC',
    'rename': 'ENOSPC EACCES', 'renameat': 'ENOSPC EACCES', 'renameat2': 'ENOSPC EACCES', 'unlink': 'EACCES EIO',
    'link': 'EMLINK EACCES', 'linkat': 'EMLINK EACCES', 'mkdir': 'ENOSPC EACCES', 'mknodat': 'ENOSPC',
    'rmdir': 'EACCES', 'chmod': 'EPERM', 'fchmod': 'EPERM', 'fchmodat': 'EPERM', 'chown': 'EPERM',
    'fchown': 'EPERM', 'fchownat': 'EPERM', 'utimensat': 'EPERM', 'getxattr': 'EIO', 'fgetxattr': 'EIO',
    'umask': '', 'chdir': 'EACCES', 'dup': 'EMFILE', 'dup2': 'EMFILE', 'dup3': 'EMFILE', 'ioctl': 'ENOTTY',
    'pipe2': 'EMFILE', 'eventfd2': 'EMFILE', 'memfd_create': 'EMFILE',
    # locks
    'fcntl': 'ENOLCK', 'flock': 'ENOLCK EINTR',
    # sockets
    'socket': 'EMFILE ENOBUFS EAFNOSUPPORT', 'socketpair': 'EMFILE', 'connect': 'ECONNREFUSED ENETUNREACH EINTR',
    'bind': 'EADDRINUSE', 'listen': 'EADDRINUSE', 'accept4': 'EMFILE', 'getsockname': 'ENOBUFS',
    'getpeername': 'ENOTCONN', 'getsockopt': 'ENOBUFS', 'setsockopt': 'ENOBUFS',
    'sendto': 'ENOBUFS ECONNRESET EINTR', 'sendmsg': 'ENOBUFS EINTR', 'sendmmsg': 'ENOBUFS',
    'recvfrom': 'ECONNRESET EINTR', 'recvmsg': 'ENOMEM EINTR', 'recvmmsg': 'ENOMEM', 'shutdown': 'ENOTCONN',
    'poll': 'ENOMEM EINTR', 'ppoll': 'ENOMEM EINTR', 'pselect6': 'EINTR', 'epoll_create1': 'EMFILE',
    'epoll_ctl': 'ENOSPC ENOMEM', 'epoll_wait': 'EINTR', 'epoll_pwait': 'EINTR',
    # clocks
    'clock_nanosleep': 'EINTR', 'clock_gettime': 'EINVAL', 'setitimer': 'EINVAL', 'timerfd_create': 'EMFILE',
    'timerfd_settime': 'EINVAL',
    # processes
    'clone': 'EAGAIN ENOMEM', 'clone3': 'EAGAIN ENOMEM', 'vfork': 'EAGAIN', 'fork': 'EAGAIN',
    'execve': 'ENOMEM EACCES', 'wait4': 'ECHILD EINTR', 'waitid': 'ECHILD EINTR', 'kill': 'EPERM',
    'setsid': 'EPERM', 'setuid': 'EAGAIN EPERM', 'setgid': 'EPERM', 'setresuid': 'EAGAIN EPERM',
    'setresgid': 'EPERM', 'setgroups': 'EPERM ENOMEM', 'prctl': 'EINVAL', 'seccomp': 'EINVAL',
    'landlock_create_ruleset': 'EOPNOTSUPP', 'landlock_add_rule': 'EINVAL', 'landlock_restrict_self': 'EPERM',
    'prlimit64': 'EPERM', 'setpriority': 'EACCES', 'sched_setaffinity': 'EINVAL', 'rt_sigaction': 'EINVAL',
    'rt_sigprocmask': 'EINVAL', 'rt_sigtimedwait': 'EAGAIN EINTR', 'getrandom': 'ENOSYS EINTR',
    'signalfd4': 'EMFILE', 'pidfd_open': 'ENOSYS', 'pidfd_send_signal': 'EPERM',
    # memory
    'mmap': 'ENOMEM', 'munmap': 'EINVAL', 'mprotect': 'ENOMEM', 'mremap': 'ENOMEM', 'brk': '', 'madvise': 'EINVAL',
}
# They cannot fail, or name what cannot be missing. close() frees the descriptor even if it fails; strace's does not.
CANNOT_FAIL = set('''close getpid getppid gettid getuid geteuid getgid getegid exit exit_group rt_sigreturn
    set_tid_address set_robust_list rseq arch_prctl futex restart_syscall uname sysinfo
    sched_getaffinity sched_yield getpriority'''.split())
# Nothing else has changed on disk, or at a peer, when the process is killed at another one.
CHANGES = set('''openat pwrite64 write writev fsync fdatasync ftruncate fallocate rename renameat2 unlink link
    linkat mkdir renameat mknodat fchmod chmod fchown fcntl clone clone3 vfork execve sendto sendmsg
    recvfrom read poll epoll_wait close connect wait4 exit_group'''.split())


@dataclasses.dataclass(frozen=True)
class Point:
    """kind, nth; of a system call also its name and what it ends with."""
    kind: str
    nth: int
    call: str = ''
    errno: str = ''

    def __str__(self):
        return ':'.join(filter(None, (self.kind, self.call, self.errno, str(self.nth))))


def parse(text):
    """The point that a text such as "errno:openat:EMFILE:3", "kill:write:2" or "malloc:17" names."""
    kind, *middle, nth = text.split(':')
    return Point(kind, int(nth), *middle)


class Preloaded:
    """The n-th call of a preloaded library, which counts in a mapped file."""

    def __init__(self, place, name):
        self.path = place.path(f'{name}.numbers')
        self.env = {'LD_PRELOAD': library(name), 'IPREP_NTH_FILE': self.path}

    def run(self, start, nth):
        with open(self.path, 'wb') as file:
            file.write(struct.pack('qqq', 0, nth, 0))
        done = start({**os.environ, **self.env})
        with open(self.path, 'rb') as file:
            self.count, _, failed = struct.unpack('qqq', file.read())
        return done, bool(failed)


class Traced:
    """The n-th system call of a process, counted from main on, or from the fork that made it."""

    def __init__(self, place):
        self.path = place.path('trace')

    def calls(self, start):
        """{call: how often the process makes it that makes it most}, in a clean run."""
        self.under([], start)
        seen = collections.defaultdict(collections.Counter)
        with open(self.path, encoding='utf-8', errors='replace') as file:
            for line in file:
                match = re.match(r'(\d+) +(\w+)\(', line)
                if match:
                    seen[match[1]][match[2]] += 1
        return {name: max(each[name] for each in seen.values()) for name in sorted(set().union(*seen.values()))}

    def run(self, start, point):
        what = 'signal=KILL' if point.kind == 'kill' else f'error={point.errno}'
        done = self.under(['-e', f'trace={point.call}', '-e', f'inject={point.call}:{what}:when={point.nth}'], start)
        with open(self.path, encoding='utf-8', errors='replace') as file:
            text = file.read()
        return done, '(INJECTED)' in text or 'killed by SIGKILL' in text

    def under(self, options, start):
        """A run that strace attaches to once its libraries are loaded."""
        tracers = []

        def attach(process):
            os.waitid(os.P_PID, process.pid, os.WSTOPPED)
            tracers.append(subprocess.Popen(['strace', '-f', '-q', '-o', self.path, '-p', str(process.pid), *options],
                                            stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
            wait_until(lambda: tracer_of(process.pid), 'strace is attached')
            process.send_signal(signal.SIGCONT)

        done = start({**os.environ, 'LD_PRELOAD': library('stop_at_main')}, attach)
        tracers[0].wait(60)
        return done


def tracer_of(pid):
    with open(f'/proc/{pid}/status', encoding='ascii') as file:
        return next(int(line.split()[1]) for line in file if line.startswith('TracerPid:'))


def points_of(kind, calls):
    """The points of system calls, in the order of the table."""
    for name, most in calls.items():
        if kind == 'kill' and name in CHANGES:
            yield from (Point('kill', nth, name) for nth in range(1, most + 1))
        elif kind == 'errno':
            yield from (Point('errno', nth, name, errno) for errno in ERRNOS.get(name, '').split()
                        for nth in range(1, most + 1))


def untried(calls):
    """System calls that are in no table here."""
    return sorted(name for name in calls if name not in ERRNOS and name not in CANNOT_FAIL)
