/* SPDX-License-Identifier: MIT */
/* test_feed_table.c - lists of the compiled file: which are kept, and which of their entries */
#include "feed_place.h"

#define DAY 86400

FIXTURE(feed_place_set_up, feed_place_tear_down);

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
