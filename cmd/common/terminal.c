/* SPDX-License-Identifier: MIT */
#include "common/terminal.h"
#include "common/text.h"
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define WIDTH_MIN     20 /* a narrower one breaks lines anywhere, and is left to do so */
#define WIDTH_DEFAULT 80
#define WIDTH_OF_PIPE 1000000000
#define ROOM_MIN      24 /* less makes a strip of words: the last column gets a line of its own */
#define CONTINUED     4	 /* how far lines are indented below their first one */
#define TEXT_MAX      600
#define REMARK_MAX    20 /* a longer one would leave half a line empty */

void terminal_begin(struct terminal *terminal)
{
	const char *columns = getenv("COLUMNS"), *term = getenv("TERM");
	long long number;

	*terminal = (struct terminal){ .is_out = isatty(STDOUT_FILENO),
				       .is_err = isatty(STDERR_FILENO) };
	terminal->takes_colour = !*text_or(getenv("NO_COLOR"), "") && *text_or(term, "") &&
				 strcmp(term, "dumb") != 0;
	if (columns && number_parse(columns, 1, 1000000, &number))
		terminal->columns = (int)number;
}

bool terminal_is(const struct terminal *terminal, FILE *out)
{
	return out == stderr ? terminal->is_err : terminal->is_out;
}

int terminal_width(const struct terminal *terminal, FILE *out)
{
	struct winsize size = { 0 };
	int width = terminal->columns;

	if (!terminal_is(terminal, out))
		return WIDTH_OF_PIPE;
	if (!width && !ioctl(fileno(out), TIOCGWINSZ, &size))
		width = size.ws_col;
	if (!width)
		return WIDTH_DEFAULT;
	return width < WIDTH_MIN ? WIDTH_MIN : width;
}

struct terminal terminal_for_report(const struct terminal *terminal)
{
	struct terminal report = *terminal;
	int width = terminal_width(terminal, stdout);

	report.columns = width < WIDTH_DEFAULT ? width : WIDTH_DEFAULT;
	report.takes_colour = terminal->takes_colour && terminal->is_out;
	report.is_out = true;
	return report;
}

/* What is before coloured text; "": it is not coloured. */
static const char *colour_code(const struct terminal *terminal, FILE *out, enum colour colour)
{
	static const char *const codes[] = {
		[PLAIN] = "", [GOOD] = "\033[32m", [BAD] = "\033[1;31m", [DOUBTFUL] = "\033[35m"
	};

	return terminal->takes_colour && terminal_is(terminal, out) ? codes[colour] : "";
}

/* ---- paragraphs ---- */

void paragraph_begin(struct paragraph *paragraph, const struct terminal *terminal, FILE *out,
		     int indent)
{
	*paragraph = (struct paragraph){ .terminal = terminal,
					 .out = out,
					 .width = terminal_width(terminal, out),
					 .indent = indent,
					 .hang = indent + CONTINUED,
					 .begun = -1 };
}

static void go_to(struct paragraph *paragraph, int column)
{
	if (column <= paragraph->at)
		return;
	fprintf(paragraph->out, "%*s", column - paragraph->at, "");
	paragraph->at = column;
}

static void break_line(struct paragraph *paragraph, int column)
{
	fputc('\n', paragraph->out);
	paragraph->at = 0;
	paragraph->begun = -1;
	go_to(paragraph, column);
}

/* The word is over: to this line if it fits, else to the next one. */
static void end_word(struct paragraph *paragraph)
{
	int end = paragraph->at + paragraph->blanks + paragraph->columns;

	if (!paragraph->bytes)
		return;
	if (!paragraph->at)
		go_to(paragraph, paragraph->indent);
	if (paragraph->begun >= 0 && end > paragraph->width)
		break_line(paragraph, paragraph->hang);
	else
		go_to(paragraph, paragraph->at + paragraph->blanks);
	if (paragraph->begun < 0)
		paragraph->begun = paragraph->at;
	fwrite(paragraph->word, 1, (size_t)paragraph->bytes, paragraph->out);
	paragraph->at += paragraph->columns;
	paragraph->blanks = paragraph->bytes = paragraph->columns = 0;
}

static void add_to_word(struct paragraph *paragraph, enum colour colour, const char *text, int len)
{
	const char *code = colour_code(paragraph->terminal, paragraph->out, colour);
	const char *reset = *code ? "\033[0m" : "";
	int room = WORD_MAX - (int)strlen(code) - (int)strlen(reset) - 1;

	for (int part; len > 0; text += part, len -= part) {
		part = len < room ? len : room;
		if (paragraph->bytes + part > room)
			end_word(paragraph);
		paragraph->bytes += snprintf(paragraph->word + paragraph->bytes,
					     sizeof(paragraph->word) - (size_t)paragraph->bytes,
					     "%s%.*s%s", code, part, text, reset);
		paragraph->columns += part;
	}
}

/* Up to the next blank, or to the end of a list's element. */
static size_t simple_word_length(const char *text)
{
	size_t len = strcspn(text, " ,");

	return len + strspn(text + len, ",");
}

/* "2026-01-31 14:00 UTC" at the beginning of text, and what is written to it. 0: there is none. */
static size_t time_length(const char *text)
{
	static const char form[] = "0000-00-00 00:00 UTC";
	size_t len = sizeof(form) - 1;

	for (size_t i = 0; i < len; i++) {
		bool is_digit = text[i] >= '0' && text[i] <= '9';

		if (form[i] == '0' ? !is_digit : text[i] != form[i])
			return 0;
	}
	return len + simple_word_length(text + len);
}

