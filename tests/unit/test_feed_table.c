/* SPDX-License-Identifier: MIT */
/* test_feed_table.c - the compiled file: what is found, kept, refused, and written whole */
#include "feed/table_private.h"
#include "place.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define DAY	 86400
#define FIRST	 0x11 /* identity of lists, unless a test has another */
#define FILE_MAX 100000

/* ---- the n-th allocation or system call fails ---- */

static int fails_at; /* counts down while over 0 */
static int failure;  /* errno of the one that fails */

static bool fails_now(void)
{
	if (fails_at <= 0 || --fails_at)
		return false;
	errno = failure;
	return true;
}

#define WRAP(type, error, name, declared, given)            \
	type __real_##name declared;                        \
	type __wrap_##name declared;                        \
	type __wrap_##name declared                         \
	{                                                   \
		if (failure == FAILS_##name && fails_now()) \
			return error;                       \
		return __real_##name given;                 \
	}
#define FAILS_malloc  ENOMEM
#define FAILS_calloc  ENOMEM
#define FAILS_realloc ENOMEM
#define FAILS_write   ENOSPC
#define FAILS_lseek   ENOSPC
#define FAILS_close   ENOSPC
#define FAILS_rename  ENOSPC

WRAP(void *, NULL, malloc, (size_t size), (size))
WRAP(void *, NULL, calloc, (size_t count, size_t size), (count, size))
WRAP(void *, NULL, realloc, (void *old, size_t size), (old, size))
WRAP(ssize_t, -1, write, (int fd, const void *bytes, size_t len), (fd, bytes, len))
WRAP(off_t, -1, lseek, (int fd, off_t offset, int whence), (fd, offset, whence))
WRAP(int, -1, rename, (const char *from, const char *to), (from, to))

int __wrap_fsync(int fd);

/* Not the real one: some tests write a thousand files. */
int __wrap_fsync(int fd)
{
	assert_true(fd >= 0);
	return failure == ENOSPC && fails_now() ? -1 : 0;
}

int __real_close(int fd);
int __wrap_close(int fd);

/* As the kernel does: the descriptor is closed in any case. */
int __wrap_close(int fd)
{
	int rc = __real_close(fd);

	return failure == ENOSPC && fails_now() ? -1 : rc;
}

/* ---- a table of the test's own ---- */

static struct feed_table *table;
static const char *path;

static int set_up(void **state)
{
	assert_ok(place_set_up(state));
	path = place_path("feeds");
	table = NULL;
	fails_at = failure = 0;
	return 0;
}

static int tear_down(void **state)
{
	fails_at = 0;
	table = feed_table_close(table);
	return place_tear_down(state);
}

FIXTURE(set_up, tear_down);

static struct prefix prefix_of(const char *text)
{
	struct prefix prefix;

	assert_true(prefix_parse(text, &prefix));
	return prefix;
}

/* "45.1.1.1 45.2.0.0/16=3", sorted. */
static struct feed_entries *entries_of(const char *text)
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

static void reopen(void)
{
	table = feed_table_close(table);
	assert_ok(feed_table_open(path, &table, &place.error));
}

static struct feed_list list_of(enum feed_kind kind, const char *name, int64_t good_at)
{
	struct feed_list list = { .kind = kind, .identity = FIRST, .good_at = good_at };

	snprintf(list.name, sizeof(list.name), "%s", name);
	return list;
}

/* All lists stay. entries NULL: unchanged. */
static int write_list(const struct feed_list *list, const char *entries, int64_t keep_s)
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

/* The list has these entries alone, downloaded now. */
static void put_list(const char *name, const char *entries)
{
	struct feed_list list = list_of(FEED_LIST, name, place.now);

	assert_ok(write_list(&list, entries, 0));
	reopen();
}

static int row_of(const char *name)
{
	return feed_table_row(table, FEED_LIST, name, 0);
}

static struct feed_list read_list(const char *name)
{
	struct feed_list list;

	assert_true(row_of(name) >= 0);
	feed_table_list(table, (size_t)row_of(name), &list);
	return list;
}

/* "zen/24=3 other/32": lists by name, each with the length of its entry. */
static void assert_hits(const char *address, const char *expected)
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

static int64_t seen_at(const char *address)
{
	struct addr addr = addr_of(address);
	struct feed_hit hit;

	if (!feed_table_find(table, &addr, &hit, 1))
		return 0;
	return hit.seen_at;
}

/* ---- searching ---- */

TEST(without_a_file_nothing_is_found)
{
	struct addr addr = addr_of("45.1.1.1");
	struct prefix net = prefix_of("45.1.1.0/24");
	struct feed_hit hit;

	assert_ok(feed_table_open(path, &table, &place.error));
	assert_null(table);
	assert_int_equal(feed_table_lists(table), 0);
	assert_int_equal(feed_table_row(table, FEED_LIST, "x", 0), -1);
	assert_int_equal(feed_table_find(table, &addr, &hit, 1), 0);
	assert_false(feed_table_meets(table, 0, &net));
	assert_null(feed_table_close(table));
}

ROWS(an_address_is_found_in_each_list_once_in_its_longest_entry)
{
	put_list("a", row_text(row, "a"));
	put_list("b", row_text(row, "b"));
	assert_hits(row_text(row, "address"), row_has(row, "hits") ? row_text(row, "hits") : "");
}

ROWS(a_prefix_meets_what_it_holds_and_what_holds_it)
{
	struct prefix net = prefix_of(row_text(row, "prefix"));

	put_list("other", "45.0.0.0/8 45.1.1.1 2a02::/16 2a02:1::1");
	put_list("a", row_text(row, "entries"));
	assert_int_equal(feed_table_meets(table, (size_t)row_of("a"), &net), row_yes(row, "meets"));
}

TEST(no_more_hits_are_returned_than_there_is_room_for)
{
	struct addr addr = addr_of("45.1.1.1");
	struct feed_hit hits[3];

	put_list("a", "45.1.1.0/24");
	put_list("b", "45.1.1.1");
	put_list("c", "45.0.0.0/8");
	assert_int_equal(feed_table_find(table, &addr, hits, 3), 3);
	assert_int_equal(feed_table_find(table, &addr, hits, 2), 2);
	assert_int_equal(hits[0].bits, 128);
	assert_int_equal(hits[1].bits, 120);
	assert_int_equal(feed_table_find(table, &addr, hits, 0), 0);
}

/* xorshift64: the same numbers in each run. */
static uint32_t next_random(uint64_t *state, uint32_t limit)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return (uint32_t)(*state >> 33) % limit;
}

