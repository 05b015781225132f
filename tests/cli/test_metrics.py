# SPDX-License-Identifier: MIT
"""test_metrics.py - rep-report --metrics: what is written, how the file is replaced, and who else names these metrics"""
import fcntl
import json
import os
import re
import resource
import struct
import threading

from cases import Case
from places import OWNER, TOP

ADDRESS = '45.1.1.1'
MEMBER = {'user': 1000, 'group': 1000, 'extra_groups': [OWNER]}
SAMPLE = re.compile(r'([a-z_]+)(?:\{([^{}]*)\})? (-?\d+(?:\.\d+)?)')
MONITORING = os.path.join(TOP, 'fail2ban/monitoring')


def read(*path):
    with open(os.path.join(*path), encoding='utf-8') as file:
        return file.read()


def names_in(text):
    """Metrics of ours, without the endings of a histogram."""
    return {re.sub(r'_(bucket|sum|count)$', '', name) for name in re.findall(r'\biprep_\w+', text)}


class MetricsCase(Case):
    sections = {'general': {'timeout_ms': 1500}}
    lists = {'zen': '127.0.0.2*3'}
    has_api = True

    def setUp(self):
        super().setUp()
        os.mkdir(self.place.path('out'))
        self.file = self.place.path('out/iprep.prom')

    def metrics(self, **more):
        """{(name, labels): value}"""
        self.run_it('rep-report', '--metrics', self.file, **more)
        found = {}
        for line in read(self.file).splitlines():
            if not line.startswith('#'):
                name, labels, value = SAMPLE.fullmatch(line).groups()
                self.assertNotIn((name, labels), found)
                found[name, labels] = float(value)
        return found


class What(MetricsCase):
    def test_counters_are_sums_of_all_days_and_the_histogram_is_cumulative(self):
        self.ready()
        for day, name, label, n in ((0, 'lookup', 'clean', 5), (20000, 'lookup', 'clean', 7),
                                    (20000, 'block', 'known\tsshd\tzen', 2), (20000, 'block', 'known\tsshd\tzen,x', 3),
                                    (20000, 'latency', 'zen\t10', 4), (20000, 'latency', 'zen\t300', 2),
                                    (20000, 'latency', 'zen\tinf', 1), (20000, 'latency_ms', 'zen', 5432)):
            self.sql('INSERT INTO counter VALUES(?, ?, ?, ?)', day, name, label, n)
        found = self.metrics()
        self.assertEqual(found['iprep_lookups_total', 'verdict="clean"'], 12)
        self.assertEqual(found['iprep_lookups_total', 'verdict="confirmed"'], 0)
        self.assertEqual(found['iprep_blocks_total', 'tier="known",jail="sshd"'], 5)
        name = 'iprep_source_latency_seconds'
        self.assertEqual([found[f'{name}_bucket', f'source="zen",le="{le}"'] for le in
                          ('0.01', '0.03', '0.1', '0.3', '1', '3', '+Inf')], [4, 4, 4, 6, 6, 6, 7])
        self.assertEqual((found[f'{name}_sum', 'source="zen"'], found[f'{name}_count', 'source="zen"']), (5.432, 7))

    def test_what_a_worker_did_is_there(self):
        self.ready()
        self.listed(ADDRESS)
        self.enqueue(ADDRESS, '--failures', '3')
        before = self.metrics()
        self.assertEqual(before['iprep_queue_jobs', 'kind="lookup"'], 1)
        self.assertEqual(before['iprep_bans_total', 'result="reported"'], 1)
        self.flush()
        found = self.metrics()
        for name, labels in (('iprep_lookups_total', 'verdict="confirmed"'), ('iprep_reports_total', 'outcome="done"'),
                             ('iprep_blocks', 'tier="known"'), ('iprep_blocks_total', 'tier="known",jail="sshd"'),
                             ('iprep_source_decisive_total', 'source="zen"')):
            self.assertEqual(found[name, labels], 1, name)
        self.assertEqual(found['iprep_blocks', 'tier="notorious"'], 0)
        self.assertEqual(found['iprep_quota_limit', 'endpoint="check"'], 1000)
        self.assertTrue(all(value >= before.get(key, 0) for key, value in found.items() if key[0].endswith('_total')))

    def test_a_source_that_never_decided_has_a_row_of_0(self):
        self.ready()
        found = self.metrics()
        for what in ('asked', 'answered', 'errors', 'listed', 'decisive', 'alone', 'wrong'):
            for source in ('zen', 'abuseipdb'):
                self.assertEqual(found[f'iprep_source_{what}_total', f'source="{source}"'], 0)

    def test_days_of_a_clock_that_was_ahead_are_in_the_sums(self):
        self.ready()
        self.sql('INSERT INTO counter VALUES(40000, ?, ?, 500)', 'lookup', 'clean')
        self.assertEqual(self.metrics()['iprep_lookups_total', 'verdict="clean"'], 500)

    def test_a_damaged_counter_makes_no_row_twice_and_no_number_below_0(self):
        self.ready()
        for day in range(10000, 20000):
            self.sql('INSERT INTO counter VALUES(?, ?, ?, 1000000000000000)', day, 'pardon', '')
        for label in ('b', 'b\t', 'b\t\t'):
            self.sql('INSERT INTO counter VALUES(20000, ?, ?, 1)', 'block', label)
        found = self.metrics()
        self.assertEqual(found['iprep_pardons_total', None], 2 ** 53)
        self.assertEqual(found['iprep_blocks_total', 'tier="b",jail=""'], 3)

    def test_values_of_labels_are_escaped(self):
        self.ready()
        self.sql('INSERT INTO counter VALUES(0, ?, ?, 1)', 'asked', 'a"b\\c{}')
        self.run_it('rep-report', '--metrics', self.file)
        self.assertIn('iprep_source_asked_total{source="a\\"b\\\\c{}"} 1\n', read(self.file))

    def test_no_host_name_of_allow_becomes_a_label(self):
        self.start(allow={'addresses': 'mail.example.com', 'spf': 'example.org'})
        os.mkdir(self.place.path('out'))
        self.file = self.place.path('out/iprep.prom')
        self.ready()
        self.flush()
        self.metrics()
        self.assertNotIn('example', read(self.file))

    def test_a_trouble_is_a_number_and_a_damaged_database_hides_the_rest_only(self):
        self.flush()
        with open(self.place.db, 'r+b') as file:
            file.write(b'garbage' * 100)
        found = self.metrics()
        self.assertEqual(found['iprep_trouble', 'name="database"'], 1)
        self.assertEqual(found['iprep_trouble', 'name="disk"'], 0)
        self.assertNotIn(('iprep_queue_oldest_seconds', None), found)


