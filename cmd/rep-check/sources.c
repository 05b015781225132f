/* SPDX-License-Identifier: MIT */
#include "rep-check/sources.h"
#include "common/figure.h"
#include "common/number_table.h"
#include "common/since.h"
#include "common/source_json.h"
#include "common/text.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DAY_S 86400

struct pair {
	char source[SOURCE_NAME_MAX], other[SOURCE_NAME_MAX];
	int64_t answered, both;
};
struct worth {
	struct cli *cli;
	struct source_counts counts;
	int64_t since_at, now;
	int days;	    /* whole ones */
	struct pair *pairs; /* in the order of their sources */
	size_t npairs;
	bool out_of_memory;
};

static int on_source_counter(void *user, const struct iprep_counter *counter)
{
	struct worth *worth = user;

	worth->out_of_memory = !source_counts_add(&worth->counts, counter);
	return worth->out_of_memory;
}

static int on_overlap(void *user, const struct iprep_overlap *overlap)
{
	struct worth *worth = user;
	struct pair *pairs = reallocarray(worth->pairs, worth->npairs + 1, sizeof(*worth->pairs));

	worth->out_of_memory = !pairs;
	if (!pairs)
		return 1;
	worth->pairs = pairs;
	pairs += worth->npairs++;
	snprintf(pairs->source, sizeof(pairs->source), "%s", overlap->source);
	snprintf(pairs->other, sizeof(pairs->other), "%s", overlap->other);
	pairs->answered = overlap->answered;
	pairs->both = overlap->both;
	return 0;
}

static int worth_collect(struct worth *worth, bool overlap)
{
	const struct iprep_settings *settings;
	int rc = iprep_settings(worth->cli->ctx, &settings);

	if (rc)
		return cli_fail(worth->cli, rc);
	worth->out_of_memory = !source_counts_init(&worth->counts, settings->nsources,
						   settings->sources);
	iprep_settings_free(settings);
	if (!worth->out_of_memory)
		rc = iprep_counters(worth->cli->ctx, worth->since_at, worth->now, on_source_counter,
				    worth);
	if (!rc && overlap)
		rc = iprep_overlaps(worth->cli->ctx, on_overlap, worth);
	if (worth->out_of_memory) {
		cli_error(worth->cli, "out of memory");
		return EX_OSERR;
	}
	if (rc)
		return cli_fail(worth->cli, rc);
	source_counts_sort(&worth->counts);
	return EX_OK;
}

/* ---- text: at most 80 columns, as the summary ---- */

#define NWORTH 7
static const int worth_widths[NWORTH] = { 10, 9, 9, 9, 9, 8, 8 };
#define NOVERLAP 3
static const int overlap_widths[NOVERLAP] = { 12, 12, 10 };

