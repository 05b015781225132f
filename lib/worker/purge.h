/* SPDX-License-Identifier: MIT */
/* purge.h - removing what is over, in steps short enough that no hook waits */
#pragma once
#include "reputation/session.h"

/*
 * Checks the database for damage first, for up to 30 s. dry_run: only counts what would go.
 * @progress  about five times a second: rows done of how many; may be NULL
 * Errors: _STORE damaged, newer, full; _BUSY.
 */
int purge_run(const struct session *session, bool dry_run,
	      void (*progress)(void *user, int64_t done, int64_t total), void *user,
	      struct store_counts *ret);