/* In a corner of both families that is so small that prefixes often hold each other. */
static struct addr random_addr(uint64_t *state)
{
	struct addr addr = addr_of(next_random(state, 3) ? "45.1.0.0" : "2a02::");

	for (size_t i = 14; i < 16; i++)
		addr.bytes[i] = (uint8_t)next_random(state, 256);
	return addr;
}

#define LISTS 5
#define EACH  600
struct known {
	struct prefix net;
	int number;
};

static void assert_same_as_scan(struct known all[LISTS][EACH], const struct addr *addr)
{
	struct feed_hit hits[LISTS];
	size_t count = feed_table_find(table, addr, hits, LISTS), expected = 0;

	for (size_t list = 0; list < LISTS; list++) {
		char name[2] = { (char)('a' + list), '\0' };
		struct prefix exact = { *addr, 128 };
		int best = -1, number = 0;

		for (size_t i = 0; i < EACH; i++) {
			const struct known *one = &all[list][i];

			if (!prefix_has(&one->net, addr) || one->net.bits < best)
				continue;
			if (one->net.bits > best || one->number > number)
				number = one->number;
			best = one->net.bits;
		}
		assert_int_equal(feed_table_meets(table, (size_t)row_of(name), &exact), best >= 0);
		if (best < 0)
			continue;
		expected++;
		for (size_t i = 0; i < count; i++) {
			if (hits[i].list != (size_t)row_of(name))
				continue;
			assert_int_equal(hits[i].bits, best);
			assert_int_equal(hits[i].number, number);
			best = -1;
		}
		assert_int_equal(best, -1);
	}
	assert_int_equal(count, expected);
}

