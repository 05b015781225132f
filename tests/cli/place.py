# SPDX-License-Identifier: MIT
"""place.py - a directory with a state, a key and a configuration; running the installed programs in it"""
import contextlib
import fcntl
import os
import secrets
import shutil
import sqlite3
import struct
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'lib'))
from api import KEY, Emulator              # noqa: E402,F401

OWNER = 65534


def new_key():
    """A new key in the format of the service."""
    return secrets.token_hex(40)


def wait_until(condition, what, seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError('waited in vain until ' + what)
        time.sleep(0.02)


class Place:
    """Paths in conf are written {dir}; the state belongs to OWNER."""

    def __init__(self, programs, conf, key=KEY):
        self.programs = programs
        self.is_mounted = False
        self.dir = tempfile.mkdtemp(prefix='iprep-place.', dir='/var/tmp')
        os.chmod(self.dir, 0o755)
        os.mkdir(self.path('state'), 0o700)
        os.chown(self.path('state'), OWNER, OWNER)
        self.write('iprep.conf', conf.replace('{dir}', self.dir))
        if key:
            self.write('key', key + '\n', 0o600, OWNER)

    def path(self, name):
        return os.path.join(self.dir, name)

    def write(self, name, text, mode=0o644, owner=0):
        with open(self.path(name), 'wb') as f:
            f.write(text if isinstance(text, bytes) else text.encode())
        os.chmod(self.path(name), mode)
        os.chown(self.path(name), owner, owner)

    def command(self, program, *args):
        return [os.path.join(self.programs, program), '-c', self.path('iprep.conf'), *args]

    def run(self, program, *args, **more):
        return subprocess.run(self.command(program, *args), stdin=subprocess.DEVNULL, timeout=120,
                              **{'capture_output': True, 'text': True, **more})

    def worker(self, **more):
        """Start a worker in the background; the caller waits for it."""
        return subprocess.Popen(self.command('rep-report', '--flush'), stdin=subprocess.DEVNULL,
                                stdout=subprocess.DEVNULL, **more)

    def is_working(self):
        """Does a worker hold the lock? Asked as hooks ask (struct flock of fcntl(2), 64 bits)."""
        try:
            fd = os.open(self.path('state/worker.lock'), os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            asked = struct.pack('hhqqi4x', fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
            return struct.unpack('hhqqi4x', fcntl.fcntl(fd, fcntl.F_OFD_GETLK, asked))[0] != fcntl.F_UNLCK
        finally:
            os.close(fd)

    def read(self, text, *values):
        """Rows, without writing; nothing where there is no database yet."""
        try:
            db = sqlite3.connect(f"file:{self.path('state/iprep.db')}?mode=ro", uri=True, timeout=10)
        except sqlite3.OperationalError:
            return []
        try:
            return db.execute(text, values).fetchall()
        finally:
            db.close()

    def read_copy(self, *texts):
        """Rows of each text. What a dead worker left is copied: its log is for the next one to recover."""
        with tempfile.TemporaryDirectory(prefix='iprep-copy.') as to:
            for name in ('iprep.db', 'iprep.db-wal'):
                if os.path.exists(self.path('state/' + name)):
                    shutil.copyfile(self.path('state/' + name), os.path.join(to, name))
            db = sqlite3.connect(os.path.join(to, 'iprep.db'))
            try:
                return [db.execute(text).fetchall() for text in texts]
            finally:
                db.close()

    def sql(self, text, *values):
        db = sqlite3.connect(self.path('state/iprep.db'), timeout=10)
        try:
            with db:
                return db.execute(text, values).fetchall()
        finally:
            db.close()
            for name in os.listdir(self.path('state')):
                with contextlib.suppress(FileNotFoundError):    # a worker removes its wake file
                    os.chown(self.path('state/' + name), OWNER, OWNER)

    def due_now(self):
        """Time does not pass by sleeping: what waits for its next try is due."""
        return self.sql('UPDATE report SET next_at = 0 WHERE state < 2')

    def verdict_log(self):
        try:
            with open(self.path('state/verdict.log'), encoding='ascii') as f:
                return f.read()
        except FileNotFoundError:
            return ''

    def mount_state(self, options):
        """The state on a small disk of its own; what was in it is gone."""
        subprocess.run(['mount', '-t', 'tmpfs', '-o', f'{options},mode=0700,uid={OWNER},gid={OWNER}', 'tmpfs',
                        self.path('state')], check=True)
        self.is_mounted = True

    def close(self):
        if self.is_mounted:
            subprocess.run(['umount', '--lazy', self.path('state')], check=True)
        shutil.rmtree(self.dir)
