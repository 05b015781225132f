#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A key file that another user can have written or read is not used, and one line says why.

    test_key_file.py DIRECTORY-OF-PROGRAMS        (as root)
"""
import json
import os
import stat
import sys
import unittest

import place
from api_case import ADDRESS, QUEUED, Case

OTHER = 65533                              # a user who is neither root nor the state's owner


class KeyFile(Case):
    def setUp(self):
        super().setUp()
        self.api = self.emulator()
        self.start(self.api.url)
        self.file = self.place.path('key')

    def put(self, text, mode=0o600, owner=place.OWNER, group=None):
        self.place.write('key', text, mode, owner)
        if group is not None:
            os.chown(self.file, owner, group)

    def bad(self, status, says):
        """One clear line from everything that would use the key; nothing is sent, nothing lost."""
        self.run_it('rep-report', '--enqueue', '--jail', 'sshd', '--', ADDRESS, status=0)
        for program, *args in (('rep-check', ADDRESS), ('rep-report', '--flush'), ('rep-check', '--ready'),
                               ('rep-check', '--self-test'), ('rep-check', '-v', '--json', ADDRESS)):
            p = self.place.run(program, *args)
            self.assertEqual((p.returncode, p.stdout), (status, ''), (program, args, p.stderr))
            self.assertEqual(p.stderr.count('\n'), 1, p.stderr)
            self.assertTrue(p.stderr.startswith(f'{program}: {self.file}: '), p.stderr)
            self.assertIn(says, p.stderr)
            self.assertTrue(p.stderr[:-1].isprintable() and p.stderr.isascii(), p.stderr)
            self.assertIsNone(self.needle.found(p.stderr.encode()))
        self.assertEqual(self.place.sql('SELECT count(*), state FROM report'), [(1, QUEUED)])
        self.nothing_arrived(self.api)

    def test_a_good_one_works(self):
        self.works(self.api)

    def test_root_s_own_with_the_owner_s_group_works(self):
        self.put(self.key + '\r\n', 0o640, 0, place.OWNER)
        self.works(self.api)

    def test_a_symbolic_link(self):
        os.rename(self.file, self.place.path('real'))
        os.symlink(self.place.path('real'), self.file)
        self.bad(77, 'symbolic link')

    def test_a_fifo(self):
        os.unlink(self.file)
        os.mkfifo(self.file, 0o600)
        os.chown(self.file, place.OWNER, place.OWNER)
        self.bad(77, 'not a regular file')

    def test_a_directory(self):
        os.unlink(self.file)
        os.mkdir(self.file, 0o755)
        self.bad(77, 'not a regular file')

    def test_a_device(self):
        os.unlink(self.file)
        os.mknod(self.file, 0o600 | stat.S_IFCHR, os.makedev(1, 3))
        os.chown(self.file, place.OWNER, place.OWNER)
        self.bad(77, 'not a regular file')

    def test_one_that_others_can_read_or_write(self):
        for mode in (0o644, 0o604, 0o602, 0o601, 0o660, 0o666, 0o777):
            with self.subTest(oct(mode)):
                self.put(self.key, mode)
                self.bad(77, f'permissions {mode:04o}')

    def test_one_of_another_user(self):
        self.put(self.key, 0o640, OTHER, place.OWNER)
        self.bad(77, f'belongs to user {OTHER}')

    def test_an_empty_one(self):
        for text in ('', '\n', '   \r\n'):
            with self.subTest(text):
                self.put(text)
                self.bad(78, 'empty')

    def test_an_oversized_one(self):
        for text in (self.key * 20, self.key + '\n' * 5000, 'x' * (1 << 20)):
            with self.subTest(len(text)):
                self.put(text)
                self.bad(78, 'too long')

    def test_one_that_is_not_a_line_of_text(self):
        for what in (b'\0', b'\xff', b'\x1b[31m', b'\nKey: x', b' x', b'\r\nHost: evil.test', b'\xc3\xa9'):
            with self.subTest(what):
                self.put(self.key.encode() + what)
                self.bad(78, 'byte 81')
        self.put(b'\0' + self.key.encode())
        self.bad(78, 'byte 1')

    def test_a_file_that_cannot_be_read_is_reported_and_is_no_key(self):
        self.put(self.key, 0o600, OTHER)
        for program, *args in (('rep-check', ADDRESS), ('rep-report', '--flush')):
            p = self.place.run(program, *args)
            self.assertEqual(p.stderr.splitlines()[0],
                             f'{program}: {self.file}: Permission denied, looking up without AbuseIPDB')
        self.nothing_arrived(self.api)

    def test_a_key_that_cannot_be_read_is_an_error_of_the_self_test_and_of_the_status(self):
        """No file is a choice, any other reason is not."""
        def forbid_file():
            self.put(self.key, 0o600, OTHER)

        def too_many_links():
            os.unlink(self.file)
            os.symlink(self.file, self.file)

        for forbid, status, reason in ((forbid_file, 77, 'Permission denied'), (too_many_links, 77, 'symbolic link')):
            with self.subTest(reason):
                forbid()
                p = self.place.run('rep-report', '--status')
                self.assertEqual(p.returncode, status, p.stdout + p.stderr)
                self.assertIn(f'{self.file}: ', p.stdout + p.stderr)
                self.assertIn(reason, p.stdout + p.stderr)
                p = self.place.run('rep-check', '--self-test', '--fail2ban', '/nonexistent')
                self.assertIn(p.returncode, (69, 77), p.stdout)
                self.assertIn(f'{self.file}: ', p.stdout + p.stderr)
                self.assertIn(reason, p.stdout + p.stderr)
        self.nothing_arrived(self.api)

    def test_a_key_that_may_not_be_read_is_a_row_with_the_state_no_key(self):
        self.put(self.key, 0o600, OTHER)
        p = self.place.run('rep-check', '--self-test', '--json', '--fail2ban', '/nonexistent')
        row = next(row for row in map(json.loads, p.stdout.splitlines()) if row.get('source') == 'abuseipdb')
        self.assertEqual((row['state'], row['why']),
                         ('no key', f'{self.file}: Permission denied: neither asked nor reported to'))
        self.assertEqual(p.returncode, 69)
        p = self.place.run('rep-report', '--status', '--json')
        status = json.loads(p.stdout)
        self.assertEqual((status['key'], status['key_error'], p.returncode), (False, f'{self.file}: Permission denied', 77))
        os.unlink(self.file)
        p = self.place.run('rep-report', '--status', '--json')
        self.assertEqual((json.loads(p.stdout).get('key_error'), p.returncode), (None, 0))


if __name__ == '__main__':
    Case.programs = os.path.abspath(sys.argv.pop(1))
    unittest.main()
