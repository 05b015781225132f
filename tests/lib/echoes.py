# SPDX-License-Identifier: MIT
"""echoes.py - answers of an API that sends a key back: in bodies, header fields, in the frame of HTTP itself

No recorded answer of the real service does this; a proxy's error page or a debugging server may.
"""
import functools
import json
import time

import rows
from api_server import answer

ADDRESS = '45.1.1.1'                     # asked about where the path does not say


def error(status, detail, *headers):
    return answer(status, json.dumps({'errors': [{'detail': detail, 'status': status}]}), *headers)


def check_data(request, echo, **more):
    ip = request.path.partition('ipAddress=')[2].partition('&')[0] or ADDRESS
    now = time.strftime('%Y-%m-%dT%H:%M:%S+00:00', time.gmtime())
    data = {'ipAddress': ip, 'isPublic': True, 'abuseConfidenceScore': 100, 'isWhitelisted': None,
            'isTor': False, 'countryCode': echo, 'countryName': echo, 'usageType': echo, 'isp': echo,
            'domain': echo, 'hostnames': [echo], 'totalReports': 9, 'numDistinctUsers': 3,
            'lastReportedAt': now, echo: echo,
            'reports': [{'comment': echo}], **more}
    return json.dumps({'data': data, 'message': echo, 'errors': [{'detail': echo}]})


def written(text, key):
    """A cell, with the key in it."""
    text = '' if text == '-' else rows.text(text)
    escaped = ''.join(f'\\u{ord(c):04x}' for c in key)
    return text.replace('@K@', key).replace('@J@', escaped)


def echo(row, request, key):
    word, *members = row['body'].split()
    if word == 'check':
        body = check_data(request, key, **dict.fromkeys(members, key))
    else:
        body = written(row['body'], key)
    if row['status'] == 'raw':
        return body.encode()
    status, _, phrase = row['status'].partition(' ')
    fields = [written(field, key) for field in row['fields'].split(' ;; ') if field != '-']
    return answer(int(status), body, *fields, phrase=written(phrase, key) or None)


# name: from (request, the key or what is made of it) to an answer
ECHOES = {row['name']: functools.partial(echo, row) for row in rows.read('echoes.tsv', at_least=30)}
