/* SPDX-License-Identifier: MIT */
/* fleet.c - the state of the fleet as the worker sees it: rows of meta, one a member */
#include "store/publications.h"
#include "store/store_private.h"
#include <string.h>

enum member_type { MEMBER_TEXT, MEMBER_NUMBER };
/* clang-format off */
#define MEMBER(name, type, member) \
	{ name, type, offsetof(struct fleet_state, member), sizeof(((struct fleet_state *)0)->member) }
static const struct member {
	const char *name;
	enum member_type type;
	size_t offset, size;
} members[] = {
	MEMBER("fleet-place", MEMBER_TEXT, place),
	MEMBER("fleet-identity", MEMBER_TEXT, identity),
	MEMBER("fleet-ok-at", MEMBER_NUMBER, last_ok_at),
	MEMBER("fleet-error-at", MEMBER_NUMBER, last_error_at),
	MEMBER("fleet-error", MEMBER_TEXT, last_error),
	MEMBER("fleet-serial-primary", MEMBER_NUMBER, serial_primary),
	MEMBER("fleet-serial-resolver", MEMBER_NUMBER, serial_resolver),
	MEMBER("fleet-serials-at", MEMBER_NUMBER, serials_at),
	MEMBER("fleet-behind-since", MEMBER_NUMBER, behind_since),
};
/* clang-format on */
#define NMEMBERS (sizeof(members) / sizeof(members[0]))

static bool member_read(sqlite3_stmt *row, void *element)
{
	char name[32];

	sql_text(row, 0, name, sizeof(name));
	for (size_t i = 0; i < NMEMBERS; i++) {
		void *at = (char *)element + members[i].offset;

		if (strcmp(members[i].name, name) != 0)
			continue;
		if (members[i].type == MEMBER_TEXT)
			sql_text(row, 1, at, members[i].size);
		else
			*(int64_t *)at = sql_int(row, 1);
	}
	return true;
}

int store_fleet_get(struct store *store, struct fleet_state *ret)
{
	int rc;

	*ret = (struct fleet_state){ .serial_primary = -1, .serial_resolver = -1 };
	rc = sql_each(store, member_read, ret,
		      "SELECT name, value FROM meta WHERE name BETWEEN 'fleet-' AND 'fleet-~'",
		      SQL_NONE);
	if (rc < 0)
		return rc;
	return 0;
}

static int put_member(struct store *store, const struct member *member, const void *at)
{
	static const char sql[] = "INSERT OR REPLACE INTO meta(name, value) VALUES(?1, ?2)";

	if (member->type == MEMBER_TEXT)
		return sql_run(store, sql, SQL_TEXT(member->name), SQL_TEXT((const char *)at));
	return sql_run(store, sql, SQL_TEXT(member->name), SQL_INT(*(const int64_t *)at));
}

int store_fleet_put(struct store *store, const struct fleet_state *state)
{
	bool own = !store->in_tx;
	int rc = own ? store_begin(store, STORE_FAST) : 0;

	for (size_t i = 0; i < NMEMBERS && !rc; i++)
		rc = put_member(store, &members[i], (const char *)state + members[i].offset);
	if (own)
		return store_end(store, rc);
	return rc;
}
