/* SPDX-License-Identifier: MIT */
/* key_set.c - open addressing; the hash has a key, for attackers choose their addresses */
#include "store/key_set.h"
#include "base/random.h"
#include "base/siphash.h"
#include "store/store_private.h"
#include <stdlib.h>
#include <string.h>

#define KEYS_MAX   65536	  /* more are not worth their memory */
#define SLOTS	   (2 * KEYS_MAX) /* a power of 2 */
#define ROWS_MAX   (4 * KEYS_MAX) /* several sources have a finding of each */
#define READ_AFTER 10000	  /* unknown keys: asking the file for them took as long */

struct key_set {
	uint8_t hash_key[16];
	size_t count, unknown; /* unknown: keys since the set was valid */
	bool is_read, is_too_large;
	bool is_checked;	  /* in this snapshot */
	int64_t version;	  /* of the file, when it was read */
	int changes;		  /* of this process; what was added is included */
	struct addr slots[SLOTS]; /* all zero: free; such a key is never looked for */
};

static struct key_set *key_set_new(void)
{
	struct key_set *set = calloc(1, sizeof(*set));

	for (size_t i = 0; set && i < sizeof(set->hash_key); i++)
		set->hash_key[i] = (uint8_t)random_below(256);
	return set;
}

struct key_set *key_set_free(struct key_set *set)
{
	free(set);
	return NULL;
}

static bool is_zero(const struct addr *key)
{
	return addr_equal(key, &(struct addr){ 0 });
}

/* Where it is, or the free slot for it: half of them are free. */
static struct addr *slot_of_key(struct key_set *set, const struct addr *key)
{
	uint64_t at = siphash24(set->hash_key, key->bytes, sizeof(key->bytes));

	while (!is_zero(&set->slots[at % SLOTS]) && !addr_equal(&set->slots[at % SLOTS], key))
		at++;
	return &set->slots[at % SLOTS];
}

static void add_key(struct key_set *set, const struct addr *key)
{
	struct addr *slot;

	if (is_zero(key) || set->is_too_large)
		return;
	slot = slot_of_key(set, key);
	if (!is_zero(slot))
		return;
	if (set->count == KEYS_MAX) {
		set->is_too_large = true;
		return;
	}
	*slot = *key;
	set->count++;
}

static bool read_key(sqlite3_stmt *row, void *element)
{
	struct key_set *set = element;
	struct addr key;

	if (sql_key(row, 0, &key))
		add_key(set, &key);
	return true;
}

static int read_version(struct store *store, int64_t *ret)
{
	return sql_number(store, ret, "PRAGMA data_version", SQL_NONE);
}

/* A set that could not be read is tried again after as many keys. */
static void read_keys(struct store *store, struct key_set *set)
{
	int count = -1;

	set->unknown = set->count = 0;
	memset(set->slots, 0, sizeof(set->slots));
	set->changes = sqlite3_total_changes(store->db);
	if (!read_version(store, &set->version))
		count = sql_each(store, read_key, set,
				 "SELECT * FROM (SELECT key FROM block UNION ALL"
				 " SELECT key FROM pardon UNION ALL SELECT key FROM good"
				 " UNION ALL SELECT key FROM finding) LIMIT ?1",
				 SQL_INT(ROWS_MAX));
	set->is_too_large |= count >= ROWS_MAX;
	set->is_read = set->is_checked = count >= 0;
}

/* Others may have written between two snapshots, this process at any time. */
static bool is_valid(struct store *store, struct key_set *set)
{
	int64_t version;

	if (!set->is_read || set->is_too_large || set->changes != sqlite3_total_changes(store->db))
		return false;
	if (!set->is_checked)
		set->is_read = !read_version(store, &version) && version == set->version;
	set->is_checked = true;
	return set->is_read;
}

bool key_set_may_have(struct store *store, const struct addr *key)
{
	struct key_set *set = store->keys;

	if (!set || !store->in_snapshot || is_zero(key) || !is_valid(store, set))
		return true;
	return !is_zero(slot_of_key(set, key));
}

void key_set_note_unknown(struct store *store)
{
	if (!store->in_snapshot)
		return;
	if (!store->keys)
		store->keys = key_set_new();
	if (store->keys && !store->keys->is_too_large && ++store->keys->unknown >= READ_AFTER)
		read_keys(store, store->keys);
}

void key_set_new_snapshot(struct store *store)
{
	if (store->keys)
		store->keys->is_checked = false;
}

int key_set_before_write(const struct store *store)
{
	return sqlite3_total_changes(store->db);
}

void key_set_written(struct store *store, const struct addr *key, int before)
{
	struct key_set *set = store->keys;

	if (!set || set->changes != before)
		return;
	add_key(set, key);
	set->changes = sqlite3_total_changes(store->db);
}
