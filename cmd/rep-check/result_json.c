/* SPDX-License-Identifier: MIT */
#include "rep-check/result_json.h"
#include "rep-check/mail.h"
#include "common/json.h"

static void put_finding(struct json *json, const struct iprep_finding *finding)
{
	json_put_object(json, NULL);
	json_put_text(json, "source", finding->source);
	json_put_text(json, "status", iprep_status_name(finding->status));
	json_put_bool(json, "listed", finding->listed);
	json_put_int(json, "points", finding->points);
	json_put_array(json, "answer");
	for (size_t i = 0; i < finding->nanswers; i++)
		json_put_text(json, NULL, finding->answers[i]);
	json_close_array(json);
	json_put_text(json, "detail", finding->detail);
	json_put_time(json, "answered_at", finding->answered_at);
	json_put_time(json, "expires_at", finding->expires_at);
	json_close_object(json);
}

static void put_findings(struct json *json, const char *name,
			 const struct iprep_finding *const *findings, size_t nfindings)
{
	json_put_array(json, name);
	for (size_t i = 0; i < nfindings; i++)
		put_finding(json, findings[i]);
	json_close_array(json);
}

static void put_known_block(struct json *json, const struct iprep_block *block)
{
	if (!block) {
		json_put_null(json, "block");
		return;
	}
	json_put_object(json, "block");
	json_put_text(json, "address", block->address);
	json_put_text(json, "tier", block->tier);
	json_put_int(json, "score", block->score);
	json_put_int(json, "since", block->since);
	json_put_time(json, "announced_at", block->announced_at);
	json_put_int(json, "blocked_until", block->until);
	json_put_text(json, "jail", block->jail);
	json_put_text(json, "sources", block->sources);
	json_put_text(json, "seen", block->seen);
	json_put_text(json, "exempt", block->exempt);
	put_findings(json, "evidence", block->evidence, block->nevidence);
	json_close_object(json);
}

static void put_known_report(struct json *json, const struct iprep_last_report *report)
{
	if (!report) {
		json_put_null(json, "report");
		return;
	}
	json_put_object(json, "report");
	json_put_text(json, "state", report->state);
	json_put_int(json, "first_at", report->first_at);
	json_put_time(json, "ended_at", report->ended_at);
	json_put_int(json, "failures", report->failures);
	json_put_text(json, "jail", report->jail);
	json_put_text(json, "why", report->why);
	json_close_object(json);
}

static void put_known_retraction(struct json *json, const struct iprep_known *known)
{
	static const char *const states[] = { "queued", "done", "refused" };
	const struct iprep_retraction *retraction = known->retraction;

	if (!retraction) {
		json_put_null(json, "retraction");
		return;
	}
	json_put_object(json, "retraction");
	json_put_text(json, "state", states[retraction->state]);
	json_put_int(json, "asked_at", known->retracted_at);
	json_put_int(json, "deleted", retraction->deleted);
	json_put_text(json, "why", retraction->why);
	json_close_object(json);
}

static void put_known_entry(struct json *json, const struct iprep_allowed *allowed)
{
	static const char *const kinds[] = { "network", "host", "spf" };

	if (!allowed) {
		json_put_null(json, "allowed");
		return;
	}
	json_put_object(json, "allowed");
	json_put_text(json, "entry", allowed->entry);
	json_put_text(json, "kind", kinds[allowed->kind]);
	json_put_text(json, "file", allowed->file);
	if (allowed->file)
		json_put_int(json, "line", allowed->line);
	else
		json_put_null(json, "line");
	json_put_time(json, "until", allowed->until);
	json_put_text(json, "why", allowed->why);
	json_close_object(json);
}

static void put_known(struct json *json, const struct iprep_known *known)
{
	char undo[BLOCK_LINK_MAX];

	json_put_bool(json, "state_read", known->has_state);
	put_known_entry(json, known->allowed);
	if (!known->has_state)
		return;
	put_known_block(json, known->block);
	put_known_report(json, known->report);
	put_known_retraction(json, known);
	json_put_time(json, "last_login_at", known->login_at);
	json_put_time(json, "pardoned_until", known->pardoned_until);
	json_put_time(json, "released_at", known->released_at);
	json_put_time(json, "lookup_since", known->lookup_since);
	put_findings(json, "feeds", known->feeds, known->nfeeds);
	json_put_text(json, "undo", known->block ? block_undo(known->block->address, undo) : NULL);
}

void check_put_result_json(const struct iprep_result *result, const struct iprep_known *known)
{
	struct json json;

	json_begin(&json, stdout);
	json_put_text(&json, "address", result->address);
	json_put_text(&json, "verdict", iprep_verdict_name(result->verdict));
	json_put_object(&json, "score");
	json_put_int(&json, "low", result->low);
	json_put_int(&json, "high", result->high);
	json_close_object(&json);
	json_put_text(&json, "tier", result->tier);
	if (result->exempt)
		json_put_text(&json, "exempt", result->exempt);
	if (result->block_tier) {
		json_put_int(&json, "blocked_until", result->blocked_until);
		json_put_text(&json, "blocked_tier", result->block_tier);
		json_put_text(&json, "seen", result->block_seen);
	} else {
		json_put_null(&json, "blocked_until");
	}
	if (result->login_at)
		json_put_int(&json, "login_at", result->login_at);
	put_findings(&json, "findings", result->findings, result->nfindings);
	if (known)
		put_known(&json, known);
	json_end(&json);
}

void check_put_block_json(const struct iprep_block *block)
{
	struct json json;

	json_begin(&json, stdout);
	json_put_text(&json, "address", block->address);
	json_put_text(&json, "tier", block->tier);
	json_put_int(&json, "score", block->score);
	json_put_int(&json, "since", block->since);
	json_put_int(&json, "announced_at", block->announced_at);
	json_put_int(&json, "blocked_until", block->until);
	json_put_text(&json, "jail", block->jail);
	json_put_text(&json, "sources", block->sources);
	json_put_text(&json, "seen", block->seen);
	json_put_text(&json, "exempt", block->exempt);
	put_findings(&json, "findings", block->findings, block->nfindings);
	put_findings(&json, "evidence", block->evidence, block->nevidence);
	json_end(&json);
}
