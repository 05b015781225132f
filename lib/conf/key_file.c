/* SPDX-License-Identifier: MIT */
/* key_file.c - see key_file.h */
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

bool key_file_is_absent(int error)
{
	return error == ENOENT || error == ENOTDIR || error == EACCES;
}

static int judge_key_file(const struct stat *st, uid_t reader, const char *path, struct err *error)
{
	if (!S_ISREG(st->st_mode))
		return err_set(error, IPREP_E_PERM, "%s: not a regular file", path);
	if (st->st_uid != 0 && st->st_uid != reader)
		return err_set(error, IPREP_E_PERM,
			       "%s: belongs to user %u; chown root, or the user that reads it",
			       path, (unsigned)st->st_uid);
	if (st->st_mode & (S_IRWXO | S_IWGRP | S_IXGRP))
		return err_set(error, IPREP_E_PERM,
			       "%s: permissions %04o are too open for a key file; chmod 0640", path,
			       (unsigned)(st->st_mode & 07777));
	if (st->st_size >= SECRET_MAX)
		return err_set(error, IPREP_E_CONFIG, "%s: too long for a key (over %d bytes)",
			       path, SECRET_MAX - 1);
	return 0;
}

static int key_is_empty(const char *path, struct err *error)
{
	return err_set(error, IPREP_E_CONFIG, "%s: empty; expected one line with the key", path);
}

static bool is_readable_by(const struct stat *st, uid_t uid, gid_t gid)
{
	if (st->st_uid == uid)
		return st->st_mode & S_IRUSR;
	return st->st_gid == gid && st->st_mode & S_IRGRP;
}

int key_file_judge(const char *path, uid_t uid, gid_t gid, struct err *error)
{
	struct stat st;
	int rc;

	if (lstat(path, &st)) {
		if (errno == EACCES)
			return KEY_NOT_SEEN;
		err_set(error, IPREP_OK, "%s: %s", path, strerror(errno));
		return 1;
	}
	rc = judge_key_file(&st, uid, path, error);
	if (rc)
		return rc;
	if (!st.st_size)
		return key_is_empty(path, error);
	if (is_readable_by(&st, uid, gid))
		return 0;
	err_set(error, IPREP_OK, "%s: %s", path, strerror(EACCES));
	return 2;
}

static int check_key_file(int fd, const char *path, struct err *error)
{
	struct stat st;

	if (fstat(fd, &st))
		return err_set(error, IPREP_E_IO, "%s: %s", path, strerror(errno));
	return judge_key_file(&st, geteuid(), path, error);
}

/* Cuts the end of the line off text, which has len bytes, and checks the rest. */
static int trim_key(char *text, size_t len, const char *path, struct err *error)
{
	while (len && (text[len - 1] == '\n' || text[len - 1] == '\r' || text[len - 1] == ' '))
		len--;
	if (!len)
		return key_is_empty(path, error);
	for (size_t i = 0; i < len; i++)
		if (text[i] <= ' ' || text[i] > '~')
			return err_set(error, IPREP_E_CONFIG,
				       "%s: invalid character in key at byte %zu; expected one "
				       "line of printable ASCII",
				       path, i + 1);
	text[len] = '\0';
	return 0;
}

/* Returns the length, or an error. */
static int read_bytes(int fd, const char *path, char text[SECRET_MAX], struct err *error)
{
	int rc = check_key_file(fd, path, error);
	ssize_t len;

	if (rc)
		return rc;
	len = read(fd, text, SECRET_MAX - 1);
	if (len < 0)
		return err_set(error, IPREP_E_IO, "%s: %s", path, strerror(errno));
	text[len] = '\0';
	return (int)len;
}

/* A descriptor, or an error, or with *ret_absent 1 or 2: as key_file_read() returns it. */
static int open_key_file(const char *path, int *ret_absent, struct err *error)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW | O_NONBLOCK);

	*ret_absent = 0;
	if (fd >= 0)
		return fd;
	if (key_file_is_absent(errno)) {
		*ret_absent = errno == EACCES ? 2 : 1;
		err_set(error, IPREP_OK, "%s: %s", path, strerror(errno));
		return -1;
	}
	return err_set(error, errno == ELOOP ? IPREP_E_PERM : IPREP_E_IO, "%s: %s", path,
		       strerror(errno));
}

int key_file_read_text(const char *path, char ret[SECRET_MAX], struct err *error)
{
	char text[SECRET_MAX] = "";
	int absent, len, fd = open_key_file(path, &absent, error);

	if (fd < 0)
		return absent ? absent : fd;
	len = read_bytes(fd, path, text, error);
	close(fd);
	if (len == 0)
		len = key_is_empty(path, error);
	if (len > 0)
		memcpy(ret, text, SECRET_MAX);
	key_file_wipe(text);
	return len < 0 ? len : 0;
}

int key_file_read(const char *path, char ret[SECRET_MAX], struct err *error)
{
	char text[SECRET_MAX] = "";
	int absent, rc, fd = open_key_file(path, &absent, error);

	if (fd < 0)
		return absent ? absent : fd;
	rc = read_bytes(fd, path, text, error);
	close(fd);
	if (rc >= 0)
		rc = trim_key(text, (size_t)rc, path, error);
	if (!rc)
		memcpy(ret, text, SECRET_MAX);
	key_file_wipe(text);
	return rc;
}
