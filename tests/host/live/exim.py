# SPDX-License-Identifier: MIT
"""
exim.py - Exim as Debian configures it, with log-ins against a list of its own

Debian's template has both authenticators as comments: they are switched on, and
so is TLS. They are offered over TLS only. Exim writes nothing of a log-in that
succeeds; the user's name is in the line of the mail that follows.
"""

from live import users
from live.daemon import Daemon, Fate, fates, steps
from live.smtp import Smtp
from live.users import PASSWORD, USER

SETUP = users.SETUP + f"""\
openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=mail.example.org \\
    -keyout /etc/exim4/exim.key -out /etc/exim4/exim.crt
echo "{USER}:$(openssl passwd -6 '{PASSWORD}')" > /etc/exim4/passwd
chown root:Debian-exim /etc/exim4/exim.key /etc/exim4/passwd
chmod 0640 /etc/exim4/exim.key /etc/exim4/passwd
cat > /etc/exim4/update-exim4.conf.conf <<'END'
dc_eximconfig_configtype='internet'
dc_other_hostnames='mail.example.org'
dc_local_interfaces='{{address}}'
dc_use_split_config='false'
dc_localdelivery='mail_spool'
CFILEMODE='644'
END
cat > /etc/exim4/exim4.conf.localmacros <<'END'
MAIN_TLS_ENABLE = yes
MAIN_HARDCODE_PRIMARY_HOSTNAME = mail.example.org
daemon_smtp_ports = 25 : 465 : 587
tls_on_connect_ports = 465
END
for name in plain_server login_server; do
    sed -i "/^# $name:/,/^# *.endif/s/^# //" /etc/exim4/exim4.conf.template
done
update-exim4.conf
"""
# With Debian's log_selector Exim writes nothing of these.
SILENT = ("port scan", "connect and quit", "monitoring probe")


class Submission(Smtp):
    """STARTTLS and AUTH on port 587; who is in sends a mail."""

    port = 587
    uses_tls = True

    def logins(self, user, passwords):
        for is_in in super().logins(user, passwords):
            if is_in:
                self.send_mail()
            yield is_in

    def send_mail(self):
        self.command(f"MAIL FROM:<{USER}@mail.example.org>", "250")
        self.command(f"RCPT TO:<{USER}@mail.example.org>", "250")
        self.command("DATA", "354")
        self.command("Subject: hello\r\n\r\nhello\r\n.", "250")

    @classmethod
    def broken_tls(cls, client):
        """STARTTLS, then no TLS, and gone: Exim would wait for a minute."""
        connection = cls(client)
        connection.hello()
        connection.command("STARTTLS", "220")
        connection.lines.send_raw(b"\x16\x03\x01\x00\x05hello")
        connection.lines.close()


EXIM = Daemon(
    name="exim", number=51, machine="office",
    packages=("exim4-daemon-heavy", "exim4-config", "openssl"),
    ports=(25, 465, 587), setup=SETUP, services=("exim4 -bdf -q30m",),
    talk=Submission, tags="", logs={"exim_main_log": "exim4/mainlog"},
    stock={"exim": ""}, rep=("rep-exim-ambiguous",), steps=steps(),
    fates=fates("exim", **dict.fromkeys(SILENT, Fate())),
)
