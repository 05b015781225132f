/* SPDX-License-Identifier: MIT */
/* test_store.c - what is remembered, merged, bounded and forgotten; the clock is moved by hand */
#include "store/store_private.h"
#include "place.h"
#include <limits.h>
#include <sqlite3.h>
#include <unistd.h>

static struct addr key; /* 45.1.1.1 */

static int set_up(void **state)
{
	assert_ok(place_set_up(state));
	assert_ok(conf_enable_abuseipdb(place.conf));
	key = addr_of("45.1.1.1");
	return place_open(STORE_WORK);
}

FIXTURE(set_up, place_tear_down);

static void sql(const char *text)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(place_path("iprep.db"), &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

/* ---- blocks ---- */

ROWS(a_block_lasts_until_its_time_and_an_absurd_time_is_over)
{
	struct block b;

	place_put_block("45.1.1.1", place.now + row_number(row, "until_in"));
	assert_int_equal(store_block_get(place.store, &key, &b), row_yes(row, "found"));
}

TEST(a_block_survives_closing_and_keeps_every_field)
{
	struct block b;

	key = addr_of("2a02:4780:15::50");
	place_put_block("2a02:4780:15::50", place.now + 60);
	assert_ok(place_open(STORE_GATE));
	assert_int_equal(store_block_get(place.store, &key, &b), 1);
	assert_string_equal(b.tier, "known");
	assert_string_equal(b.jail, "sshd");
	assert_string_equal(b.src, "zen");
	assert_true(b.due);
	assert_int_equal(b.first_at, 0);
}

TEST(the_outbox_gives_due_blocks_until_they_are_announced)
{
	struct block b[4];

	place_put_block("45.1.1.1", place.now + 60);
	assert_int_equal(store_blocks_due(place.store, true, b, 4), 1);
	assert_ok(store_blocks_due(place.store, false, b, 4));
	assert_ok(store_block_announced(place.store, &b[0], place.now, place.now + 90));
	assert_ok(store_blocks_due(place.store, true, b, 4));
	assert_ok(store_block_mark_due(place.store, &key, ""));
	assert_int_equal(store_blocks_due(place.store, false, b, 4), 1);
	assert_int_equal(b[0].until, place.now + 90);
	assert_string_equal(b[0].jail, "sshd");
	assert_int_equal(store_blocks_first_since(place.store, place.now, 10), 1);
	place.now -= 3600; /* the clock was ahead: blocks announced then delay no other
			      block now */
	assert_ok(store_blocks_first_since(place.store, place.now - 60, 10));
	place.now += 3600;
}

/* ---- lookups ---- */

static struct lookup_job put_lookup(const char *text, enum origin origin)
{
	struct lookup_job job = { .key = addr_of(text),
				  .addr = addr_of(text),
				  .origin = origin,
				  .since = place.now,
				  .next_at = place.now,
				  .jail = "gate" };

	assert_ok(store_lookup_put(place.store, &job));
	return job;
}

/* The only one that is due. */
static struct lookup_job due_lookup(void)
{
	struct lookup_job jobs[4];

	assert_int_equal(store_lookups_due(place.store, place.now, jobs, 4), 1);
	return jobs[0];
}

TEST(one_look_up_waits_however_many_lines_and_sure_stays_sure)
{
	static const enum origin order[] = { AMBIGUOUS, SURE, AMBIGUOUS };
	struct lookup_job got[4];

	for (size_t i = 0; i < 3; i++)
		put_lookup("45.1.1.1", order[i]);
	assert_int_equal(due_lookup().origin, SURE);
	assert_ok(store_lookups_due(place.store, place.now - 1, got, 4));
}

TEST(a_job_that_became_sure_meanwhile_is_not_ended)
{
	struct lookup_job taken;

	put_lookup("45.1.1.1", AMBIGUOUS);
	taken = due_lookup();
	put_lookup("45.1.1.1", SURE);
	assert_ok(store_lookup_end(place.store, &taken, 0));
	assert_int_equal(store_lookup_get(place.store, &key, NULL), 1);
}

TEST(a_job_forgotten_and_made_anew_is_another_job)
{
	struct lookup_job taken;

	put_lookup("45.1.1.1", SURE);
	taken = due_lookup();
	assert_int_equal(store_lookup_alive(place.store, &taken), 1);
	assert_ok(store_forget(place.store, &key, 128, 0, NULL));
	assert_ok(store_lookup_alive(place.store, &taken));
	put_lookup("45.1.1.1", SURE);
	assert_ok(store_lookup_alive(place.store, &taken));
}

/* retry_at: not 0: it was tried, and waits until then. */
static void queue_lookup(const char *text, int64_t retry_at)
{
	struct lookup_job job = put_lookup(text, AMBIGUOUS);

	if (!retry_at)
		return;
	assert_int_equal(store_lookup_get(place.store, &job.key, &job), 1);
	job.tries = 1;
	assert_ok(store_lookup_end(place.store, &job, retry_at));
}

static bool has_room(const char *text)
{
	struct addr addr = addr_of(text);
	int rc = store_lookup_has_room(place.store, &addr, addr_is_v4(&addr) ? 96 + 24 : 48);

	assert_true(rc >= 0);
	return rc;
}

TEST(a_network_with_many_untried_lookups_has_no_room)
{
	char text[32];

	for (int i = 0; i < LOOKUPS_NET_NEW_MAX; i++) {
		assert_true(has_room("45.1.1.200"));
		snprintf(text, sizeof(text), "45.1.1.%d", i);
		queue_lookup(text, 0);
	}
	assert_false(has_room("45.1.1.200"));
	assert_true(has_room("45.1.2.1"));
	assert_true(has_room("45.1.0.255"));
}

/* One silent list: what was tried and waits does not shut the gate for its neighbours. */
TEST(lookups_that_wait_for_another_try_leave_room_for_neighbours)
{
	char text[64];

	for (int i = 0; i < 200; i++) {
		snprintf(text, sizeof(text), "45.1.1.%d", i);
		queue_lookup(text,
			     i % 2 ? place.now + 60 : place.now - 1); /* waiting, or due again */
	}
	assert_true(has_room("45.1.1.200"));
	for (int i = 0; i < LOOKUPS_NET_MAX; i++) {
		assert_true(has_room("2a02:4780:1:ffff::"));
		snprintf(text, sizeof(text), "2a02:4780:1:%x::", i);
		queue_lookup(text, place.now + 60);
	}
	assert_false(has_room("2a02:4780:1:ffff::")); /* a /48 has many more */
	assert_true(has_room("2a02:4780:2::"));
}

TEST(a_full_queue_has_no_room_for_any_network)
{
	char text[64];

	assert_ok(store_begin(place.store, STORE_FAST));
	for (int i = 0; i < LOOKUPS_MAX; i++) {
		if (i == LOOKUPS_MAX - 1)
			assert_true(has_room("45.250.1.1"));
		snprintf(text, sizeof(text), "45.1.%d.%d", i / 50, i % 50);
		queue_lookup(text, place.now + 60);
	}
	assert_false(has_room("45.250.1.1"));
	assert_ok(store_end(place.store, 0));
}

/* ---- reports ---- */

static int64_t add_report(void)
{
	struct report_job r = { .key = key,
				.addr = key,
				.failures = 3,
				.first_at = place.now,
				.seen_at = place.now,
				.next_at = place.now,
				.categories = "18" };

	assert_ok(store_report_add(place.store, &r, ""));
	assert_int_equal(store_report_last(place.store, &r.addr, &r), 1);
	return r.id;
}

TEST(a_frozen_body_stays_the_same_and_a_refusal_thaws_it)
{
	int64_t id = add_report();
	struct report_job r = { 0 };

	assert_ok(store_report_sending(place.store, id, place.now, "18,22", "3 failures"));
	assert_ok(store_report_merge(place.store, id, 5, place.now + 1));
	assert_ok(store_report_end(place.store, id, REPORT_SENDING, place.now + 15, "timeout"));
	assert_ok(store_reports_due(place.store, place.now, &r, 1));
	assert_int_equal(store_reports_due(place.store, place.now + 15, &r, 1), 1);
	assert_string_equal(r.frozen, "3 failures");
	assert_string_equal(r.categories, "18,22");
	assert_int_equal(r.failures, 3);
	assert_int_equal(r.sent_at, place.now);
	report_job_done(&r);
	assert_ok(store_report_end(place.store, id, REPORT_QUEUED, place.now, "quota"));
	assert_int_equal(store_reports_due(place.store, place.now, &r, 1), 1);
	assert_null(r.frozen);
	report_job_done(&r);
}

TEST(an_answer_for_a_forgotten_report_is_told_so)
{
	int64_t id = add_report();

	assert_ok(store_report_sending(place.store, id, place.now, "18", "x"));
	assert_ok(store_forget(place.store, &key, 128, place.now + 60, NULL));
	assert_int_equal(store_report_end(place.store, id, REPORT_DONE, 0, ""), 1);
	assert_int_equal(store_report_sending(place.store, id, place.now, "18", "x"), 1);
	assert_int_equal(store_pardoned(place.store, &key), 1);
	place.now += 60;
	assert_ok(store_pardoned(place.store, &key));
}

/* ---- quota ---- */

static struct quota quota_of(const char *endpoint, const char *mark)
{
	struct quota quota;

	assert_ok(store_quota_get(place.store, endpoint, mark, &quota));
	return quota;
}

ROWS(the_quota_is_what_calls_and_answers_leave)
{
	const char *what = row_text(row, "what");
	struct quota_seen seen = { .error = "timeout" };
	struct quota quota;

	place.now += row_number(row, "after");
	if (!strcmp(what, "taken"))
		assert_ok(store_quota_take(place.store, "check", 1));
	if (!strcmp(what, "answered"))
		seen = (struct quota_seen){ .seen = true,
					    .limit = row_number(row, "says_limit"),
					    .remaining = row_number(row, "says_remaining") };
	if (seen.seen || !strcmp(what, "silent"))
		assert_ok(store_quota_seen(place.store, "check", "k", &seen));
	quota = quota_of("check", "k");
	if (row_has(row, "limit"))
		assert_int_equal(quota.limit, row_number(row, "limit"));
	if (row_has(row, "remaining"))
		assert_int_equal(quota.remaining, row_number(row, "remaining"));
	assert_int_equal(quota.first_under_way, row_yes(row, "first"));
}

TEST(a_refused_key_counts_until_it_changes)
{
	struct quota_seen seen = {
		.seen = true, .limit = -1, .remaining = -1, .auth_failed = true, .error = "HTTP 401"
	};

	assert_ok(store_quota_take(place.store, "report", 1));
	assert_int_equal(store_quota_seen(place.store, "report", "old", &seen), 1);
	assert_ok(store_quota_seen(place.store, "report", "old", &seen));
	assert_true(quota_of("report", "old").auth_failed);
	assert_true(quota_of("check", "old").auth_failed); /* the same key */
	assert_false(quota_of("report", "new").auth_failed);
}

/* ---- purge ---- */

static struct store_counts purge_all(void)
{
	struct store_counts done = { 0 };

	while (store_purge_step(place.store, place.conf, 200, &done) > 0)
		;
	return done;
}

TEST(one_run_under_a_wrong_clock_frees_nobody)
{
	int64_t right = place.now;
	struct block b;

	place_put_block("45.1.1.1", place.now + 86400);
	place.now = 2145916800; /* 2038 */
	assert_int_equal(purge_all().blocks, 0);
	assert_ok(store_purge_seen(place.store));
	assert_int_equal(purge_all().blocks, 0);
	place.now = right;
	assert_int_equal(store_block_get(place.store, &key, &b), 1);
}

TEST(findings_go_when_their_retention_is_over_and_reports_not_by_one_run)
{
	struct finding f = { .status = FINDING_OK,
			     .answered_at = place.now,
			     .expires_at = place.now + 60,
			     .points = 3,
			     .na = 2,
			     .a = { 0x7f000004, 0x7f000002 },
			     .detail = "x" },
		       got = { 0 };
	struct store_counts c = { 0 };
	int64_t id = add_report();

	assert_ok(store_findings_put(place.store, place.conf, &key, &f));
	assert_int_equal(store_findings_get(place.store, place.conf, &key, &got), 1);
	assert_int_equal(got.na, 2);
	assert_int_equal(got.a[1], 0x7f000002);
	place.now += 60;
	got.status = FINDING_NONE;
	assert_ok(store_findings_get(place.store, place.conf, &key, &got));
	assert_ok(store_report_end(place.store, id, REPORT_DONE, 0, ""));
	place.now += place.conf->keep_findings_s + 1;
	assert_ok(store_purge_count(place.store, place.conf, &c));
	assert_int_equal(c.findings, 1);
	c = (struct store_counts){ 0 };
	assert_ok(store_purge_step(place.store, place.conf, 200, &c));
	assert_int_equal(c.findings, 1);
	place.now += place.conf->keep_reports_s;
	assert_ok(store_purge_seen(place.store));
	assert_ok(store_purge_step(place.store, place.conf, 200, &c));
	assert_int_equal(c.reports, 0);
}

TEST(a_flood_of_findings_lets_the_oldest_go)
{
	struct finding f = { .status = FINDING_OK }, got = { 0 };
	int64_t pages = 0, n = 0;

	key = addr_of("45.0.0.0");
	memset(f.detail, 'x', sizeof(f.detail) - 1);
	place.store->pages_max = 100;
	assert_ok(store_begin(place.store, STORE_FAST));
	for (int i = 0; i < 5000; i++) {
		key.bytes[14] = (uint8_t)(i >> 8);
		key.bytes[15] = (uint8_t)i;
		f.answered_at = place.now + i;
		f.expires_at = place.now + 3600 + i;
		assert_ok(store_findings_put(place.store, place.conf, &key, &f));
	}
	assert_ok(store_end(place.store, 0));
	assert_ok(sql_number(place.store, &pages, "PRAGMA page_count", SQL_NONE));
	assert_true(pages < 130);
	assert_ok(sql_number(place.store, &n, "SELECT count(*) FROM finding", SQL_NONE));
	assert_true(n > 300);
	assert_int_equal(store_findings_get(place.store, place.conf, &key, &got), 1);
}

TEST(the_health_of_a_list_belongs_to_its_zone)
{
	struct conf_source *list = &place.conf->sources[0];
	struct zone_state z = { .state = { ZONE_BAD, ZONE_GOOD },
				.latency_ms = 12,
				.probed_at = { place.now, place.now - 7 },
				.silent_since = 5,
				.is_applied = true,
				.why = "lists the world" };
	struct zone_state got[1];

	snprintf(list->name, sizeof(list->name), "zen");
	snprintf(list->zone, sizeof(list->zone), "%%{key:/k}.a.test");
	list->asked_zone = strdup("sesame.a.test");
	assert_ok(store_zone_put(place.store, list, &z));
	assert_ok(store_zones_get(place.store, place.conf, got));
	assert_memory_equal(got[0].state, z.state, sizeof(z.state));
	assert_int_equal(got[0].latency_ms, 12);
	assert_int_equal(got[0].probed_at[0], place.now);
	assert_int_equal(got[0].probed_at[1], place.now - 7);
	assert_true(got[0].is_applied);
	assert_int_equal(got[0].silent_since, 5);
	assert_string_equal(got[0].why, "lists the world");
	snprintf(list->zone, sizeof(list->zone), "b.test");
	assert_ok(store_zones_get(place.store, place.conf, got));
	assert_int_equal(got[0].state[0], ZONE_UNKNOWN);
	assert_int_equal(got[0].probed_at[0], 0);
}

/* ---- files that are not as they should be ---- */

TEST(a_store_of_every_earlier_schema_opens_with_what_it_holds)
{
	struct addr sending = addr_of("45.5.5.5"), guessing = addr_of("45.4.4.4");
	struct report_job r[4] = { 0 };
	struct recheck due;
	struct release gone;

	for (int schema = 1; schema <= 3; schema++) {
		place.store = store_close(place.store);
		unlink(place_path("iprep.db"));
		for (int i = 1; i <= schema; i++) {
			char path[PATH_MAX], *text;

			snprintf(path, sizeof(path), TEST_DATA "/stores/schema-%d.sql", i);
			text = file_read(path);
			sql(text);
			free(text);
		}
		place.now = 1795000100;
		assert_ok(place_open(STORE_HOOK));
		assert_ok(
			store_block_get(place.store, &key, &(struct block){ 0 })); /* until 2096 */
		assert_int_equal(store_knows(place.store, &key), 1);
		/* hashes that are made in another way now */
		assert_ok(store_sightings(place.store, &guessing, 86400));
		assert_ok(store_lookup_get(place.store, &(struct addr){ 0 }, NULL));
		assert_int_equal(store_reports_due(place.store, place.now, r, 4), 2);
		assert_memory_equal(r[1].addr.bytes, sending.bytes, 16);
		assert_int_equal(r[1].state, REPORT_SENDING);
		assert_int_equal(r[1].sent_at, 1795000000);
		assert_string_equal(r[1].comment, "own words");
		assert_null(r[1].frozen); /* made again from the same row */
		report_job_done(&r[0]);
		report_job_done(&r[1]);
		assert_int_equal(store_zones_get(place.store, place.conf,
						 &(struct zone_state){ .probed_at = 0 }),
				 0);
		assert_ok(store_failures_put(place.store, &key, 3, place.now));
		sql("UPDATE block SET until = 1830000000");
		assert_ok(store_rechecks_due(place.store, &due, 1));
		place.now += 604800; /* a week after it was made, whichever version made it */
		assert_int_equal(store_rechecks_due(place.store, &due, 1), 1);
		assert_memory_equal(due.addr.bytes, key.bytes, 16);
		assert_ok(store_released_page(place.store, 604800, &(struct release){ .at = 0 },
					      &gone, 1));
		assert_ok(store_release(place.store, &due, "recheck"));
		assert_int_equal(store_released_page(place.store, 604800,
						     &(struct release){ .at = 0 }, &gone, 1),
				 1);
		assert_string_equal(gone.tier, "known");
	}
}

static void refuse(int code, const char *text)
{
	place.store = store_close(place.store);
	place.error = (struct err){ 0 };
	assert_int_equal(place_open(STORE_WORK), code);
	assert_has(place.error.text, text);
}

TEST(a_newer_database_is_refused_and_not_touched)
{
	sql("PRAGMA user_version = 99");
	refuse(IPREP_E_STORE, "written by a newer iprep (version 99; this one knows 8)");
}

TEST(a_damaged_database_is_refused_with_what_to_do)
{
	place.store = store_close(place.store);
	place_write("iprep.db", "this is not a database, and never was one", 41, 0600);
	refuse(IPREP_E_STORE, "set it aside with rep-purge --reset");
}

TEST(an_empty_file_or_a_log_alone_is_damage_and_not_a_new_store)
{
	place.store = store_close(place.store);
	place_write("iprep.db", "", 0, 0600);
	refuse(IPREP_E_STORE, "the file is empty");
	unlink(place_path("iprep.db"));
	place_write("iprep.db-wal", "frames", 6, 0600);
	refuse(IPREP_E_STORE, "the file is missing, its log");
	assert_int_equal(access(place_path("iprep.db"), F_OK), -1);
	unlink(place_path("iprep.db-wal"));
	assert_ok(place_open(STORE_HOOK));
}

static bool bounds_read(sqlite3_stmt *row, void *element)
{
	(void)element;
	for (int i = 0; i < 2; i++) {
		int64_t sign = i ? -1 : 1;

		assert_int_equal(sql_int(row, i), sign * SQL_NUMBER_MAX);
		assert_int_equal(sql_small(row, i), sign * SQL_SMALL_MAX);
	}
	assert_true(sql_id(row, 0) == INT64_MAX && sql_id(row, 1) == INT64_MIN);
	assert_int_equal(sql_int(row, 2), 1795426190);
	return true;
}

TEST(no_number_of_a_file_is_too_large_to_reckon_with)
{
	struct block block;

	assert_int_equal(
		sql_each(place.store, bounds_read, NULL,
			 "SELECT 9223372036854775807, -9223372036854775807 - 1, 1795426190",
			 SQL_NONE),
		1);
	place_put_block("198.51.100.7", place.now + 100);
	sql("UPDATE block SET score = 9223372036854775807, since = -9223372036854775807,"
	    " announced_at = 9223372036854775807, due = 1");
	assert_int_equal(store_blocks_due(place.store, false, &block, 1) +
				 store_blocks_due(place.store, true, &block, 1),
			 1);
	assert_int_equal(block.score, SQL_SMALL_MAX);
	assert_int_equal(block.since, -SQL_NUMBER_MAX);
	assert_int_equal(sql_count(place.store, "SELECT 9223372036854775807", SQL_NONE), INT32_MAX);
	assert_ok(sql_count(place.store, "SELECT -5", SQL_NONE));
}

static bool listed_read(sqlite3_stmt *row, void *element)
{
	const char *sql = (const char *)sqlite3_column_text(row, 0);

	(void)element;
	if (!store_schema_lists(sql))
		fail_msg("schema.c: altered[] has no \"%s\"", sql);
	return true;
}

TEST(the_list_of_what_a_database_holds_is_complete)
{
	int n = sql_each(place.store, listed_read, NULL,
			 "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL", SQL_NONE);

	assert_true(n >= 20 && n <= 1000);
}

TEST(a_statement_ends_when_the_time_of_the_hook_is_over)
{
	place.store->until_ms = clock_mono_ms() + 20;
	store_watch(place.store);
	assert_int_equal(sql_count(place.store,
				   "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n)"
				   " SELECT max(x) FROM n",
				   SQL_NONE),
			 IPREP_E_BUSY);
	assert_has(place.error.text, "takes too long");
	place.store->until_ms = INT64_MAX;
	store_watch(place.store);
}

TEST(a_check_reads_all_or_as_much_as_time_allows)
{
	assert_int_equal(store_check(place.store, 60000), 1);
	sql("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) INSERT INTO good"
	    " SELECT CAST(printf('%016d', i) AS BLOB), 1 FROM n");
	assert_ok(store_check(place.store, 0));
	assert_int_equal(store_check(place.store, 60000), 1);
	assert_ok(store_try(place.store)); /* and goes on after it */
}
