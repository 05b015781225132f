/* SPDX-License-Identifier: MIT */
#include "common/text.h"
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

bool number_parse(const char *text, long long min, long long max, long long *ret)
{
	long long number;
	char *end;

	if (!*text || !strchr("-0123456789", *text))
		return false;
	errno = 0;
	number = strtoll(text, &end, 10);
	if (errno || *end || end == text || number < min || number > max)
		return false;
	*ret = number;
	return true;
}

bool seconds_parse(char *text, long long *ret)
{
	char *dot = strchr(text, '.');

	if (dot) {
		if (dot[1 + strspn(dot + 1, "0123456789")])
			return false;
		*dot = '\0';
	}
	return number_parse(text, LLONG_MIN, LLONG_MAX, ret);
}

void make_printable(char *text)
{
	for (; *text; text++)
		if (*text < ' ' || *text > '~')
			*text = '?';
}

static bool utc_parts(int64_t at, struct tm *ret)
{
	time_t when = (time_t)at;

	return at && gmtime_r(&when, ret);
}

const char *utc_minute(int64_t at, char dst[UTC_TEXT_MAX])
{
	struct tm tm;

	if (!utc_parts(at, &tm) || !strftime(dst, UTC_TEXT_MAX, "%Y-%m-%d %H:%M UTC", &tm))
		snprintf(dst, UTC_TEXT_MAX, "-");
	return dst;
}

const char *utc_clock(int64_t at, char dst[UTC_TEXT_MAX])
{
	struct tm tm;

	if (!utc_parts(at, &tm) || !strftime(dst, UTC_TEXT_MAX, "%H:%M:%S", &tm))
		snprintf(dst, UTC_TEXT_MAX, "-");
	return dst;
}

const char *age_text(int64_t seconds, char dst[UTC_TEXT_MAX])
{
	long long number = seconds < 0 ? -seconds : seconds;
	const char *unit = "s", *before = seconds < 0 ? "in " : "",
		   *after = seconds < 0 ? "" : " ago";

	if (number >= 2 * 86400) {
		number /= 86400;
		unit = "days";
	} else if (number >= 2 * 3600) {
		number /= 3600;
		unit = "h";
	} else if (number >= 120) {
		number /= 60;
		unit = "min";
	}
	snprintf(dst, UTC_TEXT_MAX, "%s%lld %s%s", before, number, unit, after);
	return dst;
}

int64_t monotonic_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}
