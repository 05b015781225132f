/* SPDX-License-Identifier: MIT */
/* lookups.c - addresses that wait to be looked up: one row each, however many lines */
#include "store/store_private.h"

#define JOB_COLUMNS "key, addr, mark, origin, tries, since, next_at, jail"

static bool lookup_read(sqlite3_stmt *row, void *element)
{
	struct lookup_job *job = element;

	if (!sql_key(row, 0, &job->key) || !sql_key(row, 1, &job->addr))
		return false;
	job->mark = sql_id(row, 2);
	job->origin = sql_int(row, 3) == SURE ? SURE : AMBIGUOUS;
	job->tries = sql_small(row, 4);
	job->since = sql_int(row, 5);
	job->next_at = sql_int(row, 6);
	sql_text(row, 7, job->jail, sizeof(job->jail));
	return true;
}

int store_lookup_get(struct store *store, const struct addr *key, struct lookup_job *ret)
{
	struct lookup_job unused;

	return sql_rows(store, lookup_read, ret ? ret : &unused, 1,
			"SELECT " JOB_COLUMNS " FROM lookup WHERE key = ?1", SQL_KEY(key));
}

/* Sure is the larger number of enum origin, so the merge is max(). */
int store_lookup_put(struct store *store, const struct lookup_job *job)
{
	return sql_run(store,
		       "INSERT INTO lookup(" JOB_COLUMNS ") VALUES(?1,?2,random(),?3,0,?4,?5,?6)"
		       " ON CONFLICT(key) DO UPDATE SET origin = max(origin, excluded.origin),"
		       " next_at = min(next_at, excluded.next_at),"
		       " jail = iif(excluded.origin > origin, excluded.jail, jail)",
		       SQL_KEY(&job->key), SQL_KEY(&job->addr), SQL_INT(job->origin),
		       SQL_INT(job->since), SQL_INT(job->next_at), SQL_TEXT(job->jail));
}

#define NEAR_WHERE "SELECT count(*) FROM (SELECT 1 FROM lookup WHERE key BETWEEN ?1 AND ?2"

/*
 * Which wait for another try is up to the sources: one silent list would otherwise shut out all
 * neighbours of the addresses that were tried first.
 */
static int lookup_net_has_room(struct store *store, const struct addr *first,
			       const struct addr *last)
{
	int count = sql_count(store, NEAR_WHERE " AND tries = 0 AND next_at <= ?4 LIMIT ?3)",
			      SQL_KEY(first), SQL_KEY(last), SQL_INT(LOOKUPS_NET_NEW_MAX),
			      SQL_INT(store_now(store)));

	if (count < 0)
		return count;
	if (count >= LOOKUPS_NET_NEW_MAX)
		return 0;
	count = sql_count(store, NEAR_WHERE " LIMIT ?3)", SQL_KEY(first), SQL_KEY(last),
			  SQL_INT(LOOKUPS_NET_MAX));
	if (count < 0)
		return count;
	return count < LOOKUPS_NET_MAX;
}

int store_lookup_has_room(struct store *store, const struct addr *key, int net_bits)
{
	struct prefix net = { .addr = addr_cut(key, net_bits), .bits = net_bits };
	struct addr last = addr_last(&net);
	int rc = lookup_net_has_room(store, &net.addr, &last), count;

	if (rc <= 0) /* in a flood most end here: the whole queue is long */
		return rc;
	count = sql_count(store, "SELECT count(*) FROM (SELECT 1 FROM lookup LIMIT ?1)",
			  SQL_INT(LOOKUPS_MAX));
	if (count < 0)
		return count;
	return count < LOOKUPS_MAX;
}

int store_lookups_untried(struct store *store, int max)
{
	return sql_count(store,
			 "SELECT count(*) FROM (SELECT 1 FROM lookup"
			 " WHERE next_at <= ?1 AND tries = 0 LIMIT ?2)",
			 SQL_INT(store_now(store)), SQL_INT(max));
}

int store_lookups_due(struct store *store, int64_t now, struct lookup_job *ret, size_t max)
{
	return sql_rows(store, lookup_read, ret, max,
			"SELECT " JOB_COLUMNS " FROM lookup WHERE next_at <= ?1"
			" ORDER BY next_at LIMIT ?2",
			SQL_INT(now), SQL_INT(max));
}

int store_lookup_alive(struct store *store, const struct lookup_job *job)
{
	return sql_count(store, "SELECT count(*) FROM lookup WHERE key = ?1 AND mark = ?2",
			 SQL_KEY(&job->key), SQL_INT(job->mark));
}

int store_lookup_end(struct store *store, const struct lookup_job *job, int64_t retry_at)
{
	int rc;

	if (retry_at > 0)
		return sql_run(store,
			       "UPDATE lookup SET next_at = ?3, tries = ?5"
			       " WHERE key = ?1 AND mark = ?2 AND origin = ?4",
			       SQL_KEY(&job->key), SQL_INT(job->mark), SQL_INT(retry_at),
			       SQL_INT(job->origin), SQL_INT(job->tries));
	rc = sql_run(store, "DELETE FROM lookup WHERE key = ?1 AND mark = ?2 AND origin = ?3",
		     SQL_KEY(&job->key), SQL_INT(job->mark), SQL_INT(job->origin));
	if (rc)
		return rc;
	return sqlite3_changes(store->db) > 0;
}
