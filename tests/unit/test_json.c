/* SPDX-License-Identifier: MIT */
/* test_json.c - unsound text, limits and types; test_parsing.c has the plain cases */
#include "base/json.h"
#include "unit.h"

TEST(unsound_text_is_refused_and_sound_text_taken)
{
	static const struct {
		const char *text;
		size_t len;
		bool sound;
	} rows[] = {
		{ "{}", 2, true },
		{ " {\"a\" : [1, 2] }\r\n\t", 19, true },
		{ "[]", 2, true },
		{ "\"x\"", 3, true },
		{ "{\"a\":{\"b\":1},\"c\":{\"b\":1}}", 25, true },
		{ "{\"a\":1,\"A\":1}", 13, true },
		{ "[\"]]]]\\\"[[[\"]", 13, true },
		{ "{\"a\":1", 6, false },
		{ "{\"a\":1,}", 8, false },
		{ "[1,]", 4, false },
		{ "[1 2]", 5, false },
		{ "{\"a\"}", 5, false },
		{ "{a:1}", 5, false },
		{ "{} {}", 5, false },
		{ "{}\0", 3, false },
		{ "{\"a\":\"\0\"}", 9, false },
		{ "{\"a\":\"\\\0\"}", 10, false },
		{ "\"abc", 4, false },
		{ "[{\"a\":1,\"b\":2,\"a\":3}]", 21, false },
		{ "\"\\ud800\"", 8, false },
		{ "\"\\x\"", 4, false },
		{ "[]]", 3, false },
		{ "// c\n{}", 7, false },
		{ "   ", 3, false },
		{ "\x0b{}", 3, false }, /* cJSON takes every control byte for a blank */
		{ "{}\x01", 3, false },
		{ "[1,\x0c 2]", 7, false },
		{ "\"a\nb\"", 5, false },
		{ "\"a\x1f\"", 4, false },
		{ "\"\\\n\"", 4, false },
		{ "\"a\\u0000\"", 9, false }, /* would end the text */
		{ "{\"a\\u0000b\":1}", 14, false },
		{ "\"\\u0001\"", 8, true },
		{ "\"\\\\u0000\"", 9, true }, /* a backslash, and "u0000" */
		{ "\"\\u000", 6, false },
		{ "[01]", 4, false }, /* strtod(3) takes these */
		{ "[-01]", 5, false },
		{ "[00]", 4, false },
		{ "[1.]", 4, false },
		{ "[.5]", 4, false },
		{ "[+1]", 4, false },
		{ "[1.e2]", 6, false },
		{ "[1e]", 4, false },
		{ "[1e+]", 5, false },
		{ "[-]", 3, false },
		{ "[0x10]", 6, false },
		{ "[1e100]", 7, false }, /* infinity or 0 is not what it says */
		{ "[1e-400]", 8, false },
		{ "[99.99999999999999999]", 22, false }, /* not 100 */
		{ "[0, -0, 0.5, 10, 1e2, 1.5E-3]", 29, true },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct json *j = json_parse(rows[i].text, rows[i].len);

		if (!j != !rows[i].sound)
			fail_msg("row %zu: %s", i, rows[i].text);
		json_free(j);
	}
}

TEST(text_is_read_to_its_length_and_no_further)
{
	char *exact = malloc(7); /* unterminated: a sanitizer sees any byte more */
	struct json *j;

	assert_non_null(exact);
	memcpy(exact, "{\"a\":1}", 7);
	j = json_parse(exact, 7);
	assert_non_null(j);
	json_free(j);
	for (size_t n = 0; n < 7; n++)
		assert_null(json_parse(exact, n));
	free(exact);
}

TEST(thirty_two_levels_are_the_limit)
{
	char text[80];

	for (int depth = 31; depth <= 34; depth++) {
		struct json *j;

		memset(text, '[', (size_t)depth);
		memset(text + depth, ']', (size_t)depth);
		j = json_parse(text, (size_t)depth * 2);
		assert_int_equal(j != NULL, depth <= 32);
		json_free(j);
	}
}

