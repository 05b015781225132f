# SPDX-License-Identifier: MIT
"""A DNS list on loopback, in a thread: lists some addresses, is slow or silent for others."""
import select
import socket
import struct
import threading
import time


class DnsList:
    def __init__(self, listed=(), slow=None, silent=(), pause=0):
        self.listed, self.slow, self.silent = {'127.0.0.2', *listed}, slow or {}, set(silent)
        self.pause = pause                 # before each answer: seconds
        self.asked = []
        self.later = []                    # (when, answer, to)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        self.socket.bind(('127.0.0.1', 0))
        self.port = self.socket.getsockname()[1]
        self.running = True
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def stop(self):
        self.running = False
        self.thread.join()
        self.socket.close()

    def run(self):
        while self.running:
            if select.select([self.socket], [], [], 0.01)[0]:
                self.take(*self.socket.recvfrom(512))
            now = time.monotonic()
            for item in [i for i in self.later if i[0] <= now]:
                self.later.remove(item)
                self.socket.sendto(*item[1:])

    def take(self, message, sender):
        labels, at = [], 12
        while message[at]:
            labels.append(message[at + 1:at + 1 + message[at]].decode())
            at += 1 + message[at]
        kind = struct.unpack_from('>H', message, at + 1)[0]
        address = '.'.join(reversed(labels[:4]))
        self.asked.append(address)
        if address in self.silent:
            return
        time.sleep(self.pause)
        answer = self.answer(message[:2], message[12:at + 5], address, kind)
        delay = self.slow.get(address)
        if delay:
            self.later.append((time.monotonic() + delay, answer, sender))
        else:
            self.socket.sendto(answer, sender)

    def answer(self, ident, question, address, kind):
        data = {1: b'\x7f\0\0\4', 16: b'\6listed'}.get(kind)
        if address not in self.listed or not data:
            return ident + struct.pack('>HHHHH', 0x8583, 1, 0, 0, 0) + question
        record = b'\xc0\x0c' + struct.pack('>HHIH', kind, 1, 3600, len(data)) + data
        return ident + struct.pack('>HHHHH', 0x8580, 1, 1, 0, 0) + question + record
