/* SPDX-License-Identifier: MIT */
#include "rep-check/known.h"
#include "rep-check/mail.h"
#include "rep-check/text.h"
#include "common/text.h"
#include <stdio.h>
#include <string.h>
#include <time.h>

struct known_text {
	const struct terminal *terminal;
	struct paragraph line;
	const struct iprep_known *known;
};

/* Mail and files get the time alone, which stays true. */
static void put_time(struct known_text *text, int64_t at)
{
	char when[UTC_TEXT_MAX];

	paragraph_put_whole(&text->line, utc_minute(at, when));
	if (!text->terminal->is_out)
		return;
	paragraph_put(&text->line, PLAIN, " (");
	paragraph_put_whole(&text->line, age_text(time(NULL) - at, when));
	paragraph_put(&text->line, PLAIN, ")");
}

/* ---- the block ---- */

static void put_block_evidence(struct known_text *text, const struct iprep_block *block)
{
	paragraph_put(&text->line, PLAIN, "since ");
	put_time(text, block->since);
	if (strcmp(block->address, text->known->address) != 0)
		paragraph_printf(&text->line, ", on %s", block->address);
	paragraph_printf(&text->line, ", for a score of %d%s", block->score,
			 block->nevidence ? ", from:" : "");
	if (!block->nevidence && block->sources)
		paragraph_printf(&text->line, ", listed by %s", block->sources);
	paragraph_end(&text->line);
	check_put_findings(text->terminal, 8, block->evidence, block->nevidence, false);
	if (block->announced_at)
		return;
	paragraph_put(&text->line, PLAIN,
		      "not announced yet, waits for the worker or [worker] max_new_blocks");
	paragraph_end(&text->line);
}

static void put_block(struct known_text *text, const struct iprep_block *block)
{
	paragraph_put(&text->line, PLAIN, "blocked as ");
	paragraph_put(&text->line, BAD, block->tier);
	paragraph_put(&text->line, PLAIN, " until ");
	put_time(text, block->until);
	if (block->jail)
		paragraph_printf(&text->line, ", seen by %s", block->jail);
	paragraph_end(&text->line);
	if (block->seen) {
		paragraph_printf(&text->line, "seen: %s", block->seen);
		paragraph_end(&text->line);
	}
	put_block_evidence(text, block);
}

static void put_undo(struct known_text *text, const struct iprep_block *block)
{
	char command[BLOCK_LINK_MAX], line[BLOCK_LINK_MAX + 8];

	snprintf(line, sizeof(line), "undo: %s", block_undo(block->address, command));
	paragraph_put_whole(&text->line, line);
	paragraph_end(&text->line);
}

/* ---- reports ---- */

static const struct report_text {
	const char *state, *text, *after; /* the time is between them, if there is one */
} report_texts[] = {
	{ "queued", "queued", "" },
	{ "sending", "being sent", "" },
	{ "parked", "refused by AbuseIPDB at ", "" },
	{ "done", "sent at ", "" },
	{ "unknown", "sent, never answered, given up at ", "" },
	{ "dropped", "not sent, dropped at ", "" },
	{ "retracted", "sent at ", ", retracted" },
};

static const struct report_text *text_of(const char *state)
{
	for (size_t i = 0; i < sizeof(report_texts) / sizeof(report_texts[0]); i++)
		if (!strcmp(report_texts[i].state, state))
			return &report_texts[i];
	return &report_texts[0]; /* the library has no other state */
}

static void put_report(struct known_text *text, const struct iprep_last_report *report)
{
	const struct report_text *words = text_of(report->state);

	paragraph_put(&text->line, PLAIN, "report of ");
	put_time(text, report->first_at);
	if (report->jail)
		paragraph_printf(&text->line, ", seen by %s", report->jail);
	paragraph_printf(&text->line, ": %s", words->text);
	if (report->ended_at)
		put_time(text, report->ended_at);
	paragraph_put(&text->line, PLAIN, words->after);
	if (report->why && !*words->after)
		paragraph_printf(&text->line, ": %s", report->why);
	paragraph_end(&text->line);
}

