/* SPDX-License-Identifier: MIT */
/* test_health.c - test points, quarantine and recovery of DNS lists; asking again over TCP */
#include "fake_net.h"
#include "reputation/lookup.h"
#include "reputation/dnsbl_health_store.h"
#include "unit.h"

#define BLOCK  "block.test"
#define ALLOW  "allow.test"
#define POINT4 "1.0.0.127."
#define POINT6 "1.0.0.0.0.0.f.7.f.f.f.f."
#define TEST4  "2.0.0.127."
#define SEEN4  "7.1.1.45." /* the addresses that are looked up */
#define SEEN6  ".0.8.7.4.2.0.a.2."
#define PROBE  5 /* questions of a family: 127.0.0.1, three random addresses, a random name */
#define LISTED                                                                                \
	{                                                                                     \
		.status = NET_OK, .na = 1, .a = { 0x7f000004 }, .ttl_s = 300, .has_ttl = true \
	}
#define WORLD                                                                                 \
	{                                                                                     \
		.status = NET_OK, .na = 1, .a = { 0x7f000002 }, .ttl_s = 300, .has_ttl = true \
	}
#define NO                                                            \
	{                                                             \
		.status = NET_NXDOMAIN, .ttl_s = 300, .has_ttl = true \
	}
#define CODE                                                                                 \
	{                                                                                    \
		.status = NET_OK, .na = 1, .a = { 0x7ffffffe }, .ttl_s = 60, .has_ttl = true \
	}
#define SILENCE(match)                                                 \
	{                                                              \
		match, { .status = NET_TIMEOUT }, { .code = 0 }, NEVER \
	}
#define ROW(match, ...)                              \
	{                                            \
		match, __VA_ARGS__, { .code = 0 }, 0 \
	}
enum { R_BLOCK, R_ALLOW };

static struct conf *conf;
static struct dnsbl_health_table health;
static int64_t now;
static char said[400];
static size_t nsaid;

static int64_t fake_now(void *user)
{
	(void)user;
	return now;
}

static void on_log(void *user, int priority, const char *line)
{
	(void)user;
	if (priority > LOG_NOTICE)
		return;
	snprintf(said, sizeof(said), "%s", line);
	nsaid++;
}

static int set_up(void **state)
{
	static const char *const names[] = { "block", "allow" }, *const zones[] = { BLOCK, ALLOW };
	static const char *const points[] = { "127.0.0.[2..9]*3", "127.0.0.[1..3]*-4" };
	struct err e;

	(void)state;
	assert_int_equal(conf_new(&conf), 0);
	conf->sources = calloc(2, sizeof(*conf->sources));
	assert_non_null(conf->sources);
	for (size_t i = 0; i < 2; i++) {
		struct conf_source *s = &conf->sources[i];

		snprintf(s->name, sizeof(s->name), "%s", names[i]);
		snprintf(s->zone, sizeof(s->zone), "%s", zones[i]);
		assert_int_equal(points_parse(points[i], 4, &s->points, &e), 0);
		points_range(&s->points, &s->least, &s->most);
	}
	conf->nsources = 2;
	conf->ntiers = 1;
	conf->tiers[0] = (struct conf_tier){ "known", 3, 86400 };
	memset(&health, 0, sizeof(health));
	now = 1795426190;
	nsaid = 0;
	said[0] = '\0';
	fake_net_local(true);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	conf = conf_free(conf);
	return 0;
}

FIXTURE(set_up, tear_down);

/* ---- one lookup through the engine ---- */

static const struct log a_log = { .fn = on_log, .max_priority = LOG_NOTICE };
static struct session env;
static struct lookup *one;
static bool fed;

static enum feed_state next(void *user, struct task **ret, int *ret_wait_ms)
{
	(void)user;
	(void)ret_wait_ms;
	if (fed)
		return FEED_END;
	fed = true;
	*ret = &one->task;
	return FEED_TASK;
}

static source_set settled(void *user, struct task *t)
{
	(void)user;
	return lookup_settled(&env, t->owner);
}

