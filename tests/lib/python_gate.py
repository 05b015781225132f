# SPDX-License-Identifier: MIT
"""python_gate.py - action.d/iprep.py without fail2ban: its Gate, which asks a program of the test"""
import contextlib
import importlib.util
import logging
import os
import sys
import threading
import types
from unittest import mock

import places

ECHO = (sys.executable, '-c', 'import sys\nfor line in sys.stdin: print(line.split()[0], 0, flush=True)')
STUBS = {'fail2ban': {}, 'fail2ban.helpers': {'getLogger': logging.getLogger}, 'fail2ban.server': {},
         'fail2ban.server.action': {'ActionBase': object}, 'fail2ban.server.mytime': {'MyTime': object},
         'fail2ban.server.ticket': {'FailTicket': object}}


def load():
    """The module, with as much of fail2ban as it imports."""
    stubs = {}
    for name, members in STUBS.items():
        stubs[name] = types.ModuleType(name)
        stubs[name].__dict__.update(members)
    spec = importlib.util.spec_from_file_location('iprep_action', os.path.join(places.TOP, 'fail2ban/action.d/iprep.py'))
    module = importlib.util.module_from_spec(spec)
    with mock.patch.dict(sys.modules, stubs):
        spec.loader.exec_module(module)
    return module


@contextlib.contextmanager
def no_new_threads():
    """As with a limit of tasks."""
    def refuse(_):
        raise RuntimeError("can't start new thread")
    with mock.patch.object(threading.Thread, 'start', refuse):
        yield
