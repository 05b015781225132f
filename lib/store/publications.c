/* SPDX-License-Identifier: MIT */
/*
 * publications.c - see publications.h
 *
 * A row that was never sent goes when it is not wanted any more; one that may have been is
 * withdrawn. A withdrawn one that is wanted again may still be in the zone: it counts as sent, and
 * so does one for whose sake a withdrawal leaves a record there.
 */
#include "store/publications.h"
#include "store/store_private.h"
#include <sys/param.h>

#define ALL_DUE "state IN (1, 3)" /* as in the index publication_due */
/* Others are damaged: they are not taken, and go with the next purge. */
#define IS_SOUND                                  \
	"(length(key) = 16 AND length(addr) = 16" \
	" AND (octet BETWEEN 2 AND 9 OR octet = 254) AND state BETWEEN 0 AND 3)"
#define NEVER_SENT  "(state = 0 OR (state = 1 AND tries = 0))"
#define TO_WITHDRAW "state = 3, tries = 0, next_at = ?1, since = ?1"
/* The jitter of a delay is the caller's: store_publications_failed(). This is the time after which
 * one that nothing was heard of is taken again. */
#define UNHEARD_S 60

/* The caller's transaction, or one of our own. */
static int begin_unless_begun(struct store *store, bool *ret_own)
{
	*ret_own = !store->in_tx;
	if (store->in_tx)
		return 0;
	return store_begin(store, STORE_DURABLE);
}

static int end_own(struct store *store, bool own, int rc)
{
	if (own)
		return store_end(store, rc);
	return rc;
}

/* ---- what is wanted ---- */

static int withdraw_others(struct store *store, const struct addr *key, const struct addr *addr,
			   int octet, int64_t until)
{
	int rc = sql_run(store,
			 "DELETE FROM publication WHERE key = ?1 AND " NEVER_SENT
			 " AND NOT (addr = ?2 AND octet = ?3 AND until = ?4)",
			 SQL_KEY(key), SQL_KEY(addr), SQL_INT(octet), SQL_INT(until));

	if (rc)
		return rc;
	return sql_run(store,
		       "UPDATE publication SET " TO_WITHDRAW " WHERE key = ?2 AND state IN (1, 2)"
		       " AND NOT (addr = ?3 AND octet = ?4 AND until = ?5)",
		       SQL_INT(store_now(store)), SQL_KEY(key), SQL_KEY(addr), SQL_INT(octet),
		       SQL_INT(until));
}

static int want(struct store *store, const struct addr *key, const struct addr *addr, int octet,
		int64_t until, bool held)
{
	return sql_run(
		store,
		"INSERT INTO publication(key, addr, octet, until, state, next_at, tries, since)"
		" VALUES(?1, ?2, ?3, ?4, ?5, ?6, 0, ?6) ON CONFLICT DO UPDATE SET"
		" tries = iif(state = 3, 1, tries),"
		" next_at = iif(state = 3, excluded.next_at, next_at),"
		" since = iif(state IN (0, 3), excluded.since, since),"
		" state = CASE state WHEN 3 THEN 1 WHEN 0 THEN excluded.state ELSE state END",
		SQL_KEY(key), SQL_KEY(addr), SQL_INT(octet), SQL_INT(until),
		SQL_INT(held ? PUBLICATION_HELD : PUBLICATION_WANTED), SQL_INT(store_now(store)));
}

int store_publish(struct store *store, const struct addr *key, const struct addr *addr, int octet,
		  int64_t until, bool held)
{
	bool own;
	int rc = begin_unless_begun(store, &own);

	if (rc)
		return rc;
	rc = withdraw_others(store, key, addr, octet, until);
	if (!rc && octet)
		rc = want(store, key, addr, octet, until, held);
	return end_own(store, own, rc);
}

static bool wanted_read(sqlite3_stmt *row, void *element)
{
	struct publication *wanted = element;

	wanted->octet = sql_small(row, 1);
	wanted->state = (enum publication_state)sql_int(row, 2);
	wanted->until = sql_int(row, 3);
	return sql_key(row, 0, &wanted->addr);
}

