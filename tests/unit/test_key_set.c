/* SPDX-License-Identifier: MIT */
/* test_key_set.c - the keys of which the file knows something, in memory, and who has written since
 */
#include "store/store_private.h"
#include "place.h"
#include <sqlite3.h>

static struct addr key; /* 45.1.1.1, of which nothing is known */

static int set_up(void **state)
{
	assert_ok(place_set_up(state));
	assert_ok(conf_enable_abuseipdb(place.conf));
	key = addr_of("45.1.1.1");
	return place_open(STORE_WORK);
}

FIXTURE(set_up, place_tear_down);

/* Another process. */
static void sql(const char *text)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(place_path("iprep.db"), &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

/* A long list of addresses of which nothing is known; a snapshot is open after it. */
static void look_many_up(void)
{
	struct addr other = addr_of("46.0.0.0");

	assert_ok(store_read_begin(place.store));
	for (int i = 0; i < 10000; i++) {
		other.bytes[14] = (uint8_t)(i >> 8);
		other.bytes[15] = (uint8_t)i;
		assert_int_equal(store_knows(place.store, &other), 0);
	}
}

static void begin_again(void)
{
	store_read_end(place.store);
	assert_ok(store_read_begin(place.store));
}

static void put_finding(const char *text)
{
	struct finding findings[SOURCES_MAX] = { { .status = FINDING_OK,
						   .expires_at = place.now + 3600 } };
	struct addr addr = addr_of(text);

	assert_ok(store_findings_put(place.store, place.conf, &addr, findings));
}

TEST(what_is_unknown_is_said_from_memory_after_a_long_list)
{
	assert_ok(store_read_begin(place.store));
	assert_ok(store_knows(place.store, &key));
	assert_true(key_set_may_have(place.store, &key));
	look_many_up();
	assert_false(key_set_may_have(place.store, &key));
	begin_again();
	assert_false(key_set_may_have(place.store, &key));
	store_read_end(place.store);
	assert_true(key_set_may_have(place.store, &key)); /* of no snapshot */
}

TEST(what_was_known_before_is_known)
{
	struct addr blocked = addr_of("45.2.2.2"), cached = addr_of("45.3.3.3");

	place_put_block("45.2.2.2", place.now + 60);
	put_finding("45.3.3.3");
	look_many_up();
	assert_false(key_set_may_have(place.store, &key));
	assert_int_equal(store_knows(place.store, &blocked), 1);
	assert_int_equal(store_knows(place.store, &cached), 1);
}

TEST(what_another_process_writes_is_known_in_the_next_snapshot)
{
	look_many_up();
	sql("INSERT INTO pardon(key, until) VALUES(x'00000000000000000000ffff2d010101', 99)");
	assert_false(key_set_may_have(place.store, &key));
	begin_again();
	assert_int_equal(store_knows(place.store, &key), 1);
	sql("INSERT INTO good(key, at) VALUES(x'00000000000000000000ffff2d020202', 99)");
	look_many_up(); /* in the old snapshot */
	begin_again();
	assert_true(key_set_may_have(place.store, &(struct addr){ { 45 } }));
}

TEST(a_finding_of_this_process_is_known_and_spares_reading_all_again)
{
	struct addr other = addr_of("45.2.2.2");

	look_many_up();
	store_read_end(place.store);
	put_finding("45.1.1.1");
	assert_ok(store_read_begin(place.store));
	assert_int_equal(store_knows(place.store, &key), 1);
	assert_false(key_set_may_have(place.store, &other));
}

TEST(a_finding_that_was_rolled_back_does_no_harm)
{
	struct addr other = addr_of("45.2.2.2");

	look_many_up();
	assert_ok(store_begin(place.store, STORE_FAST));
	put_finding("45.1.1.1");
	assert_int_equal(store_end(place.store, IPREP_E_IO), IPREP_E_IO);
	assert_ok(store_read_begin(place.store));
	assert_ok(store_knows(place.store, &key));
	assert_false(key_set_may_have(place.store, &other));
}

TEST(a_block_of_this_process_is_known)
{
	look_many_up();
	store_read_end(place.store);
	place_put_block("45.1.1.1", place.now + 60);
	put_finding("45.2.2.2"); /* which makes the set valid for itself only */
	assert_ok(store_read_begin(place.store));
	assert_int_equal(store_knows(place.store, &key), 1);
}

TEST(more_keys_than_fit_are_asked_of_the_file)
{
	sql("WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 66000)"
	    " INSERT INTO good(key, at)"
	    " SELECT CAST('000000000000' || char(65 + i % 50, 65 + i / 50 % 50, 65 + i / 2500)"
	    "  || '.' AS BLOB), 1 FROM n");
	look_many_up();
	assert_true(key_set_may_have(place.store, &key));
	assert_ok(store_knows(place.store, &key));
}
