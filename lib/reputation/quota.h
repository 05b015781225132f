/* SPDX-License-Identifier: MIT */
/* quota.h - how many calls each endpoint of the API may still get; what an answer says of it */
#pragma once
#include "reputation/session.h"

#define QUOTA_KEY_WAIT_S 3600 /* until a refused key may have been replaced */

/*
 * An answer goes into the ledger, and what it stops is logged once. In the caller's transaction, or
 * one of its own. Errors: _STORE, _BUSY.
 */
int quota_note(const struct session *session, const char *endpoint, const struct quota_seen *seen);
/* Calls that are left now; 0: stopped, refused or used up. */
int64_t quota_left(const struct quota *quota);

/* What one check is wanted for decides how far it may go. */
enum quota_use {
	QUOTA_ANY, /* to the last check of the day */
	QUOTA_LOW, /* never one of the last 30 % of the day's checks */
	/* Nor more than an even pace leaves: what was used so far today, by all, is less than the
	 * share of the UTC day that is over of the other 70 %. */
	QUOTA_SPARE,
};
enum quota_turn { QUOTA_GO, QUOTA_WAIT, QUOTA_NO };
/*
 * May one check be sent now? Nothing waits for the network.
 * @may_wait      QUOTA_WAIT while the first call of the day, which tells the quota, is under way
 * @ret_why       QUOTA_NO: why not
 * @ret_again_at  QUOTA_NO: when it may be sent; 0: at any time. Else left alone
 * QUOTA_GO: the check is counted, so send it.
 */
enum quota_turn quota_take_check(const struct session *session, enum quota_use use, bool may_wait,
				 char ret_why[DETAIL_MAX], int64_t *ret_again_at);
/* Would QUOTA_SPARE get one now? For hooks: nothing is written, and no key is known. 1, 0. Errors:
 * _STORE, _BUSY. */
int quota_has_spare(const struct session *session);
