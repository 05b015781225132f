/* SPDX-License-Identifier: MIT */
/* test_publications.c - what is in the zone of the fleet is what is wanted, whatever gets lost */
#include "store/publications.h"
#include "place.h"

static struct addr key; /* 45.1.1.1 */

static int set_up(void **state)
{
	assert_ok(place_set_up(state));
	key = addr_of("45.1.1.1");
	return place_open(STORE_WORK);
}

FIXTURE(set_up, place_tear_down);

/* ---- a zone ---- */

#define RECORDS_MAX 64
struct record {
	struct addr addr;
	int64_t value; /* an octet, or the time in a text */
};
struct records {
	struct record list[RECORDS_MAX];
	size_t count;
};
static struct zone {
	struct records a, texts;
} zone;

static size_t record_row(const struct records *records, const struct addr *addr, int64_t value)
{
	size_t i = 0;

	while (i < records->count &&
	       (!addr_equal(&records->list[i].addr, addr) || records->list[i].value != value))
		i++;
	return i;
}

static void record_add(struct records *records, const struct addr *addr, int64_t value)
{
	size_t i = record_row(records, addr, value);

	assert_true(i < RECORDS_MAX);
	records->list[i] = (struct record){ *addr, value };
	if (i == records->count)
		records->count++;
}

static void record_delete(struct records *records, const struct addr *addr, int64_t value)
{
	size_t i = record_row(records, addr, value);

	if (i < records->count)
		records->list[i] = records->list[--records->count];
}

/* As a server does it (RFC 2136, 3.4.2), in the order of the message. */
static void zone_update(const struct publication *list, int count)
{
	for (int i = 0; i < count; i++) {
		const struct publication *one = &list[i];

		if (one->state == PUBLICATION_WANTED) {
			record_add(&zone.a, &one->addr, one->octet);
			record_add(&zone.texts, &one->addr, one->until);
			continue;
		}
		assert_int_equal(one->state, PUBLICATION_UNWANTED);
		if (!one->keep_a)
			record_delete(&zone.a, &one->addr, one->octet);
		if (!one->keep_text)
			record_delete(&zone.texts, &one->addr, one->until);
	}
}

static bool zone_has(const char *addr, int octet, int64_t until)
{
	struct addr at = addr_of(addr);
	bool has_a = record_row(&zone.a, &at, octet) < zone.a.count;

	assert_int_equal(has_a, record_row(&zone.texts, &at, until) < zone.texts.count);
	return has_a;
}

/* A round of a worker whose server takes all. */
static int deliver(void)
{
	struct publication list[16];
	int count = store_publications_take(place.store, list, COUNT(list));

	assert_true(count >= 0);
	zone_update(list, count);
	assert_ok(store_publications_done(place.store, list, (size_t)count));
	return count;
}

static void deliver_all(void)
{
	while (deliver() > 0)
		;
}

static struct publication_counts counts(void)
{
	struct publication_counts ret;

	assert_ok(store_publications_count(place.store, &ret));
	return ret;
}

static void publish(int octet, int64_t until)
{
	assert_ok(store_publish(place.store, &key, &key, octet, until, false));
}

/* ---- what changes ---- */

TEST(what_is_wanted_is_published_and_what_is_not_is_withdrawn)
{
	zone = (struct zone){ 0 };
	publish(2, place.now + 100);
	deliver_all();
	assert_true(zone_has("45.1.1.1", 2, place.now + 100));
	publish(3, place.now + 500); /* its tier rises */
	deliver_all();
	assert_false(zone_has("45.1.1.1", 2, place.now + 100));
	assert_true(zone_has("45.1.1.1", 3, place.now + 500));
	publish(3, place.now + 900); /* longer: the A record stays */
	deliver_all();
	assert_true(zone_has("45.1.1.1", 3, place.now + 900));
	assert_int_equal(zone.texts.count, 1);
	publish(0, 0);
	deliver_all();
	assert_int_equal(zone.a.count + zone.texts.count, 0);
	assert_int_equal(counts().published + counts().unwanted, 0);
}

TEST(what_is_wanted_already_is_no_work)
{
	publish(2, place.now + 100);
	deliver_all();
	publish(2, place.now + 100);
	assert_ok(store_publications_take(place.store, NULL, 0));
	assert_int_equal(counts().published, 1);
}

TEST(what_was_never_sent_needs_no_withdrawal)
{
	publish(2, place.now + 100);
	publish(0, 0);
	assert_ok(store_publications_take(place.store, NULL, 0));
	assert_int_equal(counts().unwanted, 0);
}

