# SPDX-License-Identifier: MIT
"""rep-purge --reset: the old state is kept complete, the new one works, and every loss is reported."""
import contextlib
import fcntl
import json
import os
import re
import shutil
import sqlite3
import struct
import subprocess

from addresses import address_of
from damage import Damage
from places import OWNER
from stores import BLOCKED, EACH, GOOD, PARDONED
from waiting import wait_until

NAME = r'iprep\.db\.\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ(-\d+)?'
READER = ('import sqlite3, sys; db = sqlite3.connect(sys.argv[1]);'
          "print(db.execute('SELECT count(*) FROM block').fetchone(), flush=True); input()")


class Case(Damage):
    def setUp(self):
        super().setUp()
        self.filled(300)
        self.save('kept')

    def aside(self):
        return [f for f in self.files() if re.fullmatch(NAME, f)]

    def works(self):
        """As on the first day: hooks, worker, purge, lookups."""
        self.gate('45.60.0.1')
        self.login('45.60.0.2')
        self.enqueue('45.60.0.3', '--user', 'root', '--failures', '2')
        for call in ('rep-check --ready', 'rep-report --status', 'rep-purge -q', 'rep-check --blocks'):
            self.run_it(*call.split())
        for pragma, value in (('integrity_check', 'ok'), ('auto_vacuum', 2), ('journal_mode', 'wal')):
            self.assertEqual(self.place.read('PRAGMA ' + pragma), [(value,)])
        for f in self.files():
            st = os.stat(self.place.path('state/' + f))
            self.assertEqual((st.st_uid, st.st_mode & 0o077 & ~0o040), (OWNER, 0), f)

    def rows(self, path, text):
        """Of a database: below the state, or the one of this name."""
        path = os.path.join(self.place.path('state'), path)
        with contextlib.closing(sqlite3.connect(f'file:{path}?mode=ro', uri=True)) as db:
            return db.execute(text).fetchall()

    def are_sound(self):
        """The new one and those that were set aside."""
        for f in ('iprep.db', *self.aside()):
            self.assertEqual(self.rows(f, 'PRAGMA integrity_check'), [('ok',)], f)

    def reader(self, **who):
        """Another process, with the database open until its end."""
        reader = subprocess.Popen(['/usr/bin/python3', '-c', READER, self.db], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, text=True, **who)
        self.assertIn('301', reader.stdout.readline())
        return reader


