# SPDX-License-Identifier: MIT
"""[fleet]: the worker publishes and withdraws with the clients of Knot and BIND, at a primary of each"""
import json
import os
import random
import signal
import subprocess

from addresses import reversed_of, some
from host.process import below
from primary import ZONE, Bind
from publishing import LATER, PUBLISHED, UNWANTED, WANTED, PublishingCase
from waiting import wait_until


class AtKnot(PublishingCase):
    def test_what_is_wanted_is_published_and_withdrawn(self):
        self.primary.start()
        self.want('45.1.1.1', '2a02:4780:15::50')
        self.want('45.1.1.2', octet=254, until=LATER + 1)
        self.call('rep-report', '--flush')
        pairs = [(reversed_of('45.1.1.1'), 2, LATER), (reversed_of('45.1.1.2'), 254, LATER + 1),
                 (reversed_of('2a02:4780:15::50'), 2, LATER)]
        self.assertEqual(self.addresses(), sorted(
            [(name, 'A', f'127.0.7.{octet}') for name, octet, _ in pairs] +
            [(name, 'TXT', f'"h=7 u={until}"') for name, _, until in pairs]))
        self.assertEqual(self.states(), [PUBLISHED] * 3)
        self.place.sql(f'UPDATE publication SET state = {UNWANTED}')
        self.due()
        self.call('rep-report', '--flush')
        self.assertEqual((self.addresses(), self.states()), ([], []))

    def test_the_host_publishes_who_it_is(self):
        self.primary.start()
        self.want('45.1.1.1')
        self.call('rep-report', '--flush')
        (name, kind, value), = [row for row in self.primary.records() if row[0].endswith('_host')]
        self.assertEqual((name, kind), ('7._host', 'TXT'))
        self.assertRegex(value, '^"i=[0-9a-f]{16}"$')

    def test_a_thousand_addresses_of_ipv6_need_several_messages(self):
        self.primary.start()
        wanted = [f'2a02:4780:15:{number:x}::{number:x}' for number in range(1, 1001)]
        self.want(*wanted)
        self.call('rep-report', '--flush')
        self.assertEqual(len(self.addresses()), 2000)
        self.assertEqual(set(self.states()), {PUBLISHED})

    def test_a_dead_primary_holds_up_nothing_and_loses_nothing(self):
        self.want(*some(700))
        done = self.call('rep-report', '--flush')
        self.assertIn('[fleet] nothing can be published: the server cannot be reached over TCP', done.stderr)
        self.assertEqual(set(self.states()), {WANTED})
        self.primary.start()
        self.call('rep-report', '--flush')      # a pause of a minute
        self.assertEqual(self.addresses(), [])
        self.due()
        self.call('rep-report', '--flush', says='[fleet] the server takes updates again')
        self.assertEqual((len(self.addresses()), set(self.states())), (1400, {PUBLISHED}))

    def test_damaged_rows_hold_up_no_other_and_go_with_the_next_purge(self):
        self.primary.start()
        self.want('45.1.1.1')
        for key, octet, state in ((b'x', 2, WANTED), (b'', 2, UNWANTED), (b'\xff' * 20, 2, WANTED),
                                  (b'\1' * 16, 999, WANTED), (b'\2' * 16, -5, UNWANTED), (b'\3' * 16, 2, 77)):
            self.place.sql('INSERT INTO publication VALUES(?1, ?1, ?2, ?3, ?4, 0, 0, 1)', key, octet, LATER, state)
        self.call('rep-report', '--flush')
        self.assertEqual([row[2] for row in self.addresses()], ['127.0.7.2', f'"h=7 u={LATER}"'])
        self.block('45.1.1.1')
        self.purge()
        self.assertEqual(self.states(), [PUBLISHED])

    def test_a_key_that_the_server_does_not_know(self):
        self.primary.start()
        self.write_key(self.primary.key(self.primary.form).replace('host7', 'host8'))
        self.want('45.1.1.1')
        done = self.call('rep-report', '--flush')
        self.assertRegex(done.stderr, '(BADKEY|NOTAUTH): the server does not ')      # Knot 3.2 and 3.4
        self.assertEqual((self.addresses(), self.states()), ([], [WANTED]))

    def test_a_wrong_secret(self):
        self.primary.start()
        text = self.primary.key(self.primary.form)
        other = self.server(self.place.path('other')).secret
        self.write_key(text.replace(self.primary.secret, other))
        self.want('45.1.1.1')
        done = self.call('rep-report', '--flush', says='BADSIG: the server has another secret')
        self.assertNotIn(other[:6], done.stderr)

    def test_a_zone_that_the_server_does_not_serve(self):
        self.primary.start()
        self.configure(zone='other.test')
        self.want('45.1.1.1')
        self.call('rep-report', '--flush', says='NOTAUTH: the server does not serve [fleet] zone')

    def test_no_client(self):
        os.unlink(f'{self.clients}/{"knsupdate" if self.primary.form == "line" else "nsupdate"}')
        self.want('45.1.1.1')
        self.call('rep-report', '--flush', says='the client for this form of [fleet] key_file is not installed')

    def test_a_file_that_is_no_key(self):
        self.write_key('no key at all\n')
        self.want('45.1.1.1')
        self.call('rep-report', '--flush', says='[fleet] nothing can be published: ')
        self.assertEqual(self.states(), [WANTED])

    def test_the_serial_is_known_at_the_server(self):
        self.primary.start()
        self.want('45.1.1.1')
        self.call('rep-report', '--flush')
        self.assertEqual(self.place.sql("SELECT value FROM meta WHERE name = 'fleet-serial-primary'"),
                         [(self.primary.serial(),)])


    def test_another_number_publishes_again_and_says_what_is_left(self):
        self.primary.start()
        self.want('45.1.1.1')
        self.call('rep-report', '--flush')
        self.configure(host=8)
        self.call('rep-report', '--flush', says='[fleet] publishes as host 8 in bl.test from now on; what it has as '
                  'host 7 in bl.test is left: rep-purge --fleet-host 7 removes it')
        self.assertEqual([value for _, kind, value in self.addresses() if kind == 'A'], ['127.0.7.2', '127.0.8.2'])
        self.call('rep-purge', '--fleet-host', '7')
        self.assertEqual([value for _, kind, value in self.addresses() if kind == 'A'], ['127.0.8.2'])

    def test_another_zone_publishes_again(self):
        self.primary.start()
        self.want('45.1.1.1')
        self.call('rep-report', '--flush')
        self.configure(zone='other.test')
        self.call('rep-report', '--flush', says='what it has as host 7 in bl.test is left')
        self.assertEqual(self.states(), [WANTED])

    def test_what_is_withdrawn_while_it_is_off_goes_once_it_is_on_again(self):
        self.primary.start()
        self.want('45.1.1.1', '45.1.1.2')
        self.call('rep-report', '--flush')
        text = self.place.text('iprep.conf')
        self.place.configure(text.split('[fleet]')[0])
        self.run_it('rep-purge', '45.1.1.1')
        self.call('rep-report', '--flush')
        self.assertEqual(len(self.addresses()), 4)
        self.place.configure(text)
        self.call('rep-report', '--flush')
        self.assertEqual({name for name, _, _ in self.addresses()}, {reversed_of('45.1.1.2')})


