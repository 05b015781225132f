/* SPDX-License-Identifier: MIT */
/* test_source_dnsbl.c - what is asked of a DNS list, and what its answers mean */
#include "asked.h"

#define ZONE  "zen.k3y.test"
#define LISTS "block allow"
enum { BLOCK, ALLOW, NLISTS };
static struct finding findings[NLISTS];
static const struct fake_answer nobody[] = { { .match = NULL } };

static int set_up(void **state)
{
	assert_ok(place_set_up(state));
	place_add_list("block", ZONE, "127.0.0.[2..9]*3 127.0.0.255*2");
	place_add_list("allow", ZONE, "127.0.[0..255].[1..3]*-4");
	return 0;
}

FIXTURE(set_up, place_tear_down);

static const struct finding *ask_list(int list, const char *ip, const struct fake_answer *script,
				      int task_ms)
{
	struct session session = asked_session();
	struct task task = { .kind = TASK_LOOKUP, .findings = findings, .ask = SOURCE_BIT(list) };

	memset(findings, 0, sizeof(findings));
	task.addr = addr_of(ip);
	asked_run(&session, &task, script, task_ms, NULL);
	return &findings[list];
}

/* What the list says to A; TXT is refused unless given. */
static const struct finding *answer(int list, const struct dns_answer *a,
				    const struct dns_answer *txt)
{
	struct fake_answer script[] = { { "TXT", { .status = NET_REFUSED }, { .code = 0 }, 0 },
					{ ZONE, *a, { .code = 0 }, 0 },
					{ .match = NULL } };

	if (txt)
		script[0].dns = *txt;
	return ask_list(list, "45.1.0.7", script, 3000);
}

static const struct finding *answer_one(int list, uint32_t ip)
{
	struct dns_answer a = {
		.status = NET_OK, .na = 1, .a = { ip }, .ttl_s = 300, .has_ttl = true
	};

	return answer(list, &a, NULL);
}

/* Different listings, as many as are kept. */
static struct dns_answer many_listings(void)
{
	struct dns_answer a = { .status = NET_OK, .na = ANSWERS_MAX };

	for (size_t i = 0; i < ANSWERS_MAX; i++)
		a.a[i] = 0x7f000002 + (uint32_t)i;
	return a;
}

ROWS(addresses_are_asked_for_in_reverse_below_the_zone)
{
	char name[100];

	snprintf(name, sizeof(name), "%s." ZONE, row_text(row, "name"));
	assert_int_equal(ask_list(BLOCK, row_text(row, "address"), nobody, 1000)->status,
			 FINDING_OK);
	assert_string_equal(fake_seen.last, name);
	assert_int_equal(fake_seen.asked, 1);
}

TEST(the_longest_zone_is_asked_whole)
{
	char *zone = place.conf->sources[BLOCK].zone;

	memset(zone, 'z', CONF_TEXT_MAX - 1);
	zone[CONF_TEXT_MAX - 1] = '\0';
	ask_list(BLOCK, "2a02:4780::1", nobody, 1000);
	assert_int_equal(strlen(fake_seen.last), 63 + 1 + CONF_TEXT_MAX - 1);
}

ROWS(error_codes_are_never_listings)
{
	for (int list = 0; list < NLISTS; list++) {
		const struct finding *f = answer_one(list, row_address(row, "answer"));

		assert_int_equal(f->status, FINDING_ERROR);
		assert_false(f->listed || f->points || f->expires_at);
		assert_has(f->detail, "gave no answer of a DNS list");
	}
}

TEST(all_of_127_255_255_are_error_codes_and_none_next_to_it)
{
	for (uint32_t last = 0; last < 256; last++) {
		assert_int_equal(answer_one(BLOCK, 0x7fffff00 | last)->status, FINDING_ERROR);
		assert_int_equal(answer_one(BLOCK, 0x7ffffe00 | last)->status, FINDING_OK);
	}
}

TEST(the_last_code_of_an_allowlist_means_you_are_blocked)
{
	assert_int_equal(answer_one(ALLOW, 0x7f0000ff)->status, FINDING_ERROR);
	assert_int_equal(answer_one(BLOCK, 0x7f0000ff)->status, FINDING_OK);
	assert_int_equal(findings[BLOCK].points, 2);
	for (uint32_t last = 0; last < 256; last++) /* over its limit: for every address */
		assert_int_equal(answer_one(ALLOW, 0x7f000a00 | last)->status, FINDING_ERROR);
	assert_int_equal(answer_one(ALLOW, 0x7f000902)->points, -4);
	assert_int_equal(answer_one(ALLOW, 0x7f000b02)->points, -4);
}

TEST(one_error_code_among_listings_spoils_them_all)
{
	for (size_t at = 0; at < ANSWERS_MAX; at++) {
		struct dns_answer a = many_listings();
		const struct finding *f;

		a.a[at] = 0x7fffffff;
		f = answer(BLOCK, &a, NULL);
		assert_int_equal(f->status, FINDING_ERROR);
		assert_int_equal(f->points, 0);
		assert_false(f->listed);
		assert_int_equal(f->na, 0);
	}
}

ROWS(an_error_code_says_what_it_means)
{
	const struct finding *f = answer_one(row_choice(row, "list", LISTS),
					     row_address(row, "answer"));

	assert_string_equal(f->detail, row_text(row, "detail"));
}