TEST(what_may_have_been_sent_is_withdrawn)
{
	struct publication one;

	publish(2, place.now + 100);
	assert_int_equal(store_publications_take(place.store, &one, 1), 1);
	publish(0, 0); /* while it is on its way */
	assert_ok(store_publications_done(place.store, &one, 1));
	assert_int_equal(counts().unwanted, 1);
	publish(2, place.now + 100); /* wanted again: it may still be there */
	publish(0, 0);
	assert_int_equal(counts().unwanted, 1);
}

/* Two tiers with the same end have one text. */
TEST(a_late_withdrawal_leaves_the_text_of_another_tier)
{
	struct publication list[2];

	zone = (struct zone){ 0 };
	publish(2, place.now + 100);
	deliver_all();
	publish(3, place.now + 100);
	assert_int_equal(store_publications_take(place.store, list, 2), 2);
	zone_update(&list[1], 1);
	assert_ok(store_publications_done(place.store, &list[1], 1));
	place.now += 60;
	deliver_all();
	assert_true(zone_has("45.1.1.1", 3, place.now + 40));
	assert_int_equal(zone.a.count, 1);
}

/* The withdrawal of the first leaves it to the second, which is never sent. */
TEST(a_record_that_was_left_to_another_row_is_withdrawn_with_it)
{
	struct publication one;

	zone = (struct zone){ 0 };
	publish(2, place.now + 100);
	deliver_all();
	place.now += 1;
	publish(2, place.now + 500);
	assert_int_equal(store_publications_take(place.store, &one, 1), 1);
	assert_true(one.keep_a);
	zone_update(&one, 1);
	assert_ok(store_publications_done(place.store, &one, 1));
	publish(0, 0);
	deliver_all();
	assert_int_equal(zone.a.count + zone.texts.count, 0);
}

TEST(a_held_block_is_published_with_its_first_line)
{
	zone = (struct zone){ 0 };
	assert_ok(store_publish(place.store, &key, &key, 2, place.now + 100, true));
	assert_ok(store_publications_take(place.store, NULL, 0));
	assert_int_equal(store_publication_octet(place.store, &key), 2);
	assert_ok(store_publication_announced(place.store, &key, place.now + 150));
	deliver_all();
	assert_true(zone_has("45.1.1.1", 2, place.now + 150));
}

TEST(a_lower_tier_takes_the_place_of_a_higher_one)
{
	zone = (struct zone){ 0 };
	publish(3, place.now + 500);
	deliver_all();
	assert_ok(store_publication_lower(place.store, &key, 2, place.now + 100));
	deliver_all();
	assert_true(zone_has("45.1.1.1", 2, place.now + 100));
	assert_int_equal(zone.a.count, 1);
	assert_ok(store_publication_lower(place.store, &key, 5, place.now + 900)); /* is none */
	assert_ok(store_publications_take(place.store, NULL, 0));
}

TEST(what_is_over_is_withdrawn_also_weeks_later)
{
	zone = (struct zone){ 0 };
	publish(2, place.now + 100);
	deliver_all();
	place.now += 100;
	assert_ok(store_publications_expire(place.store));
	place.now += 30 * 86400;
	assert_int_equal(store_publications_take(place.store, NULL, 0), 1);
	deliver_all();
	assert_int_equal(zone.a.count + zone.texts.count, 0);
}

TEST(withdrawals_go_first_and_failed_ones_wait)
{
	struct publication list[2];
	struct addr other = addr_of("45.1.1.2");

	publish(2, place.now + 100);
	deliver_all();
	place.now += 5;
	assert_ok(store_publish(place.store, &other, &other, 2, place.now + 100, false));
	place.now += 5;
	publish(0, 0);
	assert_int_equal(store_publications_take(place.store, list, 2), 2);
	assert_int_equal(list[0].state, PUBLICATION_UNWANTED);
	assert_int_equal(list[0].tries, 1);
	assert_int_equal(store_publications_take(place.store, NULL, 0), 0);
	assert_ok(store_publications_failed(place.store, list, 2, place.now + 60));
	assert_int_equal(counts().oldest_since, place.now - 5);
	place.now += 60;
	assert_int_equal(store_publications_take(place.store, list, 2), 2);
	assert_int_equal(list[1].tries, 2);
}

TEST(another_zone_gets_all_of_it)
{
	publish(2, place.now + 100);
	deliver_all();
	zone = (struct zone){ 0 };
	assert_ok(store_publications_again(place.store));
	deliver_all();
	assert_true(zone_has("45.1.1.1", 2, place.now + 100));
}

/* ---- with what it follows from ---- */

