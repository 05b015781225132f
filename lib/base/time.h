/* SPDX-License-Identifier: MIT */
/* time.h - Unix seconds to text and back, always in UTC */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#define TIME_TEXT_MAX 40 /* terminator included */

enum time_style {
	TIME_FOR_PEOPLE, /* "2026-11-23 09:51 UTC" */
	TIME_ISO,	 /* "2026-11-23T09:51:10Z" */
	TIME_ISO_OFFSET, /* "2026-11-23T09:51:10+00:00", as AbuseIPDB has it */
	TIME_LOG,	 /* "2026-11-23T09:51:10+0000", as fail2ban reads it */
};

/* Returns dst; empty if the year has no number in struct tm. */
char *time_text(int64_t at, enum time_style style, char dst[TIME_TEXT_MAX]);
/* A date and time of ISO 8601: "2026-11-23T09:51:10", then perhaps a fraction, which is dropped,
 * then "Z", "+02:00", "+0200", "+02" or nothing, which is UTC. False: anything else. */
bool time_parse(const char *text, int64_t *ret);
