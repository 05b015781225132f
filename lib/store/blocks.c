/* SPDX-License-Identifier: MIT */
/* blocks.c - blocks, their outbox (the lines still to be written), and pardons */
#include "store/store_private.h"

#define BLOCK_COLUMNS "key, tier, score, since, until, first_at, announced_at, due, jail, src"

static bool block_of(sqlite3_stmt *st, struct block *block)
{
	if (!sql_key(st, 0, &block->key))
		return false;
	sql_text(st, 1, block->tier, sizeof(block->tier));
	block->score = (int)sql_int(st, 2);
	block->since = sql_int(st, 3);
	block->until = sql_int(st, 4);
	block->first_at = sql_int(st, 5);
	block->announced_at = sql_int(st, 6);
	block->due = sql_int(st, 7) != 0;
	sql_text(st, 8, block->jail, sizeof(block->jail));
	sql_text(st, 9, block->src, sizeof(block->src));
	return true;
}

int store_block_get(struct store *store, const struct addr *key, struct block *ret)
{
	int64_t now = store_now(store);
	sqlite3_stmt *st;
	int rc = sql_cached(store, &st,
			    "SELECT " BLOCK_COLUMNS " FROM block"
			    " WHERE key = ?1 AND " IS_LIVE("?2", "?3"),
			    "kii", key, now, now + BELIEVED_S);

	if (rc > 0)
		rc = block_of(st, ret);
	sql_release(st);
	return rc;
}

int store_block_of(struct store *store, const struct addr *addr, const struct addr *key,
		   struct block *ret)
{
	int rc = store_block_get(store, key, ret);

	if (rc || addr_equal(addr, key))
		return rc;
	return store_block_get(store, addr, ret);
}

int store_block_get_over(struct store *store, const struct addr *key, struct block *ret)
{
	sqlite3_stmt *st;
	int rc = sql_row(store, &st,
			 "SELECT " BLOCK_COLUMNS " FROM block WHERE key = ?1 AND until < ?2", "ki",
			 key, store_now(store) - WEEK_S);

	if (rc > 0)
		rc = block_of(st, ret);
	sqlite3_finalize(st);
	return rc;
}

int store_block_put(struct store *store, const struct block *block)
{
	return sql_run(store,
		       "INSERT OR REPLACE INTO block(" BLOCK_COLUMNS ")"
		       " VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10)",
		       "ksiiiiiiss", &block->key, block->tier, (int64_t)block->score, block->since,
		       block->until, block->first_at, block->announced_at, (int64_t)block->due,
		       block->jail, block->src);
}

int store_block_mark_due(struct store *store, const struct addr *key, const char *jail)
{
	bool own_tx = !store->in_tx;
	int rc = own_tx ? store_begin(store, STORE_FAST) : 0;

	if (!rc)
		rc = sql_run(store,
			     "UPDATE block SET due = 1, jail = iif(?2 = '', jail, ?2)"
			     " WHERE key = ?1",
			     "ks", key, jail ? jail : "");
	return own_tx ? store_end(store, rc) : rc;
}

int store_block_announced(struct store *store, const struct addr *key, int64_t at, int64_t until)
{
	return sql_run(store,
		       "UPDATE block SET due = 0, announced_at = ?2, until = ?3,"
		       " first_at = iif(first_at = 0, ?2, first_at) WHERE key = ?1",
		       "kii", key, at, until);
}

int store_blocks_due(struct store *store, bool first, struct block *ret, size_t max)
{
	int64_t now = store_now(store);
	sqlite3_stmt *st;
	size_t count = 0;
	int rc = sql_row(store, &st,
			 "SELECT " BLOCK_COLUMNS " FROM block INDEXED BY block_due"
			 " WHERE due = 1 AND (first_at = 0) = ?1 AND " IS_LIVE(
				 "?2", "?3") " ORDER BY since LIMIT ?4",
			 "iiii", (int64_t)first, now, now + BELIEVED_S, (int64_t)max);

	while (rc > 0 && count < max) {
		if (block_of(st, &ret[count]))
			count++;
		rc = sql_next(store, st);
	}
	sqlite3_finalize(st);
	return rc < 0 ? rc : (int)count;
}

#define NAMES_SOURCE(n) "instr(',' || src || ',', ',' || " n " || ',') > 0"
/*
 * A page begins where the last one ended. The plus signs keep SQLite from an index that has not the
 * page's order, and by key from beginning at another bound: it would read all blocks for each page.
 */
