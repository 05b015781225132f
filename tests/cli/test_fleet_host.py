# SPDX-License-Identifier: MIT
"""rep-purge --fleet-host: what a dead host left in the zone, at a primary of each kind"""
import json
import os

from addresses import reversed_of, some
from primary import ZONE, Bind
from publishing import LATER, PUBLISHED, PublishingCase


class AtKnot(PublishingCase):
    """This host is 7. The others write with its key: no access list can look into records."""

    def left_by(self, host, *addresses):
        self.configure(host=host)
        self.want(*addresses)
        self.call('rep-report', '--flush')
        self.configure()
        self.place.clear()
        return self.primary.records()

    def remove(self, host, *args, **more):
        return self.call('rep-purge', '--fleet-host', str(host), *args, **more)

    def test_its_records_go_and_those_of_others_stay(self):
        self.primary.start()
        others = self.left_by(8, '45.1.1.1', '2a02:4780:15::50')
        self.left_by(300, '45.1.1.1', '45.1.1.3', '2a02:4780:15::51')
        done = self.remove(300)
        self.assertEqual(done.stdout, f'removed 7 records of host 300 from {ZONE}\n')
        self.assertEqual(self.primary.records(), others)
        self.assertEqual(self.remove(300).stdout, f'removed 0 records of host 300 from {ZONE}\n')

    def test_a_dry_run_only_counts(self):
        self.primary.start()
        before = self.left_by(8, '45.1.1.1')
        shown = json.loads(self.remove(8, '--dry-run', '--json').stdout)
        self.assertEqual(shown, {'host': 8, 'zone': ZONE, 'records': 3, 'refused': 0, 'unreadable': 0, 'dry_run': True})
        self.assertEqual(self.primary.records(), before)

    def test_thousands_of_records(self):
        self.primary.start()
        self.left_by(8, *some(2500))
        self.assertEqual(json.loads(self.remove(8, '--json').stdout)['records'], 5001)
        self.assertEqual(self.primary.records(), [])

    def test_a_host_that_lost_its_state_keeps_what_it_wants_now(self):
        self.primary.start()
        self.left_by(7, '45.1.1.1', '45.1.1.2')
        self.want('45.1.1.2', '45.1.1.3')
        self.call('rep-report', '--flush')
        self.remove(7)
        self.due()
        self.call('rep-report', '--flush')
        self.assertEqual(sorted({name for name, _, _ in self.addresses()}),
                         [reversed_of('45.1.1.2'), reversed_of('45.1.1.3')])
        self.assertEqual(self.states(), [PUBLISHED] * 2)
        self.assertEqual(len([name for name, _, _ in self.primary.records() if name == '7._host']), 1)

    def test_names_that_a_thief_chose(self):
        self.primary.start()
        self.primary.update(*(f'update add {name}.{ZONE}. 300 A 127.0.8.2' for name in
                              ('*.45', 'x.y.z', '1.1.1.45', 'UPPER.45', r'a\032b.45', r'a\;b.45', r'a\000b.45')),
                            f'update add 1.1.1.45.{ZONE}. 300 TXT "h=8 u=1" "more"',
                            f'update add 1.1.1.45.{ZONE}. 300 TXT "h=8 u=\\"; reboot"',
                            f'update add 1.1.1.45.{ZONE}. 300 TXT "h=80 u=1"')
        done = self.remove(8, status=69, says='3 records are left: the name has characters that no address has')
        self.assertEqual(done.stdout, f'removed 4 records of host 8 from {ZONE}\n')
        self.assertEqual(len(self.addresses()), 3 + 3)

    def test_no_fleet(self):
        self.place.configure(self.place.text('iprep.conf').split('[fleet]')[0])
        self.remove(8, status=78, says='[fleet] zone is not set')

    def test_no_key_file(self):
        os.unlink(self.place.path('fleet.key'))
        self.remove(8, status=78, says='[fleet] key_file: ')

    def test_a_server_that_is_away(self):
        self.remove(8, status=69, says='[fleet] server: ')

    def test_a_key_that_the_server_does_not_know(self):
        self.primary.start()
        self.write_key(self.primary.key(self.primary.form).replace('host7', 'host8'))
        done = self.remove(8, status=69, says='[fleet] server: ')
        self.assertRegex(done.stderr, r'\Arep-purge: [^\n]*\n\Z')

    def test_a_zone_that_the_server_does_not_serve(self):
        self.primary.start()
        self.configure(zone='other.test')
        self.remove(8, status=69, says='[fleet] server: ')

    def test_no_client(self):
        os.unlink(f'{self.clients}/{"kdig" if self.primary.form == "line" else "dig"}')
        self.remove(8, status=69, says='is not installed')


class AtBind(AtKnot):
    server = Bind


class SomeNames(PublishingCase):
    """The server takes changes below some names only."""

    owners = (f'45.{ZONE}', f'_host.{ZONE}')

    def test_what_the_server_refuses_is_left_and_said(self):
        self.primary.start()
        with open(f'{self.primary.directory}/{ZONE}', 'a', encoding='ascii') as f:
            f.write('1.1.1.46 A 127.0.8.2\n2.1.1.45 A 127.0.8.2\n3.1.1.45 A 127.0.8.2\n')
        self.primary.stop()
        self.primary.start()
        done = self.call('rep-purge', '--fleet-host', '8', status=69, says='1 record is left: ')
        self.assertEqual(done.stdout, f'removed 2 records of host 8 from {ZONE}\n')

    def test_all_is_refused(self):
        self.primary.start()
        with open(f'{self.primary.directory}/{ZONE}', 'a', encoding='ascii') as f:
            f.writelines(f'{number}.1.1.46 A 127.0.8.2\n' for number in range(30))
        self.primary.stop()
        self.primary.start()
        self.call('rep-purge', '--fleet-host', '8', status=69, says='[fleet] server: ')


class SomeNamesAtBind(SomeNames):
    server = Bind
