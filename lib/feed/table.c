/* SPDX-License-Identifier: MIT */
/*
 * table.c - opens and searches the compiled file; see table.h
 *
 * It is checked as far as its header and its lists go, which is what a hook can afford. Entries
 * that are not sorted, or that name a list that is not there, are found or not: bisection ends in
 * any case, and each index is compared with its limit.
 */
#include "feed/table_private.h"
#include "base/statedir.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

char *feed_table_path(const char *state, char dst[FEED_PATH_MAX])
{
	snprintf(dst, FEED_PATH_MAX, "%s-feeds", state);
	return dst;
}

/* ---- opening ---- */

static bool is_list(const struct table_list *list)
{
	const char *end = memchr(list->name, '\0', sizeof(list->name));

	if (!end || end == list->name || list->kind > FEED_SPF)
		return false;
	for (const char *at = list->name; at < end; at++)
		if (*at <= ' ' || *at > '~')
			return false;
	return true;
}

/* Each length has its part of the entries. */
static bool has_parts(const struct table_header *header)
{
	for (size_t i = 0; i < TABLE_LENGTHS; i++)
		if (header->begin[i] > header->begin[i + 1])
			return false;
	return !header->begin[0] && header->begin[TABLE_LENGTHS] == header->nentries;
}

/* What is wrong with the mapping of table->size bytes; NULL: nothing. Fills in the rest. */
static const char *check_mapping(struct feed_table *table)
{
	const struct table_header *header = table->header;
	size_t rest;

	if (memcmp(header->magic, TABLE_MAGIC, sizeof(header->magic)) != 0 ||
	    header->order != TABLE_ORDER)
		return "not a compiled file of this version";
	if (header->size != table->size)
		return "it was cut off";
	rest = table->size - sizeof(*header);
	if (header->nlists > FEED_LISTS_MAX || header->nlists > rest / sizeof(struct table_list))
		return "its number of lists is wrong";
	rest -= header->nlists * sizeof(struct table_list);
	if (rest % sizeof(struct table_entry) ||
	    header->nentries != rest / sizeof(struct table_entry))
		return "its number of entries is wrong";
	if (!has_parts(header))
		return "its numbers of entries are wrong";
	table->nlists = header->nlists;
	table->nentries = (size_t)header->nentries;
	table->lists = (const void *)(header + 1);
	table->entries = (const void *)(table->lists + table->nlists);
	for (size_t i = 0; i < table->nlists; i++)
		if (!is_list(&table->lists[i]))
			return "one of its lists is damaged";
	return NULL;
}

static int table_damaged(const char *path, const char *what, struct err *error)
{
	return err_set(error, IPREP_E_STORE, "%s: %s; the next download makes it again", path,
		       what);
}

static int map_file(int fd, const char *path, struct feed_table *table, struct err *error)
{
	const char *what;
	struct stat st;
	void *mapping;

	if (fstat(fd, &st))
		return err_set(error, IPREP_E_IO, "%s: %s", path, strerror(errno));
	if (st.st_size < (off_t)sizeof(struct table_header) || (uint64_t)st.st_size > SIZE_MAX / 2)
		return table_damaged(path, "not a compiled file, or cut off", error);
	mapping = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (mapping == MAP_FAILED)
		return err_set(error, errno == ENOMEM ? IPREP_E_NOMEM : IPREP_E_IO, "%s: %s", path,
			       strerror(errno));
	table->header = mapping;
	table->size = (size_t)st.st_size;
	what = check_mapping(table);
	if (what)
		return table_damaged(path, what, error);
	return 0;
}

int feed_table_open(const char *path, struct feed_table **ret, struct err *error)
{
	int rc = statefile_check_shared(path, error), fd;
	struct feed_table *table;

	if (rc < 0)
		return rc;
	if (!rc) {
		*ret = NULL;
		return 0;
	}
	table = calloc(1, sizeof(*table));
	if (!table)
		return err_set(error, IPREP_E_NOMEM, "%s: out of memory", path);
	fd = statefile_open_shared(path, error);
	rc = fd;
	if (fd >= 0) {
		rc = map_file(fd, path, table, error);
		close(fd);
	}
	if (rc) {
		feed_table_close(table);
		return rc;
	}
	*ret = table;
	return 0;
}

struct feed_table *feed_table_close(struct feed_table *table)
{
	if (table && table->header)
		munmap((void *)(uintptr_t)table->header, table->size);
	free(table);
	return NULL;
}

