/* SPDX-License-Identifier: MIT */
/* reset.h - rep-purge --reset: where the old state lies, and what was lost with it */
#pragma once
#include "common/cli.h"

/* Returns an exit status. */
int purge_reset(struct cli *cli, bool force);
