/* SPDX-License-Identifier: MIT */
#include "reputation/report_comment.h"
#include "base/buf.h"
#include <stdio.h>
#include <string.h>

static void duration(int64_t s, char dst[24])
{
	static const struct {
		int64_t s;
		const char *name;
	} units[] = {
		{ 86400, "day" },
		{ 3600, "hour" },
		{ 60, "minute" },
		{ 1, "second" },
	};

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (s % units[i].s)
			continue;
		snprintf(dst, 24, "%lld %s%s", (long long)(s / units[i].s), units[i].name,
			 s == units[i].s ? "" : "s");
		return;
	}
	dst[0] = '\0';
}

/* The value of the placeholder at p ("%{…}") into dst. Returns its length in the template; 0: none.
 */
static size_t value_of(const char *p, const struct report_comment_facts *f, char dst[80],
		       int *ret_zero)
{
	const char *end = p[0] == '%' && p[1] == '{' ? strchr(p, '}') : NULL;
	size_t n = end ? (size_t)(end - p) + 1 : 0;

	dst[0] = '\0';
	if (n == 7 && !memcmp(p, "%{jail}", n)) {
		text_mask(dst, 80, f->jail, strlen(f->jail));
		*ret_zero |= !*f->jail;
	} else if (n == 11 && !memcmp(p, "%{failures}", n)) {
		snprintf(dst, 80, "%d", f->failures);
		*ret_zero |= f->failures <= 0;
	} else if (n == 8 && !memcmp(p, "%{users}", n)) {
		snprintf(dst, 80, "%d", f->users);
		*ret_zero |= f->users <= 0;
	} else if (n == 9 && !memcmp(p, "%{window}", n)) {
		duration(f->window_s, dst);
		*ret_zero |= f->window_s <= 0;
	} else {
		return 0;
	}
	return n;
}

/* One clause, [from, to), appended unless one of its numbers is zero. */
static void clause(const char *from, const char *to, const struct report_comment_facts *f,
		   char *dst, size_t room)
{
	size_t start = strlen(dst);
	char one[80];
	int zero = 0;

	while (from < to) {
		size_t n = value_of(from, f, one, &zero);

		if (!n) {
			one[0] = *from;
			one[1] = '\0';
		}
		text_put(dst, room, one);
		from += n ? n : 1;
	}
	if (zero)
		dst[start] = '\0';
}

void report_comment_format(const char *template, const struct report_comment_facts *f, char *dst,
			   size_t room)
{
	size_t n;

	dst[0] = '\0';
	while (*template) {
		size_t len = 1 + strcspn(template + 1, ",:");

		clause(template, template + len, f, dst, room);
		template += len;
	}
	n = strspn(dst, ",: ");
	memmove(dst, dst + n, strlen(dst + n) + 1);
	while (!utf8_valid(dst)) /* cut in the middle of a character */
		dst[strlen(dst) - 1] = '\0';
}
