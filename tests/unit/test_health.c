/* SPDX-License-Identifier: MIT */
/* test_health.c - test points, quarantine and recovery of DNS lists; asking again over TCP */
#include "asked.h"
#include "reputation/lookup.h"
#include "reputation/dnsbl_health_store.h"
#include <arpa/inet.h>

#define PROBE	 5 /* questions of a family: 127.0.0.1, three random addresses, a random name */
#define VERDICTS "unknown clean confirmed"
#define LISTED                                                                                \
	{                                                                                     \
		.status = NET_OK, .na = 1, .a = { 0x7f000004 }, .ttl_s = 300, .has_ttl = true \
	}
enum { R_BLOCK, R_ALLOW };

static struct dnsbl_health_table health;
static char said[400];
static size_t nsaid;

static void on_log(void *user, int priority, const char *line)
{
	(void)user;
	if (priority > LOG_NOTICE)
		return;
	snprintf(said, sizeof(said), "%s", line);
	nsaid++;
}

static const struct log a_log = { .fn = on_log, .max_priority = LOG_NOTICE };
static struct session env;
static struct lookup *one;

static int set_up(void **state)
{
	assert_ok(place_set_up(state));
	place_add_list("block", "block.test", "127.0.0.[2..9]*3");
	place_add_list("allow", "allow.test", "127.0.0.[1..3]*-4");
	place_add_tiers(1);
	memset(&health, 0, sizeof(health));
	nsaid = 0;
	said[0] = '\0';
	fake_is_local = true;
	env = asked_session();
	env.log = &a_log;
	env.health = &health;
	return 0;
}

static int tear_down(void **state)
{
	one = lookup_free(one);
	return place_tear_down(state);
}

FIXTURE(set_up, tear_down);

/* ---- a script in words: see data/unit/health.tsv ---- */

enum { RULES_MAX = 8 };
struct script {
	struct fake_answer answers[RULES_MAX + 1];
	char matches[RULES_MAX][120];
};

static const char *part_of_name(const char *word)
{
	static const char *const parts[][2] = {
		{ "point4", "1.0.0.127." },
		{ "point6", "1.0.0.0.0.0.f.7.f.f.f.f." },
		{ "test4", "2.0.0.127." },
		{ "seen4", "7.1.1.45." },
		{ "seen6", ".0.8.7.4.2.0.a.2." },
		{ "block", "block.test" },
		{ "allow", "allow.test" },
		{ "TCP", "TCP " },
		{ "any", "" },
	};

	for (size_t i = 0; i < COUNT(parts); i++)
		if (!strcmp(parts[i][0], word))
			return parts[i][1];
	return word;
}

static void read_answer(const char *word, struct fake_answer *answer)
{
	static const char *const addresses[][2] = { { "listed", "127.0.0.4" },
						    { "world", "127.0.0.2" },
						    { "code", "127.255.255.254" } };
	static const struct {
		const char *word;
		enum net_status status;
	} others[] = { { "no", NET_NXDOMAIN },
		       { "nodata", NET_NODATA },
		       { "refused", NET_REFUSED },
		       { "silence", NET_TIMEOUT } };
	uint32_t address;

	answer->dns = (struct dns_answer){ .ttl_s = 300, .has_ttl = true };
	answer->delay_ms = strcmp(word, "silence") ? 0 : NEVER;
	for (size_t i = 0; i < COUNT(others); i++)
		if (!strcmp(others[i].word, word)) {
			answer->dns.status = others[i].status;
			return;
		}
	for (size_t i = 0; i < COUNT(addresses); i++)
		if (!strcmp(addresses[i][0], word))
			word = addresses[i][1];
	assert_int_equal(inet_pton(AF_INET, word, &address), 1);
	answer->dns.na = 1;
	answer->dns.a[0] = ntohl(address);
}

