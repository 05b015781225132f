# SPDX-License-Identifier: MIT
"""serving.py - "rep-check --gate --serve", asked by a test"""
import subprocess


class Served:
    """It runs until close(). ask() waits for the answers, which come in order."""

    def __init__(self, place, *args):
        self.process = place.start('rep-check', '--gate', '--serve', *args, stdin=subprocess.PIPE)
        self.asked = 0

    def send(self, *requests):
        self.process.stdin.write(''.join(f'{request}\n' for request in requests))
        self.process.stdin.flush()

    def answers(self, count):
        return [self.process.stdout.readline().rstrip('\n') for _ in range(count)]

    def ask(self, *requests):
        """[status] of requests without their ids."""
        first, self.asked = self.asked, self.asked + len(requests)
        self.send(*(f'{first + number} {request}' for number, request in enumerate(requests)))
        answers = [line.split(' ') for line in self.answers(len(requests))]
        if [int(answer[0]) for answer in answers] != list(range(first, self.asked)):
            raise AssertionError(f'answers of other requests: {answers}')
        return [int(answer[1]) for answer in answers]

    def close(self):
        """The end of its input ends it; its status."""
        self.process.stdin.close()
        status = self.process.wait(60)
        self.process.stdout.close()
        self.process.stderr.close()
        return status

    def kill(self):
        self.process.kill()
        self.close()
