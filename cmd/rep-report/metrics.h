/* SPDX-License-Identifier: MIT */
/*
 * metrics.h - rep-report --metrics FILE: counters and current values, for Prometheus
 *
 * The text format of exposition, read by the textfile collector of node_exporter. A metric is a row
 * of metrics.c. Its labels hold no address, user name or host name.
 * Source: prometheus.io/docs/instrumenting/exposition_formats, /docs/practices/naming.
 */
#pragma once
#include "common/cli.h"
#include <stdio.h>

/* Returns an exit status. file: "-" is stdout. Started by root, it stays root only to replace the
 * file; what is written there comes from a child that is the owner of the state. */
int report_metrics(struct cli *cli, const char *file);

/* All metrics. Returns an exit status; *out may hold a part of them then. */
int metrics_print(struct cli *cli, FILE *out);
/* Replaces the file with a whole new one, readable for all. Returns an exit status. */
int metrics_replace(const struct cli *cli, const char *file, const char *text, size_t len);
/* The directory and what is there are safe to be replaced, before anything else is done. */
int metrics_check(const struct cli *cli, const char *file);
