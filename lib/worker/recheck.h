/* SPDX-License-Identifier: MIT */
/*
 * recheck.h - long blocks are re-checked; those that are no longer listed are released
 *
 * Addresses change hands, and a year is long. A block is looked up a week after it was made, then
 * every 30 days; one that could not be decided, the next day. Free sources first; what costs only
 * if all of them acquit, and never from the last 30 % of the day.
 *
 * Silence releases no address: the verdict must be clean, every source that can give points must
 * have answered, none of them may give points, each that once named the address must still be
 * configured, and each such list must have shown, by its entry for 127.0.0.2 (RFC 5782, 5), that it
 * still lists anything.
 */
#pragma once
#include "reputation/session.h"

struct recheck_stats {
	int64_t done, released, listed, undecided;
	bool gave_up;
};
/*
 * @progress  about five times a second: done of how many; may be NULL
 * Ends after an hour, or when 64 in a row got no answer at all (gave_up); the rest is still due.
 * Errors: as engine_run() and lookup_new().
 */
int recheck_run(const struct session *session,
		void (*progress)(void *user, int64_t done, int64_t total), void *user,
		struct recheck_stats *ret);
