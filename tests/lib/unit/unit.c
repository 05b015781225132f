/* SPDX-License-Identifier: MIT */
#include "unit.h"
#include <arpa/inet.h>
#include <ctype.h>

#define CASES_MAX   4000
#define TABLES_MAX  40
#define COLUMNS_MAX 16

struct table {
	const char *name;
	unit_case *run;
	unit_fixture *set_up, *tear_down;
	char *columns[COLUMNS_MAX];
	size_t ncolumns, nrows;
};
struct row {
	const struct table *table;
	size_t line;
	struct row *next;	  /* of the same case */
	char *cells[COLUMNS_MAX]; /* NULL: no value */
	size_t lengths[COLUMNS_MAX];
};
/* A test, or one row of a table, and what goes on where that ended. */
struct one {
	char name[200];
	unit_case *run;
	unit_fixture *set_up, *tear_down;
	struct row row;
};

static struct one cases[CASES_MAX], *current;
static struct table tables[TABLES_MAX];
static size_t ncases, ntables;
static unit_fixture *fixture[2];

void unit_set_fixture(unit_fixture *set_up, unit_fixture *tear_down)
{
	fixture[0] = set_up;
	fixture[1] = tear_down;
}

static struct one *add_case(const char *name, unit_case *run)
{
	struct one *one = &cases[ncases++];

	if (ncases > CASES_MAX)
		abort();
	*one = (struct one){ .run = run, .set_up = fixture[0], .tear_down = fixture[1] };
	snprintf(one->name, sizeof(one->name), "%s", name);
	return one;
}

void unit_add_test(const char *name, unit_case *run)
{
	add_case(name, run);
}

/* ---- tables ---- */

static void table_is_wrong(void **state, const struct row *row)
{
	(void)state;
	(void)row;
	fail_msg("no such table, no row in it, no ROWS() for it, or another number of cells");
}

static struct one *add_line(size_t line, const char *text, unit_case *run)
{
	char name[sizeof(cases[0].name)];

	snprintf(name, sizeof(name), "%s.tsv:%zu: %.*s", UNIT, line, (int)strcspn(text, "\t"),
		 text);
	return add_case(name, run);
}

static struct table *find_table(const char *name)
{
	for (size_t i = 0; i < ntables; i++)
		if (!strcmp(tables[i].name, name))
			return &tables[i];
	return NULL;
}

size_t unit_count_rows(const char *table)
{
	return find_table(table)->nrows;
}

/* Of "\n", "\x7f" and such; a byte that is no escape stands for itself. */
static char unescape(const char **at)
{
	static const char letters[] = "nrt\\-\"", bytes[] = "\n\r\t\\-\"";
	const char *found;
	char hex[3] = "";

	if (**at != '\\')
		return *(*at)++;
	if ((*at)[1] == 'x' && isxdigit((unsigned char)(*at)[2]) &&
	    isxdigit((unsigned char)(*at)[3])) {
		memcpy(hex, *at + 2, 2);
		*at += 4;
		return (char)strtoul(hex, NULL, 16);
	}
	found = (*at)[1] ? strchr(letters, (*at)[1]) : NULL;
	if (!found) {
		print_error("unknown escape: %s\n", *at);
		abort();
	}
	*at += 2;
	return bytes[found - letters];
}

static void read_cell(const char *text, char **ret, size_t *ret_len)
{
	*ret_len = 0;
	*ret = NULL;
	if (!strcmp(text, "-"))
		return;
	*ret = calloc(1, strlen(text) + 1);
	if (!*ret)
		abort();
	if (!strcmp(text, "\"\""))
		text = "";
	while (*text)
		(*ret)[(*ret_len)++] = unescape(&text);
}

/* The parts of a line; more than there may be count too. */
static size_t split(char *line, char **parts)
{
	size_t n = 0;

	for (char *part; (part = strsep(&line, "\t")); n++)
		if (n < COLUMNS_MAX)
			parts[n] = part;
	return n;
}

/* The row of a new case, or at the end of the last one. */
static struct row *next_row(size_t line, struct table *table, const char *text)
{
	struct row *last = ncases ? &cases[ncases - 1].row : NULL;
	struct one *one;

