/* SPDX-License-Identifier: MIT */
/* test_addr.c - addresses, prefixes, names for DNSBLs, special-purpose ranges */
#include "base/addr.h"
#include "unit.h"

TEST(texts_are_taken_strictly_and_given_canonically)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
		{ "45.1.1.1", "45.1.1.1" },
		{ "::ffff:45.1.1.1", "45.1.1.1" },
		{ "::FFFF:2d01:0101", "45.1.1.1" },
		{ "2A02:4780:0:0::1", "2a02:4780::1" },
		{ "::1", "::1" },
		{ "", NULL },
		{ "45.1.1", NULL },
		{ "45.1.1.256", NULL },
		{ "45.1.1.01", NULL },
		{ " 45.1.1.1", NULL },
		{ "45.1.1.1 ", NULL },
		{ "45.1.1.1/32", NULL },
		{ "fe80::1%eth0", NULL },
		{ "45.1.1.1\n", NULL },
		{ "1", NULL },
		{ "0x2d010101", NULL },
		{ "[::1]", NULL },
		{ "1.2.3.4 --retract 9.9.9.9", NULL },
		{ "::g", NULL },
	};
	char text[ADDR_TEXT_MAX];
	struct addr a;

	for (size_t i = 0; i < COUNT(rows); i++) {
		if (addr_parse(rows[i].in, &a) != (rows[i].out != NULL))
			fail_msg("\"%s\"", rows[i].in);
		if (rows[i].out)
			assert_string_equal(addr_text(&a, text), rows[i].out);
	}
}

TEST(names_for_lists_are_reversed)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
		{ "1.2.3.4", "4.3.2.1" },
		{ "2001:db8:1234:5678:9abc:def0:1234:5678",
		  "8.7.6.5.4.3.2.1.0.f.e.d.c.b.a.9.8.7.6.5.4.3.2.1.8.b.d.0.1.0.0.2" },
	};
	char name[ADDR_REVERSE_MAX];
	struct addr a;

	for (size_t i = 0; i < 2; i++) {
		assert_true(addr_parse(rows[i].in, &a));
		assert_string_equal(addr_reverse(&a, name), rows[i].out);
	}
}

TEST(keys_are_cut_and_said_as_prefixes)
{
	static const struct {
		const char *in;
		int bits;
		const char *out;
	} rows[] = {
		{ "2a02:4780:15::50", 128, "2a02:4780:15::50" },
		{ "2a02:4780:15::50", 64, "2a02:4780:15::/64" },
		{ "45.1.1.1", 64, "45.1.1.1" },
		{ "2a02:4780:15:ff::1", 48, "2a02:4780:15::/48" },
	};
	char text[ADDR_TEXT_MAX];
	struct addr a, key;

	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_true(addr_parse(rows[i].in, &a));
		key = addr_key(&a, rows[i].bits);
		assert_string_equal(addr_key_text(&key, rows[i].bits, text), rows[i].out);
	}
	assert_true(addr_parse("2a02:4780::1", &a)); /* a block for one address inside a prefix */
	assert_string_equal(addr_key_text(&a, 64, text), "2a02:4780::1");
}

TEST(prefixes_hold_their_first_and_last_address_only)
{
	static const struct {
		const char *prefix, *addr;
		int has;
	} rows[] = {
		{ "192.0.2.0/24", "192.0.2.0", 1 },
		{ "192.0.2.0/24", "192.0.2.255", 1 },
		{ "192.0.2.0/24", "192.0.3.0", 0 },
		{ "0.0.0.0/0", "45.1.1.1", 1 },
		{ "0.0.0.0/0", "::1", 0 },
		{ "2a02::/16", "2a02:ffff::", 1 },
		{ "45.1.1.1", "45.1.1.1", 1 },
		{ "45.1.1.1", "45.1.1.2", 0 },
		{ "192.0.2.1/24", NULL, -1 },
		{ "192.0.2.0/33", NULL, -1 },
		{ "192.0.2.0/", NULL, -1 },
		{ "192.0.2.0/-1", NULL, -1 },
		{ "2a02::/129", NULL, -1 },
		{ "/24", NULL, -1 },
		{ "x/24", NULL, -1 },
	};
	struct prefix p;
	struct addr a;

	for (size_t i = 0; i < COUNT(rows); i++) {
		if (prefix_parse(rows[i].prefix, &p) != (rows[i].has >= 0))
			fail_msg("%s", rows[i].prefix);
		if (rows[i].has >= 0) {
			assert_true(addr_parse(rows[i].addr, &a));
			assert_int_equal(prefix_has(&p, &a), rows[i].has);
		}
	}
}

