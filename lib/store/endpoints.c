/* SPDX-License-Identifier: MIT */
/*
 * endpoints.c - what each endpoint of the API still allows today
 *
 * Counts reset at 00:00 UTC, or where a stop by the service ends. What no header has told yet is
 * taken as the free plan's.
 */
#include "store/store_private.h"
#include <string.h>

#define STOP_MAX_S \
	(2 * 86400 + 3600) /* none is longer: a longer one was noted under a wrong clock */
#define FIRST_CALL_S 65	   /* no call lasts longer: [general] timeout_ms, at most 60 s */

static int64_t free_plan(const char *endpoint)
{
	return !strcmp(endpoint, "check") || !strcmp(endpoint, "report") ? QUOTA_FREE_PLAN
									 : QUOTA_FREE_RARE;
}

static int key_refused(struct store *store, const char *auth_mark)
{
	int64_t number = 0;
	int rc = sql_number(store, 0, &number,
			    "SELECT EXISTS(SELECT 1 FROM endpoint WHERE auth_mark = ?1)", "s",
			    auth_mark);

	return rc ? rc : number != 0;
}

int store_quota_get(struct store *store, const char *endpoint, const char *auth_mark,
		    struct quota *ret)
{
	int64_t today = store_now(store) / 86400;
	sqlite3_stmt *st;
	int rc = sql_row(
		store, &st,
		"SELECT day, quota, remaining, known, stopped_until,"
		" last_ok_at, last_error_at, last_error, first_until FROM endpoint WHERE name = ?1",
		"s", endpoint);

	*ret = (struct quota){ .limit = free_plan(endpoint), .remaining = free_plan(endpoint) };
	if (rc > 0) {
		bool is_over = sql_int(st, 4) > 0 && sql_int(st, 4) <= store_now(store) &&
			       sql_int(st, 2) <= 0;
		bool same_day = sql_int(st, 0) == today && !is_over;

		ret->limit = sql_int(st, 1);
		ret->remaining = same_day ? sql_int(st, 2) : ret->limit;
		ret->known = same_day && sql_int(st, 3);
		if (sql_int(st, 4) > store_now(store) &&
		    sql_int(st, 4) <= store_now(store) + STOP_MAX_S)
			ret->stopped_until = sql_int(st, 4);
		ret->last_ok_at = sql_int(st, 5);
		ret->last_error_at = sql_int(st, 6);
		sql_text(st, 7, ret->last_error, sizeof(ret->last_error));
		ret->first_under_way = !ret->known && sql_int(st, 8) > store_now(store) &&
				       sql_int(st, 8) <= store_now(store) + FIRST_CALL_S;
	}
	sqlite3_finalize(st);
	if (rc >= 0)
		rc = key_refused(store, auth_mark);
	ret->auth_failed = rc > 0;
	return rc < 0 ? rc : 0;
}

/* The count is still that of this day, or of this side of a stop. */
#define SAME "(day = ?2 AND NOT (stopped_until > 0 AND stopped_until <= ?6 AND remaining <= 0))"

int store_quota_take(struct store *store, const char *endpoint, int64_t ncalls)
{
	int64_t now = store_now(store);

	return sql_run(
		store,
		"INSERT INTO endpoint(name, day, quota, remaining, known, stopped_until,"
		" auth_mark, last_ok_at, last_error_at, last_error, first_until)"
		" VALUES(?1, ?2, ?3, ?3 - ?5, 0, 0, NULL, 0, 0, '', ?4)"
		" ON CONFLICT(name) DO UPDATE SET"
		" remaining = iif(" SAME ", remaining, quota) - ?5,"
		" known = iif(" SAME ", known, 0), day = ?2,"
		" first_until = iif(" SAME " AND known, 0, ?4),"
		" stopped_until = iif(stopped_until > ?6 AND stopped_until <= ?7, stopped_until, 0)",
		"siiiiii", endpoint, now / 86400, free_plan(endpoint), now + FIRST_CALL_S, ncalls,
		now, now + STOP_MAX_S);
}

int store_quota_recount(struct store *store)
{
	return sql_run(store,
		       "UPDATE endpoint SET known = 0, first_until = 0 WHERE name <> 'check'", "");
}

/*
 * With several calls on their way the remaining number of a late answer is stale: the lesser
 * of it and our own count is right, unless nothing was known before. Only a success ends a stop, or
 * shows that the key is good: answers of calls that were under way still come after a 429 or a 401.
 */
int store_quota_seen(struct store *store, const char *endpoint, const char *auth_mark,
		     const struct quota_seen *quota)
{
	int64_t now = store_now(store);
	int rc, refused = quota->auth_failed ? key_refused(store, auth_mark) : 1;

	if (!quota->seen) /* a call ended, and says nothing of the quota */
		return sql_run(
			store,
			"UPDATE endpoint SET first_until = 0, last_error_at = ?2, last_error = ?3"
			" WHERE name = ?1",
			"sis", endpoint, now, quota->error);
	rc = sql_run(store,
		     "UPDATE endpoint SET"
		     " quota = iif(?2 > 0, ?2, quota),"
		     " remaining = iif(?3 < 0, remaining, iif(known, min(remaining, ?3), ?3)),"
		     " known = known OR ?3 >= 0, first_until = 0,"
		     " stopped_until = iif(?4 > 0 OR ?6 = '', ?4, stopped_until),"
		     " auth_mark = iif(?5 IS NOT NULL OR ?6 = '', ?5, auth_mark),"
		     " last_ok_at = iif(?6 = '', ?7, last_ok_at),"
		     " last_error_at = iif(?6 = '', last_error_at, ?7),"
		     " last_error = iif(?6 = '', last_error, ?6) WHERE name = ?1",
		     "siiissi", endpoint, quota->limit, quota->remaining, quota->stopped_until,
		     quota->auth_failed ? auth_mark : NULL, quota->error, now);
	return rc ? rc : refused < 0 ? refused : !refused;
}
