/* SPDX-License-Identifier: MIT */
#include "reputation/quota.h"
#include "base/time.h"
#include <stdio.h>

#define RESERVE_PERCENT 30 /* of the day's checks, for what is not of low priority */
#define DAY_S		86400

static void log_stop(const struct session *session, const char *endpoint, int64_t until)
{
	char when[TIME_TEXT_MAX];

	log_line(session->log, LOG_NOTICE, "AbuseIPDB: %s: stopped until %s; queued jobs are kept",
		 endpoint, time_text(until, TIME_FOR_PEOPLE, when));
}

int quota_note(const struct session *session, const char *endpoint, const struct quota_seen *seen)
{
	struct quota before;
	int rc;

	if (seen->stopped_until) {
		rc = store_quota_get(session->store, endpoint, session->auth_mark, &before);
		if (rc < 0)
			return rc;
		if (rc > 0)
			return 0;
		if (!before.stopped_until)
			log_stop(session, endpoint, seen->stopped_until);
	}
	rc = store_quota_seen(session->store, endpoint, session->auth_mark, seen);
	if (rc > 0)
		log_line(session->log, LOG_ERR,
			 "AbuseIPDB: the API key was refused (HTTP 401); no calls and no reports "
			 "until the key file or the configuration changes");
	if (rc < 0)
		return rc;
	return 0;
}

int64_t quota_left(const struct quota *quota)
{
	if (quota->auth_failed || quota->stopped_until || quota->remaining < 0)
		return 0;
	return quota->remaining;
}

/* ---- one check ---- */

/*
 * The reserve stays whole, for the share of the day is at most 1. A wrong clock shifts the share,
 * never that bound.
 */
static bool is_within_pace(const struct quota *quota, int64_t now)
{
	int64_t used = quota->limit - quota->remaining;

	return used * 100 * DAY_S < now % DAY_S * quota->limit * (100 - RESERVE_PERCENT);
}

/* QUOTA_NO: dst says why not. */
static enum quota_turn turn_of(const struct session *session, const struct quota *quota,
			       enum quota_use use, bool may_wait, char dst[DETAIL_MAX])
{
	char when[TIME_TEXT_MAX];

	dst[0] = '\0';
	if (quota->auth_failed)
		snprintf(dst, DETAIL_MAX, "not asked: the API key was refused");
	else if (quota->stopped_until)
		snprintf(dst, DETAIL_MAX, "not asked: stopped until %s",
			 time_text(quota->stopped_until, TIME_FOR_PEOPLE, when));
	else if (quota->remaining <= 0)
		snprintf(dst, DETAIL_MAX, "not asked: quota used up until 00:00 UTC");
	else if (use != QUOTA_ANY && quota->remaining * 100 <= quota->limit * RESERVE_PERCENT)
		snprintf(dst, DETAIL_MAX, "not asked: the rest of today's quota is reserved");
	else if (use == QUOTA_SPARE && !is_within_pace(quota, clock_now_s(&session->clock)))
		snprintf(dst, DETAIL_MAX,
			 "not asked: an even use of today's quota leaves no check for it now");
	else if (quota->first_under_way && may_wait)
		return QUOTA_WAIT;
	else if (quota->first_under_way)
		snprintf(dst, DETAIL_MAX,
			 "not asked: the first call of the day, which shows the quota, is "
			 "not answered yet");
	if (*dst)
		return QUOTA_NO;
	return QUOTA_GO;
}

static int64_t opens_at(const struct session *session, const struct quota *quota)
{
	int64_t now = clock_now_s(&session->clock);

	if (quota->auth_failed)
		return now + QUOTA_KEY_WAIT_S;
	if (quota->stopped_until)
		return quota->stopped_until;
	if (quota->remaining <= 0)
		return (now / DAY_S + 1) * DAY_S;
	return 0;
}

enum quota_turn quota_take_check(const struct session *session, enum quota_use use, bool may_wait,
				 char ret_why[DETAIL_MAX], int64_t *ret_again_at)
{
	enum quota_turn turn;
	struct quota quota;
	int rc;

	ret_why[0] = '\0';
	if (!session->store)
		return QUOTA_GO;
	/* first without the lock, for those who wait */
	rc = store_quota_get(session->store, "check", session->auth_mark, &quota);
	if (rc)
		goto fail;
	turn = turn_of(session, &quota, use, may_wait, ret_why);
	if (turn == QUOTA_GO) {
		rc = store_begin(session->store, STORE_FAST);
		if (rc)
			goto fail;
		rc = store_quota_get(session->store, "check", session->auth_mark, &quota);
		if (!rc) {
			turn = turn_of(session, &quota, use, may_wait, ret_why);
			if (turn == QUOTA_GO)
				rc = store_quota_take(session->store, "check", 1);
		}
		rc = store_end(session->store, rc);
		if (rc)
			goto fail;
	}
	if (turn == QUOTA_NO)
		*ret_again_at = opens_at(session, &quota);
	return turn;
fail:
	snprintf(ret_why, DETAIL_MAX, "not asked: the quota ledger cannot be written");
	return QUOTA_NO;
}

int quota_has_spare(const struct session *session)
{
	char why[DETAIL_MAX];
	struct quota quota;
	int rc = store_quota_get(session->store, "check", session->auth_mark, &quota);

	if (rc < 0)
		return rc;
	return turn_of(session, &quota, QUOTA_SPARE, true, why) != QUOTA_NO;
}
