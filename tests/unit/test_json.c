/* SPDX-License-Identifier: MIT */
/* test_json.c - unsound text, limits and types; test_parsing.c has the plain cases */
#include "base/json.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static void unsound_text_is_refused_and_sound_text_taken(void **state)
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
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct json *j = json_parse(rows[i].text, rows[i].len);

		if (!j != !rows[i].sound)
			fail_msg("row %zu: %s", i, rows[i].text);
		json_free(j);
	}
}

static void text_is_read_to_its_length_and_no_further(void **state)
{
	char *exact = malloc(7); /* unterminated: a sanitizer sees any byte more */
	struct json *j;

	(void)state;
	assert_non_null(exact);
	memcpy(exact, "{\"a\":1}", 7);
	j = json_parse(exact, 7);
	assert_non_null(j);
	json_free(j);
	for (size_t n = 0; n < 7; n++)
		assert_null(json_parse(exact, n));
	free(exact);
}

static void thirty_two_levels_are_the_limit(void **state)
{
	char text[80];

	(void)state;
	for (int depth = 31; depth <= 34; depth++) {
		struct json *j;

		memset(text, '[', (size_t)depth);
		memset(text + depth, ']', (size_t)depth);
		j = json_parse(text, (size_t)depth * 2);
		assert_int_equal(j != NULL, depth <= 32);
		json_free(j);
	}
}

static void whole_numbers_keep_to_their_bounds(void **state)
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
		{ "1e999", 0, INT64_MAX, 0, false },
		{ "-1e999", INT64_MIN, 0, 0, false },
		{ "\"5\"", 0, 9, 0, false },
		{ "true", 0, 9, 0, false },
		{ "null", 0, 9, 0, false },
		{ "[5]", 0, 9, 0, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct json *j = json_parse(rows[i].text, strlen(rows[i].text));
		int64_t n = 4711;

		assert_non_null(j);
		if (json_int(j, rows[i].min, rows[i].max, &n) != rows[i].ok ||
		    n != (rows[i].ok ? rows[i].n : 4711))
			fail_msg("%s: %lld", rows[i].text, (long long)n);
		json_free(j);
	}
}

static void what_is_not_there_is_nothing_all_the_way_down(void **state)
{
	static const char text[] = "{\"a\":[{\"b\":\"x\"},false],\"n\":null}";
	struct json *j = json_parse(text, sizeof(text) - 1);
	const struct json *a = json_member(j, "a");
	bool b = true;
	int64_t n;

	(void)state;
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unsound_text_is_refused_and_sound_text_taken),
		cmocka_unit_test(text_is_read_to_its_length_and_no_further),
		cmocka_unit_test(thirty_two_levels_are_the_limit),
		cmocka_unit_test(whole_numbers_keep_to_their_bounds),
		cmocka_unit_test(what_is_not_there_is_nothing_all_the_way_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
