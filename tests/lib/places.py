# SPDX-License-Identifier: MIT
"""places.py - a directory with a state, a key and a configuration; the installed programs, run in it"""
import contextlib
import fcntl
import os
import pty
import secrets
import shutil
import sqlite3
import struct
import subprocess
import tempfile
import termios
import time

import configuration
from addresses import key_of

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))      # of the source
DATA = os.path.join(TOP, 'tests', 'data')
PROGRAMS = os.environ.get('IPREP_PROGRAMS', '')     # the directory of the installed programs
BUILD = os.environ.get('IPREP_BUILD', '')           # of the build; run.py sets both
KEY = 'ab' * 40
OWNER = 65534                              # of the state
DAY, WEEK, YEAR = 86400, 7 * 86400, 365 * 86400
BLOCK = ('key', 'tier', 'score', 'since', 'until', 'first_at', 'announced_at', 'due', 'jail', 'src')


def new_key():
    """A new key in the format of the service."""
    return secrets.token_hex(40)


def library(name):
    """A library that tests load into the programs; tests/CMakeLists.txt builds it."""
    return os.path.join(BUILD, 'tests', f'lib{name}.so')


def packages(directory):
    """Where other packages are unpacked: once for all tests of a build, or below the directory."""
    return os.environ.get('IPREP_PACKAGES') or os.path.join(BUILD or directory, 'tests', 'packages')


