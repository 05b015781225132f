/* SPDX-License-Identifier: MIT */
/* test_addr.c - addresses, prefixes, names for DNSBLs, special-purpose ranges */
#include "addr.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

static void texts_are_taken_strictly_and_given_canonically(void **state)
{
	static const struct { const char *in, *out; } rows[] = {
		{ "45.1.1.1", "45.1.1.1" }, { "::ffff:45.1.1.1", "45.1.1.1" }, { "::FFFF:2d01:0101", "45.1.1.1" },
		{ "2A02:4780:0:0::1", "2a02:4780::1" }, { "::1", "::1" }, { "", NULL }, { "45.1.1", NULL },
		{ "45.1.1.256", NULL }, { "45.1.1.01", NULL }, { " 45.1.1.1", NULL }, { "45.1.1.1 ", NULL },
		{ "45.1.1.1/32", NULL }, { "fe80::1%eth0", NULL }, { "45.1.1.1\n", NULL }, { "1", NULL },
		{ "0x2d010101", NULL }, { "[::1]", NULL }, { "1.2.3.4 --retract 9.9.9.9", NULL }, { "::g", NULL },
	};
	char text[ADDR_TEXT_MAX];
	struct addr a;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (addr_parse(rows[i].in, &a) != (rows[i].out != NULL))
			fail_msg("\"%s\"", rows[i].in);
		if (rows[i].out)
			assert_string_equal(addr_text(&a, text), rows[i].out);
	}
}

static void names_for_lists_are_reversed(void **state)
{
	static const struct { const char *in, *out; } rows[] = {
		{ "1.2.3.4", "4.3.2.1" },
		{ "2001:db8:1234:5678:9abc:def0:1234:5678",
		  "8.7.6.5.4.3.2.1.0.f.e.d.c.b.a.9.8.7.6.5.4.3.2.1.8.b.d.0.1.0.0.2" },
	};
	char name[ADDR_REVERSE_MAX];
	struct addr a;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		assert_true(addr_parse(rows[i].in, &a));
		assert_string_equal(addr_reverse(&a, name), rows[i].out);
	}
}

static void keys_are_cut_and_said_as_prefixes(void **state)
{
	static const struct { const char *in; int bits; const char *out; } rows[] = {
		{ "2a02:4780:15::50", 128, "2a02:4780:15::50" }, { "2a02:4780:15::50", 64, "2a02:4780:15::/64" },
		{ "45.1.1.1", 64, "45.1.1.1" }, { "2a02:4780:15:ff::1", 48, "2a02:4780:15::/48" },
	};
	char text[ADDR_TEXT_MAX];
	struct addr a, key;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_true(addr_parse(rows[i].in, &a));
		key = addr_key(&a, rows[i].bits);
		assert_string_equal(addr_key_text(&key, rows[i].bits, text), rows[i].out);
	}
	assert_true(addr_parse("2a02:4780::1", &a));     /* a block for one address inside a prefix */
	assert_string_equal(addr_key_text(&a, 64, text), "2a02:4780::1");
}

static void prefixes_hold_their_first_and_last_address_only(void **state)
{
	static const struct { const char *prefix, *addr; int has; } rows[] = {
		{ "192.0.2.0/24", "192.0.2.0", 1 }, { "192.0.2.0/24", "192.0.2.255", 1 },
		{ "192.0.2.0/24", "192.0.3.0", 0 }, { "0.0.0.0/0", "45.1.1.1", 1 }, { "0.0.0.0/0", "::1", 0 },
		{ "2a02::/16", "2a02:ffff::", 1 }, { "45.1.1.1", "45.1.1.1", 1 }, { "45.1.1.1", "45.1.1.2", 0 },
		{ "192.0.2.1/24", NULL, -1 }, { "192.0.2.0/33", NULL, -1 }, { "192.0.2.0/", NULL, -1 },
		{ "192.0.2.0/-1", NULL, -1 }, { "2a02::/129", NULL, -1 }, { "/24", NULL, -1 }, { "x/24", NULL, -1 },
	};
	struct prefix p;
	struct addr a;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (prefix_parse(rows[i].prefix, &p) != (rows[i].has >= 0))
			fail_msg("%s", rows[i].prefix);
		if (rows[i].has >= 0) {
			assert_true(addr_parse(rows[i].addr, &a));
			assert_int_equal(prefix_has(&p, &a), rows[i].has);
		}
	}
}

static void special_ranges_begin_and_end_where_the_registries_say(void **state)
{
	static const struct { const char *addr, *what; } rows[] = {
		{ "0.255.255.255", "this network" }, { "1.0.0.0", NULL }, { "9.255.255.255", NULL },
		{ "10.0.0.0", "RFC 1918" }, { "10.255.255.255", "RFC 1918" }, { "11.0.0.0", NULL },
		{ "100.63.255.255", NULL }, { "100.64.0.0", "RFC 6598" }, { "100.127.255.255", "RFC 6598" },
		{ "100.128.0.0", NULL }, { "127.0.0.1", "loopback" }, { "128.0.0.0", NULL },
		{ "169.254.1.1", "link-local" }, { "172.15.255.255", NULL }, { "172.16.0.0", "RFC 1918" },
		{ "172.31.255.255", "RFC 1918" }, { "172.32.0.0", NULL }, { "192.0.0.8", "IETF" },
		{ "192.0.1.0", NULL }, { "192.0.2.66", "documentation" }, { "192.167.255.255", NULL },
		{ "192.168.0.0", "RFC 1918" }, { "192.169.0.0", NULL }, { "198.17.255.255", NULL },
		{ "198.18.0.0", "benchmarking" }, { "198.19.255.255", "benchmarking" }, { "198.20.0.0", NULL },
		{ "203.0.113.1", "documentation" }, { "223.255.255.255", NULL }, { "224.0.0.0", "multicast" },
		{ "239.255.255.255", "multicast" }, { "240.0.0.0", "reserved" }, { "255.255.255.255", "broadcast" },
		{ "::", "unspecified" }, { "::1", "loopback" }, { "::2", NULL }, { "64:ff9b::1", "translation" },
		{ "2001::1", "Teredo" }, { "2001:db8::1", "documentation" }, { "2001:db9::1", NULL },
		{ "2001:200::1", NULL }, { "2001:1ff:ffff::1", "IETF" }, { "2002:2d01:101::1", "6to4" },
		{ "3fff::1", "documentation" }, { "fbff::1", NULL }, { "fc00::1", "unique-local" },
		{ "fdff:ffff::1", "unique-local" }, { "fe80::1", "link-local" }, { "fec0::1", NULL },
		{ "ff02::1", "multicast" }, { "2a02:4780::1", NULL }, { "45.1.1.1", NULL },
	};
	struct addr a;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *special;

		assert_true(addr_parse(rows[i].addr, &a));
		special = addr_special(&a);
		if (!special != !rows[i].what || (special && !strstr(special, rows[i].what)))
			fail_msg("%s: %s", rows[i].addr, special ? special : "ordinary");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_are_taken_strictly_and_given_canonically),
		cmocka_unit_test(names_for_lists_are_reversed),
		cmocka_unit_test(keys_are_cut_and_said_as_prefixes),
		cmocka_unit_test(prefixes_hold_their_first_and_last_address_only),
		cmocka_unit_test(special_ranges_begin_and_end_where_the_registries_say),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
