/* SPDX-License-Identifier: MIT */
#include "common/number_table.h"
#include <string.h>

void number_table_begin(struct number_table *table, const struct terminal *report, int name_width,
			int name_min, const int *widths, int count, int cell)
{
	int room = terminal_width(report, stdout);

	*table = (struct number_table){
		.terminal = report, .width = room, .widths = widths, .count = count, .cell = cell
	};
	for (int i = 0; i < count; i++)
		room -= widths[i];
	if (room >= name_min)
		table->name_width = room < name_width ? room : name_width;
}

static void put_long_name(const struct terminal *terminal, const char *name)
{
	int indent = (int)strspn(name, " ");
	struct paragraph paragraph;

	paragraph_begin(&paragraph, terminal, stdout, indent);
	paragraph_put(&paragraph, PLAIN, name + indent);
	paragraph_end(&paragraph);
}

void number_table_put_name(struct number_table *table, const char *name)
{
	table->next = table->at = 0;
	if (*name && (int)strlen(name) > table->name_width) {
		put_long_name(table->terminal, name);
		name = "";
	}
	printf("%-*s", table->name_width, name);
}

void number_table_put(struct number_table *table, const char *text)
{
	int width = table->cell;

	if (table->name_width)
		width = table->widths[table->next];
	else if (table->at && table->at + width > table->width) {
		putchar('\n');
		table->at = 0;
	}
	printf("%*s", width, text);
	table->at += width;
	table->next++;
}

void number_table_put_heads(struct number_table *table, const char *name, const char *const *heads)
{
	number_table_put_name(table, name);
	for (int i = 0; i < table->count; i++)
		number_table_put(table, heads[i]);
	number_table_end_row(table);
}

void number_table_end_row(struct number_table *table)
{
	(void)table;
	putchar('\n');
}
