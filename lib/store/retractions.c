/* SPDX-License-Identifier: MIT */
/* retractions.c - reports to be taken back: one row an address, kept as long as reports are */
#include "store/store_private.h"

#define RETRACTION_COLUMNS "addr, key, state, since, next_at, tries, deleted, why"

static bool retraction_read(sqlite3_stmt *row, void *element)
{
	struct retraction *retraction = element;

	if (!sql_key(row, 0, &retraction->addr) || !sql_key(row, 1, &retraction->key))
		return false;
	retraction->state = (enum retraction_state)sql_int(row, 2);
	retraction->since = sql_int(row, 3);
	retraction->next_at = sql_int(row, 4);
	retraction->tries = sql_small(row, 5);
	retraction->deleted = sql_int(row, 6);
	sql_text(row, 7, retraction->why, sizeof(retraction->why));
	return true;
}

int store_retractable(struct store *store, const struct addr *addr)
{
	return sql_count(
		store,
		"SELECT EXISTS(SELECT 1 FROM report WHERE addr = ?1 AND state IN (1, 3, 4))"
		" OR EXISTS(SELECT 1 FROM retraction WHERE addr = ?1 AND state = 0)",
		SQL_KEY(addr));
}

/* A report that may have reached the service is cancelled as well, and retracted there. */
int store_retract(struct store *store, const struct addr *addr, const struct addr *key,
		  bool at_service)
{
	int count = 0, rc = store_begin(store, STORE_DURABLE);

	if (rc)
		return rc;
	rc = sql_run(store, "DELETE FROM report WHERE addr = ?1 AND state < 2", SQL_KEY(addr));
	if (rc)
		return store_end(store, rc);
	count = sqlite3_changes(store->db);
	rc = store_count(store, "report", "retracted", count);
	if (rc || !at_service)
		return store_end(store, rc ? rc : count);
	rc = sql_run(store,
		     "INSERT OR REPLACE INTO retraction(" RETRACTION_COLUMNS ")"
		     " VALUES(?1, ?2, 0, ?3, ?3, 0, 0, '')",
		     SQL_KEY(addr), SQL_KEY(key), SQL_INT(store_now(store)));
	return store_end(store, rc ? rc : count);
}

int store_retraction_get(struct store *store, const struct addr *addr, struct retraction *ret)
{
	return sql_rows(store, retraction_read, ret, 1,
			"SELECT " RETRACTION_COLUMNS " FROM retraction WHERE addr = ?1",
			SQL_KEY(addr));
}

int store_retractions_due(struct store *store, int64_t now, struct retraction *ret, size_t max)
{
	return sql_rows(store, retraction_read, ret, max,
			"SELECT " RETRACTION_COLUMNS " FROM retraction"
			" WHERE state = 0 AND next_at <= ?1 ORDER BY next_at LIMIT ?2",
			SQL_INT(now), SQL_INT(max));
}

int store_retraction_end(struct store *store, const struct retraction *retraction)
{
	int rc = sql_run(store,
			 "UPDATE retraction SET state = ?2, next_at = ?3, tries = tries + 1,"
			 " deleted = ?4, why = ?5 WHERE addr = ?1 AND since = ?6",
			 SQL_KEY(&retraction->addr), SQL_INT(retraction->state),
			 SQL_INT(retraction->next_at), SQL_INT(retraction->deleted),
			 SQL_TEXT(retraction->why), SQL_INT(retraction->since));

	if (rc)
		return rc;
	if (!sqlite3_changes(store->db))
		return 1;
	if (retraction->state == RETRACT_REFUSED)
		return store_count(store, "retraction", "refused", 1);
	if (retraction->state != RETRACT_DONE)
		return 0;
	rc = sql_run(store,
		     "UPDATE report SET state = ?2, why = 'taken back'"
		     " WHERE addr = ?1 AND state IN (3, 4)",
		     SQL_KEY(&retraction->addr), SQL_INT(REPORT_RETRACTED));
	if (!rc)
		rc = store_count(store, "report", "retracted", sqlite3_changes(store->db));
	if (rc)
		return rc;
	return store_count(store, "retraction", "done", 1);
}
