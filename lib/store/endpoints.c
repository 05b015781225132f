/* SPDX-License-Identifier: MIT */
/*
 * endpoints.c - what each endpoint of the API still allows today
 *
 * Counts reset at 00:00 UTC, or where a stop by the service ends. What no header has told yet is
 * taken as the free plan's.
 */
#include "store/store_private.h"
#include <string.h>
#include <sys/param.h>

#define STOP_MAX_S \
	(2 * 86400 + 3600)     /* none is longer: a longer one was noted under a wrong clock */
#define CALLS_MAX    100000000 /* as net/http.c; earlier versions stored any number */
#define FIRST_CALL_S 65	       /* no call lasts longer: [general] timeout_ms, at most 60 s */

static int64_t free_plan(const char *endpoint)
{
	if (!strcmp(endpoint, "check") || !strcmp(endpoint, "report"))
		return QUOTA_FREE_PLAN;
	return QUOTA_FREE_RARE;
}

static int key_refused(struct store *store, const char *auth_mark)
{
	return sql_count(store, "SELECT EXISTS(SELECT 1 FROM endpoint WHERE auth_mark = ?1)",
			 SQL_TEXT(auth_mark));
}

struct endpoint {
	int64_t day, limit, remaining, stopped_until, last_ok_at, last_error_at, first_until;
	bool known;
	char last_error[DETAIL_MAX];
};

static bool endpoint_read(sqlite3_stmt *row, void *element)
{
	struct endpoint *endpoint = element;

	endpoint->day = sql_int(row, 0);
	endpoint->limit = MAX(0, MIN(sql_int(row, 1), CALLS_MAX));
	endpoint->remaining = MAX(-CALLS_MAX, MIN(sql_int(row, 2), CALLS_MAX));
	endpoint->known = sql_int(row, 3) != 0;
	endpoint->stopped_until = sql_int(row, 4);
	endpoint->last_ok_at = sql_int(row, 5);
	endpoint->last_error_at = sql_int(row, 6);
	sql_text(row, 7, endpoint->last_error, sizeof(endpoint->last_error));
	endpoint->first_until = sql_int(row, 8);
	return true;
}

static void quota_from_endpoint(const struct endpoint *endpoint, int64_t now, struct quota *quota)
{
	bool stop_is_over = endpoint->stopped_until > 0 && endpoint->stopped_until <= now &&
			    endpoint->remaining <= 0;
	bool same_day = endpoint->day == now / 86400 && !stop_is_over;

	quota->limit = endpoint->limit;
	if (same_day)
		quota->remaining = endpoint->remaining;
	else
		quota->remaining = endpoint->limit;
	quota->known = same_day && endpoint->known;
	if (endpoint->stopped_until > now && endpoint->stopped_until <= now + STOP_MAX_S)
		quota->stopped_until = endpoint->stopped_until;
	quota->last_ok_at = endpoint->last_ok_at;
	quota->last_error_at = endpoint->last_error_at;
	memcpy(quota->last_error, endpoint->last_error, sizeof(quota->last_error));
	quota->first_under_way = !quota->known && endpoint->first_until > now &&
				 endpoint->first_until <= now + FIRST_CALL_S;
}

int store_quota_get(struct store *store, const char *endpoint, const char *auth_mark,
		    struct quota *ret)
{
	struct endpoint row;
	int rc = sql_rows(
		store, endpoint_read, &row, 1,
		"SELECT day, quota, remaining, known, stopped_until,"
		" last_ok_at, last_error_at, last_error, first_until FROM endpoint WHERE name = ?1",
		SQL_TEXT(endpoint));

	*ret = (struct quota){ .limit = free_plan(endpoint), .remaining = free_plan(endpoint) };
	if (rc < 0)
		return rc;
	if (rc > 0)
		quota_from_endpoint(&row, store_now(store), ret);
	rc = key_refused(store, auth_mark);
	if (rc < 0)
		return rc;
	ret->auth_failed = rc > 0;
	return 0;
}