TEST(special_ranges_begin_and_end_where_the_registries_say)
{
	static const struct {
		const char *addr, *what;
	} rows[] = {
		{ "0.255.255.255", "this network" },
		{ "1.0.0.0", NULL },
		{ "9.255.255.255", NULL },
		{ "10.0.0.0", "RFC 1918" },
		{ "10.255.255.255", "RFC 1918" },
		{ "11.0.0.0", NULL },
		{ "100.63.255.255", NULL },
		{ "100.64.0.0", "RFC 6598" },
		{ "100.127.255.255", "RFC 6598" },
		{ "100.128.0.0", NULL },
		{ "127.0.0.1", "loopback" },
		{ "128.0.0.0", NULL },
		{ "169.254.1.1", "link-local" },
		{ "172.15.255.255", NULL },
		{ "172.16.0.0", "RFC 1918" },
		{ "172.31.255.255", "RFC 1918" },
		{ "172.32.0.0", NULL },
		{ "192.0.0.8", "IETF" },
		{ "192.0.1.0", NULL },
		{ "192.0.2.66", "documentation" },
		{ "192.167.255.255", NULL },
		{ "192.168.0.0", "RFC 1918" },
		{ "192.169.0.0", NULL },
		{ "198.17.255.255", NULL },
		{ "198.18.0.0", "benchmarking" },
		{ "198.19.255.255", "benchmarking" },
		{ "198.20.0.0", NULL },
		{ "203.0.113.1", "documentation" },
		{ "223.255.255.255", NULL },
		{ "224.0.0.0", "multicast" },
		{ "239.255.255.255", "multicast" },
		{ "240.0.0.0", "reserved" },
		{ "255.255.255.255", "broadcast" },
		{ "::", "unspecified" },
		{ "::1", "loopback" },
		{ "::2", NULL },
		{ "64:ff9b::1", "translation" },
		{ "2001::1", "Teredo" },
		{ "2001:db8::1", "documentation" },
		{ "2001:db9::1", NULL },
		{ "2001:200::1", NULL },
		{ "2001:1ff:ffff::1", "IETF" },
		{ "2002:2d01:101::1", "6to4" },
		{ "3fff::1", "documentation" },
		{ "fbff::1", NULL },
		{ "fc00::1", "unique-local" },
		{ "fdff:ffff::1", "unique-local" },
		{ "fe80::1", "link-local" },
		{ "fec0::1", NULL },
		{ "ff02::1", "multicast" },
		{ "2a02:4780::1", NULL },
		{ "45.1.1.1", NULL },
	};
	struct addr a;

	for (size_t i = 0; i < COUNT(rows); i++) {
		const char *special;

		assert_true(addr_parse(rows[i].addr, &a));
		special = addr_special(&a);
		if (!special != !rows[i].what || (special && !strstr(special, rows[i].what)))
			fail_msg("%s: %s", rows[i].addr, special ? special : "ordinary");
	}
}

