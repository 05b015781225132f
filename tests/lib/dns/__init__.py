# SPDX-License-Identifier: MIT
"""A scripted DNS server: server.py runs it, behaviours.py says what it may do."""