static const struct lookup *look_up_as(enum origin origin, const char *ip,
				       const struct fake_answer *script)
{
	struct feed feed = { .window_max = 1, .task_ms = 2000, .next = next, .settled = settled };
	static struct err failure;
	struct addr a;

	env = (struct session){ .conf = conf,
				.clock = { .now_s = fake_now },
				.log = &a_log,
				.err = &failure,
				.auth_mark = "",
				.ops = &fake_net,
				.health = &health };
	fake_net_script(script);
	assert_true(addr_parse(ip, &a));
	one = lookup_free(one);
	assert_int_equal(lookup_new(&env, &a, origin, 0, &one), 0);
	fed = false;
	assert_int_equal(engine_run(&env, &feed), 0);
	return one;
}

static const struct lookup *look_up(const char *ip, const struct fake_answer *script)
{
	return look_up_as(BY_HAND, ip, script);
}

/* ---- test points ---- */

static const struct fake_answer honest[] = { ROW(POINT4, NO),
					     ROW(POINT6, NO),
					     ROW("7.1.1.45." BLOCK, LISTED),
					     ROW("TXT", NO),
					     { .match = NULL } };

TEST(a_list_is_probed_before_it_is_believed_and_then_left_alone)
{
	assert_int_equal(look_up("45.1.1.7", honest)->verdict.kind, V_CONFIRMED);
	assert_int_equal(fake_net_asked(), 2 * (1 + 2 * PROBE) + 1); /* and the reason */
	assert_int_equal(health.rows[R_BLOCK].state.state[0], ZONE_GOOD);
	assert_int_equal(health.rows[R_BLOCK].state.state[1], ZONE_GOOD);
	now += conf->health_s - 1;
	assert_int_equal(look_up("45.1.1.8", honest)->verdict.kind, V_CLEAN);
	assert_int_equal(fake_net_asked(), 2);
	now += 1;
	look_up("45.1.1.8", honest);
	assert_int_equal(fake_net_asked(), 2 * (1 + 2 * PROBE));
	assert_int_equal(nsaid, 0);
}

TEST(a_listing_has_the_list_probed_at_most_once_a_minute)
{
	look_up("45.1.1.8", honest);
	now += 59;
	assert_int_equal(look_up("45.1.1.7", honest)->verdict.kind, V_CONFIRMED);
	assert_int_equal(fake_net_asked(), 3);
	now += 1;
	assert_int_equal(look_up("45.1.1.7", honest)->verdict.kind, V_CONFIRMED);
	assert_int_equal(fake_net_asked(), 3 + PROBE); /* of its family and list only */
	now += 59;
	look_up("45.1.1.7", honest);
	assert_int_equal(fake_net_asked(), 3);
	now += 1;
	look_up("45.1.1.8", honest); /* not listed */
	assert_int_equal(fake_net_asked(), 2);
}

/* Probed a minute ago, and good. */
TEST(a_list_that_breaks_between_two_probes_confirms_nothing)
{
	static const struct fake_answer all_but_the_points[] = {
		ROW(POINT4, NO), ROW(POINT6, NO), ROW(ALLOW, NO), ROW("", WORLD), { .match = NULL }
	};
	static const enum origin origins[] = { BY_HAND, AMBIGUOUS, SURE };
	static const char *const ips[] = { "45.1.1.7", "2a02:4780::7" };

	for (size_t i = 0; i < 6; i++) {
		memset(&health, 0, sizeof(health));
		look_up("45.1.1.8", honest);
		now += 60;
		look_up_as(origins[i % 3], ips[i / 3], all_but_the_points);
		assert_int_equal(one->verdict.kind, V_UNKNOWN);
		assert_string_equal(one->findings[R_BLOCK].detail, "lists 3 of 3 random addresses");
		assert_int_equal(health.rows[R_BLOCK].state.state[i / 3], ZONE_BAD);
	}
}

