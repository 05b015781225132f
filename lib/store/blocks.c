/* SPDX-License-Identifier: MIT */
/* blocks.c - blocks, and their outbox (the lines still to be written) */
#include "store/publications.h"
#include "store/store_private.h"
#include "base/buf.h"
#include <stdio.h>
#include <string.h>
#include <sys/param.h>

#define BLOCK_COLUMNS "key, tier, score, since, until, first_at, announced_at, due, jail, src"

static bool block_read(sqlite3_stmt *row, void *element)
{
	struct block *block = element;

	if (!sql_key(row, 0, &block->key))
		return false;
	sql_text(row, 1, block->tier, sizeof(block->tier));
	block->score = sql_small(row, 2);
	block->since = sql_int(row, 3);
	block->until = sql_int(row, 4);
	block->first_at = sql_int(row, 5);
	block->announced_at = sql_int(row, 6);
	block->due = sql_int(row, 7) != 0;
	sql_text(row, 8, block->jail, sizeof(block->jail));
	sql_text(row, 9, block->src, sizeof(block->src));
	return true;
}

/* "seen" is younger than the other columns, and a gate also reads files of before (schema.c). */
static bool block_with_seen_read(sqlite3_stmt *row, void *element)
{
	struct block *block = element;

	if (!block_read(row, block))
		return false;
	sql_text(row, 10, block->seen, sizeof(block->seen));
	return true;
}

bool block_names_source(const char *src, const char *name)
{
	size_t len = strlen(name);

	for (const char *pos = src; *pos; pos += strcspn(pos, ","), pos += *pos == ',')
		if (!strncmp(pos, name, len) && (pos[len] == ',' || !pos[len]))
			return true;
	return false;
}

int store_block_get(struct store *store, const struct addr *key, struct block *ret)
{
	int64_t now = store_now(store);

	return sql_rows(store, block_read, ret, 1,
			"SELECT " BLOCK_COLUMNS " FROM block"
			" WHERE key = ?1 AND " IS_LIVE("?2", "?3"),
			SQL_KEY(key), SQL_INT(now), SQL_INT(now + BELIEVED_S));
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
	return sql_rows(store, block_read, ret, 1,
			"SELECT " BLOCK_COLUMNS " FROM block WHERE key = ?1 AND until < ?2",
			SQL_KEY(key), SQL_INT(store_now(store) - WEEK_S));
}

int store_block_put(struct store *store, const struct block *block)
{
	return sql_run(store,
		       "INSERT OR REPLACE INTO block(" BLOCK_COLUMNS ", seen)"
		       " VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11)",
		       SQL_KEY(&block->key), SQL_TEXT(block->tier), SQL_INT(block->score),
		       SQL_INT(block->since), SQL_INT(block->until), SQL_INT(block->first_at),
		       SQL_INT(block->announced_at), SQL_INT(block->due), SQL_TEXT(block->jail),
		       SQL_TEXT(block->src), SQL_TEXT(block->seen));
}

static bool seen_read(sqlite3_stmt *row, void *element)
{
	struct block *block = element;

	sql_text(row, 0, block->seen, sizeof(block->seen));
	return true;
}

int store_block_seen(struct store *store, struct block *block)
{
	int rc = sql_rows(store, seen_read, block, 1, "SELECT seen FROM block WHERE key = ?1",
			  SQL_KEY(&block->key));

	if (rc < 0)
		return rc;
	return 0;
}

int store_block_mark_due(struct store *store, const struct addr *key, const char *jail)
{
	bool own_tx = !store->in_tx;
	int rc = 0;

	if (own_tx)
		rc = store_begin(store, STORE_FAST);
	if (rc)
		return rc;
	rc = sql_run(store,
		     "UPDATE block SET due = 1, jail = iif(?2 = '', jail, ?2) WHERE key = ?1",
		     SQL_KEY(key), SQL_TEXT(text_or(jail, "")));
	if (own_tx)
		return store_end(store, rc);
	return rc;
}

int store_block_renew(struct store *store, const struct block *block)
{
	return sql_run(store,
		       "UPDATE block SET due = 1, until = max(until, ?2), score = ?3, src = ?4,"
		       " jail = iif(?5 = '', jail, ?5) WHERE key = ?1",
		       SQL_KEY(&block->key), SQL_INT(block->until), SQL_INT(block->score),
		       SQL_TEXT(block->src), SQL_TEXT(block->jail));
}

