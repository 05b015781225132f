/* SPDX-License-Identifier: MIT */
/* test_text.c - growing text, masking, errors and log lines */
#include "base/buf.h"
#include "base/mask.h"
#include "base/err.h"
#include "base/log.h"
#include "unit.h"

ROWS(foreign_bytes_are_masked_and_cut_to_the_room)
{
	size_t room = (size_t)row_number(row, "room");
	char out[13];

	memset(out, 'z', sizeof(out));
	assert_ptr_equal(text_mask(out, room, row_text(row, "text"), row_length(row, "text")), out);
	assert_string_equal(out, row_text(row, "masked"));
	assert_int_equal(out[room], 'z');
}

ROWS(stored_text_keeps_its_quotes_when_it_is_shown)
{
	char out[9];

	assert_string_equal(text_printable(out, (size_t)row_number(row, "room"),
					   row_text(row, "text"), row_length(row, "text")),
			    row_text(row, "shown"));
}

ROWS(utf8_is_told_from_other_bytes)
{
	assert_int_equal(utf8_valid(row_text(row, "text")), row_yes(row, "valid"));
}

TEST(utf8_is_cut_between_characters)
{
	assert_int_equal(utf8_cut("abc", 3), 3);
	assert_int_equal(utf8_cut("abcd", 3), 3);
	assert_int_equal(utf8_cut("ab\xc3\xa9", 3), 2);
	assert_int_equal(utf8_cut("\xf0\x9f\x98\x80", 3), 0);
}

#define KEY "3f9a27c1d84be06572c9f01a"

ROWS(a_piece_of_a_secret_is_found_however_it_is_written)
{
	const char *secret = row_text(row, "secret");

	assert_int_equal(text_shows(row_text(row, "text"), row_length(row, "text"),
				    strcmp(secret, "KEY") ? secret : KEY),
			 row_yes(row, "shows"));
}

TEST(a_text_too_long_to_be_searched_may_show_anything)
{
	char longer[1100];

	memset(longer, ' ', sizeof(longer));
	assert_false(text_shows(longer, 1024, KEY));
	assert_true(text_shows(longer, 1025, KEY));
}

ROWS(keys_are_redacted)
{
	char text[80];

	snprintf(text, sizeof(text), "%s", row_text(row, "text"));
	assert_string_equal(text_redact(text), row_text(row, "redacted"));
}

ROWS(text_is_put_as_far_as_it_fits)
{
	char dst[6] = "\0zzzz";

	dst[5] = 'z';
	strcpy(dst, row_text(row, "before"));
	assert_int_equal(text_put(dst, 5, row_text(row, "more")), row_yes(row, "whole"));
	assert_string_equal(dst, row_text(row, "after"));
	assert_int_equal(dst[5], 'z');
}

TEST(a_buffer_grows_to_its_limit_and_a_failure_stays)
{
	struct buf b;

	buf_init(&b, 5);
	buf_puts(&b, "12345");
	assert_false(b.failed);
	buf_printf(&b, "%d", 6);
	assert_true(b.failed);
	assert_string_equal(b.text, "12345");
	buf_free(&b);
	buf_init(&b, 1000);
	for (int i = 0; i < 250; i++)
		buf_printf(&b, "%04d", i);
	assert_false(b.failed);
	assert_int_equal(b.len, 1000);
	assert_int_equal(strlen(b.text), 1000);
	assert_memory_equal(b.text + 996, "0249", 5);
	buf_add(&b, "", 0);
	assert_false(b.failed);
	buf_add(&b, "x", 1);
	assert_true(b.failed);
	assert_int_equal(b.len, 1000);
	buf_free(&b);
	assert_null(b.text);
	assert_false(b.failed);
	assert_int_equal(b.max, 1000);

	buf_puts(&b, "ab");
	buf_add(&b, NULL, (size_t)-1); /* refused before it is looked at */
	assert_true(b.failed);
	buf_puts(&b, "c"); /* would fit, but the chain is broken */
	assert_string_equal(b.text, "ab");
	buf_free(&b);
	buf_free(&b);
}

TEST(a_buffer_holds_any_bytes)
{
	struct buf b;

	buf_init(&b, 8);
	buf_add(&b, "a\0b", 3);
	buf_puts(&b, "c");
	assert_int_equal(b.len, 4);
	assert_memory_equal(b.text, "a\0bc", 5);
	buf_free(&b);
}

TEST(an_error_is_a_code_and_a_sentence_or_just_a_code)
{
	struct err e;

	assert_int_equal(err_set(NULL, IPREP_E_IO, "%s", "x"), IPREP_E_IO);
	assert_int_equal(err_set(&e, IPREP_E_IO, "%s: %d", "x", 5), IPREP_E_IO);
	assert_int_equal(e.code, IPREP_E_IO);
	assert_string_equal(e.text, "x: 5");
	assert_int_equal(err_prefix(&e, "row %d", 7), IPREP_E_IO);
	assert_string_equal(e.text, "row 7: x: 5");
	assert_int_equal(err_prefix(NULL, "y"), IPREP_E_BUG);
}

TEST(an_overlong_error_is_cut_never_overrun)
{
	char longer[sizeof(((struct err *)NULL)->text) + 200];
	struct err e;

	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	err_set(&e, IPREP_E_IO, "%s", longer);
	assert_int_equal(strlen(e.text), sizeof(e.text) - 1);
	err_prefix(&e, "%s", "first");
	assert_int_equal(strlen(e.text), sizeof(e.text) - 1);
	assert_memory_equal(e.text, "first: xxx", 10);
	err_prefix(&e, "%s", longer);
	assert_int_equal(strlen(e.text), sizeof(e.text) - 1);
	assert_int_equal(e.code, IPREP_E_IO);
}

static char heard[2000];
static int heard_priority;

static void hear(void *user, int priority, const char *line)
{
	++*(int *)user;
	heard_priority = priority;
	strcpy(heard, line);
}

ROWS(a_line_is_heard_up_to_its_priority_only)
{
	int priority = (int)row_number(row, "priority"), lines = 0;
	struct log l = { hear, &lines, (int)row_number(row, "max") };

	assert_int_equal(log_wants(&l, priority), row_yes(row, "wanted"));
	log_line(&l, priority, "n=%d", 1);
	assert_int_equal(lines, row_yes(row, "wanted"));
	if (lines)
		assert_int_equal(heard_priority, priority);
}

TEST(without_a_hook_there_is_silence_and_long_lines_are_cut)
{
	int lines = 0;
	struct log none = { .max_priority = LOG_DEBUG }, l = { hear, &lines, LOG_DEBUG };

	assert_false(log_wants(NULL, LOG_ERR));
	assert_false(log_wants(&none, LOG_ERR));
	log_line(NULL, LOG_ERR, "x");
	log_line(&none, LOG_ERR, "x");
	log_line(&l, LOG_ERR, "%1500d", 5);
	assert_int_equal(lines, 1);
	assert_int_equal(strlen(heard), 1023);
}