/* A neighbour may lie in another range: then its name, else NULL. */
TEST(each_special_range_holds_its_ends_and_not_its_neighbours)
{
	static const struct {
		const char *name, *before, *first, *last, *after, *before_is, *after_is;
	} rows[] = {
		{ "RFC 791", NULL, "0.0.0.0", "0.255.255.255", "1.0.0.0", NULL, NULL },
		{ "RFC 1918", "9.255.255.255", "10.0.0.0", "10.255.255.255", "11.0.0.0", NULL,
		  NULL },
		{ "RFC 6598", "100.63.255.255", "100.64.0.0", "100.127.255.255", "100.128.0.0",
		  NULL, NULL },
		{ "RFC 1122", "126.255.255.255", "127.0.0.0", "127.255.255.255", "128.0.0.0", NULL,
		  NULL },
		{ "RFC 3927", "169.253.255.255", "169.254.0.0", "169.254.255.255", "169.255.0.0",
		  NULL, NULL },
		{ "RFC 1918", "172.15.255.255", "172.16.0.0", "172.31.255.255", "172.32.0.0", NULL,
		  NULL },
		{ "RFC 6890", "191.255.255.255", "192.0.0.0", "192.0.0.255", "192.0.1.0", NULL,
		  NULL },
		{ "RFC 5737", "192.0.1.255", "192.0.2.0", "192.0.2.255", "192.0.3.0", NULL, NULL },
		{ "RFC 7535", "192.31.195.255", "192.31.196.0", "192.31.196.255", "192.31.197.0",
		  NULL, NULL },
		{ "RFC 7450", "192.52.192.255", "192.52.193.0", "192.52.193.255", "192.52.194.0",
		  NULL, NULL },
		{ "RFC 7526", "192.88.98.255", "192.88.99.0", "192.88.99.255", "192.88.100.0", NULL,
		  NULL },
		{ "RFC 1918", "192.167.255.255", "192.168.0.0", "192.168.255.255", "192.169.0.0",
		  NULL, NULL },
		{ "RFC 7534", "192.175.47.255", "192.175.48.0", "192.175.48.255", "192.175.49.0",
		  NULL, NULL },
		{ "RFC 2544", "198.17.255.255", "198.18.0.0", "198.19.255.255", "198.20.0.0", NULL,
		  NULL },
		{ "RFC 5737", "198.51.99.255", "198.51.100.0", "198.51.100.255", "198.51.101.0",
		  NULL, NULL },
		{ "RFC 5737", "203.0.112.255", "203.0.113.0", "203.0.113.255", "203.0.114.0", NULL,
		  NULL },
		{ "RFC 5771", "223.255.255.255", "224.0.0.0", "239.255.255.255", "240.0.0.0", NULL,
		  "RFC 1112" },
		{ "RFC 1112", "239.255.255.255", "240.0.0.0", "255.255.255.254", "255.255.255.255",
		  "RFC 5771", "RFC 919" },
		{ "RFC 919", "255.255.255.254", "255.255.255.255", "255.255.255.255", NULL,
		  "RFC 1112", NULL },
		{ "unspecified", NULL, "::", "::", "::1", NULL, "loopback" },
		{ "loopback (RFC 4291)", "::", "::1", "::1", "::2", "unspecified", NULL },
		{ "RFC 6052", "64:ff9a:ffff:ffff:ffff:ffff:ffff:ffff",
		  "64:ff9b::", "64:ff9b::ffff:ffff", "64:ff9b::1:0:0", NULL, NULL },
		{ "RFC 8215", "64:ff9b:0:ffff:ffff:ffff:ffff:ffff",
		  "64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff", "64:ff9b:2::", NULL, NULL },
		{ "RFC 6666", "ff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		  "100::", "100::ffff:ffff:ffff:ffff", "100:0:0:1::", NULL, "RFC 9780" },
		{ "RFC 9780", "100::ffff:ffff:ffff:ffff",
		  "100:0:0:1::", "100:0:0:1:ffff:ffff:ffff:ffff", "100:0:0:2::", "RFC 6666", NULL },
		{ "RFC 4380", "2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		  "2001::", "2001:0:ffff:ffff:ffff:ffff:ffff:ffff", "2001:1::", NULL, "RFC 2928" },
		{ "RFC 5180", "2001:1:ffff:ffff:ffff:ffff:ffff:ffff", "2001:2::",
		  "2001:2:0:ffff:ffff:ffff:ffff:ffff", "2001:2:1::", "RFC 2928", "RFC 2928" },
		{ "RFC 7343", "2001:1f:ffff:ffff:ffff:ffff:ffff:ffff", "2001:20::",
		  "2001:2f:ffff:ffff:ffff:ffff:ffff:ffff", "2001:30::", "RFC 2928", "RFC 2928" },
		{ "RFC 2928", NULL, "2001:1::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff",
		  "2001:200::", NULL, NULL },
		{ "RFC 3849", "2001:db7:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db8::",
		  "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db9::", NULL, NULL },
		{ "RFC 3056", "2001:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		  "2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2003::", NULL, NULL },
		{ "RFC 7534", "2620:4f:7fff:ffff:ffff:ffff:ffff:ffff", "2620:4f:8000::",
		  "2620:4f:8000:ffff:ffff:ffff:ffff:ffff", "2620:4f:8001::", NULL, NULL },
		{ "RFC 9637", "3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		  "3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff", "3fff:1000::", NULL, NULL },
		{ "RFC 9602", "5eff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		  "5f00::", "5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "5f01::", NULL, NULL },
		{ "RFC 4193", "fbff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		  "fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "fe00::", NULL, NULL },
		{ "RFC 4291", "fe7f:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		  "fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "fec0::", NULL, NULL },
		{ "RFC 4291", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		  "ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL, NULL, NULL },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct {
			const char *addr, *what;
		} ends[] = {
			{ rows[i].before, rows[i].before_is },
			{ rows[i].first, rows[i].name },
			{ rows[i].last, rows[i].name },
			{ rows[i].after, rows[i].after_is },
		};

		for (size_t k = 0; k < 4; k++) {
			const char *special;
			struct addr a;

			if (!ends[k].addr)
				continue;
			assert_true(addr_parse(ends[k].addr, &a));
			special = addr_special(&a);
			if (!special != !ends[k].what ||
			    (special && !strstr(special, ends[k].what)))
				fail_msg("%s: %s", ends[k].addr, special ? special : "ordinary");
		}
	}
}

TEST(a_mapped_text_is_the_ipv4_address_everywhere)
{
	struct addr plain, mapped;
	char name[ADDR_REVERSE_MAX];

	assert_true(addr_parse("10.2.3.4", &plain));
	assert_true(addr_parse("::ffff:a02:304", &mapped));
	assert_memory_equal(&plain, &mapped, sizeof(plain));
	assert_true(addr_is_v4(&mapped));
	assert_string_equal(addr_reverse(&mapped, name), "4.3.2.10");
	assert_string_equal(addr_special(&mapped), "private-use (RFC 1918)");
	assert_true(addr_parse("::10.2.3.4", &mapped)); /* compatible, not mapped */
	assert_false(addr_is_v4(&mapped));
}

TEST(a_refused_text_leaves_the_result_alone)
{
	struct addr a, was;
	struct prefix p, had;

	memset(&a, 7, sizeof(a));
	was = a;
	assert_false(addr_parse("45.1.1.1%1", &a));
	assert_memory_equal(&a, &was, sizeof(a));
	memset(&p, 7, sizeof(p));
	had = p;
	assert_false(prefix_parse("45.1.1.1/24", &p));
	assert_memory_equal(&p, &had, sizeof(p));
}

TEST(cutting_keeps_just_the_first_bits)
{
	static const struct {
		int bits;
		const char *out;
	} rows[] = {
		{ 0, "::" },
		{ 1, "8000::" },
		{ 7, "fe00::" },
		{ 8, "ff00::" },
		{ 9, "ff80::" },
		{ 64, "ffff:ffff:ffff:ffff::" },
		{ 127, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe" },
		{ 128, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" },
	};
	char text[ADDR_TEXT_MAX];
	struct addr a, cut;

	memset(&a, 0xff, sizeof(a));
	for (size_t i = 0; i < COUNT(rows); i++) {
		cut = addr_cut(&a, rows[i].bits);
		assert_string_equal(addr_text(&cut, text), rows[i].out);
	}
}

TEST(the_last_address_of_a_prefix_is_its_highest)
{
	static const struct {
		const char *prefix, *last;
	} rows[] = {
		{ "::/0", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" },
		{ "0.0.0.0/0", "255.255.255.255" },
		{ "192.0.2.0/24", "192.0.2.255" },
		{ "192.0.2.0/23", "192.0.3.255" },
		{ "192.0.2.4/31", "192.0.2.5" },
		{ "192.0.2.4", "192.0.2.4" },
		{ "2001:db8::/32", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff" },
		{ "2001:db8:0:1::/64", "2001:db8:0:1:ffff:ffff:ffff:ffff" },
		{ "2001:db8::2/127", "2001:db8::3" },
	};
	char text[ADDR_TEXT_MAX];
	struct prefix prefix;
	struct addr last;

	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_true(prefix_parse(rows[i].prefix, &prefix));
		last = addr_last(&prefix);
		assert_string_equal(addr_text(&last, text), rows[i].last);
	}
}

TEST(addresses_are_ordered_by_their_bytes)
{
	static const char *const rising[] = { "::",	    "::1",	   "1.2.3.4", "1.2.3.5",
					      "2001:db8::", "2001:db8::1", "ff00::" };
	struct addr left, right;

	for (size_t i = 0; i < COUNT(rising); i++) {
		for (size_t j = 0; j < COUNT(rising); j++) {
			assert_true(addr_parse(rising[i], &left));
			assert_true(addr_parse(rising[j], &right));
			assert_int_equal(addr_equal(&left, &right), i == j);
			assert_int_equal(addr_compare(&left, &right) < 0, i < j);
			assert_int_equal(addr_compare(&left, &right) > 0, i > j);
		}
	}
}
