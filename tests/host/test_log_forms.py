# SPDX-License-Identifier: MIT
"""
test_log_forms.py - the lines of tests/data/logs in every form in which a host may keep them

A machine booted by systemd gets every line on /dev/log, as from its daemon. journald
keeps it; rsyslogd writes it with the time stamps of RFC 3164, of ISO 8601 and of
RFC 5424, with rsyslog's own templates. Our filters must find the same in all of them.
"""

import json
import os
import re
import sys

from host import process, samples
from host.cases import FilesCase
from host.unit_case import MachineCase

FACILITY = 21           # local5: no other program of the machine has it
# rsyslog's template -> logtype of fail2ban
TEMPLATES = {"RSYSLOG_TraditionalFileFormat": "file", "RSYSLOG_FileFormat": "file",
             "RSYSLOG_SyslogProtocol23Format": "rfc5424"}
# Else "postfix/smtpd" is "postfix" in RFC 5424 files.
RSYSLOG = 'global(parser.permitSlashInProgramName="on")\n' + "".join(
    f'local5.* action(type="omfile" file="/var/log/forms/{name}" template="{name}")\n'
    for name in TEMPLATES)
# Not what belongs to the prefix of a file: "kernel: [  97.69]: sshd[1]: ", "sshd[1]: [ID 1 auth.info] "
SYSLOG = re.compile(r"(?:[A-Z][a-z]{2} [ \d]\d [\d:]{8}|\d{4}-\d\d-\d\dT\S+) [^\s:]+ "
                    r"((?!kernel:)[^\s:\[]+(?:\[\d+\])?: (?!\[ID ).*)")
# a line of Exim's own log: to syslog it goes with its time stamp or without
EXIM = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?(?: [+-]\d{4})? (.*)")
WAIT_S = 60
# gives messages to syslog, as syslog(3) does
EMIT = """import json, socket, sys
with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
    sock.connect(sys.argv[1])
    for message in json.load(sys.stdin):
        sock.send(message.encode())
"""


def messages(sample):
    """What a daemon gives to syslog for this line: "program[id]: text"."""
    if not sample.line.isprintable():       # rsyslog would write it with escapes
        return []
    if match := SYSLOG.fullmatch(sample.line):
        return [match[1]]
    if sample.service == "exim" and (match := EXIM.fullmatch(sample.line)):
        return [f"exim[811]: {sample.line}", f"exim[812]: {match[1]}"]
    return []


def wanted(sample, logtype):
    """The outcome as far as our filters make it, whatever the version of fail2ban."""
    words = sample.wanted(None) - {"sure", "none"}
    if logtype == "journal" and sample.service == "courier":      # rep-spray.conf says why
        return {word for word in words if not word.startswith("spray=")}
    return words


def shown(line):
    return line["MESSAGE"] if isinstance(line, dict) else line


class LogForms(MachineCase, FilesCase):
    has_iprep = False

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.sent = [(sample, message) for name in samples.names()
                    for sample in samples.read(name) for message in messages(sample)]
        cls.emit()

    @classmethod
    def prepare(cls):
        os.makedirs(cls.host.inside("/var/log/forms"))
        cls.host.write("/etc/rsyslog.d/forms.conf", RSYSLOG)

    @classmethod
    def emit(cls):
        """From inside, so that journald knows the process."""
        lines = [f"<{FACILITY * 8 + 6}>Nov 29 23:00:00 {message}" for _, message in cls.sent]
        first = cls.host.first
        process.run(["nsenter", "-t", first, "-p", sys.executable, "-c", EMIT,
                     f"/proc/{first}/root/run/systemd/journal/dev-log"], stdin=json.dumps(lines))
        for name in TEMPLATES:
            process.wait_for(lambda name=name: len(cls.file(name)) >= len(cls.sent), WAIT_S)

    @classmethod
    def file(cls, template):
        path = cls.host.inside(f"/var/log/forms/{template}")
        if not os.path.exists(path):
            return []
        with open(path, encoding="utf-8", errors="replace", newline="\n") as file:
            return file.read().split("\n")[:-1]

    @classmethod
    def journal(cls):
        said = cls.host.journal("-o", "json", "--all", f"SYSLOG_FACILITY={FACILITY}")
        return [json.loads(line) for line in said.splitlines()]

    def check(self, lines, logtype):
        self.assertEqual(len(lines), len(self.sent))
        filters = [f"{name}[logtype={logtype}]" for name in samples.OURS]
        answers, = self.match([lines], filters)
        for sample, _ in self.sent:
            sample.found = []
        seen = [[] for _ in lines]
        for name, spec in zip(samples.OURS, filters):
            for number, _, address, user in answers[spec]["matches"]:
                seen[number].append((name, address, user))
        wrong = []
        for (sample, _), line, found in zip(self.sent, lines, seen):
            sample.found = found
            if sample.counts_as() - {"none"} != wanted(sample, logtype):
                wrong.append(f"{sample.place}: {shown(line)}\n   is {sorted(sample.counts_as())}, "
                             f"wanted {sorted(wanted(sample, logtype))}")
            elif sample.address and {address for _, address, _ in found} - {sample.address}:
                wrong.append(f"{sample.place}: {shown(line)}\n   another address than {sample.address}")
        if wrong:
            self.fail(f"{len(wrong)} of {len(lines)}:\n" + "\n".join(wrong))

    def test_there_are_lines_of_every_service_that_logs_to_syslog(self):
        self.assertGreaterEqual({sample.service for sample, _ in self.sent},
                                set(samples.STOCK) - {"nginx"})
        self.assertGreater(len(self.sent), 400)

    def test_rsyslog_with_traditional_time_stamps(self):
        self.check(self.file("RSYSLOG_TraditionalFileFormat"), "file")

    def test_rsyslog_with_iso_time_stamps(self):
        self.check(self.file("RSYSLOG_FileFormat"), "file")

    def test_rsyslog_with_the_format_of_rfc_5424(self):
        self.check(self.file("RSYSLOG_SyslogProtocol23Format"), "rfc5424")

    def test_journald(self):
        self.check(self.journal(), "journal")
