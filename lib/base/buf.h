/* SPDX-License-Identifier: MIT */
/*
 * buf.h - text that grows up to a stated limit
 *
 * A failed addition (no memory, over the limit) sets failed and changes nothing more, so
 * that a chain of additions is checked once at its end. The text is always terminated.
 */
#pragma once
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct buf {
	char *text;
	size_t len, room, max;
	bool failed;
};

/* max: bytes of text, without the terminator. */
void buf_init(struct buf *buf, size_t max);
/* Wipes and frees the text and leaves an empty buffer. */
void buf_free(struct buf *buf);
void buf_add(struct buf *buf, const void *bytes, size_t len);
void buf_puts(struct buf *buf, const char *text);
void buf_printf(struct buf *buf, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The text, or other if it is NULL. */
static inline const char *text_or(const char *text, const char *other)
{
	if (text)
		return text;
	return other;
}
/* The text, or other if it is NULL or empty. */
static inline const char *text_filled(const char *text, const char *other)
{
	if (text && *text)
		return text;
	return other;
}

/* How many bytes of text to keep: at most max, and no UTF-8 character cut in two. */
size_t utf8_cut(const char *text, size_t max);
/* Well-formed UTF-8 (RFC 3629, 4): no overlong form, no surrogate, nothing beyond U+10FFFF. */
bool utf8_valid(const char *text);
/* Append src to the terminated text in dst as far as it fits. Returns false if it was cut. */
bool text_put(char *dst, size_t room, const char *src);
