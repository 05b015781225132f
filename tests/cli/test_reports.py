# SPDX-License-Identifier: MIT
"""What is reported, how, and how it is taken back: policy, comments, bulk reports, retractions, status,
and which blocks the administrator is told of. A next try is brought forward in the database."""
import contextlib
import itertools
import json
import os
import sqlite3
import subprocess
import time

from addresses import key_of
from api_server import Api, answer
from cases import BAD, DONE, DROPPED, PARKED, QUEUED, RETRACTED, SENDING, UNKNOWN, Case
from places import DAY, KEY, OWNER
from waiting import wait_until


class ReportCase(Case):
    has_api = True
    sections = {'general': {'timeout_ms': 2000}, 'abuseipdb': {'check': 'never'}}

    def reported(self):
        return sorted(report['ip'] for report in self.api.statistics()['reports'] if not report['cleared'])

    def calls(self, endpoint):
        return self.api.calls(endpoint)

    def send(self, *args):
        """A ban, and a worker."""
        self.enqueue('45.1.1.1', *args)
        self.flush()

    def is_dropped(self):
        self.flush()
        self.assertEqual((self.reported(), self.states()), ([], [DROPPED]))

    def ask(self, url):
        """Another server instead of the emulator."""
        self.place.write('iprep.local', f'[abuseipdb]\nurl = {url}\n')


class Comments(ReportCase):
    sections = {**ReportCase.sections, 'report': {'window': '2d'}}

    def comment(self):
        return self.api.statistics()['reports'][-1]['comment']

    def test_failures_and_names_of_the_window_are_summed_over_reports_and_jails(self):
        now = int(time.time())
        self.send('--failures', '3', '--user', 'root', '--time', str(now - 90000))
        self.assertEqual(self.comment(), 'Brute force on sshd: 3 failures, 1 user names in 2 days')
        self.enqueue('45.1.1.1', '--failures', '4', '--user', 'admin', '--user=root', '--time', str(now - 50))
        self.api.control('clock', {'offset_s': 100000})
        self.flush()
        self.assertEqual(self.comment(), 'Brute force on sshd: 7 failures, 2 user names in 2 days')

    def test_what_came_while_a_report_was_too_young_for_another_is_not_forgotten(self):
        now = int(time.time())
        self.send('--failures', '3', '--time', str(now - 90000))
        self.enqueue('45.1.1.1', '--failures', '5', '--time', str(now - 80000))
        self.assertEqual(self.states(), [DONE])
        self.enqueue('45.1.1.1', '--failures', '1', '--time', str(now))
        self.api.control('clock', {'offset_s': 100000})
        self.flush()
        self.assertEqual(self.comment(), 'Brute force on sshd: 9 failures')

    def test_a_comment_is_never_empty_nor_cut_within_a_name_or_a_character(self):
        for number, (template, comment) in enumerate((('%{users} user names', 'Banned by fail2ban'),
                                                      ('x' * 1018 + '%{failures} y', 'x' * 1018),
                                                      ('x' + 'é' * 700, 'x' + 'é' * 511))):
            self.enqueue(f'45.1.1.{number}', '--failures', '7', '--comment', template)
            self.flush()
            self.assertEqual(self.comment(), comment)
        self.assertEqual(self.api.statistics()['reports'][-1]['comment_bytes'], 1023)

    def test_a_name_is_in_no_comment_and_in_no_file_of_the_state(self):
        self.send('--user', 'hunter2secret', '--failures', '3')
        self.assertNotIn('hunter2', self.comment())
        for name in self.place.files():
            self.assertNotIn(b'hunter2', self.place.bytes('state/' + name), name)


