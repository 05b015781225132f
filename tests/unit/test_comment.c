/* SPDX-License-Identifier: MIT */
/* test_comment.c - what a public comment says, and what it leaves out */
#include "reputation/report_comment.h"
#include "unit.h"

ROWS(clauses_without_a_number_are_left_out)
{
	const struct report_comment_facts facts = { row_text(row, "jail"),
						    (int)row_number(row, "failures"),
						    (int)row_number(row, "users"),
						    row_number(row, "window") };
	char out[200];

	report_comment_format(row_text(row, "template"), &facts, out, sizeof(out));
	assert_string_equal(out, row_text(row, "comment"));
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
