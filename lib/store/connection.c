/* SPDX-License-Identifier: MIT */
/*
 * connection.c - one connection to SQLite: locks, checkpoints of the log
 *
 * Hooks of all jails run at the same time. sqlite3_busy_timeout() sleeps up to 100 ms and makes
 * late-comers fail; the handler here sleeps a random 1 to 8 ms until a stated bound.
 * Sources: sqlite.org/c3ref/busy_handler.html, sqlite.org/wal.html.
 */
#include "store/store_private.h"
#include "base/random.h"
#include <stdlib.h>
#include <sys/param.h>
#include <time.h>

#define WAL_BIG_FRAMES	1024 /* of 4 KB: a hook checkpoints beyond 4 MB */
#define WAL_EASE_FRAMES 512  /* and purge before that */
#define EASE_TRIES	3
#define PROGRESS_STEPS	1000	  /* of SQLite's machine: microseconds */
#define VALUE_BYTES_MAX (1 << 20) /* of a text, blob or row; ours have less than 10 KB */

static int wait_for_lock(void *user, int ntries)
{
	struct store *store = user;
	int64_t now = clock_mono_ms();
	struct timespec pause = { 0 };

	if (ntries == 0)
		store->lock_until_ms = MIN(now + store->wait_ms, store->until_ms);
	if (now >= store->lock_until_ms)
		return 0;
	pause.tv_nsec = 1000000 + (long)random_below(7000) * 1000;
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

/* Commits of others in the meantime stay in the log; so it is done again for these few. */
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

int store_busy_timeout(struct store *store, int ms)
{
	int before = store->wait_ms;

	store->wait_ms = ms;
	return before;
}

static int is_late(void *user)
{
	const struct store *store = user;

	return clock_mono_ms() >= store->until_ms;
}

void store_watch(struct store *store)
{
	if (store->until_ms < INT64_MAX)
		sqlite3_progress_handler(store->db, PROGRESS_STEPS, is_late, store);
	else
		sqlite3_progress_handler(store->db, 0, NULL, NULL);
}

/* The last STORE_WORK to close the file would remove its log and its index, and a process that may
 * only read cannot make them again: sqlite.org/wal.html#readonly. */
static void keep_log(struct store *store)
{
	int on = 1;

	sqlite3_file_control(store->db, NULL, SQLITE_FCNTL_PERSIST_WAL, &on);
}

int store_connect(struct store *store, const char *name, int flags)
{
	int on = 0;

	if (sqlite3_open_v2(name, &store->db, flags | SQLITE_OPEN_NOMUTEX, store->vfs) !=
	    SQLITE_OK) {
		if (store->db)
			return store_fail(store, "opening");
		return err_set(store->error, IPREP_E_NOMEM, "out of memory");
	}
	if (sqlite3_extended_result_codes(store->db, 1) != SQLITE_OK ||
	    sqlite3_busy_handler(store->db, wait_for_lock, store) != SQLITE_OK)
		return store_fail(store, "opening");
	keep_log(store);
	sqlite3_wal_hook(store->db, after_commit, store);
	store_watch(store);
	/* a manipulated database must not run functions of its own, nor make values that take
	 * gigabytes (sqlite.org/security.html) */
	sqlite3_limit(store->db, SQLITE_LIMIT_LENGTH, VALUE_BYTES_MAX);
	if (sqlite3_db_config(store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE,
			      store->mode != STORE_WORK, &on) != SQLITE_OK ||
	    sqlite3_db_config(store->db, SQLITE_DBCONFIG_DEFENSIVE, 1, &on) != SQLITE_OK ||
	    sqlite3_db_config(store->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, &on) != SQLITE_OK)
		return store_fail(store, "opening");
	return 0;
}

void store_disconnect(struct store *store)
{
	sql_forget_all(store);
	store->keys = key_set_free(store->keys);
	sqlite3_close(store->db);
	store->db = NULL;
}
