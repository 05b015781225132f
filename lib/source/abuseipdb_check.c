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

#define CLOCKS_DIFFER_S 900 /* theirs may be ahead of ours; an hour would be a wrong zone */

/* What counts of the answer, each member of the type that the documentation gives it. */
struct check {
	int64_t score, last_at; /* last_at 0: never reported */
	int64_t reports, users; /* -1: not told */
	bool is_whitelisted, is_tor, is_shared, is_public;
};

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

/*
 * Shared by many people, so a long ban would hit the wrong ones. Documented as "Mobile ISP", seen
 * in other spellings and next to other types ("Fixed Line ISP/Mobile ISP"): the letters count.
 */
static bool is_mobile(const char *usage)
{
	static const char word[] = "mobile";
	size_t at = 0;

	for (; *usage && word[at]; usage++) {
		char letter = (char)(*usage | 0x20);

		if (letter < 'a' || letter > 'z')
			continue;
		if (letter == word[at])
			at++;
		else
			at = letter == word[0];
	}
	return !word[at];
}

/* ---- members: false: of another type, or out of range ---- */

static bool read_flag(const struct json *json, bool if_absent, bool *ret)
{
	*ret = if_absent;
	return json_is_absent(json) || json_bool(json, ret);
}

static bool read_count(const struct json *json, int64_t *ret)
{
	*ret = -1;
	return json_is_absent(json) || json_int(json, 0, INT32_MAX, ret);
}

static bool read_usage(const struct json *json, struct check *ret)
{
	const char *usage = json_text(json);

	ret->is_shared = usage && is_mobile(usage);
	return usage || json_is_absent(json);
}

static bool names_version(const struct json *json, const struct addr *addr)
{
	int64_t version;

	if (json_is_absent(json))
		return true;
	return json_int(json, 4, 6, &version) && version == (addr_is_v4(addr) ? 4 : 6);
}

/* NULL, or what is wrong. */
static const char *read_last(const struct json *json, int64_t now, int64_t *ret)
{
	const char *last = json_text(json);

	*ret = 0;
	if (json_is_absent(json))
		return NULL;
	if (!last || !time_parse(last, ret))
		return "bad lastReportedAt";
	if (*ret > now + CLOCKS_DIFFER_S)
		return "lastReportedAt is in the future; compare the clock of this host";
	return NULL;
}

/*
 * NULL, or why the answer is not understood. A veto or a cap that cannot be read might be one, and
 * an answer with errors is none (JSON:API, "Top Level": data and errors must not coexist).
 */
static const char *read_check(const struct json *root, const struct addr *addr, int64_t now,
			      struct check *ret)
{
	const struct json *data = json_member(root, "data");

	if (!root)
		return "no JSON";
	if (json_member(root, "errors"))
		return data ? "errors next to data" : "no data";
	if (!json_is_object(data))
		return "no data";
	if (json_is_absent(json_member(data, "ipAddress")))
		return "no ipAddress";
	if (!abuseipdb_names(data, addr) || !names_version(json_member(data, "ipVersion"), addr))
		return "ipAddress differs";
	if (!json_int(json_member(data, "abuseConfidenceScore"), 0, 100, &ret->score))
		return "no score from 0 to 100";
	if (!read_flag(json_member(data, "isWhitelisted"), false, &ret->is_whitelisted))
		return "isWhitelisted is neither true nor false";
	if (!read_flag(json_member(data, "isTor"), false, &ret->is_tor))
		return "isTor is neither true nor false";
	if (!read_flag(json_member(data, "isPublic"), true, &ret->is_public))
		return "isPublic is neither true nor false";
	if (!read_usage(json_member(data, "usageType"), ret))
		return "usageType is not a text";
	if (!read_count(json_member(data, "totalReports"), &ret->reports))
		return "totalReports is not a number in range";
	if (!read_count(json_member(data, "numDistinctUsers"), &ret->users))
		return "numDistinctUsers is not a number in range";
	return read_last(json_member(data, "lastReportedAt"), now, &ret->last_at);
}

/* ---- what it means ---- */

static uint8_t rule_of(const struct check *check)
{
	if (check->is_whitelisted)
		return RULE_VETO;
	if (check->is_tor || check->is_shared)
		return RULE_LOWEST_TIER;
	return RULE_NONE;
}

/*
 * Our own report makes an old score current: lastReportedAt is now. Unless another user reported
 * the address within max_age_days, the score is only our own report.
 */
static bool only_ours(const struct ask *ask, const struct check *check)
{
	return ask->task->reported && check->users < 2;
}

/* The time is absolute, since the text is stored and mailed. */
static void detail_of(const struct check *check, struct finding *finding)
{
	const char *last = ", none recent", *rule = "";
	char when[TIME_TEXT_MAX] = "", rest[80] = "";
	int64_t users = check->users < 0 ? 0 : check->users;

	if (check->reports >= 0)
		snprintf(rest, sizeof(rest), ", %lld report%s by %lld user%s",
			 (long long)check->reports, check->reports == 1 ? "" : "s",
			 (long long)users, users == 1 ? "" : "s");
	if (check->last_at) {
		last = ", last ";
		time_text(check->last_at, TIME_FOR_PEOPLE, when);
	}
	if (finding->rule == RULE_VETO)
		rule = ", whitelisted";
	else if (finding->rule)
		rule = ", shared or Tor";
	snprintf(finding->detail, sizeof(finding->detail), "confidence %lld%s%s%s%s",
		 (long long)check->score, rest, last, when, rule);
}

void abuseipdb_check_answer(const struct ask *ask, const struct http_answer *answer, int64_t now,
			    struct finding *ret)
{
	struct json *root = json_parse(answer->body, answer->body_len);
	int64_t max_age_s = (int64_t)ask->conf->max_age_days * 86400;
	struct finding finding = { .status = FINDING_OK };
	struct check check = { 0 };
	const char *wrong = read_check(root, &ask->task->addr, now, &check);

	json_free(root);
	if (wrong) {
		invalid_response(ret, wrong);
		return;
	}
	finding.rule = rule_of(&check);
	if (check.is_public && !only_ours(ask, &check) && check.last_at &&
	    now - check.last_at <= max_age_s)
		finding.points = abuseipdb_points(ask, check.score);
	finding.listed = finding.points > 0;
	finding.answered_at = now;
	finding.expires_at = now + ask->conf->api_cache_s;
	detail_of(&check, &finding);
	if (!check.is_public)
		text_put(finding.detail, sizeof(finding.detail), ", not a public address");
	if (only_ours(ask, &check))
		text_put(finding.detail, sizeof(finding.detail), ", reported only by us");
	*ret = finding;
}
