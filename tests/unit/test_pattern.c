/* SPDX-License-Identifier: MIT */
/* test_pattern.c - the edges of filter*points; test_parsing.c has the plain cases */
#include "conf/points.h"
#include "unit.h"

#define V4(a, b, c, d) ((uint32_t)(a) << 24 | (b) << 16 | (c) << 8 | (d))

TEST(an_error_is_one_sentence_with_its_place)
{
	static const struct {
		const char *text;
		int nfields;
		const char *said;
	} rows[] = {
		{ "127.0.0.[4..1]", 4, "a range runs downwards at \"127.0.0.[4..>1<]\"" },
		{ "127.0.0.[4..]*1", 4, "a number is missing at \"127.0.0.[4..>]<*1\"" },
		{ "127.0.0.[4.5]*1", 4, "expected ; or ] at \"127.0.0.[4>.<5]*1\"" },
		{ "127.0.0.[4;]*1", 4, "a number is missing at \"127.0.0.[4;>]<*1\"" },
		{ "127.0.0.[4..300]*1", 4, "a number is over 255 at \"127.0.0.[4..30>0<]*1\"" },
		{ "127.0.0.2560*1", 4, "a number is over 255 at \"127.0.0.25>6<0*1\"" },
		{ "127.0.0.2.3*1", 4, "expected * and points at \"127.0.0.2>.<3*1\"" },
		{ "127.0.0.2/8*1", 4, "expected * and points at \"127.0.0.2>/<8*1\"" },
		{ "127.0.0.2 *1", 4, "expected * and points at \"127.0.0.2> <*1\"" },
		{ "127.0.0.2]*1", 4, "expected * and points at \"127.0.0.2>]<*1\"" },
		{ "127.0.0.2*--1", 4, "points are missing at \"127.0.0.2*->-<1\"" },
		{ "127.0.0.2*+-1", 4, "points are missing at \"127.0.0.2*+>-<1\"" },
		{ "127.0.0.2*1.5", 4, "expected a blank at \"127.0.0.2*1>.<5\"" },
		{ "127.0.0.2*1,127.0.0.3*1", 4,
		  "expected a blank at \"127.0.0.2*1>,<127.0.0.3*1\"" },
		{ "*1 127.0.0*1", 4, "expected . at \"*1 127.0.0>*<1\"" },
		{ "**1", 4, "points are missing at \"*>*<1\"" },
		{ "*1001", 4, "points are over 1000 at \"*100>1<\"" },
		{ "*-1001", 4, "points are over 1000 at \"*-100>1<\"" },
		{ "-1*1", 4, "a number is missing at \">-<1*1\"" },
		{ "*99999999999999999999", 4, "points are over 1000" },
		{ "[127.0.0.2*1", 4, "expected ] at \"[127.0.0.2>*<1\"" },
		{ "[127]*1", 4, "expected . at \"[127]>*<1\"" },
		{ "127.0.0.2", 4, "expected * and points at \"127.0.0.2><\"" },
		{ "", 4, "no entry" },
		{ " \t ", 4, "no entry" },
		{ "", 1, "no entry" },
		{ "[1..2*1", 1, "expected ; or ] at \"[1..2>*<1\"" },
		{ "[[1]]*1", 1, "a number is missing at \"[>[<1]]*1\"" },
		{ "127.0.0.2*1", 1, "expected * and points at \"127>.<0.0.2*1\"" },
		{ "127.0.0.\x1b*1", 4, "a number is missing at \"127.0.0.>?<*1\"" },
		{ "127.0.0.2*1\xc3\xa9", 4, "expected a blank at \"127.0.0.2*1>?<?\"" },
		{ "*1 *1 *1 *1 *1 *1 *1 *1 *1 *1 *1 *1 *1 *1 *1 *1 *1", 4, "more than 16 entries" },
	};
	struct pattern p;
	struct err e;

	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_int_equal(points_parse(rows[i].text, rows[i].nfields, &p, &e),
				 IPREP_E_CONFIG);
		if (strncmp(e.text, rows[i].said, strlen(rows[i].said)))
			fail_msg("%s: %s", rows[i].text, e.text);
		assert_int_equal(points_parse(rows[i].text, rows[i].nfields, &p, NULL),
				 IPREP_E_CONFIG);
	}
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

