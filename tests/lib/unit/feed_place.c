/* SPDX-License-Identifier: MIT */
#include "feed_place.h"

struct feed_table *table;
const char *path;

int feed_place_set_up(void **state)
{
	assert_ok(place_set_up(state));
	path = place_path("feeds");
	table = NULL;
	return 0;
}

int feed_place_tear_down(void **state)
{
	table = feed_table_close(table);
	return place_tear_down(state);
}

struct prefix prefix_of(const char *text)
{
	struct prefix prefix;

	assert_true(prefix_parse(text, &prefix));
	return prefix;
}

struct feed_entries *entries_of(const char *text)
{
	struct feed_entries *entries = feed_entries_new();
	char copy[1000], *rest = copy, *word;

	assert_non_null(entries);
	snprintf(copy, sizeof(copy), "%s", text);
	while ((word = strsep(&rest, " "))) {
		char *number = strchr(word, '=');
		struct prefix net;

		if (!*word)
			continue;
		if (number)
			*number++ = '\0';
		net = prefix_of(word);
		assert_true(feed_entries_add(entries, &net, number ? atoi(number) : 1));
	}
	feed_entries_sort(entries);
	return entries;
}

void reopen(void)
{
	table = feed_table_close(table);
	assert_ok(feed_table_open(path, &table, &place.error));
}

struct feed_list list_of(enum feed_kind kind, const char *name, int64_t good_at)
{
	struct feed_list list = { .kind = kind, .identity = FIRST, .good_at = good_at };

	snprintf(list.name, sizeof(list.name), "%s", name);
	return list;
}

int write_list(const struct feed_list *list, const char *entries, int64_t keep_s)
{
	struct feed_list wanted[10];
	struct feed_change change = { .list = *list, .keep_s = keep_s };
	struct feed_entries *all = entries ? entries_of(entries) : NULL;
	size_t count = feed_table_lists(table);
	int rc;

	assert_true(count <= COUNT(wanted));
	for (size_t i = 0; i < count; i++)
		feed_table_list(table, i, &wanted[i]);
	change.entries = all;
	rc = feed_table_write(path, table, wanted, count, &change, list->good_at, &place.error);
	feed_entries_free(all);
	return rc;
}

void put_list(const char *name, const char *entries)
{
	struct feed_list list = list_of(FEED_LIST, name, place.now);

	assert_ok(write_list(&list, entries, 0));
	reopen();
}

int row_of(const char *name)
{
	return feed_table_row(table, FEED_LIST, name, 0);
}

struct feed_list read_list(const char *name)
{
	struct feed_list list;

	assert_true(row_of(name) >= 0);
	feed_table_list(table, (size_t)row_of(name), &list);
	return list;
}

void assert_hits(const char *address, const char *expected)
{
	struct addr addr = addr_of(address);
	struct feed_hit hits[10];
	size_t count = feed_table_find(table, &addr, hits, COUNT(hits));
	char found[500] = "";

	for (size_t i = 0; i < count; i++) {
		size_t len = strlen(found);
		struct feed_list list;

		feed_table_list(table, hits[i].list, &list);
		snprintf(found + len, sizeof(found) - len, "%s%s/%d", len ? " " : "", list.name,
			 addr_is_v4(&addr) ? hits[i].bits - 96 : hits[i].bits);
		len = strlen(found);
		if (hits[i].number != 1)
			snprintf(found + len, sizeof(found) - len, "=%d", hits[i].number);
	}
	assert_string_equal(found, expected);
}

int64_t seen_at(const char *address)
{
	struct addr addr = addr_of(address);
	struct feed_hit hit;

	if (!feed_table_find(table, &addr, &hit, 1))
		return 0;
	return hit.seen_at;
}
