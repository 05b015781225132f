/* SPDX-License-Identifier: MIT */
/* test_engine.c - the engine and both kinds of sources over a scripted network */
#include "abuseipdb_answer.h"
#include "engine.h"
#include "fake_net.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct conf *conf;
#define NTASKS_MAX 10000
static struct task tasks[NTASKS_MAX];
static struct finding findings[NTASKS_MAX][4];
static size_t ntasks, next_task, nsettled, flying, most_flying;
static source_set ask_first, ask_then;

static int set_up(void **state)
{
	static const char *const zones[] = { "one.test", "two.test", "allow.test" };
	struct err e;

	(void)state;
	assert_int_equal(conf_new(&conf), 0);
	conf->sources = calloc(3, sizeof(*conf->sources));
	for (size_t i = 0; i < 3; i++) {
		struct conf_source *s = &conf->sources[i];

		snprintf(s->zone, sizeof(s->zone), "%s", zones[i]);
		snprintf(s->name, sizeof(s->name), "list%zu", i);
		assert_int_equal(pattern_parse(i == 2 ? "127.0.[0..255].[1..3]*-4" : "127.0.0.[2..9]*3", 4,
					       &s->points, &e), 0);
	}
	conf->nsources = 3;
	assert_int_equal(conf_enable_abuseipdb(conf), 0);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	conf = conf_free(conf);
	return 0;
}

static enum feed_state next(void *user, struct task **ret, int *ret_wait_ms)
{
	(void)user;
	(void)ret_wait_ms;
	if (next_task == ntasks)
		return FEED_END;
	*ret = &tasks[next_task++];
	flying++;
	most_flying = flying > most_flying ? flying : most_flying;
	return FEED_TASK;
}

static source_set settled(void *user, struct task *t)
{
	source_set more = ask_then & ~t->asked;

	(void)user;
	if (more)
		return more;
	nsettled++;
	flying--;
	return 0;
}

static int run(const struct fake_answer *script, size_t n, size_t window, int task_ms)
{
	struct engine_conf ec = { .conf = conf, .secret = "ab", .ops = &fake_net };
	struct feed feed = { .window_max = window, .task_ms = task_ms, .next = next, .settled = settled };
	struct engine *e;
	struct err err;
	int r;

	ntasks = n;
	next_task = nsettled = flying = most_flying = 0;
	memset(findings, 0, sizeof(findings));
	for (size_t i = 0; i < n; i++) {
		struct task t = { .kind = TASK_LOOKUP, .findings = findings[i], .ask = ask_first };
		char text[32];

		snprintf(text, sizeof(text), "45.%zu.%zu.7", 1 + i / 256, i % 256);
		assert_true(addr_parse(text, &t.addr));
		tasks[i] = t;
	}
	fake_net_script(script);
	assert_int_equal(engine_new(&ec, &e), 0);
	r = engine_run(e, &feed, &err);
	engine_free(e);
	assert_int_equal(nsettled, n);
	return r;
}

static void answers_of_lists_mean_what_rfc_5782_and_their_operators_say(void **state)
{
	static const struct {
		const char *what;
		int row;
		struct dns_answer dns;
		int status, points;
		bool listed;
	} rows[] = {
		{ "listed", 0, { NET_OK, 1, { 0x7f000004 }, 60, true, 0, "", "" }, FINDING_OK, 3, true },
		{ "two codes, one pattern", 0, { NET_OK, 2, { 0x7f000002, 0x7f000009 }, 60, true, 0, "", "" },
		  FINDING_OK, 3, true },
		{ "PBL only", 0, { NET_OK, 1, { 0x7f00000a }, 60, true, 0, "", "" }, FINDING_OK, 0, true },
		{ "not listed", 0, { .status = NET_NXDOMAIN }, FINDING_OK, 0, false },
		{ "no data", 0, { .status = NET_NODATA }, FINDING_OK, 0, false },
		{ "open resolver", 0, { NET_OK, 1, { 0x7ffffffe }, 60, true, 0, "", "" }, FINDING_ERROR, 0, false },
		{ "parked", 0, { NET_OK, 1, { 0x0a000001 }, 60, true, 0, "", "" }, FINDING_ERROR, 0, false },
		{ "127.0.0.1", 0, { NET_OK, 1, { 0x7f000001 }, 60, true, 0, "", "" }, FINDING_ERROR, 0, false },
		{ "listed and an error", 0, { NET_OK, 2, { 0x7f000004, 0x7fffffff }, 60, true, 0, "", "" },
		  FINDING_ERROR, 0, false },
		{ "you are blocked", 2, { NET_OK, 1, { 0x7f0000ff }, 60, true, 0, "", "" }, FINDING_ERROR, 0, false },
		{ "allowed", 2, { NET_OK, 1, { 0x7f000502 }, 60, true, 0, "", "" }, FINDING_OK, -4, true },
		{ "SERVFAIL", 0, { .status = NET_SERVFAIL }, FINDING_ERROR, 0, false },
		{ "REFUSED", 0, { .status = NET_REFUSED }, FINDING_ERROR, 0, false },
		{ "time-out", 0, { .status = NET_TIMEOUT }, FINDING_TIMEOUT, 0, false },
		{ "broken", 0, { .status = NET_BROKEN }, FINDING_ERROR, 0, false },
		{ "empty", 0, { .status = NET_OK }, FINDING_ERROR, 0, false },
	};

	(void)state;
	ask_then = 0;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct fake_answer script[] = { { "TXT", { .status = NET_SERVFAIL }, { .code = 0 }, 0 },
						{ ".test", rows[i].dns, { .code = 0 }, 0 }, { .match = NULL } };
		struct finding *f = &findings[0][rows[i].row];

		ask_first = SOURCE_BIT(rows[i].row);
		assert_int_equal(run(script, 1, 1, 1000), 0);
		if (f->status != rows[i].status || f->points != rows[i].points || f->listed != rows[i].listed)
			fail_msg("%s: status %d, points %d: %s", rows[i].what, f->status, f->points, f->detail);
		assert_true(f->status != FINDING_OK || f->expires_at > f->answered_at);
		assert_null(strstr(f->detail, ".test"));
	}
}

