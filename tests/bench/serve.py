# SPDX-License-Identifier: MIT
"""For benches: programs from unpacked packages, a local rbldnsd, a state directory, peak memory."""
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
from host import packages                  # noqa: E402  pylint: disable=wrong-import-position

OWNER = 65534


class Place:
    """A directory of the bench's own; everything ends with it."""

    def __init__(self, fetched=None):
        self.dir = tempfile.mkdtemp(prefix='iprep-bench.', dir='/var/tmp')
        os.chmod(self.dir, 0o755)
        self.fetched = fetched or os.environ.get('IPREP_PACKAGES') or self.dir + '/packages'
        self.servers = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for server in self.servers:
            server.terminate()
            server.wait()
        shutil.rmtree(self.dir)

    def write(self, name, text):
        path = os.path.join(self.dir, name)
        with open(path, 'w', encoding='ascii') as f:
            f.write(text)
        return path

    def program(self, name):
        paths = [f'{self.fetched}/usr/sbin', f'{self.fetched}/usr/bin']
        where = os.environ['PATH'] + ':/usr/sbin:' + ':'.join(paths)
        if not shutil.which(name, path=where):
            packages.fetch([name], self.fetched)
        return shutil.which(name, path=where)

    def libraries(self):
        return {**os.environ, 'LD_LIBRARY_PATH': f'{self.fetched}/usr/lib/x86_64-linux-gnu'}

    def state(self):
        path = self.dir + '/state'
        shutil.rmtree(path, ignore_errors=True)
        os.mkdir(path, 0o700)
        os.chown(path, OWNER, OWNER)

    def rbldnsd(self, zone, listed):
        self.write('zone', '$SOA 3600 ns.test. host.test. 0 600 300 86400 3600\n$TTL 3600\n'
                   ':127.0.0.4:listed\n127.0.0.2\n' + ''.join(a + '\n' for a in listed))
        port = free_port()
        self.start([self.program('rbldnsd'), '-n', '-q', '-u', 'nobody', '-b', f'127.0.0.1/{port}',
                    '-w', self.dir, f'{zone}:ip4set:zone'], port)
        return port

    def start(self, command, port):
        self.servers.append(subprocess.Popen(command, stdout=subprocess.DEVNULL,
                                             stderr=subprocess.DEVNULL))
        ask = b'\0\1\0\0\0\1\0\0\0\0\0\0\0\0\1\0\1'
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.settimeout(0.1)
            for _ in range(100):
                s.sendto(ask, ('127.0.0.1', port))
                try:
                    s.recv(512)
                    return
                except OSError:
                    time.sleep(0.05)
        raise SystemExit(f'{command[0]} does not answer')


def free_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


def addresses(n, seed=1):
    """Public ones, each once, in no order."""
    chosen = random.Random(seed).sample(range(45 << 24, 99 << 24), n)
    return ['.'.join(str(a >> s & 255) for s in (24, 16, 8, 0)) for a in chosen]


def timed(command, **more):
    """Seconds, peak kB, status, stdout, stderr; of the command, started by posix_spawn(3) from a small
    interpreter: a child's peak begins with its parent's."""
    script = ('import os,sys,time;s=time.perf_counter();p=os.posix_spawnp(sys.argv[1],sys.argv[1:],os.environ);'
              '_,w,r=os.wait4(p,0);t=time.perf_counter()-s;'
              'sys.stderr.write(f"\\n{t} {r.ru_maxrss} {os.waitstatus_to_exitcode(w)}\\n")')
    p = subprocess.run([sys.executable, '-S', '-E', '-c', script, *command], stderr=subprocess.PIPE,
                       stdout=more.pop('stdout', subprocess.PIPE), text=True, check=True, **more)
    took, peak, status = p.stderr.splitlines()[-1].split()
    return float(took), int(peak), int(status), p.stdout, p.stderr
