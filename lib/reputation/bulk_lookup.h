/* SPDX-License-Identifier: MIT */
/*
 * bulk_lookup.h - lookups of a long list: any number of addresses, results in their order
 *
 * Memory does not grow with the list. window.h determines how many are in flight. Results that wait
 * for a slower one before them are packed, in a window bounded by number and bytes; when it is full
 * nothing new is asked. Findings are written to the store in batches, and never wait for it.
 */
#pragma once
#include "reputation/engine.h"
#include "reputation/session.h"
#include "reputation/lookup.h"

enum bulk_lookup_next { BULK_END, BULK_LINE, BULK_LATER };
struct bulk_lookup_counts {
	uint64_t taken, answered; /* lines */
	uint64_t uncached;	  /* findings the store had no time for */
	size_t in_flight, window; /* now; how many may be */
};
struct bulk_lookup_lines {
	void *user;
	int timeout_ms; /* of each address */
	unsigned flags; /* enum lookup_flags; without LOOKUP_FREE for a few addresses only */
	/* The next line: *ret_text stays valid until the next call. BULK_LATER: none now. */
	enum bulk_lookup_next (*next)(void *user, const char **ret_text, int64_t *ret_id);
	/* In order. lookup is lent; NULL: bad_text, cut, is not an address. A result < 0 ends the
	 * run. */
	int (*answer)(void *user, int64_t id, const char *bad_text, const struct lookup *lookup);
	/* At most five times a second. */
	void (*progress)(void *user, const struct bulk_lookup_counts *counts);
};

/* Errors: as engine_run() and lookup_new(), and what answer() returned. */
int bulk_lookup_run(const struct session *session, const struct bulk_lookup_lines *lines);
