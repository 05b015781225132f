/* SPDX-License-Identifier: MIT */
/*
 * health.h - rep-report --health: a monitoring plugin
 *
 * One line, details, performance data. Source: Monitoring Plugins Development Guidelines, "Plugin
 * Output for Nagios", "Plugin Return Codes".
 */
#pragma once
#include "common/cli.h"

enum { PLUGIN_OK, PLUGIN_WARNING, PLUGIN_CRITICAL, PLUGIN_UNKNOWN };

/* Returns an exit status: one of a plugin, or of the other modes if it failed. */
int report_health(struct cli *cli);
