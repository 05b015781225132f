/* SPDX-License-Identifier: MIT */
/*
 * integrity.c - check the whole file: otherwise damage in pages that are not read stays
 * unseen for months
 *
 * PRAGMA quick_check reads every page once, 0.9 s for a million rows here, in a snapshot: writers
 * go on. It sees what has lost its structure, not a bit that fell over inside a value. Source:
 * sqlite.org/pragma.html.
 */
#include "store/store_private.h"
#include "base/buf.h"
#include <stdio.h>
#include <string.h>

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

int store_check(struct store *store, int bound_ms)
{
	int64_t until_ms = clock_mono_ms() + bound_ms;
	struct check_answer answer;
	int rc;

	sqlite3_progress_handler(store->db, 1000, is_over, &until_ms);
	rc = sql_rows(store, check_answer_read, &answer, 1, "PRAGMA quick_check(1)", SQL_NONE);
	store_watch(store);
	if (rc < 0 && (store->sqlite_rc & 0xff) == SQLITE_INTERRUPT)
		return 0; /* sound as far as time allowed */
	if (rc > 0 && !answer.sound)
		return store_damaged(store, "checking", answer.text);
	return rc;
}
