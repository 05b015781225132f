# SPDX-License-Identifier: MIT
"""proc_probe.py - what a user sees of a running process in /proc"""
import json
import os
import subprocess

from places import OWNER

PROBE = """import json, os, sys
seen = {}
for name in sys.argv[2].split(','):
    path = f'/proc/{sys.argv[1]}/{name}'
    try:
        if os.path.isdir(path):
            for entry in os.listdir(path):
                os.readlink(f'{path}/{entry}')
            seen[name] = 'listed'
        else:
            with open(path, 'rb') as f:
                seen[name] = f.read(1 << 20).hex()
    except OSError as e:
        seen[name] = e.errno
print(json.dumps(seen))
"""
PRIVATE = ('environ', 'mem', 'maps', 'smaps', 'fd', 'map_files', 'auxv', 'stack', 'syscall', 'io', 'pagemap')
PUBLIC = ('cmdline', 'status', 'stat', 'comm', 'statm', 'cgroup', 'mountinfo', 'limits')


def probe(pid, uid, names):
    """{name: what user uid reads of /proc/PID/name, in bytes, 'listed', or the error's number}."""
    p = subprocess.run(['setpriv', '--reuid', str(uid), '--regid', str(uid), '--clear-groups',
                        '/usr/bin/python3', '-S', '-c', PROBE, str(pid), ','.join(names)],
                       capture_output=True, text=True, check=True, cwd='/')
    return {n: bytes.fromhex(v) if isinstance(v, str) and v != 'listed' else v
            for n, v in json.loads(p.stdout).items()}


def status_of(pid):
    """{field: text} of /proc/PID/status"""
    with open(f'/proc/{pid}/status', encoding='ascii') as f:
        return dict(line.rstrip('\n').split(':\t', 1) for line in f if ':\t' in line)


def as_owner():
    os.setgroups([])
    os.setgid(OWNER)
    os.setuid(OWNER)
