# SPDX-License-Identifier: MIT
"""
nginx.py - a web server with TLS and a place for those who have a password

error_log is at "info": at Debian's own level nginx writes nothing of TLS that
breaks off, and of bad requests only the access log's 400. The stock jails read
the error log and the access log, so both are kept.
"""

import base64

from host.live.client import Refused
from host.live.daemon import DAY, MINUTES_10, Daemon, Fate, fates, steps
from host.live.users import PASSWORD, USER

SETUP = f"""\
mkdir -p /var/www/html/private
echo hello > /var/www/html/index.html
echo hello > /var/www/html/private/index.html
openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=mail.example.org \\
    -keyout /etc/nginx/key.pem -out /etc/nginx/cert.pem
echo "{USER}:$(openssl passwd -apr1 '{PASSWORD}')" > /etc/nginx/htpasswd
sed -i 's,^error_log .*,error_log /var/log/nginx/error.log info;,' \\
    /etc/nginx/nginx.conf
cat > /etc/nginx/sites-enabled/default <<'END'
server {{
    listen {{address}}:80;
    listen {{address}}:443 ssl;
    server_name mail.example.org;
    ssl_certificate /etc/nginx/cert.pem;
    ssl_certificate_key /etc/nginx/key.pem;
    root /var/www/html;
    location /private/ {{
        auth_basic "private";
        auth_basic_user_file /etc/nginx/htpasswd;
    }}
}}
END
"""
HELLO = (b"\x16\x03\x01\x00\x2f\x01\x00\x00\x2b\x03\x03" + bytes(range(65, 97)) +
         b"\x00\x00\x04\xc0\x2f\xc0\x30\x01\x00")
NOISE = b"\x80\x81\x82\x83\xfe\xff\r\n\r\n"
BAD_REQUESTS = ("HELP", "GET /../../etc/passwd HTTP/1.1", "get / HTTP/1.1")
SCANNED = ("/wp-login.php", "/.env", "/.git/config", "/phpmyadmin/index.php",
           "/cgi-bin/luci", "/owa/auth", "/mysqladmin/", "/roundcube/",
           "/webmail/", "/actuator/health")


class Web:
    """One connection to port 443."""

    port = 443

    def __init__(self, client):
        self.lines = client.connect(self.port, tls=True)

    def get(self, path, authorization=None):
        """The status of the answer."""
        self.lines.send(f"GET {path} HTTP/1.1")
        self.lines.send("Host: mail.example.org")
        if authorization:
            self.lines.send(f"Authorization: Basic {authorization}")
        self.lines.send("")
        status = int(self.lines.line().split()[1])
        self.skip_answer()
        return status

    def skip_answer(self):
        length = 0
        while line := self.lines.line():
            name, _, value = line.partition(": ")
            if name.lower() == "content-length":
                length = int(value)
        self.lines.skip(length)

    def logins(self, user, passwords):
        for password in passwords:
            yield self.login(user, password)

    def login(self, user, password):
        words = base64.b64encode(f"{user}:{password}".encode()).decode()
        status = self.get("/private/", words)
        if status not in (200, 401):
            raise Refused(f"status {status}")
        return status == 200

    def probe(self):
        if self.get("/") != 200:
            raise Refused("no page")

    def quit(self):
        self.lines.close()

    @classmethod
    def scan(cls, client):
        client.connect(cls.port).close()

    @classmethod
    def broken_tls(cls, client):
        send_raw(client, cls.port, HELLO[:20], wait=False)


def send_raw(client, port, data, wait=True):
    """What the server says to these bytes, to the end if it is waited for."""
    lines = client.connect(port)
    lines.send_raw(data)
    if wait:
        lines.drain()
    lines.close()
    return "open"


def noise(_, client):
    yield send_raw(client, 80, NOISE)


def tls_to_http(_, client):
    yield send_raw(client, 80, HELLO)


def http_to_https(_, client):
    yield send_raw(client, 443, b"GET / HTTP/1.1\r\nHost: mail.example.org\r\n\r\n")


def bad_requests(_, client):
    for text in BAD_REQUESTS:
        yield send_raw(client, 80, text.encode() + b"\r\n\r\n")


def scan_for_holes(talk, client):
    for path in SCANNED:
        yield str(talk(client).get(path))


def browser(talk, client):
    """A page, and an icon that is not there."""
    connection = talk(client)
    yield str(connection.get("/"))
    yield str(connection.get("/favicon.ico"))
    connection.quit()


MORE = {
    "noise to port 80": noise,
    "TLS to port 80": tls_to_http,
    "HTTP to port 443": http_to_https,
    "3 bad requests": bad_requests,
    "10 holes looked for": scan_for_holes,
    "browser": browser,
}
KNOWN = {"rep-confirmed": DAY}
STOCK = {"nginx-http-auth": MINUTES_10}
SEARCH = {"nginx-botsearch": MINUTES_10}
OTHER_FATES = {
    "connect and quit": Fate(), "wrong password once": Fate(),
    "10 users, 10 connections": Fate(plain=STOCK, unlisted=STOCK, listed=KNOWN,
                                     may=STOCK),
    "monitoring probe": Fate(),
    "noise to port 80": Fate(listed=KNOWN),
    "TLS to port 80": Fate(listed=KNOWN),
    "HTTP to port 443": Fate(listed=KNOWN),
    "3 bad requests": Fate(listed=KNOWN),
    "10 holes looked for": Fate(plain=SEARCH, unlisted=SEARCH, listed=KNOWN,
                                may=SEARCH),
    "browser": Fate(),
}
NGINX = Daemon(
    name="nginx", number=53, machine="office", packages=("nginx", "openssl"),
    ports=(80, 443), setup=SETUP, services=("nginx -g 'daemon off;'",),
    talk=Web, tags="", logs={"nginx_error_log": "nginx/error.log",
                             "nginx_access_log": "nginx/access.log"},
    stock={"nginx-http-auth": "", "nginx-bad-request": "",
           "nginx-botsearch": ""},
    rep=("rep-nginx-ambiguous",), category="21", tells_good=False,
    steps=steps(**{
        "noise to port 80": ["open"], "TLS to port 80": ["open"],
        "HTTP to port 443": ["open"], "3 bad requests": ["open"] * 3,
        "10 holes looked for": ["404"] * 10, "browser": ["200", "404"]}),
    fates=fates("nginx-http-auth", **OTHER_FATES),
    more=MORE, more_honest=("browser",),
)
