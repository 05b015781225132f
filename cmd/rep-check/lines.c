/* SPDX-License-Identifier: MIT */
#include "rep-check/lines.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int lines_open(struct lines *lines, const char *path)
{
	struct stat st;

	if (strcmp(path, "-"))
		lines->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	else
		lines->fd = STDIN_FILENO;
	if (lines->fd < 0 || fstat(lines->fd, &st))
		return errno;
	if (S_ISDIR(st.st_mode))
		return EISDIR;
	lines->is_file = S_ISREG(st.st_mode);
	if (lines->is_file)
		lines->size = st.st_size - lseek(lines->fd, 0, SEEK_CUR);
	return 0;
}

void lines_close(struct lines *lines)
{
	if (lines->fd > STDIN_FILENO)
		close(lines->fd);
}

/* LINES_FIELD: there are bytes now. */
static enum lines_next lines_fill(struct lines *lines)
{
	struct pollfd pollfd = { .fd = lines->fd, .events = POLLIN };
	ssize_t len;

	if (!lines->is_file && poll(&pollfd, 1, 0) <= 0)
		return LINES_LATER;
	len = read(lines->fd, lines->buf, sizeof(lines->buf));
	if (len < 0 && (errno == EINTR || errno == EAGAIN))
		return LINES_LATER;
	if (len < 0)
		lines->error = errno;
	lines->at = 0;
	lines->count = 0;
	if (len <= 0)
		return LINES_END;
	lines->count = (size_t)len;
	return LINES_FIELD;
}

/* Is there one? */
static bool end_field(struct lines *lines)
{
	if (!lines->nfield)
		return false;
	lines->field[lines->nfield] = '\0';
	lines->nfield = 0;
	lines->line = lines->ended + 1;
	return true;
}

static bool end_line(struct lines *lines)
{
	bool has = end_field(lines);

	lines->in_comment = false;
	lines->ended++;
	return has;
}

/* A field is over. */
static bool lines_take(struct lines *lines, char byte)
{
	if (byte == '\n')
		return end_line(lines);
	if (lines->in_comment)
		return false;
	if (byte && strchr(" \t\r\v\f,;", byte))
		return end_field(lines);
	lines->in_comment = byte == '#' && !lines->nfield;
	if (!lines->in_comment && lines->nfield < FIELD_MAX)
		lines->field[lines->nfield++] = byte ? byte : '?';
	return false;
}

enum lines_next lines_next(struct lines *lines)
{
	for (;;) {
		enum lines_next state = lines->at < lines->count ? LINES_FIELD : lines_fill(lines);

		if (state == LINES_LATER)
			return state;
		if (state == LINES_END) {
			if (!lines->error && end_field(lines))
				return LINES_FIELD;
			return LINES_END;
		}
		while (lines->at < lines->count) {
			char byte = lines->buf[lines->at++];

			lines->taken++;
			if (lines_take(lines, byte))
				return LINES_FIELD;
		}
	}
}
