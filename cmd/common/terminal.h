/* SPDX-License-Identifier: MIT */
/*
 * terminal.h - how text is laid out for people: width, colour, paragraphs and tables
 *
 * On a terminal no line is longer than that is wide, as far as words allow it, and colour repeats
 * what a word says. In a file or a pipe each record is one line of any length, without colour:
 * programs read it. Sources: NO_COLOR, no-color.org; COLUMNS and TERM, POSIX.1-2017, 8.3.
 */
#pragma once
#include <stdbool.h>
#include <stdio.h>

struct terminal {
	bool is_out, is_err; /* stdout, stderr are one */
	bool takes_colour;
	int columns; /* what COLUMNS wants; 0: nothing */
};

/* Before the environment is cleaned. */
void terminal_begin(struct terminal *terminal);
/* stdout or stderr is a terminal. */
bool terminal_is(const struct terminal *terminal, FILE *out);
/* At least 20 and, where it is not known, 80; of a file or pipe, more than any line has. */
int terminal_width(const struct terminal *terminal, FILE *out);

/* For texts that people read in a mail as well: as wide as the terminal, and at most 80; in a file
 * or pipe 80, without colour. */
struct terminal terminal_for_report(const struct terminal *terminal);

enum colour { PLAIN, GOOD, BAD, DOUBTFUL };

/* ---- paragraphs ---- */

#define WORD_MAX 256
struct paragraph {
	const struct terminal *terminal;
	FILE *out;
	int width;
	int indent; /* of its first line; of all others, hang */
	int hang;
	int at;		     /* column */
	int begun;	     /* where the first word of the line is; -1: there is none yet */
	int blanks;	     /* before the word */
	char word[WORD_MAX]; /* not written yet: it may go on; with codes of colours */
	int bytes, columns;  /* of the word */
};

void paragraph_begin(struct paragraph *paragraph, const struct terminal *terminal, FILE *out,
		     int indent);
/* Words, which are kept together, as are a time, a short remark in brackets, and a number with what
 * it counts; a list without blanks breaks after its commas. */
void paragraph_put(struct paragraph *paragraph, enum colour colour, const char *text);
__attribute__((format(printf, 2, 3))) void paragraph_printf(struct paragraph *paragraph,
							    const char *fmt, ...);
/* A command, a URL or a time: never broken, so that it can be copied. */
void paragraph_put_whole(struct paragraph *paragraph, const char *text);
void paragraph_end(struct paragraph *paragraph);

/* ---- tables ---- */

#define TABLE_COLUMNS_MAX 8

struct column {
	const char *head;
	int width;  /* of the last column: 0 */
	bool right; /* aligned, as numbers are */
	bool close; /* one blank before it instead of two */
};
/*
 * Columns that do not fit continue on a line of their own, in the heads as in the rows. The text of
 * the last one is wrapped. A cell that is wider than its column moves the next ones.
 */
struct table {
	struct paragraph line;
	const struct column *columns;
	int count, next; /* next: the cell that is put next */
	int nothings;	 /* cells before it that are not written yet: "there is none" */
	int indent;
	int starts[TABLE_COLUMNS_MAX];	/* column where it begins */
	bool breaks[TABLE_COLUMNS_MAX]; /* on a new line */
};

/* On stdout. columns must outlive the table. */
void table_begin(struct table *table, const struct terminal *terminal, int indent,
		 const struct column *columns, int count);
void table_heads(struct table *table);
void table_put(struct table *table, enum colour colour, const char *text);
__attribute__((format(printf, 2, 3))) void table_printf(struct table *table, const char *fmt, ...);
/* More text in the last cell. */
void table_add(struct table *table, enum colour colour, const char *text);
void table_end_row(struct table *table);