/* One that was forgotten since its line was written is not there any more; its line is. */
static int is_counted(struct store *store, const struct block *block)
{
	bool is_known = block->first_at && block->since <= block->announced_at;

	return sql_count(store,
			 "SELECT coalesce((SELECT counted & 1 FROM block WHERE key = ?1), ?2)",
			 SQL_KEY(&block->key), SQL_INT(is_known));
}

static int count_block(struct store *store, const struct block *block)
{
	char label[COUNTER_LABEL_MAX];
	int rc = is_counted(store, block);

	if (rc < 0)
		return rc;
	if (rc > 0)
		return 0;
	snprintf(label, sizeof(label), "%s\t%s\t%s", block->tier, block->jail, block->src);
	return store_count(store, "block", label, 1);
}

int store_block_announced(struct store *store, const struct block *block, int64_t at, int64_t until)
{
	int rc = count_block(store, block);

	if (rc)
		return rc;
	return sql_run(store,
		       "UPDATE block SET due = 0, announced_at = ?2, until = ?3,"
		       " counted = counted | 1, first_at = iif(first_at = 0, ?2, first_at)"
		       " WHERE key = ?1",
		       SQL_KEY(&block->key), SQL_INT(at), SQL_INT(until));
}

int store_blocks_due(struct store *store, bool first, struct block *ret, size_t max)
{
	int64_t now = store_now(store);

	return sql_rows(store, block_read, ret, max,
			"SELECT " BLOCK_COLUMNS " FROM block INDEXED BY block_due"
			" WHERE due = 1 AND (first_at = 0) = ?1 AND " IS_LIVE(
				"?2", "?3") " ORDER BY since LIMIT ?4",
			SQL_INT(first), SQL_INT(now), SQL_INT(now + BELIEVED_S), SQL_INT(max));
}

#define NAMES_SOURCE(n) "instr(',' || src || ',', ',' || " n " || ',') > 0"
/*
 * A page begins where the last one ended. The plus signs keep SQLite from an index that has not the
 * page's order, and by key from beginning at another bound: it would read all blocks for each page.
 */
#define PAGE(index, marks, after, order)                                                        \
	"SELECT " BLOCK_COLUMNS ", seen FROM block" index " WHERE +first_at > 0 AND " IS_LIVE(  \
		"?1", "?2") " AND key BETWEEN ?3 AND ?4 AND (key >= ?5 OR key = ?3) AND " after \
			    " AND (?8 = 0 OR shown_at = 0) AND " marks                          \
			    " AND (?9 IS NULL OR tier = ?9) AND (?10 IS NULL OR " NAMES_SOURCE( \
				    "?10") ") AND +since >= ?11 ORDER BY " order " LIMIT ?12"
#define ANY_MARK "(?13 = 0 OR mailed_at = 0)"

static const char *const pages[] = {
	[BLOCKS_BY_FIRST] = PAGE(" INDEXED BY block_first", ANY_MARK, "(first_at, key) > (?6, ?7)",
				 "first_at, key"),
	[BLOCKS_BY_KEY] = PAGE("", ANY_MARK, "?6 = ?6 AND +key > ?7", "key"),
	[BLOCKS_BY_UNTIL] = PAGE(" INDEXED BY block_until", ANY_MARK, "(until, key) > (?6, ?7)",
				 "until, key"),
};
/* Every quarter of an hour, of a million blocks: by an index that has only these. */
static const char unmailed_page[] = PAGE(" INDEXED BY block_unmailed", "?13 AND mailed_at = 0",
					 "(first_at, key) > (?6, ?7)", "first_at, key");

/* The page after this one begins where it ends: rows that are not in order would come forever. */
static bool is_after(enum block_order order, const struct block *block, const struct block *before)
{
	int64_t number = 0, last = 0;

	if (order == BLOCKS_BY_FIRST) {
		number = block->first_at;
		last = before->first_at;
	}
	if (order == BLOCKS_BY_UNTIL) {
		number = block->until;
		last = before->until;
	}
	if (number != last)
		return number > last;
	return addr_compare(&block->key, &before->key) > 0;
}

static int check_order(struct store *store, enum block_order order, const struct block *after,
		       const struct block *page, int count)
{
	for (int i = 0; i < count; i++)
		if (!is_after(order, &page[i], i ? &page[i - 1] : after))
			return store_damaged(store, "reading", "blocks are not in their order");
	return count;
}

