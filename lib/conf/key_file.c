/* SPDX-License-Identifier: MIT */
#include "conf/key_file.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void key_file_wipe(char secret[SECRET_MAX])
{
	explicit_bzero(secret, SECRET_MAX);
}

static int check_file(int fd, const char *path, struct err *error)
{
	struct stat st;

	if (fstat(fd, &st))
		return err_set(error, IPREP_E_IO, "%s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return err_set(error, IPREP_E_PERM, "%s: not a regular file", path);
	if (st.st_uid != 0 && st.st_uid != geteuid())
		return err_set(error, IPREP_E_PERM, "%s: belongs to user %u, neither root nor us",
			       path, (unsigned)st.st_uid);
	if (st.st_mode & (S_IRWXO | S_IWGRP | S_IXGRP))
		return err_set(error, IPREP_E_PERM,
			       "%s: mode %03o lets others at a secret; chmod 0640 or "
			       "0600",
			       path, (unsigned)(st.st_mode & 0777));
	if (st.st_size >= SECRET_MAX)
		return err_set(error, IPREP_E_CONFIG, "%s: too long for a key (over %d bytes)",
			       path, SECRET_MAX - 1);
	return 0;
}

static int check_text(char *text, size_t len, const char *path, struct err *error)
{
	while (len && (text[len - 1] == '\n' || text[len - 1] == '\r' || text[len - 1] == ' '))
		len--;
	if (!len)
		return err_set(error, IPREP_E_CONFIG, "%s: empty, expected one line with the key",
			       path);
	for (size_t i = 0; i < len; i++)
		if (text[i] <= ' ' || text[i] > '~')
			return err_set(error, IPREP_E_CONFIG,
				       "%s: byte %zu is not of a key; expected one "
				       "line of printable ASCII",
				       path, i + 1);
	text[len] = '\0';
	return 0;
}

int key_file_read(const char *path, char ret[SECRET_MAX], struct err *error)
{
	char text[SECRET_MAX] = "";
	ssize_t len;
	int fd, rc;

	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 && (errno == ENOENT || errno == EACCES)) {
		err_set(error, IPREP_OK, "%s: %s", path, strerror(errno));
		return 1;
	}
	if (fd < 0)
		return err_set(error, IPREP_E_PERM, "%s: %s", path, strerror(errno));
	rc = check_file(fd, path, error);
	if (!rc) {
		len = read(fd, text, sizeof(text) - 1);
		rc = len < 0 ? err_set(error, IPREP_E_IO, "%s: %s", path, strerror(errno))
			     : check_text(text, (size_t)len, path, error);
	}
	close(fd);
	if (!rc)
		memcpy(ret, text, SECRET_MAX);
	key_file_wipe(text);
	return rc;
}