/* "(3 h ago)", and what is written to it. 0: there is none, or it is long. */
static size_t remark_length(const char *text)
{
	size_t len = *text == '(' ? strcspn(text, ")") : 0;

	if (!len || !text[len] || len > REMARK_MAX)
		return 0;
	return len + simple_word_length(text + len);
}

/* A number belongs to what it counts: "95 %", "3 reports". 0: there is none. */
static size_t quantity_length(const char *text)
{
	size_t digits = strspn(text, "0123456789");
	const char *what = text + digits + 1;

	if (!digits || text[digits] != ' ' || !(*what == '%' || (*what >= 'a' && *what <= 'z')))
		return 0;
	return digits + 1 + simple_word_length(what);
}

/* What stays together at the end of a line, if it fits into one. */
static int word_length(const struct paragraph *paragraph, const char *text)
{
	int room = paragraph->width - paragraph->hang;
	size_t len = time_length(text);

	if (!len)
		len = remark_length(text);
	if (!len)
		len = quantity_length(text);
	if (!len || (int)len > room)
		len = simple_word_length(text);
	return (int)len;
}

/* They end a word; those at the end of a text come before the next one. */
static const char *skip_blanks(struct paragraph *paragraph, const char *text)
{
	int blanks = (int)strspn(text, " ");

	if (blanks)
		end_word(paragraph);
	paragraph->blanks += blanks;
	return text + blanks;
}

void paragraph_put(struct paragraph *paragraph, enum colour colour, const char *text)
{
	for (text = skip_blanks(paragraph, text); *text; text = skip_blanks(paragraph, text)) {
		int len = word_length(paragraph, text);

		add_to_word(paragraph, colour, text, len);
		text += len;
		if (text[-1] == ',')
			end_word(paragraph);
	}
}

void paragraph_printf(struct paragraph *paragraph, const char *fmt, ...)
{
	char text[TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	paragraph_put(paragraph, PLAIN, text);
}

void paragraph_put_whole(struct paragraph *paragraph, const char *text)
{
	text = skip_blanks(paragraph, text);
	add_to_word(paragraph, PLAIN, text, (int)strlen(text));
}

void paragraph_end(struct paragraph *paragraph)
{
	end_word(paragraph);
	break_line(paragraph, 0);
	paragraph->blanks = 0;
}

/* ---- tables ---- */

static int blanks_before(const struct column *column)
{
	return column->close ? 1 : 2;
}

void table_begin(struct table *table, const struct terminal *terminal, int indent,
		 const struct column *columns, int count)
{
	int end = indent;

	*table = (struct table){ .columns = columns, .count = count, .indent = indent };
	paragraph_begin(&table->line, terminal, stdout, indent);
	for (int i = 0; i < count; i++) {
		int need = columns[i].width ? columns[i].width : ROOM_MIN;

		table->starts[i] = i ? end + blanks_before(&columns[i]) : indent;
		table->breaks[i] = i && table->starts[i] + need > table->line.width;
		if (table->breaks[i])
			table->starts[i] = indent + CONTINUED;
		end = table->starts[i] + columns[i].width;
	}
}

/* Where the next cell begins, of which len must be on one line. A cell that is too wide moves those
 * after it. */
static void go_to_cell(struct table *table, int len)
{
	const struct column *column = &table->columns[table->next];
	struct paragraph *line = &table->line;
	int start = table->starts[table->next], soonest = line->at + blanks_before(column);
	int below = table->indent + CONTINUED;

	if (column->right && len < column->width)
		start += column->width - len;
	if (table->next && !table->breaks[table->next] && start < soonest)
		start = soonest;
	if (table->breaks[table->next])
		break_line(line, start);
	else if (table->next && start > below && start + len > line->width)
		break_line(line, below);
	else
		go_to(line, start);
	if (!column->width)
		line->hang = line->at;
	line->begun = -1;
}

/* Of the last column, which has no width, but is no strip of words either. */
static int need_of(const struct table *table, const struct column *column, const char *text)
{
	int len = (int)strlen(text), first = word_length(&table->line, text);

	if (column->width || len < 2)
		return len;
	return first > ROOM_MIN ? first : ROOM_MIN;
}

/* No line has nothing but "there is none" in each column: it waits for a cell that has more. */
static bool cell_is_empty(const struct table *table, const char *text)
{
	return !strcmp(text, "-") && (table->nothings || table->breaks[table->next]);
}

static void put_cell(struct table *table, enum colour colour, const char *text)
{
	const struct column *column = &table->columns[table->next];
	const char *code = colour_code(table->line.terminal, table->line.out, colour);

	go_to_cell(table, need_of(table, column, text));
	if (!column->width) {
		paragraph_put(&table->line, colour, text);
	} else {
		fprintf(table->line.out, "%s%s%s", code, text, *code ? "\033[0m" : "");
		table->line.at += (int)strlen(text);
	}
	table->next++;
}

static void put_nothings(struct table *table)
{
	table->next -= table->nothings;
	for (; table->nothings; table->nothings--)
		put_cell(table, PLAIN, "-");
}

void table_put(struct table *table, enum colour colour, const char *text)
{
	if (cell_is_empty(table, text)) {
		table->nothings++;
		table->next++;
		return;
	}
	put_nothings(table);
	put_cell(table, colour, text);
}

void table_printf(struct table *table, const char *fmt, ...)
{
	char text[TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	table_put(table, PLAIN, text);
}

void table_add(struct table *table, enum colour colour, const char *text)
{
	put_nothings(table);
	paragraph_put(&table->line, colour, text);
}

void table_heads(struct table *table)
{
	for (int i = 0; i < table->count; i++)
		table_put(table, PLAIN, table->columns[i].head);
	table_end_row(table);
}

void table_end_row(struct table *table)
{
	paragraph_end(&table->line);
	table->next = table->nothings = 0;
}
