/* SPDX-License-Identifier: MIT */
/*
 * store.c - opening, locking, transactions
 *
 * Hooks of all jails arrive at once. sqlite3_busy_timeout() sleeps up to 100 ms and makes
 * late-comers fail; the handler here sleeps a random 1 to 8 ms until a stated bound.
 * Sources: sqlite.org/c3ref/busy_handler.html, sqlite.org/wal.html.
 */
#include "store/store_private.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define HOOK_WAIT_MS	2000
#define RECORD_WAIT_MS	4500 /* 200 at once with 5 ms added to each of two syncs: over 2 s */
#define WORK_WAIT_MS	10000
#define CLOSE_WAIT_MS	500 /* for a last checkpoint, which the next one makes as well */
#define REOPENS_MAX	5
#define WAL_BIG_FRAMES	1024 /* of 4 KB: a hook checkpoints beyond 4 MB */
#define WAL_EASE_FRAMES 512  /* and purge before that */
#define EASE_TRIES	3

static int wait_for_lock(void *user, int ntries)
{
	struct store *store = user;
	int64_t now = clock_mono_ms();
	struct timespec pause = { 0 };

	if (ntries == 0)
		store->lock_until_ms = now + store->wait_ms;
	if (now >= store->lock_until_ms)
		return 0;
	pause.tv_nsec = 1000000 + (long)(random() % 7000) * 1000;
	nanosleep(&pause, NULL);
	return 1;
}

bool store_wait(struct store *store, int *ntries)
{
	return wait_for_lock(store, (*ntries)++);
}

