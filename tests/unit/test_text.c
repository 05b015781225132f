/* SPDX-License-Identifier: MIT */
/* test_text.c - growing text, masking, errors and log lines */
#include "base/buf.h"
#include "base/mask.h"
#include "base/err.h"
#include "base/log.h"
#include "unit.h"

TEST(foreign_bytes_are_masked_and_cut_to_the_room)
{
	static const struct {
		const char *src;
		size_t len, room;
		const char *out;
	} rows[] = {
		{ "abc", 3, 4, "abc" },
		{ "abcd", 4, 4, "..." },
		{ "abcde", 5, 5, "a..." },
		{ "abcd", 4, 3, "ab" },
		{ "abc", 3, 1, "" },
		{ "", 0, 4, "" },
		{ "a\0b", 3, 8, "a?b" },
		{ "\t\r\n\x7f", 4, 8, "????" },
		{ "\xc2\x9b"
		  "31m",
		  5, 8, "??31m" },
		{ "\"\x1b]0;\a", 6, 8, "??]0;?" },
		{ " ~'\\", 4, 8, " ~'\\" },
	};
	char out[9];

	for (size_t i = 0; i < COUNT(rows); i++) {
		memset(out, 'z', sizeof(out));
		assert_ptr_equal(text_mask(out, rows[i].room, rows[i].src, rows[i].len), out);
		assert_string_equal(out, rows[i].out);
		assert_int_equal(out[rows[i].room], 'z');
	}
}

TEST(stored_text_keeps_its_quotes_when_it_is_shown)
{
	static const struct {
		const char *src;
		size_t room;
		const char *out;
	} rows[] = {
		{ "a \"b\" c", 9, "a \"b\" c" },
		{ "abcd", 4, "abc" },
		{ "a\x1b\xc3\x7f", 9, "a???" },
		{ "", 1, "" },
	};
	char out[9];

	for (size_t i = 0; i < COUNT(rows); i++)
		assert_string_equal(text_printable(out, rows[i].room, rows[i].src,
						   strlen(rows[i].src)),
				    rows[i].out);
}

TEST(utf8_is_told_from_other_bytes)
{
	static const char *const good[] = { "",
					    "a",
					    "\xc3\xa9",
					    "\xe2\x82\xac",
					    "\xf0\x9f\x98\x80",
					    "\x7f",
					    "\xed\x9f\xbf",
					    "\xf4\x8f\xbf\xbf" };
	static const char *const bad[] = { "\x80",
					   "\xc3",
					   "\xc0\xaf",
					   "\xe0\x80\xaf",
					   "\xed\xa0\x80",
					   "\xf4\x90\x80\x80",
					   "\xff",
					   "\xe2\x82",
					   "a\xe9\x62",
					   "\xf0\x9f\x98",
					   "\xf8\x88\x80\x80\x80" };

	for (size_t i = 0; i < COUNT(good); i++)
		assert_true(utf8_valid(good[i]));
	for (size_t i = 0; i < COUNT(bad); i++)
		if (utf8_valid(bad[i]))
			fail_msg("bad[%zu] is taken", i);
	assert_int_equal(utf8_cut("abc", 3), 3);
	assert_int_equal(utf8_cut("abcd", 3), 3);
	assert_int_equal(utf8_cut("ab\xc3\xa9", 3), 2);
	assert_int_equal(utf8_cut("\xf0\x9f\x98\x80", 3), 0);
}

