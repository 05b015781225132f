/* SPDX-License-Identifier: MIT */
/*
 * networks.c - which networks the live blocks are in
 *
 * Keys lie in the order of addresses, so that the blocks of a network follow each other: all are
 * counted in one pass, with nothing to sort and in memory that does not grow with them.
 */
#include "store/store_private.h"
#include <string.h>
#include <sys/param.h>

#define IPV4_BITS 24
#define IPV6_BITS 48

struct tally {
	struct block_network *top; /* those with the most blocks, most first */
	size_t count, max;
	struct block_network current;
	int64_t all;
};

static struct prefix network_of(const struct addr *key)
{
	struct prefix network = { .addr = *key, .bits = IPV6_BITS };

	if (addr_is_v4(key))
		network.bits = 96 + IPV4_BITS;
	network.addr = addr_cut(key, network.bits);
	return network;
}

/* The network is complete; of two with as many blocks, the lower one came first and stays first. */
static void tally_close(struct tally *tally)
{
	size_t at = tally->count;

	if (!tally->current.blocks)
		return;
	while (at && tally->top[at - 1].blocks < tally->current.blocks)
		at--;
	if (at == tally->max)
		return;
	tally->count = MIN(tally->count + 1, tally->max);
	memmove(&tally->top[at + 1], &tally->top[at],
		(tally->count - at - 1) * sizeof(*tally->top));
	tally->top[at] = tally->current;
}

static bool key_read(sqlite3_stmt *row, void *element)
{
	struct tally *tally = element;
	struct addr key;

	if (!sql_key(row, 0, &key))
		return false;
	if (!tally->current.blocks || !prefix_has(&tally->current.network, &key)) {
		tally_close(tally);
		tally->current = (struct block_network){ .network = network_of(&key) };
	}
	tally->current.blocks++;
	tally->all++;
	return false;
}

int store_networks(struct store *store, struct block_network *ret, size_t max, int64_t *ret_all)
{
	struct tally tally = { .top = ret, .max = max };
	int64_t now = store_now(store);
	int rc = sql_each(store, key_read, &tally,
			  "SELECT key FROM block WHERE +first_at > 0 AND " IS_LIVE(
				  "?1", "?2") " ORDER BY key",
			  SQL_INT(now), SQL_INT(now + BELIEVED_S));

	if (rc < 0)
		return rc;
	tally_close(&tally);
	*ret_all = tally.all;
	return (int)tally.count;
}
