/* SPDX-License-Identifier: MIT */
/* buf.c - see buf.h */
#include "base/buf.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void buf_init(struct buf *buf, size_t max)
{
	*buf = (struct buf){ .max = max };
}

void buf_free(struct buf *buf)
{
	if (buf->text)
		explicit_bzero(buf->text, buf->room);
	free(buf->text);
	buf_init(buf, buf->max);
}

static bool buf_make_room(struct buf *buf, size_t more)
{
	size_t need = buf->len + more + 1;
	size_t room = buf->room ? buf->room : 64;
	char *pos;

	if (buf->failed || more > buf->max || buf->len > buf->max - more)
		return false;
	if (need <= buf->room)
		return true;
	while (room < need)
		room *= 2;
	pos = realloc(buf->text, room);
	if (!pos)
		return false;
	buf->text = pos;
	buf->room = room;
	return true;
}

void buf_add(struct buf *buf, const void *bytes, size_t len)
{
	if (!buf_make_room(buf, len)) {
		buf->failed = true;
		return;
	}
	if (len)
		memcpy(buf->text + buf->len, bytes, len);
	buf->len += len;
	buf->text[buf->len] = '\0';
}

void buf_puts(struct buf *buf, const char *text)
{
	buf_add(buf, text, strlen(text));
}

void buf_printf(struct buf *buf, const char *fmt, ...)
{
	va_list ap;
	int count;

	va_start(ap, fmt);
	count = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (count < 0 || !buf_make_room(buf, (size_t)count)) {
		buf->failed = true;
		return;
	}
	va_start(ap, fmt);
	vsnprintf(buf->text + buf->len, (size_t)count + 1, fmt, ap);
	va_end(ap);
	buf->len += (size_t)count;
}

bool text_put(char *dst, size_t room, const char *src)
{
	size_t used = strlen(dst), len = strlen(src);
	size_t count = len < room - used ? len : room - used - 1;

	memcpy(dst + used, src, count);
	dst[used + count] = '\0';
	return count == len;
}

size_t utf8_cut(const char *text, size_t max)
{
	size_t count = strnlen(text, max + 1);

	if (count <= max)
		return count;
	for (count = max; count && ((unsigned char)text[count] & 0xc0) == 0x80; count--)
		;
	return count;
}

/* Bytes of the character at s; 0: it is none. */
static size_t utf8_length(const unsigned char *bytes)
{
	static const struct {
		unsigned char first, last, low, high;
		size_t count;
	} forms[] = {
		{ 0x01, 0x7f, 0, 0, 1 },       { 0xc2, 0xdf, 0x80, 0xbf, 2 },
		{ 0xe0, 0xe0, 0xa0, 0xbf, 3 }, { 0xe1, 0xec, 0x80, 0xbf, 3 },
		{ 0xed, 0xed, 0x80, 0x9f, 3 }, { 0xee, 0xef, 0x80, 0xbf, 3 },
		{ 0xf0, 0xf0, 0x90, 0xbf, 4 }, { 0xf1, 0xf3, 0x80, 0xbf, 4 },
		{ 0xf4, 0xf4, 0x80, 0x8f, 4 },
	};

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		size_t count = 1;

		if (bytes[0] < forms[i].first || bytes[0] > forms[i].last)
			continue;
		if (forms[i].count > 1 && (bytes[1] < forms[i].low || bytes[1] > forms[i].high))
			return 0;
		for (count = 2; count < forms[i].count; count++)
			if ((bytes[count] & 0xc0) != 0x80)
				return 0;
		return forms[i].count;
	}
	return 0;
}

bool utf8_valid(const char *text)
{
	const unsigned char *bytes = (const unsigned char *)text;

	while (*bytes) {
		size_t count = utf8_length(bytes);

		if (!count)
			return false;
		bytes += count;
	}
	return true;
}
