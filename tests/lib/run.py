#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""
run.py - runs one file of tests

    run.py [--build DIR] [--programs DIR] [--times N] [--row NAME] FILE [what unittest takes]

--build: what .ci/build made (programs in DIR/inst/bin); --programs: others; --times: repeat N times, until
one fails; --row: only this row of tables. IPREP_FAILFAST in the environment is -f.
Needs root unless the file has NEEDS_ROOT = False; 77: skipped without it.
"""
import argparse
import importlib.util
import os
import signal
import sys
import unittest

sys.dont_write_bytecode = True             # leave the source tree clean
HERE = os.path.dirname(os.path.abspath(__file__))


def options():
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    add = parser.add_argument
    add('--build', metavar='DIR', default='')
    add('--programs', metavar='DIR')
    add('--times', metavar='N', type=int, default=1)
    add('--row', metavar='NAME')
    add('file')
    return parser.parse_known_args()


def load(path):
    name = os.path.splitext(os.path.basename(path))[0]
    spec = importlib.util.spec_from_file_location(name, path)
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def end(number, _):
    """unittest takes SystemExit for an error of one test: no other one is begun."""
    unittest.TestSuite.run = lambda self, result, debug=False: result
    unittest.TestCase.run = lambda self, result=None: result
    sys.exit(128 + number)


def main():
    given, rest = options()
    os.environ['IPREP_BUILD'] = given.build and os.path.abspath(given.build)
    os.environ['IPREP_PROGRAMS'] = os.path.abspath(given.programs or os.path.join(given.build, 'inst', 'bin'))
    sys.path[:0] = [HERE, os.path.dirname(os.path.abspath(given.file)), os.path.join(HERE, '..', 'contracts')]
    import rows
    rows.ONLY = given.row
    signal.signal(signal.SIGTERM, end)     # what a test started is ended
    module = load(given.file)
    if os.geteuid() and getattr(module, 'NEEDS_ROOT', True):
        print(f'{given.file}: skipped: needs root')
        return 77
    for turn in range(given.times):
        if given.times > 1:
            print(f'-- turn {turn + 1} of {given.times}', file=sys.stderr)
        result = unittest.main(module, argv=[given.file, *rest], exit=False,
                               failfast='IPREP_FAILFAST' in os.environ or None).result
        if not result.wasSuccessful() or result.testsRun <= len(result.skipped) or (given.row and not rows.met):
            return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