class Policy(ReportCase):
    sections = {**ReportCase.sections, 'report': {'min_users': 3}}

    def test_a_minimum_of_names_is_needed_and_a_jail_without_names_is_exempt(self):
        for user in ('a', 'b', 'a'):
            self.enqueue('45.1.1.1', '--user', user)
        self.assertEqual(self.states(), [])
        self.enqueue('45.1.1.1', '--user', 'c')
        self.enqueue('45.2.2.2')
        self.enqueue('45.3.3.3', '--user', '<F-USER>', '--user', '')     # not known to this fail2ban
        self.assertEqual(self.states(), [QUEUED] * 3)
        self.assertEqual(self.count('lookup'), 3)

    def test_three_addresses_of_a_64_within_the_interval(self):
        for i in range(1, 7):
            self.enqueue(f'2a02:4780:1::{i}')
        self.enqueue('2a02:4780:1:1::1')
        self.enqueue('2a02:4780:1::2')
        self.assertEqual(self.count('report'), 4)
        self.flush()
        self.enqueue('2a02:4780:1::7')
        self.assertEqual(self.count('report'), 4)
        self.sql('UPDATE report SET seen_at = seen_at - 86401, first_at = first_at - 86401')
        self.enqueue('2a02:4780:1::7')
        self.assertEqual(self.count('report'), 5)

    def test_an_address_allowed_in_the_meantime_is_not_reported(self):
        self.enqueue('45.1.1.1')
        self.place.write('iprep.local', '[allow]\naddresses = 45.1.1.0/24\n')
        self.is_dropped()

    def test_an_address_of_this_host_is_not_reported(self):
        self.enqueue('45.1.1.1')
        done = self.place.run_on_a_host_with(['45.1.1.1/32'], 'rep-report', '--flush')
        self.assertEqual((done.returncode, self.reported(), self.states()), (0, [], [DROPPED]), done.stderr)

    def test_what_is_older_than_60_days_is_dropped(self):
        self.enqueue('45.1.1.1')
        self.sql('UPDATE report SET seen_at = seen_at - 60 * 86400 - 60')
        self.is_dropped()

    def test_a_refused_address_is_not_tried_again_within_the_interval(self):
        self.api.fault('http_422', 'report')
        self.send()
        self.enqueue('45.1.1.1', '--time', str(int(time.time())))
        self.assertEqual(self.states(), [PARKED])

    def test_a_ban_without_failures_is_looked_up_and_not_reported(self):
        self.enqueue('45.1.1.1', '--failures', '0')
        self.enqueue('45.1.1.1', '--failures=0', '--time', str(int(time.time())))
        self.run_it('rep-report', '--jail', 'sshd', '--failures', '0', '--', '45.1.1.2', status=None)
        for given in ('1', '<failures>'):
            self.enqueue(f'45.2.2.{len(given)}', '--failures', given)
        self.assertEqual(self.count('report'), 2)
        self.assertEqual(self.sql('SELECT origin, jail, count(*) FROM lookup GROUP BY origin, jail ORDER BY 1'),
                         [(1, 'sshd', 2), (2, 'sshd', 2)])
        self.flush()
        self.assertEqual(self.reported(), ['45.2.2.1', '45.2.2.10'])

    def test_a_list_banned_by_hand_gets_the_lookups_of_ambiguous_lines(self):
        for i in range(20):
            self.enqueue(f'45.1.1.{i}', '--failures', '0')
        self.assertEqual(self.count('lookup'), 16)
        self.enqueue('45.1.1.1', '--failures', '5')         # the jail counts failures afterwards
        self.assertEqual(self.states(), [QUEUED])
        self.assertEqual(self.sql('SELECT max(origin) FROM lookup'), [(2,)])

    def test_a_report_follows_from_no_score(self):
        self.api.control('seed', {'addresses': {'45.1.1.1': BAD}})
        self.run_it('rep-check', '45.1.1.1', status=None)
        self.run_it('rep-check', '--gate', '--jail', 'x', '--', '45.1.1.1', status=None)
        self.flush()
        self.assertEqual((self.states(), self.reported()), ([], []))


