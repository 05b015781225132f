/* SPDX-License-Identifier: MIT */
/* check_blocks.h - rep-check --blocks: what is blocked, why, until when, and how to undo it */
#pragma once
#include "cli.h"

/* only_new: those not yet shown so, each once it has been written out. Returns an exit status. */
int check_blocks(struct cli *cli, bool only_new);
