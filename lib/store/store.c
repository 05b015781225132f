/* SPDX-License-Identifier: MIT */
/*
 * store.c - opening and closing
 *
 * The lowest first: errors.c, sql.c, connection.c, view.c, transaction.c, schema.c, make.c, this
 * file. Each calls those before it.
 */
#include "store/store_private.h"
#include "base/statedir.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HOOK_WAIT_MS   2000
#define RECORD_WAIT_MS 4500 /* 200 together with 5 ms added to each of two syncs: over 2 s */
#define HOOK_ALL_MS    4600 /* whatever the file contains, and however many locks are waited for */
#define WORK_WAIT_MS   10000
#define CLOSE_WAIT_MS  500 /* for a last checkpoint, which the next one makes as well */
#define REOPENS_MAX    5

/*
 * Full disk: the shared memory of the log cannot be made, but the lock of the whole file can be
 * had, and the log's index is then in our memory (sqlite.org/wal.html#noshm).
 */
static int open_alone(struct store *store, const char *path)
{
	int rc;

	store_disconnect(store);
	store->read_only = true;
	rc = store_connect(store, path, SQLITE_OPEN_READWRITE);
	if (!rc)
		rc = sql_run(store, "PRAGMA locking_mode = EXCLUSIVE", SQL_NONE);
	if (!rc)
		rc = sql_run(store, "PRAGMA query_only = 1", SQL_NONE);
	if (rc)
		return rc;
	return store_schema(store);
}

/* What is in the log would not be read: a block that was lifted would still be one. */
static bool log_is_empty(const char *path)
{
	char log[STORE_PATH_MAX];
	struct stat st;

	snprintf(log, sizeof(log), "%s-wal", path);
	return stat(log, &st) ? errno == ENOENT : !st.st_size;
}

/* Read-only disk: not even a lock can be had. */
static int open_unlocked(struct store *store, const char *path)
{
	char *uri = sqlite3_mprintf("file:%s?immutable=1", path);
	int rc;

	if (!uri)
		return err_set(store->error, IPREP_E_NOMEM, "out of memory");
	store_disconnect(store);
	rc = store_connect(store, uri, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI);
	sqlite3_free(uri);
	if (rc)
		return rc;
	return store_schema(store);
}

static bool disk_refuses(const struct store *store)
{
	int rc = store->sqlite_rc & 0xff;

	return rc == SQLITE_FULL || rc == SQLITE_READONLY || rc == SQLITE_IOERR ||
	       rc == SQLITE_CANTOPEN;
}

static bool uri_is_plain(const char *path)
{
	return !strpbrk(path, "?#%");
}

/* The disk takes nothing: what is there can still be read. */
static int open_as_it_is(struct store *store, const char *path)
{
	int rc = open_alone(store, path);

	if (rc && rc != IPREP_E_BUSY && log_is_empty(path) && uri_is_plain(path))
		rc = open_unlocked(store, path);
	return rc;
}

static int connect_existing(struct store *store)
{
	int rc;

	store_view_begin(store);
	if (store->mode != STORE_VIEW)
		return store_connect(store, store->path, SQLITE_OPEN_READWRITE);
	store->vfs = store->view.is_unlocked ? "unix-none" : NULL;
	rc = store_connect(store, store->path, SQLITE_OPEN_READONLY);
	if (!rc && store->view.is_unlocked)
		rc = sql_run(store, "PRAGMA locking_mode = EXCLUSIVE", SQL_NONE);
	return rc;
}

static int open_existing(struct store *store)
{
	int off = 1, rc = STORE_MOVED;

	for (int i = 0; rc == STORE_MOVED && i < REOPENS_MAX; i++) {
		if (store->db) /* nothing of it into the new one's log, nor of that into it */
			sqlite3_db_config(store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, &off);
		store_disconnect(store);
		store->state = STORE_SOUND;
		rc = connect_existing(store);
		if (!rc)
			rc = store_schema(store);
		if (rc == IPREP_E_BUSY && store_view_judge(store, 0))
			rc = STORE_MOVED;
	}
	if (rc == STORE_MOVED)
		return err_set(store->error, IPREP_E_BUSY,
			       "%s: replaced again and again, giving up", store->path);
	return rc;
}

