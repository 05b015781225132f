/* SPDX-License-Identifier: MIT */
/* test_json_lines.c - what the programs print as JSON: one line, quoted so that it reads back */
#include "common/json.h"
#include "unit.h"

/* cmd/common/json.h and lib/base/json.h are two worlds: of the reader only what is needed here. */
struct json_tree;
extern struct json_tree *json_parse(const char *text, size_t len);
extern struct json_tree *json_free(struct json_tree *json);
extern const struct json_tree *json_member(const struct json_tree *object, const char *name);
extern const char *json_text(const struct json_tree *json);

TEST(each_kind_of_member_has_its_comma_and_its_name)
{
	static const char want[] =
		"{\"t\":\"a\\\"\\n\\u001b\\\\/\",\"no\":null,\"i\":-5,\"big\":1795000000000,\"y\":true,"
		"\"f\":false,\"u\":null,\"z\":null,\"at\":null,\"o\":{\"k\":1,\"e\":{}},\"none\":[],"
		"\"a\":[\"x\",{\"k\":2},{\"k\":3}],\"end\":7}\n";
	struct json json;
	char *line = NULL;
	size_t len;
	FILE *out = open_memstream(&line, &len);

	assert_non_null(out);
	json_begin(&json, out);
	json_put_text(&json, "t", "a\"\n\x1b\\/");
	json_put_text(&json, "no", NULL);
	json_put_int(&json, "i", -5);
	json_put_int(&json, "big", 1795000000000);
	json_put_bool(&json, "y", 1);
	json_put_bool(&json, "f", 0);
	json_put_bool(&json, "u", -1);
	json_put_null(&json, "z");
	json_put_time(&json, "at", 0);
	json_put_object(&json, "o");
	json_put_int(&json, "k", 1);
	json_put_object(&json, "e");
	json_close_object(&json);
	json_close_object(&json);
	json_put_array(&json, "none");
	json_close_array(&json);
	json_put_array(&json, "a");
	json_put_text(&json, NULL, "x");
	for (int i = 2; i <= 3; i++) {
		json_put_object(&json, NULL);
		json_put_int(&json, "k", i);
		json_close_object(&json);
	}
	json_close_array(&json);
	json_put_time(&json, "end", 7);
	json_end(&json);
	fclose(out);
	assert_string_equal(line, want);
	free(line);
}

TEST(every_byte_reads_back)
{
	char text[128] = "";
	struct json_tree *tree;
	struct json json;
	char *line = NULL;
	size_t len;
	FILE *out = open_memstream(&line, &len);

	assert_non_null(out);
	for (int i = 1; i < 128; i++)
		text[i - 1] = (char)i;
	json_begin(&json, out);
	json_put_text(&json, "all", text);
	json_end(&json);
	fclose(out);
	assert_int_equal(strcspn(line, "\n"), len - 1);
	tree = json_parse(line, len);
	assert_non_null(tree);
	assert_string_equal(json_text(json_member(tree, "all")), text);
	json_free(tree);
	free(line);
}
