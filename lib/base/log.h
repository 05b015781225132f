/* SPDX-License-Identifier: MIT */
/* log.h - log lines for a callback of the caller; without one, nothing is logged */
#pragma once
#include <stdbool.h>
#include <syslog.h>

struct log {
	void (*fn)(void *user, int priority, const char *line);
	void *user;
	int max_priority; /* LOG_ERR .. LOG_DEBUG; tested before formatting */
};

bool log_wants(const struct log *log, int priority);
void log_line(const struct log *log, int priority, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
