/* SPDX-License-Identifier: MIT */
/*
 * sql.h - a statement in one call, with typed values
 *
 *	rc = sql_run(store, "DELETE FROM lookup WHERE key = ?1 AND since < ?2",
 *		     SQL_KEY(&key), SQL_INT(now));
 *
 * The values are ?1, ?2 and so on; without any: SQL_NONE. A value that has another type than its
 * macro names does not compile. Values and the text of the statement must live during the call.
 *
 * Statements are prepared at their first run and kept until store_disconnect(): preparing one takes
 * longer than a lookup by key. Not kept are PRAGMAs, which SQLite may run while it prepares them
 * (sqlite.org/pragma.html).
 */
#pragma once
#include "base/types.h"
#include <sqlite3.h>

struct store;
struct sql_value {
	enum { SQL_TYPE_END, SQL_TYPE_KEY, SQL_TYPE_INT, SQL_TYPE_TEXT } type;
	union {
		const struct addr *key;
		int64_t number;
		const char *text;
	};
};

static inline struct sql_value sql_value_key(const struct addr *key)
{
	return (struct sql_value){ .type = SQL_TYPE_KEY, .key = key };
}

static inline struct sql_value sql_value_int(int64_t number)
{
	return (struct sql_value){ .type = SQL_TYPE_INT, .number = number };
}

static inline struct sql_value sql_value_size(unsigned long number)
{
	return sql_value_int(number < INT64_MAX ? (int64_t)number : INT64_MAX);
}

static inline struct sql_value sql_value_text(const char *text)
{
	return (struct sql_value){ .type = SQL_TYPE_TEXT, .text = text };
}

#define SQL_NONE ((struct sql_value){ .type = SQL_TYPE_END })
/* A struct addr *, stored as its 16 bytes. */
#define SQL_KEY(value) \
	_Generic((value), struct addr * : sql_value_key, const struct addr * : sql_value_key)(value)
/* An integer, bool or enum; a size_t beyond INT64_MAX becomes that. */
/* clang-format off */
#define SQL_INT(value)                                                                             \
	_Generic((value), bool : sql_value_int, unsigned char : sql_value_int,                     \
		 int : sql_value_int, unsigned : sql_value_int, long : sql_value_int,       \
		 long long : sql_value_int, unsigned long : sql_value_size)(value)
/* clang-format on */
/* A string; NULL becomes SQL's NULL. */
#define SQL_TEXT(value) \
	_Generic((value), char * : sql_value_text, const char * : sql_value_text)(value)
#define SQL_VALUES(...) ((const struct sql_value[]){ __VA_ARGS__, SQL_NONE })

/* Runs a statement to its end. Returns 0 or an error. */
#define sql_run(store, text, ...) sql_run_values(store, text, SQL_VALUES(__VA_ARGS__))
/* The first column of the first row in *ret, 0 without a row. Returns 0 or an error. */
#define sql_number(store, ret, text, ...) \
	sql_number_values(store, ret, text, SQL_VALUES(__VA_ARGS__))
/* The same, of a count or a truth value. Returns it, or an error. */
#define sql_count(store, text, ...) sql_count_values(store, text, SQL_VALUES(__VA_ARGS__))
/*
 * At most max rows, each read into the next element of the array ret by
 *	bool read(sqlite3_stmt *row, void *element);
 * whose false leaves a row out. Returns the number of elements, or an error.
 */
#define sql_rows(store, read, ret, max, text, ...) \
	sql_rows_values(store, read, ret, sizeof(*(ret)), max, text, SQL_VALUES(__VA_ARGS__))
/* All rows, with the same argument for each. Returns how often read() returned true, or an error.
 */
#define sql_each(store, read, user, text, ...) \
	sql_rows_values(store, read, user, 0, SIZE_MAX, text, SQL_VALUES(__VA_ARGS__))

int sql_run_values(struct store *store, const char *text, const struct sql_value *values);
int sql_number_values(struct store *store, int64_t *ret, const char *text,
		      const struct sql_value *values);
int sql_count_values(struct store *store, const char *text, const struct sql_value *values);
int sql_rows_values(struct store *store, bool (*read)(sqlite3_stmt *row, void *element), void *ret,
		    size_t size, size_t max, const char *text, const struct sql_value *values);
/* Before the connection is closed. */
void sql_forget_all(struct store *store);

/* ---- columns of a row ---- */

/*
 * Times and counts, with which is reckoned. A file may hold any number: what is beyond the bounds
 * becomes the bound, so that no sum of them, nor one of them in milliseconds, is too large.
 */
#define SQL_NUMBER_MAX ((int64_t)1000000000000000) /* seconds: 31 million years */
#define SQL_SMALL_MAX  ((int64_t)10000000)	   /* points, scores, tries: of each source */
int64_t sql_int(sqlite3_stmt *row, int column);
int sql_small(sqlite3_stmt *row, int column);
/* As it is: what is only compared. */
int64_t sql_id(sqlite3_stmt *row, int column);
/* Cut to room, and without control characters. NULL: "". */
void sql_text(sqlite3_stmt *row, int column, char *dst, size_t room);
/* False: it is not 16 bytes long. */
bool sql_key(sqlite3_stmt *row, int column, struct addr *ret);
