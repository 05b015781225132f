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

enum quota_turn { QUOTA_GO, QUOTA_WAIT, QUOTA_NO };
/*
 * May one check be sent now? Nothing waits for the network.
 * @low_priority  never one of the last 30 % of the day's checks
 * @may_wait      QUOTA_WAIT while the first call of the day, which tells the quota, is under way
 * @ret_why       QUOTA_NO: why not
 * @ret_again_at  QUOTA_NO: when it may be sent; 0: at any time. Else left alone
 * QUOTA_GO: the check is counted, so send it.
 */
enum quota_turn quota_take_check(const struct session *session, bool low_priority, bool may_wait,
				 char ret_why[DETAIL_MAX], int64_t *ret_again_at);
