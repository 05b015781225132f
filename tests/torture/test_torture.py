# SPDX-License-Identifier: MIT
"""A few of the points of tests/torture/run: the rows of data/torture.tsv."""
import unittest

import rows
from campaign import Campaign


@rows.each('torture.tsv', at_least=15)
class Torture(unittest.TestCase):
    def try_row(self, row):
        only = tuple('' if row[key] == '-' else row[key] for key in ('call', 'errno'))
        campaign = Campaign(row['command'], row['kind'], int(row['every']), int(row['first']), only)
        self.addCleanup(campaign.close)
        self.assertEqual([f'{point} {what}: {text}' for point, what, text in campaign.run()], [])
        self.assertGreater(campaign.points, 0)
