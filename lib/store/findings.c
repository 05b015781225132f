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
static void answers_parse(const char *text, struct finding *f)
{
	unsigned a;
	int used;

	for (f->na = 0; f->na < ANSWERS_MAX && sscanf(text, "%8x%n", &a, &used) == 1; text += used)
		f->a[f->na++] = a;
}

static void answers_format(const struct finding *f, char dst[ANSWERS_MAX * 9 + 1])
{
	size_t n = 0;

	dst[0] = '\0';
	for (int i = 0; i < f->na; i++)
		n += (size_t)snprintf(dst + n, 10, "%s%08x", i ? " " : "", (unsigned)f->a[i]);
}

static void finding_of(sqlite3_stmt *st, struct finding *f)
{
	char answers[ANSWERS_MAX * 9 + 1];

	*f = (struct finding){ .status = FINDING_OK };
	f->listed = sql_int(st, 1) != 0;
	f->rule = (uint8_t)sql_int(st, 2);
	f->partial = sql_int(st, 3) != 0;
	f->points = (int)sql_int(st, 4);
	sql_text(st, 5, answers, sizeof(answers));
	answers_parse(answers, f);
	sql_text(st, 6, f->detail, sizeof(f->detail));
	f->answered_at = sql_int(st, 7);
	f->expires_at = sql_int(st, 8);
	f->trusted = sql_int(st, 9) != 0;
}

/* Those that expire after `after`. */
static int get(struct store *s, const struct conf *conf, const struct addr *key, int64_t after,
	       struct finding *ret)
{
	int64_t now = store_now(s);
	char name[64];
	sqlite3_stmt *st;
	int found = 0;
	int r = sql_cached(s, &st,
			   "SELECT source, listed, rule, partial, points, answers, detail,"
			   " answered_at, expires_at, trusted FROM finding"
			   " WHERE key = ?1 AND expires_at > ?2 AND expires_at <= ?3",
			   "kii", key, after, now + conf->keep_findings_s + WEEK_S);

	for (; r > 0; r = sql_next(s, st)) {
		int row;

		sql_text(st, 0, name, sizeof(name));
		row = row_of(conf, name);
		if (row < 0)
			continue;
		finding_of(st, &ret[row]);
		found++;
	}
	sql_release(st);
	return r < 0 ? r : found;
}

int store_findings_get(struct store *s, const struct conf *conf, const struct addr *key,
		       struct finding *ret)
{
	return get(s, conf, key, store_now(s), ret);
}

int store_findings_kept(struct store *s, const struct conf *conf, const struct addr *key,
			struct finding *ret)
{
	return get(s, conf, key, 0, ret);
}

/*
 * A flood of addresses must not fill the disk: beyond the bound each lookup lets the oldest
 * findings go, twice as many as it brings. Pages in use are counted in constant time.
 */
static int make_room(struct store *s, int nnew)
{
	int64_t pages = 0, unused = 0;
	int r = sql_number(s, 0, &pages, "PRAGMA page_count", "");

	if (!r && pages > s->pages_max)
		r = sql_number(s, 0, &unused, "PRAGMA freelist_count", "");
	if (r || pages - unused <= s->pages_max)
		return r;
	return sql_run(s,
		       "DELETE FROM finding WHERE (key, source) IN (SELECT key, source FROM finding"
		       " ORDER BY answered_at LIMIT ?1)",
		       "i", (int64_t)nnew * 2);
}

static int put_one(struct store *s, const char *source, const struct addr *key,
		   const struct finding *f)
{
	char answers[ANSWERS_MAX * 9 + 1];
	sqlite3_stmt *st;
	int r;

	answers_format(f, answers);
	r = sql_cached(s, &st,
		       "INSERT OR REPLACE INTO finding(key, source, listed, rule, partial,"
		       " points, answers, detail, answered_at, expires_at, trusted)"
		       " VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11)",
		       "ksiiiissiii", key, source, (int64_t)f->listed, (int64_t)f->rule,
		       (int64_t)f->partial, (int64_t)f->points, answers, f->detail, f->answered_at,
		       f->expires_at, (int64_t)f->trusted);
	sql_release(st);
	return r;
}

int store_findings_put(struct store *s, const struct conf *conf, const struct addr *key,
		       const struct finding *findings)
{
	int r = 0, n = 0;

	for (size_t i = 0; i < conf->nsources && !r; i++) {
		if (findings[i].status != FINDING_OK || !findings[i].expires_at)
			continue;
		n++;
		r = put_one(s, conf->sources[i].name, key, &findings[i]);
	}
	return r || !n ? r : make_room(s, n);
}

int store_findings_put_rows(struct store *s, const struct conf *conf,
			    const struct finding_row *rows, size_t n)
{
	int r = 0;

	for (size_t i = 0; i < n && !r; i++)
		r = put_one(s, conf->sources[rows[i].source].name, &rows[i].key, &rows[i].finding);
	return r ? r : make_room(s, (int)n);
}
