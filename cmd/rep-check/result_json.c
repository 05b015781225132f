/* SPDX-License-Identifier: MIT */
#include "rep-check/result_json.h"
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

static void put_findings(struct json *json, const struct iprep_finding *const *findings,
			 size_t nfindings)
{
	json_put_array(json, "findings");
	for (size_t i = 0; i < nfindings; i++)
		put_finding(json, findings[i]);
	json_close_array(json);
}

void check_put_result_json(const struct iprep_result *result)
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
	put_findings(&json, result->findings, result->nfindings);
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
	put_findings(&json, block->findings, block->nfindings);
	json_end(&json);
}
