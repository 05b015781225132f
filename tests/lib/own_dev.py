# SPDX-License-Identifier: MIT
"""own_dev.py - a /dev of the test's own, in a mount namespace of its own: /dev/log leads to the test

    log = own_dev.syslog()    in setUpModule: starts the script again inside; from then on it has what programs say to
                              syslog: log.text(), log.last()
"""
import os
import queue
import socket
import subprocess
import sys
import tempfile
import threading
import unittest

MARK = 'IPREP_TEST_OWN_DEV'
SETTLED = b'<47>the test has seen everything up to here'
NODES = ('null', 'zero', 'full', 'random', 'urandom', 'tty')


def run(*argv):
    subprocess.run(argv, check=True, stdin=subprocess.DEVNULL)


def syslog():
    if os.environ.get(MARK):
        return Syslog()
    if subprocess.run(['unshare', '-m', 'true'], capture_output=True).returncode:
        raise unittest.SkipTest("no mount namespace can be made here, so syslog would be the machine's")
    os.environ[MARK] = '1'
    sys.stdout.flush()
    os.execvp('unshare', ['unshare', '-m', '--propagation', 'private', sys.executable, '-B', *sys.argv])


def cover_dev():
    """A fresh /dev with the usual nodes; nothing of the machine's is changed."""
    old = tempfile.mkdtemp(prefix='iprep-dev.')
    run('mount', '--rbind', '/dev', old)
    run('mount', '-t', 'tmpfs', '-o', 'mode=755', 'none', '/dev')
    for name in NODES:
        if os.path.exists(f'{old}/{name}'):
            open(f'/dev/{name}', 'wb').close()
            run('mount', '--bind', f'{old}/{name}', f'/dev/{name}')
    os.symlink('/proc/self/fd', '/dev/fd')
    os.mkdir('/dev/shm', 0o1777)
    os.chmod('/dev/shm', 0o1777)
    run('umount', '-l', old)
    os.rmdir(old)


class Syslog:
    def __init__(self):
        cover_dev()
        self.lines = []
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind('/dev/log')
        os.chmod('/dev/log', 0o666)
        self.marks = queue.SimpleQueue()
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        while True:
            line = self.socket.recv(65536)
            if line.startswith(SETTLED):
                self.marks.put(line)
            else:
                self.lines.append(line)

    def settle(self):
        """Wait until everything that was sent before this call is in lines: what is sent here comes after it."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ours:
            ours.sendto(SETTLED, '/dev/log')
        self.marks.get()

    def clear(self):
        self.settle()
        self.lines.clear()

    def last(self):
        self.settle()
        return self.lines[-1]

    def text(self):
        self.settle()
        return b'\n'.join(self.lines)