TEST(a_search_finds_what_a_scan_of_all_entries_finds)
{
	static struct known all[LISTS][EACH];
	uint64_t seed = 20261123;

	for (size_t list = 0; list < LISTS; list++) {
		struct feed_entries *entries = feed_entries_new();
		char name[2] = { (char)('a' + list), '\0' };
		struct feed_change change = { .list = list_of(FEED_LIST, name, NOW) };
		struct feed_list wanted[LISTS];

		for (size_t i = 0; i < EACH; i++) {
			struct known *one = &all[list][i];

			one->net.addr = random_addr(&seed);
			one->net.bits = 128 - (int)next_random(&seed, i % 50 ? 3 : 13);
			one->net.addr = addr_cut(&one->net.addr, one->net.bits);
			one->number = 1 + (int)next_random(&seed, 4);
			assert_true(feed_entries_add(entries, &one->net, one->number));
		}
		feed_entries_sort(entries);
		change.entries = entries;
		for (size_t i = 0; i < list; i++)
			feed_table_list(table, i, &wanted[i]);
		assert_ok(feed_table_write(path, table, wanted, list, &change, NOW, &place.error));
		feed_entries_free(entries);
		reopen();
	}
	for (int i = 0; i < 10000; i++) {
		struct addr addr = random_addr(&seed);

		assert_same_as_scan(all, &addr);
	}
}

/* ---- lists ---- */

TEST(lists_are_told_apart_by_kind_name_and_identity)
{
	struct feed_list list = list_of(FEED_LIST, "example.com", NOW), read;

	list.made_at = NOW - 60;
	assert_ok(write_list(&list, "45.1.1.1 45.1.1.2", 0));
	reopen();
	list.kind = FEED_SPF;
	list.identity = 7;
	assert_ok(write_list(&list, "45.3.3.0/24", 0));
	reopen();
	assert_int_equal(feed_table_lists(table), 2);
	assert_int_equal(feed_table_row(table, FEED_HOST, "example.com", 0), -1);
	assert_int_equal(feed_table_row(table, FEED_SPF, "example.org", 0), -1);
	assert_int_equal(feed_table_row(table, FEED_SPF, "example.com", 8), -1);
	assert_int_equal(feed_table_row(table, FEED_SPF, "example.com", 7),
			 feed_table_row(table, FEED_SPF, "example.com", 0));
	feed_table_list(table, (size_t)feed_table_row(table, FEED_LIST, "example.com", FIRST),
			&read);
	assert_string_equal(read.name, "example.com");
	assert_int_equal(read.kind, FEED_LIST);
	assert_int_equal(read.identity, FIRST);
	assert_int_equal(read.good_at, NOW);
	assert_int_equal(read.made_at, NOW - 60);
	assert_int_equal(read.entries, 2);
	assert_int_equal(read.fresh, 2);
}

TEST(a_list_that_is_no_longer_wanted_goes_and_the_others_stay)
{
	struct feed_list wanted = list_of(FEED_LIST, "b", 0);

	put_list("a", "45.1.1.1");
	put_list("b", "45.1.1.1 45.2.2.2=3");
	put_list("c", "45.0.0.0/8");
	assert_ok(feed_table_write(path, table, &wanted, 1, NULL, NOW, &place.error));
	reopen();
	assert_int_equal(feed_table_lists(table), 1);
	assert_hits("45.1.1.1", "b/32");
	assert_hits("45.2.2.2", "b/32=3");
	assert_int_equal(read_list("b").entries, 2);
	assert_int_equal(read_list("b").fresh, 2);
	wanted.identity = FIRST + 1; /* it has another URL now */
	assert_ok(feed_table_write(path, table, &wanted, 1, NULL, NOW, &place.error));
	reopen();
	assert_int_equal(feed_table_lists(table), 0);
	assert_hits("45.1.1.1", "");
}

TEST(nothing_that_came_with_another_identity_stays)
{
	struct feed_list list = list_of(FEED_LIST, "a", NOW);

	put_list("a", "45.1.1.1");
	list.identity = FIRST + 1;
	assert_ok(write_list(&list, "45.2.2.2", 30 * DAY));
	reopen();
	assert_int_equal(feed_table_lists(table), 1);
	assert_hits("45.1.1.1", "");
	assert_hits("45.2.2.2", "a/32");
}

TEST(an_unchanged_list_that_the_file_has_not_is_not_made_up)
{
	struct feed_list list = list_of(FEED_LIST, "a", NOW);

	assert_ok(write_list(&list, NULL, 0));
	reopen();
	assert_int_equal(feed_table_lists(table), 0);
	put_list("a", "45.1.1.1");
	list.identity = FIRST + 1;
	assert_ok(write_list(&list, NULL, 0));
	reopen();
	assert_int_equal(feed_table_lists(table), 0);
}

