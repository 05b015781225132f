/* SPDX-License-Identifier: MIT */
/*
 * integrity.c - is the whole file sound? Damage where nobody reads stays unseen for months
 * otherwise
 *
 * PRAGMA quick_check reads every page once, 0.9 s for a million rows here, in a snapshot: writers
 * go on. It sees what has lost its structure, not a bit that fell over inside a value. Source:
 * sqlite.org/pragma.html.
 */
#include "store/store_private.h"
#include <string.h>

static int is_over(void *until)
{
	return clock_mono_ms() >= *(const int64_t *)until;
}

int store_check(struct store *s, int bound_ms)
{
	int64_t until_ms = clock_mono_ms() + bound_ms;
	const char *text = NULL, *what;
	sqlite3_stmt *st;
	int r;

	sqlite3_progress_handler(s->db, 1000, is_over, &until_ms);
	r = sql_row(s, &st, "PRAGMA quick_check(1)", "");
	if (r > 0)
		text = (const char *)sqlite3_column_text(st, 0);
	what = text ? strchr(text, '\n') : NULL; /* after "*** in database main ***" */
	if (r > 0 && (!text || strcmp(text, "ok")))
		r = store_damaged(s, "checking", what ? what + 1 : text ? text : "no answer");
	else if (r < 0 && sqlite3_errcode(s->db) == SQLITE_INTERRUPT)
		r = 0; /* sound as far as time allowed */
	sqlite3_finalize(st);
	sqlite3_progress_handler(s->db, 0, NULL, NULL);
	return r;
}
