/* SPDX-License-Identifier: MIT */
/* test_terminal.c - where lines break: paragraphs that are put in parts, and columns of a table */
#include "common/terminal.h"
#include "unit.h"

static struct terminal terminal_of(const struct row *row)
{
	return (struct terminal){ .is_out = true, .columns = (int)row_number(row, "width") };
}

/* The next part of a text, which '|' separates, in part. Returns what is left; NULL: nothing. */
static const char *part_take(const char *text, char part[200])
{
	size_t len = strcspn(text, "|");

	snprintf(part, 200, "%.*s", (int)len, text);
	return text[len] ? text + len + 1 : NULL;
}

static void assert_shown(FILE *out, char *const *shown, const struct row *row)
{
	fclose(out);
	assert_string_equal(*shown, row_text(row, "shown"));
	free(*shown);
}

ROWS(paragraphs_break_between_words)
{
	struct terminal terminal = terminal_of(row);
	struct paragraph paragraph;
	char *shown = NULL, part[200];
	size_t size;
	FILE *out = open_memstream(&shown, &size);

	paragraph_begin(&paragraph, &terminal, out, (int)row_number(row, "indent"));
	for (const char *text = row_text(row, "parts"); text;) {
		text = part_take(text, part);
		if (*part == '!')
			paragraph_put_whole(&paragraph, part + 1);
		else
			paragraph_put(&paragraph, PLAIN, part);
	}
	paragraph_end(&paragraph);
	assert_shown(out, &shown, row);
}

ROWS(columns_that_do_not_fit_go_to_the_next_line)
{
	static const struct column columns[] = { { "NAME", 8, false, false },
						 { "COUNT", 6, true, true },
						 { "STATE", 10, false, false },
						 { "WHY", 0, false, false } };
	struct terminal terminal = terminal_of(row);
	char *shown = NULL, part[200];
	struct table table;
	size_t size;
	FILE *out = open_memstream(&shown, &size);

	table_begin(&table, &terminal, (int)row_number(row, "indent"), columns, COUNT(columns));
	table.line.out = out;
	for (const char *text = row_text(row, "cells"); text;) {
		text = part_take(text, part);
		if (table.next < (int)COUNT(columns))
			table_put(&table, PLAIN, part);
		else
			table_add(&table, PLAIN, part);
	}
	table_end_row(&table);
	assert_shown(out, &shown, row);
}

TEST(a_word_longer_than_any_buffer_is_written_whole)
{
	struct terminal terminal = { .is_out = true, .takes_colour = true, .columns = 40 };
	struct paragraph paragraph;
	char *shown = NULL, word[3001];
	size_t size, letters = 0;
	FILE *out = open_memstream(&shown, &size);

	memset(word, 'x', sizeof(word) - 1);
	word[sizeof(word) - 1] = '\0';
	paragraph_begin(&paragraph, &terminal, out, 0);
	paragraph_put(&paragraph, BAD, word);
	paragraph_end(&paragraph);
	fclose(out);
	for (const char *at = shown; *at; at++)
		letters += *at == 'x';
	assert_int_equal(letters, sizeof(word) - 1);
	free(shown);
}
