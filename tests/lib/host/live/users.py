# SPDX-License-Identifier: MIT
"""users.py - the one who has an account on every machine"""

USER, PASSWORD = "alice", "correct horse"
OLD_PASSWORD = "battery staple"
SETUP = f"""\
id {USER} || useradd -m -s /bin/sh {USER}
echo '{USER}:{PASSWORD}' | chpasswd
"""
