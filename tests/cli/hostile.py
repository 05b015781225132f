# SPDX-License-Identifier: MIT
"""
hostile.py - texts that an attacker wants a program to run, print, parse or send

texts(mark, loot): {what it is: bytes}. A program that runs one creates a file
called mark, in the directory loot or its current one; most also contain mark, so
that a search finds every copy of the text.
"""

KERNEL_MAX = 131071                 # bytes of one argument: MAX_ARG_STRLEN - 1, execve(2)


def texts(mark, loot):
    run = f'touch {loot}/{mark}'
    shell = {
        'command substitution': f'$({run})',
        'substitution in the current directory': f'$(touch {mark})',
        'backticks': f'`{run}`',
        'semicolon': f'x;{run};',
        'pipe': f'|{run}',
        'ampersands': f'&& {run} &',
        'an escaped newline': f'x\\n{run}\\n',
        'carriage return': f'x\r{run}\r',
        'double quote': f'";{run};"',
        'single quote': f"';{run};'",
        'both quotes': f"'\"$({run})\"'",
        'redirection': f'x > {loot}/{mark}',
        'process substitution': f'<({run})',
        'glob': f'{mark}*?[a-z]~',
        'a variable of fail2ban': f'$f2bV_F_user{mark}$0$IFS',
        'arithmetic': f'$(( `{run}` ))',
    }
    options = {
        '--help': '--help', '-rf': '-rf', '--': '--', '-n': '-n', '-': '-',
        '--config=': f'--config={loot}/{mark}',
        'an option and its value': f'--retract 9.9.9.9 {mark}',
    }
    formats = {
        'mail header': f'{mark}\rBcc: {mark}@example.test',
        'CSV': f"{mark}\",=cmd|'/C calc'!A0,\"",
        'JSON': f'{mark}"}},{{"data":{{"abuseConfidenceScore":100}}}}',
        'SQL': f"{mark}'); DROP TABLE report;--",
        'form': f'{mark}&ip=9.9.9.9&categories=1&comment={mark}',
        'printf': f'%s%n%n%99999999d{mark}',
        'our template': f'%{{jail}}%{{failures}}{mark}%{{bogus}}',
        'tags of fail2ban': f'<ip><matches><F-USER>{mark}<bogus>',
        'one tag': f'<{mark}>',
        'another address': f'{mark} from 9.9.9.9',
        'path': f'../../../../../etc/{mark}',
        'verdict line': f'{mark}: verdict=confirmed ip=9.9.9.9 score=9 tier=known',
    }
    found = {name: text.encode() for name, text in
             {**shell, **options, **formats}.items()}
    found.update({
        'control characters': b'\x01\x02\x07\x08\x7f\t\x0b' + mark.encode(),
        'escape sequence': b'\x1b]0;' + mark.encode() + b'\x07\x1b[31m',
        'invalid UTF-8': b'\xff\xfe\xc3(\xed\xa0\x80' + mark.encode(),
        'right to left': '\u202e\u2066{}\U0001f4a9\u0000'.replace(
            '\0', '').format(mark).encode(),
        'C1 control': b'\xc2\x9b31m' + mark.encode(),
    })
    return found


def lines(mark, loot):
    """Texts with line ends, which a log line cannot hold, but an argument can."""
    return {
        'newline': f'x\ntouch {loot}/{mark}\n'.encode(),
        'mail header with newline': f'{mark}\r\nBcc: {mark}@x\r\n\r\n'.encode(),
        'CSV row': f"{mark}\"\n9.9.9.9,18,,\"x".encode(),
        'log line': (f'{mark}\n2026-01-01T00:00:00+0000 iprep[1]: verdict='
                     'confirmed ip=9.9.9.9 score=9 tier=known').encode(),
    }


def too_much(mark):
    """What no command line can hold; fail2ban drops it."""
    return {'NUL byte': mark.encode() + b'\0x',
            '200 kB': mark.encode() + b'x' * 200000}
