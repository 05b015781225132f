/* SPDX-License-Identifier: MIT */
/*
 * check_database.c - the database is damaged, of a newer version, or another program's
 *
 * All of a small one is read; of a large one, what fits into the time that a plugin has. rep-purge
 * reads all of it once a day.
 */
#include "health/health.h"

#define CHECK_MS 100

int check_database(const struct checkup *checkup)
{
	const struct session *session = checkup->session;
	const char *why = checkup->no_store;

	if (!why && store_check(session->store, CHECK_MS) == IPREP_E_STORE)
		why = session->err->text;
	if (!why)
		return 0;
	return trouble(checkup, session->conf->state, 0, "%s", why);
}
