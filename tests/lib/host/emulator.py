# SPDX-License-Identifier: MIT
"""emulator.py - AbuseIPDB in a network namespace, with a certificate of an authority that iprep is told to trust"""

import api

KEY = api.KEY


class Emulator(api.Emulator):
    """On address:port in a namespace; addresses: the seed."""

    def __init__(self, space, address, directory, addresses, port=8443):
        super().__init__(addresses, tls=True, host=address, port=port, space=space, directory=directory)

    @property
    def server(self):
        return self