/* 1 and *ret, or 0: nothing is. */
static int wanted_of(struct store *store, const struct addr *key, struct publication *ret)
{
	return sql_rows(
		store, wanted_read, ret, 1,
		"SELECT addr, octet, state, until FROM publication WHERE key = ?1 AND state < 3"
		" ORDER BY state = 0, until DESC LIMIT 1",
		SQL_KEY(key));
}

int store_publication_octet(struct store *store, const struct addr *key)
{
	struct publication wanted = { 0 };
	int rc = wanted_of(store, key, &wanted);

	if (rc <= 0)
		return rc;
	return wanted.octet;
}

int store_publication_announced(struct store *store, const struct addr *key, int64_t until)
{
	struct publication wanted = { 0 };
	int rc = wanted_of(store, key, &wanted);

	if (rc <= 0 || wanted.octet == PUBLICATION_PARDON)
		return MIN(rc, 0);
	return store_publish(store, key, &wanted.addr, wanted.octet, until, false);
}

int store_publication_lower(struct store *store, const struct addr *key, int octet, int64_t until)
{
	struct publication wanted = { 0 };
	int rc = wanted_of(store, key, &wanted);

	if (rc <= 0 || wanted.octet == PUBLICATION_PARDON)
		return MIN(rc, 0);
	return store_publish(store, key, &wanted.addr, MIN(wanted.octet, octet),
			     MIN(wanted.until, until), wanted.state == PUBLICATION_HELD);
}

/* Two, each by an index. */
#define IN_RANGE(column)                                                                     \
	{                                                                                    \
		"DELETE FROM publication WHERE " column " BETWEEN ?2 AND ?3 AND " NEVER_SENT \
		" AND (?4 = 0 OR octet = ?4) AND ?1 = ?1",                                   \
			"UPDATE publication SET " TO_WITHDRAW " WHERE " column               \
			" BETWEEN ?2 AND ?3 AND state IN (1, 2) AND (?4 = 0 OR octet = ?4)"  \
	}

int store_publications_withdraw(struct store *store, const struct addr *low,
				const struct addr *high, bool only_pardons)
{
	static const char *const ranges[2][2] = { IN_RANGE("key"), IN_RANGE("addr") };
	int64_t now = store_now(store);
	bool own;
	int rc = begin_unless_begun(store, &own);

	if (rc)
		return rc;
	for (int i = 0; i < 4 && !rc; i++)
		rc = sql_run(store, ranges[i / 2][i % 2], SQL_INT(now), SQL_KEY(low), SQL_KEY(high),
			     SQL_INT(only_pardons ? PUBLICATION_PARDON : 0));
	return end_own(store, own, rc);
}

#define OVER                                                                             \
	" (key, addr, octet, until) IN (SELECT key, addr, octet, until FROM publication" \
	" WHERE until <= ?1 AND state < 3 LIMIT ?2)"

/* Returns how many. */
static int expire_some(struct store *store)
{
	int64_t now = store_now(store);
	int count, rc = store_begin(store, STORE_DURABLE);

	if (rc)
		return rc;
	rc = sql_run(store, "DELETE FROM publication WHERE" OVER " AND " NEVER_SENT, SQL_INT(now),
		     SQL_INT(PUBLICATIONS_MAX));
	count = sqlite3_changes(store->db);
	if (!rc)
		rc = sql_run(store, "UPDATE publication SET " TO_WITHDRAW " WHERE" OVER,
			     SQL_INT(now), SQL_INT(PUBLICATIONS_MAX));
	count += sqlite3_changes(store->db);
	return store_end(store, rc ? rc : count);
}

int store_publications_expire(struct store *store)
{
	int rc = store_clock_is_doubtful(store);

	if (rc) /* the block stays as well, and would not be published again */
		return MIN(rc, 0);
	while ((rc = sql_count(store,
			       "SELECT EXISTS(SELECT 1 FROM publication WHERE until <= ?1"
			       " AND state < 3)",
			       SQL_INT(store_now(store)))) > 0) {
		rc = expire_some(store);
		if (rc <= 0)
			return rc;
	}
	return rc;
}

