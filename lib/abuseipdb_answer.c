/* SPDX-License-Identifier: MIT */
/*
 * abuseipdb_answer.c - facts: docs.abuseipdb.com (APIv2), and answers recorded by its clients
 *
 * The score is not limited to maxAgeInDays (score 11 with 0 reports was seen): what counts is
 * lastReportedAt. A duplicate within 15 minutes comes as 403, 422 or 429 with several wordings.
 */
#include "abuseipdb_answer.h"
#include "buf.h"
#include "json.h"
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

/* Shared by many people: a long ban hits the wrong ones. Tor comes as a flag of its own. */
static const char *const shared_usage[] = { "Mobile ISP" };

static int64_t next_midnight(int64_t now)
{
	return (now / 86400 + 1) * 86400;
}

/* ISO 8601 with an offset: "2026-11-23T09:51:10+00:00". 0: not understood. */
static int64_t iso_time(const char *text)
{
	struct tm tm = { 0 };
	const char *p = text ? strptime(text, "%Y-%m-%dT%H:%M:%S", &tm) : NULL;
	int64_t offset_s = 0, h, m;
	char hh[3] = "", mm[3] = "";

	if (!p)
		return 0;
	if (*p == '+' || *p == '-') {
		snprintf(hh, sizeof(hh), "%s", p + 1);
		snprintf(mm, sizeof(mm), "%s", strlen(p) > 4 ? p + 4 : "");
		if (!int_parse(hh, 0, 14, &h) || !int_parse(mm, 0, 59, &m))
			return 0;
		offset_s = (h * 3600 + m * 60) * (*p == '-' ? -1 : 1);
	}
	return (int64_t)timegm(&tm) - offset_s;
}

static void ago(int64_t s, char dst[24])
{
	if (s < 3600)
		snprintf(dst, 24, "%lldm ago", (long long)(s < 0 ? 0 : s / 60));
	else if (s < 2 * 86400)
		snprintf(dst, 24, "%lldh ago", (long long)(s / 3600));
	else
		snprintf(dst, 24, "%lldd ago", (long long)(s / 86400));
}

static void not_understood(struct finding *f, const char *what)
{
	*f = (struct finding){ .status = FINDING_ERROR };
	snprintf(f->detail, sizeof(f->detail), "answer not understood: %s", what);
}

