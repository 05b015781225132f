/* SPDX-License-Identifier: MIT */
/*
 * sql.c - statements in a line each, and what SQLite's errors mean
 *
 * Source: sqlite.org/rescode.html.
 */
#include "store/store_private.h"
#include "base/buf.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

static int code_of(int rc)
{
	switch (rc & 0xff) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return IPREP_E_BUSY;
	case SQLITE_NOMEM:
		return IPREP_E_NOMEM;
	case SQLITE_PERM:
	case SQLITE_AUTH:
		return IPREP_E_PERM;
	case SQLITE_MISUSE:
	case SQLITE_RANGE:
		return IPREP_E_BUG;
	default:
		return IPREP_E_STORE;
	}
}

const char *store_name(const struct store *s)
{
	const char *name = s->db ? sqlite3_db_filename(s->db, NULL) : NULL;

	return name && *name ? name : s->path ? s->path : "state database";
}

int store_damaged(struct store *s, const char *doing, const char *what)
{
	char masked[120];

	s->state = STORE_DAMAGED;
	snprintf(s->why, sizeof(s->why), "damaged (%s)",
		 text_mask(masked, sizeof(masked), what, strlen(what)));
	return err_set(&s->err, IPREP_E_STORE,
		       "%s: %s: %s; set it aside with rep-purge --reset, which makes a new one",
		       store_name(s), doing, s->why);
}

static bool begins(const char *text, const char *with)
{
	return !strncmp(text, with, strlen(with));
}

/* All statements are constants: what they do not find, or find where it is to be made, was there,
 * or not, once. */
static bool is_damage(int rc, const char *text)
{
	if ((rc & 0xff) == SQLITE_NOTADB || (rc & 0xff) == SQLITE_CORRUPT ||
	    rc == SQLITE_IOERR_SHORT_READ || rc == SQLITE_IOERR_CORRUPTFS)
		return true;
	return (rc & 0xff) == SQLITE_ERROR &&
	       (begins(text, "no such ") || begins(text, "duplicate column name") ||
		strstr(text, " already exists") || strstr(text, " has no column "));
}

/* SQLite says "unable to open database file" for many things; errno says which. */
int store_fail(struct store *s, const char *doing)
{
	int rc = sqlite3_extended_errcode(s->db);
	int sys = sqlite3_system_errno(s->db);
	const char *name = store_name(s);
	int code = code_of(rc);

	s->rc = rc;
	if (is_damage(rc, sqlite3_errmsg(s->db)))
		return store_damaged(s, doing, sqlite3_errmsg(s->db));
	if (rc == SQLITE_READONLY_DBMOVED)
		return err_set(&s->err, code, "%s: %s: moved or removed while in use", name, doing);
	if ((rc & 0xff) == SQLITE_CANTOPEN || (rc & 0xff) == SQLITE_IOERR) {
		if (sys == EACCES || sys == EPERM)
			code = IPREP_E_PERM;
		return err_set(&s->err, code, "%s: %s: %s%s%s", name, doing, sqlite3_errmsg(s->db),
			       sys ? ": " : "", sys ? strerror(sys) : "");
	}
	if (code == IPREP_E_BUSY)
		return err_set(&s->err, code,
			       "%s: %s: locked by another process for %d ms, "
			       "giving up",
			       name, doing, s->wait_ms);
	return err_set(&s->err, code, "%s: %s: %s", name, doing, sqlite3_errmsg(s->db));
}

/* ---- running them ---- */

static int bind_all(sqlite3_stmt *st, const char *kinds, va_list ap)
{
	int rc = SQLITE_OK, at = 1;

	for (; *kinds && rc == SQLITE_OK; kinds++, at++) {
		if (*kinds == 'k')
			rc = sqlite3_bind_blob(st, at, va_arg(ap, const struct addr *)->b, 16,
					       SQLITE_STATIC);
		else if (*kinds == 'i')
			rc = sqlite3_bind_int64(st, at, va_arg(ap, int64_t));
		else
			rc = sqlite3_bind_text(st, at, va_arg(ap, const char *), -1, SQLITE_STATIC);
	}
	return rc;
}

static int sql_start(struct store *s, sqlite3_stmt **ret, const char *sql, const char *kinds,
		     va_list ap)
{
	*ret = NULL;
	if (sqlite3_prepare_v2(s->db, sql, -1, ret, NULL) != SQLITE_OK ||
	    bind_all(*ret, kinds, ap) != SQLITE_OK) {
		store_fail(s, "preparing a statement");
		return s->err.code;
	}
	return sql_next(s, *ret);
}

