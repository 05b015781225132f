/* SPDX-License-Identifier: MIT */
/* gate.h - ignorecommand: does an ambiguous line of this address count? Disk only */
#pragma once
#include "reputation/session.h"

struct gate_line { /* what is known of the line */
	struct addr addr;
	const char *jail; /* may be empty */
	const char *user; /* bytes of a failed login's name; NULL: none */
	size_t user_len;
	bool names;    /* the jail counts names, even if this line has none: a block does not count
			*/
	bool restored; /* fail2ban restores a ban: nothing is written */
};

/*
 * *ret_count: the address has a block that was announced, or, where names are counted, tried
 * [spray] users of them within the window. Elsewhere also if feeds on disk confirm it whatever the
 * other sources may say, and its lookup, which makes the block, is queued: not after a login, nor
 * beyond [worker] max_new_blocks, nor of an allowed domain's mail servers (SPF). *ret_wake: the
 * worker has news. A read-only store answers and records nothing. Errors: _STORE, _BUSY: then the
 * outputs are untouched.
 */
int gate_ask(const struct session *session, const struct gate_line *line, bool *ret_count,
	     bool *ret_wake);

/*
 * The line of a verdict, its address or prefix as the line has it: *ret_blocked if a block of it
 * has not ended, and it is neither pardoned nor guarded. A prefix must be an IPv6 one of exactly
 * ipv6_prefix bits. Whether it was announced is not asked: the line is written first. *ret_tier:
 * the row of the block's tier, or -1. Errors: _STORE, _BUSY.
 */
int gate_is_blocked(const struct session *session, const struct prefix *prefix, bool *ret_blocked,
		    int *ret_tier);

/*
 * In a transaction: queue the lookup of an ambiguous address, unless one is queued, or too many of
 * its network or in all. 1: queued, 0 not.
 */
int gate_queue_lookup(const struct session *session, const struct addr *addr,
		      const struct addr *key, const char *jail);

/* A sighting at seen_at brings no news of the block: its line is due, or was written less than a
 * minute before. */
bool gate_is_announced(const struct block *block, int64_t seen_at, int64_t now);