#define PAGE(index, after, order)                                                               \
	"SELECT " BLOCK_COLUMNS " FROM block" index " WHERE +first_at > 0 AND " IS_LIVE(        \
		"?1", "?2") " AND key BETWEEN ?3 AND ?4 AND (key >= ?5 OR key = ?3) AND " after \
			    " AND (?8 = 0 OR shown_at = 0) AND (?9 IS NULL OR tier = ?9)"       \
			    " AND (?10 IS NULL OR " NAMES_SOURCE(                               \
				    "?10") ") AND +since >= ?11 ORDER BY " order " LIMIT ?12"

static const char *const pages[] = {
	[BLOCKS_BY_FIRST] = PAGE(" INDEXED BY block_first", "(first_at, key) > (?6, ?7)",
				 "first_at, key"),
	[BLOCKS_BY_KEY] = PAGE("", "?6 = ?6 AND +key > ?7", "key"),
	[BLOCKS_BY_UNTIL] = PAGE(" INDEXED BY block_until", "(until, key) > (?6, ?7)",
				 "until, key"),
};

int store_blocks_page(struct store *store, const struct block_query *block_query,
		      const struct block *after, struct block *ret, size_t max)
{
	int64_t now = store_now(store),
		last = block_query->order == BLOCKS_BY_FIRST ? after->first_at : after->until;
	const struct addr *low = &block_query->low;
	sqlite3_stmt *st;
	size_t count = 0;
	int rc;

	if (block_query->order == BLOCKS_BY_KEY && addr_compare(&after->key, low) > 0)
		low = &after->key;
	rc = sql_row(store, &st, pages[block_query->order], "iikkkikissii", now, now + BELIEVED_S,
		     low, &block_query->high, &block_query->from, last, &after->key,
		     (int64_t)block_query->only_new, block_query->tier, block_query->source,
		     block_query->since, (int64_t)max);
	while (rc > 0 && count < max) {
		count += block_of(st, &ret[count]);
		rc = sql_next(store, st);
	}
	sqlite3_finalize(st);
	return rc < 0 ? rc : (int)count;
}

int store_blocks_have_tier(struct store *store, const char *tier)
{
	int64_t has = 0;
	int rc = sql_number(store, 0, &has, "SELECT EXISTS(SELECT 1 FROM block WHERE tier = ?1)",
			    "s", tier);

	return rc ? rc : has != 0;
}

int store_blocks_have_source(struct store *store, const char *source)
{
	int64_t has = 0;
	int rc = sql_number(store, 0, &has,
			    "SELECT EXISTS(SELECT 1 FROM block WHERE " NAMES_SOURCE("?1") ")", "s",
			    source);

	return rc ? rc : has != 0;
}

int store_blocks_shown(struct store *store, const struct block *blocks, size_t count)
{
	int64_t now = store_now(store);
	int rc = store_begin(store, STORE_DURABLE);

	if (rc)
		return rc;
	for (size_t i = 0; i < count && !rc; i++)
		rc = sql_run(store, "UPDATE block SET shown_at = ?2 WHERE key = ?1 AND tier = ?3",
			     "kis", &blocks[i].key, now, blocks[i].tier);
	return store_end(store, rc);
}

int store_blocks_first_since(struct store *store, int64_t since, int max)
{
	int64_t number = 0;
	int rc = sql_number(store, 0, &number,
			    "SELECT count(*) FROM (SELECT 1 FROM block"
			    " WHERE first_at BETWEEN ?1 AND ?3 AND first_at > 0 LIMIT ?2)",
			    "iii", since, (int64_t)max, store_now(store));

	return rc ? rc : (int)number;
}

int store_pardoned(struct store *store, const struct addr *key)
{
	int64_t until = 0, now = store_now(store);
	sqlite3_stmt *st;
	int rc = sql_cached(store, &st, "SELECT until FROM pardon WHERE key = ?1", "k", key);

	if (rc > 0)
		until = sql_int(st, 0);
	sql_release(st);
	return rc < 0 ? rc : until > now && until <= now + BELIEVED_S;
}

int store_knows(struct store *store, const struct addr *key)
{
	sqlite3_stmt *st;
	int rc = sql_cached(store, &st,
			    "SELECT EXISTS(SELECT 1 FROM block WHERE key = ?1)"
			    " OR EXISTS(SELECT 1 FROM finding WHERE key = ?1)"
			    " OR EXISTS(SELECT 1 FROM pardon WHERE key = ?1)"
			    " OR EXISTS(SELECT 1 FROM good WHERE key = ?1)",
			    "k", key);

	if (rc > 0)
		rc = sql_int(st, 0) != 0;
	sql_release(st);
	return rc;
}
