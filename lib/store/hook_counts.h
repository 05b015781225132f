/* SPDX-License-Identifier: MIT */
/*
 * hook_counts.h - what hooks count, and when each kind was last called: STATE-hooks
 *
 * fail2ban waits for each hook, and most of them write nothing. So they count in a small file that
 * is mapped, with atomic additions: no lock, no SQL, no sync. The numbers only grow; the worker and
 * purge add what is new to the counters of the day, and keep in the same transaction up to which
 * number they did. A crash of the machine may take back the last seconds of what hooks counted.
 *
 * The file belongs to the owner of the state. One that is missing, damaged, a link, or another
 * user's is not used, and hooks do not report it; hook_counts_fold() makes it again.
 */
#pragma once
#include "conf/conf.h"
#include "store/store.h"

enum hook_kind { HOOK_GATE, HOOK_ENQUEUE, HOOK_LOGIN, HOOK_IS_BLOCKED, NHOOKS };
enum hook_count {
	HOOK_COUNTS_NOTHING = -1,
	HOOK_LINE_COUNTED,
	HOOK_LINE_IGNORED,
	HOOK_BAN_REPORTED,
	HOOK_BAN_LOOKUP,
	HOOK_BAN_SKIPPED,
	HOOK_LOGIN_RECORDED,
	NHOOK_COUNTS
};
/* A hook of this kind was called now. tier: row of the tier of the block that it found; -1: none.
 */
void hook_counts_note(const char *state, enum hook_kind kind, enum hook_count count, int tier,
		      int64_t now);

struct hook_times { /* Unix seconds; 0: not since the file was made */
	int64_t last_at[NHOOKS];
	int64_t made_at;		  /* of the file: what came before is not known */
	int64_t is_blocked_at[TIERS_MAX]; /* of blocks of each row of the tiers */
};
/* 1, or 0 and zeroes: there is no usable file. */
int hook_counts_times(const char *state, struct hook_times *ret);

/* Adds what is new to the counters of today, and makes the file if there is no usable one. Errors:
 * those of the store; that no file can be made is none. */
int hook_counts_fold(struct store *store, const char *state);
/* What the next hook_counts_fold() would add, by name and label; day is today. Returns how many. In
 * store_read_begin(). */
int hook_counts_unfolded(struct store *store, const char *state, struct counter ret[NHOOK_COUNTS]);
