/* SPDX-License-Identifier: MIT */
/*
 * logins.c - who failed how often, with which user names (as keyed hashes); who logged in
 *
 * The key is 16 random bytes made at first use: without this file no name can be found from its
 * hash. Hooks write as little as will do: a name seen within the minute, a login within the hour,
 * is not written again.
 */
#include "store/store_private.h"
#include "base/siphash.h"
#include <string.h>
#include <sys/random.h>

#define SAME_USER_S  60
#define SAME_LOGIN_S 3600

static int read_key(struct store *store, uint8_t ret[16])
{
	sqlite3_stmt *st;
	int rc = sql_row(store, &st, "SELECT value FROM meta WHERE name = 'user-key'", "");

	if (rc > 0 && sqlite3_column_bytes(st, 0) == 16)
		memcpy(ret, sqlite3_column_blob(st, 0), 16);
	else if (rc > 0)
		rc = err_set(store->error, IPREP_E_STORE,
			     "the key of user names in the state is not one");
	sqlite3_finalize(st);
	return rc;
}

/* In a transaction that writes, so that only one of two processes makes it. */
static int user_key(struct store *store, uint8_t ret[16])
{
	int rc = read_key(store, ret);

	if (rc)
		return rc < 0 ? rc : 0;
	if (getrandom(ret, 16, 0) != 16)
		return err_set(store->error, IPREP_E_OS, "getrandom: no random bytes");
	return sql_run(store, "INSERT INTO meta(name, value) VALUES('user-key', ?1)", "k",
		       (const struct addr *)(const void *)ret);
}

static int put(struct store *store, const struct addr *key, int64_t user, int64_t now)
{
	int rc = sql_run(
		store,
		"INSERT INTO sighting(key, user, at) VALUES(?1, ?2, ?3)"
		" ON CONFLICT(key, user) DO UPDATE SET at = ?3 WHERE at < ?3 - ?4 OR at > ?3",
		"kiii", key, user, now, (int64_t)SAME_USER_S);

	if (rc || !sqlite3_changes(store->db))
		return rc;
	return sql_run(
		store,
		"DELETE FROM sighting WHERE key = ?1 AND user NOT IN (SELECT user FROM sighting"
		" WHERE key = ?1 ORDER BY at > ?3, at DESC LIMIT ?2)",
		"kii", key, (int64_t)SPRAY_USERS_MAX, now);
}

int store_sighting_put(struct store *store, const struct addr *key, const char *user, size_t len)
{
	bool own_tx = !store->in_tx;
	uint8_t secret[16];
	int rc = own_tx ? store_begin(store, STORE_FAST) : 0;

	if (rc)
		return rc;
	rc = user_key(store, secret);
	if (!rc)
		rc = put(store, key, (int64_t)siphash24(secret, user, len), store_now(store));
	explicit_bzero(secret, sizeof(secret));
	return own_tx ? store_end(store, rc) : rc;
}

int store_failures_put(struct store *store, const struct addr *key, int64_t number, int64_t at)
{
	return sql_run(store,
		       "INSERT INTO failure(key, hour, n, last_at) SELECT ?1, ?3 / 3600, ?2, ?3"
		       " WHERE NOT EXISTS(SELECT 1 FROM failure WHERE key = ?1 AND last_at = ?3)"
		       " ON CONFLICT(key, hour) DO UPDATE SET n = min(n + excluded.n, 1000000000),"
		       " last_at = max(last_at, excluded.last_at)",
		       "kii", key, number, at);
}

int store_failures(struct store *store, const struct addr *key, int64_t window_s, int64_t *ret)
{
	int64_t now = store_now(store);

	return sql_number(store, 0, ret,
			  "SELECT coalesce(sum(n), 0) FROM failure WHERE key = ?1"
			  " AND last_at > ?2 AND last_at <= ?3",
			  "kii", key, now - window_s, now + WEEK_S);
}

int store_sightings(struct store *store, const struct addr *key, int64_t window_s)
{
	int64_t number = 0, now = store_now(store);
	int rc = sql_number(store, 0, &number,
			    "SELECT count(*) FROM sighting WHERE key = ?1 AND at > ?2 AND at <= ?3",
			    "kii", key, now - window_s, now + WEEK_S);

	return rc ? rc : (int)number;
}

int store_login_put(struct store *store, const struct addr *key)
{
	int64_t now = store_now(store), at = 0;
	int rc = store_login_at(store, key, &at);

	if (rc || (at > now - SAME_LOGIN_S && at <= now) || at > now + WEEK_S)
		return rc;
	rc = store_begin(store, STORE_FAST);
	if (!rc)
		rc = store_end(store,
			       sql_run(store, "INSERT OR REPLACE INTO good(key, at) VALUES(?1, ?2)",
				       "ki", key, now));
	return rc;
}

int store_login_at(struct store *store, const struct addr *key, int64_t *ret_at)
{
	sqlite3_stmt *st;
	int rc = sql_cached(store, &st, "SELECT at FROM good WHERE key = ?1", "k", key);

	if (rc >= 0)
		*ret_at = rc ? sql_int(st, 0) : 0;
	sql_release(st);
	return rc < 0 ? rc : 0;
}
