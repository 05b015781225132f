/* SPDX-License-Identifier: MIT */
/*
 * unit.h - how unit tests are written; unit.c has their main()
 *
 *	FIXTURE(set_up, tear_down)       run around each case below it; NULL: neither
 *	TEST(a_sentence) { ... }         one case
 *	ROWS(a_sentence) { ... row ... } one case for each row of the table "a_sentence" in
 *	                                 tests/data/unit/FILE.tsv, FILE as in unit/test_FILE.c
 *
 * Each row is a test of its own: it is named by its line and its first cell, and one that fails
 * leaves the others their turn. A row whose first cell is ".." goes on where the row above ended:
 * together they are one case, without a fixture between them. A table fails if it is missing, has
 * no row, or no ROWS() reads it.
 *
 * A table begins with "@a_sentence", then the names of its columns; its rows follow. Cells are
 * separated by tabs. "-" is no value, "" the empty text; \n \r \t \\ \- \" and \xHH are bytes.
 * A line that begins with "# " is a comment.
 */
#pragma once
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

struct row;
typedef int unit_fixture(void **state);
typedef void unit_case(void **state, const struct row *row);
void unit_set_fixture(unit_fixture *set_up, unit_fixture *tear_down);
void unit_add_test(const char *name, unit_case *run);
void unit_add_table(const char *name, unit_case *run);

size_t unit_count_rows(const char *table);

#define UNIT_REGISTER(id, call)                                      \
	__attribute__((constructor)) static void id##_is_added(void) \
	{                                                            \
		call;                                                \
	}
#define UNIT_CASE(name, call)                                  \
	static void name(void **state, const struct row *row); \
	UNIT_REGISTER(name, call)                              \
	static void name(void **state __attribute__((unused)), \
			 const struct row *row __attribute__((unused)))
#define TEST(name) UNIT_CASE(name, unit_add_test(#name, name))
#define ROWS(name) UNIT_CASE(name, unit_add_table(#name, name))
#define FIXTURE(set_up, tear_down) \
	UNIT_REGISTER(tear_down, unit_set_fixture(set_up, tear_down)) struct row
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* What a row has in a column. Of a cell without a value, text is NULL and a number is not asked. */
bool row_has(const struct row *row, const char *column);
const char *row_text(const struct row *row, const char *column);
size_t row_length(const struct row *row, const char *column); /* of its text, which may have NULs */
int64_t row_number(const struct row *row, const char *column);	 /* as in C: 10, -3, 0x7f, 0644 */
uint32_t row_address(const struct row *row, const char *column); /* of IPv4, in host order */
bool row_yes(const struct row *row, const char *column);	 /* yes or no */
/* The place of the cell's word among these, which are separated by blanks: that of an enum. */
int row_choice(const struct row *row, const char *column, const char *words);

#define assert_ok(call) assert_int_equal(call, 0)
/* Fails with both texts if text does not have part; NULL: if it has one. */
#define assert_has(text, part) unit_assert_has(text, part, __FILE__, __LINE__)
void unit_assert_has(const char *text, const char *part, const char *file, int line);