/* By chance one of three is listed: the listing waits for the next probe, without a message. */
TEST(one_random_address_that_is_listed_is_a_doubt)
{
	static const struct fake_answer script[] = { ROW(POINT4, NO),
						     ROW(POINT6, NO),
						     ROW(ALLOW, NO),
						     ROW(SEEN4, LISTED),
						     { .match = NULL } };
	static const struct fake_answer listed = ROW("", LISTED);

	look_up("45.1.1.7", script);
	assert_int_equal(one->verdict.kind, V_CONFIRMED);
	now += 60;
	fake_net_nth(3, &listed); /* after two questions and 127.0.0.1 */
	look_up("45.1.1.7", script);
	assert_int_equal(one->verdict.kind, V_UNKNOWN);
	assert_string_equal(one->findings[R_BLOCK].detail,
			    "not believed: it lists 1 of 3 random addresses");
	assert_int_equal(health.rows[R_BLOCK].state.state[0], ZONE_GOOD);
	assert_int_equal(nsaid, 0);
	now += 10;
	assert_int_equal(look_up("45.1.1.7", script)->verdict.kind, V_CONFIRMED);
}

TEST(a_list_with_a_test_point_it_may_not_have_is_worth_nothing)
{
	static const struct fake_answer world4[] = { ROW(POINT4 BLOCK, WORLD),
						     ROW(POINT6, NO),
						     ROW(ALLOW, NO),
						     ROW("", LISTED),
						     { .match = NULL } };
	static const struct fake_answer world6[] = {
		ROW(POINT4, NO),
		ROW(POINT6 "0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0." BLOCK, WORLD),
		ROW(ALLOW, NO),
		ROW(SEEN4, LISTED),
		ROW(SEEN6, LISTED),
		{ .match = NULL }
	};
	static const struct fake_answer code[] = { ROW(POINT4 BLOCK, CODE),
						   ROW(POINT6, NO),
						   ROW(ALLOW, NO),
						   ROW("", LISTED),
						   { .match = NULL } };
	static const struct fake_answer parked[] = {
		ROW(POINT4 BLOCK, { .status = NET_OK, .na = 1, .a = { 0x5db8d822 } }),
		ROW(POINT6, NO),
		ROW(ALLOW, NO),
		ROW("", LISTED),
		{ .match = NULL }
	};
	static const struct {
		const struct fake_answer *script;
		const char *why;
	} rows[] = {
		{ world4, "lists 127.0.0.1 (RFC 5782 test entry)" },
		{ world6, "lists ::ffff:7f00:1 (RFC 5782 test entry)" },
		{ code,
		  "refuses this resolver: answered 127.255.255.254, it is a public resolver" },
		{ parked, "gave no answer of a DNS list: answered 93.184.216.34, an error code" },
	};
	static const char *const ips[] = { "45.1.1.7", "2a02:4780::7" };

	for (size_t i = 0; i < COUNT(rows); i++) {
		for (size_t k = 0; k < 2; k++) {
			memset(&health, 0, sizeof(health));
			assert_int_equal(look_up(ips[k], rows[i].script)->verdict.kind, V_UNKNOWN);
			assert_int_equal(one->findings[R_BLOCK].status, FINDING_QUARANTINED);
			assert_int_equal(one->findings[R_BLOCK].points, 0);
			assert_string_equal(one->findings[R_BLOCK].detail, rows[i].why);
			assert_int_equal(one->verdict.low, 0);
			assert_int_equal(one->verdict.high, 0);
			assert_non_null(strstr(said, "[dnsbl block] quarantined"));
		}
	}
}

TEST(a_quarantined_list_is_not_asked_until_its_next_probe_frees_it)
{
	static const struct fake_answer world[] = { ROW(ALLOW, NO),
						    ROW("", WORLD),
						    { .match = NULL } };

	look_up("45.1.1.7", world);
	assert_int_equal(nsaid, 1);
	now += conf->health_s - 1;
	assert_int_equal(look_up("45.1.1.7", honest)->findings[R_BLOCK].status,
			 FINDING_QUARANTINED);
	assert_int_equal(fake_net_asked(), 1); /* the allowlist */
	assert_int_equal(nsaid, 1);
	now += 1;
	assert_int_equal(look_up("45.1.1.7", honest)->verdict.kind, V_CONFIRMED);
	assert_int_equal(nsaid, 2);
	assert_non_null(strstr(said, "[dnsbl block] passes its test points again"));
}