#define HAS_NOTHING                                                                       \
	" state < 3 AND NOT EXISTS(SELECT 1 FROM block WHERE block.key = publication.key" \
	" AND octet <> 254) AND NOT EXISTS(SELECT 1 FROM pardon"                          \
	" WHERE pardon.key = publication.key AND octet = 254)"
#define CHECKED_ROWS 64

static bool published_key_read(sqlite3_stmt *row, void *element)
{
	return sql_key(row, 0, element);
}

/* Of a page of keys that were found to have nothing; one may have got something since. */
static int withdraw_page(struct store *store, const struct addr *keys, int count)
{
	int64_t now = store_now(store);
	int rc = store_begin(store, STORE_DURABLE);

	for (int i = 0; i < count && !rc; i++) {
		rc = sql_run(store,
			     "DELETE FROM publication WHERE key = ?1 AND " NEVER_SENT
			     " AND" HAS_NOTHING,
			     SQL_KEY(&keys[i]));
		if (!rc)
			rc = sql_run(store,
				     "UPDATE publication SET " TO_WITHDRAW
				     " WHERE key = ?2 AND" HAS_NOTHING,
				     SQL_INT(now), SQL_KEY(&keys[i]));
	}
	return store_end(store, rc);
}

int store_publications_check(struct store *store)
{
	struct addr page[CHECKED_ROWS], after = { { 0 } };
	int count, rc = sql_run(store, "DELETE FROM publication WHERE NOT " IS_SOUND, SQL_NONE);

	while (!rc && (count = sql_rows(store, published_key_read, page, CHECKED_ROWS,
					"SELECT key FROM publication WHERE key > ?1 AND" HAS_NOTHING
					" ORDER BY key LIMIT ?2",
					SQL_KEY(&after), SQL_INT(CHECKED_ROWS))) > 0) {
		after = page[count - 1];
		rc = withdraw_page(store, page, count);
	}
	return rc ? rc : count;
}

/* ---- what is on its way ---- */

static bool publication_read(sqlite3_stmt *row, void *element)
{
	struct publication *publication = element;

	*publication = (struct publication){
		.octet = sql_small(row, 2),
		.until = sql_int(row, 3),
		.state = (enum publication_state)sql_int(row, 4),
		.tries = sql_small(row, 5) + 1,
		.since = sql_int(row, 6),
		.keep_a = sql_int(row, 7) != 0,
		.keep_text = sql_int(row, 8) != 0,
	};
	return sql_key(row, 0, &publication->key) && sql_key(row, 1, &publication->addr);
}

#define NEEDED(what)                                                                          \
	"state = 3 AND EXISTS(SELECT 1 FROM publication AS other INDEXED BY publication_addr" \
	" WHERE other.addr = publication.addr AND other." what " = publication." what         \
	" AND other.state IN (1, 2))"

static int read_due(struct store *store, enum publication_state state, struct publication *ret,
		    size_t max)
{
	return sql_rows(
		store, publication_read, ret, max,
		"SELECT key, addr, octet, until, state, tries, since, " NEEDED("octet") ", " NEEDED(
			"until") " FROM publication INDEXED BY publication_due"
				 " WHERE " ALL_DUE " AND state = ?1 AND next_at <= ?2 AND " IS_SOUND
				 " ORDER BY next_at LIMIT ?3",
		SQL_INT(state), SQL_INT(store_now(store)), SQL_INT(max));
}

#define OF_THIS_ROW(state) \
	" WHERE key = ?1 AND addr = ?2 AND octet = ?3 AND until = ?4 AND state = " state

static int change_row(struct store *store, const struct publication *row, const char *sql,
		      int64_t number)
{
	return sql_run(store, sql, SQL_KEY(&row->key), SQL_KEY(&row->addr), SQL_INT(row->octet),
		       SQL_INT(row->until), SQL_INT(row->state), SQL_INT(number));
}

/* What another row keeps in the zone is that row's from now on: it counts as sent. */
static int hand_over(struct store *store, const struct publication *row)
{
	if (!row->keep_a && !row->keep_text)
		return 0;
	return sql_run(
		store,
		"UPDATE publication SET tries = 1 WHERE addr = ?1 AND state = 1 AND tries = 0"
		" AND (octet = ?2 OR until = ?3)",
		SQL_KEY(&row->addr), SQL_INT(row->octet), SQL_INT(row->until));
}

