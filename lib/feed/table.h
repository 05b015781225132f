/* SPDX-License-Identifier: MIT */
/*
 * table.h - the compiled file: all feeds, sorted, mapped, searched by bisection
 *
 * One file, made by the worker next to the database and renamed into place, so that a reader has
 * always a whole one. It also keeps what host names and SPF records of [allow] resolved to. Entries
 * are sorted by length, then by network; a search bisects once for each length that occurs. The
 * file may be damaged or foreign: no read leaves the mapping, and nothing else is trusted. Entries
 * of IPv4 and IPv6 never hold an address of the other family.
 */
#pragma once
#include "base/addr.h"
#include "base/err.h"
#include "conf/conf.h"

#define FEED_PATH_MAX	 (CONF_TEXT_MAX + 16)
#define FEED_LISTS_MAX	 1000
#define FEED_NAME_MAX	 256	 /* of a feed, host or domain, terminated */
#define FEED_ENTRIES_MAX 4000000 /* of one list */

enum feed_kind { FEED_LIST, FEED_HOST, FEED_SPF };
struct feed_list {
	enum feed_kind kind;
	char name[FEED_NAME_MAX];
	uint64_t identity; /* of URL or file and format: entries of another are not this feed's */
	int64_t good_at;   /* last accepted download, also if unchanged */
	int64_t made_at;   /* what the feed says of itself; 0: nothing */
	uint64_t entries;  /* in the file */
	uint64_t fresh;	   /* of the last download alone */
};
struct feed_hit {
	size_t list; /* row */
	int number, bits;
	int64_t seen_at; /* the last download that had it */
};

/* Changes when the feed's URL, file or format does; of a host name or domain of [allow]. */
uint64_t feed_identity(const struct conf_source *source);
uint64_t feed_name_identity(const char *name);

/* "STATE-feeds". */
char *feed_table_path(const char *state, char dst[FEED_PATH_MAX]);

struct feed_table;
/*
 * Maps the file. 0 with *ret NULL: there is none. It must be a regular file of this process's user,
 * or of root. Errors: _STORE: not one of ours, or cut off; _PERM; _CREATE: cannot be opened; _IO;
 * _NOMEM.
 */
int feed_table_open(const char *path, struct feed_table **ret, struct err *error);
struct feed_table *feed_table_close(struct feed_table *table);
size_t feed_table_lists(const struct feed_table *table); /* 0 for NULL */
void feed_table_list(const struct feed_table *table, size_t row, struct feed_list *ret);
/* The row of the list with this kind, name and identity (0: any); -1: none. NULL: none. */
int feed_table_row(const struct feed_table *table, enum feed_kind kind, const char *name,
		   uint64_t identity);
/* The entries that hold the address, one for each list, its longest; returns their number. Each is
 * for a list that feed_table_list() knows. NULL: none. */
size_t feed_table_find(const struct feed_table *table, const struct addr *addr,
		       struct feed_hit *ret, size_t max);
/* True if an entry of the list lies within the prefix, or holds it. */
bool feed_table_meets(const struct feed_table *table, size_t row, const struct prefix *prefix);
/* The networks of the list, as far as there is room for, shortest first; returns their number. It
 * reads all entries of the file: not for hooks. */
size_t feed_table_networks(const struct feed_table *table, size_t row, struct prefix *ret,
			   size_t max);

/* ---- making one ---- */

/* What a download has, in any order; duplicates are removed. */
struct feed_entries;
struct feed_entries *feed_entries_new(void);
/* False: no memory, or FEED_ENTRIES_MAX reached. */
bool feed_entries_add(struct feed_entries *entries, const struct prefix *net, int number);
size_t feed_entries_count(const struct feed_entries *entries);
/* Sorted, each network once (the greatest number stays). */
void feed_entries_sort(struct feed_entries *entries);
/* Sorted ones: how many addresses of IPv4 they cover, each once. */
uint64_t feed_entries_cover_v4(const struct feed_entries *entries);
/* Of IPv6, in networks of 32 bits; longer ones count as a part of one. */
uint64_t feed_entries_cover_v6(const struct feed_entries *entries);
/* The i-th of sorted ones. */
void feed_entries_at(const struct feed_entries *entries, size_t i, struct prefix *ret_net,
		     int *ret_number);
struct feed_entries *feed_entries_free(struct feed_entries *entries);

struct feed_change {
	struct feed_list list; /* without entries and fresh; its good_at is when the entries came */
	/* Sorted. NULL: the download has not changed, this list stays as it is, also its made_at if
	 * none is given; one that is not in the old file is not added. */
	const struct feed_entries *entries;
	/* Entries that a download lacks stay in the list until they are older. What came with
	 * another identity goes. */
	int64_t keep_s;
};
/*
 * Writes the file again: the lists of old (may be NULL) that are among wanted[], with one changed
 * or added (change may be NULL: only lists that are no longer wanted go). Written to PATH.new,
 * which a writer that was killed may have left, mode 0600, synced, renamed. now: Unix seconds.
 * Memory: the entries of the change, and little else. Errors: _IO, _CREATE, _NOMEM: the old file
 * stays. One writer at a time; old stays valid.
 */
int feed_table_write(const char *path, const struct feed_table *old, const struct feed_list *wanted,
		     size_t nwanted, const struct feed_change *change, int64_t now,
		     struct err *error);
