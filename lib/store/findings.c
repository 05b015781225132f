/* SPDX-License-Identifier: MIT */
/* findings.c - what the sources said, by key and by the source's section name */
#include "store/store_private.h"
#include <stdio.h>
#include <string.h>

static int row_of(const struct conf *conf, const char *name)
{
	for (size_t i = 0; i < conf->nsources; i++)
		if (!strcmp(conf->sources[i].name, name))
			return (int)i;
	return -1;
}

/* Answers are kept as hexadecimal words: "7f000004 7f000002". */
static void answers_parse(const char *text, struct finding *finding)
{
	unsigned a;
	int used;

	for (finding->na = 0; finding->na < ANSWERS_MAX && sscanf(text, "%8x%n", &a, &used) == 1;
	     text += used)
		finding->a[finding->na++] = a;
}

static void answers_format(const struct finding *finding, char dst[ANSWERS_MAX * 9 + 1])
{
	size_t count = 0;

	dst[0] = '\0';
	for (int i = 0; i < finding->na; i++)
		count += (size_t)snprintf(dst + count, 10, "%s%08x", i ? " " : "",
					  (unsigned)finding->a[i]);
}

static void finding_of(sqlite3_stmt *st, struct finding *finding)
{
	char answers[ANSWERS_MAX * 9 + 1];

	*finding = (struct finding){ .status = FINDING_OK };
	finding->listed = sql_int(st, 1) != 0;
	finding->rule = (uint8_t)sql_int(st, 2);
	finding->partial = sql_int(st, 3) != 0;
	finding->points = (int)sql_int(st, 4);
	sql_text(st, 5, answers, sizeof(answers));
	answers_parse(answers, finding);
	sql_text(st, 6, finding->detail, sizeof(finding->detail));
	finding->answered_at = sql_int(st, 7);
	finding->expires_at = sql_int(st, 8);
	finding->trusted = sql_int(st, 9) != 0;
}

/* Those that expire after `after`. */
static int get(struct store *store, const struct conf *conf, const struct addr *key, int64_t after,
	       struct finding *ret)
{
	int64_t now = store_now(store);
	char name[64];
	sqlite3_stmt *st;
	int found = 0;
	int rc = sql_cached(store, &st,
			    "SELECT source, listed, rule, partial, points, answers, detail,"
			    " answered_at, expires_at, trusted FROM finding"
			    " WHERE key = ?1 AND expires_at > ?2 AND expires_at <= ?3",
			    "kii", key, after, now + conf->keep_findings_s + WEEK_S);

	for (; rc > 0; rc = sql_next(store, st)) {
		int row;

		sql_text(st, 0, name, sizeof(name));
		row = row_of(conf, name);
		if (row < 0)
			continue;
		finding_of(st, &ret[row]);
		found++;
	}
	sql_release(st);
	return rc < 0 ? rc : found;
}

int store_findings_get(struct store *store, const struct conf *conf, const struct addr *key,
		       struct finding *ret)
{
	return get(store, conf, key, store_now(store), ret);
}

int store_findings_kept(struct store *store, const struct conf *conf, const struct addr *key,
			struct finding *ret)
{
	return get(store, conf, key, 0, ret);
}

/*
 * A flood of addresses must not fill the disk: beyond the bound each lookup lets the oldest
 * findings go, twice as many as it brings. Pages in use are counted in constant time.
 */
static int make_room(struct store *store, int nnew)
{
	int64_t pages = 0, unused = 0;
	int rc = sql_number(store, 0, &pages, "PRAGMA page_count", "");

	if (!rc && pages > store->pages_max)
		rc = sql_number(store, 0, &unused, "PRAGMA freelist_count", "");
	if (rc || pages - unused <= store->pages_max)
		return rc;
	return sql_run(store,
		       "DELETE FROM finding WHERE (key, source) IN (SELECT key, source FROM finding"
		       " ORDER BY answered_at LIMIT ?1)",
		       "i", (int64_t)nnew * 2);
}

static int put_one(struct store *store, const char *source, const struct addr *key,
		   const struct finding *finding)
{
	char answers[ANSWERS_MAX * 9 + 1];
	sqlite3_stmt *st;
	int rc;

	answers_format(finding, answers);
	rc = sql_cached(store, &st,
			"INSERT OR REPLACE INTO finding(key, source, listed, rule, partial,"
			" points, answers, detail, answered_at, expires_at, trusted)"
			" VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11)",
			"ksiiiissiii", key, source, (int64_t)finding->listed,
			(int64_t)finding->rule, (int64_t)finding->partial, (int64_t)finding->points,
			answers, finding->detail, finding->answered_at, finding->expires_at,
			(int64_t)finding->trusted);
	sql_release(st);
	return rc;
}

int store_findings_put(struct store *store, const struct conf *conf, const struct addr *key,
		       const struct finding *findings)
{
	int rc = 0, count = 0;

	for (size_t i = 0; i < conf->nsources && !rc; i++) {
		if (findings[i].status != FINDING_OK || !findings[i].expires_at)
			continue;
		count++;
		rc = put_one(store, conf->sources[i].name, key, &findings[i]);
	}
	return rc || !count ? rc : make_room(store, count);
}

int store_findings_put_rows(struct store *store, const struct conf *conf,
			    const struct finding_row *rows, size_t count)
{
	int rc = 0;

	for (size_t i = 0; i < count && !rc; i++)
		rc = put_one(store, conf->sources[rows[i].source].name, &rows[i].key,
			     &rows[i].finding);
	return rc ? rc : make_room(store, (int)count);
}
