/* SPDX-License-Identifier: MIT */
/* time.c - see time.h */
#include "base/time.h"
#include "base/parse.h"
#include <stdio.h>
#include <string.h>
#include <time.h>

char *time_text(int64_t at, enum time_style style, char dst[TIME_TEXT_MAX])
{
	time_t seconds = (time_t)at;
	struct tm tm;

	dst[0] = '\0';
	if (!gmtime_r(&seconds, &tm))
		return dst;
	switch (style) {
	case TIME_FOR_PEOPLE:
		strftime(dst, TIME_TEXT_MAX, "%Y-%m-%d %H:%M UTC", &tm);
		break;
	case TIME_ISO:
		strftime(dst, TIME_TEXT_MAX, "%Y-%m-%dT%H:%M:%SZ", &tm);
		break;
	case TIME_ISO_OFFSET:
		strftime(dst, TIME_TEXT_MAX, "%Y-%m-%dT%H:%M:%S+00:00", &tm);
		break;
	case TIME_LOG:
		strftime(dst, TIME_TEXT_MAX, "%Y-%m-%dT%H:%M:%S+0000", &tm);
		break;
	}
	return dst;
}

/* "+02:00" or "-02:00" */
static bool parse_offset(const char *text, int64_t *ret_s)
{
	char hour_text[3] = "", minute_text[3] = "";
	int64_t hours, minutes;

	snprintf(hour_text, sizeof(hour_text), "%s", text + 1);
	if (strlen(text) > 4)
		snprintf(minute_text, sizeof(minute_text), "%s", text + 4);
	if (!int_parse(hour_text, 0, 14, &hours) || !int_parse(minute_text, 0, 59, &minutes))
		return false;
	*ret_s = hours * 3600 + minutes * 60;
	if (*text == '-')
		*ret_s = -*ret_s;
	return true;
}

bool time_parse(const char *text, int64_t *ret)
{
	struct tm tm = { 0 };
	const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	int64_t offset_s = 0;

	if (!rest)
		return false;
	if ((*rest == '+' || *rest == '-') && !parse_offset(rest, &offset_s))
		return false;
	*ret = (int64_t)timegm(&tm) - offset_s;
	return true;
}