class Names(MetricsCase):
    """Those that use or describe a metric, and what is written."""

    sections = {**MetricsCase.sections,
                'fleet': {'zone': 'bl.test', 'server': '127.0.0.1:9', 'key_file': '{dir}/fleet.key', 'host': 7}}

    def written(self):
        self.ready()
        self.run_it('rep-report', '--metrics', self.file)
        text = read(self.file)
        heads = set(re.findall(r'^# HELP (\w+) .+\n# TYPE \1 (?:counter|gauge|histogram)$', text, re.M))
        self.assertGreater(len(heads), 25)
        self.assertEqual(names_in(''.join(line for line in text.splitlines(True) if line[0] != '#')) - heads, set())
        return heads

    def test_the_dashboard_and_the_rules_name_only_metrics_that_are_written(self):
        dashboard = json.loads(read(MONITORING, 'iprep-dashboard.json'))
        queries = [target['expr'] for panel in dashboard['panels'] for target in panel['targets']]
        self.assertGreater(len(queries), 15)
        for used in (names_in(' '.join(queries)), names_in(read(MONITORING, 'iprep.rules.yml'))):
            self.assertGreater(len(used), 2)
            self.assertEqual(used - self.written(), set())
        self.assertEqual(names_in(json.dumps(dashboard['templating'])) - self.written(), set())

    def test_the_rules_name_only_troubles_that_exist(self):
        self.written()
        names = set(re.findall(r'iprep_trouble\{name="([\w-]+)"\}', read(self.file)))
        for group in re.findall(r'iprep_trouble\{name[!=]~"([^"]+)"', read(MONITORING, 'iprep.rules.yml')):
            self.assertEqual(set(group.split('|')) - names, set())

    def test_the_manual_page_lists_what_is_written_and_nothing_else(self):
        page = read(TOP, 'lib/man/rep-report.8')
        listed = page[page.index('.Ss Metrics'):page.index('.Ss Options')]
        self.assertEqual(names_in(listed), self.written())
        health = page[page.index('.Ss Health'):page.index('.Ss Metrics')]
        self.assertEqual(set(re.findall(r'\.It Li ([\w-]+)', health)),
                         set(re.findall(r'iprep_trouble\{name="([\w-]+)"\}', read(self.file))))


