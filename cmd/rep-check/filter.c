/* SPDX-License-Identifier: MIT */
#include "rep-check/filter.h"
#include "common/text.h"
#include <string.h>
#include <time.h>

bool filter_order(const char *text, int *ret_order)
{
	static const struct {
		const char *name;
		int order;
	} orders[] = {
		{ "announced", IPREP_BY_ANNOUNCING },
		{ "address", IPREP_BY_ADDRESS },
		{ "end", IPREP_BY_END },
	};

	for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
		if (strcmp(orders[i].name, text))
			continue;
		*ret_order = orders[i].order;
		return true;
	}
	return false;
}

/* strptime(3) takes blanks, short fields and the 31st of February; what comes back must be the
 * text. */
static bool parse_date(const char *text, const char *format, int64_t *ret_at)
{
	struct tm tm = { 0 };
	const char *end = strptime(text, format, &tm);
	char again[32];
	time_t at;

	if (!end || *end)
		return false;
	at = timegm(&tm);
	if (!gmtime_r(&at, &tm) || !strftime(again, sizeof(again), "%Y-%m-%d %H:%M:%SZ", &tm))
		return false;
	for (size_t i = 0; text[i]; i++)
		if (text[i] != again[i] && !(i == 10 && text[i] == 'T'))
			return false;
	*ret_at = at;
	return true;
}

bool filter_since(const char *text, int64_t now, int64_t *ret_at)
{
	static const char *const formats[] = {
		"%Y-%m-%d",
		"%Y-%m-%d %H:%M",
		"%Y-%m-%d %H:%M:%S",
		"%Y-%m-%dT%H:%M:%SZ",
	};
	int64_t at = -1, ago;
	long long number;

	if (!iprep_parse_duration(text, &ago))
		at = now - ago;
	else if (*text == '@' && number_parse(text + 1, 0, now, &number))
		at = number;
	for (size_t i = 0; at < 0 && i < sizeof(formats) / sizeof(formats[0]); i++)
		if (!parse_date(text, formats[i], &at))
			at = -1;
	if (at < 0 || at > now)
		return false;
	*ret_at = at;
	return true;
}
