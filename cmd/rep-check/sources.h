/* SPDX-License-Identifier: MIT */
/* sources.h - rep-check --sources: what each source is worth, and what they have in common */
#pragma once
#include "common/cli.h"

/* since: as given; NULL: 30 days. overlap: compare what each pair lists. Returns an exit status. */
int check_sources(struct cli *cli, const char *since, bool overlap);
