# SPDX-License-Identifier: MIT
"""
chromium.py - pages in a real Chromium without a screen, driven by the DevTools protocol over a pipe

Packages are unpacked, not installed (host/packages.py): 93 MB to download, 300 MB on disk. Protocol:
chromedevtools.github.io/devtools-protocol; --remote-debugging-pipe ends each message with a NUL byte.
"""
import base64
import contextlib
import json
import os
import select
import shutil
import subprocess
import tempfile
import time

from host import packages

PROGRAM = 'usr/lib/chromium/chromium-headless-shell'
ANSWER_S = 60


def unpacked(directory):
    """Where Chromium and a font are; fetched once."""
    return packages.unpacked(directory, 'chromium', ['chromium-headless-shell', 'fonts-liberation'])


class Browser:
    def __init__(self, directory):
        root = unpacked(directory)
        self.work = tempfile.mkdtemp(prefix='iprep-chromium.', dir='/var/tmp')
        with open(f'{self.work}/fonts.conf', 'w', encoding='ascii') as file:
            file.write('<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig>'
                       f'<dir>{root}/usr/share/fonts</dir><cachedir>{self.work}/cache</cachedir>'
                       '<match><edit name="family" mode="append_last"><string>Liberation Sans</string></edit></match>'
                       '</fontconfig>')
        to_read, to_write = os.pipe()
        from_read, from_write = os.pipe()
        self.process = self.start(root, to_read, from_write)
        os.close(to_read)
        os.close(from_write)
        self.to, self.out = to_write, from_read
        self.buffer, self.last, self.events = b'', 0, []

    def start(self, root, to_read, from_write):
        libraries = ':'.join(f'{root}/usr/lib/{name}' for name in ('x86_64-linux-gnu', 'x86_64-linux-gnu/pulseaudio'))
        env = {'PATH': os.environ['PATH'], 'HOME': self.work, 'LD_LIBRARY_PATH': libraries,
               'FONTCONFIG_FILE': f'{self.work}/fonts.conf', 'TZ': 'UTC'}
        words = [f'{root}/{PROGRAM}', '--remote-debugging-pipe', '--no-sandbox', '--disable-gpu',
                 '--disable-dev-shm-usage', '--disable-background-networking', '--no-first-run',
                 f'--user-data-dir={self.work}/user', 'about:blank']
        # the protocol is spoken on descriptors 3 and 4
        shell = f'exec "$@" 3<&{to_read} 4>&{from_write}'
        with open(f'{self.work}/log', 'wb') as log:
            return subprocess.Popen(['sh', '-c', shell, 'sh', *words], env=env, pass_fds=(to_read, from_write),
                                    stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def close(self):
        with contextlib.suppress(OSError, RuntimeError):
            self.call('Browser.close')
        os.close(self.to)
        os.close(self.out)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(20)
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.work, ignore_errors=True)

    def receive(self):
        end = time.monotonic() + ANSWER_S
        while b'\0' not in self.buffer:
            ready, _, _ = select.select([self.out], [], [], max(0, end - time.monotonic()))
            chunk = os.read(self.out, 1 << 20) if ready else b''
            if not chunk:
                with open(f'{self.work}/log', encoding='utf-8', errors='replace') as log:
                    raise RuntimeError(f'Chromium does not answer: {log.read()[-2000:]}')
            self.buffer += chunk
        message, self.buffer = self.buffer.split(b'\0', 1)
        return json.loads(message)

    def call(self, method, session=None, **params):
        self.last += 1
        message = {'id': self.last, 'method': method, 'params': params, **({'sessionId': session} if session else {})}
        os.write(self.to, json.dumps(message).encode() + b'\0')
        while (answer := self.receive()).get('id') != self.last:
            self.events.append(answer)
        if 'error' in answer:
            raise RuntimeError(f'{method}: {answer["error"]}')
        return answer['result']

    def page(self, url, width=1280, height=900, scheme='light'):
        return Page(self, url, width, height, scheme)


class Page:
    """A tab that has loaded url."""

    def __init__(self, browser, url, width, height, scheme):
        self.browser = browser
        self.target = browser.call('Target.createTarget', url='about:blank')['targetId']
        self.session = browser.call('Target.attachToTarget', targetId=self.target, flatten=True)['sessionId']
        for domain in ('Page', 'Runtime', 'Log', 'Network', 'Audits', 'Accessibility', 'DOM'):
            self.call(f'{domain}.enable')
        self.call('Emulation.setDeviceMetricsOverride', width=width, height=height, deviceScaleFactor=1,
                  mobile=width < 600)
        self.emulate(scheme)
        self.call('Page.navigate', url=url)
        self.wait_for('Page.loadEventFired')

    def call(self, method, **params):
        return self.browser.call(method, self.session, **params)

    def emulate(self, scheme, medium=''):
        self.call('Emulation.setEmulatedMedia', media=medium,
                  features=[{'name': 'prefers-color-scheme', 'value': scheme}])

    def of_mine(self):
        return [event for event in self.browser.events if event.get('sessionId') == self.session]

    def wait_for(self, method):
        while not any(event['method'] == method for event in self.of_mine()):
            self.browser.events.append(self.browser.receive())

    def complaints(self):
        """What a developer would see in the console: messages, errors, violations of the policy, issues."""
        found = []
        for event in self.of_mine():
            if event['method'] == 'Log.entryAdded':
                found.append(event['params']['entry']['text'])
            elif event['method'] == 'Runtime.consoleAPICalled':
                found.append(str(event['params']['args']))
            elif event['method'] in ('Runtime.exceptionThrown', 'Audits.issueAdded'):
                found.append(json.dumps(event['params']))
        return found

    def requests(self):
        return [event['params']['request']['url'] for event in self.of_mine()
                if event['method'] == 'Network.requestWillBeSent']

    def evaluate(self, expression):
        """What an expression of JavaScript gives, from the tools: the policy of the page does not hold for it."""
        done = self.call('Runtime.evaluate', expression=expression, returnByValue=True)
        if 'exceptionDetails' in done:
            raise RuntimeError(json.dumps(done['exceptionDetails']))
        return done['result'].get('value')

    def names(self):
        """[(role, name)] of the accessibility tree."""
        nodes = self.call('Accessibility.getFullAXTree')['nodes']
        return [(node['role']['value'], node.get('name', {}).get('value', '')) for node in nodes
                if not node.get('ignored')]

    def screenshot(self, path):
        size = self.call('Page.getLayoutMetrics')['cssContentSize']
        clip = {'x': 0, 'y': 0, 'width': size['width'], 'height': size['height'], 'scale': 1}
        self.save(path, self.call('Page.captureScreenshot', captureBeyondViewport=True, clip=clip)['data'])

    def pdf(self, path):
        self.save(path, self.call('Page.printToPDF', printBackground=True, preferCSSPageSize=True)['data'])

    def save(self, path, data):
        with open(path, 'wb') as file:
            file.write(base64.b64decode(data))

    def close(self):
        self.browser.call('Target.closeTarget', targetId=self.target)
