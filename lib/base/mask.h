/* SPDX-License-Identifier: MIT */
/*
 * mask.h - makes foreign text safe to show, and keeps secrets out of it
 *
 * Text of a peer, a file or an argument can hold terminal escapes, quotes that end a field, or a
 * key that was pasted into the wrong place.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

/* Copy src for a message: control, non-ASCII and quote bytes become '?'. What does not fit is cut,
 * with "..." at the end. room is at least 1; dst is always terminated. Returns dst. */
char *text_mask(char *dst, size_t room, const void *src, size_t len);
/* The same for text that was masked when it was stored: quotes stay, and the cut is not marked. */
char *text_printable(char *dst, size_t room, const void *src, size_t len);
/*
 * True if text shows 8 consecutive letters and digits of a secret, or all of a shorter one; in
 * upper or lower case, with anything between them, forwards or backwards, percent-encoded, escaped,
 * hexadecimal or base64. Text of over 1024 bytes counts as showing it: search what is to be shown,
 * not what came. A peer that has the secret and means to publish it can always write it in a way
 * that is not searched for; this is for peers that send back what they were sent.
 */
bool text_shows(const char *text, size_t len, const char *secret);
/* For values that may hold a key by mistake: runs of 20 or more letters and digits with at least
 * one digit become "...". In place. Returns text. */
char *text_redact(char *text);
