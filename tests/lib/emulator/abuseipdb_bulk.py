# SPDX-License-Identifier: MIT
"""
abuseipdb_bulk.py - the CSV upload of bulk-report

One multipart field "csv" with a file: headings IP,Categories,ReportDate,
Comment in that order, at most 10,000 lines and under 2 MB. A backslash
escapes the enclosure and does not escape itself; a doubled quote is not an
escape, so a comment written that way comes out garbled, which tests can see.

A bad row does not stop the others; it is listed with the row's number, the
headings being row 1 [whether the service counts like that is not known].

Source: AbuseIPDB "IP Bulk Reporter" page and API v2 documentation, read
November 2026. Errors documented: Duplicate IP, Invalid IP, Invalid Category
(input is the address in all three). "Invalid Date" and the 422 texts are ours.
"""

import email.message
import re

import abuseipdb_params as params
from abuseipdb_store import Report

HEADINGS = ["IP", "Categories", "ReportDate", "Comment"]
MAX_LINES = 10000
MAX_BYTES = 2 * 1024 * 1024

# A quoted field with any text between its end and the separator, or a bare field;
# then the separator. Possessive, so that \" never ends a field.
FIELD = re.compile(r'(?:"((?:[^"\\]|\\"|\\)*+)(?:"|\Z)([^,\r\n]*)|([^,\r\n]*))'
                   r'(,|\r\n|\n|\r|\Z)')
LINE_END = re.compile(r"\r\n|\n|\r")


def parse_csv(text):
    """Text -> list of records, each a list of fields. Blank lines are out."""
    records, record, at = [], [], 0
    while at < len(text) or record:
        match = FIELD.match(text, at)
        record.append(field_text(match))
        at = match.end()
        if match[4] != ",":
            if record != [""]:
                records.append(record)
            record = []
    return records


def field_text(match):
    if match[1] is None:
        return match[3]
    return match[1].replace('\\"', '"') + match[2]


def count_lines(text):
    return len(LINE_END.split(text)) - (1 if text[-1:] in "\r\n" else 0)


def multipart(content_type, body):
    """Yield (name, filename or None, content) of each part."""
    header = email.message.Message()
    header["Content-Type"] = content_type
    boundary = header.get_boundary()
    if not boundary:
        return
    for part in (b"\r\n" + body).split(b"\r\n--" + boundary.encode())[1:]:
        head, found, content = part.partition(b"\r\n\r\n")
        if part.startswith(b"--") or not found:
            continue
        name, filename = part_names(head)
        yield name, filename, content


def part_names(head):
    lines = head.decode("latin-1").split("\r\n")
    for line in lines:
        field, _, value = line.partition(":")
        if field.strip().lower() == "content-disposition":
            header = email.message.Message()
            header["Content-Disposition"] = value.strip()
            return (header.get_param("name", None, "content-disposition"),
                    header.get_filename())
    return None, None


def read_upload(content_type, body):
    """The records below the headings, or Refusal for the whole file."""
    raw = None
    for name, filename, content in multipart(content_type, body):
        if name == "csv" and filename is not None:
            raw = content
    if raw is None:
        raise params.invalid("The csv field is required.", "csv")
    if len(raw) >= MAX_BYTES:
        raise params.invalid("The csv must be under 2 MB.", "csv")
    text = raw.decode("utf-8", "replace")
    if count_lines(text) > MAX_LINES:
        raise params.invalid(f"The csv may not have more than {MAX_LINES} "
                             "lines, including the headings.", "csv")
    records = parse_csv(text)
    if not records or records[0] != HEADINGS:
        raise params.invalid("The csv headings must be "
                             + ",".join(HEADINGS) + ".", "csv")
    return records[1:]


def read_row(record, now):
    """(ip, categories, time, comment), or ValueError naming the fault."""
    ip, categories, date, comment = (record + [""] * 4)[:4]
    try:
        ip = params.parse_ip(ip.strip())
    except ValueError:
        raise ValueError("Invalid IP") from None
    try:
        categories = params.parse_categories(categories)
    except ValueError:
        raise ValueError("Invalid Category") from None
    try:
        when = params.parse_time(date.strip(), now)
    except (ValueError, OverflowError):
        raise ValueError("Invalid Date") from None
    return ip, categories, when, comment


def save_row(store, account, record):
    now = store.clock.now()
    ip, categories, when, comment = read_row(record, now)
    if store.is_duplicate(account, ip):
        raise ValueError("Duplicate IP")
    comment, size = params.cut_comment(comment)
    store.add(Report(ip, categories, comment, size, when, now, "bulk",
                     account))


def save_rows(store, account, records):
    """Keep what can be kept; the reply's data."""
    saved, errors = 0, []
    for number, record in enumerate(records, 2):
        try:
            save_row(store, account, record)
            saved += 1
        except ValueError as error:
            errors.append({"error": str(error), "input": record[0],
                           "rowNumber": number})
    return {"savedReports": saved, "invalidReports": errors}
