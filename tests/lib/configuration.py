# SPDX-License-Identifier: MIT
"""
configuration.py - builds the text of an iprep.conf

    build(dns=server.port, lists={'zen': '127.0.0.2*3'}, api=emulator.url, spray={'users': 3})

Paths are written {dir}: a Place puts its directory there. What is not given is as in BASE.
"""

BASE = {
    'general': {'state': '{dir}/state/iprep.db', 'verdict_log': '{dir}/state/verdict.log'},
    'tier known': {'threshold': 3, 'bantime': '1d'},
    'tier notorious': {'threshold': 10, 'bantime': '365d'},
    'worker': {'start': 'none', 'linger': 0},
}
NOBODY_LISTENS = 9                         # the port "discard"


def build(sections=None, *, dns=None, lists=None, api=None, **more):
    """
    lists: {name: points} of [dnsbl NAME] sections, with the zone NAME.test; or {name: {key: value}}.
    dns: the port of the resolver on 127.0.0.1. api: the URL of AbuseIPDB, whose key is in {dir}/key; None: no key file is
    looked for, not even the machine's own.
    sections, more: {section: {key: value}}, laid over all of it; None instead of a value or of a section leaves it out.
    """
    made = {name: dict(keys) for name, keys in BASE.items()}
    if dns or lists:
        made['dns'] = {'resolvers': f'127.0.0.1:{dns or NOBODY_LISTENS}'}
    for name, points in (lists or {}).items():
        keys = points if isinstance(points, dict) else {'points': points}
        made[f'dnsbl {name}'] = {'zone': f'{name}.test', **keys}
    made['abuseipdb'] = {'key_file': ''} if api is None else {'url': api, 'key_file': '{dir}/key'}
    for name, keys in [*(sections or {}).items(), *more.items()]:
        made[name] = None if keys is None else {**(made.get(name) or {}), **keys}
    return ''.join(section(name, keys) for name, keys in made.items() if keys is not None)


def section(name, keys):
    return f'[{name}]\n' + ''.join(f'{key} = {value}\n' for key, value in keys.items() if value is not None)
