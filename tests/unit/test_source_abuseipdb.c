/* SPDX-License-Identifier: MIT */
/* test_source_abuseipdb.c - what the API is asked, and what its answers mean, odd ones above all */
#include "source/abuseipdb_check.h"
#include "conf/categories.h"
#include "reputation/engine.h"
#include "fake_net.h"
#include "unit.h"

#define KEY	 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define NOW	 1795426190 /* 2026-11-23T09:29:50Z */
#define MIDNIGHT 1795478400
static struct conf *conf;
static struct task task;
static struct finding finding;
static bool fed;

static int set_up(void **state)
{
	(void)state;
	assert_int_equal(conf_new(&conf), 0);
	return conf_enable_abuseipdb(conf);
}

static int tear_down(void **state)
{
	(void)state;
	conf = conf_free(conf);
	return 0;
}

FIXTURE(set_up, tear_down);

static int64_t fixed_now(void *user)
{
	(void)user;
	return NOW;
}

static enum feed_state next(void *user, struct task **ret, int *ret_wait_ms)
{
	(void)user;
	(void)ret_wait_ms;
	if (fed)
		return FEED_END;
	fed = true;
	*ret = &task;
	return FEED_TASK;
}

static source_set settled(void *user, struct task *t)
{
	(void)user;
	(void)t;
	return 0;
}

/* One task, one answer; match NULL: the call is not expected to fit anything. */
static void call(enum task_kind kind, const char *ip, const char *match,
		 const struct http_answer *h, int delay_ms)
{
	struct session session = {
		.conf = conf, .secret = KEY, .ops = &fake_net, .clock = { .now_s = fixed_now }
	};
	struct feed feed = { .window_max = 1, .task_ms = 2000, .next = next, .settled = settled };
	struct fake_answer script[] = { { match, { .status = NET_BROKEN }, *h, delay_ms },
					{ .match = NULL } };

	finding = (struct finding){ 0 };
	task = (struct task){ .kind = kind, .findings = &finding, .ask = 1, .body = "ip=1" };
	assert_true(addr_parse(ip, &task.addr));
	fed = false;
	fake_net_script(script);
	assert_int_equal(engine_run(&session, &feed), 0);
}

#define ANSWER(c, text)                                                                      \
	{                                                                                    \
		.status = NET_OK, .code = (c), .limit = -1, .remaining = -1, .reset_at = -1, \
		.retry_after_s = -1, .body = (text), .sent = true                            \
	}

static void check(const char *body)
{
	struct http_answer h = ANSWER(200, body);

	call(TASK_LOOKUP, "45.1.0.7", "/check?", &h, 0);
}

/* ---- what is asked ---- */

TEST(the_address_is_encoded_and_the_key_is_in_its_header_only)
{
	static const struct {
		const char *ip, *asks;
	} rows[] = {
		{ "45.1.0.7",
		  "GET https://api.abuseipdb.com/api/v2/check?ipAddress=45.1.0.7&maxAgeInDays=30 " },
		{ "::ffff:45.1.0.7",
		  "GET https://api.abuseipdb.com/api/v2/check?ipAddress=45.1.0.7&maxAgeInDays=30 " },
		{ "2a02:4780::1",
		  "GET https://api.abuseipdb.com/api/v2/check?ipAddress=2a02%3A4780%3A%3A1&maxAgeInDays=30 " },
	};
	struct http_answer h = ANSWER(500, "");

	for (size_t i = 0; i < COUNT(rows); i++) {
		call(TASK_LOOKUP, rows[i].ip, "/check?", &h, 0);
		assert_string_equal(fake_net_last(), rows[i].asks);
		assert_string_equal(fake_net_headers(), "Key: " KEY "\nAccept: application/json\n");
		assert_null(strstr(finding.detail, KEY));
	}
}

TEST(a_report_is_posted_as_it_was_frozen)
{
	struct http_answer h =
		ANSWER(200, "{\"data\":{\"ipAddress\":\"45.1.0.7\",\"abuseConfidenceScore\":1}}");

	call(TASK_REPORT, "45.1.0.7", "/report", &h, 0);
	assert_string_equal(fake_net_last(), "POST https://api.abuseipdb.com/api/v2/report ip=1");
	assert_string_equal(fake_net_headers(),
			    "Key: " KEY "\nAccept: application/json\n"
			    "Content-Type: application/x-www-form-urlencoded\n");
	assert_int_equal(task.outcome, OUT_DONE);
}

/* ---- check ---- */

#define DATA(x)	 "{\"data\":{\"ipAddress\":\"45.1.0.7\"," x "}}"
#define RECENT	 "\"lastReportedAt\":\"2026-11-22T10:00:00+00:00\""
#define SCORE(n) "\"abuseConfidenceScore\":" #n

struct check_row {
	const char *body;
	int status, points, rule;
	const char *detail;
};

static void checks_are_read_as(const struct check_row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct check_row *r = &rows[i];

		check(r->body);
		if (finding.status != r->status || finding.points != r->points ||
		    finding.rule != r->rule || (r->detail && !strstr(finding.detail, r->detail)))
			fail_msg("%s: status %d, points %d, rule %d: %s", r->body, finding.status,
				 finding.points, finding.rule, finding.detail);
		assert_int_equal(finding.listed, r->points > 0);
		assert_int_equal(finding.expires_at,
				 r->status == FINDING_OK ? NOW + conf->api_cache_s : 0);
		assert_false(finding.partial);
	}
}
#define CHECK(rows) checks_are_read_as(rows, COUNT(rows))