int sql_next(struct store *s, sqlite3_stmt *st)
{
	int rc = sqlite3_step(st);

	if (rc == SQLITE_ROW)
		return 1;
	return rc == SQLITE_DONE ? 0
				 : store_fail(s, sqlite3_stmt_readonly(st) ? "reading" : "writing");
}

int sql_row(struct store *s, sqlite3_stmt **ret, const char *sql, const char *kinds, ...)
{
	va_list ap;
	int r;

	va_start(ap, kinds);
	r = sql_start(s, ret, sql, kinds, ap);
	va_end(ap);
	return r;
}

/* The prepared statement, or NULL with the error set. */
static sqlite3_stmt *hot_of(struct store *s, const char *sql)
{
	size_t i = 0;

	while (i < HOT_MAX && s->hot[i].sql && s->hot[i].sql != sql)
		i++;
	if (i == HOT_MAX) {
		err_set(&s->err, IPREP_E_BUG, "more hot statements than there is room for");
		return NULL;
	}
	if (!s->hot[i].sql) {
		if (sqlite3_prepare_v3(s->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &s->hot[i].st,
				       NULL) != SQLITE_OK) {
			store_fail(s, "preparing a statement");
			return NULL;
		}
		s->hot[i].sql = sql;
	}
	return s->hot[i].st;
}

static int hot_start(struct store *s, sqlite3_stmt **ret, const char *sql, const char *kinds,
		     va_list ap)
{
	*ret = hot_of(s, sql);
	if (!*ret)
		return s->err.code;
	return bind_all(*ret, kinds, ap) == SQLITE_OK ? sql_next(s, *ret)
						      : store_fail(s, "preparing a statement");
}

int sql_cached(struct store *s, sqlite3_stmt **ret, const char *sql, const char *kinds, ...)
{
	va_list ap;
	int r;

	va_start(ap, kinds);
	r = hot_start(s, ret, sql, kinds, ap);
	va_end(ap);
	return r;
}

int sql_cached_run(struct store *s, const char *sql, const char *kinds, ...)
{
	sqlite3_stmt *st;
	va_list ap;
	int r;

	va_start(ap, kinds);
	r = hot_start(s, &st, sql, kinds, ap);
	va_end(ap);
	sql_release(st);
	return r < 0 ? r : 0;
}

void sql_release(sqlite3_stmt *st)
{
	if (!st)
		return;
	sqlite3_reset(st);
	sqlite3_clear_bindings(st);
}

int sql_run(struct store *s, const char *sql, const char *kinds, ...)
{
	sqlite3_stmt *st;
	va_list ap;
	int r;

	va_start(ap, kinds);
	r = sql_start(s, &st, sql, kinds, ap);
	va_end(ap);
	sqlite3_finalize(st);
	return r < 0 ? r : 0;
}

int sql_number(struct store *s, int64_t missing, int64_t *ret, const char *sql, const char *kinds,
	       ...)
{
	sqlite3_stmt *st;
	va_list ap;
	int r;

	va_start(ap, kinds);
	r = sql_start(s, &st, sql, kinds, ap);
	va_end(ap);
	if (r >= 0)
		*ret = r ? sqlite3_column_int64(st, 0) : missing;
	sqlite3_finalize(st);
	return r < 0 ? r : 0;
}

int64_t sql_int(sqlite3_stmt *st, int col)
{
	return sqlite3_column_int64(st, col);
}

void sql_text(sqlite3_stmt *st, int col, char *dst, size_t room)
{
	const unsigned char *text = sqlite3_column_text(st, col);
	size_t n = text ? strlen((const char *)text) : 0;

	if (n >= room)
		n = room - 1;
	for (size_t i = 0; i < n;
	     i++) /* all was printable when it was kept; a terminal gets no bits that fell over */
		dst[i] = text[i] < ' ' || text[i] > '~' ? '?' : (char)text[i];
	dst[n] = '\0';
}

bool sql_key(sqlite3_stmt *st, int col, struct addr *ret)
{
	const void *blob = sqlite3_column_blob(st, col);

	if (!blob || sqlite3_column_bytes(st, col) != 16)
		return false;
	memcpy(ret->b, blob, 16);
	return true;
}