TEST(each_octet_counts_and_both_ends_of_a_range)
{
	static const struct {
		const char *text;
		uint32_t value;
		int points;
	} rows[] = {
		{ "1.2.3.4*1", V4(1, 2, 3, 4), 1 },
		{ "1.2.3.4*1", V4(4, 3, 2, 1), 0 },
		{ "1.2.3.4*1", V4(2, 2, 3, 4), 0 },
		{ "1.2.3.4*1", V4(1, 3, 3, 4), 0 },
		{ "1.2.3.4*1", V4(1, 2, 4, 4), 0 },
		{ "1.2.3.4*1", V4(1, 2, 3, 5), 0 },
		{ "[0..255].[0..255].[0..255].[0..255]*1", V4(0, 0, 0, 0), 1 },
		{ "[0..255].[0..255].[0..255].[0..255]*1", V4(255, 255, 255, 255), 1 },
		{ "127.0.0.[7..8]*1", V4(127, 0, 0, 6), 0 },
		{ "127.0.0.[7..8]*1", V4(127, 0, 0, 7), 1 },
		{ "127.0.0.[7..8]*1", V4(127, 0, 0, 8), 1 },
		{ "127.0.0.[7..8]*1", V4(127, 0, 0, 9), 0 },
		{ "127.0.0.[1;3..5;3;9]*1", V4(127, 0, 0, 4), 1 },
		{ "127.0.0.[1;3..5;3;9]*1", V4(127, 0, 0, 2), 0 },
		{ "[126..127].0.0.2*1", V4(126, 0, 0, 2), 1 },
		{ "[[126..127].0.0.2]*1", V4(126, 0, 0, 2), 1 },
		{ "[[126;127].0.0.[2..3]]*1", V4(127, 0, 0, 3), 1 },
		{ "127.0.0.002*1", V4(127, 0, 0, 2), 1 },
		{ "\t127.0.0.2*1  *5\t", V4(127, 0, 0, 2), 6 },
		{ "127.0.0.2*0", V4(127, 0, 0, 2), 0 },
		{ "127.0.0.2*-1000", V4(127, 0, 0, 2), -1000 },
		{ "127.0.0.2*1000", V4(127, 0, 0, 2), 1000 },
	};
	struct pattern p;
	struct err e;

	for (size_t i = 0; i < COUNT(rows); i++) {
		if (points_parse(rows[i].text, 4, &p, &e))
			fail_msg("%s: %s", rows[i].text, e.text);
		if (points_points(&p, &rows[i].value, 1) != rows[i].points)
			fail_msg("%s: %d", rows[i].text, points_points(&p, &rows[i].value, 1));
	}
}

TEST(an_entry_counts_once_however_many_answers_match)
{
	static const uint32_t values[] = { V4(127, 0, 0, 2), V4(127, 0, 0, 3), V4(127, 0, 0, 2) };
	struct pattern p;

	assert_int_equal(
		points_parse("127.0.0.[2..3]*3 127.0.0.3*-1 127.0.0.9*50 *100", 4, &p, NULL), 0);
	assert_int_equal(p.nentries, 4);
	assert_int_equal(points_points(&p, values, 3), 102);
	assert_int_equal(points_points(&p, values, 1), 103);
	assert_int_equal(points_points(&p, values, 0), 0);
}

TEST(a_score_has_the_points_of_its_ranges)
{
	static const struct {
		uint32_t score;
		int points;
	} rows[] = {
		{ 0, -1 },   { 1, 0 },	 { 89, 0 },  { 90, 3 },		{ 99, 3 },
		{ 100, 10 }, { 101, 0 }, { 256, 0 }, { UINT32_MAX, 0 },
	};
	struct pattern p;

	assert_int_equal(points_parse("[90..99]*3 100*10 0*-1", 1, &p, NULL), 0);
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_int_equal(points_points(&p, &rows[i].score, 1), rows[i].points);
}

TEST(the_range_is_what_answers_can_add)
{
	static const struct {
		const char *text;
		int nfields, least, most;
		bool negative;
	} rows[] = {
		{ "127.0.0.2*3 127.0.0.3*-4 *-1", 4, -5, 3, false },
		{ "*-4 127.0.0.2*-1", 4, -5, 0, true },
		{ "*0", 4, 0, 0, false },
		{ "*-1 *0", 4, -1, 0, false },
		{ "[0..100]*5", 1, 0, 5, false },
		{ "[101..255]*5", 1, 0, 0, false },
		{ "[0..9]*-5 [5..50]*2", 1, -5, 2, false },
		{ "0*-1 *-2", 1, -3, 0, true },
	};
	int least, most;
	struct pattern p;

	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_int_equal(points_parse(rows[i].text, rows[i].nfields, &p, NULL), 0);
		points_range(&p, &least, &most);
		if (least != rows[i].least || most != rows[i].most ||
		    points_is_negative(&p) != rows[i].negative)
			fail_msg("%s: %d to %d", rows[i].text, least, most);
	}
	p.nentries = 0;
	assert_false(points_is_negative(&p));
}