TEST(a_list_whose_test_point_is_silent_is_not_believed)
{
	static const struct fake_answer silent[] = { SILENCE(POINT4 BLOCK),
						     SILENCE(POINT6),
						     ROW(ALLOW, NO),
						     ROW(SEEN4, LISTED),
						     { .match = NULL } };
	static const struct fake_answer clean[] = { SILENCE(POINT4 BLOCK),
						    ROW("", NO),
						    { .match = NULL } };

	assert_int_equal(look_up("45.1.1.7", silent)->verdict.kind, V_UNKNOWN);
	assert_int_equal(one->findings[R_BLOCK].status, FINDING_ERROR);
	assert_non_null(strstr(one->findings[R_BLOCK].detail, "127.0.0.1 got no answer"));
	assert_int_equal(one->verdict.high, 3);
	assert_int_equal(look_up("45.1.1.7", clean)->verdict.kind, V_UNKNOWN);
}

/* Its "no" counts, its listings wait for a probe that is answered. */
TEST(of_a_list_once_good_whose_points_are_silent_no_listing_counts)
{
	static const struct fake_answer silent[] = {
		SILENCE(POINT4), SILENCE(POINT6), ROW(SEEN4 BLOCK, LISTED), { .match = NULL }
	};

	look_up("45.1.1.7", honest);
	now += conf->health_s;
	assert_int_equal(look_up("45.1.1.7", silent)->verdict.kind, V_UNKNOWN);
	assert_int_equal(one->findings[R_BLOCK].status, FINDING_ERROR);
	assert_string_equal(one->findings[R_BLOCK].detail,
			    "not believed: its test point 127.0.0.1 got no answer");
	assert_int_equal(fake_net_time_ms(), 2000); /* held until the probe was given up */
	now += 10;
	assert_int_equal(look_up("45.1.1.8", silent)->verdict.kind, V_CLEAN);
	now += 10;
	assert_int_equal(look_up("45.1.1.7", honest)->verdict.kind, V_CONFIRMED);
}

TEST(only_the_family_asked_about_needs_its_test_point)
{
	static const struct fake_answer no6[] = {
		ROW(POINT4, NO),    ROW(POINT6, { .status = NET_REFUSED }),
		ROW(ALLOW, NO),	    ROW(SEEN4, LISTED),
		ROW(SEEN6, LISTED), { .match = NULL }
	};

	assert_int_equal(look_up("45.1.1.7", no6)->verdict.kind, V_CONFIRMED);
	assert_int_equal(look_up("2a02:4780::7", no6)->verdict.kind, V_UNKNOWN);
	assert_non_null(strstr(one->findings[R_BLOCK].detail, "::ffff:7f00:1 got no answer"));
}

/* One answer of three random addresses, and the one for a name, may get lost. */
TEST(a_probe_may_lose_a_random_address_and_the_name_and_nothing_else)
{
	static const struct fake_answer lost = SILENCE("");

	conf->sources[R_BLOCK].test_entry = true;
	for (size_t i = 0; i < 6; i++) { /* in the order in which they are asked for */
		static const struct fake_answer script[] = { ROW(POINT4, NO),
							     ROW(POINT6, NO),
							     ROW(TEST4, WORLD),
							     ROW(SEEN4 BLOCK, LISTED),
							     { .match = NULL } };
		bool may_be_lost = i >= 2;

		memset(&health, 0, sizeof(health));
		fake_net_nth(i, &lost);
		look_up("45.1.1.7", script);
		assert_int_equal(one->verdict.kind, may_be_lost ? V_CONFIRMED : V_UNKNOWN);
		now += 60;
	}
}

TEST(a_list_without_its_test_entry_is_worth_nothing)
{
	static const struct fake_answer lost[] = { ROW("", NO), { .match = NULL } };
	static const struct fake_answer no_data[] = { ROW("", { .status = NET_NODATA }),
						      { .match = NULL } };
	static const struct fake_answer still[] = { ROW(SEEN4 BLOCK, LISTED), { .match = NULL } };
	static const struct fake_answer *const scripts[] = { lost, no_data, still };

	for (size_t i = 0; i < 3; i++) {
		memset(&health, 0, sizeof(health));
		conf->sources[R_BLOCK].test_entry = true;
		assert_int_equal(look_up("45.1.1.7", scripts[i])->verdict.kind, V_UNKNOWN);
		assert_int_equal(one->findings[R_BLOCK].status, FINDING_QUARANTINED);
		assert_non_null(strstr(one->findings[R_BLOCK].detail,
				       "does not list its test entry 127.0.0.2"));
		memset(&health, 0, sizeof(health));
		conf->sources[R_BLOCK].test_entry = false;
		assert_int_equal(look_up("45.1.1.7", scripts[i])->verdict.kind,
				 i == 2 ? V_CONFIRMED : V_CLEAN);
	}
}