TEST(scores_give_their_points_and_flags_their_rule)
{
	static const struct check_row rows[] = {
		{ DATA(SCORE(0) "," RECENT), FINDING_OK, 0, RULE_NONE, "confidence 0" },
		{ DATA(SCORE(89) "," RECENT), FINDING_OK, 0, RULE_NONE, NULL },
		{ DATA(SCORE(90) "," RECENT), FINDING_OK, 3, RULE_NONE, NULL },
		{ DATA(SCORE(99) "," RECENT), FINDING_OK, 3, RULE_NONE, NULL },
		{ DATA(SCORE(100) "," RECENT), FINDING_OK, 10, RULE_NONE,
		  "last 2026-11-22 10:00 UTC" },
		{ DATA(SCORE(100) ",\"totalReports\":7,\"numDistinctUsers\":3," RECENT), FINDING_OK,
		  10, RULE_NONE, "7 reports by 3 users" },
		{ DATA(SCORE(100) ",\"totalReports\":7,\"numDistinctUsers\":null," RECENT),
		  FINDING_OK, 10, RULE_NONE, "7 reports by 0 users" },
		{ DATA(SCORE(100) ",\"isWhitelisted\":true," RECENT), FINDING_OK, 10, RULE_VETO,
		  "whitelisted" },
		{ DATA(SCORE(100) ",\"isWhitelisted\":true,\"isTor\":true," RECENT), FINDING_OK, 10,
		  RULE_VETO, NULL },
		{ DATA(SCORE(0) ",\"isWhitelisted\":true"), FINDING_OK, 0, RULE_VETO, NULL },
		{ DATA(SCORE(100) ",\"isTor\":true," RECENT), FINDING_OK, 10, RULE_LOWEST_TIER,
		  "Tor" },
		{ DATA(SCORE(100) ",\"usageType\":\"Mobile ISP\"," RECENT), FINDING_OK, 10,
		  RULE_LOWEST_TIER, NULL },
		{ DATA(SCORE(100) ",\"usageType\":\"Data Center/Web Hosting/Transit\"," RECENT),
		  FINDING_OK, 10, RULE_NONE, NULL },
		{ DATA(SCORE(100) ",\"isPublic\":false," RECENT), FINDING_OK, 0, RULE_NONE, NULL },
		{ "{\"data\":{\"ipAddress\":\"::ffff:45.1.0.7\"," SCORE(100) "," RECENT "}}",
		  FINDING_OK, 10, RULE_NONE, NULL },
	};

	CHECK(rows);
}

TEST(absent_null_and_mistyped_members_are_not_guessed)
{
	static const struct check_row rows[] = {
		{ DATA(SCORE(
			  100) ",\"isWhitelisted\":null,\"isTor\":null,\"usageType\":null,\"isPublic\":null," RECENT),
		  FINDING_OK, 10, RULE_NONE, NULL },
		{ DATA(SCORE(100) ",\"countryCode\":7,\"domain\":{},\"isp\":[]," RECENT),
		  FINDING_OK, 10, RULE_NONE, NULL }, /* nothing depends on these */
		{ DATA(SCORE(100) ",\"usageType\":7," RECENT), FINDING_ERROR, 0, 0, "usageType" },
		{ DATA(SCORE(100) ",\"totalReports\":\"9\"," RECENT), FINDING_ERROR, 0, 0,
		  "totalReports" },
		{ "{\"data\":{" SCORE(100) "," RECENT "}}", FINDING_ERROR, 0, 0, "no ipAddress" },
		{ DATA(RECENT), FINDING_ERROR, 0, 0, "no score" },
		{ DATA(SCORE(null) "," RECENT), FINDING_ERROR, 0, 0, "no score" },
		{ DATA(SCORE("100") "," RECENT), FINDING_ERROR, 0, 0, "no score" },
		{ DATA(SCORE(true) "," RECENT), FINDING_ERROR, 0, 0, "no score" },
		{ DATA(SCORE([100]) "," RECENT), FINDING_ERROR, 0, 0, "no score" },
		{ DATA(SCORE(-1) "," RECENT), FINDING_ERROR, 0, 0, "no score" },
		{ DATA(SCORE(101) "," RECENT), FINDING_ERROR, 0, 0, "no score" },
		{ DATA(SCORE(99.5) "," RECENT), FINDING_ERROR, 0, 0, "no score" },
		{ DATA(SCORE(1e99) "," RECENT), FINDING_ERROR, 0, 0, "no score" },
		{ DATA(SCORE(0) "," SCORE(100) "," RECENT), FINDING_ERROR, 0, 0, "no JSON" },
		{ "{\"data\":null}", FINDING_ERROR, 0, 0, NULL },
		{ "{\"data\":[]}", FINDING_ERROR, 0, 0, NULL },
		{ "{\"data\":\"x\"}", FINDING_ERROR, 0, 0, NULL },
		{ "{\"errors\":[{\"detail\":\"x\"}]}", FINDING_ERROR, 0, 0, "no data" },
		{ "{}", FINDING_ERROR, 0, 0, "no data" },
		{ "[]", FINDING_ERROR, 0, 0, NULL },
		{ "null", FINDING_ERROR, 0, 0, NULL },
		{ "", FINDING_ERROR, 0, 0, "no JSON" },
		{ "<!DOCTYPE html><title>Just a moment...</title>", FINDING_ERROR, 0, 0,
		  "no JSON" },
		{ DATA(SCORE(0)) "x", FINDING_ERROR, 0, 0, "no JSON" },
	};

	CHECK(rows);
}

