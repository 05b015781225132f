# SPDX-License-Identifier: MIT
"""test_logged_in.py - rep-check --self-test warns of a user that is logged in from an address that no entry covers"""
import json
import os
import struct
import subprocess

from cases import Case

LOGINCTL = """\
#!/bin/sh
case $1 in
list-sessions) {listed} ;;
show-session) cat {dir}/sessions ;;
esac
"""
SESSION = 'Name={}\nRemote={}\nRemoteHost={}\nState={}\n'
WITH_UTMP = 'mount -t tmpfs none /run && cp "$0/utmp" /run/utmp && mount --bind "$0/loginctl" /usr/bin/loginctl && exec "$@"'
WITHOUT = 'mount -t tmpfs none /run && mount --bind "$0/loginctl" /usr/bin/loginctl && exec "$@"'


def record(kind, pid, user, host):
    return struct.pack('=hxxi32s4s32s256shhiii16s20x', kind, pid, b'pts/0', b'0', user, host, 0, 0, 0, 0, 0, b'')


class LoggedIn(Case):
    lists = {'zen': '127.0.0.2*3'}
    sections = {'allow': {'addresses': '45.81.1.0/24'}}

    def rows(self, script, sessions=(), listed='echo "1 0 root - -"'):
        """{object: (state, text)} of rep-check --self-test."""
        self.place.write('sessions', '\n'.join(SESSION.format(*one) for one in sessions))
        self.place.write('loginctl', LOGINCTL.format(dir=self.place.dir, listed=listed), mode=0o755)
        done = subprocess.run(['unshare', '-m', '--propagation', 'private', 'sh', '-c', script, self.place.dir,
                               *self.place.command('rep-check', '--self-test', '--json')], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=120, check=False)
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        return {row['fail2ban']: (row['state'], row['why']) for row in rows if 'fail2ban' in row}

    def test_an_address_that_no_entry_covers_is_named(self):
        rows = self.rows(WITHOUT, [('alice', 'yes', '45.82.1.1', 'active'), ('bob', 'yes', '45.81.1.7', 'active')])
        state, why = rows['login from 45.82.1.1']
        self.assertEqual(state, 'mismatch')
        self.assertIn('alice is logged in, and no entry of [allow] covers the address', why)
        self.assertEqual(rows['login from 45.81.1.7'], ('ok', 'bob is logged in: allowed by [allow]'))
        self.assertNotIn('remote logins', rows)

    def test_private_addresses_local_and_ended_sessions_are_no_warning(self):
        rows = self.rows(WITHOUT, [('alice', 'yes', '192.168.1.5', 'active'), ('root', 'no', '', 'active'),
                                   ('carol', 'yes', '45.83.1.1', 'closing')])
        self.assertEqual([what for what in rows if what.startswith('login')], ['login from 192.168.1.5'])
        self.assertEqual(rows['login from 192.168.1.5'][0], 'ok')

    def test_no_user_is_logged_in(self):
        self.assertEqual([what for what in self.rows(WITHOUT, listed=':') if 'login' in what], [])

    def test_a_name_is_not_known_to_be_covered(self):
        rows = self.rows(WITHOUT, [('alice', 'yes', 'home.example', 'active')])
        self.assertEqual(rows['remote logins'],
                         ('unknown', 'alice is logged in from home.example, which is not an address'))

    def test_without_logind_utmp_is_read(self):
        mine, dead = os.getpid(), 4194304
        self.place.write('utmp', '')
        with open(self.place.path('utmp'), 'wb') as file:
            file.write(record(7, mine, b'alice', b'45.82.1.1') + record(8, mine, b'', b'45.82.1.2') +
                       record(7, dead, b'bob', b'45.82.1.3') + record(7, mine, b'root', b':0') + b'cut off')
        rows = self.rows(WITH_UTMP, listed='exit 1')
        self.assertEqual([what for what in rows if what.startswith('login')], ['login from 45.82.1.1'])

    def test_without_both_it_is_not_known(self):
        rows = self.rows(WITHOUT, listed='exit 1')
        self.assertEqual(rows['remote logins'], ('unknown', 'neither systemd-logind nor utmp shows who is logged in'))
