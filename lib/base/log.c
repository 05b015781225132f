/* SPDX-License-Identifier: MIT */
/* log.c - see log.h */
#include "base/log.h"
#include <stdarg.h>
#include <stdio.h>

bool log_wants(const struct log *log, int priority)
{
	return log && log->fn && priority <= log->max_priority;
}

void log_line(const struct log *log, int priority, const char *fmt, ...)
{
	char line[1024];
	va_list ap;

	if (!log_wants(log, priority))
		return;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	log->fn(log->user, priority, line);
}
