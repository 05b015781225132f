/* SPDX-License-Identifier: MIT */
/* test_feed_format.c - feeds as their publishers write them, cut anywhere */
#include "base/buf.h"
#include "feed/format.h"
#include "unit.h"

#define FORMATS "plain ipsum drop-json abuseipdb"

static bool fails_calloc;
void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);

void *__wrap_calloc(size_t count, size_t size)
{
	return fails_calloc ? NULL : __real_calloc(count, size);
}

/* "45.1.1.1 45.2.0.0/16=3": the number where it is not 1. */
static void add_entry(void *user, const struct prefix *net, int number)
{
	struct buf *entries = user;
	char text[ADDR_TEXT_MAX];

	buf_printf(entries, "%s%s", entries->len ? " " : "", prefix_text(net, text));
	if (number != 1)
		buf_printf(entries, "=%d", number);
}

/* In pieces of this length; its entries are added to *ret. */
static struct feed_counts read_feed(enum feed_format format, const char *feed, size_t len,
				    size_t piece, struct buf *ret)
{
	struct feed_reader *reader = feed_reader_new(format, add_entry, ret);
	struct feed_counts counts;

	assert_non_null(reader);
	for (size_t at = 0; at < len; at += piece)
		feed_reader_bytes(reader, feed + at, len - at < piece ? len - at : piece);
	feed_reader_end(reader, &counts);
	feed_reader_bytes(reader, "45.99.9.9\n", 10);
	feed_reader_free(reader);
	return counts;
}

static void assert_feed(const struct row *row, size_t piece)
{
	enum feed_format format = (enum feed_format)row_choice(row, "format", FORMATS);
	size_t len = row_length(row, "feed");
	struct feed_counts counts;
	struct buf entries;

	buf_init(&entries, 4096);
	buf_puts(&entries, "");
	counts = read_feed(format, row_text(row, "feed"), len, piece, &entries);
	assert_string_equal(text_or(entries.text, ""),
			    row_has(row, "entries") ? row_text(row, "entries") : "");
	assert_int_equal(counts.bad, row_number(row, "bad"));
	assert_int_equal(counts.bytes, len);
	if (counts.bad) {
		assert_int_equal(counts.bad_line, row_number(row, "line"));
		assert_string_equal(counts.bad_text, row_text(row, "text"));
	}
	buf_free(&entries);
}

ROWS(each_line_or_object_is_an_entry_as_a_whole_or_none)
{
	assert_feed(row, 1);
	assert_feed(row, 2);
	assert_feed(row, 7);
	assert_feed(row, 1 << 20);
}

ROWS(a_feed_tells_when_it_was_made_and_whether_it_is_whole)
{
	struct buf entries;
	struct feed_counts counts;

	buf_init(&entries, 4096);
	counts = read_feed((enum feed_format)row_choice(row, "format", FORMATS),
			   row_text(row, "feed"), row_length(row, "feed"), 3, &entries);
	assert_int_equal(counts.generated_at, row_number(row, "made_at"));
	assert_int_equal(counts.is_cut, row_yes(row, "is_cut"));
	assert_int_equal(counts.is_html, row_yes(row, "is_html"));
	buf_free(&entries);
}

/* What a line or object of just this length gives: before and after it are entries. */
static void assert_length(enum feed_format format, const char *begin, const char *end, size_t len,
			  bool is_entry)
{
	const char *entry = format == FEED_DROP_JSON ? "{\"cidr\":\"45.7.0.0/16\"}\n"
						     : "45.7.0.0/16\n";
	struct feed_counts counts;
	struct buf feed, entries;

	buf_init(&feed, 1 << 20);
	buf_init(&entries, 4096);
	buf_puts(&feed, entry);
	buf_puts(&feed, begin);
	while (feed.len < strlen(entry) + len - strlen(end))
		buf_puts(&feed, "x");
	buf_printf(&feed, "%s\n%s", end, entry);
	counts = read_feed(format, feed.text, feed.len, 100, &entries);
	assert_int_equal(counts.entries, 2 + is_entry);
	assert_int_equal(counts.bad, !is_entry);
	assert_int_equal(counts.bad_line, is_entry ? 0 : 2);
	buf_free(&entries);
	buf_free(&feed);
}

TEST(a_line_over_its_limit_is_bad_and_the_next_one_is_read)
{
	assert_length(FEED_PLAIN, "45.1.1.1,", "", FEED_LINE_MAX, true);
	assert_length(FEED_PLAIN, "45.1.1.1,", "", FEED_LINE_MAX + 1, false);
	assert_length(FEED_PLAIN, "45.1.1.1,", "", 1000000, false);
	assert_length(FEED_DROP_JSON, "{\"x\":\"", "\",\"cidr\":\"45.1.1.1\"}", FEED_OBJECT_MAX,
		      true);
	assert_length(FEED_DROP_JSON, "{\"x\":\"", "\",\"cidr\":\"45.1.1.1\"}", FEED_OBJECT_MAX + 1,
		      false);
}

TEST(an_object_over_its_limit_is_bad_and_the_next_one_is_read)
{
	for (size_t more = 0; more < 2; more++) {
		struct buf feed, entries;
		struct feed_counts counts;

		buf_init(&feed, 1 << 20);
		buf_init(&entries, 4096);
		buf_puts(&feed, "{\"data\":[{\"x\":\"");
		while (feed.len <
		       9 + FEED_OBJECT_MAX + more - strlen("\",\"ipAddress\":\"45.1.1.1\"}"))
			buf_puts(&feed, "x");
		buf_puts(&feed, "\",\"ipAddress\":\"45.1.1.1\"},{\"ipAddress\":\"45.1.1.2\"}]}");
		counts = read_feed(FEED_ABUSEIPDB, feed.text, feed.len, 100, &entries);
		assert_int_equal(counts.entries, 2 - more);
		assert_int_equal(counts.bad, more);
		assert_false(counts.is_cut);
		buf_free(&entries);
		buf_free(&feed);
	}
}

TEST(any_number_of_brackets_uses_the_same_memory)
{
	struct buf feed, entries;
	struct feed_counts counts;

	buf_init(&feed, 1 << 20);
	buf_init(&entries, 4096);
	for (size_t i = 0; i < 100000; i++)
		buf_puts(&feed, "{[");
	counts = read_feed(FEED_ABUSEIPDB, feed.text, feed.len, 4096, &entries);
	assert_int_equal(counts.entries, 0);
	assert_true(counts.is_cut);
	buf_free(&entries);
	buf_free(&feed);
}

TEST(without_memory_there_is_no_reader)
{
	fails_calloc = true;
	assert_null(feed_reader_new(FEED_PLAIN, add_entry, NULL));
	fails_calloc = false;
	assert_null(feed_reader_free(NULL));
}
