/* SPDX-License-Identifier: MIT */
/* retractions.c - reports to be taken back: one row an address, kept as long as reports are */
#include "store/store_private.h"

#define RETRACTION_COLUMNS "addr, key, state, since, next_at, tries, deleted, why"

static bool retraction_of(sqlite3_stmt *st, struct retraction *r)
{
	if (!sql_key(st, 0, &r->addr) || !sql_key(st, 1, &r->key))
		return false;
	r->state = (enum retraction_state)sql_int(st, 2);
	r->since = sql_int(st, 3);
	r->next_at = sql_int(st, 4);
	r->tries = (int)sql_int(st, 5);
	r->deleted = sql_int(st, 6);
	sql_text(st, 7, r->why, sizeof(r->why));
	return true;
}

/* A report that may have reached the service goes, too: what it did there is taken back besides. */
int store_retract(struct store *s, const struct addr *addr, const struct addr *key)
{
	int64_t now = store_now(s);
	int n = 0, r = store_begin(s, STORE_DURABLE);

	if (r)
		return r;
	r = sql_run(s, "DELETE FROM report WHERE addr = ?1 AND state < 2", "k", addr);
	if (!r) {
		n = sqlite3_changes(s->db);
		r = sql_run(s,
			    "INSERT OR REPLACE INTO retraction(" RETRACTION_COLUMNS ")"
			    " VALUES(?1, ?2, 0, ?3, ?3, 0, 0, '')",
			    "kki", addr, key, now);
	}
	r = store_end(s, r);
	return r ? r : n;
}

int store_retraction_get(struct store *s, const struct addr *addr, struct retraction *ret)
{
	sqlite3_stmt *st;
	int r = sql_row(s, &st, "SELECT " RETRACTION_COLUMNS " FROM retraction WHERE addr = ?1",
			"k", addr);

	if (r > 0)
		r = retraction_of(st, ret);
	sqlite3_finalize(st);
	return r;
}

int store_retractions_due(struct store *s, int64_t now, struct retraction *ret, size_t max)
{
	sqlite3_stmt *st;
	size_t n = 0;
	int r = sql_row(s, &st,
			"SELECT " RETRACTION_COLUMNS " FROM retraction"
			" WHERE state = 0 AND next_at <= ?1 ORDER BY next_at LIMIT ?2",
			"ii", now, (int64_t)max);

	while (r > 0 && n < max) {
		n += retraction_of(st, &ret[n]);
		r = sql_next(s, st);
	}
	sqlite3_finalize(st);
	return r < 0 ? r : (int)n;
}

int store_retraction_end(struct store *s, const struct retraction *r)
{
	int rc = sql_run(s,
			 "UPDATE retraction SET state = ?2, next_at = ?3, tries = tries + 1,"
			 " deleted = ?4, why = ?5 WHERE addr = ?1 AND since = ?6",
			 "kiiisi", &r->addr, (int64_t)r->state, r->next_at, r->deleted, r->why,
			 r->since);

	if (rc || !sqlite3_changes(s->db))
		return rc ? rc : 1;
	if (r->state != RETRACT_DONE)
		return 0;
	return sql_run(
		s,
		"UPDATE report SET state = ?2, why = 'taken back' WHERE addr = ?1 AND state IN (3, 4)",
		"ki", &r->addr, (int64_t)REPORT_RETRACTED);
}
