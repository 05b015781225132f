/* SPDX-License-Identifier: MIT */
#include "base/log.h"
#include <stdarg.h>
#include <stdio.h>

bool log_wants(const struct log *l, int priority)
{
	return l && l->fn && priority <= l->max_priority;
}

void log_line(const struct log *l, int priority, const char *fmt, ...)
{
	char line[1024];
	va_list ap;

	if (!log_wants(l, priority))
		return;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	l->fn(l->user, priority, line);
}