class Place:
    """conf: a text, in which {dir} is the directory of the place; key: None without a key file."""

    def __init__(self, conf=None, key=KEY, programs=None):
        self.programs = programs or PROGRAMS
        self.is_mounted = False
        self.dir = tempfile.mkdtemp(prefix='iprep-place.', dir='/var/tmp')
        os.chmod(self.dir, 0o755)
        os.mkdir(self.path('state'), 0o700)
        os.chown(self.path('state'), OWNER, OWNER)
        self.db = self.path('state/iprep.db')
        self.configure(configuration.build() if conf is None else conf)
        if key:
            self.write('key', key + '\n', 0o600, OWNER)

    def close(self):
        if self.is_mounted:
            subprocess.run(['umount', '--lazy', self.path('state')], check=True)
        shutil.rmtree(self.dir)

    # -- files

    def path(self, name):
        return os.path.join(self.dir, name)

    def write(self, name, text, mode=0o644, owner=0):
        with open(self.path(name), 'wb') as f:
            f.write(text if isinstance(text, bytes) else text.encode())
        os.chmod(self.path(name), mode)
        os.chown(self.path(name), owner, owner)

    def bytes(self, name):
        with open(self.path(name), 'rb') as f:
            return f.read()

    def text(self, name):
        with open(self.path(name), encoding='utf-8') as f:
            return f.read()

    def configure(self, text):
        self.write('iprep.conf', text.replace('{dir}', self.dir))

    def change(self, old, new):
        """A part of the configuration."""
        text = self.text('iprep.conf')
        assert old in text, f'the configuration has no {old!r}'
        self.write('iprep.conf', text.replace(old, new.replace('{dir}', self.dir)))

    def files(self):
        """Names in the state directory."""
        return sorted(os.listdir(self.path('state')))

    def verdict_log(self):
        try:
            with open(self.path('state/verdict.log'), encoding='ascii') as f:
                return f.read()
        except FileNotFoundError:
            return ''

    def clear(self):
        """No file is in the state any more."""
        for name in self.files():
            os.unlink(self.path('state/' + name))

    def fill(self, name='state/fill'):
        """The disk of this file, to its last byte."""
        with contextlib.suppress(OSError), open(self.path(name), 'ab', buffering=0) as f:
            while f.write(bytes(4096)):
                pass

    def mount_state(self, options):
        """The state on a small disk of its own; what was in it is gone."""
        subprocess.run(['mount', '-t', 'tmpfs', '-o', f'{options},mode=0700,uid={OWNER},gid={OWNER}', 'tmpfs',
                        self.path('state')], check=True)
        self.is_mounted = True

    def own(self):
        """What root has made in the state belongs to its owner."""
        for name in self.files():
            with contextlib.suppress(FileNotFoundError):    # a worker removes its wake file
                os.chown(self.path('state/' + name), OWNER, OWNER, follow_symlinks=False)
                if name in ('iprep.db', 'iprep.db-wal', 'iprep.db-shm'):
                    os.chmod(self.path('state/' + name), 0o600)

    # -- programs

    def command(self, program, *args):
        return [os.path.join(self.programs, program), '-c', self.path('iprep.conf'), *args]

    def run(self, program, *args, **more):
        return subprocess.run(self.command(program, *args), **{
            'stdin': subprocess.DEVNULL, 'capture_output': True, 'text': True, 'timeout': 120, **more})

    def run_on_a_host_with(self, addresses, program, *args):
        """The same in a network of its own, where this machine has these addresses and no others."""
        add = ''.join(f'ip address add {one} dev lo && ' for one in addresses)
        return subprocess.run(['unshare', '-n', 'sh', '-c', f'{add}exec "$@"', 'sh', *self.command(program, *args)],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False)

    def start(self, program, *args, **more):
        """The same in the background; the caller waits for it."""
        return subprocess.Popen(self.command(program, *args), **{
            'stdin': subprocess.DEVNULL, 'stdout': subprocess.PIPE, 'stderr': subprocess.PIPE, 'text': True, **more})

    def on_terminal(self, program, *args, columns=0, status=0, **more):
        """What it writes to a terminal, of this width if it has one; it must end with this status, if any."""
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack('HHHH', 24 if columns else 0, columns, 0, 0))
        with self.start(program, *args, **{'stdout': slave, 'stderr': slave, **more}) as process:
            os.close(slave)
            seen = b''
            with contextlib.suppress(OSError):              # the terminal is gone with its last writer
                while chunk := os.read(master, 65536):
                    seen += chunk
            os.close(master)
            assert process.wait(60) == status or status is None, (process.returncode, seen[-600:])
        return seen

    def worker(self, **more):
        return self.start('rep-report', '--flush', **{'stdout': subprocess.DEVNULL, 'stderr': None, **more})

    def traced(self, strace, program, *args, **more):
        """Under strace, which may make a system call fail or kill at it: (process, what strace wrote)."""
        out = self.path('trace')
        argv = ['strace', '-f', '-o', out, *strace, *self.command(program, *args)]
        done = subprocess.run(argv, timeout=300, **{'stdin': subprocess.DEVNULL, 'capture_output': True, 'text': True,
                                                    **more})
        with open(out, encoding='utf-8', errors='replace') as f:
            return done, f.read()

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

    def workers(self):
        """Process numbers of all workers with this configuration."""
        found = []
        for pid in filter(str.isdigit, os.listdir('/proc')):
            with contextlib.suppress(OSError), open(f'/proc/{pid}/cmdline', 'rb') as f:
                words = f.read().split(b'\0')
                if b'--flush' in words and os.fsencode(self.path('iprep.conf')) in words:
                    found.append(int(pid))
        return found

    # -- the database

    def sql(self, text, *values):
        """Rows. Time does not pass by sleeping: tests change times in the database."""
        db = sqlite3.connect(self.db, timeout=30)
        try:
            db.execute('PRAGMA synchronous = OFF')         # no test cuts the power
            with db:
                return db.execute(text, values).fetchall()
        finally:
            db.close()
            self.own()

    def execute_many(self, text, rows):
        db = sqlite3.connect(self.db, timeout=30)
        try:
            db.execute('PRAGMA synchronous = OFF')
            with db:
                db.executemany(text, rows)
        finally:
            db.close()
            self.own()

    @contextlib.contextmanager
    def locked(self, kind='IMMEDIATE'):
        """Another process has the lock of the database."""
        held = sqlite3.connect(self.db, isolation_level=None)
        held.execute('BEGIN ' + kind)
        self.own()
        try:
            yield
        finally:
            held.close()
            self.own()

    def read(self, text, *values):
        """Rows, without writing; nothing where there is no database yet."""
        try:
            db = sqlite3.connect(f'file:{self.db}?mode=ro', uri=True, timeout=30)
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

    def size(self):
        """Of the database and its log, in bytes."""
        return sum(os.path.getsize(self.db + end) for end in ('', '-wal') if os.path.exists(self.db + end))

    def count(self, table):
        return self.sql(f'SELECT count(*) FROM {table}')[0][0]

    def due_now(self):
        """What waits for its next try is due."""
        self.sql('UPDATE report SET next_at = 0 WHERE state < 2')
        self.sql('UPDATE lookup SET next_at = 0')
        self.sql('UPDATE retraction SET next_at = 0 WHERE state = 0')

    def block(self, address, tier='known', age=0, left=DAY, src='zen', held=False, jail='sshd', score=3, **more):
        """A block as a worker makes it: `age` seconds ago, for `left` seconds from now; more: further columns."""
        now = int(time.time())
        values = (key_of(address), tier, score, now - age, now + left, 0 if held else now - age, now - age, 0, jail,
                  src)
        row = {**dict(zip(BLOCK, values)), **more}
        self.sql(f'INSERT OR REPLACE INTO block({",".join(row)}) VALUES({",".join("?" * len(row))})', *row.values())
