/* SPDX-License-Identifier: MIT */
/*
 * abuseipdb_check.c - what the answer to a check means (docs.abuseipdb.com, CHECK, and recorded
 * answers)
 *
 * The score is not limited to maxAgeInDays (score 11 with 0 reports was seen): what counts is
 * lastReportedAt.
 */
#include "source/abuseipdb_check.h"
#include "base/buf.h"
#include "base/json.h"
#include "base/time.h"
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Shared by many people, so a long ban would hit the wrong ones. Tor has a separate flag. */
static const char *const shared_usage[] = { "Mobile ISP" };

static void invalid_response(struct finding *finding, const char *what)
{
	*finding = (struct finding){ .status = FINDING_ERROR };
	snprintf(finding->detail, sizeof(finding->detail), "invalid response: %s", what);
}

int abuseipdb_points(const struct ask *ask, int64_t score)
{
	uint32_t value = (uint32_t)score;

	return points_points(&ask->source->points, &value, 1);
}

static uint8_t rule_of(const struct json *data)
{
	const char *usage = json_text(json_member(data, "usageType"));
	bool yes;

	if (json_bool(json_member(data, "isWhitelisted"), &yes) && yes)
		return RULE_VETO;
	if (json_bool(json_member(data, "isTor"), &yes) && yes)
		return RULE_LOWEST_TIER;
	for (size_t i = 0; usage && i < sizeof(shared_usage) / sizeof(shared_usage[0]); i++)
		if (!strcmp(usage, shared_usage[i]))
			return RULE_LOWEST_TIER;
	return RULE_NONE;
}

/*
 * Our own report makes an old score current: lastReportedAt is now. If no other user reported
 * the address within max_age_days, the score is only our own report.
 */
static bool only_ours(const struct ask *ask, const struct json *data)
{
	int64_t users;

	return ask->task->reported && json_int(json_member(data, "numDistinctUsers"), 0, 1, &users);
}

/* The time is absolute, since the text is stored and mailed. */
static void detail_of(const struct json *data, int64_t score, int64_t last_at,
		      struct finding *finding)
{
	int64_t reports = -1, users = -1;
	const char *last = ", none recent", *rule = "";
	char when[TIME_TEXT_MAX] = "", rest[80] = "";

	json_int(json_member(data, "totalReports"), 0, INT32_MAX, &reports);
	json_int(json_member(data, "numDistinctUsers"), 0, INT32_MAX, &users);
	if (reports >= 0)
		snprintf(rest, sizeof(rest), ", %lld report%s by %lld user%s", (long long)reports,
			 reports == 1 ? "" : "s", (long long)(users < 0 ? 0 : users),
			 users == 1 ? "" : "s");
	if (last_at) {
		last = ", last ";
		time_text(last_at, TIME_FOR_PEOPLE, when);
	}
	if (finding->rule == RULE_VETO)
		rule = ", whitelisted";
	else if (finding->rule)
		rule = ", shared or Tor";
	snprintf(finding->detail, sizeof(finding->detail), "confidence %lld%s%s%s%s",
		 (long long)score, rest, last, when, rule);
}

void abuseipdb_check_answer(const struct ask *ask, const struct http_answer *answer, int64_t now,
			    struct finding *ret)
{
	struct json *root = json_parse(answer->body, answer->body_len);
	const struct json *data = json_member(root, "data");
	const char *ip = json_text(json_member(data, "ipAddress"));
	const char *last = json_text(json_member(data, "lastReportedAt"));
	struct finding finding = { .status = FINDING_OK };
	struct addr said;
	int64_t score, last_at = 0;
	bool is_public = true;

	if (!data) {
		invalid_response(ret, root ? "no data" : "no JSON");
		goto out;
	}
	if (ip && (!addr_parse(ip, &said) || !addr_equal(&said, &ask->task->addr))) {
		invalid_response(ret, "ipAddress differs");
		goto out;
	}
	if (!json_int(json_member(data, "abuseConfidenceScore"), 0, 100, &score)) {
		invalid_response(ret, "no score from 0 to 100");
		goto out;
	}
	json_bool(json_member(data, "isPublic"), &is_public);
	if (last && !time_parse(last, &last_at)) {
		invalid_response(ret, "bad lastReportedAt");
		goto out;
	}
	finding.rule = rule_of(data);
	if (is_public && !only_ours(ask, data) && last_at &&
	    now - last_at <= (int64_t)ask->conf->max_age_days * 86400)
		finding.points = abuseipdb_points(ask, score);
	finding.listed = finding.points > 0;
	finding.answered_at = now;
	finding.expires_at = now + ask->conf->api_cache_s;
	detail_of(data, score, last_at, &finding);
	if (only_ours(ask, data))
		text_put(finding.detail, sizeof(finding.detail), ", reported only by us");
	*ret = finding;
out:
	json_free(root);
}
