/* SPDX-License-Identifier: MIT */
/* values.c - durations and templates, strictly: the whole text or nothing */
#include "conf/conf.h"
#include "base/buf.h"
#include "base/parse.h"
#include <stdio.h>
#include <string.h>

/* fail2ban's str2seconds: units after numbers, several of them add up ("1d 12h"). */
static int64_t unit_seconds(const char *name, size_t len)
{
	static const struct {
		const char *name;
		int64_t seconds;
	} units[] = {
		{ "s", 1 },	      { "sec", 1 },	  { "m", 60 },	     { "min", 60 },
		{ "h", 3600 },	      { "hour", 3600 },	  { "d", 86400 },    { "day", 86400 },
		{ "w", 604800 },      { "week", 604800 }, { "mo", 2629737 }, { "y", 31557600 },
		{ "year", 31557600 },
	};

	if (!len)
		return 1;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (strlen(units[i].name) == len && !memcmp(units[i].name, name, len))
			return units[i].seconds;
	return 0;
}

bool duration_parse(const char *text, int64_t max_s, int64_t *ret_s)
{
	int64_t sum = 0;

	if (!*text)
		return false;
	while (*text) {
		int64_t number, unit;
		size_t len;

		if (!int_parse_prefix(&text, max_s, &number))
			return false;
		len = strspn(text, "abcdefghijklmnopqrstuvwxyz");
		unit = unit_seconds(text, len);
		if (!unit || number > max_s / unit || sum > max_s - number * unit)
			return false;
		sum += number * unit;
		text += len;
		text += strspn(text, " ");
	}
	*ret_s = sum;
	return true;
}

const char *duration_text(int64_t seconds, char dst[DURATION_TEXT_MAX])
{
	static const struct {
		int64_t seconds;
		char name;
	} units[] = { { 86400, 'd' }, { 3600, 'h' }, { 60, 'm' }, { 1, 's' } };
	size_t row = 0;

	while (seconds % units[row].seconds)
		row++;
	if (seconds)
		snprintf(dst, DURATION_TEXT_MAX, "%lld%c",
			 (long long)(seconds / units[row].seconds), units[row].name);
	else
		snprintf(dst, DURATION_TEXT_MAX, "0");
	return dst;
}

const char *conf_template_wrong(const char *text)
{
	static const char *const names[] = { "%{jail}", "%{failures}", "%{users}", "%{window}" };

	if (!utf8_valid(text))
		return "not UTF-8";
	for (const unsigned char *bytes = (const unsigned char *)text; *bytes; bytes++)
		if (*bytes < 0x20 || *bytes == 0x7f ||
		    (*bytes == 0xc2 && bytes[1] < 0xa0)) /* C0, DEL, C1 in UTF-8 */
			return "expected one line without control characters";
	for (const char *pos = text; (pos = strstr(pos, "%{")); pos++) {
		bool known = false;

		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
			known |= !strncmp(pos, names[i], strlen(names[i]));
		if (!known)
			return "knows only %{jail} %{failures} %{users} %{window}";
	}
	return NULL;
}