TEST(an_answer_about_another_address_is_an_error)
{
	static const struct check_row rows[] = {
		{ "{\"data\":{\"ipAddress\":\"45.1.0.8\"," SCORE(100) "," RECENT "}}",
		  FINDING_ERROR, 0, 0, "ipAddress differs" },
		{ "{\"data\":{\"ipAddress\":\"45.1.0.8\"," SCORE(0) "," RECENT "}}", FINDING_ERROR,
		  0, 0, "ipAddress differs" },
		{ "{\"data\":{\"ipAddress\":\"2a02::1\"," SCORE(100) "," RECENT "}}", FINDING_ERROR,
		  0, 0, "ipAddress differs" },
		{ "{\"data\":{\"ipAddress\":\"\"," SCORE(100) "," RECENT "}}", FINDING_ERROR, 0, 0,
		  "ipAddress differs" },
		{ "{\"data\":{\"ipAddress\":\"45.1.0.7 \"," SCORE(100) "," RECENT "}}",
		  FINDING_ERROR, 0, 0, "ipAddress differs" },
	};

	CHECK(rows);
}

#define AT(t) DATA(SCORE(100) ",\"lastReportedAt\":\"" t "\"")
TEST(what_counts_is_when_it_was_last_reported)
{
	static const struct check_row rows[] = {
		{ AT("2026-10-24T09:29:50+00:00"), FINDING_OK, 10, 0, "last 2026-10-24 09:29 UTC" },
		{ AT("2026-10-24T09:29:49+00:00"), FINDING_OK, 0, 0, "last 2026-10-24 09:29 UTC" },
		{ AT("2026-10-24T10:29:50+01:00"), FINDING_OK, 10, 0, NULL },
		{ AT("2026-10-24T10:29:49+01:00"), FINDING_OK, 0, 0, NULL },
		{ AT("2026-10-24T03:59:50-05:30"), FINDING_OK, 10, 0, NULL },
		{ AT("2026-10-24T03:59:49-05:30"), FINDING_OK, 0, 0, NULL },
		{ AT("2026-11-23T09:29:50Z"), FINDING_OK, 10, 0, "last 2026-11-23 09:29 UTC" },
		{ AT("2026-11-23T09:44:50+00:00"), FINDING_OK, 10, 0,
		  "last 2026-11-23 09:44 UTC" }, /* their clock is ahead */
		{ AT("2026-11-23T09:44:51+00:00"), FINDING_ERROR, 0, 0, "in the future" },
		{ AT("2024-12-30T08:00:00+00:00"), FINDING_OK, 0, 0, NULL },
		{ DATA(SCORE(
			  11) ",\"totalReports\":0,\"lastReportedAt\":\"2024-12-30T08:00:00+00:00\""),
		  FINDING_OK, 0, 0, "confidence 11, 0 reports" },
		{ DATA(SCORE(100) ",\"totalReports\":0," RECENT), FINDING_OK, 10, 0, NULL },
		{ DATA(SCORE(100) ",\"totalReports\":5,\"lastReportedAt\":null"), FINDING_OK, 0, 0,
		  "none recent" },
		{ DATA(SCORE(100)), FINDING_OK, 0, 0, "none recent" },
		{ AT(""), FINDING_ERROR, 0, 0, "invalid response" },
		{ AT("yesterday"), FINDING_ERROR, 0, 0, "invalid response" },
		{ AT("2026-13-40T00:00:00+00:00"), FINDING_ERROR, 0, 0, "invalid response" },
		{ AT("2026-11-22T10:00:00+xx:00"), FINDING_ERROR, 0, 0, "invalid response" },
		{ AT("2026-11-22T10:00:00+"), FINDING_ERROR, 0, 0, "invalid response" },
	};

	CHECK(rows);
	conf->max_age_days = 365;
	check(AT("2025-11-24T00:00:00+00:00"));
	assert_int_equal(finding.points, 10);
	assert_non_null(strstr(fake_net_last(), "maxAgeInDays=365"));
}

TEST(a_check_cut_anywhere_or_with_any_byte_changed_is_survived)
{
	static const char whole[] =
		"{\"data\":{\"ipAddress\":\"45.1.0.7\",\"isPublic\":true,\"isWhitelisted\":null," SCORE(
			100) ",\"usageType\":null,\"isTor\":false,\"totalReports\":9," RECENT "}}";
	struct ask a = { .conf = conf, .source = &conf->sources[0], .task = &task };

	assert_true(addr_parse("45.1.0.7", &task.addr));
	for (size_t len = 0; len < sizeof(whole); len++) {
		char *body = malloc(len ? len : 1);
		struct http_answer h = ANSWER(200, body);

		assert_non_null(body);
		memcpy(body, whole, len);
		h.body_len = len;
		abuseipdb_check_answer(&a, &h, NOW, &finding);
		assert_int_equal(finding.status,
				 len == sizeof(whole) - 1 ? FINDING_OK : FINDING_ERROR);
		for (size_t at = 0; len == sizeof(whole) - 1 && at < len; at++) {
			for (int c = 0; c < 256; c++) {
				body[at] = (char)c;
				abuseipdb_check_answer(&a, &h, NOW, &finding);
				assert_true(finding.status == FINDING_OK ||
					    finding.status == FINDING_ERROR);
				assert_true(finding.status == FINDING_OK || !finding.points);
				for (const char *p = finding.detail; *p; p++)
					assert_true(*p >= ' ' && *p <= '~');
			}
			body[at] = whole[at];
		}
		free(body);
	}
}

