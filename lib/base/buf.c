/* SPDX-License-Identifier: MIT */
#include "base/buf.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void buf_init(struct buf *b, size_t max)
{
	*b = (struct buf){ .max = max };
}

void buf_free(struct buf *b)
{
	if (b->text)
		explicit_bzero(b->text, b->room);
	free(b->text);
	buf_init(b, b->max);
}

static bool make_room(struct buf *b, size_t more)
{
	size_t need = b->len + more + 1;
	size_t room = b->room ? b->room : 64;
	char *p;

	if (b->failed || more > b->max || b->len > b->max - more)
		return false;
	if (need <= b->room)
		return true;
	while (room < need)
		room *= 2;
	p = realloc(b->text, room);
	if (!p)
		return false;
	b->text = p;
	b->room = room;
	return true;
}

void buf_add(struct buf *b, const void *bytes, size_t len)
{
	if (!make_room(b, len)) {
		b->failed = true;
		return;
	}
	if (len)
		memcpy(b->text + b->len, bytes, len);
	b->len += len;
	b->text[b->len] = '\0';
}

void buf_puts(struct buf *b, const char *text)
{
	buf_add(b, text, strlen(text));
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0 || !make_room(b, (size_t)n)) {
		b->failed = true;
		return;
	}
	va_start(ap, fmt);
	vsnprintf(b->text + b->len, (size_t)n + 1, fmt, ap);
	va_end(ap);
	b->len += (size_t)n;
}

char *text_mask(char *dst, size_t room, const void *src, size_t len)
{
	const unsigned char *s = src;
	size_t n = len < room - 1 ? len : room - 1;

	for (size_t i = 0; i < n; i++)
		dst[i] = s[i] < 0x20 || s[i] > 0x7e || s[i] == '"' ? '?' : (char)s[i];
	dst[n] = '\0';
	if (n < len && n >= 3)
		memcpy(dst + n - 3, "...", 3);
	return dst;
}

bool text_put(char *dst, size_t room, const char *src)
{
	size_t used = strlen(dst), len = strlen(src);
	size_t n = len < room - used ? len : room - used - 1;

	memcpy(dst + used, src, n);
	dst[used + n] = '\0';
	return n == len;
}

size_t utf8_cut(const char *text, size_t max)
{
	size_t n = strnlen(text, max + 1);

	if (n <= max)
		return n;
	for (n = max; n && ((unsigned char)text[n] & 0xc0) == 0x80; n--)
		;
	return n;
}

/* Bytes of the character at s; 0: it is none. */
static size_t utf8_length(const unsigned char *s)
{
	static const struct {
		unsigned char first, last, low, high;
		size_t n;
	} forms[] = {
		{ 0x01, 0x7f, 0, 0, 1 },       { 0xc2, 0xdf, 0x80, 0xbf, 2 },
		{ 0xe0, 0xe0, 0xa0, 0xbf, 3 }, { 0xe1, 0xec, 0x80, 0xbf, 3 },
		{ 0xed, 0xed, 0x80, 0x9f, 3 }, { 0xee, 0xef, 0x80, 0xbf, 3 },
		{ 0xf0, 0xf0, 0x90, 0xbf, 4 }, { 0xf1, 0xf3, 0x80, 0xbf, 4 },
		{ 0xf4, 0xf4, 0x80, 0x8f, 4 },
	};

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		size_t n = 1;

		if (s[0] < forms[i].first || s[0] > forms[i].last)
			continue;
		if (forms[i].n > 1 && (s[1] < forms[i].low || s[1] > forms[i].high))
			return 0;
		for (n = 2; n < forms[i].n; n++)
			if ((s[n] & 0xc0) != 0x80)
				return 0;
		return forms[i].n;
	}
	return 0;
}

bool utf8_valid(const char *text)
{
	const unsigned char *s = (const unsigned char *)text;

	while (*s) {
		size_t n = utf8_length(s);

		if (!n)
			return false;
		s += n;
	}
	return true;
}

#define PIECE 16 /* of a secret: enough to tell it by */

/* The byte at *at in lower case, and *at behind it; "%41" is one byte, as in a URL. */
static int next_byte(const char **at, const char *end)
{
	const char *p = *at;
	unsigned byte = (unsigned char)*p;

	*at = p + 1;
	if (byte == '%' && end - p > 2 && isxdigit((unsigned char)p[1]) &&
	    isxdigit((unsigned char)p[2])) {
		const char hex[] = { p[1], p[2], '\0' };

		byte = (unsigned)strtoul(hex, NULL, 16);
		*at = p + 3;
	}
	return tolower((int)byte);
}

static bool begins_with(const char *text, const char *end, const char *piece, size_t n)
{
	while (n && text < end && next_byte(&text, end) == tolower((unsigned char)*piece)) {
		piece++;
		n--;
	}
	return !n;
}

bool text_shows(const char *text, size_t len, const char *secret)
{
	size_t n = strlen(secret), piece = n < PIECE ? n : PIECE;

	if (!n || len < piece)
		return false;
	for (size_t at = 0; at + piece <= len; at++)
		for (size_t i = 0; i + piece <= n; i++)
			if (begins_with(text + at, text + len, secret + i, piece))
				return true;
	return false;
}

#define RUN_MIN 20

char *text_redact(char *text)
{
	char *out = text;

	for (const char *p = text; *p;) {
		size_t n = strspn(p,
				  "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789");
		bool digit = strcspn(p, "0123456789") < n;

		if (n >= RUN_MIN && digit) {
			memcpy(out, "...", 3);
			out += 3;
			p += n;
			continue;
		}
		n = n ? n : 1;
		memmove(out, p, n);
		out += n;
		p += n;
	}
	*out = '\0';
	return text;
}
