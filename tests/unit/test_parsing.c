/* SPDX-License-Identifier: MIT */
/* test_parsing.c - patterns, durations, numbers, JSON, comments: tables of texts and what they mean
 */
#include "base/buf.h"
#include "base/mask.h"
#include "reputation/report_comment.h"
#include "conf/conf.h"
#include "base/parse.h"
#include "base/time.h"
#include "base/json.h"
#include "conf/points.h"
#include "unit.h"

#define LO(n) (0x7f000000u + (n))

TEST(patterns_match_as_postscreen_has_them)
{
	static const struct {
		const char *text;
		uint32_t a, b;
		int points;
	} rows[] = {
		{ "127.0.0.2*3", LO(2), 0, 3 },
		{ "127.0.0.2*3", LO(3), 0, 0 },
		{ "127.0.0.[2..9]*3", LO(2), 0, 3 },
		{ "127.0.0.[2..9]*3", LO(9), LO(4), 3 },
		{ "127.0.0.[2..9]*3", LO(10), 0, 0 },
		{ "127.0.0.[7;9;21]*3", LO(21), 0, 3 },
		{ "127.0.0.[7;9;20..22]*3", LO(21), 0, 3 },
		{ "[127.0.0.2]*3", LO(2), 0, 3 },
		{ "[127.0.[0;1].[2..4]]*3", LO(0x103), 0, 3 },
		{ "127.0.0.2*3 127.0.0.4*2", LO(2), LO(4), 5 },
		{ "127.0.[0..255].[1..3]*-4", LO(0x502), 0, -4 },
		{ "*3", LO(77), 0, 3 },
		{ "*+3", LO(77), 0, 3 },
		{ "[127].0.0.2*1", LO(2), 0, 1 },
		{ "127.0.0.[4..4]*1", LO(4), 0, 1 },
	};
	struct pattern p;
	struct err e;

	for (size_t i = 0; i < COUNT(rows); i++) {
		uint32_t values[2] = { rows[i].a, rows[i].b };

		if (points_parse(rows[i].text, 4, &p, &e))
			fail_msg("%s: %s", rows[i].text, e.text);
		assert_int_equal(points_points(&p, values, rows[i].b ? 2 : 1), rows[i].points);
	}
}

TEST(a_pattern_error_names_its_place)
{
	static const struct {
		const char *text, *place;
	} rows[] = {
		{ "127.0.0.[4..1]*3", "127.0.0.[4..>1<]*3" },
		{ "127.0.0.256*3", "127.0.0.25>6<*3" },
		{ "127.0.0*3", "127.0.0>*<3" },
		{ "127.0.0.2", "127.0.0.2><" },
		{ "127.0.0.2*", "127.0.0.2*><" },
		{ "127.0.0.[2*3", "127.0.0.[2>*<3" },
		{ "127.0.0.[]*3", "127.0.0.[>]<*3" },
		{ "127.0.0.2*3x", "127.0.0.2*3>x<" },
		{ "a.0.0.2*3", ">a<.0.0.2*3" },
		{ "127.0.0.2*1001", "over 1000" },
		{ "127..0.2*3", "127.>.<0.2*3" },
		{ "[127.0.0.2*3", ">*<3" },
		{ "", "no entry" },
	};
	struct pattern p;
	struct err e;

	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_int_equal(points_parse(rows[i].text, 4, &p, &e), IPREP_E_CONFIG);
		if (!strstr(e.text, rows[i].place))
			fail_msg("%s: %s", rows[i].text, e.text);
	}
}

TEST(ranges_are_the_least_and_the_most)
{
	static const struct {
		const char *text;
		int nfields, least, most;
	} rows[] = {
		{ "127.0.0.2*3", 4, 0, 3 },	    { "127.0.0.2*3 127.0.0.3*2", 4, 0, 5 },
		{ "127.0.0.2*-4", 4, -4, 0 },	    { "[90..99]*3 100*10", 1, 0, 10 },
		{ "[50..100]*3 100*10", 1, 0, 13 },
	};
	struct pattern p;
	int least, most;

	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_int_equal(points_parse(rows[i].text, rows[i].nfields, &p, NULL), 0);
		points_range(&p, &least, &most);
		assert_int_equal(least, rows[i].least);
		assert_int_equal(most, rows[i].most);
	}
}

