/* SPDX-License-Identifier: MIT */
/*
 * fetches.c - when each feed and allowed name was last fetched, and what came of it
 *
 * What was fetched is in the compiled file of the feeds. Here is only what the next fetch needs, so
 * that a new database costs one more download and no evidence.
 */
#include "store/store_private.h"

static bool fetch_read(sqlite3_stmt *row, void *element)
{
	struct fetch *fetch = element;

	sql_text(row, 0, fetch->etag, sizeof(fetch->etag));
	sql_text(row, 1, fetch->modified, sizeof(fetch->modified));
	fetch->tried_at = sql_int(row, 2);
	fetch->next_at = sql_int(row, 3);
	fetch->tries = sql_small(row, 4);
	sql_text(row, 5, fetch->why, sizeof(fetch->why));
	return true;
}

int store_fetch_get(struct store *store, int kind, const char *name, uint64_t identity,
		    struct fetch *ret)
{
	int rc;

	*ret = (struct fetch){ 0 };
	rc = sql_rows(store, fetch_read, ret, 1,
		      "SELECT etag, modified, tried_at, next_at, tries, why FROM fetch"
		      " WHERE kind = ?1 AND name = ?2 AND identity = ?3",
		      SQL_INT(kind), SQL_TEXT(name), SQL_INT((int64_t)identity));
	return rc;
}

int store_fetch_put(struct store *store, int kind, const char *name, uint64_t identity,
		    const struct fetch *fetch)
{
	return sql_run(store,
		       "INSERT OR REPLACE INTO fetch(kind, name, identity, etag, modified,"
		       " tried_at, next_at, tries, why) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9)",
		       SQL_INT(kind), SQL_TEXT(name), SQL_INT((int64_t)identity),
		       SQL_TEXT(fetch->etag), SQL_TEXT(fetch->modified), SQL_INT(fetch->tried_at),
		       SQL_INT(fetch->next_at), SQL_INT(fetch->tries), SQL_TEXT(fetch->why));
}

int store_fetches_forget(struct store *store, int64_t before)
{
	return sql_run(store, "DELETE FROM fetch WHERE tried_at < ?1", SQL_INT(before));
}
