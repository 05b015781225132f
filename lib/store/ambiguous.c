/* SPDX-License-Identifier: MIT */
/*
 * ambiguous.c - lines that prove nothing alone, counted until they earn a lookup
 *
 * One row for each second of an address, and of these the newest only, so that an attacker's
 * thousands of lines are a bounded number of rows.
 */
#include "store/store_private.h"

static int drop_oldest(struct store *store, const struct addr *key, int64_t now)
{
	return sql_run(
		store,
		"DELETE FROM ambiguous WHERE key = ?1 AND at NOT IN (SELECT at FROM ambiguous"
		" WHERE key = ?1 ORDER BY at > ?3, at DESC LIMIT ?2)",
		SQL_KEY(key), SQL_INT(GATE_FAILURES_MAX), SQL_INT(now));
}

int store_ambiguous_put(struct store *store, const struct addr *key, bool is_login)
{
	int64_t now = store_now(store);
	int rc = sql_run(store,
			 "INSERT INTO ambiguous(key, at, logins, others) VALUES(?1, ?2, ?3, 1 - ?3)"
			 " ON CONFLICT(key, at) DO UPDATE SET logins = min(logins + ?3, 1000000),"
			 " others = min(others + 1 - ?3, 1000000)",
			 SQL_KEY(key), SQL_INT(now), SQL_INT(is_login));

	if (rc)
		return rc;
	return drop_oldest(store, key, now);
}

static bool ambiguous_read(sqlite3_stmt *row, void *element)
{
	struct ambiguous_counts *counts = element;

	counts->logins = sql_int(row, 0);
	counts->others = sql_int(row, 1);
	return true;
}

int store_ambiguous_get(struct store *store, const struct addr *key, int64_t window_s,
			struct ambiguous_counts *ret)
{
	int64_t now = store_now(store);
	int rc = sql_rows(store, ambiguous_read, ret, 1,
			  "SELECT coalesce(sum(logins), 0), coalesce(sum(others), 0) FROM ambiguous"
			  " WHERE key = ?1 AND at > ?2 AND at <= ?3",
			  SQL_KEY(key), SQL_INT(now - window_s), SQL_INT(now + WEEK_S));

	if (rc < 0)
		return rc;
	return 0;
}
