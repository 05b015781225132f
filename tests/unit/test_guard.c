/* SPDX-License-Identifier: MIT */
/* test_guard.c - addresses that are left alone, one by one and as part of a prefix */
#include "reputation/guard.h"
#include "conf/allow.h"
#include "place.h"
#include <errno.h>
#include <ifaddrs.h>

#define SPECIAL "private-use (RFC 1918)"
#define ALLOWED "allowed by [allow]"
#define OWN	"an address of this host"
#define HOLDS	"contains an address in [allow]"

static struct session session;

int __wrap_getifaddrs(struct ifaddrs **ret);

int __wrap_getifaddrs(struct ifaddrs **ret)
{
	(void)ret;
	errno = ENOBUFS;
	return -1;
}

static int set_up(void **state)
{
	struct local_addr_list *own = calloc(1, sizeof(*own) + 2 * sizeof(own->addrs[0]));

	assert_non_null(own);
	assert_ok(place_set_up(state));
	place.conf->ipv6_prefix = 64;
	assert_true(allow_add(place.conf, "45.1.1.0/24", false, NULL));
	assert_true(allow_add(place.conf, "2a00:1:2:3::7", false, NULL));
	assert_ok(allow_finish(place.conf, NULL));
	own->count = 2;
	own->addrs[0] = addr_of("45.9.9.9");
	own->addrs[1] = addr_of("2a00:9:9:9::9");
	session = (struct session){ .conf = place.conf, .own = own };
	return 0;
}

static int tear_down(void **state)
{
	free((void *)(uintptr_t)session.own);
	return place_tear_down(state);
}

FIXTURE(set_up, tear_down);

static void assert_reason(const char *reason, const char *expected)
{
	if (!expected)
		assert_null(reason);
	else
		assert_string_equal(reason ? reason : "none", expected);
}

/* The reason, or the text of one of the cell's words. */
static void assert_reason_of(const struct row *row, const char *column, const char *reason)
{
	static const char *const reasons[] = { NULL, SPECIAL, ALLOWED, OWN, HOLDS };

	assert_reason(reason, reasons[row_choice(row, column, "none special allowed own holds")]);
}

ROWS(each_question_gives_its_reason_or_none)
{
	struct addr addr = addr_of(row_text(row, "address"));

	assert_reason_of(row, "in_hook", guard_check_in_hook(&session, &addr));
	assert_reason_of(row, "in_worker", guard_check(&session, &addr));
	assert_reason_of(row, "as_key", guard_check_key(&session, &addr));
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

TEST(a_host_that_cannot_read_its_addresses_accuses_none)
{
	struct addr addr = addr_of("45.2.2.2");
	struct prefix prefix = { addr_of("2a00:9:9:8::"), 64 };
	struct session asks = { .conf = place.conf };

	assert_reason(guard_check(&asks, &addr), "the addresses of this host cannot be read");
	assert_true(guard_is_error(guard_check(&asks, &addr)));
	assert_false(guard_is_error(OWN));
	assert_false(guard_is_error(NULL));
	assert_non_null(guard_check_key(&asks, &addr));
	assert_non_null(guard_check_inside(&asks, &prefix));
}
