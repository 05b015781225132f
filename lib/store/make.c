/* SPDX-License-Identifier: MIT */
/*
 * make.c - a new store is made whole beside its place, and then put there
 *
 * So whatever lies there was whole once: a file that is empty, or of which only the log is left, is
 * damage, and not taken for one that is yet to be made. A lock lets one process at a time make or
 * replace it.
 */
#include "store/store_private.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char new_end[] = ".new";

void store_path_with(const struct store *s, const char *end, char dst[STORE_PATH_MAX])
{
	snprintf(dst, STORE_PATH_MAX, "%s%s", s->path, end);
}

static void path_beside(const struct store *s, const char *name, char dst[STORE_PATH_MAX])
{
	const char *slash = strrchr(s->path, '/');

	snprintf(dst, STORE_PATH_MAX, "%.*s%s", slash ? (int)(slash - s->path + 1) : 0, s->path,
		 name);
}

static int fail(struct store *s, const char *path, const char *doing)
{
	return err_set(&s->err, errno == EACCES || errno == EPERM ? IPREP_E_PERM : IPREP_E_CREATE,
		       "%s: %s: %s", path, doing, strerror(errno));
}

int store_missing(struct store *s)
{
	struct stat st;

	if (stat(s->path, &st))
		return errno == ENOENT; /* all else SQLite says better */
	return S_ISREG(st.st_mode) && !st.st_size
		       ? store_damaged(s, "opening", "it is empty, as no store ever is")
		       : 0;
}

int store_log_alone(struct store *s)
{
	char log[STORE_PATH_MAX];
	struct stat st;

	store_path_with(s, "-wal", log);
	return !stat(log, &st) && st.st_size > 0
		       ? store_damaged(s, "opening", "only its log is there, the file -wal")
		       : 0;
}

int store_make_lock(struct store *s)
{
	struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	char path[STORE_PATH_MAX];
	int fd, ntries = 0;

	path_beside(s, "make.lock", path);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return fail(s, path, "cannot be opened");
	while (fcntl(fd, F_OFD_SETLK, &l)) {
		if (store_wait(s, &ntries))
			continue;
		close(fd);
		return err_set(&s->err, IPREP_E_BUSY,
			       "%s: another process has been making the store for %d ms, "
			       "giving up",
			       path, s->wait_ms);
	}
	return fd;
}

void store_sync_dir(const struct store *s)
{
	char path[STORE_PATH_MAX];
	int fd;

	path_beside(s, ".", path);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return;
	fsync(fd);
	close(fd);
}

/* Whatever a process that died left: of the new one, or, without its file, of the old one. */
static void remove_rest(const char *path, bool file)
{
	static const char *const ends[] = { "-wal", "-shm", "-journal" };
	char name[STORE_PATH_MAX + 16];

	if (file)
		unlink(path);
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		snprintf(name, sizeof(name), "%s%s", path, ends[i]);
		unlink(name);
	}
}

int store_build(struct store *s, struct store *fresh)
{
	char path[STORE_PATH_MAX];
	int r;

	store_path_with(s, new_end, path);
	remove_rest(path, true);
	*fresh = (struct store){ .mode = STORE_WORK, .clock = s->clock, .wait_ms = s->wait_ms };
	r = store_connect(fresh, path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
	if (!r)
		r = store_schema(fresh);
	if (!r)
		return 0;
	if (r == STORE_MOVED)
		err_set(&fresh->err, IPREP_E_BUSY, "%s: somebody removes it while it is made",
			path);
	err_set(&s->err, fresh->err.code, "%s", fresh->err.text);
	store_build_failed(s, fresh);
	return s->err.code;
}

void store_build_failed(struct store *s, struct store *fresh)
{
	char path[STORE_PATH_MAX];

	sqlite3_close(fresh->db);
	fresh->db = NULL;
	store_path_with(s, new_end, path);
	remove_rest(path, true);
}

int store_put_in_place(struct store *s, struct store *fresh)
{
	char path[STORE_PATH_MAX];

	if (sqlite3_wal_checkpoint_v2(fresh->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL) !=
	    SQLITE_OK) {
		store_fail(fresh, "making a new one");
		err_set(&s->err, fresh->err.code, "%s", fresh->err.text);
		store_build_failed(s, fresh);
		return s->err.code;
	}
	sqlite3_close(fresh->db);
	fresh->db = NULL;
	store_path_with(s, new_end, path);
	remove_rest(path, false);
	remove_rest(s->path, false);
	if (rename(path, s->path)) {
		fail(s, s->path, "cannot be put in its place");
		unlink(path);
		return s->err.code;
	}
	store_sync_dir(s);
	return 0;
}

int store_make(struct store *s)
{
	int fd = store_make_lock(s), r;
	struct store fresh;

	if (fd < 0)
		return fd;
	r = store_missing(s); /* somebody may have been faster */
	if (r > 0) {
		r = store_log_alone(s);
		if (!r)
			r = store_build(s, &fresh);
		if (!r)
			r = store_put_in_place(s, &fresh);
	}
	close(fd);
	return r;
}
