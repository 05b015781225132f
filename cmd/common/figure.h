/* SPDX-License-Identifier: MIT */
/* figure.h - counts, shares and changes as people read them; JSON has the numbers themselves */
#pragma once
#include <stdint.h>

#define FIGURE_MAX 24

/* Adds to a sum. A damaged file may hold any numbers: it grows to 2^53 at most, as far as doubles
 * count. */
void figure_add(int64_t *sum, int64_t number);
/* "0", "1,204", "9,999,999", "12.3 M". Returns dst. */
const char *figure_text(int64_t number, char dst[FIGURE_MAX]);
/* "0 %", "<1 %", "33 %", ">99 %", "100 %"; "-" if whole is 0. Returns dst. */
const char *share_text(int64_t part, int64_t whole, char dst[FIGURE_MAX]);
/* "+9 %", "-40 %", "same", "new" if there was none before, "x20". Returns dst. */
const char *change_text(int64_t number, int64_t before, char dst[FIGURE_MAX]);
