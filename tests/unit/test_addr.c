/* SPDX-License-Identifier: MIT */
/* test_addr.c - addresses, prefixes, names for DNSBLs, special-purpose ranges */
#include "base/addr.h"
#include "place.h"

static void assert_addr(const struct addr *addr, const char *expected)
{
	char text[ADDR_TEXT_MAX];

	assert_string_equal(addr_text(addr, text), expected);
}

static void assert_special(const char *text, const char *expected)
{
	struct addr addr = addr_of(text);
	const char *special = addr_special(&addr);

	assert_string_equal(special ? special : "ordinary", expected ? expected : "ordinary");
}

ROWS(texts_are_taken_strictly_and_given_canonically)
{
	struct addr addr;

	assert_int_equal(addr_parse(row_text(row, "text"), &addr), row_has(row, "canonical"));
	if (row_has(row, "canonical"))
		assert_addr(&addr, row_text(row, "canonical"));
}

ROWS(names_for_lists_are_reversed)
{
	struct addr addr = addr_of(row_text(row, "address"));
	char name[ADDR_REVERSE_MAX];

	assert_string_equal(addr_reverse(&addr, name), row_text(row, "name"));
}

ROWS(keys_are_cut_and_said_as_prefixes)
{
	struct addr addr = addr_of(row_text(row, "address"));
	int bits = (int)row_number(row, "bits");
	struct addr key = addr_key(&addr, bits);
	char text[ADDR_TEXT_MAX];

	assert_string_equal(addr_key_text(&key, bits, text), row_text(row, "key"));
}

TEST(a_block_for_one_address_inside_a_prefix_is_said_as_the_address)
{
	struct addr addr = addr_of("2a02:4780::1");
	char text[ADDR_TEXT_MAX];

	assert_string_equal(addr_key_text(&addr, 64, text), "2a02:4780::1");
}

ROWS(prefixes_hold_their_first_and_last_address_only)
{
	struct prefix prefix;
	struct addr addr;

	assert_int_equal(prefix_parse(row_text(row, "prefix"), &prefix), row_has(row, "has"));
	if (!row_has(row, "has"))
		return;
	addr = addr_of(row_text(row, "address"));
	assert_int_equal(prefix_has(&prefix, &addr), row_yes(row, "has"));
}

ROWS(host_bits_of_a_network_are_refused_or_cleared)
{
	struct prefix prefix;
	char text[ADDR_TEXT_MAX];

	assert_int_equal(prefix_parse_cut(row_text(row, "text"), &prefix), row_has(row, "cut"));
	if (row_has(row, "cut"))
		assert_string_equal(prefix_text(&prefix, text), row_text(row, "cut"));
	assert_int_equal(prefix_parse(row_text(row, "text"), &prefix), row_yes(row, "is_exact"));
}

ROWS(a_network_is_special_if_any_of_its_addresses_is)
{
	struct prefix prefix;
	const char *special;

	assert_true(prefix_parse(row_text(row, "prefix"), &prefix));
	special = prefix_special(&prefix);
	assert_string_equal(special ? special : "ordinary",
			    row_has(row, "special") ? row_text(row, "special") : "ordinary");
}

ROWS(an_address_is_special_or_not)
{
	assert_special(row_text(row, "address"), row_text(row, "special"));
}

ROWS(each_special_range_holds_its_ends_and_not_its_neighbours)
{
	assert_special(row_text(row, "first"), row_text(row, "special"));
	assert_special(row_text(row, "last"), row_text(row, "special"));
	if (row_has(row, "before"))
		assert_special(row_text(row, "before"), row_text(row, "before_is"));
	if (row_has(row, "after"))
		assert_special(row_text(row, "after"), row_text(row, "after_is"));
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

ROWS(cutting_keeps_just_the_first_bits)
{
	struct addr ones, cut;

	memset(&ones, 0xff, sizeof(ones));
	cut = addr_cut(&ones, (int)row_number(row, "bits"));
	assert_addr(&cut, row_text(row, "address"));
}

ROWS(the_last_address_of_a_prefix_is_its_highest)
{
	struct prefix prefix;
	struct addr last;

	assert_true(prefix_parse(row_text(row, "prefix"), &prefix));
	last = addr_last(&prefix);
	assert_addr(&last, row_text(row, "last"));
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
