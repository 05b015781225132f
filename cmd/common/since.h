/* SPDX-License-Identifier: MIT */
/* since.h - values of --since, strictly: the whole text or nothing */
#pragma once
#include "common/cli.h"

/* "7d" (ago), "2026-11-20", "2026-11-20 14:00[:00]" (UTC), "@1795426190"; not in the future. */
bool since_parse(const char *text, int64_t now, int64_t *ret_at);
/* The same of an option, which may be NULL: *ret_at then stays. Returns an exit status. */
int since_check(struct cli *cli, const char *text, int64_t *ret_at);
/* The same of counters, of which the days are kept that [retention] counters reaches: read from the
 * configuration. */
int since_period(struct cli *cli, const char *text, int64_t *ret_at);
