/* SPDX-License-Identifier: MIT */
/*
 * released.c - long blocks that are looked up again, and those that were released
 *
 * A block is due a week after it was made, or its tier rose, and whenever recheck_at says later.
 * The expression is the one of the index block_recheck. One that ends within a day is not worth
 * asking for.
 */
#include "store/store_private.h"

#define DUE_AT "max(recheck_at, since + 604800)"
#define IS_DUE \
	" FROM block INDEXED BY block_recheck WHERE " DUE_AT " <= ?1 AND until > ?2 AND until <= ?3"
#define DAY_S 86400

int store_rechecks_due(struct store *store, struct recheck *ret, size_t max)
{
	int64_t now = store_now(store);
	sqlite3_stmt *st;
	size_t count = 0;
	int rc = sql_row(store, &st,
			 "SELECT key, coalesce(addr, key), addr IS NOT NULL, since, src" IS_DUE
			 " ORDER BY " DUE_AT " LIMIT ?4",
			 "iiii", now, now + DAY_S, now + BELIEVED_S, (int64_t)max);

	while (rc > 0 && count < max) {
		struct recheck *recheck = &ret[count];

		count += sql_key(st, 0, &recheck->key) && sql_key(st, 1, &recheck->addr);
		recheck->addr_known = sql_int(st, 2) != 0;
		recheck->since = sql_int(st, 3);
		sql_text(st, 4, recheck->src, sizeof(recheck->src));
		rc = sql_next(store, st);
	}
	sqlite3_finalize(st);
	return rc < 0 ? rc : (int)count;
}

int store_rechecks_count(struct store *store, int64_t *ret)
{
	int64_t now = store_now(store);

	return sql_number(store, 0, ret, "SELECT count(*)" IS_DUE, "iii", now, now + DAY_S,
			  now + BELIEVED_S);
}

int store_recheck_alive(struct store *store, const struct recheck *recheck)
{
	int64_t number = 0;
	int rc = sql_number(store, 0, &number,
			    "SELECT count(*) FROM block WHERE key = ?1 AND since = ?2", "ki",
			    &recheck->key, recheck->since);

	return rc ? rc : number > 0;
}

int store_recheck_later(struct store *store, const struct recheck *recheck, int64_t at)
{
	return sql_run(store, "UPDATE block SET recheck_at = ?3 WHERE key = ?1 AND since = ?2",
		       "kii", &recheck->key, recheck->since, at);
}

int store_block_addr(struct store *store, const struct addr *key, const struct addr *addr)
{
	return sql_run(store, "UPDATE block SET addr = ?2 WHERE key = ?1", "kk", key, addr);
}

int store_release(struct store *store, const struct recheck *recheck)
{
	int rc = sql_run(
		store,
		"INSERT OR REPLACE INTO released(key, at, tier) SELECT key, ?3, tier FROM block"
		" WHERE key = ?1 AND since = ?2",
		"kii", &recheck->key, recheck->since, store_now(store));

	return rc ? rc
		  : sql_run(store, "DELETE FROM block WHERE key = ?1 AND since = ?2", "ki",
			    &recheck->key, recheck->since);
}

int store_release_over(struct store *store, const struct addr *key)
{
	return sql_run(store, "DELETE FROM released WHERE key = ?1", "k", key);
}

int store_released_page(struct store *store, int64_t keep_s, const struct release *after,
			struct release *ret, size_t max)
{
	int64_t now = store_now(store);
	sqlite3_stmt *st;
	size_t count = 0;
	int rc = sql_row(store, &st,
			 "SELECT key, at, tier FROM released WHERE at > ?1 AND at <= ?2"
			 " AND (at, key) > (?3, ?4) AND NOT EXISTS(SELECT 1 FROM block"
			 " WHERE block.key = released.key) ORDER BY at, key LIMIT ?5",
			 "iiiki", now - keep_s, now + WEEK_S, after->at, &after->key, (int64_t)max);

	while (rc > 0 && count < max) {
		struct release *one = &ret[count];

		count += sql_key(st, 0, &one->key);
		one->at = sql_int(st, 1);
		sql_text(st, 2, one->tier, sizeof(one->tier));
		rc = sql_next(store, st);
	}
	sqlite3_finalize(st);
	return rc < 0 ? rc : (int)count;
}