TEST(durations_are_fail2bans)
{
	static const struct {
		const char *text;
		int64_t s;
	} rows[] = {
		{ "90", 90 },
		{ "15m", 900 },
		{ "1d", 86400 },
		{ "52w", 52 * 604800 },
		{ "1d12h", 129600 },
		{ "1d 12h", 129600 },
		{ "0", 0 },
		{ "", -1 },
		{ "d", -1 },
		{ "1x", -1 },
		{ "-1", -1 },
		{ "1.5h", -1 },
		{ "99999999999999999999", -1 },
		{ "9999999w", -1 },
		{ " 1d", -1 },
		{ "1D", -1 },
	};
	int64_t s;

	for (size_t i = 0; i < COUNT(rows); i++) {
		s = -1;
		if (duration_parse(rows[i].text, 1000000000, &s) != (rows[i].s >= 0) ||
		    s != rows[i].s)
			fail_msg("\"%s\"", rows[i].text);
	}
}

TEST(numbers_are_the_whole_text)
{
	static const char *const bad[] = {
		"", "-", "1x", " 1", "1 ", "+1", "0x1", "1e3", "11", "-1", "99999999999999999999"
	};
	int64_t n;

	assert_true(int_parse("10", 0, 10, &n));
	assert_int_equal(n, 10);
	assert_true(int_parse("-3", -5, 10, &n));
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_false(int_parse(bad[i], 0, 10, &n));
	assert_false(int_parse("-0", 0, 10, &n));
	assert_true(int_parse("0010", 0, 10, &n));
	assert_true(int_parse("9223372036854775807", 0, INT64_MAX, &n));
	assert_true(n == INT64_MAX);
	assert_false(int_parse("9223372036854775808", 0, INT64_MAX, &n));
}

TEST(a_number_at_the_beginning_ends_at_its_last_digit_or_where_it_is_too_large)
{
	static const struct {
		const char *text;
		int64_t max, number; /* -1: refused */
		size_t used;
	} rows[] = {
		{ "12d", 100, 12, 2 }, { "255.1", 255, 255, 3 }, { "256.1", 255, -1, 2 },
		{ "7", 6, -1, 0 },     { "", 9, -1, 0 },	 { "-1", 9, -1, 0 },
		{ " 1", 9, -1, 0 },    { "0", 0, 0, 1 },	 { "00", 0, 0, 2 },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		const char *at = rows[i].text;
		int64_t number = -1;

		assert_int_equal(int_parse_prefix(&at, rows[i].max, &number), rows[i].number >= 0);
		assert_int_equal(number, rows[i].number);
		assert_int_equal(at - rows[i].text, rows[i].used);
	}
}

TEST(times_are_written_and_read_in_utc)
{
	static const struct {
		const char *text;
		int64_t at; /* -1: refused */
	} rows[] = {
		{ "2026-11-23T09:51:10+00:00", 1795427470 },
		{ "2026-11-23T09:51:10Z", 1795427470 },
		{ "2026-11-23T09:51:10", 1795427470 },
		{ "2026-11-23T11:51:10+02:00", 1795427470 },
		{ "2026-11-23T06:21:10-03:30", 1795427470 },
		{ "2038-01-19T03:14:08Z", 2147483648 },
		{ "2026-11-23T11:51:10+0200", 1795427470 },
		{ "2026-11-23T11:51:10+02", 1795427470 },
		{ "2026-11-23T10:51:10.123+01:00", 1795427470 },
		{ "2026-11-23T15:21:10.5+0530", 1795427470 },
		{ "2026-11-23T09:51:10.123456789Z", 1795427470 },
		{ "2026-11-23T09:51:10.000", 1795427470 },
		{ "2026-11-23T23:51:10+14:00", 1795427470 },
		{ "2024-02-29T00:00:00Z", 1709164800 },
		{ "2016-12-31T23:59:60Z", 1483228800 },
		{ "1970-01-01T00:00:00Z", 0 },
		{ "2026-11-23T09:51:10 +00:00", -1 },
		{ "2026-11-23T09:51:10.", -1 },
		{ "2026-11-23T09:51:10.Z", -1 },
		{ "2026-11-23T09:51:10,5Z", -1 },
		{ "2026-11-23T09:51:10Z0", -1 },
		{ "2026-11-23T09:51:10x", -1 },
		{ "2026-11-23T09:51:10 UTC", -1 },
		{ "2026-11-23T09:51:10+1", -1 },
		{ "2026-11-23T09:51:10+01:", -1 },
		{ "2026-11-23T09:51:10+01:00:00", -1 },
		{ "2026-11-23T09:51:10+14:01", -1 },
		{ "2026-11-23 09:51:10Z", -1 },
		{ "2026-02-29T00:00:00Z", -1 },
		{ "2026-04-31T00:00:00Z", -1 },
		{ "2026-01-01T24:00:00Z", -1 },
		{ "2026-01-01T00:00:61Z", -1 },
		{ "2026-1-2T3:4:5Z", -1 },
		{ "02026-11-23T09:51:10Z", -1 },
		{ "0000-01-01T00:00:00Z", -1 },
		{ "2026-11-23T09:51:10+15:00", -1 },
		{ "2026-11-23T09:51:10+xx:00", -1 },
		{ "2026-11-23T09:51:10+02:60", -1 },
		{ "2026-11-23", -1 },
		{ "", -1 },
	};
	char text[TIME_TEXT_MAX];

	for (size_t i = 0; i < COUNT(rows); i++) {
		int64_t at = -1;

		assert_int_equal(time_parse(rows[i].text, &at), rows[i].at >= 0);
		assert_true(at == rows[i].at);
	}
	assert_string_equal(time_text(1795427470, TIME_FOR_PEOPLE, text), "2026-11-23 09:51 UTC");
	assert_string_equal(time_text(1795427470, TIME_ISO, text), "2026-11-23T09:51:10Z");
	assert_string_equal(time_text(1795427470, TIME_ISO_OFFSET, text),
			    "2026-11-23T09:51:10+00:00");
	assert_string_equal(time_text(1795427470, TIME_LOG, text), "2026-11-23T09:51:10+0000");
	assert_string_equal(time_text(INT64_MAX, TIME_ISO, text), "");
}