static void ttls_are_clamped(void **state)
{
	static const struct { uint32_t ttl; bool has; int64_t keeps; } rows[] = {
		{ 1, true, 60 }, { 600, true, 600 }, { 999999, true, 3600 }, { 0, false, 60 },
	};

	(void)state;
	ask_first = 1;
	ask_then = 0;
	for (size_t i = 0; i < 4; i++) {
		struct fake_answer script[] = { { ".test", { .status = NET_NXDOMAIN, .ttl_s = rows[i].ttl,
						  .has_ttl = rows[i].has }, { .code = 0 }, 0 }, { .match = NULL } };

		assert_int_equal(run(script, 1, 1, 1000), 0);
		assert_int_equal(findings[0][0].expires_at - findings[0][0].answered_at, rows[i].keeps);
	}
}

#define DATA(x) "{\"data\":{\"ipAddress\":\"45.1.0.7\"," x "}}"
#define RECENT "\"lastReportedAt\":\"2026-11-22T10:00:00+00:00\""

static int64_t fixed_now(void *user)
{
	(void)user;
	return 1795426190;                 /* 2026-11-23 */
}

static void answers_of_the_check_mean_what_the_documentation_says(void **state)
{
	static const struct { const char *body; int code, status, points, rule; } rows[] = {
		{ DATA("\"abuseConfidenceScore\":100," RECENT), 200, FINDING_OK, 10, RULE_NONE },
		{ DATA("\"abuseConfidenceScore\":95," RECENT), 200, FINDING_OK, 3, RULE_NONE },
		{ DATA("\"abuseConfidenceScore\":89," RECENT), 200, FINDING_OK, 0, RULE_NONE },
		{ DATA("\"abuseConfidenceScore\":100,\"lastReportedAt\":\"2026-09-01T10:00:00+00:00\""), 200,
		  FINDING_OK, 0, RULE_NONE },
		{ DATA("\"abuseConfidenceScore\":11,\"totalReports\":0,\"lastReportedAt\":null"), 200,
		  FINDING_OK, 0, RULE_NONE },
		{ DATA("\"abuseConfidenceScore\":100,\"isWhitelisted\":true," RECENT), 200, FINDING_OK, 10, RULE_VETO },
		{ DATA("\"abuseConfidenceScore\":100,\"isWhitelisted\":null," RECENT), 200, FINDING_OK, 10, RULE_NONE },
		{ DATA("\"abuseConfidenceScore\":100,\"isTor\":true," RECENT), 200, FINDING_OK, 10, RULE_LOWEST_TIER },
		{ DATA("\"abuseConfidenceScore\":100,\"usageType\":\"Mobile ISP\"," RECENT), 200, FINDING_OK, 10,
		  RULE_LOWEST_TIER },
		{ DATA("\"abuseConfidenceScore\":100,\"isPublic\":false," RECENT), 200, FINDING_OK, 0, RULE_NONE },
		{ DATA("\"abuseConfidenceScore\":\"100\"," RECENT), 200, FINDING_ERROR, 0, 0 },
		{ DATA("\"abuseConfidenceScore\":null," RECENT), 200, FINDING_ERROR, 0, 0 },
		{ DATA("\"abuseConfidenceScore\":101," RECENT), 200, FINDING_ERROR, 0, 0 },
		{ DATA("\"abuseConfidenceScore\":99.5," RECENT), 200, FINDING_ERROR, 0, 0 },
		{ "{\"data\":{\"ipAddress\":\"45.9.9.9\",\"abuseConfidenceScore\":100," RECENT "}}", 200,
		  FINDING_ERROR, 0, 0 },
		{ DATA("\"abuseConfidenceScore\":0,\"abuseConfidenceScore\":100," RECENT), 200, FINDING_ERROR, 0, 0 },
		{ "<html>", 200, FINDING_ERROR, 0, 0 }, { "", 200, FINDING_ERROR, 0, 0 },
		{ "{\"data\":", 200, FINDING_ERROR, 0, 0 }, { "{\"data\":null}", 200, FINDING_ERROR, 0, 0 },
		{ "[]", 200, FINDING_ERROR, 0, 0 }, { "x", 500, FINDING_ERROR, 0, 0 },
		{ "x", 403, FINDING_ERROR, 0, 0 }, { "{}", 401, FINDING_DENIED, 0, 0 },
		{ "{\"errors\":[{\"detail\":\"Daily rate limit of 1000 requests exceeded\"}]}", 429, FINDING_DENIED, 0, 0 },
	};
	struct engine_conf ec = { .conf = conf, .secret = "ab", .ops = &fake_net, .clock = { .now_s = fixed_now } };
	struct feed feed = { .window_max = 1, .task_ms = 1000, .next = next, .settled = settled };

	(void)state;
	ask_then = 0;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct fake_answer script[] = { { "/check?ipAddress=45.1.0.7&maxAgeInDays=30", { .status = NET_BROKEN },
			{ .status = NET_OK, .code = rows[i].code, .limit = -1, .remaining = -1, .reset_at = -1,
			  .retry_after_s = -1, .body = rows[i].body }, 0 }, { .match = NULL } };
		struct finding *f = &findings[0][3];
		struct engine *e;
		struct err err;

		memset(findings[0], 0, sizeof(findings[0]));
		tasks[0] = (struct task){ .kind = TASK_LOOKUP, .findings = findings[0], .ask = SOURCE_BIT(3) };
		assert_true(addr_parse("45.1.0.7", &tasks[0].addr));
		ntasks = 1;
		next_task = 0;
		fake_net_script(script);
		assert_int_equal(engine_new(&ec, &e), 0);
		assert_int_equal(engine_run(e, &feed, &err), 0);
		engine_free(e);
		if (f->status != rows[i].status || f->points != rows[i].points || f->rule != rows[i].rule)
			fail_msg("%s: status %d, points %d, rule %d: %s", rows[i].body, f->status, f->points, f->rule,
				 f->detail);
	}
}

