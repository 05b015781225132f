/* SPDX-License-Identifier: MIT */
/* lookups.c - addresses that wait to be looked up: one row each, however many lines */
#include "store/store_private.h"
#include <string.h>

#define JOB_COLUMNS "key, addr, mark, origin, tries, since, next_at, jail"

static bool job_of(sqlite3_stmt *st, struct lookup_job *j)
{
	if (!sql_key(st, 0, &j->key) || !sql_key(st, 1, &j->addr))
		return false;
	j->mark = sql_int(st, 2);
	j->origin = sql_int(st, 3) == SURE ? SURE : AMBIGUOUS;
	j->tries = (int)sql_int(st, 4);
	j->since = sql_int(st, 5);
	j->next_at = sql_int(st, 6);
	sql_text(st, 7, j->jail, sizeof(j->jail));
	return true;
}

int store_lookup_get(struct store *s, const struct addr *key, struct lookup_job *ret)
{
	sqlite3_stmt *st;
	int r = sql_row(s, &st, "SELECT " JOB_COLUMNS " FROM lookup WHERE key = ?1", "k", key);

	if (r > 0 && ret)
		r = job_of(st, ret);
	sqlite3_finalize(st);
	return r;
}

/* Sure is the larger number of enum origin, so the merge is max(). */
int store_lookup_put(struct store *s, const struct lookup_job *j)
{
	return sql_run(s,
		       "INSERT INTO lookup(" JOB_COLUMNS ") VALUES(?1,?2,random(),?3,0,?4,?5,?6)"
		       " ON CONFLICT(key) DO UPDATE SET origin = max(origin, excluded.origin),"
		       " next_at = min(next_at, excluded.next_at),"
		       " jail = iif(excluded.origin > origin, excluded.jail, jail)",
		       "kkiiis", &j->key, &j->addr, (int64_t)j->origin, j->since, j->next_at,
		       j->jail);
}

int store_lookup_crowd(struct store *s, const struct addr *key, int net_bits, int *ret_near,
		       int *ret_all)
{
	struct addr from = addr_cut(key, net_bits), to = from;
	int64_t near = 0, all = 0;
	int r;

	for (int bit = net_bits; bit < 128; bit++)
		to.b[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
	r = sql_number(s, 0, &near,
		       "SELECT count(*) FROM (SELECT 1 FROM lookup"
		       " WHERE key BETWEEN ?1 AND ?2 LIMIT ?3)",
		       "kki", &from, &to, (int64_t)LOOKUPS_NET_MAX);
	if (!r && near < LOOKUPS_NET_MAX) /* in a flood most end here: the whole queue is long */
		r = sql_number(s, 0, &all, "SELECT count(*) FROM (SELECT 1 FROM lookup LIMIT ?1)",
			       "i", (int64_t)LOOKUPS_MAX);
	*ret_near = (int)near;
	*ret_all = (int)all;
	return r;
}

int store_lookups_due(struct store *s, int64_t now, struct lookup_job *ret, size_t max)
{
	sqlite3_stmt *st;
	size_t n = 0;
	int r = sql_row(s, &st,
			"SELECT " JOB_COLUMNS " FROM lookup WHERE next_at <= ?1"
			" ORDER BY next_at LIMIT ?2",
			"ii", now, (int64_t)max);

	while (r > 0 && n < max) {
		if (job_of(st, &ret[n]))
			n++;
		r = sql_next(s, st);
	}
	sqlite3_finalize(st);
	return r < 0 ? r : (int)n;
}

int store_lookup_alive(struct store *s, const struct lookup_job *j)
{
	int64_t n = 0;
	int r = sql_number(s, 0, &n, "SELECT count(*) FROM lookup WHERE key = ?1 AND mark = ?2",
			   "ki", &j->key, j->mark);

	return r ? r : n > 0;
}

int store_lookup_end(struct store *s, const struct lookup_job *j, int64_t retry_at)
{
	if (retry_at > 0)
		return sql_run(s,
			       "UPDATE lookup SET next_at = ?3, tries = ?5"
			       " WHERE key = ?1 AND mark = ?2 AND origin = ?4",
			       "kiiii", &j->key, j->mark, retry_at, (int64_t)j->origin,
			       (int64_t)j->tries);
	return sql_run(s, "DELETE FROM lookup WHERE key = ?1 AND mark = ?2 AND origin = ?3", "kii",
		       &j->key, j->mark, (int64_t)j->origin);
}
