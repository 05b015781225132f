/* SPDX-License-Identifier: MIT */
/*
 * lines.h - the addresses of a file: every field of every line
 *
 * Fields are separated by blanks, commas and semicolons; CR is a blank, so files from elsewhere
 * work. A field that begins with # ends its line. Of a field only the first bytes are kept, however
 * long it is. Nothing here waits for a pipe or a terminal.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FIELD_MAX 128 /* an address has 45 at most; what is cut is none */

enum lines_next { LINES_END, LINES_FIELD, LINES_LATER };
struct lines {
	int fd, error;	     /* errno of a read that failed */
	bool is_file;	     /* always ready, and of a known size */
	int64_t size, taken; /* bytes; size 0: unknown */
	int64_t line;	     /* number of the field's line */
	int64_t ended;	     /* lines that are over */
	char field[FIELD_MAX + 1];
	size_t nfield;
	bool in_comment;
	size_t at, count;
	char buf[65536];
};

/* "-": stdin. Returns 0 or an errno. */
int lines_open(struct lines *lines, const char *path);
/* LINES_FIELD: field and line are set. LINES_LATER: nothing to read now. */
enum lines_next lines_next(struct lines *lines);
void lines_close(struct lines *lines);
