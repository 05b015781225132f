/* SPDX-License-Identifier: MIT */
/* parse.c - see parse.h */
#include "base/parse.h"

static bool is_digit(char byte)
{
	return byte >= '0' && byte <= '9';
}

bool int_parse_prefix(const char **at, int64_t max, int64_t *ret)
{
	int64_t number = 0;

	if (!is_digit(**at))
		return false;
	for (; is_digit(**at); (*at)++) {
		int digit = **at - '0';

		if (digit > max || number > (max - digit) / 10)
			return false;
		number = number * 10 + digit;
	}
	*ret = number;
	return true;
}

bool int_parse(const char *text, int64_t min, int64_t max, int64_t *ret)
{
	bool is_negative = min < 0 && *text == '-';
	int64_t number;

	text += is_negative;
	if (!int_parse_prefix(&text, INT64_MAX, &number) || *text)
		return false;
	if (is_negative)
		number = -number;
	if (number < min || number > max)
		return false;
	*ret = number;
	return true;
}