TEST(a_release_and_a_forgotten_address_are_withdrawn)
{
	struct addr other = addr_of("45.1.1.2");
	struct publication one;

	place_put_block("45.1.1.1", place.now + 100);
	publish(2, place.now + 100);
	assert_ok(store_publish(place.store, &other, &other, 2, place.now + 100, false));
	deliver_all();
	assert_ok(store_release(
		place.store, &(struct recheck){ .key = key, .since = place.now - 1 }, "recheck"));
	assert_int_equal(counts().unwanted, 0); /* not this block */
	assert_ok(store_release(place.store, &(struct recheck){ .key = key, .since = place.now },
				"recheck"));
	assert_int_equal(counts().unwanted, 1);
	assert_ok(store_forget(place.store, &other, 128, 0, NULL));
	assert_int_equal(counts().unwanted, 2);
	deliver_all();
	assert_ok(store_publications_take(place.store, &one, 1));
	assert_int_equal(counts().published + counts().unwanted, 0);
}

TEST(a_pardon_takes_the_place_of_a_block_until_it_ends)
{
	zone = (struct zone){ 0 };
	publish(2, place.now + 100);
	deliver_all();
	assert_ok(store_forget(place.store, &key, 128, place.now + 500, &key));
	deliver_all();
	assert_true(zone_has("45.1.1.1", PUBLICATION_PARDON, place.now + 500));
	assert_int_equal(zone.a.count, 1);
	assert_int_equal(store_unpardon(place.store, &(struct prefix){ key, 128 }), 1);
	deliver_all();
	assert_int_equal(zone.a.count + zone.texts.count, 0);
}

/* The block of the /64 is that of the address that was seen, and so is its record. */
TEST(a_prefix_is_published_as_the_address_that_was_seen)
{
	struct addr seen = addr_of("2a02:4780:15:1::50"), later = addr_of("2a02:4780:15:1::60");

	zone = (struct zone){ 0 };
	key = addr_of("2a02:4780:15:1::");
	assert_ok(store_publish(place.store, &key, &seen, 2, place.now + 100, false));
	deliver_all();
	assert_true(zone_has("2a02:4780:15:1::50", 2, place.now + 100));
	assert_ok(store_publish(place.store, &key, &later, 3, place.now + 100, false));
	deliver_all();
	assert_true(zone_has("2a02:4780:15:1::60", 3, place.now + 100));
	assert_int_equal(zone.a.count + zone.texts.count, 2);
	assert_ok(store_forget(place.store, &key, 64, 0, NULL));
	deliver_all();
	assert_int_equal(zone.a.count + zone.texts.count, 0);
}

TEST(what_has_no_block_or_pardon_any_more_is_found_and_withdrawn)
{
	struct addr lost = addr_of("45.1.1.2"), pardoned = addr_of("45.1.1.3");

	place_put_block("45.1.1.1", place.now + 100);
	publish(2, place.now + 100);
	assert_ok(store_publish(place.store, &lost, &lost, 2, place.now + 100, false));
	assert_ok(store_publish(place.store, &pardoned, &pardoned, PUBLICATION_PARDON,
				place.now + 100, false));
	deliver_all();
	assert_ok(store_publications_check(place.store));
	assert_int_equal(counts().published, 1);
	assert_int_equal(counts().unwanted, 2);
}

TEST(the_state_of_the_fleet_survives_closing)
{
	struct fleet_state fleet;

	assert_ok(store_fleet_get(place.store, &fleet));
	assert_int_equal(fleet.serial_primary, -1);
	assert_string_equal(fleet.identity, "");
	fleet = (struct fleet_state){ .place = "7 bl.example.net",
				      .identity = "0123456789abcdef",
				      .last_ok_at = 5,
				      .last_error = "REFUSED",
				      .serial_primary = 4294967295,
				      .serial_resolver = 0 };
	assert_ok(store_fleet_put(place.store, &fleet));
	assert_ok(place_open(STORE_READ));
	assert_ok(store_fleet_get(place.store, &fleet));
	assert_string_equal(fleet.place, "7 bl.example.net");
	assert_string_equal(fleet.identity, "0123456789abcdef");
	assert_string_equal(fleet.last_error, "REFUSED");
	assert_int_equal(fleet.last_ok_at, 5);
	assert_int_equal(fleet.serial_primary, 4294967295);
	assert_int_equal(fleet.serial_resolver, 0);
}

/* ---- a model: whatever is lost, the zone has what is wanted in the end ---- */

