# SPDX-License-Identifier: MIT
"""Whatever the user of the worker does with what is in its reach, no hook waits for it, because fail2ban then bans no
address. Each case is made as that user."""
import contextlib
import os
import signal
import sqlite3
import struct
import subprocess
import time

import proc_probe
from addresses import key_of
from places import OWNER
from stores import BLOCKED, KEPT, PARDONED, StoreCase
from waiting import wait_until

HOOKS = (('rep-check', '--gate', '--jail', 'x', '--user', 'root', '--', '45.90.0.1'),
         ('rep-check', '--gate', '--jail', 'x', '--', BLOCKED),
         ('rep-check', '--is-blocked', '--', BLOCKED),
         ('rep-check', '--login', '--', '45.90.0.2'),
         ('rep-check', '--ready'),
         ('rep-report', '--enqueue', '--jail', 'sshd', '--failures', '3', '--user', 'root', '--', '45.90.0.3'))
GATE, BLOCKED_GATE, IS_BLOCKED, LOGIN, READY, ENQUEUE = range(6)
HANGS_S = 60          # a hook that is still there then hangs; without load each ends within 5 s
FILES = ('iprep.db', 'iprep.db-wal', 'iprep.db-shm', 'iprep.db-journal', 'make.lock', 'worker.lock', 'wake',
         'verdict.log', 'iprep.db.new', 'iprep.db.new-journal', 'iprep.db-hooks', 'iprep.db-hooks.new')
ENDLESS = 'WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT max(x) FROM n'
SQL = {
    'a trigger': f'CREATE TRIGGER t BEFORE INSERT ON lookup BEGIN {ENDLESS}; END;'
                 f'CREATE TRIGGER u BEFORE INSERT ON report BEGIN {ENDLESS}; END;'
                 f'CREATE TRIGGER v BEFORE INSERT ON good BEGIN {ENDLESS}; END',
    'a view': 'DROP TABLE block;'
              ' CREATE VIEW block AS WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n)'
              " SELECT zeroblob(16) AS key, 'known' AS tier, 3 AS score, 0 AS since, x AS until, 0 AS first_at,"
              " 0 AS announced_at, 0 AS due, 'x' AS jail, 'zen' AS src, 0 AS shown_at, 0 AS recheck_at, NULL AS addr"
              ' FROM n',
    'an index': 'CREATE INDEX dear ON lookup(length(hex(zeroblob(since % 200000000))))',
    'a CHECK': 'DROP TABLE good; CREATE TABLE good( key BLOB PRIMARY KEY, at INTEGER NOT NULL'
               ' CHECK(length(hex(zeroblob(200000000 + at % 2))) > 0)) STRICT, WITHOUT ROWID',
    'a table': 'CREATE TABLE more(x)',
    'a virtual table': "CREATE VIRTUAL TABLE more USING rtree(a, b, c)",
}


def begin_as_owner(work):
    """Runs it in a process of that user, whose number is returned."""
    pid = os.fork()
    if not pid:
        try:
            proc_probe.as_owner()
            work()
            os._exit(0)
        except BaseException as error:         # pylint: disable=broad-except
            print(error, flush=True)
            os._exit(1)
    return pid


def as_owner(work):
    """The same, to its end."""
    if os.waitstatus_to_exitcode(os.waitpid(begin_as_owner(work), 0)[1]):
        raise AssertionError('the case cannot be made')


class Case(StoreCase):
    longest = 0.0

    @classmethod
    def tearDownClass(cls):
        print(f'{cls.__name__}: the longest hook took {cls.longest:.1f} s')

    def setUp(self):
        super().setUp()
        self.keep(KEPT[-1])
        self.save('kept')

    def hooks(self, what, hooks=HOOKS):
        """All at a time: [(status, stdout, stderr)]. Each ends, and no gate ends with anything but 0 and 10."""
        begin = time.monotonic()
        running = [self.place.start(*hook) for hook in hooks]
        ended = []
        try:
            for hook in running:
                try:
                    out, err = hook.communicate(timeout=HANGS_S)
                except subprocess.TimeoutExpired:
                    self.fail(f'{what}: {hook.args[-4:]} hangs')
                type(self).longest = max(self.longest, time.monotonic() - begin)
                ended.append((hook.returncode, out, err))
        finally:
            for hook in running:
                if hook.poll() is None:
                    hook.kill()
                    hook.communicate()
        if hooks is HOOKS:
            for i in (GATE, BLOCKED_GATE, LOGIN):
                self.assertIn(ended[i], ((0, '', ''), (10, '', '')), what)
        return ended


