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
#include <string.h>

static int is_over(void *until)
{
	return clock_mono_ms() >= *(const int64_t *)until;
}

int store_check(struct store *store, int bound_ms)
{
	int64_t until_ms = clock_mono_ms() + bound_ms;
	const char *text = NULL, *what;
	sqlite3_stmt *st;
	int rc;

	sqlite3_progress_handler(store->db, 1000, is_over, &until_ms);
	rc = sql_row(store, &st, "PRAGMA quick_check(1)", "");
	if (rc > 0)
		text = (const char *)sqlite3_column_text(st, 0);
	what = text ? strchr(text, '\n') : NULL; /* after "*** in database main ***" */
	if (rc > 0 && (!text || strcmp(text, "ok")))
		rc = store_damaged(store, "checking", what ? what + 1 : text ? text : "no answer");
	else if (rc < 0 && sqlite3_errcode(store->db) == SQLITE_INTERRUPT)
		rc = 0; /* sound as far as time allowed */
	sqlite3_finalize(st);
	sqlite3_progress_handler(store->db, 0, NULL, NULL);
	return rc;
}