#define KEYS 5
static struct wanted {
	const char *key, *addrs[2];
	int addr, octet; /* octet 0: nothing */
	int64_t until;
	bool held;
} model[KEYS] = {
	{ .key = "45.1.1.1", .addrs = { "45.1.1.1", "45.1.1.1" } },
	{ .key = "45.1.1.2", .addrs = { "45.1.1.2", "45.1.1.2" } },
	{ .key = "45.1.1.3", .addrs = { "45.1.1.3", "45.1.1.3" } },
	{ .key = "2a02:1::", .addrs = { "2a02:1::5", "2a02:1::6" } },
	{ .key = "2a02:1::5", .addrs = { "2a02:1::5", "2a02:1::5" } }, /* also in the prefix */
};
static uint32_t seed;

static uint32_t below(uint32_t bound)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % bound;
}

static void want_something(struct wanted *wanted)
{
	struct addr block, addr;

	wanted->addr = (int)below(2);
	wanted->octet = below(4) ? 2 + (int)below(2) : 0;
	wanted->until = place.now + 50 * below(4) + 50;
	wanted->held = below(4) == 0;
	wanted->until += wanted->held; /* a block that is held back is a new one */
	block = addr_of(wanted->key);
	addr = addr_of(wanted->addrs[wanted->addr]);
	assert_ok(store_publish(place.store, &block, &addr, wanted->octet, wanted->until,
				wanted->held));
}

static void announce_something(struct wanted *wanted)
{
	struct addr block = addr_of(wanted->key);

	if (!wanted->octet)
		return;
	wanted->held = false;
	wanted->until += below(2) * 50;
	assert_ok(store_publication_announced(place.store, &block, wanted->until));
}

/* One message, whose answer may get lost, and whose worker may die. */
static void send_something(void)
{
	struct publication list[3];
	int count = store_publications_take(place.store, list, 1 + below(3));

	assert_true(count >= 0);
	if (below(3) == 0)
		want_something(&model[below(KEYS)]); /* in the meantime */
	if (!below(4)) {			     /* did not arrive */
		if (below(2))
			assert_ok(store_publications_failed(place.store, list, (size_t)count,
							    place.now + 15));
		return; /* or the worker was killed */
	}
	zone_update(list, count);
	if (below(4))
		assert_ok(store_publications_done(place.store, list, (size_t)count));
}

static void pass_time(void)
{
	place.now += below(30);
	assert_ok(store_publications_expire(place.store));
	for (size_t i = 0; i < KEYS; i++)
		if (model[i].until <= place.now)
			model[i].octet = 0;
}

static void assert_zone_is_wanted(void)
{
	struct zone expected = { 0 };

	for (size_t i = 0; i < KEYS; i++) {
		struct addr addr = addr_of(model[i].addrs[model[i].addr]);

		if (!model[i].octet || model[i].held)
			continue;
		record_add(&expected.a, &addr, model[i].octet);
		record_add(&expected.texts, &addr, model[i].until);
	}
	assert_int_equal(zone.a.count, expected.a.count);
	assert_int_equal(zone.texts.count, expected.texts.count);
	for (size_t i = 0; i < expected.a.count; i++)
		assert_true(record_row(&zone.a, &expected.a.list[i].addr,
				       expected.a.list[i].value) < zone.a.count);
	for (size_t i = 0; i < expected.texts.count; i++)
		assert_true(record_row(&zone.texts, &expected.texts.list[i].addr,
				       expected.texts.list[i].value) < zone.texts.count);
}

TEST(the_zone_has_what_is_wanted_whatever_was_lost)
{
	struct addr block;

	zone = (struct zone){ 0 };
	seed = 1;
	for (int round = 0; round < 40; round++) {
		for (uint32_t i = below(30); i; i--) {
			uint32_t what = below(10);

			if (what < 3)
				want_something(&model[below(KEYS)]);
			else if (what < 5)
				announce_something(&model[below(KEYS)]);
			else if (what < 9)
				send_something();
			else
				pass_time();
		}
		for (size_t i = 0; i < KEYS; i++) /* they last until all is sent */
			if (model[i].octet) {
				model[i].until = place.now + 1000000 + (int64_t)below(3);
				model[i].held = false;
				block = addr_of(model[i].key);
				assert_ok(store_publication_announced(place.store, &block,
								      model[i].until));
			}
		place.now += 3600;
		assert_ok(store_publications_expire(place.store));
		deliver_all();
		assert_zone_is_wanted();
		place.now += 2000000;
		assert_ok(store_publications_expire(place.store));
		deliver_all();
		assert_int_equal(zone.a.count + zone.texts.count, 0);
		for (size_t i = 0; i < KEYS; i++)
			model[i].octet = 0;
	}
}
