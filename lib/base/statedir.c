/* SPDX-License-Identifier: MIT */
/* statedir.c - see statedir.h */
#include "base/statedir.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

/* Entries for further users or groups, or a default for new files: acl(5). The kernel keeps neither
 * where the mode says all. An error other than "none" counts as one. */
static bool has_acl(const char *path)
{
	static const char *const names[] = { "system.posix_acl_access",
					     "system.posix_acl_default" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (getxattr(path, names[i], NULL, 0) >= 0 ||
		    (errno != ENODATA && errno != EOPNOTSUPP))
			return true;
	return false;
}

/* With an ACL, the group's bits of the mode are the most that any of its entries gives. */
bool path_is_open_to_others(const char *path, const struct stat *st)
{
	return st->st_mode & S_IWOTH ||
	       (st->st_mode & S_IWGRP && (st->st_gid != 0 || has_acl(path)));
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
		if (path_is_open_to_others(path, &st) && !(st.st_mode & S_ISVTX))
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

	*ret = (struct stat){ .st_uid = 0 };
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
	if (st.st_mode & (S_IWOTH | S_IWGRP))
		return err_set(error, IPREP_E_PERM,
			       "%s: state directory is writable by %s; chmod 0700", dir,
			       st.st_mode & S_IWOTH ? "everybody" : "its group");
	if (has_acl(dir))
		return err_set(error, IPREP_E_PERM,
			       "%s: state directory has an ACL for other users; setfacl -b -k",
			       dir);
	rc = check_above(dir, st.st_uid, error);
	if (rc)
		return rc;
	*ret_uid = st.st_uid;
	*ret_gid = st.st_gid;
	return 0;
}

/* The directory of a file: 0, or -1 if it cannot be seen. */
static int stat_directory_of(const char *path, struct stat *ret)
{
	const char *slash = strrchr(path, '/');
	char dir[512];

	snprintf(dir, sizeof(dir), "%.*s", slash ? (int)(slash - path) : 0, path);
	return stat(dir, ret);
}

/* Root trusts no other user's directory. */
static bool is_of_directory(const char *path, uid_t uid)
{
	struct stat st;

	return geteuid() && !stat_directory_of(path, &st) && st.st_uid == uid;
}

static int statefile_judge(const char *path, const struct stat *st, bool shared, struct err *error)
{
	if (!S_ISREG(st->st_mode))
		return err_set(error, IPREP_E_PERM, "%s: not a regular file; remove it", path);
	if (shared && is_of_directory(path, st->st_uid))
		return 0;
	/* what root's SQLite creates belongs to root until it has given it away */
	if (st->st_uid && st->st_uid != geteuid())
		return err_set(error, IPREP_E_PERM,
			       "%s: belongs to user %u; it has to belong to the owner of its "
			       "directory, user %u",
			       path, (unsigned)st->st_uid, (unsigned)geteuid());
	return 0;
}

static int open_judged(const char *path, int flags, bool shared, struct err *error)
{
	const int safely = O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
	int fd = open(path, flags | safely, 0600), rc;
	struct stat st;

	/* ENXIO: a FIFO that is not read; ELOOP: a link */
	if (fd < 0 && (errno == ELOOP || errno == ENXIO || errno == EISDIR))
		return err_set(error, IPREP_E_PERM, "%s: not a regular file; remove it", path);
	if (fd < 0)
		return err_set(error,
			       errno == EACCES || errno == EPERM ? IPREP_E_PERM : IPREP_E_CREATE,
			       "%s: cannot be opened: %s", path, strerror(errno));
	if (fstat(fd, &st))
		rc = err_set(error, IPREP_E_IO, "%s: %s", path, strerror(errno));
	else
		rc = statefile_judge(path, &st, shared, error);
	if (!rc)
		return fd;
	close(fd);
	return rc;
}

static int check_judged(const char *path, bool shared, struct err *error)
{
	struct stat st;
	int rc;

	if (lstat(path, &st)) {
		if (errno == ENOENT)
			return 0;
		return err_set(error, errno == EACCES ? IPREP_E_PERM : IPREP_E_IO, "%s: %s", path,
			       strerror(errno));
	}
	rc = statefile_judge(path, &st, shared, error);
	if (rc)
		return rc;
	return 1;
}

int statefile_open(const char *path, int flags, struct err *error)
{
	return open_judged(path, flags, false, error);
}

int statefile_open_shared(const char *path, struct err *error)
{
	return open_judged(path, O_RDONLY, true, error);
}

int statefile_check(const char *path, struct err *error)
{
	return check_judged(path, false, error);
}

int statefile_check_shared(const char *path, struct err *error)
{
	return check_judged(path, true, error);
}

/* ---- the file system ---- */

/* "36 35 98:0 /root /mnt rw,noatime shared:1 - ext4 /dev/sda1 ro,errors=continue" */
static bool is_read_only_line(const char *line, unsigned major_number, unsigned minor_number)
{
	unsigned line_major, line_minor;
	char options[4];
	const char *end = strstr(line, " - ");

	return end && sscanf(line, "%*d %*d %u:%u ", &line_major, &line_minor) == 2 &&
	       line_major == major_number && line_minor == minor_number &&
	       sscanf(end, " - %*s %*s %3[^, \n]", options) == 1 && !strcmp(options, "ro");
}

bool statedir_is_read_only(const char *path)
{
	FILE *mounts;
	bool found = false;
	char line[4096];
	struct stat st;

	if (stat(path, &st))
		return false;
	mounts = fopen("/proc/self/mountinfo", "re");
	if (!mounts)
		return false;
	while (!found && fgets(line, sizeof(line), mounts))
		found = is_read_only_line(line, major(st.st_dev), minor(st.st_dev));
	fclose(mounts);
	return found;
}

/* ---- for the group ---- */

static bool lets_group_in(const char *path)
{
	const mode_t in = S_IRGRP | S_IXGRP;
	struct stat st;

	return !stat_directory_of(path, &st) && (st.st_mode & in) == in;
}

void statefile_share(int fd, const char *path)
{
	struct stat st;

	if (!fstat(fd, &st) && !(st.st_mode & S_IRGRP) && lets_group_in(path))
		(void)!fchmod(fd, (st.st_mode & 07777) | S_IRGRP);
}

void statefile_share_named(const char *path)
{
	struct stat st;

	if (geteuid() && !lstat(path, &st) && S_ISREG(st.st_mode) && st.st_uid == geteuid() &&
	    !(st.st_mode & S_IRGRP) && lets_group_in(path))
		(void)!chmod(path, (st.st_mode & 07777) | S_IRGRP);
}

void statefile_unshare_named(const char *path)
{
	struct stat st;

	if (geteuid() && !lstat(path, &st) && S_ISREG(st.st_mode) && st.st_uid == geteuid() &&
	    (st.st_mode & (S_IRWXG | S_IRWXO)))
		(void)!chmod(path, st.st_mode & S_IRWXU);
}
