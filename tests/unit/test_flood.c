/* SPDX-License-Identifier: MIT */
/* test_flood.c - a flood of suspicious lines neither fills the disk nor keeps others waiting */
#include "reputation/gate.h"
#include "reputation/enqueue.h"
#include "store/store_private.h"
#include "place.h"
#include <sys/stat.h>

#ifdef __SANITIZE_ADDRESS__ /* ten times slower: a tenth of it */
#define FLOOD 10000
#else
#define FLOOD 100000
#endif
#define MOST_IN_LOOKUPS ((FLOOD / 2 + 199) / 200 * LOOKUPS_NET_NEW_MAX)

static struct session env;

static int set_up(void **state)
{
	assert_ok(place_set_up(state));
	place_add_list("a", "a.test", "*3");
	place_add_tiers(1);
	assert_ok(conf_enable_abuseipdb(place.conf));
	env = (struct session){
		.conf = place.conf, .err = &place.error, .clock = place_clock, .auth_mark = ""
	};
	assert_ok(place_open(STORE_GATE));
	env.store = place.store;
	return 0;
}

FIXTURE(set_up, place_tear_down);

static int64_t number(const char *sql)
{
	int64_t n = -1;

	assert_ok(sql_number(place.store, &n, sql, SQL_NONE));
	return n;
}

static void pour(bool v6, unsigned n, const char *user)
{
	struct gate_line line = { .jail = "rep-x-ambiguous",
				  .user = user,
				  .user_len = user ? strlen(user) : 0 };
	bool count, wake;

	for (unsigned i = 0; i < n; i++) {
		char text[64];

		if (v6) /* all in one /40: what one customer may own */
			snprintf(text, sizeof(text), "2a02:4780:%x:%x::%x", i % 256, i / 256,
				 i & 0xffff);
		else
			snprintf(text, sizeof(text), "45.%u.%u.%u", i / 50000, i / 200 % 250,
				 i % 200);
		line.addr = addr_of(text);
		store_begin_call(place.store); /* as each hook, which opens it */
		assert_int_equal(gate_ask(&env, &line, &count, &wake), 0);
		assert_false(count);
	}
}

static int64_t disk(void)
{
	static const char *const names[] = { "iprep.db", "iprep.db-wal" };
	int64_t sum = 0;

	for (size_t i = 0; i < COUNT(names); i++) {
		struct stat st;

		if (!stat(place_path(names[i]), &st))
			sum += st.st_size;
	}
	return sum;
}

TEST(a_flood_of_addresses_is_bounded_and_reports_go_first)
{
	struct event ev = { .failures = 3, .seen_at = place.now, .jail = "sshd" };
	struct report_job due = { 0 };
	struct lookup_job job;
	int recorded;
	bool wake;

	pour(false, FLOOD / 2, NULL);
	assert_int_equal(number("SELECT count(*) FROM lookup"), MOST_IN_LOOKUPS);
	pour(true, FLOOD / 2, NULL);
	assert_true(number("SELECT count(*) FROM lookup") <= LOOKUPS_MAX);
	assert_true(number("SELECT count(*) FROM lookup") > MOST_IN_LOOKUPS);
	assert_true(disk() < 20 * 1024 * 1024);
	ev.addr = addr_of("45.200.1.1");
	assert_ok(enqueue_event(&env, &ev, &recorded, &wake));
	assert_int_equal(recorded, IPREP_QUEUED);
	assert_int_equal(store_lookup_get(place.store, &ev.addr, &job),
			 1); /* the banned are never dropped */
	assert_int_equal(job.origin, SURE);
	assert_int_equal(store_reports_due(place.store, place.now, &due, 1), 1);
	report_job_done(&due);
}

TEST(a_flood_of_log_ins_is_a_row_each_and_goes_with_its_window)
{
	struct store_counts done = { 0 };

	pour(true, FLOOD / 10, "root");
	assert_int_equal(number("SELECT count(*) FROM sighting"), FLOOD / 10);
	assert_true(disk() < 40 * 1024 * 1024);
	assert_ok(sql_run(place.store, "UPDATE sighting SET at = at - 86401", SQL_NONE));
	while (store_purge_step(place.store, place.conf, 5000, &done) > 0)
		;
	assert_int_equal(done.sightings, FLOOD / 10);
}