TEST(whole_numbers_keep_to_their_bounds)
{
	static const struct {
		const char *text;
		int64_t min, max, n;
		bool ok;
	} rows[] = {
		{ "0", 0, 0, 0, true },
		{ "-0", 0, 0, 0, true },
		{ "-5", -5, 5, -5, true },
		{ "-6", -5, 5, 0, false },
		{ "6", -5, 5, 0, false },
		{ "1e2", 0, 100, 100, true },
		{ "1.0", 0, 1, 1, true },
		{ "0.5", 0, 1, 0, false },
		{ "9000000000000000", 0, INT64_MAX, 9000000000000000, true },
		{ "9007199254740993", 0, INT64_MAX, 0, false },
		{ "-9000000000000001", INT64_MIN, 0, 0, false },
		{ "1e99", 0, INT64_MAX, 0, false },
		{ "-1e99", INT64_MIN, 0, 0, false },
		{ "1e-99", 0, 9, 0, false },
		{ "99.9999999999999", 0, 100, 0, false },
		{ "100.000000000000", 0, 100, 100, true },
		{ "99999999999999999999", 0, INT64_MAX, 0, false },
		{ "\"5\"", 0, 9, 0, false },
		{ "true", 0, 9, 0, false },
		{ "null", 0, 9, 0, false },
		{ "[5]", 0, 9, 0, false },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct json *j = json_parse(rows[i].text, strlen(rows[i].text));
		int64_t n = 4711;

		assert_non_null(j);
		if (json_int(j, rows[i].min, rows[i].max, &n) != rows[i].ok ||
		    n != (rows[i].ok ? rows[i].n : 4711))
			fail_msg("%s: %lld", rows[i].text, (long long)n);
		json_free(j);
	}
}

TEST(what_is_not_there_is_nothing_all_the_way_down)
{
	static const char text[] = "{\"a\":[{\"b\":\"x\"},false],\"n\":null}";
	struct json *j = json_parse(text, sizeof(text) - 1);
	const struct json *a = json_member(j, "a");
	bool b = true;
	int64_t n;

	assert_string_equal(json_text(json_member(json_item(a, 0), "b")), "x");
	assert_true(json_bool(json_item(a, 1), &b) && !b);
	assert_null(json_item(a, 2));
	assert_null(json_member(j, "A")); /* names are what they are */
	assert_null(json_member(a, "b")); /* no object */
	assert_null(json_item(j, 0));	  /* no array */
	assert_null(json_text(json_member(j, "n")));
	assert_null(json_member(json_member(json_member(j, "x"), "y"), "z"));
	assert_null(json_item(NULL, 0));
	assert_null(json_text(NULL));
	assert_false(json_bool(NULL, &b));
	assert_false(json_int(NULL, 0, 9, &n));
	assert_null(json_free(j));
	assert_null(json_free(NULL));
}

/* "[ITEM,ITEM]" or "{ITEM,ITEM}"; after: an item is before, its number, after. NULL: only before.
 */
static char *long_text(char open, const char *before, const char *after, size_t nitems,
		       size_t *ret_len)
{
	char *text = malloc(nitems * 40 + 3), *at = text;

	assert_non_null(text);
	*at++ = open;
	for (size_t i = 0; i < nitems; i++) {
		if (i)
			*at++ = ',';
		if (after)
			at += snprintf(at, 40, "%s%06zu%s", before, i, after);
		else
			at += snprintf(at, 40, "%s", before);
	}
	*at++ = open == '[' ? ']' : '}';
	*ret_len = (size_t)(at - text);
	return text;
}

/* Names were once compared each with each: 100,000 of them took half a minute. */
TEST(a_hundred_thousand_values_are_the_limit)
{
	static const struct {
		char open;
		const char *before, *after;
		size_t nitems;
		bool is_taken;
	} rows[] = {
		{ '{', "\"", "\":1", 99999, true },	  { '{', "\"", "\":1", 100001, false },
		{ '[', "0", NULL, 99999, true },	  { '[', "0", NULL, 100001, false },
		{ '[', "{}", NULL, 49999, true },	  { '[', "{}", NULL, 50001, false },
		{ '[', "{\"a\":\"", "\"}", 49999, true },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		size_t len;
		char *text = long_text(rows[i].open, rows[i].before, rows[i].after, rows[i].nitems,
				       &len);
		struct json *j = json_parse(text, len);

		if (!j != !rows[i].is_taken)
			fail_msg("row %zu", i);
		json_free(j);
		free(text);
	}
}

TEST(one_name_twice_among_many_is_found_wherever_it_is)
{
	for (size_t at = 0; at < 1000; at += 111) {
		size_t len;
		char *text = long_text('{', "\"", "\":1", 1000, &len);
		struct json *j = json_parse(text, len);

		assert_non_null(j);
		json_free(j);
		memcpy(text + 1 + at * 11 + 1, "000500", 6); /* each member has 11 bytes */
		j = json_parse(text, len);
		assert_null(j);
		free(text);
	}
}
