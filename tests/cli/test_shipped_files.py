# SPDX-License-Identifier: MIT
"""How systemd and cron read the files that are shipped"""
import glob
import os
import re
import shutil
import subprocess
import tempfile
import unittest

from notify import A, FILES, NOTIFY, RELEASE, lines_of


class Files(unittest.TestCase):
    def test_shellcheck_finds_nothing(self):
        if not shutil.which('shellcheck'):
            self.skipTest('shellcheck is not installed')
        subprocess.run(['shellcheck', NOTIFY, RELEASE], check=True)

    def test_the_scripts_can_be_run(self):
        self.assertTrue(os.access(NOTIFY, os.X_OK) and os.access(RELEASE, os.X_OK))

    def test_systemd_takes_the_units(self):
        if not shutil.which('systemd-analyze'):
            self.skipTest('systemd-analyze is not installed')
        with tempfile.TemporaryDirectory() as place:
            units = shutil.copytree(os.path.join(FILES, 'systemd'), os.path.join(place, 'units'))
            for name in glob.glob(f'{units}/*.service'):
                text = ''.join(lines_of(f'systemd/{os.path.basename(name)}'))
                with open(name, 'w', encoding='ascii') as f:
                    f.write(re.sub('/usr/(libexec|bin)/(rep|iprep)-\\w+', NOTIFY, text))
            names = [name for kind in ('service', 'timer', 'path') for name in glob.glob(f'{units}/*.{kind}')]
            done = subprocess.run(['systemd-analyze', '--man=no', 'verify', *sorted(names)], capture_output=True,
                                  text=True, check=False)
        self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ''))

    def settings(self, name):
        return [line for line in lines_of(f'systemd/{name}') if re.match('[A-Z][A-Za-z]+=', line)]

    def test_nothing_in_the_unit_keeps_sendmail_from_its_rights(self):
        # systemd.exec(5): without CAP_SYS_ADMIN at its start, most of the sandbox implies NoNewPrivileges;
        # DynamicUser does always. host/units runs a set-user-ID program in it.
        files = ('iprep-notify.service', 'iprep-.service.d/10-sandbox.conf', 'iprep-notify.service.d/20-sendmail.conf')
        last = dict(line.rstrip('\n').split('=', 1) for name in files for line in self.settings(name))
        self.assertEqual({key: last[key] for key in ('User', 'NoNewPrivileges', 'ProtectHome', 'RestrictSUIDSGID')},
                         {'User': 'root', 'NoNewPrivileges': 'no', 'ProtectHome': 'no', 'RestrictSUIDSGID': 'no'})
        for key in ('DynamicUser', 'PrivateUsers', 'PrivateNetwork'):
            self.assertNotIn(key, last)
        self.assertIn('StateDirectory', last)

    def test_what_is_in_the_common_sandbox_is_in_no_unit(self):
        common = self.settings('iprep-.service.d/10-sandbox.conf')
        self.assertGreater(len(common), 20)
        for name in map(os.path.basename, glob.glob(os.path.join(FILES, 'systemd/*.service'))):
            self.assertEqual([line for line in lines_of(f'systemd/{name}') if line in common], [], name)

    def test_cron_takes_its_lines(self):
        lines = lines_of('cron.d/iprep')
        self.assertTrue(all(line.endswith('\n') for line in lines))
        jobs = [line.rstrip('\n') for line in lines if re.match(r'[^#\s=]+\s', line)]
        for setting in ('MAILTO=root', 'TIMERS=/etc/systemd/system/timers.target.wants', 'SYSTEMD=/run/systemd/system',
                        'NOTIFY=/usr/libexec/iprep-notify', 'RELEASE=/usr/libexec/iprep-release'):
            self.assertIn(setting + '\n', lines)
        self.assertEqual(len(jobs), 5)
        for job in jobs:
            *fields, user, command = job.split(None, 6)
            for field, (low, high) in zip(fields, ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))):
                number = re.fullmatch(r'\*(?:/(\d+))?|(\d+)', field)
                self.assertTrue(number, job)
                self.assertTrue(all(low <= int(n) <= high for n in number.groups() if n), job)
            self.assertEqual(user, 'root')
            self.assertNotRegex(command, r'(?<!\\)%')
            self.assertRegex(command, r'\Atest -d \$SYSTEMD && test -e \$TIMERS'
                                      r'/iprep-(flush|purge|recheck|release|notify)\.timer \|\| '
                                      r'(! test -x \$RELEASE \|\| \$RELEASE\Z|! test -x \$NOTIFY \|\| \$NOTIFY |'
                                      r'! command -v rep-(report|purge) >/dev/null \|\| rep-)')
            subprocess.run(['sh', '-n', '-c', command.replace(r'\%', '%')], check=True)
        self.assertEqual([job.rsplit(' || ', 1)[1].split(' <')[0] for job in jobs],
                         ['rep-report --flush --quiet', 'rep-purge --quiet', 'rep-purge --recheck --quiet', '$RELEASE',
                          '$NOTIFY --if-possible 2>&1 | logger -t iprep-notify -p daemon.err'])

    def test_the_ban_of_a_released_address_ends_within_the_hour(self):
        self.assertRegex(''.join(lines_of('cron.d/iprep')), r'(?m)^\d+ \* \* \* \* root .* \$RELEASE$')
        self.assertIn('OnCalendar=hourly\n', lines_of('systemd/iprep-release.timer'))
