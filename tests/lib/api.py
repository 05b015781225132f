# SPDX-License-Identifier: MIT
"""api.py - AbuseIPDB's emulator as a process of a test

Also a program: `api.py URL [BODY]` asks the emulator's control plane from where it is run, as in a network namespace.
"""
import json
import os
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import urllib.request

from certificates import Certificates
from waiting import wait_until

PROGRAM = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'emulator', 'abuseipdb.py')
KEY = 'ab' * 40


def fetch(url, body=None):
    """The certificate is not looked at: it may be a bad one."""
    request = urllib.request.Request(url, data=None if body is None else body.encode())
    with urllib.request.urlopen(request, timeout=10, context=ssl._create_unverified_context()) as reply:
        return reply.read().decode()


class Emulator:
    """An AbuseIPDB of its own; seed: address -> fields of a check; options as abuseipdb.py has them.

    tls: files of a certificate and its key; True: new ones of an authority to be trusted, ca_file. space: the
    network namespace it runs in. It forgets everything when it is stopped; reports() and requests() also know
    what earlier runs had.
    """

    def __init__(self, seed=None, *options, key=KEY, tls=None, host='127.0.0.1', port=0, space=None, directory=None):
        self.dir = directory or tempfile.mkdtemp(prefix='iprep-api.')
        os.makedirs(self.dir, mode=0o755, exist_ok=True)
        self.space, self.process, self.reports_before = space, None, []
        if tls is True:
            made = Certificates(self.path('tls'))
            self.ca_file = made.authority('ca')
            tls = made.leaf('server', 'ca', f'IP:{host}')
        if seed:
            with open(self.path('seed'), 'w', encoding='utf-8') as file:
                json.dump({'addresses': seed}, file)
            options += ('--seed', self.path('seed'))
        if tls:
            options += ('--tls-cert', tls[0], '--tls-key', tls[1])
        argv = [sys.executable, '-B', PROGRAM, '--port-file', self.path('port'), '--log', self.path('log'),
                '--bind', host, '--port', str(port), '--key', key, *options]
        self.command = space.command(argv) if space else argv
        self.start()
        host = f'[{host}]' if ':' in host else host
        self.top = f'{"https" if tls else "http"}://{host}:{self.port}'
        self.url = self.top + '/api/v2'

    def path(self, name):
        return os.path.join(self.dir, name)

    def start(self):
        with open(self.path('output'), 'ab') as output:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        wait_until(lambda: self.process.poll() is not None or os.path.exists(self.path('port')), 'the emulator listens')
        if self.process.poll() is not None:
            raise AssertionError('the emulator did not start: ' + self.output())
        with open(self.path('port'), encoding='ascii') as file:
            self.port = int(file.read())

    def stop(self):
        """Switch it off: connections are refused from now on."""
        if self.process.poll() is None:
            self.reports_before = self.reports()
            self.process.terminate()
            self.process.wait(60)
        if os.path.exists(self.path('port')):
            os.unlink(self.path('port'))

    def close(self):
        """All over; returns the exit status and all that it printed."""
        self.resume()
        self.process.terminate()
        self.process.wait(60)
        output = self.output()
        shutil.rmtree(self.dir)
        return self.process.returncode, output

    def pause(self):
        """It takes connections and answers none."""
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def output(self):
        with open(self.path('output'), encoding='utf-8', errors='replace') as file:
            return file.read()

    # -- the control plane: tests/lib/emulator/README.md

    def control(self, what, body=None):
        request = [f'{self.top}/_test/{what}'] + ([] if body is None else [json.dumps(body)])
        if self.space:
            return json.loads(self.space.run([sys.executable, '-B', __file__, *request]).stdout)
        return json.loads(fetch(*request))

    def fault(self, name, endpoint='*', **more):
        self.control('fault', {'fault': name, 'endpoint': endpoint, **more})

    def clear_faults(self):
        self.control('fault', {'fault': None})

    def statistics(self):
        return self.control('stats')

    def calls(self, endpoint):
        """How often it was called, refused calls too."""
        counted = self.statistics()['endpoints'].get(endpoint, {'accepted': 0, 'refused': {}})
        return counted['accepted'] + sum(counted['refused'].values())

    def accepted(self):
        """The address of each report that is kept."""
        return [report['ip'] for report in self.statistics()['reports']]

    def reports(self):
        """Every report accepted so far, over all runs, repetitions too."""
        if self.process.poll() is not None:
            return self.reports_before
        now = self.statistics()
        return self.reports_before + now['reports'] + now['merged']

    def reports_of(self, address):
        return [report for report in self.reports() if report['ip'] == address]

    def requests(self):
        """The lines of its log, over all runs."""
        with open(self.path('log'), encoding='utf-8') as file:
            return [json.loads(line) for line in file]

    def refused_reports(self):
        """Attempts that were not accepted, over all runs: a duplicate within 15 minutes for example."""
        return [one for one in self.requests() if one['path'].endswith('report') and one['outcome'] != 'accepted']


if __name__ == '__main__':
    print(fetch(*sys.argv[1:]))