	if (!strncmp(text, "..\t", 3) && last && last->table == table) {
		while (last->next)
			last = last->next;
		last->next = calloc(1, sizeof(*last));
		if (!last->next)
			abort();
		return last->next;
	}
	one = add_line(line, text, table->run);
	one->set_up = table->set_up;
	one->tear_down = table->tear_down;
	return &one->row;
}

static void add_row(size_t line, struct table *table, char *text)
{
	struct row *row = next_row(line, table, text);
	char *parts[COLUMNS_MAX];

	row->table = table;
	row->line = line;
	if (split(text, parts) != table->ncolumns || table->ncolumns > COLUMNS_MAX) {
		cases[ncases - 1].run = table_is_wrong;
		return;
	}
	for (size_t i = 0; i < table->ncolumns; i++)
		read_cell(parts[i], &row->cells[i], &row->lengths[i]);
	table->nrows++;
}

/* Its columns stay as long as the test runs. */
static struct table *begin_table(char *head)
{
	char *columns = strdup(head), *name = strsep(&columns, "\t");
	struct table *table = find_table(name + 1);

	if (table)
		table->ncolumns = split(columns, table->columns);
	return table;
}

static void read_tables(const char *file)
{
	struct table *table = NULL;
	char *line = NULL;
	size_t room = 0, n = 0;
	FILE *fp = fopen(file, "re");

	while (fp && getline(&line, &room, fp) > 0) {
		n++;
		line[strcspn(line, "\n")] = '\0';
		if (!*line || !strcmp(line, "#") || !strncmp(line, "# ", 2))
			continue;
		if (*line == '@')
			table = begin_table(line);
		if (!table)
			add_line(n, line, table_is_wrong);
		else if (*line != '@')
			add_row(n, table, line);
	}
	free(line);
	if (fp)
		fclose(fp);
}

void unit_add_table(const char *name, unit_case *run)
{
	if (ntables == TABLES_MAX)
		abort();
	tables[ntables++] = (struct table){
		.name = name, .run = run, .set_up = fixture[0], .tear_down = fixture[1]
	};
}

/* ---- rows ---- */

static size_t find_column(const struct row *row, const char *column)
{
	for (size_t i = 0; i < row->table->ncolumns; i++)
		if (!strcmp(row->table->columns[i], column))
			return i;
	fail_msg("the table has no column \"%s\"", column);
	abort();
}

const char *row_text(const struct row *row, const char *column)
{
	return row->cells[find_column(row, column)];
}

bool row_has(const struct row *row, const char *column)
{
	return row_text(row, column);
}

size_t row_length(const struct row *row, const char *column)
{
	return row->lengths[find_column(row, column)];
}

int64_t row_number(const struct row *row, const char *column)
{
	const char *text = row_text(row, column);
	char *end = NULL;
	int64_t n = text ? strtoll(text, &end, 0) : 0;

	if (!text || end == text || *end)
		fail_msg("%s: \"%s\" is no number", column, text ? text : "-");
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

static const struct row *running;

static int begin_case(void **state)
{
	current = *state;
	*state = NULL;
	return current->set_up ? current->set_up(state) : 0;
}

static void run_case(void **state)
{
	for (running = &current->row; running; running = running->next)
		current->run(state, running);
}

static int end_case(void **state)
{
	if (running && running->line)
		print_error("the row in line %zu did not end\n", running->line);
	return current->tear_down ? current->tear_down(state) : 0;
}

int main(void)
{
	struct CMUnitTest *tests;
	int failed;

	read_tables(UNIT_TABLE);
	unit_set_fixture(NULL, NULL);
	for (size_t i = 0; i < ntables; i++)
		if (!tables[i].nrows)
			add_line(0, tables[i].name, table_is_wrong);
	tests = calloc(ncases + 1, sizeof(*tests));
	if (!tests)
		abort();
	for (size_t i = 0; i < ncases; i++)
		tests[i] = (struct CMUnitTest){ cases[i].name, run_case, begin_case, end_case,
						&cases[i] };
	failed = _cmocka_run_group_tests(UNIT, tests, ncases, NULL, NULL);
	free(tests);
	return failed || !ncases;
}
