/* SPDX-License-Identifier: MIT */
/*
 * test_view.c - another user than the owner reads the database: without locks, and never what was
 * being changed
 *
 * The writer is a connection of before the files changed hands.
 */
#include "store/store_private.h"
#include "place.h"
#include <sys/stat.h>
#include <unistd.h>

#define MEMBER 1000 /* of the group of the state */

static struct store *view;

static int set_up(void **state)
{
	view = NULL;
	assert_ok(place_set_up(state));
	return place_open(STORE_WORK);
}

static int tear_down(void **state)
{
	view = store_close(view);
	return place_tear_down(state);
}

FIXTURE(set_up, tear_down);

static void open_view(void)
{
	static const char *const names[] = { "", "iprep.db", "iprep.db-wal" };

	for (size_t i = 0; i < COUNT(names); i++) {
		assert_int_equal(chown(place_path(names[i]), SOMEBODY, SOMEBODY), 0);
		assert_int_equal(chmod(place_path(names[i]), i ? 0644 : 0755), 0);
	}
	assert_int_equal(seteuid(MEMBER), 0);
	assert_ok(store_open(place_path("iprep.db"), STORE_VIEW, place_clock, NULL, &view,
			     &place.error));
	assert_int_equal(seteuid(0), 0);
	assert_true(view->view.is_unlocked);
}

static int blocks(void)
{
	int count;

	assert_int_equal(seteuid(MEMBER), 0);
	count = sql_count(view, "SELECT count(*) FROM block", SQL_NONE);
	assert_int_equal(seteuid(0), 0);
	return count;
}

TEST(it_reads_the_log_as_well_and_stays_at_the_moment_of_opening)
{
	if (geteuid())
		skip();
	assert_ok(store_truncate_wal(place.store));
	place_put_block("45.1.1.1", place.now + 60);
	open_view();
	assert_int_equal(blocks(), 1);
	place_put_block("45.1.1.2", place.now + 60);
	assert_int_equal(blocks(), 1);
}

TEST(what_was_written_into_the_file_or_over_the_log_in_the_meantime_is_an_error)
{
	if (geteuid())
		skip();
	for (int is_empty = 0; is_empty <= 1; is_empty++) {
		place_put_block("45.1.1.1", place.now + 60);
		if (is_empty)
			assert_ok(store_truncate_wal(place.store));
		open_view();
		assert_int_equal(blocks(), 1);
		place_put_block("45.1.1.1", place.now + 90);
		assert_int_equal(blocks(), 1);
		assert_ok(store_truncate_wal(place.store));
		assert_int_equal(blocks(), IPREP_E_BUSY);
		assert_non_null(strstr(place.error.text, "try again"));
		view = store_close(view);
	}
}

TEST(a_log_that_begins_again_is_an_error_although_the_file_is_as_it_was)
{
	if (geteuid())
		skip();
	place_put_block("45.1.1.1", place.now + 60);
	store_checkpoint(place.store);
	sqlite3_wal_checkpoint_v2(place.store->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
	open_view();
	assert_int_equal(blocks(), 1);
	place_put_block("45.1.1.2", place.now + 60);
	assert_int_equal(blocks(), IPREP_E_BUSY);
}
