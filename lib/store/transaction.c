/* SPDX-License-Identifier: MIT */
/* transaction.c - transactions, and when what they wrote is on disk */
#include "store/store_private.h"
#include <errno.h>
#include <string.h>

int store_read_begin(struct store *store)
{
	int rc;

	if (store->in_snapshot || store->in_tx || store->in_batch)
		return 0;
	rc = sql_run(store, "BEGIN", SQL_NONE);
	store->in_snapshot = !rc;
	key_set_new_snapshot(store);
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

static int commit_or_roll_back(struct store *store, int result)
{
	int rc = result < 0 ? result : sql_run(store, "COMMIT", SQL_NONE);

	if (!rc)
		return result;
	sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
	return rc;
}

/* ---- many in one ---- */

/*
 * A transaction of a batch is a part of the one of the batch, which begins with the first of them.
 * Where it cannot begin, because others hold the lock, the rest of the batch does not wait again.
 */
static int join_batch(struct store *store, enum store_sync sync)
{
	int rc = store->batch_failed;

	if (rc)
		return err_set(store->error, rc, "%s: %s", store_name(store), iprep_strerror(rc));
	if (!store->batch_is_open) {
		rc = sql_run(store, "PRAGMA synchronous = NORMAL", SQL_NONE);
		if (!rc)
			rc = sql_run(store, "BEGIN IMMEDIATE", SQL_NONE);
		store->batch_failed = rc;
		store->held_since_ms = clock_mono_ms();
	}
	if (rc)
		return rc;
	store->batch_is_open = store->in_tx = true;
	store->batch_is_durable |= sync == STORE_DURABLE;
	return 0;
}

/* What failed may have been written in part, so all of the batch is undone. */
static int leave_batch(struct store *store, int result)
{
	if (result >= 0)
		return result;
	sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
	store->batch_failed = result;
	return result;
}

void store_batch_begin(struct store *store)
{
	store_read_end(store);
	store->in_batch = true;
	store->batch_is_open = store->batch_is_durable = false;
	store->batch_failed = 0;
}

int store_batch_end(struct store *store)
{
	int rc = 0;

	store->in_batch = false;
	if (!store->batch_is_open)
		return 0; /* nothing was written; why is known to who tried */
	store->batch_is_open = false;
	if (store->batch_failed)
		return store->batch_failed;
	rc = commit_or_roll_back(store, 0);
	store->held_ms = clock_mono_ms() - store->held_since_ms;
	if (!rc && store->batch_is_durable)
		rc = wal_sync(store);
	return rc;
}

/* ---- one ---- */

int store_begin(struct store *store, enum store_sync sync)
{
	const char *synchronous = "PRAGMA synchronous = NORMAL";
	int rc;

	store_read_end(store);
	if (store->in_tx)
		return err_set(store->error, IPREP_E_BUG, "a transaction inside a transaction");
	if (store->in_batch)
		return join_batch(store, sync);
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

int store_end(struct store *store, int result)
{
	int rc;

	if (!store->in_tx)
		return result;
	store->in_tx = false;
	if (store->in_batch)
		return leave_batch(store, result);
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
