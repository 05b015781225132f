/* SPDX-License-Identifier: MIT */
/* accept.c - see accept.h; what feeds have done before is the reason of each rule */
#include "feed/accept.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

__attribute__((format(printf, 2, 3))) static bool refuse(char why[DETAIL_MAX], const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(why, DETAIL_MAX, fmt, args);
	va_end(args);
	return false;
}

/* Is it a list at all? */
static bool accept_form(const struct feed_counts *counts, char why[DETAIL_MAX])
{
	char first[sizeof(counts->bad_text) + 32] = "";

	if (counts->is_html)
		return refuse(why, "an HTML page, not a list");
	if (counts->is_cut)
		return refuse(why, "cut off after %zu bytes: its JSON has no end", counts->bytes);
	if (counts->bad)
		snprintf(first, sizeof(first), "; line %zu: \"%s\"", counts->bad_line,
			 counts->bad_text);
	if (!counts->entries)
		return refuse(why, "no entry in %zu bytes%s", counts->bytes, first);
	if (counts->entries < counts->bad)
		return refuse(why, "fewer than half of its lines are entries (%zu of %zu)%s",
			      counts->entries, counts->entries + counts->bad, first);
	return true;
}

static bool accept_net(const struct feed_check *check, const struct prefix *net,
		       char why[DETAIL_MAX])
{
	const char *reason = NULL;
	char text[ADDR_TEXT_MAX], shorter[32];
	bool is_v4 = addr_is_v4(&net->addr);
	int least = is_v4 ? FEED_BITS_MIN_V4 : FEED_BITS_MIN_V6;

	if (net->bits < least) {
		snprintf(shorter, sizeof(shorter), "wider than /%d", is_v4 ? least - 96 : least);
		reason = shorter;
	}
	if (!reason)
		reason = prefix_special(net);
	if (!reason && check->guarded)
		reason = check->guarded(check->user, net);
	if (!reason)
		return true;
	return refuse(why, "%s: %s", prefix_text(net, text), reason);
}

static bool accept_size(const struct feed_check *check, char why[DETAIL_MAX])
{
	size_t count = feed_entries_count(check->entries);
	uint64_t last, least;

	if (!check->last)
		return true;
	last = check->last->fresh;
	least = last < FEED_COMPARED_MIN ? FEED_COMPARED_MIN : last;
	if (count > 3 * least)
		return refuse(why,
			      "%zu entries, more than three times the %" PRIu64
			      " of the last download",
			      count, last);
	if (last >= FEED_COMPARED_MIN && 3 * count < last)
		return refuse(why,
			      "%zu entries, less than a third of the %" PRIu64
			      " of the last download",
			      count, last);
	return true;
}

bool feed_accept(const struct feed_check *check, char ret_why[DETAIL_MAX])
{
	uint64_t cover;

	if (!accept_form(check->counts, ret_why))
		return false;
	for (size_t i = 0; i < feed_entries_count(check->entries); i++) {
		struct prefix net;
		int number;

		feed_entries_at(check->entries, i, &net, &number);
		if (!accept_net(check, &net, ret_why))
			return false;
	}
	cover = feed_entries_cover_v4(check->entries);
	if (cover > FEED_COVER_MAX)
		return refuse(ret_why, "covers %" PRIu64 " IPv4 addresses, more than %d (1 %%)",
			      cover, FEED_COVER_MAX);
	cover = feed_entries_cover_v6(check->entries);
	if (cover > FEED_COVER_V6_MAX)
		return refuse(ret_why, "covers %" PRIu64 " IPv6 networks /32, more than %d", cover,
			      FEED_COVER_V6_MAX);
	return accept_size(check, ret_why);
}
