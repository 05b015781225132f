/* SPDX-License-Identifier: MIT */
/* blocks.c - blocks, their outbox (the lines still to be written), and pardons */
#include "store/store_private.h"
#include <string.h>

#define BLOCK_COLUMNS "key, tier, score, since, until, first_at, announced_at, due, jail, src"

static bool block_of(sqlite3_stmt *st, struct block *b)
{
	if (!sql_key(st, 0, &b->key))
		return false;
	sql_text(st, 1, b->tier, sizeof(b->tier));
	b->score = (int)sql_int(st, 2);
	b->since = sql_int(st, 3);
	b->until = sql_int(st, 4);
	b->first_at = sql_int(st, 5);
	b->announced_at = sql_int(st, 6);
	b->due = sql_int(st, 7) != 0;
	sql_text(st, 8, b->jail, sizeof(b->jail));
	sql_text(st, 9, b->src, sizeof(b->src));
	return true;
}

int store_block_get(struct store *s, const struct addr *key, struct block *ret)
{
	int64_t now = store_now(s);
	sqlite3_stmt *st;
	int r = sql_cached(s, &st,
			   "SELECT " BLOCK_COLUMNS " FROM block"
			   " WHERE key = ?1 AND " IS_LIVE("?2", "?3"),
			   "kii", key, now, now + BELIEVED_S);

	if (r > 0)
		r = block_of(st, ret);
	sql_release(st);
	return r;
}

int store_block_of(struct store *s, const struct addr *a, const struct addr *key, struct block *ret)
{
	int r = store_block_get(s, key, ret);

	return r || !memcmp(a->b, key->b, sizeof(key->b)) ? r : store_block_get(s, a, ret);
}

int store_block_get_over(struct store *s, const struct addr *key, struct block *ret)
{
	sqlite3_stmt *st;
	int r = sql_row(s, &st, "SELECT " BLOCK_COLUMNS " FROM block WHERE key = ?1 AND until < ?2",
			"ki", key, store_now(s) - WEEK_S);

	if (r > 0)
		r = block_of(st, ret);
	sqlite3_finalize(st);
	return r;
}

int store_block_put(struct store *s, const struct block *b)
{
	return sql_run(s,
		       "INSERT OR REPLACE INTO block(" BLOCK_COLUMNS ")"
		       " VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10)",
		       "ksiiiiiiss", &b->key, b->tier, (int64_t)b->score, b->since, b->until,
		       b->first_at, b->announced_at, (int64_t)b->due, b->jail, b->src);
}

int store_block_mark_due(struct store *s, const struct addr *key, const char *jail)
{
	bool own_tx = !s->in_tx;
	int r = own_tx ? store_begin(s, STORE_FAST) : 0;

	if (!r)
		r = sql_run(s,
			    "UPDATE block SET due = 1, jail = iif(?2 = '', jail, ?2)"
			    " WHERE key = ?1",
			    "ks", key, jail ? jail : "");
	return own_tx ? store_end(s, r) : r;
}

int store_block_announced(struct store *s, const struct addr *key, int64_t at, int64_t until)
{
	return sql_run(s,
		       "UPDATE block SET due = 0, announced_at = ?2, until = ?3,"
		       " first_at = iif(first_at = 0, ?2, first_at) WHERE key = ?1",
		       "kii", key, at, until);
}

int store_blocks_due(struct store *s, bool first, struct block *ret, size_t max)
{
	int64_t now = store_now(s);
	sqlite3_stmt *st;
	size_t n = 0;
	int r = sql_row(s, &st,
			"SELECT " BLOCK_COLUMNS " FROM block INDEXED BY block_due"
			" WHERE due = 1 AND (first_at = 0) = ?1 AND " IS_LIVE(
				"?2", "?3") " ORDER BY since LIMIT ?4",
			"iiii", (int64_t)first, now, now + BELIEVED_S, (int64_t)max);

	while (r > 0 && n < max) {
		if (block_of(st, &ret[n]))
			n++;
		r = sql_next(s, st);
	}
	sqlite3_finalize(st);
	return r < 0 ? r : (int)n;
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

int store_blocks_page(struct store *s, const struct block_query *q, const struct block *after,
		      struct block *ret, size_t max)
{
	int64_t now = store_now(s),
		last = q->order == BLOCKS_BY_FIRST ? after->first_at : after->until;
	const struct addr *low = &q->low;
	sqlite3_stmt *st;
	size_t n = 0;
	int r;

	if (q->order == BLOCKS_BY_KEY && memcmp(after->key.b, low->b, sizeof(low->b)) > 0)
		low = &after->key;
	r = sql_row(s, &st, pages[q->order], "iikkkikissii", now, now + BELIEVED_S, low, &q->high,
		    &q->from, last, &after->key, (int64_t)q->only_new, q->tier, q->source, q->since,
		    (int64_t)max);
	while (r > 0 && n < max) {
		n += block_of(st, &ret[n]);
		r = sql_next(s, st);
	}
	sqlite3_finalize(st);
	return r < 0 ? r : (int)n;
}

int store_blocks_have_tier(struct store *s, const char *tier)
{
	int64_t has = 0;
	int r = sql_number(s, 0, &has, "SELECT EXISTS(SELECT 1 FROM block WHERE tier = ?1)", "s",
			   tier);

	return r ? r : has != 0;
}

int store_blocks_have_source(struct store *s, const char *source)
{
	int64_t has = 0;
	int r = sql_number(s, 0, &has,
			   "SELECT EXISTS(SELECT 1 FROM block WHERE " NAMES_SOURCE("?1") ")", "s",
			   source);

	return r ? r : has != 0;
}

int store_blocks_shown(struct store *s, const struct block *blocks, size_t n)
{
	int64_t now = store_now(s);
	int r = store_begin(s, STORE_DURABLE);

	if (r)
		return r;
	for (size_t i = 0; i < n && !r; i++)
		r = sql_run(s, "UPDATE block SET shown_at = ?2 WHERE key = ?1 AND tier = ?3", "kis",
			    &blocks[i].key, now, blocks[i].tier);
	return store_end(s, r);
}

int store_blocks_first_since(struct store *s, int64_t since, int max)
{
	int64_t n = 0;
	int r = sql_number(s, 0, &n,
			   "SELECT count(*) FROM (SELECT 1 FROM block"
			   " WHERE first_at BETWEEN ?1 AND ?3 AND first_at > 0 LIMIT ?2)",
			   "iii", since, (int64_t)max, store_now(s));

	return r ? r : (int)n;
}

int store_pardoned(struct store *s, const struct addr *key)
{
	int64_t until = 0, now = store_now(s);
	sqlite3_stmt *st;
	int r = sql_cached(s, &st, "SELECT until FROM pardon WHERE key = ?1", "k", key);

	if (r > 0)
		until = sql_int(st, 0);
	sql_release(st);
	return r < 0 ? r : until > now && until <= now + BELIEVED_S;
}

int store_knows(struct store *s, const struct addr *key)
{
	sqlite3_stmt *st;
	int r = sql_cached(s, &st,
			   "SELECT EXISTS(SELECT 1 FROM block WHERE key = ?1)"
			   " OR EXISTS(SELECT 1 FROM finding WHERE key = ?1)"
			   " OR EXISTS(SELECT 1 FROM pardon WHERE key = ?1)"
			   " OR EXISTS(SELECT 1 FROM good WHERE key = ?1)",
			   "k", key);

	if (r > 0)
		r = sql_int(st, 0) != 0;
	sql_release(st);
	return r;
}