/* Many lists have no IPv6: their "no" says nothing, and their IPv4 is as good as before. */
TEST(a_no_of_a_list_without_ipv6_is_none)
{
	static const struct fake_answer script[] = { ROW(TEST4, WORLD),
						     ROW(SEEN6 BLOCK, LISTED),
						     { .match = NULL } };

	conf->sources[R_BLOCK].test_entry = true;
	assert_int_equal(look_up("2a02:4781::7", script)->verdict.kind, V_UNKNOWN);
	assert_int_equal(one->findings[R_BLOCK].status, FINDING_SKIPPED);
	assert_int_equal(one->verdict.high, 0);
	assert_int_equal(look_up("45.1.1.7", script)->verdict.kind, V_CLEAN);
	assert_int_equal(look_up("2a02:4780::7", script)->verdict.kind, V_CONFIRMED);
}

TEST(an_error_code_probes_at_once)
{
	static const struct fake_answer gone[] = { ROW(ALLOW, NO),
						   ROW("", CODE),
						   { .match = NULL } };
	static const struct fake_answer limit[] = { ROW("8.1.1.45." BLOCK, CODE),
						    ROW("9.1.1.45." BLOCK, CODE),
						    { .match = NULL } };

	look_up("45.1.1.7", honest);
	now += 61;
	assert_int_equal(look_up("45.1.1.8", limit)->findings[R_BLOCK].status, FINDING_ERROR);
	assert_int_equal(fake_net_asked(), 2 + PROBE);
	now += 59;
	look_up("45.1.1.9", gone); /* once a minute is enough */
	assert_int_equal(fake_net_asked(), 2);
	assert_int_equal(one->findings[R_BLOCK].status, FINDING_ERROR);
	now += 1;
	assert_int_equal(look_up("45.1.1.9", gone)->findings[R_BLOCK].status, FINDING_QUARANTINED);
}

/* For a day it would keep every verdict open otherwise, and over its limit clear everybody. */
TEST(an_allowlist_that_refuses_this_resolver_decides_nothing)
{
	static const uint32_t codes[] = { 0x7f0000ff, 0x7f000a03, 0x7ffffffe, 0x7fffffff };

	for (size_t i = 0; i < 8; i++) {
		struct fake_answer script[] = { ROW(POINT4 ALLOW, NO),
						ROW(ALLOW, { .status = NET_OK, .na = 1 }),
						ROW(SEEN4 BLOCK, LISTED),
						{ .match = NULL } };

		script[1].dns.a[0] = codes[i / 2];
		memset(&health, 0, sizeof(health));
		if (i % 2) { /* it was good until now */
			look_up("45.1.1.8", honest);
			now += 60;
		}
		assert_int_equal(look_up("45.1.1.7", script)->verdict.kind, V_CONFIRMED);
		assert_int_equal(one->findings[R_ALLOW].status, FINDING_QUARANTINED);
		assert_non_null(
			strstr(one->findings[R_ALLOW].detail, "refuses this resolver: answered"));
		now += 60;
	}
}

TEST(an_allowlist_silent_for_a_day_no_longer_keeps_verdicts_open)
{
	static const struct fake_answer silent[] = {
		ROW(POINT4 BLOCK, NO), ROW(POINT6, NO), ROW("7.1.1.45." BLOCK, LISTED),
		SILENCE(ALLOW),	       ROW("TXT", NO),	{ .match = NULL }
	};

	look_up("45.1.1.7", honest);
	assert_int_equal(look_up("45.1.1.7", silent)->verdict.kind, V_UNKNOWN);
	now += 86399;
	assert_int_equal(look_up("45.1.1.7", silent)->verdict.kind, V_UNKNOWN);
	assert_int_equal(one->verdict.low, -1);
	now += 1;
	assert_int_equal(look_up("45.1.1.7", silent)->verdict.kind, V_CONFIRMED);
	assert_int_equal(one->findings[R_ALLOW].status, FINDING_QUARANTINED);
	assert_non_null(strstr(
		said, "[dnsbl allow] quarantined: an allowlist that has not answered for a day"));
	now += conf->health_s;
	assert_int_equal(look_up("45.1.1.7", honest)->findings[R_ALLOW].status, FINDING_OK);
}

