/* SPDX-License-Identifier: MIT */
/* parse.c - see parse.h */
#include "base/parse.h"
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

bool int_parse(const char *text, int64_t min, int64_t max, int64_t *ret)
{
	char *end;
	long long number;

	if (!isdigit((unsigned char)text[text[0] == '-']))
		return false;
	errno = 0;
	number = strtoll(text, &end, 10);
	if (errno || *end || number < min || number > max)
		return false;
	*ret = number;
	return true;
}
