/* SPDX-License-Identifier: MIT */
/* test_pattern.c - filter*points: what it means and what is wrong with it */
#include "conf/points.h"
#include "unit.h"

ROWS(an_error_is_one_sentence_with_its_place)
{
	const char *text = row_text(row, "text"), *says = row_text(row, "says");
	int nfields = (int)row_number(row, "fields");
	struct pattern p;
	struct err e;

	assert_int_equal(points_parse(text, nfields, &p, &e), IPREP_E_CONFIG);
	e.text[strlen(says)] = '\0';
	assert_string_equal(e.text, says);
	assert_int_equal(points_parse(text, nfields, &p, NULL), IPREP_E_CONFIG);
}

TEST(an_overlong_text_is_refused_and_cut_in_the_message)
{
	struct pattern p = { .nfields = 77 };
	char text[2000];
	struct err e;

	memset(text, ' ', sizeof(text) - 2);
	strcpy(text + sizeof(text) - 2, "x");
	assert_int_equal(points_parse(text, 4, &p, &e), IPREP_E_CONFIG);
	assert_true(strlen(e.text) >= 100 && strlen(e.text) < sizeof(e.text));
	assert_int_equal(p.nfields, 77); /* as it was */
}

static void parse(const char *text, int nfields, struct pattern *p)
{
	struct err e;

	if (points_parse(text, nfields, p, &e))
		fail_msg("%s", e.text);
}

ROWS(answers_give_the_points_of_the_entries_that_match)
{
	const char *at = row_text(row, "answers");
	uint32_t values[4];
	struct pattern p;
	size_t n = 0;

	for (int used, a, b, c, d; sscanf(at, " %d.%d.%d.%d%n", &a, &b, &c, &d, &used) == 4; n++) {
		assert_true(n < COUNT(values));
		values[n] = (uint32_t)a << 24 | (uint32_t)b << 16 | (uint32_t)c << 8 | (uint32_t)d;
		at += used;
	}
	assert_string_equal(at, "");
	parse(row_text(row, "text"), 4, &p);
	assert_int_equal(points_points(&p, values, n), row_number(row, "points"));
}

ROWS(a_score_has_the_points_of_its_ranges)
{
	uint32_t score = (uint32_t)row_number(row, "score");
	struct pattern p;

	parse("[90..99]*3 100*10 0*-1", 1, &p);
	assert_int_equal(points_points(&p, &score, 1), row_number(row, "points"));
}

ROWS(the_range_is_what_answers_can_add)
{
	int least, most;
	struct pattern p;

	parse(row_text(row, "text"), (int)row_number(row, "fields"), &p);
	points_range(&p, &least, &most);
	assert_int_equal(least, row_number(row, "least"));
	assert_int_equal(most, row_number(row, "most"));
	assert_int_equal(points_is_negative(&p), row_yes(row, "negative"));
}

TEST(no_entry_at_all_is_not_negative)
{
	struct pattern p = { .nfields = 4 };

	assert_false(points_is_negative(&p));
}