TEST(one_answer_in_a_day_ends_an_allowlists_silence)
{
	static const struct fake_answer silent[] = {
		ROW(POINT4, NO), ROW(POINT6, NO), SILENCE(ALLOW), { .match = NULL }
	};

	look_up("45.1.1.7", silent);
	now += 80000;
	look_up("45.1.1.7", honest);
	now += 80000;
	assert_int_equal(look_up("45.1.1.7", silent)->findings[R_ALLOW].status, FINDING_TIMEOUT);
}

TEST(a_block_listed_answer_of_the_quarantined_is_not_taken_from_the_cache)
{
	struct finding f[2] = { { .status = FINDING_OK, .listed = true, .points = 3 },
				{ .status = FINDING_OK } };

	health.rows[R_BLOCK].state.state[1] = ZONE_BAD;
	env.health = &health;
	env.conf = conf;
	dnsbl_health_mark(&env, f);
	assert_int_equal(f[R_BLOCK].status, FINDING_QUARANTINED);
	assert_int_equal(f[R_BLOCK].points, 0);
	assert_int_equal(f[R_ALLOW].status, FINDING_OK);
}

/* ---- over TCP ---- */

TEST(what_would_block_is_asked_again_over_tcp)
{
	static const struct fake_answer both[] = { ROW(POINT4, NO),
						   ROW(POINT6, NO),
						   ROW("TCP 7.1.1.45." BLOCK, LISTED),
						   ROW("7.1.1.45." BLOCK, LISTED),
						   { .match = NULL } };
	static const struct fake_answer forged[] = { ROW(POINT4, NO),
						     ROW(POINT6, NO),
						     ROW("TCP", NO),
						     ROW("7.1.1.45." BLOCK, LISTED),
						     { .match = NULL } };
	static const struct fake_answer no_tcp[] = { ROW(POINT4, NO),
						     ROW(POINT6, NO),
						     SILENCE("TCP"),
						     ROW("7.1.1.45." BLOCK, LISTED),
						     { .match = NULL } };
	static const struct fake_answer no_point[] = { ROW(POINT4, NO),
						       ROW(POINT6, NO),
						       ROW("TCP 7.1.1.45." BLOCK, CODE),
						       ROW("7.1.1.45." BLOCK, LISTED),
						       { .match = NULL } };
	static const struct {
		bool local;
		enum confirm_tcp confirm;
		enum origin origin;
		const struct fake_answer *script;
		enum verdict_kind kind;
	} rows[] = {
		{ false, CONFIRM_AUTO, SURE, both, V_CONFIRMED },
		{ false, CONFIRM_AUTO, SURE, forged, V_CLEAN },
		{ false, CONFIRM_AUTO, AMBIGUOUS, forged, V_CLEAN },
		{ false, CONFIRM_AUTO, SURE, no_tcp, V_UNKNOWN },
		{ false, CONFIRM_AUTO, SURE, no_point, V_UNKNOWN },
		{ true, CONFIRM_AUTO, SURE, forged, V_CONFIRMED },
		{ true, CONFIRM_YES, SURE, forged, V_CLEAN },
		{ false, CONFIRM_NO, SURE, forged, V_CONFIRMED },
		{ false, CONFIRM_YES, BY_HAND, forged, V_CONFIRMED }, /* makes no block */
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		fake_net_local(rows[i].local);
		conf->confirm_tcp = rows[i].confirm;
		memset(&health, 0, sizeof(health));
		if (look_up_as(rows[i].origin, "45.1.1.7", rows[i].script)->verdict.kind !=
		    rows[i].kind)
			fail_msg("row %zu: %d", i, one->verdict.kind);
	}
}
