/* SPDX-License-Identifier: MIT */
/* test_source_dnsbl.c - what is asked of a DNS list, and what its answers mean */
#include "reputation/engine.h"
#include "fake_net.h"
#include "unit.h"

#define ZONE "zen.k3y.test"
#define NOW  1795426190
enum { BLOCK, ALLOW, NLISTS };
static struct conf *conf;
static struct task task;
static struct finding findings[NLISTS];
static bool fed;

static int set_up(void **state)
{
	static const char *const points[NLISTS] = { "127.0.0.[2..9]*3 127.0.0.255*2",
						    "127.0.[0..255].[1..3]*-4" };
	struct err e;

	(void)state;
	assert_int_equal(conf_new(&conf), 0);
	conf->sources = calloc(NLISTS, sizeof(*conf->sources));
	assert_non_null(conf->sources);
	for (int i = 0; i < NLISTS; i++) {
		snprintf(conf->sources[i].zone, sizeof(conf->sources[i].zone), ZONE);
		assert_int_equal(points_parse(points[i], 4, &conf->sources[i].points, &e), 0);
	}
	conf->nsources = NLISTS;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	conf = conf_free(conf);
	return 0;
}

FIXTURE(set_up, tear_down);

static int64_t fixed_now(void *user)
{
	(void)user;
	return NOW;
}

static enum feed_state next(void *user, struct task **ret, int *ret_wait_ms)
{
	(void)user;
	(void)ret_wait_ms;
	if (fed)
		return FEED_END;
	fed = true;
	*ret = &task;
	return FEED_TASK;
}

static source_set settled(void *user, struct task *t)
{
	(void)user;
	(void)t;
	return 0;
}

static const struct finding *ask_list(int row, const char *ip, const struct fake_answer *script,
				      int task_ms)
{
	struct session session = { .conf = conf,
				   .ops = &fake_net,
				   .clock = { .now_s = fixed_now } };
	struct feed feed = {
		.window_max = 1, .task_ms = task_ms, .next = next, .settled = settled
	};

	memset(findings, 0, sizeof(findings));
	task = (struct task){ .kind = TASK_LOOKUP, .findings = findings, .ask = SOURCE_BIT(row) };
	assert_true(addr_parse(ip, &task.addr));
	fed = false;
	fake_net_script(script);
	assert_int_equal(engine_run(&session, &feed), 0);
	return &findings[row];
}

/* What the list says to A; TXT is refused unless given. */
static const struct finding *answer(int row, const struct dns_answer *a,
				    const struct dns_answer *txt)
{
	struct fake_answer script[] = { { "TXT", { .status = NET_REFUSED }, { .code = 0 }, 0 },
					{ ZONE, *a, { .code = 0 }, 0 },
					{ .match = NULL } };

	if (txt)
		script[0].dns = *txt;
	return ask_list(row, "45.1.0.7", script, 3000);
}

static const struct finding *answer_one(int row, uint32_t ip)
{
	struct dns_answer a = {
		.status = NET_OK, .na = 1, .a = { ip }, .ttl_s = 300, .has_ttl = true
	};

	return answer(row, &a, NULL);
}

TEST(addresses_are_asked_for_in_reverse_below_the_zone)
{
	static const struct {
		const char *ip, *name;
	} rows[] = {
		{ "45.1.0.7", "7.0.1.45." ZONE },
		{ "255.0.10.1", "1.10.0.255." ZONE },
		{ "::ffff:45.1.0.7", "7.0.1.45." ZONE },
		{ "2a02:4780::1",
		  "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.7.4.2.0.a.2." ZONE },
		{ "2001:db8:1234:5678:9abc:def0:fedc:ba98",
		  "8.9.a.b.c.d.e.f.0.f.e.d.c.b.a.9.8.7.6.5.4.3.2.1.8.b.d.0.1.0.0.2." ZONE },
	};
	static const struct fake_answer nobody[] = { { .match = NULL } };

	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_int_equal(ask_list(BLOCK, rows[i].ip, nobody, 1000)->status, FINDING_OK);
		assert_string_equal(fake_net_last(), rows[i].name);
		assert_int_equal(fake_net_asked(), 1);
	}
}

TEST(the_longest_zone_is_asked_whole)
{
	static const struct fake_answer nobody[] = { { .match = NULL } };
	char *zone = conf->sources[BLOCK].zone;

	memset(zone, 'z', CONF_TEXT_MAX - 1);
	zone[CONF_TEXT_MAX - 1] = '\0';
	ask_list(BLOCK, "2a02:4780::1", nobody, 1000);
	assert_int_equal(strlen(fake_net_last()), 63 + 1 + CONF_TEXT_MAX - 1);
}

