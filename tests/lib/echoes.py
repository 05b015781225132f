# SPDX-License-Identifier: MIT
"""echoes.py - answers of an API that sends a key back: in bodies, header fields, in the frame of HTTP itself

No recorded answer of the real service does this; a proxy's error page or a debugging server may.
"""
import json
import time

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


# name: from (request, the key or what is made of it) to an answer
ECHOES = {
    **{f'{status} with the key in detail': lambda r, k, s=status: error(s, f'Your key {k} is refused.')
       for status in (401, 402, 403, 404, 422, 429, 500)},
    'nothing but the key in detail': lambda r, k: error(422, k),
    **{f'{n} bytes and the key in detail': lambda r, k, n=n: error(422, 'x' * n + k)
       for n in (20, 50, 70, 80)},
    'a message': lambda r, k: answer(422, json.dumps({'message': k})),
    'an error without its wrapper': lambda r, k: answer(429, json.dumps(
        {'detail': k, 'source': {'parameter': k}})),
    'a duplicate': lambda r, k: error(429, f'You can only report `{k}` once in 15 minutes.'),
    'HTML': lambda r, k: answer(403, f'<html><title>{k}</title>', 'Content-Type: text/html'),
    'header fields': lambda r, k: answer(401, '{}', 'X-Echo: ' + k, 'Server: ' + k, 'Set-Cookie: key=' + k,
                                         'WWW-Authenticate: Basic realm="' + k + '"', k + ': 1'),
    'rate headers': lambda r, k: answer(429, '{}', 'Retry-After: ' + k, 'X-RateLimit-Remaining: ' + k,
                                        'X-RateLimit-Limit: ' + k, 'X-RateLimit-Reset: ' + k),
    'Location': lambda r, k: answer(302, '', 'Location: http://127.0.0.1:1/' + k),
    'Content-Encoding': lambda r, k: answer(200, 'x', 'Content-Encoding: ' + k),
    'Transfer-Encoding': lambda r, k: answer(200, 'x', 'Transfer-Encoding: ' + k),
    'Content-Length': lambda r, k: b'HTTP/1.1 200 OK\r\nContent-Length: ' + k.encode() + b'\r\n\r\n{}',
    'the reason phrase': lambda r, k: answer(500, '{}', phrase=k),
    'the reason phrase of a refusal': lambda r, k: answer(401, '{}', phrase='Key ' + k + ' refused'),
    'the status line': lambda r, k: k.encode() + b'\r\n\r\n',
    'the protocol': lambda r, k: b'HTTP/' + k.encode() + b' 200 OK\r\n\r\n',
    'a trailer': lambda r, k: b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n'
                              b'2\r\n{}\r\n0\r\nX: ' + k.encode() + b'\r\n\r\n',
    'a chunk size': lambda r, k: b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n' + k.encode() +
                                 b'\r\n{}',
    'every string of a 200': lambda r, k: answer(200, check_data(r, k)),
    'the address': lambda r, k: answer(200, check_data(r, k, ipAddress=k)),
    'the time': lambda r, k: answer(200, check_data(r, k, lastReportedAt=k)),
    'every number': lambda r, k: answer(200, check_data(r, k, abuseConfidenceScore=k, totalReports=k,
                                                        isPublic=k)),
    'a 200 that is only the key': lambda r, k: answer(200, k),
    'a 200 with errors': lambda r, k: answer(200, json.dumps({'errors': [{'detail': k}]})),
    'escaped in JSON': lambda r, k: answer(422, '{"errors":[{"detail":"%s"}]}' % ''.join(
        f'\\u{ord(c):04x}' for c in k)),
}