TEST(more_answers_than_are_kept_may_hide_an_error_code)
{
	struct dns_answer a = many_listings();

	a.is_cut = true;
	assert_int_equal(answer(BLOCK, &a, NULL)->status, FINDING_ERROR);
	assert_string_equal(findings[BLOCK].detail, "answered more than 16 different addresses");
}

TEST(a_code_without_points_is_listed_and_worth_nothing)
{
	for (uint32_t code = 0x7f00000a; code <= 0x7f00000b; code++) { /* PBL */
		const struct finding *f = answer_one(BLOCK, code);

		assert_int_equal(f->status, FINDING_OK);
		assert_true(f->listed);
		assert_int_equal(f->points, 0);
		assert_int_equal(f->na, 1);
		assert_int_equal(f->a[0], code);
		assert_int_equal(fake_seen.asked, 1); /* no reason is asked for */
	}
}

TEST(all_answers_are_kept)
{
	struct dns_answer a = many_listings();
	const struct finding *f = answer(BLOCK, &a, NULL);

	assert_int_equal(f->na, ANSWERS_MAX);
	assert_memory_equal(f->a, a.a, sizeof(f->a));
	assert_int_equal(f->points, 3); /* one entry gives its points once */
}

ROWS(listings_and_denials_live_as_long_as_their_ttl_within_bounds)
{
	static const enum net_status says[] = { NET_OK, NET_NXDOMAIN, NET_NODATA };

	place.conf->cache_min_s = 60;
	place.conf->cache_max_s = 3600;
	for (size_t k = 0; k < 3; k++) {
		struct dns_answer a = { .status = says[k],
					.na = !k,
					.a = { k ? 0 : 0x7f000002 },
					.ttl_s = (uint32_t)row_number(row, "ttl"),
					.has_ttl = row_yes(row, "has_ttl") };
		const struct finding *f = answer(BLOCK, &a, NULL);

		assert_int_equal(f->status, FINDING_OK);
		assert_int_equal(f->answered_at, NOW);
		assert_int_equal(f->expires_at, NOW + row_number(row, "kept"));
	}
}

ROWS(silence_and_refusals_are_no_answer_and_not_kept)
{
	struct dns_answer a = { .status = row_choice(
					row, "says",
					"ok nxdomain nodata timeout refused servfail broken") };
	const struct finding *f;

	snprintf(a.why, sizeof(a.why), "%s", row_text(row, "why"));
	f = answer(BLOCK, &a, NULL);
	assert_int_equal(f->status, row_choice(row, "status", "none ok timeout error"));
	assert_int_equal(f->expires_at, 0);
	assert_false(f->listed);
	assert_has(f->detail, row_text(row, "detail"));
}

/* Listed, and this the reason. */
static const struct finding *listed_with(const char *text, size_t len)
{
	static const struct dns_answer listing = { .status = NET_OK, .na = 1, .a = { 0x7f000002 } };
	struct dns_answer txt = { .status = NET_OK, .txt_len = len };

	assert_true(len <= sizeof(txt.txt));
	memcpy(txt.txt, text, len);
	return answer(BLOCK, &listing, &txt);
}

ROWS(the_reason_is_quoted_and_masked)
{
	const struct finding *f = listed_with(row_text(row, "text"), row_length(row, "text"));

	assert_string_equal(f->detail, row_text(row, "detail"));
	assert_int_equal(f->points, 3);
	assert_string_equal(fake_seen.last, "TXT 7.0.1.45." ZONE);
}

TEST(a_long_reason_is_cut)
{
	char text[sizeof(((struct dns_answer *)NULL)->txt)];
	const struct finding *f;

	memset(text, 'x', sizeof(text));
	f = listed_with(text, sizeof(text));
	assert_true(strlen(f->detail) < DETAIL_MAX);
	assert_has(f->detail, "...\"");
}

ROWS(a_listing_stands_without_its_reason_and_waits_a_second_at_most)
{
	bool never = !strcmp(row_text(row, "delay"), "never");
	struct fake_answer script[] = {
		{ "TXT", { .status = NET_SERVFAIL }, { .code = 0 }, NEVER },
		{ ZONE, { .status = NET_OK, .na = 1, .a = { 0x7f000002 } }, { .code = 0 }, 10 },
		{ .match = NULL }
	};
	const struct finding *f;

	if (!never)
		script[0].delay_ms = (int)row_number(row, "delay");
	f = ask_list(BLOCK, "45.1.0.7", script, (int)row_number(row, "task"));
	assert_int_equal(f->status, FINDING_OK);
	assert_int_equal(f->points, 3);
	assert_string_equal(f->detail, "");
	assert_int_equal(fake_net_time_ms(), row_number(row, "ends"));
}

TEST(details_never_show_the_zone_since_it_may_hold_a_key)
{
	for (int s = NET_OK; s <= NET_BROKEN; s++)
		for (size_t n = 0; n < 2; n++) {
			struct dns_answer a = { .status = (enum net_status)s,
						.na = n,
						.a = { 0x7f000001 } };

			assert_null(strstr(answer(BLOCK, &a, NULL)->detail, "k3y"));
		}
}