TEST(error_codes_are_never_listings)
{
	static const uint32_t codes[] = {
		0x7f000001, 0x00000000, 0x0a000001, 0x7e000002, 0x80000002,
		0xc0a80101, 0xffffffff, 0x5db8d822, 0x7e7f0002,
	};

	for (size_t i = 0; i < COUNT(codes); i++)
		for (int list = 0; list < NLISTS; list++) {
			const struct finding *f = answer_one(list, codes[i]);

			if (f->status != FINDING_ERROR || f->listed || f->points || f->expires_at)
				fail_msg("%#x: status %d, %d points", codes[i], f->status,
					 f->points);
			assert_non_null(strstr(f->detail, "gave no answer of a DNS list"));
		}
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
		struct dns_answer a = { .status = NET_OK, .na = ANSWERS_MAX };
		const struct finding *f;

		for (size_t i = 0; i < ANSWERS_MAX; i++)
			a.a[i] = i == at ? 0x7fffffff : 0x7f000002 + (uint32_t)i;
		f = answer(BLOCK, &a, NULL);
		assert_int_equal(f->status, FINDING_ERROR);
		assert_int_equal(f->points, 0);
		assert_false(f->listed);
		assert_int_equal(f->na, 0);
	}
}

TEST(an_error_code_says_what_it_means)
{
	static const struct {
		int row;
		uint32_t code;
		const char *detail;
	} rows[] = {
		{ BLOCK, 0x7ffffffa, "refuses the key: answered 127.255.255.250, it is disabled" },
		{ BLOCK, 0x7ffffffb, "refuses the key: answered 127.255.255.251, it is misused" },
		{ BLOCK, 0x7ffffffc,
		  "does not know this zone: answered 127.255.255.252, a typing error in its name" },
		{ BLOCK, 0x7ffffffe,
		  "refuses this resolver: answered 127.255.255.254, it is a public resolver" },
		{ BLOCK, 0x7fffffff,
		  "refuses this resolver: answered 127.255.255.255, too many queries" },
		{ BLOCK, 0x7fffff01,
		  "refuses this resolver: answered 127.255.255.1, an error code" },
		{ ALLOW, 0x7fffffff,
		  "refuses this resolver: answered 127.255.255.255, too many queries" },
		{ ALLOW, 0x7f0000ff,
		  "refuses this resolver: answered 127.0.0.255, dnswl.org's code for it" },
		{ ALLOW, 0x7f000a03, "refuses this resolver: answered 127.0.10.3, over its limit" },
		{ BLOCK, 0x7f000001,
		  "gave no answer of a DNS list: answered 127.0.0.1, an error code" },
		{ BLOCK, 0x5db8d822,
		  "gave no answer of a DNS list: answered 93.184.216.34, an error code" },
	};

	for (size_t i = 0; i < COUNT(rows); i++)
		assert_string_equal(answer_one(rows[i].row, rows[i].code)->detail, rows[i].detail);
}

TEST(more_answers_than_are_kept_may_hide_an_error_code)
{
	struct dns_answer a = { .status = NET_OK, .na = ANSWERS_MAX, .is_cut = true };

	for (size_t i = 0; i < ANSWERS_MAX; i++)
		a.a[i] = 0x7f000002 + (uint32_t)i;
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
		assert_int_equal(fake_net_asked(), 1); /* no reason is asked for */
	}
}

TEST(all_answers_are_kept)
{
	struct dns_answer a = { .status = NET_OK, .na = ANSWERS_MAX };
	const struct finding *f;

	for (size_t i = 0; i < ANSWERS_MAX; i++)
		a.a[i] = 0x7f000002 + (uint32_t)i;
	f = answer(BLOCK, &a, NULL);
	assert_int_equal(f->na, ANSWERS_MAX);
	assert_memory_equal(f->a, a.a, sizeof(a.a));
	assert_int_equal(f->points, 3); /* one entry gives its points once */
}

