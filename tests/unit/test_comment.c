/* SPDX-License-Identifier: MIT */
/* test_comment.c - what a public comment says, and what it leaves out */
#include "reputation/report_comment.h"
#include "unit.h"

TEST(clauses_without_a_number_are_left_out)
{
	static const struct {
		const char *template;
		struct report_comment_facts f;
		const char *out;
	} rows[] = {
		{ "%{failures} failures, %{users} users, in %{window}",
		  { "j", 0, 0, 60 },
		  "in 1 minute" },
		{ "%{failures} failures, %{users} users, in %{window}",
		  { "j", 5, 0, 60 },
		  "5 failures, in 1 minute" },
		{ "%{failures} failures, %{users} users, in %{window}",
		  { "j", 5, 2, 0 },
		  "5 failures, 2 users" },
		{ "%{failures} failures, %{users} users", { "j", -1, -1, 0 }, "" },
		{ "on %{jail}: %{failures}", { "sshd", 0, 0, 0 }, "on sshd" },
		{ "on %{jail}: %{failures}", { "", 7, 0, 0 }, "7" },
		{ "%{failures} of %{users} tries", { "j", 5, 0, 0 }, "" }, /* one zero is enough */
		{ "seen: probe, scan", { "j", 0, 0, 0 }, "seen: probe, scan" },
		{ "", { "j", 1, 1, 1 }, "" },
		{ "100%, %{, %{}, %{ip}, %jail", { "j", 1, 1, 1 }, "100%, %{, %{}, %{ip}, %jail" },
		{ "%{jail}%{jail}", { "ab", 0, 0, 0 }, "abab" },
		{ ", : x", { "j", 0, 0, 0 }, "x" },
	};
	char out[200];

	for (size_t i = 0; i < COUNT(rows); i++) {
		report_comment_format(rows[i].template, &rows[i].f, out, sizeof(out));
		if (strcmp(out, rows[i].out))
			fail_msg("row %zu: \"%s\"", i, out);
	}
}

TEST(a_window_is_said_in_the_largest_whole_unit)
{
	static const struct {
		int64_t s;
		const char *out;
	} rows[] = {
		{ 1, "1 second" },
		{ 59, "59 seconds" },
		{ 60, "1 minute" },
		{ 61, "61 seconds" },
		{ 900, "15 minutes" },
		{ 3600, "1 hour" },
		{ 5400, "90 minutes" },
		{ 86400, "1 day" },
		{ 90000, "25 hours" },
		{ 604800, "7 days" },
		{ 0, "" },
		{ -60, "" },
	};
	char out[200];

	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct report_comment_facts f = { "j", 1, 1, rows[i].s };

		report_comment_format("%{window}", &f, out, sizeof(out));
		assert_string_equal(out, rows[i].out);
	}
}

TEST(a_jails_name_is_masked_and_makes_no_clause)
{
	static const struct {
		const char *jail, *out;
	} rows[] = {
		{ "a\"b\n\x1b\xc3\xa9", "on a?b????: 5" },
		{ "a,b:c", "on a,b:c: 5" },
		{ "%{users}", "on %{users}: 5" },
		{ "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
		  "on xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...: 5" },
	};
	char out[200];

	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct report_comment_facts f = { rows[i].jail, 5, 0, 60 };

		report_comment_format("on %{jail}: %{failures}", &f, out, sizeof(out));
		assert_string_equal(out, rows[i].out);
	}
}

TEST(a_comment_is_cut_between_characters)
{
	const struct report_comment_facts f = { "j", 1, 1, 1 };
	char out[6];

	report_comment_format("abcd\xc3\xa9", &f, out, sizeof(out));
	assert_string_equal(out, "abcd");
	report_comment_format("ab\xf0\x9f\x98\x80", &f, out, sizeof(out));
	assert_string_equal(out, "ab");
	report_comment_format("abc\xc3\xa9x", &f, out, sizeof(out));
	assert_string_equal(out, "abc\xc3\xa9");
}

TEST(any_room_is_kept)
{
	static const char whole[] = "on sshd: 5 failures, 3 users in 1 day";
	const struct report_comment_facts f = { "sshd", 5, 3, 86400 };
	char out[64];

	for (size_t room = 1; room < sizeof(out); room++) {
		memset(out, 'z', sizeof(out));
		report_comment_format(
			"on %{jail}: %{failures} failures, %{users} users in %{window}", &f, out,
			room);
		assert_true(strlen(out) < room);
		assert_memory_equal(out, whole, strlen(out));
		assert_int_equal(out[room], 'z');
	}
	report_comment_format("on %{jail}: %{failures} failures, %{users} users in %{window}", &f,
			      out, sizeof(out));
	assert_string_equal(out, whole);
}
