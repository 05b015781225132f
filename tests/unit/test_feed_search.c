/* SPDX-License-Identifier: MIT */
/* test_feed_search.c - entries of the compiled file, and what is found in it */
#include "feed_place.h"

FIXTURE(feed_place_set_up, feed_place_tear_down);

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
