/* SPDX-License-Identifier: MIT */
/* retractions.c - reports to be taken back: one row an address, kept as long as reports are */
#include "store/store_private.h"

#define RETRACTION_COLUMNS "addr, key, state, since, next_at, tries, deleted, why"

static bool retraction_of(sqlite3_stmt *st, struct retraction *retraction)
{
	if (!sql_key(st, 0, &retraction->addr) || !sql_key(st, 1, &retraction->key))
		return false;
	retraction->state = (enum retraction_state)sql_int(st, 2);
	retraction->since = sql_int(st, 3);
	retraction->next_at = sql_int(st, 4);
	retraction->tries = (int)sql_int(st, 5);
	retraction->deleted = sql_int(st, 6);
	sql_text(st, 7, retraction->why, sizeof(retraction->why));
	return true;
}

/* A report that may have reached the service is cancelled as well, and retracted there. */
int store_retract(struct store *store, const struct addr *addr, const struct addr *key)
{
	int64_t now = store_now(store);
	int count = 0, rc = store_begin(store, STORE_DURABLE);

	if (rc)
		return rc;
	rc = sql_run(store, "DELETE FROM report WHERE addr = ?1 AND state < 2", "k", addr);
	if (!rc) {
		count = sqlite3_changes(store->db);
		rc = sql_run(store,
			     "INSERT OR REPLACE INTO retraction(" RETRACTION_COLUMNS ")"
			     " VALUES(?1, ?2, 0, ?3, ?3, 0, 0, '')",
			     "kki", addr, key, now);
	}
	rc = store_end(store, rc);
	return rc ? rc : count;
}

int store_retraction_get(struct store *store, const struct addr *addr, struct retraction *ret)
{
	sqlite3_stmt *st;
	int rc = sql_row(store, &st,
			 "SELECT " RETRACTION_COLUMNS " FROM retraction WHERE addr = ?1", "k",
			 addr);

	if (rc > 0)
		rc = retraction_of(st, ret);
	sqlite3_finalize(st);
	return rc;
}

int store_retractions_due(struct store *store, int64_t now, struct retraction *ret, size_t max)
{
	sqlite3_stmt *st;
	size_t count = 0;
	int rc = sql_row(store, &st,
			 "SELECT " RETRACTION_COLUMNS " FROM retraction"
			 " WHERE state = 0 AND next_at <= ?1 ORDER BY next_at LIMIT ?2",
			 "ii", now, (int64_t)max);

	while (rc > 0 && count < max) {
		count += retraction_of(st, &ret[count]);
		rc = sql_next(store, st);
	}
	sqlite3_finalize(st);
	return rc < 0 ? rc : (int)count;
}

int store_retraction_end(struct store *store, const struct retraction *retraction)
{
	int rc = sql_run(store,
			 "UPDATE retraction SET state = ?2, next_at = ?3, tries = tries + 1,"
			 " deleted = ?4, why = ?5 WHERE addr = ?1 AND since = ?6",
			 "kiiisi", &retraction->addr, (int64_t)retraction->state,
			 retraction->next_at, retraction->deleted, retraction->why,
			 retraction->since);

	if (rc || !sqlite3_changes(store->db))
		return rc ? rc : 1;
	if (retraction->state != RETRACT_DONE)
		return 0;
	return sql_run(
		store,
		"UPDATE report SET state = ?2, why = 'taken back' WHERE addr = ?1 AND state IN (3, 4)",
		"ki", &retraction->addr, (int64_t)REPORT_RETRACTED);
}
