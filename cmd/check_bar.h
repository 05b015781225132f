/* SPDX-License-Identifier: MIT */
/* check_bar.h - how far a long run is, on a terminal's stderr; redrawn in place */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct bar { bool on, drawn; int64_t begun_ms; };

/* Only where a person looks: stderr is a terminal and stdout is not. */
void bar_begin(struct bar *b, bool quiet);
/* total 0: unknown. */
void bar_draw(struct bar *b, uint64_t answered, int64_t done, int64_t total);
/* Before another line is written to stderr, and at the end. */
void bar_erase(struct bar *b);
