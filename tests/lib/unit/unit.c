/* SPDX-License-Identifier: MIT */
#include "unit.h"
#include <arpa/inet.h>
#include <ctype.h>

#define CASES_MAX   4000
#define COLUMNS_MAX 16

struct cell {
	char *text;
	size_t len;
};
struct row {
	const struct table *table;
	struct cell cells[COLUMNS_MAX];
};
struct table {
	char *columns[COLUMNS_MAX];
	size_t ncolumns;
};
struct one {
	char name[200];
	unit_case *run;
	unit_fixture *set_up, *tear_down;
	struct row *row;
};

static struct one cases[CASES_MAX];
static size_t ncases;
static unit_fixture *fixture[2];

void unit_set_fixture(unit_fixture *set_up, unit_fixture *tear_down)
{
	fixture[0] = set_up;
	fixture[1] = tear_down;
}

static struct one *add_case(unit_case *run)
{
	struct one *one = &cases[ncases++];

	if (ncases > CASES_MAX)
		abort();
	*one = (struct one){ .run = run, .set_up = fixture[0], .tear_down = fixture[1] };
	return one;
}

void unit_add_test(const char *name, unit_case *run)
{
	snprintf(add_case(run)->name, sizeof(cases[0].name), "%s", name);
}

/* ---- tables ---- */

static void table_is_wrong(void **state, const struct row *row)
{
	(void)state;
	(void)row;
	fail_msg(
		"no such table, no row in it, no ROWS() for it, or a row that is not of its columns");
}

static void add_wrong(const char *file, size_t line, const char *what)
{
	snprintf(add_case(table_is_wrong)->name, sizeof(cases[0].name), "%s:%zu: %.150s", file,
		 line, what);
}

/* Of "\n", "\x7f" and such; a byte that is no escape stands for itself. */
static char unescape(const char **at)
{
	static const char letters[] = "nrt\\-\"", bytes[] = "\n\r\t\\-\"";
	const char *found;
	char hex[3] = "";

	if (**at != '\\' || !(*at)[1])
		return *(*at)++;
	++*at;
	if (**at == 'x' && isxdigit((unsigned char)(*at)[1]) && isxdigit((unsigned char)(*at)[2])) {
		memcpy(hex, *at + 1, 2);
		*at += 3;
		return (char)strtoul(hex, NULL, 16);
	}
	found = strchr(letters, *(*at)++);
	if (!found)
		abort();
	return bytes[found - letters];
}

static struct cell read_cell(const char *text, bool as_it_is)
{
	struct cell cell = { .text = calloc(1, strlen(text) + 1), .len = strlen(text) };

	if (!cell.text)
		abort();
	if (as_it_is) {
		memcpy(cell.text, text, cell.len);
		return cell;
	}
	cell.len = 0;
	if (!strcmp(text, "-")) {
		free(cell.text);
		cell.text = NULL;
	} else if (strcmp(text, "\"\"") != 0) {
		while (*text)
			cell.text[cell.len++] = unescape(&text);
	}
	return cell;
}

/* The parts of a line; more than there may be count too. */
static size_t split(char *line, const char *between, char **parts)
{
	size_t n = 0;

	for (char *part; (part = strsep(&line, between)); n++)
		if (n < COLUMNS_MAX)
			parts[n] = part;
	return n;
}

static struct table *new_table(const char *columns, const char *between)
{
	struct table *table = calloc(1, sizeof(*table));
	char *copy = strdup(columns);

	if (!table || !copy)
		abort();
	table->ncolumns = split(copy, between, table->columns);
	if (table->ncolumns > COLUMNS_MAX)
		abort();
	return table;
}

struct wanted {
	const char *name;
	unit_case *run;
	unit_fixture *fixture[2];
	size_t nrows;
};
static struct wanted wanted[100];
static size_t nwanted;

static void add_row(const char *file, size_t line, const struct table *table, char *text,
		    struct wanted *w, bool as_it_is)
{
	struct row *row = calloc(1, sizeof(*row));
	char name[sizeof(cases[0].name)], *parts[COLUMNS_MAX];
	struct one *one;

	snprintf(name, sizeof(name), "%s:%zu: %.*s", file, line, (int)strcspn(text, "\t"), text);
	if (!row || split(text, "\t", parts) != table->ncolumns) {
		add_wrong(file, line, name);
		return;
	}
	row->table = table;
	for (size_t i = 0; i < table->ncolumns; i++)
		row->cells[i] = read_cell(parts[i], as_it_is);
	one = add_case(w->run);
	memcpy(one->name, name, sizeof(name));
	one->set_up = w->fixture[0];
	one->tear_down = w->fixture[1];
	one->row = row;
	w->nrows++;
}

static struct wanted *find_wanted(const char *name)
{
	for (size_t i = 0; i < nwanted; i++)
		if (!strcmp(wanted[i].name, name))
			return &wanted[i];
	return NULL;
}

