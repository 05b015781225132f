/* SPDX-License-Identifier: MIT */
/*
 * metrics_file.c - replaces the file so that no reader sees a part of it
 *
 * node_exporter reads all files of the directory that end in ".prom". The new one is written next
 * to the old one under another ending, synced, and renamed. Two runs at a time wait for no lock:
 * the second one gives up.
 */
#include "rep-report/metrics.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_BYTES_MAX 200
#define TRIES_MAX      5

struct place {
	int dir; /* descriptor */
	char dir_name[4096];
	const char *name;		/* in it */
	char fresh[NAME_BYTES_MAX + 8]; /* the new one, until it is renamed */
};

static int fail(const struct cli *cli, int status, const char *path, const char *doing)
{
	cli_error(cli, "%s: %s: %s", path, doing, strerror(errno));
	return errno == EACCES || errno == EPERM ? EX_NOPERM : status;
}

static int split_path(const struct cli *cli, const char *file, struct place *place)
{
	const char *slash = strrchr(file, '/');
	size_t len = slash ? (size_t)(slash - file) : 0;

	place->name = slash ? slash + 1 : file;
	if (!*place->name || !strcmp(place->name, ".") || !strcmp(place->name, "..") ||
	    strlen(place->name) > NAME_BYTES_MAX || len >= sizeof(place->dir_name))
		return cli_usage(cli, "--metrics: \"%.80s\" is not the name of a file", file);
	if (!slash)
		snprintf(place->dir_name, sizeof(place->dir_name), ".");
	else if (!len)
		snprintf(place->dir_name, sizeof(place->dir_name), "/");
	else
		snprintf(place->dir_name, sizeof(place->dir_name), "%.*s", (int)len, file);
	snprintf(place->fresh, sizeof(place->fresh), "%s.new", place->name);
	return EX_OK;
}

/* Others who may write here could replace the file, or what is written before it is renamed. */
static int check_directory(const struct cli *cli, const struct place *place)
{
	struct stat st;

	if (fstat(place->dir, &st))
		return fail(cli, EX_IOERR, place->dir_name, "cannot be examined");
	if (st.st_uid && st.st_uid != geteuid())
		cli_error(cli, "%s: belongs to user %u; chown root, or run as that user",
			  place->dir_name, (unsigned)st.st_uid);
	else if (st.st_mode & (S_IWGRP | S_IWOTH))
		cli_error(cli, "%s: others may write here (mode %04o); chmod go-w", place->dir_name,
			  (unsigned)(st.st_mode & 07777));
	else
		return EX_OK;
	return EX_NOPERM;
}

static int check_old_file(const struct cli *cli, const char *file, const struct place *place)
{
	struct stat st;

	if (fstatat(place->dir, place->name, &st, AT_SYMLINK_NOFOLLOW)) {
		if (errno == ENOENT)
			return EX_OK;
		return fail(cli, EX_IOERR, file, "cannot be examined");
	}
	if (!S_ISREG(st.st_mode))
		cli_error(cli, "%s: not a regular file, not replaced; remove it", file);
	else if (st.st_uid != geteuid())
		cli_error(cli, "%s: belongs to user %u, not replaced; remove it", file,
			  (unsigned)st.st_uid);
	else
		return EX_OK;
	return EX_NOPERM;
}

/* Returns an exit status; with EX_OK, place->dir is open. */
static int open_place(const struct cli *cli, const char *file, struct place *place)
{
	int rc = split_path(cli, file, place);

	if (rc)
		return rc;
	place->dir = open(place->dir_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (place->dir < 0)
		return fail(cli, EX_CANTCREAT, place->dir_name, "cannot be opened");
	rc = check_directory(cli, place);
	if (!rc)
		rc = check_old_file(cli, file, place);
	if (rc)
		close(place->dir);
	return rc;
}

int metrics_check(const struct cli *cli, const char *file)
{
	struct place place;
	int rc = open_place(cli, file, &place);

	if (!rc)
		close(place.dir);
	return rc;
}

/* Between opening and locking it, another run may have renamed it: then it is the file of now. */
static bool is_still_there(const struct place *place, int fd)
{
	struct stat mine, there;

	return !fstat(fd, &mine) &&
	       !fstatat(place->dir, place->fresh, &there, AT_SYMLINK_NOFOLLOW) &&
	       mine.st_dev == there.st_dev && mine.st_ino == there.st_ino;
}

/* What a run left that was killed is taken over. A descriptor, or an exit status, negative. */
static int open_fresh(const struct cli *cli, const struct place *place)
{
	const int flags = O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;

	for (int i = 0; i < TRIES_MAX; i++) {
		struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
		int fd = openat(place->dir, place->fresh, flags, 0600);

		if (fd < 0)
			return -fail(cli, EX_CANTCREAT, place->dir_name,
				     "no file can be created here");
		if (fcntl(fd, F_OFD_SETLK, &lock)) {
			close(fd);
			break;
		}
		if (is_still_there(place, fd))
			return fd;
		close(fd);
	}
	cli_error(cli, "%s/%s: another run is writing it; nothing is changed", place->dir_name,
		  place->fresh);
	return -EX_TEMPFAIL;
}

static int write_all(int fd, const char *text, size_t len)
{
	while (len) {
		ssize_t count = write(fd, text, len);

		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0)
			return -1;
		text += count;
		len -= (size_t)count;
	}
	return 0;
}

static int fill_fresh(const struct cli *cli, const struct place *place, int fd, const char *text,
		      size_t len)
{
	struct stat st;

	if (fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_uid != geteuid() || st.st_nlink != 1) {
		cli_error(cli, "%s/%s: not a file of this program; remove it", place->dir_name,
			  place->fresh);
		return EX_NOPERM;
	}
	if (ftruncate(fd, 0) || write_all(fd, text, len) || fchmod(fd, 0644) || fsync(fd) ||
	    renameat(place->dir, place->fresh, place->dir, place->name) || fsync(place->dir)) {
		int status = fail(cli, EX_IOERR, place->name, "cannot be written");

		unlinkat(place->dir, place->fresh, 0);
		return status == EX_NOPERM ? status : EX_IOERR;
	}
	return EX_OK;
}

int metrics_replace(const struct cli *cli, const char *file, const char *text, size_t len)
{
	struct place place;
	int rc = open_place(cli, file, &place), fd;

	if (rc)
		return rc;
	fd = open_fresh(cli, &place);
	if (fd < 0) {
		rc = -fd;
	} else {
		rc = fill_fresh(cli, &place, fd, text, len);
		close(fd);
	}
	close(place.dir);
	return rc;
}