int store_blocks_page(struct store *store, const struct block_query *query,
		      const struct block *after, struct block *ret, size_t max)
{
	int64_t now = store_now(store);
	int64_t last = query->order == BLOCKS_BY_FIRST ? after->first_at : after->until;
	const struct addr *low = &query->low;
	const char *sql = pages[query->order];
	int count;

	if (query->order == BLOCKS_BY_FIRST && query->only_unmailed)
		sql = unmailed_page;
	if (query->order == BLOCKS_BY_KEY && addr_compare(&after->key, low) > 0)
		low = &after->key;
	count = sql_rows(store, block_with_seen_read, ret, max, sql, SQL_INT(now),
			 SQL_INT(now + BELIEVED_S), SQL_KEY(low), SQL_KEY(&query->high),
			 SQL_KEY(&query->from), SQL_INT(last), SQL_KEY(&after->key),
			 SQL_INT(query->only_new), SQL_TEXT(query->tier), SQL_TEXT(query->source),
			 SQL_INT(query->since), SQL_INT(max), SQL_INT(query->only_unmailed));
	return check_order(store, query->order, after, ret, count);
}

int store_blocks_between(struct store *store, const struct addr *low, const struct addr *high,
			 bool first, struct block *ret, size_t max)
{
	int64_t now = store_now(store);

	return sql_rows(store, block_read, ret, max,
			"SELECT " BLOCK_COLUMNS " FROM block WHERE key BETWEEN ?1 AND ?2"
			" AND (?3 OR key > ?1) AND " IS_LIVE("?4", "?5") " ORDER BY key LIMIT ?6",
			SQL_KEY(low), SQL_KEY(high), SQL_INT(first), SQL_INT(now),
			SQL_INT(now + BELIEVED_S), SQL_INT(max));
}

int store_blocks_have_tier(struct store *store, const char *tier)
{
	return sql_count(store, "SELECT EXISTS(SELECT 1 FROM block WHERE tier = ?1)",
			 SQL_TEXT(tier));
}

int store_blocks_have_source(struct store *store, const char *source)
{
	return sql_count(store, "SELECT EXISTS(SELECT 1 FROM block WHERE " NAMES_SOURCE("?1") ")",
			 SQL_TEXT(source));
}

int store_blocks_of_source(struct store *store, const char *source, const struct addr *after,
			   struct block *ret, size_t max)
{
	int64_t now = store_now(store);

	if (source)
		return sql_rows(store, block_read, ret, max,
				"SELECT " BLOCK_COLUMNS " FROM block WHERE key > ?1 AND " IS_LIVE(
					"?2", "?3") " AND " NAMES_SOURCE("?4") " ORDER BY key"
									       " LIMIT ?5",
				SQL_KEY(after), SQL_INT(now), SQL_INT(now + BELIEVED_S),
				SQL_TEXT(source), SQL_INT(max));
	return sql_rows(store, block_read, ret, max,
			"SELECT " BLOCK_COLUMNS " FROM block INDEXED BY block_first"
			" WHERE first_at = 0 AND key > ?1 AND " IS_LIVE(
				"?2", "?3") " ORDER BY key LIMIT ?4",
			SQL_KEY(after), SQL_INT(now), SQL_INT(now + BELIEVED_S), SQL_INT(max));
}

int store_block_drop(struct store *store, const struct block *block)
{
	int rc = sql_run(store, "DELETE FROM block WHERE key = ?1 AND since = ?2",
			 SQL_KEY(&block->key), SQL_INT(block->since));

	if (rc || !sqlite3_changes(store->db))
		return rc;
	return store_publish(store, &block->key, &block->key, 0, 0, false);
}

int store_block_lower(struct store *store, const struct block *block)
{
	return sql_run(store,
		       "UPDATE block SET tier = ?3, score = ?4, until = ?5, src = ?6"
		       " WHERE key = ?1 AND since = ?2",
		       SQL_KEY(&block->key), SQL_INT(block->since), SQL_TEXT(block->tier),
		       SQL_INT(block->score), SQL_INT(block->until), SQL_TEXT(block->src));
}

static int mark_blocks(struct store *store, const char *sql, const struct block *blocks,
		       size_t count)
{
	int64_t now = store_now(store);
	int rc = store_begin(store, STORE_DURABLE);

	if (rc)
		return rc;
	for (size_t i = 0; i < count && !rc; i++)
		rc = sql_run(store, sql, SQL_KEY(&blocks[i].key), SQL_INT(now),
			     SQL_TEXT(blocks[i].tier));
	return store_end(store, rc);
}

