/* SPDX-License-Identifier: MIT */
/* text.h - numbers, times and foreign text in what a program prints */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#define UTC_TEXT_MAX 32

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

/* The whole text is a decimal number from min to max: no blanks, no '+'. */
bool number_parse(const char *text, long long min, long long max, long long *ret);
/* The same of seconds since 1970 as fail2ban has them, "1795426190.0": the fraction does not
 * matter. In place. */
bool seconds_parse(char *text, long long *ret);
/* Bytes that a terminal would not print become '?'. In place. */
void make_printable(char *text);
/* "2026-01-31 14:00 UTC"; "-" for 0. Returns dst. */
const char *utc_minute(int64_t at, char dst[UTC_TEXT_MAX]);
/* "14:00:05"; "-" for 0. Returns dst. */
const char *utc_clock(int64_t at, char dst[UTC_TEXT_MAX]);
/* "5 s ago", "3 min ago", "4 h ago", "12 days ago"; of a negative age "in 23 h": for a terminal
 * only. Returns dst. */
const char *age_text(int64_t seconds, char dst[UTC_TEXT_MAX]);
/* Of a clock that is never set. */
int64_t monotonic_ms(void);
