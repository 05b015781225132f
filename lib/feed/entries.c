/* SPDX-License-Identifier: MIT */
/* entries.c - what a download has: see table.h */
#include "feed/table_private.h"
#include <stdlib.h>
#include <string.h>

#define ROOM_FIRST 1024

struct feed_entries *feed_entries_new(void)
{
	return calloc(1, sizeof(struct feed_entries));
}

struct feed_entries *feed_entries_free(struct feed_entries *entries)
{
	if (entries)
		free(entries->rows);
	free(entries);
	return NULL;
}

static bool make_room(struct feed_entries *entries)
{
	size_t room = entries->room ? 2 * entries->room : ROOM_FIRST;
	struct feed_entry *rows;

	if (entries->count < entries->room)
		return true;
	rows = realloc(entries->rows, room * sizeof(*rows));
	if (!rows)
		return false;
	entries->rows = rows;
	entries->room = room;
	return true;
}

bool feed_entries_add(struct feed_entries *entries, const struct prefix *net, int number)
{
	struct feed_entry *row;

	if (entries->count >= FEED_ENTRIES_MAX || !make_room(entries))
		return false;
	row = &entries->rows[entries->count++];
	row->bits = (uint8_t)net->bits;
	memcpy(row->addr, net->addr.bytes, sizeof(row->addr));
	row->number = (uint8_t)number;
	return true;
}

size_t feed_entries_count(const struct feed_entries *entries)
{
	return entries->count;
}

/* By length, network, then the greatest number. */
static int order_of_entries(const void *left, const void *right)
{
	const struct feed_entry *one = left, *other = right;
	int order = memcmp(one, other, TABLE_KEY);

	if (order)
		return order;
	return (int)other->number - (int)one->number;
}

void feed_entries_sort(struct feed_entries *entries)
{
	struct feed_entry *rows = entries->rows;
	size_t count = 0;

	if (!entries->count)
		return;
	qsort(rows, entries->count, sizeof(*rows), order_of_entries);
	for (size_t i = 1; i < entries->count; i++)
		if (memcmp(&rows[count], &rows[i], TABLE_KEY) != 0)
			rows[++count] = rows[i];
	entries->count = count + 1;
}

void feed_entries_at(const struct feed_entries *entries, size_t i, struct prefix *ret_net,
		     int *ret_number)
{
	const struct feed_entry *row = &entries->rows[i];

	ret_net->bits = row->bits;
	memcpy(ret_net->addr.bytes, row->addr, sizeof(row->addr));
	*ret_number = row->number;
}

/* ---- how much of IPv4 ---- */

#define LENGTHS 33 /* /0 to /32 */

struct range {
	uint64_t first, end;
};

static bool is_v4(const struct feed_entry *row)
{
	struct addr addr;

	memcpy(addr.bytes, row->addr, sizeof(addr.bytes));
	return row->bits >= 96 && addr_is_v4(&addr);
}

static struct range range_of(const struct feed_entry *row)
{
	uint64_t first = 0;

	for (size_t i = 12; i < 16; i++)
		first = first << 8 | row->addr[i];
	return (struct range){ first, first + ((uint64_t)1 << (128 - row->bits)) };
}

/* Of each length, its first entry of IPv4, and the one behind its last: they are neighbours. */
static void find_lengths(const struct feed_entries *entries, size_t first[LENGTHS],
			 size_t end[LENGTHS])
{
	memset(first, 0, LENGTHS * sizeof(first[0]));
	memset(end, 0, LENGTHS * sizeof(end[0]));
	for (size_t i = 0; i < entries->count; i++) {
		size_t length;

		if (!is_v4(&entries->rows[i]))
			continue;
		length = entries->rows[i].bits - 96u;
		if (!end[length])
			first[length] = i;
		end[length] = i + 1;
	}
}

/* Merges the lengths, each of which is sorted, by first address; an overlap counts once. */
uint64_t feed_entries_cover_v4(const struct feed_entries *entries)
{
	size_t next[LENGTHS], end[LENGTHS];
	uint64_t sum = 0, covered = 0; /* covered: all addresses before it are counted */

	find_lengths(entries, next, end);
	for (;;) {
		struct range range, found = { 0 };
		size_t best = LENGTHS;

		for (size_t i = 0; i < LENGTHS; i++) {
			if (next[i] == end[i])
				continue;
			range = range_of(&entries->rows[next[i]]);
			if (best < LENGTHS && range.first >= found.first)
				continue;
			best = i;
			found = range;
		}
		if (best == LENGTHS)
			return sum;
		next[best]++;
		if (found.first < covered)
			found.first = covered;
		if (found.end <= found.first)
			continue;
		sum += found.end - found.first;
		covered = found.end;
	}
}

/* Networks that lie in others count again: a list that has many such is not taken for narrow. */
uint64_t feed_entries_cover_v6(const struct feed_entries *entries)
{
	uint64_t whole = 0, addresses_64 = 0; /* of longer ones, in /64 */

	for (size_t i = 0; i < feed_entries_count(entries); i++) {
		struct prefix net;
		int number;

		feed_entries_at(entries, i, &net, &number);
		if (addr_is_v4(&net.addr))
			continue;
		if (net.bits <= 32)
			whole += (uint64_t)1 << (32 - net.bits);
		else if (net.bits <= 64)
			addresses_64 += (uint64_t)1 << (64 - net.bits);
	}
	return whole + (addresses_64 >> 32);
}