TEST(a_piece_of_a_secret_is_found_however_it_is_written)
{
	static const char key[] = "3f9a27c1d84be06572c9f01a"; /* random */
	static const struct {
		const char *text, *secret;
		bool shows;
	} rows[] = {
		{ "xx3f9a27c1d84be065xx", key, true },
		{ "XX3F9A27C1D84BE06XX", key, true }, /* 15 */
		{ "27c1d84b", key, true },	      /* 8 */
		{ "your key 3f9a27c1 is refused", key, true },
		{ "27c1d84", key, false }, /* 7 */
		{ "9f01a", key, false },
		{ "27c1d84 3f9a27c", key, false }, /* two pieces of 7 that do not meet */
		{ "3 f 9 a 2 7 c 1 d 8", key, true },
		{ "3f9a-27c1-d84b", key, true },
		{ "3f:9a:27:c1", key, true },
		{ "\"3f9a\", \"27c1\"", key, true },
		{ "3f9a??27c1", key, true },
		{ "a10f9c27", key, true }, /* backwards */
		{ "5 6 0 e b 4 8 d", key, true },
		{ "x=%33%66%39%61%32%37%63%31", key, true },
		{ "3f9a%327c1", key, true },
		{ "%3f%9a%27%c1", key, false }, /* other bytes, unprintable */
		{ "3f9a27c%3", key, false },
		{ "\\x33\\x66\\x39\\x61\\x32\\x37\\x63\\x31", key, true },
		{ "\\u0033f\\u0039a27c1", key, true },
		{ "3366396132376331", key, true },
		{ "33 66 39 61 32 37 63 31", key, true },
		{ "ab 3366396132376331", key, true },
		{ "M2Y5YTI3YzE=", key, true }, /* base64 of the first 8 */
		{ "eDNmOWEyN2Mx", key, true },
		{ "eHgzZjlhMjdjMQ==", key, true },
		{ "Basic M2Y5 YTI3 YzE=", key, true },
		{ "P5onwQ", key, true }, /* base64 of the bytes that 8 digits mean */
		{ "P5on", key, false },
		{ "Your API key is either missing, incorrect, or revoked.", key, false },
		{ "You can only report the same IP address (`45.1.1.1`) once in 15 minutes.", key,
		  false },
		{ "2026-11-23T09:51:10+00:00 2001:4860:4860::8888", key, false },
		{ "", key, false },
		{ "a short one", "SHORT", true }, /* of a shorter one all */
		{ "s%68ort", "short", true },
		{ "shor", "short", false },
		{ "s-h-o-r-t", "short", false },
		{ "a ~!#?! b", "~!#?!", true },
		{ "anything", "", false },
	};
	char longer[1100];

	for (size_t i = 0; i < COUNT(rows); i++)
		if (text_shows(rows[i].text, strlen(rows[i].text), rows[i].secret) != rows[i].shows)
			fail_msg("\"%s\"", rows[i].text);
	memset(longer, ' ', sizeof(longer));
	assert_false(text_shows(longer, 1024, key));
	assert_true(text_shows(longer, 1025, key)); /* not searched */
}

TEST(keys_are_redacted)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
		{ "key = 0123456789abcdef0123", "key = ..." },
		{ "https://x:0123456789abcdef0123@h/x", "https://x:...@h/x" },
		{ "blocklist-de-and-others-of-2026", "blocklist-de-and-others-of-2026" },
		{ "abcdefghijklmnopqrstuvwxyz", "abcdefghijklmnopqrstuvwxyz" },
		{ "0123456789abcdef012", "0123456789abcdef012" },
		{ "", "" },
		{ "0123456789abcdef0123", "..." },
	};
	char text[80];

	for (size_t i = 0; i < COUNT(rows); i++) {
		snprintf(text, sizeof(text), "%s", rows[i].in);
		assert_string_equal(text_redact(text), rows[i].out);
	}
}

TEST(text_is_put_as_far_as_it_fits)
{
	static const struct {
		const char *before, *more, *after;
		bool whole;
	} rows[] = {
		{ "", "abc", "abc", true },	{ "", "abcd", "abcd", true },
		{ "", "abcde", "abcd", false }, { "ab", "cd", "abcd", true },
		{ "ab", "cde", "abcd", false }, { "abcd", "", "abcd", true },
		{ "abcd", "e", "abcd", false },
	};
	char dst[6];

	for (size_t i = 0; i < COUNT(rows); i++) {
		memset(dst, 'z', sizeof(dst));
		strcpy(dst, rows[i].before);
		assert_int_equal(text_put(dst, 5, rows[i].more), rows[i].whole);
		assert_string_equal(dst, rows[i].after);
		assert_int_equal(dst[5], 'z');
	}
}

