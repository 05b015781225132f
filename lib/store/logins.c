/* SPDX-License-Identifier: MIT */
/*
 * logins.c - who failed how often, with which user names (as keyed hashes); who logged in
 *
 * The key is 16 random bytes made at first use: without this file nobody can tell a name from its
 * hash. Hooks write as little as will do: a name seen within the minute, a login within the hour,
 * is not written again.
 */
#include "store/store_private.h"
#include "base/siphash.h"
#include <string.h>
#include <sys/random.h>

#define SAME_USER_S  60
#define SAME_LOGIN_S 3600

static int read_key(struct store *s, uint8_t ret[16])
{
	sqlite3_stmt *st;
	int r = sql_row(s, &st, "SELECT value FROM meta WHERE name = 'user-key'", "");

	if (r > 0 && sqlite3_column_bytes(st, 0) == 16)
		memcpy(ret, sqlite3_column_blob(st, 0), 16);
	else if (r > 0)
		r = err_set(&s->err, IPREP_E_STORE,
			    "the key of user names in the state is not one");
	sqlite3_finalize(st);
	return r;
}

/* In a transaction that writes, so that of two processes at once one makes it. */
static int user_key(struct store *s, uint8_t ret[16])
{
	int r = read_key(s, ret);

	if (r)
		return r < 0 ? r : 0;
	if (getrandom(ret, 16, 0) != 16)
		return err_set(&s->err, IPREP_E_OS, "getrandom: no random bytes");
	return sql_run(s, "INSERT INTO meta(name, value) VALUES('user-key', ?1)", "k",
		       (const struct addr *)(const void *)ret);
}

static int put(struct store *s, const struct addr *key, int64_t user, int64_t now)
{
	int r = sql_run(
		s,
		"INSERT INTO sighting(key, user, at) VALUES(?1, ?2, ?3)"
		" ON CONFLICT(key, user) DO UPDATE SET at = ?3 WHERE at < ?3 - ?4 OR at > ?3",
		"kiii", key, user, now, (int64_t)SAME_USER_S);

	if (r || !sqlite3_changes(s->db))
		return r;
	return sql_run(
		s,
		"DELETE FROM sighting WHERE key = ?1 AND user NOT IN (SELECT user FROM sighting"
		" WHERE key = ?1 ORDER BY at > ?3, at DESC LIMIT ?2)",
		"kii", key, (int64_t)SPRAY_USERS_MAX, now);
}

int store_sighting_put(struct store *s, const struct addr *key, const char *user, size_t len)
{
	bool own_tx = !s->in_tx;
	uint8_t secret[16];
	int r = own_tx ? store_begin(s, STORE_FAST) : 0;

	if (r)
		return r;
	r = user_key(s, secret);
	if (!r)
		r = put(s, key, (int64_t)siphash24(secret, user, len), store_now(s));
	explicit_bzero(secret, sizeof(secret));
	return own_tx ? store_end(s, r) : r;
}

int store_failures_put(struct store *s, const struct addr *key, int64_t n, int64_t at)
{
	return sql_run(s,
		       "INSERT INTO failure(key, hour, n, last_at) SELECT ?1, ?3 / 3600, ?2, ?3"
		       " WHERE NOT EXISTS(SELECT 1 FROM failure WHERE key = ?1 AND last_at = ?3)"
		       " ON CONFLICT(key, hour) DO UPDATE SET n = min(n + excluded.n, 1000000000),"
		       " last_at = max(last_at, excluded.last_at)",
		       "kii", key, n, at);
}

int store_failures(struct store *s, const struct addr *key, int64_t window_s, int64_t *ret)
{
	int64_t now = store_now(s);

	return sql_number(s, 0, ret,
			  "SELECT coalesce(sum(n), 0) FROM failure WHERE key = ?1"
			  " AND last_at > ?2 AND last_at <= ?3",
			  "kii", key, now - window_s, now + WEEK_S);
}

int store_sightings(struct store *s, const struct addr *key, int64_t window_s)
{
	int64_t n = 0, now = store_now(s);
	int r = sql_number(s, 0, &n,
			   "SELECT count(*) FROM sighting WHERE key = ?1 AND at > ?2 AND at <= ?3",
			   "kii", key, now - window_s, now + WEEK_S);

	return r ? r : (int)n;
}

int store_login_put(struct store *s, const struct addr *key)
{
	int64_t now = store_now(s), at = 0;
	int r = store_login_at(s, key, &at);

	if (r || (at > now - SAME_LOGIN_S && at <= now) || at > now + WEEK_S)
		return r;
	r = store_begin(s, STORE_FAST);
	if (!r)
		r = store_end(s, sql_run(s, "INSERT OR REPLACE INTO good(key, at) VALUES(?1, ?2)",
					 "ki", key, now));
	return r;
}

int store_login_at(struct store *s, const struct addr *key, int64_t *ret_at)
{
	sqlite3_stmt *st;
	int r = sql_cached(s, &st, "SELECT at FROM good WHERE key = ?1", "k", key);

	if (r >= 0)
		*ret_at = r ? sql_int(st, 0) : 0;
	sql_release(st);
	return r < 0 ? r : 0;
}