static void read_script(const char *text, struct script *script)
{
	char *copy = strdup(text), *rest = copy, *rule, *word;
	size_t n = 0;

	assert_non_null(copy);
	memset(script, 0, sizeof(*script));
	for (; (rule = strsep(&rest, ";")); n++) {
		char *match = script->matches[n];

		assert_true(n < RULES_MAX);
		while ((word = strsep(&rule, " ")) && strcmp(word, "=") != 0)
			strcat(match, part_of_name(word));
		script->answers[n].match = match;
		read_answer(rule, &script->answers[n]);
	}
	free(copy);
}

/* ---- one lookup through the engine ---- */

static source_set settled(void *user, struct task *t)
{
	(void)user;
	return lookup_settled(&env, t->owner);
}

static const struct lookup *look_up_as(enum origin origin, const char *ip, const char *text)
{
	struct addr a = addr_of(ip);
	struct script script;

	read_script(text, &script);
	one = lookup_free(one);
	assert_ok(lookup_new(&env, &a, origin, 0, &one));
	asked_run(&env, &one->task, script.answers, 2000, settled);
	return one;
}

static const struct lookup *look_up(const char *ip, const char *script)
{
	return look_up_as(BY_HAND, ip, script);
}

/* ---- test points ---- */

static const char honest[] = "point4 = no; point6 = no; seen4 block = listed; TXT = no";

TEST(a_list_is_probed_before_it_is_believed_and_then_left_alone)
{
	assert_int_equal(look_up("45.1.1.7", honest)->verdict.kind, V_CONFIRMED);
	assert_int_equal(fake_seen.asked, 2 * (1 + 2 * PROBE) + 1); /* and the reason */
	assert_int_equal(health.rows[R_BLOCK].state.state[0], ZONE_GOOD);
	assert_int_equal(health.rows[R_BLOCK].state.state[1], ZONE_GOOD);
	place.now += place.conf->health_s - 1;
	assert_int_equal(look_up("45.1.1.8", honest)->verdict.kind, V_CLEAN);
	assert_int_equal(fake_seen.asked, 2);
	place.now += 1;
	look_up("45.1.1.8", honest);
	assert_int_equal(fake_seen.asked, 2 * (1 + 2 * PROBE));
	assert_int_equal(nsaid, 0);
}

TEST(a_listing_has_the_list_probed_at_most_once_a_minute)
{
	look_up("45.1.1.8", honest);
	place.now += 59;
	assert_int_equal(look_up("45.1.1.7", honest)->verdict.kind, V_CONFIRMED);
	assert_int_equal(fake_seen.asked, 3);
	place.now += 1;
	assert_int_equal(look_up("45.1.1.7", honest)->verdict.kind, V_CONFIRMED);
	assert_int_equal(fake_seen.asked, 3 + PROBE); /* of its family and list only */
	place.now += 59;
	look_up("45.1.1.7", honest);
	assert_int_equal(fake_seen.asked, 3);
	place.now += 1;
	look_up("45.1.1.8", honest); /* not listed */
	assert_int_equal(fake_seen.asked, 2);
}

/* Probed a minute ago, and good. */
TEST(a_list_that_breaks_between_two_probes_confirms_nothing)
{
	static const char all_but_the_points[] =
		"point4 = no; point6 = no; allow = no; any = world";
	static const enum origin origins[] = { BY_HAND, AMBIGUOUS, SURE };
	static const char *const ips[] = { "45.1.1.7", "2a02:4780::7" };

	for (size_t i = 0; i < 6; i++) {
		memset(&health, 0, sizeof(health));
		look_up("45.1.1.8", honest);
		place.now += 60;
		look_up_as(origins[i % 3], ips[i / 3], all_but_the_points);
		assert_int_equal(one->verdict.kind, V_UNKNOWN);
		assert_string_equal(one->findings[R_BLOCK].detail, "lists 3 of 3 random addresses");
		assert_int_equal(health.rows[R_BLOCK].state.state[i / 3], ZONE_BAD);
	}
}