TEST(a_check_without_an_answer_says_why)
{
	static const struct {
		struct http_answer h;
		int status;
		const char *detail;
	} rows[] = {
		{ ANSWER(401, "{}"), FINDING_DENIED, "401" },
		{ ANSWER(429,
			 "{\"errors\":[{\"detail\":\"Daily rate limit of 1000 requests exceeded\"}]}"),
		  FINDING_DENIED, "quota" },
		{ ANSWER(429, "<html>"), FINDING_ERROR, "HTTP 429" },
		{ ANSWER(402, "{}"), FINDING_ERROR, "HTTP 402" },
		{ ANSWER(403, "<html>"), FINDING_ERROR, "HTTP 403" },
		{ ANSWER(422, "{}"), FINDING_ERROR, "HTTP 422" },
		{ ANSWER(404, "{}"), FINDING_ERROR, "HTTP 404" },
		{ ANSWER(500, ""), FINDING_ERROR, "HTTP 500" },
		{ ANSWER(521, "<html>"), FINDING_ERROR, "HTTP 521" },
		{ ANSWER(301, ""), FINDING_ERROR, "HTTP 301" },
		{ ANSWER(204, ""), FINDING_ERROR, "HTTP 204" },
		{ { .status = NET_BROKEN, .why = "TLS: bad certificate" },
		  FINDING_ERROR,
		  "TLS: bad certificate" },
		{ { .status = NET_REFUSED }, FINDING_ERROR, "REFUSED" },
		{ { .status = NET_TIMEOUT }, FINDING_TIMEOUT, "timeout" },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		call(TASK_LOOKUP, "45.1.0.7", "/check?", &rows[i].h, 0);
		if (finding.status != rows[i].status || !strstr(finding.detail, rows[i].detail))
			fail_msg("%zu: status %d: %s", i, finding.status, finding.detail);
		assert_int_equal(finding.expires_at, 0);
		assert_int_equal(finding.points, 0);
		assert_true(*task.quota.error);
		assert_int_equal(task.quota.seen, rows[i].h.status == NET_OK);
	}
	call(TASK_LOOKUP, "45.1.0.7", "/check?", &rows[0].h, NEVER);
	assert_int_equal(finding.status, FINDING_TIMEOUT);
}

/* ---- reports ---- */

#define ERRORS(detail, source) "{\"errors\":[{\"detail\":\"" detail "\",\"status\":429" source "}]}"
#define BY_IP		       ",\"source\":{\"parameter\":\"ip\"}"
#define ONCE		       "You can only report the same IP address (`45.1.0.7`) once in 15 minutes."
#define USED_UP \
	"Daily rate limit of 1000 requests exceeded for this endpoint. See headers for additional details."

