/* SPDX-License-Identifier: MIT */
/* transaction.c - transactions, and when what they wrote is on disk */
#include "store/store_private.h"
#include <errno.h>
#include <string.h>

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

/* NULL: none is open, as in a file that is not in WAL mode any more. */
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