/* By chance one of three is listed: the listing waits for the next probe, without a message. */
TEST(one_random_address_that_is_listed_is_a_doubt)
{
	static const char script[] = "point4 = no; point6 = no; allow = no; seen4 = listed";
	static const struct fake_answer listed = { .dns = LISTED };

	look_up("45.1.1.7", script);
	assert_int_equal(one->verdict.kind, V_CONFIRMED);
	place.now += 60;
	fake_net_nth(3, &listed); /* after two questions and 127.0.0.1 */
	look_up("45.1.1.7", script);
	assert_int_equal(one->verdict.kind, V_UNKNOWN);
	assert_string_equal(one->findings[R_BLOCK].detail,
			    "not believed: it lists 1 of 3 random addresses");
	assert_int_equal(health.rows[R_BLOCK].state.state[0], ZONE_GOOD);
	assert_int_equal(nsaid, 0);
	place.now += 10;
	assert_int_equal(look_up("45.1.1.7", script)->verdict.kind, V_CONFIRMED);
}

ROWS(a_list_with_a_test_point_it_may_not_have_is_worth_nothing)
{
	static const char *const ips[] = { "45.1.1.7", "2a02:4780::7" };

	for (size_t k = 0; k < 2; k++) {
		memset(&health, 0, sizeof(health));
		assert_int_equal(look_up(ips[k], row_text(row, "script"))->verdict.kind, V_UNKNOWN);
		assert_int_equal(one->findings[R_BLOCK].status, FINDING_QUARANTINED);
		assert_int_equal(one->findings[R_BLOCK].points, 0);
		assert_string_equal(one->findings[R_BLOCK].detail, row_text(row, "detail"));
		assert_int_equal(one->verdict.low, 0);
		assert_int_equal(one->verdict.high, 0);
		assert_has(said, "[dnsbl block] quarantined");
	}
}

TEST(a_quarantined_list_is_not_asked_until_its_next_probe_frees_it)
{
	static const char world[] = "allow = no; any = world";

	look_up("45.1.1.7", world);
	assert_int_equal(nsaid, 1);
	place.now += place.conf->health_s - 1;
	assert_int_equal(look_up("45.1.1.7", honest)->findings[R_BLOCK].status,
			 FINDING_QUARANTINED);
	assert_int_equal(fake_seen.asked, 1); /* the allowlist */
	assert_int_equal(nsaid, 1);
	place.now += 1;
	assert_int_equal(look_up("45.1.1.7", honest)->verdict.kind, V_CONFIRMED);
	assert_int_equal(nsaid, 2);
	assert_has(said, "[dnsbl block] passes its test points again");
}

TEST(a_list_whose_test_point_is_silent_is_not_believed)
{
	static const char silent[] =
		"point4 block = silence; point6 = silence; allow = no; seen4 = listed";
	static const char clean[] = "point4 block = silence; any = no";

	assert_int_equal(look_up("45.1.1.7", silent)->verdict.kind, V_UNKNOWN);
	assert_int_equal(one->findings[R_BLOCK].status, FINDING_ERROR);
	assert_has(one->findings[R_BLOCK].detail, "127.0.0.1 got no answer");
	assert_int_equal(one->verdict.high, 3);
	assert_int_equal(look_up("45.1.1.7", clean)->verdict.kind, V_UNKNOWN);
}

/* Its "no" counts, its listings wait for a probe that is answered. */
TEST(of_a_list_once_good_whose_points_are_silent_no_listing_counts)
{
	static const char silent[] = "point4 = silence; point6 = silence; seen4 block = listed";

	look_up("45.1.1.7", honest);
	place.now += place.conf->health_s;
	assert_int_equal(look_up("45.1.1.7", silent)->verdict.kind, V_UNKNOWN);
	assert_int_equal(one->findings[R_BLOCK].status, FINDING_ERROR);
	assert_string_equal(one->findings[R_BLOCK].detail,
			    "not believed: its test point 127.0.0.1 got no answer");
	assert_int_equal(fake_net_time_ms(), 2000); /* held until the probe was given up */
	place.now += 10;
	assert_int_equal(look_up("45.1.1.8", silent)->verdict.kind, V_CLEAN);
	place.now += 10;
	assert_int_equal(look_up("45.1.1.7", honest)->verdict.kind, V_CONFIRMED);
}