class Files(Case):
    def put(self, name, make):
        """In the place of that file."""
        path = self.place.path('state/' + name)

        def work():
            for old in [path] + ([self.db] if name.startswith(('make', 'iprep.db.new')) else []):
                if os.path.lexists(old):
                    os.unlink(old)
            make(path)
        as_owner(work)

    def test_each_file_as_what_is_no_file(self):
        fifo = self.place.path('fifo')
        os.mkfifo(fifo)
        os.chown(fifo, OWNER, OWNER)
        kinds = {'a FIFO': lambda path: os.mkfifo(path, 0o600), 'a directory': os.mkdir,
                 'a FIFO that may only be read': lambda path: os.mkfifo(path, 0o400),
                 **{f'a link to {what}': lambda path, to=to: os.symlink(to, path)
                    for what, to in (('a FIFO', fifo), ('a device', '/dev/zero'), ('nowhere', 'nowhere'))}}
        kept = self.place.bytes('state/iprep.db')
        for name in FILES:
            for kind, make in kinds.items():
                with self.subTest(name=name, kind=kind):
                    for old in self.files():
                        path = self.place.path('state/' + old)
                        if os.path.isdir(path) and not os.path.islink(path):
                            os.rmdir(path)
                        else:
                            os.unlink(path)
                    self.place.write('state/iprep.db', kept, 0o600, OWNER)
                    self.put(name, make)
                    ended = self.hooks(f'{name} as {kind}')
                    if name == 'wake':         # what the hook was for is done
                        self.assertEqual(ended[ENQUEUE][0], 0, ended)
                        self.assertIn('the timer starts the worker', ended[ENQUEUE][2])
                    elif name in ('iprep.db', 'iprep.db-wal', 'make.lock'):
                        self.assertIn(ended[ENQUEUE][0], (73, 74, 75, 77), ended)
                        self.assertIn(name, ended[ENQUEUE][2])

    def test_a_database_of_another_user_is_77(self):
        os.chown(self.db, 1, 1)
        os.chmod(self.db, 0o666)
        ended = self.hooks('of another user')
        self.assertEqual(ended[ENQUEUE][0], 77, ended)
        self.assertIn('iprep.db: belongs to user 1', ended[ENQUEUE][2])

    def test_files_that_change_all_the_time(self):
        """A check and what follows it are two calls."""
        end = self.place.path('state/iprep.db-journal')

        def swap():
            stop = time.monotonic() + 6
            while time.monotonic() < stop:
                with open(end, 'w', encoding='ascii'):
                    pass
                os.unlink(end)
                os.mkfifo(end, 0o400)
                os.unlink(end)
        pid = begin_as_owner(swap)
        try:
            for _ in range(4):
                self.hooks('files that change')
        finally:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


class Content(Case):
    def test_what_a_database_computes_is_refused(self):
        for what, sql in SQL.items():
            with self.subTest(what=what):
                self.restore('kept')
                db = sqlite3.connect(self.db)
                db.executescript(sql)
                db.close()
                self.place.own()
                ended = self.hooks(what)
                for i in (IS_BLOCKED, READY, ENQUEUE):
                    status, _, err = ended[i]
                    self.assertEqual(status, 74, ended)
                    self.assertIn('not made by iprep: ', err)
                for args in (('rep-report', '--flush'), ('rep-check', '--blocks')):
                    self.each(args, status=74, says='not made by iprep: ')

    def test_it_is_set_aside_as_damaged(self):
        self.sql('CREATE TRIGGER t BEFORE INSERT ON pardon BEGIN SELECT 1; END')
        self.run_it('rep-purge', '--reset', says='the state is damaged (not made by iprep: trigger t)')
        ended = self.hooks('set aside')
        self.assertEqual([status for status, _, _ in ended], [0, 0, 0, 0, 0, 0], ended)
        self.gate(PARDONED)

    def test_what_sqlite_itself_makes_is_no_damage(self):
        self.sql('ANALYZE')
        self.sql('VACUUM')
        self.assertEqual([status for status, _, _ in self.hooks('ANALYZE')], [0, 10, 10, 0, 0, 0])


