/* SPDX-License-Identifier: MIT */
/* test_json.c - unsound text, limits and types */
#include "base/json.h"
#include "unit.h"

ROWS(unsound_text_is_refused_and_sound_text_taken)
{
	struct json *json = json_parse(row_text(row, "text"), row_length(row, "text"));

	assert_int_equal(json != NULL, row_yes(row, "sound"));
	json_free(json);
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
	char text[200];

	for (int depth = 30; depth <= 100; depth++) {
		struct json *j;

		memset(text, '[', (size_t)depth);
		memset(text + depth, ']', (size_t)depth);
		j = json_parse(text, (size_t)depth * 2);
		assert_int_equal(j != NULL, depth <= 32);
		json_free(j);
	}
}

ROWS(whole_numbers_keep_to_their_bounds)
{
	struct json *json = json_parse(row_text(row, "text"), row_length(row, "text"));
	bool is_one = row_has(row, "number");
	int64_t n = 4711;

	assert_non_null(json);
	assert_int_equal(json_int(json, row_number(row, "min"), row_number(row, "max"), &n),
			 is_one);
	assert_int_equal(n, is_one ? row_number(row, "number") : 4711);
	json_free(json);
}

TEST(members_have_their_type_or_are_not_there)
{
	static const char text[] =
		"{\"n\":5,\"f\":1.5,\"s\":\"x\",\"z\":null,\"b\":true,\"big\":1e30}";
	static const char *const no_numbers[] = { "f", "s", "z", "big", "absent" };
	struct json *j = json_parse(text, sizeof(text) - 1);
	int64_t n = 7;
	bool b;

	assert_true(json_int(json_member(j, "n"), 0, 5, &n));
	assert_false(json_int(json_member(j, "n"), 0, 4, &n));
	for (size_t i = 0; i < COUNT(no_numbers); i++)
		assert_false(json_int(json_member(j, no_numbers[i]), 0, INT64_MAX, &n));
	assert_int_equal(n, 5);
	assert_true(json_bool(json_member(j, "b"), &b) && b);
	assert_false(json_bool(json_member(j, "n"), &b));
	assert_null(json_text(json_member(j, "n")));
	assert_string_equal(json_text(json_member(j, "s")), "x");
	json_free(j);
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
