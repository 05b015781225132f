/* SPDX-License-Identifier: MIT */
/* progress.h - how far a long run is, on a terminal's stderr; redrawn in place, never over its
 * width */
#pragma once
#include "common/terminal.h"
#include <stdbool.h>
#include <stdint.h>

struct bar {
	const struct terminal *terminal;
	bool on, drawn;
	int64_t begun_ms;
};

/* Only where a person looks: wanted, and stderr is a terminal. */
void bar_begin(struct bar *bar, const struct terminal *terminal, bool wanted);
int64_t bar_age_ms(const struct bar *bar); /* since bar_begin() */
/* total 0: unknown. */
void bar_draw(struct bar *bar, uint64_t answered, int64_t done, int64_t total);
/* Before another line is written to stderr, and at the end. */
void bar_erase(struct bar *bar);
