/* SPDX-License-Identifier: MIT */
/* transaction.c - transactions, and when what they wrote is on disk */
#include "store/store_private.h"
#include <errno.h>
#include <string.h>

int store_read_begin(struct store *store)
{
	int rc;

	if (store->in_snapshot || store->in_tx)
		return 0;
	rc = sql_run(store, "BEGIN", SQL_NONE);
	store->in_snapshot = !rc;
	return rc;
}

void store_read_end(struct store *store)
{
	if (store->in_snapshot)
		sql_run(store, "COMMIT", SQL_NONE);
	store->in_snapshot = false;
}

/* NULL: none is open, as in a file that is not in WAL mode any more. */
static sqlite3_file *wal_file(struct store *store)
{
	sqlite3_file *file = NULL;

	if (sqlite3_file_control(store->db, NULL, SQLITE_FCNTL_JOURNAL_POINTER, &file) != SQLITE_OK)
		return NULL;
	if (file && file->pMethods)
		return file;
	return NULL;
}

/*
 * Hooks that come together sync the log after the lock, not under it: the disk then does many at
 * once, and one that finds its event written by another makes sure of that as well. A process's
 * first sync of a log is two, for SQLite syncs the directory too. Source:
 * sqlite.org/c3ref/c_fcntl_begin_atomic_write.html.
 */
static int wal_sync(struct store *store)
{
	sqlite3_file *file = wal_file(store);

	if (!file)
		return err_set(store->error, IPREP_E_BUG, "%s: has no log", store_name(store));
	if (file->pMethods->xSync(file, SQLITE_SYNC_NORMAL) != SQLITE_OK)
		return err_set(store->error, IPREP_E_STORE, "%s: cannot be synced: %s",
			       store_name(store), strerror(errno));
	return 0;
}

int store_begin(struct store *store, enum store_sync sync)
{
	const char *synchronous = "PRAGMA synchronous = NORMAL";
	int rc;

	store_read_end(store);
	if (store->in_tx)
		return err_set(store->error, IPREP_E_BUG, "a transaction inside a transaction");
	store->sync_after = sync == STORE_DURABLE && store->mode == STORE_RECORD && wal_file(store);
	if (sync == STORE_DURABLE && !store->sync_after)
		synchronous = "PRAGMA synchronous = FULL";
	rc = sql_run(store, synchronous, SQL_NONE);
	if (rc)
		return rc;
	rc = sql_run(store, "BEGIN IMMEDIATE", SQL_NONE);
	store->in_tx = !rc;
	store->held_since_ms = clock_mono_ms();
	return rc;
}

int64_t store_held_ms(const struct store *store)
{
	return store->held_ms;
}

static int commit_or_roll_back(struct store *store, int result)
{
	int rc = result < 0 ? result : sql_run(store, "COMMIT", SQL_NONE);

	if (!rc)
		return result;
	sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
	return rc;
}

int store_end(struct store *store, int result)
{
	int rc;

	if (!store->in_tx)
		return result;
	store->in_tx = false;
	result = commit_or_roll_back(store, result);
	store->held_ms = clock_mono_ms() - store->held_since_ms;
	if (result < 0 || !store->sync_after)
		return result;
	rc = wal_sync(store);
	if (rc)
		return rc;
	return result;
}

int store_try(struct store *store)
{
	int rc = store_begin(store, STORE_DURABLE);

	if (rc)
		return rc;
	rc = sql_run(store, "INSERT OR REPLACE INTO meta(name, value) VALUES('ready', ?1)",
		     SQL_INT(store_now(store)));
	return store_end(store, rc);
}
