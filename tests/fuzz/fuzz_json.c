/* SPDX-License-Identifier: MIT */
/* Any text where JSON is expected: no answer, or a tree that can be walked. */
#include "fuzz.h"
#include "base/json.h"

#define DEEP 2000

static void walk(const struct json *j, int depth)
{
	const struct json *item;
	int64_t n;
	bool b;

	must(depth < DEEP);
	if (json_int(j, -5, 5, &n))
		must(n >= -5 && n <= 5);
	json_bool(j, &b);
	json_text(j);
	for (size_t i = 0; (item = json_item(j, i)); i++)
		walk(item, depth + 1);
	item = json_member(j, "data");
	if (item)
		walk(item, depth + 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct json *j = json_parse((const char *)data, size);

	if (j)
		walk(j, 0);
	json_free(j);
	return 0;
}
