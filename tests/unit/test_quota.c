/* SPDX-License-Identifier: MIT */
/* test_quota.c - how many of the day's checks go to addresses that no list names */
#include "reputation/quota.h"
#include "place.h"

#define MIDNIGHT 1798761600 /* 2027-01-01 00:00 UTC */
#define HOUR	 3600

static struct session session;
static char why[DETAIL_MAX];

static int set_up(void **state)
{
	assert_ok(place_set_up(state));
	place.now = MIDNIGHT;
	assert_ok(place_open(STORE_WORK));
	session = (struct session){ .conf = place.conf,
				    .clock = place_clock,
				    .store = place.store,
				    .err = &place.error,
				    .auth_mark = "k" };
	return 0;
}

FIXTURE(set_up, place_tear_down);

static enum quota_turn take(enum quota_use use)
{
	int64_t again_at = 0;

	return quota_take_check(&session, use, false, why, &again_at);
}

/* An answer of the service. */
static void answer(int64_t limit, int64_t remaining)
{
	struct quota_seen seen = { .seen = true, .limit = limit, .remaining = remaining };

	assert_ok(store_quota_seen(place.store, "check", "k", &seen));
}

/* How many of these lines get a check; the service has `limit` a day, and counts with us. */
static int64_t spend(int lines, int64_t limit)
{
	struct quota quota;
	int64_t got = 0;

	for (int i = 0; i < lines; i++) {
		if (take(QUOTA_SPARE) != QUOTA_GO)
			continue;
		got++;
		assert_ok(store_quota_get(place.store, "check", "k", &quota));
		answer(limit, quota.limit == limit ? quota.remaining : limit - got);
	}
	return got;
}

TEST(ten_thousand_addresses_get_an_even_share_and_never_the_reserve)
{
	struct quota quota;
	int64_t got = 0;

	for (int quarter = 0; quarter < 96; quarter++) {
		place.now = MIDNIGHT + quarter * HOUR / 4;
		got += spend(10000 / 96 + 1, 1000);
		assert_true(got <= (quarter * 700 + 95) / 96);
	}
	place.now = MIDNIGHT + 24 * HOUR - 1;
	got += spend(1000, 1000);
	assert_int_equal(got, 700);
	assert_ok(store_quota_get(place.store, "check", "k", &quota));
	assert_int_equal(quota.remaining, 300);
	assert_has(why, "the rest of today's quota is reserved");
	for (int i = 0; i < 300; i++)
		assert_int_equal(take(QUOTA_ANY), QUOTA_GO);
}

TEST(at_midnight_nothing_is_spare_and_the_share_begins_again)
{
	assert_int_equal(take(QUOTA_SPARE), QUOTA_NO);
	assert_has(why, "an even use of today's quota leaves no check");
	assert_int_equal(quota_has_spare(&session), 0);
	place.now = MIDNIGHT + 24 * HOUR - 1;
	assert_int_equal(quota_has_spare(&session), 1);
	assert_int_equal(spend(1000, 1000), 700);
	place.now++;
	assert_int_equal(take(QUOTA_SPARE), QUOTA_NO);
	place.now += 12 * HOUR;
	assert_int_equal(spend(1000, 1000), 350);
}

TEST(what_sure_addresses_used_is_part_of_the_share)
{
	place.now = MIDNIGHT + 12 * HOUR;
	answer(1000, 1000);
	for (int i = 0; i < 350; i++) {
		assert_int_equal(take(QUOTA_ANY), QUOTA_GO);
		answer(1000, 999 - i);
	}
	assert_int_equal(take(QUOTA_SPARE), QUOTA_NO);
	assert_int_equal(take(QUOTA_LOW), QUOTA_GO);
}

TEST(the_first_call_of_the_day_goes_alone_and_what_it_tells_counts)
{
	place.now = MIDNIGHT + 12 * HOUR;
	assert_int_equal(take(QUOTA_SPARE), QUOTA_GO);
	assert_int_equal(take(QUOTA_SPARE), QUOTA_NO);
	assert_has(why, "the first call of the day");
	answer(1000, 100); /* other programs have used the key */
	assert_int_equal(take(QUOTA_SPARE), QUOTA_NO);
	assert_has(why, "reserved");
	assert_int_equal(take(QUOTA_ANY), QUOTA_GO);
}

TEST(a_clock_that_jumps_brings_no_more_than_the_reserve_allows)
{
	place.now = MIDNIGHT + 6 * HOUR;
	assert_int_equal(spend(1000, 1000), 175);
	place.now = MIDNIGHT + 18 * HOUR; /* ahead */
	assert_int_equal(spend(1000, 1000), 350);
	place.now = MIDNIGHT + 7 * HOUR; /* and back */
	assert_int_equal(spend(1000, 1000), 0);
	place.now = MIDNIGHT + 24 * HOUR - 1;
	assert_int_equal(spend(1000, 1000), 175);
	place.now = MIDNIGHT - 1; /* the day before: only the service knows what was used */
	assert_int_equal(take(QUOTA_SPARE), QUOTA_GO);
	answer(1000, 299);
	assert_int_equal(spend(1000, 1000), 0);
}

TEST(a_quota_of_zero_or_of_a_hundred_million_is_shared_as_well)
{
	place.now = MIDNIGHT + 24 * HOUR - 1;
	assert_int_equal(take(QUOTA_SPARE), QUOTA_GO);
	answer(100000000, 99999999);
	assert_int_equal(take(QUOTA_SPARE), QUOTA_GO);
	answer(100000000, 30000000);
	assert_int_equal(take(QUOTA_SPARE), QUOTA_NO);
	answer(1, 0);
	assert_int_equal(take(QUOTA_SPARE), QUOTA_NO);
	assert_has(why, "used up");
}
