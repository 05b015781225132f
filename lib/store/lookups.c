/* SPDX-License-Identifier: MIT */
/* lookups.c - addresses that wait to be looked up: one row each, however many lines */
#include "store/store_private.h"

#define JOB_COLUMNS "key, addr, mark, origin, tries, since, next_at, jail"

static bool job_of(sqlite3_stmt *st, struct lookup_job *job)
{
	if (!sql_key(st, 0, &job->key) || !sql_key(st, 1, &job->addr))
		return false;
	job->mark = sql_int(st, 2);
	job->origin = sql_int(st, 3) == SURE ? SURE : AMBIGUOUS;
	job->tries = (int)sql_int(st, 4);
	job->since = sql_int(st, 5);
	job->next_at = sql_int(st, 6);
	sql_text(st, 7, job->jail, sizeof(job->jail));
	return true;
}

int store_lookup_get(struct store *store, const struct addr *key, struct lookup_job *ret)
{
	sqlite3_stmt *st;
	int rc = sql_row(store, &st, "SELECT " JOB_COLUMNS " FROM lookup WHERE key = ?1", "k", key);

	if (rc > 0 && ret)
		rc = job_of(st, ret);
	sqlite3_finalize(st);
	return rc;
}

/* Sure is the larger number of enum origin, so the merge is max(). */
int store_lookup_put(struct store *store, const struct lookup_job *job)
{
	return sql_run(store,
		       "INSERT INTO lookup(" JOB_COLUMNS ") VALUES(?1,?2,random(),?3,0,?4,?5,?6)"
		       " ON CONFLICT(key) DO UPDATE SET origin = max(origin, excluded.origin),"
		       " next_at = min(next_at, excluded.next_at),"
		       " jail = iif(excluded.origin > origin, excluded.jail, jail)",
		       "kkiiis", &job->key, &job->addr, (int64_t)job->origin, job->since,
		       job->next_at, job->jail);
}

int store_lookup_crowd(struct store *store, const struct addr *key, int net_bits, int *ret_near,
		       int *ret_all)
{
	struct prefix net = { addr_cut(key, net_bits), net_bits };
	struct addr last = addr_last(&net);
	int64_t near = 0, all = 0;
	int rc;

	rc = sql_number(store, 0, &near,
			"SELECT count(*) FROM (SELECT 1 FROM lookup"
			" WHERE key BETWEEN ?1 AND ?2 LIMIT ?3)",
			"kki", &net.addr, &last, (int64_t)LOOKUPS_NET_MAX);
	if (!rc && near < LOOKUPS_NET_MAX) /* in a flood most end here: the whole queue is long */
		rc = sql_number(store, 0, &all,
				"SELECT count(*) FROM (SELECT 1 FROM lookup LIMIT ?1)", "i",
				(int64_t)LOOKUPS_MAX);
	*ret_near = (int)near;
	*ret_all = (int)all;
	return rc;
}

int store_lookups_due(struct store *store, int64_t now, struct lookup_job *ret, size_t max)
{
	sqlite3_stmt *st;
	size_t count = 0;
	int rc = sql_row(store, &st,
			 "SELECT " JOB_COLUMNS " FROM lookup WHERE next_at <= ?1"
			 " ORDER BY next_at LIMIT ?2",
			 "ii", now, (int64_t)max);

	while (rc > 0 && count < max) {
		if (job_of(st, &ret[count]))
			count++;
		rc = sql_next(store, st);
	}
	sqlite3_finalize(st);
	return rc < 0 ? rc : (int)count;
}

int store_lookup_alive(struct store *store, const struct lookup_job *job)
{
	int64_t number = 0;
	int rc = sql_number(store, 0, &number,
			    "SELECT count(*) FROM lookup WHERE key = ?1 AND mark = ?2", "ki",
			    &job->key, job->mark);

	return rc ? rc : number > 0;
}

int store_lookup_end(struct store *store, const struct lookup_job *job, int64_t retry_at)
{
	if (retry_at > 0)
		return sql_run(store,
			       "UPDATE lookup SET next_at = ?3, tries = ?5"
			       " WHERE key = ?1 AND mark = ?2 AND origin = ?4",
			       "kiiii", &job->key, job->mark, retry_at, (int64_t)job->origin,
			       (int64_t)job->tries);
	return sql_run(store, "DELETE FROM lookup WHERE key = ?1 AND mark = ?2 AND origin = ?3",
		       "kii", &job->key, job->mark, (int64_t)job->origin);
}