class Processes(Case):
    def children(self, pid):
        """Of that process, those that have become the owner."""
        found = []
        for name in os.listdir('/proc'):
            with contextlib.suppress(OSError):
                fields = proc_probe.status_of(name) if name.isdigit() else {'PPid': 0}
                if int(fields['PPid']) == pid and fields['Uid'].split()[0] == str(OWNER):
                    found.append(int(name))
        return found

    def test_a_stopped_process_that_holds_the_lock(self):
        def hold():
            db = sqlite3.connect(self.db, isolation_level=None)
            db.execute('BEGIN IMMEDIATE')
            os.kill(os.getpid(), signal.SIGSTOP)

        pid = begin_as_owner(hold)
        try:
            self.assertTrue(os.WIFSTOPPED(os.waitpid(pid, os.WUNTRACED)[1]))
            ended = self.hooks('a lock that is never given back')
            self.assertEqual([ended[i][0] for i in (IS_BLOCKED, ENQUEUE)], [10, 75])     # reading needs no lock
        finally:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)

    def test_a_hook_that_is_stopped_itself(self):
        """Its work is done as the owner, who may stop it; fail2ban waits for a process that only root may stop."""
        with self.place.locked():              # so that there is time to stop it
            for hook, status in ((HOOKS[GATE], 0), (HOOKS[LOGIN], 0), (HOOKS[ENQUEUE], 75)):
                with self.subTest(hook=hook[:2]):
                    p = self.place.start(*hook)

                    def working(parent=p.pid):
                        return self.children(parent) or [
                            pid for pid in (parent,) if os.stat(f'/proc/{pid}').st_uid == OWNER]
                    found = wait_until(working, 'the hook works as the owner')
                    as_owner(lambda: [os.kill(pid, signal.SIGSTOP) for pid in found])
                    try:
                        _, err = p.communicate(timeout=HANGS_S)
                    except subprocess.TimeoutExpired:
                        p.kill()
                        p.communicate()
                        self.fail('it hangs')
                    self.assertEqual(p.returncode, status, err)
                    if status:
                        self.assertIn('giving up', err)
                    wait_until(lambda: not self.children(p.pid), 'nothing is left of it')

    def test_a_hook_that_is_killed_leaves_nothing_that_works_on(self):
        with self.place.locked():
            p = self.place.start(*HOOKS[ENQUEUE], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            wait_until(lambda: self.children(p.pid), 'the hook works as the owner')
            child, = self.children(p.pid)
            p.kill()
            p.wait()
            wait_until(lambda: not os.path.exists(f'/proc/{child}'), 'its child has ended')
        self.assertEqual(self.place.read("SELECT count(*) FROM report WHERE jail = 'sshd' AND addr = ?",
                                         key_of('45.90.0.3')), [(0,)])

    def test_a_signal_that_the_caller_ignores_changes_nothing(self):
        for ignored in (False, True):
            def ignore(ignored=ignored):
                signal.signal(signal.SIGCHLD, signal.SIG_IGN if ignored else signal.SIG_DFL)
            p = self.place.run('rep-check', '--gate', '--', BLOCKED, preexec_fn=ignore)
            self.assertEqual(p.returncode, 10)
            p = self.place.run('rep-check', '--self-test', '--fail2ban', '/nonexistent/fail2ban-client',
                               preexec_fn=ignore)
            self.assertRegex(p.stdout, r'(?m)^fail2ban +(off|error)', ignored)


class Directory(Case):
    """Who may write in the directory, may replace what is in it."""

    def acl(self, name, *entries, of='state'):
        """(tag, permissions, user or group) as in linux/posix_acl_xattr.h."""
        os.setxattr(self.place.path(of), 'system.posix_acl_' + name,
                    struct.pack('<I', 2) + b''.join(struct.pack('<HHI', *entry) for entry in entries))

    def refused(self, says):
        ended = self.hooks(says)
        for i in (IS_BLOCKED, READY, ENQUEUE):
            self.assertEqual((ended[i][0], says in ended[i][2]), (77, True), ended)
        self.run_it('rep-report', '--flush', status=77, says=says)
        self.run_it('rep-purge', status=77, says=says)

    def test_its_group_may_not(self):
        for mode in (0o770, 0o720):
            os.chmod(self.place.path('state'), mode)
            self.refused('state: state directory is writable by its group; chmod 0700')

    def test_its_group_may_read(self):
        os.chmod(self.place.path('state'), 0o750)
        self.assertEqual([status for status, _, _ in self.hooks('0750')], [0, 10, 10, 0, 0, 0])

    def test_nor_a_user_that_an_acl_names(self):
        """Of the directory, of new files in it by default, or of the one above it."""
        other, whole = 'state: state directory has an ACL for other users; setfacl -b -k', 0xffffffff
        for of, name, user, others, says in (
                ('state', 'access', 7, 0, 'state: state directory is writable by its group'),
                ('state', 'access', 5, 0, other), ('state', 'default', 7, 0, other),
                ('.', 'access', 7, 5, f'{self.place.dir}: others may write here')):
            with self.subTest(of=of, acl=name, user=user):
                self.acl(name, (1, 7, whole), (2, user, 1), (4, 7 if of == '.' else 0, whole), (0x10, user, whole),
                         (0x20, others, whole), of=of)
                self.refused(says)
                os.removexattr(self.place.path(of), 'system.posix_acl_' + name)
                os.chmod(self.place.path('state'), 0o700)

    def test_nor_may_others_write_the_directory_above_it(self):
        others = 'others may write here'
        for mode, user, group, says in ((0o757, 0, 0, others), (0o775, 0, 1000, others),
                                        (0o755, 1000, 0, 'belongs to user 1000')):
            with self.subTest(mode=oct(mode), user=user):
                os.chown(self.place.dir, user, group)
                os.chmod(self.place.dir, mode)
                self.refused(f'{self.place.dir}: {says}')

    def test_root_s_group_may_write_above_it_and_all_where_none_removes_what_is_another_s(self):
        for mode in (0o775, 0o1777):
            os.chmod(self.place.dir, mode)
            self.run_it('rep-check', '--ready', status=0)