int store_blocks_shown(struct store *store, const struct block *blocks, size_t count)
{
	return mark_blocks(store, "UPDATE block SET shown_at = ?2 WHERE key = ?1 AND tier = ?3",
			   blocks, count);
}

int store_blocks_mailed(struct store *store, const struct block *blocks, size_t count)
{
	return mark_blocks(store, "UPDATE block SET mailed_at = ?2 WHERE key = ?1 AND tier = ?3",
			   blocks, count);
}

int store_blocks_first_since(struct store *store, int64_t since, int max)
{
	return sql_count(store,
			 "SELECT count(*) FROM (SELECT 1 FROM block"
			 " WHERE first_at BETWEEN ?1 AND ?3 AND first_at > 0 LIMIT ?2)",
			 SQL_INT(since), SQL_INT(max), SQL_INT(store_now(store)));
}

int store_blocks_first_between(struct store *store, const char *tier, int64_t after, int64_t until,
			       int64_t *ret_at)
{
	return sql_number(store, ret_at,
			  "SELECT coalesce(min(first_at), 0) FROM (SELECT first_at, tier FROM block"
			  " WHERE first_at > ?2 AND first_at <= ?3"
			  " ORDER BY first_at DESC LIMIT 1000) WHERE tier = ?1",
			  SQL_TEXT(tier), SQL_INT(after), SQL_INT(until));
}

#define TIER_SUMS_MAX 32 /* tiers of earlier configurations as well; more are not told apart */
struct tier_sums {
	size_t count;
	char tiers[TIER_SUMS_MAX][32];
	int64_t sums[TIER_SUMS_MAX];
};

static bool tier_sum_read(sqlite3_stmt *row, void *element)
{
	struct tier_sums *sums = element;
	char tier[sizeof(sums->tiers[0])];
	size_t i = 0;

	sql_text(row, 0, tier, sizeof(tier));
	while (i < sums->count && strcmp(sums->tiers[i], tier) != 0)
		i++;
	if (i == TIER_SUMS_MAX)
		i--;
	if (i == sums->count) {
		memcpy(sums->tiers[i], tier, sizeof(tier));
		sums->count++;
	}
	sums->sums[i] += sql_int(row, 1);
	return true;
}

/* By an index alone, which has a million entries; then the few that it cannot tell: those not
 * announced yet, and those of another clock. */
static const char *const tier_counts[] = {
	"SELECT tier, count(*) FROM block INDEXED BY block_tier WHERE +until > ?1 AND +until <= ?2"
	" GROUP BY tier",
	"SELECT tier, -1 FROM block INDEXED BY block_first WHERE first_at <= 0 AND +until > ?1"
	" AND +until <= ?2",
	"SELECT tier, 1 FROM block INDEXED BY block_until WHERE +first_at > 0 AND until > ?2"
	" AND " IS_LIVE("?1", "?2"),
};

int store_blocks_by_tier(struct store *store,
			 void (*row)(void *user, const char *tier, int64_t count), void *user)
{
	struct tier_sums sums = { 0 };
	int64_t now = store_now(store);

	for (size_t i = 0; i < sizeof(tier_counts) / sizeof(tier_counts[0]); i++) {
		int rc = sql_each(store, tier_sum_read, &sums, tier_counts[i], SQL_INT(now),
				  SQL_INT(now + BELIEVED_S));

		if (rc < 0)
			return rc;
	}
	for (size_t i = 0; i < sums.count; i++)
		if (sums.sums[i] > 0)
			row(user, sums.tiers[i], sums.sums[i]);
	return 0;
}

int store_blocks_held(struct store *store, int max)
{
	return sql_count(store,
			 "SELECT count(*) FROM (SELECT 1 FROM block"
			 " WHERE due = 1 AND first_at = 0 LIMIT ?1)",
			 SQL_INT(max));
}

int store_knows(struct store *store, const struct addr *key)
{
	int rc;

	if (!key_set_may_have(store, key))
		return 0;
	rc = sql_count(store,
		       "SELECT EXISTS(SELECT 1 FROM block WHERE key = ?1)"
		       " OR EXISTS(SELECT 1 FROM finding WHERE key = ?1)"
		       " OR EXISTS(SELECT 1 FROM pardon WHERE key = ?1)"
		       " OR EXISTS(SELECT 1 FROM good WHERE key = ?1)",
		       SQL_KEY(key));
	if (!rc)
		key_set_note_unknown(store);
	return rc;
}