class Patience(ReportCase):
    def test_what_never_reached_the_service_is_not_given_up_after_a_day(self):
        for fault in ('http_404', 'http_403_html', 'redirect_302', 'REFUSED'):
            with self.subTest(fault):
                self.setUp()
                self.enqueue('45.1.1.1')
                if fault == 'REFUSED':
                    self.ask('http://127.0.0.1:1/api/v2')
                else:
                    self.api.fault(fault, 'report')
                self.flush()
                self.assertEqual(self.states(), [QUEUED])
                self.sql('UPDATE report SET sent_at = sent_at - 90000 WHERE sent_at > 0')
                self.place.due_now()
                self.place.write('iprep.local', '')
                self.api.clear_faults()
                self.flush()
                self.assertEqual((self.states(), self.reported()), ([DONE], ['45.1.1.1']))

    def test_what_may_have_been_taken_over_a_day_ago_is_shown_and_not_sent_again(self):
        self.enqueue('45.1.1.1')
        self.api.fault('http_500', 'report')
        self.flush()
        self.assertEqual(self.states(), [SENDING])          # with its text, so that the same is merged
        self.sql('UPDATE report SET sent_at = sent_at - 90000')
        self.place.due_now()
        self.api.clear_faults()
        self.flush()
        self.assertEqual((self.states(), self.reported()), ([UNKNOWN], []))
        self.assertIn('never answered', self.run_it('rep-report', '--status').stdout)

    def test_a_page_that_speaks_of_15_minutes_is_no_duplicate(self):
        def page(request):
            return answer(429, '<html>Too busy. Please try again in 15 minutes.</html>')
        self.ask(self.open(Api(page)).url)
        self.send()
        self.assertEqual(self.states(), [QUEUED])

    def test_a_stop_that_is_over_opens_the_endpoint_with_one_call(self):
        self.api.fault('quota_429', 'report', retry_after=3600)
        self.api.fault('quota_429', 'bulk-report')
        for i in range(1, 5):
            self.enqueue(f'45.1.1.{i}')
        self.flush()
        self.assertEqual((self.calls('report'), self.states()), (1, [QUEUED] * 4))
        self.api.clear_faults()
        self.flush()
        self.assertEqual(self.calls('report'), 1)
        self.sql("UPDATE endpoint SET stopped_until = 1 WHERE name = 'report'")     # long ago
        self.flush()
        self.assertEqual((self.calls('report'), self.states()), (5, [DONE] * 4))

    def test_a_service_that_names_a_time_is_not_called_before_it(self):
        self.ask(self.open(Api(lambda request: answer(503, '{}', 'Retry-After: 7200'))).url)
        self.enqueue('45.1.1.1')
        begun = time.time()
        self.flush()
        self.assertGreaterEqual(self.sql('SELECT next_at FROM report')[0][0], int(begun) + 7200)

    def test_an_event_at_the_end_of_the_interval_is_another_report(self):
        at = int(time.time()) - 2 * 86400
        self.send('--time', str(at))
        self.enqueue('45.1.1.1', '--time', str(at + 86399))
        self.assertEqual(self.states(), [DONE])
        self.enqueue('45.1.1.1', '--time', str(at + 86400))
        self.assertEqual(self.states(), [DONE, QUEUED])

    def test_answers_that_come_after_a_401_do_not_lift_it(self):
        turns = itertools.count()

        def by_turns(request):
            return answer(500, '{}') if next(turns) % 2 else answer(401, '{"errors":[{"detail":"no","status":401}]}')
        api = self.open(Api(by_turns))
        self.ask(api.url)
        for number in range(1, 30):
            self.enqueue(f'45.1.1.{number}')
        self.sql("INSERT INTO endpoint(name, day, quota, remaining, known, stopped_until, last_ok_at, last_error_at,"
                 " last_error, first_until) VALUES('report', ?, 1000, 1000, 1, 0, 0, 0, '', 0)",
                 int(time.time()) // DAY)
        said = self.run_it('rep-report', '--flush').stderr
        self.assertLessEqual(len(api.requests), 32)            # those that were on their way
        self.assertEqual(said.count('key was refused'), 1, said)
        self.flush()
        self.assertLessEqual(len(api.requests), 32)


class Bulk(ReportCase):
    api_options = ('--limit', 'report=2')

    def fill(self, count, *args, net=0):
        """This number of waiting reports, as that many hooks would have left them, without their lookups."""
        self.enqueue(f'45.{net}.0.0', '--categories', '18,22', '--failures', '3', *args)
        first = key_of(f'45.{net}.0.0')
        with contextlib.closing(sqlite3.connect(self.place.db, timeout=30)) as db, db:
            db.executemany('INSERT INTO report(key, addr, state, jail, categories, comment, failures, first_at,'
                           ' seen_at, next_at, tries, sent_at, why, ended_at) SELECT ?1, ?1, 0, jail, categories,'
                           " comment, failures, first_at, seen_at, next_at, 0, 0, '', 0 FROM report WHERE addr = ?2",
                           [(first[:-2] + number.to_bytes(2, 'big'), first) for number in range(1, count)])
            db.execute('DELETE FROM lookup')

    def learn(self):
        self.enqueue('45.200.1.1')
        self.flush()
        self.assertEqual(self.calls('report'), 1)

    def waiting(self, count, *args):
        self.learn()
        self.fill(count, *args)

    def test_10000_waiting_reports_take_the_last_single_call_and_one_file(self):
        self.waiting(10000)
        self.flush()
        self.assertEqual((self.calls('report') - 1, self.calls('bulk-report')), (1, 1))
        self.assertEqual((len(self.reported()), set(self.states())), (10001, {DONE}))
        self.assertEqual(self.api.statistics()['merged'], [])
        sent = [r for r in self.api.statistics()['reports'] if r['via'] == 'bulk'][0]
        self.assertEqual((sent['comment'], sent['categories']), ('Brute force on sshd: 3 failures', [18, 22]))

    def test_a_file_is_at_most_2_mb_and_its_rows_survive_quotes_and_backslashes(self):
        self.learn()
        comment = 'say "hi" \\" and \\ ' + 'x' * 900 + '\\'
        self.fill(4000, '--comment', comment)
        self.flush()
        self.assertEqual(self.calls('bulk-report'), 2)
        self.assertEqual(len(self.reported()), 4001)
        got = {r['comment'] for r in self.api.statistics()['reports'] if r['via'] == 'bulk'}
        self.assertEqual(got, {'say "hi" /" and \\ ' + 'x' * 900 + '/'})

    def test_each_row_has_its_own_outcome(self):
        self.waiting(5)
        self.sql("UPDATE report SET categories = '99' WHERE addr = ?", key_of('45.0.0.2'))
        self.api.control('seed', {'addresses': {}})
        self.flush()
        self.assertEqual(self.sql('SELECT state, why FROM report WHERE state <> 3'), [(PARKED, 'Invalid Category')])
        self.assertEqual(len(self.reported()), 5)

    def test_a_row_that_was_reported_just_now_is_done(self):
        self.waiting(5)
        self.sql("UPDATE report SET state = 1, frozen = 'x', sent_at = seen_at WHERE state = 0")
        self.api.fault('reset_after', 'bulk-report', count=1)
        self.flush()
        self.assertEqual(set(self.states()), {DONE, SENDING})
        self.place.due_now()
        self.sql("UPDATE endpoint SET last_ok_at = 0 WHERE name = 'bulk-report'")
        self.flush()
        self.assertEqual(set(self.states()), {DONE})
        self.assertEqual(len(self.reported()), 6)
        self.assertEqual(self.api.statistics()['merged'], [])

    def test_an_answer_that_does_not_account_for_the_rows_sent_is_about_another_file(self):
        refused = {'error': 'Invalid IP', 'input': '45.9.9.9', 'rowNumber': 2}
        ours = {**refused, 'input': '45.0.0.2'}
        for saved, rows, states in ((5, [], {DONE}), (4, [ours], {DONE, PARKED}), (4, [], {SENDING}),
                                    (6, [], {SENDING}), (9999, [], {SENDING}), (4, [refused], {SENDING}),
                                    (5, [refused], {SENDING}), (5, [ours], {SENDING, PARKED}),
                                    (3, [ours, ours], {SENDING, PARKED})):
            with self.subTest(saved=saved, rows=rows):
                bulk = json.dumps({'data': {'savedReports': saved, 'invalidReports': rows}})
                single = json.dumps({'data': {'ipAddress': '45.200.1.1', 'abuseConfidenceScore': 0}})
                limits = ('X-RateLimit-Limit: 9', 'X-RateLimit-Remaining: 0')
                texts = {'/api/v2/report': single, '/api/v2/bulk-report': bulk}
                api = self.open(Api(lambda request, texts=texts: answer(200, texts[request.path], *limits)))
                self.start(api=api.url)
                self.enqueue('45.200.1.1')
                self.flush()
                self.fill(5)
                self.sql("UPDATE endpoint SET remaining = 5 WHERE name = 'bulk-report'")
                self.flush()
                self.assertEqual([request.path for request in api.requests].count('/api/v2/bulk-report'), 1)
                found = self.sql('SELECT state FROM report WHERE addr <> ?', key_of('45.200.1.1'))
                self.assertEqual({state for state, in found}, states)

    def test_a_file_that_is_refused_leaves_each_to_go_alone(self):
        self.waiting(5)
        self.api.fault('http_422', 'bulk-report')
        self.flush()
        self.assertEqual(self.states().count(DONE), 2)        # the one that taught, and the last single call
        self.assertEqual(self.states().count(QUEUED), 4)
        self.assertEqual(self.calls('bulk-report'), 1)
        self.flush()
        self.assertEqual(self.calls('bulk-report'), 1)

    def test_a_file_that_failed_goes_again_as_a_whole(self):
        self.waiting(120)
        self.api.fault('http_503', 'bulk-report', count=1)
        self.flush()
        self.assertEqual(len(self.sql('SELECT DISTINCT next_at FROM report WHERE state < 2')), 1)

    def test_few_bulk_calls_are_spread_over_the_day(self):
        self.learn()
        for i in range(2):
            self.fill(5, net=i)
            self.sql("UPDATE endpoint SET remaining = 0 WHERE name = 'report'")
            self.flush()
        self.assertEqual(self.calls('bulk-report'), 1)
        self.assertEqual(self.states().count(QUEUED), 5)
        self.fill(1000, net=3)                                # this number of reports does not wait
        self.flush()
        self.assertEqual((self.calls('bulk-report'), self.states().count(QUEUED)), (2, 0))

    def test_the_first_call_of_a_day_goes_alone_and_never_more_than_are_left(self):
        for i in range(1, 7):
            self.enqueue(f'45.5.5.{i}')
        self.api.fault('quota_429', 'bulk-report')
        self.flush()
        self.assertEqual(self.calls('report'), 2)
        self.assertEqual(self.api.statistics()['endpoints']['report']['refused'], {})
        self.assertEqual(sorted(self.states()), [QUEUED] * 4 + [DONE] * 2)


class Retract(ReportCase):
    def retract(self, *args, **more):
        return self.run_it('rep-report', '--retract', *args, '45.1.1.1', **more)

    def test_what_was_reported_is_deleted_and_what_waits_is_cancelled(self):
        self.send()
        self.assertEqual(self.reported(), ['45.1.1.1'])
        self.assertEqual(self.retract().stdout,
                         '45.1.1.1: retracted; sent reports deleted: 1, queued reports cancelled: 0\n')
        self.assertEqual((self.reported(), self.states()), ([], [RETRACTED]))
        self.enqueue('45.1.1.1')
        self.assertEqual(self.states(), [RETRACTED])          # within the interval it is left alone

    def test_a_report_that_waits_never_goes(self):
        self.enqueue('45.1.1.1')
        self.assertEqual(json.loads(self.retract('--json').stdout),
                         {'address': '45.1.1.1', 'retracted': False, 'cancelled': 1, 'deleted': 0})
        self.flush()
        self.assertEqual((self.reported(), self.states(), self.calls('report')), ([], [], 0))

    def test_what_the_service_cannot_have_costs_no_call(self):
        nothing = '45.1.1.1: nothing to retract: no report that AbuseIPDB has is known here; queued reports cancelled: '
        self.assertEqual(self.retract().stdout, nothing + '0\n')
        self.assertEqual(json.loads(self.retract('--json').stdout),
                         {'address': '45.1.1.1', 'retracted': False, 'cancelled': 0, 'deleted': 0})
        self.enqueue('45.1.1.1')
        self.assertEqual(self.retract().stdout, nothing + '1\n')
        self.assertEqual((self.calls('clear-address'), self.sql('SELECT count(*) FROM retraction')), (0, [(0,)]))
        self.send()
        self.assertIn('sent reports deleted: 1', self.retract().stdout)
        self.assertEqual(self.retract().stdout, nothing + '0\n')  # retracted before
        self.assertEqual(self.calls('clear-address'), 1)
        os.unlink(self.place.path('key'))                         # nor does it need a key
        self.assertEqual(self.retract().stdout, nothing + '0\n')

    def test_a_report_that_the_database_has_forgotten_is_retracted_by_force(self):
        self.send()
        self.run_it('rep-purge', '45.1.1.1')
        self.assertIn('nothing to retract', self.retract().stdout)
        self.assertEqual(self.reported(), ['45.1.1.1'])
        self.assertIn('sent reports deleted: 1', self.retract('--force').stdout)
        self.assertEqual(self.reported(), [])

    def test_it_is_kept_until_the_service_takes_it(self):
        self.send()
        for fault in ('http_503', 'reset_before', 'quota_429', 'http_401', 'html_200', 'truncated_json'):
            self.api.fault(fault, 'clear-address')
            said = self.retract().stdout
            self.assertRegex(said, 'retraction queued; queued reports cancelled: [0-9]+; ', fault)
            self.place.due_now()
            self.sql('UPDATE endpoint SET stopped_until = 0, auth_mark = NULL, remaining = 5')
        self.api.clear_faults()
        self.send('--time', str(int(time.time())))
        self.assertEqual((self.reported(), self.sql('SELECT state FROM retraction')), ([], [(1,)]))

    def test_a_late_answer_does_not_bring_the_report_back(self):
        self.place.change('timeout_ms = 2000', 'timeout_ms = 60000')
        self.enqueue('45.1.1.1')
        self.api.pause()
        worker = self.place.worker(stderr=subprocess.DEVNULL)
        wait_until(lambda: self.states() == [SENDING], 'it is being sent')
        self.assertIn('retraction queued', self.retract().stdout)
        self.api.resume()
        worker.wait(60)
        self.assertEqual((self.reported(), self.states()), ([], []))
        self.assertEqual(self.sql('SELECT state, deleted FROM retraction'), [(1, 1)])
        self.assertEqual(self.count('finding'), 0)

    def test_a_refusal_is_reported(self):
        self.api.fault('http_402', 'clear-address')
        self.send()
        self.retract(status=69, says='AbuseIPDB refused the retraction: HTTP 402')

    def test_without_a_key_nothing_can_be_taken_back(self):
        self.send()
        os.unlink(self.place.path('key'))
        self.assertIn('without an API key', self.retract(status=69).stderr)


class Status(ReportCase):
    def test_an_empty_queue(self):
        s = self.status()
        self.assertEqual(s['waiting'], {'report': 0, 'lookup': 0, 'retraction': 0})
        self.assertEqual((s['parked'], s['oldest_s']), (0, 0))
        self.assertEqual([(e['name'], e['limit'], e['remaining'], e['stopped_until'], e['last_error'])
                          for e in s['endpoints']],
                         [('check', 1000, 1000, None, None), ('report', 1000, 1000, None, None),
                          ('bulk-report', 5, 5, None, None), ('clear-address', 5, 5, None, None)])

    def test_age_and_state_quotas_and_what_is_parked_and_why(self):
        self.api.fault('http_422', 'report', count=1)
        self.send()
        self.api.fault('http_503', 'report')
        self.enqueue('45.2.2.2')
        self.flush()
        self.enqueue('45.3.3.3')
        self.sql('UPDATE report SET first_at = first_at - 7200 WHERE state = 0')
        s = self.status()
        self.assertEqual((s['waiting']['report'], s['sending'], s['parked'], s['worker']), (2, 1, 1, False))
        self.assertEqual(s['age']['queued'], {'minute': 0, 'hour': 0, 'day': 1, 'older': 0})
        self.assertEqual(s['age']['sending'], {'minute': 1, 'hour': 0, 'day': 0, 'older': 0})
        self.assertGreaterEqual(s['oldest_s'], 7200)
        report = s['endpoints'][1]
        self.assertIn('HTTP 503', report['last_error'])
        self.assertEqual(report['remaining'], 998)
        self.assertEqual([(x['address'], x['state']) for x in s['stuck']], [('45.1.1.1', 'parked')])
        self.assertIn('HTTP 422', s['stuck'][0]['why'])
        text = self.run_it('rep-report', '--status').stdout
        for part in ('reports being sent', 'no worker is running; there is an API key', 'bulk-report', 'HTTP 422',
                     '1 parked'):
            self.assertIn(part, text)

    def test_a_refused_key_stops_all_calls_and_is_reported_once(self):
        self.place.write('key', 'cd' * 40 + '\n', 0o600, OWNER)
        for i in range(1, 6):
            self.enqueue(f'45.1.1.{i}')
        said = self.run_it('rep-report', '--flush').stderr
        self.place.due_now()
        said += self.run_it('rep-report', '--flush').stderr
        self.assertEqual(said.count('the API key was refused'), 1, said)
        self.assertEqual(self.calls('report') + self.calls('bulk-report'), 1)
        self.assertTrue(all(e['key_refused'] for e in self.status()['endpoints']))
        self.ask(self.api.url.replace('127.0.0.1', 'localhost'))
        self.assertFalse(any(e['key_refused'] for e in self.status()['endpoints']))    # worth another try
        self.place.write('key', KEY + '\n', 0o600, OWNER)
        self.flush()
        self.assertEqual(len(self.reported()), 5)


class Blocks(ReportCase):
    sections = {'general': {'timeout_ms': 2000}}

    def blocks(self, *addresses):
        for a in addresses:
            self.api.control('seed', {'addresses': {a: BAD}})
            self.enqueue(a)
        self.flush()

    def new(self, *args):
        return self.run_it('rep-check', '--blocks', '--new', *args).stdout

    def test_each_is_shown_once_with_evidence_link_and_undo(self):
        self.assertEqual(self.new(), '')
        self.blocks('45.1.1.1')
        said = self.new()
        self.assertRegex(said, r'^45\.1\.1\.1 +notorious +10  until 20\d\d-\d\d-\d\d \d\d:\d\d UTC  sshd  abuseipdb\n')
        self.assertIn('confidence 100', said)
        self.assertIn('    https://www.abuseipdb.com/check/45.1.1.1\n', said)
        self.assertIn('    undo: fail2ban-client unban $(rep-purge --pardon 30d 45.1.1.1)\n', said)
        self.assertEqual(self.new(), '')
        self.blocks('45.2.2.2')
        self.assertRegex(self.new(), r'^45\.2\.2\.2 ')
        self.assertEqual(len(self.run_it('rep-check', '--blocks', '--json').stdout.splitlines()), 2)

    def test_evidence_is_there_when_the_cache_is_over(self):
        self.blocks('45.1.1.1')
        self.sql('UPDATE finding SET expires_at = 1')
        self.assertIn('confidence 100', self.new())

    def test_a_block_that_rises_is_new_again(self):
        self.blocks('45.1.1.1')
        self.new()
        self.sql("UPDATE block SET tier = 'known', score = 3")
        self.enqueue('45.1.1.1')
        self.place.due_now()
        self.flush()
        self.assertIn('notorious', self.new())

    def test_json(self):
        self.blocks('45.1.1.1')
        b = json.loads(self.new('--json'))
        self.assertEqual((b['address'], b['tier'], b['score'], b['jail'], b['sources']),
                         ('45.1.1.1', 'notorious', 10, 'sshd', 'abuseipdb'))
        self.assertEqual(b['findings'][0]['points'], 10)
