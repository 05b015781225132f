/* SPDX-License-Identifier: MIT */
/* summary_text.c - for a terminal and a mail: plain ASCII, at most 80 columns */
#include "rep-report/summary.h"
#include "common/figure.h"
#include "common/number_table.h"
#include "common/text.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define NAME_WIDTH 36 /* of the first column; a longer name has a line of its own */
#define BAR_MAX	   20
#define BAR_MIN	   5  /* a shorter one shows nothing */
#define DATE_WIDTH 10 /* "2026-01-31" */
#define CELL	   10 /* of a number where a table is narrow */

struct text_report {
	const struct summary *summary;
	struct terminal terminal;
	int width;
	struct number_table sums;
};

__attribute__((format(printf, 2, 3))) static void put_text(const struct text_report *report,
							   const char *fmt, ...)
{
	struct paragraph paragraph;
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	paragraph_begin(&paragraph, &report->terminal, stdout, 0);
	paragraph.hang = 0;
	paragraph_put(&paragraph, PLAIN, text);
	paragraph_end(&paragraph);
}

/* ---- sums ---- */

static const int sum_widths[] = { 11, 11, 11, 10 };

/* Head of the columns of sums. */
static void text_put_sum_head(struct text_report *report)
{
	const struct summary *summary = report->summary;
	struct number_table *sums = &report->sums;
	int count = 1 + (summary->whole_days > 0) + 2 * summary->is_comparable;
	char days[32], before[32];

	snprintf(days, sizeof(days), "%d DAY%s", summary->whole_days,
		 summary->whole_days == 1 ? "" : "S");
	number_table_begin(sums, &report->terminal, NAME_WIDTH, NAME_WIDTH, sum_widths, count,
			   CELL);
	snprintf(before, sizeof(before), "%d BEFORE", summary->whole_days);
	if ((int)strlen(before) >= CELL && !sums->name_width)
		snprintf(before, sizeof(before), "BEFORE");
	putchar('\n');
	number_table_put_name(sums, "");
	if (summary->whole_days)
		number_table_put(sums, days);
	number_table_put(sums, "TODAY");
	if (summary->is_comparable) {
		number_table_put(sums, before);
		number_table_put(sums, "CHANGE");
	}
	number_table_end_row(sums);
}

static void text_put_sum(struct text_report *report, const char *text,
			 const struct summary_sum *sum)
{
	struct number_table *sums = &report->sums;
	char number[FIGURE_MAX], name[SUMMARY_NAME_MAX + 2];

	snprintf(name, sizeof(name), "  %s", text);
	number_table_put_name(sums, name);
	if (report->summary->whole_days)
		number_table_put(sums, figure_text(sum->days, number));
	number_table_put(sums, figure_text(sum->today, number));
	if (report->summary->is_comparable) {
		number_table_put(sums, figure_text(sum->before, number));
		number_table_put(sums, change_text(sum->days, sum->before, number));
	}
	number_table_end_row(sums);
}

static void text_put_blocks(struct text_report *report)
{
	const struct summary *summary = report->summary;

	puts("Blocked");
	for (size_t i = 0; i < summary->ntiers; i++)
		text_put_sum(report, summary->tiers[i].name, &summary->tiers[i].sum);
	if (summary->ntiers != 1)
		text_put_sum(report, "all tiers", &summary->blocks);
}

/* The name of a group is printed before its first figure that is shown. */
static void text_put_figures(struct text_report *report)
{
	const struct summary *summary = report->summary;
	const char *group = NULL;

	text_put_sum_head(report);
	for (size_t i = 0; i < summary_nfigures; i++) {
		const struct summary_figure *figure = &summary_figures[i];

		if (figure->group && !strcmp(figure->group, "Spared"))
			text_put_blocks(report);
		if (figure->group)
			group = figure->group;
		if (!summary_shows(summary, i))
			continue;
		if (group)
			puts(group);
		group = NULL;
		text_put_sum(report, figure->text, &summary->figures[i]);
	}
}

/* ---- blocks by day ---- */

struct day_row {
	int64_t tiers[SUMMARY_TIERS], all;
};
/* What fits: a column for each of a few tiers, one for all, a bar. */
struct day_table {
	const struct summary *summary;
	bool has_tiers, has_all;
	int cell, bar_max;
	int64_t most;
};

static struct day_row row_of(const struct summary *summary, int first, int days)
{
	struct day_row row = { .all = 0 };

	for (int day = first; day < first + days && day <= summary->whole_days; day++) {
		for (size_t i = 0; i < summary->ntiers; i++) {
			row.tiers[i] += summary_by_day(summary, day, i);
			row.all += summary_by_day(summary, day, i);
		}
	}
	return row;
}

