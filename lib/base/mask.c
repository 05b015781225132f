/* SPDX-License-Identifier: MIT */
/* mask.c - see mask.h */
#include "base/mask.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>

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
		memcpy(dst + count - 3, "...", 3);
	return dst;
}

#define PIECE 16 /* bytes of a secret that identify it */

/* The byte at *at in lower case, and *at behind it; "%41" is one byte, as in a URL. */
static int next_byte(const char **at, const char *end)
{
	const char *pos = *at;
	unsigned byte = (unsigned char)*pos;

	*at = pos + 1;
	if (byte == '%' && end - pos > 2 && isxdigit((unsigned char)pos[1]) &&
	    isxdigit((unsigned char)pos[2])) {
		const char hex[] = { pos[1], pos[2], '\0' };

		byte = (unsigned)strtoul(hex, NULL, 16);
		*at = pos + 3;
	}
	return tolower((int)byte);
}

static bool piece_at(const char *text, const char *end, const char *piece, size_t len)
{
	while (len && text < end && next_byte(&text, end) == tolower((unsigned char)*piece)) {
		piece++;
		len--;
	}
	return !len;
}

bool text_shows(const char *text, size_t len, const char *secret)
{
	size_t length = strlen(secret), piece = MIN(length, PIECE);

	if (!length || len < piece)
		return false;
	for (size_t at = 0; at + piece <= len; at++)
		for (size_t i = 0; i + piece <= length; i++)
			if (piece_at(text + at, text + len, secret + i, piece))
				return true;
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