static int after_commit(void *user, sqlite3 *db, const char *name, int nframes)
{
	struct store *store = user;

	store->log_pages = nframes;
	if (nframes >= WAL_BIG_FRAMES)
		sqlite3_wal_checkpoint_v2(db, name, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
	return SQLITE_OK;
}

/* What others committed meanwhile remains, and the log grows on; then again, for that is little. */
void store_checkpoint(struct store *store)
{
	int pages = store->log_pages >= WAL_EASE_FRAMES, done = 0;

	for (int i = 0; i < EASE_TRIES && done < pages; i++)
		if (sqlite3_wal_checkpoint_v2(store->db, NULL, SQLITE_CHECKPOINT_PASSIVE, &pages,
					      &done) != SQLITE_OK)
			break;
}

/* Truncating keeps writers out, also while it writes and syncs: most of that is done before. */
int store_truncate_wal(struct store *store)
{
	sqlite3_wal_checkpoint_v2(store->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
	if (sqlite3_wal_checkpoint_v2(store->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL) ==
	    SQLITE_OK)
		return 0;
	return store_fail(store, "emptying the log");
}

int64_t store_now(const struct store *store)
{
	return clock_now_s(&store->clock);
}

/* ---- transactions ---- */

static int run_hot(struct store *store, const char *sql)
{
	sqlite3_stmt *st;
	int rc = sql_cached(store, &st, sql, "");

	sql_release(st);
	return rc;
}

int store_read_begin(struct store *store)
{
	int rc = store->in_snapshot || store->in_tx ? 0 : run_hot(store, "BEGIN");

	store->in_snapshot |= !rc && !store->in_tx;
	return rc;
}

void store_read_end(struct store *store)
{
	if (store->in_snapshot)
		run_hot(store, "COMMIT");
	store->in_snapshot = false;
}

/* NULL: none is open, as in a file that somebody took out of WAL. */
static sqlite3_file *log_of(struct store *store)
{
	sqlite3_file *log = NULL;

	return sqlite3_file_control(store->db, NULL, SQLITE_FCNTL_JOURNAL_POINTER, &log) ==
				       SQLITE_OK &&
			       log && log->pMethods
		       ? log
		       : NULL;
}

/*
 * Hooks that come together sync the log after the lock, not under it: the disk then does many at
 * once, and one that finds its event written by another makes sure of that as well. A process's
 * first sync of a log is two, for SQLite syncs the directory too. Source:
 * sqlite.org/c3ref/c_fcntl_begin_atomic_write.html.
 */
static int sync_log(struct store *store)
{
	sqlite3_file *log = log_of(store);

	if (!log)
		return err_set(store->error, IPREP_E_BUG, "%s: has no log",
			       sqlite3_db_filename(store->db, NULL));
	if (log->pMethods->xSync(log, SQLITE_SYNC_NORMAL) != SQLITE_OK)
		return err_set(store->error, IPREP_E_STORE, "%s: cannot be synced: %s",
			       sqlite3_db_filename(store->db, NULL), strerror(errno));
	return 0;
}

int store_begin(struct store *store, enum store_sync sync)
{
	int rc;

	store_read_end(store);
	if (store->in_tx)
		return err_set(store->error, IPREP_E_BUG, "a transaction inside a transaction");
	store->sync_after = sync == STORE_DURABLE && store->mode == STORE_RECORD && log_of(store);
	rc = sql_run(store,
		     sync == STORE_DURABLE && !store->sync_after ? "PRAGMA synchronous = FULL"
								 : "PRAGMA synchronous = NORMAL",
		     "");
	if (!rc)
		rc = sql_run(store, "BEGIN IMMEDIATE", "");
	store->in_tx = !rc;
	store->held_since_ms = clock_mono_ms();
	return rc;
}

int64_t store_held_ms(const struct store *store)
{
	return store->held_ms;
}

static int end(struct store *store, int rc)
{
	int byte = rc < 0 ? rc : sql_run(store, "COMMIT", "");

	if (byte)
		sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
	return byte ? byte : rc;
}

int store_end(struct store *store, int rc)
{
	if (!store->in_tx)
		return rc;
	store->in_tx = false;
	rc = end(store, rc);
	store->held_ms = clock_mono_ms() - store->held_since_ms;
	if (rc >= 0 && store->sync_after) {
		int byte = sync_log(store);

		rc = byte ? byte : rc;
	}
	return rc;
}

int store_busy_timeout(struct store *store, int ms)
{
	int before = store->wait_ms;

	store->wait_ms = ms;
	return before;
}

int store_try(struct store *store)
{
	int rc = store_begin(store, STORE_DURABLE);

	if (rc)
		return rc;
	return store_end(store,
			 sql_run(store,
				 "INSERT OR REPLACE INTO meta(name, value) VALUES('ready', ?1)",
				 "i", store_now(store)));
}

/* ---- open and close ---- */

int store_connect(struct store *store, const char *name, int flags)
{
	int on = 0;

	if (sqlite3_open_v2(name, &store->db, flags | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
		return store->db ? store_fail(store, "opening")
				 : err_set(store->error, IPREP_E_NOMEM, "out of memory");
	sqlite3_extended_result_codes(store->db, 1);
	sqlite3_busy_handler(store->db, wait_for_lock, store);
	sqlite3_wal_hook(store->db, after_commit, store);
	sqlite3_db_config(store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, store->mode != STORE_WORK,
			  &on);
	/* a database somebody tampered with must not run functions of its own
	 * (sqlite.org/security.html) */
	sqlite3_db_config(store->db, SQLITE_DBCONFIG_DEFENSIVE, 1, &on);
	sqlite3_db_config(store->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, &on);
	return 0;
}

/* Full or read-only disk: the WAL's shared memory cannot be made. Blocks are still there. */
static int open_as_it_is(struct store *store, const char *path)
{
	char *uri = sqlite3_mprintf("file:%s?immutable=1", path);
	int rc;

	if (!uri)
		return err_set(store->error, IPREP_E_NOMEM, "out of memory");
	sqlite3_close(store->db);
	store->db = NULL;
	store->read_only = true;
	rc = store_connect(store, uri, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI);
	sqlite3_free(uri);
	return rc ? rc : store_schema(store);
}

static bool disk_refuses(const struct store *store)
{
	int rc = store->rc & 0xff;

	return rc == SQLITE_FULL || rc == SQLITE_READONLY || rc == SQLITE_IOERR ||
	       rc == SQLITE_CANTOPEN;
}

static bool uri_is_plain(const char *path)
{
	return !strpbrk(path, "?#%");
}

static int open_existing(struct store *store)
{
	int off = 1, rc = STORE_MOVED;

	for (int i = 0; rc == STORE_MOVED && i < REOPENS_MAX; i++) {
		if (store->db) /* nothing of it into the new one's log, nor of that into it */
			sqlite3_db_config(store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, &off);
		sqlite3_close(store->db);
		store->db = NULL;
		store->state = STORE_SOUND;
		rc = store_connect(store, store->path, SQLITE_OPEN_READWRITE);
		if (!rc)
			rc = store_schema(store);
	}
	if (rc == STORE_MOVED)
		return err_set(store->error, IPREP_E_BUSY,
			       "%s: replaced again and again, giving up", store->path);
	return rc;
}

static int open_or_make(struct store *store)
{
	int rc = store_missing(store);

	if (rc > 0)
		rc = store_make(store);
	return rc ? rc : open_existing(store);
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
	store->wait_ms = mode == STORE_WORK	? WORK_WAIT_MS
			 : mode == STORE_RECORD ? RECORD_WAIT_MS
						: HOOK_WAIT_MS;
	srandom((unsigned)clock_mono_ms() ^ (unsigned)getpid() << 8);
	rc = open_or_make(store);
	if (rc && mode == STORE_GATE && store->db && disk_refuses(store) && uri_is_plain(path))
		rc = open_as_it_is(store, path);
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
	if (!store)
		return NULL;
	store_read_end(store);
	store_end(store, IPREP_E_BUG); /* rolls back what was left open */
	for (size_t i = 0; i < HOT_MAX; i++)
		sqlite3_finalize(store->hot[i].st);
	store->wait_ms = CLOSE_WAIT_MS;
	if (store->db && store->mode == STORE_WORK && !store->read_only)
		store_truncate_wal(store);
	sqlite3_close(store->db);
	free(store);
	return NULL;
}

bool store_is_read_only(const struct store *store)
{
	return store->read_only;
}
