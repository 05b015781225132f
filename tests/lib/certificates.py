# SPDX-License-Identifier: MIT
"""certificates.py - authorities and certificates of a test, made with the openssl command"""
import os
import shutil
import subprocess
import tempfile

CONF = """[ca]
default_ca = ca
[ca]
database = {0}/{1}.index
new_certs_dir = {0}
rand_serial = yes
default_md = sha256
policy = any
unique_subject = no
copy_extensions = none
[any]
commonName = supplied
[leaf]
basicConstraints = critical,CA:FALSE
[named]
basicConstraints = critical,CA:FALSE
subjectAltName = {2}
"""
BEFORE, LATER = '20200101000000Z', '20900101000000Z'


class Certificates:
    """authority(NAME), then leaf(...); all files are below dir."""

    def __init__(self, directory=None):
        self.dir = directory or tempfile.mkdtemp(prefix='iprep-tls.', dir='/var/tmp')
        os.makedirs(self.dir, exist_ok=True)
        os.chmod(self.dir, 0o755)

    def close(self):
        shutil.rmtree(self.dir)

    def path(self, name):
        return os.path.join(self.dir, name)

    def openssl(self, *args):
        p = subprocess.run(['openssl', *args], capture_output=True, text=True, stdin=subprocess.DEVNULL)
        if p.returncode:
            raise AssertionError(f'openssl {args}: {p.stderr}')

    def new_key(self, name):
        self.openssl('genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out',
                     self.path(name + '.key'))
        return self.path(name + '.key')

    def authority(self, name):
        """The file to trust."""
        key = self.new_key(name)
        self.openssl('req', '-x509', '-new', '-key', key, '-days', '3650', '-subj', '/CN=' + name, '-addext',
                     'keyUsage=critical,keyCertSign,cRLSign', '-out', self.path(name + '.pem'))
        return self.path(name + '.pem')

    def leaf(self, name, authority, names, start=BEFORE, end=LATER, common_name='api'):
        """(certificate, key): names as "IP:127.0.0.1,DNS:localhost", or '' for none."""
        key = self.new_key(name)
        open(self.path(authority + '.index'), 'a', encoding='ascii').close()
        with open(self.path('ca.conf'), 'w', encoding='ascii') as f:
            f.write(CONF.format(self.dir, authority, names))
        request = self.path(name + '.csr')
        self.openssl('req', '-new', '-key', key, '-subj', '/CN=' + common_name, '-out', request)
        self.openssl('ca', '-batch', '-notext', '-config', self.path('ca.conf'), '-in', request, '-cert',
                     self.path(authority + '.pem'), '-keyfile', self.path(authority + '.key'), '-startdate',
                     start, '-enddate', end, '-extensions', 'named' if names else 'leaf', '-out',
                     self.path(name + '.pem'))
        return self.path(name + '.pem'), key

    def self_signed(self, name, names):
        key = self.new_key(name)
        self.openssl('req', '-x509', '-new', '-key', key, '-days', '3650', '-subj', '/CN=api', '-addext',
                     'subjectAltName=' + names, '-out', self.path(name + '.pem'))
        return self.path(name + '.pem'), key
