/* SPDX-License-Identifier: MIT */
/* test_source_abuseipdb.c - what the API is asked, and what its answers mean, odd ones above all */
#include "source/abuseipdb_check.h"
#include "conf/categories.h"
#include "asked.h"

#define STATUSES "none ok timeout error denied"
#define OUTCOMES "none done duplicate later parked"

static struct task task;
static struct finding finding;

static int set_up(void **state)
{
	assert_ok(place_set_up(state));
	return conf_enable_abuseipdb(place.conf);
}

FIXTURE(set_up, place_tear_down);

/* One task, one answer to a URL that has this path. */
static void call(enum task_kind kind, const char *ip, const char *path, const struct http_answer *h,
		 int delay_ms)
{
	struct session session = asked_session();
	struct fake_answer script[] = { { path, { .status = NET_BROKEN }, *h, delay_ms },
					{ .match = NULL } };

	finding = (struct finding){ 0 };
	task = (struct task){ .kind = kind, .findings = &finding, .ask = 1, .body = "ip=1" };
	task.addr = addr_of(ip);
	asked_run(&session, &task, script, 2000, NULL);
}

/* The code is that of HTTP, or what the network says; the reason is then in place of the body. */
static struct http_answer answer_of(const struct row *row)
{
	static const char words[] = "ok nxdomain nodata timeout refused servfail broken";
	const char *code = row_text(row, "code"), *body = row_text(row, "body");
	struct http_answer h = ANSWER(atoi(code), body);

	if (!h.code) {
		h = (struct http_answer){ .status = row_choice(row, "code", words) };
		snprintf(h.why, sizeof(h.why), "%s", body ? body : "");
	}
	return h;
}

static struct ask an_ask(void)
{
	task.addr = addr_of("45.1.0.7");
	return (struct ask){ .conf = place.conf, .source = &place.conf->sources[0], .task = &task };
}

static void check(const char *body)
{
	struct http_answer h = ANSWER(200, body);

	call(TASK_LOOKUP, "45.1.0.7", "/check?", &h, 0);
}

/* ---- what is asked ---- */

ROWS(the_address_is_encoded_and_the_key_is_in_its_header_only)
{
	struct http_answer h = ANSWER(500, "");
	char asks[200];

	snprintf(asks, sizeof(asks),
		 "GET https://api.abuseipdb.com/api/v2/check?ipAddress=%s&maxAgeInDays=30 ",
		 row_text(row, "asks"));
	call(TASK_LOOKUP, row_text(row, "address"), "/check?", &h, 0);
	assert_string_equal(fake_seen.last, asks);
	assert_string_equal(fake_seen.headers, "Key: " KEY "\nAccept: application/json\n");
	assert_null(strstr(finding.detail, KEY));
}

TEST(a_report_is_posted_as_it_was_frozen)
{
	struct http_answer h =
		ANSWER(200, "{\"data\":{\"ipAddress\":\"45.1.0.7\",\"abuseConfidenceScore\":1}}");

	call(TASK_REPORT, "45.1.0.7", "/report", &h, 0);
	assert_string_equal(fake_seen.last, "POST https://api.abuseipdb.com/api/v2/report ip=1");
	assert_string_equal(fake_seen.headers, "Key: " KEY "\nAccept: application/json\n"
					       "Content-Type: application/x-www-form-urlencoded\n");
	assert_int_equal(task.outcome, OUT_DONE);
}

/* ---- check ---- */

ROWS(a_check_is_read_as_its_row_says)
{
	int status = row_choice(row, "status", STATUSES);

	check(row_text(row, "body"));
	assert_int_equal(finding.status, status);
	assert_int_equal(finding.points, row_number(row, "points"));
	assert_int_equal(finding.rule, row_choice(row, "rule", "none lowest_tier veto"));
	if (row_has(row, "detail"))
		assert_has(finding.detail, row_text(row, "detail"));
	assert_int_equal(finding.listed, finding.points > 0);
	assert_int_equal(finding.expires_at,
			 status == FINDING_OK ? NOW + place.conf->api_cache_s : 0);
	assert_false(finding.partial);
}

TEST(how_old_a_report_may_be_is_a_setting)
{
	place.conf->max_age_days = 365;
	check("{\"data\":{\"ipAddress\":\"45.1.0.7\",\"abuseConfidenceScore\":100,"
	      "\"lastReportedAt\":\"2025-11-24T00:00:00+00:00\"}}");
	assert_int_equal(finding.points, 10);
	assert_has(fake_seen.last, "maxAgeInDays=365");
}

