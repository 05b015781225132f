# SPDX-License-Identifier: MIT
"""rep-check --is-blocked: whether a verdict line can ban. 10 while exactly what it names is blocked."""
import rows
from blocks import BlocksCase


class IsBlockedCase(BlocksCase):
    def is_blocked(self, address, status, says='', here=None):
        """here: the addresses of the host, instead of this machine's."""
        call = 'rep-check', '--is-blocked', '--', address
        done = self.place.run_on_a_host_with(here, *call) if here else self.place.run(*call)
        self.assertEqual((done.returncode, done.stdout), (status, ''), done.stderr)
        self.assertIn(says, done.stderr)
        self.assertEqual(done.stderr.count('\n'), 1 if says else 0)


@rows.each('is_blocked.tsv', at_least=40)
class Rows(IsBlockedCase):
    def try_row(self, row):
        self.place.change('ipv6_prefix = 128\n', f'ipv6_prefix = {row["ipv6_prefix"]}\n')
        for block in row['blocked'].split():
            address, *more = block.split(',')
            self.block(address, **{key: int(value) for key, value in (one.split('=') for one in more)})
        self.is_blocked(row['asked'], int(row['status']), row['stderr'].strip('-'))


class IsBlocked(IsBlockedCase):
    def test_a_pardoned_or_forgotten_or_allowed_address_is_not_blocked(self):
        self.put(('45.1.1.1',), ('45.1.1.2',), ('45.1.1.3',), ('45.9.9.1',))
        self.assertEqual(self.place.run('rep-purge', '--pardon', '1d', '45.1.1.1').returncode, 0)
        self.assertEqual(self.place.run('rep-purge', '45.1.1.2').returncode, 0)
        for address, status in (('45.1.1.1', 0), ('45.1.1.2', 0), ('45.1.1.3', 10), ('45.9.9.1', 0)):
            self.is_blocked(address, status)

    def test_nothing_is_written_and_no_look_up_waits(self):
        self.put(('45.1.1.1',))
        before = self.place.sql('SELECT * FROM block')
        self.is_blocked('45.1.1.1', 10)
        self.is_blocked('45.1.1.2', 0)
        self.assertEqual(self.place.sql('SELECT * FROM block'), before)
        self.assertEqual(self.place.sql('SELECT count(*) FROM lookup'), [(0,)])

    def test_an_address_of_this_host_is_not_blocked(self):
        self.put(('45.1.1.1',), ('45.1.1.2',), ('2a02:1::1',))
        for address, status in (('45.1.1.1', 0), ('45.1.1.2', 10), ('2a02:1::1', 0)):
            self.is_blocked(address, status, here=('45.1.1.1/32', '2a02:1::1/128'))

    def test_what_a_damaged_store_does_not_know_is_not_10(self):
        self.put(('45.1.1.1',))
        with open(self.place.path('state/iprep.db'), 'r+b') as f:
            f.write(b'\0' * 100)
        self.is_blocked('45.1.1.1', 74, 'iprep.db')

    def test_a_locked_store_answers(self):
        self.put(('45.1.1.1',))
        with self.place.locked():
            self.is_blocked('45.1.1.1', 10)


class Networks(IsBlockedCase):
    ipv6_prefix = 64

    def test_a_prefix_with_an_address_of_this_host_is_not_blocked(self):
        self.put(('2a02:1::',), ('2a02:2::',))
        for text, status in (('2a02:1::/64', 0), ('2a02:2::/64', 10)):
            self.is_blocked(text, status, here=('2a02:1::7/128',))