static int points_of(const struct ask *a, int64_t score)
{
	uint32_t value = (uint32_t)score;

	return pattern_points(&a->source->points, &value, 1);
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
 * Our own report makes an old score current: lastReportedAt is now. Where nobody else reported the
 * address within max_age_days, what we would read is ourselves.
 */
static bool only_ours(const struct ask *a, const struct json *data)
{
	int64_t users;

	return a->task->reported && json_int(json_member(data, "numDistinctUsers"), 0, 1, &users);
}

static void detail_of(const struct json *data, int64_t score, int64_t last_at, int64_t now,
		      struct finding *f)
{
	int64_t reports = -1, users = -1;
	char when[24], rest[80] = "";

	json_int(json_member(data, "totalReports"), 0, INT32_MAX, &reports);
	json_int(json_member(data, "numDistinctUsers"), 0, INT32_MAX, &users);
	if (reports >= 0)
		snprintf(rest, sizeof(rest), ", %lld reports by %lld users", (long long)reports,
			 (long long)(users < 0 ? 0 : users));
	ago(now - last_at, when);
	snprintf(f->detail, sizeof(f->detail), "confidence %lld%s%s%s%s", (long long)score, rest,
		 last_at ? ", last " : ", none recent", last_at ? when : "",
		 f->rule == RULE_VETO ? ", whitelisted" : f->rule ? ", shared or Tor" : "");
}

void abuseipdb_check_answer(const struct ask *a, const struct http_answer *h, int64_t now,
			    struct finding *ret)
{
	struct json *root = json_parse(h->body, h->body_len);
	const struct json *data = json_member(root, "data");
	const char *ip = json_text(json_member(data, "ipAddress"));
	const char *last = json_text(json_member(data, "lastReportedAt"));
	struct finding f = { .status = FINDING_OK };
	struct addr said;
	int64_t score, last_at;
	bool is_public = true;

	if (!data) {
		not_understood(ret, root ? "no data" : "no JSON");
		goto out;
	}
	if (ip && (!addr_parse(ip, &said) || memcmp(said.b, a->task->addr.b, 16))) {
		not_understood(ret, "it is about another address");
		goto out;
	}
	if (!json_int(json_member(data, "abuseConfidenceScore"), 0, 100, &score)) {
		not_understood(ret, "no score from 0 to 100");
		goto out;
	}
	json_bool(json_member(data, "isPublic"), &is_public);
	last_at = iso_time(last);
	if (last && !last_at) {
		not_understood(ret, "when it was last reported");
		goto out;
	}
	f.rule = rule_of(data);
	if (is_public && !only_ours(a, data) && last_at && now - last_at <= (int64_t)a->conf->max_age_days * 86400)
		f.points = points_of(a, score);
	f.listed = f.points > 0;
	f.answered_at = now;
	f.expires_at = now + a->conf->api_cache_s;
	detail_of(data, score, last_at, now, &f);
	if (only_ours(a, data))
		text_put(f.detail, sizeof(f.detail), ", reported by nobody but us");
	*ret = f;
out:
	json_free(root);
}

/* ---- reports ---- */

static bool is_duplicate(const char *body, const struct json *error)
{
	const struct json *source = json_member(error, "source");
	const char *parameter = json_text(json_member(source, "parameter"));
	const char *detail = json_text(json_member(error, "detail"));

	if (strstr(body, "15 minutes"))
		return true;
	/* "ip" is also what a 422 names when the address itself is refused */
	return parameter && !strcmp(parameter, "ip") && !(detail && strstr(detail, "must be a valid"));
}

static void score_of(const struct ask *a, const struct json *root, int64_t now, struct finding *f)
{
	int64_t score;

	if (!json_int(json_member(json_member(root, "data"), "abuseConfidenceScore"), 0, 100, &score))
		return;
	*f = (struct finding){ .status = FINDING_OK, .partial = a->conf->check != CHECK_NEVER,
			       .points = points_of(a, score), .answered_at = now,
			       .expires_at = now + a->conf->api_cache_s };
	f->listed = f->points > 0;
	snprintf(f->detail, sizeof(f->detail), "confidence %lld, in the answer to our report",
		 (long long)score);
}

static void outcome_of(const struct http_answer *h, const char *body, const struct json *root,
		       struct task *t)
{
	const struct json *error = json_item(json_member(root, "errors"), 0);
	const char *detail;
	char masked[100];

	if (!error)                        /* once seen without its wrapper */
		error = root;
	detail = json_text(json_member(error, "detail"));
	if (h->code == 200 && json_member(root, "data"))
		t->outcome = OUT_DONE;
	else if ((h->code == 403 || h->code == 422 || h->code == 429) && is_duplicate(body, error))
		t->outcome = OUT_DUPLICATE;
	else if (h->code == 402 || h->code == 422)
		t->outcome = OUT_PARKED;
	else
		t->outcome = OUT_LATER;
	if (t->outcome == OUT_PARKED || t->outcome == OUT_LATER)
		snprintf(t->why, sizeof(t->why), "HTTP %d%s%s", h->code, detail ? ": " : "",
			 detail ? text_mask(masked, sizeof(masked), detail, strlen(detail)) : "");
	if (h->retry_after_s > 0 && h->retry_after_s <= 86400)
		t->retry_after_s = h->retry_after_s;
}

void abuseipdb_report_answer(const struct ask *a, const struct http_answer *h, int64_t now,
			     struct task *t, struct finding *ret)
{
	struct buf body;
	struct json *root;

	buf_init(&body, 1 << 20);
	buf_add(&body, h->body, h->body_len);
	root = body.failed ? NULL : json_parse(body.text, body.len);
	outcome_of(h, body.text ? body.text : "", root, t);
	if (t->outcome == OUT_DONE)
		score_of(a, root, now, ret);
	json_free(root);
	buf_free(&body);
}

void abuseipdb_quota(const struct http_answer *h, int64_t now, struct quota_seen *ret)
{
	bool names_dup = h->body_len && memmem(h->body, h->body_len, "15 minutes", 10);
	bool used_up = h->code == 429 && !names_dup &&
		       (h->retry_after_s >= 0 || h->reset_at > 0 ||
			(h->body_len && memmem(h->body, h->body_len, "rate limit", 10)));

	*ret = (struct quota_seen){ .seen = h->status == NET_OK, .limit = h->limit,
				    .remaining = h->remaining };
	if (h->code == 401)
		ret->auth_failed = true;
	if (used_up) {
		int64_t latest = now + 2 * 86400;  /* more than that is no daily quota's */

		ret->stopped_until = h->retry_after_s > 0 && h->retry_after_s <= latest - now
				   ? now + h->retry_after_s
				   : h->reset_at > now && h->reset_at <= latest ? h->reset_at
				   : next_midnight(now);
	}
	if (h->status == NET_OK && h->code != 200 && !names_dup)
		snprintf(ret->error, sizeof(ret->error), "HTTP %d", h->code);
}