class AtBind(AtKnot):
    server = Bind


class SomeNames(PublishingCase):
    """The server takes records below some names only."""

    owners = (f'45.{ZONE}', f'_host.{ZONE}')

    def test_one_refused_name_holds_up_no_other(self):
        self.primary.start()
        self.want(*some(249), '46.1.1.1', *some(200, first=47)[:1])
        self.call('rep-report', '--flush', says='[fleet] some records are not published: ')
        self.assertEqual(len(self.addresses()), 2 * 249)
        self.assertEqual(sorted(self.states()), [WANTED] * 2 + [PUBLISHED] * 249)


class SomeNamesAtBind(SomeNames):
    server = Bind


class Ready(PublishingCase):
    """rep-check --ready names what [fleet] lacks, without network."""

    def refused(self, says):
        done = self.call('rep-check', '--ready')      # fail2ban bans all the same
        self.assertRegex(done.stderr, r'\Arep-check: [^\n]*\n\Z')
        self.assertIn(says, done.stderr)

    def test_all_is_there(self):
        self.call('rep-check', '--ready')

    def test_no_key_file(self):
        os.unlink(self.place.path('fleet.key'))
        self.refused('[fleet] key_file: ')

    def test_a_file_that_is_no_key(self):
        self.write_key('no key at all\n')
        self.refused('fleet.key')

    def test_no_client_for_the_form_of_the_key(self):
        os.unlink(f'{self.clients}/knsupdate')
        self.refused('has the form of knsupdate, which is not installed; install knot-dnsutils')


