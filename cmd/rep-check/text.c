/* SPDX-License-Identifier: MIT */
#include "rep-check/text.h"
#include "rep-check/known.h"
#include "rep-check/result_json.h"
#include "common/text.h"
#include <stdio.h>
#include <string.h>
#include <time.h>

/* ---- the first line ---- */

#define NRESULT_COLUMNS 5
/* Aligned below their heads; a file or pipe has none. */
static const struct column result_columns[2][NRESULT_COLUMNS] = {
	{ { "", 1, false, false },
	  { "", 1, false, false },
	  { "", 1, false, false },
	  { "", 1, false, false },
	  { "", 0, false, false } },
	{ { "ADDRESS", 15, false, false },
	  { "VERDICT", 9, false, false },
	  { "SCORE", 6, true, false },
	  { "TIER", 9, false, false },
	  { "SOURCES", 0, false, false } },
};

static void begin_results(struct table *table, const struct cli *cli)
{
	table_begin(table, &cli->terminal, 0, result_columns[cli->terminal.is_out],
		    NRESULT_COLUMNS);
}

void check_put_heads(const struct cli *cli, bool *has_heads)
{
	struct table table;

	if (*has_heads || cli->quiet || cli->json || !cli->terminal.is_out)
		return;
	*has_heads = true;
	begin_results(&table, cli);
	table_heads(&table);
}

static enum colour verdict_colour(int verdict)
{
	if (verdict == IPREP_CONFIRMED)
		return BAD;
	if (verdict == IPREP_UNKNOWN)
		return DOUBTFUL;
	return GOOD;
}

/* "16", or "0..13" if a source has not answered; "-" if no source was queried. */
static void put_score(struct table *table, const struct iprep_result *result)
{
	if (result->verdict == IPREP_EXEMPT)
		table_put(table, PLAIN, "-");
	else if (result->low == result->high)
		table_printf(table, "%d", result->low);
	else
		table_printf(table, "%d..%d", result->low, result->high);
}

static void put_sources(struct table *table, const struct iprep_result *result)
{
	bool is_first = true;

	for (size_t i = 0; i < result->nfindings; i++) {
		if (result->findings[i]->points <= 0)
			continue;
		if (is_first) {
			table_put(table, PLAIN, result->findings[i]->source);
		} else {
			table_add(table, PLAIN, ",");
			table_add(table, PLAIN, result->findings[i]->source);
		}
		is_first = false;
	}
	if (is_first)
		table_put(table, PLAIN, "-");
}

static void put_result_line(const struct cli *cli, const struct iprep_result *result)
{
	struct table table;

	begin_results(&table, cli);
	table_put(&table, PLAIN, result->address);
	table_put(&table, verdict_colour(result->verdict), iprep_verdict_name(result->verdict));
	put_score(&table, result);
	table_put(&table, PLAIN, text_or(result->tier, "-"));
	if (result->exempt)
		table_put(&table, PLAIN, result->exempt);
	else
		put_sources(&table, result);
	table_end_row(&table);
}

/* ---- evidence ---- */

/* The age of a cached answer. Mail and files get the time, which stays true. */
static void put_age(struct table *table, const struct terminal *terminal, int64_t answered_at)
{
	char age[UTC_TEXT_MAX], text[UTC_TEXT_MAX + 8];

	if (!answered_at || time(NULL) - answered_at < 5)
		return;
	snprintf(text, sizeof(text), "  (%s)",
		 terminal->is_out ? age_text(time(NULL) - answered_at, age)
				  : utc_minute(answered_at, age));
	table_add(table, PLAIN, text);
}

/* "127.0.0.4,127.0.0.9  why it is listed" */
static void put_answers(struct table *table, const struct iprep_finding *finding)
{
	for (size_t i = 0; i < finding->nanswers; i++) {
		if (i)
			table_add(table, PLAIN, ",");
		table_add(table, PLAIN, finding->answers[i]);
	}
	if (!finding->detail)
		return;
	if (finding->nanswers)
		table_add(table, PLAIN, "  ");
	table_add(table, PLAIN, finding->detail);
}

static void put_finding_row(struct table *table, const struct terminal *terminal,
			    const struct iprep_finding *finding)
{
	table_put(table, PLAIN, finding->source);
	if (finding->unanswered)
		table_put(table, DOUBTFUL, "?");
	else
		table_printf(table, finding->points ? "%+d" : "%d", finding->points);
	if (finding->nanswers || finding->detail)
		table_put(table, PLAIN, "");
	put_answers(table, finding);
	if (finding->status == IPREP_S_QUARANTINED)
		table_add(table, BAD, "  (quarantined)");
	put_age(table, terminal, finding->answered_at);
	table_end_row(table);
}

void check_put_findings(const struct terminal *terminal, int indent,
			const struct iprep_finding *const *findings, size_t nfindings,
			bool has_heads)
{
	struct column columns[] = {
		{ "SOURCE", 0, false, false },
		{ "POINTS", 4, true, true },
		{ "ANSWER", 0, false, false },
	};
	struct table table;

	for (size_t i = 0; i < nfindings; i++)
		if ((int)strlen(findings[i]->source) > columns[0].width)
			columns[0].width = (int)strlen(findings[i]->source);
	has_heads &= nfindings && terminal->is_out;
	if (has_heads) {
		columns[1] = (struct column){ "POINTS", 6, true, false };
		if (columns[0].width < 6)
			columns[0].width = 6;
	}
	table_begin(&table, terminal, indent, columns, 3);
	if (has_heads)
		table_heads(&table);
	for (size_t i = 0; i < nfindings; i++)
		put_finding_row(&table, terminal, findings[i]);
}

static void put_result_block(const struct terminal *terminal, const struct iprep_result *result)
{
	struct paragraph paragraph;
	char when[UTC_TEXT_MAX];

	paragraph_begin(&paragraph, terminal, stdout, 4);
	if (result->login_at) {
		paragraph_printf(&paragraph, "logged in %s: no block below the highest tier",
				 utc_minute(result->login_at, when));
		paragraph_end(&paragraph);
	}
	if (result->block_tier) {
		paragraph_printf(&paragraph, "blocked as %s until %s%s%s", result->block_tier,
				 utc_minute(result->blocked_until, when),
				 result->block_jail ? ", seen by " : "",
				 text_or(result->block_jail, ""));
		paragraph_end(&paragraph);
	}
	if (result->block_seen) {
		paragraph_printf(&paragraph, "seen: %s", result->block_seen);
		paragraph_end(&paragraph);
	}
}

/* ---- all of it ---- */

void check_put(const struct cli *cli, const struct iprep_result *result,
	       const struct iprep_known *known)
{
	if (cli->quiet)
		return;
	if (cli->json) {
		check_put_result_json(result, known);
		return;
	}
	put_result_line(cli, result);
	check_put_findings(&cli->terminal, 4, result->findings, result->nfindings, known != NULL);
	if (known)
		check_put_known(cli, result, known);
	else
		put_result_block(&cli->terminal, result);
}