TEST(a_buffer_grows_to_its_limit_and_a_failure_stays)
{
	struct buf b;

	buf_init(&b, 1000);
	for (int i = 0; i < 250; i++)
		buf_printf(&b, "%04d", i);
	assert_false(b.failed);
	assert_int_equal(b.len, 1000);
	assert_int_equal(strlen(b.text), 1000);
	assert_memory_equal(b.text + 996, "0249", 5);
	buf_add(&b, "", 0);
	assert_false(b.failed);
	buf_add(&b, "x", 1);
	assert_true(b.failed);
	assert_int_equal(b.len, 1000);
	buf_free(&b);
	assert_null(b.text);
	assert_false(b.failed);
	assert_int_equal(b.max, 1000);

	buf_puts(&b, "ab");
	buf_add(&b, NULL, (size_t)-1); /* refused before it is looked at */
	assert_true(b.failed);
	buf_puts(&b, "c"); /* would fit, but the chain is broken */
	assert_string_equal(b.text, "ab");
	buf_free(&b);
	buf_free(&b);
}

TEST(a_buffer_holds_any_bytes)
{
	struct buf b;

	buf_init(&b, 8);
	buf_add(&b, "a\0b", 3);
	buf_puts(&b, "c");
	assert_int_equal(b.len, 4);
	assert_memory_equal(b.text, "a\0bc", 5);
	buf_free(&b);
}

TEST(an_error_is_a_code_and_a_sentence_or_just_a_code)
{
	struct err e;

	assert_int_equal(err_set(NULL, IPREP_E_IO, "%s", "x"), IPREP_E_IO);
	assert_int_equal(err_set(&e, IPREP_E_IO, "%s: %d", "x", 5), IPREP_E_IO);
	assert_int_equal(e.code, IPREP_E_IO);
	assert_string_equal(e.text, "x: 5");
	assert_int_equal(err_prefix(&e, "row %d", 7), IPREP_E_IO);
	assert_string_equal(e.text, "row 7: x: 5");
	assert_int_equal(err_prefix(NULL, "y"), IPREP_E_BUG);
}

TEST(an_overlong_error_is_cut_never_overrun)
{
	char longer[sizeof(((struct err *)NULL)->text) + 200];
	struct err e;

	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	err_set(&e, IPREP_E_IO, "%s", longer);
	assert_int_equal(strlen(e.text), sizeof(e.text) - 1);
	err_prefix(&e, "%s", "first");
	assert_int_equal(strlen(e.text), sizeof(e.text) - 1);
	assert_memory_equal(e.text, "first: xxx", 10);
	err_prefix(&e, "%s", longer);
	assert_int_equal(strlen(e.text), sizeof(e.text) - 1);
	assert_int_equal(e.code, IPREP_E_IO);
}

static char heard[2000];
static int heard_priority;

static void hear(void *user, int priority, const char *line)
{
	++*(int *)user;
	heard_priority = priority;
	strcpy(heard, line);
}

TEST(a_line_is_heard_up_to_its_priority_only)
{
	static const struct {
		int max, priority;
		bool wanted;
	} rows[] = {
		{ LOG_INFO, LOG_ERR, true },	{ LOG_INFO, LOG_INFO, true },
		{ LOG_INFO, LOG_DEBUG, false }, { LOG_ERR, LOG_WARNING, false },
		{ LOG_DEBUG, LOG_DEBUG, true },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		int lines = 0;
		struct log l = { hear, &lines, rows[i].max };

		assert_int_equal(log_wants(&l, rows[i].priority), rows[i].wanted);
		log_line(&l, rows[i].priority, "n=%zu", i);
		assert_int_equal(lines, rows[i].wanted);
		if (lines)
			assert_int_equal(heard_priority, rows[i].priority);
	}
}

TEST(without_a_hook_there_is_silence_and_long_lines_are_cut)
{
	int lines = 0;
	struct log none = { .max_priority = LOG_DEBUG }, l = { hear, &lines, LOG_DEBUG };

	assert_false(log_wants(NULL, LOG_ERR));
	assert_false(log_wants(&none, LOG_ERR));
	log_line(NULL, LOG_ERR, "x");
	log_line(&none, LOG_ERR, "x");
	log_line(&l, LOG_ERR, "%1500d", 5);
	assert_int_equal(lines, 1);
	assert_int_equal(strlen(heard), 1023);
}