TEST(answers_to_a_report_have_their_right_outcome)
{
	static const struct {
		int code;
		const char *body;
		int outcome;
		bool stops;
		const char *why;
	} rows[] = {
		{ 200, "{\"data\":{\"ipAddress\":\"45.1.0.7\",\"abuseConfidenceScore\":52}}",
		  OUT_DONE, 0, "" },
		{ 200, "{\"data\":{}}", OUT_LATER, 0, "HTTP 200" },
		{ 200, "{\"data\":null}", OUT_LATER, 0, "HTTP 200" },
		{ 200, "{\"data\":{\"ipAddress\":\"45.1.0.8\",\"abuseConfidenceScore\":52}}",
		  OUT_LATER, 0, "HTTP 200" },
		{ 403, ERRORS(ONCE, BY_IP), OUT_DUPLICATE, 0, "" },
		{ 422, ERRORS(ONCE, BY_IP), OUT_DUPLICATE, 0, "" },
		{ 429, ERRORS(ONCE, BY_IP), OUT_DUPLICATE, 0, "" },
		{ 403, ERRORS(ONCE, ""), OUT_DUPLICATE, 0, "" },
		{ 422, ERRORS(ONCE, ""), OUT_DUPLICATE, 0, "" },
		{ 429, ERRORS(ONCE, ""), OUT_DUPLICATE, 0, "" },
		{ 429,
		  ERRORS("You have reported this address before.",
			 ",\"source\":{\"parameter\":\"ip\",\"value\":\"45.1.0.7\"}"),
		  OUT_DUPLICATE, 0, "" },
		{ 429, "{\"detail\":\"" ONCE "\",\"status\":429" BY_IP "}", OUT_DUPLICATE, 0, "" },
		{ 429, "{\"detail\":\"again\",\"source\":{\"parameter\":\"ip\"}}", OUT_DUPLICATE, 0,
		  "" },
		{ 403, "{\"detail\":\"again\",\"source\":{\"parameter\":\"ip\"}}", OUT_PARKED, 0,
		  "HTTP 403: again" },
		{ 422, ERRORS("The ip address is whitelisted and cannot be reported.", BY_IP),
		  OUT_PARKED, 0, "HTTP 422: The ip address is whitelisted" },
		{ 422,
		  ERRORS("The ip address must be a valid IPv4 or IPv6 address (e.g. 8.8.8.8).",
			 BY_IP),
		  OUT_PARKED, 0, "must be a valid" },
		{ 422,
		  "{\"detail\":\"The ip address must be a valid IPv4 or IPv6 address\"" BY_IP "}",
		  OUT_PARKED, 0, "must be a valid" },
		{ 422,
		  ERRORS("The categories field is required.",
			 ",\"source\":{\"parameter\":\"categories\"}"),
		  OUT_PARKED, 0, "HTTP 422: The categories" },
		{ 422, "<html>", OUT_PARKED, 0, "HTTP 422" },
		{ 402, ERRORS("plan", ""), OUT_PARKED, 0, "HTTP 402: plan" },
		{ 429, ERRORS(USED_UP, ""), OUT_LATER, 1, "Daily rate limit" },
		{ 429, "<html>", OUT_LATER, 0, "HTTP 429" },
		{ 401, ERRORS("Authentication failed.", ""), OUT_LATER, 0, "HTTP 401: Auth" },
		{ 401, ERRORS(ONCE, BY_IP), OUT_LATER, 0, "HTTP 401" },
		{ 403, "<html>challenge</html>", OUT_LATER, 0, "HTTP 403" },
		{ 404, "{\"message\":\"Not Found\"}", OUT_LATER, 0, "HTTP 404" },
		{ 500, "", OUT_LATER, 0, "HTTP 500" },
		{ 502, "<html>", OUT_LATER, 0, "HTTP 502" },
		{ 503, ERRORS(ONCE, BY_IP), OUT_LATER, 0, "HTTP 503" },
		{ 521, "<html>", OUT_LATER, 0, "HTTP 521" },
		{ 200, "<html>", OUT_LATER, 0, "HTTP 200" },
		{ 200, "", OUT_LATER, 0, "HTTP 200" },
		{ 200, "{\"data\":", OUT_LATER, 0, "HTTP 200" },
		{ 200, "{}", OUT_LATER, 0, "HTTP 200" },
		{ 204, "", OUT_LATER, 0, "HTTP 204" },
		{ 302, "", OUT_LATER, 0, "HTTP 302" },
		{ 500, "{\"errors\":[{\"detail\":\"a\\nb\\u001b\"}]}", OUT_LATER, 0,
		  "HTTP 500: a?b?" },
		{ 500, "{\"errors\":[{\"detail\":7}]}", OUT_LATER, 0, "HTTP 500" },
		{ 500, "{\"errors\":{}}", OUT_LATER, 0, "HTTP 500" },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct http_answer h = ANSWER(rows[i].code, rows[i].body);

		call(TASK_REPORT, "45.1.0.7", "/report", &h, 0);
		if ((int)task.outcome != rows[i].outcome ||
		    (task.quota.stopped_until != 0) != rows[i].stops ||
		    !strstr(task.why, rows[i].why) || (!*rows[i].why && *task.why))
			fail_msg("%d %s: outcome %d, stopped %lld: %s", rows[i].code, rows[i].body,
				 task.outcome, (long long)task.quota.stopped_until, task.why);
		assert_int_equal(task.quota.auth_failed, rows[i].code == 401);
		assert_int_equal(finding.status, i ? FINDING_NONE : FINDING_OK);
	}
}

TEST(a_report_without_an_answer_is_tried_again)
{
	static const enum net_status all[] = { NET_TIMEOUT, NET_REFUSED, NET_SERVFAIL, NET_NXDOMAIN,
					       NET_BROKEN };

	for (size_t i = 0; i < 5; i++) {
		struct http_answer h = { .status = all[i], .sent = i & 1 };

		call(TASK_REPORT, "45.1.0.7", "/report", &h, 0);
		assert_int_equal(task.outcome, OUT_LATER);
		assert_true(*task.why);
		assert_int_equal(finding.status, FINDING_NONE);
		assert_int_equal(task.quota.stopped_until, 0);
	}
}

TEST(a_report_answer_cut_anywhere_is_tried_again)
{
	static const char whole[] =
		"{\"data\":{\"ipAddress\":\"45.1.0.7\",\"abuseConfidenceScore\":52}}";
	struct ask a = { .conf = conf, .source = &conf->sources[0], .task = &task };

	for (size_t len = 0; len < sizeof(whole); len++) {
		struct http_answer h = ANSWER(200, len ? whole : NULL);
		struct task t = { .kind = TASK_REPORT };

		assert_true(addr_parse("45.1.0.7", &t.addr));
		a.task = &t;
		h.body_len = len;
		finding = (struct finding){ 0 };
		abuseipdb_outcome(&a, &h, NOW, &finding);
		assert_int_equal(t.outcome, len == sizeof(whole) - 1 ? OUT_DONE : OUT_LATER);
		assert_int_equal(finding.status,
				 len == sizeof(whole) - 1 ? FINDING_OK : FINDING_NONE);
	}
}

