/* SPDX-License-Identifier: MIT */
/* filter.h - values of --sort, --since and --prefix, strictly: the whole text or nothing */
#pragma once
#include <iprep.h>

/* "announced", "address", "end". */
bool filter_order(const char *text, int *ret_order);
/* "7d" (ago), "2026-11-20", "2026-11-20 14:00[:00]" (UTC), "@1795426190"; not in the future. */
bool filter_since(const char *text, int64_t now, int64_t *ret_at);
