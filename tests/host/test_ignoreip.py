# SPDX-License-Identifier: MIT
"""test_ignoreip.py - rep-check --allowed --format ignoreip, read by fail2ban 1.1.1, which has ignoreip = file:PATH"""
import subprocess

from blocks import BlocksCase
from host.cases import Case
from host.packages import Packages, wanted_fail2ban

# reads the file as a jail does; prints the addresses that it has
READ = """import sys
from fail2ban.server.ipdns import FileIPAddrSet, IPAddr
ignored = FileIPAddrSet(sys.argv[1])
print(*[address for address in sys.argv[2:] if IPAddr(address).isInNet(ignored)])
"""
ENTRIES = ('45.1.1.0/24 until=2099-12-31 # the office; 45.4.4.4, 45.5.5.5 # and more\n'
           '45.2.2.2\n2a02:1::/32\nlocalhost.localdomain\n45.3.3.3 until=2020-01-01\n')


class Ignored(Case, BlocksCase):
    def ask(self, *addresses):
        """Those that fail2ban ignores; None: this version reads no file."""
        done = subprocess.run(['/usr/bin/python3', '-B', '-c', READ, self.place.path('ignored'), *addresses], text=True,
                              env={'PYTHONPATH': Packages(self.kept).fail2ban_modules}, capture_output=True, check=False)
        if "cannot import name 'FileIPAddrSet'" in done.stderr:
            return None
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.split()

    def test_what_is_allowed_today_is_ignored_and_nothing_else(self):
        self.place.write('a.list', ENTRIES)
        self.place.write('iprep.local', f"[allow]\nfiles = {self.place.path('*.list')}\nspf = example.com\n")
        self.place.write('ignored', self.run_it('rep-check', '--allowed', '--format', 'ignoreip').stdout)
        found = self.ask('45.1.1.0', '45.1.1.255', '45.1.2.0', '45.2.2.2', '45.2.2.3', '2a02:1::7', '2a02:2::7', '45.3.3.3',
                         '45.4.4.4', '45.5.5.5')
        if wanted_fail2ban() == '1.1.1':
            self.assertEqual(found, ['45.1.1.0', '45.1.1.255', '45.2.2.2', '2a02:1::7'])
        else:
            self.assertIsNone(found, 'this version reads files too: rep-check(8)')
