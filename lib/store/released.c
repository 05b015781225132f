/* SPDX-License-Identifier: MIT */
/*
 * released.c - long blocks that are looked up again, and those that were released
 *
 * A block is due a week after it was made, or its tier rose, and whenever recheck_at says later.
 * The expression is the one of the index block_recheck. One that ends within a day is not worth
 * asking for.
 */
#include "store/store_private.h"
#include <string.h>

#define DUE_AT "max(recheck_at, since + 604800)"
#define IS_DUE \
	" FROM block INDEXED BY block_recheck WHERE " DUE_AT " <= ?1 AND until > ?2 AND until <= ?3"
#define DAY_S 86400

static bool recheck_read(sqlite3_stmt *row, void *element)
{
	struct recheck *recheck = element;

	recheck->addr_known = sql_int(row, 2) != 0;
	recheck->since = sql_int(row, 3);
	sql_text(row, 4, recheck->src, sizeof(recheck->src));
	return sql_key(row, 0, &recheck->key) && sql_key(row, 1, &recheck->addr);
}

int store_rechecks_due(struct store *store, struct recheck *ret, size_t max)
{
	int64_t now = store_now(store);

	return sql_rows(store, recheck_read, ret, max,
			"SELECT key, coalesce(addr, key), addr IS NOT NULL, since, src" IS_DUE
			" ORDER BY " DUE_AT " LIMIT ?4",
			SQL_INT(now), SQL_INT(now + DAY_S), SQL_INT(now + BELIEVED_S),
			SQL_INT(max));
}

int store_rechecks_count(struct store *store, int64_t *ret)
{
	int64_t now = store_now(store);

	return sql_number(store, ret, "SELECT count(*)" IS_DUE, SQL_INT(now), SQL_INT(now + DAY_S),
			  SQL_INT(now + BELIEVED_S));
}

int store_blocks_asked_for(struct store *store, const struct addr *after, struct recheck *ret,
			   size_t max)
{
	int64_t now = store_now(store);

	return sql_rows(store, recheck_read, ret, max,
			"SELECT key, coalesce(addr, key), addr IS NOT NULL, since, src FROM block"
			" WHERE key > ?1 AND " IS_LIVE("?2", "?3") " ORDER BY key LIMIT ?4",
			SQL_KEY(after), SQL_INT(now), SQL_INT(now + BELIEVED_S), SQL_INT(max));
}

int store_recheck_alive(struct store *store, const struct recheck *recheck)
{
	return sql_count(store, "SELECT count(*) FROM block WHERE key = ?1 AND since = ?2",
			 SQL_KEY(&recheck->key), SQL_INT(recheck->since));
}

int store_recheck_later(struct store *store, const struct recheck *recheck, int64_t at)
{
	return sql_run(store, "UPDATE block SET recheck_at = ?3 WHERE key = ?1 AND since = ?2",
		       SQL_KEY(&recheck->key), SQL_INT(recheck->since), SQL_INT(at));
}

int store_block_addr(struct store *store, const struct addr *key, const struct addr *addr)
{
	return sql_run(store, "UPDATE block SET addr = ?2 WHERE key = ?1", SQL_KEY(key),
		       SQL_KEY(addr));
}

/* In case it is gone already, nothing is. */
static int count_release(struct store *store, const struct recheck *recheck, const char *why)
{
	int rc = 0;

	if (!sqlite3_changes(store->db))
		return 0;
	/* no source lists it any more, or another host has pardoned it */
	if (!strcmp(why, "recheck") || !strcmp(why, "fleet"))
		rc = store_count_wrong(store, &recheck->key, &recheck->key);
	if (rc)
		return rc;
	return store_count(store, "release", why, 1);
}

int store_release(struct store *store, const struct recheck *recheck, const char *why)
{
	int rc = sql_run(
		store,
		"INSERT OR REPLACE INTO released(key, at, tier) SELECT key, ?3, tier FROM block"
		" WHERE key = ?1 AND since = ?2",
		SQL_KEY(&recheck->key), SQL_INT(recheck->since), SQL_INT(store_now(store)));

	if (!rc)
		rc = count_release(store, recheck, why);
	if (rc)
		return rc;
	return store_block_drop(store,
				&(struct block){ .key = recheck->key, .since = recheck->since });
}

int store_release_over(struct store *store, const struct addr *key)
{
	return sql_run(store, "DELETE FROM released WHERE key = ?1", SQL_KEY(key));
}

int store_released_at(struct store *store, const struct addr *key, int64_t *ret_at)
{
	return sql_number(store, ret_at, "SELECT at FROM released WHERE key = ?1", SQL_KEY(key));
}

static bool release_read(sqlite3_stmt *row, void *element)
{
	struct release *release = element;

	release->at = sql_int(row, 1);
	sql_text(row, 2, release->tier, sizeof(release->tier));
	return sql_key(row, 0, &release->key);
}

int store_released_page(struct store *store, int64_t keep_s, const struct release *after,
			struct release *ret, size_t max)
{
	int64_t now = store_now(store);

	return sql_rows(store, release_read, ret, max,
			"SELECT key, at, tier FROM released WHERE at > ?1 AND at <= ?2"
			" AND (at, key) > (?3, ?4) AND NOT EXISTS(SELECT 1 FROM block"
			" WHERE block.key = released.key) ORDER BY at, key LIMIT ?5",
			SQL_INT(now - keep_s), SQL_INT(now + WEEK_S), SQL_INT(after->at),
			SQL_KEY(&after->key), SQL_INT(max));
}
