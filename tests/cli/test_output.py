#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Output that is lost is 74 and loses nothing else; files that may not grow; a disk that takes nothing.

    test_output.py DIRECTORY-OF-PROGRAMS        (as root)
"""
import contextlib
import json
import os
import resource
import subprocess

import store_case
from store_case import BLOCKED

# every mode that prints, and what is blocked, released and reported stays what it is
PRINTS = [
    ('rep-check', '--help'), ('rep-check', '--version'), ('rep-check', '10.0.0.1'), ('rep-check', '--json', '10.0.0.1'),
    ('rep-check', '--cached', '45.9.9.9'), ('rep-check', '--file', '{dir}/list'), ('rep-check', '--blocks'),
    ('rep-check', '--blocks', '--json'), ('rep-check', '--blocks', '--new'), ('rep-check', '--blocks', '--new', '-j'),
    ('rep-check', '--blocks', '--format', 'nft'), ('rep-check', '--blocks', '--format', 'rbldnsd'),
    ('rep-check', '--ready', '-v'), ('rep-report', '--help'), ('rep-report', '--status'),
    ('rep-report', '--status', '--json'), ('rep-report', '--flush'), ('rep-report', '--flush', '--json'),
    ('rep-report', '--enqueue', '-v', '--', '45.9.9.8'), ('rep-purge', '--help'), ('rep-purge', '--released'),
    ('rep-purge', '--released', '--json'), ('rep-purge', '--json'), ('rep-purge', '--json', '-n'),
    ('rep-purge', '45.9.9.9'), ('rep-purge', '--pardon', '1d', '45.9.9.9'), ('rep-purge', '--json', '45.9.9.9'),
    ('rep-purge', '--reset', '--force'), ('rep-purge', '--reset', '--force', '--json'),
]


@contextlib.contextmanager
def lost(way):
    """A standard output that takes nothing: arguments for subprocess."""
    if way == 'closed':
        yield {'preexec_fn': lambda: os.close(1)}
    elif way == 'full':
        with open('/dev/full', 'w', encoding='ascii') as full:
            yield {'stdout': full}
    else:
        reader, writer = os.pipe()
        os.close(reader)
        yield {'stdout': writer}
        os.close(writer)


class Case(store_case.Case):
    def setUp(self):
        super().setUp()
        self.keep(store_case.KEPT[-1])
        self.place.sql('UPDATE block SET shown_at = 0')

    def start(self, args, **more):
        argv = self.place.command(args[0], *(a.replace('{dir}', self.place.dir) for a in args[1:]))
        return subprocess.run(argv, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=120, **more)


class Lost(Case):
    def test_a_mode_whose_output_is_lost_ends_with_74(self):
        for turn, args in enumerate(PRINTS):
            for way in ('closed', ('full', 'pipe')[turn % 2]):
                with self.subTest(way=way, args=args), lost(way) as out:
                    self.keep(store_case.KEPT[-1])
                    if '--new' in args:
                        self.place.sql('UPDATE block SET shown_at = 0')
                    p = self.start(args, **out)
                    self.assertEqual(p.returncode, 74, p.stderr)
                    self.assertIn('stdout: ', p.stderr)

    def test_a_block_that_could_not_be_written_is_new_for_the_next_run(self):
        for way in ('closed', 'full', 'pipe'):
            for more in ((), ('--json',)):
                with self.subTest(way=way, more=more), lost(way) as out:
                    self.assertEqual(self.start(('rep-check', '--blocks', '--new', *more), **out).returncode, 74)
                    self.assertEqual(self.place.read('SELECT shown_at FROM block'), [(0,)])
        p = self.run_it(('rep-check', '--blocks', '--new', '--json'), 0)
        self.assertEqual(json.loads(p.stdout)['address'], BLOCKED)

    def test_the_name_of_a_database_that_was_set_aside_is_not_lost(self):
        with lost('closed') as out:
            p = self.start(('rep-purge', '--reset', '--force'), **out)
        self.assertIn('nothing was changed', p.stderr)
        self.assertEqual(self.place.read('SELECT count(*) FROM block'), [(1,)])
        for more in ((), ('--quiet',), ('--json',)):
            with lost('full') as out:
                p = self.start(('rep-purge', '--reset', '--force', *more), **out)
            aside = [n for n in self.files() if n.startswith('iprep.db.2')]
            self.assertTrue(any(n in p.stderr for n in aside), p.stderr)

    def test_hooks_print_nothing_and_do_their_work(self):
        for way in ('closed', 'full', 'pipe'):
            with lost(way) as out:
                self.assertEqual(self.start(('rep-check', '--gate', '--', BLOCKED), **out).returncode, 10)
                self.assertEqual(self.start(('rep-check', '--login', '--', '45.9.9.9'), **out).returncode, 0)
                self.assertEqual(self.start(('rep-check', '--is-blocked', '--', BLOCKED), **out).returncode, 10)
                self.assertEqual(self.start(('rep-report', '--enqueue', '--', '45.9.9.7'), **out).returncode, 0)

    def test_no_closed_descriptor_becomes_the_database(self):
        for closed in ((0,), (1,), (2,), (0, 1), (1, 2), (0, 1, 2)):
            with self.subTest(closed=closed):
                for args in (('rep-check', '--blocks'), ('rep-report', '--enqueue', '-v', '--', '45.9.9.6')):
                    p = subprocess.run(self.place.command(*args), preexec_fn=lambda: [os.close(fd) for fd in closed],
                                       timeout=120, **{name: subprocess.DEVNULL for fd, name in enumerate(
                                           ('stdin', 'stdout', 'stderr')) if fd not in closed})
                    self.assertEqual(p.returncode, 74 if 1 in closed else 0, args)
                self.assertEqual(self.place.read('PRAGMA integrity_check'), [('ok',)])
        p = subprocess.run(self.place.command('rep-check', '--file', '-'), preexec_fn=lambda: os.close(0), timeout=120,
                           stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.assertEqual(p.returncode, 74, p.stderr)


class FileLimit(Case):
    """RLIMIT_FSIZE, whose signal ended hooks."""

    def limited(self, args, size):
        return self.start(args, stdout=subprocess.DEVNULL,
                          preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)))

    def test_a_file_that_may_not_grow_ends_no_program_by_a_signal(self):
        for size in (100, 40000):
            for args, wants in ((('rep-report', '--enqueue', '--', '45.9.9.5'), {0, 74}),
                                (('rep-check', '--gate', '--', '45.9.9.5'), {0}),
                                (('rep-check', '--login', '--', '45.9.9.4'), {0}),
                                (('rep-check', '--gate', '--', BLOCKED), {10}),
                                (('rep-check', '--is-blocked', '--', BLOCKED), {10}),
                                (('rep-report', '--flush'), {0, 74, 73}), (('rep-purge',), {0, 74}),
                                (('rep-check', '--ready'), {0, 74})):
                with self.subTest(size=size, args=args):
                    self.keep(store_case.KEPT[-1])
                    self.assertIn(self.limited(args, size).returncode, wants)

    def test_a_report_that_was_not_recorded_is_74(self):
        p = self.limited(('rep-report', '--enqueue', '--', '45.9.9.5'), 100)
        self.assertEqual(p.returncode, 74, p.stderr)


if __name__ == '__main__':
    store_case.main()
