/* SPDX-License-Identifier: MIT */
/* test_parsing.c - durations, numbers and times */
#include "base/parse.h"
#include "base/time.h"
#include "conf/conf.h"
#include "unit.h"

/* Refused: the number is as it was. */
static void assert_parsed(const struct row *row, const char *column, bool is_parsed, int64_t n)
{
	assert_int_equal(is_parsed, row_has(row, column));
	assert_int_equal(n, is_parsed ? row_number(row, column) : -4711);
}

ROWS(durations_are_fail2bans)
{
	int64_t s = -4711;
	bool is_parsed = duration_parse(row_text(row, "text"), row_number(row, "max"), &s);

	assert_parsed(row, "seconds", is_parsed, s);
}

ROWS(numbers_are_the_whole_text)
{
	int64_t n = -4711;
	bool is_parsed = int_parse(row_text(row, "text"), row_number(row, "min"),
				   row_number(row, "max"), &n);

	assert_parsed(row, "number", is_parsed, n);
}

ROWS(a_number_at_the_beginning_ends_at_its_last_digit_or_where_it_is_too_large)
{
	const char *text = row_text(row, "text"), *at = text;
	int64_t n = -4711;
	bool is_parsed = int_parse_prefix(&at, row_number(row, "max"), &n);

	assert_parsed(row, "number", is_parsed, n);
	assert_int_equal(at - text, row_number(row, "used"));
}

ROWS(times_are_read_in_utc)
{
	int64_t at = -4711;
	bool is_parsed = time_parse(row_text(row, "text"), &at);

	assert_parsed(row, "time", is_parsed, at);
}

TEST(times_are_written_in_utc)
{
	char text[TIME_TEXT_MAX];

	assert_string_equal(time_text(1795427470, TIME_FOR_PEOPLE, text), "2026-11-23 09:51 UTC");
	assert_string_equal(time_text(1795427470, TIME_ISO, text), "2026-11-23T09:51:10Z");
	assert_string_equal(time_text(1795427470, TIME_ISO_OFFSET, text),
			    "2026-11-23T09:51:10+00:00");
	assert_string_equal(time_text(1795427470, TIME_LOG, text), "2026-11-23T09:51:10+0000");
	assert_string_equal(time_text(INT64_MAX, TIME_ISO, text), "");
}
