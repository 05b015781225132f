/* SPDX-License-Identifier: MIT */
/* counts.c - what waits, how long it has waited, and what never will go, for people */
#include "store/store_private.h"

#define WAIT_MAX_S (3 * 86400) /* for a quota: two days */

#define BY_AGE(since)                                                                 \
	"SELECT count(*) FILTER (WHERE " since " > ?1 - 60),"                         \
	" count(*) FILTER (WHERE " since " <= ?1 - 60 AND " since " > ?1 - 3600),"    \
	" count(*) FILTER (WHERE " since " <= ?1 - 3600 AND " since " > ?1 - 86400)," \
	" count(*) FILTER (WHERE " since " <= ?1 - 86400), coalesce(min(" since "), ?1) FROM "

struct ages {
	int64_t *by_age, oldest_at;
};

static bool ages_read(sqlite3_stmt *row, void *element)
{
	struct ages *ages = element;

	for (int i = 0; i < NAGES; i++)
		ages->by_age[i] = sql_int(row, i);
	ages->oldest_at = sql_int(row, NAGES);
	return true;
}

/* *ret_oldest_s may be NULL; it only grows. */
static int count_ages(struct store *store, const char *sql, int64_t by_age[NAGES],
		      int64_t *ret_oldest_s)
{
	int64_t now = store_now(store);
	struct ages ages = { .by_age = by_age, .oldest_at = now };
	int rc = sql_each(store, ages_read, &ages, sql, SQL_INT(now));

	if (rc < 0)
		return rc;
	if (ret_oldest_s && now - ages.oldest_at > *ret_oldest_s)
		*ret_oldest_s = now - ages.oldest_at;
	return 0;
}

int store_queue_counts(struct store *store, struct queue_counts *ret)
{
	int rc;

	*ret = (struct queue_counts){ 0 };
	rc = count_ages(store, BY_AGE("first_at") "report WHERE state = 0 AND state < 2",
			ret->by_age[WAIT_QUEUED], &ret->oldest_s);
	if (rc)
		return rc;
	rc = count_ages(store, BY_AGE("first_at") "report WHERE state = 1 AND state < 2",
			ret->by_age[WAIT_SENDING], &ret->oldest_s);
	if (rc)
		return rc;
	rc = count_ages(store, BY_AGE("since") "lookup", ret->by_age[WAIT_LOOKUP], &ret->oldest_s);
	if (rc)
		return rc;
	rc = count_ages(store, BY_AGE("since") "retraction WHERE state = 0",
			ret->by_age[WAIT_RETRACTION], NULL);
	if (rc)
		return rc;
	rc = sql_number(store, &ret->parked,
			"SELECT count(*) FROM report WHERE state = 2 AND state > 1", SQL_NONE);
	if (rc)
		return rc;
	return sql_number(store, &ret->unknown,
			  "SELECT count(*) FROM report WHERE state = 4 AND state > 1", SQL_NONE);
}

static bool waiting_read(sqlite3_stmt *row, void *element)
{
	struct waiting *waiting = element;

	waiting->count = sql_int(row, 0);
	waiting->since = sql_int(row, 1);
	return true;
}

/* A failed try makes a job late from its begin on; waiting for a quota is no try. */
#define LATE(begin, from)                                                    \
	"SELECT count(*), coalesce(min(iif(tries > 0, " begin ", max(" begin \
	", next_at))), 0) FROM " from " " begin " <= ?1 AND (next_at <= ?1 OR tries > 0)"

int store_waiting_get(struct store *store, int what, int64_t before, struct waiting *ret)
{
	static const char *const waiting[NWAITS] = {
		[WAIT_QUEUED] = LATE("first_at", "report WHERE state < 2 AND"),
		[WAIT_LOOKUP] = LATE("since", "lookup WHERE"),
		[WAIT_RETRACTION] = LATE("since", "retraction WHERE state = 0 AND"),
	};
	int rc;

	*ret = (struct waiting){ 0 };
	rc = sql_each(store, waiting_read, ret, waiting[what], SQL_INT(before));
	if (rc < 0)
		return rc;
	return 0;
}

int store_oldest_due(struct store *store, int64_t *ret_at)
{
	return sql_number(store, ret_at,
			  "SELECT coalesce(max(min(at), 1), 0) FROM ("
			  " SELECT min(next_at) AS at FROM lookup UNION ALL"
			  " SELECT min(next_at) FROM report WHERE state < 2 UNION ALL"
			  " SELECT min(next_at) FROM retraction WHERE state = 0)",
			  SQL_NONE);
}

int store_reset_future_retries(struct store *store)
{
	static const char *const late[] = {
		"UPDATE lookup SET next_at = ?1 WHERE next_at > ?2",
		"UPDATE report SET next_at = ?1 WHERE state < 2 AND next_at > ?2",
		"UPDATE retraction SET next_at = ?1 WHERE state = 0 AND next_at > ?2",
		"UPDATE publication SET next_at = ?1 WHERE state IN (1, 3) AND next_at > ?2",
	};
	int64_t now = store_now(store);
	int rc = store_begin(store, STORE_FAST);

	if (rc)
		return rc;
	for (size_t i = 0; i < sizeof(late) / sizeof(late[0]) && !rc; i++)
		rc = sql_run(store, late[i], SQL_INT(now), SQL_INT(now + WAIT_MAX_S));
	return store_end(store, rc);
}
