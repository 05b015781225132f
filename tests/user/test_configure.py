# SPDX-License-Identifier: MIT
"""What configuring says of a library that is missing or too old: one line, with what is needed and what to install.

pkg-config sees only files that the test writes, so it does not matter what is installed.
"""
import os
import subprocess
import tempfile
import unittest

from places import TOP

NEEDS_ROOT = False
# pkg-config's name, oldest version, one that is too old (Debian 11 has it), package
LIBRARIES = [
    ('libcurl', '7.85', '7.74.0', 'libcurl4-openssl-dev'),
    ('libcares', '1.18', '1.17.1', 'libc-ares-dev'),
    ('libcjson', '1.7.15', '1.7.14', 'libcjson-dev'),
    ('sqlite3', '3.37', '3.34.1', 'libsqlite3-dev'),
]


def configure(**changed):
    """changed: version of a library, None: it is not there. Exit status and the lines about libraries."""
    with tempfile.TemporaryDirectory() as dir_:
        for name, version, _, _ in LIBRARIES:
            version = changed.get(name, version)
            if version:
                with open(f'{dir_}/{name}.pc', 'w', encoding='ascii') as f:
                    f.write(f'Name: {name}\nDescription: of the test\nVersion: {version}\nLibs:\nCflags:\n')
        p = subprocess.run(['cmake', '-S', TOP, '-B', dir_ + '/build', '-DBUILD_TESTING=OFF'],
                           env={**os.environ, 'PKG_CONFIG_LIBDIR': dir_, 'PKG_CONFIG_PATH': ''},
                           stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
    return p.returncode, [line.strip() for line in p.stderr.splitlines() if 'is needed' in line], p.stderr


class Configure(unittest.TestCase):
    def test_the_oldest_versions_will_do(self):
        status, said, err = configure()
        self.assertEqual((status, said), (0, []), err)

    def test_each_library_that_is_missing_or_too_old_is_named_in_a_line(self):
        for found in ('none', 'old'):
            versions = {name: None if found == 'none' else old for name, _, old, _ in LIBRARIES}
            status, said, err = configure(**versions)
            self.assertEqual(status, 1, err)
            self.assertEqual(said, [
                f'{name}: {oldest} or newer is needed, found: {versions[name] or "none"};'
                f' apt install {package} (Debian 12 or newer)' for name, oldest, _, package in LIBRARIES], err)

    def test_one_that_is_missing_or_too_old_is_the_only_one_named(self):
        for version in (None, '1.17.1'):
            status, said, err = configure(libcares=version)
            self.assertEqual((status, len(said)), (1, 1), err)
            self.assertTrue(said[0].startswith('libcares: '), said)