TEST(a_check_cut_anywhere_or_with_any_byte_changed_is_survived)
{
	static const char whole[] =
		"{\"data\":{\"ipAddress\":\"45.1.0.7\",\"isPublic\":true,\"isWhitelisted\":null,"
		"\"abuseConfidenceScore\":100,\"usageType\":null,\"isTor\":false,\"totalReports\":9,"
		"\"lastReportedAt\":\"2026-11-22T10:00:00+00:00\"}}";
	struct ask a = an_ask();

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

ROWS(a_check_without_an_answer_says_why)
{
	struct http_answer h = answer_of(row);

	call(TASK_LOOKUP, "45.1.0.7", "/check?", &h, 0);
	assert_int_equal(finding.status, row_choice(row, "status", STATUSES));
	assert_has(finding.detail, row_text(row, "detail"));
	assert_int_equal(finding.expires_at, 0);
	assert_int_equal(finding.points, 0);
	assert_true(*task.quota.error);
	assert_int_equal(task.quota.seen, h.status == NET_OK);
}

TEST(a_check_that_is_not_answered_in_time_is_a_timeout)
{
	struct http_answer h = ANSWER(401, "{}");

	call(TASK_LOOKUP, "45.1.0.7", "/check?", &h, NEVER);
	assert_int_equal(finding.status, FINDING_TIMEOUT);
}

/* ---- reports ---- */

#define TOO_SOON \
	"{\"errors\":[{\"detail\":\"Too soon.\",\"status\":429,\"source\":{\"parameter\":\"ip\"}}]}"

ROWS(an_answer_to_a_report_has_its_right_outcome)
{
	struct http_answer h = answer_of(row);
	const char *why = row_text(row, "why");

	call(TASK_REPORT, "45.1.0.7", "/report", &h, 0);
	assert_int_equal(task.outcome, row_choice(row, "outcome", OUTCOMES));
	assert_int_equal(task.quota.stopped_until != 0, row_yes(row, "stops"));
	assert_int_equal(*task.why != '\0', !why || *why);
	if (why)
		assert_has(task.why, *why ? why : NULL);
	assert_int_equal(task.quota.auth_failed, h.code == 401);
	assert_int_equal(finding.status, task.outcome == OUT_DONE ? FINDING_OK : FINDING_NONE);
}

TEST(a_report_answer_cut_anywhere_is_tried_again)
{
	static const char whole[] =
		"{\"data\":{\"ipAddress\":\"45.1.0.7\",\"abuseConfidenceScore\":52}}";
	struct ask a = an_ask();

	for (size_t len = 0; len < sizeof(whole); len++) {
		struct http_answer h = ANSWER(200, len ? whole : NULL);

		task = (struct task){ .kind = TASK_REPORT, .addr = addr_of("45.1.0.7") };
		h.body_len = len;
		finding = (struct finding){ 0 };
		abuseipdb_outcome(&a, &h, NOW, &finding);
		assert_int_equal(task.outcome, len == sizeof(whole) - 1 ? OUT_DONE : OUT_LATER);
		assert_int_equal(finding.status,
				 len == sizeof(whole) - 1 ? FINDING_OK : FINDING_NONE);
	}
}

ROWS(the_score_that_comes_with_a_report_is_partial_unless_no_check_is_ever_made)
{
	int status = row_choice(row, "status", STATUSES);
	char body[100];
	struct http_answer h = ANSWER(200, body);

	snprintf(body, sizeof(body),
		 "{\"data\":{\"ipAddress\":\"45.1.0.7\",\"abuseConfidenceScore\":%s}}",
		 row_text(row, "score"));
	for (int policy = CHECK_UNDECIDED; policy <= CHECK_NEVER; policy++) {
		place.conf->check = (enum check_policy)policy;
		call(TASK_REPORT, "45.1.0.7", "/report", &h, 0);
		assert_int_equal(task.outcome, OUT_DONE);
		assert_int_equal(finding.status, status);
		assert_int_equal(finding.points, row_number(row, "points"));
		assert_int_equal(finding.partial, status == FINDING_OK && policy != CHECK_NEVER);
	}
}

/* ---- bulk reports and retractions ---- */

ROWS(a_bulk_report_has_an_outcome_and_so_has_each_row)
{
	struct http_answer h = answer_of(row);

	call(TASK_BULK, "::", "/bulk-report", &h, 0);
	assert_int_equal(task.outcome, row_choice(row, "outcome", OUTCOMES));
	assert_int_equal(task.nrefused, row_number(row, "refused"));
	assert_int_equal(task.quota.stopped_until != 0, row_yes(row, "stops"));
	if (task.outcome == OUT_DONE)
		assert_int_equal(task.count, row_number(row, "saved"));
	for (size_t k = 0; k < task.nrefused; k++)
		assert_int_equal(task.refused[k].duplicate, k == 0);
	free(task.refused);
	assert_string_equal(fake_seen.headers, "Key: " KEY "\nAccept: application/json\n");
}

ROWS(a_retraction_says_how_many_were_deleted)
{
	struct http_answer h = answer_of(row);

	call(TASK_RETRACT, "2a02:4780::1", "/clear-address", &h, 0);
	assert_int_equal(task.outcome, row_choice(row, "outcome", OUTCOMES));
	assert_int_equal(task.count, row_number(row, "deleted"));
	assert_has(fake_seen.last, "DELETE https://api.abuseipdb.com/api/v2/clear-address"
				   "?ipAddress=2a02%3A4780%3A%3A1");
}

TEST(a_key_that_a_server_sends_back_is_not_repeated)
{
	struct http_answer h = ANSWER(422, "{\"errors\":[{\"detail\":\"your key " KEY
					   " is odd\",\"status\":422}]}");

	for (enum task_kind kind = TASK_REPORT; kind <= TASK_RETRACT; kind++) {
		call(kind, "45.1.0.7", "/", &h, 0);
		assert_null(strstr(task.why, "key"));
		assert_null(strstr(task.quota.error, "key"));
	}
}

TEST(a_duplicate_never_stops_the_endpoint)
{
	struct http_answer h = ANSWER(429, TOO_SOON);

	h.retry_after_s = 600;
	call(TASK_REPORT, "45.1.0.7", "/report", &h, 0);
	assert_int_equal(task.outcome, OUT_DUPLICATE);
	assert_int_equal(task.quota.stopped_until, 0);
}

ROWS(rows_are_quoted_as_documented)
{
	struct addr a = addr_of("45.1.0.7");
	struct buf b;

	buf_init(&b, 4096);
	assert_true(abuseipdb_bulk_row(&b, &a, row_text(row, "categories"),
				       row_text(row, "comment"), NOW));
	assert_string_equal(b.text, row_text(row, "row"));
	buf_free(&b);
}

TEST(rows_are_added_until_the_file_is_full)
{
	struct addr a = addr_of("45.1.0.7");
	struct buf b;

	buf_init(&b, 100);
	abuseipdb_bulk_head(&b);
	assert_string_equal(b.text, "IP,Categories,ReportDate,Comment\n");
	assert_true(abuseipdb_bulk_row(&b, &a, "18", "x", NOW));
	assert_false(abuseipdb_bulk_row(&b, &a, "18", "x", NOW));
	assert_true(b.len == strlen(b.text) && b.text[b.len - 1] == '\n' && !b.failed);
	buf_free(&b);
}

ROWS(headers_say_how_long_to_stop)
{
	struct http_answer h = answer_of(row);

	h.retry_after_s = row_number(row, "retry_after");
	h.reset_at = row_number(row, "reset");
	h.limit = 1000;
	h.remaining = 12;
	call(TASK_REPORT, "45.1.0.7", "/report", &h, 0);
	assert_int_equal(task.quota.stopped_until, row_number(row, "until"));
	assert_int_equal(task.retry_after_s, row_number(row, "waits"));
	assert_int_equal(task.quota.limit, 1000);
	assert_int_equal(task.quota.remaining, 12);
	assert_true(task.quota.seen);
}

/* ---- bodies ---- */

static char *body_of(const char *ip, const char *categories, const char *comment, int64_t seen_at)
{
	struct addr a = addr_of(ip);

	return abuseipdb_report_body(&a, categories, comment, seen_at);
}

ROWS(bodies_are_encoded_to_the_last_byte)
{
	char expected[300], *body = body_of("45.1.0.7", "18,22", row_text(row, "comment"), NOW);

	snprintf(expected, sizeof(expected),
		 "ip=45.1.0.7&categories=18%%2C22&comment=%s"
		 "&timestamp=2026-11-23T09%%3A29%%3A50%%2B00%%3A00",
		 row_text(row, "encoded"));
	assert_string_equal(body, expected);
	free(body);
}

TEST(a_body_may_be_without_a_time)
{
	char *body = body_of("2a02:4780::1", "18", "", 0);

	assert_string_equal(body, "ip=2a02%3A4780%3A%3A1&categories=18&comment=");
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

ROWS(categories_are_numbers_or_names_each_once)
{
	const char *numbers = row_text(row, "numbers");
	char dst[CONF_TEXT_MAX] = "as it was";
	int r = categories_parse(row_text(row, "text"), dst, &place.error);

	assert_int_equal(r, numbers ? 0 : IPREP_E_ARG);
	assert_string_equal(dst, numbers ? numbers : "as it was");
}

/* A number and a comma each: thirty of them are taken. */
TEST(categories_have_a_limit)
{
	char text[CONF_TEXT_MAX + 1] = "", dst[CONF_TEXT_MAX];

	for (size_t i = 0; i < 30; i++)
		strcat(text, "1,");
	text[59] = '\0';
	assert_ok(categories_parse(text, dst, &place.error));
	strcat(text, ",1");
	assert_int_equal(categories_parse(text, dst, &place.error), IPREP_E_ARG);
	memset(text, '1', CONF_TEXT_MAX);
	text[CONF_TEXT_MAX] = '\0';
	assert_int_equal(categories_parse(text, dst, &place.error), IPREP_E_ARG);
}
