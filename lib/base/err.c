/* SPDX-License-Identifier: MIT */
/* err.c - see err.h */
#include "base/err.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int err_set(struct err *error, int code, const char *fmt, ...)
{
	va_list ap;

	if (!error)
		return code;
	error->code = code;
	va_start(ap, fmt);
	vsnprintf(error->text, sizeof(error->text), fmt, ap);
	va_end(ap);
	return code;
}

int err_prefix(struct err *error, const char *fmt, ...)
{
	char old[sizeof(error->text)];
	va_list ap;
	size_t count;

	if (!error)
		return IPREP_E_BUG;
	memcpy(old, error->text, sizeof(old));
	va_start(ap, fmt);
	vsnprintf(error->text, sizeof(error->text), fmt, ap);
	va_end(ap);
	count = strlen(error->text);
	snprintf(error->text + count, sizeof(error->text) - count, ": %.*s",
		 (int)(sizeof(error->text) - count), old);
	return error->code;
}
