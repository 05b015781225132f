# SPDX-License-Identifier: MIT
"""
test_monitoring.py - what rep-report --metrics writes, read by the programs that it is for

promtool and prometheus-node-exporter are Debian's, unpacked and never installed: installing them would start services.
"""

import os
import re
import subprocess
import threading
import urllib.request

from cases import Case
from host.packages import Packages
import places

RULES = os.path.join(places.TOP, "fail2ban/monitoring/iprep.rules.yml")
WRITES = 1000
# what Prometheus reads every minute, and which alerts it must raise: promtool-test-rules(1)
RULES_TEST = """\
rule_files: [{rules}]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series:
      - series: 'iprep_trouble{{name="key-refused", instance="mx"}}'
        values: '0x10 1x20'
      - series: 'iprep_trouble{{name="list-quarantined", instance="mx"}}'
        values: '0x60'
      - series: 'iprep_source_wrong_total{{source="zen", instance="mx"}}'
        values: '0+1x60'
    alert_rule_test:
      - {{eval_time: 10m, alertname: IprepCritical}}
      - eval_time: 25m
        alertname: IprepCritical
        exp_alerts:
          - exp_labels: {{severity: critical, name: key-refused, instance: mx}}
            exp_annotations:
              summary: "iprep on mx: key-refused"
              description: "iprep does not work as configured. Run rep-report --health on mx."
      - {{eval_time: 50m, alertname: IprepWarning}}
      - eval_time: 60m
        alertname: IprepSourceWrong
        exp_alerts:
          - exp_labels: {{severity: warning, source: zen, instance: mx}}
            exp_annotations:
              summary: "iprep on mx: blocks of zen were wrong"
              description: "Over five blocks of this source were pardoned, released or followed by a login within a \
day. A block that a re-check releases after weeks counts as well, although the source may have been right at the \
time. On a host with many long blocks, a few a day are normal. See rep-check --sources."
"""


class Monitoring(Case):
    sections = {"general": {"timeout_ms": 1500}}
    lists = {"zen": "127.0.0.2*3"}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.packages = Packages(places.packages(os.environ.get("TMPDIR", "/var/tmp")), "prometheus",
                                "prometheus-node-exporter")

    def setUp(self):
        super().setUp()
        os.mkdir(self.place.path("out"))
        self.file = self.place.path("out/iprep.prom")
        self.ready()
        self.listed("45.1.1.1")
        self.enqueue("45.1.1.1")
        self.flush()
        self.write()

    def write(self):
        self.run_it("rep-report", "--metrics", self.file)

    def promtool(self, *args, **more):
        done = subprocess.run([self.packages.find("promtool"), *args], capture_output=True, text=True, timeout=120,
                              check=False, env=self.packages.environment(), **more)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def test_promtool_has_no_complaint_of_names_types_and_help(self):
        with open(self.file, encoding="ascii") as file:
            self.assertEqual(self.promtool("check", "metrics", stdin=file), "")

    def test_promtool_accepts_the_rules_and_they_alert_when_they_should(self):
        self.assertIn("6 rules found", self.promtool("check", "rules", RULES))
        self.place.write("rules_test.yml", RULES_TEST.format(rules=RULES))
        self.assertIn("SUCCESS", self.promtool("test", "rules", self.place.path("rules_test.yml")))

    def test_a_node_exporter_never_sees_a_part_of_the_file(self):
        command = [self.packages.find("prometheus-node-exporter"), "--web.listen-address=127.0.0.1:0",
                   "--collector.disable-defaults", "--collector.textfile",
                   "--collector.textfile.directory=" + os.path.dirname(self.file)]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                              env=self.packages.environment()) as exporter:
            try:
                url = next(f"http://{found[1]}/metrics" for line in exporter.stderr
                           if (found := re.search(r'"Listening on" address=(\S+)', line)))
                threading.Thread(target=exporter.stderr.read, daemon=True).start()
                self.scrape_while_written(url)
            finally:
                exporter.terminate()

    def scrape_while_written(self, url):
        stop, seen = threading.Event(), []

        def scrape():
            while not stop.is_set():
                with urllib.request.urlopen(url, timeout=30) as answer:
                    text = answer.read().decode()
                seen.append((len(re.findall(r"^iprep_\w+[ {]", text, re.M)),
                             re.findall(r"^node_textfile_scrape_error (\d)", text, re.M)))

        scraper = threading.Thread(target=scrape)
        scraper.start()
        try:
            for _ in range(WRITES):
                self.write()
        finally:
            stop.set()
            scraper.join()
        with open(self.file, encoding="ascii") as file:
            whole = sum(line.startswith("iprep_") for line in file)
        self.assertGreater(len(seen), 10)
        self.assertEqual([one for one in seen if one != (whole, ["0"])], [])
