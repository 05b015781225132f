/* SPDX-License-Identifier: MIT */
/* pardons.c - addresses that are left alone until a time that a person gave */
#include "store/publications.h"
#include "store/store_private.h"

#define IS_IN_FORCE "until > ?1 AND until <= ?2"

int store_pardon_until(struct store *store, const struct addr *key, int64_t *ret_until)
{
	int64_t now = store_now(store);

	return sql_number(store, ret_until,
			  "SELECT until FROM pardon WHERE " IS_IN_FORCE " AND key = ?3",
			  SQL_INT(now), SQL_INT(now + BELIEVED_S), SQL_KEY(key));
}

int store_pardoned(struct store *store, const struct addr *key)
{
	int64_t until;
	int rc = store_pardon_until(store, key, &until);

	if (rc)
		return rc;
	return until > 0;
}

static bool pardon_read(sqlite3_stmt *row, void *element)
{
	struct pardon *pardon = element;

	pardon->until = sql_int(row, 1);
	return sql_key(row, 0, &pardon->key);
}

int store_pardons_page(struct store *store, const struct addr *after, struct pardon *ret,
		       size_t max)
{
	int64_t now = store_now(store);
	int count = sql_rows(store, pardon_read, ret, max,
			     "SELECT key, until FROM pardon WHERE " IS_IN_FORCE
			     " AND key > ?3 ORDER BY key LIMIT ?4",
			     SQL_INT(now), SQL_INT(now + BELIEVED_S), SQL_KEY(after), SQL_INT(max));

	/* the next page begins where this one ends: rows in another order would come forever */
	for (int i = 0; i < count; i++)
		if (addr_compare(&ret[i].key, i ? &ret[i - 1].key : after) <= 0)
			return store_damaged(store, "reading", "pardons are not in their order");
	return count;
}

int store_pardons_within(struct store *store, const struct prefix *prefix)
{
	struct addr last = addr_last(prefix);
	int64_t now = store_now(store);

	return sql_count(store,
			 "SELECT count(*) FROM pardon WHERE " IS_IN_FORCE
			 " AND key BETWEEN ?3 AND ?4",
			 SQL_INT(now), SQL_INT(now + BELIEVED_S), SQL_KEY(&prefix->addr),
			 SQL_KEY(&last));
}

static int unpardon_rows(struct store *store, const struct prefix *prefix)
{
	struct addr last = addr_last(prefix);
	int rc, ended = store_pardons_within(store, prefix);

	if (ended < 0)
		return ended;
	rc = sql_run(store, "DELETE FROM pardon WHERE key BETWEEN ?1 AND ?2",
		     SQL_KEY(&prefix->addr), SQL_KEY(&last));
	if (!rc)
		rc = store_publications_withdraw(store, &prefix->addr, &last, true);
	if (!rc)
		rc = store_count(store, "unpardon", "", ended);
	if (rc)
		return rc;
	return ended;
}

int store_unpardon(struct store *store, const struct prefix *prefix)
{
	int ended, rc = sql_run(store, "PRAGMA secure_delete = ON", SQL_NONE);

	if (rc)
		return rc;
	rc = store_begin(store, STORE_DURABLE);
	if (rc)
		return rc;
	ended = unpardon_rows(store, prefix);
	rc = store_end(store, ended < 0 ? ended : 0);
	if (rc)
		return rc;
	return ended;
}