size_t unit_count_rows(const char *table)
{
	const struct wanted *w = find_wanted(table);

	return w ? w->nrows : 0;
}

/* Columns: NULL: the file has heads. */
static void read_file(const char *file, const char *columns, struct wanted *w)
{
	struct table *table = columns ? new_table(columns, " ") : NULL;
	char path[300], *line = NULL;
	size_t room = 0, n = 0;
	FILE *fp;

	snprintf(path, sizeof(path), TEST_DATA "/%s", file);
	fp = fopen(path, "re");
	while (fp && getline(&line, &room, fp) > 0) {
		n++;
		line[strcspn(line, "\n")] = '\0';
		if (!*line || !strcmp(line, "#") || !strncmp(line, "# ", 2))
			continue;
		if (!columns && *line == '@') {
			char *head = strchr(line, '\t');

			if (head)
				*head++ = '\0';
			w = find_wanted(line + 1);
			table = new_table(head ? head : "", "\t");
			if (!w)
				add_wrong(file, n, line);
		} else if (!table) {
			add_wrong(file, n, line);
		} else if (w) {
			add_row(file, n, table, line, w, columns);
		}
	}
	free(line);
	if (fp)
		fclose(fp);
}

void unit_add_table(const char *name, unit_case *run, const char *file, const char *columns)
{
	struct wanted *w = &wanted[nwanted++];

	if (nwanted == COUNT(wanted))
		abort();
	*w = (struct wanted){ name, run, { fixture[0], fixture[1] }, 0 };
	if (file)
		read_file(file, columns, w);
}

/* ---- rows ---- */

static const struct cell *cell_of(const struct row *row, const char *column)
{
	for (size_t i = 0; i < row->table->ncolumns; i++)
		if (!strcmp(row->table->columns[i], column))
			return &row->cells[i];
	fail_msg("the table has no column \"%s\"", column);
	abort();
}

bool row_has(const struct row *row, const char *column)
{
	return cell_of(row, column)->text;
}

const char *row_text(const struct row *row, const char *column)
{
	return cell_of(row, column)->text;
}

size_t row_length(const struct row *row, const char *column)
{
	return cell_of(row, column)->len;
}

int64_t row_number(const struct row *row, const char *column)
{
	const char *text = row_text(row, column);
	char *end;
	int64_t n;

	if (!text)
		fail_msg("%s: no number", column);
	n = strtoll(text, &end, 0);
	if (end == text || *end)
		fail_msg("%s: \"%s\" is no number", column, text);
	return n;
}

uint32_t row_address(const struct row *row, const char *column)
{
	const char *text = row_text(row, column);
	uint32_t address = 0;

	if (!text || inet_pton(AF_INET, text, &address) != 1)
		fail_msg("%s: \"%s\" is no IPv4 address", column, text ? text : "-");
	return ntohl(address);
}

int row_choice(const struct row *row, const char *column, const char *words)
{
	const char *text = row_text(row, column);
	size_t len = text ? strlen(text) : 0, n;
	int at = 0;

	for (const char *word = words; len && *word; at++) {
		n = strcspn(word, " ");
		if (n == len && !memcmp(word, text, n))
			return at;
		word += n + strspn(word + n, " ");
	}
	fail_msg("%s: \"%s\" is none of: %s", column, text ? text : "-", words);
	return -1;
}

bool row_yes(const struct row *row, const char *column)
{
	return row_choice(row, column, "no yes");
}

void unit_assert_has(const char *text, const char *part, const char *file, int line)
{
	if (part ? text && strstr(text, part) : !text || !*text)
		return;
	print_error("\"%s\" lacks \"%s\"\n", text ? text : "(NULL)", part ? part : "");
	_fail(file, line);
}

/* ---- cmocka ---- */

static struct one *current;

static int begin_case(void **state)
{
	current = *state;
	*state = NULL;
	return current->set_up ? current->set_up(state) : 0;
}

static void run_case(void **state)
{
	current->run(state, current->row);
}

static int end_case(void **state)
{
	return current->tear_down ? current->tear_down(state) : 0;
}

static int run_all(void)
{
	struct CMUnitTest *tests = calloc(ncases, sizeof(*tests));
	int failed;

	if (!tests)
		abort();
	for (size_t i = 0; i < ncases; i++)
		tests[i] = (struct CMUnitTest){ cases[i].name, run_case, begin_case, end_case,
						&cases[i] };
	failed = _cmocka_run_group_tests(UNIT, tests, ncases, NULL, NULL);
	free(tests);
	return failed;
}

int main(void)
{
	read_file("unit/" UNIT ".tsv", NULL, NULL);
	for (size_t i = 0; i < nwanted; i++)
		if (!wanted[i].nrows)
			add_wrong("unit/" UNIT ".tsv", 0, wanted[i].name);
	return run_all() || !ncases;
}