TEST(only_the_family_asked_about_needs_its_test_point)
{
	static const char no6[] =
		"point4 = no; point6 = refused; allow = no; seen4 = listed; seen6 = listed";

	assert_int_equal(look_up("45.1.1.7", no6)->verdict.kind, V_CONFIRMED);
	assert_int_equal(look_up("2a02:4780::7", no6)->verdict.kind, V_UNKNOWN);
	assert_has(one->findings[R_BLOCK].detail, "::ffff:7f00:1 got no answer");
}

/* One answer of three random addresses, and the one for a name, may get lost. */
TEST(a_probe_may_lose_a_random_address_and_the_name_and_nothing_else)
{
	static const struct fake_answer lost = { .delay_ms = NEVER };

	place.conf->sources[R_BLOCK].test_entry = true;
	for (size_t i = 0; i < 6; i++) { /* in the order in which they are asked for */
		static const char script[] =
			"point4 = no; point6 = no; test4 = world; seen4 block = listed";
		bool may_be_lost = i >= 2;

		memset(&health, 0, sizeof(health));
		fake_net_nth(i, &lost);
		look_up("45.1.1.7", script);
		assert_int_equal(one->verdict.kind, may_be_lost ? V_CONFIRMED : V_UNKNOWN);
		place.now += 60;
	}
}

TEST(a_list_without_its_test_entry_is_worth_nothing)
{
	static const char lost[] = "any = no";
	static const char no_data[] = "any = nodata";
	static const char still[] = "seen4 block = listed";
	static const char *const scripts[] = { lost, no_data, still };

	for (size_t i = 0; i < 3; i++) {
		memset(&health, 0, sizeof(health));
		place.conf->sources[R_BLOCK].test_entry = true;
		assert_int_equal(look_up("45.1.1.7", scripts[i])->verdict.kind, V_UNKNOWN);
		assert_int_equal(one->findings[R_BLOCK].status, FINDING_QUARANTINED);
		assert_has(one->findings[R_BLOCK].detail, "does not list its test entry 127.0.0.2");
		memset(&health, 0, sizeof(health));
		place.conf->sources[R_BLOCK].test_entry = false;
		assert_int_equal(look_up("45.1.1.7", scripts[i])->verdict.kind,
				 i == 2 ? V_CONFIRMED : V_CLEAN);
	}
}

/* Many lists have no IPv6: their "no" says nothing, and their IPv4 is as good as before. */
TEST(a_no_of_a_list_without_ipv6_is_none)
{
	static const char script[] = "test4 = world; seen6 block = listed";

	place.conf->sources[R_BLOCK].test_entry = true;
	assert_int_equal(look_up("2a02:4781::7", script)->verdict.kind, V_UNKNOWN);
	assert_int_equal(one->findings[R_BLOCK].status, FINDING_SKIPPED);
	assert_int_equal(one->verdict.high, 0);
	assert_int_equal(look_up("45.1.1.7", script)->verdict.kind, V_CLEAN);
	assert_int_equal(look_up("2a02:4780::7", script)->verdict.kind, V_CONFIRMED);
}

TEST(an_error_code_probes_at_once)
{
	static const char gone[] = "allow = no; any = code";
	static const char limit[] = "8.1.1.45. block = code; 9.1.1.45. block = code";

	look_up("45.1.1.7", honest);
	place.now += 61;
	assert_int_equal(look_up("45.1.1.8", limit)->findings[R_BLOCK].status, FINDING_ERROR);
	assert_int_equal(fake_seen.asked, 2 + PROBE);
	place.now += 59;
	look_up("45.1.1.9", gone); /* once a minute is enough */
	assert_int_equal(fake_seen.asked, 2);
	assert_int_equal(one->findings[R_BLOCK].status, FINDING_ERROR);
	place.now += 1;
	assert_int_equal(look_up("45.1.1.9", gone)->findings[R_BLOCK].status, FINDING_QUARANTINED);
}

