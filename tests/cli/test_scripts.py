# SPDX-License-Identifier: MIT
"""demo.sh and run.sh refuse to run on an unsupported release, before they change anything.

A separate mount namespace replaces /etc/os-release, so this test needs root.
"""
import os
import subprocess
import tempfile
import unittest

from places import TOP

COMMANDS = ('fail2ban/demo.sh', 'tests/run.sh')
OLD = (('11', 'bullseye'), ('10', 'buster'), ('9', 'stretch'))


def run(script, os_release, *words):
    """Run the script with this /etc/os-release; words make it exit if the release is accepted."""
    with tempfile.NamedTemporaryFile('w', suffix='.os-release') as file:
        file.write(os_release)
        file.flush()
        inside = 'mount --bind "$1" /etc/os-release && shift && exec sh "$@"'
        return subprocess.run(['unshare', '-m', 'sh', '-c', inside, 'sh', file.name, os.path.join(TOP, script), *words],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)


class OldDebian(unittest.TestCase):
    def test_a_debian_before_12_is_refused_with_the_required_version(self):
        for script in COMMANDS:
            for version, name in OLD:
                with self.subTest(script, version=version):
                    done = run(script, f'ID=debian\nVERSION_ID="{version}"\nVERSION_CODENAME={name}\n')
                    self.assertEqual((done.returncode, done.stdout), (69, ''))
                    self.assertRegex(done.stderr, rf'^\S+: Debian {version} is too old.*; use Debian 12 or newer\n$')

    def test_debian_12_13_and_testing_are_not_refused(self):
        for version in ('VERSION_ID="12"\n', 'VERSION_ID="13"\n', ''):
            with self.subTest(version):
                done = run('fail2ban/demo.sh', 'ID=debian\n' + version, '--prefix', '/nonexistent')
                self.assertEqual(done.returncode, 64)      # for the option that is checked next
                self.assertIn('/nonexistent', done.stderr)