TEST(an_empty_list_is_a_list)
{
	put_list("a", "");
	assert_int_equal(feed_table_lists(table), 1);
	assert_hits("45.1.1.1", "");
}

TEST(there_are_at_most_as_many_lists_as_the_limit_says)
{
	static struct {
		struct table_header header;
		struct table_list lists[FEED_LISTS_MAX + 1];
	} file;
	static struct feed_list wanted[FEED_LISTS_MAX];
	struct feed_list more = list_of(FEED_HOST, "one.more", NOW);
	struct feed_entries *entries = entries_of("45.1.1.1");
	struct feed_change change = { .list = more, .entries = entries };

	memcpy(file.header.magic, TABLE_MAGIC, sizeof(file.header.magic));
	file.header.order = TABLE_ORDER;
	for (size_t i = 0; i <= FEED_LISTS_MAX; i++) {
		file.lists[i].kind = FEED_HOST;
		snprintf(file.lists[i].name, FEED_NAME_MAX, "h%zu.example.com", i);
		file.header.nlists = (uint32_t)i + 1;
	}
	file.header.size = sizeof(file);
	place_write("feeds", &file, sizeof(file), 0600);
	assert_int_equal(feed_table_open(path, &table, &place.error), IPREP_E_STORE);
	file.header.nlists--;
	file.header.size -= sizeof(file.lists[0]);
	place_write("feeds", &file, (size_t)file.header.size, 0600);
	reopen();
	for (size_t i = 0; i < FEED_LISTS_MAX; i++)
		feed_table_list(table, i, &wanted[i]);
	assert_int_equal(feed_table_write(path, table, wanted, FEED_LISTS_MAX, &change, NOW,
					  &place.error),
			 IPREP_E_CREATE);
	assert_has(place.error.text, "over 1000 feeds");
	assert_ok(feed_table_write(path, table, wanted + 1, FEED_LISTS_MAX - 1, &change, NOW,
				   &place.error));
	reopen();
	assert_int_equal(feed_table_lists(table), FEED_LISTS_MAX);
	assert_int_equal(feed_table_row(table, FEED_HOST, "h0.example.com", 0), -1);
	assert_true(feed_table_row(table, FEED_HOST, "h999.example.com", 0) > 0);
	feed_entries_free(entries);
}

/* ---- what stays ---- */

TEST(entries_that_a_download_lacks_stay_for_the_time_of_keep)
{
	struct feed_list list = list_of(FEED_LIST, "a", NOW);

	assert_ok(write_list(&list, "45.1.1.1=9 45.2.2.2 45.3.3.3", 3 * DAY));
	reopen();
	list.good_at = NOW + DAY;
	assert_ok(write_list(&list, "45.1.1.1=2 45.4.4.4", 3 * DAY));
	reopen();
	assert_int_equal(read_list("a").entries, 4);
	assert_int_equal(read_list("a").fresh, 2);
	assert_hits("45.1.1.1", "a/32=2"); /* the last download decides */
	assert_int_equal(seen_at("45.1.1.1"), NOW + DAY);
	assert_int_equal(seen_at("45.2.2.2"), NOW);
	list.good_at = NOW + 3 * DAY - 1;
	assert_ok(write_list(&list, "45.2.2.2", 3 * DAY));
	reopen();
	assert_int_equal(read_list("a").entries, 4);
	assert_int_equal(seen_at("45.2.2.2"), NOW + 3 * DAY - 1);
	list.good_at = NOW + 3 * DAY;
	assert_ok(write_list(&list, "45.2.2.2", 3 * DAY));
	reopen();
	assert_int_equal(seen_at("45.3.3.3"), 0);
	assert_int_equal(seen_at("45.1.1.1"), NOW + DAY);
	assert_ok(write_list(&list, "45.2.2.2", 0));
	reopen();
	assert_int_equal(read_list("a").entries, 1);
}

