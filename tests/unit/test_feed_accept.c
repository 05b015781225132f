/* SPDX-License-Identifier: MIT */
/* test_feed_accept.c - the rules for a download, each at its limit (DESIGN 5.4) */
#include "feed/accept.h"
#include "unit.h"

static void add_entry(void *user, const struct prefix *net, int number)
{
	assert_true(feed_entries_add(user, net, number));
}

/* Two addresses that the administrator guards, as the host's own and as allowed. */
static const char *guarded(void *user, const struct prefix *net)
{
	struct addr own, allowed;

	(void)user;
	assert_true(addr_parse("45.9.9.9", &own));
	assert_true(addr_parse("2a0a:9::9", &allowed));
	if (prefix_has(net, &own))
		return "an address of this host";
	if (prefix_has(net, &allowed))
		return "allowed by [allow] addresses";
	return NULL;
}

static void assert_judged(const struct feed_check *check, const char *why)
{
	char found[DETAIL_MAX] = "";

	assert_int_equal(feed_accept(check, found), !why);
	assert_string_equal(found, why ? why : "");
	for (const char *at = found; *at; at++)
		assert_true(*at >= ' ' && *at <= '~');
}

ROWS(a_download_is_accepted_or_refused_with_its_reason)
{
	enum feed_format format = (enum feed_format)row_choice(row, "format",
							       "plain ipsum drop-json abuseipdb");
	struct feed_entries *entries = feed_entries_new();
	struct feed_reader *reader = feed_reader_new(format, add_entry, entries);
	struct feed_counts counts;
	struct feed_check check = { &counts, entries, NULL, guarded, NULL };

	assert_non_null(reader);
	feed_reader_bytes(reader, row_text(row, "feed"), row_length(row, "feed"));
	feed_reader_end(reader, &counts);
	feed_entries_sort(entries);
	assert_judged(&check, row_text(row, "why"));
	feed_reader_free(reader);
	feed_entries_free(entries);
}

/* This number of addresses. */
static struct feed_entries *entries_from(int64_t count)
{
	struct feed_entries *entries = feed_entries_new();

	for (int64_t i = 0; i < count; i++) {
		struct prefix net = { .bits = 128 };

		assert_true(addr_parse("45.0.0.0", &net.addr));
		net.addr.bytes[13] = (uint8_t)(i >> 16);
		net.addr.bytes[14] = (uint8_t)(i >> 8);
		net.addr.bytes[15] = (uint8_t)i;
		assert_true(feed_entries_add(entries, &net, 1));
	}
	feed_entries_sort(entries);
	return entries;
}

ROWS(a_download_is_compared_with_the_last_one_alone)
{
	struct feed_entries *entries = entries_from(row_number(row, "entries"));
	struct feed_counts counts = { .entries = feed_entries_count(entries) };
	struct feed_list last = { .entries = 1000000, .fresh = (uint64_t)row_number(row, "last") };
	struct feed_check check = { &counts, entries, &last, NULL, NULL };

	assert_judged(&check, row_text(row, "why"));
	check.last = NULL;
	assert_judged(&check, NULL);
	feed_entries_free(entries);
}

ROWS(a_download_covers_at_most_one_percent_of_ipv4)
{
	struct feed_entries *entries = feed_entries_new();
	struct feed_counts counts = { .entries = 1 };
	struct feed_check check = { &counts, entries, NULL, NULL, NULL };
	char copy[200], *rest = copy, *word;

	snprintf(copy, sizeof(copy), "%s", row_text(row, "networks"));
	while ((word = strsep(&rest, " "))) {
		struct prefix net;

		assert_true(prefix_parse(word, &net));
		assert_true(feed_entries_add(entries, &net, 1));
	}
	feed_entries_sort(entries);
	assert_judged(&check, row_text(row, "why"));
	feed_entries_free(entries);
}
