# SPDX-License-Identifier: MIT
"""
api_answers.py - the rows of data/api_answers.tsv, with the bodies that they stand for

    api_answers.py NOW      prints them as a table of unit/test_api_answers.c; NOW is its time
"""
import re
import sys
import time

import rows

CHECK = ('ipAddress="@A@" ;; isPublic=true ;; ipVersion=4 ;; isWhitelisted=false ;; abuseConfidenceScore=100 ;; '
         'countryCode="NL" ;; usageType="Data Center/Web Hosting/Transit" ;; isp="Example" ;; domain="example.net" ;; '
         'hostnames=[] ;; isTor=false ;; totalReports=50 ;; numDistinctUsers=20 ;; lastReportedAt="@-60@+00:00"')
BASES = {'check': CHECK, 'reported': CHECK, 'report': 'ipAddress="@A@" ;; abuseConfidenceScore=100',
         'bulk': 'savedReports=2 ;; invalidReports=[]', 'retract': 'numReportsDeleted=3'}


def read():
    for row in rows.read('api_answers.tsv', 900, ('name', 'kind', 'body', 'right', 'says')):
        row['kind'], _, code = row['kind'].partition(':')
        yield {**row, 'code': int(code or 200)}


def changed(members, cell):
    for change in cell.split(' ;; ') if cell != '-' else ():
        if change.startswith('-'):
            del members[change[1:]]
        else:
            name, value = change.split('=', 1)
            members[name] = value
    return members


def body_of(row, address, now):
    text = row['body'].removeprefix('=')
    if text == row['body']:
        members = changed(changed({}, BASES[row['kind']]), row['body'])
        data = ','.join(f'"{name}":{value}' for name, value in members.items() if name[0] != '+')
        more = ''.join(f',"{name[1:]}":{value}' for name, value in members.items() if name[0] == '+')
        text = '{"data":{' + data + '}' + more + '}'
    text = text.replace('@A@', address)
    text = re.sub('@(-?[0-9]+)@', lambda m: time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(now + 60 * int(m[1]))), text)
    return re.sub(b'<([0-9a-f]{2})>', lambda m: bytes([int(m[1], 16)]), text.encode())


def cell(text):
    """As lib/unit/unit.h has them."""
    if text in (b'', b'-', b'""'):
        return {b'': '""', b'-': r'\-', b'""': r'\"\"'}[text]
    return ''.join(chr(byte) if 32 <= byte < 127 and byte != 92 else f'\\x{byte:02x}' for byte in text)


def print_table(now):
    print('@each_answer_has_its_only_right_verdict', 'name', 'kind', 'code', 'body', 'right', 'says', sep='\t')
    for row in read():
        print(cell(row['name'].encode()), row['kind'], row['code'], cell(body_of(row, '45.1.0.7', now)), row['right'],
              row['says'] if row['says'] == '-' else cell(row['says'].encode()), sep='\t')


if __name__ == '__main__':
    print_table(int(sys.argv[1]))