__attribute__((format(printf, 3, 4))) static void put_sentence(const struct terminal *report,
							       int indent, const char *fmt, ...)
{
	struct paragraph paragraph;
	char text[SOURCE_NOTE_MAX + SOURCE_NAME_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	paragraph_begin(&paragraph, report, stdout, indent);
	paragraph_put(&paragraph, PLAIN, text);
	paragraph_end(&paragraph);
}

static void put_worth(const struct worth *worth, const struct terminal *report,
		      struct number_table *table, const struct source_count *source)
{
	char number[FIGURE_MAX], note[SOURCE_NOTE_MAX], half[LATENCY_TEXT_MAX],
		most[LATENCY_TEXT_MAX];

	number_table_put_name(table, source->name);
	number_table_put(table, figure_text(source->asked, number));
	number_table_put(table, share_text(source->answered, source->asked, number));
	number_table_put(table, figure_text(source->error, number));
	number_table_put(table, figure_text(source->listed, number));
	number_table_put(table, figure_text(source->decisive, number));
	number_table_put(table, figure_text(source->alone, number));
	number_table_put(table, figure_text(source->wrong, number));
	number_table_end_row(table);
	put_sentence(report, 4, "%s",
		     source_note(source, worth->counts.confirmed, worth->days, note));
	if (source_latency(source, 50))
		put_sentence(report, 4, "half of the answers took %s, 95 %% of them %s",
			     latency_text(source_latency(source, 50), half),
			     latency_text(source_latency(source, 95), most));
}

static void put_overlap_text(const struct worth *worth, const struct terminal *report)
{
	char number[FIGURE_MAX], name[SOURCE_NAME_MAX + 2];
	struct number_table table;

	putchar('\n');
	number_table_begin(&table, report, 40, 14, overlap_widths, NOVERLAP, 12);
	number_table_put_heads(&table, "OVERLAP, IN CACHED ANSWERS",
			       (const char *const[]){ "COMPARED", "BOTH", "SHARE" });
	if (!worth->npairs)
		put_sentence(report, 0, "no address has cached answers of two sources");
	for (size_t i = 0; i < worth->npairs; i++) {
		const struct pair *pair = &worth->pairs[i];

		if (!i || strcmp(pair->source, pair[-1].source) != 0)
			put_sentence(report, 0,
				     "also listed, of the addresses that %s lists:", pair->source);
		snprintf(name, sizeof(name), "  %s", pair->other);
		number_table_put_name(&table, name);
		number_table_put(&table, figure_text(pair->answered, number));
		number_table_put(&table, figure_text(pair->both, number));
		number_table_put(&table, share_text(pair->both, pair->answered, number));
		number_table_end_row(&table);
	}
}

static void put_worth_text(const struct worth *worth, bool overlap)
{
	char first[UTC_TEXT_MAX], last[UTC_TEXT_MAX], number[FIGURE_MAX];
	struct terminal report = terminal_for_report(&worth->cli->terminal);
	struct number_table table;

	put_sentence(&report, 0, "%.10s to %s: %s confirmed verdict%s",
		     utc_minute(worth->since_at, first), utc_minute(worth->now, last),
		     figure_text(worth->counts.confirmed, number),
		     cli_plural(worth->counts.confirmed));
	putchar('\n');
	number_table_begin(&table, &report, 18, 14, worth_widths, NWORTH, 10);
	number_table_put_heads(&table, "SOURCE",
			       (const char *const[]){ "ASKED", "ANSWERED", "ERRORS", "LISTED",
						      "DECIDED", "ALONE", "WRONG" });
	for (size_t i = 0; i < worth->counts.count; i++)
		put_worth(worth, &report, &table, &worth->counts.list[i]);
	if (overlap)
		put_overlap_text(worth, &report);
}

/* ---- JSON: a line a source ---- */

static void put_worth_json(const struct worth *worth, const struct source_count *source,
			   bool overlap)
{
	char note[SOURCE_NOTE_MAX];
	struct json json;

	json_begin(&json, stdout);
	source_put_json(&json, source);
	json_put_text(&json, "note",
		      source_note(source, worth->counts.confirmed, worth->days, note));
	if (overlap)
		json_put_array(&json, "overlap");
	for (size_t i = 0; i < worth->npairs; i++) {
		const struct pair *pair = &worth->pairs[i];

		if (strcmp(pair->source, source->name) != 0)
			continue;
		json_put_object(&json, NULL);
		json_put_text(&json, "other", pair->other);
		json_put_int(&json, "compared", pair->answered);
		json_put_int(&json, "both", pair->both);
		json_close_object(&json);
	}
	if (overlap)
		json_close_array(&json);
	json_end(&json);
}

int check_sources(struct cli *cli, const char *since, bool overlap)
{
	struct worth worth = { .cli = cli, .now = time(NULL) };
	int rc = since_period(cli, text_or(since, "30d"), &worth.since_at);

	if (!rc)
		rc = cli_end_root_to_read(cli);
	if (rc)
		return rc;
	worth.days = (int)(worth.now / DAY_S - worth.since_at / DAY_S);
	rc = worth_collect(&worth, overlap);
	if (!rc && cli->json)
		for (size_t i = 0; i < worth.counts.count; i++)
			put_worth_json(&worth, &worth.counts.list[i], overlap);
	else if (!rc && !cli->quiet)
		put_worth_text(&worth, overlap);
	source_counts_free(&worth.counts);
	free(worth.pairs);
	return rc;
}
