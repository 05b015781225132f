/* SPDX-License-Identifier: MIT */
/*
 * integrity.c - check the whole file: otherwise damage in pages that are not read stays
 * unseen for months
 *
 * PRAGMA quick_check reads every page once, 0.9 s for a million rows here, in a snapshot: writers
 * go on. It sees what has lost its structure, not a flipped bit inside a value. Source:
 * sqlite.org/pragma.html.
 *
 * Old versions of SQLite look at the progress handler between tables only (3.40 of Debian 12; 3.46
 * of Debian 13 does within one as well). There a file that may need more than the time is not read.
 */
#include "store/store_private.h"
#include "base/buf.h"
#include <stdio.h>
#include <string.h>

#define STOPPABLE_VERSION 3046000
#define BYTES_PER_MS	  ((16 << 20) / 100) /* slow disks read 160 MB in a second */

static int is_over(void *until)
{
	return clock_mono_ms() >= *(const int64_t *)until;
}

struct check_answer {
	bool sound;
	char text[160];
};

/* SQLite begins with a line "*** in database main ***". */
static bool check_answer_read(sqlite3_stmt *row, void *element)
{
	struct check_answer *answer = element;
	const char *text = (const char *)sqlite3_column_text(row, 0);
	const char *line = text ? strchr(text, '\n') : NULL;

	answer->sound = text && !strcmp(text, "ok");
	if (line)
		text = line + 1;
	snprintf(answer->text, sizeof(answer->text), "%s", text_or(text, "no answer"));
	return true;
}

/* 1: a check of the file ends within the time; 0: it may not. */
static int check_is_bounded(struct store *store, int bound_ms)
{
	int pages, bytes;

	if (sqlite3_libversion_number() >= STOPPABLE_VERSION)
		return 1;
	pages = sql_count(store, "PRAGMA page_count", SQL_NONE);
	if (pages < 0)
		return pages;
	bytes = sql_count(store, "PRAGMA page_size", SQL_NONE);
	if (bytes < 0)
		return bytes;
	return (int64_t)pages * bytes <= (int64_t)bound_ms * BYTES_PER_MS;
}

int store_check(struct store *store, int bound_ms)
{
	int64_t until_ms = clock_mono_ms() + bound_ms;
	struct check_answer answer;
	int rc = check_is_bounded(store, bound_ms);

	if (rc <= 0)
		return rc;
	sqlite3_progress_handler(store->db, 1000, is_over, &until_ms);
	rc = sql_rows(store, check_answer_read, &answer, 1, "PRAGMA quick_check(1)", SQL_NONE);
	store_watch(store);
	if (rc < 0 && (store->sqlite_rc & 0xff) == SQLITE_INTERRUPT)
		return 0; /* sound as far as time allowed */
	if (rc > 0 && !answer.sound)
		return store_damaged(store, "checking", answer.text);
	return rc;
}

int store_check_noted(struct store *store, int bound_s)
{
	int rc = store_check(store, 1000 * bound_s);

	if (rc < 0)
		return rc;
	if (!rc)
		log_line(store->log, LOG_NOTICE,
			 "%s: not checked wholly, because it is too large to be read within %d s; "
			 "no damage was found",
			 store_name(store), bound_s);
	return 0;
}
