# SPDX-License-Identifier: MIT
"""A program outside of this project finds libiprep, builds and looks an address up.

It is built by build.sh with find_package() and with pkg-config, as C and as C++, and asks a DNS list of
the test's own; so is the example of libiprep(3). With IPREP_SYSROOT it runs inside of that, where the library
finds its module; without, it is also built from a copy of the prefix in another place.
"""
import contextlib
import os
import shutil
import subprocess
import tempfile
import unittest

import configuration
import facts
from dns import behaviours as b
from dns.server import Server, Zone
from places import PROGRAMS, TOP

PREFIX = os.path.dirname(PROGRAMS)
SYSROOT = os.environ.get('IPREP_SYSROOT', '').rstrip('/')
SCRIPT = os.path.join(TOP, 'tests/user/build.sh')
BUILT = ('look-cmake', 'look-cmake-c++', 'look-pkg', 'look-pkg-c++')


class User(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix='iprep-user.', dir=SYSROOT + '/var/tmp')
        self.addCleanup(shutil.rmtree, self.dir)
        self.inner = self.dir[len(SYSROOT):]           # as the program sees it

    def build(self, prefix, sysroot='', *more):
        p = subprocess.run(['sh', SCRIPT, '--prefix', prefix, '--sysroot', sysroot,
                            *more, os.path.join(self.dir, 'work')], capture_output=True, text=True)
        self.assertEqual(p.returncode, 0, p.stdout + p.stderr)

    def look(self, program, *args):
        chroot = ['chroot', SYSROOT] if SYSROOT else []
        return subprocess.run([*chroot, os.path.join(self.inner, 'work', program), *args], capture_output=True,
                              text=True, timeout=60)

    @contextlib.contextmanager
    def lists(self):
        """A configuration with two lists that are there."""
        conf = os.path.join(self.dir, 'iprep.conf')
        with Server() as dns:
            dns.zones['bad.test'] = Zone({'1.1.1.45': b.listed('127.0.0.2')})
            dns.zones['good.test'] = Zone({'2.1.1.45': b.listed('127.0.0.2')})
            with open(conf, 'w', encoding='ascii') as f:
                f.write(configuration.build(
                    general={'state': f'{self.inner}/state/iprep.db', 'verdict_log': f'{self.inner}/verdict.log'},
                    dns=dns.port, lists={'bad': '127.0.0.2*3', 'good': '127.0.0.2*-1'},
                    abuseipdb={'key_file': ''}))
            yield os.path.join(self.inner, 'iprep.conf')
            self.assertGreater(dns.asked['bad.test'], 0)

    def look_up_with_all(self):
        with self.lists() as conf:
            for program in BUILT:
                with self.subTest(program=program):
                    for address, says in (('45.1.1.1', '45.1.1.1: 3..3\n'), ('45.1.1.2', '45.1.1.2: -1..-1\n')):
                        p = self.look(program, conf, address)
                        self.assertEqual((p.stdout, p.stderr, p.returncode), (says, '', 0))
                    p = self.look(program, conf, '45.1.1.300')
                    self.assertEqual((p.stdout, p.stderr, p.returncode),
                                     ('', 'look: 45.1.1.300: not an IP address\n', 1))

    def libraries_of(self, program):
        """Those it names itself; what libiprep needs is not among them."""
        out = subprocess.run(['readelf', '-d', os.path.join(self.dir, 'work', program)], check=True,
                             capture_output=True, text=True).stdout
        return {line.split('[')[1].split(']')[0] for line in out.splitlines() if '(NEEDED)' in line}

    def test_a_program_finds_builds_and_looks_up(self):
        self.build(PREFIX, SYSROOT)
        self.look_up_with_all()
        for program in BUILT:
            self.assertIn('libiprep.so.0', self.libraries_of(program))
            for other in ('sqlite3', 'curl', 'cares', 'cjson'):
                self.assertNotIn(other, ' '.join(self.libraries_of(program)))

    def test_an_error_of_the_configuration_is_reported_with_its_place(self):
        self.build(PREFIX, SYSROOT)
        with open(os.path.join(self.dir, 'bad.conf'), 'w', encoding='ascii') as f:
            f.write('[general]\ntimeout = 5\n')
        conf = os.path.join(self.inner, 'bad.conf')
        for program in BUILT:
            p = self.look(program, conf, '45.1.1.1')
            self.assertEqual((p.returncode, p.stderr), (1, f'look: {conf}:2: [general] unknown key "timeout"\n'))

    def test_the_example_of_the_manual_page_is_a_program(self):
        example = os.path.join(self.dir, 'example.c')
        lines = facts.section(facts.page(TOP, 'libiprep.3'), 'EXAMPLES')
        lines = lines[lines.index('.Bd -literal -offset indent') + 1:lines.index('.Ed')]
        with open(example, 'w', encoding='ascii') as f:
            f.write(facts.plain('\n'.join(lines)) + '\n')
        self.build(PREFIX, SYSROOT, '--source', example)
        with self.lists() as conf:
            for program in BUILT:
                p = self.look(program, '45.1.1.1', conf)
                self.assertEqual((p.stdout, p.stderr, p.returncode), ('45.1.1.1: 3..3\n', '', 0))

    def test_a_tree_that_was_moved_is_found_and_used_where_it_is(self):
        if SYSROOT or PREFIX == '/usr':
            self.skipTest('a package is not moved')
        root = os.path.join(self.dir, 'root')
        shutil.copytree(PREFIX, root + PREFIX, symlinks=True)
        self.build(PREFIX, root)
        with open(os.path.join(self.dir, 'work/build/CMakeCache.txt'), encoding='utf-8') as f:
            found = next(line for line in f if line.startswith('iprep_DIR'))
        self.assertIn('=' + root, found)
        for program in BUILT:
            out = subprocess.run(['ldd', os.path.join(self.dir, 'work', program)], check=True,
                                 capture_output=True, text=True).stdout
            self.assertIn(root, next(line for line in out.splitlines() if 'libiprep' in line))
        self.look_up_with_all()

    def test_shellcheck_finds_nothing_in_the_script(self):
        if not shutil.which('shellcheck'):
            self.skipTest('shellcheck is not installed')
        subprocess.run(['shellcheck', SCRIPT], check=True)

    def test_what_is_installed_in_vain_is_not_found(self):
        """The test can fail: without the files of the component dev nothing is built."""
        root = os.path.join(self.dir, 'root')
        os.makedirs(os.path.join(root, 'usr'))
        p = subprocess.run(['sh', SCRIPT, '--prefix', '/usr', '--sysroot', root,
                            os.path.join(self.dir, 'work')], capture_output=True, text=True)
        self.assertNotEqual(p.returncode, 0)
