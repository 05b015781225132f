/* SPDX-License-Identifier: MIT */
/*
 * number_table.h - numbers in a report: a name, then numbers below their heads
 *
 * Where the terminal is too narrow for both, numbers are on lines of their own below the name. For
 * terminals as terminal_for_report() makes them.
 */
#pragma once
#include "common/terminal.h"

struct number_table {
	const struct terminal *terminal;
	int width;
	int name_width; /* 0: names have lines of their own */
	int cell;	/* width of a number then */
	const int *widths;
	int count, next, at;
};

/*
 * name_width: of the widest layout; with less room it shrinks to name_min. widths: of count columns
 * with the blanks before them, which must outlive the table, as the terminal; cell: the widest
 * number and a blank.
 */
void number_table_begin(struct number_table *table, const struct terminal *report, int name_width,
			int name_min, const int *widths, int count, int cell);
/* Of a row or of the heads, with the blanks before it. A longer name has a line of its own. */
void number_table_put_name(struct number_table *table, const char *name);
void number_table_put(struct number_table *table, const char *text);
/* A row of texts, as many as there are columns. */
void number_table_put_heads(struct number_table *table, const char *name, const char *const *heads);
void number_table_end_row(struct number_table *table);
