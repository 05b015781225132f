/* SPDX-License-Identifier: MIT */
/*
 * lines.h - the lines of a file of the configuration, read safely; for conf only
 *
 * The file must be regular, belong to root or to this process's user, and be writable by its owner
 * only. A line has at
 * most LINE_BYTES_MAX bytes, a file FILE_BYTES_MAX.
 */
#pragma once
#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>

#define LINE_BYTES_MAX 4096
#define FILE_BYTES_MAX (1 << 20)

struct line {
	const char *path;
	int number;
	char *text; /* without blanks at its ends; may be changed */
	size_t len, indent;
};
/*
 * The directory of the path must belong to root or to this process's user, and be writable by its
 * owner only. may_be_sticky: in one such as /tmp others can add files, but not remove ours. One
 * that is not there is safe. Errors: _PERM.
 */
int lines_check_directory(const char *path, bool may_be_sticky, struct err *error);
/* Calls handle() for each line until it returns something else than 0, which is then returned.
 * Errors: _CONFIG: no such file, a line or the file too long, a NUL byte; _PERM, _IO, _NOMEM. */
int lines_read(const char *path, int (*handle)(void *user, const struct line *line), void *user,
	       struct err *error);
/* Returns _CONFIG with "file:line: what: "text"", the text masked. */
int line_error(const struct line *line, const char *what, const char *text, struct err *error);
