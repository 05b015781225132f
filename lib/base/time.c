/* SPDX-License-Identifier: MIT */
/* time.c - see time.h */
#include "base/time.h"
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

/* count digits and nothing else */
static bool read_digits(const char **at, int count, int min, int max, int *ret)
{
	int number = 0;

	for (int i = 0; i < count; i++) {
		char byte = *(*at)++;

		if (byte < '0' || byte > '9')
			return false;
		number = number * 10 + byte - '0';
	}
	*ret = number;
	return number >= min && number <= max;
}

static bool read_byte(const char **at, char byte)
{
	if (**at != byte)
		return false;
	(*at)++;
	return true;
}

static int days_of_month(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return days[month - 1] + (month == 2 && is_leap);
}

/* "", "Z", "+02:00", "-0330" or "+02", up to 14 hours: no zone has more. */
static bool read_offset(const char *text, int *ret_s)
{
	bool is_west = *text == '-';
	int hours, minutes = 0;

	*ret_s = 0;
	if (!*text || !strcmp(text, "Z"))
		return true;
	if (!is_west && *text != '+')
		return false;
	text++;
	if (!read_digits(&text, 2, 0, 14, &hours))
		return false;
	if (*text) {
		read_byte(&text, ':');
		if (!read_digits(&text, 2, 0, hours == 14 ? 0 : 59, &minutes))
			return false;
	}
	*ret_s = (hours * 60 + minutes) * 60;
	if (is_west)
		*ret_s = -*ret_s;
	return !*text;
}

bool time_parse(const char *text, int64_t *ret)
{
	struct tm tm = { 0 };
	int year, month, offset_s;

	if (!read_digits(&text, 4, 1, 9999, &year) || !read_byte(&text, '-') ||
	    !read_digits(&text, 2, 1, 12, &month) || !read_byte(&text, '-') ||
	    !read_digits(&text, 2, 1, days_of_month(year, month), &tm.tm_mday) ||
	    !read_byte(&text, 'T') || !read_digits(&text, 2, 0, 23, &tm.tm_hour) ||
	    !read_byte(&text, ':') || !read_digits(&text, 2, 0, 59, &tm.tm_min) ||
	    !read_byte(&text, ':') || !read_digits(&text, 2, 0, 60, &tm.tm_sec))
		return false;
	if (read_byte(&text, '.')) {
		size_t count = strspn(text, "0123456789");

		if (!count)
			return false;
		text += count;
	}
	if (!read_offset(text, &offset_s))
		return false;
	tm.tm_year = year - 1900;
	tm.tm_mon = month - 1;
	*ret = (int64_t)timegm(&tm) - offset_s;
	return true;
}