static void put_retraction(struct known_text *text)
{
	const struct iprep_retraction *retraction = text->known->retraction;

	paragraph_put(&text->line, PLAIN, "retraction of ");
	put_time(text, text->known->retracted_at);
	switch ((enum iprep_retract_state)retraction->state) {
	case IPREP_RETRACT_WAITS:
		paragraph_put(&text->line, PLAIN, ": queued");
		break;
	case IPREP_RETRACT_DONE:
		paragraph_printf(&text->line, ": done, AbuseIPDB deleted %lld report%s",
				 (long long)retraction->deleted, cli_plural(retraction->deleted));
		break;
	case IPREP_RETRACT_REFUSED:
		paragraph_put(&text->line, PLAIN, ": refused by AbuseIPDB");
		break;
	}
	if (retraction->why)
		paragraph_printf(&text->line, ": %s", retraction->why);
	paragraph_end(&text->line);
}

/* ---- people ---- */

static void put_login(struct known_text *text)
{
	paragraph_put(&text->line, PLAIN, "logged in ");
	put_time(text, text->known->login_at);
	paragraph_put(&text->line, PLAIN,
		      text->known->login_counts
			      ? ": no block below the highest tier"
			      : ": too long ago to prevent a block, see [login] window");
	paragraph_end(&text->line);
}

static void put_allowed(struct known_text *text, const struct iprep_allowed *allowed)
{
	time_t last = (time_t)allowed->until - 1;
	struct tm tm;
	char day[UTC_TEXT_MAX];

	if (allowed->kind == IPREP_ALLOW_SPF)
		paragraph_put(&text->line, PLAIN, "no extended ban, SPF of ");
	else
		paragraph_put(&text->line, PLAIN, "allowed by ");
	paragraph_put(&text->line, PLAIN, allowed->entry);
	if (allowed->file) {
		paragraph_put(&text->line, PLAIN, " in ");
		paragraph_put(&text->line, PLAIN, allowed->file);
		paragraph_printf(&text->line, ":%d", allowed->line);
	} else {
		paragraph_printf(&text->line, " in [allow] %s",
				 allowed->kind == IPREP_ALLOW_SPF ? "spf" : "addresses");
	}
	if (allowed->until && gmtime_r(&last, &tm) && strftime(day, sizeof(day), "%Y-%m-%d", &tm))
		paragraph_printf(&text->line, " until %s", day);
	if (allowed->why)
		paragraph_printf(&text->line, ": %s", allowed->why);
	paragraph_end(&text->line);
}

/* ---- all of it ---- */

static void put_at(struct known_text *text, const char *what, int64_t at)
{
	if (!at)
		return;
	paragraph_put(&text->line, PLAIN, what);
	put_time(text, at);
	paragraph_end(&text->line);
}

static bool is_nothing(const struct iprep_known *known)
{
	return known->has_state && !known->block && !known->report && !known->retraction &&
	       !known->login_at && !known->pardoned_until && !known->lookup_since &&
	       !known->released_at && !known->allowed && !known->nfeeds;
}

void check_put_known(const struct cli *cli, const struct iprep_result *result,
		     const struct iprep_known *known)
{
	struct known_text text = { .terminal = &cli->terminal, .known = known };

	paragraph_begin(&text.line, &cli->terminal, stdout, 4);
	if (known->login_at)
		put_login(&text);
	if (known->block)
		put_block(&text, known->block);
	if (result->verdict == IPREP_EXEMPT)
		check_put_findings(&cli->terminal, 4, known->feeds, known->nfeeds, false);
	if (known->report)
		put_report(&text, known->report);
	if (known->retraction)
		put_retraction(&text);
	put_at(&text, "pardoned until ", known->pardoned_until);
	put_at(&text, "block released ", known->released_at);
	put_at(&text, "lookup queued since ", known->lookup_since);
	if (known->allowed)
		put_allowed(&text, known->allowed);
	if (known->block)
		put_undo(&text, known->block);
	if (is_nothing(known)) {
		paragraph_put(&text.line, PLAIN,
			      "no block, report, login, pardon or entry of [allow] is known");
		paragraph_end(&text.line);
	}
	if (known->has_state)
		return;
	paragraph_put(&text.line, PLAIN,
		      "permission denied, not read: block, reports, logins, pardon");
	paragraph_end(&text.line);
}