static void answers_to_a_report_have_their_right_outcome(void **state)
{
	static const struct { int code; const char *body; int outcome; } rows[] = {
		{ 200, "{\"data\":{\"ipAddress\":\"45.1.0.7\",\"abuseConfidenceScore\":52}}", OUT_DONE },
		{ 429, "{\"errors\":[{\"detail\":\"You can only report the same IP address (`45.1.0.7`) once in 15 "
		  "minutes.\",\"status\":429,\"source\":{\"parameter\":\"ip\"}}]}", OUT_DUPLICATE },
		{ 403, "{\"errors\":[{\"detail\":\"once in 15 minutes\"}]}", OUT_DUPLICATE },
		{ 422, "{\"errors\":[{\"detail\":\"once in 15 minutes\",\"source\":{\"parameter\":\"ip\"}}]}", OUT_DUPLICATE },
		{ 429, "{\"detail\":\"x\",\"source\":{\"parameter\":\"ip\",\"value\":\"45.1.0.7\"}}", OUT_DUPLICATE },
		{ 422, "{\"errors\":[{\"detail\":\"The ip address must be a valid IPv4 or IPv6 address\",\"status\":422,"
		  "\"source\":{\"parameter\":\"ip\"}}]}", OUT_PARKED },
		{ 402, "{\"errors\":[{\"detail\":\"plan\"}]}", OUT_PARKED },
		{ 429, "{\"errors\":[{\"detail\":\"Daily rate limit of 1000 requests exceeded\"}]}", OUT_LATER },
		{ 401, "{}", OUT_LATER }, { 403, "<html>", OUT_LATER }, { 404, "{}", OUT_LATER },
		{ 500, "", OUT_LATER }, { 521, "<html>", OUT_LATER }, { 200, "<html>", OUT_LATER },
		{ 200, "", OUT_LATER }, { 200, "{\"data\":", OUT_LATER },
	};
	struct ask a = { .conf = conf, .source = &conf->sources[3] };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct http_answer h = { .status = NET_OK, .code = rows[i].code, .body = rows[i].body,
					 .body_len = strlen(rows[i].body), .retry_after_s = -1, .reset_at = -1 };
		struct finding f = { 0 };
		struct task t = { .kind = TASK_REPORT };

		abuseipdb_report_answer(&a, &h, 1795426190, &t, &f);
		if ((int)t.outcome != rows[i].outcome)
			fail_msg("%d %s: outcome %d", rows[i].code, rows[i].body, t.outcome);
		assert_int_equal(f.status, rows[i].outcome == OUT_DONE ? FINDING_OK : FINDING_NONE);
		assert_true(rows[i].outcome != OUT_PARKED || *t.why);
	}
}