TEST(the_score_that_comes_with_a_report_is_partial_unless_no_check_is_ever_made)
{
	static const struct {
		const char *score;
		int status, points;
	} rows[] = {
		{ "100", FINDING_OK, 10 },	{ "90", FINDING_OK, 3 },
		{ "0", FINDING_OK, 0 },		{ "null", FINDING_NONE, 0 },
		{ "\"100\"", FINDING_NONE, 0 }, { "101", FINDING_NONE, 0 },
	};

	for (int policy = CHECK_UNDECIDED; policy <= CHECK_NEVER; policy++)
		for (size_t i = 0; i < COUNT(rows); i++) {
			char body[100];
			struct http_answer h = ANSWER(200, body);

			conf->check = (enum check_policy)policy;
			snprintf(
				body, sizeof(body),
				"{\"data\":{\"ipAddress\":\"45.1.0.7\",\"abuseConfidenceScore\":%s}}",
				rows[i].score);
			call(TASK_REPORT, "45.1.0.7", "/report", &h, 0);
			assert_int_equal(task.outcome, OUT_DONE);
			assert_int_equal(finding.status, rows[i].status);
			assert_int_equal(finding.points, rows[i].points);
			assert_int_equal(finding.partial,
					 rows[i].status == FINDING_OK && policy != CHECK_NEVER);
		}
}

/* ---- bulk reports and retractions ---- */

#define BULK(saved, rows) "{\"data\":{\"savedReports\":" saved ",\"invalidReports\":" rows "}}"
#define ROW(error, input) "{\"error\":\"" error "\",\"input\":\"" input "\",\"rowNumber\":2}"

TEST(a_bulk_report_has_an_outcome_and_so_has_each_row)
{
	static const struct {
		int code;
		const char *body;
		int outcome;
		int64_t count;
		size_t refused;
		bool stops;
	} rows[] = {
		{ 200, BULK("3", "[]"), OUT_DONE, 3, 0, false },
		{ 200, "{\"data\":{\"savedReports\":3}}", OUT_DONE, 3, 0, false },
		{ 200,
		  BULK("1",
		       "[" ROW("Duplicate IP", "45.1.1.1") "," ROW("Invalid IP", "2a02::1") "]"),
		  OUT_DONE, 1, 2, false },
		{ 200, BULK("1", "[" ROW("Invalid IP", "nobody") "]"), OUT_LATER, 0, 0, false },
		{ 200, BULK("1", "[7]"), OUT_LATER, 0, 0, false },
		{ 200, BULK("\"1\"", "[]"), OUT_LATER, 0, 0, false },
		{ 200, "{\"data\":{}}", OUT_LATER, 0, 0, false },
		{ 200, "<html>", OUT_LATER, 0, 0, false },
		{ 422, ERRORS("The csv headings must be.", ""), OUT_LATER, 0, 0, true },
		{ 402, "", OUT_LATER, 0, 0, true },
		{ 413, "<html>", OUT_LATER, 0, 0, true },
		{ 429, ERRORS(USED_UP, ""), OUT_LATER, 0, 0, true },
		{ 401, "", OUT_LATER, 0, 0, false },
		{ 429, ERRORS(ONCE, BY_IP), OUT_LATER, 0, 0, false },
		{ 503, "", OUT_LATER, 0, 0, false },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct http_answer h = ANSWER(rows[i].code, rows[i].body);

		call(TASK_BULK, "::", "/bulk-report", &h, 0);
		if ((int)task.outcome != rows[i].outcome || task.nrefused != rows[i].refused ||
		    (task.quota.stopped_until != 0) != rows[i].stops ||
		    (rows[i].outcome == OUT_DONE && task.count != rows[i].count))
			fail_msg("row %zu: outcome %d, %zu refused, stopped %lld: %s", i,
				 task.outcome, task.nrefused, (long long)task.quota.stopped_until,
				 task.why);
		for (size_t k = 0; k < task.nrefused; k++)
			assert_int_equal(task.refused[k].duplicate, k == 0);
		free(task.refused);
		task.refused = NULL;
	}
	assert_string_equal(fake_net_headers(), "Key: " KEY "\nAccept: application/json\n");
}

TEST(a_retraction_says_how_many_were_deleted)
{
	static const struct {
		int code;
		const char *body;
		int outcome;
		int64_t count;
	} rows[] = {
		{ 200, "{\"data\":{\"numReportsDeleted\":4}}", OUT_DONE, 4 },
		{ 200, "{\"data\":{\"numReportsDeleted\":0}}", OUT_DONE, 0 },
		{ 200, "{\"data\":{}}", OUT_LATER, 0 },
		{ 402, "", OUT_PARKED, 0 },
		{ 422, "", OUT_PARKED, 0 },
		{ 429, ERRORS(ONCE, BY_IP), OUT_LATER, 0 },
		{ 404, "", OUT_LATER, 0 },
		{ 401, "", OUT_LATER, 0 },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct http_answer h = ANSWER(rows[i].code, rows[i].body);

		call(TASK_RETRACT, "2a02:4780::1", "/clear-address", &h, 0);
		assert_int_equal(task.outcome, rows[i].outcome);
		assert_int_equal(task.count, rows[i].count);
	}
	assert_non_null(strstr(
		fake_net_last(),
		"DELETE https://api.abuseipdb.com/api/v2/clear-address?ipAddress=2a02%3A4780%3A%3A1"));
}