TEST(json_that_is_not_sound_is_no_answer)
{
	static const char *const bad[] = {
		"",    "{",	  "{\"a\":1}x", "{\"a\":1,\"a\":2}", "{\"a\":{\"b\":1,\"b\":1}}",
		"nul", "{'a':1}", "<html>"
	};
	char deep[200];
	struct json *j;

	for (size_t i = 0; i < COUNT(bad); i++)
		assert_null(json_parse(bad[i], strlen(bad[i])));
	assert_null(json_parse("{}\0", 3));
	memset(deep, '[', 100);
	memset(deep + 100, ']', 100);
	assert_null(json_parse(deep, 200));
	j = json_parse(deep + 70, 60);
	assert_non_null(j);
	json_free(j);
}

TEST(json_members_have_their_type_or_are_not_there)
{
	static const char text[] =
		"{\"n\":5,\"f\":1.5,\"s\":\"x\",\"z\":null,\"b\":true,\"big\":1e30}";
	struct json *j = json_parse(text, sizeof(text) - 1);
	int64_t n = 7;
	bool b;

	assert_true(json_int(json_member(j, "n"), 0, 5, &n));
	assert_false(json_int(json_member(j, "n"), 0, 4, &n));
	assert_false(json_int(json_member(j, "f"), 0, 9, &n));
	assert_false(json_int(json_member(j, "s"), 0, 9, &n));
	assert_false(json_int(json_member(j, "z"), 0, 9, &n));
	assert_false(json_int(json_member(j, "big"), 0, INT64_MAX, &n));
	assert_false(json_int(json_member(j, "absent"), 0, 9, &n));
	assert_int_equal(n, 5);
	assert_true(json_bool(json_member(j, "b"), &b) && b);
	assert_false(json_bool(json_member(j, "n"), &b));
	assert_null(json_text(json_member(j, "n")));
	assert_string_equal(json_text(json_member(j, "s")), "x");
	json_free(j);
}

TEST(comments_leave_out_clauses_without_a_number)
{
	static const char t[] =
		"Brute force on %{jail}: %{failures} failures, %{users} user names in %{window}";
	static const struct {
		struct report_comment_facts f;
		const char *out;
	} rows[] = {
		{ { "sshd", 5, 3, 86400 },
		  "Brute force on sshd: 5 failures, 3 user names in 1 day" },
		{ { "sshd", 5, 0, 86400 }, "Brute force on sshd: 5 failures" },
		{ { "sshd", 0, 3, 7200 }, "Brute force on sshd, 3 user names in 2 hours" },
		{ { "", 5, 0, 1 }, "5 failures" },
		{ { "", 0, 0, 1 }, "" },
	};
	char out[200], small[12];

	for (size_t i = 0; i < COUNT(rows); i++) {
		report_comment_format(t, &rows[i].f, out, sizeof(out));
		assert_string_equal(out, rows[i].out);
	}
	report_comment_format(t, &rows[0].f, small, sizeof(small));
	assert_int_equal(strlen(small), sizeof(small) - 1);
}

TEST(foreign_text_is_masked_and_buffers_keep_their_limit)
{
	char out[12];
	struct buf b;

	assert_string_equal(text_mask(out, sizeof(out),
				      "a\n\"\x1b\xc3"
				      "b",
				      6),
			    "a????b");
	assert_string_equal(text_mask(out, sizeof(out), "0123456789abcdef", 16), "01234567...");
	buf_init(&b, 5);
	buf_puts(&b, "12345");
	assert_false(b.failed);
	buf_printf(&b, "%d", 6);
	assert_true(b.failed);
	assert_string_equal(b.text, "12345");
	buf_free(&b);
}
