/* SPDX-License-Identifier: MIT */
/*
 * errors.c - what SQLite's errors mean
 *
 * Source: sqlite.org/rescode.html.
 */
#include "store/store_private.h"
#include "base/mask.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

static int code_of(int rc)
{
	switch (rc & 0xff) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return IPREP_E_BUSY;
	case SQLITE_NOMEM:
		return IPREP_E_NOMEM;
	case SQLITE_PERM:
	case SQLITE_AUTH:
		return IPREP_E_PERM;
	case SQLITE_MISUSE:
	case SQLITE_RANGE:
		return IPREP_E_BUG;
	default:
		return IPREP_E_STORE;
	}
}

const char *store_name(const struct store *store)
{
	const char *name = store->db ? sqlite3_db_filename(store->db, NULL) : NULL;

	if (name && *name)
		return name;
	if (store->path)
		return store->path;
	return "state database";
}

int store_damaged(struct store *store, const char *doing, const char *what)
{
	char masked[120];

	store->state = STORE_DAMAGED;
	snprintf(store->why, sizeof(store->why), "damaged (%s)",
		 text_mask(masked, sizeof(masked), what, strlen(what)));
	return err_set(store->error, IPREP_E_STORE,
		       "%s: %s: %s; set it aside with rep-purge --reset, which makes a new one",
		       store_name(store), doing, store->why);
}

static bool begins_with(const char *text, const char *with)
{
	return !strncmp(text, with, strlen(with));
}

/* All statements are constants: what they do not find, or find where it is to be made, was there,
 * or not, once. */
static bool is_damage(int rc, const char *text)
{
	if ((rc & 0xff) == SQLITE_NOTADB || (rc & 0xff) == SQLITE_CORRUPT ||
	    rc == SQLITE_IOERR_SHORT_READ || rc == SQLITE_IOERR_CORRUPTFS)
		return true;
	return (rc & 0xff) == SQLITE_ERROR &&
	       (begins_with(text, "no such ") || begins_with(text, "duplicate column name") ||
		strstr(text, " already exists") || strstr(text, " has no column "));
}

/* SQLite says "unable to open database file" for many things; errno says which. */
int store_fail(struct store *store, const char *doing)
{
	int rc = sqlite3_extended_errcode(store->db);
	int sys = sqlite3_system_errno(store->db);
	const char *name = store_name(store);
	int code = code_of(rc);

	store->sqlite_rc = rc;
	if (is_damage(rc, sqlite3_errmsg(store->db)))
		return store_damaged(store, doing, sqlite3_errmsg(store->db));
	if (rc == SQLITE_READONLY_DBMOVED)
		return err_set(store->error, code, "%s: %s: moved or removed while in use", name,
			       doing);
	if ((rc & 0xff) == SQLITE_CANTOPEN || (rc & 0xff) == SQLITE_IOERR) {
		if (sys == EACCES || sys == EPERM)
			code = IPREP_E_PERM;
		return err_set(store->error, code, "%s: %s: %s%s%s", name, doing,
			       sqlite3_errmsg(store->db), sys ? ": " : "",
			       sys ? strerror(sys) : "");
	}
	if ((rc & 0xff) == SQLITE_INTERRUPT)
		return err_set(store->error, IPREP_E_BUSY,
			       "%s: %s: takes too long, giving up; if this happens again, set it "
			       "aside with rep-purge --reset",
			       name, doing);
	if (code == IPREP_E_BUSY)
		return err_set(store->error, code,
			       "%s: %s: locked by another process for %d ms, "
			       "giving up",
			       name, doing, store->wait_ms);
	return err_set(store->error, code, "%s: %s: %s", name, doing, sqlite3_errmsg(store->db));
}