static void bodies_are_encoded_and_cut_on_a_character(void **state)
{
	struct addr a;
	char comment[1100], *body;

	(void)state;
	assert_true(addr_parse("2a02:4780::1", &a));
	body = abuseipdb_report_body(&a, "ssh,brute-force,22", "a&b=c %\n\"", 1795426190);
	assert_string_equal(body, "ip=2a02%3A4780%3A%3A1&categories=22%2C18&comment=a%26b%3Dc%20%25%0A%22"
			    "&timestamp=2026-11-23T09%3A29%3A50%2B00%3A00");
	free(body);
	memset(comment, 'x', 1023);
	memcpy(comment + 1023, "\xc3\xa4", 3);
	body = abuseipdb_report_body(&a, "18", comment, 1);
	assert_non_null(strstr(body, "xxx&timestamp"));
	free(body);
	assert_null(abuseipdb_report_body(&a, "nonsense", "", 1));
}

static void sources_are_asked_side_by_side_under_one_deadline(void **state)
{
	static const struct fake_answer script[] = {
		{ ".one.test", { .status = NET_NXDOMAIN }, { .code = 0 }, 30 },
		{ ".two.test", { .status = NET_NXDOMAIN }, { .code = 0 }, NEVER }, { .match = NULL } };

	(void)state;
	ask_first = 7;
	ask_then = 0;
	assert_int_equal(run(script, 1, 1, 60), 0);
	assert_int_equal(fake_net_most(), 3);
	assert_int_equal(findings[0][0].status, FINDING_OK);
	assert_int_equal(findings[0][1].status, FINDING_TIMEOUT);
	assert_int_equal(findings[0][2].status, FINDING_OK);
	ask_then = 8;                      /* asked when the deadline is over: no second one */
	assert_int_equal(run(script, 1, 1, 60), 0);
	assert_int_equal(findings[0][3].status, FINDING_TIMEOUT);
	assert_int_equal(fake_net_asked(), 3);
}

static void ten_thousand_tasks_keep_to_the_window_and_each_settles_once(void **state)
{
	static const struct fake_answer script[] = { { .match = NULL } };

	(void)state;
	ask_first = 1;
	ask_then = 3;
	assert_int_equal(run(script, NTASKS_MAX, 100, 10000), 0);
	assert_int_equal(fake_net_asked(), 2 * NTASKS_MAX);
	assert_true(most_flying <= 100);
	ask_first = ask_then = 0;          /* nothing to ask: settles at once */
	assert_int_equal(run(script, NTASKS_MAX, 1, 10000), 0);
	assert_int_equal(fake_net_asked(), 0);
}

static int broken_open(const struct net_conf *c, struct net **ret, struct err *e)
{
	(void)c;
	(void)ret;
	return err_set(e, IPREP_E_OS, "no network module");
}

static void without_the_module_every_task_settles_and_the_error_is_told(void **state)
{
	struct net_ops broken = fake_net;
	struct engine_conf ec = { .conf = conf, .ops = &broken };
	struct feed feed = { .window_max = 4, .task_ms = 1000, .next = next, .settled = settled };
	struct engine *e;
	struct err err;

	(void)state;
	broken.open = broken_open;
	ask_then = 0;
	memset(findings, 0, sizeof(findings));
	for (size_t i = 0; i < 10; i++)
		tasks[i] = (struct task){ .kind = TASK_LOOKUP, .findings = findings[i], .ask = 7 };
	ntasks = 10;
	next_task = nsettled = 0;
	assert_int_equal(engine_new(&ec, &e), 0);
	assert_int_equal(engine_run(e, &feed, &err), IPREP_E_OS);
	assert_string_equal(err.text, "no network module");
	engine_free(e);
	assert_int_equal(nsettled, 10);
	assert_int_equal(findings[9][2].status, FINDING_ERROR);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(answers_of_lists_mean_what_rfc_5782_and_their_operators_say),
		TEST(ttls_are_clamped),
		TEST(answers_of_the_check_mean_what_the_documentation_says),
		TEST(answers_to_a_report_have_their_right_outcome),
		TEST(bodies_are_encoded_and_cut_on_a_character),
		TEST(sources_are_asked_side_by_side_under_one_deadline),
		TEST(ten_thousand_tasks_keep_to_the_window_and_each_settles_once),
		TEST(without_the_module_every_task_settles_and_the_error_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
