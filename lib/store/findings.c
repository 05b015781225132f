/* SPDX-License-Identifier: MIT */
/* findings.c - what the sources said, by key and by the source's section name */
#include "store/store_private.h"
#include <stdio.h>
#include <string.h>

int store_source_row(const struct conf *conf, const char *name)
{
	for (size_t i = 0; i < conf->nsources; i++)
		if (!strcmp(conf->sources[i].name, name))
			return (int)i;
	return -1;
}

void answers_parse(const char *text, struct finding *finding)
{
	unsigned a;
	int used;

	for (finding->na = 0; finding->na < ANSWERS_MAX && sscanf(text, "%8x%n", &a, &used) == 1;
	     text += used)
		finding->a[finding->na++] = a;
}

void answers_format(const struct finding *finding, char dst[ANSWERS_TEXT_MAX])
{
	size_t count = 0;

	dst[0] = '\0';
	for (int i = 0; i < finding->na; i++)
		count += (size_t)snprintf(dst + count, 10, "%s%08x", i ? " " : "",
					  (unsigned)finding->a[i]);
}

static void finding_read(sqlite3_stmt *row, struct finding *finding)
{
	char answers[ANSWERS_TEXT_MAX];

	*finding = (struct finding){ .status = FINDING_OK };
	finding->listed = sql_int(row, 1) != 0;
	finding->rule = (uint8_t)sql_int(row, 2);
	finding->partial = sql_int(row, 3) != 0;
	finding->points = sql_small(row, 4);
	sql_text(row, 5, answers, sizeof(answers));
	answers_parse(answers, finding);
	sql_text(row, 6, finding->detail, sizeof(finding->detail));
	finding->answered_at = sql_int(row, 7);
	finding->expires_at = sql_int(row, 8);
	finding->trusted = sql_int(row, 9) != 0;
}

struct wanted_findings {
	const struct conf *conf;
	struct finding *findings; /* one for each of conf->sources */
};

static bool wanted_finding_read(sqlite3_stmt *row, void *element)
{
	struct wanted_findings *wanted = element;
	char name[64];
	int source;

	sql_text(row, 0, name, sizeof(name));
	source = store_source_row(wanted->conf, name);
	if (source < 0)
		return false;
	finding_read(row, &wanted->findings[source]);
	return true;
}

/* Those that expire after `after`. */
static int findings_after(struct store *store, const struct conf *conf, const struct addr *key,
			  int64_t after, struct finding *ret)
{
	struct wanted_findings wanted = { .conf = conf, .findings = ret };
	int64_t latest = store_now(store) + conf->keep_findings_s + WEEK_S;

	return sql_each(store, wanted_finding_read, &wanted,
			"SELECT source, listed, rule, partial, points, answers, detail,"
			" answered_at, expires_at, trusted FROM finding"
			" WHERE key = ?1 AND expires_at > ?2 AND expires_at <= ?3",
			SQL_KEY(key), SQL_INT(after), SQL_INT(latest));
}

int store_findings_get(struct store *store, const struct conf *conf, const struct addr *key,
		       struct finding *ret)
{
	return findings_after(store, conf, key, store_now(store), ret);
}

int store_findings_kept(struct store *store, const struct conf *conf, const struct addr *key,
			struct finding *ret)
{
	return findings_after(store, conf, key, 0, ret);
}

/*
 * A flood of addresses must not fill the disk: beyond the bound each lookup lets the oldest
 * findings go, twice as many as it brings. Pages in use are counted in constant time.
 */
static int findings_make_room(struct store *store, int count)
{
	int64_t pages, unused;
	int rc = sql_number(store, &pages, "PRAGMA page_count", SQL_NONE);

	if (rc || pages <= store->pages_max)
		return rc;
	rc = sql_number(store, &unused, "PRAGMA freelist_count", SQL_NONE);
	if (rc || pages - unused <= store->pages_max)
		return rc;
	return sql_run(store,
		       "DELETE FROM finding WHERE (key, source) IN (SELECT key, source FROM finding"
		       " ORDER BY answered_at LIMIT ?1)",
		       SQL_INT((int64_t)count * 2));
}

static int finding_put(struct store *store, const char *source, const struct addr *key,
		       const struct finding *finding)
{
	char answers[ANSWERS_TEXT_MAX];
	int before = key_set_before_write(store), rc;

	answers_format(finding, answers);
	rc = sql_run(store,
		     "INSERT OR REPLACE INTO finding(key, source, listed, rule, partial,"
		     " points, answers, detail, answered_at, expires_at, trusted)"
		     " VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11)",
		     SQL_KEY(key), SQL_TEXT(source), SQL_INT(finding->listed),
		     SQL_INT(finding->rule), SQL_INT(finding->partial), SQL_INT(finding->points),
		     SQL_TEXT(answers), SQL_TEXT(finding->detail), SQL_INT(finding->answered_at),
		     SQL_INT(finding->expires_at), SQL_INT(finding->trusted));
	key_set_written(store, key, before);
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
		rc = finding_put(store, conf->sources[i].name, key, &findings[i]);
	}
	if (rc || !count)
		return rc;
	return findings_make_room(store, count);
}

int store_findings_put_rows(struct store *store, const struct conf *conf,
			    const struct finding_row *rows, size_t count)
{
	int rc = 0;

	for (size_t i = 0; i < count && !rc; i++)
		rc = finding_put(store, conf->sources[rows[i].source].name, &rows[i].key,
				 &rows[i].finding);
	if (rc)
		return rc;
	return findings_make_room(store, (int)count);
}
