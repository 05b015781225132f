/* SPDX-License-Identifier: MIT */
/* metrics_text.h - the text format of Prometheus, and the parts of the file */
#pragma once
#include "common/cli.h"
#include <stdint.h>
#include <stdio.h>

/* The value of a label: a backslash, a quote and a newline are escaped. */
void metric_put_value(FILE *out, const char *text, size_t len);
/* type: "counter", "gauge", "histogram". */
void metric_put_head(FILE *out, const char *name, const char *type, const char *help);
/* A sample with one label; NULL: without. */
void metric_put_sample(FILE *out, const char *name, const char *label, const char *value,
		       long long number);

/* Sums of all days, of which each is a row of metrics_counters.c. Returns an IPREP_E_*. */
int metrics_put_counters(struct cli *cli, FILE *out);
/* Blocks, the queue, quotas and feeds as they are now. Returns an IPREP_E_*. */
int metrics_put_present(struct cli *cli, FILE *out);
