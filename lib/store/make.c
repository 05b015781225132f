/* SPDX-License-Identifier: MIT */
/*
 * make.c - a new store is made completely under another name, and then renamed
 *
 * So whatever lies there was whole once: a file that is empty, or of which only the log is left, is
 * damage, and not taken for one that is yet to be made. A lock lets one process at a time make or
 * replace it.
 */
#include "store/store_private.h"
#include "base/statedir.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char new_end[] = ".new";

void store_path_with(const struct store *store, const char *end, char dst[STORE_PATH_MAX])
{
	snprintf(dst, STORE_PATH_MAX, "%s%s", store->path, end);
}

static void path_beside(const struct store *store, const char *name, char dst[STORE_PATH_MAX])
{
	const char *slash = strrchr(store->path, '/');

	snprintf(dst, STORE_PATH_MAX, "%.*s%s", slash ? (int)(slash - store->path + 1) : 0,
		 store->path, name);
}

static int make_fail(struct store *store, const char *path, const char *doing)
{
	return err_set(store->error,
		       errno == EACCES || errno == EPERM ? IPREP_E_PERM : IPREP_E_CREATE,
		       "%s: %s: %s", path, doing, strerror(errno));
}

int store_missing(struct store *store)
{
	struct stat st;

	if (lstat(store->path, &st))
		return errno == ENOENT; /* store_files_check() says all else */
	if (S_ISREG(st.st_mode) && !st.st_size)
		return store_damaged(store, "opening", "the file is empty");
	return 0;
}

/*
 * SQLite opens these itself, for reading where writing is refused, and then waits for a FIFO's
 * writer. What is swapped after this check only finds the time limit of the program (limit.h).
 */
int store_files_check(struct store *store)
{
	static const char *const ends[] = { "", "-wal", "-shm", "-journal" };
	char path[STORE_PATH_MAX];

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		int rc;

		store_path_with(store, ends[i], path);
		if (store->mode == STORE_VIEW)
			rc = statefile_check_shared(path, store->error);
		else
			rc = statefile_check(path, store->error);
		if (rc < 0)
			return rc;
	}
	return 0;
}

void store_files_share(struct store *store)
{
	static const char *const ends[] = { "", "-wal" };
	char path[STORE_PATH_MAX];

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		store_path_with(store, ends[i], path);
		statefile_share_named(path);
	}
	store_path_with(store, "-shm", path);
	statefile_unshare_named(path);
}

int store_log_alone(struct store *store)
{
	char log[STORE_PATH_MAX];
	struct stat st;

	store_path_with(store, "-wal", log);
	if (lstat(log, &st)) {
		if (errno == ENOENT)
			return 0;
		return make_fail(store, log, "cannot be read");
	}
	if (st.st_size > 0)
		return store_damaged(store, "opening",
				     "the file is missing, its log (-wal) is not");
	return 0;
}

int store_make_lock(struct store *store)
{
	struct flock flock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	char path[STORE_PATH_MAX];
	int fd, ntries = 0;

	path_beside(store, "make.lock", path);
	fd = statefile_open(path, O_RDWR | O_CREAT, store->error);
	if (fd < 0)
		return fd;
	while (fcntl(fd, F_OFD_SETLK, &flock)) {
		if (store_wait(store, &ntries))
			continue;
		close(fd);
		return err_set(store->error, IPREP_E_BUSY,
			       "%s: another process has been making the store for %d ms, "
			       "giving up",
			       path, store->wait_ms);
	}
	return fd;
}

void store_sync_dir(const struct store *store)
{
	char path[STORE_PATH_MAX];
	int fd;

	path_beside(store, ".", path);
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

int store_build(struct store *store, struct store *fresh)
{
	char path[STORE_PATH_MAX];
	int rc;

	store_path_with(store, new_end, path);
	remove_rest(path, true);
	*fresh = (struct store){ .mode = STORE_WORK,
				 .clock = store->clock,
				 .error = store->error,
				 .wait_ms = store->wait_ms,
				 .until_ms = store->until_ms };
	rc = store_connect(fresh, path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
	if (!rc)
		rc = store_schema(fresh);
	if (!rc)
		return 0;
	if (rc == STORE_MOVED)
		rc = err_set(store->error, IPREP_E_BUSY,
			     "%s: removed by another process while it is created", path);
	store_build_failed(store, fresh);
	return rc;
}

void store_build_failed(struct store *store, struct store *fresh)
{
	char path[STORE_PATH_MAX];

	store_disconnect(fresh);
	store_path_with(store, new_end, path);
	remove_rest(path, true);
}

int store_put_in_place(struct store *store, struct store *fresh)
{
	char path[STORE_PATH_MAX];
	int rc;

	if (sqlite3_wal_checkpoint_v2(fresh->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL) !=
	    SQLITE_OK) {
		rc = store_fail(fresh, "making a new one");
		store_build_failed(store, fresh);
		return rc;
	}
	store_disconnect(fresh);
	store_path_with(store, new_end, path);
	remove_rest(path, false);
	remove_rest(store->path, false);
	if (rename(path, store->path)) {
		rc = make_fail(store, store->path, "cannot be put in its place");
		unlink(path);
		return rc;
	}
	store_sync_dir(store);
	return 0;
}

int store_make(struct store *store)
{
	int fd = store_make_lock(store), rc;
	struct store fresh;

	if (fd < 0)
		return fd;
	rc = store_missing(store); /* another process may have been faster */
	if (rc > 0) {
		rc = store_log_alone(store);
		if (!rc)
			rc = store_build(store, &fresh);
		if (!rc)
			rc = store_put_in_place(store, &fresh);
	}
	close(fd);
	return rc;
}
