/* SPDX-License-Identifier: MIT */
#include "store/store_private.h"
#include "base/mask.h"
#include <string.h>
#include <sys/param.h>

/* The same statement may be running: read() of sql_rows() may call the store. */
static sqlite3_stmt *statement_find_kept(const struct store *store, const char *text)
{
	for (size_t i = 0; i < store->nstatements; i++) {
		sqlite3_stmt *statement = store->statements[i];

		if (!strcmp(sqlite3_sql(statement), text) && !sqlite3_stmt_busy(statement))
			return statement;
	}
	return NULL;
}

static int statement_prepare(struct store *store, const char *text, sqlite3_stmt **ret)
{
	*ret = statement_find_kept(store, text);
	if (*ret)
		return 0;
	if (sqlite3_prepare_v2(store->db, text, -1, ret, NULL) != SQLITE_OK)
		return store_fail(store, "preparing a statement");
	if (store->nstatements < STATEMENTS_MAX && strncmp(text, "PRAGMA", 6) != 0)
		store->statements[store->nstatements++] = *ret;
	return 0;
}

static void statement_release(struct store *store, sqlite3_stmt *statement)
{
	for (size_t i = 0; i < store->nstatements; i++) {
		if (store->statements[i] != statement)
			continue;
		sqlite3_reset(statement);
		sqlite3_clear_bindings(statement);
		return;
	}
	sqlite3_finalize(statement);
}

void sql_forget_all(struct store *store)
{
	while (store->nstatements)
		sqlite3_finalize(store->statements[--store->nstatements]);
}

static int statement_bind(sqlite3_stmt *statement, int at, const struct sql_value *value)
{
	switch (value->type) {
	case SQL_TYPE_KEY:
		return sqlite3_bind_blob(statement, at, value->key->bytes,
					 sizeof(value->key->bytes), SQLITE_STATIC);
	case SQL_TYPE_INT:
		return sqlite3_bind_int64(statement, at, value->number);
	case SQL_TYPE_TEXT:
		return sqlite3_bind_text(statement, at, value->text, -1, SQLITE_STATIC);
	case SQL_TYPE_END:
		break;
	}
	return SQLITE_MISUSE;
}

static int statement_start(struct store *store, sqlite3_stmt **ret, const char *text,
			   const struct sql_value *values)
{
	int rc = statement_prepare(store, text, ret);

	if (rc)
		return rc;
	for (int at = 1; values->type != SQL_TYPE_END; values++, at++) {
		if (statement_bind(*ret, at, values) == SQLITE_OK)
			continue;
		rc = store_fail(store, "preparing a statement");
		statement_release(store, *ret);
		return rc;
	}
	return 0;
}

/* 1: a row; 0: the end. */
static int statement_step(struct store *store, sqlite3_stmt *statement)
{
	switch (sqlite3_step(statement)) {
	case SQLITE_ROW:
		return 1;
	case SQLITE_DONE:
		return 0;
	default:
		return store_fail(store, sqlite3_stmt_readonly(statement) ? "reading" : "writing");
	}
}

int sql_run_values(struct store *store, const char *text, const struct sql_value *values)
{
	sqlite3_stmt *statement;
	int rc = statement_start(store, &statement, text, values);

	if (rc)
		return store_view_judge(store, rc);
	do
		rc = statement_step(store, statement);
	while (rc > 0);
	statement_release(store, statement);
	return store_view_judge(store, rc);
}

int sql_rows_values(struct store *store, bool (*read)(sqlite3_stmt *row, void *element), void *ret,
		    size_t size, size_t max, const char *text, const struct sql_value *values)
{
	sqlite3_stmt *statement;
	size_t count = 0;
	int rc = statement_start(store, &statement, text, values);

	if (rc)
		return store_view_judge(store, rc);
	while (count < max) {
		rc = statement_step(store, statement);
		if (rc <= 0)
			break;
		count += read(statement, (char *)ret + count * size);
	}
	statement_release(store, statement);
	rc = store_view_judge(store, rc);
	if (rc < 0)
		return rc;
	return (int)count;
}

static bool number_read(sqlite3_stmt *row, void *element)
{
	int64_t *number = element;

	*number = sql_int(row, 0);
	return true;
}

int sql_number_values(struct store *store, int64_t *ret, const char *text,
		      const struct sql_value *values)
{
	int64_t number = 0;
	int rc = sql_rows_values(store, number_read, &number, 0, 1, text, values);

	if (rc < 0)
		return rc;
	*ret = number;
	return 0;
}

int sql_count_values(struct store *store, const char *text, const struct sql_value *values)
{
	int64_t number;
	int rc = sql_number_values(store, &number, text, values);

	if (rc)
		return rc;
	return (int)MAX(0, MIN(number, INT32_MAX)); /* a negative one would be an error */
}

int64_t sql_int(sqlite3_stmt *row, int column)
{
	int64_t number = sqlite3_column_int64(row, column);

	return MAX(-SQL_NUMBER_MAX, MIN(number, SQL_NUMBER_MAX));
}

int sql_small(sqlite3_stmt *row, int column)
{
	return (int)MAX(-SQL_SMALL_MAX, MIN(sql_int(row, column), SQL_SMALL_MAX));
}

int64_t sql_id(sqlite3_stmt *row, int column)
{
	return sqlite3_column_int64(row, column);
}

void sql_text(sqlite3_stmt *row, int column, char *dst, size_t room)
{
	const unsigned char *text = sqlite3_column_text(row, column);

	/* Stored text is printable, unless bits of the file flipped. */
	text_printable(dst, room, text, text ? strlen((const char *)text) : 0);
}

bool sql_key(sqlite3_stmt *row, int column, struct addr *ret)
{
	/* text of 16 bytes would be read as a key, and no statement would find it again */
	if (sqlite3_column_type(row, column) != SQLITE_BLOB ||
	    sqlite3_column_bytes(row, column) != sizeof(ret->bytes))
		return false;
	memcpy(ret->bytes, sqlite3_column_blob(row, column), sizeof(ret->bytes));
	return true;
}
