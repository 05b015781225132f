/* SPDX-License-Identifier: MIT */
/* blocks.h - rep-check --blocks: what is blocked, why, until when, and how to undo it; exports */
#pragma once
#include "common/cli.h"

/* What the options say, as texts; NULL: not given. */
struct blocks_options {
	const char *format, *sort, *tier, *since, *source, *prefix;
	bool only_new, only_unmailed;
};

/* Every value is one that can be: said before anything is opened. Returns an exit status. */
int check_blocks_options(struct cli *cli, const struct blocks_options *options);
/* With only_new or only_unmailed those not yet listed so, each once it has been written out.
 * Returns an exit status. */
int check_blocks(struct cli *cli, const struct blocks_options *options);
