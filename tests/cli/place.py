# SPDX-License-Identifier: MIT
"""place.py - a directory with a state, a key and a configuration; running the installed programs in it"""
import json
import os
import shutil
import subprocess
import tempfile
import time
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
EMULATOR = os.path.join(HERE, '..', 'emulator', 'abuseipdb.py')
KEY = 'ab' * 40
OWNER = 65534


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
        with open(self.path(name), 'w', encoding='utf-8') as f:
            f.write(text)
        os.chmod(self.path(name), mode)
        os.chown(self.path(name), owner, owner)

    def run(self, program, *args, **more):
        return subprocess.run([os.path.join(self.programs, program), '-c', self.path('iprep.conf'), *args],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, **more)

    def verdict_log(self):
        try:
            with open(self.path('state/verdict.log'), encoding='ascii') as f:
                return f.read()
        except FileNotFoundError:
            return ''

    def close(self):
        shutil.rmtree(self.dir)


class Emulator:
    """An AbuseIPDB of its own; seed: address -> fields of a check; options as abuseipdb.py has them."""

    def __init__(self, seed=None, *options):
        self.dir = tempfile.mkdtemp(prefix='iprep-api.')
        port_file = os.path.join(self.dir, 'port')
        self.process = subprocess.Popen(['/usr/bin/python3', '-B', EMULATOR, '--port-file', port_file,
                                         '--key', KEY, *options], stdin=subprocess.DEVNULL)
        wait_until(lambda: os.path.exists(port_file), 'the emulator listens')
        with open(port_file, encoding='ascii') as f:
            self.port = int(f.read())
        self.url = f'http://127.0.0.1:{self.port}/api/v2'
        if seed:
            self.control('seed', {'addresses': seed})

    def control(self, what, body=None):
        data = None if body is None else json.dumps(body).encode()
        url = f'http://127.0.0.1:{self.port}/_test/{what}'
        with urllib.request.urlopen(urllib.request.Request(url, data=data), timeout=10) as r:
            return json.loads(r.read() or b'{}')

    def close(self):
        self.process.terminate()
        self.process.wait(10)
        shutil.rmtree(self.dir)