TEST(a_key_that_a_server_sends_back_is_not_repeated)
{
	struct http_answer h = ANSWER(422, ERRORS("your key " KEY " is odd", ""));

	for (enum task_kind kind = TASK_REPORT; kind <= TASK_RETRACT; kind++) {
		call(kind, "45.1.0.7", "/", &h, 0);
		assert_null(strstr(task.why, "key"));
		assert_null(strstr(task.quota.error, "key"));
	}
}

TEST(a_duplicate_never_stops_the_endpoint)
{
	struct http_answer h = ANSWER(429, ERRORS("Too soon.", BY_IP));

	h.retry_after_s = 600;
	call(TASK_REPORT, "45.1.0.7", "/report", &h, 0);
	assert_int_equal(task.outcome, OUT_DUPLICATE);
	assert_int_equal(task.quota.stopped_until, 0);
}

TEST(rows_are_quoted_as_documented_until_the_file_is_full)
{
	static const struct {
		const char *categories, *comment, *row;
	} rows[] = {
		{ "18", "plain", "45.1.0.7,18,2026-11-23T09:29:50+00:00,\"plain\"\n" },
		{ "18,22", "a,b", "45.1.0.7,\"18,22\",2026-11-23T09:29:50+00:00,\"a,b\"\n" },
		{ "18", "say \"x\"", "45.1.0.7,18,2026-11-23T09:29:50+00:00,\"say \\\"x\\\"\"\n" },
		{ "18", "a\\b\\\"c\\", "45.1.0.7,18,2026-11-23T09:29:50+00:00,\"a\\b/\\\"c/\"\n" },
		{ "18", "=cmd()\r\n1.2.3.4,18",
		  "45.1.0.7,18,2026-11-23T09:29:50+00:00,\"=cmd()  1.2.3.4,18\"\n" },
	};
	struct addr a;
	struct buf b;

	assert_true(addr_parse("45.1.0.7", &a));
	for (size_t i = 0; i < COUNT(rows); i++) {
		buf_init(&b, 4096);
		assert_true(abuseipdb_bulk_row(&b, &a, rows[i].categories, rows[i].comment, NOW));
		assert_string_equal(b.text, rows[i].row);
		buf_free(&b);
	}
	buf_init(&b, 100);
	abuseipdb_bulk_head(&b);
	assert_string_equal(b.text, "IP,Categories,ReportDate,Comment\n");
	assert_true(abuseipdb_bulk_row(&b, &a, "18", "x", NOW));
	assert_false(abuseipdb_bulk_row(&b, &a, "18", "x", NOW));
	assert_true(b.len == strlen(b.text) && b.text[b.len - 1] == '\n' && !b.failed);
	buf_free(&b);
}

TEST(headers_say_how_long_to_stop)
{
	static const struct {
		int code;
		int64_t retry_after, reset_at, until, waits;
		const char *body;
	} rows[] = {
		{ 429, 29241, -1, NOW + 29241, 29241, ERRORS(USED_UP, "") },
		{ 429, 29241, NOW + 7, NOW + 29241, 29241, ERRORS(USED_UP, "") },
		{ 429, -1, NOW + 700, NOW + 700, 0, ERRORS(USED_UP, "") },
		{ 429, -1, 1545973200, MIDNIGHT, 0, ERRORS(USED_UP, "") }, /* a reset in the past */
		{ 429, -1, -1, MIDNIGHT, 0, ERRORS(USED_UP, "") },
		{ 429, 0, -1, MIDNIGHT, 0, "" },
		{ 429, 60, -1, NOW + 60, 60, "<html>" },
		{ 429, 86399, -1, NOW + 10, 10, ERRORS(USED_UP, "") }, /* just reset: a moment */
		{ 429, 86400 * 40, -1, MIDNIGHT, 0, "" },
		{ 429, INT64_MAX, -1, MIDNIGHT, 0, "" },
		{ 429, -1, INT64_MAX, MIDNIGHT, 0, "" },
		{ 429, -1, -1, 0, 0, ERRORS(ONCE, BY_IP) },
		{ 429, -1, NOW + 700, 0, 0, ERRORS(ONCE, BY_IP) },
		{ 200, -1, NOW + 700, 0, 0, "{\"data\":{}}" },
		{ 503, 120, -1, 0, 120, "" },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct http_answer h = ANSWER(rows[i].code, rows[i].body);

		h.retry_after_s = rows[i].retry_after;
		h.reset_at = rows[i].reset_at;
		h.limit = 1000;
		h.remaining = 12;
		call(TASK_REPORT, "45.1.0.7", "/report", &h, 0);
		if (task.quota.stopped_until != rows[i].until ||
		    task.retry_after_s != rows[i].waits)
			fail_msg("row %zu: until %lld, waits %lld", i,
				 (long long)task.quota.stopped_until,
				 (long long)task.retry_after_s);
		assert_int_equal(task.quota.limit, 1000);
		assert_int_equal(task.quota.remaining, 12);
		assert_true(task.quota.seen);
	}
}

/* ---- bodies ---- */

static char *body_of(const char *ip, const char *categories, const char *comment, int64_t seen_at)
{
	struct addr a;

	assert_true(addr_parse(ip, &a));
	return abuseipdb_report_body(&a, categories, comment, seen_at);
}

