/* SPDX-License-Identifier: MIT */
/* test_guard.c - addresses that are left alone, one by one and as part of a prefix */
#include "reputation/guard.h"
#include "unit.h"

#define SPECIAL "private-use (RFC 1918)"
#define ALLOWED "allowed by [allow] addresses"
#define OWN	"an address of this host"
#define HOLDS	"holds one of [allow] addresses"

static struct conf *conf;
static struct session session;

static struct addr addr_of(const char *text)
{
	struct addr addr;

	assert_true(addr_parse(text, &addr));
	return addr;
}

static int set_up(void **state)
{
	struct local_addr_list *own = calloc(1, sizeof(*own) + 2 * sizeof(own->addrs[0]));

	(void)state;
	assert_non_null(own);
	assert_int_equal(conf_new(&conf), 0);
	conf->ipv6_prefix = 64;
	conf->nallow = 2;
	assert_true(prefix_parse("45.1.1.0/24", &conf->allow[0]));
	assert_true(prefix_parse("2a00:1:2:3::7", &conf->allow[1]));
	own->count = 2;
	own->addrs[0] = addr_of("45.9.9.9");
	own->addrs[1] = addr_of("2a00:9:9:9::9");
	session = (struct session){ .conf = conf, .own = own };
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	free((void *)(uintptr_t)session.own);
	conf = conf_free(conf);
	return 0;
}

FIXTURE(set_up, tear_down);

static void assert_reason(const char *reason, const char *expected)
{
	if (!expected)
		assert_null(reason);
	else
		assert_string_equal(reason ? reason : "none", expected);
}

TEST(each_question_gives_its_reason_or_none)
{
	static const struct {
		const char *addr, *in_hook, *in_worker, *as_key;
	} rows[] = {
		{ "45.7.7.7", NULL, NULL, NULL },
		{ "10.0.0.1", SPECIAL, SPECIAL, SPECIAL },
		{ "45.1.1.200", ALLOWED, ALLOWED, ALLOWED },
		{ "45.9.9.9", NULL, OWN, OWN }, /* a hook does not ask the kernel */
		{ "2a00:1:2:3::7", ALLOWED, ALLOWED, ALLOWED },
		{ "2a00:1:2:3::8", NULL, NULL, NULL }, /* a single address next to it */
		{ "2a00:1:2:3::", NULL, NULL, HOLDS }, /* the key of its /64 */
		{ "2a00:9:9:9::", NULL, NULL, OWN },
		{ "2a00:7:7:7::", NULL, NULL, NULL },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct addr addr = addr_of(rows[i].addr);

		assert_reason(guard_check_in_hook(conf, &addr), rows[i].in_hook);
		assert_reason(guard_check(&session, &addr), rows[i].in_worker);
		assert_reason(guard_check_key(&session, &addr), rows[i].as_key);
	}
}

TEST(a_prefix_that_holds_such_an_address_cannot_be_blocked_as_a_whole)
{
	struct prefix prefix = { addr_of("2a00:1:2:3::"), 64 };

	assert_reason(guard_check_inside(&session, &prefix), HOLDS);
	prefix.addr = addr_of("2a00:9:9:9::");
	assert_reason(guard_check_inside(&session, &prefix), OWN);
	prefix.addr = addr_of("2a00:9:9:8::");
	assert_reason(guard_check_inside(&session, &prefix), NULL);
}
