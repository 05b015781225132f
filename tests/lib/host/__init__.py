# SPDX-License-Identifier: MIT
"""hosts: namespaces, fail2ban of a given version, packages, Debian roots, daemons and their clients"""

import os

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.abspath(f"{HERE}/../../..")       # of the source
TESTS = f"{TOP}/tests"
SHIPPED = f"{TOP}/fail2ban"