TEST(bodies_are_encoded_to_the_last_byte)
{
	static const struct {
		const char *comment, *encoded;
	} rows[] = {
		{ "", "" },
		{ "azAZ09-._~", "azAZ09-._~" },
		{ " ", "%20" },
		{ "a+b", "a%2Bb" },
		{ "a&ip=1.2.3.4;c", "a%26ip%3D1.2.3.4%3Bc" },
		{ "50% \"x\"", "50%25%20%22x%22" },
		{ "\r\n\t", "%0D%0A%09" },
		{ "\xc3\xa4\xff\x7f\x01", "%C3%A4%FF%7F%01" },
		{ "/?#[]@!$'()*,:", "%2F%3F%23%5B%5D%40%21%24%27%28%29%2A%2C%3A" },
	};
	char expected[300], *body;

	for (size_t i = 0; i < COUNT(rows); i++) {
		snprintf(expected, sizeof(expected),
			 "ip=45.1.0.7&categories=18%%2C22&comment=%s"
			 "&timestamp=2026-11-23T09%%3A29%%3A50%%2B00%%3A00",
			 rows[i].encoded);
		body = body_of("45.1.0.7", "18,22", rows[i].comment, NOW);
		assert_string_equal(body, expected);
		free(body);
	}
	body = body_of("2a02:4780::1", "18", "", 0);
	assert_string_equal(body,
			    "ip=2a02%3A4780%3A%3A1&categories=18&comment="); /* no time is told */
	free(body);
}

TEST(a_nul_byte_is_encoded_too)
{
	struct buf b;

	buf_init(&b, 100);
	abuseipdb_encode(&b, "a\0b", 3);
	assert_string_equal(b.text, "a%00b");
	buf_free(&b);
}

TEST(comments_are_cut_to_1024_bytes_on_a_character)
{
	static const char *const tails[] = { "x", "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x98\x80" };

	for (size_t k = 0; k < 4; k++)
		for (size_t before = 1015; before <= 1025; before++) {
			size_t n = strlen(tails[k]), fits = before > 1024 ? 1024 : before, kept;
			char comment[1100] = "", *body, *p;

			memset(comment, 'x', before);
			memcpy(comment + before, tails[k], n + 1);
			if (before + n <= 1024)
				fits = before + n;
			body = body_of("45.1.0.7", "18", comment, NOW);
			assert_non_null(body);
			p = strstr(body, "&comment=") + strlen("&comment=");
			for (kept = 0; *p != '&'; kept++)
				p += *p == '%' ? 3 : 1;
			if (kept != fits)
				fail_msg("%zu + %zu bytes: %zu kept", before, n, kept);
			free(body);
		}
}

TEST(a_comment_of_only_continuation_bytes_is_survived)
{
	char comment[3000], *body;

	memset(comment, 0x80, sizeof(comment) - 1);
	comment[sizeof(comment) - 1] = '\0';
	body = body_of("45.1.0.7", "18", comment, NOW);
	assert_non_null(strstr(body, "&comment=&timestamp="));
	free(body);
	memset(comment, 0xc3, sizeof(comment) - 1);
	body = body_of("45.1.0.7", "18", comment, NOW);
	assert_non_null(strstr(body, "%C3&timestamp="));
	free(body);
}

TEST(categories_are_numbers_or_names_each_once)
{
	static const struct {
		const char *text, *numbers;
	} rows[] = {
		{ "18", "18" },
		{ "18,22", "18,22" },
		{ "22, 18", "22,18" },
		{ "22 18", "22,18" },
		{ "ssh,brute-force", "22,18" },
		{ "SSH,Brute-Force,22", "22,18" },
		{ "18,18,18", "18" },
		{ ",18,,22,", "18,22" },
		{ "1,23", "1,23" },
		{ "web-attack,web-app-attack", "21" },
		{ "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23",
		  "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23" },
		{ "", NULL },
		{ ",", NULL },
		{ "0", NULL },
		{ "24", NULL },
		{ "-1", NULL },
		{ "18x", NULL },
		{ "1.5", NULL },
		{ "nonsense", NULL },
		{ "18,nonsense", NULL },
		{ "<categories>", NULL },
		{ "18;22", NULL },
		{ "18\n22", NULL },
		{ "99999999999999999999", NULL },
	};
	char dst[CONF_TEXT_MAX], longer[CONF_TEXT_MAX + 1];
	struct err e;

	for (size_t i = 0; i < COUNT(rows); i++) {
		int r;

		snprintf(dst, sizeof(dst), "as it was");
		r = categories_parse(rows[i].text, dst, &e);
		if (r != (rows[i].numbers ? 0 : IPREP_E_ARG) ||
		    strcmp(dst, rows[i].numbers ? rows[i].numbers : "as it was") != 0)
			fail_msg("\"%s\": %d, \"%s\"", rows[i].text, r, dst);
	}
	assert_int_equal(
		categories_parse("1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1", dst,
				 &e),
		0);
	assert_int_equal(
		categories_parse("1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1",
				 dst, &e),
		IPREP_E_ARG);
	memset(longer, '1', CONF_TEXT_MAX);
	longer[CONF_TEXT_MAX] = '\0';
	assert_int_equal(categories_parse(longer, dst, &e), IPREP_E_ARG);
}
