/* SPDX-License-Identifier: MIT */
/*
 * logins.c - who failed how often, with which user names (as keyed hashes); who logged in
 *
 * The key is 16 random bytes made at first use: without this file no name can be found from its
 * hash. Hooks write as little as will do: a name seen within the minute, a login within the hour,
 * is not written again.
 *
 * The upper 40 bits of a name's hash are those of its account, the lower 24 those of its domain, 0
 * without one. So a name with a domain and the same name without are known to be one, while info@
 * in three domains is three.
 */
#include "store/store_private.h"
#include "base/siphash.h"
#include "base/user_name.h"
#include <string.h>
#include <sys/random.h>

#define SAME_USER_S  60
#define SAME_LOGIN_S 3600
#define DOMAIN_MASK  0xffffff

struct user_key {
	bool sound;
	struct addr bytes; /* as long as an address */
};

static bool user_key_read(sqlite3_stmt *row, void *element)
{
	struct user_key *key = element;

	key->sound = sql_key(row, 0, &key->bytes);
	return true;
}

/* In a transaction that writes, so that only one of two processes makes it. */
static int user_key_get(struct store *store, struct user_key *ret)
{
	int rc = sql_rows(store, user_key_read, ret, 1,
			  "SELECT value FROM meta WHERE name = 'user-key'", SQL_NONE);

	if (rc < 0)
		return rc;
	if (rc > 0 && !ret->sound)
		return err_set(store->error, IPREP_E_STORE,
			       "%s: invalid user-name key in the database", store_name(store));
	if (rc > 0)
		return 0;
	if (getrandom(ret->bytes.bytes, sizeof(ret->bytes.bytes), 0) != sizeof(ret->bytes.bytes))
		return err_set(store->error, IPREP_E_OS, "getrandom: no random bytes");
	return sql_run(store, "INSERT INTO meta(name, value) VALUES('user-key', ?1)",
		       SQL_KEY(&ret->bytes));
}

static int sighting_put(struct store *store, const struct addr *key, int64_t user, int64_t now)
{
	int rc = sql_run(
		store,
		"INSERT INTO sighting(key, user, at) VALUES(?1, ?2, ?3)"
		" ON CONFLICT(key, user) DO UPDATE SET at = ?3 WHERE at < ?3 - ?4 OR at > ?3",
		SQL_KEY(key), SQL_INT(user), SQL_INT(now), SQL_INT(SAME_USER_S));

	if (rc || !sqlite3_changes(store->db))
		return rc;
	return sql_run(
		store,
		"DELETE FROM sighting WHERE key = ?1 AND user NOT IN (SELECT user FROM sighting"
		" WHERE key = ?1 ORDER BY at > ?3, at DESC LIMIT ?2)",
		SQL_KEY(key), SQL_INT(SPRAY_USERS_MAX), SQL_INT(now));
}

static int64_t user_hash(const struct user_key *secret, const char *user, size_t len)
{
	struct user_name name;
	uint64_t hash, domain = 0;

	user_name_parse(user, len, &name);
	hash = siphash24(secret->bytes.bytes, name.text, name.account_len);
	if (name.domain_len)
		domain = siphash24(secret->bytes.bytes, name.text + name.account_len,
				   name.domain_len) |
			 1;
	return (int64_t)((hash & ~(uint64_t)DOMAIN_MASK) | (domain & DOMAIN_MASK));
}

int store_sighting_put(struct store *store, const struct addr *key, const char *user, size_t len)
{
	bool own_tx = !store->in_tx;
	struct user_key secret;
	int rc = 0;

	if (own_tx)
		rc = store_begin(store, STORE_FAST);
	if (rc)
		return rc;
	rc = user_key_get(store, &secret);
	if (!rc)
		rc = sighting_put(store, key, user_hash(&secret, user, len), store_now(store));
	explicit_bzero(&secret, sizeof(secret));
	if (own_tx)
		return store_end(store, rc);
	return rc;
}

int store_failures_put(struct store *store, const struct addr *key, int64_t number, int64_t at)
{
	return sql_run(store,
		       "INSERT INTO failure(key, hour, n, last_at) SELECT ?1, ?3 / 3600, ?2, ?3"
		       " WHERE NOT EXISTS(SELECT 1 FROM failure WHERE key = ?1 AND last_at = ?3)"
		       " ON CONFLICT(key, hour) DO UPDATE SET n = min(n + excluded.n, 1000000000),"
		       " last_at = max(last_at, excluded.last_at)",
		       SQL_KEY(key), SQL_INT(number), SQL_INT(at));
}

int store_failures(struct store *store, const struct addr *key, int64_t window_s, int64_t *ret)
{
	int64_t now = store_now(store);

	return sql_number(store, ret,
			  "SELECT coalesce(sum(n), 0) FROM failure WHERE key = ?1"
			  " AND last_at > ?2 AND last_at <= ?3",
			  SQL_KEY(key), SQL_INT(now - window_s), SQL_INT(now + WEEK_S));
}

int store_sightings(struct store *store, const struct addr *key, int64_t window_s)
{
	int64_t now = store_now(store);

	return sql_count(store,
			 "SELECT coalesce(sum(n), 0) FROM (SELECT"
			 " max(1, count(DISTINCT nullif(user & ?4, 0))) AS n FROM sighting"
			 " WHERE key = ?1 AND at > ?2 AND at <= ?3 GROUP BY user & ~?4)",
			 SQL_KEY(key), SQL_INT(now - window_s), SQL_INT(now + WEEK_S),
			 SQL_INT(DOMAIN_MASK));
}

int store_login_put(struct store *store, const struct addr *key)
{
	int64_t now = store_now(store), at = 0;
	int rc = store_login_at(store, key, &at);

	if (rc || (at > now - SAME_LOGIN_S && at <= now) || at > now + WEEK_S)
		return rc;
	rc = store_begin(store, STORE_FAST);
	if (rc)
		return rc;
	rc = sql_run(store, "INSERT OR REPLACE INTO good(key, at) VALUES(?1, ?2)", SQL_KEY(key),
		     SQL_INT(now));
	return store_end(store, rc);
}

int store_login_at(struct store *store, const struct addr *key, int64_t *ret_at)
{
	return sql_number(store, ret_at, "SELECT at FROM good WHERE key = ?1", SQL_KEY(key));
}