TEST(an_unchanged_download_is_as_good_as_a_new_one)
{
	struct feed_list list = list_of(FEED_LIST, "a", NOW);

	assert_ok(write_list(&list, "45.1.1.1", 3 * DAY));
	reopen();
	list.good_at = NOW + DAY;
	assert_ok(write_list(&list, "45.2.2.2", 3 * DAY));
	reopen();
	put_list("b", "45.1.1.1 45.2.2.2 45.3.3.3");
	list.good_at = NOW + 2 * DAY;
	assert_ok(write_list(&list, NULL, 3 * DAY));
	reopen();
	assert_int_equal(read_list("a").good_at, NOW + 2 * DAY);
	assert_int_equal(read_list("a").entries, 2);
	assert_int_equal(read_list("a").fresh, 1);
	list.good_at = NOW + 4 * DAY; /* what an earlier one had gets old */
	assert_ok(write_list(&list, NULL, 3 * DAY));
	reopen();
	assert_int_equal(read_list("a").entries, 1);
	assert_hits("45.1.1.1", "b/32");
	assert_int_equal(read_list("b").entries, 3);
	assert_int_equal(read_list("b").good_at, NOW);
}

TEST(an_unchanged_download_is_as_old_as_it_was_unless_it_says_something_else)
{
	struct feed_list list = list_of(FEED_LIST, "a", NOW);

	list.made_at = NOW - 60;
	assert_ok(write_list(&list, "45.1.1.1", 0));
	reopen();
	list = list_of(FEED_LIST, "a", NOW + DAY);
	assert_ok(write_list(&list, NULL, 0));
	reopen();
	assert_int_equal(read_list("a").made_at, NOW - 60);
	list.made_at = NOW + 60;
	assert_ok(write_list(&list, NULL, 0));
	reopen();
	assert_int_equal(read_list("a").made_at, NOW + 60);
	list.made_at = 0;
	assert_ok(write_list(&list, "45.1.1.1", 0));
	reopen();
	assert_int_equal(read_list("a").made_at, 0);
}

TEST(a_clock_that_was_set_back_keeps_nothing_forever)
{
	struct feed_list list = list_of(FEED_LIST, "a", NOW + 365 * DAY);

	assert_ok(write_list(&list, "45.1.1.1", DAY));
	reopen();
	list.good_at = NOW;
	assert_ok(write_list(&list, "45.2.2.2", DAY));
	reopen();
	assert_int_equal(read_list("a").entries, 2);
	assert_int_equal(read_list("a").fresh, 1);
	list.good_at = NOW + DAY;
	assert_ok(write_list(&list, "45.2.2.2", DAY));
	reopen();
	assert_int_equal(read_list("a").entries, 1);
}

/* ---- files ---- */

static bool exists(const char *name)
{
	struct stat st;

	return !lstat(place_path(name), &st);
}

TEST(the_file_belongs_to_its_user_alone_and_no_other_is_left)
{
	struct stat st;

	put_list("a", "45.1.1.1");
	assert_ok(lstat(path, &st));
	assert_int_equal(st.st_mode, S_IFREG | 0600);
	assert_false(exists("feeds.new"));
}

TEST(what_a_writer_that_was_killed_left_is_replaced)
{
	place_write("feeds.new", "x", 1, 0644);
	put_list("a", "45.1.1.1");
	assert_false(exists("feeds.new"));
	place_write("victim", "x", 1, 0644);
	assert_ok(symlink(place_path("victim"), place_path("feeds.new")));
	put_list("a", "45.1.1.1 45.1.1.2");
	assert_int_equal(read_list("a").entries, 2);
	assert_false(exists("feeds.new"));
	assert_true(exists("victim"));
	assert_ok(mkdir(place_path("feeds.new"), 0700));
	assert_int_equal(write_list(&(struct feed_list){ .name = "a" }, "45.1.1.1", 0),
			 IPREP_E_CREATE);
	assert_has(place.error.text, "feeds.new: cannot be created: File exists");
}

TEST(a_directory_that_is_not_there_is_an_error)
{
	struct feed_list list = list_of(FEED_LIST, "a", NOW);

	path = place_path("none/feeds");
	assert_int_equal(write_list(&list, "45.1.1.1", 0), IPREP_E_CREATE);
	assert_has(place.error.text, "none/feeds.new: cannot be created");
}

/* Each call that fails leaves the old file, and nothing else; at last none fails. */
static void assert_whole_after(int error, int rc)
{
	struct feed_list list = list_of(FEED_LIST, "a", NOW + 1);
	int n = 0, got;

	put_list("a", "45.1.1.1");
	do {
		struct feed_entries *entries = entries_of("45.2.2.2");
		struct feed_change change = { .list = list, .entries = entries };

		failure = error;
		fails_at = ++n;
		got = feed_table_write(path, table, NULL, 0, &change, NOW + 1, &place.error);
		failure = 0;
		feed_entries_free(entries);
		assert_false(exists("feeds.new"));
		if (got && got != rc)
			assert_int_equal(got, rc);
		if (fails_at > 0)
			break;
		reopen();
		if (got)
			assert_hits("45.1.1.1", "a/32");
	} while (n < 100);
	assert_ok(got);
	assert_true(n > 2 && n < 100);
	reopen();
	assert_hits("45.1.1.1", "");
	assert_hits("45.2.2.2", "a/32");
}

