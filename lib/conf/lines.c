/* SPDX-License-Identifier: MIT */
/* lines.c - see lines.h */
#include "conf/lines.h"
#include "base/mask.h"
#include "base/statedir.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int line_error(const struct line *line, const char *what, const char *text, struct err *error)
{
	char shown[64];

	text_mask(shown, sizeof(shown), text, strlen(text));
	return err_set(error, IPREP_E_CONFIG, "%s:%d: %s: \"%s\"", line->path, line->number, what,
		       text_redact(shown));
}

static int check_owner(int fd, const char *path, struct err *error)
{
	struct stat st;

	if (fstat(fd, &st) || !S_ISREG(st.st_mode))
		return err_set(error, IPREP_E_PERM, "%s: not a regular file", path);
	if ((st.st_uid != 0 && st.st_uid != geteuid()) || path_is_open_to_others(path, &st))
		return err_set(error, IPREP_E_PERM,
			       "%s: unsafe owner or mode (user %u, mode %03o): it must belong to "
			       "root or to you, and only its owner may write it",
			       path, (unsigned)st.st_uid, (unsigned)(st.st_mode & 0777));
	return 0;
}

int lines_check_directory(const char *path, bool may_be_sticky, struct err *error)
{
	const char *slash = strrchr(path, '/');
	char dir[PATH_MAX];
	struct stat st;

	snprintf(dir, sizeof(dir), "%.*s", slash > path ? (int)(slash - path) : 1,
		 slash ? path : ".");
	if (stat(dir, &st))
		return 0; /* nor can the file be opened */
	if (st.st_uid != 0 && st.st_uid != geteuid())
		return err_set(error, IPREP_E_PERM,
			       "%s: belongs to user %u (mode %04o), who could add or "
			       "replace files in it; chown root",
			       dir, (unsigned)st.st_uid, (unsigned)(st.st_mode & 07777));
	if (path_is_open_to_others(dir, &st) && !(may_be_sticky && st.st_mode & S_ISVTX))
		return err_set(error, IPREP_E_PERM,
			       "%s: others may write here (user %u, mode %04o) and add or "
			       "replace files; chmod go-w",
			       dir, (unsigned)st.st_uid, (unsigned)(st.st_mode & 07777));
	return 0;
}

static int open_safely(const char *path, FILE **ret, struct err *error)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	int rc;

	if (fd < 0)
		return err_set(error, errno == EACCES ? IPREP_E_PERM : IPREP_E_CONFIG, "%s: %s",
			       path, strerror(errno));
	rc = check_owner(fd, path, error);
	if (rc)
		goto fail;
	*ret = fdopen(fd, "r");
	if (*ret)
		return 0;
	rc = err_set(error, IPREP_E_NOMEM, "out of memory");
fail:
	close(fd);
	return rc;
}

/* Cuts the blanks and the end of the line off raw, which has len bytes. */
static void trim_line(struct line *line, char *raw, size_t len)
{
	line->indent = strspn(raw, " \t");
	while (len > line->indent && raw[len - 1] && strchr(" \t\r\n", raw[len - 1]))
		len--;
	raw[len] = '\0';
	line->text = raw + line->indent;
	line->len = len - line->indent;
}

static int check_line(const struct line *line, struct err *error)
{
	if (line->len > LINE_BYTES_MAX)
		return err_set(error, IPREP_E_CONFIG, "%s:%d: line longer than %d bytes",
			       line->path, line->number, LINE_BYTES_MAX);
	if (strlen(line->text) != line->len)
		return line_error(line, "NUL byte in line", line->text, error);
	return 0;
}

int lines_read(const char *path, int (*handle)(void *user, const struct line *line), void *user,
	       struct err *error)
{
	struct line line = { .path = path };
	size_t room = 0, bytes = 0;
	char *raw = NULL;
	ssize_t len;
	FILE *fp = NULL;
	int rc = open_safely(path, &fp, error);

	if (rc)
		return rc;
	errno = 0;
	while (!rc && (len = getline(&raw, &room, fp)) >= 0) {
		line.number++;
		bytes += (size_t)len;
		if (bytes > FILE_BYTES_MAX) {
			rc = err_set(error, IPREP_E_CONFIG, "%s:%d: file longer than %d bytes",
				     path, line.number, FILE_BYTES_MAX);
			break;
		}
		trim_line(&line, raw, (size_t)len);
		rc = check_line(&line, error);
		if (!rc)
			rc = handle(user, &line);
	}
	if (!rc && !feof(fp)) /* out of memory sets no flag of the stream: getline(3) */
		rc = err_set(error, errno == ENOMEM ? IPREP_E_NOMEM : IPREP_E_IO,
			     "%s: cannot be read: %s", path, strerror(errno));
	free(raw);
	fclose(fp);
	return rc;
}
