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
	struct store *s = user;
	int64_t now = clock_mono_ms();
	struct timespec pause = { 0 };

	if (ntries == 0)
		s->lock_until_ms = now + s->wait_ms;
	if (now >= s->lock_until_ms)
		return 0;
	pause.tv_nsec = 1000000 + (long)(random() % 7000) * 1000;
	nanosleep(&pause, NULL);
	return 1;
}

bool store_wait(struct store *s, int *ntries)
{
	return wait_for_lock(s, (*ntries)++);
}

static int after_commit(void *user, sqlite3 *db, const char *name, int nframes)
{
	struct store *s = user;

	s->log_pages = nframes;
	if (nframes >= WAL_BIG_FRAMES)
		sqlite3_wal_checkpoint_v2(db, name, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
	return SQLITE_OK;
}

/* What others committed meanwhile remains, and the log grows on; then again, for that is little. */
void store_checkpoint(struct store *s)
{
	int pages = s->log_pages >= WAL_EASE_FRAMES, done = 0;

	for (int i = 0; i < EASE_TRIES && done < pages; i++)
		if (sqlite3_wal_checkpoint_v2(s->db, NULL, SQLITE_CHECKPOINT_PASSIVE, &pages,
					      &done) != SQLITE_OK)
			break;
}

/* Truncating keeps writers out, also while it writes and syncs: most of that is done before. */
int store_truncate_wal(struct store *s)
{
	sqlite3_wal_checkpoint_v2(s->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
	if (sqlite3_wal_checkpoint_v2(s->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL) ==
	    SQLITE_OK)
		return 0;
	return store_fail(s, "emptying the log");
}

int64_t store_now(const struct store *s)
{
	return clock_now_s(&s->clock);
}

/* ---- transactions ---- */

static int run_hot(struct store *s, const char *sql)
{
	sqlite3_stmt *st;
	int r = sql_cached(s, &st, sql, "");

	sql_release(st);
	return r;
}

int store_read_begin(struct store *s)
{
	int r = s->in_snapshot || s->in_tx ? 0 : run_hot(s, "BEGIN");

	s->in_snapshot |= !r && !s->in_tx;
	return r;
}

void store_read_end(struct store *s)
{
	if (s->in_snapshot)
		run_hot(s, "COMMIT");
	s->in_snapshot = false;
}

/* NULL: none is open, as in a file that somebody took out of WAL. */
static sqlite3_file *log_of(struct store *s)
{
	sqlite3_file *log = NULL;

	return sqlite3_file_control(s->db, NULL, SQLITE_FCNTL_JOURNAL_POINTER, &log) == SQLITE_OK &&
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
static int sync_log(struct store *s)
{
	sqlite3_file *log = log_of(s);

	if (!log)
		return err_set(&s->err, IPREP_E_BUG, "%s: has no log",
			       sqlite3_db_filename(s->db, NULL));
	if (log->pMethods->xSync(log, SQLITE_SYNC_NORMAL) != SQLITE_OK)
		return err_set(&s->err, IPREP_E_STORE, "%s: cannot be synced: %s",
			       sqlite3_db_filename(s->db, NULL), strerror(errno));
	return 0;
}

int store_begin(struct store *s, enum store_sync sync)
{
	int r;

	store_read_end(s);
	if (s->in_tx)
		return err_set(&s->err, IPREP_E_BUG, "a transaction inside a transaction");
	s->sync_after = sync == STORE_DURABLE && s->mode == STORE_RECORD && log_of(s);
	r = sql_run(s,
		    sync == STORE_DURABLE && !s->sync_after ? "PRAGMA synchronous = FULL"
							    : "PRAGMA synchronous = NORMAL",
		    "");
	if (!r)
		r = sql_run(s, "BEGIN IMMEDIATE", "");
	s->in_tx = !r;
	s->held_since_ms = clock_mono_ms();
	return r;
}

int64_t store_held_ms(const struct store *s)
{
	return s->held_ms;
}

static int end(struct store *s, int r)
{
	int c = r < 0 ? r : sql_run(s, "COMMIT", "");

	if (c)
		sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
	return c ? c : r;
}

int store_end(struct store *s, int r)
{
	if (!s->in_tx)
		return r;
	s->in_tx = false;
	r = end(s, r);
	s->held_ms = clock_mono_ms() - s->held_since_ms;
	if (r >= 0 && s->sync_after) {
		int c = sync_log(s);

		r = c ? c : r;
	}
	return r;
}

int store_busy_timeout(struct store *s, int ms)
{
	int before = s->wait_ms;

	s->wait_ms = ms;
	return before;
}

int store_try(struct store *s)
{
	int r = store_begin(s, STORE_DURABLE);

	if (r)
		return r;
	return store_end(s,
			 sql_run(s, "INSERT OR REPLACE INTO meta(name, value) VALUES('ready', ?1)",
				 "i", store_now(s)));
}

/* ---- open and close ---- */

int store_connect(struct store *s, const char *name, int flags)
{
	int on = 0;

	if (sqlite3_open_v2(name, &s->db, flags | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
		return s->db ? store_fail(s, "opening")
			     : err_set(&s->err, IPREP_E_NOMEM, "out of memory");
	sqlite3_extended_result_codes(s->db, 1);
	sqlite3_busy_handler(s->db, wait_for_lock, s);
	sqlite3_wal_hook(s->db, after_commit, s);
	sqlite3_db_config(s->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, s->mode != STORE_WORK, &on);
	/* a database somebody tampered with must not run functions of its own
	 * (sqlite.org/security.html) */
	sqlite3_db_config(s->db, SQLITE_DBCONFIG_DEFENSIVE, 1, &on);
	sqlite3_db_config(s->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, &on);
	return 0;
}

/* Full or read-only disk: the WAL's shared memory cannot be made. Blocks are still there. */
static int open_as_it_is(struct store *s, const char *path)
{
	char *uri = sqlite3_mprintf("file:%s?immutable=1", path);
	int r;

	if (!uri)
		return err_set(&s->err, IPREP_E_NOMEM, "out of memory");
	sqlite3_close(s->db);
	s->db = NULL;
	s->read_only = true;
	r = store_connect(s, uri, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI);
	sqlite3_free(uri);
	return r ? r : store_schema(s);
}

static bool disk_refuses(const struct store *s)
{
	int rc = s->rc & 0xff;

	return rc == SQLITE_FULL || rc == SQLITE_READONLY || rc == SQLITE_IOERR ||
	       rc == SQLITE_CANTOPEN;
}

static bool uri_is_plain(const char *path)
{
	return !strpbrk(path, "?#%");
}

static int open_existing(struct store *s)
{
	int off = 1, r = STORE_MOVED;

	for (int i = 0; r == STORE_MOVED && i < REOPENS_MAX; i++) {
		if (s->db) /* nothing of it into the new one's log, nor of that into it */
			sqlite3_db_config(s->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, &off);
		sqlite3_close(s->db);
		s->db = NULL;
		s->state = STORE_SOUND;
		r = store_connect(s, s->path, SQLITE_OPEN_READWRITE);
		if (!r)
			r = store_schema(s);
	}
	if (r == STORE_MOVED)
		return err_set(&s->err, IPREP_E_BUSY, "%s: replaced again and again, giving up",
			       s->path);
	return r;
}

static int open_or_make(struct store *s)
{
	int r = store_missing(s);

	if (r > 0)
		r = store_make(s);
	return r ? r : open_existing(s);
}

int store_open(const char *path, enum store_mode mode, struct clock clock, const struct log *log,
	       struct store **ret_store, struct err *e)
{
	struct store *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return err_set(e, IPREP_E_NOMEM, "out of memory");
	s->mode = mode;
	s->clock = clock;
	s->log = log;
	s->path = path;
	s->pages_max = PAGES_MAX;
	s->wait_ms = mode == STORE_WORK	    ? WORK_WAIT_MS
		     : mode == STORE_RECORD ? RECORD_WAIT_MS
					    : HOOK_WAIT_MS;
	srandom((unsigned)clock_mono_ms() ^ (unsigned)getpid() << 8);
	r = open_or_make(s);
	if (r && mode == STORE_GATE && s->db && disk_refuses(s) && uri_is_plain(path))
		r = open_as_it_is(s, path);
	s->path = NULL;
	if (r) {
		err_set(e, s->err.code, "%s", s->err.text);
		store_close(s);
		return r;
	}
	*ret_store = s;
	return 0;
}

struct store *store_close(struct store *s)
{
	if (!s)
		return NULL;
	store_read_end(s);
	store_end(s, IPREP_E_BUG); /* rolls back what was left open */
	for (size_t i = 0; i < HOT_MAX; i++)
		sqlite3_finalize(s->hot[i].st);
	s->wait_ms = CLOSE_WAIT_MS;
	if (s->db && s->mode == STORE_WORK && !s->read_only)
		store_truncate_wal(s);
	sqlite3_close(s->db);
	free(s);
	return NULL;
}

const struct err *store_err(const struct store *s)
{
	return &s->err;
}

bool store_is_read_only(const struct store *s)
{
	return s->read_only;
}
