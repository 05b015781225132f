/* SPDX-License-Identifier: MIT */
/*
 * counters.c - sums by day, without addresses
 *
 * They are written in the transaction of what they count, so that both survive a crash, or neither.
 */
#include "store/store_private.h"
#include "base/buf.h"
#include "base/mask.h"
#include <string.h>

#define DAY_S 86400

/* A file may hold any number: one that overflows would become a float, which the table refuses. */
#define PLUS(number) "min(max(n, 0), 1000000000000000) + " number

const char *store_label_of_rest(const char *name)
{
	return strcmp(name, "block") ? "other" : "other\tother\tother";
}

static int counter_add(struct store *store, int64_t day, const char *name, const char *label,
		       int64_t n)
{
	return sql_run(store,
		       "INSERT INTO counter(day, name, label, n) VALUES(?1, ?2, ?3, ?4)"
		       " ON CONFLICT(day, name, label) DO UPDATE SET n = " PLUS("?4"),
		       SQL_INT(day), SQL_TEXT(name), SQL_TEXT(label), SQL_INT(n));
}

static int has_label_room(struct store *store, int64_t day, const char *name)
{
	int count = sql_count(store,
			      "SELECT count(*) FROM (SELECT 1 FROM counter WHERE day = ?1"
			      " AND name = ?2 LIMIT ?3)",
			      SQL_INT(day), SQL_TEXT(name), SQL_INT(COUNTER_LABELS_MAX - 1));

	if (count < 0)
		return count;
	return count < COUNTER_LABELS_MAX - 1; /* one is for the rest */
}

int store_count(struct store *store, const char *name, const char *label, int64_t n)
{
	int64_t day = store_now(store) / DAY_S;
	int rc;

	if (n <= 0)
		return 0;
	rc = sql_run(store,
		     "UPDATE counter SET n = " PLUS("?4") " WHERE day = ?1 AND name = ?2"
							  " AND label = ?3",
		     SQL_INT(day), SQL_TEXT(name), SQL_TEXT(label), SQL_INT(n));
	if (rc || sqlite3_changes(store->db))
		return rc;
	rc = has_label_room(store, day, name);
	if (rc < 0)
		return rc;
	return counter_add(store, day, name, rc ? label : store_label_of_rest(name), n);
}

static bool silence_read(sqlite3_stmt *row, void *element)
{
	struct silence *silence = element;

	silence->count = sql_int(row, 0);
	silence->first_day = sql_int(row, 1);
	silence->answered_day = sql_int(row, 2);
	return true;
}

/* Day by day, as the key of the table begins with it: a day has up to a thousand rows of a name. */
int store_silence_get(struct store *store, const char *source, int64_t from_day,
		      struct silence *ret)
{
	int rc;

	*ret = (struct silence){ 0 };
	rc = sql_rows(store, silence_read, ret, 1,
		      "WITH RECURSIVE span(day) AS"
		      " (SELECT ?2 UNION ALL SELECT day + 1 FROM span WHERE day < ?3),"
		      " answered(day) AS (SELECT coalesce(max(span.day), 0)"
		      " FROM span CROSS JOIN counter USING(day)"
		      " WHERE name = 'latency_ms' AND label = ?1)"
		      " SELECT coalesce(sum(min(max(n, 0), 1000000000)), 0),"
		      " coalesce(min(span.day), 0), (SELECT day FROM answered)"
		      " FROM span CROSS JOIN counter USING(day)"
		      " WHERE name = 'error' AND label = ?1"
		      " AND span.day > (SELECT day FROM answered)",
		      SQL_TEXT(source), SQL_INT(from_day), SQL_INT(store_now(store) / DAY_S));
	if (rc < 0)
		return rc;
	return 0;
}

/* Tabs are the only control characters of a label. */
static void label_read(sqlite3_stmt *row, int column, char dst[COUNTER_LABEL_MAX])
{
	const char *text = (const char *)sqlite3_column_text(row, column);

	sql_text(row, column, dst, COUNTER_LABEL_MAX);
	for (size_t i = 0; dst[i]; i++)
		if (text[i] == '\t')
			dst[i] = '\t';
}

static bool counter_read(sqlite3_stmt *row, void *element)
{
	struct counter *counter = element;

	counter->day = sql_int(row, 0);
	sql_text(row, 1, counter->name, sizeof(counter->name));
	label_read(row, 2, counter->label);
	counter->count = sql_int(row, 3);
	return true;
}

int store_counter_compare(const struct counter *left, const struct counter *right)
{
	int by_name = strcmp(left->name, right->name);

	if (left->day != right->day)
		return left->day < right->day ? -1 : 1;
	if (by_name)
		return by_name;
	return strcmp(left->label, right->label);
}

