/* SPDX-License-Identifier: MIT */
/*
 * check_database.c - the database is damaged, of a newer version, or another program's
 *
 * All of a small one is read. A large one takes longer than a plugin has, and SQLite cannot be
 * stopped in the middle of a table; rep-purge reads all of it once a day.
 */
#include "health/health.h"
#include <sys/stat.h>

#define CHECK_MS    100
#define SMALL_BYTES (16 << 20)

static bool is_small(const char *path)
{
	struct stat st;

	return !stat(path, &st) && st.st_size <= SMALL_BYTES;
}

int check_database(const struct checkup *checkup)
{
	const struct session *session = checkup->session;
	const char *why = checkup->no_store;

	if (!why && is_small(session->conf->state) &&
	    store_check(session->store, CHECK_MS) == IPREP_E_STORE)
		why = session->err->text;
	if (!why)
		return 0;
	return trouble(checkup, session->conf->state, 0, "%s", why);
}
