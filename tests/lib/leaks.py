# SPDX-License-Identifier: MIT
"""leaks.py - is a key, or a piece of it, in some bytes? In files? Whatever they were encoded with."""
import base64
import os
import re
import urllib.parse

PIECE = 16                                 # this number of consecutive characters of a key is a leak


class Needle:
    """Finds a key of letters and digits, and every piece of PIECE characters of it.

    Looks through letter case, percent-encoding, the escapes of JSON and C, NUL bytes between the
    characters (UTF-16, records of a database), hexadecimal and base64 in all three alignments.
    """

    def __init__(self, name, key):
        assert len(key) >= PIECE and key.isalnum(), 'a key too short to be told from chance'
        self.name = name
        raw = key.lower().encode()
        self.pieces = {raw[i:i + PIECE] for i in range(len(raw) - PIECE + 1)}
        self.hex = {p.hex().encode() for p in self.pieces}
        self.base64 = {base64.b64encode(form[i:i + 12]) for form in (key.encode(), raw, raw.upper())
                       for i in range(len(raw) - 11)}      # 12: what a piece has whole in any alignment

    def found(self, data):
        """How the key is in data, in a word; None if it is not."""
        for form, text in forms(data):
            if any(p in text for p in self.pieces):
                return form
        if any(p in data.lower() for p in self.hex):
            return 'hexadecimal'
        return 'base64' if any(p in data for p in self.base64) else None

    def around(self, data):
        """The line that holds it, for people; of a failed test's key no harm comes."""
        for form, text in forms(data):
            for line in text.split(b'\n'):
                at = min((line.find(p) for p in self.pieces if p in line), default=-1)
                if at >= 0:
                    return f'{form}: ...{line[max(0, at - 60):at + 90].decode("ascii", "replace")}'
        return self.found(data)


def forms(data):
    low = data.lower()
    yield 'plain', low
    if b'%' in low:
        yield 'percent-encoded', urllib.parse.unquote_to_bytes(low)
    if b'\\' in low:
        yield 'escaped', re.sub(rb'\\(?:u00|x)([0-9a-f]{2})', lambda m: bytes([int(m[1], 16)]), low)
    if b'\0' in low:
        yield 'between NUL bytes', low.replace(b'\0', b'')


def files_below(directory, but=()):
    """(path, bytes) of every file except the named ones; names of files and links are included."""
    for top, directories, names in os.walk(directory):
        for name in directories + names:
            path = os.path.join(top, name)
            if path in but:
                continue
            data = path.encode()
            if os.path.islink(path):
                data += b' ' + os.readlink(path).encode()
            elif os.path.isfile(path):
                with open(path, 'rb') as f:
                    data += b'\n' + f.read()
            yield path, data