static struct day_table day_table_of(const struct text_report *report)
{
	const struct summary *summary = report->summary;
	int step = summary_days_of_row(summary), ntiers = (int)summary->ntiers, room;
	struct day_table table = { .summary = summary, .has_all = ntiers != 1, .cell = 11 };

	if (report->width < DATE_WIDTH + 1 + table.cell * (SUMMARY_COLUMNS + 1))
		table.cell = CELL;
	room = report->width - DATE_WIDTH - table.has_all * table.cell;
	table.has_tiers = ntiers <= SUMMARY_COLUMNS && ntiers * table.cell <= room;
	table.has_all |= !table.has_tiers;
	room = report->width - DATE_WIDTH - 3 -
	       table.cell * (table.has_all + (table.has_tiers ? ntiers : 0));
	if (room >= BAR_MIN)
		table.bar_max = room < BAR_MAX ? room : BAR_MAX;
	for (int day = 0; day <= summary->whole_days; day += step) {
		struct day_row row = row_of(summary, day, step);

		if (row.all > table.most)
			table.most = row.all;
	}
	return table;
}

static void text_put_day(const struct day_table *table, int first)
{
	const struct summary *summary = table->summary;
	struct day_row row = row_of(summary, first, summary_days_of_row(summary));
	double share = table->most ? (double)row.all / (double)table->most : 0;
	int bar = (int)(share * table->bar_max);
	char day[16], number[FIGURE_MAX];

	day_text(summary->first_day + (int64_t)first * DAY_S, day);
	printf("%-*s", DATE_WIDTH + (table->cell > CELL), day);
	for (size_t i = 0; table->has_tiers && i < summary->ntiers; i++)
		printf("%*s", table->cell, figure_text(row.tiers[i], number));
	if (table->has_all)
		printf("%*s", table->cell, figure_text(row.all, number));
	if (row.all && table->bar_max)
		printf("  %.*s", bar ? bar : 1, "####################");
	putchar('\n');
}

static void text_put_days(const struct text_report *report)
{
	const struct summary *summary = report->summary;
	struct day_table table = day_table_of(report);
	int step = summary_days_of_row(summary);
	char head[16] = "BLOCKS";

	if (!summary->blocks.days && !summary->blocks.today)
		return;
	if (step != 1)
		snprintf(head, sizeof(head), "%3d DAYS", step);
	printf("\n%-*s", DATE_WIDTH + (table.cell > CELL), head);
	for (size_t i = 0; table.has_tiers && i < summary->ntiers; i++)
		printf(" %*.*s", table.cell - 1, table.cell - 1, summary->tiers[i].name);
	if (table.has_all)
		printf("%*s", table.cell, "all tiers");
	putchar('\n');
	for (int day = 0; day <= summary->whole_days; day += step)
		text_put_day(&table, day);
}

/* ---- jails, sources, networks ---- */

static const int block_width[] = { 11 };

static struct number_table text_begin_named(const struct text_report *report, const char *name,
					    const char *head)
{
	struct number_table table;

	putchar('\n');
	number_table_begin(&table, &report->terminal, NAME_WIDTH, CELL, block_width, 1, CELL);
	number_table_put_heads(&table, name, (const char *const[]){ head });
	return table;
}

static void text_put_named(struct number_table *table, const char *name, int64_t count)
{
	char number[FIGURE_MAX];

	number_table_put_name(table, name);
	number_table_put(table, figure_text(count, number));
	number_table_end_row(table);
}

static void text_put_jails(const struct text_report *report)
{
	const struct summary *summary = report->summary;
	struct number_table table;
	int64_t rest = 0;

	if (!summary->njails)
		return;
	table = text_begin_named(report, "JAIL, TODAY INCLUDED", "BLOCKS");
	for (size_t i = 0; i < summary->njails; i++) {
		if (i < SUMMARY_JAILS)
			text_put_named(&table, summary->jails[i].name, summary->jails[i].count);
		else
			rest += summary->jails[i].count;
	}
	if (rest)
		text_put_named(&table, "all other jails", rest);
}

#define NWORTH 6
static const int worth_widths[NWORTH] = { 11, 9, 9, 9, 9, 9 };

