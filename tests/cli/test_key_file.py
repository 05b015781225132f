# SPDX-License-Identifier: MIT
"""A key file that another user can have written or read is not used, and one line says why."""
import json
import os
import stat

import rows
from cases import QUEUED
from keys import ADDRESS, KeyCase
from places import OWNER
from stores import KEPT, StoreCase

OTHER = 65533                              # a user who is neither root nor the state's owner
EVERYTHING = (('rep-check', ADDRESS), ('rep-report', '--flush'), ('rep-check', '--ready'), ('rep-check', '--self-test'),
              ('rep-check', '-v', '--json', ADDRESS))


class KeyFile(KeyCase):
    def setUp(self):
        super().setUp()
        self.api = self.emulator()
        self.start(self.api.url)
        self.file = self.place.path('key')

    def put(self, text, mode=0o600, owner=OWNER, group=None):
        self.place.write('key', text, mode, owner)
        os.chown(self.file, owner, owner if group is None else group)

    def bad(self, status, says):
        """One clear line from everything that would use the key; nothing is sent, nothing lost."""
        self.enqueue(ADDRESS)
        for program, *args in EVERYTHING:
            done = self.run_it(program, *args, status=status, says=says)
            self.assertIsNone(self.needle.found(done.stderr.encode()))
            self.assertRegex(done.stderr, rf'\A{program}: {self.file}: [ -~]+\n\Z')
            self.assertEqual(done.stdout, '')
        self.assertEqual(self.sql('SELECT count(*), state, tries FROM report'), [(1, QUEUED, 0)])
        self.nothing_arrived(self.api)

    def test_a_good_one_works(self):
        self.works(self.api)

    def test_root_s_own_with_the_owner_s_group_works(self):
        self.put(self.key + '\r\n', 0o640, 0, OWNER)
        self.works(self.api)

    def test_a_symbolic_link(self):
        os.rename(self.file, self.place.path('real'))
        os.symlink(self.place.path('real'), self.file)
        self.bad(77, 'symbolic link')

    def test_what_is_no_regular_file(self):
        for kind, mode in ((stat.S_IFIFO, 0o600), (stat.S_IFCHR, 0o600), (stat.S_IFDIR, 0o755)):
            with self.subTest(oct(kind)):
                os.unlink(self.file)
                if kind == stat.S_IFDIR:
                    os.mkdir(self.file, mode)
                else:
                    os.mknod(self.file, mode | kind, os.makedev(1, 3))
                    os.chown(self.file, OWNER, OWNER)
                self.bad(77, 'not a regular file')

    def test_one_that_others_can_read_or_write(self):
        for mode in (0o644, 0o604, 0o602, 0o601, 0o660, 0o666, 0o777):
            with self.subTest(oct(mode)):
                self.put(self.key, mode)
                self.bad(77, f'permissions {mode:04o}')

    def test_what_is_on_disk_is_shown_without_it(self):
        self.works(self.api)
        self.put(self.key, 0o644)
        for args, status in ((('rep-report', '--summary'), 0), (('rep-report', '--status'), 77),
                             (('rep-check', '--sources'), 0)):
            with self.subTest(args):
                self.assertNotEqual(self.run_it(*args, status=status).stdout, '')
        self.assertIn('permissions 0644', self.run_it('rep-report', '--status', status=77).stdout)

    def test_one_of_another_user(self):
        self.put(self.key, 0o640, OTHER, OWNER)
        self.bad(77, f'belongs to user {OTHER}')

    def test_what_is_no_key(self):
        key = self.key.encode()
        after = (b'\0', b'\xff', b'\x1b[31m', b'\nKey: x', b' x', b'\r\nHost: evil.test', b'\xc3\xa9')
        for says, texts in (('empty', (b'', b'\n', b'   \r\n')),
                            ('too long', (key * 20, key + b'\n' * 5000, b'x' * (1 << 20))),
                            ('byte 81', [key + text for text in after]), ('byte 1', [b'\0' + key])):
            for text in texts:
                with self.subTest(says, text=text[-20:]):
                    self.put(text)
                    self.bad(78, says)

    def test_a_file_that_cannot_be_read_is_reported_and_is_no_key(self):
        self.put(self.key, 0o600, OTHER)
        for program, *args in (('rep-check', ADDRESS), ('rep-report', '--flush')):
            done = self.run_it(program, *args, status=None)
            self.assertEqual(done.stderr.splitlines()[0],
                             f'{program}: {self.file}: Permission denied, looking up without AbuseIPDB')
        self.nothing_arrived(self.api)

    def test_a_retraction_says_why_there_is_no_key(self):
        self.put(self.key, 0o600, OTHER)
        self.run_it('rep-report', '--retract', ADDRESS, '--force', status=69,
                    says=f'{self.file}: Permission denied: nothing can be taken back without an API key')

    def test_a_key_that_cannot_be_read_is_an_error_of_the_self_test_and_of_the_status(self):
        """No file is a choice, any other reason is not."""
        def too_many_links():
            os.unlink(self.file)
            os.symlink(self.file, self.file)

        for forbid, reason, status in ((lambda: self.put(self.key, 0o600, OTHER), 'Permission denied', 69),
                                       (too_many_links, 'symbolic link', 77)):
            with self.subTest(reason):
                forbid()
                for said in (self.said('rep-report', '--status', status=77),
                             self.said('rep-check', '--self-test', '--fail2ban', '/nonexistent', status=status)):
                    self.assertIn(f'{self.file}: ', said)
                    self.assertIn(reason, said)
        self.nothing_arrived(self.api)

    def test_a_key_that_may_not_be_read_is_a_row_with_the_state_no_key(self):
        self.put(self.key, 0o600, OTHER)
        row = self.self_test(status=69)['abuseipdb']
        self.assertEqual((row['state'], row['why']),
                         ('no key', f'{self.file}: Permission denied: neither asked nor reported to'))
        status = json.loads(self.run_it('rep-report', '--status', '--json', status=77).stdout)
        self.assertEqual((status['key'], status['key_error']), (False, f'{self.file}: Permission denied'))
        os.unlink(self.file)
        self.assertIsNone(self.status().get('key_error'))


@rows.each('calls.tsv')
class Notices(StoreCase):
    """Who asks sources is told which of them are left out, once; who shows what is known is not."""

    lists = {**StoreCase.lists, 'keyless': {'zone': '%{key:{dir}/zone.key}.s.test', 'points': '127.0.0.2*3'}}

    def setUp(self):
        super().setUp()
        self.keep(KEPT[-1])
        os.unlink(self.place.path('key'))

    def try_row(self, row):
        done = self.run_it(*row['call'].replace('{dir}', self.place.dir).split(), status=None)
        self.assertEqual(done.stderr.count('looking up without AbuseIPDB'), row['looks_up'] == 'yes', done.stderr)
        self.assertEqual(done.stderr.count('looking up without [dnsbl keyless]'), row['looks_up'] == 'yes', done.stderr)


class Notice(StoreCase):
    def test_it_comes_before_all_output(self):
        os.unlink(self.place.path('key'))
        for more in (('45.9.9.9',), ('--file', self.place.path('list'))):
            shown = self.place.on_terminal('rep-check', *more, columns=200, status=75).decode().splitlines()
            self.assertRegex(shown[0], 'looking up without AbuseIPDB')
            self.assertRegex(shown[1], 'ADDRESS +VERDICT')
