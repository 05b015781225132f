/* SPDX-License-Identifier: MIT */
/* parse.h - whole numbers from text, strictly: no blanks, no sign where none is expected, no
 * overflow */
#pragma once
#include <stdbool.h>
#include <stdint.h>

/* The whole text is a decimal number from min to max; a '-' only if min is negative. */
bool int_parse(const char *text, int64_t min, int64_t max, int64_t *ret);
/* The number from 0 to max that begins at *at, which then points behind its digits. False: no
 * digit, or over max; *at is then at the byte that is wrong. */
bool int_parse_prefix(const char **at, int64_t max, int64_t *ret);
