/* SPDX-License-Identifier: MIT */
/* sql.c - statements in a line each */
#include "store/store_private.h"
#include "base/mask.h"
#include <stdarg.h>
#include <string.h>

static int bind_all(sqlite3_stmt *st, const char *kinds, va_list ap)
{
	int rc = SQLITE_OK, at = 1;

	for (; *kinds && rc == SQLITE_OK; kinds++, at++) {
		if (*kinds == 'k')
			rc = sqlite3_bind_blob(st, at, va_arg(ap, const struct addr *)->bytes, 16,
					       SQLITE_STATIC);
		else if (*kinds == 'i')
			rc = sqlite3_bind_int64(st, at, va_arg(ap, int64_t));
		else
			rc = sqlite3_bind_text(st, at, va_arg(ap, const char *), -1, SQLITE_STATIC);
	}
	return rc;
}

static int sql_start(struct store *store, sqlite3_stmt **ret, const char *sql, const char *kinds,
		     va_list ap)
{
	*ret = NULL;
	if (sqlite3_prepare_v2(store->db, sql, -1, ret, NULL) != SQLITE_OK ||
	    bind_all(*ret, kinds, ap) != SQLITE_OK)
		return store_fail(store, "preparing a statement");
	return sql_next(store, *ret);
}

int sql_next(struct store *store, sqlite3_stmt *st)
{
	int rc = sqlite3_step(st);

	if (rc == SQLITE_ROW)
		return 1;
	return rc == SQLITE_DONE
		       ? 0
		       : store_fail(store, sqlite3_stmt_readonly(st) ? "reading" : "writing");
}

int sql_row(struct store *store, sqlite3_stmt **ret, const char *sql, const char *kinds, ...)
{
	va_list ap;
	int rc;

	va_start(ap, kinds);
	rc = sql_start(store, ret, sql, kinds, ap);
	va_end(ap);
	return rc;
}

/* The prepared statement, or NULL with the error set. */
static sqlite3_stmt *hot_of(struct store *store, const char *sql)
{
	size_t i = 0;

	while (i < HOT_MAX && store->hot[i].sql && store->hot[i].sql != sql)
		i++;
	if (i == HOT_MAX) {
		err_set(store->error, IPREP_E_BUG, "more hot statements than there is room for");
		return NULL;
	}
	if (!store->hot[i].sql) {
		if (sqlite3_prepare_v3(store->db, sql, -1, SQLITE_PREPARE_PERSISTENT,
				       &store->hot[i].st, NULL) != SQLITE_OK) {
			store_fail(store, "preparing a statement");
			return NULL;
		}
		store->hot[i].sql = sql;
	}
	return store->hot[i].st;
}

static int hot_start(struct store *store, sqlite3_stmt **ret, const char *sql, const char *kinds,
		     va_list ap)
{
	*ret = hot_of(store, sql);
	if (!*ret)
		return store->error->code;
	return bind_all(*ret, kinds, ap) == SQLITE_OK ? sql_next(store, *ret)
						      : store_fail(store, "preparing a statement");
}

int sql_cached(struct store *store, sqlite3_stmt **ret, const char *sql, const char *kinds, ...)
{
	va_list ap;
	int rc;

	va_start(ap, kinds);
	rc = hot_start(store, ret, sql, kinds, ap);
	va_end(ap);
	return rc;
}

int sql_cached_run(struct store *store, const char *sql, const char *kinds, ...)
{
	sqlite3_stmt *st;
	va_list ap;
	int rc;

	va_start(ap, kinds);
	rc = hot_start(store, &st, sql, kinds, ap);
	va_end(ap);
	sql_release(st);
	return rc < 0 ? rc : 0;
}

void sql_release(sqlite3_stmt *st)
{
	if (!st)
		return;
	sqlite3_reset(st);
	sqlite3_clear_bindings(st);
}

void sql_forget_all(struct store *store)
{
	for (size_t i = 0; i < HOT_MAX; i++) {
		sqlite3_finalize(store->hot[i].st);
		store->hot[i].sql = NULL;
		store->hot[i].st = NULL;
	}
}

int sql_run(struct store *store, const char *sql, const char *kinds, ...)
{
	sqlite3_stmt *st;
	va_list ap;
	int rc;

	va_start(ap, kinds);
	rc = sql_start(store, &st, sql, kinds, ap);
	va_end(ap);
	sqlite3_finalize(st);
	return rc < 0 ? rc : 0;
}

int sql_number(struct store *store, int64_t missing, int64_t *ret, const char *sql,
	       const char *kinds, ...)
{
	sqlite3_stmt *st;
	va_list ap;
	int rc;

	va_start(ap, kinds);
	rc = sql_start(store, &st, sql, kinds, ap);
	va_end(ap);
	if (rc >= 0)
		*ret = rc ? sqlite3_column_int64(st, 0) : missing;
	sqlite3_finalize(st);
	return rc < 0 ? rc : 0;
}

int64_t sql_int(sqlite3_stmt *st, int col)
{
	return sqlite3_column_int64(st, col);
}

void sql_text(sqlite3_stmt *st, int col, char *dst, size_t room)
{
	const unsigned char *text = sqlite3_column_text(st, col);

	/* Stored text is printable, unless bits of the file flipped. */
	text_printable(dst, room, text, text ? strlen((const char *)text) : 0);
}

bool sql_key(sqlite3_stmt *st, int col, struct addr *ret)
{
	const void *blob = sqlite3_column_blob(st, col);

	if (!blob || sqlite3_column_bytes(st, col) != 16)
		return false;
	memcpy(ret->bytes, blob, 16);
	return true;
}