/* The count is still that of this day, or of this side of a stop. */
#define SAME "(day = ?2 AND NOT (stopped_until > 0 AND stopped_until <= ?6 AND remaining <= 0))"

int store_quota_take(struct store *store, const char *endpoint, int64_t ncalls)
{
	int64_t now = store_now(store);

	return sql_run(store,
		       "INSERT INTO endpoint(name, day, quota, remaining, known, stopped_until,"
		       " auth_mark, last_ok_at, last_error_at, last_error, first_until)"
		       " VALUES(?1, ?2, ?3, ?3 - ?5, 0, 0, NULL, 0, 0, '', ?4)"
		       " ON CONFLICT(name) DO UPDATE SET"
		       " remaining = iif(" SAME ", remaining, quota) - ?5,"
		       " known = iif(" SAME ", known, 0), day = ?2,"
		       " first_until = iif(" SAME " AND known, 0, ?4),"
		       " stopped_until = iif(stopped_until > ?6 AND stopped_until <= ?7,"
		       " stopped_until, 0)",
		       SQL_TEXT(endpoint), SQL_INT(now / 86400), SQL_INT(free_plan(endpoint)),
		       SQL_INT(now + FIRST_CALL_S), SQL_INT(ncalls), SQL_INT(now),
		       SQL_INT(now + STOP_MAX_S));
}

int store_quota_recount(struct store *store)
{
	return sql_run(store,
		       "UPDATE endpoint SET known = 0, first_until = 0 WHERE name <> 'check'",
		       SQL_NONE);
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
			SQL_TEXT(endpoint), SQL_INT(now), SQL_TEXT(quota->error));
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
		     SQL_TEXT(endpoint), SQL_INT(quota->limit), SQL_INT(quota->remaining),
		     SQL_INT(quota->stopped_until), SQL_TEXT(quota->auth_failed ? auth_mark : NULL),
		     SQL_TEXT(quota->error), SQL_INT(now));
	if (rc)
		return rc;
	if (refused < 0)
		return refused;
	return !refused;
}

/* ---- DNS over TCP: a row that exists only while it fails ---- */

#define TCP_ROW "'dns-tcp'"

int store_tcp_note(struct store *store, const char *why)
{
	int rc, known;

	if (!why)
		return sql_run(store, "DELETE FROM endpoint WHERE name = " TCP_ROW, SQL_NONE);
	known = sql_count(store, "SELECT count(*) FROM endpoint WHERE name = " TCP_ROW, SQL_NONE);
	if (known < 0)
		return known;
	rc = sql_run(
		store,
		"INSERT OR REPLACE INTO endpoint(name, day, quota, remaining, known,"
		" stopped_until, auth_mark, last_ok_at, last_error_at, last_error, first_until)"
		" VALUES(" TCP_ROW ", 0, 0, 0, 0, 0, NULL, 0, ?1, ?2, 0)",
		SQL_INT(store_now(store)), SQL_TEXT(why));
	if (rc)
		return rc;
	return !known;
}

struct tcp_failure {
	int64_t at;
	char why[DETAIL_MAX];
};

static bool tcp_failure_read(sqlite3_stmt *row, void *element)
{
	struct tcp_failure *failure = element;

	failure->at = sql_int(row, 0);
	sql_text(row, 1, failure->why, sizeof(failure->why));
	return true;
}

int store_tcp_failed(struct store *store, int64_t *ret_at, char ret_why[DETAIL_MAX])
{
	struct tcp_failure failure;
	int64_t now = store_now(store);
	int rc = sql_rows(store, tcp_failure_read, &failure, 1,
			  "SELECT last_error_at, last_error FROM endpoint WHERE name = " TCP_ROW
			  " AND last_error_at BETWEEN ?1 AND ?2",
			  SQL_INT(now - WEEK_S), SQL_INT(now + WEEK_S));

	if (rc <= 0)
		return rc;
	*ret_at = failure.at;
	memcpy(ret_why, failure.why, DETAIL_MAX);
	return 1;
}