static int open_once(struct store *store)
{
	int rc = store_files_check(store);

	if (!rc)
		rc = store_missing(store);
	if (rc > 0 && store->mode == STORE_VIEW)
		return err_set(
			store->error, IPREP_E_IO,
			"%s: not made yet; run rep-check --ready, or wait for the first hook",
			store->path);
	if (rc > 0)
		rc = store_make(store);
	if (rc)
		return rc;
	return open_existing(store);
}

/* It was there, and iprep_reset() set it aside before it was opened. */
static bool has_gone(const struct store *store)
{
	return store->db && (store->sqlite_rc & 0xff) == SQLITE_CANTOPEN &&
	       sqlite3_system_errno(store->db) == ENOENT;
}

static int open_or_make(struct store *store)
{
	int rc = open_once(store);

	for (int i = 0; rc && has_gone(store) && i < REOPENS_MAX; i++) {
		store_disconnect(store);
		rc = open_once(store);
	}
	if (!rc && store->mode == STORE_WORK)
		store_files_share(store);
	return rc;
}

static bool is_missing(const char *path, const char *end)
{
	char name[STORE_PATH_MAX];

	snprintf(name, sizeof(name), "%s%s", path, end);
	return access(name, F_OK) && errno == ENOENT;
}

/* The file is taken as it is only where no process can change it; a member of the group cannot keep
 * others out. */
static int open_to_view(struct store *store, const char *path, int rc)
{
	if (statedir_is_read_only(path) && log_is_empty(path) && uri_is_plain(path))
		return open_unlocked(store, path);
	if (!access(path, W_OK))
		return open_alone(store, path);
	if (is_missing(path, "-wal") || is_missing(path, "-shm"))
		return err_set(store->error, IPREP_E_BUSY,
			       "%s: cannot be read without its log (-wal, -shm), which another "
			       "program removed; the next hook or worker makes it again",
			       path);
	return rc;
}

void store_begin_call(struct store *store)
{
	if (store->mode != STORE_WORK)
		store->until_ms = clock_mono_ms() + HOOK_ALL_MS;
}

int store_open(const char *path, enum store_mode mode, struct clock clock, const struct log *log,
	       struct store **ret_store, struct err *error)
{
	struct store *store = calloc(1, sizeof(*store));
	int rc;

	if (!store)
		return err_set(error, IPREP_E_NOMEM, "out of memory");
	store->mode = mode;
	store->clock = clock;
	store->log = log;
	store->error = error;
	store->path = path;
	store->pages_max = PAGES_MAX;
	store->wait_ms = HOOK_WAIT_MS;
	store->until_ms = INT64_MAX;
	if (mode == STORE_WORK)
		store->wait_ms = WORK_WAIT_MS;
	store_begin_call(store);
	if (mode == STORE_RECORD)
		store->wait_ms = RECORD_WAIT_MS;
	rc = open_or_make(store);
	if (rc && (mode == STORE_GATE || mode == STORE_READ) && store->db && disk_refuses(store))
		rc = open_as_it_is(store, path);
	if (rc && mode == STORE_VIEW && store->db && disk_refuses(store))
		rc = open_to_view(store, path, rc);
	store->path = NULL;
	if (rc) {
		store_close(store);
		return rc;
	}
	*ret_store = store;
	return 0;
}

struct store *store_close(struct store *store)
{
	struct err unused; /* the caller's may still hold why the store is closed */

	if (!store)
		return NULL;
	store->error = &unused;
	store_read_end(store);
	store_end(store, IPREP_E_BUG); /* rolls back what was left open; so does closing a batch */
	store->wait_ms = CLOSE_WAIT_MS;
	if (store->db && store->mode == STORE_WORK && !store->read_only)
		store_truncate_wal(store);
	store_disconnect(store);
	free(store);
	return NULL;
}

bool store_is_read_only(const struct store *store)
{
	return store->read_only;
}
