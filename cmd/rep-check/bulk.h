/* SPDX-License-Identifier: MIT */
/* bulk.h - rep-check --file: many addresses, results in their order */
#pragma once
#include "common/cli.h"

/* flags: enum iprep_lookup_flags. Returns the exit status; 128 + number after SIGINT or SIGTERM. */
int check_file(struct cli *cli, const char *path, unsigned flags, int timeout_ms);