TEST(a_full_disk_leaves_the_old_file)
{
	assert_whole_after(ENOSPC, IPREP_E_IO);
}

TEST(a_lack_of_memory_leaves_the_old_file)
{
	assert_whole_after(ENOMEM, IPREP_E_NOMEM);
}

TEST(a_lack_of_memory_is_no_table_and_no_entry)
{
	struct prefix net = prefix_of("45.1.1.1");
	struct feed_table *none = NULL;
	struct feed_entries *entries;

	put_list("a", "45.1.1.1");
	failure = ENOMEM;
	fails_at = 1;
	assert_int_equal(feed_table_open(path, &none, &place.error), IPREP_E_NOMEM);
	assert_null(none);
	fails_at = 1;
	assert_null(feed_entries_new());
	entries = feed_entries_new();
	assert_non_null(entries);
	fails_at = 1;
	assert_false(feed_entries_add(entries, &net, 1));
	assert_int_equal(feed_entries_count(entries), 0);
	assert_true(feed_entries_add(entries, &net, 1));
	assert_int_equal(feed_entries_count(entries), 1);
	feed_entries_free(entries);
}

static void assert_refused(int rc, const char *part)
{
	struct feed_table *none = NULL;

	assert_int_equal(feed_table_open(path, &none, &place.error), rc);
	assert_null(none);
	assert_has(place.error.text, part);
}

TEST(what_is_no_file_of_this_user_is_refused)
{
	put_list("a", "45.1.1.1");
	assert_ok(rename(path, place_path("other")));
	assert_ok(symlink(place_path("other"), path));
	assert_refused(IPREP_E_PERM, "not a regular file");
	assert_ok(unlink(path));
	assert_ok(mkfifo(path, 0600));
	assert_refused(IPREP_E_PERM, "not a regular file");
	assert_ok(unlink(path));
	assert_ok(mkdir(path, 0700));
	assert_refused(IPREP_E_PERM, "not a regular file");
	if (geteuid())
		return;
	assert_ok(rmdir(path));
	assert_ok(rename(place_path("other"), path));
	assert_ok(chown(path, SOMEBODY, SOMEBODY));
	assert_refused(IPREP_E_PERM, "belongs to user 65534");
}

TEST(text_and_an_empty_file_are_refused)
{
	char text[5000];

	place_write("feeds", "", 0, 0600);
	assert_refused(IPREP_E_STORE, "not a compiled file, or cut off");
	memset(text, '#', sizeof(text));
	place_write("feeds", text, sizeof(text), 0600);
	assert_refused(IPREP_E_STORE, "not a compiled file of this version");
	memset(text, 0, sizeof(text));
	place_write("feeds", text, sizeof(text), 0600);
	assert_refused(IPREP_E_STORE, "not a compiled file of this version");
}

static size_t read_file(char *bytes)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len = read(fd, bytes, FILE_MAX);

	close(fd);
	assert_true(len > 0 && len < FILE_MAX);
	return (size_t)len;
}

/* Whatever the file says: no crash, and each row and text is what the header promises. */
static void use_table(void)
{
	static const char *const addresses[] = { "45.1.1.1", "45.1.2.3", "2a02::1",
						 "255.255.255.255" };
	struct feed_hit hits[4];
	struct feed_list list;

	for (size_t i = 0; i < feed_table_lists(table); i++) {
		feed_table_list(table, i, &list);
		assert_true(strlen(list.name) > 0 && list.kind <= FEED_SPF);
	}
	for (size_t i = 0; i < COUNT(addresses); i++) {
		struct addr addr = addr_of(addresses[i]);
		size_t count = feed_table_find(table, &addr, hits, COUNT(hits));

		assert_true(count <= COUNT(hits));
		for (size_t k = 0; k < count; k++) {
			struct prefix net = { addr_cut(&addr, hits[k].bits), hits[k].bits };

			assert_true(hits[k].list < feed_table_lists(table));
			assert_true(feed_table_meets(table, hits[k].list, &net));
		}
	}
}