static void text_put_sources(const struct text_report *report)
{
	const struct summary *summary = report->summary;
	struct number_table table;
	char number[FIGURE_MAX];

	if (!summary->sources.count)
		return;
	putchar('\n');
	number_table_begin(&table, &report->terminal, 24, 14, worth_widths, NWORTH, CELL);
	number_table_put_heads(&table, "SOURCE, TODAY INCLUDED",
			       (const char *const[]){ "ASKED", "ANSWERED", "LISTED", "DECIDED",
						      "ALONE", "WRONG" });
	for (size_t i = 0; i < summary->sources.count; i++) {
		const struct source_count *source = &summary->sources.list[i];

		number_table_put_name(&table, source->name);
		number_table_put(&table, figure_text(source->asked, number));
		number_table_put(&table, share_text(source->answered, source->asked, number));
		number_table_put(&table, figure_text(source->listed, number));
		number_table_put(&table, figure_text(source->decisive, number));
		number_table_put(&table, figure_text(source->alone, number));
		number_table_put(&table, figure_text(source->wrong, number));
		number_table_end_row(&table);
	}
	put_text(report,
		 "DECIDED: without this source the verdict would have been lower. ALONE: no "
		 "other source listed the address. WRONG: pardoned, released or logged in "
		 "later.");
}

static void text_put_networks(const struct text_report *report)
{
	const struct summary *summary = report->summary;
	struct number_table table = text_begin_named(report, "NETWORK", "BLOCKS NOW");

	for (size_t i = 0; i < summary->nnetworks; i++)
		text_put_named(&table, summary->networks[i].name, summary->networks[i].count);
	text_put_named(&table, "all networks", summary->current);
}

/* ---- quota, troubles, head ---- */

static void text_put_quota(const struct text_report *report)
{
	static const struct column columns[] = {
		{ "ABUSEIPDB", 16, false, false },
		{ "LEFT", 9, true, true },
		{ "PER DAY", 11, true, true },
		{ "STATE", 0, false, false },
	};
	const struct iprep_queue *queue = report->summary->queue;
	char number[FIGURE_MAX], state[ENDPOINT_STATE_MAX];
	struct table table;

	if (!queue->has_key)
		return;
	putchar('\n');
	table_begin(&table, &report->terminal, 0, columns, 4);
	table_heads(&table);
	for (size_t i = 0; i < queue->nendpoints; i++) {
		const struct iprep_endpoint *endpoint = queue->endpoints[i];

		table_put(&table, PLAIN, endpoint->name);
		table_put(&table, PLAIN, figure_text(endpoint->remaining, number));
		table_put(&table, PLAIN, figure_text(endpoint->limit, number));
		table_put(&table, PLAIN, endpoint_state(endpoint, state));
		table_end_row(&table);
	}
}

static void text_put_troubles(const struct text_report *report)
{
	const struct summary *summary = report->summary;
	char when[UTC_TEXT_MAX];

	if (!summary->ntroubles) {
		puts("No trouble now.");
		return;
	}
	puts("\nTROUBLE NOW");
	for (size_t i = 0; i < summary->ntroubles; i++) {
		const struct summary_trouble *trouble = &summary->troubles[i];
		struct paragraph paragraph;

		paragraph_begin(&paragraph, &report->terminal, stdout, 0);
		paragraph_put(&paragraph, PLAIN, severity_text(trouble));
		if (trouble->since)
			paragraph_printf(&paragraph, " since %s", utc_minute(trouble->since, when));
		paragraph_put(&paragraph, PLAIN, ": ");
		paragraph_put(&paragraph, PLAIN, trouble->text);
		paragraph_end(&paragraph);
	}
}

/* Which days are meant by what. */
static void text_put_head(const struct text_report *report)
{
	const struct summary *summary = report->summary;
	char first[16], last[16], now[UTC_TEXT_MAX], compared[120] = "";

	put_text(report, "iprep on %s", summary->host);
	put_text(report, "%s to %s", day_text(summary->first_day, first),
		 utc_minute(summary->now, now));
	if (summary->is_comparable)
		snprintf(compared, sizeof(compared),
			 " CHANGE compares %d whole day%s, until %s, with the %d before.",
			 summary->whole_days, cli_plural(summary->whole_days),
			 day_text(summary->today - DAY_S, last), summary->whole_days);
	put_text(report, "Days are those of UTC; today is not over.%s", compared);
	if (!summary->begin_day)
		put_text(report, "Nothing was counted yet.");
	else if (summary->begin_day > summary->first_day - summary->whole_days * (int64_t)DAY_S)
		put_text(report, "Counters begin on %s.", day_text(summary->begin_day, first));
}

void summary_put_text(const struct summary *summary)
{
	struct text_report report = { .summary = summary,
				      .terminal = terminal_for_report(summary->terminal) };

	report.width = terminal_width(&report.terminal, stdout);
	text_put_head(&report);
	text_put_troubles(&report);
	text_put_figures(&report);
	text_put_days(&report);
	text_put_jails(&report);
	text_put_sources(&report);
	text_put_networks(&report);
	text_put_quota(&report);
}