class Status(PublishingCase):
    def test_it_shows_what_waits_and_why(self):
        self.want('45.1.1.1', '45.1.1.2')
        self.call('rep-report', '--flush')
        shown = json.loads(self.call('rep-report', '--status', '--json').stdout)['fleet']
        self.assertEqual((shown['zone'], shown['to_publish'], shown['published'], shown['server_serial']),
                         (ZONE, 2, 0, -1))
        self.assertEqual(shown['last_error'], 'the server cannot be reached over TCP')
        text = self.call('rep-report', '--status').stdout
        self.assertIn(f'fleet {ZONE}: 2 to publish, 0 to withdraw, 0 held back, 0 published', text)

    def test_it_shows_the_serials(self):
        self.primary.start()
        self.want('45.1.1.1')
        self.call('rep-report', '--flush')
        shown = json.loads(self.call('rep-report', '--status', '--json').stdout)['fleet']
        self.assertEqual((shown['published'], shown['server_serial']), (1, self.primary.serial()))
        metrics = self.call('rep-report', '--metrics', '-').stdout
        self.assertIn('\niprep_fleet_records{state="published"} 1\n', metrics)


class Killed(PublishingCase):
    """The worker, the runner or the client killed at any moment: nothing lost, nothing twice."""

    KILLS, NAMES = 100, 3000

    def kill_one(self, worker, generator):
        """Any process below the worker, or the worker."""
        processes = [worker.pid, *below(worker.pid)]
        try:
            os.kill(generator.choice(processes), signal.SIGKILL)
        except ProcessLookupError:
            return False
        return True

    def test_nothing_is_lost_and_nothing_doubled(self):
        self.primary.start()
        addresses = some(self.NAMES)
        self.want(*addresses)
        generator, killed = random.Random(19), 0
        for turn in range(self.KILLS):
            self.due()
            self.place.sql(f'UPDATE publication SET state = {WANTED} WHERE state = {PUBLISHED} AND random() % 2')
            self.place.own()
            worker = subprocess.Popen(self.in_place(*self.place.command('rep-report', '--flush', '-q')),
                                      stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            wait_until(lambda: worker.poll() is not None or len(below(worker.pid)) > turn % 2, 'its processes are there')
            for _ in range(generator.randrange(2000)):      # another moment each time
                if worker.poll() is not None:
                    break
            killed += self.kill_one(worker, generator)
            worker.wait(120)
            wait_until(lambda: not self.place.workers(), 'no process is left')
        self.assertGreater(killed, self.KILLS // 2)
        for _ in range(10):
            self.due()
            self.call('rep-report', '--flush')
        expected = [(reversed_of(one), kind, value) for one in addresses
                    for kind, value in (('A', '127.0.7.2'), ('TXT', f'"h=7 u={LATER}"'))]
        self.assertEqual(self.addresses(), sorted(expected))
        self.assertEqual(set(self.states()), {PUBLISHED})
        self.assertEqual(self.place.read_copy('PRAGMA integrity_check'), [[('ok',)]])