static void put_small_file(void)
{
	put_list("a", "45.1.1.1=3 45.1.0.0/16 2a02::/32");
	put_list("b", "45.1.1.1 45.1.2.3");
}

TEST(a_file_cut_anywhere_is_refused)
{
	static char bytes[FILE_MAX];
	size_t len;

	put_small_file();
	len = read_file(bytes);
	for (size_t i = 0; i < len; i++) {
		place_write("feeds", bytes, i, 0600);
		assert_refused(IPREP_E_STORE, "the next download makes it again");
	}
	place_write("feeds", bytes, len + 1, 0600);
	assert_refused(IPREP_E_STORE, "it was cut off");
}

TEST(a_file_with_any_byte_changed_is_refused_or_safe)
{
	static const unsigned char masks[] = { 0x01, 0x80, 0xff };
	static char bytes[FILE_MAX];
	size_t len, nopened = 0;

	put_small_file();
	len = read_file(bytes);
	for (size_t i = 0; i < len * COUNT(masks); i++) {
		char mask = (char)masks[i % COUNT(masks)];
		int rc;

		bytes[i / COUNT(masks)] ^= mask;
		place_write("feeds", bytes, len, 0600);
		bytes[i / COUNT(masks)] ^= mask;
		table = feed_table_close(table);
		rc = feed_table_open(path, &table, &place.error);
		if (!rc) {
			nopened++;
			use_table();
			if (mask != 1)
				continue;
			put_list("c", "45.1.1.1"); /* and it can be made again */
			assert_int_equal(read_list("c").entries, 1);
		} else {
			assert_int_equal(rc, IPREP_E_STORE);
		}
	}
	assert_true(nopened > 100 && nopened < len * COUNT(masks));
}

TEST(entries_out_of_order_are_not_copied)
{
	static char bytes[FILE_MAX];
	size_t len;

	put_list("a", "45.1.1.1 45.1.1.2 45.1.1.3");
	len = read_file(bytes);
	bytes[len - 3 * sizeof(struct table_entry)] = (char)200; /* no length */
	bytes[len - sizeof(struct table_entry) + 16] = 1;	 /* 45.1.1.1, behind 45.1.1.2 */
	place_write("feeds", bytes, len, 0600);
	reopen();
	put_list("b", "45.9.9.9");
	assert_int_equal(read_list("a").entries, 1);
	assert_hits("45.1.1.2", "a/32");
}

/* ---- entries ---- */

TEST(of_equal_entries_the_greatest_number_stays)
{
	struct feed_entries *entries = entries_of(
		"45.1.1.1=2 45.1.1.0/24 45.1.1.1=7 45.0.0.0/8 45.1.1.1=3 2a02::1 45.1.1.0");
	static const char *const expected[] = { "45.0.0.0/8", "45.1.1.0/24", "45.1.1.0", "45.1.1.1",
						"2a02::1" };
	char text[ADDR_TEXT_MAX];
	struct prefix net;
	int number;

	assert_int_equal(feed_entries_count(entries), COUNT(expected));
	for (size_t i = 0; i < COUNT(expected); i++) {
		feed_entries_at(entries, i, &net, &number);
		assert_string_equal(prefix_text(&net, text), expected[i]);
		assert_int_equal(number, i == 3 ? 7 : 1);
	}
	feed_entries_free(entries);
	entries = entries_of("");
	assert_int_equal(feed_entries_count(entries), 0);
	feed_entries_free(entries);
	assert_null(feed_entries_free(NULL));
}

ROWS(each_address_of_ipv4_is_covered_once)
{
	struct feed_entries *entries = entries_of(row_text(row, "entries"));

	assert_int_equal(feed_entries_cover_v4(entries), row_number(row, "addresses"));
	feed_entries_free(entries);
}

TEST(there_are_at_most_as_many_entries_as_the_limit_says)
{
	struct feed_entries *entries = feed_entries_new();
	struct prefix net = prefix_of("45.1.1.1");

	for (size_t i = 0; i < FEED_ENTRIES_MAX; i++)
		if (!feed_entries_add(entries, &net, 1))
			fail();
	assert_false(feed_entries_add(entries, &net, 1));
	assert_int_equal(feed_entries_count(entries), FEED_ENTRIES_MAX);
	feed_entries_free(entries);
}
