/* SPDX-License-Identifier: MIT */
#include "rep-check/lines.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int lines_open(struct lines *l, const char *path)
{
	struct stat st;

	l->fd = strcmp(path, "-") ? open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY) : STDIN_FILENO;
	if (l->fd < 0 || fstat(l->fd, &st))
		return errno;
	if (S_ISDIR(st.st_mode))
		return EISDIR;
	l->is_file = S_ISREG(st.st_mode);
	if (l->is_file)
		l->size = st.st_size - lseek(l->fd, 0, SEEK_CUR);
	return 0;
}

void lines_close(struct lines *l)
{
	if (l->fd > STDIN_FILENO)
		close(l->fd);
}

/* LINES_FIELD: there are bytes now. */
static enum lines_next fill(struct lines *l)
{
	struct pollfd p = { .fd = l->fd, .events = POLLIN };
	ssize_t n;

	if (!l->is_file && poll(&p, 1, 0) <= 0)
		return LINES_LATER;
	n = read(l->fd, l->buf, sizeof(l->buf));
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return LINES_LATER;
	if (n < 0)
		l->error = errno;
	l->at = 0;
	l->n = n > 0 ? (size_t)n : 0;
	return n > 0 ? LINES_FIELD : LINES_END;
}

/* The line is over: is there a field in it? */
static bool end_line(struct lines *l)
{
	bool has = l->nfield && l->field[0] != '#';

	l->field[l->nfield] = '\0';
	l->nfield = 0;
	l->state = LINE_START;
	l->line++;
	return has;
}

static void take(struct lines *l, char c)
{
	bool blank = strchr(" \t\r\v\f", c) && c;

	if (l->state == LINE_REST || (blank && l->state == LINE_START))
		return;
	l->state = blank ? LINE_REST : LINE_FIELD;
	if (!blank && l->nfield < FIELD_MAX)
		l->field[l->nfield++] = c ? c : '?';
}

enum lines_next lines_next(struct lines *l)
{
	for (;;) {
		enum lines_next state = l->at < l->n ? LINES_FIELD : fill(l);

		if (state == LINES_LATER)
			return state;
		if (state == LINES_END)
			return l->nfield && !l->error && end_line(l) ? LINES_FIELD : LINES_END;
		while (l->at < l->n) {
			char c = l->buf[l->at++];

			l->taken++;
			if (c != '\n')
				take(l, c);
			else if (end_line(l))
				return LINES_FIELD;
		}
	}
}
