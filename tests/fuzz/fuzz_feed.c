/* SPDX-License-Identifier: MIT */
/*
 * What a publisher, a proxy or an attacker sends in place of a list. Byte 0 chooses the format,
 * byte 1 the length of the pieces it comes in; the rest is the feed.
 */
#include "feed/accept.h"
#include "fuzz.h"
#include <string.h>

struct seen {
	size_t count;
	uint64_t sum; /* of all entries, in their order */
	struct feed_entries *entries;
};

static void see_entry(void *user, const struct prefix *net, int number)
{
	struct seen *seen = user;
	struct addr cut = addr_cut(&net->addr, net->bits);

	must(net->bits >= 0 && net->bits <= 128);
	must(!addr_is_v4(&net->addr) || net->bits >= 96);
	must(addr_equal(&cut, &net->addr));
	must(number >= 1 && number <= FEED_NUMBER_MAX);
	for (size_t i = 0; i < sizeof(cut.bytes); i++)
		seen->sum = seen->sum * 31 + cut.bytes[i];
	seen->sum = (seen->sum * 31 + (uint64_t)net->bits) * 31 + (uint64_t)number;
	seen->count++;
	must(feed_entries_add(seen->entries, net, number));
}

static struct feed_counts read_pieces(enum feed_format format, const uint8_t *data, size_t size,
				      size_t piece, struct seen *seen)
{
	struct feed_reader *reader = feed_reader_new(format, see_entry, seen);
	struct feed_counts counts;

	must(reader);
	for (size_t at = 0; at < size; at += piece)
		feed_reader_bytes(reader, (const char *)data + at,
				  size - at < piece ? size - at : piece);
	feed_reader_end(reader, &counts);
	feed_reader_free(reader);
	must(counts.entries == seen->count && counts.bytes == size);
	must(!counts.bad == !counts.bad_line);
	must(memchr(counts.bad_text, '\0', sizeof(counts.bad_text)) && is_plain(counts.bad_text));
	return counts;
}

static void judge(const struct feed_counts *counts, struct feed_entries *entries)
{
	struct feed_check check = { .counts = counts, .entries = entries };
	char why[DETAIL_MAX] = "";

	feed_entries_sort(entries);
	must(feed_entries_cover_v4(entries) <= (uint64_t)1 << 32);
	if (!feed_accept(&check, why)) {
		must(memchr(why, '\0', sizeof(why)) && *why && is_plain(why));
		return;
	}
	must(counts->entries && counts->entries >= counts->bad && !counts->is_html);
	for (size_t i = 0; i < feed_entries_count(entries); i++) {
		struct prefix net;
		int number;

		feed_entries_at(entries, i, &net, &number);
		must(!addr_special(&net.addr) && net.bits >= FEED_BITS_MIN_V6);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct seen whole = { 0 }, pieces = { 0 };
	struct feed_counts counts, again;
	enum feed_format format;

	if (size < 2)
		return 0;
	format = (enum feed_format)(data[0] % (FEED_ABUSEIPDB + 1));
	whole.entries = feed_entries_new();
	pieces.entries = feed_entries_new();
	must(whole.entries && pieces.entries);
	counts = read_pieces(format, data + 2, size - 2, size, &whole);
	again = read_pieces(format, data + 2, size - 2, 1 + data[1], &pieces);
	must(counts.bad == again.bad && counts.bad_line == again.bad_line);
	must(counts.generated_at == again.generated_at && counts.is_cut == again.is_cut);
	must(whole.sum == pieces.sum && !strcmp(counts.bad_text, again.bad_text));
	judge(&counts, whole.entries);
	feed_entries_free(whole.entries);
	feed_entries_free(pieces.entries);
	return 0;
}
