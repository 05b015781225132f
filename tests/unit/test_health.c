/* SPDX-License-Identifier: MIT */
/* test_health.c - test points, quarantine and recovery of DNS lists; asking again over TCP */
#include "asked.h"
#include "reputation/lookup.h"
#include "reputation/dnsbl_health_store.h"
#include <arpa/inet.h>

#define ORIGINS	 "by_hand ambiguous sure"
#define VERDICTS "unknown clean confirmed"
#define LISTED                                                                                \
	{                                                                                     \
		.status = NET_OK, .na = 1, .a = { 0x7f000004 }, .ttl_s = 300, .has_ttl = true \
	}
enum { R_BLOCK, R_ALLOW };

static struct dnsbl_health_table health;
/* By the last lookup. */
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
static const char honest[] = "point4 = no; point6 = no; seen4 block = listed; TXT = no";
static struct session env;
static struct lookup *one;

static int set_up(void **state)
{
	assert_ok(place_set_up(state));
	place_add_list("block", "block.test", "127.0.0.[2..9]*3");
	place_add_list("allow", "allow.test", "127.0.0.[1..3]*-4");
	place_add_tiers(1);
	place.conf->health_s = 3600;
	memset(&health, 0, sizeof(health));
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

static void look_up(enum origin origin, const char *ip, const char *text)
{
	struct addr address = addr_of(ip);
	struct script script;

	read_script(strcmp(text, "honest") ? text : honest, &script);
	nsaid = 0;
	one = lookup_free(one);
	assert_ok(lookup_new(&env, &address, origin, 0, &one));
	asked_run(&env, &one->task, script.answers, 2000, settled);
}

/* ---- test points ---- */

static void assert_finding(const struct row *row, const char *list, const struct finding *finding)
{
	if (!row_has(row, list))
		return;
	assert_int_equal(finding->status,
			 row_choice(row, list, "none ok timeout error denied quarantined skipped"));
	assert_true(finding->status == FINDING_OK || !finding->points);
}

/* A detail that begins with "..." is a part of it. */
static void assert_detail(const char *detail, const char *expected)
{
	if (strncmp(expected, "...", 3) != 0)
		assert_string_equal(detail, expected);
	else
		assert_has(detail, expected + 3);
}

/* "lost 3": the answer to the third question, from 0. */
static void change_answer(const char *text)
{
	static const struct fake_answer lost = { .delay_ms = NEVER }, listed = { .dns = LISTED };
	const char *number = strchr(text, ' ');

	assert_non_null(number);
	fake_net_nth(strtoul(number, NULL, 10), strncmp(text, "lost", 4) ? &listed : &lost);
}

ROWS(lists_are_believed_as_their_test_points_allow)
{
	enum origin origin = (enum origin)row_choice(row, "origin", ORIGINS);
	const struct finding *block, *allow;
	char score[20];

	place.now += row_number(row, "after");
	place.conf->sources[R_BLOCK].test_entry = row_yes(row, "entry");
	if (row_has(row, "answer"))
		change_answer(row_text(row, "answer"));
	look_up(origin, row_text(row, "address"), row_text(row, "script"));
	block = &one->findings[R_BLOCK];
	allow = &one->findings[R_ALLOW];
	assert_int_equal(one->verdict.kind, row_choice(row, "verdict", VERDICTS));
	snprintf(score, sizeof(score), "%d..%d", one->verdict.low, one->verdict.high);
	if (row_has(row, "score"))
		assert_string_equal(score, row_text(row, "score"));
	assert_finding(row, "block", block);
	assert_finding(row, "allow", allow);
	if (row_has(row, "detail"))
		assert_detail(block->status == FINDING_OK ? allow->detail : block->detail,
			      row_text(row, "detail"));
	if (row_has(row, "state")) {
		snprintf(score, sizeof(score), "%d %d", health.rows[R_BLOCK].state.state[0],
			 health.rows[R_BLOCK].state.state[1]);
		assert_string_equal(score, row_text(row, "state"));
	}
	if (row_has(row, "asked"))
		assert_int_equal(fake_seen.asked, row_number(row, "asked"));
	if (row_has(row, "ends"))
		assert_int_equal(fake_net_time_ms(), row_number(row, "ends"));
	assert_int_equal(nsaid, row_has(row, "said"));
	if (nsaid)
		assert_has(said, row_text(row, "said"));
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
	enum origin origin = (enum origin)row_choice(row, "origin", ORIGINS);

	fake_is_local = row_yes(row, "local");
	place.conf->confirm_tcp = (enum confirm_tcp)row_choice(row, "confirm", "auto yes no");
	look_up(origin, "45.1.1.7", row_text(row, "script"));
	assert_int_equal(one->verdict.kind, row_choice(row, "verdict", VERDICTS));
}