/* ---- lists ---- */

size_t feed_table_lists(const struct feed_table *table)
{
	if (!table)
		return 0;
	return table->nlists;
}

void feed_table_list(const struct feed_table *table, size_t row, struct feed_list *ret)
{
	const struct table_list *list = &table->lists[row];

	*ret = (struct feed_list){ .kind = (enum feed_kind)list->kind,
				   .identity = list->identity,
				   .good_at = list->good_at,
				   .made_at = list->made_at,
				   .entries = list->entries,
				   .fresh = list->fresh };
	snprintf(ret->name, sizeof(ret->name), "%s", list->name);
}

int feed_table_row(const struct feed_table *table, enum feed_kind kind, const char *name,
		   uint64_t identity)
{
	for (size_t i = 0; i < feed_table_lists(table); i++) {
		const struct table_list *list = &table->lists[i];

		if (list->kind == kind && (!identity || list->identity == identity) &&
		    !strcmp(list->name, name))
			return (int)i;
	}
	return -1;
}

/* ---- searching ---- */

/* Lengths below this one are of the other family. */
static int shortest_length(const struct addr *addr)
{
	if (addr_is_v4(addr))
		return 96;
	return 0;
}

static bool has_length(const struct feed_table *table, int bits)
{
	return table->header->begin[bits] < table->header->begin[bits + 1];
}

struct part {
	size_t begin, end;
};

/* The entries of the length that are not before the network. */
static struct part find_part(const struct feed_table *table, int bits, const struct addr *addr)
{
	size_t low = table->header->begin[bits], high = table->header->begin[bits + 1];
	struct part part = { .end = high };

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (memcmp(table->entries[middle].addr, addr->bytes, sizeof(addr->bytes)) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	part.begin = low;
	return part;
}

static bool is_within(const struct table_entry *entry, const struct prefix *prefix)
{
	struct addr addr;

	memcpy(addr.bytes, entry->addr, sizeof(addr.bytes));
	return prefix_has(prefix, &addr);
}

static bool has_hit(const struct feed_hit *hits, size_t count, size_t list)
{
	for (size_t i = 0; i < count; i++)
		if (hits[i].list == list)
			return true;
	return false;
}

size_t feed_table_find(const struct feed_table *table, const struct addr *addr,
		       struct feed_hit *ret, size_t max)
{
	struct prefix net = { *addr, 128 };
	size_t count = 0;

	for (; table && net.bits >= shortest_length(addr); net.bits--) {
		struct part part;

		if (!has_length(table, net.bits))
			continue;
		net.addr = addr_cut(&net.addr, net.bits);
		part = find_part(table, net.bits, &net.addr);
		for (size_t i = part.begin; i < part.end && count < max; i++) {
			const struct table_entry *entry = &table->entries[i];

			if (!is_within(entry, &net))
				break;
			if (entry->list >= table->nlists || has_hit(ret, count, entry->list))
				continue;
			ret[count++] = (struct feed_hit){ .list = entry->list,
							  .number = entry->number,
							  .bits = net.bits,
							  .seen_at = entry->seen_at };
		}
	}
	return count;
}

bool feed_table_meets(const struct feed_table *table, size_t row, const struct prefix *prefix)
{
	for (int bits = shortest_length(&prefix->addr); table && bits <= 128; bits++) {
		struct prefix net = *prefix;
		struct part part;

		if (!has_length(table, bits))
			continue;
		if (bits < net.bits)
			net.bits = bits;
		net.addr = addr_cut(&net.addr, net.bits);
		part = find_part(table, bits, &net.addr);
		for (size_t i = part.begin; i < part.end; i++) {
			if (!is_within(&table->entries[i], &net))
				break;
			if (table->entries[i].list == row)
				return true;
		}
	}
	return false;
}

size_t feed_table_networks(const struct feed_table *table, size_t row, struct prefix *ret,
			   size_t max)
{
	size_t count = 0;

	for (size_t i = 0; table && i < table->nentries; i++) {
		const struct table_entry *entry = &table->entries[i];

		if (entry->list != row || entry->bits > 128)
			continue;
		if (count < max) {
			ret[count].bits = entry->bits;
			memcpy(ret[count].addr.bytes, entry->addr, sizeof(entry->addr));
		}
		count++;
	}
	return count;
}
