/* SPDX-License-Identifier: MIT */
/* mask.c - see mask.h */
#include "base/mask.h"
#include <ctype.h>
#include <string.h>
#include <strings.h>

static bool is_printable(unsigned char byte)
{
	return byte >= ' ' && byte <= '~';
}

char *text_printable(char *dst, size_t room, const void *src, size_t len)
{
	const unsigned char *bytes = src;
	size_t count = len < room - 1 ? len : room - 1;

	for (size_t i = 0; i < count; i++)
		dst[i] = is_printable(bytes[i]) ? (char)bytes[i] : '?';
	dst[count] = '\0';
	return dst;
}

char *text_mask(char *dst, size_t room, const void *src, size_t len)
{
	size_t count;

	text_printable(dst, room, src, len);
	for (char *quote = dst; (quote = strchr(quote, '"')); quote++)
		*quote = '?';
	count = strlen(dst);
	if (count < len && count >= 3)
		/* NOLINTNEXTLINE(bugprone-not-null-terminated-result): the end stays */
		memcpy(dst + count - 3, "...", 3);
	return dst;
}

/* ---- is a piece of a secret shown? ---- */

#define PIECE	  8    /* letters and digits of a secret that identify it */
#define BYTES_MAX 1024 /* of a text that is searched */

struct bytes {
	size_t len;
	unsigned char at[BYTES_MAX];
};

static void add_byte(struct bytes *bytes, int byte)
{
	if (bytes->len < sizeof(bytes->at))
		bytes->at[bytes->len++] = (unsigned char)byte;
}

static int hex_digit(char byte)
{
	static const char digits[] = "0123456789abcdef";
	const char *pos = byte ? strchr(digits, tolower((unsigned char)byte)) : NULL;

	return pos ? (int)(pos - digits) : -1;
}

static int base64_digit(char byte)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
		"+/";
	const char *pos;

	if (byte == '-' || byte == '_') /* of URLs (RFC 4648, 5) */
		byte = byte == '-' ? '+' : '/';
	pos = byte ? strchr(digits, byte) : NULL;
	return pos ? (int)(pos - digits) : -1;
}

/* "%41", "\x41" and "\u0041" are one byte. */
static void unescape(const char *text, size_t len, struct bytes *ret)
{
	static const char *const marks[] = { "%", "\\x", "\\u00" };

	ret->len = 0;
	for (size_t at = 0; at < len; at++) {
		int byte = (unsigned char)text[at];
		size_t used = 0;

		for (size_t i = 0; i < 3 && !used; i++) {
			size_t mark = strlen(marks[i]);

			if (len - at < mark + 2 || strncasecmp(text + at, marks[i], mark) != 0 ||
			    hex_digit(text[at + mark]) < 0 || hex_digit(text[at + mark + 1]) < 0)
				continue;
			byte = hex_digit(text[at + mark]) * 16 + hex_digit(text[at + mark + 1]);
			used = mark + 1;
		}
		add_byte(ret, byte);
		at += used;
	}
}

/* In lower case; what is between them (blanks, hyphens, quotes, NUL) does not hide them. */
static void letters_of(const struct bytes *bytes, struct bytes *ret)
{
	ret->len = 0;
	for (size_t i = 0; i < bytes->len; i++)
		if (bytes->at[i] < 0x80 && isalnum(bytes->at[i]))
			add_byte(ret, tolower(bytes->at[i]));
}

/* Each digit has the given number of bits; what is not a digit is skipped. */
static void decode(const struct bytes *bytes, int (*digit_of)(char byte), unsigned bits,
		   size_t skip, struct bytes *ret)
{
	unsigned number = 0, have = 0;

	ret->len = 0;
	for (size_t i = 0; i < bytes->len; i++) {
		int digit = digit_of((char)bytes->at[i]);

		if (digit < 0)
			continue;
		if (skip) {
			skip--;
			continue;
		}
		number = (number << bits | (unsigned)digit) & 0xffff;
		have += bits;
		if (have < 8)
			continue;
		have -= 8;
		add_byte(ret, (int)(number >> have & 0xff));
	}
}

static bool has_piece(const struct bytes *bytes, const struct bytes *secret)
{
	unsigned char back[PIECE];

	for (size_t i = 0; i + PIECE <= secret->len; i++) {
		for (size_t k = 0; k < PIECE; k++)
			back[k] = secret->at[i + PIECE - 1 - k];
		if (memmem(bytes->at, bytes->len, secret->at + i, PIECE) ||
		    memmem(bytes->at, bytes->len, back, PIECE))
			return true;
	}
	return false;
}

static bool shows_letters(const struct bytes *bytes, const struct bytes *secret)
{
	struct bytes letters;

	letters_of(bytes, &letters);
	return has_piece(&letters, secret);
}

/* A key of hexadecimal digits may also be sent as the bytes that they mean. */
static bool shows_digits(const struct bytes *bytes, const struct bytes *secret)
{
	struct bytes digits = { 0 };

	for (size_t i = 0; i < bytes->len; i++) {
		add_byte(&digits, "0123456789abcdef"[bytes->at[i] >> 4]);
		add_byte(&digits, "0123456789abcdef"[bytes->at[i] & 15]);
	}
	return has_piece(&digits, secret);
}

static bool shows_whole(const struct bytes *bytes, const char *secret)
{
	size_t len = strlen(secret);

	for (size_t at = 0; at + len <= bytes->len; at++)
		if (!strncasecmp((const char *)bytes->at + at, secret, len))
			return true;
	return false;
}

bool text_shows(const char *text, size_t len, const char *secret)
{
	struct bytes plain, decoded, letters, given = { 0 };

	if (!*secret)
		return false;
	if (len > BYTES_MAX)
		return true;
	unescape(text, len, &plain);
	for (const char *pos = secret; *pos; pos++)
		add_byte(&given, (unsigned char)*pos);
	letters_of(&given, &letters);
	if (letters.len < PIECE)
		return shows_whole(&plain, secret);
	if (shows_letters(&plain, &letters))
		return true;
	for (size_t skip = 0; skip < 2; skip++) {
		decode(&plain, hex_digit, 4, skip, &decoded);
		if (shows_letters(&decoded, &letters))
			return true;
	}
	for (size_t skip = 0; skip < 4; skip++) {
		decode(&plain, base64_digit, 6, skip, &decoded);
		if (shows_letters(&decoded, &letters) || shows_digits(&decoded, &letters))
			return true;
	}
	return false;
}

#define RUN_MIN 20

char *text_redact(char *text)
{
	char *out = text;

	for (const char *pos = text; *pos;) {
		size_t len = strspn(
			pos, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789");
		bool digit = strcspn(pos, "0123456789") < len;

		if (len >= RUN_MIN && digit) {
			memcpy(out, "...", 3);
			out += 3;
			pos += len;
			continue;
		}
		if (!len)
			len = 1;
		memmove(out, pos, len);
		out += len;
		pos += len;
	}
	*out = '\0';
	return text;
}
