/* SPDX-License-Identifier: MIT */
/* statedir.c - see statedir.h */
#include "base/statedir.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool others_may_write(const struct stat *st)
{
	return st->st_mode & S_IWOTH || (st->st_mode & S_IWGRP && st->st_gid != 0);
}

/* A user who may write a directory above can replace the one below it. */
static int check_above(char *path, uid_t owner, struct err *error)
{
	struct stat st;
	char *slash;

	while ((slash = strrchr(path, '/'))) {
		slash[slash == path] = '\0';
		if (stat(path, &st))
			return err_set(error, IPREP_E_PERM, "%s: %s", path, strerror(errno));
		if (st.st_uid != 0 && st.st_uid != owner)
			return err_set(error, IPREP_E_PERM,
				       "%s: belongs to user %u, who could replace the "
				       "state below it; chown root",
				       path, (unsigned)st.st_uid);
		if (others_may_write(&st) && !(st.st_mode & S_ISVTX))
			return err_set(error, IPREP_E_PERM,
				       "%s: others may write here (mode %04o) and "
				       "replace the state below it; chmod go-w",
				       path, (unsigned)(st.st_mode & 07777));
		if (slash == path)
			break;
	}
	return 0;
}

static int stat_directory(const char *dir, struct stat *ret, struct err *error)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_PATH);
	int rc = 0;

	if (fd < 0 || fstat(fd, ret))
		rc = err_set(error, IPREP_E_PERM, "%s: state directory: %s", dir, strerror(errno));
	if (fd >= 0)
		close(fd);
	return rc;
}

int statedir_owner(const char *state_path, uid_t *ret_uid, gid_t *ret_gid, struct err *error)
{
	const char *slash = strrchr(state_path, '/');
	char dir[512];
	struct stat st;
	int rc;

	snprintf(dir, sizeof(dir), "%.*s", slash ? (int)(slash - state_path) : 0, state_path);
	rc = stat_directory(dir, &st, error);
	if (rc)
		return rc;
	if (st.st_uid == 0)
		return err_set(error, IPREP_E_PERM,
			       "%s: state directory belongs to root; chown _iprep:_iprep", dir);
	if (st.st_mode & S_IWOTH)
		return err_set(error, IPREP_E_PERM,
			       "%s: state directory is writable by everybody; chmod 0700", dir);
	rc = check_above(dir, st.st_uid, error);
	if (rc)
		return rc;
	*ret_uid = st.st_uid;
	*ret_gid = st.st_gid;
	return 0;
}