/* For a day it would keep every verdict open otherwise, and over its limit clear everybody. */
TEST(an_allowlist_that_refuses_this_resolver_decides_nothing)
{
	static const char *const codes[] = { "127.0.0.255", "127.0.10.3", "127.255.255.254",
					     "127.255.255.255" };

	for (size_t i = 0; i < 8; i++) {
		char script[80];

		snprintf(script, sizeof(script),
			 "point4 allow = no; allow = %s; seen4 block = listed", codes[i / 2]);
		memset(&health, 0, sizeof(health));
		if (i % 2) { /* it was good until now */
			look_up("45.1.1.8", honest);
			place.now += 60;
		}
		assert_int_equal(look_up("45.1.1.7", script)->verdict.kind, V_CONFIRMED);
		assert_int_equal(one->findings[R_ALLOW].status, FINDING_QUARANTINED);
		assert_has(one->findings[R_ALLOW].detail, "refuses this resolver: answered");
		place.now += 60;
	}
}

TEST(an_allowlist_silent_for_a_day_no_longer_keeps_verdicts_open)
{
	static const char silent[] =
		"point4 block = no; point6 = no; seen4 block = listed; allow = silence; TXT = no";

	look_up("45.1.1.7", honest);
	assert_int_equal(look_up("45.1.1.7", silent)->verdict.kind, V_UNKNOWN);
	place.now += 86399;
	assert_int_equal(look_up("45.1.1.7", silent)->verdict.kind, V_UNKNOWN);
	assert_int_equal(one->verdict.low, -1);
	place.now += 1;
	assert_int_equal(look_up("45.1.1.7", silent)->verdict.kind, V_CONFIRMED);
	assert_int_equal(one->findings[R_ALLOW].status, FINDING_QUARANTINED);
	assert_has(said, "[dnsbl allow] quarantined: an allowlist that has not answered for a day");
	place.now += place.conf->health_s;
	assert_int_equal(look_up("45.1.1.7", honest)->findings[R_ALLOW].status, FINDING_OK);
}

TEST(one_answer_in_a_day_ends_an_allowlists_silence)
{
	static const char silent[] = "point4 = no; point6 = no; allow = silence";

	look_up("45.1.1.7", silent);
	place.now += 80000;
	look_up("45.1.1.7", honest);
	place.now += 80000;
	assert_int_equal(look_up("45.1.1.7", silent)->findings[R_ALLOW].status, FINDING_TIMEOUT);
}

TEST(a_block_listed_answer_of_the_quarantined_is_not_taken_from_the_cache)
{
	struct finding f[2] = { { .status = FINDING_OK, .listed = true, .points = 3 },
				{ .status = FINDING_OK } };

	health.rows[R_BLOCK].state.state[1] = ZONE_BAD;
	env.health = &health;
	env.conf = place.conf;
	dnsbl_health_mark(&env, f);
	assert_int_equal(f[R_BLOCK].status, FINDING_QUARANTINED);
	assert_int_equal(f[R_BLOCK].points, 0);
	assert_int_equal(f[R_ALLOW].status, FINDING_OK);
}

/* ---- over TCP ---- */

ROWS(what_would_block_is_asked_again_over_tcp)
{
	enum origin origin = (enum origin)row_choice(row, "origin", "by_hand ambiguous sure");

	fake_is_local = row_yes(row, "local");
	place.conf->confirm_tcp = (enum confirm_tcp)row_choice(row, "confirm", "auto yes no");
	look_up_as(origin, "45.1.1.7", row_text(row, "script"));
	assert_int_equal(one->verdict.kind, row_choice(row, "verdict", VERDICTS));
}