class File(MetricsCase):
    def setUp(self):
        super().setUp()
        self.ready()

    def test_it_belongs_to_root_is_for_all_to_read_and_nothing_is_left_next_to_it(self):
        for _ in range(2):
            self.run_it('rep-report', '--metrics', self.file, umask=0o077)
            found = os.stat(self.file)
            self.assertEqual((found.st_uid, found.st_mode & 0o7777), (0, 0o644))
            self.assertEqual(os.listdir(self.place.path('out')), ['iprep.prom'])

    def test_a_member_of_the_group_writes_where_it_may(self):
        os.chmod(self.place.path('state'), 0o750)
        self.flush()
        os.chown(self.place.path('out'), 1000, 1000)
        self.run_it('rep-report', '--metrics', self.file, **MEMBER)
        self.assertEqual(os.stat(self.file).st_uid, 1000)
        self.assertEqual(self.run_it('rep-report', '--metrics', '-', **MEMBER).stdout, read(self.file))

    def test_what_a_killed_run_left_is_taken_over_and_a_run_under_way_is_not(self):
        with open(self.file + '.new', 'w', encoding='ascii') as left:
            left.write('rest\n' * 9999)
        self.run_it('rep-report', '--metrics', self.file)
        self.assertNotIn('rest', read(self.file))
        before = read(self.file)
        with open(self.file + '.new', 'w', encoding='ascii') as other:
            fcntl.fcntl(other.fileno(), fcntl.F_OFD_SETLK, struct.pack('hhqqi4x', fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
            self.run_it('rep-report', '--metrics', self.file, status=75, says='another run is writing it')
        self.assertEqual(read(self.file), before)

    def test_links_and_directories_of_others_are_refused(self):
        os.symlink(self.place.path('elsewhere'), self.file)
        self.run_it('rep-report', '--metrics', self.file, status=77, says='not a regular file')
        os.unlink(self.file)
        os.symlink(self.place.path('elsewhere'), self.file + '.new')
        self.run_it('rep-report', '--metrics', self.file, status=73, says='no file can be created')
        os.unlink(self.file + '.new')
        os.symlink(self.place.path('out'), self.place.path('link'))
        self.run_it('rep-report', '--metrics', self.place.path('link/iprep.prom'), status=73, says='cannot be opened')
        os.chmod(self.place.path('out'), 0o775)
        self.run_it('rep-report', '--metrics', self.file, status=77, says='others may write here (mode 0775)')
        self.assertEqual(os.listdir(self.place.path('out')), [])
        self.assertFalse(os.path.exists(self.place.path('elsewhere')))

    def test_a_full_disk_keeps_the_old_file(self):
        self.run_it('rep-report', '--metrics', self.file)
        before = read(self.file)
        limit = {'preexec_fn': lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (512, 512))}
        self.run_it('rep-report', '--metrics', self.file, status=74, says='File too large', **limit)
        self.assertEqual((read(self.file), os.listdir(self.place.path('out'))), (before, ['iprep.prom']))

    def test_an_error_of_the_child_is_the_status_and_keeps_the_old_file(self):
        self.run_it('rep-report', '--metrics', self.file)
        before = read(self.file)
        os.unlink(self.place.db)
        self.run_it('rep-report', '--metrics', self.file, status=74, says='not made yet')
        os.chown(self.place.path('state'), 0, 0)
        self.run_it('rep-report', '--metrics', self.file, status=77, says='belongs to root')
        self.assertEqual(read(self.file), before)

    def test_no_reader_sees_a_part(self):
        self.run_it('rep-report', '--metrics', self.file)
        whole, stop, wrong = len(read(self.file)), threading.Event(), []

        def look():
            while not stop.is_set():
                text = read(self.file)
                if not text.endswith('\n') or abs(len(text) - whole) > 200:
                    wrong.append(text)

        reader = threading.Thread(target=look)
        reader.start()
        for _ in range(50):
            self.run_it('rep-report', '--metrics', self.file)
        stop.set()
        reader.join()
        self.assertEqual(wrong, [])
