/* SPDX-License-Identifier: MIT */
/* summary_text.c - for a terminal and a mail: plain ASCII, at most 80 columns */
#include "rep-report/summary.h"
#include "common/figure.h"
#include "common/terminal.h"
#include "common/text.h"
#include <stdio.h>
#include <string.h>

#define NAME_WIDTH 36 /* of the first column; a longer name has a line of its own */
#define BAR_MAX	   20
#define WIDTH	   80

/* Head of the columns of sums. */
static void text_put_sum_head(const struct summary *summary)
{
	char days[32], before[32];

	snprintf(days, sizeof(days), "%d DAY%s", summary->whole_days,
		 summary->whole_days == 1 ? "" : "S");
	snprintf(before, sizeof(before), "%d BEFORE", summary->whole_days);
	printf("\n%-*s", NAME_WIDTH, "");
	if (summary->whole_days)
		printf("%11s", days);
	printf("%11s", "TODAY");
	if (summary->is_comparable)
		printf("%11s%10s", before, "CHANGE");
	putchar('\n');
}

static void text_put_sum(const struct summary *summary, const char *text,
			 const struct summary_sum *sum)
{
	char number[FIGURE_MAX];

	printf("  ");
	column_put_name(text, NAME_WIDTH - 2);
	if (summary->whole_days)
		printf("%11s", figure_text(sum->days, number));
	printf("%11s", figure_text(sum->today, number));
	if (summary->is_comparable) {
		printf("%11s", figure_text(sum->before, number));
		printf("%10s", change_text(sum->days, sum->before, number));
	}
	putchar('\n');
}

static void text_put_blocks(const struct summary *summary)
{
	puts("Blocked");
	for (size_t i = 0; i < summary->ntiers; i++)
		text_put_sum(summary, summary->tiers[i].name, &summary->tiers[i].sum);
	if (summary->ntiers != 1)
		text_put_sum(summary, "all tiers", &summary->blocks);
}

/* The name of a group is printed before its first figure that is shown. */
static void text_put_figures(const struct summary *summary)
{
	const char *group = NULL;

	text_put_sum_head(summary);
	for (size_t i = 0; i < summary_nfigures; i++) {
		const struct summary_figure *figure = &summary_figures[i];

		if (figure->group && !strcmp(figure->group, "Spared"))
			text_put_blocks(summary);
		if (figure->group)
			group = figure->group;
		if (!summary_shows(summary, i))
			continue;
		if (group)
			puts(group);
		group = NULL;
		text_put_sum(summary, figure->text, &summary->figures[i]);
	}
}

