/* SPDX-License-Identifier: MIT */
/* Any text where JSON is expected: no answer, or a tree that can be walked and written again. */
#include "fuzz.h"
#include "base/json.h"
#include <string.h>

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
	struct json *j = json_parse((const char *)data, size), *again;
	char *line, *same;

	if (!j)
		return 0;
	walk(j, 0);
	line = json_line(j);
	must(line);
	must(!strchr(line, '\n'));
	again = json_parse(line, strlen(line));
	must(again);
	same = json_line(again); /* what we write reads back as what we wrote */
	must(same && !strcmp(line, same));
	free(same);
	json_free(again);
	free(line);
	json_free(j);
	return 0;
}
