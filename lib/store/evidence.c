/* SPDX-License-Identifier: MIT */
/*
 * evidence.c - what a block was made from, kept with it: later answers do not change it
 *
 * A line for each source that changed the score:
 *	NAME <tab> points <tab> time <tab> answers, as findings.c has them <tab> detail
 */
#include "store/store_private.h"
#include "base/buf.h"
#include "base/mask.h"
#include "base/parse.h"
#include <string.h>

#define LINE_ROOM (SOURCE_NAME_MAX + 64 + ANSWERS_TEXT_MAX + DETAIL_MAX)

static void evidence_add(struct buf *text, const char *source, const struct finding *finding)
{
	char answers[ANSWERS_TEXT_MAX], detail[DETAIL_MAX];

	answers_format(finding, answers);
	text_printable(detail, sizeof(detail), finding->detail, strlen(finding->detail));
	buf_printf(text, "%s\t%d\t%lld\t%s\t%s\n", source, finding->points,
		   (long long)finding->answered_at, answers, detail);
}

int store_evidence_put(struct store *store, const struct conf *conf, const struct addr *key,
		       const struct finding *findings)
{
	struct buf text;
	int rc;

	buf_init(&text, SOURCES_MAX * LINE_ROOM);
	for (size_t i = 0; i < conf->nsources; i++)
		if (findings[i].status == FINDING_OK && findings[i].points)
			evidence_add(&text, conf->sources[i].name, &findings[i]);
	if (text.failed)
		rc = err_set(store->error, IPREP_E_NOMEM, "out of memory");
	else
		rc = sql_run(store, "UPDATE block SET evidence = ?2 WHERE key = ?1", SQL_KEY(key),
			     SQL_TEXT(text_or(text.text, "")));
	buf_free(&text);
	return rc;
}

/* The next field of *at, cut to room and without what is not printable. False: there is none. */
static bool field_read(const char **at, const char *end, char *dst, size_t room)
{
	size_t len = 0;

	if (*at > end)
		return false;
	while (*at + len < end && (*at)[len] != '\t')
		len++;
	text_printable(dst, room, *at, len);
	*at += len + 1;
	return true;
}

static int64_t evidence_number(const char *text, int64_t max)
{
	int64_t number;

	if (int_parse(text, -max, max, &number))
		return number;
	return 0;
}

/* A file may hold anything: a line that is none is left out. */
static bool line_read(const char *line, const char *end, struct evidence *ret)
{
	char points[24], at[24], answers[ANSWERS_TEXT_MAX];
	struct finding *finding = &ret->finding;

	*finding = (struct finding){ .status = FINDING_OK };
	if (!field_read(&line, end, ret->source, sizeof(ret->source)) || !*ret->source ||
	    !field_read(&line, end, points, sizeof(points)) ||
	    !field_read(&line, end, at, sizeof(at)) ||
	    !field_read(&line, end, answers, sizeof(answers)) ||
	    !field_read(&line, end, finding->detail, sizeof(finding->detail)))
		return false;
	answers_parse(answers, finding);
	finding->points = (int)evidence_number(points, SQL_SMALL_MAX);
	finding->answered_at = evidence_number(at, SQL_NUMBER_MAX);
	finding->listed = finding->points > 0;
	return true;
}

struct wanted_evidence {
	struct evidence *list;
	size_t count, max;
};

static bool evidence_read(sqlite3_stmt *row, void *element)
{
	struct wanted_evidence *wanted = element;
	const char *line = (const char *)sqlite3_column_text(row, 0);

	while (line && *line && wanted->count < wanted->max) {
		const char *end = line + strcspn(line, "\n");

		wanted->count += line_read(line, end, &wanted->list[wanted->count]);
		line = end + (*end == '\n');
	}
	return true;
}

int store_evidence_get(struct store *store, const struct addr *key, struct evidence *ret,
		       size_t max)
{
	struct wanted_evidence wanted = { .list = ret, .max = max };
	int rc = sql_rows(store, evidence_read, &wanted, 1,
			  "SELECT evidence FROM block WHERE key = ?1", SQL_KEY(key));

	if (rc < 0)
		return rc;
	return (int)wanted.count;
}