TEST(listings_and_denials_live_as_long_as_their_ttl_within_bounds)
{
	static const struct {
		uint32_t ttl;
		bool has;
		int64_t keeps;
	} rows[] = {
		{ 0, true, 60 },       { 1, true, 60 },
		{ 59, true, 60 },      { 60, true, 60 },
		{ 61, true, 61 },      { 600, true, 600 },
		{ 3600, true, 3600 },  { 3601, true, 3600 },
		{ 86400, true, 3600 }, { UINT32_MAX, true, 3600 },
		{ 0, false, 60 },      { 600, false, 60 },
	};
	static const enum net_status says[] = { NET_OK, NET_NXDOMAIN, NET_NODATA };

	conf->cache_min_s = 60;
	conf->cache_max_s = 3600;
	for (size_t i = 0; i < COUNT(rows); i++)
		for (size_t k = 0; k < 3; k++) {
			struct dns_answer a = { .status = says[k],
						.na = !k,
						.a = { k ? 0 : 0x7f000002 },
						.ttl_s = rows[i].ttl,
						.has_ttl = rows[i].has };
			const struct finding *f = answer(BLOCK, &a, NULL);

			assert_int_equal(f->status, FINDING_OK);
			assert_int_equal(f->answered_at, NOW);
			assert_int_equal(f->expires_at, NOW + rows[i].keeps);
		}
}

TEST(silence_and_refusals_are_no_answer_and_not_kept)
{
	static const struct {
		struct dns_answer a;
		int status;
		const char *detail;
	} rows[] = {
		{ { .status = NET_TIMEOUT }, FINDING_TIMEOUT, "timeout" },
		{ { .status = NET_SERVFAIL }, FINDING_ERROR, "SERVFAIL" },
		{ { .status = NET_REFUSED }, FINDING_ERROR, "REFUSED" },
		{ { .status = NET_BROKEN, .why = "truncated" }, FINDING_ERROR, "truncated" },
		{ { .status = NET_OK, .na = 0 }, FINDING_ERROR, "without an address" },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct finding *f = answer(BLOCK, &rows[i].a, NULL);

		assert_int_equal(f->status, rows[i].status);
		assert_int_equal(f->expires_at, 0);
		assert_false(f->listed);
		if (!strstr(f->detail, rows[i].detail))
			fail_msg("\"%s\" lacks \"%s\"", f->detail, rows[i].detail);
	}
}

TEST(the_reason_is_quoted_masked_and_cut)
{
	static const struct {
		const char *txt, *shows;
	} rows[] = {
		{ "https://example.org/query/45.1.0.7", "\"https://example.org/query/45.1.0.7\"" },
		{ "a\nb\r\x1b[31mc", "\"a?b??[31mc\"" },
		{ "say \"x\"", "\"say ?x?\"" },
		{ "gr\xc3\xbc\xc3\x9f", "\"gr????\"" },
	};
	static const struct dns_answer listing = { .status = NET_OK, .na = 1, .a = { 0x7f000002 } };
	struct dns_answer txt = { .status = NET_OK };
	const struct finding *f;

	for (size_t i = 0; i < COUNT(rows); i++) {
		txt.txt_len = strlen(rows[i].txt);
		memcpy(txt.txt, rows[i].txt, txt.txt_len);
		f = answer(BLOCK, &listing, &txt);
		assert_string_equal(f->detail, rows[i].shows);
		assert_int_equal(f->points, 3);
		assert_string_equal(fake_net_last(), "TXT 7.0.1.45." ZONE);
	}
	memset(txt.txt, 'x', sizeof(txt.txt));
	txt.txt_len = sizeof(txt.txt);
	f = answer(BLOCK, &listing, &txt);
	assert_true(strlen(f->detail) < DETAIL_MAX);
	assert_non_null(strstr(f->detail, "...\""));
}

TEST(a_listing_stands_without_its_reason_and_waits_a_second_at_most)
{
	static const struct {
		int task_ms, delay_ms, ends_ms;
	} rows[] = {
		{ 5000, NEVER, 1010 },
		{ 500, NEVER, 500 }, /* the task's deadline comes first */
		{ 5000, 20, 30 },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct fake_answer script[] = {
			{ "TXT", { .status = NET_SERVFAIL }, { .code = 0 }, rows[i].delay_ms },
			{ ZONE,
			  { .status = NET_OK, .na = 1, .a = { 0x7f000002 } },
			  { .code = 0 },
			  10 },
			{ .match = NULL }
		};
		const struct finding *f = ask_list(BLOCK, "45.1.0.7", script, rows[i].task_ms);

		assert_int_equal(f->status, FINDING_OK);
		assert_int_equal(f->points, 3);
		assert_string_equal(f->detail, "");
		assert_int_equal(fake_net_time_ms(), rows[i].ends_ms);
	}
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