struct day_row {
	int64_t tiers[SUMMARY_TIERS], all;
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

static void text_put_day(const struct summary *summary, int first, int64_t most)
{
	struct day_row row = row_of(summary, first, summary_days_of_row(summary));
	int bar = most ? (int)((double)row.all * BAR_MAX / (double)most) : 0;
	char day[16], number[FIGURE_MAX];

	printf("%s ", day_text(summary->first_day + (int64_t)first * DAY_S, day));
	for (size_t i = 0; i < summary->ntiers && summary->ntiers <= SUMMARY_COLUMNS; i++)
		printf(" %10s", figure_text(row.tiers[i], number));
	if (summary->ntiers != 1)
		printf(" %10s", figure_text(row.all, number));
	if (row.all)
		printf("  %.*s", bar ? bar : 1, "####################");
	putchar('\n');
}

static void text_put_days(const struct summary *summary)
{
	int step = summary_days_of_row(summary);
	int64_t most = 0;

	if (!summary->blocks.days && !summary->blocks.today)
		return;
	if (step == 1)
		printf("\nBLOCKS    ");
	else
		printf("\n%3d DAYS  ", step);
	putchar(' ');
	for (size_t i = 0; i < summary->ntiers && summary->ntiers <= SUMMARY_COLUMNS; i++)
		printf(" %10.10s", summary->tiers[i].name);
	if (summary->ntiers != 1)
		printf(" %10s", "all tiers");
	putchar('\n');
	for (int day = 0; day <= summary->whole_days; day += step) {
		struct day_row row = row_of(summary, day, step);

		if (row.all > most)
			most = row.all;
	}
	for (int day = 0; day <= summary->whole_days; day += step)
		text_put_day(summary, day, most);
}

static void text_put_named(const struct summary_named *named)
{
	char number[FIGURE_MAX];

	column_put_name(named->name, NAME_WIDTH);
	printf("%11s\n", figure_text(named->count, number));
}

static void text_put_jails(const struct summary *summary)
{
	struct summary_named rest = { .name = "all other jails" };

	if (!summary->njails)
		return;
	printf("\n%-*s%11s\n", NAME_WIDTH, "JAIL, TODAY INCLUDED", "BLOCKS");
	for (size_t i = 0; i < summary->njails; i++) {
		if (i < SUMMARY_JAILS)
			text_put_named(&summary->jails[i]);
		else
			rest.count += summary->jails[i].count;
	}
	if (rest.count)
		text_put_named(&rest);
}

static void text_put_sources(const struct summary *summary)
{
	char number[FIGURE_MAX];

	if (!summary->sources.count)
		return;
	printf("\n%-24s%11s%9s%9s%9s%9s%9s\n", "SOURCE, TODAY INCLUDED", "ASKED", "ANSWERED",
	       "LISTED", "DECIDED", "ALONE", "WRONG");
	for (size_t i = 0; i < summary->sources.count; i++) {
		const struct source_count *source = &summary->sources.list[i];

		column_put_name(source->name, 24);
		printf("%11s", figure_text(source->asked, number));
		printf("%9s", share_text(source->answered, source->asked, number));
		printf("%9s", figure_text(source->listed, number));
		printf("%9s", figure_text(source->decisive, number));
		printf("%9s", figure_text(source->alone, number));
		printf("%9s\n", figure_text(source->wrong, number));
	}
	puts("DECIDED: without this source the verdict would have been lower. ALONE: no\n"
	     "other source listed the address. WRONG: pardoned, released or logged in later.");
}

static void text_put_networks(const struct summary *summary)
{
	char number[FIGURE_MAX];

	printf("\n%-*s%11s\n", NAME_WIDTH, "NETWORK", "BLOCKS NOW");
	for (size_t i = 0; i < summary->nnetworks; i++)
		text_put_named(&summary->networks[i]);
	column_put_name("all networks", NAME_WIDTH);
	printf("%11s\n", figure_text(summary->current, number));
}

static void text_put_quota(const struct summary *summary)
{
	char left[FIGURE_MAX], limit[FIGURE_MAX], state[ENDPOINT_STATE_MAX];

	if (!summary->queue->has_key)
		return;
	printf("\n%-16s%10s%12s  %s\n", "ABUSEIPDB", "LEFT", "PER DAY", "STATE");
	for (size_t i = 0; i < summary->queue->nendpoints; i++) {
		const struct iprep_endpoint *endpoint = summary->queue->endpoints[i];

		printf("%-16.16s%10s%12s  %s\n", endpoint->name,
		       figure_text(endpoint->remaining, left), figure_text(endpoint->limit, limit),
		       endpoint_state(endpoint, state));
	}
}

static void text_put_troubles(const struct summary *summary)
{
	char when[UTC_TEXT_MAX];

	if (!summary->ntroubles) {
		puts("No trouble now.");
		return;
	}
	puts("\nTROUBLE NOW");
	for (size_t i = 0; i < summary->ntroubles; i++) {
		const struct summary_trouble *trouble = &summary->troubles[i];
		struct paragraph paragraph;

		paragraph_begin(&paragraph, summary->terminal, stdout, 0);
		if (paragraph.width > WIDTH)
			paragraph.width = WIDTH;
		paragraph_put(&paragraph, PLAIN, severity_text(trouble));
		if (trouble->since)
			paragraph_printf(&paragraph, " since %s", utc_minute(trouble->since, when));
		paragraph_put(&paragraph, PLAIN, ": ");
		paragraph_put(&paragraph, PLAIN, trouble->text);
		paragraph_end(&paragraph);
	}
}

/* Which days are meant by what. */
static void text_put_head(const struct summary *summary)
{
	char first[16], last[16], now[UTC_TEXT_MAX];

	printf("iprep on %s\n%s to %s\n", summary->host, day_text(summary->first_day, first),
	       utc_minute(summary->now, now));
	printf("Days are those of UTC; today is not over.");
	if (summary->is_comparable)
		printf(" CHANGE compares %d whole day%s,\nuntil %s, with the %d before.",
		       summary->whole_days, cli_plural(summary->whole_days),
		       day_text(summary->today - DAY_S, last), summary->whole_days);
	putchar('\n');
	if (!summary->begin_day)
		puts("Nothing was counted yet.");
	else if (summary->begin_day > summary->first_day - summary->whole_days * (int64_t)DAY_S)
		printf("Counters begin on %s.\n", day_text(summary->begin_day, first));
}

void summary_put_text(const struct summary *summary)
{
	text_put_head(summary);
	text_put_troubles(summary);
	text_put_figures(summary);
	text_put_days(summary);
	text_put_jails(summary);
	text_put_sources(summary);
	text_put_networks(summary);
	text_put_quota(summary);
}