class SetAside(Case):
    def test_every_damage_is_set_aside_whole_and_the_new_state_works(self):
        for spoil in self.KINDS:
            with self.subTest(kind=spoil.__name__):
                self.restore('kept')
                spoil(self)
                old = self.content()
                p = self.reset()
                self.assertEqual(p.stdout.count('\n'), 1)
                path = p.stdout.strip()
                self.assertTrue(re.fullmatch(NAME, os.path.basename(path)), path)
                now = self.content()
                for name, data in old.items():
                    self.assertEqual(now[name.replace('iprep.db', os.path.basename(path), 1)], data)
                self.assertIn('damaged (', p.stderr)
                self.assertIn('lost: ', p.stderr)
                self.works()
                self.run_it('rep-purge', '--reset', status=64, says='sound')     # and it is not done twice

    def test_a_newer_one_too(self):
        self.sql('PRAGMA user_version = 99')
        p = self.reset(says='the state is written by a newer iprep (version 99; this one knows 8)')
        self.assertEqual(self.rows(p.stdout.strip(), 'SELECT count(*) FROM block'), [(301,)])
        self.works()

    def test_what_protects_is_taken_over_and_what_accuses_is_counted_and_lost(self):
        self.overwrite((self.leaf('finding') - 1) * 4096, b'\xa5' * 4096)
        self.gate(BLOCKED, status=10)
        got = json.loads(self.reset('--json').stdout)
        self.assertEqual(got['lost'], {'blocks': 301, 'reports': 2, 'lookups': 1})
        self.assertEqual(got['kept'], {'pardons': 1, 'logins': 1})
        self.assertEqual((got['all_read'], got['dry_run']), (True, False))
        for address in (BLOCKED, PARDONED):     # a lookup waits instead, of the first
            self.gate(address)
            self.assertEqual(self.place.read('SELECT count(*) FROM lookup'), [(1,)])
        cached = json.loads(self.run_it('rep-check', '--cached', '--json', GOOD, status=None).stdout)
        self.assertGreater(cached['login_at'], 0)
        for table in ('block', 'report', 'finding', 'sighting', 'released'):
            self.assertEqual(self.place.read(f'SELECT count(*) FROM {table}'), [(0,)], table)

    def leaf(self, table):
        """A page of that table with rows, found by its content."""
        mark = {'finding': b'x' * 40, 'block': b'sshdzen'}[table]
        data = self.place.bytes('state/iprep.db')
        pages = [n for n in range(1, len(data) // 4096) if data[n * 4096:][:4096].count(mark) > 5]
        return pages[len(pages) // 2] + 1

    def test_of_a_table_with_a_hole_both_ends_are_counted(self):
        self.filled(2000)
        self.overwrite((self.leaf('block') - 1) * 4096, b'\xa5' * 4096)
        got = json.loads(self.reset('--json').stdout)
        self.assertFalse(got['all_read'])
        self.assertTrue(1500 < got['lost']['blocks'] < 2001, got)
        self.works()

    def test_user_names_get_a_new_key(self):
        def key():
            self.run_it('rep-check', '--gate', '--user', 'root', '--', '45.61.0.1', status=None)
            return self.place.read("SELECT value FROM meta WHERE name = 'user-key'")
        before = key()
        self.sql('PRAGMA wal_checkpoint(TRUNCATE)')
        self.garbage_in_the_header()
        self.reset()
        self.assertEqual(self.place.read("SELECT value FROM meta WHERE name = 'user-key'"), [])
        self.assertNotEqual(key(), before)
        self.assertEqual(len(before), 1)

    def test_an_earlier_one_set_aside_is_never_overwritten(self):
        kept = {}
        for turn in range(4):                  # some of them within one second
            self.restore_beside()
            self.overwrite(0, b'turn %d ' % turn)
            path = self.reset('-q').stdout.strip()
            kept[path] = self.place.bytes(path)
            self.assertIn(b'turn %d ' % turn, kept[path])
        self.assertEqual(len(kept), 4)
        for path, data in kept.items():
            self.assertEqual(self.place.bytes(path), data)

    def restore_beside(self):
        shutil.copy(self.place.path('kept/iprep.db'), self.db)
        for end in ('-wal', '-shm'):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.db + end)
        self.place.own()


class Refused(Case):
    """Nothing is changed, and the reason is printed."""

    def unchanged(self, status, says, *args, **more):
        before = self.content()
        p = self.run_it('rep-purge', '--reset', *args, status=status, says=says, **more)
        self.assertEqual(p.stdout, '')
        self.assertEqual({f: d for f, d in self.content().items() if d or f in before}, before)
        self.assertEqual([f for f in self.files() if 'new' in f], [])
        return p

    def test_bad_combinations_are_64(self):
        self.garbage_in_the_header()
        for args in (['45.1.1.1'], ['--pardon', '1d'], ['--pardon', '1d', '45.1.1.1'], ['--recheck'], ['--released']):
            self.unchanged(64, 'rep-purge: ', *args)
        self.run_it('rep-purge', '--force', status=64, says='--force goes with --reset')
        self.assertIn('--reset', self.run_it('rep-purge', '--help').stdout)

    def test_a_sound_one_unless_forced(self):
        p = self.unchanged(64, 'sound, with 301 blocks and 2 reports that wait: not set aside (--force does')
        self.assertEqual(p.stderr.count('\n'), 1)
        self.assertEqual(self.rows(self.reset('--force').stdout.strip(), 'SELECT count(*) FROM block'), [(301,)])
        self.works()

    def test_a_dry_run_only_says_what_would_happen(self):
        self.unchanged(64, 'sound', '-n')
        self.unchanged(0, 'would be lost: 301 blocks', '-n', '--force')
        self.garbage_in_the_header()
        self.unchanged(0, 'nothing was changed', '-n')
        self.assertEqual(self.aside(), [])

    def test_one_of_another_program(self):
        self.place.clear()
        db = sqlite3.connect(self.db)
        db.executescript('CREATE TABLE bans(ip); PRAGMA user_version = 4; PRAGMA user_version = 3')
        db.close()
        self.place.own()
        for args in ((), ('--force',)):
            self.unchanged(74, 'a database of another program, not touched', *args)
        for args in EACH:
            self.each(args, status=74, says='a database of another program, not touched')

    def test_a_link_or_a_directory(self):
        os.rename(self.db, self.place.path('state/elsewhere'))
        os.symlink('elsewhere', self.db)
        self.unchanged(74, 'not a file but a link')
        os.unlink(self.db)
        os.mkdir(self.db)
        self.run_it('rep-purge', '--reset', status=74, says='not a file but a link')

    def test_one_of_another_owner_is_77(self):
        self.garbage_in_the_header()
        os.chown(self.db, 0, 0)
        os.chmod(self.db, 0o600)
        self.unchanged(77, 'it has to belong to the owner of its directory')

    def test_a_person_without_rights_is_77(self):
        self.garbage_in_the_header()
        self.unchanged(77, 'run as root', user=1000, group=1000, extra_groups=[])

    def test_a_missing_one_is_made(self):
        self.place.clear()
        self.assertEqual(self.reset(says='the state is not there').stdout, '')
        self.works()

    def test_while_a_worker_runs_it_is_75(self):
        self.garbage_in_the_header()
        fd = os.open(self.place.path('state/worker.lock'), os.O_RDWR | os.O_CREAT, 0o600)
        os.fchown(fd, OWNER, OWNER)
        fcntl.fcntl(fd, fcntl.F_OFD_SETLK, struct.pack('hhqqi4x', fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
        self.unchanged(75, 'in use by a worker')
        self.unchanged(75, 'in use by a worker', '-n')
        os.close(fd)
        self.reset()

    def test_while_another_program_has_it_open_it_is_75(self):
        self.sql('PRAGMA user_version = 99')
        other = self.reader()              # a process: closing a file releases all locks of the process on it
        self.place.own()
        self.unchanged(75, 'another program has had it open')
        other.communicate('end\n', timeout=60)
        self.place.own()
        self.reset()

    def test_a_disk_that_takes_nothing_changes_nothing(self):
        self.garbage_in_the_header()
        self.save('kept')
        kept = self.place.bytes('kept/iprep.db')
        self.place.mount_state('size=1m')
        self.restore('kept')
        remount = ['mount', self.place.path('state'), '-o']
        for name, spoil in (('read-only', lambda: subprocess.run([*remount, 'remount,ro'], check=True)),
                            ('full', self.place.fill)):
            with self.subTest(name):
                spoil()
                p = self.run_it('rep-purge', '--reset', status=None)
                self.assertIn(p.returncode, (73, 74), p.stderr)
                self.assertEqual(p.stderr.count('\n'), 1, p.stderr)
                self.assertEqual(self.place.bytes('state/iprep.db'), kept)
                self.assertEqual([n for n in self.files() if 'new' in n], [])
                subprocess.run([*remount, 'remount,rw'], check=True)
        os.unlink(self.place.path('state/fill'))
        self.reset()
        self.works()


class Interrupted(Case):
    def test_killed_at_any_call_nothing_is_lost_and_the_next_one_ends_it(self):
        self.garbage_in_the_header()
        self.save('kept')
        old = self.place.bytes('state/iprep.db')
        for calls in ('rename', 'unlink', 'fdatasync,fsync', 'fcntl'):
            seen = {'still there': 0, 'aside': 0}
            for n in range(1, 300, 7 if calls == 'fcntl' else 1):
                self.restore('kept')
                p, trace = self.injected(calls, f'signal=SIGKILL:when={n}', 'rep-purge', '--reset')
                if 'SIGKILL' not in trace:
                    self.assertEqual(p.returncode, 0, p.stderr)
                    break
                aside = self.aside()
                self.assertEqual(self.place.bytes('state/' + (aside or ['iprep.db'])[0]), old)
                seen['aside' if aside else 'still there'] += 1
                again = self.run_it('rep-purge', '--reset', '-q', status=None).returncode
                self.assertIn(again, (0, 64) if aside else (0,))
                self.works()
                self.assertEqual(len(self.aside()), 1)
            self.assertGreater(n, 1, calls)
            print(f'killed at {calls}: {seen}')


class Fails(Case):
    def test_a_rename_that_fails_changes_nothing(self):
        self.sql('PRAGMA user_version = 99')
        self.sql('PRAGMA wal_checkpoint(TRUNCATE)')
        self.save('kept')
        for n in range(1, 20):
            self.restore('kept')
            before = self.content()
            p, trace = self.injected('rename', f'error=EIO:when={n}', 'rep-purge', '--reset')
            if 'INJECTED' not in trace:
                self.assertEqual(p.returncode, 0, p.stderr)
                break
            self.assertEqual(p.returncode in (73, 74), True, p.stderr)
            self.assertIn('nothing was changed', p.stderr)
            self.assertEqual({f: d for f, d in self.content().items() if d or f in before}, before, n)
            self.assertEqual(self.aside(), [])
            self.run_it('rep-report', '--enqueue', '--', '45.75.0.1', status=74, says='written by a newer iprep')
        self.assertGreater(n, 2)


class Meanwhile(Case):
    def beside(self, *args, **more):
        return self.place.start(*args, **{'stdout': subprocess.DEVNULL, **more})

    def reports(self, *addresses):
        return [self.beside('rep-report', '--enqueue', '--', address) for address in addresses]

    def test_hooks_go_on_while_it_is_set_aside_and_nothing_of_theirs_gets_lost_in_between(self):
        """Each that exits 0 after the last --reset is in the new store; no file is mixed of two."""
        recorded, sums = [], []
        for turn in range(6):
            self.restore('kept')
            self.sql('PRAGMA user_version = 99')
            hooks = self.reports(*[f'45.70.{turn}.{i}' for i in range(15)])
            self.reset('-q')
            later = [f'45.71.{turn}.{i}' for i in range(15)]
            hooks += self.reports(*later)
            ok = [h.args[-1] for h in hooks if h.communicate(timeout=60) and h.returncode == 0]
            got = {address_of(key) for key, in self.place.read('SELECT addr FROM report')}
            self.assertEqual(set(ok), got)
            self.assertLessEqual(set(later), got)
            self.are_sound()
            recorded.append(len(ok))
            sums.append(len(hooks))
        print(f'recorded of {sums}: {recorded}')

    def test_one_that_is_set_aside_between_the_check_and_the_opening_is_made(self):
        """SQLite opens it for writing, and then tries to read it at least."""
        self.ready()
        before = self.count('report')
        for nth in range(1, 6):
            done, trace = self.place.traced(['-qq', '-P', self.place.db, '-e', 'trace=openat', '-e',
                                             f'inject=openat:error=ENOENT:when={nth}..{nth + 1}'],
                                            'rep-report', '--enqueue', '--', f'45.76.0.{nth}')
            self.assertEqual((done.stderr, done.returncode), ('', 0), trace)
        self.assertEqual(self.count('report'), before + 5)

    def test_a_sound_one_set_aside_under_hooks_holds_all_that_the_new_one_does_not(self):
        started = []
        for turn in range(4):
            addresses = [f'45.72.{turn}.{i}' for i in range(24)]
            hooks = self.reports(*addresses[:9])
            hooks.append(self.beside('rep-purge', '--reset', '--force', '-q'))
            hooks += self.reports(*addresses[9:])
            for h in hooks:
                self.assertEqual((h.communicate(timeout=60)[1], h.returncode), ('', 0), h.args)
            started += addresses
        self.are_sound()
        keys = [key for f in ('iprep.db', *self.aside()) for key, in self.rows(f, 'SELECT addr FROM report')]
        done = map(address_of, keys)
        self.assertEqual(sorted(a for a in done if a.startswith('45.72.')), sorted(started))   # each once
        self.assertEqual(len(self.aside()), 4)

    def test_pardons_given_while_it_waits_are_taken_over_and_counted(self):
        """It locks first, then copies: a process that has the old one open keeps it waiting."""
        other = self.reader(user=OWNER, group=OWNER, extra_groups=[])
        reset = self.place.start('rep-purge', '--reset', '--force', '--json')
        wait_until(lambda: os.path.exists(self.db + '.new'), 'the new one is being made')
        given = []
        while reset.poll() is None and len(given) < 4:
            address = f'45.74.0.{len(given)}'
            if self.place.run('rep-purge', '--pardon', '1d', address).returncode == 0:
                given.append(address)
        other.communicate('end\n', timeout=60)
        out, err = reset.communicate(timeout=60)
        self.assertEqual(reset.returncode, 0, err)
        self.assertGreater(len(given), 0)
        kept = {address_of(key) for key, in self.place.read('SELECT key FROM pardon')}
        self.assertEqual([address for address in given if address not in kept], [])
        self.assertEqual(json.loads(out)['kept']['pardons'], len(kept))

    def test_two_at_once_set_one_aside(self):
        self.garbage_in_the_header()
        both = [self.place.start('rep-purge', '--reset') for _ in range(2)]
        said = [(p.communicate(timeout=60), p.returncode) for p in both]
        codes = sorted(code for _, code in said)
        self.assertEqual(codes[0], 0, said)
        self.assertIn(codes[1], (64, 75), said)
        self.assertEqual(len(self.aside()), 1)
        self.works()
