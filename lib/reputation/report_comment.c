/* SPDX-License-Identifier: MIT */
#include "reputation/report_comment.h"
#include "base/buf.h"
#include "base/mask.h"
#include <stdio.h>
#include <string.h>

static void put_duration(int64_t seconds, char dst[24])
{
	static const struct {
		int64_t seconds;
		const char *name;
	} units[] = {
		{ 86400, "day" },
		{ 3600, "hour" },
		{ 60, "minute" },
		{ 1, "second" },
	};

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (seconds % units[i].seconds)
			continue;
		snprintf(dst, 24, "%lld %s%s", (long long)(seconds / units[i].seconds),
			 units[i].name, seconds == units[i].seconds ? "" : "s");
		return;
	}
	dst[0] = '\0';
}

/* The value of the placeholder at pos ("%{...}") into dst. Returns its length in the template, or 0
 * if there is none. */
static size_t placeholder_value(const char *pos, const struct report_comment_facts *facts,
				char dst[80], int *ret_zero)
{
	const char *end = pos[0] == '%' && pos[1] == '{' ? strchr(pos, '}') : NULL;
	size_t count = end ? (size_t)(end - pos) + 1 : 0;

	dst[0] = '\0';
	if (count == 7 && !memcmp(pos, "%{jail}", count)) {
		text_mask(dst, 80, facts->jail, strlen(facts->jail));
		*ret_zero |= !*facts->jail;
	} else if (count == 11 && !memcmp(pos, "%{failures}", count)) {
		snprintf(dst, 80, "%d", facts->failures);
		*ret_zero |= facts->failures <= 0;
	} else if (count == 8 && !memcmp(pos, "%{users}", count)) {
		snprintf(dst, 80, "%d", facts->users);
		*ret_zero |= facts->users <= 0;
	} else if (count == 9 && !memcmp(pos, "%{window}", count)) {
		put_duration(facts->window_s, dst);
		*ret_zero |= facts->window_s <= 0;
	} else {
		return 0;
	}
	return count;
}

/* One clause, [from, to), appended unless one of its numbers is zero. */
static void put_clause(const char *from, const char *to, const struct report_comment_facts *facts,
		       char *dst, size_t room)
{
	size_t start = strlen(dst);
	char one[80];
	int zero = 0;

	while (from < to) {
		size_t count = placeholder_value(from, facts, one, &zero);

		if (!count) {
			one[0] = *from;
			one[1] = '\0';
		}
		text_put(dst, room, one);
		from += count ? count : 1;
	}
	if (zero)
		dst[start] = '\0';
}

void report_comment_format(const char *template, const struct report_comment_facts *facts,
			   char *dst, size_t room)
{
	size_t count;

	dst[0] = '\0';
	while (*template) {
		size_t len = 1 + strcspn(template + 1, ",:");

		put_clause(template, template + len, facts, dst, room);
		template += len;
	}
	count = strspn(dst, ",: ");
	memmove(dst, dst + count, strlen(dst + count) + 1);
	while (!utf8_valid(dst)) /* cut in the middle of a character */
		dst[strlen(dst) - 1] = '\0';
}
