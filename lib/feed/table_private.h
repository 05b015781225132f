/* SPDX-License-Identifier: MIT */
/*
 * table_private.h - the layout of the compiled file, which table.c reads and table_write.c writes
 *
 * A header, then the lists, then the entries. Numbers are those of the machine: the file is a cache
 * and never leaves it. An entry begins with its key: length and network, in the order of memcmp().
 */
#pragma once
#include "feed/table.h"

#define TABLE_MAGIC   "iprepfd1"
#define TABLE_ORDER   0x01020304u
#define TABLE_LENGTHS 129 /* 0..128 */
#define TABLE_KEY     17  /* bytes */

struct table_header {
	char magic[8];
	uint32_t order; /* of the bytes of a number */
	uint32_t nlists;
	uint64_t size; /* of the file */
	uint64_t nentries;
	/* Entries of length i are those from begin[i]; those before begin[i + 1] are its last. */
	uint32_t begin[TABLE_LENGTHS + 1];
};
struct table_list {
	char name[FEED_NAME_MAX];
	uint64_t identity;
	int64_t good_at, made_at;
	uint64_t entries, fresh;
	uint32_t kind, unused;
};
struct table_entry {
	uint8_t bits, addr[16];
	uint8_t number;
	uint16_t list;
	uint32_t seen_at;
};
_Static_assert(sizeof(struct table_header) == 552, "no padding");
_Static_assert(sizeof(struct table_list) == FEED_NAME_MAX + 48, "no padding");
_Static_assert(sizeof(struct table_entry) == 24, "no padding");

struct feed_table {
	const struct table_header *header; /* the mapping */
	const struct table_list *lists;
	const struct table_entry *entries;
	size_t nlists, nentries, size;
};

/* What a download has, 18 bytes each. */
struct feed_entry {
	uint8_t bits, addr[16];
	uint8_t number;
};
struct feed_entries {
	struct feed_entry *rows;
	size_t count, room;
};
