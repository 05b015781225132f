/* SPDX-License-Identifier: MIT */
/* test_counters.c - what was counted, by day; the clock is moved by hand */
#include "place.h"
#include "store/store_private.h"
#include <iprep.h>
#include <unistd.h>

#define DAY_S 86400

static int set_up(void **state)
{
	assert_ok(place_set_up(state));
	return place_open(STORE_WORK);
}

FIXTURE(set_up, place_tear_down);

static void count(const char *name, const char *label, int64_t n)
{
	assert_ok(store_count(place.store, name, label, n));
}

static void sql(const char *text)
{
	assert_int_equal(sqlite3_exec(place.store->db, text, NULL, NULL, NULL), SQLITE_OK);
}

/* "day name label=count" of each row, one a line; tabs of a label as "|". */
struct listing {
	char text[4096];
	size_t rows, end_after;
};

static int add_row(void *user, const struct iprep_counter *counter)
{
	struct listing *listing = user;
	size_t len = strlen(listing->text);

	snprintf(listing->text + len, sizeof(listing->text) - len, "%lld %s %s=%lld\n",
		 (long long)counter->day, counter->name, counter->label, (long long)counter->count);
	for (char *tab = listing->text + len; (tab = strchr(tab, '\t')); tab++)
		*tab = '|';
	return ++listing->rows == listing->end_after;
}

static struct iprep_ctx *context(void)
{
	struct iprep_ctx *ctx = NULL;
	char text[400];

	snprintf(text, sizeof(text), "[general]\nstate = %s/iprep.db\n", place.dir);
	place_write("iprep.conf", text, strlen(text), 0644);
	assert_ok(iprep_new(&ctx));
	assert_ok(iprep_load_config(ctx, place_path("iprep.conf")));
	return ctx;
}

static int list(int64_t from_at, int64_t to_at, struct listing *listing)
{
	struct iprep_ctx *ctx = context();
	int rc = iprep_counters(ctx, from_at, to_at, add_row, listing);

	iprep_free(ctx);
	return rc;
}

TEST(what_is_counted_twice_in_a_day_is_one_row_and_the_next_day_begins_another)
{
	struct listing listing = { .rows = 0 };
	int64_t today = place.now / DAY_S * DAY_S;
	char want[300];

	count("lookup", "clean", 1);
	count("lookup", "clean", 2);
	count("lookup", "clean", 0);
	count("lookup", "clean", -7);
	count("block", "known\tsshd\tzen,bad", 1);
	place.now += DAY_S;
	count("lookup", "clean", 5);
	assert_ok(list(0, place.now, &listing));
	snprintf(want, sizeof(want),
		 "%lld block known|sshd|zen,bad=1\n%lld lookup clean=3\n%lld lookup clean=5\n",
		 (long long)today, (long long)today, (long long)(today + DAY_S));
	assert_string_equal(listing.text, want);
}

TEST(both_ends_are_whole_days_and_day_0_comes_with_a_time_of_0_only)
{
	struct listing all = { .rows = 0 }, one = { .rows = 0 }, none = { .rows = 0 };

	sql("INSERT INTO counter VALUES(0,'lookup','clean',9), (3,'lookup','clean',1),"
	    " (4,'lookup','clean',2), (5,'lookup','clean',3)");
	assert_ok(list(0, 5 * DAY_S, &all));
	assert_int_equal(all.rows, 4);
	assert_has(all.text, "0 lookup clean=9\n");
	assert_ok(list(5 * DAY_S - 1, 5 * DAY_S - 1, &one));
	assert_string_equal(one.text, "345600 lookup clean=2\n");
	assert_ok(list(6 * DAY_S, INT64_MAX, &none));
	assert_int_equal(none.rows, 0);
}

TEST(more_rows_than_a_page_come_once_each_and_in_order)
{
	struct listing listing = { .rows = 0 };

	sql("WITH RECURSIVE i(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM i WHERE n < 1000)"
	    " INSERT INTO counter SELECT 20000 + n % 7, 'asked', 'list' || n, n FROM i");
	assert_ok(list(0, INT64_MAX, &listing));
	assert_int_equal(listing.rows, 1000);
}

TEST(a_caller_may_end_the_list_and_times_are_checked)
{
	struct listing listing = { .end_after = 1 };

	count("lookup", "clean", 1);
	count("lookup", "unknown", 1);
	assert_int_equal(list(0, place.now, &listing), IPREP_E_IO);
	assert_int_equal(listing.rows, 1);
	assert_int_equal(list(-1, 1, &listing), IPREP_E_ARG);
	assert_int_equal(list(2, 1, &listing), IPREP_E_ARG);
}

TEST(labels_beyond_a_thousand_of_a_name_and_day_become_other)
{
	char label[40];
	int64_t rows, sum;

	for (int i = 0; i < COUNTER_LABELS_MAX + 20; i++) {
		snprintf(label, sizeof(label), "known\tjail%d\tzen", i);
		count("block", label, 1);
		count("asked", label, 1);
	}
	count("block", "known\tjail0\tzen", 1);
	assert_ok(sql_number(place.store, &rows,
			     "SELECT count(*) FROM counter WHERE name = 'block'", SQL_NONE));
	assert_int_equal(rows, COUNTER_LABELS_MAX);
	assert_ok(sql_number(place.store, &sum, "SELECT sum(n) FROM counter WHERE name = 'block'",
			     SQL_NONE));
	assert_int_equal(sum, COUNTER_LABELS_MAX + 21);
	assert_ok(sql_number(place.store, &sum,
			     "SELECT n FROM counter WHERE label = 'other\tother\tother'",
			     SQL_NONE));
	assert_int_equal(sum, 21);
	assert_ok(sql_number(place.store, &sum, "SELECT n FROM counter WHERE label = 'other'",
			     SQL_NONE));
	assert_int_equal(sum, 21);
	place.now += DAY_S;
	count("block", "known\tjail2000\tzen", 1);
	assert_ok(sql_number(place.store, &sum,
			     "SELECT n FROM counter WHERE label = 'known\tjail2000\tzen'",
			     SQL_NONE));
	assert_int_equal(sum, 1);
}

TEST(a_count_at_the_largest_number_stays_a_count)
{
	struct listing listing = { .rows = 0 };

	count("lookup", "clean", 1);
	sql("UPDATE counter SET n = 9223372036854775807");
	count("lookup", "clean", 1);
	sql("UPDATE counter SET n = -5");
	count("lookup", "clean", 1);
	assert_ok(list(0, place.now, &listing));
	assert_has(listing.text, "lookup clean=1\n");
}

TEST(what_is_rolled_back_was_not_counted)
{
	struct listing listing = { .rows = 0 };

	assert_ok(store_begin(place.store, STORE_FAST));
	count("lookup", "clean", 1);
	assert_int_equal(store_end(place.store, IPREP_E_BUSY), IPREP_E_BUSY);
	assert_ok(list(0, place.now, &listing));
	assert_int_equal(listing.rows, 0);
}

TEST(labels_of_a_damaged_file_are_printable_and_end_the_list_where_they_are_not_in_order)
{
	struct listing listing = { .rows = 0 };

	sql("INSERT INTO counter VALUES(1, 'asked', 'a' || char(27) || '[31m', 1)");
	assert_ok(list(0, INT64_MAX, &listing));
	assert_string_equal(listing.text, "86400 asked a?[31m=1\n");
	sql("INSERT INTO counter VALUES(1, 'asked', char(200) || 'b', 1),"
	    " (1, 'asked', char(201) || 'a', 1)");
	assert_int_equal(list(0, INT64_MAX, &listing), IPREP_E_STORE);
}