/* The page after this one begins where it ends: what is not in order would come forever. */
static int check_counter_order(struct store *store, const struct counter *after,
			       const struct counter *page, int count)
{
	for (int i = 0; i < count; i++)
		if (store_counter_compare(&page[i], i ? &page[i - 1] : after) <= 0)
			return store_damaged(store, "reading", "counters are not in their order");
	return count;
}

int store_counters_page(struct store *store, int64_t from_day, int64_t to_day,
			const struct counter *after, struct counter *ret, size_t max)
{
	int64_t first = after->day > from_day ? after->day : from_day;

	int count = sql_rows(store, counter_read, ret, max,
			     "SELECT day, name, label, n FROM counter WHERE (day, name, label) >"
			     " (?1, ?2, ?3) AND day <= ?4 ORDER BY day, name, label LIMIT ?5",
			     SQL_INT(first), SQL_TEXT(after->name), SQL_TEXT(after->label),
			     SQL_INT(to_day), SQL_INT(max));

	return check_counter_order(store, after, ret, count);
}

/* ---- blocks that were wrong ---- */

int store_count_sources(struct store *store, const char *name, const char *sources)
{
	char source[sizeof(((struct conf_source *)NULL)->name)];
	int rc = 0;

	for (const char *at = sources; *at && !rc; at += strcspn(at, ","), at += *at == ',') {
		size_t len = strcspn(at, ",");

		if (!len || len >= sizeof(source))
			continue;
		memcpy(source, at, len);
		source[len] = '\0';
		rc = store_count(store, name, source, 1);
	}
	return rc;
}

struct wrong_block {
	struct addr key;
	char src[sizeof(((struct block *)NULL)->src)];
};
#define WRONG_MAX 32
#define NOT_WRONG "first_at > 0 AND counted & 2 = 0 AND " IS_LIVE("?3", "?4")

static bool wrong_read(sqlite3_stmt *row, void *element)
{
	struct wrong_block *block = element;

	sql_text(row, 1, block->src, sizeof(block->src));
	return sql_key(row, 0, &block->key);
}

static int count_wrong_blocks(struct store *store, const struct wrong_block *blocks, int count)
{
	int rc = 0;

	for (int i = 0; i < count && !rc; i++) {
		rc = store_count_sources(store, "wrong", blocks[i].src);
		if (!rc)
			rc = sql_run(store, "UPDATE block SET counted = counted | 2 WHERE key = ?1",
				     SQL_KEY(&blocks[i].key));
	}
	return rc;
}

int store_count_wrong(struct store *store, const struct addr *low, const struct addr *high)
{
	struct wrong_block blocks[WRONG_MAX];
	int64_t now = store_now(store);
	int count, rc = 0;

	do {
		count = sql_rows(store, wrong_read, blocks, WRONG_MAX,
				 "SELECT key, src FROM block WHERE key BETWEEN ?1 AND ?2"
				 " AND " NOT_WRONG " LIMIT ?5",
				 SQL_KEY(low), SQL_KEY(high), SQL_INT(now),
				 SQL_INT(now + BELIEVED_S), SQL_INT(WRONG_MAX));
		if (count > 0)
			rc = count_wrong_blocks(store, blocks, count);
	} while (count == WRONG_MAX && !rc);
	if (count < 0)
		return count;
	return rc;
}

/* A worker runs at least once a day. */
#define LOGIN_OF_BLOCK                                                                             \
	" FROM good CROSS JOIN block ON block.key = good.key WHERE good.at > ?1 AND good.at <= ?2" \
	" AND good.at >= block.since AND " NOT_WRONG

static int count_some_logins(struct store *store)
{
	struct wrong_block blocks[WRONG_MAX];
	int64_t now = store_now(store);
	int count = sql_rows(store, wrong_read, blocks, WRONG_MAX,
			     "SELECT block.key, src" LOGIN_OF_BLOCK " LIMIT ?5",
			     SQL_INT(now - WEEK_S), SQL_INT(now), SQL_INT(now),
			     SQL_INT(now + BELIEVED_S), SQL_INT(WRONG_MAX));
	int rc;

	if (count <= 0)
		return count;
	rc = count_wrong_blocks(store, blocks, count);
	if (rc)
		return rc;
	return count == WRONG_MAX;
}

int store_count_logins(struct store *store)
{
	int64_t now = store_now(store);
	int rc = sql_count(store, "SELECT EXISTS(SELECT 1" LOGIN_OF_BLOCK ")",
			   SQL_INT(now - WEEK_S), SQL_INT(now), SQL_INT(now),
			   SQL_INT(now + BELIEVED_S));

	while (rc > 0) {
		rc = store_begin(store, STORE_FAST);
		if (!rc)
			rc = store_end(store, count_some_logins(store));
	}
	return rc;
}