static int take_in_transaction(struct store *store, struct publication *ret, size_t max)
{
	int64_t again_at = store_now(store) + UNHEARD_S;
	int count = read_due(store, PUBLICATION_UNWANTED, ret, max), more, rc = 0;

	if (count < 0)
		return count;
	more = read_due(store, PUBLICATION_WANTED, ret + count, max - (size_t)count);
	if (more < 0)
		return more;
	count += more;
	for (int i = 0; i < count && !rc; i++) {
		rc = change_row(store, &ret[i],
				"UPDATE publication SET tries = tries + 1,"
				" next_at = ?6" OF_THIS_ROW("?5"),
				again_at);
		if (!rc)
			rc = hand_over(store, &ret[i]);
	}
	if (rc)
		return rc;
	return count;
}

int store_publications_take(struct store *store, struct publication *ret, size_t max)
{
	int rc;

	if (!max)
		return sql_count(store,
				 "SELECT EXISTS(SELECT 1 FROM publication WHERE " ALL_DUE
				 " AND state = 3 AND next_at <= ?1 AND " IS_SOUND
				 ") OR EXISTS(SELECT 1 FROM publication WHERE " ALL_DUE
				 " AND state = 1 AND next_at <= ?1 AND " IS_SOUND ")",
				 SQL_INT(store_now(store)));
	rc = store_begin(store, STORE_DURABLE);
	if (rc)
		return rc;
	return store_end(store, take_in_transaction(store, ret, max));
}

int store_publications_done(struct store *store, const struct publication *publications,
			    size_t count)
{
	/* what was withdrawn leaves no bytes behind */
	int rc = sql_run(store, "PRAGMA secure_delete = ON", SQL_NONE);
	bool own;

	if (!rc)
		rc = begin_unless_begun(store, &own);
	if (rc)
		return rc;
	for (size_t i = 0; i < count && !rc; i++) {
		const char *sql = "DELETE FROM publication" OF_THIS_ROW("?5") " AND ?6 = ?6";

		if (publications[i].state == PUBLICATION_WANTED)
			sql = "UPDATE publication SET state = 2, tries = 0,"
			      " since = ?6" OF_THIS_ROW("?5");
		rc = change_row(store, &publications[i], sql, store_now(store));
	}
	return end_own(store, own, rc);
}

int store_publications_failed(struct store *store, const struct publication *publications,
			      size_t count, int64_t retry_at)
{
	bool own;
	int rc = begin_unless_begun(store, &own);

	if (rc)
		return rc;
	for (size_t i = 0; i < count && !rc; i++)
		rc = change_row(store, &publications[i],
				"UPDATE publication SET next_at = ?6" OF_THIS_ROW("?5"), retry_at);
	return end_own(store, own, rc);
}

int store_publications_again(struct store *store)
{
	return sql_run(store,
		       "UPDATE publication SET state = 1, tries = 0, next_at = ?1, since = ?1"
		       " WHERE state = 2",
		       SQL_INT(store_now(store)));
}

/* ---- counts ---- */

static bool counts_read(sqlite3_stmt *row, void *element)
{
	struct publication_counts *counts = element;

	*counts = (struct publication_counts){ sql_int(row, 0), sql_int(row, 1), sql_int(row, 2),
					       sql_int(row, 3), sql_int(row, 4) };
	return true;
}

int store_publications_count(struct store *store, struct publication_counts *ret)
{
	int rc = sql_each(store, counts_read, ret,
			  "SELECT count(*) FILTER (WHERE state = 1),"
			  " count(*) FILTER (WHERE state = 3), count(*) FILTER (WHERE state = 2),"
			  " count(*) FILTER (WHERE state = 0),"
			  " coalesce(min(since) FILTER (WHERE " ALL_DUE "), 0) FROM publication",
			  SQL_NONE);

	if (rc < 0)
		return rc;
	return 0;
}
